"""A real discord.py client can do with the stand-in what the bot does, and nothing that Discord refuses."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import discord
import pytest
import yarl
from discord import app_commands

from tests.discord_standin import ClientRefuses, Discord, Upload
from tests.discord_standin.limits import (
    Refused,
    check_choices,
    check_commands,
    check_message,
    check_modal,
    check_voice_message,
)

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (640).to_bytes(4) + (480).to_bytes(4)
MIDI = b"MThd" + bytes(range(256))


class Player(discord.AutoShardedClient):
    """A bot with one command of each kind."""

    def __init__(self, standin: Discord) -> None:
        super().__init__(intents=discord.Intents(guilds=True))
        everywhere = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
        everybody = app_commands.AppInstallationType(guild=True, user=True)
        self.tree = app_commands.CommandTree(self, allowed_contexts=everywhere, allowed_installs=everybody)
        self.tree.error(self._keep_quiet)
        for command in (say, play, late, twice, ask, order, listen):
            self.tree.add_command(command)
        self.standin = standin
        self.received: list[discord.Interaction] = []

    async def _keep_quiet(self, interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        """Nothing is said: a test looks at what was refused."""

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Without the five seconds that discord.py leaves between two sessions."""

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        self.received.append(interaction)


@app_commands.command()
async def say(
    interaction: discord.Interaction, text: str, loud: bool = False, times: app_commands.Range[int, 1, 5] = 1
):
    """Say something; `psst` to the listener alone."""
    await interaction.response.send_message(
        " ".join([text.upper() if loud else text] * times), ephemeral=text == "psst"
    )


@say.autocomplete("text")
async def _suggest(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=word, value=word) for word in ("random", "rondo") if word.startswith(typed)]


class Stop(discord.ui.View):
    @discord.ui.button(label="Cancel")
    async def cancel(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        await interaction.response.edit_message(content="stopped", view=None)


@app_commands.command()
async def play(interaction: discord.Interaction, to_the_end: bool = True):
    """Defer, then progress with a button, then files and an embed with a picture."""
    await interaction.response.defer(thinking=True)
    await interaction.edit_original_response(content="playing", view=Stop())
    if to_the_end:
        files = [discord.File(io.BytesIO(MIDI), "a piece.mid"), discord.File(io.BytesIO(PNG), "roll.png")]
        embed = discord.Embed(title="A piece").set_image(url="attachment://roll.png")
        await interaction.edit_original_response(content=None, embed=embed, attachments=files, view=None)


@app_commands.command()
async def late(interaction: discord.Interaction):
    """Acknowledge after three seconds."""
    interaction.client.standin.advance(3.1)
    await interaction.response.defer()


@app_commands.command()
async def twice(interaction: discord.Interaction):
    """Acknowledge two times, which discord.py itself would notice."""
    await interaction.response.defer()
    interaction.response._response_type = None
    await interaction.response.defer()


class Name(discord.ui.Modal, title="Who are you?"):
    name = discord.ui.TextInput(label="Name", custom_id="name", max_length=20)

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"hello {self.name.value}")


@app_commands.command()
async def ask(interaction: discord.Interaction):
    """Open a modal."""
    await interaction.response.send_modal(Name())


class Order(discord.ui.Modal, title="Order"):
    """A form of every component that may have a label; each has its usual value."""

    def __init__(self) -> None:
        super().__init__()
        options = [discord.SelectOption(label=word, value=word, default=word == "tea") for word in ("tea", "coffee")]
        sizes = [discord.RadioGroupOption(label=word, value=word, default=word == "small") for word in ("small", "big")]
        self.drink = discord.ui.Select(custom_id="drink", options=options)
        self.size = discord.ui.RadioGroup(custom_id="size", options=sizes)
        self.files = discord.ui.FileUpload(custom_id="files", required=False, min_values=1, max_values=2)
        for part in (self.drink, self.size, self.files):
            self.add_item(discord.ui.Label(text=part.custom_id, component=part))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        sent = [f"{file.filename} of {len(await file.read())} bytes" for file in self.files.values]
        await interaction.response.send_message(f"{self.size.value} {self.drink.values} {sent}")


@app_commands.command()
async def order(interaction: discord.Interaction):
    """Open a form."""
    await interaction.response.send_modal(Order())


