r"""Formulas compared with a kernel: any quantity of a layer, in quantities of layers below or of x and y.

\Sigma^{(l)}(x,y) are covariances, \dot\Sigma and \tilde\Sigma factors, \Theta^{(l)} and I^{(l)} tangent
kernels. The lowest layer that a formula mentions is left free, as a formula for one layer is meant; where it
fails so, it may still hold for the layers of this kernel: those are then put in from the first one on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from kernelcalc.checking.meaning import Names
from kernelcalc.checking.syntax import Name
from kernelcalc.checking.targets import POINTS, Case, level, pair
from kernelcalc.errors import InputError
from kernelcalc.functions.base import shown
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import L, T, a, b, c, n0, rho, xx, xy, yy

Expr = Any  # SymPy carries no types
State = dict[str, Expr]
MAX_LEVEL = 8
TANGENTS, FACTORS = {"Theta", "I"}, {"dot", "tilde", "hat"}
ANGLES: dict[str, Callable[[Expr], Expr]] = {"rho": lambda r: r, "theta": sp.acos}
WHOLE = {"K", "k", "kappa", "Theta", "I", "Sigma"}  # what people call the kernel itself
_D, _P = sp.Dummy("D", positive=True), sp.Dummy("p", positive=True)
INSIDE = {xx: _P, yy: (_D + xy**2) / _P}  # <x,y>^2 < <x,x> <y,y>, for proofs
SWAP = {a: b, b: a, xx: yy, yy: xx}
TANGENT = {key: sp.Symbol(f"T({','.join(key)})", real=True) for key in ("xx", "yy", "yx")}


@dataclass(frozen=True)
class Quantity:
    """kind: "c" (covariance), "factor" or "T"; at: which two points; level: its letter and number."""

    kind: str
    at: str
    level: tuple[str, int]


@dataclass(frozen=True)
class Layers:
    """The layers from a lowest one on, of which the first state is given: for x, y and for x, x."""

    kernel: Kernel
    lowest: int
    first: State
    first_same: State

    @cached_property
    def _states(self) -> dict[bool, list[State]]:
        return {False: [self.first], True: [self.first_same]}

    def state(self, number: int, *, same: bool) -> State:
        """Layer number (>= lowest), at x, y or at x, x."""
        states = self._states[same]
        while len(states) <= number - self.lowest:
            states.append(self.kernel.step(states[-1], same=same))
        return states[number - self.lowest]

    def value(self, quantity: Quantity) -> Expr:
        kind, at, (_, number) = quantity.kind, quantity.at, quantity.level
        if kind == "factor" and number == self.lowest:
            raise InputError("this factor needs the layer below, which the formula does not name")
        if at == "xy" or (kind == "c" and at == "yx"):
            return self.state(number, same=False)[kind]
        if at == "yx":
            swapped = self.state(number, same=False)[kind].subs(SWAP, simultaneous=True)
            return swapped.subs(T, TANGENT["yx"])
        if kind == "c" and self.kernel.f1 != self.kernel.f2:
            return self.state(number, same=False)["a" if at == "xx" else "b"]
        value = self.state(number, same=True)[kind]
        return value if at == "xx" else value.subs({a: b, xx: yy, TANGENT["xx"]: TANGENT["yy"]})


@dataclass(frozen=True)
class KernelTarget:
    """The kernel of a depth, or any quantity of one of its layers that the left side names."""

    kernel: Kernel

    @property
    def label(self) -> str:
        return repr(self.kernel)

    @property
    def top(self) -> tuple[str, int]:
        depth = self.kernel.depth
        return ("", depth) if isinstance(depth, int) else (depth.name, 0)

    def quantity(self, name: Name, default: tuple[str, int]) -> Quantity | None:
        """Which quantity of the kernel a name is; default: the level if it has none. None if it is none."""
        if name.letter in TANGENTS and name.accent in ("", "tilde"):
            kind = "T" if self.kernel.layer.factor else ""
        elif name.letter == "Sigma" or (name.letter == "K" and (name.accent or name.sub or name.level)):
            kind = "factor" if name.accent in FACTORS else "" if name.accent else "c"
        else:
            return None
        at = pair(name)
        if not kind or at is None:
            return None
        different = self.kernel.f1 != self.kernel.f2
        if different and kind == "c" and name.sub in ("1", "2"):
            return self._placed(Quantity(kind, {"1": "xx", "2": "yy"}[name.sub], self._level(name, default)))
        if different and at in ("xx", "yy"):
            return None
        return self._placed(Quantity(kind, at or "xy", self._level(name, default)))

    def _level(self, name: Name, default: tuple[str, int]) -> tuple[str, int]:
        if name.level is None:
            return default
        letter, number = level(name.level)
        depth = self.kernel.depth
        return ("", depth + number) if letter == L.name and isinstance(depth, int) else (letter, number)

    @staticmethod
    def _placed(found: Quantity) -> Quantity:
        letter, number = found.level
        if not (-MAX_LEVEL if letter else 1) <= number <= MAX_LEVEL:
            raise InputError(f"layers are compared up to number {MAX_LEVEL}, and there is none below 1")
        return found

    # ------------------------------------------------------------ the ways to compare

    def cases(self, left: Name | None, used: Sequence[Name]) -> Sequence[Case]:
        kind = "T" if self.kernel.layer.factor else "c"
        wanted = Quantity(kind, "xy", self.top)
        note = ""
        if left is not None:
            named = self.quantity(left, self.top)
            if named is None and (left.letter not in WHOLE or left.accent):
                note = f"{left} is taken for the kernel itself"
            elif named is None and left.arguments and pair(left) not in ("xy", None):
                wanted = replace(wanted, at=str(pair(left)))
            wanted = named or wanted
        before = (wanted.level[0], wanted.level[1] - 1)
        mentioned = [q for q in (self.quantity(name, before) for name in used) if q is not None]
        levels = [(*q.level, q.kind == "factor") for q in mentioned]
        angles = [name for name in used if name.letter in ANGLES and name.level is not None]
        levels += [(*self._level(name, before), False) for name in angles]
        if any(name.key in ("a", "b", "c", "T", *ANGLES) and name.level is None for name in used):
            levels.append((*before, False))
        letters = {letter for letter, _, _ in levels} | {wanted.level[0]}
        if len(letters) > 1:
            shown = ", ".join(sorted(letter or "a number" for letter in letters))
            raise InputError(f"levels of different kinds appear ({shown}); write them in one letter")
        with_points = any(POINTS.get(name.key) for name in used)
        lowest = min((number - factor for _, number, factor in levels), default=MAX_LEVEL)
        if wanted.level[0]:
            return self._generic(wanted, min(lowest, before[1]), before, with_points, note)
        if lowest < 1:
            raise InputError("a layer below the first one appears")
        full = self._case(self._full(), wanted, before, note)
        if with_points or not levels or before[1] < 1:
            return [full]
        return [self._case(self._free(min(lowest, before[1])), wanted, before, note), full]

    def _generic(
        self, wanted: Quantity, lowest: int, before: tuple[str, int], with_points: bool, note: str
    ) -> list[Case]:
        if with_points:
            raise InputError(f"x and y appear with a layer {wanted.level[0]}; give the depth as a number")
        found = [self._case(self._free(lowest), wanted, before, note)]
        variance = self.kernel.recursion()["a"]
        if not variance.has(a) and self.kernel.f1 == self.kernel.f2:
            fixed: State = {"a": variance, "b": variance, "c": rho * variance, "T": T}
            same: State = {"a": variance, "b": variance, "c": variance, "T": TANGENT["xx"]}
            words = f"from the second layer on, where the variance is {variance}"
            layers = Layers(self.kernel, lowest, fixed, same)
            found.append(self._case(layers, wanted, before, "; ".join(filter(None, [note, words]))))
        return found

    def _free(self, lowest: int) -> Layers:
        same: State = {"a": a, "b": a, "c": a, "T": TANGENT["xx"]}
        return Layers(self.kernel, lowest, {"a": a, "b": b, "c": c, "T": T}, same)

    def _full(self) -> Layers:
        scale, bias = self.kernel.sigma_w**2 / n0, self.kernel.sigma_b**2
        first = {key: scale * s + bias for key, s in {"a": xx, "b": yy, "c": xy}.items()}
        same = dict.fromkeys("abc", first["a"])
        return Layers(self.kernel, 1, first | {"T": first["c"]}, same | {"T": first["a"]})

    def _case(self, layers: Layers, wanted: Quantity, before: tuple[str, int], note: str) -> Case:
        def put(kind: str, at: str) -> Expr:
            return layers.value(Quantity(kind, at, before))

        symbols: dict[str, Expr] = {"sigma_w": self.kernel.sigma_w, "sigma_b": self.kernel.sigma_b}
        symbols |= {"C_w": self.kernel.sigma_w**2, "C_b": self.kernel.sigma_b**2}
        symbols |= self._parameters() | {"n_0": n0, "n0": n0}
        if before[1] >= layers.lowest:
            symbols |= {"a": put("c", "xx"), "b": put("c", "yy"), "c": put("c", "xy"), "T": put("T", "xy")}
            symbols["rho"] = symbols["c"] / sp.sqrt(symbols["a"] * symbols["b"])
            symbols["theta"] = sp.acos(symbols["rho"])
        inner = {"xx": xx, "yy": yy, "xy": xy}

        def resolve(name: Name) -> Expr | None:
            if name.letter in ANGLES and name.level is not None and not name.accent:
                place = self._placed(Quantity("c", "xy", self._level(name, before)))
                first, second, cross = (layers.value(replace(place, at=at)) for at in ("xx", "yy", "xy"))
                return ANGLES[name.letter](cross / sp.sqrt(first * second))
            found = self.quantity(name, before)
            return None if found is None else layers.value(found)

        names = Names(symbols | inner, inner, resolve, self._determinant(layers, before))
        fixed = {name: symbols[name] for name in self._fixed() if symbols[name].is_number}
        given = ", ".join(f"{name} = {shown(value)}" for name, value in fixed.items())
        note = "; ".join(filter(None, [f"with {given}" if given else "", note]))
        return Case(names, layers.value(wanted), domain=INSIDE, note=note)

    def _determinant(self, layers: Layers, before: tuple[str, int]) -> Callable[[Name], Expr | None]:
        def determinant(name: Name) -> Expr | None:
            found = self.quantity(name, before)
            if found is None or found.kind != "c" or pair(name) or name.sub in ("1", "2"):
                return None
            first, second, cross = (layers.value(replace(found, at=at)) for at in ("xx", "yy", "xy"))
            return first * second - cross**2

        return determinant

    def _parameters(self) -> dict[str, Expr]:
        return {s.name: value for e in self.kernel.layer.expectations for s, value in e.values}

    def _fixed(self) -> list[str]:
        return ["sigma_w", "sigma_b", *self._parameters()]
