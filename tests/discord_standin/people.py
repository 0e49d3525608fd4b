"""What people do in front of their Discord client: type commands, read suggestions, press buttons, fill in modals."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .codes import (
    AUTOCOMPLETE,
    BUTTON,
    CHANNEL_SELECT,
    COMMAND,
    COMPONENT,
    GUILD_INSTALL,
    IN_BOT_DM,
    IN_GUILD,
    IN_PRIVATE_CHANNEL,
    MESSAGE_COMMAND,
    MODAL,
    SELECTS,
    SLASH_COMMAND,
    USER_INSTALL,
)
from .command_limits import ATTACHMENT, BOOLEAN, CHANNEL, GROUP, INTEGER, NUMBER, STRING, SUBCOMMAND, USER, fits_kind
from .forms import Filled
from .model import Attachment, Choice, Interaction, Message, parts
from .places import Channel, Json, User

if TYPE_CHECKING:
    from .server import Discord


class Upload(NamedTuple):
    """A file that somebody adds to a command, or to a form."""

    filename: str
    bytes: bytes


Given: TypeAlias = "str | Sequence[str] | Upload"
"""What somebody puts into a component of a form: a text, the value of one choice or of several, a file."""


class ClientRefuses(Exception):
    """The client would let nobody do this: no such command here, a value out of range, a button that is gone."""


class Person:
    """Somebody with a Discord client. `channel` is where they are, unless an action says otherwise."""

    def __init__(self, discord: Discord, user: User, channel: Channel | None) -> None:
        self.discord, self.user = discord, user
        self.world, self.gateway = discord.world, discord.gateway
        self.channel = channel or self.dm

    @property
    def mention(self) -> str:
        return f"<@{self.user.id}>"

    @property
    def dm(self) -> Channel:
        """The direct message with the bot."""
        return self.world.direct_channel(self.world.bot, self.user)

    def chat_with(self, *others: Person) -> Channel:
        """A direct message among people, where the bot is not."""
        return self.world.direct_channel(self.user, *(other.user for other in others))

    # What they can do

    async def types(
        self, command: str, *, where: Channel | None = None, unchecked: bool = False, **options: Any
    ) -> Interaction:
        """Use a command, `/compose` or `/settings channel`, and wait for its acknowledgement, up to 3 seconds.

        Options take what the client would: text, numbers, truth, a Person, a Channel, an Upload. `unchecked` sends
        values that the client would refuse. Raises ClientRefuses.
        """
        where = where or self.channel
        found, owners = self._command(command, where)
        resolved: Json = {}
        values = {
            option["name"]: {"value": self._value(option, options[option["name"]], resolved, unchecked)}
            for option in found.options
            if option["name"] in options
        }
        if unknown := {*options} - {option["name"] for option in found.options}:
            raise ClientRefuses(f"{command} has no option {', '.join(sorted(unknown))}")
        missing = [o["name"] for o in found.options if o.get("required") and o["name"] not in options]
        if missing and not unchecked:
            raise ClientRefuses(f"{command} needs {', '.join(missing)}")
        data = found.data(values) | ({"resolved": resolved} if resolved else {})
        return await self._act(COMMAND, where, data, owners)

    async def applies(self, command: str, message: Message) -> Interaction:
        """Choose a message command by its name from the menu of a message that they see."""
        found, owners = self._command(command, message.channel, MESSAGE_COMMAND)
        target = str(message.id)
        data = {"id": found.command["id"], "name": command, "type": MESSAGE_COMMAND, "target_id": target}
        data["resolved"] = {"messages": {target: message.to_json()}}
        return await self._act(COMMAND, message.channel, data, owners)

    async def autocompletes(
        self, command: str, option: str, text: str, *, where: Channel | None = None, **options: Any
    ) -> list[Choice]:
        """What is suggested while they type `text` into an option. Raises ClientRefuses when nothing is in time."""
        where = where or self.channel
        found, owners = self._command(command, where)
        focused = next((o for o in found.options if o["name"] == option), None)
        if not focused or not focused.get("autocomplete"):
            raise ClientRefuses(f"{command} suggests nothing for {option}")
        values = {name: {"value": value} for name, value in options.items()} | {
            option: {"value": text, "focused": True}
        }
        interaction = await self._act(AUTOCOMPLETE, where, found.data(values), owners)
        if interaction.choices is None:
            raise ClientRefuses("Loading options failed")
        return interaction.choices

    async def clicks(self, message: Message, label: str) -> Interaction:
        """Press the button with this label, emoji or custom id."""
        names = [(b.get("label"), b.get("emoji", {}).get("name"), b.get("custom_id")) for b in message.buttons]
        button = next((b for b, name in zip(message.buttons, names, strict=True) if label in name), None)
        if not button or button.get("disabled") or not button.get("custom_id"):
            raise ClientRefuses(f"no button {label} can be pressed under {message!r}")
        return await self._uses(message, button, {"component_type": BUTTON})

    async def selects(self, message: Message, *values: str | Channel, menu: str = "") -> Interaction:
        """Choose `values` in the first select menu that offers them, and whose custom id begins with `menu`."""
        channels = [value for value in values if isinstance(value, Channel)]
        chosen = [str(value.id) if isinstance(value, Channel) else value for value in values]
        for part in (part for part in parts(message.components) if part["type"] in SELECTS):
            offered = {option["value"] for option in part.get("options", [])}
            fits = part["type"] == CHANNEL_SELECT if channels or not values else {*chosen} <= offered
            if fits and part["custom_id"].startswith(menu) and not part.get("disabled"):
                data = {"component_type": part["type"], "values": chosen}
                if channels:
                    found = {str(channel.id): channel.to_json() | {"permissions": "0"} for channel in channels}
                    data["resolved"] = {"channels": found}
                return await self._uses(message, part, data)
        raise ClientRefuses(f"no menu offers {', '.join(chosen)} under {message!r}")

    async def changes(self, message: Message, *values: str | Channel, menu: str = "") -> None:
        """Choose as `selects` does, and wait until the message shows what came of it."""
        revisions = len(message.revisions)
        await self.selects(message, *values, menu=menu)
        await message.until(lambda message: len(message.revisions) > revisions)

    async def submits(self, asked: Interaction, **given: Given) -> Interaction:
        """Fill in the modal that an interaction was answered with, by custom id, and send it; the rest is sent as it is
        prefilled. Raises ClientRefuses."""
        if not asked.modal:
            raise ClientRefuses("there is no modal")
        filled = Filled({name: self._given(value, asked.channel) for name, value in given.items()})
        try:
            components = [filled.component(component) for component in asked.modal["components"]]
        except ValueError as error:
            raise ClientRefuses(str(error)) from None
        data = {"custom_id": asked.modal["custom_id"], "components": components}
        data |= {"resolved": {"attachments": filled.attachments}} if filled.attachments else {}
        return await self._act(MODAL, asked.channel, data, asked.owners, source=asked.source)

    def _given(self, value: Given, where: Channel) -> Sequence[str | Attachment]:
        if isinstance(value, Upload):
            return [self.world.add_attachment(value.filename, value.bytes, where, ephemeral=True)]
        return [value] if isinstance(value, str) else value

    async def _uses(self, message: Message, component: Json, data: Json) -> Interaction:
        if message.deleted or (message.ephemeral and message.interaction and message.interaction.user is not self.user):
            raise ClientRefuses(f"{self.user.name} does not see {message!r}")
        owners = message.interaction.owners if message.interaction else {}
        data = {"custom_id": component["custom_id"], "id": component.get("id", 0)} | data
        return await self._act(COMPONENT, message.channel, data, owners, source=message)

    async def _act(
        self, kind: int, where: Channel, data: Json, owners: dict[str, str], source: Message | None = None
    ) -> Interaction:
        size_limit = self.discord.size_limit
        interaction = self.world.add_interaction(
            kind, self.user, where, data, owners, source=source, size_limit=size_limit
        )
        self.gateway.dispatch("INTERACTION_CREATE", interaction.to_json(), where.guild.id if where.guild else None)
        with contextlib.suppress(TimeoutError):
            limit = self.world.answer_seconds
            await interaction.until(lambda interaction: interaction.acknowledged_at or interaction.lost, limit)
        return interaction

    # What their client knows

    def _command(self, text: str, where: Channel, kind: int = SLASH_COMMAND) -> tuple[FoundCommand, dict[str, str]]:
        """The command that `text` calls in a channel, and through whose installation it is there."""
        name, *path = text.removeprefix("/").split() if kind == SLASH_COMMAND else [text]
        if self.user not in where.members:
            raise ClientRefuses(f"{self.user.name} is not in that channel")
        scopes = ([where.guild.id] if where.guild else []) + [None]
        for command in (c for scope in scopes for c in self.world.commands.get(scope, [])):
            if command["name"] != name or command["type"] != kind or not self._may_use(command, where):
                continue
            if owners := self._owners(command, where):
                return FoundCommand(command, path), owners
        raise ClientRefuses(f"{self.user.name} sees no command {text} here")

    def _may_use(self, command: Json, where: Channel) -> bool:
        """Whether the command asks for no permission that they lack here."""
        needed = int(command["default_member_permissions"] or 0)
        return where.guild is None or not needed & ~where.guild.permissions_of(self.user)

    def _owners(self, command: Json, where: Channel) -> dict[str, str]:
        """`authorizing_integration_owners`; empty when the command is not offered in this channel."""
        context, installs = where.context, command["integration_types"]
        if context not in (command["contexts"] or (IN_GUILD, IN_BOT_DM, IN_PRIVATE_CHANNEL)):
            return {}
        owners = {}
        if int(GUILD_INSTALL) in installs and context == IN_GUILD and where.guild and where.guild.installed:
            owners[GUILD_INSTALL] = str(where.guild.id)
        if int(GUILD_INSTALL) in installs and context == IN_BOT_DM:
            mutual = any(guild.installed and self.user in guild.members for guild in self.world.guilds.values())
            owners |= {GUILD_INSTALL: "0"} if mutual else {}
        if int(USER_INSTALL) in installs and self.user.installed:
            owners[USER_INSTALL] = str(self.user.id)
        return owners

    def _value(self, option: Json, value: Any, resolved: Json, unchecked: bool) -> Any:
        """An option's value as it is sent, its object among `resolved`."""
        kind, sent = option["type"], option["type"]
        if isinstance(value, Upload):
            file = self.world.add_attachment(value.filename, value.bytes, self.channel, ephemeral=True)
            resolved.setdefault("attachments", {})[str(file.id)] = file.to_json()
            value, sent = str(file.id), ATTACHMENT
        elif isinstance(value, Person):
            resolved.setdefault("users", {})[str(value.user.id)] = value.user.to_json()
            if (guild := self.channel.guild) and value.user in guild.members:
                member = guild.member_json(value.user, with_user=False)
                resolved.setdefault("members", {})[str(value.user.id)] = member
            value, sent = str(value.user.id), USER
        elif isinstance(value, Channel):
            resolved.setdefault("channels", {})[str(value.id)] = value.to_json() | {"permissions": "0"}
            value, sent = str(value.id), CHANNEL
        elif kind not in (STRING, INTEGER, BOOLEAN, NUMBER):
            raise ClientRefuses(f"{value!r} cannot be chosen for {option['name']}")
        if not unchecked and (sent != kind or not fits_kind(value, kind) or not _in_range(option, value)):
            raise ClientRefuses(f"{value!r} cannot be typed for {option['name']}")
        return value