@app_commands.command()
async def listen(interaction: discord.Interaction, file: discord.Attachment, sender: discord.User):
    """Read an uploaded file back."""
    await interaction.response.send_message(f"{sender.name} sent {len(await file.read())} bytes")


@contextlib.asynccontextmanager
async def connected(standin: Discord, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Player]:
    """A Player that is logged in, has registered its commands and listens."""
    monkeypatch.setattr(discord.http.Route, "BASE", standin.api)
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(standin.gateway.url))
    async with Player(standin) as player:
        await player.login(standin.token)
        running = asyncio.create_task(player.connect())
        await standin.registered("say", "play")
        yield player
    await running


# Commands and interactions


@pytest.mark.asyncio
async def test_commands_arrive_as_registered(monkeypatch):
    """discord.py's bulk overwrite is taken, with options, ranges, autocomplete and contexts; a second keeps the ids."""
    async with Discord() as standin, connected(standin, monkeypatch) as player:
        say = (await standin.registered("say"))["say"]
        assert [(o["name"], o["required"]) for o in say["options"]] == [
            ("text", True),
            ("loud", False),
            ("times", False),
        ]
        assert say["options"][0]["autocomplete"]
        assert (say["options"][2]["min_value"], say["options"][2]["max_value"]) == (1, 5)
        assert (say["contexts"], say["integration_types"]) == ([0, 1, 2], [0, 1])
        synced = await player.tree.sync()
        assert say["id"] in [str(command.id) for command in synced]


@pytest.mark.asyncio
async def test_a_command_in_a_server(monkeypatch):
    """Values arrive with their types, the payload says who and where, and the answer is there in time."""
    async with Discord() as standin:
        guild = standin.guild(locale="de")
        clara = standin.person("clara", guild, locale="fr")
        async with connected(standin, monkeypatch) as player:
            said = await clara.types("/say", text="la", loud=True, times=2)
            assert (await said.finished()).content == "LA LA"
            assert 0 < said.acknowledged_after < 3
            heard = player.received[0]
            assert (heard.user.name, heard.guild.name, heard.channel.name) == ("clara", "Conservatory", "general")
            assert (heard.locale.value, heard.guild_locale.value) == ("fr", "de")
            assert heard.context.guild
            assert heard.is_guild_integration()
            assert not heard.is_user_integration()
            assert heard.filesize_limit == 10 * 2**20
            assert heard.app_permissions.attach_files
            assert heard.permissions.send_messages


@pytest.mark.asyncio
async def test_the_client_checks_what_is_typed(monkeypatch):
    """A value out of range, of another type, missing or unknown is not sent, unless the test insists."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch) as player:
            for options in ({"text": "a", "times": 6}, {"text": 7}, {"loud": True}, {"text": "a", "slow": True}):
                with pytest.raises(ClientRefuses):
                    await clara.types("/say", **options)
            with pytest.raises(ClientRefuses):
                await clara.types("/sing")
            assert not player.received
            assert (
                await (await clara.types("/say", text="a", times=6, unchecked=True)).finished()
            ).content == "a a a a a a"


@pytest.mark.asyncio
async def test_suggestions(monkeypatch):
    """Autocomplete gives what the bot suggests for the text so far."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch):
            assert [choice.name for choice in await clara.autocompletes("/say", "text", "r")] == ["random", "rondo"]
            assert await clara.autocompletes("/say", "text", "x") == []
            with pytest.raises(ClientRefuses):
                await clara.autocompletes("/say", "times", "1")


@pytest.mark.asyncio
async def test_progress_and_files(monkeypatch):
    """A deferred answer loads, shows its button, and ends with files that download byte by byte and a picture."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch):
            message = await (await clara.types("/play")).finished()
            assert [len(revision.components) for revision in message.revisions] == [0, 1, 0]
            assert [revision.content for revision in message.revisions] == ["", "playing", ""]
            assert [file.filename for file in message.attachments] == ["a_piece.mid", "roll.png"]
            assert await standin.download(message.file(".mid")) == MIDI
            assert message.embeds[0]["image"]["url"] == message.file(".png").url
            assert (message.file(".png").to_json()["width"], message.file(".png").to_json()["height"]) == (640, 480)


@pytest.mark.asyncio
async def test_a_button(monkeypatch):
    """Pressing a button changes the message that it is under; once gone it cannot be pressed."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch):
            playing = await clara.types("/play", to_the_end=False)
            message = await playing.answered()
            assert (await (await clara.clicks(message, "Cancel")).finished()) is message
            assert (message.content, message.buttons) == ("stopped", [])
            with pytest.raises(ClientRefuses):
                await clara.clicks(message, "Cancel")


