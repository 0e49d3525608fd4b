"""core/performance/guard.py: loops, silences, tremolos and thin music are found where they begin, and music is left
alone."""

import numpy as np
import pytest

from core.performance.events import END, PEDAL_DOWN
from core.performance.guard import (
    Trouble,
    find_trouble,
    find_trouble_at_the_end,
    find_trouble_at_the_start,
    trouble,
)


def line(*rows):
    return np.array([*rows, (100, END, 0, 0)], dtype=np.int32)


MUSIC = tuple((20, 30 + number * number % 41, 64, 20) for number in range(200))


@pytest.mark.parametrize(
    "moments, wrong",
    [
        (line(*MUSIC), None),
        (line(*((20, 40, 64, 20) for _ in range(200))), "stuck on a note"),
        (line(*((20, 40 + number % 5, 64, 20) for number in range(200))), "stuck in a loop"),
        (line(*((2, 30 + number * number % 41, 64, 20) for number in range(600))), "more notes than fingers can play"),
        (line((0, 40, 64, 20), (10, 41, 64, 20), (10, PEDAL_DOWN, 0, 0)), None),
        (line((0, 40, 64, 20), (10, PEDAL_DOWN, 0, 0)), "next to no notes"),
        (line(*((700, 40 + number, 64, 20) for number in range(30))), "next to no notes"),
        (line(*((0, 40 + number, 64, 20) for number in range(9)), (900, 50, 64, 20)), "a long silence"),
        (line((0, 40, 64, 20), (0, 41, 64, 20), (900, PEDAL_DOWN, 0, 0)), "a long silence"),
    ],
)
def test_trouble_is_told_from_music(moments, wrong):
    """One key, a loop, next to nothing, silence, also before the end; music is none of these."""
    assert trouble(moments) == wrong


def test_a_silence_is_still_shorter_than_8_s_when_its_times_are_spread():
    """Music in the making has 0.2 s less: its coarse times may grow by that when they are written."""
    onsets, keys = np.array([0.0, 0.5, 8.4]), np.array([40, 44, 47])
    assert find_trouble(onsets, keys, 9.0) == Trouble("a long silence", 1)
    assert find_trouble(onsets - [0, 0, 0.15], keys, 9.0) is None


def tremolo(generator, notes, others):
    """Notes in three keys, in no order, of which every so many is another."""
    keys = generator.choice([40, 47, 52], notes)
    keys[::others] = generator.integers(0, 88, len(keys[::others]))
    return keys


@pytest.mark.parametrize("others, wrong", [(12, True), (5, True), (2, False)])
def test_a_tremolo_that_varies_is_found(others, wrong):
    """Half a minute in three keys has no pattern and is stuck all the same; with every other note elsewhere, it is
    music."""
    generator = np.random.default_rng(0)
    keys = np.concatenate([generator.integers(0, 88, 200), tremolo(generator, 300, others)])
    found = find_trouble(np.arange(500) * 0.125, keys, 62.5)
    assert (found is not None) == wrong


def test_a_trouble_says_where_it_begins():
    """A loop begins with its first repetition, a silence with the note before it, a tremolo with its window."""
    generator = np.random.default_rng(0)
    music = generator.integers(0, 88, 100)
    onsets = np.arange(300) * 0.125
    loop = np.concatenate([music, np.tile([3, 50, 20, 40, 70], 40)])
    assert find_trouble(onsets, loop, 37.5) == Trouble("stuck in a loop", 100)
    assert find_trouble(onsets[:100], music, 25.0) == Trouble("a long silence", 99)
    few = find_trouble(onsets, np.concatenate([music, tremolo(generator, 200, 20)]), 37.5)
    assert few.reason == "stuck on few keys"
    assert 80 <= few.note <= 110


def test_an_end_on_few_keys_is_found():
    """Ten seconds of which three keys have most notes; what was before does not count."""
    generator = np.random.default_rng(0)
    music, onsets = generator.integers(0, 88, 200), np.arange(200) * 0.25
    assert find_trouble_at_the_end(onsets, music, 51.0) is None
    dwelling = np.concatenate([music[:160], tremolo(generator, 40, 4)])
    assert find_trouble_at_the_end(onsets, dwelling, 51.0) == Trouble("an end on few keys", 160)


def test_a_whole_piece_has_a_note_a_second():
    """A short one too, of which the guard would otherwise see no window; one without notes has none."""
    onsets = np.arange(10) * 1.0
    assert find_trouble_at_the_end(onsets, np.arange(10), 9.9) is None
    assert find_trouble_at_the_end(onsets, np.arange(10), 10.1) == Trouble("next to no notes", 0)
    assert find_trouble_at_the_end(onsets[:0], np.arange(0), 10.0) == Trouble("next to no notes", 0)


def test_what_follows_a_primer_begins_soon():
    """Before its first note too, while it is still in the making."""
    silence = Trouble("a silence before the first note", 0)
    assert find_trouble_at_the_start(np.array([2.9, 9.0]), 10.0) is None
    assert find_trouble_at_the_start(np.array([3.1]), 3.1) == silence
    assert find_trouble_at_the_start(np.array([]), 2.0) is None
    assert find_trouble_at_the_start(np.array([]), 3.5) == silence
