"""What Numba lacks: a true fused multiply-add, the bits of a float, and wide vectors.

Every function compiled here uses explicit `fma` and no fast-math flag, so that the vector body and the scalar
remainder of a loop round alike: equal inputs give equal bits wherever they stand in a matrix.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from kernelcalc.compile.lowering import Inlined

F = TypeVar("F", bound=Callable[..., Any])


def inline(function: F) -> F:
    """Compile a scalar function that LLVM must inline: a loop that calls it can then become vector code."""
    return cast(F, Inlined(function))


def compiled(function: F) -> F:
    """Compile a function to be called (not inlined), without the GIL; division by zero gives inf or NaN."""
    return cast(F, numba.njit(nogil=True, error_model="numpy")(function))


@intrinsic
def _fma(typingctx: Any, x: Any, y: Any, z: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    result = types.float32 if {x, y, z} == {types.float32} else types.float64
    return result(result, result, result), emit


@intrinsic
def _rsqrt_start(typingctx: Any, x: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.bitcast(args[0], ir.IntType(32))
        half = builder.lshr(bits, ir.Constant(ir.IntType(32), 1))
        return builder.bitcast(builder.sub(ir.Constant(ir.IntType(32), 0x5F375A86), half), ir.FloatType())

    return types.float32(types.float32), emit


@intrinsic
def _as_single(typingctx: Any, pointer: Any) -> Any:
    known: Any = types  # untyped

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType().as_pointer())

    return known.CPointer(types.float32)(pointer), emit


@intrinsic
def _bits(typingctx: Any, x: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), emit


@intrinsic
def _from_bits(typingctx: Any, i: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), emit


@intrinsic
def _shift_right(typingctx: Any, i: Any, count: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.lshr(*args)

    return types.int64(types.int64, types.int64), emit


@intrinsic
def _offset(typingctx: Any, pointer: Any, count: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), emit


@intrinsic
def _wide(typingctx: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # llvmlite only knows attributes without a value; LLVM reads this one as any other string attribute.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), emit


@intrinsic
def _apart(typingctx: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for argument in builder.function.args:
            if argument.type.is_pointer:
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.none(), emit


def constants(name: str, values: Sequence[float]) -> Callable[[], Any]:
    """A function to call in compiled code: the pointer to these numbers, laid down in the code itself."""

    known: Any = types  # untyped
    pointer = known.CPointer(types.float64)

    def make(typingctx: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            table = builder.module.globals.get(f"kernelcalc.{name}")
            if table is None:
                array = ir.ArrayType(ir.DoubleType(), len(values))
                table = ir.GlobalVariable(builder.module, array, f"kernelcalc.{name}")
                table.linkage, table.global_constant = "internal", True
                table.initializer = ir.Constant(array, list(values))
            return builder.bitcast(table, ir.DoubleType().as_pointer())

        return pointer(), emit

    return cast(Callable[[], Any], intrinsic(make))


fma = cast(Callable[[float, float, float], float], _fma)
"""fma(x, y, z): x*y + z rounded once; of three float32 a float32."""

single = cast(Callable[[float], float], np.float32)
"""single(x): x rounded to float32; written around constants, or an expression would become float64."""

as_single = cast(Callable[[Any], Any], _as_single)
"""as_single(p): the same memory as float32 numbers."""

rsqrt_start = cast(Callable[[Any], Any], _rsqrt_start)
"""rsqrt_start(x): 1/sqrt(x) to 3.5 per cent, a float32 of a float32, from the bits of x (C. Lomont 2003)."""

bits = cast(Callable[[float], int], _bits)
"""bits(x): the 64 bits of a float as a signed integer."""

from_bits = cast(Callable[[int], float], _from_bits)
"""from_bits(i): the float with the bits of the 64-bit integer i."""

shift_right = cast(Callable[[int, int], int], _shift_right)
"""shift_right(i, count): the 64 bits of i moved down, zeros moved in (AVX2 has no signed shift)."""

offset = cast(Callable[[Any, int], Any], _offset)
"""offset(p, i): the pointer to p[i]."""

wide = cast(Callable[[], None], _wide)
"""wide(): called anywhere in a function, its own loops use 512-bit registers where the processor has them.

The loops of a function inlined into it need a call of their own: Numba makes vector code before it inlines.
LLVM prefers 256 bits on Intel processors, for fear of a lower clock rate that newer ones no longer have;
polynomial-heavy loops run up to 1.7 times faster with 512.
"""

apart = cast(Callable[[], None], _apart)
"""apart(): called in a function, promises that its pointers lead to arrays that do not overlap.

Without it a loop that gathers from a table does not become vector code: what it stores might be the table.
"""
