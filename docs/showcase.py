"""The README's pieces and the documents' pictures, made anew by the bot itself: `make showcase`.

Bot and worker are real, Discord is the stand-in of the tests. The pieces go to docs/pieces, each under a name of its
own, and what a listener sees is drawn from the messages that the bot sent."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from tests.discord_standin import Discord, Message, Person
from tests.discord_standin.drawing import drawn
from tests.support.bot_process import BotProcess

DOCS = Path(__file__).parent
PIECES: dict[str, dict[str, Any]] = {
    "one-note": {"seed": "72", "take": 3},
    "chopin": {"seed": "random", "length": 250, "style": "Chopin", "take": 1},
    "bach": {"seed": "random", "length": 250, "style": "Bach", "take": 5},
    "chord": {"seed": "60,64,67", "length": 250, "take": 2},
}
"""Options of /compose for each of the README's pieces, by the name of its files."""
SHOWN = "chopin"
"""The piece whose answer is shown."""
ANSWER_WIDTH, WIDTH = 1000, 820
"""Pixels."""
PATIENCE = 300.0
"""Seconds for whatever the bot is to do."""


async def compose(person: Person, name: str) -> Message:
    """Have a piece composed, and keep its files."""
    asked = await person.types("/compose", **PIECES[name])
    message = await asked.finished(PATIENCE)
    for file in message.attachments:
        target = DOCS / "pieces" / f"{name}{Path(file.filename).suffix}"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.bytes)
        print(target.relative_to(DOCS), len(file.bytes) // 1000, "kB")
    return message


async def show(person: Person, command: str) -> None:
    """Draw the answer to a command, as docs/COMMAND.png."""
    message = await (await person.types(command)).answered(PATIENCE)
    drawn(message, command=command, width=WIDTH).quantize(64).save(DOCS / f"{command[1:]}.png", optimize=True)


async def main() -> None:
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
