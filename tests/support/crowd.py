"""A crowd of listeners: people who ask for pieces in every way there is, take some of them back, and go on from others
by their buttons."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.discord_standin import Channel, ClientRefuses, Interaction, Message, Person, Upload
from tests.support.midi_corpus import note, smf, track
from tests.support.waiting import PATIENCE

CANCELLED, PRESSED, SEVERAL = 0.1, 0.1, 0.15
"""Shares of the requests: those that are taken back, whose piece has a button pressed, and that are for several takes.
"""
APART = 0.5
"""Share of the requests of those who have the bot in their own account that they make among friends."""
LENGTHS = (25, 50, 100, 150)
"""Steps of 0.2 s."""
TUNE = Upload("tune.mid", smf(track(*(note(60 + degree) for degree in range(20)))))
"""10 s in quarters of one voice: a score, a melody, and what a piece can go on from."""


class Way(NamedTuple):
    """One way to ask for a piece."""

    weight: int
    command: str
    options: dict[str, Any]
    word: str
    """Part of the names of the files that it brings."""
    has_length: bool = True


WAYS = (
    Way(4, "/compose", {"seed": "72"}, "nocturne-take"),
    Way(2, "/continue", {"file": TUNE}, "-continued-take"),
    Way(2, "/perform", {"file": TUNE}, "-performed-take", has_length=False),
    Way(1, "/harmonize", {"file": TUNE}, "-harmonized-take", has_length=False),
    Way(1, "/harmonize", {"melody": "C4 D4 E4 G4"}, "-harmonized-take", has_length=False),
)
PRESSES = ("Perform", "Two more", "Three more", "Four more", "New take")
"""Labels of buttons that ask for a piece as a command does; under a piece, the first of them is pressed."""


class Wish(NamedTuple):
    """A request that somebody is about to make, here or in a chat where the bot answers but cannot write by itself."""

    person: Person
    where: Channel
    way: Way
    take: int
    takes: int
    length: int
    cancelled: bool
    pressed: bool

    @classmethod
    def drawn(cls, people: Sequence[Person], chance: random.Random, take: int) -> Wish:
        [way] = chance.choices(WAYS, [way.weight for way in WAYS])
        person, friend = chance.sample(people, 2)
        apart = person.user.installed and chance.random() < APART
        return cls(
            person=person,
            where=person.chat_with(friend) if apart else person.channel,
            way=way,
            take=take,
            takes=1 if chance.random() > SEVERAL else chance.choice((2, 3, 4)),
            length=chance.choice(LENGTHS),
            cancelled=chance.random() < CANCELLED,
            pressed=chance.random() < PRESSED,
        )

    async def asked(self) -> Interaction:
        length = {"length": self.length} if self.way.has_length else {}
        options = self.way.options | length | {"take": self.take, "takes": self.takes}
        return await self.person.types(self.way.command, where=self.where, **options)

    def is_met_by(self, message: Message) -> bool:
        """Whether each sound of a message is one of the takes that were asked for."""
        names = [file.filename for file in message.attachments if file.filename.endswith(".mp3")]
        takes = [f"take{self.take + further}." for further in range(self.takes)]
        return all(self.way.word in name and any(take in name for take in takes) for name in names)


class Crowd:
    """People who ask at random moments, `rate` times a second."""

    def __init__(self, people: Sequence[Person], chance: random.Random, rate: float) -> None:
        self._people, self._chance, self._rate = people, chance, rate
        self.asked: list[Interaction] = []
        """All that asks for pieces, presses included."""
        self.wishes: dict[Interaction, Wish] = {}
        """Of those interactions that are commands."""

    async def ask_while(self, going_on: asyncio.Task[None]) -> None:
        """Ask until a task is over; returns when everybody has done what they wanted. Raises what the task raises."""
        asking = []
        while not going_on.done():
            await asyncio.sleep(self._chance.expovariate(self._rate))
            wish = Wish.drawn(self._people, self._chance, 1000 + 10 * len(asking))
            asking.append(asyncio.create_task(self._ask(wish)))
        await going_on
        await asyncio.gather(*asking)

    async def _ask(self, wish: Wish) -> None:
        interaction = await wish.asked()
        self.asked.append(interaction)
        self.wishes[interaction] = wish
        with contextlib.suppress(TimeoutError, ClientRefuses):
            if wish.cancelled:
                await wish.person.clicks(await interaction.answered(), "Cancel")
            elif wish.pressed:
                await self._press(wish.person, await interaction.finished(PATIENCE))

    async def _press(self, person: Person, message: Message) -> None:
        labels = [button.get("label") for button in message.buttons]
        if label := next((label for label in PRESSES if label in labels), None):
            self.asked.append(await person.clicks(message, label))
