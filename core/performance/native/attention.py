"""Attention of a few queries to the keys and values of past events, one event a slot. Shapes as in `state`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from core.performance.engine import STRETCH
from core.performance.native import compiled
from core.performance.native.arithmetic import exponential, narrowed, widened
from core.performance.native.products import add_product, norm, normed, product
from core.performance.native.state import Cache
from core.performance.native.weights import Attention

TILE = 256
"""Events that are looked at in one go: their keys and values stay in the nearest caches for all queries."""
UNROLLED = 4
"""Rows that are multiplied at once."""


@compiled
def attend(queries: Any, keys: Any, values: Any, first: int, last: int, totals: Any, attended: Any) -> None:
    """Add to what the (queries, head_dim), scaled already, get from the events `first` up to `last`: to `totals`,
    (queries,), the sum of the weights, and to `attended`, (queries, head_dim), the values times these. Scores are
    bounded, so that a softmax needs no peak, and sums over several caches add up."""
    head_dim = queries.shape[1]
    nowhere = np.empty(head_dim, dtype=np.float32)
    for start in range(first, last, TILE):
        stop = min(start + TILE, last)
        for query in range(0, queries.shape[0], 2):
            paired = query + 1 < queries.shape[0]  # an odd one out is its own pair, so that it comes out the same
            one, other = queries[query], queries[query + 1 if paired else query]
            weights, more = np.zeros(stop - start, dtype=np.float32), np.zeros(stop - start, dtype=np.float32)
            _add_products(keys, start, stop, np.int64(0), one, other, weights, more)
            totals[query] += _weigh(weights)
            if paired:
                totals[query + 1] += _weigh(more)
            target = attended[query + 1] if paired else nowhere
            _add_products(values, np.int64(0), head_dim, start, weights, more, attended[query], target)


@compiled
def _add_products(
    matrix: Any, first: int, last: int, offset: int, one: Any, other: Any, out_one: Any, out_other: Any
) -> None:
    """Add to two vectors the products of others with the rows `first` up to `last` of a matrix, from column `offset`
    on. Both share one reading of the rows, and four rows one reading of both."""
    count = one.shape[0]
    whole = last - (last - first) % UNROLLED
    zero = np.float32(0)
    for row in range(first, whole, UNROLLED):
        a, b = matrix[row, offset : offset + count], matrix[row + 1, offset : offset + count]
        c, d = matrix[row + 2, offset : offset + count], matrix[row + 3, offset : offset + count]
        ax = bx = cx = dx = ay = by = cy = dy = zero
        for place in range(count):
            p, q, r, s = widened(a[place]), widened(b[place]), widened(c[place]), widened(d[place])
            u, v = one[place], other[place]
            ax, bx, cx, dx = ax + u * p, bx + u * q, cx + u * r, dx + u * s
            ay, by, cy, dy = ay + v * p, by + v * q, cy + v * r, dy + v * s
        place = row - first
        out_one[place] += ax
        out_one[place + 1] += bx
        out_one[place + 2] += cx
        out_one[place + 3] += dx
        out_other[place] += ay
        out_other[place + 1] += by
        out_other[place + 2] += cy
        out_other[place + 3] += dy
    for row in range(whole, last):
        a = matrix[row, offset : offset + count]
        ax = ay = zero
        for place in range(count):
            p = widened(a[place])
            ax, ay = ax + one[place] * p, ay + other[place] * p
        out_one[row - first] += ax
        out_other[row - first] += ay


@compiled
def _weigh(scores: Any) -> Any:
    """Scores become weights in place; their sum."""
    total = np.float32(0)
    for event in range(scores.shape[0]):
        scores[event] = exponential(scores[event])
        total += scores[event]
    return total


@compiled
def rotary_angles(frequencies: Any, events: Any, times: Any) -> Any:
    """Cosines and sines, each (slots, 2, head_dim / 2), of the rotary angles of events of these numbers, (slots,), at
    these times, in cells."""
    shape = (events.shape[0], *frequencies.shape)
    cosines, sines = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    for slot in range(events.shape[0]):
        for clock in range(2):
            moment = np.float32(times[slot] if clock else events[slot])
            for place in range(frequencies.shape[1]):
                angle = moment * frequencies[clock, place]
                cosines[slot, clock, place] = math.cos(angle)
                sines[slot, clock, place] = math.sin(angle)
    return cosines, sines


@compiled
def _rotate(vector: Any, cosines: Any, sines: Any) -> None:
    """The two halves of a vector rotated as pairs, in place."""
    half = cosines.shape[0]
    for place in range(half):
        first, second = vector[place], vector[half + place]
        vector[place] = first * cosines[place] - second * sines[place]
        vector[half + place] = second * cosines[place] + first * sines[place]


@compiled
def attention_layer(
    hidden: Any, layer: Attention, angles: Any, past: Cache, recent: Cache, began: Any, place: int
) -> None:
    """Add to (rows, width) what they attend to. They are the `place`-th events of a chunk before which each slot had
    read `began`, (slots,), and `angles` the cosines and sines of their rotary angles; their keys and values join the
    recent cache."""
    projected = product(normed(hidden, layer.norm), layer.projection)
    slots, heads, _, head_dim = recent.keys.shape
    group = projected.shape[1] // head_dim // heads - 2
    queries = np.empty((slots, heads, group, head_dim), dtype=np.float32)
    for slot in range(slots):
        _project(projected[slot], layer, angles, slot, queries[slot], recent, STRETCH + place)
    joined = np.zeros((hidden.shape[0], heads * group * head_dim), dtype=np.float32)
    candidates = slots // past.keys.shape[0]
    for first in range(0, slots, candidates):
        for head in range(heads):
            own = queries[first : first + candidates, head].copy().reshape((candidates * group, head_dim))
            _look_back(own, past, recent, first, head, began[first], place, joined[first : first + candidates])
    add_product(hidden, joined, layer.out)


@compiled
def _project(projected: Any, layer: Attention, angles: Any, slot: int, queries: Any, recent: Cache, here: int) -> None:
    """A slot's queries, (kv_heads, group, head_dim), and its key and value at a place of its recent cache."""
    heads, group, head_dim = queries.shape
    parts = projected.reshape((heads * group + 2 * heads, head_dim))
    for head in range(heads):
        cosines, sines = angles[0][slot, head % 2], angles[1][slot, head % 2]
        for number in range(group):
            norm(parts[head * group + number], layer.query_norm, queries[head, number])
            _rotate(queries[head, number], cosines, sines)
        key, value = parts[heads * group + head], parts[heads * group + heads + head]
        norm(key, layer.key_norm, key)
        _rotate(key, cosines, sines)
        keep(recent, slot, head, here, key, here, value)


