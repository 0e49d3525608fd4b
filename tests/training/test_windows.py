"""training/windows.py: a window is settled by its number, and a variation of it stays playable music."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from core.performance.events import DURATION, END, KEY, PEDAL_DOWN, SHIFT, START, VELOCITY, encode
from tests.support.training_steps import random_piece
from training.windows import (
    FILLER,
    Draws,
    TrainingPiece,
    Variation,
    Windows,
    batch_of,
    next_event_pairs,
    pack,
    remaining_cells,
    stretched,
    transposed,
)

UNVARIED = Variation(down=0, up=0, stretch=0.0, loudness=0)


def piece_of(count, first_key=20):
    """`count` events: rising keys 0.1 s apart, and the end."""
    rows = [[10, first_key + step % 40, 64, 10] for step in range(count - 1)]
    return np.array([*rows, [10, END, 0, 0]], dtype=np.int32)


def draws(size, **given):
    """Of a batch of windows, the first of the first piece, which change nothing but what is given."""
    numbers = {"piece": 0, "first": 0, "style": 0, "told": True, "mirrored": False, "louder": 0}
    plain = {name: np.full(size, value) for name, value in numbers.items()}
    floats = {"transposition": np.zeros(size, dtype=np.float32), "tempo": np.ones(size, dtype=np.float32)}
    return Draws(**plain | floats | {name: np.asarray(value) for name, value in given.items()})


def test_the_window_at_a_position_is_always_the_same():
    """Whoever asks, in whatever order: so a run goes on as if it had never stopped."""
    pieces = [TrainingPiece(piece_of(count), style=1) for count in (50, 7, 130)]
    one, other = (Windows(pieces, 16, 2, Variation(), 0.5, seed=3) for _ in range(2))
    forwards = [one.batch(position) for position in range(20)]
    backwards = [other.batch(position) for position in reversed(range(20))][::-1]
    for batch, same in zip(forwards, backwards, strict=True):
        for name, array in batch.items():
            np.testing.assert_array_equal(array, same[name])
    assert len({batch["following"].tobytes() for batch in forwards}) == 20


def test_a_pass_reaches_all_pieces_and_their_ends():
    """It has as many windows as it takes to hold all events, and in a few passes each event was in one."""
    piece = piece_of(100)
    piece[:, VELOCITY] = 1 + np.arange(100)
    windows = Windows([TrainingPiece(piece, style=0)], 16, 1, UNVARIED, 0.0, seed=1)
    assert len(windows) == 7
    rows = np.concatenate([windows.batch(position)["following"][0] for position in range(70)])
    assert set(rows[rows[:, KEY] != END][:, VELOCITY]) == {velocity // 4 for velocity in range(1, 100)}
    assert (rows[:, KEY] == END).any()


def test_a_share_of_a_folder_is_in_each_pass():
    """Of 160 events at a share of 0.3 three windows of 16 are drawn, others in another pass."""
    pieces = [TrainingPiece(piece_of(16), 0), TrainingPiece(piece_of(160), 1, share=0.3)]
    windows = Windows(pieces, 16, 1, UNVARIED, 0.0, seed=1)
    assert len(windows) == 4
    for number in range(3):
        styles = [windows.batch(4 * number + place)["style"].tolist() for place in range(4)]
        assert sorted(styles) == [[0], [1], [1], [1]]


def test_short_pieces_share_the_room_of_long_ones():
    """In batches of their own, of shorter windows, so that there is little padding."""
    pieces = [TrainingPiece(piece_of(count), style=0) for count in (64, 64, 20, 30, 12, 9, 14)]
    windows = Windows(pieces, 64, 1, UNVARIED, 1.0, seed=1, shortest=16)
    batches = [windows.batch(position)["following"] for position in range(len(windows))]
    assert sorted(batch.shape[:2] for batch in batches) == [(1, 64), (1, 64), (2, 32), (4, 16)]
    assert max((batch[:, :, KEY] == FILLER).mean() for batch in batches) < 0.5


def test_teacher_forcing_sets_each_event_beside_the_next():
    """A piece shorter than its window begins with the start and is followed by padding, which counts for nothing."""
    batch = Windows([TrainingPiece(piece_of(5), style=2)], 8, 1, UNVARIED, 0.0, seed=1).batch(0)
    wanted = encode(piece_of(5))
    assert batch["events"][0, 0, KEY] == START
    np.testing.assert_array_equal(batch["events"][0, 1:5], wanted[:4])
    np.testing.assert_array_equal(batch["following"][0, :5], wanted)
    assert (batch["following"][0, 5:] == FILLER).all()
    assert (batch["events"] >= 0).all()
    assert batch["style"].tolist() == [2]


def test_next_event_pairs():
    """(batch, length + 1, 4) -> inputs and targets, moved by one event."""
    windows = np.arange(24).reshape(1, 6, 4)
    events, following = next_event_pairs(windows, np.ones((1, 6), dtype=bool))
    np.testing.assert_array_equal(events, windows[:, :-1])
    np.testing.assert_array_equal(following, windows[:, 1:])


def test_a_variation_stays_on_the_piano():
    """Transposed by no more than the keys reach; the pedal and the end stay what they are."""
    window = np.tile([[10, 86, 64, 10], [10, 3, 64, 10], [10, END, 0, 0]], (60, 1, 1))
    parts = np.linspace(0, 0.999, 60, dtype=np.float32)
    keys = transposed(window, draws(60, transposition=parts), Variation())[:, :, KEY]
    assert set(map(tuple, keys.tolist())) == {(86 + step, 3 + step, END) for step in range(-3, 2)}


def test_a_variation_may_turn_the_keyboard_round():
    """What was low is high, at the same distances; the pedal and the end stay what they are."""
    window = np.array([[[0, 30, 64, 10], [10, 34, 64, 10], [10, PEDAL_DOWN, 0, 0], [10, END, 0, 0]]])
    keys = transposed(window, draws(1, mirrored=[True]), UNVARIED)[0, :, KEY]
    assert keys.tolist() == [57, 53, PEDAL_DOWN, END]
    windows = Windows([TrainingPiece(piece_of(400), 0)], 8, 5, Variation(mirrored=0.3), 0.0, seed=1)
    turned = np.concatenate([windows.draws(position)[1].mirrored for position in range(40)])
    assert 40 <= turned.sum() <= 80  # of 200


def test_a_variation_moves_all_velocities_alike():
    """By a few steps up or down, within what MIDI holds; the pedal has none."""
    window = np.tile([[10, 30, 64, 10], [10, 40, 2, 10], [10, PEDAL_DOWN, 0, 0], [10, 50, 126, 10]], (2, 1, 1))
    moved = transposed(window, draws(2, louder=[-8, 8]), UNVARIED)[:, :, VELOCITY]
    assert moved.tolist() == [[56, 1, 0, 118], [72, 10, 0, 127]]
    windows = Windows([TrainingPiece(piece_of(400), 0)], 8, 5, Variation(), 0.0, seed=1)
    steps = {int(step) for position in range(40) for step in windows.draws(position)[1].louder}
    assert steps == set(range(-8, 9))


def slower(moments, tempo):
    window = np.array([moments])
    remaining = np.zeros(window.shape[:2], dtype=np.float32)
    valid = np.ones(window.shape[:2], dtype=bool)
    return stretched(window, remaining, valid, np.float32([[tempo]]))[0][0]


def test_stretching_rounds_absolute_times():
    """100 shifts of 1 cell at 1.04 come to 104 cells; keys that come to share a cell are put in order."""
    assert slower([[0, START, 0, 0]] + [[1, 40, 64, 1]] * 100, 1.04)[:, SHIFT].sum() == 104
    together = slower([[0, START, 0, 0], [3, 50, 64, 9], [1, 20, 64, 9]], 0.5)
    assert together[1:, KEY].tolist() == [20, 50]
    assert together[1:, SHIFT].tolist() == [2, 0]


def test_a_held_key_keeps_its_end_and_a_cell():
    """The end of a note is stretched with its onset; what would round to nothing is held for a cell."""
    notes = slower([[0, START, 0, 0], [1, 50, 64, 1], [0, 60, 64, 2], [0, PEDAL_DOWN, 0, 0]], 0.7)
    assert sorted(notes[1:, [KEY, DURATION]].tolist()) == [[50, 1], [60, 1], [PEDAL_DOWN, 0]]


def test_a_window_says_how_long_its_piece_still_has():
    """From each event's onset until the piece's last, in buckets, and longer where the window is slower."""
    packed = pack([TrainingPiece(np.array([[0, 40, 64, 9], [850, 44, 64, 9], [150, END, 0, 0]]), 0)])
    assert remaining_cells(packed.moments).tolist() == [1000, 1000, 150, 0]
    tempo = np.float32([1, 1.2])
    batch = batch_of(packed, draws(2, tempo=tempo), 3, UNVARIED)
    assert batch["remaining"].tolist() == [[7, 7, 2], [8, 8, 2]]  # 10 s and 1.5 s; 12 s and 1.8 s
    assert batch_of(packed, draws(1, told=[False]), 3, UNVARIED)["remaining"].tolist() == [[0, 0, 0]]


def test_the_end_of_a_clip_is_not_said():
    """Of 40 % of the windows it is not said how long the piece still has, of those of clips never."""
    pieces = [TrainingPiece(piece_of(800), 0), TrainingPiece(piece_of(800), 1, has_end=False)]
    windows = Windows(pieces, 8, 4, Variation(), 0.0, seed=1)
    batches = [windows.batch(position) for position in range(len(windows))]
    said = np.concatenate([(batch["remaining"] > 0).all(axis=1) for batch in batches])
    whole = np.concatenate([batch["style"] for batch in batches]) == 0
    assert said[whole].mean() == pytest.approx(0.6, abs=0.15)
    assert not said[~whole].any()


def test_jax_cuts_the_same_windows():
    """Bit by bit, whatever varies: transposed, mirrored, louder, stretched and in order again, with padding."""
    pieces = [TrainingPiece(random_piece(count, count), 1, has_end=count > 50) for count in (300, 40, 90)]
    windows = Windows(pieces, 64, 8, Variation(mirrored=0.5), 0.5, seed=2)
    on_device = jax.jit(batch_of, static_argnums=(2, 3, 4))
    for position in range(6):
        length, chosen = windows.draws(position)
        arrays = jax.tree.map(jnp.asarray, (windows.packed, chosen))
        for name, array in on_device(*arrays, length, windows.variation, jnp).items():
            np.testing.assert_array_equal(np.asarray(array), windows.batch(position)[name])
