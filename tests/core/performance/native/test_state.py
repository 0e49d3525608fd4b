"""core/performance/native/state.py: the state of the decode loop."""

from core.performance.architecture import PerformanceConfig
from core.performance.engine import CHUNK, STRETCH, Origin
from core.performance.native.state import State

RECALLING = PerformanceConfig(
    styles=("any",), num_blocks=2, window=4 * CHUNK, num_recall_layers=2, recall_length=4 * CHUNK
)


def test_a_copy_of_a_memory_is_as_long_as_the_piece():
    """Of a piece whose first chunk has settled that chunk is copied, and nothing of the room behind it: the machine's
    memory is taken for what was played, not for what may be."""
    state = State.start(RECALLING, pieces=2, candidates=2)
    state.slots.decode.events_read[:] = STRETCH + CHUNK
    for numbers in state.pieces.memory:
        numbers[:] = 1
    alone = State.start(RECALLING, pieces=1, candidates=1)
    alone.gather([state], [Origin(0, slot=3)])
    memory = alone.pieces.memory
    for numbers in memory.between(0, None, CHUNK):
        assert numbers.all()
    for numbers in memory.between(0, CHUNK, None):
        assert not numbers.any()
