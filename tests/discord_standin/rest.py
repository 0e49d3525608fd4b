"""The HTTP API but for interactions: who the bot is, its commands, channels and their messages, and the files."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .codes import EPHEMERAL, IN_BOT_DM, VOICE_MESSAGE
from .command_limits import check_commands
from .gateway import Gateway
from .messages import Messages, read_body
from .model import Message
from .places import Channel, Guild, Json
from .refusals import Refused
from .traffic import reply
from .world import World

IDENTIFIES_A_DAY = 1000
NONCE_SECONDS = 300.0
"""For how long a nonce that is enforced finds its message again; Discord says "in the past few minutes"."""


class Rest:
    def __init__(self, world: World, gateway: Gateway, messages: Messages) -> None:
        self.world, self.gateway, self.messages = world, gateway, messages

    def routes(self, api: str) -> list[web.RouteDef]:
        application = f"{api}/applications/{{application}}"
        scopes = (f"{application}/commands", f"{application}/guilds/{{guild}}/commands")
        return [
            web.get(f"{api}/gateway", self.get_gateway),
            web.get(f"{api}/gateway/bot", self.get_gateway_bot),
            web.get(f"{api}/users/@me", self.get_me),
            web.get(f"{api}/users/{{user}}", self.get_user),
            web.post(f"{api}/users/@me/channels", self.create_dm),
            web.get(f"{api}/applications/@me", self.get_application),
            web.get(f"{api}/oauth2/applications/@me", self.get_application),
            *[web.get(scope, self.get_commands) for scope in scopes],
            *[web.put(scope, self.put_commands) for scope in scopes],
            web.get(f"{api}/guilds/{{guild}}", self.get_guild),
            web.get(f"{api}/channels/{{channel}}", self.get_channel),
            web.post(f"{api}/channels/{{channel}}/typing", self.type_in_channel),
            web.post(f"{api}/channels/{{channel}}/messages", self.create_message),
            web.get(f"{api}/channels/{{channel}}/messages/{{message}}", self.get_message),
            web.patch(f"{api}/channels/{{channel}}/messages/{{message}}", self.edit_message),
            web.delete(f"{api}/channels/{{channel}}/messages/{{message}}", self.delete_message),
            web.get("/attachments/{channel}/{attachment}/{filename}", self.get_attachment),
        ]

    # The gateway, and who the bot is

    async def get_gateway(self, request: web.Request) -> web.Response:
        return reply({"url": self.gateway.url})

    async def get_gateway_bot(self, request: web.Request) -> web.Response:
        limit = {
            "total": IDENTIFIES_A_DAY,
            "remaining": IDENTIFIES_A_DAY - self.gateway.identified,
            "reset_after": 24 * 60 * 60 * 1000,
            "max_concurrency": 1,
        }
        return reply({"url": self.gateway.url, "shards": self.gateway.shards, "session_start_limit": limit})

    async def get_me(self, request: web.Request) -> web.Response:
        return reply(self.world.bot.to_json() | {"verified": True, "mfa_enabled": False, "locale": "en-US", "flags": 0})

    async def get_user(self, request: web.Request) -> web.Response:
        user = self.world.users.get(number(request, "user"))
        if not user:
            raise Refused(404, 10013, "Unknown User")
        return reply(user.to_json())

    async def get_application(self, request: web.Request) -> web.Response:
        guilds = [guild for guild in self.world.guilds.values() if guild.installed]
        return reply(
            {
                "id": str(self.world.application_id),
                "name": self.world.bot.name,
                "icon": None,
                "description": "",
                "bot_public": True,
                "bot_require_code_grant": False,
                "owner": self.world.owner.to_json(),
                "verify_key": "0" * 64,
                "team": None,
                "flags": 0,
                "bot": self.world.bot.to_json(),
                "approximate_guild_count": len(guilds),
                "approximate_user_install_count": sum(user.installed for user in self.world.users.values()),
                "interactions_endpoint_url": None,
                "integration_types_config": {"0": {}, "1": {}},
            }
        )

    # Commands

    def _command_scope(self, request: web.Request) -> int | None:
        """The guild whose commands are meant, None for the global ones."""
        if number(request, "application") != self.world.application_id:
            raise Refused(403, 20012, "You are not authorized to perform this action on this application")
        return self._guild(request).id if "guild" in request.match_info else None

    async def get_commands(self, request: web.Request) -> web.Response:
        return reply(self.world.commands.get(self._command_scope(request), []))

    async def put_commands(self, request: web.Request) -> web.Response:
        """Replace all commands; one that keeps its name and type keeps its id."""
        scope = self._command_scope(request)
        wanted, _ = await read_body(request)
        check_commands(wanted, in_guild=scope is not None)
        known = {(old["type"], old["name"]): old["id"] for old in self.world.commands.get(scope, [])}
        self.world.commands[scope] = [self._registered(command, known, scope) for command in wanted]
        self.world.changed()
        return reply(self.world.commands[scope])

    def _registered(self, command: Json, known: dict[Any, str], scope: int | None) -> Json:
        kind = command.get("type", 1)
        return {
            "description": "",
            "options": [],
            "default_member_permissions": None,
            "nsfw": False,
            "contexts": None,
            "integration_types": [0, 1],
            **command,
            "type": kind,
            "id": known.get((kind, command["name"])) or str(self.world.snowflake()),
            "application_id": str(self.world.application_id),
            "version": str(self.world.snowflake()),
            **({"guild_id": str(scope)} if scope is not None else {}),
        }

    # Guilds, channels and messages

    def _guild(self, request: web.Request) -> Guild:
        guild = self.world.guilds.get(number(request, "guild"))
        if not guild or not guild.installed:
            raise Refused(403, 50001, "Missing Access") if guild else Refused(404, 10004, "Unknown Guild")
        return guild

    def _channel(self, request: web.Request) -> Channel:
        """The channel, if the bot is in it."""
        channel = self.world.channels.get(number(request, "channel"))
        if not channel:
            raise Refused(404, 10003, "Unknown Channel")
        if self.world.bot not in channel.members:
            raise Refused(403, 50001, "Missing Access")
        return channel

    def _message(self, request: web.Request) -> Message:
        channel = self._channel(request)
        message = self.world.messages.get(number(request, "message"))
        if not message or message.channel is not channel or message.ephemeral:
            raise Refused(404, 10008, "Unknown Message")
        return message

    async def get_guild(self, request: web.Request) -> web.Response:
        return reply(self._guild(request).to_json())

    async def get_channel(self, request: web.Request) -> web.Response:
        return reply(self._channel(request).to_json())

    async def create_dm(self, request: web.Request) -> web.Response:
        body, _ = await read_body(request)
        user = self.world.users.get(int(body.get("recipient_id", 0)))
        if not user:
            raise Refused(400, 50033, "Invalid Recipient(s)")
        return reply(self.world.direct_channel(self.world.bot, user).to_json())

    async def type_in_channel(self, request: web.Request) -> web.Response:
        self._channel(request)
        return reply()

    async def create_message(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        body, files = await read_body(request)
        if channel.readonly:
            raise Refused(403, 50013, "Missing Permissions")
        if channel.context == IN_BOT_DM and not all(user.accepts_dms for user in channel.recipients):
            raise Refused(403, 50007, "Cannot send messages to this user")
        if body.get("flags", 0) & EPHEMERAL:
            raise Refused(400, 50035, "Invalid Form Body")
        if body.get("enforce_nonce") and (earlier := self._with_nonce(channel, str(body.get("nonce")))):
            return reply(earlier.to_json())
        voice = body.get("flags", 0) & VOICE_MESSAGE
        if voice and channel.voiceless:
            raise Refused(403, 50173, "You cannot send voice messages in this channel.")
        return reply(self.messages.write(channel, body, files, size_limit=channel.size_limit, flags=voice).to_json())

    def _with_nonce(self, channel: Channel, nonce: str) -> Message | None:
        """The message that was sent with it in the past few minutes."""
        oldest = self.world.clock.now() - NONCE_SECONDS
        return next((m for m in channel.messages if str(m.nonce) == nonce and m.at >= oldest), None)

    async def get_message(self, request: web.Request) -> web.Response:
        return reply(self._message(request).to_json())

    async def edit_message(self, request: web.Request) -> web.Response:
        message = self._message(request)
        body, files = await read_body(request)
        return reply(self.messages.edit(message, body, files, size_limit=message.channel.size_limit).to_json())

    async def delete_message(self, request: web.Request) -> web.Response:
        self.messages.delete(self._message(request))
        return reply()

    async def get_attachment(self, request: web.Request) -> web.Response:
        attachment = self.world.attachments.get(number(request, "attachment"))
        if not attachment or attachment.filename != request.match_info["filename"]:
            raise web.HTTPNotFound
        return web.Response(body=attachment.bytes, content_type=attachment.content_type or "application/octet-stream")


def number(request: web.Request, parameter: str) -> int:
    """A snowflake from the path."""
    text = request.match_info[parameter]
    if not text.isdecimal():
        raise Refused(
            400, 50035, "Invalid Form Body", {parameter: {"_errors": [{"message": f"{text} not snowflake."}]}}
        )
    return int(text)
