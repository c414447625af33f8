"""Proof that two expressions are equal, by symbols alone: numbers are never taken as evidence here."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import sympy as sp

from kernelcalc.symbols import a, b, c, rho
from kernelcalc.verify.algebra import is_zero, sign_of

Expr = Any  # SymPy carries no types
SECONDS = 24.0  # processor time for all methods together; one of them gets a third at most


class OutOfTime(BaseException):  # no Exception: SymPy catches those in places and would carry on
    pass


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime after so much processor time: a clock would let a busy machine change verdicts.

    Without effect outside the main thread or without such timers; the limit per claim still holds then.
    """
    if not hasattr(signal, "SIGVTALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise OutOfTime

    previous = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)


def proved_equal(
    lhs: Expr, rhs: Expr, domain: Mapping[sp.Symbol, Expr] | None = None, *, seconds: float = SECONDS
) -> str | None:
    """The name of the method that proved lhs = rhs on the domain, or None.

    Symbols range over what their assumptions allow, with c^2 < a b and -1 < rho < 1; domain may give further
    symbols as expressions in others that run through the whole domain. Matrices are compared entry by entry.
    """
    lhs, rhs = sp.sympify(lhs), sp.sympify(rhs)
    if isinstance(lhs, sp.MatrixBase) or isinstance(rhs, sp.MatrixBase):
        if getattr(lhs, "shape", None) != getattr(rhs, "shape", None):
            return None
        share = seconds / max(1, len(lhs))
        methods = [proved_equal(x, y, domain, seconds=share) for x, y in zip(lhs, rhs, strict=True)]
        return None if None in methods else ", ".join(sorted({method for method in methods if method}))
    if lhs == rhs:
        return "identical"
    if any(side.has(sp.nan, sp.zoo, sp.oo, -sp.oo) for side in (lhs, rhs)):
        return None
    pairs = list(dict.fromkeys([(lhs, rhs), _parametrised(lhs, rhs, domain or {})]))
    start = time.process_time()
    for name, method in METHODS.items():
        for x, y in pairs:
            left = start + seconds - time.process_time()
            if left <= 0:
                return None
            try:
                with time_limit(min(left, seconds / 3)):
                    if method(x, y):
                        return name
            # SymPy fails in many ways on forms it does not know: that way gave no proof, another one may
            except (OutOfTime, Exception):
                continue
    return None


def _parametrised(lhs: Expr, rhs: Expr, domain: Mapping[sp.Symbol, Expr]) -> tuple[Expr, Expr]:
    """The two sides in coordinates whose assumptions alone say c^2 < a b and |rho| < 1."""
    lhs, rhs = lhs.xreplace(dict(domain)), rhs.xreplace(dict(domain))
    free = lhs.free_symbols | rhs.free_symbols
    determinant, u = sp.Dummy("D", positive=True), sp.Dummy("u", positive=True)
    coordinates = {}
    if {a, b, c} <= free:
        coordinates[b] = (determinant + c**2) / a
    if rho in free:
        coordinates[rho] = (1 - u) / (1 + u)
    return lhs.xreplace(coordinates), rhs.xreplace(coordinates)


def _by_algebra(lhs: Expr, rhs: Expr) -> bool:
    return is_zero(lhs - rhs)


def _by_derivative(lhs: Expr, rhs: Expr) -> bool:
    return _constant_zero(lhs - rhs)


def _constant_zero(difference: Expr) -> bool:
    """Zero because it is zero at one value of a symbol and its derivative in that symbol vanishes."""
    for symbol in sorted(difference.free_symbols, key=lambda s: (s.is_positive is True, s.name)):
        # an interval to vary in, and no jump inside it that a derivative would not see
        if symbol.is_real and symbol.is_integer is None and _continuous(difference, symbol):
            if not is_zero(sp.diff(difference, symbol)):
                continue
            start = difference.xreplace({symbol: sp.S.One if symbol.is_nonzero else sp.S.Zero})
            return not start.has(sp.nan, sp.zoo) and (is_zero(start) or _constant_zero(start))
    return False


_CONTINUOUS = (
    sp.exp, sp.erf, sp.erfc, sp.erfi, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh,
    sp.asin, sp.acos, sp.atan, sp.asinh,
)  # fmt: skip


def _continuous(expr: Expr, symbol: sp.Symbol) -> bool:
    """True if the real expression is sure to be continuous in the symbol over its whole range."""
    if symbol not in expr.free_symbols or expr.is_Symbol:
        return True
    if not all(_continuous(arg, symbol) for arg in expr.args):
        return False
    if expr.is_Add or expr.is_Mul or isinstance(expr, _CONTINUOUS):
        return True
    if expr.is_Pow:
        base, exponent = expr.args
        if exponent.is_Integer and exponent > 0:
            return True
        if exponent.is_Rational and exponent > 0 and base.is_nonnegative:
            return True
        return sign_of(base) == 1 or (exponent.is_Integer and sign_of(base) is not None)
    if isinstance(expr, sp.log):
        return sign_of(expr.args[0]) == 1
    return isinstance(expr, sp.atan2) and sign_of(expr.args[1]) == 1


def _by_squares(lhs: Expr, rhs: Expr) -> bool:
    """Nested roots: equal squares and equal signs."""
    sign = sign_of(lhs)
    return sign is not None and sign == sign_of(rhs) and is_zero(lhs**2 - rhs**2)


def _by_simplify(lhs: Expr, rhs: Expr) -> bool:
    difference = lhs - rhs
    return any(form(difference) == 0 for form in (sp.powsimp, sp.trigsimp, sp.gammasimp, sp.simplify))


def _by_ratio(lhs: Expr, rhs: Expr) -> bool:
    return bool(rhs != 0 and sp.simplify(lhs / rhs) == 1)


def _by_special_functions(lhs: Expr, rhs: Expr) -> bool:
    return bool(sp.simplify(sp.hyperexpand(sp.expand_func(lhs - rhs))) == 0)


METHODS: dict[str, Callable[[Expr, Expr], bool]] = {
    "algebra": _by_algebra,
    "derivative": _by_derivative,
    "squares": _by_squares,
    "simplify": _by_simplify,
    "ratio": _by_ratio,
    "special functions": _by_special_functions,
}
