"""Grouped-query attention with a causal sliding window over whole sequences, as training and measuring read them, by
what is fastest there. Shapes as in `core.performance.model`."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import keras
from keras import ops

Tensor: TypeAlias = Any


def sliding_window_attention(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor, window: int) -> Tensor:
    """Queries of (batch, events, kv_heads, group, head_dim), scaled already, attend to the keys and values, (batch,
    events, kv_heads, head_dim), of the last `window` events; `mask` is that of `sliding_window_mask`. Returns what they
    attended to, in the shape of the queries.

    This is the one place that chooses: a fused kernel where there is one, else products of segments."""
    if fused_kernel_applies(queries, window):
        return fused_attention(queries, keys, values, window, "cudnn")
    return segmented_attention(queries, keys, values, mask)


def fused_kernel_applies(queries: Tensor, window: int) -> bool:
    """Whether cuDNN's kernel takes these queries: on a GPU, with JAX, of 16 bits, and not less than a window."""
    if keras.backend.backend() != "jax" or keras.backend.standardize_dtype(queries.dtype) == "float32":
        return False
    import jax

    return jax.default_backend() == "gpu" and queries.shape[1] >= window


def fused_attention(
    queries: Tensor, keys: Tensor, values: Tensor, window: int, implementation: Literal["cudnn", "xla"]
) -> Tensor:
    """By JAX's `implementation`, which never holds the scores of more than a tile."""
    import jax

    batch, events, kv_heads, group, head_dim = queries.shape
    attended = jax.nn.dot_product_attention(
        ops.reshape(queries, (batch, events, kv_heads * group, head_dim)),
        keys,
        values,
        scale=1.0,
        is_causal=True,
        local_window_size=(window - 1, 0),
        implementation=implementation,
    )
    return ops.reshape(attended, queries.shape)


def segmented_attention(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """By products of segments, so that the work grows with the count of events alone."""
    segments, length = mask.shape[0], mask.shape[1]
    queries, keys, values = (
        ops.reshape(vectors, (-1, segments, length, *vectors.shape[2:])) for vectors in (queries, keys, values)
    )
    if segments > 1:
        keys, values = _after_the_previous(keys), _after_the_previous(values)
    scores = ops.einsum("bnqhsd,bnkhd->bnhsqk", queries, keys)
    shape = ops.shape(scores)
    # TensorFlow's softmax takes five dimensions at the most
    scores = ops.reshape(ops.cast(scores, "float32"), (-1, segments, shape[2] * shape[3], *shape[-2:]))
    attention = ops.reshape(ops.softmax(ops.where(mask[:, None], scores, -1e9), axis=-1), shape)
    attended = ops.einsum("bnhsqk,bnkhd->bnqhsd", ops.cast(attention, values.dtype), values)
    return ops.reshape(attended, (-1, segments * length, *queries.shape[3:]))


def sliding_window_mask(count: int, window: int) -> Tensor:
    """The causal mask of a sliding window, (segments, events, events read). Events are cut into segments as long as the
    window, each of which reads itself and the segment before; a count that is more than a window is a multiple of
    it."""
    if count <= window:
        place = ops.arange(count)
        return (place[:, None] >= place[None, :])[None]
    age = ops.arange(window)[:, None] + window - ops.arange(2 * window)[None, :]
    seen = ops.logical_and(age >= 0, age < window)[None]
    first = ops.logical_and(seen, ops.arange(2 * window)[None, None, :] >= window)
    return ops.concatenate([first, ops.repeat(seen, count // window - 1, axis=0)], axis=0)


def _after_the_previous(segments: Tensor) -> Tensor:
    """(batch, segments, events, …) -> (batch, segments, 2 events, …): each segment behind the one before it."""
    before = ops.concatenate([ops.zeros_like(segments[:, :1]), segments[:, :-1]], axis=1)
    return ops.concatenate([before, segments], axis=2)
