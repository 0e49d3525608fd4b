"""core/performance/xla/engine.py: beside tests/core/performance/test_engine.py."""

import numpy as np

from core.performance.engine import before_the_first_event
from core.performance.events import remaining_bucket
from core.performance.xla.engine import remaining


def test_a_network_is_told_the_remaining_time():
    """By the bucket of the seconds to the end of the length, all of it before the first note; unsaid without one."""
    _, state = before_the_first_event(2)
    state = state._replace(time=np.array([900, 900]), first_onset=np.array([100, 900]), sounded=np.array([True, False]))
    said = [np.asarray(remaining(state, np.array([length] * 2))).tolist() for length in (0, 800, 1000, 2000, 40_000)]
    wanted = [[0, 0], *[remaining_bucket(np.array([length - 8, length])).tolist() for length in (8, 10, 20, 400)]]
    assert said == wanted
