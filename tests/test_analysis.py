"""Properties of functions: a table of known ones, and numerical checks that share no code with the analysis.

Every number in the table follows from the function's definition by hand, or from a root of f''.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import mpmath as mp
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelcalc.errors import InputError
from kernelcalc.functions import analysis
from kernelcalc.symbols import m, z

oo, pi, exp, erf, sign, sqrt = sp.oo, sp.pi, sp.exp, sp.erf, sp.sign, sp.sqrt
Abs, H, Max, Min, Piecewise, R = sp.Abs, sp.Heaviside, sp.Max, sp.Min, sp.Piecewise, sp.Rational
Number = Any  # int, SymPy number, or mpf


def steepest(f: sp.Expr, near: float) -> mp.mpf:
    """|f'| at the inflection point near the given one."""
    slope, bend = (sp.lambdify(z, f.diff(z, k), "mpmath") for k in (1, 2))
    with mp.workdps(30):
        return abs(slope(mp.findroot(bend, near)))


class Known(NamedTuple):
    """What there is to know; an mpf (a value without closed form) is met from above, to 1e-11."""

    expr: sp.Expr
    parity: str | None
    bound: Number
    lipschitz: Number | None
    envelope: tuple[Number, Number] | None
    jumps: tuple[tuple[Number, Number], ...] = ()
    kinks: tuple[Number, ...] = ()
    higher: tuple[Number, ...] = ()  # breakpoints that are neither jumps nor kinks


