"""From what somebody types in Discord to the files they download: bot and worker are real, Discord is a stand-in."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from pretty_midi import Note, PrettyMIDI

from core.options import options_of
from core.seed import CHORD_SECONDS
from tests.discord_standin import Upload
from tests.support.music import as_bytes, piano, played
from tests.support.stage import PATIENCE, Stage, beginning, music

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]


def last_event(midi: PrettyMIDI) -> float:
    """Seconds to the last onset or move of the pedal, from which the length of a continuation counts."""
    return max(
        time
        for instrument in midi.instruments
        for time in (*(note.start for note in instrument.notes), *(each.time for each in instrument.control_changes))
    )


async def test_commands_are_registered(stage: Stage):
    """/compose has `seed` first, required and with suggestions, and is there in servers and in direct messages."""
    commands = await stage.discord.registered("compose", "about")
    compose = commands["compose"]
    names = [option["name"] for option in compose["options"]]
    assert names == ["seed", *(option.name for option in options_of("compose"))]
    assert [option["name"] for option in compose["options"] if option["required"]] == ["seed"]
    assert compose["options"][0]["autocomplete"]
    assert (compose["options"][1]["min_value"], compose["options"][1]["max_value"]) == (25, 3000)
    assert (compose["contexts"], compose["integration_types"]) == ([0, 1, 2], [0, 1])


async def test_a_piece_is_continued(stage: Stage):
    """By its button: the new file has the old one's notes, untouched, and then others. Its card says whose piece it
    was, and its recipe, typed by somebody else, gives the same bytes."""
    asked = await stage.clara.types("/compose", seed="60,64,67", length=50, take=7)
    first = await asked.finished(PATIENCE)
    pressed = await stage.robert.clicks(first, "Continue")
    second = await pressed.finished(PATIENCE)
    before, after = await music(stage.discord, first), await music(stage.discord, second)
    old, new = (
        [(note.start, note.end, note.pitch, note.velocity) for note in played(midi)] for midi in (before, after)
    )
    assert set(old) < set(new)
    # 92 to 104 % of its length, and times are spread within their bins
    assert 9 < after.get_end_time() - last_event(before) < 11
    (embed,) = second.embeds
    assert re.match(rf"Piece `[a-z2-7]{{8}}` by {stage.clara.mention}, continued · \d+ notes", embed["description"])
    assert re.search(r"0:\d\d \(0:(0[5-9]|1\d) new\)", embed["title"])

    recipe = (await (await stage.robert.clicks(second, "Recipe")).answered()).content
    typed = re.findall(r"(\w+):(\S+)", recipe.splitlines()[1])
    options = {name: int(value) if name in ("length", "take") else value for name, value in typed}
    again = await (await stage.clara.types("/continue", **options)).finished(PATIENCE)
    for suffix in (".mid", ".mp3", ".png"):
        assert again.file(suffix).bytes == second.file(suffix).bytes


async def test_given_notes_are_played(stage: Stage):
    """A score without any expression is performed note by note, a melody harmonized around its own notes; and both
    once more by their recipes."""
    written = [
        Note(100, 60 + 7 * number % 12 + 12 * hand, 0.5 * number, 0.5 * number + 0.5)
        for number in range(20)
        for hand in (0, 1)
    ]
    score = Upload("score.mid", as_bytes(piano(*written)))
    asked = [await stage.clara.types("/perform", file=score, take=7) for _ in range(2)]
    performed, again = [await one.finished(PATIENCE) for one in asked]
    assert performed.file(".mid").bytes == again.file(".mid").bytes
    notes = played(await music(stage.discord, performed))
    assert sorted(note.pitch for note in notes) == sorted(note.pitch for note in written)
    assert len({note.velocity for note in notes}) > 3
    assert len({round(note.start % 0.5, 2) for note in notes}) > 3

    asked = [await stage.clara.types("/harmonize", melody="E5 D5 C5 D5 E5 G5 E5 C5", take=7) for _ in range(2)]
    harmonized, again = [await one.finished(PATIENCE) for one in asked]
    assert harmonized.file(".mid").bytes == again.file(".mid").bytes
    struck = {(note.pitch, round(float(note.start), 2)) for note in played(await music(stage.discord, harmonized))}
    melody = {
        (pitch, round(number * CHORD_SECONDS, 2)) for number, pitch in enumerate([76, 74, 72, 74, 76, 79, 76, 72])
    }
    assert melody < struck


async def test_a_piece(stage: Stage):
    """Acknowledged in time, and in the end one embed that says what is heard, and three files that are what their names
    say. Its recipe is in Recipe."""
    asked = await stage.clara.types("/compose", seed="72", length=150, take=7, temperature=1.0, model="article")
    assert asked.acknowledged_after is not None
    assert asked.acknowledged_after < 3
    message = await asked.finished(PATIENCE)

    (embed,) = message.embeds
    key, time, take = embed["title"].split(" · ")
    assert key == "No clear key" or re.fullmatch("[A-G][♭♯]? (major|minor)", key)
    assert take == "take 7"
    assert embed["author"]["name"] == "Clara"
    assert {Path(file.filename).suffix for file in message.attachments} == {".mid", ".mp3", ".png"}
    assert all(re.fullmatch(r"nocturne-([a-g]-.*-)?take7\.\w+", file.filename) for file in message.attachments)
    recipe = (await (await stage.robert.clicks(message, "Recipe")).answered()).content
    assert recipe.startswith("```\n/compose seed:72 length:150 take:7 model:article\n```")
    labels = ["Listen", "Video", "New take", "Edit", "Arrange", "Attention", "Recipe", "Delete"]
    assert [button["label"] for button in message.buttons] == labels
    assert not message.ephemeral

    midi = await music(stage.discord, message)
    assert beginning(midi) == [72]
    assert 27 < midi.get_end_time() <= 30
    notes = sum(len(instrument.notes) for instrument in midi.instruments)
    assert embed["description"] == f"A piece starting on C5 · {notes} notes"

    samples, rate = soundfile.read(io.BytesIO(await stage.discord.download(message.file(".mp3"))))
    assert -1 < len(samples) / rate - midi.get_end_time() < 5  # the last notes ring out
    assert time == f"0:{round(len(samples) / rate):02}"
    assert 0.25 < np.abs(samples).max() < 0.95

    picture = Image.open(io.BytesIO(await stage.discord.download(message.file(".png"))))
    assert picture.format == "PNG"
    assert min(picture.size) >= 300
    assert embed["image"]["url"] == message.file(".png").url


async def test_a_recipe_is_repeated(stage: Stage):
    """The same take gives the same .mid, without a take two pieces differ, and all notes of a chord begin the piece, in
    which the model may join."""
    options = {"seed": "60,64,67", "length": 50}
    asked = [await stage.clara.types("/compose", **options, **take) for take in ({"take": 3}, {"take": 3}, {})]
    first, second, third = [(await one.finished(PATIENCE)).file(".mid").bytes for one in asked]
    assert first == second != third
    assert {60, 64, 67} <= {*beginning(PrettyMIDI(io.BytesIO(first)))}


async def test_several_takes(stage: Stage):
    """Their picture and their sound in one message; the recipe of each gives it again alone."""
    asked = await stage.clara.types("/compose", seed="C5", length=25, take=40, takes=3)
    message = await asked.finished(PATIENCE)
    picture, *sounds = [await stage.discord.download(file) for file in message.attachments]
    assert Image.open(io.BytesIO(picture)).size == (1600, 3 * 320)
    assert len(sounds) == 3
    for sound in sounds:
        samples, rate = soundfile.read(io.BytesIO(sound))
        assert len(samples) > 4.6 * rate  # 92 % of the length
    card = await (await stage.robert.clicks(message, "3")).finished(PATIENCE)
    again = await (await stage.robert.types("/compose", seed="C5", length=25, take=42)).finished(PATIENCE)
    kept, alone = [await stage.discord.download(each.file(".mid")) for each in (card, again)]
    assert kept == alone


async def test_a_style(stage: Stage):
    """The composers that the shipped model knows are suggested; an unknown style is answered with all of them."""
    assert [choice.value for choice in await stage.clara.autocompletes("/compose", "style", "cho")] == ["Chopin"]
    styles = ("chopin", "Elvis")
    asked = [await stage.robert.types("/compose", seed="C5", length=25, style=style) for style in styles]
    played, refused = [await one.finished(PATIENCE) for one in asked]
    (embed,) = played.embeds
    assert "chopin" in embed["title"].lower().split(" · ")
    assert "no style 'Elvis'; there are any, " in refused.content
    assert not refused.attachments


async def test_suggestions(stage: Stage):
    """`random` comes first; what is typed narrows the rest down."""
    choices = await stage.clara.autocompletes("/compose", "seed", "")
    assert choices[0].value == "random"
    assert [choice.value for choice in await stage.clara.autocompletes("/compose", "seed", "C5")] == ["72"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"seed": "X9"}, "understand the seed 'X9'"),
        ({"seed": "109"}, "there is no pitch 109 on a piano"),
        ({"seed": "72 length:9999"}, "length 9999 is outside 25 to 3000"),
        ({"seed": "60 62 " * 10, "length": 25}, "longer than the whole piece (5 s)"),
    ],
)
async def test_bad_input(stage: Stage, options: dict[str, str | int], sentence: str):
    """One sentence, at once, that only the one who asked can see."""
    message = await (await stage.clara.types("/compose", **options)).finished()
    assert sentence.lower() in message.content.lower()
    assert message.ephemeral
    assert not message.embeds
    assert not message.attachments


async def test_notes_that_the_model_does_not_know(stage: Stage):
    """The sentence comes from the worker, and names three near ones."""
    message = await (await stage.clara.types("/compose", seed="21,22,23,24", length=25, model="article")).finished(
        PATIENCE
    )
    assert not message.attachments
    assert not message.embeds
    assert message.content.count(",") >= 2, message.content


async def test_a_private_piece(stage: Stage):
    """Everything that is said about it is for the one who asked alone."""
    message = await (await stage.clara.types("/compose", seed="random", length=25, private=True)).finished(PATIENCE)
    assert message.ephemeral
    assert message.attachments


async def test_a_direct_message(stage: Stage):
    """/compose works in the bot's direct messages."""
    asked = await stage.clara.types("/compose", where=stage.clara.dm, seed="C5", length=25)
    assert (await asked.finished(PATIENCE)).attachments