@pytest.mark.asyncio
async def test_a_modal_and_an_upload(monkeypatch):
    """A modal comes back with its texts; an uploaded file and a chosen user come resolved."""
    async with Discord() as standin:
        guild = standin.guild()
        clara, robert = standin.person("clara", guild), standin.person("robert", guild)
        async with connected(standin, monkeypatch):
            greeted = await clara.submits(await clara.types("/ask"), name="Clara")
            assert (await greeted.finished()).content == "hello Clara"
            heard = await clara.types("/listen", file=Upload("piece.mid", MIDI), sender=robert)
            assert (await heard.finished()).content == f"robert sent {len(MIDI)} bytes"


@pytest.mark.asyncio
async def test_a_form_of_labels(monkeypatch):
    """Choices and files come back, what is not touched as it was shown; what a client would not send is refused."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch):
            asked = await clara.types("/order")
            assert (await (await clara.submits(asked)).finished()).content == "small ['tea'] []"
            asked = await clara.types("/order")
            sent = await clara.submits(asked, drink="coffee", size="big", files=Upload("piece.mid", MIDI))
            assert (await sent.finished()).content == f"big ['coffee'] ['piece.mid of {len(MIDI)} bytes']"
            for wrong in ({"drink": "milk"}, {"drink": ["tea", "coffee"]}, {"size": []}):
                with pytest.raises(ClientRefuses):
                    await clara.submits(asked, **wrong)


def labelled(**component: object) -> dict[str, object]:
    return {"type": 18, "label": "Label", "component": {"custom_id": "part"} | component}


@pytest.mark.parametrize(
    "part",
    [
        {"type": 4, "custom_id": "part"},
        labelled(type=2, style=1, label="A button"),
        labelled(type=4, label="Has a label already"),
        labelled(type=4, value="too long", max_length=3),
        labelled(type=21, options=[{"label": "one", "value": "1"}]),
        labelled(type=3, options=[{"label": "twice", "value": "1"}] * 2),
        labelled(type=3, options=[{"label": "one", "value": "1"}], disabled=True),
        labelled(type=19, max_values=11),
        labelled(type=19, required=True, min_values=0),
        labelled(type=4) | {"label": "a" * 46},
        labelled(type=4) | {"description": "a" * 101},
    ],
)
def test_forms_that_discord_refuses(part: dict[str, object]):
    """A component without a label, one that no form has, and what is too long or too much."""
    check_modal({"custom_id": "form", "title": "Form", "components": [labelled(type=4)]})
    with pytest.raises(Refused):
        check_modal({"custom_id": "form", "title": "Form", "components": [part]})


@pytest.mark.asyncio
async def test_where_a_command_is_offered(monkeypatch):
    """In a server that added the app, in the bot's direct messages, and wherever the person goes who installed it."""
    async with Discord() as standin:
        stage, street = standin.guild("Stage"), standin.guild("Street", installed=False)
        clara, robert = standin.person("clara", stage), standin.person("robert", street, installed=True)
        async with connected(standin, monkeypatch) as player:
            await clara.types("/say", text="psst", where=clara.dm)
            await robert.types("/say", text="hm")
            await robert.types("/say", text="hm", where=robert.chat_with(clara))
            in_dm, in_street, in_private = player.received
            assert in_dm.context.dm_channel
            assert in_dm._integration_owners == {0: 0}
            assert in_dm.guild is None
            assert in_street.context.guild
            assert in_street.is_user_integration()
            assert not in_street.is_guild_integration()
            assert in_private.context.private_channel
            assert in_private.user.name == "robert"
            with pytest.raises(ClientRefuses):  # clara has not installed it
                await clara.types("/say", text="hm", where=robert.chat_with(clara))