SIGMOID = 1 / (1 + exp(-z))
MISH = z * sp.tanh(sp.log(1 + exp(z)))
GABOR = exp(-(z**2)) * sp.cos(z)
FOURIER = sp.cos(z) + sp.cos(3 * z)
LOBES = R(23, 20) * exp(-2 * z**2) - R(3, 20) * (exp(-((z - 1) ** 2) / 9) + exp(-((z + 1) ** 2) / 9))
KNOWN = {
    "identity": Known(z, "odd", oo, 1, (0, 1)),
    "constant": Known(sp.Integer(-3), "even", 3, 0, (3, 0)),
    "square": Known(z**2, "even", oo, None, None),
    "cube": Known(z**3, "odd", oo, None, None),
    "exp": Known(exp(z), None, oo, None, None),
    "erf": Known(erf(3 * z), "odd", 1, 6 / sqrt(pi), (1, 0)),
    "erf'": Known(
        2 * exp(-(z**2)) / sqrt(pi), "even", 2 / sqrt(pi), sqrt(8 / (pi * sp.E)), (2 / sqrt(pi), 0)
    ),
    "gaussian": Known(exp(-(z**2)), "even", 1, sqrt(2 / sp.E), (1, 0)),
    "far gaussian": Known(exp(-((z - 1000) ** 2)), None, 1, sqrt(2 / sp.E), (1, 0)),
    "gabor": Known(GABOR, "even", 1, steepest(GABOR, 0.6), (1, 0)),
    "cauchy": Known(1 / (1 + z**2), "even", 1, 3 * sqrt(3) / 8, (1, 0)),
    "circ": Known((1 + z**2) ** R(-3, 2), "even", 1, 48 / (25 * sqrt(5)), (1, 0)),
    "sech^2": Known(1 - sp.tanh(2 * z) ** 2, "even", 1, 8 * sqrt(3) / 9, (1, 0)),
    "lobes": Known(
        LOBES,
        "even",
        R(23, 20) - R(3, 10) * exp(-R(1, 9)),
        steepest(LOBES, 0.5),
        (R(23, 20) - R(3, 10) * exp(-R(1, 9)), 0),
    ),
    "tanh": Known(sp.tanh(z), "odd", 1, 1, (1, 0)),
    "atan": Known(sp.atan(z), "odd", pi / 2, 1, (pi / 2, 0)),
    "sigmoid": Known(SIGMOID, None, 1, R(1, 4), (1, 0)),
    "sigmoid - 1/2": Known(SIGMOID - R(1, 2), "odd", R(1, 2), R(1, 4), (R(1, 2), 0)),
    "softplus": Known(sp.log(1 + exp(z)), None, oo, 1, (sp.log(2), 1)),
    "silu": Known(z * SIGMOID, None, oo, steepest(z * SIGMOID, 2.4), (0, 1)),
    "gelu": Known(z * (1 + erf(z / sqrt(2))) / 2, None, oo, (1 + erf(1)) / 2 + exp(-1) / sqrt(pi), (0, 1)),
    "mish": Known(MISH, None, oo, steepest(MISH, 1.5), (0, 1)),
    "log cosh": Known(sp.log(sp.cosh(z)), "even", oo, 1, (0, 1)),
    "sin": Known(sp.sin(3 * z + R(1, 2)), None, 1, 3, (1, 0)),
    "cos": Known(sp.cos(sqrt(2) * z), "even", 1, sqrt(2), (1, 0)),
    "snake": Known(z + sp.sin(z) ** 2, None, oo, 2, (1, 1)),
    "fourier": Known(FOURIER, "even", 2, steepest(FOURIER, 0.55), (2, 0)),
    "no period": Known(sp.sin(z) + sp.cos(sqrt(2) * z), None, 2, 1 + sqrt(2), (2, 0)),
    "sinc": Known(sp.sin(z) / z, "even", 1, steepest(sp.sin(z) / z, 2.1), (1, 0)),
    "z sin": Known(z * sp.sin(z), "even", oo, None, (0, 2)),
    "sign": Known(sign(z), "odd", 1, None, (1, 0), ((0, 2),)),
    "heaviside": Known(H(z), None, 1, None, (1, 0), ((0, 1),)),
    "box": Known(H(z + 1) - H(z - 1), "even", 1, None, (1, 0), ((-1, 1), (1, -1))),
    "steps": Known(
        H(z) + H(z - 1) + H(z - sqrt(2)) - 3, None, 3, None, (3, 0), ((0, 1), (1, 1), (sqrt(2), 1))
    ),
    "tanh threshold": Known(H(sp.tanh(z) - R(1, 2)), None, 1, None, (1, 0), ((sp.log(3) / 2, 1),)),
    "jump, slope": Known(z * sign(z - 1) + H(z), None, oo, None, (1, 1), ((0, 1), (1, 2))),
    "atan(1/z)": Known(sp.atan(1 / z), "odd", pi / 2, None, (pi / 2, 0), ((0, pi),)),
    "log tail": Known(
        Piecewise((R(1, 10), z <= 0), (1, z <= 1), (1 / z, True)),
        None,
        1,
        None,
        (1, 0),
        ((0, R(9, 10)),),
        (1,),
    ),
    "waves in a box": Known(
        Abs(sp.sin(z)) * (H(z + 4) - H(z - 4)),
        "even",
        1,
        None,
        (1, 0),
        ((-4, -sp.sin(4)), (4, sp.sin(4))),
        (-pi, 0, pi),
    ),
    "abs": Known(Abs(z), "even", oo, 1, (0, 1), (), (0,)),
    "relu": Known(z * H(z), None, oo, 1, (0, 1), (), (0,)),
    "relu, Max": Known(Max(0, z), None, oo, 1, (0, 1), (), (0,)),
    "leaky, Max": Known(Max(z, z / 10), None, oo, 1, (0, 1), (), (0,)),
    "leaky, Piecewise": Known(Piecewise((z / 10, z < 0), (z, True)), None, oo, 1, (0, 1), (), (0,)),
    "triangle": Known(Piecewise((1 - Abs(z), Abs(z) < 1), (0, True)), "even", 1, 1, (1, 0), (), (-1, 0, 1)),
    "hard tanh": Known(Max(-1, Min(1, z)), "odd", 1, 1, (1, 0), (), (-1, 1)),
    "hard swish": Known(z * Max(0, Min(6, z + 3)) / 6, None, oo, R(3, 2), (0, 1), (), (-3, 3)),
    "superspike": Known(1 / (1 + 25 * Abs(z)) ** 2, "even", 1, 50, (1, 0), (), (0,)),
    "laplace": Known(exp(-3 * Abs(z - 1)), None, 1, 3, (1, 0), (), (1,)),
    "1/abs, cut": Known(
        Min(1 / Abs(z), R(10, 3)), "even", R(10, 3), R(100, 9), (R(10, 3), 0), (), (-R(3, 10), R(3, 10))
    ),
    "cubic": Known(Max(0, z**3 - z), None, oo, None, None, (), (-1, 0, 1)),
    "root of relu": Known(sqrt(Max(0, z + 1)), None, oo, None, (1, 1), (), (-1,)),
    "root": Known(sqrt(Abs(z)), "even", oo, None, (mp.mpf("0.25"), 1), (), (0,)),
    "elu": Known(Piecewise((z, z > 0), (exp(z) - 1, True)), None, oo, 1, (0, 1), (), (), (0,)),
    "softsign": Known(z / (1 + Abs(z)), "odd", 1, 1, (1, 0), (), (), (0,)),
    "relu squared": Known(z**2 * H(z), None, oo, None, None, (), (), (0,)),
    "exp(-abs^3)": Known(exp(-(Abs(z) ** 3)), "even", 1, 12 ** R(1, 3) * exp(-R(2, 3)), (1, 0), (), (), (0,)),
    "Max never met": Known(Max(exp(z), z), None, oo, None, None),
}
every = pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)


