"""The engine: applies the rules until nothing but numbers and known functions is left, and writes it down."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from kernelcalc import symbols as sym
from kernelcalc.expectation.atoms import ONE, Atom, Erf, Opaque, Sgn, atoms, derivative, outgrows
from kernelcalc.expectation.forms import harmless
from kernelcalc.expectation.integrals import integrate_from_zero
from kernelcalc.expectation.problem import Dual, E, Mean, NoRule, Problem, Step, X, Y, Z
from kernelcalc.expectation.rules import DUAL_RULES, MEAN_RULES, Reduction
from kernelcalc.expectation.tidy import tidy
from kernelcalc.functions.base import Function
from kernelcalc.functions.periodic import nearest, rising
from kernelcalc.symbols import a, b, c, v


class Engine:
    """One derivation: solves problems, remembers what it solved, and keeps the steps in order."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._solved: dict[Problem, sp.Expr] = {}

    def note(self, rule: str, before: sp.Expr, after: sp.Expr, needs: str = "") -> None:
        if before != after:
            self.steps.append(Step(rule, before, after, needs))

    def solve(self, problem: Problem) -> sp.Expr:
        """The closed form of a problem; raises NoRule where there is none to be had."""
        if problem not in self._solved:
            value = self._mean(problem) if isinstance(problem, Mean) else self._dual(problem)
            self._solved[problem] = tidy(value)
        return self._solved[problem]

    def _reduce(self, problem: Problem, reduction: Reduction) -> sp.Expr:
        written = sp.Add(reduction.constant, *(weight * part.written for weight, part in reduction.parts))
        before = problem.written
        if reduction.via is not None:
            self.note(reduction.rule, before, reduction.via, reduction.needs)
            before = reduction.via
        self.note("integral" if before is reduction.via else reduction.rule, before, written, reduction.needs)
        return reduction.constant + sp.Add(*(weight * self.solve(part) for weight, part in reduction.parts))

    def _mean(self, p: Mean) -> sp.Expr:
        for rule in MEAN_RULES:
            if (reduction := rule(p)) is not None:
                return self._reduce(p, reduction)
        raise NoRule(f"no closed form known for the mean of {p.atom.expr()}")

    def _dual(self, p: Dual) -> sp.Expr:
        for rule in DUAL_RULES:
            for oriented in (p, p.swapped):
                if (reduction := rule(oriented)) is not None:
                    return self._reduce(p, reduction)
        return self._price(p)

    def _price(self, p: Dual) -> sp.Expr:
        """Price: d/dc E[F(X) G(Y)] = E[F'(X) G'(Y)], and at c = 0 the expectation is E[F] E[G]."""
        product = f"E[({p.f.expr(X)}) * ({p.g.expr(Y)})]"
        if not all(
            isinstance(atom.kind, Sgn | Erf) and atom == Atom(ONE, kind=atom.kind) for atom in (p.f, p.g)
        ):
            raise NoRule(f"no closed form known for {product}")
        if 0 in (p.f.parity, p.g.parity):
            raise NoRule(f"{product} needs a bivariate normal integral at complex arguments")
        general = replace(p, a=a, b=b, c=c)
        slope = sp.Integer(0)
        for df in derivative(p.f):
            for dg in derivative(p.g):
                slope += self.solve(replace(general, f=df, g=dg))
        slope = tidy(slope)
        start = self.solve(Mean(p.f, a)) * self.solve(Mean(p.g, b))
        s = sp.Dummy("s", real=True)
        self.note("Price", general.written, start + sp.Integral(slope.subs(c, s), (s, 0, c)), needs="D > 0")
        value = tidy(start + integrate_from_zero(slope, c))
        self.note("integral", start + sp.Integral(slope.subs(c, s), (s, 0, c)), value)
        return value.subs({a: p.a, b: p.b, c: p.c}, simultaneous=True)


def _sum(engine: Engine, whole: sp.Expr, parts: list[tuple[sp.Expr, Problem]]) -> sp.Expr:
    engine.note("linearity", whole, sp.Add(*(weight * part.written for weight, part in parts)))
    return tidy(sp.Add(*(weight * engine.solve(part) for weight, part in parts)))


def _regular_and_masses(f: Function, x: sp.Symbol) -> sp.Expr:
    return f.expr.subs(sym.z, x) + sp.Add(*(w * sp.DiracDelta(x - t) for t, w in f.deltas))


def _admitted(f: Function, *, stepwise: bool = False) -> tuple[Atom, ...]:
    if f.expr.has(nearest, rising):
        raise NoRule(f"no closed form known for {f.name}: it has infinitely many kinks")
    found = atoms(f, stepwise=stepwise)
    if any(isinstance(atom.kind, Opaque) and outgrows(atom.kind.g) for atom in found):
        raise NoRule(f"{f.name} may outgrow the Gaussian: its means need not exist")
    return found


def written(f: Function, g: Function, *law: sp.Expr) -> sp.Expr:
    """E[f(X) g(Y)] unevaluated; law: Var X, Var Y, Cov(X, Y)."""
    return E(_regular_and_masses(f, X) * _regular_and_masses(g, Y), *law)


def derive_dual(f: Function, g: Function) -> tuple[sp.Expr, tuple[Step, ...]]:
    """E[f(X) g(Y)] in a, b, c, and the derivation. Raises NoRule."""
    lefts, rights = _admitted(f), _admitted(g)
    if any(_quadrants(left, right) for left in lefts for right in rights):
        lefts, rights = _admitted(f, stepwise=True), _admitted(g, stepwise=True)
    whole = written(f, g, a, b, c)
    parts: list[tuple[sp.Expr, Problem]] = [
        (left.coef * right.coef, Dual(left.bare, right.bare, a, b, c))
        for left in lefts
        for right in rights
    ]
    return _derive(whole, parts)


def _quadrants(left: Atom, right: Atom) -> bool:
    """Whether a product ends in probabilities of quarter planes that are not centred at 0."""
    both = all(isinstance(atom.kind, Sgn | Erf) for atom in (left, right))
    waves = left.s.has(sp.I) or right.s.has(sp.I)
    centred = left.kind.parity and right.kind.parity and left.s == right.s == 0
    return both and not centred and not waves


def derive_mean(f: Function, *, stepwise: bool = False) -> tuple[sp.Expr, tuple[Step, ...]]:
    """E f(Z), Z ~ N(0, v), and the derivation; stepwise: without cancellation in the tails. Raises NoRule."""
    admitted = _admitted(f, stepwise=stepwise)
    parts: list[tuple[sp.Expr, Problem]] = [(atom.coef, Mean(atom.bare, v)) for atom in admitted]
    return _derive(E(_regular_and_masses(f, Z), v), parts)


def _derive(whole: sp.Expr, parts: list[tuple[sp.Expr, Problem]]) -> tuple[sp.Expr, tuple[Step, ...]]:
    engine = Engine()
    value = harmless(_sum(engine, whole, parts))
    if value.has(sp.I):
        raise NoRule(f"the phases of {whole} leave a function of a complex argument")
    engine.note("collect", whole, value)
    return value, tuple(engine.steps)
