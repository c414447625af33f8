"""Rows that stand anywhere in memory as columns of vectors, by shuffles: LLVM would gather number by number,
which takes more than twice as long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

INDEX = ir.IntType(32)


@intrinsic
def _transpose8(typingctx: Any, source: Any, stride: Any, target: Any, target_stride: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source8, target8 = (ir.VectorType(args[k].type.pointee, 8) for k in (0, 2))

        def row(pointer: Any, stride: Any, k: int) -> Any:
            place = builder.gep(pointer, [builder.mul(stride, ir.Constant(stride.type, k))])
            return builder.bitcast(place, ir.VectorType(pointer.type.pointee, 8).as_pointer())

        rows = []
        for k in range(8):
            rows.append(builder.load(row(args[0], args[1], k)))
            rows[k].align = 4
        for width in (1, 2, 4):  # exchange blocks of width x width elements across the diagonal
            for k in range(8):
                if k & width == 0:
                    upper, lower = rows[k], rows[k | width]
                    near = [j if j & width == 0 else 8 + (j ^ width) for j in range(8)]
                    far = [j | width if j & width == 0 else 8 + j for j in range(8)]
                    for position, chosen in ((k, near), (k | width, far)):
                        rows[position] = _chosen(builder, upper, lower, chosen)
        for k in range(8):
            value = rows[k] if target8 == source8 else builder.fptrunc(rows[k], target8)
            builder.store(value, row(args[2], args[3], k)).align = 4
        return context.get_dummy_value()

    return types.none(source, types.intp, target, types.intp), emit


def _chosen(builder: Any, first: Any, second: Any, places: Iterable[int]) -> Any:
    """The elements of two vectors, one after the other, at these places."""
    mask = [*places]
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(INDEX, len(mask)), mask))


@intrinsic
def _fetch8(typingctx: Any, table: Any, places: Any, target: Any, stride: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        table, places, target, stride = args
        number = table.type.pointee

        def at(pointer: Any, k: int) -> Any:
            return builder.gep(pointer, [ir.Constant(ir.IntType(64), k)])

        def loaded(pointer: Any, count: int) -> Any:
            vector = builder.load(builder.bitcast(pointer, ir.VectorType(number, count).as_pointer()))
            vector.align = 8
            return vector

        def joined(first: Any, second: Any) -> Any:
            return _chosen(builder, first, second, range(2 * first.type.count))

        integers = builder.bitcast(places, ir.IntType(64).as_pointer())
        rows = [builder.gep(table, [builder.load(at(integers, k))]) for k in range(8)]
        four, two = [loaded(row, 4) for row in rows], [loaded(at(row, 4), 2) for row in rows]
        halves = [joined(four[k], four[k + 4]) for k in range(4)]  # rows k and k + 4
        even, odd = (joined(joined(two[k], two[k + 2]), joined(two[k + 4], two[k + 6])) for k in (0, 1))

        def zipped(first: Any, second: Any, k: int) -> Any:
            return _chosen(builder, first, second, [k + j + e for j in (0, 2, 4, 6) for e in (0, 8)])

        def paired(first: Any, second: Any, k: int) -> Any:
            return _chosen(builder, first, second, [k + j + e for j in (0, 4) for e in (0, 1, 8, 9)])

        (a, b), (c, d) = ([zipped(halves[k], halves[k + 1], e) for e in (0, 1)] for k in (0, 2))
        columns = [paired(a, c, 0), paired(b, d, 0), paired(a, c, 2), paired(b, d, 2)]
        for e, column in enumerate([*columns, zipped(even, odd, 0), zipped(even, odd, 1)]):
            place = builder.gep(target, [builder.mul(stride, ir.Constant(stride.type, e))])
            builder.store(column, builder.bitcast(place, column.type.as_pointer())).align = 8
        return context.get_dummy_value()

    return types.none(table, places, target, types.intp), emit


transpose8 = cast(Callable[[Any, int, Any, int], None], _transpose8)
"""transpose8(p, s, q, t): q[i t + j] = p[j s + i] for i, j < 8, by shuffles (LLVM would gather).

Both lead to numbers of one kind, or p to float64 and q to float32: each is rounded once.
"""

fetch8 = cast(Callable[[Any, Any, Any, int], None], _fetch8)
"""fetch8(table, p, q, t): q[e t + k] = table[bits(p[k]) + e] for k < 8, e < 6, all of them float64."""