def meets(value: sp.Expr | None, known: Number | None) -> bool:
    if value is None or known is None or known == oo:
        return value == known
    if isinstance(known, mp.mpf):
        return bool(0 <= sp.N(value, 30) - sp.Float(str(known), 30) <= 1e-11)
    return value == known or bool(abs(sp.N(value - known, 30)) < 1e-60)


@every
def test_known_properties(known: Known) -> None:
    f = known.expr
    assert analysis.parity(f) == known.parity
    assert meets(analysis.bound(f), known.bound)
    assert analysis.bounded(f) == (known.bound != oo)
    assert meets(analysis.lipschitz(f), known.lipschitz)
    assert analysis.jumps(f) == known.jumps or len(known.jumps) == 1 == len(analysis.jumps(f))
    for found, expected in zip(analysis.jumps(f), known.jumps, strict=True):
        assert meets(found[0], expected[0])
        assert meets(found[1], expected[1])
    assert analysis.kinks(f) == known.kinks
    everything = [*(t for t, _ in analysis.jumps(f)), *known.kinks, *known.higher]
    assert analysis.breakpoints(f) == tuple(sorted(everything, key=float))
    envelope = analysis.envelope(f)
    if envelope is None or known.envelope is None:
        assert envelope == known.envelope
    else:
        assert all(meets(x, y) for x, y in zip(envelope, known.envelope, strict=True))


def curve(e: sp.Expr) -> Callable[[float], float]:
    """e in floats, straight from its definition; NaN on overflow."""

    def heaviside(x: float, at_0: float) -> float:
        return at_0 if x == 0 else float(x > 0)

    f = sp.lambdify(z, e, [{"Heaviside": heaviside}, "math"])

    def value(x: float) -> float:
        try:
            return float(f(x))
        except OverflowError:
            return math.nan

    return value


GRID = [k / 100 + 1e-5 * math.pi for k in range(-1200, 1200)]
FAR = [s * 10 ** (k / 20) for s in (1, -1) for k in range(-120, 100)]


@every
def test_bounds_hold_and_are_sharp(known: Known) -> None:
    """|f| <= bound and envelope, |f(x) - f(y)| <= lipschitz |x - y| at thousands of points; nearly met."""
    f, zero = curve(known.expr), 1e-9
    samples = [(x, abs(f(x))) for x in GRID + FAR + [999.9 + i / 500 for i in range(100)]]
    values = [(x, y) for x, y in samples if not math.isnan(y)]
    top, slope = analysis.bound(known.expr), analysis.lipschitz(known.expr)
    envelope = analysis.envelope(known.expr)
    highest = max(y for _, y in values)
    assert highest <= float(top) + zero
    if top != oo:
        assert highest >= 0.98 * float(top) - zero
    if envelope is not None:
        c, slant = map(float, envelope)
        assert all(y <= c + slant * abs(x) + zero * (1 + abs(x)) for x, y in values)
    fine = sorted(GRID + [x for x in FAR if abs(x) < 1] + [999 + i / 100 for i in range(200)])
    rises = [abs(f(y) - f(x)) / (y - x) for x, y in pairwise(fine) if y - x > 1e-9]
    steepness = max(r for r in rises if not math.isnan(r))
    if slope is not None:
        assert steepness <= float(slope) * (1 + 1e-6) + zero
        assert steepness >= 0.95 * float(slope) - zero
    elif known.jumps:
        assert steepness > 10