@compiled
def keep(cache: Cache, slot: int, head: int, key_place: int, key: Any, place: int, value: Any) -> None:
    """Write a key and a value to their places in a slot's cache."""
    for part in range(key.shape[0]):
        cache.keys[slot, head, key_place, part] = narrowed(key[part])
        cache.values[slot, head, part, place] = narrowed(value[part])


@compiled
def _look_back(
    queries: Any, past: Cache, recent: Cache, slot: int, head: int, began: int, place: int, joined: Any
) -> None:
    """What the queries of a piece's candidates, (candidates x group, head_dim), attend to with one head: all to the
    past of the piece, with one reading of it, and each to its own recent events. `slot` is the first of the piece;
    (candidates, query_heads x head_dim) take it."""
    candidates, head_dim = joined.shape[0], queries.shape[1]
    group, piece, older = queries.shape[0] // candidates, slot // candidates, past.keys.shape[2]
    totals, attended = np.zeros(len(queries), dtype=np.float32), np.zeros_like(queries)
    first = max(place + 1, older + STRETCH - began)
    attend(queries, past.keys[piece, head], past.values[piece, head], first, older, totals, attended)
    first, last = max(0, STRETCH - began), STRETCH + place + 1
    for candidate in range(candidates):
        mine = slice(candidate * group, (candidate + 1) * group)
        keys, values = recent.keys[slot + candidate, head], recent.values[slot + candidate, head]
        attend(queries[mine], keys, values, first, last, totals[mine], attended[mine])
    for query in range(len(queries)):
        column = (head * group + query % group) * head_dim
        joined[query // group, column : column + head_dim] = attended[query] / totals[query]
