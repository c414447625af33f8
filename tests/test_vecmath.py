"""vecmath.py against mpmath: error in ulps, special values, and that loops over it become vector code."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.typing import NDArray

from kernelcalc.compile.arithmetic import coefficients, roots, vecmath
from kernelcalc.compile.arithmetic.primitives import compiled, wide

Array = NDArray[np.float64]
POINTS = 2000
RNG = np.random.default_rng(20240523)


@cache
def loop(function: Callable[..., Any], arguments: int, output: int | None) -> Callable[..., None]:
    """A compiled loop out[i] = function(x0[i], ...)[output]."""
    names = ", ".join(f"x{k}" for k in range(arguments))
    elements = ", ".join(f"x{k}[i]" for k in range(arguments))
    item = "" if output is None else f"[{output}]"
    body = f"function({elements}){item}"
    source = f"def run({names}, out):\n    wide()\n    for i in range(out.size):\n        out[i] = {body}\n"
    scope: dict[str, Any] = {"function": function, "wide": wide}
    exec(source, scope)
    run: Callable[..., None] = compiled(scope["run"])
    return run


def evaluate(function: Callable[..., Any], arguments: list[Array], output: int | None) -> Array:
    out = np.empty_like(arguments[0])
    loop(function, len(arguments), output)(*arguments, out)
    return out


def ulps(value: float, exact: mpf) -> float:
    return float(abs(mpf(value) - exact) / mpf(math.ulp(float(exact))))


# --- stratified points


def uniform(low: float, high: float, count: int = POINTS // 2) -> Array:
    return RNG.uniform(low, high, count)


def magnitudes(low: float, high: float, count: int = POINTS // 2) -> Array:
    """10^low to 10^high, logarithmically uniform."""
    return np.asarray(10.0 ** RNG.uniform(low, high, count))


def signed(x: Array) -> Array:
    return np.asarray(x * RNG.choice([-1.0, 1.0], x.size))


def joined(*parts: Array) -> Array:
    points = np.concatenate(parts)
    RNG.shuffle(points)
    return points


def direction_points() -> list[Array]:
    """y >= 0 and x of all sizes; angles uniform, near 0, near pi/2 and near pi."""
    quarter = POINTS // 4
    near = magnitudes(-16, -1, quarter)
    theta = joined(uniform(0, math.pi, quarter), near, math.pi - near, math.pi / 2 + signed(near))
    size = magnitudes(-140, 140, theta.size)
    return [np.abs(size * np.sin(theta)), size * np.cos(theta)]


def circle_points() -> list[Array]:
    y, x = direction_points()
    r = np.hypot(x, y)
    return [y / r, x / r]


def half_angle_points() -> list[Array]:
    """q, p and p - q, where any of them may be small."""
    theta = joined(uniform(0, math.pi), magnitudes(-20, -1), math.pi / 2 + signed(magnitudes(-15, 0)))
    theta = np.where(RNG.random(theta.size) < 0.5, theta, math.pi - theta)
    return [np.sin(theta / 2) ** 2, np.cos(theta / 2) ** 2, np.cos(theta)]


def complementary_points() -> list[Array]:
    small = joined(uniform(0, 0.5), magnitudes(-32, -1))
    first = RNG.random(small.size) < 0.5
    return [np.where(first, small, 1 - small), np.where(first, 1 - small, small)]


ANGLES = joined(uniform(0, math.pi), magnitudes(-20, 0))
TURNS = joined(uniform(-10, 10), signed(magnitudes(-12, 5)))
UNIT = joined(uniform(-1, 1), signed(1 - magnitudes(-15, 0)), signed(magnitudes(-100, 0)))
EXPONENTS = joined(uniform(-5, 5), uniform(-708, 709), signed(magnitudes(-30, 2)))
POSITIVE = joined(uniform(0, 4), magnitudes(-322, 308), 1 + signed(magnitudes(-15, -1)))
ABOVE_MINUS_ONE = joined(uniform(-0.999, 3), signed(magnitudes(-50, -0.1)), magnitudes(-2, 100))
DEVIATES = joined(uniform(-3, 6), uniform(-26, 26), signed(magnitudes(-50, 0)))
SPREAD = joined(signed(magnitudes(-3, 3)), signed(magnitudes(-140, 140)))


def tilt(q: mpf, p: mpf, cosine: mpf) -> mpf:
    """pi/2 - theta from whichever determines it well."""
    return mp.asin(cosine) if abs(cosine) < 0.5 else mp.pi / 2 - 2 * mp.atan2(mp.sqrt(q), mp.sqrt(p))


def mp_erfcx(x: mpf) -> mpf:
    if x < 100:
        return mp.exp(x**2) * mp.erfc(x)
    return sum(mp.fac2(2 * k - 1) / (-2 * x**2) ** k for k in range(12)) / (x * mp.sqrt(mp.pi))


def side_points(count: int) -> list[Array]:
    size = magnitudes(-290, 300)
    return [size * uniform(0, 2) for _ in range(count)]


@dataclass(frozen=True)
class Case:
    function: Callable[..., Any]
    exact: Callable[..., mpf]
    arguments: list[Array]
    bound: float  # ulps, as the docstring promises
    output: int | None = None

    def __str__(self) -> str:
        return self.function.__name__ + ("" if self.output is None else f"[{self.output}]")


CASES = (
    *(Case(function, lambda x: 1 / mp.sqrt(x), [joined(uniform(0, 9), magnitudes(-307, 308))], bound)
      for function, bound in ((roots.rsqrt, 1.1), (roots.rsqrt_estimate, 2.0**38))),
    Case(roots.sqrt, mp.sqrt, [joined(uniform(0, 9), magnitudes(-290, 308))], 0.51),
    Case(roots.hypot, mp.hypot, side_points(2), 1),
    Case(roots.hypot4, lambda *sides: mp.sqrt(sum(side**2 for side in sides)), side_points(4), 1.5),
    Case(roots.quotient, lambda n, d: n / d, [signed(magnitudes(-140, 140)) for _ in range(2)], 0.51),
    *(Case(function, exact, arguments, bound, output)
      for function, arguments, bound in ((vecmath.angle_triple, direction_points(), 1.6),
                                         (vecmath.angle_triple_on_circle, circle_points(), 2.0))
      for output, exact in enumerate((mp.atan2, lambda y, x: mp.atan2(y, -x), lambda y, x: mp.atan2(x, y)))),
    *(Case(vecmath.acute_angles, exact, half_angle_points(), 2.2, output)
      for output, exact in enumerate((lambda q, p, c: 2 * mp.atan2(mp.sqrt(min(q, p)), mp.sqrt(max(q, p))),
                                      lambda q, p, c: abs(tilt(q, p, c))))),
    *(Case(vecmath.half_angle_triple, exact, half_angle_points(), 2.2, output)
      for output, exact in enumerate((lambda q, p, c: 2 * mp.atan2(mp.sqrt(q), mp.sqrt(p)),
                                      lambda q, p, c: 2 * mp.atan2(mp.sqrt(p), mp.sqrt(q)),
                                      tilt))),
    Case(vecmath.atan2_pos, mp.atan2, direction_points(), 1.6),
    Case(vecmath.angles, mp.atan2, direction_points(), 1.6, 0),
    Case(vecmath.angles_on_circle, mp.atan2, circle_points(), 2.0, 0),
    *(Case(vecmath.half_angles, exact, complementary_points(), 1.5, output)
      for output, exact in enumerate((lambda q, p: 2 * mp.atan2(mp.sqrt(q), mp.sqrt(p)),
                                      lambda q, p: 2 * mp.atan2(mp.sqrt(p), mp.sqrt(q))))),
    Case(vecmath.atan, mp.atan, [SPREAD], 1.5),
    Case(vecmath.asin, mp.asin, [UNIT], 1.6),
    Case(vecmath.acos, mp.acos, [UNIT], 1.5),
    Case(vecmath.sincos, mp.sin, [TURNS], 1.5, 0),
    Case(vecmath.sincos, mp.cos, [TURNS], 1.5, 1),
    Case(vecmath.t_minus_sin, lambda t, s: t - mp.sin(t), [ANGLES, np.sin(ANGLES)], 2.5),
    Case(vecmath.sin_minus_t_cos, lambda t, s, c: mp.sin(t) - t * mp.cos(t),
         [ANGLES, np.sin(ANGLES), np.cos(ANGLES)], 3.5),
    Case(vecmath.exp, mp.exp, [EXPONENTS], 1.1),
    Case(vecmath.expm1, mp.expm1, [EXPONENTS], 1.6),
    Case(vecmath.sinh, mp.sinh, [0.99 * EXPONENTS], 2.5),
    Case(vecmath.cosh, mp.cosh, [0.97 * EXPONENTS], 2.0),
    Case(vecmath.log, mp.log, [POSITIVE[POSITIVE > 0]], 1.0),
    Case(vecmath.log1p, mp.log1p, [ABOVE_MINUS_ONE], 1.5),
    Case(vecmath.erf, mp.erf, [DEVIATES], 1.5),
    Case(vecmath.erfc, mp.erfc, [DEVIATES], 3.0),
    Case(vecmath.erfcx, mp_erfcx, [np.where(DEVIATES < 0, DEVIATES, DEVIATES**3)], 3.0),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_error_in_ulps(case: Case) -> None:
    values = evaluate(case.function, case.arguments, case.output)
    with mp.workdps(80):
        errors = [
            ulps(float(value), case.exact(*(mpf(float(x)) for x in point)))
            for value, *point in zip(values, *case.arguments, strict=True)
        ]
    worst = int(np.argmax(errors))
    assert np.isfinite(values).all()
    assert errors[worst] <= case.bound, (errors[worst], [x[worst] for x in case.arguments])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_loop_becomes_vector_code_without_calls(case: Case) -> None:
    evaluate(case.function, case.arguments, case.output)
    (assembly,) = loop(case.function, len(case.arguments), case.output).inspect_asm().values()  # type: ignore[attr-defined]  # a Numba dispatcher
    body = assembly[: assembly.index(".size")]
    packed_multiplications = re.findall(r"v?(?:mul|fn?m(?:add|sub)\d*)pd", body)
    assert len(packed_multiplications) >= 5
    assert not re.search(r"call\w*\s+.*(?:exp|log|sin|cos|tan|sqrt|fma)", body)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_result_does_not_depend_on_the_place_in_the_array(case: Case) -> None:
    """37 = 4 full vectors and a scalar remainder: all lanes round alike."""
    for k in range(5):
        values = evaluate(case.function, [np.full(37, x[k]) for x in case.arguments], case.output)
        assert (values == values[0]).all()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nan_stays_nan(case: Case) -> None:
    angles = (vecmath.half_angle_triple, vecmath.acute_angles)
    redundant = (vecmath.t_minus_sin, vecmath.sin_minus_t_cos, *angles)  # not all is read
    for position in range(len(case.arguments)):
        arguments = [x[:16].copy() for x in case.arguments]
        for x in arguments if case.function in redundant else [arguments[position]]:
            x[:] = math.nan
        assert np.isnan(evaluate(case.function, arguments, case.output)).all()


INF = math.inf
STRAIGHT = (math.pi, 0.0)
RIGHT = (math.pi / 2, math.pi / 2)
NONE = (0.0, math.pi)
SPECIAL = (
    (roots.rsqrt, (0.0,), INF), (roots.rsqrt, (-1e-17,), INF), (roots.rsqrt, (1.0,), 1.0),
    (roots.sqrt, (0.0,), 0.0), (roots.sqrt, (-1e-17,), 0.0), (roots.sqrt, (1.0,), 1.0),
    (roots.quotient, (0.0, 3.0), 0.0), (roots.quotient, (-6.0, 3.0), -2.0),
    (vecmath.angles, (0.0, 2.0), NONE), (vecmath.angles, (0.0, -2.0), STRAIGHT),
    (vecmath.angles, (3.0, 0.0), RIGHT), (vecmath.angles, (1e150, 1e-150), RIGHT),
    (vecmath.angles, (1e-150, 1e150), (1e-300, math.pi)),
    (vecmath.angles, (3.0, 3.0), (math.pi / 4, math.pi * 0.75)),
    (vecmath.angles_on_circle, (0.0, 1.0), NONE), (vecmath.angles_on_circle, (0.0, -1.0), STRAIGHT),
    (vecmath.angles_on_circle, (1.0, 0.0), RIGHT),
    (vecmath.half_angles, (0.0, 1.0), NONE), (vecmath.half_angles, (1.0, 0.0), STRAIGHT),
    (vecmath.half_angles, (0.5, 0.5), RIGHT),
    (vecmath.asin, (1.0,), math.pi / 2), (vecmath.asin, (-1.0,), -math.pi / 2), (vecmath.asin, (-0.0,), -0.0),
    (vecmath.acos, (1.0,), 0.0), (vecmath.acos, (-1.0,), math.pi), (vecmath.acos, (0.0,), math.pi / 2),
    (vecmath.atan, (-0.0,), -0.0), (vecmath.sincos, (0.0,), (0.0, 1.0)),
    (vecmath.exp, (0.0,), 1.0), (vecmath.exp, (INF,), INF), (vecmath.exp, (-INF,), 0.0),
    (vecmath.exp, (710.0,), INF), (vecmath.exp, (-745.0,), 5e-324),
    (vecmath.expm1, (-INF,), -1.0), (vecmath.expm1, (INF,), INF), (vecmath.expm1, (0.0,), 0.0),
    (vecmath.cosh, (0.0,), 1.0), (vecmath.sinh, (0.0,), 0.0), (vecmath.log, (0.0,), -INF),
    (vecmath.log, (INF,), INF), (vecmath.log, (1.0,), 0.0), (vecmath.log1p, (0.0,), 0.0),
    (vecmath.erf, (1e9,), 1.0), (vecmath.erf, (-7.0,), -1.0), (vecmath.erf, (0.0,), 0.0),
    (vecmath.erfc, (0.0,), 1.0), (vecmath.erfc, (-1e9,), 2.0), (vecmath.erfc, (1e9,), 0.0),
    (vecmath.erfcx, (0.0,), 1.0),
)  # fmt: skip


@pytest.mark.parametrize(("function", "point", "expected"), SPECIAL)
def test_special_values(function: Callable[..., Any], point: tuple[float, ...], expected: Any) -> None:
    result = function(*point)
    assert result == expected
    if isinstance(expected, float):
        assert math.copysign(1, result) == math.copysign(1, expected)


def test_out_of_domain_is_nan() -> None:
    assert all(map(math.isnan, (vecmath.asin(1.5), vecmath.acos(-1.5), vecmath.log(-1.0))))
    assert all(map(math.isnan, vecmath.angles(0.0, 0.0)))


def test_coefficients_are_what_the_generator_writes() -> None:
    assert coefficients.TABLE.read_text(encoding="utf-8") == coefficients.generate()
