"""Attention of a few queries to the keys and values of past events, one event a slot. Shapes as in `state`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from core.native import compiled, inlined
from core.native.arithmetic import exponential
from core.native.sums import total
from core.performance.engine import STRETCH
from core.performance.native.products import Rounded, add_product, multiply, norm, normed, product, round_row, rounded
from core.performance.native.state import Cache
from core.performance.native.vectors import BLOCK, ROWS, sum_products
from core.performance.native.weights import Attention

TILE = 256
"""Events that are looked at in one go: their keys and values stay in the nearest caches for all queries."""
_ALIGNED = 64
"""Where tiles begin and end: the blocks of all processors fit, so that tiles, whose weights are rounded together, are
the same on all."""
_MOST = np.float32(127)
"""What 8 bits hold."""


@compiled
def of_head(cache: Cache, row: int, layer: int, head: int) -> Cache:
    """The keys and values of a head, for one row of a cache."""
    return Cache(
        cache.keys[row, layer, head],
        cache.key_steps[row, layer, head],
        cache.values[row, layer, head],
        cache.value_steps[row, layer, head],
    )


@compiled
def attend(queries: Rounded, first: int, kept: Cache, begin: int, end: int, totals: Any, attended: Any) -> None:
    """Add to what some queries get from the events `begin` up to `end` that are kept of a head: to `totals`,
    (queries,), the sum of the weights, and to `attended`, (queries, head_dim), the values times these. The queries,
    scaled already, are the rows from the `first` on. Scores are bounded, so that a softmax needs no peak, and sums over
    several caches add up."""
    for start in range(begin - begin % _ALIGNED, end, TILE):
        stop = min(start + TILE, end + -end % _ALIGNED)
        for query in range(0, totals.shape[0], ROWS):
            group = slice(query, min(query + ROWS, totals.shape[0]))
            weights = _weights(queries, first + query, kept, (start, stop), (begin, end), totals[group])
            _add_values(weights, kept.values, start // 2, attended[group])


@compiled
def _weights(queries: Rounded, first: int, kept: Cache, tile: Any, seen: Any, totals: Any) -> Rounded:
    """The weights of the events of a tile, times the steps of their values, for as many queries as `totals` takes the
    sums of. Those that are not `seen`, from an event up to another, count nothing."""
    weights = np.empty((totals.shape[0], tile[1] - tile[0]), dtype=np.float32)
    sums = np.empty((ROWS, BLOCK), dtype=np.int32)
    for start in range(tile[0], tile[1], BLOCK):
        sum_products(queries.numbers, first, kept.keys, start // BLOCK, np.int64(0), sums)
        for query in range(totals.shape[0]):
            target, step = weights[query, start - tile[0] :], queries.steps[first + query]
            _weigh(sums[query], step, kept.key_steps[start:], seen[0] - start, seen[1] - start, target)
    for query in range(totals.shape[0]):
        totals[query] += total(weights[query])
        multiply(weights[query], kept.value_steps[tile[0] :])
    return rounded(weights, weights.shape[1])


@compiled
def _weigh(products: Any, step: Any, key_steps: Any, begin: int, end: int, weights: Any) -> None:
    """The weights of a block's events from `begin` up to `end`, by the products of their keys with a query."""
    for event in range(BLOCK):
        weight = exponential(np.float32(products[event]) * (step * key_steps[event]))
        weights[event] = weight if begin <= event < end else np.float32(0)


@compiled
def _add_values(weights: Rounded, values: Any, pair: int, attended: Any) -> None:
    """Add to (queries, head_dim) the values of a head, from a pair of events on, times their weights."""
    sums = np.empty((ROWS, BLOCK), dtype=np.int32)
    for block in range(values.shape[0]):
        sum_products(weights.numbers, np.int64(0), values, block, pair, sums)
        for query in range(attended.shape[0]):
            for part in range(block * BLOCK, min(block * BLOCK + BLOCK, attended.shape[1])):
                attended[query, part] += np.float32(sums[query, part - block * BLOCK]) * weights.steps[query]


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