async def test_an_app_that_only_a_person_installed(stage: Stage):
    """/compose works where the bot is not: in a foreign server and among friends."""
    street = stage.discord.guild("Street", installed=False)
    felix = stage.discord.person("felix", street, installed=True)
    for place in (street.channels[0], felix.chat_with(stage.clara)):
        asked = await felix.types("/compose", where=place, seed="C5", length=25)
        assert (await asked.finished(PATIENCE)).attachments


async def test_small_files(stage: Stage):
    """Where Discord takes little, the recording is made to fit, and nothing is refused."""
    stage.discord.size_limit = 200_000
    try:
        message = await (await stage.clara.types("/compose", seed="C5", length=150)).finished(PATIENCE)
    finally:
        stage.discord.size_limit = None
    assert {file.filename.rpartition(".")[2] for file in message.attachments} >= {"mid", "mp3"}
    assert all(len(file.bytes) <= 200_000 for file in message.attachments)


async def test_about(stage: Stage):
    """It says what the model is, that it is not for sale, and how busy the bot is."""
    message = await (await stage.clara.types("/about")).answered()
    assert "non-commercial" in message.text
    assert "waiting" in message.text
    assert "Started" in message.text


async def test_the_log(stage: Stage):
    """A job has one line with its id, its user, its recipe and its times."""
    asked = await stage.clara.types("/compose", seed="C5", length=25, take=11)
    await asked.finished(PATIENCE)
    line = await stage.bot.logs(f"job {asked.id} of user {stage.clara.user.id}")
    assert "/compose seed:72 length:25 take:11" in line
    assert all(f"{stage} " in line for stage in ("wait", "compose", "render", "deliver"))
