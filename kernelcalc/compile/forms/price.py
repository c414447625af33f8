"""Expectations of functions with kinks as integrals over the correlation, where closed forms cancel.

R7 of stable.py. Price's theorem, d/dc E f(X) g(Y) = E f'(X) g'(Y), makes E f(X) g(Y) a Taylor series,

    E f(X) g(Y) = sum_(j<n) c^j/j! E f^(j) E g^(j) + Int_0^c (c - s)^(n-1)/(n-1)! E_s[f^(n)(X) g^(n)(Y)] ds.

After n = 1 or 2 derivatives f^(n) is masses w delta(z - t) and parts K(z) = exp(k z) times a step function,
with K' = k K + masses. Such a part and one of g^(n), L with the rate l, have S = E K(X) L(Y) with the slope

    S' = k l S + R,  R = k E[K (L' - l L)] + l E[(K' - k K) L] + E[(K' - k K)(L' - l L)],

so S(c) = exp(k l c) S(0) + Int_0^c exp(k l (c - s)) R(s) ds, and only masses are left under the integral.
There, with c = sqrt(ab) sin(phi),

    E[delta(X - t) delta(Y - u)] dc = exp((t u sin(phi)/sqrt(ab) - t^2/2a - u^2/2b)/cos(phi)^2) dphi/(2 pi),
    E[delta(X - t) F(Y)] dc = exp(-t^2/2a) E F(W) sqrt(b) cos(phi) dphi/sqrt(2 pi),
        W ~ N(m, v),  m = t sqrt(b/a) sin(phi),  v = b cos(phi)^2,
    E exp(k W) [side (W - u) > 0] = exp(k m + k^2 v/2) Phi(side (m + k v - u)/sqrt(v)).

For one function and c > 0 nearly all of this is positive. The integral is a Gauss-Legendre sum in tan(phi/2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import sympy as sp

from kernelcalc.compile.forms.builder import Builder, r, variance
from kernelcalc.compile.forms.losses import magnitude
from kernelcalc.compile.forms.program import STEEP, Direct, at_most, cosine, inverse_square, lack, sine
from kernelcalc.compile.forms.quadrants import phi
from kernelcalc.compile.forms.tails import by_erf, tails
from kernelcalc.errors import InputError
from kernelcalc.expectation.atoms import Atom, Kind, Step, atoms
from kernelcalc.expectation.engine import derive_mean
from kernelcalc.expectation.problem import NoRule
from kernelcalc.functions.base import Function
from kernelcalc.functions.special import erfcx
from kernelcalc.symbols import a, c, v, z

REST = {1: sp.Function("expm1", real=True), 2: sp.Function("expm2", real=True)}  # exp(x) - 1, exp(x) - 1 - x
DISTANCE = sp.Symbol("distance", real=True)  # c - s
Masses = Mapping[sp.Expr, sp.Expr]  # place -> weight
Values = tuple[sp.Expr, ...]


@dataclass(frozen=True)
class Part:
    """exp(rate z) times a step function."""

    rate: sp.Expr
    atoms: tuple[Atom, ...]

    @property
    def masses(self) -> Masses:
        """Of the derivative."""
        found: dict[sp.Expr, sp.Expr] = {}
        for atom in self.atoms:
            if isinstance(atom.kind, Step):
                t = atom.kind.t
                found[t] = found.get(t, sp.S.Zero) + atom.kind.side * atom.coef * sp.exp(self.rate * t)
        return found


@dataclass(frozen=True)
class Side:
    """A function and its derivatives f, f', ... at one point, the row or the column; masses and parts of the
    last of them."""

    builder: Builder
    suffix: str
    functions: tuple[Function, ...]
    masses: Masses
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, builder: Builder, suffix: str, functions: tuple[Function, ...]) -> Side:
        """Raises NoRule where the last is no sum of masses and parts."""
        last = functions[-1]
        groups: dict[sp.Expr, list[Atom]] = {}
        for atom in atoms(Function(last.name, last.expr, last.parameters), stepwise=True):
            if atom.n or atom.k != 0 or type(atom.kind) not in (Kind, Step) or atom.s.has(sp.I):
                raise NoRule(f"{last!r} is not exponential between its breaks")
            groups.setdefault(atom.s, []).append(atom)
        parts = tuple(Part(rate, tuple(few)) for rate, few in groups.items())
        return cls(builder, suffix, functions, dict(last.deltas), parts)

    def at(self, value: sp.Expr) -> sp.Expr:
        """A quantity of the point, written in a."""
        return (self.builder.at_row if self.suffix == "_x" else self.builder.at_column)(value)

    @property
    def root(self) -> sp.Expr:
        """The deviation."""
        return self.at(sp.sqrt(a))

    @property
    def inverse(self) -> sp.Expr:
        """Its inverse."""
        return self.at(1 / sp.sqrt(a))

    def half_square(self, t: sp.Expr) -> sp.Expr:
        """t^2/2a."""
        return self.at(t**2 / (2 * a)) if t != 0 else sp.S.Zero

    def moment(self, j: int, f: Function) -> sp.Expr:
        """sqrt(a)^j E f. Raises NoRule where it has no closed form."""
        form, _ = derive_mean(f.symbolic, stepwise=True)
        values, sizes = [], []
        for same in dict.fromkeys((form, by_erf(form))):
            values.append(sp.sqrt(a) ** j * variance(same.subs(v, a), self.builder, self.suffix))
            sizes.append(self.at(magnitude(values[-1], {})))
        if len(values) == 1:
            return self.builder.sized(self.at(values[0]), sizes[0])
        value, size = (at_most(*sizes, *two) for two in (map(self.at, values), sizes))
        return self.builder.sized(self.at(value), self.at(size))

    def part_mean(self, part: Part) -> sp.Expr:
        """E K."""
        last = self.functions[-1]
        expr = sp.Add(*(atom.expr(z) for atom in part.atoms))
        kept = tuple((s, x) for s, x in last.parameters if s in expr.free_symbols)
        return self.moment(0, Function(f"part of {last.name}", expr, kept))


@dataclass(frozen=True)
class Frame:
    """Where an expectation is wanted: of a pair, or of one point with itself."""

    builder: Builder
    first: Side
    second: Side

    @classmethod
    def of(cls, builder: Builder, f: Function, g: Function, suffixes: tuple[str, str]) -> Frame:
        """For f, f', f'' and g, g', g'', but only the first derivatives if one of these has masses."""
        chains = [(f, f.derivative), (g, g.derivative)]
        if any(slope.deltas for _, slope in chains):
            first, second = (Side.of(builder, *given) for given in zip(suffixes, chains, strict=True))
        else:
            longer = [(h, slope, slope.derivative) for h, slope in chains]
            first, second = (Side.of(builder, *given) for given in zip(suffixes, longer, strict=True))
        if len(first.functions) == 2 and suffixes[0] == suffixes[1]:
            raise NoRule("at one point the integrand of a function with jumps cancels")
        return cls(builder, first, second)

    @property
    def point(self) -> bool:
        return self.first.suffix == self.second.suffix

    @property
    def size(self) -> sp.Expr:
        """sqrt(ab)."""
        return a if self.point else self.builder.at_pair(self.first.root * self.second.root)

    @property
    def inverse(self) -> sp.Expr:
        """1/sqrt(ab)."""
        if self.point:
            return self.first.at(1 / a)
        return self.builder.at_pair(self.first.inverse * self.second.inverse)

    @property
    def correlation(self) -> sp.Expr:
        return sp.S.One if self.point else r

    @property
    def covariance(self) -> sp.Expr:
        return a if self.point else self.builder.plain(c)

    def masses(self, at_first: Masses, at_second: Masses) -> sp.Expr:
        """2 pi E of masses and masses, dc/dphi included; exp(x) - 1 for exp(x) where the sum is the same."""
        total, inverse = sp.S.Zero, self.inverse
        balanced = any(sp.expand(sp.Add(*some.values())) == 0 for some in (at_first, at_second))
        for (t, w), (u, x) in product(at_first.items(), at_second.items()):
            if self.point:  # lack/cosine^2 = 1/(1 + sine)
                exponent = -inverse * (t * u / (1 + sine) + (t - u) ** 2 / 2 * inverse_square)
            else:
                halves = self.first.half_square(t) + self.second.half_square(u)
                exponent = (t * u * inverse * sine - halves) * inverse_square
            total += w * x * (REST[1] if balanced else sp.exp)(exponent)
        return total

    def parts(self, masses: Masses, part: Part, *, swapped: bool = False) -> sp.Expr:
        """2 pi E of masses at X and a part at Y, dc/dphi included; swapped: masses at Y."""
        first, second = (self.second, self.first) if swapped else (self.first, self.second)
        k, total = part.rate, sp.S.Zero
        size = second.at(sp.sqrt(2 * sp.pi * a))
        for (t, w), atom in product(masses.items(), part.atoms):
            steep = k * second.root * cosine
            exponent = k * t * second.root * first.inverse * sine + steep**2 / 2 - first.half_square(t)
            tail = sp.S.One
            if isinstance(atom.kind, Step):
                u = atom.kind.t
                far = t * first.inverse * sine - u * second.inverse
                if self.point:
                    far = first.at(1 / sp.sqrt(a)) * (t - u - t * lack)
                far *= cosine * inverse_square
                tail = phi(atom.kind.side * (far + steep))
                if t == u == 0 and (k == 0 or (atom.kind.side * k).is_negative):
                    exponent, tail = sp.S.Zero, erfcx(sp.Abs(k) * second.root * cosine / sp.sqrt(2)) / 2
            total += w * atom.coef * size * cosine * sp.exp(exponent) * tail
        return total

    def grown(self, term: sp.Expr, rate: sp.Expr) -> sp.Expr:
        """A term with the exponential of rate c, that magnifies a relative error of its argument."""
        if rate == 0:
            return term
        named = self.first.at(term) if self.point else self.builder.at_pair(term)
        return self.builder.sized(named, named * (1 + rate * self.covariance))

    def series(self) -> Series:
        """E f(X) g(Y)."""
        first, second = self.first, self.second
        n = len(first.functions) - 1
        front = sp.Add(
            *(
                self.correlation**j / sp.factorial(j) * first.moment(j, f) * second.moment(j, g)
                for j, (f, g) in enumerate(zip(first.functions[:-1], second.functions[:-1], strict=True))
            )
        )
        plain = self.masses(first.masses, second.masses)
        plain += sp.Add(*(self.parts(first.masses, part) for part in second.parts))
        plain += sp.Add(*(self.parts(second.masses, part, swapped=True) for part in first.parts))
        under, steep = DISTANCE ** (n - 1) / sp.factorial(n - 1) * plain, sp.S.Zero
        size = magnitude(under, {})
        for left, right in product(first.parts, second.parts):
            rate = left.rate * right.rate
            front += self.grown(
                first.part_mean(left) * second.part_mean(right) * _rest(n, rate, self.covariance), rate
            )
            slope = self.masses(left.masses, right.masses)
            slope += left.rate * self.parts(right.masses, left, swapped=True)
            slope += right.rate * self.parts(left.masses, right)
            slope *= _rest(n, rate, DISTANCE)
            under += slope
            size += magnitude(slope, {}) * (1 + sp.Abs(rate * DISTANCE))
            steep += sp.Abs(rate * self.covariance)
        distance = self.size * (lack if self.point else self.correlation - sine)
        return Series(front, under.subs(DISTANCE, distance), size.subs(DISTANCE, distance), steep)


@dataclass(frozen=True)
class Series:
    """A sum, and what an integral adds, dphi/(2 pi); the absolute values of its terms; how steep it is."""

    front: sp.Expr
    under: sp.Expr
    size: sp.Expr
    steep: sp.Expr


def _rest(n: int, rate: sp.Expr, u: sp.Expr) -> sp.Expr:
    """Int_0^u (u - s)^(n-1)/(n-1)! exp(rate s) ds."""
    return REST[n](rate * u) / rate**n if rate != 0 else u**n / sp.factorial(n)


def pairs(builder: Builder, *wanted: tuple[Function, Function], forms: Sequence[sp.Expr]) -> Values | None:
    """E f(X) g(Y) of pairs of functions, in parameter symbols, all by one integral; None without a rule.

    forms: their closed forms. Where exponentials make the integrand steep, these lose less.
    """
    try:
        found = [Frame.of(builder, f, g, ("_x", "_y")).series() for f, g in wanted]
    except (NoRule, InputError):
        return None
    grows = any(series.steep != 0 for series in found)
    direct = _direct(builder, forms) if grows and not any(tails(form).has(sp.exp) for form in forms) else None
    return _written(builder, found, r / (1 + 2 * builder.half_sine), "", direct)


def point(builder: Builder, f: Function, suffix: str) -> sp.Expr | None:
    """E f(X)^2, in a; None without a rule."""
    try:
        found = [Frame.of(builder, f, f, (suffix, suffix)).series()]
    except (NoRule, InputError):
        return None
    (value,) = _written(builder, found, sp.S.One, suffix)
    return value


def _direct(builder: Builder, forms: Sequence[sp.Expr]) -> Direct:
    other = builder.apart()
    values = tuple(other.at_pair(other.stable(form)) for form in forms)
    builder.join(other)
    meaning = {let.targets[0]: let.value for let in other.pair if len(let.targets) == 1}
    return Direct(tuple(other.pair), values, tuple(magnitude(value, meaning) for value in values))


def _written(
    builder: Builder, found: Sequence[Series], tangent: sp.Expr, suffix: str, direct: Direct | None = None
) -> Values:
    steep = sp.Add(*dict.fromkeys(series.steep for series in found))
    under, sizes = zip(*((series.under, series.size) for series in found), strict=True)
    values = builder.integral(under, sizes, tangent, steep, suffix, direct)
    sums = tuple(series.front + value / (2 * sp.pi) for series, value in zip(found, values, strict=True))
    if direct is None:
        return sums
    meaning = {let.targets[0]: let.value for let in builder.pair if len(let.targets) == 1}
    meaning |= {name: sp.Abs(size) for name, size in builder.sizes.items()}

    def chosen(sum_: sp.Expr, value: sp.Expr) -> sp.Expr:
        return builder.at_pair(at_most(builder.at_pair(steep), STEEP, sum_, value))

    return tuple(
        builder.sized(chosen(sum_, value), chosen(magnitude(sum_, meaning), builder.sizes[value]))
        for sum_, value in zip(sums, values, strict=True)
    )
