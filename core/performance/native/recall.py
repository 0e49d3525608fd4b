"""Recall in the decode loop: attention to what a piece played before the window. See `core.performance.recall`."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.native import compiled, inlined
from core.performance.engine import STRETCH
from core.performance.native.attention import attend, keep, of_head
from core.performance.native.products import add_product, norm, normed, product, rounded
from core.performance.native.state import Cache
from core.performance.native.weights import Attention, RecallLayer


@inlined
def recall_layer(
    hidden: Any, layer: RecallLayer, number: int, memory: Cache, moments: Cache, window: int, began: Any, place: int
) -> None:
    """Add to (slots, width) what they recall in the layer of this number: each looks for moments like it, `window`
    events back or more, and reads the events that followed those. They are the `place`-th events of a chunk before
    which each slot had read `began`, (slots,); their keys and values join the moments."""
    attention = layer.attention
    projected = product(normed(hidden, attention.norm), attention.projection)
    slots, heads, head_dim = moments.keys.shape[0], moments.keys.shape[2], attention.key_norm.shape[0]
    queries = np.empty((heads, slots, head_dim), dtype=np.float32)
    for slot in range(slots):
        for head in range(heads):
            _project(projected[slot], attention, number, slot, head, queries[head, slot], moments, STRETCH + place)
    recalled = np.empty((slots, heads * head_dim), dtype=np.float32)
    candidates = slots // memory.keys.shape[0]
    for slot in range(0, slots, candidates):
        for head in range(heads):
            own, event = queries[head, slot : slot + candidates], began[slot] + place
            totals, attended = np.full(candidates, layer.sink[head]), np.zeros_like(own)
            _look_far_back(own, of_head(memory, slot // candidates, number, head), window, event, totals, attended)
            for candidate in range(candidates):
                row = recalled[slot + candidate]
                row[head * head_dim : (head + 1) * head_dim] = attended[candidate] / totals[candidate]
    add_product(hidden, recalled, attention.out)


@compiled
def _project(
    projected: Any, layer: Attention, number: int, slot: int, head: int, query: Any, moments: Cache, here: int
) -> None:
    """A slot's query, and its key and value at a place of the moments, the key beside the event that follows."""
    heads, head_dim = moments.keys.shape[2], query.shape[0]
    shared = projected[head * head_dim : (head + 1) * head_dim]
    value = projected[(heads + head) * head_dim : (heads + head + 1) * head_dim]
    norm(shared, layer.query_norm, query)
    norm(shared, layer.key_norm, shared)
    keep(moments, slot, number, head, here + 1, shared, here, value)


@compiled
def _look_far_back(queries: Any, memory: Cache, window: int, number: int, totals: Any, attended: Any) -> None:
    """The queries of the event of this number look at a head's memory. An event that is read is the window or more
    back, and less than the memory is long; the first, of number 0, is none."""
    length = memory.key_steps.shape[0]
    newest, oldest = number - window, max(1, number - length + 1)
    if newest < oldest:
        return
    numbers, none = rounded(queries, 2 * memory.keys.shape[1]), np.int64(0)  # a literal would be compiled anew
    first, last = oldest % length, newest % length + 1
    if first < last:
        attend(numbers, none, memory, first, last, totals, attended)
    else:
        attend(numbers, none, memory, first, length, totals, attended)
        attend(numbers, none, memory, none, last, totals, attended)
