"""Every step of a derivation checked by itself: by symbols, or by numbers at exact points to 40 digits.

Unevaluated expectations get their numbers from the independent quadrature, limits from points far out,
derivatives and integrals from mpmath; nothing is taken from the rule that made the step.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import sympy as sp
from mpmath import mp, mpf
from sympy.core.function import AppliedUndef

from kernelcalc import quadrature
from kernelcalc.derive.derivation import Derivation
from kernelcalc.errors import InputError, Undefined
from kernelcalc.expectation.problem import E, X, Y, Z
from kernelcalc.functions.base import Function
from kernelcalc.symbols import a, b, c, rho, z
from kernelcalc.trace import Step
from kernelcalc.verify.judge import judge
from kernelcalc.verify.numeric import NoNumber, evaluate
from kernelcalc.verify.prove import proved_equal

DIGITS = 40
FAR = 160  # a limit is taken at a distance of 10^-160: what is left of a square root is 10^-80
PROOF = 3.0  # seconds of processor time for a proof by symbols
POINTS = 3
TRIES = 40
Point = Mapping[sp.Symbol, sp.Expr]
Word = Literal["proved", "confirmed", "failed"]


@dataclass(frozen=True)
class Check:
    """The verdict on a step and how it was reached."""

    verdict: Word
    how: str

    def __str__(self) -> str:
        return f"{self.verdict}: {self.how}"


class _Differs(Exception):
    """The two sides have different values; the message has the point and both."""


def check(step: Step, points: Sequence[Point] = ()) -> Check:
    """Whether a step holds. points: where the claim is tested; others are chosen as the symbols allow."""
    by_symbols = not step.tends and not _holds_unevaluated(step.before) and not _holds_unevaluated(step.after)
    if by_symbols and (method := proved_equal(step.before, step.after, seconds=PROOF)):
        return Check("proved", f"by symbols ({method})")
    return _by_numbers(step, points)


def result(item: Derivation) -> Check:
    """Whether what was derived is what is claimed; for an expectation, what the quadrature gives."""
    if item.claim is not None:
        verdict = judge(item.claim, min(DIGITS, item.claim.digits))
        agrees = f"agrees with its definition to {verdict.digits} digits at {verdict.points} points"
        if verdict.verdict == "failed":
            return Check("failed", verdict.reason)
        found = f"equal to the statement by symbols ({verdict.proof}); " if verdict.proof else ""
        if verdict.verdict == "refuted":
            found = (
                f"refutes the statement as printed ({verdict.counterexample}); the corrected form: {found}"
            )
        return Check("proved" if verdict.proof else "confirmed", found + agrees)
    return _by_numbers(Step("result", item.whole, item.form), ())


def _concrete(step: Step) -> Step:
    """A derivative of unknown functions with others in their place: it holds for all of them."""
    unknown = step.before.atoms(AppliedUndef) if isinstance(step.before, sp.Derivative) else set()
    if not unknown:
        return step
    known = {f: sp.sin(f.args[0] + i) + 2 for i, f in enumerate(sorted(unknown, key=str))}
    before = sp.Derivative(step.before.expr.xreplace(known), *step.before.variable_count)
    return replace(step, before=before, after=step.after.xreplace(known).doit())


def _by_numbers(step: Step, points: Sequence[Point]) -> Check:
    step = _concrete(step)
    used, reason = 0, "no point at which both sides have a value"
    for point in _points(_symbols(step), points):
        try:
            _compare(step, point)
        except _Differs as found:
            return Check("failed", str(found))
        # outside of the step's domain, or beyond what the quadrature resolves: another point may do
        except (NoNumber, InputError, ArithmeticError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())[:200] or reason
            continue
        used += 1
        if used == POINTS or not _symbols(step):
            witness = ", expectations by quadrature" if _has(step, E) else ""
            return Check("confirmed", f"to {DIGITS} digits at {used} point{'s' * (used > 1)}{witness}")
    return Check("failed", f"not decided: {reason}")


def _compare(step: Step, point: Point) -> None:
    with mp.workdps(DIGITS + 15):
        if step.tends:
            symbol, target = step.tends
            _compare_far(step.before, step.after, symbol, target, point)
            return
        for before, after in zip(_entries(step.before), _entries(step.after), strict=True):
            if isinstance(before, sp.Limit):
                inner, symbol, target, side = before.args
                _compare_limit(inner, after, symbol, _near(target, str(side), inner, symbol), point)
            else:
                _same(lambda form=before: value(form, point), lambda form=after: value(form, point), point)


def _same(left: Any, right: Any, point: Point) -> None:
    values = []
    for side in (left, right):
        try:
            values.append(side())
        except Undefined:  # a mass against a mass: infinite
            values.append(mp.inf)
    x, y = values
    if mp.isinf(x) or mp.isinf(y):
        agree = mp.isinf(x) and mp.isinf(y)
    else:
        agree = abs(x - y) <= mpf(10) ** -DIGITS * max(abs(x), abs(y), mpf(10) ** -6)
    if not agree:
        at = ", ".join(f"{symbol} = {number}" for symbol, number in point.items())
        raise _Differs(f"{mp.nstr(x, 15)} is not {mp.nstr(y, 15)} at {at or 'the only point'}")


def _near(target: sp.Expr, side: str, form: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """A number at a distance of 10^-FAR from the point of a limit; less far out for powers such as 2^-L,
    whose digits would fill the memory."""
    if target in (sp.oo, -sp.oo):
        if any(power.base.is_Rational and power.exp.has(symbol) for power in form.atoms(sp.Pow)):
            return sp.sign(target) * sp.Integer(4 * FAR)
        return sp.sign(target) * sp.Integer(10) ** FAR
    return target + (1 if side == "+" else -1) * sp.Rational(1, 10**FAR)


def _put(form: sp.Expr, symbol: sp.Symbol, near: sp.Expr) -> sp.Expr:
    """form near the point of a limit: exact, but for exponents, where a fraction would fill the memory."""
    powers = any(symbol in power.exp.free_symbols for power in form.atoms(sp.Pow))
    return form.xreplace({symbol: near.evalf(6 * FAR) if powers else near})


def _compare_limit(form: sp.Expr, after: sp.Expr, symbol: sp.Symbol, near: sp.Expr, point: Point) -> None:
    rest = {s: x for s, x in point.items() if s != symbol}
    with mp.workdps(6 * FAR):
        reached = _number(_put(form, symbol, near), rest, 5 * FAR)
        if after.is_infinite:
            _same(lambda: mp.inf if abs(reached) > mpf(10) ** 20 else reached, lambda: mp.inf, point)
            return
    _same(lambda: +reached, lambda: value(after, rest), point)


def _compare_far(form: sp.Expr, after: sp.Expr, symbol: sp.Symbol, target: sp.Expr, point: Point) -> None:
    """An expansion: what is left over the last term vanishes."""
    rest = {s: x for s, x in point.items() if s != symbol}
    near = _near(target, "+", form, symbol)
    with mp.workdps(6 * FAR):
        whole, part = (_number(_put(side, symbol, near), rest, 5 * FAR) for side in (form, after))
        terms = [
            abs(_number(_put(term, symbol, near), rest, 5 * FAR)) for term in sp.Add.make_args(after)
        ]
        last = min((term for term in terms if term), default=mpf(1))
        left = (whole - part) / last
    _same(lambda: left + 1, lambda: mpf(1), point)


# ---------------------------------------------------------------- numbers


def value(form: Any, point: Point) -> Any:
    """A side of a step at a point, to DIGITS and some more."""
    put = form.subs(dict(point)) if not isinstance(form, sp.Derivative) else form
    if isinstance(form, sp.Derivative):
        return _slope(form, point)
    numbers: dict[sp.Expr, sp.Expr] = {}
    for e in put.atoms(E):
        numbers[e] = _exact(_expectation(e))
    for integral in put.atoms(sp.Integral):
        numbers[integral] = _exact(_integral(integral))
    return _number(put.xreplace(numbers), {}, DIGITS + 8, waves=form.has(sp.I))


def _number(form: sp.Expr, point: Point, digits: int, *, waves: bool = False) -> Any:
    """The value of a form to so many digits; waves: it may be complex, as E[X exp(i Y)] is."""
    if form.has(sp.nan, sp.zoo):
        raise NoNumber(f"{form} is undefined")
    if form.is_infinite:
        return mp.inf
    (found,) = evaluate(form, point, digits)
    if isinstance(found, mp.mpc) and not waves:
        if abs(found.imag) > mpf(10) ** -digits * abs(found):
            raise NoNumber("complex outside of the domain")
        return found.real
    return found


def _exact(number: Any) -> sp.Expr:
    if isinstance(number, mp.mpc):
        return _exact(number.real) + sp.I * _exact(number.imag)
    return (
        sp.Rational(*mpf(number).as_integer_ratio())
        if hasattr(mpf, "as_integer_ratio")
        else _rational(number)
    )


def _rational(number: Any) -> sp.Rational:
    sign, man, exp, _ = mpf(number)._mpf_
    return sp.Integer((-1) ** sign * int(man)) * sp.Integer(2) ** int(exp)


def _slope(form: sp.Derivative, point: Point) -> Any:
    """A derivative by differences."""
    (symbol, order), *more = form.variable_count
    if more or symbol not in point:
        raise NoNumber("a derivative in several symbols")
    rest = {s: x for s, x in point.items() if s != symbol}

    def inner(x: Any) -> Any:
        return _number(form.expr, {**rest, symbol: _rational(x)}, mp.dps)  # which mp.diff has raised

    with mp.workdps(3 * DIGITS):
        return mp.diff(inner, mpf(int(point[symbol].p)) / int(point[symbol].q), int(order))


def _integral(integral: sp.Integral) -> Any:
    (symbol, low, high), *more = integral.limits
    if more or integral.free_symbols:
        raise NoNumber("an integral in several variables")
    masses = integral.function.atoms(sp.DiracDelta)
    if masses:
        (mass,) = masses
        place = sp.solve(mass.args[0], symbol)[0]
        return _number(integral.function.xreplace({mass: sp.Integer(1)}).subs(symbol, place), {}, DIGITS + 8)
    inner = sp.lambdify(symbol, integral.function, "mpmath")
    ends = [mpf(str(sp.N(x, mp.dps))) if x.is_finite else (mp.inf if x > 0 else -mp.inf) for x in (low, high)]
    middle = [mpf(0)] if ends[0] < 0 < ends[1] else []
    with mp.workdps(DIGITS + 25):
        found, error = mp.quad(inner, [ends[0], *middle, ends[1]], error=True)
    if error > mpf(10) ** -(DIGITS + 5) * max(abs(found), 1):
        raise NoNumber(f"{integral} is not resolved")
    return found


@lru_cache(maxsize=4096)
def _expectation(e: E) -> Any:
    """E(...) at numbers, by the independent quadrature; complex integrands by their parts."""
    if len(e.args) == 2:
        parts = _parts(e.args[0], Z)
        return mp.fsum(unit * quadrature.mean(f, e.args[1], digits=DIGITS + 6) for unit, f in parts)
    left, right = e.args[0].as_independent(Y)
    return mp.fsum(
        u * w * quadrature.dual(f, g, *e.args[1:], digits=DIGITS + 6)
        for u, f in _parts(left, X)
        for w, g in _parts(right, Y)
    )


def _parts(form: sp.Expr, symbol: sp.Symbol) -> list[tuple[Any, Function]]:
    """(1, real part) and (i, imaginary part) as functions of z with their masses."""
    form = sp.expand(form) if form.has(sp.DiracDelta) else form
    regular, masses = sp.Integer(0), []
    for term in sp.Add.make_args(form):
        deltas = term.atoms(sp.DiracDelta)
        if deltas:
            (delta,) = deltas
            place = sp.solve(delta.args[0], symbol)[0]
            masses.append((place, term.xreplace({delta: sp.Integer(1)}).subs(symbol, place)))
        else:
            regular += term
    real, imaginary = regular.subs(symbol, z), sp.Integer(0)
    if regular.has(sp.I):
        real, imaginary = regular.subs(symbol, z).as_real_imag()
    found: list[tuple[Any, Function]] = []
    if real != 0 or masses:
        found.append((mpf(1), Function(str(form), real, (), tuple(masses))))
    if imaginary != 0:
        found.append((mp.mpc(0, 1), Function(f"Im {form}", imaginary)))
    return found


# ---------------------------------------------------------------- points


def _symbols(step: Step) -> list[sp.Symbol]:
    free = set().union(
        *(entry.free_symbols for side in (step.before, step.after) for entry in _entries(side))
    )
    return sorted(free - {X, Y, Z}, key=str)


def _points(symbols: Sequence[sp.Symbol], given: Sequence[Point]) -> Iterator[Point]:
    """The given points, completed, then others: exact numbers that the assumptions allow."""
    chance = random.Random(20240)
    for base in [*given, *({} for _ in range(TRIES))]:
        point = {s: base.get(s, _chosen(s, chance)) for s in symbols}
        if c in point and c not in base and {a, b} & point.keys():
            room = min(point.get(s, sp.Integer(1)) for s in (a, b))
            point[c] = sp.Rational(chance.randint(-19, 19), 20) * room
        yield point


def _chosen(symbol: sp.Symbol, chance: random.Random) -> sp.Expr:
    if symbol.is_integer:
        return sp.Integer(chance.randint(1, 3))
    if symbol == rho or not symbol.is_nonnegative:
        return sp.Rational(chance.choice([-1, 1]) * chance.randint(1, 19), 20)
    return sp.Rational(chance.randint(4, 40), 16)


def _entries(form: Any) -> list[Any]:
    return list(form) if isinstance(form, sp.MatrixBase) else [sp.sympify(form)]


def _has(step: Step, *kinds: Any) -> bool:
    return any(entry.has(*kinds) for side in (step.before, step.after) for entry in _entries(side))


def _holds_unevaluated(form: Any) -> bool:
    return any(entry.has(E, sp.Integral, sp.Limit, sp.Derivative, sp.oo, -sp.oo) for entry in _entries(form))