@pytest.mark.asyncio
async def test_an_ephemeral_answer(monkeypatch):
    """It is flagged, and the bot is not told of it as of an ordinary message."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch):
            assert (await (await clara.types("/say", text="psst")).finished()).ephemeral
            assert not (await (await clara.types("/say", text="hey")).finished()).ephemeral


# What Discord refuses


@pytest.mark.asyncio
async def test_an_answer_after_three_seconds_is_lost(monkeypatch):
    """The acknowledgement gets 10062, and the listener sees that the application did not respond."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch):
            asked = await clara.types("/late")
            assert asked.acknowledged_after is None
            with pytest.raises(TimeoutError, match="did not respond"):
                await asked.finished()
            assert [refusal.code for refusal in standin.refused()] == [10062]


@pytest.mark.asyncio
async def test_a_second_acknowledgement_is_refused(monkeypatch):
    """It gets 40060."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch):
            await clara.types("/twice")
            await standin.world.until(lambda world: standin.traffic.refusals)
            assert [refusal.code for refusal in standin.refused()] == [40060]


@pytest.mark.asyncio
async def test_a_token_lasts_fifteen_minutes(monkeypatch):
    """Just before, the answer can be edited; after, it gets 50027."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch) as player:
            said = await clara.types("/say", text="la")
            standin.advance(14 * 60 + 50)
            await player.received[0].edit_original_response(content="lo")
            assert said.message.content == "lo"
            standin.advance(11)
            with pytest.raises(discord.HTTPException) as refused:
                await player.received[0].edit_original_response(content="lu")
            assert (refused.value.status, refused.value.code) == (401, 50027)
            assert [refusal.code for refusal in standin.refused()] == [50027]


@pytest.mark.asyncio
async def test_a_file_above_the_limit_is_refused(monkeypatch):
    """The interaction says the limit; a byte more gets 413 and 40005, and the message stays as it was."""
    async with Discord(size_limit=1000) as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch) as player:
            said = await clara.types("/say", text="la")
            heard = player.received[0]
            assert heard.filesize_limit == 1000
            with pytest.raises(discord.HTTPException) as refused:
                await heard.edit_original_response(attachments=[discord.File(io.BytesIO(bytes(1001)), "big.mid")])
            assert (refused.value.status, refused.value.code) == (413, 40005)
            assert said.message.attachments == []
            await heard.edit_original_response(attachments=[discord.File(io.BytesIO(bytes(1000)), "fits.mid")])
            assert [file.filename for file in said.message.attachments] == ["fits.mid"]
            assert [refusal.code for refusal in standin.refused()] == [40005]


@pytest.mark.asyncio
async def test_followups(monkeypatch):
    """They are messages of their own, which can be edited; a user-installed app gets five."""
    async with Discord() as standin:
        robert = standin.person("robert", standin.guild(installed=False), installed=True)
        async with connected(standin, monkeypatch) as player:
            said = await robert.types("/say", text="la")
            webhook = player.received[0].followup
            standin.traffic.limits["/webhooks/{application}/{token}"] = (50, 1.0)
            for number in range(5):
                sent = await webhook.send(str(number), wait=True)
            await sent.edit(content="last")
            assert [message.content for message in said.followups] == ["0", "1", "2", "3", "last"]
            with pytest.raises(discord.HTTPException) as refused:
                await webhook.send("one more")
            assert refused.value.code == 40094
            assert [refusal.code for refusal in standin.refused()] == [40094]


def button(**changes: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "Cancel", "custom_id": "cancel"} | changes


def row(*components: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(components)}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"content": "x" * 2001}, "content"),
        ({"embeds": [{"title": "x"}] * 11}, "embeds"),
        ({"embeds": [{"title": "x" * 257}]}, "title"),
        ({"embeds": [{"description": "x" * 4000}, {"description": "x" * 2001}]}, "embeds"),
        ({"embeds": [{"fields": [{"name": "n", "value": "v"}] * 26}]}, "fields"),
        ({"embeds": [{"fields": [{"name": "n", "value": ""}]}]}, "value"),
        ({"components": [row(button())] * 6}, "components"),
        ({"components": [row(*(button(custom_id=str(n)) for n in range(6)))]}, "components"),
        ({"components": [row(button(label="x" * 81))]}, "label"),
        ({"components": [row(button(custom_id="x" * 101))]}, "custom_id"),
        ({"components": [row(button(), button())]}, "components"),
        ({"components": [button()]}, "type"),
        ({"allowed_mentions": {"parse": ["users"], "users": ["1"]}}, "users"),
        ({"nonce": "x" * 26}, "nonce"),
    ],
)
def test_messages_beyond_the_limits(body: dict[str, Any], field: str):
    """A message that is too long, too wide or ambiguous is refused with 50035, which names the field."""
    with pytest.raises(Refused) as refused:
        check_message(body)
    assert refused.value.code == 50035
    assert f"'{field}': {{'_errors'" in str(refused.value)