@every
def test_pieces_are_the_function(known: Known) -> None:
    parts = analysis.pieces(known.expr)
    assert parts[0].lo == -oo
    assert parts[-1].hi == oo
    assert all(p.hi == q.lo for p, q in pairwise(parts))
    whole = curve(known.expr)
    for lo, hi, e in parts:
        assert not e.has(Abs, sign, H, Max, Min, Piecewise)
        piece = curve(e)
        a, b = max(float(lo), -9.0), min(float(hi), 9.0)
        for x in (a + (b - a) * k / 8.5 for k in range(1, 9)):
            assert piece(x) == pytest.approx(whole(x), rel=1e-12, abs=1e-12)


@every
def test_derivative_is_distributional(known: Known) -> None:
    """f(q) - f(p) = integral of the regular part + masses in between; and the chord slopes agree."""
    regular, masses = analysis.derivative(known.expr)
    assert masses == analysis.jumps(known.expr)
    assert not regular.has(sp.DiracDelta, sp.Derivative)
    f, slope = curve(known.expr), curve(regular)
    cuts = [float(t) for t in analysis.breakpoints(known.expr)]
    for p, q in ((-5.7, 0.1), (0.1, 1.2), (-2.3, 5.3)):
        nodes = sorted({p, q, *(t for t in (*cuts, -4.1, -2.2, 2.1, 4.2) if p < t < q)})
        integral = mp.quad(lambda x: 0 if float(x) in cuts else slope(float(x)), nodes, maxdegree=9)
        jumped = sum(float(w) for t, w in masses if p < float(t) < q)
        infinite_slope = known.expr in (KNOWN["root"].expr, KNOWN["root of relu"].expr)
        tolerance = 1e-4 if infinite_slope else 1e-8
        assert f(q) - f(p) == pytest.approx(float(integral) + jumped, rel=1e-9, abs=tolerance)
    for x in (-3.3, -0.45, 0.15, 0.77, 2.9):
        chord = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
        assert slope(x) == pytest.approx(chord, rel=1e-5, abs=1e-5)


@every
def test_parity_is_seen(known: Known) -> None:
    f = curve(known.expr)
    mirrored = {"even": [f(x) - f(-x) for x in GRID], "odd": [f(x) + f(-x) for x in GRID]}
    for name, gaps in mirrored.items():
        largest = max(abs(g) for g in gaps if not math.isnan(g))
        assert (largest < 1e-9) == (name == known.parity) or known.expr == exp(-((z - 1000) ** 2))


W, beta, alpha = sp.symbols("W beta alpha", positive=True)
t, level = sp.symbols("t A", real=True)
k = sp.Symbol("k", positive=True, integer=True)
SYMBOLIC = [  # expression, breakpoints, regular part of the derivative, masses
    (erf(m * z), (), 2 * m * exp(-(m**2) * z**2) / sqrt(pi), ()),
    (level / (1 + beta * Abs(z)) ** 2, (0,), -2 * level * beta * sign(z) / (1 + beta * Abs(z)) ** 3, ()),
    (level * (H(z + W) - H(z - W)), (-W, W), 0, ((-W, level), (W, -level))),
    (Piecewise((level, z < t), (1, True)), (t,), 0, ((t, 1 - level),)),
    (exp(-beta * Abs(z - t)), (t,), None, ()),
    (Max(0, 1 - Abs(z) / W), (-W, 0, W), None, ()),
    (Min(1 / Abs(z), alpha), (-1 / alpha, 1 / alpha), None, ()),
    ((1 + beta * Abs(z)) ** (-alpha), (0,), None, ()),
    (level * z * H(-z) + beta * z * H(z), (0,), None, ()),
    (sp.sin(beta * z + t), (), beta * sp.cos(beta * z + t), ()),
    (z**k, (), k * z ** (k - 1), ()),
    (z**k * H(z), (0,), k * z ** (k - 1) * H(z), ()),
    (z**alpha * H(z), (0,), Piecewise((0, z < 0), (alpha * z ** (alpha - 1), True)), ()),
]


@pytest.mark.parametrize(("f", "cuts", "regular", "masses"), SYMBOLIC, ids=[str(row[0]) for row in SYMBOLIC])
def test_symbolic_parameters(f: sp.Expr, cuts: object, regular: sp.Expr | None, masses: object) -> None:
    assert analysis.breakpoints(f) == cuts
    found, jumps = analysis.derivative(f)
    assert jumps == masses
    if regular is not None:
        assert sp.simplify(found - regular) == 0
    values = {W: R(7, 5), beta: R(3, 2), alpha: R(5, 2), t: R(1, 3), level: R(-2, 3), k: 3, m: 2}
    of_numbers = analysis.derivative(f.subs(values))[0]
    for x in (R(-9, 4), R(-1, 3), R(1, 5), R(8, 5)):
        assert abs(sp.N((found.subs(values) - of_numbers).subs(z, x), 30)) < 1e-25


