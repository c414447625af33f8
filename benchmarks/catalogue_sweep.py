"""Every mean and dual of the catalogue at random parameters from 1e-12 to 1e12, against its definition.

    python benchmarks/catalogue_sweep.py [--points 2] [--only NAME] [--kind mean] [--results FILE]

Closed forms are compared with the integral of the definition (mpmath) to 40 digits; the float64 values of
expectations with their stated bounds; the compiled NTK of two layers, whose entries are E f f + c E f'f',
with the closed forms at 60 digits on the exact rows. A line for every expectation; the exit status is 1 if
one is out of bounds. With --results every line is kept in FILE, and the same command goes on from there.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import signal
import sys
import time
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import mpmath as mp
import numpy as np
import sympy as sp

import kernelcalc as kc
from kernelcalc.errors import InputError
from kernelcalc.expectation.result import Expectation
from kernelcalc.functions.activations import ACTIVATIONS
from kernelcalc.functions.base import Function
from kernelcalc.functions.surrogates import SURROGATES

DIGITS = 40
LARGEST = 1e-13  # relative error allowed of a compiled entry
OUTGROW = {"Exp", "Sinh", "ExponentialEscape", "Snake"}  # exponentials of the variance: kept below 1e2
WAVES = {"Sin", "Cos", "RBF", "SquareWaveFourier", "Gabor"}  # exponentially small: likewise


@dataclass
class Line:
    """What was found of one expectation: the largest errors, relative to what is allowed of each."""

    name: str
    what: str
    closed: float  # of the closed form, in units of 1e-40; NaN where there is none
    value: float  # of the float64 value, in units of its bound
    compiled: float  # of the compiled kernel, in units of 1e-13; NaN where it was not asked
    seconds: float
    where: str = ""
    late: int = 0  # points at which the integral took too long

    @property
    def good(self) -> bool:
        return all(not x > 1 for x in (self.closed, self.value, self.compiled))


def points(draw: random.Random, name: str, count: int, dual: bool) -> Iterator[tuple[Fraction, ...]]:
    """Variances over 24 decades, and a covariance of any correlation, as float64 numbers."""
    top = 2 if name in OUTGROW | WAVES else 0 if name == "PeriodicExponential" else 12
    for _ in range(count):
        a, b = (10 ** draw.uniform(-12, top) for _ in range(2))
        far = 10 ** draw.uniform(-9, 0)
        rho = draw.choice((draw.uniform(-1, 1), 1 - far, far - 1))
        yield tuple(map(Fraction, (a, b, rho * math.sqrt(a * b)) if dual else (a,)))


def closed_value(e: Expectation, point: tuple[Fraction, ...]) -> mp.mpf:
    """The closed form to 60 digits, at two precisions that agree."""
    call = sp.lambdify(e.arguments, e.expr, "mpmath")
    last = None
    for digits in (120, 240, 480, 960, 1920):
        with mp.workdps(digits):
            value = mp.mpf(call(*(mp.mpf(x.numerator) / x.denominator for x in point)))
            settled = last is not None and abs(value - last) <= abs(value) * mp.mpf(10) ** -60
            if settled and (value != 0 or digits > 1000):
                return value
            last = value
    raise ArithmeticError(f"{e!r}: no two precisions agree")


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """TimeoutError after so many seconds, on systems that have alarms."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def examine(
    name: str, what: str, e: Expectation, found: Iterator[tuple[Fraction, ...]], seconds: int
) -> Line:
    """The largest errors of an expectation at the points; seconds: for the integral at each."""
    line = Line(name, what, math.nan, 0.0, math.nan, 0.0)
    start = time.perf_counter()
    for point in found:
        before = line.good
        given = tuple(sp.Rational(x.numerator, x.denominator) for x in point)
        try:
            with limit(seconds):
                exact = e.reference(*given, digits=DIGITS + 2 if e.closed_form else 20)
            (value,), (bound,) = (np.atleast_1d(x) for x in e.bounded(*map(float, point)))
        except TimeoutError:
            line.late += 1
            continue
        except (InputError, ArithmeticError) as error:
            line.value, line.where = math.inf, f"{[float(x) for x in point]}: {str(error)[:150]}"
            continue
        with mp.workdps(DIGITS + 30):
            if e.closed_form:
                wrong = abs(closed_value(e, point) - exact)
                size = abs(exact) if exact else mp.mpf(1)
                closed = float(wrong / size * mp.mpf(10) ** DIGITS)
                line.closed = closed if math.isnan(line.closed) else max(closed, line.closed)
            allowed = mp.mpf(float(bound)) + mp.mpf(10) ** -19 * abs(exact) + mp.mpf(2) ** -1074
            off = abs(mp.mpf(float(value)) - exact)
            line.value = max(line.value, float(off / allowed) if off else 0.0)
        if before and not line.good:
            line.where = str([float(x) for x in point])
    line.seconds = time.perf_counter() - start
    return line