def test_a_message_at_the_limits():
    """All at once, up to the last character, is taken."""
    buttons = [row(*(button(custom_id=f"{r}{n}", label="x" * 80) for n in range(5))) for r in range(5)]
    embeds = [{"title": "x" * 256, "description": "x" * 344}] * 10
    check_message({"content": "x" * 2000, "embeds": embeds, "components": buttons, "nonce": "x" * 25})


def command(**changes: Any) -> dict[str, Any]:
    return {"type": 1, "name": "compose", "description": "Compose"} | changes


def option(name: str = "seed", **changes: Any) -> dict[str, Any]:
    return {"type": 3, "name": name, "description": "What it begins with"} | changes


@pytest.mark.parametrize(
    "commands",
    [
        [command(name="Compose")],
        [command(name="com pose")],
        [command(name="x" * 33)],
        [command(description="")],
        [command(description="x" * 101)],
        [command(), command()],
        [command(contexts=[0, 0])],
        [command(integration_types=[2])],
        [command(options=[option(str(n)) for n in range(26)])],
        [command(options=[option(), option()])],
        [command(options=[option("a"), option("b", required=True)])],
        [command(options=[option("a", type=1), option("b")])],
        [command(options=[option(choices=[{"name": "a", "value": "a"}], autocomplete=True)])],
        [command(options=[option(choices=[{"name": str(n), "value": "a"} for n in range(26)])])],
        [command(options=[option(type=4, choices=[{"name": "a", "value": "a"}])])],
        [command(options=[option(type=4, min_value=0.5)])],
        [command(options=[option(max_length=6001)])],
        [command(options=[option(str(n), choices=many) for n in range(4)])]
        if (many := [{"name": f"{n:0100}", "value": f"{n:0100}"} for n in range(10)])
        else [],
    ],
)
def test_commands_beyond_the_limits(commands: list[dict[str, Any]]):
    """A registration that Discord would not take is refused as a whole."""
    with pytest.raises(Refused):
        check_commands(commands, in_guild=False)


def test_suggestions_beyond_the_limits():
    """At most 25 suggestions of at most 100 characters."""
    check_choices([{"name": "x" * 100, "value": "x" * 100}] * 25)
    for choices in (
        [{"name": "a", "value": "a"}] * 26,
        [{"name": "x" * 101, "value": "a"}],
        [{"name": "", "value": "a"}],
    ):
        with pytest.raises(Refused):
            check_choices(choices)


@pytest.mark.asyncio
async def test_an_unknown_route_fails_the_test():
    """It answers 404, and a test that does not say that it knows of it fails at the end."""
    with pytest.raises(AssertionError, match="/nowhere"):
        async with Discord() as standin, aiohttp.ClientSession() as http:
            assert (await http.get(f"{standin.api}/nowhere")).status == 404


# Messages in channels


@pytest.mark.asyncio
async def test_a_message_with_a_nonce_is_sent_once(monkeypatch):
    """Sent twice with the same nonce there is one message, and it notifies whom it is allowed to."""
    async with Discord() as standin:
        guild = standin.guild()
        clara, robert = standin.person("clara", guild), standin.person("robert", guild)
        async with connected(standin, monkeypatch) as player:
            channel = await player.fetch_channel(guild.channels[0].id)
            allowed = discord.AllowedMentions(users=[discord.Object(clara.user.id)])
            text = f"{clara.mention} from {robert.mention}"
            first = await channel.send(text, nonce="job-1", allowed_mentions=allowed)
            second = await channel.send(text, nonce="job-1", allowed_mentions=allowed)
            assert first.id == second.id
            (message,) = guild.channels[0].messages
            assert message.pings == [clara.user.id]
            await first.delete()
            assert guild.channels[0].messages == []