def test_symbolic_bounds() -> None:
    assert analysis.bound(erf(m * z)) == 1
    assert analysis.lipschitz(erf(m * z)) == 2 * m / sqrt(pi)
    assert analysis.lipschitz(Max(0, 1 - Abs(z) / W)) == 1 / W
    assert analysis.bound(Min(1 / Abs(z), alpha)) == alpha
    assert analysis.lipschitz(sp.sin(beta * z + t)) == beta
    assert analysis.parity(Max(0, 1 - Abs(z) / W)) == "even"
    assert analysis.parity(z**k) is None
    assert analysis.parity(exp(-beta * Abs(z - t))) is None


OUT_OF_REACH = [
    (sp.tan(z), "known function"),
    (sp.floor(z), "known function"),
    (sp.DiracDelta(z), "known function"),
    ((1 + z**2) ** z, "known function"),
    (Abs(sp.cos(z)), "zeros of cos"),
    (H(exp(z) + z), "zeros of z"),
    (sp.log(z), "not real"),
    (sqrt(z), "not real"),
    (sp.sin(1 / z), "oscillates"),
    (H(z - t) * H(z - level), "depends on the parameters"),
    (Piecewise((z, z < 0)), "not defined"),
    (Max(*(z**j - j for j in range(12))), "at most 10"),
]


@pytest.mark.parametrize(("f", "words"), OUT_OF_REACH, ids=[str(f)[:30] for f, _ in OUT_OF_REACH])
def test_what_is_out_of_reach_is_refused(f: sp.Expr, words: str) -> None:
    with pytest.raises(InputError, match=words):
        analysis.breakpoints(f)


def test_poles() -> None:
    assert analysis.breakpoints(1 / (z - 2)) == (2,)
    assert not analysis.bounded(1 / (z - 2))
    assert analysis.jumps(1 / z) == analysis.kinks(sp.log(Abs(z))) == ()
    assert analysis.envelope(1 / z) is None
    with pytest.raises(InputError, match="infinite at z = 0"):
        analysis.derivative(sp.log(Abs(z)))


rationals = st.fractions(-5, 5, max_denominator=7).map(lambda q: R(q.numerator, q.denominator))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.dictionaries(rationals, rationals, min_size=1, max_size=5), rationals)
def test_random_piecewise_linear(weights: dict[sp.Expr, sp.Expr], slope: sp.Expr) -> None:
    """slope z + sum w_i relu(z - t_i): the slopes between the kinks are partial sums."""
    f = slope * z + sum(w * Max(0, z - cut) for cut, w in weights.items())
    true_kinks = sorted(cut for cut, w in weights.items() if w)
    slopes = [slope + sum(weights[u] for u in true_kinks[:i]) for i in range(len(true_kinks) + 1)]
    assert analysis.kinks(f) == analysis.breakpoints(f) == tuple(true_kinks)
    assert [p.expr.diff(z) for p in analysis.pieces(f)] == slopes
    assert analysis.lipschitz(f) == max(map(abs, slopes))
    c, slant = analysis.envelope(f) or (oo, oo)
    for x in [*true_kinks, R(-1000), R(0), R(1000)]:
        assert abs(f.subs(z, x)) <= c + slant * abs(x)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(rationals, min_size=1, max_size=5, unique=True), st.data())
def test_random_steps(cuts: list[sp.Expr], data: st.DataObject) -> None:
    heights = [data.draw(rationals.filter(bool)) for _ in cuts]
    f = sum(h * H(z - cut) for cut, h in zip(cuts, heights, strict=True))
    expected = tuple(sorted(zip(cuts, heights, strict=True)))
    assert analysis.jumps(f) == expected
    assert analysis.derivative(f) == (0, expected)
    levels = [abs(sum(h for _, h in expected[:i])) for i in range(len(cuts) + 1)]
    assert analysis.bound(f) == max(levels)


def test_a_common_root_of_numerator_and_denominator_ends_soon() -> None:
    assert analysis.breakpoints((z**4 - 4) / (z**2 - 2)) == ()
    assert analysis.breakpoints((z**3 - 2 * z) / (z**2 - 2) ** 2) == (-sp.sqrt(2), sp.sqrt(2))
