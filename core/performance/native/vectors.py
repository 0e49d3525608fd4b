"""The innermost loop of products, as vector instructions. By one of them a processor multiplies pairs of 16-bit numbers
and adds them up in 32 bits: twice as many as of float32. LLVM does not see it in a loop of Numba's.

Sums of whole numbers are exact. So a row comes out the same beside any others, in vectors of any length."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic


def _features() -> list[str]:
    """What the processor has, each with a plus before it, or what the code shall be compiled for."""
    if chosen := getattr(config, "CPU_FEATURES", None):  # Numba sets it, and declares it nowhere
        return str(chosen).split(",")
    with suppress(RuntimeError):  # LLVM does not know every processor
        return get_host_cpu_features().flatten().split(",")
    return []


_FEATURES = _features()
_WIDE = "+avx512vnni" in _FEATURES
"""Whether vectors of 512 bits pay: older processors that know them lower their clock for it."""
_INSTRUCTION = "llvm.x86.avx512.pmaddw.d.512" if _WIDE else "llvm.x86.avx2.pmadd.wd"

LANES = 16 if _WIDE else 8
"""Sums in a vector."""
VECTORS = 4
"""Vectors of columns that share one reading of the rows."""
BLOCK = LANES * VECTORS
"""Columns of a matrix that lie side by side in memory, pair of inputs by pair of inputs."""
ROWS = 3
"""Rows that share one reading of a matrix. Counts of rows are filled up to a multiple."""

_BYTE, _SHORT, _INT = (ir.IntType(bits) for bits in (8, 16, 32))
_SUMS, _BYTES, _SHORTS = (ir.VectorType(_INT, LANES), *(ir.VectorType(kind, 2 * LANES) for kind in (_BYTE, _SHORT)))


def blocks(numbers: np.ndarray) -> np.ndarray:
    """(columns, inputs) of int8 in the order in which they are read: (blocks, pairs of inputs, BLOCK, 2), filled up
    with zeros."""
    columns, inputs = numbers.shape
    filled = np.pad(numbers, ((0, -columns % BLOCK), (0, inputs % 2)))
    return np.ascontiguousarray(filled.reshape(-1, BLOCK, filled.shape[1] // 2, 2).swapaxes(1, 2))


def _sum_products(_context: Any, rows: Any, first: Any, matrix: Any, block: Any, pair: Any, sums: Any) -> Any:
    return types.void(rows, first, matrix, block, pair, sums), _emit


sum_products: Any = intrinsic(_sum_products)
"""sum_products(rows, first, matrix, block, pair, sums): the products of ROWS of (rows, inputs) of int16, from the
`first` on, with a block of a matrix as `blocks` gives it, from a `pair` of its inputs on, into `sums`, (ROWS, BLOCK) of
int32. The rows' inputs are an even number. All arrays are contiguous."""


def _emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
    made = zip(signature.args, arguments, strict=True)
    rows, first, matrix, block, pair, sums = (
        context.make_array(kind)(context, builder, value) if isinstance(kind, types.Array) else value
        for kind, value in made
    )
    pairs = builder.lshr(builder.extract_value(rows.shape, 1), first.type(1))
    start = builder.add(builder.mul(block, builder.extract_value(matrix.shape, 1)), pair)
    totals = [cgutils.alloca_once(builder, _SUMS) for _ in range(ROWS * VECTORS)]
    for total in totals:
        builder.store(ir.Constant(_SUMS, None), total)
    with cgutils.for_range(builder, pairs) as loop:
        place = builder.add(start, loop.index)
        weights = [builder.sext(vector, _SHORTS) for vector in _loaded(builder, matrix.data, _BYTES, place, VECTORS)]
        for row in range(ROWS):
            place = builder.add(builder.mul(builder.add(first, first.type(row)), pairs), loop.index)
            [both] = _loaded(builder, rows.data, _INT, place, 1)
            inputs = builder.bitcast(_everywhere(builder, both), _SHORTS)
            for total, vector in zip(totals[row * VECTORS :], weights, strict=False):
                builder.store(builder.add(builder.load(total), _pairs_summed(builder, inputs, vector)), total)
    target = builder.bitcast(sums.data, _SUMS.as_pointer())
    for place, total in enumerate(totals):
        builder.store(builder.load(total), builder.gep(target, [_INT(place)]), align=4)
    return context.get_dummy_value()


def _loaded(builder: ir.IRBuilder, data: ir.Value, kind: ir.Type, place: ir.Value, count: int) -> list[ir.Value]:
    """So many values of a kind that follow one another, of memory that holds such: the `place`-th such group."""
    start = builder.gep(builder.bitcast(data, kind.as_pointer()), [builder.mul(place, place.type(count))])
    return [builder.load(builder.gep(start, [_INT(number)]), align=1) for number in range(count)]


def _everywhere(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """A vector of the same value in all lanes."""
    nothing = ir.Constant(_SUMS, ir.Undefined)
    return builder.shuffle_vector(builder.insert_element(nothing, value, _INT(0)), nothing, ir.Constant(_SUMS, None))


def _pairs_summed(builder: ir.IRBuilder, one: ir.Value, other: ir.Value) -> ir.Value:
    """The products of two vectors of 16-bit numbers, of which each two neighbours are added."""
    if not (_WIDE or "+avx2" in _FEATURES):
        return pairs_summed_anywhere(builder, one, other)
    kind = ir.FunctionType(_SUMS, [_SHORTS, _SHORTS])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, _INSTRUCTION), [one, other])


def pairs_summed_anywhere(builder: ir.IRBuilder, one: ir.Value, other: ir.Value) -> ir.Value:
    """`_pairs_summed` on any processor: as fast where LLVM knows a better way, else slower."""
    nothing, products = ir.Constant(_SHORTS, ir.Undefined), []
    for part in range(2):
        lanes = ir.Constant(_SUMS, [_INT(2 * lane + part) for lane in range(LANES)])
        wide = [builder.sext(builder.shuffle_vector(each, nothing, lanes), _SUMS) for each in (one, other)]
        products.append(builder.mul(*wide))
    return builder.add(*products)
