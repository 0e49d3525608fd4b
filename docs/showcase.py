"""The README's pieces and the documents' pictures, made anew by the bot itself: `make showcase`.

Bot and worker are real, Discord is the stand-in of the tests. The pieces go to docs/pieces, each under a name of its
own, and what a listener sees is drawn from the messages that the bot sent."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from pretty_midi import note_name_to_number

from core.midi.beats import Beats
from core.midi.writer import Strike, Track, written
from core.rendering import audio, formats
from tests.discord_standin import Discord, Message, Person, Upload
from tests.discord_standin.drawing import drawn
from tests.support.bot_process import BotProcess

DOCS = Path(__file__).parent
PRELUDE = (
    "C4 E4 G4 C5 E5, C4 D4 A4 D5 F5, B3 D4 G4 D5 F5, C4 E4 G4 C5 E5, C4 E4 A4 E5 A5, C4 D4 F#4 A4 D5,"
    " B3 D4 G4 D5 G5, B3 C4 E4 G4 C5, A3 C4 E4 G4 C5, D3 A3 D4 F#4 C5, G3 B3 D4 G4 B4"
)
"""The first bars of the prelude in C major from Bach's Well-Tempered Clavier: two held notes and three that run, twice
in each."""
SIXTEENTH_TICKS = 120
BEATS = Beats(4 * SIXTEENTH_TICKS, tempos=((0, 720_000),), metres=((0, 4, 4),))
"""A sixteenth lasts 0.18 s."""
MELODY = "E4 G4 C5 B4 A4 G4 F4 E4 D4 F4 A4 G4 E4 G4 C5 E5 D5 C5 A4 B4 C5 G4 E4 D4 C4"
"""Ours."""
PIECES: dict[str, tuple[str, dict[str, Any]]] = {
    "one-note": ("/compose", {"seed": "72", "length": 300, "take": 5}),
    "chopin": ("/compose", {"seed": "random", "length": 200, "style": "Chopin", "take": 4}),
    "bach": ("/compose", {"seed": "random", "length": 200, "style": "Bach", "take": 6}),
    "prelude-performed": ("/perform", {"style": "Bach", "take": 1}),
    "melody-harmonized": ("/harmonize", {"melody": MELODY, "style": "Schubert", "take": 3}),
}
"""The command and its options for each of the README's pieces, by the name of its files."""
SCORE = "prelude-score"
"""The name of what is performed, as MIDI and as sound."""
SHOWN = "chopin"
"""The piece whose answer is shown."""
ANSWER_WIDTH, WIDTH = 1000, 820
"""Pixels."""
PATIENCE = 300.0
"""Seconds for whatever the bot is to do."""


def prelude() -> bytes:
    """The prelude as a score editor writes it: each note as long as it is written and as loud as the others."""
    strikes = []
    for number, bar in enumerate(PRELUDE.split(",")):
        held, upper, *running = [note_name_to_number(name) for name in bar.split()]
        for half in (2 * number, 2 * number + 1):
            pattern = [(held, 0, 8), (upper, 1, 7), *((pitch, 2 + at, 1) for at, pitch in enumerate(running * 2))]
            for pitch, at, lasts in pattern:
                start = (8 * half + at) * SIXTEENTH_TICKS
                strikes.append(Strike(start, start + lasts * SIXTEENTH_TICKS, pitch, 90))
    return written([Track("Piano", sorted(strikes))], BEATS, title="Prelude in C major")


def keep(name: str, data: bytes) -> None:
    """Write a file of docs/pieces."""
    target = DOCS / "pieces" / name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(data)
    print(name, len(data) // 1000, "kB")


async def compose(person: Person, name: str) -> Message:
    """Have a piece made, and keep its files."""
    command, options = PIECES[name]
    given = {"file": Upload(f"{SCORE}.mid", prelude())} if command == "/perform" else {}
    asked = await person.types(command, **options, **given)
    message = await asked.finished(PATIENCE)
    if not message.attachments:
        raise SystemExit(f"{name}: {message.text}")
    for file in message.attachments:
        keep(name + Path(file.filename).suffix, file.bytes)
    return message


async def show(person: Person, command: str) -> None:
    """Draw the answer to a command, as docs/COMMAND.png."""
    message = await (await person.types(command)).answered(PATIENCE)
    drawn(message, command=command, width=WIDTH).quantize(64).save(DOCS / f"{command[1:]}.png", optimize=True)


async def main() -> None:
    keep(f"{SCORE}.mid", prelude())
    keep(f"{SCORE}.mp3", formats.mp3(audio.render(prelude())))
    async with Discord() as discord:
        clara = discord.person("clara", discord.guild(), manager=True)
        bot = BotProcess(Path(tempfile.mkdtemp()), discord.environment)
        bot.start()
        try:
            await discord.registered("compose", within=PATIENCE)
            answers = {name: await compose(clara, name) for name in PIECES}
            picture = drawn(answers[SHOWN], command="/compose", width=ANSWER_WIDTH)
            picture.quantize(128).save(DOCS / "answer.png", optimize=True)
            for command in ("/history", "/settings"):
                await show(clara, command)
        finally:
            await bot.stop()


if __name__ == "__main__":
    asyncio.run(main())
