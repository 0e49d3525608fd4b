"""The protocol of all composers. Importing this costs nothing; `core.loader` loads one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from core.key_events import KeyEvent
from core.request import ComposeRequest

if TYPE_CHECKING:
    import numpy as np
    from pretty_midi import PrettyMIDI

Progress = Callable[[float], None]
"""Is told the share that is done, 0 to 1, every fraction of a second; may raise Cancelled to stop the composer."""

Settled = Callable[[Callable[[], Sequence[KeyEvent]]], None]
"""Is told when a piece begins, and whenever more of it is settled, by a function that gives all that is, from the
beginning, in ticks of a millisecond. That may change all the same, and nobody has to call it."""


class Composition(NamedTuple):
    """Music that a composer made, and what is known of it."""

    music: PrettyMIDI
    shared_at_most: int | None = None
    """Notes of the longest passage that may stand in the music which the model learnt from; None where it cannot be
    told."""
    ended_early: bool = False
    """Whether the music ends before the length asked for, since the model got stuck."""


class Composer(Protocol):
    """A model that is loaded and ready. The same request gives the same notes on the same machine type."""

    model: str
    """A name in `core.models.MODELS`."""
    checkpoint: str
    """The first 12 hexadecimal digits of the hash of everything in the checkpoint's folder that shapes a piece."""

    @property
    def places(self) -> int:
        """How many threads may call `compose` at the same time and all get on."""
        ...

    def compose(
        self,
        request: ComposeRequest,
        progress: Progress = lambda share: None,
        settled: Settled = lambda so_far: None,
    ) -> Composition:
        """Make the piece, `request.length` steps long. Raises BadRequest for a seed the model cannot begin with. A
        composer need not know what is settled before the end."""
        ...

    def attention(self, music: PrettyMIDI) -> tuple[list[str], list[np.ndarray]] | None:
        """Attention in the middle of a piece that it composed: the words of that window, and a matrix a block of the
        network, (words, words), whose row t says what word t attended to. None where the model does not attend."""
        ...

    def warm_up(self) -> None:
        """Compile what a first piece would otherwise wait for."""
        ...

    def warm_up_fully(self) -> None:
        """Compile what many pieces at once would wait for, while others are composed already."""
        ...
