"""The stable program of a layer equals the closed forms it was made from, to 60 digits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import kernelcalc as kc
from kernelcalc.compile.forms.builder import normalised
from kernelcalc.compile.forms.gaps import arcsine_form, homogeneous_form
from kernelcalc.compile.forms.program import (
    STEEP,
    Direct,
    Integral,
    Let,
    Program,
    cosine,
    inverse_square,
    lack,
    level,
    share,
    sine,
    used,
)
from kernelcalc.compile.forms.stable import program
from kernelcalc.compile.source.statements import quantities
from kernelcalc.functions.base import Function
from kernelcalc.functions.normal import bivariate_normal_cdf, normal_cdf
from kernelcalc.symbols import a, b, c

FUNCTIONS = {
    "half_angles": lambda q, p: (2 * mp.asin(mp.sqrt(q)), 2 * mp.asin(mp.sqrt(p))),
    "half_angle_triple": lambda q, p, r: (
        2 * mp.asin(mp.sqrt(q)),
        2 * mp.asin(mp.sqrt(p)),
        mp.asin(r),
    ),
    "hypot": mp.hypot,
    "hypot4": lambda *sides: mp.sqrt(sum(side**2 for side in sides)),
    "root_angles": lambda u, v, r: (2 * mp.asin(u), 2 * mp.asin(v), mp.asin(r)),
    "acute_angles": lambda q, p, r: (mp.acos(abs(r)), mp.asin(abs(r))),
    "copysign": lambda x, y: abs(x) * (1 if y >= 0 else -1),
    "angles": lambda y, x: (mp.atan2(y, x), mp.pi - mp.atan2(y, x)),
    "angles_on_circle": lambda y, x: (mp.atan2(y, x), mp.pi - mp.atan2(y, x)),
    "seldom": lambda x, y, least: x if y < least else mp.nan,
    "rsqrt": lambda x: 1 / mp.sqrt(x),
    "phi": normal_cdf,
    "quadrant": lambda *sides: quarter_plane(*sides),
    "quarter": lambda *sides: quarter_plane(*sides[:4]),
    "scaled_quadrant": lambda h, k, A, B: mp.exp((h**2 + A**2) / 2) * quarter_plane(h, k, A, B),
    "wedges": lambda h: mp.nan,
    "conditioned": lambda h, k, q, p, r: (h - r * k) / (2 * mp.sqrt(q * p)),
    "at_most": lambda s, t, x, y: x if s <= t else y,
    "expm1": mp.expm1,
    "expm2": lambda x: mp.expm1(x) - x,
    "erfcx": lambda x: mp.exp(x**2) * mp.erfc(x),
    "t_minus_sin": lambda t, s: t - mp.sin(t),
    "sin_minus_t_cos": lambda t, s, k: s - t * k,
}
DIGITS = 60


def quarter_plane(h: mp.mpf, k: mp.mpf, A: mp.mpf, B: mp.mpf) -> mp.mpf:
    """P(X > h, Y > k); the corner seen from the origin tells the correlation."""
    return bivariate_normal_cdf(-h, -k, -mp.cos(mp.atan2(h, A) + mp.atan2(k, B)))


def execute(statements: tuple[Let, ...], values: dict[sp.Symbol, mp.mpf]) -> None:
    """Run straight-line statements in mpmath; the values grow by the targets."""
    for statement in statements:
        symbols = sorted(statement.value.free_symbols, key=str)
        call = sp.lambdify(symbols, statement.value, [FUNCTIONS, "mpmath"])
        result = call(*(values[s] for s in symbols))
        results = result if len(statement.targets) > 1 else (result,)
        values.update(zip(statement.targets, results, strict=True))


def directly(made: Direct, values: dict[sp.Symbol, mp.mpf]) -> tuple[mp.mpf, ...]:
    """What an integral is worth without integration."""
    execute(made.pair, values)
    forms = (*made.values, *made.sizes)
    found = (sp.lambdify(list(values), form, [FUNCTIONS, "mpmath"])(*values.values()) for form in forms)
    return tuple(found)


def _at(form: Callable[..., mp.mpf], arguments: tuple[mp.mpf, ...], t: mp.mpf) -> mp.mpf:
    return form(mp.sin(t), 1 - mp.sin(t), mp.cos(t), mp.sec(t) ** 2, *arguments)


def integral(made: Integral) -> Callable[..., tuple[mp.mpf, ...]]:
    """An integral of a program by quadrature."""
    forms = [
        sp.lambdify((sine, lack, cosine, inverse_square, *made.arguments), form, [FUNCTIONS, "mpmath"])
        for form in made.values + made.sizes
    ]

    @cache
    def value(tangent: mp.mpf, steep: mp.mpf, *arguments: mp.mpf) -> tuple[mp.mpf, ...]:
        if made.direct is not None and steep > STEEP:
            return directly(made.direct, dict(zip(made.arguments, arguments, strict=True)))
        end = 2 * mp.atan(tangent) * (1 - mp.eps)  # 1/cos(phi)^2 at a right angle
        found = []
        for k, form in enumerate(forms):
            with mp.workdps(mp.mp.dps if k < len(made.values) else 10):  # sizes are compared, no more
                found.append(mp.quad(partial(_at, form, arguments), [0, end]))
        return tuple(found)

    return value


def run(made: Program, given: dict[str, mp.mpf]) -> dict[str, mp.mpf]:
    """One layer for one pair: given a_x, a_y, q, p, r, d, w2, s2 and the parameters by name."""
    every = {
        s
        for part in (made.constants, made.row, made.column, made.pair)
        for let in part
        for s in let.value.free_symbols
    }
    every |= {s for value in made.outputs.values() for s in sp.sympify(value).free_symbols}
    values = {s: given[s.name] for s in every if s.name in given}
    execute(made.constants, values)
    FUNCTIONS.update({part.name: integral(part) for part in made.integrals})
    for side, statements in (("a_x", made.row), ("a_y", made.column)):
        values[a] = given[side]
        execute(statements, values)
    values.pop(a)
    execute(made.pair, values)
    results: dict[str, mp.mpf] = {}
    for name, value in made.outputs.items():
        symbols = sorted(sp.sympify(value).free_symbols, key=str)
        results[name] = sp.lambdify(symbols, value, [FUNCTIONS, "mpmath"])(*(values[s] for s in symbols))
    return results


KERNELS = {
    "ntk erf": lambda: kc.NTK(kc.Erf(3), 2),
    "ntk relu": lambda: kc.NTK(kc.ReLU(), 2),
    "ntk abs": lambda: kc.NTK(kc.Abs(), 2),
    "ntk abrelu": lambda: kc.NTK(kc.ABReLU(sp.Rational(1, 3), 2), 2),
    "ntk gelu": lambda: kc.NTK(kc.GELU(), 2),
    "ntk sin": lambda: kc.NTK(kc.Sin(2), 2),
    "nngp heaviside": lambda: kc.NNGP(kc.Heaviside(), 2),
    "sgntk sign": lambda: kc.SGNTK(kc.Sign(), kc.Erf().derivative, 2),
    "sgntk erf": lambda: kc.SGNTK(kc.Erf(3), kc.Erf(2).derivative, 2),
    "sgntk heaviside gaussian": lambda: kc.SGNTK(kc.Heaviside(), kc.Gaussian(2), 2),
    "generalised": lambda: kc.GeneralizedNTK(
        (kc.Sign(), kc.Sign().derivative), (kc.Erf(2), kc.Erf(2).derivative), 2
    ),
    "ntk hard-tanh": lambda: kc.NTK(kc.function("max(-1, min(1, z))"), 2),
    "ntk elu": lambda: kc.NTK(kc.function("where(z > 0, z, exp(z) - 1)"), 2),
    "nngp laplace": lambda: kc.NNGP(kc.function("exp(-abs(z - 1))"), 2),  # R7 off the centre
    "nngp exponentials": lambda: kc.NNGP(kc.function("where(z > 0, exp(-z/2), -exp(2*z))"), 2),
    "ntk gabor": lambda: kc.NTK(kc.Gabor(), 2),  # determinants within determinants
    "ntk mexican hat": lambda: kc.NTK(kc.MexicanHat(2), 2),  # R10
    "ntk bell": lambda: kc.NTK(kc.DGauss(3), 2),
    "ntk bells, signs differ": lambda: kc.NTK(kc.function("(1 + z + z**2)*exp(-z**2)"), 2),
    "ntk probit": lambda: kc.NTK(kc.function("erf(2*z + 1)"), 2),
    "sgntk threshold": lambda: kc.SGNTK(kc.function("heaviside(z - 1)"), kc.function("exp(-(z - 1)**2)"), 2),
    "ntk threshold": lambda: kc.NTK(kc.function("heaviside(z - 1)"), 2),
}
CORRELATIONS = ["0.3", "-0.7", "0", "0.999999", "-0.999999"]
STEEPLY, LONG = ("ntk elu", "nngp exponentials"), ("40", "90")  # steep integrals
VARIANCES = [("1.7", "0.6"), ("1e-12", "0.9"), ("1e-6", "2.5e-6")]  # alike, unlike, short: three rules


@pytest.mark.parametrize("close", [False, True])
@pytest.mark.parametrize("name", KERNELS)
def test_the_program_equals_the_closed_forms(name: str, close: bool) -> None:
    kernel = KERNELS[name]()
    made = program(kernel, close=close)
    layer = kernel.layer
    put = dict(pair for e in layer.expectations for pair in e.values)
    _, named = share([dict(e.values) for e in layer.expectations])
    with mp.workdps(DIGITS + 20):
        few = 2 if "laplace" in name else None  # its integrals take long
        points = [(VARIANCES[0], correlation) for correlation in CORRELATIONS[:few]]
        others = [(pair, "0.3") for pair in VARIANCES[1:] if "erf" in name]
        others += [(LONG, correlation) for correlation in CORRELATIONS if name in STEEPLY]
        for variances, correlation in [*points, *others]:
            x, y, w2, s2 = *map(mp.mpf, variances), mp.mpf("1.3"), mp.mpf("0.21")
            r = mp.mpf(correlation)
            given = {"a_x": x, "a_y": y, "q": (1 - r) / 2, "p": (1 + r) / 2, "r": r, "d": x - y}
            given |= {"root_q": mp.sqrt(given["q"]), "root_p": mp.sqrt(given["p"]), "w2": w2, "s2": s2}
            given |= {s.name: mp.mpmathify(v) for s, v in named.items()}
            got = run(made, given)

            def closed(form: sp.Expr, first: mp.mpf, second: mp.mpf) -> mp.mpf:
                call = sp.lambdify((a, b, c), form.subs(put), "mpmath")
                return call(first, second, r * mp.sqrt(x * y))  # noqa: B023  # called within this turn of the loop

            first = w2 * closed(layer.first.symbolic_diagonal, x, x) + s2
            second = w2 * closed(layer.second.symbolic_diagonal, y, y) + s2
            cross = w2 * closed(layer.cross.template, x, y) + s2
            half = (1 - cross / mp.sqrt(first * second)) / 2
            expected = {"a_x": first, "a_y": second, "c": cross, "q": half, "p": 1 - half, "r": 1 - 2 * half}
            if close:
                expected |= {f"root_{name}": mp.sqrt(expected.pop(name)) for name in "qp"}
            if close and kernel.f1 == kernel.f2:
                expected["d"] = first - second
            if layer.factor is not None:
                expected["factor"] = w2 * closed(layer.factor.template, x, y)
                if "transposed" in made.outputs:
                    expected["transposed"] = w2 * closed(layer.factor.template, y, x)
            for key, value in expected.items():
                assert abs(got[key] - value) <= mp.mpf(10) ** (5 - DIGITS) * max(abs(value), 1), (
                    key,
                    correlation,
                )


def test_what_the_rules_recognise() -> None:
    h = sp.Symbol("h", positive=True)
    assert normalised(sp.expand(3 * (a + h) * (b + 2))) == (h, 2, 3)
    assert normalised(a * b + a + 1) is None
    assert arcsine_form(sp.Rational(1, 4) + sp.asin(c / sp.sqrt(a * b)) / sp.pi) == (
        sp.Rational(1, 4),
        1 / sp.pi,
        0,
        0,
    )
    assert homogeneous_form(kc.dual(kc.ReLU()).template) == (1 / (2 * sp.pi), sp.Rational(1, 2))
    assert homogeneous_form(kc.dual(kc.Sign()).template) is None
    assert homogeneous_form(kc.dual(kc.RectifiedQuadratic()).template) is None


@pytest.mark.parametrize(
    "surrogate", [kc.surrogate("spikingjelly.SquarewaveFourierSeries"), kc.Erf().derivative]
)
def test_later_layers_read_no_more_than_the_point_tables_hold(surrogate: Function) -> None:
    made = program(kc.SGNTK(kc.Sign(), surrogate, 3))
    read = used(level(made))
    for role, suffix in (("row", "_x"), ("column", "_y")):
        assert {name for name in read if name.endswith(suffix)} <= set(quantities(made, role))


def test_determinants_outside_of_roots_keep_their_digits() -> None:
    """In b - c^2/a of long opposite rows: it is 4 sigma_b^2, a difference of 1e16."""
    k = kc.SGNTK(kc.Sign(), kc.function("z**2*exp(-z**2)"), 2, sigma_b=0.1)
    x = np.array([1e8, 2e8])
    exact = k.reference([*x], [*-x], digits=20)
    assert abs(k(np.array([x, -x]))[0, 1] - float(exact)) <= 16 * 2**-52 * abs(exact)
