"""A real discord.py client and a person use commands, buttons and forms through the stand-in."""

from __future__ import annotations

import asyncio

import pytest

from tests.discord_standin import ClientRefuses, Discord, Upload
from tests.discord_standin.player import MIDI, connected


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
    """Values arrive with their types, the payload says who and where, and the answer is there."""
    async with Discord() as standin:
        guild = standin.guild(locale="de")
        clara = standin.person("clara", guild, locale="fr")
        async with connected(standin, monkeypatch) as player:
            said = await clara.types("/say", text="la", loud=True, times=2)
            assert (await said.finished()).content == "LA LA"
            assert said.acknowledged_after > 0
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


@pytest.mark.asyncio
async def test_many_at_once(monkeypatch):
    """Two hundred people at the same moment are all answered in time."""
    async with Discord() as standin:
        guild = standin.guild()
        people = [standin.person(f"listener{number}", guild) for number in range(200)]
        async with connected(standin, monkeypatch):
            said = await asyncio.gather(*(person.types("/say", text=person.user.name) for person in people))
            assert [one.message.content for one in said] == [person.user.name for person in people]
