"""Functions as sums of atoms: the normal form the rules of the engine act on.

An atom is  coef * z^n * exp(-k z^2 + s z) * K(z)  with K one of
    1,  sgn(z - t),  [side (z - t) > 0],  erf(lam z + tau),  delta(z - t),  or an opaque function g(z + u).
A function that switches is written with sgn, or stepwise: the piece around 0 plus what steps add further out,
so that nothing cancels far out in the tails. The class is closed under derivative, shift and product with an
exponential, which is all the rules need.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.functions import analysis
from kernelcalc.functions.base import Function
from kernelcalc.functions.periodic import nearest, rising, unrolled
from kernelcalc.symbols import z

ZERO, ONE = sp.Integer(0), sp.Integer(1)
WAVES = [sp.sin, sp.cos, sp.sinh, sp.cosh]


@dataclass(frozen=True)
class Kind:
    """The factor K(z) of an atom."""

    def expr(self, x: sp.Expr) -> sp.Expr:
        return ONE

    def shifted(self, h: sp.Expr) -> Kind:
        """K(z + h) as a function of z."""
        return self

    def derivative(self) -> tuple[Atom, ...]:
        return ()

    @property
    def parity(self) -> int:
        """+1 even, -1 odd, 0 neither."""
        return 1


@dataclass(frozen=True)
class Sgn(Kind):
    """sgn(z - t)."""

    t: sp.Expr = ZERO

    def expr(self, x: sp.Expr) -> sp.Expr:
        return sp.sign(x - self.t)

    def shifted(self, h: sp.Expr) -> Kind:
        return Sgn(self.t - h)

    def derivative(self) -> tuple[Atom, ...]:
        return (Atom(sp.Integer(2), kind=Delta(self.t)),)

    @property
    def parity(self) -> int:
        return -1 if self.t == 0 else 0


@dataclass(frozen=True)
class Step(Kind):
    """1 where side (z - t) > 0, else 0; side = +-1."""

    t: sp.Expr = ZERO
    side: int = 1

    def expr(self, x: sp.Expr) -> sp.Expr:
        return sp.Heaviside(self.side * (x - self.t))

    def shifted(self, h: sp.Expr) -> Kind:
        return Step(self.t - h, self.side)

    def derivative(self) -> tuple[Atom, ...]:
        return (Atom(sp.Integer(self.side), kind=Delta(self.t)),)

    @property
    def parity(self) -> int:
        return 0


@dataclass(frozen=True)
class Erf(Kind):
    """erf(lam z + tau)."""

    lam: sp.Expr = ONE
    tau: sp.Expr = ZERO

    def expr(self, x: sp.Expr) -> sp.Expr:
        return sp.erf(self.lam * x + self.tau)

    def shifted(self, h: sp.Expr) -> Kind:
        return Erf(self.lam, self.tau + self.lam * h)

    def derivative(self) -> tuple[Atom, ...]:
        weight = 2 * self.lam / sp.sqrt(sp.pi) * sp.exp(-(self.tau**2))
        return (Atom(weight, k=self.lam**2, s=-2 * self.lam * self.tau),)

    @property
    def parity(self) -> int:
        return -1 if self.tau == 0 else 0


@dataclass(frozen=True)
class Delta(Kind):
    """delta(z - t)."""

    t: sp.Expr = ZERO

    def expr(self, x: sp.Expr) -> sp.Expr:
        return sp.DiracDelta(x - self.t)

    def shifted(self, h: sp.Expr) -> Kind:
        return Delta(self.t - h)

    @property
    def parity(self) -> int:
        return 1 if self.t == 0 else 0


@dataclass(frozen=True)
class Opaque(Kind):
    """g(w), w = z + shift, where lo < w < hi, and 0 elsewhere, for g outside the class; only its means are
    asked for."""

    g: sp.Expr = ONE
    shift: sp.Expr = ZERO
    lo: sp.Expr = -sp.oo
    hi: sp.Expr = sp.oo

    def expr(self, x: sp.Expr) -> sp.Expr:
        w = x + self.shift
        inside = [t for t in (self.lo < w, w < self.hi) if t != sp.true]
        value = self.g.subs(z, w)
        return sp.Piecewise((value, sp.And(*inside)), (ZERO, True)) if inside else value

    def shifted(self, h: sp.Expr) -> Kind:
        return replace(self, shift=self.shift + h)

    @property
    def whole(self) -> bool:
        return (self.lo, self.hi) == (-sp.oo, sp.oo)

    @property
    def parity(self) -> int:
        if self.shift != 0 or not self.whole:
            return 0
        return {"even": 1, "odd": -1}.get(analysis.parity(unrolled(self.g)) or "", 0)


@dataclass(frozen=True)
class Atom:
    """coef * z^n * exp(-k z^2 + s z) * kind(z)."""

    coef: sp.Expr
    n: int = 0
    k: sp.Expr = ZERO
    s: sp.Expr = ZERO
    kind: Kind = Kind()

    def expr(self, x: sp.Expr = z) -> sp.Expr:
        """The atom as a SymPy expression in x."""
        return self.coef * x**self.n * sp.exp(-self.k * x**2 + self.s * x) * self.kind.expr(x)

    @property
    def parity(self) -> int:
        return self.kind.parity * (-1) ** self.n if self.s == 0 else 0

    @property
    def bare(self) -> Atom:
        """The atom without its coefficient."""
        return replace(self, coef=ONE)


def scaled(atoms: tuple[Atom, ...], factor: sp.Expr) -> tuple[Atom, ...]:
    return tuple(replace(atom, coef=atom.coef * factor) for atom in atoms)


def derivative(atom: Atom) -> tuple[Atom, ...]:
    """d/dz of an atom without the factor exp(-k z^2) (the tilt rule has removed it)."""
    if atom.k != 0 or isinstance(atom.kind, Opaque | Delta):
        raise ValueError(f"no derivative rule for {atom}")
    lowered = (replace(atom, coef=atom.coef * atom.n, n=atom.n - 1),) if atom.n else ()
    grown = (replace(atom, coef=atom.coef * atom.s),) if atom.s != 0 else ()
    raised = tuple(
        replace(d, coef=d.coef * atom.coef, n=d.n + atom.n, s=d.s + atom.s) for d in atom.kind.derivative()
    )
    return lowered + grown + raised


def shifted(atom: Atom, h: sp.Expr) -> tuple[Atom, ...]:
    """The atom at z + h, expanded in atoms of z; it has no exponential factor."""
    kind = atom.kind.shifted(h)
    if h == 0:
        return (atom,)
    return tuple(
        Atom(atom.coef * sp.binomial(atom.n, j) * h ** (atom.n - j), j, ZERO, ZERO, kind)
        for j in range(atom.n + 1)
    )


def atoms(f: Function, *, stepwise: bool = False) -> tuple[Atom, ...]:
    """f as a sum of atoms; what lies outside the class becomes one opaque atom."""
    masses = tuple(Atom(weight, kind=Delta(t)) for t, weight in f.deltas)
    if f.expr == 0:
        return masses
    regular = None if f.expr.has(nearest, rising) else (_stepwise if stepwise else _piecewise)(f.expr)
    return ((Atom(ONE, kind=Opaque(f.expr)),) if regular is None else regular) + masses


def outgrows(g: sp.Expr) -> bool:
    """Whether g(z) may grow like exp(z^2) or faster, so that its means need not exist."""
    g = unrolled(g)
    steep = [e.args[0] for e in g.atoms(sp.exp, sp.sinh, sp.cosh) if e.has(z)]
    if all(u.is_polynomial(z) and sp.degree(u, z) <= 1 for u in steep):
        return False
    decay = sp.exp(-(z**2) / 10**6)
    try:
        ends = [(e * decay, t, s) for lo, hi, e in analysis.pieces(g) for t, s in ((lo, "+"), (hi, "-"))]
        return any(set(analysis.limits(e, t, s)) != {ZERO} for e, t, s in ends if t.is_infinite)
    except InputError:
        return analysis.envelope(g) is None


def _piecewise(expr: sp.Expr) -> tuple[Atom, ...] | None:
    """smooth + sum over break points t of (jump of the smooth parts) * (1 + sgn(z - t))/2."""
    pieces = analysis.pieces(expr)
    total: list[Atom] = []
    for index, (low, _, smooth) in enumerate(pieces):
        step = smooth if index == 0 else sp.expand(smooth - pieces[index - 1][2])
        part = smooth_atoms(step)
        if part is None:
            return None
        if index == 0:
            total += part
        else:
            if any(type(atom.kind) is not Kind for atom in part):
                return None  # erf times sgn: outside the class
            total += scaled(part, sp.Rational(1, 2))
            total += [replace(atom, coef=atom.coef / 2, kind=Sgn(low)) for atom in part]
    return _merged(total)


def _stepwise(expr: sp.Expr) -> tuple[Atom, ...] | None:
    """The piece around 0 (or both, where 0 is a break) + what the function gains beyond every break."""
    pieces = analysis.pieces(expr)
    left = sum(1 for piece in pieces[1:] if piece.lo.is_negative)
    middle = left + 1 < len(pieces) and pieces[left + 1].lo == 0
    found = [(pieces[left].expr, Step(ZERO, -1) if middle else Kind())]
    if middle:
        found.append((pieces[left + 1].expr, Step(ZERO, 1)))
    found += [(pieces[i].expr - pieces[i + 1].expr, Step(pieces[i].hi, -1)) for i in range(left)]
    right = range(left + 1 + middle, len(pieces))
    found += [(pieces[i].expr - pieces[i - 1].expr, Step(pieces[i].lo, 1)) for i in right]
    total: list[Atom] = []
    for smooth, kind in found:
        part = smooth_atoms(smooth)
        if part is None or (type(kind) is not Kind and any(type(atom.kind) is not Kind for atom in part)):
            return None
        total += part if type(kind) is Kind else [replace(atom, kind=kind) for atom in part]
    return _merged(total)


def smooth_atoms(expr: sp.Expr) -> tuple[Atom, ...] | None:
    """A smooth expression as atoms, or None."""
    if expr == 0:
        return ()
    spread = expr.replace(sp.erfc, lambda u: 1 - sp.erf(u)).rewrite(WAVES, sp.exp)
    spread = sp.expand(sp.expand(spread), power_exp=False)
    result = []
    for term in sp.Add.make_args(spread):
        atom = _term(term)
        if atom is None:
            return None
        result.append(atom)
    return tuple(result)


def _term(term: sp.Expr) -> Atom | None:
    """One product as an atom, or None."""
    coef, rest = term.as_independent(z)
    atom = Atom(coef)
    for factor in sp.Mul.make_args(rest):
        base, exponent = factor.as_base_exp()
        if factor == 1:
            continue
        if base == z and exponent.is_Integer and exponent > 0:
            atom = replace(atom, n=atom.n + int(exponent))
        elif isinstance(factor, sp.exp) and (
            powers := sp.Poly(factor.args[0], z) if factor.args[0].is_polynomial(z) else None
        ):
            if powers.degree() > 2:
                return None
            quadratic, linear, constant = (powers.coeff_monomial(z**j) for j in (2, 1, 0))
            atom = replace(atom, coef=atom.coef * sp.exp(constant), k=atom.k - quadratic, s=atom.s + linear)
        elif isinstance(factor, sp.erf) and type(atom.kind) is Kind and factor.args[0].is_polynomial(z):
            inner = sp.Poly(factor.args[0], z)
            if inner.degree() != 1:
                return None
            atom = replace(atom, kind=Erf(inner.coeff_monomial(z), inner.coeff_monomial(1)))
        else:
            return None
    return atom


def _merged(found: list[Atom]) -> tuple[Atom, ...]:
    """Atoms that differ only in their coefficient added up; zeros dropped."""
    sums: dict[Atom, sp.Expr] = {}
    for atom in found:
        sums[atom.bare] = sums.get(atom.bare, ZERO) + atom.coef
    return tuple(replace(atom, coef=coef) for atom, coef in sums.items() if sp.expand(coef) != 0)
