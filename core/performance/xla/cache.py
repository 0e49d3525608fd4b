"""Keys and values of past events, which the decode loop keeps. Those that all candidates of a piece have in common are
kept once for the piece, and read by the queries of all candidates in one product; those of the last events, in which
candidates may differ, are kept for each slot. The slots of a piece follow one another."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from keras import ops

from core.performance.architecture import MOST_SCORE

Tensor: TypeAlias = Any


class KVCache(NamedTuple):
    """Keys, (rows, kv_heads, head_dim, events), and values, (rows, kv_heads, events, head_dim), the oldest first. No
    product has to transpose them: keys the other way round take half as long again. A row is a slot or a piece."""

    keys: Tensor
    values: Tensor

    @classmethod
    def empty(cls, rows: int, kv_heads: int, head_dim: int, events: int, dtype: str = "float32") -> KVCache:
        return cls(
            ops.zeros((rows, kv_heads, head_dim, events), dtype), ops.zeros((rows, kv_heads, events, head_dim), dtype)
        )

    @property
    def events(self) -> int:
        return self.values.shape[2]

    def cast(self, dtype: str) -> KVCache:
        return KVCache(ops.cast(self.keys, dtype), ops.cast(self.values, dtype))

    def put(self, place: Tensor, key: Tensor, value: Tensor, key_place: Tensor | None = None) -> KVCache:
        """With an event's key, (rows, kv_heads, head_dim, 1), and value, (rows, kv_heads, 1, head_dim), at a place; the
        key may have another."""
        return KVCache(
            ops.slice_update(self.keys, (0, 0, 0, place if key_place is None else key_place), key),
            ops.slice_update(self.values, (0, 0, place, 0), value),
        )

    def longer(self, events: int) -> KVCache:
        """With room for so many more events behind."""
        return KVCache(
            ops.pad(self.keys, ((0, 0), (0, 0), (0, 0), (0, events))),
            ops.pad(self.values, ((0, 0), (0, 0), (0, events), (0, 0))),
        )

    def first(self, events: int, step: int = 1) -> KVCache:
        """The oldest `events` of every row, or of one row in `step`."""
        return KVCache(self.keys[::step, :, :, :events], self.values[::step, :, :events])

    def part(self, first: Tensor, events: int) -> KVCache:
        """So many events from place `first` on."""
        rows, heads, head_dim, _ = self.keys.shape
        return KVCache(
            ops.slice(self.keys, (0, 0, 0, first), (rows, heads, head_dim, events)),
            ops.slice(self.values, (0, 0, first, 0), (rows, heads, events, head_dim)),
        )

    def without(self, events: int) -> KVCache:
        """All but the oldest `events`."""
        return KVCache(self.keys[..., events:], self.values[:, :, events:])

    def followed_by(self, later: KVCache) -> KVCache:
        return KVCache(
            ops.concatenate([self.keys, later.keys], axis=3), ops.concatenate([self.values, later.values], axis=2)
        )


def by_piece(vectors: Tensor, pieces: int) -> Tensor:
    """(slots, kv_heads, group, head_dim) -> (pieces, kv_heads, candidates x group, head_dim): the queries of all
    candidates become queries of their piece."""
    slots, heads, group, head_dim = vectors.shape
    vectors = ops.reshape(vectors, (pieces, slots // pieces, heads, group, head_dim))
    return ops.reshape(ops.transpose(vectors, (0, 2, 1, 3, 4)), (pieces, heads, slots // pieces * group, head_dim))


def by_slot(vectors: Tensor, slots: int) -> Tensor:
    """The inverse of `by_piece`."""
    pieces, heads, queries, head_dim = vectors.shape
    candidates = slots // pieces
    vectors = ops.reshape(vectors, (pieces, heads, candidates, queries // candidates, head_dim))
    return ops.reshape(ops.transpose(vectors, (0, 2, 1, 3, 4)), (slots, heads, queries // candidates, head_dim))


def attend(queries: Tensor, cache: KVCache, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The sum of the attention weights, and of the values times these, of queries of (rows, kv_heads, queries,
    head_dim), scaled already; `seen`, (rows, 1, queries or 1, events), says where a query may look. Sums of several
    caches add up."""
    scores = ops.clip(ops.matmul(queries, cache.keys), -MOST_SCORE, MOST_SCORE)
    weights = ops.where(seen, ops.exp(scores), 0.0)
    return ops.sum(weights, axis=-1, keepdims=True), ops.matmul(weights, cache.values)
