"""The stand-in itself: a server on loopback, the world behind it, and the people in it."""

from __future__ import annotations

import base64
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from .gateway import Gateway
from .interactions import Interactions
from .messages import Messages
from .model import PATIENCE, Attachment, Message
from .people import Person
from .places import Channel, Guild
from .rest import Rest
from .traffic import Fault, Refusal, Traffic
from .world import World

API = "/api/v10"
TOKEN = f"{base64.b64encode(b'stand-in').decode()}.loopback.not-a-secret-of-anybody"


class Discord:
    """Discord on loopback, from `async with` to its end.

    A request that was refused fails the test at the end, unless the test took note of it with `refused()`.
    `heartbeat` is in seconds; `size_limit` in bytes overrides what servers and boosts allow for attachments.
    """

    def __init__(self, *, heartbeat: float = 41.25, shards: int = 1, size_limit: int | None = None) -> None:
        self.token = TOKEN
        self.size_limit = size_limit
        self.world = World(TOKEN)
        self.gateway = Gateway(self.world, heartbeat=heartbeat, shards=shards)
        self.traffic = Traffic(self.world, API)
        self._messages = Messages(self.world, self.gateway)

    async def __aenter__(self) -> Self:
        # What is too much is for the handlers to say: they know the limit, and answer as Discord does.
        app = web.Application(middlewares=[self.traffic.pass_on], client_max_size=2**30)
        app.add_routes(Rest(self.world, self.gateway, self._messages).routes(API))
        app.add_routes(Interactions(self.world, self._messages).routes(API))
        app.router.add_get("/gateway", self.gateway.connect)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024).start()
        host, port = self._runner.addresses[0][:2]
        self.world.origin = f"http://{host}:{port}"
        self._http = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()
        self.gateway.close()
        await self._runner.cleanup()
        if error is None:
            assert not self.traffic.refusals, f"Discord would have refused {self.traffic.refusals}"

    @property
    def api(self) -> str:
        """What a client takes for https://discord.com/api/v10."""
        return self.world.origin + API

    @property
    def environment(self) -> dict[str, str]:
        """The settings that bring the bot here."""
        return {"DISCORD_API": self.api, "DISCORD_TOKEN": self.token}

    # Who is there

    def guild(
        self, name: str = "Conservatory", *, installed: bool = True, tier: int = 0, locale: str = "en-US"
    ) -> Guild:
        """A server with a channel, to which the app was added, or was not. Make it before the bot connects."""
        return self.world.add_guild(name, installed=installed, tier=tier, locale=locale)

    def invites(self, name: str, *, locale: str = "en-US", readonly: bool = False) -> Guild:
        """Somebody adds the bot to a server while it is connected: GUILD_CREATE without a word about availability."""
        guild = self.world.add_guild(name, locale=locale)
        guild.channels[0].readonly = readonly
        created = guild.create_json()
        del created["unavailable"]
        self.gateway.dispatch("GUILD_CREATE", created, guild.id)
        return guild

    def person(
        self,
        name: str,
        guild: Guild | None = None,
        *,
        installed: bool = False,
        locale: str = "en-US",
        manager: bool = False,
    ) -> Person:
        """Somebody in a server's first channel, `manager` of that server or not; without a server, in the direct
        message with the bot."""
        user = self.world.add_user(name, locale=locale, installed=installed)
        if guild:
            guild.members.append(user)
            guild.managers += [user] * manager
        return Person(self, user, guild.channels[0] if guild else None)

    # What a test waits for, looks at and does

    async def registered(self, *names: str, within: float = PATIENCE) -> dict[str, dict]:
        """Wait until the bot has registered these commands and listens. Returns them by name."""

        def commands(world: World) -> dict[str, dict]:
            return {command["name"]: command for scope in world.commands.values() for command in scope}

        await self.world.until(lambda world: {*names} <= {*commands(world)} and self.gateway.live, within)
        return commands(self.world)

    async def written(self, channel: Channel, within: float = PATIENCE) -> Message:
        """Wait for the next ordinary message of the bot in a channel, one that answers no interaction."""

        def plain() -> list[Message]:
            return [message for message in channel.messages if not message.interaction]

        before = len(plain())
        await self.world.until(lambda world: len(plain()) > before, within)
        return plain()[before]

    async def download(self, attachment: Attachment) -> bytes:
        """Fetch a file as a client does."""
        async with self._http.get(attachment.url) as response:
            response.raise_for_status()
            return await response.read()

    def advance(self, seconds: float) -> None:
        """Let time pass for Discord: tokens expire, sessions are forgotten. Nobody else's clock moves."""
        self.world.clock.advance(seconds)

    def fails(self, method: str, path: str, **how: object) -> Fault:
        """Let the next requests fail as `Fault` says; `path` is a regular expression to be found in the path."""
        fault = Fault(method, path, **how)  # type: ignore[arg-type]  # the fields of Fault are checked when it is made
        self.traffic.faults.append(fault)
        return fault

    def refused(self) -> list[Refusal]:
        """What was refused since the last call, which the test now knows of."""
        refusals, self.traffic.refusals = self.traffic.refusals, []
        return refusals
