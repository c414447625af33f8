"""Kernels on a sphere as compiled code: one lookup per pair of rows, whatever the depth (see sphere.py)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from kernelcalc import kept
from kernelcalc.compile.evaluator import Evaluator, Lookup
from kernelcalc.compile.layout import SECOND, TABLE_HEADER
from kernelcalc.compile.structure import Structure, evaluator_key
from kernelcalc.compile.tables.piecewise import Vector
from kernelcalc.errors import InputError
from kernelcalc.functions.base import nearest_float
from kernelcalc.late import Late

if TYPE_CHECKING:
    import sympy as sp

    from kernelcalc.compile.forms.program import Program
    from kernelcalc.kernels import Kernel
else:
    sp = Late("sympy")

SAME_NORM = 2.0**-48  # largest spread of squared norms, relative, that counts as rounding
WANTED = 1e-11  # the largest error, relative to k(x, x), with which a table is used


@dataclass(frozen=True)
class Angle:
    """Two tables one behind the other, in sqrt(q) and sqrt(p), and a bound of their absolute errors."""

    numbers: Vector
    error: float
    reach: float = float("inf")
    falls: ClassVar[bool] = False

    def to_text(self) -> str:
        return json.dumps([base64.b64encode(self.numbers.tobytes()).decode(), self.error.hex()])

    @classmethod
    def from_text(cls, text: str) -> Angle:
        numbers, error = json.loads(text)
        return cls(np.frombuffer(base64.b64decode(numbers)), float.fromhex(error))


@dataclass(frozen=True)
class AngularEvaluator(Evaluator):
    """A kernel of rows of one norm; its `depth` counts the lookup as a layer."""

    angle: Angle

    @cached_property
    def mean(self) -> Lookup | None:
        return self.angle


def squared_norm(*data: Vector) -> float | None:
    """|x|^2/n0 where it is the same for all rows but for rounding, else None."""
    squares = np.concatenate([np.einsum("ij,ij->i", rows, rows) / rows.shape[1] for rows in data])
    middle = float(np.median(squares))
    spread = float(squares.max() - squares.min())
    return middle if 0 < middle < np.inf and spread <= SAME_NORM * middle else None


def angular(kernel: Kernel, square: float) -> AngularEvaluator | None:
    """The evaluator of a kernel on the sphere |x|^2/n0 = square; None where no table is accurate enough."""
    angle = _angle(kernel, square)
    if angle is None:
        return None
    w2, s2 = (nearest_float(value**2) for value in kernel.deviations)
    return AngularEvaluator(kernel, min(int(kernel.depth), 2), (w2, s2), _structure(), angle)


@lru_cache(maxsize=64)
def _angle(kernel: Kernel, square: float) -> Angle | None:
    key = f"sphere {evaluator_key(kernel)} {kernel.depth} {kernel.deviations} {square.hex()}"
    found = kept.text(key, lambda: _make(kernel, square))
    return None if found == "none" else Angle.from_text(found)


def _make(kernel: Kernel, square: float) -> str:
    from kernelcalc.compile.tables.sphere import sphere

    try:
        made = sphere(kernel, square)
        top = float(np.abs(made.near(np.zeros(1)).values[0]))
        if not made.error <= WANTED * top:
            return "none"
        near, far = made.tables()
    except InputError:
        return "none"
    start = near.numbers
    start[SECOND] = len(near.coefficients)
    numbers = np.concatenate([start, far.numbers[TABLE_HEADER:]])
    return Angle(numbers, made.error + (near.error + far.error) * top).to_text()


@lru_cache(maxsize=1)
def _structure() -> Structure:
    return Structure(**json.loads(kept.text("kernels on a sphere", _derive)))


def _derive() -> str:
    from kernelcalc.compile.source.emit import Module

    module = Module(_program(close=False), _program(close=True), _diagonal())
    found = Structure(module.text(), module.counts(), module.constant_count, False, "s2", [], "")
    return json.dumps(vars(found))


def _program(*, close: bool) -> Program:
    from kernelcalc.compile.forms.builder import p, q
    from kernelcalc.compile.forms.close import root_p, root_q
    from kernelcalc.compile.forms.named import TABLE
    from kernelcalc.compile.forms.program import Program, ax, ay, let

    small, value = sp.Symbol("t0", nonnegative=True), sp.Symbol("t1", real=True)
    lookup = sp.Function("lookup_side")
    least, side = (sp.Min(root_q, root_p), root_q - root_p) if close else (sp.sqrt(sp.Min(q, p)), q - p)
    pair = (let(small, least), let(value, lookup(small, side, TABLE)))
    nothing = dict.fromkeys(("root_q", "root_p", "d") if close else ("q", "p"), sp.Integer(0))
    nothing["r"] = sp.Integer(0)
    return Program((), (), (), (), pair, {"a_x": ax, "a_y": ay, "c": value} | nothing)


def _diagonal() -> Program:
    from kernelcalc.compile.forms.named import TABLE
    from kernelcalc.compile.forms.program import Program

    lookup = sp.Function("lookup_side")
    value = lookup(sp.Integer(0), sp.Integer(-1), TABLE)
    return Program((), (), (), (), (), {"a_x": value, "factor": sp.Integer(0)})
