"""Sums of many float32 in compiled code, by vectors. Their order is fixed here, so that a sum is the same at every
call, in whatever function it is compiled and on every processor; LLVM may not change the order of a sum in a loop, and
would take an element at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
"""Sums that are kept side by side: the n-th is of every 16th element, from the n-th on. They are added up in halves."""

_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)

Terms = Callable[..., ir.Value]
"""(builder, *arguments) -> what is summed up, of vectors or of single elements."""


def _total(_context: Any, row: Any) -> Any:
    return types.float32(row), _emitter(lambda _builder, row: row)


def _dot(_context: Any, one: Any, other: Any) -> Any:
    return types.float32(one, other), _emitter(lambda builder, one, other: builder.fmul(one, other))


def _total_above(_context: Any, row: Any, threshold: Any) -> Any:
    def terms(builder: ir.IRBuilder, row: ir.Value, threshold: ir.Value) -> ir.Value:
        return builder.select(builder.fcmp_ordered(">", row, threshold), row, ir.Constant(row.type, None))

    return types.float32(row, types.float32), _emitter(terms)


total: Any = intrinsic(_total)
"""total(row): the sum of (elements,)."""
dot: Any = intrinsic(_dot)
"""dot(one, other): the sum of the products of (elements,) and as many others."""
total_above: Any = intrinsic(_total_above)
"""total_above(row, threshold): the sum of those of (elements,) that are greater than a threshold."""


def _emitter(terms: Terms) -> Callable[..., ir.Value]:
    """Emits the sum of the terms of contiguous arrays of float32, all as long as the first, and of numbers."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        arguments = [
            context.make_array(kind)(context, builder, value) if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, values, strict=True)
        ]
        count = builder.extract_value(arguments[0].shape, 0)
        lanes = count.type(LANES)
        vectors = builder.udiv(count, lanes)
        sums = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, None))
        with cgutils.for_range(builder, vectors) as loop:
            place = builder.mul(loop.index, lanes)
            _add(builder, sums, terms(builder, *(_at(builder, each, place, _VECTOR) for each in arguments)))
        result = cgutils.alloca_once_value(builder, _added_up(builder, builder.load(sums)))
        with cgutils.for_range(builder, count, start=builder.mul(vectors, lanes)) as loop:
            _add(builder, result, terms(builder, *(_at(builder, each, loop.index, _FLOAT) for each in arguments)))
        return builder.load(result)

    return emit


def _at(builder: ir.IRBuilder, argument: Any, place: ir.Value, kind: ir.Type) -> ir.Value:
    """The elements of an array from a place on, or the number that an argument is, in all lanes."""
    if isinstance(argument, ir.Value):
        if kind is _FLOAT:
            return argument
        nothing = ir.Constant(kind, ir.Undefined)
        first = builder.insert_element(nothing, argument, _INT(0))
        return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INT, LANES), None))
    start = builder.gep(argument.data, [place])
    return builder.load(builder.bitcast(start, kind.as_pointer()), align=4)


def _add(builder: ir.IRBuilder, target: ir.Value, value: ir.Value) -> None:
    builder.store(builder.fadd(builder.load(target), value), target)


def _added_up(builder: ir.IRBuilder, sums: ir.Value) -> ir.Value:
    """The lanes' sum: the second half is added to the first until one is left."""
    count = LANES
    while count > 1:
        count //= 2
        half = ir.VectorType(_INT, count)
        halves = [ir.Constant(half, [_INT(first + place) for place in range(count)]) for first in (0, count)]
        sums = builder.fadd(*(builder.shuffle_vector(sums, sums, places) for places in halves))
    return builder.extract_element(sums, _INT(0))