class FoundCommand:
    """A registered command and, in one with subcommands, which of them."""

    def __init__(self, command: Json, path: list[str]) -> None:
        self.command, self.options = command, command.get("options", [])
        self._chain: list[Json] = []
        for name in path:
            inner = next((o for o in self.options if o["name"] == name and o["type"] in (SUBCOMMAND, GROUP)), None)
            if not inner:
                raise ClientRefuses(f"/{command['name']} has no subcommand {name}")
            self._chain.append(inner)
            self.options = inner.get("options", [])
        if any(option["type"] in (SUBCOMMAND, GROUP) for option in self.options):
            raise ClientRefuses(f"/{command['name']} needs a subcommand")

    def data(self, values: dict[str, Json]) -> Json:
        """The interaction's data, given each option's `value` and, in an autocomplete, `focused`."""
        options = [
            {"name": option["name"], "type": option["type"]} | values[option["name"]]
            for option in self.options
            if option["name"] in values
        ]
        for inner in reversed(self._chain):
            options = [{"name": inner["name"], "type": inner["type"], "options": options}]
        data = {"id": self.command["id"], "name": self.command["name"], "type": 1, "options": options}
        return data | ({"guild_id": self.command["guild_id"]} if "guild_id" in self.command else {})


def _in_range(option: Json, value: Any) -> bool:
    if choices := option.get("choices"):
        return value in [choice["value"] for choice in choices]
    if option["type"] in (INTEGER, NUMBER):
        return option.get("min_value", value) <= value <= option.get("max_value", value)
    if option["type"] == STRING:
        return max(option.get("min_length", 0), 1) <= len(value) <= option.get("max_length", 6000)
    return True
