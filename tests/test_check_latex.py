"""The parser of formulas: what is typed is what is meant, and where it is not clear it says so."""

from __future__ import annotations

import pytest
import sympy as sp

from kernelcalc.checking.equation import define, read
from kernelcalc.checking.meaning import Names, expression
from kernelcalc.checking.parser import parse
from kernelcalc.errors import InputError
from kernelcalc.functions.normal import Phi, Phi2

a, b, c, x, m = sp.symbols("a b c x m", real=True)
lam, sw, kp, r0 = sp.symbols("lambda_min sigma_w K' R_0")
SYMBOLS = {s.name: s for s in (a, b, c, x, m, lam, sw, kp, r0)}
READ = {
    r"\frac12": sp.Rational(1, 2),
    r"\frac1{2a}": 1 / (2 * a),
    r"\frac{a}b": a / b,
    r"\dfrac{1}{2}\,a\;b": a * b / 2,
    "2ab": 2 * a * b,
    r"{2ab}": 2 * a * b,
    r"2\cdot 3\times a": 6 * a,
    r"-a^2": -(a**2),
    r"-a b + c": c - a * b,
    r"a - b - c": a - b - c,
    r"a/b/c": a / (b * c),
    r"a/b\cdot c": a * c / b,
    r"a/(b)c\,": a * c / b,
    r"\frac{a}{b}c": a * c / b,
    r"a^{-1}": 1 / a,
    r"a^{b+c}": a ** (b + c),
    r"a^b{}": a**b,
    "a**-2": a**-2,
    "2**a**3": 2 ** (a**3),
    "a**b**c": None,  # grows too fast
    "a^2": a**2,
    "2*-a": -2 * a,
    "1.5e-3*a": sp.Rational(3, 2000) * a,
    r"0.1a\,": a / 10,
    r"\sqrt{a}": sp.sqrt(a),
    r"\sqrt2": sp.sqrt(2),
    r"\sqrt[3]{a}": sp.cbrt(a),
    r"\sqrt[n]{a}": None,
    r"e^{-a}": sp.exp(-a),
    r"\mathrm e^{a}": sp.exp(a),
    r"\exp(a)": sp.exp(a),
    r"\exp\left\{-\frac{a^2}{2}\right\}": sp.exp(-(a**2) / 2),
    r"\exp\bigl[a\bigr]": sp.exp(a),
    r"\ln a": sp.log(a),
    r"\sin a": sp.sin(a),
    r"\sin^2 a": sp.sin(a) ** 2,
    r"\sin 2a\cos a": sp.sin(2 * a) * sp.cos(a),
    r"\sin(2a)\cos a": sp.sin(2 * a) * sp.cos(a),
    r"\sin a\cos a": sp.sin(a) * sp.cos(a),
    r"\sin^{-1}(a)": sp.asin(a),
    r"\arcsin\frac{a}{b}": sp.asin(a / b),
    r"\arcsin\left(a\right)^2": sp.asin(a) ** 2,
    r"\sin a + b": sp.sin(a) + b,
    r"\sin a / b": None,
    r"\sin ab": None,
    r"\sin -a": None,
    r"\operatorname{erf}(m x)": sp.erf(m * x),
    r"\mathrm{erf}{\left(m x\right)}": sp.erf(m * x),
    r"\text{erf}(a)": sp.erf(a),
    r"\erf(a)": sp.erf(a),
    r"{} erf(a)": sp.erf(a),
    r"\max\left(0, 1 - a\right)": sp.Max(0, 1 - a),
    r"|a|": sp.Abs(a),
    r"\left|a\right| |b|": sp.Abs(a) * sp.Abs(b),
    r"|a|b|c|": sp.Abs(a) * b * sp.Abs(c),
    r"\lvert a\rvert^2": a**2,
    r"\left\lvert a b \right\rvert": sp.Abs(a * b),
    r"||a|-|b||": sp.Abs(sp.Abs(a) - sp.Abs(b)),
    r"\bigl| |a|-|b| \bigr|": sp.Abs(sp.Abs(a) - sp.Abs(b)),
    r"\lambda_{\min} R_0": lam * r0,
    r"\lambda_\mathrm{min}": lam,
    r"K'^2": kp**2,
    r"{K'}^{2}": kp**2,
    r"\sigma_w^2": sw**2,
    r"\sigma^2_w": None,  # sigma squared, with an index behind: not a name that is known
    r"\sigma_{w}^{2}": sw**2,
    r"\sigma_{\text{w}}": sw,
    r"\mathbf{a}": a,
    r"\begin{aligned}[t] & a \\ & + b \end{aligned}": a + b,
    r"a \label{eq:1} \nonumber % a comment": a,
    r"\displaystyle a~b": a * b,
    r"\left(a\left[b + c\right]\right)": a * (b + c),
    "a(b+c)": a * (b + c),
    r"a x^12\,": None,
    r"x^2^3\,": None,
    r"a!\,": None,
    r"a_1\,": None,
    r"\pi": sp.pi,
    r"2\pi": 2 * sp.pi,
    r"\infty": sp.oo,
    r"\foo": None,
    r"\Phi(a)\,": Phi(a),
    r"\Phi_2(a, b; c)\,": Phi2(a, b, c),
    r"\Phi_3(a)\,": None,
    "asin(a)": sp.asin(a),
    "sqrt(a)*abs(b)": sp.sqrt(a) * sp.Abs(b),
    "atan2(a, b)": sp.atan2(a, b),
    "lambda_min*sigma_w": lam * sw,
    "erf(a, b)": None,
    "f(a)": None,
}

@pytest.mark.parametrize("text", READ)
def test_formulas_mean_what_people_read(text: str) -> None:
    wanted = READ[text]
    if wanted is None:
        with pytest.raises(InputError, match="position"):
            expression(text, parse(text), Names(SYMBOLS))
    else:
        found = expression(text, parse(text), Names(SYMBOLS))
        assert sp.simplify(found - wanted) == 0 if wanted.is_finite is not False else found == wanted


def test_positions_point_at_the_fault() -> None:
    for text, position in ((r"\frac{a}{b} + q", 15), (r"a + ) b", 5), (r"a \sum b", 3), ("a + + ?", 7)):
        with pytest.raises(InputError, match=f"position {position},"):
            expression(text, parse(text), Names(SYMBOLS))


def test_equations_are_taken_to_parts() -> None:
    found = read(r"\kappa &= a \quad + b = c, \qquad a = b^2, \text{ for } a \neq c.")
    assert found.left is not None
    assert found.left.key == "kappa"
    assert len(found.sides) == 2
    assert list(found.definitions) == ["a"]
    assert found.unread == (r"a \neq c",)
    assert read(r"G(v) = a").left is None
    assert read(r"\mathbb{E}[f(X)] = a").left is None
    assert list(define([r"\rho = \frac{a}{b}", "q = a"])) == ["rho", "q"]
    for text in (r"a \le b", "a & b \\to c", "a + b = c", "2 = = c", r"\kappa ="):
        with pytest.raises(InputError):
            read(text)
