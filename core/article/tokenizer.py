"""The article's note tokenizer: each distinct word gets an index in the order in which it is met."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from core.article.frames import SILENCE, pitches_of
from core.errors import BadCheckpoint, UnknownNotes
from core.seed import note_name


class Vocabulary:
    """The table of words. Every index has a word: where the article counts from 1 and leaves 0 empty, this counts
    from 0. As there, silence comes last."""

    def __init__(self, words: Iterable[str]) -> None:
        """`words` in the order of their indices. Raises BadCheckpoint for a table with a word twice or without `e`."""
        self.words = tuple(words)
        self._indices = {word: index for index, word in enumerate(self.words)}
        if len(self._indices) != len(self.words) or SILENCE not in self._indices:
            raise BadCheckpoint("the vocabulary has a word twice, or no word for silence")

    @classmethod
    def of(cls, pieces: Iterable[Iterable[str]]) -> Vocabulary:
        """The vocabulary of a training set: one list of words a piece."""
        met = dict.fromkeys(word for piece in pieces for word in piece)
        met.pop(SILENCE, None)
        return cls([*met, SILENCE])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._indices

    @property
    def silence(self) -> int:
        """The index of the word `e`."""
        return self._indices[SILENCE]

    def encode(self, words: Iterable[str]) -> np.ndarray:
        """Words -> their indices, int32. Raises UnknownNotes, which names three near words, for one that is missing."""
        try:
            return np.array([self._indices[word] for word in words], dtype=np.int32)
        except KeyError as missing:
            word = missing.args[0]
            raise UnknownNotes(
                "the model 'article' never heard exactly {names} at once; close ones that it knows: {near}",
                names=_names(word),
                near=tuple(map(_names, self.near(word))),
            ) from None

    def decode(self, indices: Iterable[int]) -> list[str]:
        return [self.words[index] for index in indices]

    def near(self, word: str, count: int = 3) -> list[str]:
        """The known words whose pitches are nearest to those of `word`, the nearest first: every pitch of either word
        is moved to the closest of the other, and the semitones are added up."""
        wanted = pitches_of(word)

        def semitones(known: str) -> int:
            pitches = pitches_of(known)
            there = sum(min(abs(pitch - other) for other in pitches) for pitch in wanted)
            return there + sum(min(abs(pitch - other) for other in wanted) for pitch in pitches)

        return sorted((known for known in self.words if known != SILENCE), key=semitones)[:count]


def _names(word: str) -> str:
    return "+".join(map(note_name, pitches_of(word)))