def compiled(line: Line, f: Function, draw: random.Random, count: int) -> None:
    """The compiled NTK of two layers on rows with such variances."""
    k = kc.NTK(f, 2)
    first, second = k.layer.cross, k.layer.factor
    if not (first.closed_form and second is not None and second.closed_form):
        return
    line.compiled = 0.0
    for a, b, c in points(draw, line.name, count, True):
        angle = math.acos(max(-1.0, min(1.0, float(c) / math.sqrt(float(a) * float(b)))))
        x = np.array([[math.sqrt(2 * float(a)), 0.0]])
        y = math.sqrt(2 * float(b)) * np.array([[math.cos(angle), math.sin(angle)]])
        rows = [[Fraction(t) for t in row] for row in (x[0].tolist(), y[0].tolist())]
        exact = tuple(
            sum((s * t for s, t in zip(rows[i], rows[j], strict=True)), Fraction(0)) / 2
            for i, j in ((0, 0), (1, 1), (0, 1))
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = float(k(x, y)[0, 0])
        with mp.workdps(60):
            covariance = mp.mpf(exact[2].numerator) / exact[2].denominator
            terms = closed_value(first, exact), covariance * closed_value(second, exact)
            wrong = abs(mp.mpf(value) - sum(terms)) / max(sum(map(abs, terms)), mp.mpf(2) ** -1022)
        if not wrong <= line.compiled * LARGEST:
            line.compiled = float(wrong) / LARGEST if math.isfinite(value) else math.inf
            if line.compiled > 1:
                line.where = f"compiled at {[float(t) for t in exact]}: {value}"


def lines(
    only: str, kind: str, count: int, seed: int, seconds: int, known: Collection[str] = ()
) -> Iterator[Line]:
    """One after another; known: names that are left out."""
    for entry in SURROGATES if kind != "dual" else ():
        if only in ("", entry.name) and entry.name not in known:
            draw, s = random.Random(f"{seed} {entry.name}"), entry()
            for mu in (sp.S.Zero, sp.Rational(draw.randint(-300, 300), 64)):
                what = f"G({mu}, v)" if mu else "G(v)"
                found = points(draw, entry.name, count, False)
                yield examine(entry.name, what, kc.mean(s, mu), found, seconds)
    for entry in ACTIVATIONS if kind != "mean" else ():
        if only in ("", entry.name) and entry.name not in known:
            draw, f = random.Random(f"{seed} {entry.name}"), entry()
            line = examine(entry.name, "E f f", kc.dual(f), points(draw, entry.name, count, True), seconds)
            compiled(line, f, draw, 4 * count)
            yield line
            if not f.jumps:
                found = points(draw, entry.name, count, True)
                yield examine(entry.name, "E f'f'", kc.dual(f.derivative), found, seconds)


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--points", type=int, default=2, help="of every expectation")
    parser.add_argument("--only", default="", help="one function of the catalogue, by its name in Python")
    parser.add_argument("--kind", choices=("mean", "dual"), default="", help="means or duals alone")
    parser.add_argument("--seconds", type=int, default=60, help="at most for one integral")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, help="keep the lines there, and leave out what is there")
    options = parser.parse_args()
    given = options.kind, options.points, options.seed, options.seconds
    found = read(options.results, given) if options.results else []
    print(f"{'':24s}{'':14s}  form/1e-40  value/bound  compiled/1e-13  seconds")
    for line in found:
        show(line)
    names = {line.name for line in found}
    for _, group in groupby(lines(options.only, *given, names), key=lambda line: line.name):
        for line in (new := list(group)):
            show(line)
        found += new
        if options.results:
            with options.results.open("a") as file:
                file.write(json.dumps([given, *map(asdict, new)]) + "\n")
    late = sum(line.late for line in found)
    bad = [line for line in found if not line.good]
    print(f"{len(found)} expectations, {len(bad)} out of bounds, {late} integrals too slow")
    return int(bool(bad))


def show(line: Line) -> None:
    figures = f"{line.closed:12.2g} {line.value:12.2g} {line.compiled:15.2g} {line.seconds:8.1f}"
    words = ("" if line.good else line.where) + (f" {line.late} without integral" if line.late else "")
    print(f"{line.name:24s}{line.what:14s}{figures}  {words}", flush=True)


def read(file: Path, given: tuple[object, ...]) -> list[Line]:
    """The lines found with these options."""
    rows = map(json.loads, file.read_text().splitlines()) if file.exists() else ()
    return [Line(**line) for options, *found in rows if tuple(options) == given for line in found]


if __name__ == "__main__":
    sys.exit(main())
