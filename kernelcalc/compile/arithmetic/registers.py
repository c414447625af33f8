"""Code in vector registers that no loop of Numba's becomes."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from kernelcalc.compile.layout import PLANE_TERMS

ROWS, VECTORS = 8, 3  # sums of the products of so many rows and vectors of columns stay in registers


@intrinsic
def _add_products(
    typingctx: Any,
    x: Any,
    row: Any,
    term: Any,
    panel: Any,
    terms: Any,
    out: Any,
    out_stride: Any,
    more: Any,
) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, row, term, panel, terms, out, out_stride, more = args
        double = isinstance(x.type.pointee, ir.DoubleType)
        width, align = (8, 8) if double else (16, 4)
        vector, result = ir.VectorType(x.type.pointee, width), ir.VectorType(ir.DoubleType(), 8)
        name = f"llvm.fma.v{width}f{8 * align}"
        fma_type = ir.FunctionType(vector, [vector] * 3)
        fma = builder.module.globals.get(name) or ir.Function(builder.module, fma_type, name)

        def count(k: int) -> Any:
            return ir.Constant(terms.type, k)

        def part(pointer: Any, place: Any, kind: Any) -> Any:
            return builder.bitcast(builder.gep(pointer, [place]), kind.as_pointer())

        def lanes(value: Any, other: Any, numbers: list[int]) -> Any:
            mask = ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), numbers)
            return builder.shuffle_vector(value, other, mask)

        def everywhere(number: Any) -> Any:
            nothing = ir.Constant(vector, ir.Undefined)
            return lanes(builder.insert_element(nothing, number, count(0)), nothing, [0] * width)

        def doubles(total: Any) -> list[Any]:
            """The sums in float64, eight by eight."""
            if double:
                return [total]
            halves = [lanes(total, total, list(range(start, start + 8))) for start in (0, 8)]
            return [builder.fpext(half, result) for half in halves]

        rows = [builder.gep(x, [builder.mul(row, count(r))]) for r in range(ROWS)]

        def sums_from(first: Any, end: Any) -> list[Any]:
            """Of the terms first <= k < end."""
            before, body, after = builder.block, *(builder.append_basic_block() for _ in range(2))
            zero = ir.Constant(vector, None)
            builder.cbranch(builder.icmp_signed("<", first, end), body, after)
            builder.position_at_end(body)
            k = builder.phi(terms.type)
            sums = [builder.phi(vector) for _ in range(ROWS * VECTORS)]
            place = builder.mul(k, count(width * VECTORS))
            places = [part(panel, builder.add(place, count(width * v)), vector) for v in range(VECTORS)]
            columns = [builder.load(place, align=align) for place in places]
            at = builder.mul(term, k)
            factors = [everywhere(builder.load(builder.gep(row, [at]))) for row in rows]
            pairs = [(factor, column) for factor in factors for column in columns]
            totals = [builder.call(fma, [*pair, s]) for pair, s in zip(pairs, sums, strict=True)]
            after_k = builder.add(k, count(1))
            starts = [first, *(zero for _ in sums)]
            for phi, start, following in zip([k, *sums], starts, [after_k, *totals], strict=True):
                phi.add_incoming(start, before)
                phi.add_incoming(following, body)
            builder.cbranch(builder.icmp_signed("<", after_k, end), body, after)
            builder.position_at_end(after)
            results = [builder.phi(vector) for _ in sums]
            for phi, total in zip(results, totals, strict=True):
                phi.add_incoming(zero, before)
                phi.add_incoming(total, body)
            return results

        if double:
            totals = sums_from(count(0), terms)
        else:  # two halves, each of which rounds half as much
            half = builder.sdiv(terms, count(2))
            parts = sums_from(count(0), half), sums_from(half, terms)
            totals = [builder.fadd(x, y) for x, y in zip(*parts, strict=True)]

        def finish(add: bool) -> None:
            for i, total in enumerate(totals):
                r, v = divmod(i, VECTORS)
                for h, value in enumerate(doubles(total)):
                    at = builder.add(builder.mul(out_stride, count(r)), count(width * v + 8 * h))
                    target = part(out, at, result)
                    kept = builder.fadd(builder.load(target, align=8), value) if add else value
                    builder.store(kept, target, align=8)

        with builder.if_else(builder.icmp_signed("!=", more, count(0))) as (then, otherwise):
            with then:
                finish(True)
            with otherwise:
                finish(False)
        return context.get_dummy_value()

    return types.none(x, types.intp, types.intp, panel, types.intp, out, types.intp, types.intp), emit


@intrinsic
def _open_line(
    typingctx: Any, products: Any, inverses: Any, inverse: Any, scale: Any, s2: Any, r: Any, c: Any
) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        products, inverses, *numbers, r, c = args
        double, whole = ir.VectorType(ir.DoubleType(), 8), ir.VectorType(ir.IntType(64), 8)

        def function(name: str, result: Any, *given: Any) -> Any:
            known = builder.module.globals.get(name)
            return known or ir.Function(builder.module, ir.FunctionType(result, given), name)

        def everywhere(number: Any) -> Any:
            nothing = ir.Constant(double, ir.Undefined)
            one = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
            first = ir.Constant(ir.VectorType(ir.IntType(32), 8), [0] * 8)
            return builder.shuffle_vector(one, nothing, first)

        def part(pointer: Any, start: int) -> Any:
            place = builder.gep(pointer, [ir.Constant(ir.IntType(64), start)])
            return builder.load(builder.bitcast(place, double.as_pointer()), align=8)

        fma = function("llvm.fma.v8f64", double, double, double, double)
        inverse, scale, s2 = (everywhere(number) for number in numbers)
        cs = [builder.call(fma, [scale, part(products, start), s2]) for start in (0, 8)]
        rs = [builder.fmul(x, builder.fmul(inverse, part(inverses, 8 * h))) for h, x in enumerate(cs)]
        for pointer, halves in ((r, rs), (c, cs)):
            line = ir.VectorType(ir.FloatType(), 16)
            low, high = (builder.fptrunc(half, ir.VectorType(ir.FloatType(), 8)) for half in halves)
            order = ir.Constant(ir.VectorType(ir.IntType(32), 16), list(range(16)))
            together = builder.shuffle_vector(low, high, order)
            builder.store(together, builder.bitcast(pointer, line.as_pointer()), align=4)
        unsigned = ir.Constant(whole, [2**63 - 1] * 8)
        low, high = (builder.and_(builder.bitcast(half, whole), unsigned) for half in rs)
        larger = builder.select(builder.icmp_signed(">", low, high), low, high)
        return builder.call(function("llvm.vector.reduce.smax.v8i64", ir.IntType(64), whole), [larger])

    return types.int64(products, inverses, *[types.float64] * 3, r, c), emit


@intrinsic
def _stream_line(typingctx: Any, source: Any, target: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double = isinstance(args[1].type.pointee, ir.DoubleType)
        given, wanted = (ir.VectorType(pointer.type.pointee, 8 if double else 16) for pointer in args)
        align = 8 if isinstance(given.element, ir.DoubleType) else 4
        value = builder.load(builder.bitcast(args[0], given.as_pointer()), align=align)
        value = value if given == wanted else builder.fptrunc(value, wanted)
        store = builder.store(value, builder.bitcast(args[1], wanted.as_pointer()), align=64)
        store.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return types.none(source, target), emit


@intrinsic
def _settle(typingctx: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if platform.machine() in ("x86_64", "AMD64"):
            name = "llvm.x86.sse.sfence"
            known = builder.module.globals.get(name)
            builder.call(known or ir.Function(builder.module, ir.FunctionType(ir.VoidType(), []), name), [])
        else:
            builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.none(), emit


@intrinsic
def _address(typingctx: Any, pointer: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], ir.IntType(64))

    return types.int64(pointer), emit


@intrinsic
def _double_polynomial(typingctx: Any, c: Any, s: Any, w: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        c, s, w = args
        four = ir.VectorType(ir.DoubleType(), 4)
        name = "llvm.fma.v4f64"
        fma = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(four, [four] * 3), name
        )

        def part(k: int) -> Any:
            place = builder.gep(c, [ir.Constant(ir.IntType(64), k)])
            return builder.load(builder.bitcast(place, four.as_pointer()), align=8)

        def everywhere(number: Any) -> Any:
            nothing, first = ir.Constant(four, ir.Undefined), ir.Constant(ir.IntType(32), 0)
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), 4), [0] * 4)
            return builder.shuffle_vector(builder.insert_element(nothing, number, first), nothing, lanes)

        factor, *rows = everywhere(s), *reversed(range(0, PLANE_TERMS**2, PLANE_TERMS))
        sums = [part(rows[0] + k) for k in range(0, PLANE_TERMS, 4)]
        for row in rows[1:]:
            sums = [builder.call(fma, [x, factor, part(row + 4 * k)]) for k, x in enumerate(sums)]
        square = builder.fmul(w, w)
        factor, total = everywhere(builder.fmul(square, square)), sums[-1]
        for x in sums[-2::-1]:
            total = builder.call(fma, [total, factor, x])
        lane = [builder.extract_element(total, ir.Constant(ir.IntType(32), k)) for k in range(4)]
        even, odd = (builder.fma(lane[k + 2], square, lane[k]) for k in range(2))
        return builder.fma(odd, w, even)

    return types.float64(c, types.float64, types.float64), emit


add_products = cast(Callable[[Any, int, int, Any, int, Any, int, int], None], _add_products)
"""add_products(x, r, s, p, n, out, t, more): out[i t + j] (+)= sum_k x[i r + k s] p[24 k + j].

i < 8, j < 24, k < n; more: 0 overwrites. Of float32 x and p twice as many columns, and the two halves of the
terms summed apart; out is float64.
"""

open_line = cast(Callable[[Any, Any, float, float, float, Any, Any], int], _open_line)
"""open_line(p, v, u, s, b, r, c): c[j] = s p[j] + b and r[j] = c[j] u v[j], rounded to float32, for j < 16.

Returns the bits of the largest |r[j]| before it is rounded. A loop of Numba's would store eight at a time,
and a load of sixteen that follows has to wait until both stores have left the processor's queue.
"""

stream_line = cast(Callable[[Any, Any], None], _stream_line)
"""stream_line(p, q): q[j] = p[j] past the caches, for a line of 64 bytes at q: 8 float64 or 16 float32."""

settle = cast(Callable[[], None], _settle)
"""settle(): what was streamed is in memory before anything that follows."""

address = cast(Callable[[Any], int], _address)
"""address(p): the address in p."""

double_polynomial = cast(Callable[[Any, float, float], float], _double_polynomial)
"""double_polynomial(c, s, w): the sum of c[PLANE_TERMS i + j] s^i w^j over i, j < PLANE_TERMS."""