@pytest.mark.asyncio
async def test_where_the_bot_may_write(monkeypatch):
    """Not without permission, not where it is not, and in no direct message of one who does not want it."""
    async with Discord() as standin:
        guild = standin.guild()
        clara, robert = standin.person("clara", guild), standin.person("robert", guild)
        guild.channels[0].readonly, robert.user.accepts_dms = True, False
        async with connected(standin, monkeypatch) as player:
            channel = await player.fetch_channel(guild.channels[0].id)
            among = player.get_partial_messageable(clara.chat_with(robert).id)
            refusing = await (await player.fetch_user(robert.user.id)).create_dm()
            for place, code in ((channel, 50013), (among, 50001), (refusing, 50007)):
                with pytest.raises(discord.Forbidden) as refused:
                    await place.send("la")
                assert refused.value.code == code
            assert len(standin.refused()) == 3
            writing = asyncio.create_task(standin.written(clara.dm))
            await (await player.fetch_user(clara.user.id)).send("la")
            assert (await writing).content == "la"


# Rate limits and faults


@pytest.mark.asyncio
async def test_fifty_requests_a_second(monkeypatch):
    """The next one gets 429 with the seconds to wait, for all routes."""
    async with Discord() as standin, aiohttp.ClientSession(headers={"Authorization": f"Bot {standin.token}"}) as http:
        statuses = [(await http.get(f"{standin.api}/users/@me")).status for _ in range(50)]
        answer = await http.get(f"{standin.api}/applications/@me")
        assert ({*statuses}, answer.status) == ({200}, 429)
        assert answer.headers["X-RateLimit-Scope"] == "global"
        assert 0 < (await answer.json())["retry_after"] <= 1
        assert len(standin.traffic.limited) == 1


@pytest.mark.asyncio
async def test_a_client_that_reads_the_headers_is_never_limited(monkeypatch):
    """discord.py edits an answer as fast as it can: the headers make it wait, and no request is too many."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch) as player:
            said = await clara.types("/say", text="la")
            for number in range(7):
                await player.received[0].edit_original_response(content=str(number))
            assert (said.message.content, standin.traffic.limited) == ("6", [])
            assert standin.traffic.counts["PATCH /webhooks/{application}/{token}/messages/{message}"] == 7


@pytest.mark.asyncio
async def test_faults_on_purpose(monkeypatch):
    """discord.py gets over a 503 and a 429; a connection that breaks off may have done its work all the same."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch) as player:
            said = await clara.types("/say", text="la")
            standin.fails("PATCH", "@original", answer=503)
            standin.fails("PATCH", "@original", answer=429, retry_after=0.05)
            await player.received[0].edit_original_response(content="lo")
            assert said.message.content == "lo"
            standin.fails("PATCH", "@original", broken=True, processed=True)
            with pytest.raises(aiohttp.ClientError):
                await player.received[0].edit_original_response(content="lu")
            assert said.message.content == "lu"


# The gateway


@pytest.mark.asyncio
async def test_what_happened_while_the_connection_was_down(monkeypatch):
    """After a drop and after opcode 7 the client resumes, and hears what it missed once."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch) as player:
            for times, cut in enumerate((standin.gateway.drop, standin.gateway.reconnect), 1):
                cut()
                said = await clara.types("/say", text="la")
                assert said.acknowledged_after is not None
                assert (standin.gateway.identified, standin.gateway.resumed) == (1, times)
                assert len(player.received) == times


@pytest.mark.asyncio
async def test_an_invalid_session(monkeypatch):
    """After opcode 9 the client starts a new session."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild())
        async with connected(standin, monkeypatch):
            standin.gateway.invalidate()
            await standin.world.until(lambda world: standin.gateway.identified == 2)
            assert (await clara.types("/say", text="la")).acknowledged_after is not None


@pytest.mark.asyncio
async def test_a_shard_hears_its_own_servers(monkeypatch):
    """With two shards there are two sessions, and each interaction arrives once."""
    async with Discord(shards=2) as standin:
        people = [standin.person(name, standin.guild(name)) for name in ("clara", "robert", "felix", "fanny")]
        async with connected(standin, monkeypatch) as player:
            await standin.world.until(lambda world: standin.gateway.identified == 2)
            for person in people:
                await person.types("/say", text="la")
            assert [heard.user.name for heard in player.received] == [person.user.name for person in people]