@inlined
def attention_layer(
    hidden: Any, layer: Attention, number: int, angles: Any, past: Cache, recent: Cache, began: Any, place: int
) -> None:
    """Add to (slots, width) what they attend to in the layer of this number. They are the `place`-th events of a chunk
    before which each slot had read `began`, (slots,), and `angles` the cosines and sines of their rotary angles; their
    keys and values join the recent cache."""
    projected = product(normed(hidden, layer.norm), layer.projection)
    slots, heads, head_dim = recent.keys.shape[0], recent.keys.shape[2], layer.key_norm.shape[0]
    group = projected.shape[1] // head_dim // heads - 2
    queries = np.empty((slots, heads, group, head_dim), dtype=np.float32)
    for slot in range(slots):
        _project(projected[slot], layer, number, angles, slot, queries[slot], recent, STRETCH + place)
    joined = np.empty((slots, heads * group * head_dim), dtype=np.float32)
    candidates = slots // past.keys.shape[0]
    for first in range(0, slots, candidates):
        for head in range(heads):
            own = queries[first : first + candidates, head].copy().reshape((candidates * group, head_dim))
            target = joined[first : first + candidates]
            _look_back(own, past, recent, number, first, head, began[first], place, target)
    add_product(hidden, joined, layer.out)


@compiled
def _project(
    projected: Any, layer: Attention, number: int, angles: Any, slot: int, queries: Any, recent: Cache, here: int
) -> None:
    """A slot's queries, (kv_heads, group, head_dim), and its key and value at a place of its recent cache."""
    heads, group, head_dim = queries.shape
    parts = projected.reshape((heads * group + 2 * heads, head_dim))
    for head in range(heads):
        cosines, sines = angles[0][slot, head % 2], angles[1][slot, head % 2]
        for query in range(group):
            norm(parts[head * group + query], layer.query_norm, queries[head, query])
            _rotate(queries[head, query], cosines, sines)
        key, value = parts[heads * group + head], parts[heads * group + heads + head]
        norm(key, layer.key_norm, key)
        _rotate(key, cosines, sines)
        keep(recent, slot, number, head, here, key, here, value)


@compiled
def keep(cache: Cache, slot: int, layer: int, head: int, key_place: int, key: Any, place: int, value: Any) -> None:
    """Write a key and a value to their places in a slot's cache."""
    numbers = np.empty(key.shape[0], dtype=np.int8)
    cache.key_steps[slot, layer, head, key_place] = round_row(key, _MOST, numbers)
    for part in range(key.shape[0]):
        cache.keys[slot, layer, head, key_place // BLOCK, part // 2, key_place % BLOCK, part % 2] = numbers[part]
    cache.value_steps[slot, layer, head, place] = round_row(value, _MOST, numbers)
    for part in range(key.shape[0]):
        cache.values[slot, layer, head, part // BLOCK, place // 2, part % BLOCK, place % 2] = numbers[part]


@compiled
def _look_back(
    queries: Any, past: Cache, recent: Cache, layer: int, slot: int, head: int, began: int, place: int, joined: Any
) -> None:
    """What the queries of a piece's candidates, (candidates x group, head_dim), attend to with one head: all to the
    past of the piece, with one reading of it, and each to its own recent events. `slot` is the first of the piece;
    (candidates, query_heads x head_dim) take it."""
    candidates, head_dim = joined.shape[0], queries.shape[1]
    group, piece, older = queries.shape[0] // candidates, slot // candidates, past.key_steps.shape[3]
    totals, attended = np.zeros(len(queries), dtype=np.float32), np.zeros_like(queries)
    numbers = rounded(queries, 2 * past.keys.shape[4])
    first = max(place + 1, older + STRETCH - began)
    attend(numbers, np.int64(0), of_head(past, piece, layer, head), first, older, totals, attended)
    first, last = max(0, STRETCH - began), STRETCH + place + 1
    for candidate in range(candidates):
        mine = slice(candidate * group, (candidate + 1) * group)
        kept = of_head(recent, slot + candidate, layer, head)
        attend(numbers, mine.start, kept, first, last, totals[mine], attended[mine])
    for query in range(len(queries)):
        column = (head * group + query % group) * head_dim
        joined[query // group, column : column + head_dim] = attended[query] / totals[query]