@pytest.mark.asyncio
async def test_heartbeats(monkeypatch):
    """A client that beats stays, one that does not is closed with 4000."""
    async with Discord(heartbeat=0.2) as standin:
        async with connected(standin, monkeypatch) as player:
            await asyncio.sleep(0.7)
            assert player.latency < 0.2
            assert (standin.gateway.identified, standin.gateway.resumed) == (1, 0)
        async with aiohttp.ClientSession() as http:
            socket = await http.ws_connect(standin.gateway.url + "?v=10&encoding=json")
            assert (await socket.receive_json())["op"] == 10
            assert (await socket.receive()).data == 4000


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"op": 2, "d": {"token": "wrong", "intents": 1, "properties": {}}}, 4004),
        ({"op": 2, "d": {"token": None, "intents": 1 << 1, "properties": {}}}, 4014),
        ({"op": 2, "d": {"token": None, "intents": -1, "properties": {}}}, 4013),
        ({"op": 2, "d": {"token": None, "intents": 1, "properties": {}, "shard": [2, 2]}}, 4010),
        ({"op": 3, "d": {}}, 4003),
        ({"op": 5, "d": {}}, 4001),
        ({"op": 1, "d": "x" * 4096}, 4002),
    ],
)
async def test_what_the_gateway_closes_for(payload: dict[str, Any], code: int):
    """A wrong token, intents, shards, payloads out of turn and too long ones each have their close code."""
    async with Discord() as standin, aiohttp.ClientSession() as http:
        if "token" in payload["d"]:
            payload = payload | {"d": payload["d"] | {"token": payload["d"]["token"] or standin.token}}
        socket = await http.ws_connect(standin.gateway.url + "?v=10&encoding=json")
        await socket.receive_json()
        await socket.send_str(json.dumps(payload))
        assert (await socket.receive()).data == code


@pytest.mark.asyncio
async def test_a_wrong_token(monkeypatch):
    """The login fails as it does at Discord."""
    async with Discord() as standin:
        monkeypatch.setattr(discord.http.Route, "BASE", standin.api)
        async with Player(standin) as player:
            with pytest.raises(discord.LoginFailure):
                await player.login("wrong")
        assert [refusal.status for refusal in standin.refused()] == [401]


@pytest.mark.asyncio
async def test_many_at_once(monkeypatch):
    """Two hundred people at the same moment are all answered in time."""
    async with Discord() as standin:
        guild = standin.guild()
        people = [standin.person(f"listener{number}", guild) for number in range(200)]
        async with connected(standin, monkeypatch):
            said = await asyncio.gather(*(person.types("/say", text=person.user.name) for person in people))
            assert [one.message.content for one in said] == [person.user.name for person in people]


@pytest.mark.parametrize(
    ("body", "content_types", "code"),
    [
        ({"content": "hello"}, ["audio/ogg"], 50159),
        ({"components": [{"type": 1}]}, ["audio/ogg"], 50159),
        ({}, [], 50160),
        ({}, ["audio/ogg", "audio/ogg"], 50160),
        ({}, ["application/octet-stream"], 50160),
        ({"attachments": [{"id": "0", "waveform": "AAAA"}]}, ["audio/ogg"], 50161),
        ({"attachments": [{"id": "0", "duration_secs": 3.0}]}, ["audio/ogg"], 50161),
        ({"attachments": [{"id": "0", "duration_secs": 3.0, "waveform": "A" * 344}]}, ["audio/ogg"], 50161),
    ],
)
def test_a_voice_message_is_a_sound_and_nothing_else(body: dict[str, Any], content_types: list[str], code: int):
    """Discord's own error codes: for other content, for files, and for what a recording has to say about itself."""
    with pytest.raises(Refused) as refusal:
        check_voice_message(body, content_types)
    assert refusal.value.code == code


def test_a_voice_message_is_taken():
    """With 256 points, the most there may be."""
    waveform = "A" * 340 + "AA=="  # 256 bytes
    body = {"attachments": [{"id": "0", "duration_secs": 3.0, "waveform": waveform}]}
    check_voice_message(body, ["audio/ogg"])


def test_a_description_has_a_limit():
    """A file's has 1,024 characters at most."""
    check_message({"attachments": [{"id": "0", "description": "x" * 1024}]})
    with pytest.raises(Refused, match="attachments"):
        check_message({"attachments": [{"id": "0", "description": "x" * 1025}]})
