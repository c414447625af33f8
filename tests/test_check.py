"""kc.check: right formulas are accepted as people write them, wrong ones and unclear ones are not."""

from __future__ import annotations

import re

import pytest
import sympy as sp

import kernelcalc as kc
from kernelcalc.checking.points import COVARIANCES, points
from kernelcalc.symbols import a, b, c, m, rho, sigma_b, sigma_w

ERF = r"\frac{2}{\pi}\arcsin\frac{2m^2c}{\sqrt{(1+2m^2a)(1+2m^2b)}}"
RELU = r"\frac{\sqrt{ab}}{2\pi}\left(\sin\theta + (\pi-\theta)\cos\theta\right)"
SIGN = r"\frac{2\sigma_w^2}{\pi}\arcsin"
EQUAL = {
    "as text": ("2/pi*asin(2*c/sqrt((1+2*a)*(1+2*b)))", "dual(erf)"),
    "letters side by side": ("ab + 2c^2", "dual(z**2)"),
    "as SymPy prints": ("2*asin(2*c*m**2/(sqrt(2*a*m**2 + 1)*sqrt(2*b*m**2 + 1)))/pi", "dual(erf(m))"),
    "parameter in the formula": (ERF, "dual(erf)"),
    "parameter as a number": (r"\tfrac2\pi\arcsin\frac{18c}{\sqrt{(1+18a)(1+18b)}}", "dual(erf(3))"),
    "matrix entries": (r"\frac2\pi\arcsin\frac{\Sigma(x,y)}{\sqrt{\Sigma(x,x)\,\Sigma(y,y)}}", "dual(sign)"),
    "indices": (r"\frac{2}{\pi}\arcsin\frac{\Sigma_{12}}{\sqrt{\Sigma_{11}\Sigma_{22}}}", "dual(sign)"),
    "a determinant": (r"\frac{2}{\pi}|\Sigma|^{-1/2}", "dual(sign')"),
    "det": (r"\frac{2}{\pi\sqrt{\det\Sigma}}", "dual(sign')"),
    "an angle": (RELU, "dual(relu)"),
    "another function": (r"1 - \frac2\pi\arccos\rho", "dual(sign)"),
    "arctan": (r"\frac{2}{\pi}\arctan\left(\frac{c}{\sqrt{ab-c^2}}\right)", "dual(sign)"),
    "left side, definition": (
        rf"\mathbb{{E}}[f(X)f(Y)] &= \frac2\pi\arcsin\kappa,\quad \kappa = {ERF[20:]}.",
        "dual(erf)",
    ),
    "a chain": (
        r"\kappa(c) = \frac{2}{\pi}\arcsin\rho = \frac{2}{\pi}\arcsin\frac{c}{\sqrt{ab}}",
        "dual(sign)",
    ),
    "a mean": (r"e^{-v/2}", "mean(cos)"),
    "erfc and exp": (
        r"\exp\!\Big(\frac v2\Big)\operatorname{erfc}\Big(\sqrt{\tfrac{v}{2}}\Big)",
        "mean(exp(-abs(z)))",
    ),
    "a tail": (r"Ae^{\beta^2v/2}\operatorname{erfc}\left(\beta\sqrt{\tfrac v2}\right)", "mean(laplace)"),
    "distribution functions": (r"\Phi_2(-\tau/\sqrt{a}, -\tau/\sqrt{b}; \rho)", "dual(step)"),
    "the diagonal": (r"\frac{2}{\pi}\arcsin\frac{2m^2a}{1+2m^2a}", "diagonal(dual(erf))"),
    "a limit": (r"\frac{2}{\pi\sqrt{ab-c^2}}", "limit(dual(erf'), m)"),
    "surrogate": (r"\frac{4m}{\pi\sqrt{2 m^2(2|\Sigma|+a)+2b+1}}", "dual(erf(m)', erf')"),
    "one layer": (
        rf"\Sigma^{{(l+1)}}(x,y) = {SIGN}\frac{{\Sigma^{{(l)}}(x,y)}}"
        r"{\sqrt{\Sigma^{(l)}(x,x)\Sigma^{(l)}(y,y)}}+\sigma_b^2",
        "ntk(sign, L)",
    ),
    "later layers only": (
        rf"\Sigma^{{(l+1)}}(x,y) = {SIGN}\frac{{\Sigma^{{(l)}}(x,y)}}{{\sigma_w^2+\sigma_b^2}}+\sigma_b^2",
        "nngp(sign, L)",
    ),
    "a certain layer": (
        rf"\Sigma^{{(3)}}(x,y) = {SIGN}\frac{{\Sigma^{{(2)}}(x,y)}}{{\sigma_w^2+\sigma_b^2}}+\sigma_b^2",
        "nngp(sign, 3)",
    ),
    "the recursion": (
        r"\Theta^{(l+1)}(x,y) = \Sigma^{(l+1)}(x,y) + \dot\Sigma^{(l+1)}(x,y)\,\Theta^{(l)}(x,y)",
        "ntk(relu, L)",
    ),
    "factor at x = y": (
        r"\dot\Sigma^{(l+1)}(x,x) = \frac{4m^2\sigma_w^2}{\pi\sqrt{1+4m^2\Sigma^{(l)}(x,x)}}",
        "ntk(erf(m), L)",
    ),
    "tangent kernel at x = y": (
        r"\Theta^{(2)}(y,y) = \sigma_w^2 \Sigma^{(1)}(y,y) + \sigma_b^2",
        "ntk(relu, 2)",
    ),
    "swapped arguments": (
        r"I^{(2)}(y,x) = \Sigma^{(2)}(x,y) + \Sigma^{(1)}(x,y) \frac{4\sigma_w^2}{\pi\sqrt2}"
        r"\frac{1}{\sqrt{2|\Sigma^{(1)}|+\Sigma^{(1)}(y,y)}}",
        "sgntk(sign, erf', 2)",
    ),
    "first layer": (r"\Sigma^{(1)}(x,y) = \frac{\sigma_w^2}{n_0} x\cdot y+\sigma_b^2", "ntk(sign, 3)"),
    "scalar products": (r"\sigma_b^2 + \sigma_w^2\frac{x^\top y}{n_0}", "ntk(relu, 1)"),
    "brackets": (r"\sigma_b^2 + \frac{\sigma_w^2}{n_0}\langle x, y\rangle", "ntk(relu, 1)"),
    "norms": (
        r"\sigma_b^2 + \frac{\sigma_w^2}{4n_0}\left(\|x+y\|^2 - \lVert x-y\rVert^2\right)",
        "ntk(relu, 1)",
    ),
    "closed form": (
        r"\frac{\|x\|\,\|y\|}{2\pi n_0}(\sin\theta + (\pi-\theta)\cos\theta)",
        "nngp(relu, 2, sigma_w=1, sigma_b=0)",
    ),
    "two networks": (
        r"\Sigma_{1,2}^{(l+1)}(x,y) = \frac{2\sigma_w^2}\pi\arcsin\frac{m\sqrt2\,\Sigma_{1,2}^{(l)}(x,y)}"
        r"{\sqrt{\Sigma_1^{(l)}(x,x)(1+2m^2\Sigma_2^{(l)}(y,y))}} + \sigma_b^2",
        "generalized_ntk((sign, sign'), (erf, erf'), L)",
    ),
    "a claim": (r"\frac{4m^2}{\pi\sqrt{(1+2m^2a)(1+2m^2b)-4m^4c^2}}", "D.1/cor/proof-2"),
    "an entry of a claim": (r"L-1", "D.3/cor/sum[2]"),
}
DIFFERENT = {
    "a variance twice": (ERF.replace("2m^2b", "2m^2a"), "dual(erf)"),
    "a sign": (ERF.replace("1+2m^2b", "1-2m^2b"), "dual(erf)"),
    "a factor": (rf"2{ERF}", "dual(erf)"),
    "right for c > 0 only": (r"\frac2\pi\arcsin\sqrt{\frac{c^2}{ab}}", "dual(sign)"),
    "undefined at c = 0": (
        r"\frac{2}{\pi}\arctan\frac{\rho^2}{\rho\sqrt{1-\rho^2}} + 0\cdot\log|c|",
        "dual(heaviside)",
    ),
    "right to 8 digits": (r"0.63661977 \arcsin\rho", "dual(sign)"),
    "no bias": (
        rf"\Sigma^{{(2)}}(x,y) = {SIGN}\frac{{\Sigma^{{(1)}}(x,y)}}"
        r"{\sqrt{\Sigma^{(1)}(x,x)\Sigma^{(1)}(y,y)}}",
        "nngp(sign, 2)",
    ),
    "standard deviation for variance": (r"\frac{\sigma_w}{n_0}x\cdot y + \sigma_b", "ntk(relu, 1)"),
    "the factor of the layer before": (
        r"\Theta^{(l+1)}(x,y) = \Sigma^{(l+1)}(x,y) + \dot\Sigma^{(l)}(x,y)\Theta^{(l)}(x,y)",
        "ntk(relu, L)",
    ),
    "the arguments of a surrogate": (
        r"\tilde\Sigma^{(2)}(x,y) = \frac{4\sigma_w^2}{\pi\sqrt{4|\Sigma^{(1)}|+2\Sigma^{(1)}(y,y)}}",
        "sgntk(sign, erf', 2)",
    ),
    "one wrong member of a chain": (
        r"E[fg] = \frac{2}{\pi}\arcsin\rho = \frac{1}{\pi}\arcsin\rho",
        "dual(sign)",
    ),
    "infinite": (r"\infty", "dual(sign)"),
    "a misprint": (r"\frac{2}{\pi\sqrt{ab-c^2}}", "D.1/rem"),
}
UNCLEAR = {
    "unknown symbol": (r"\frac2\pi\arcsin q", "dual(sign)", "unknown symbol 'q'"),
    "a parameter of nothing": (ERF, "dual(sign)", "unknown symbol 'm'"),
    "two readings of a fraction": (r"c/2ab", "dual(identity)", "two ways"),
    "two readings of an argument": (r"\sin\theta\rho", "dual(relu)", "two ways"),
    "exponents": (r"\alpha^12", "dual(relu)", "{12}"),
    "no equation": (r"\kappa \approx \frac2\pi\arcsin\rho", "dual(sign)", "no equality"),
    "an integral": (r"\int_0^1 c\,dt", "dual(identity)", "closed forms"),
    "a matrix": (r"\begin{pmatrix} a & c\\ c & b\end{pmatrix}", "dual(sign)", "pmatrix"),
    "more on the left": (r"2\kappa = \frac4\pi\arcsin\rho", "dual(sign)", "left of ="),
    "not closed": (r"\frac{2}{\pi}\left(\arcsin\rho", "dual(sign)", "position"),
    "empty": ("", "dual(sign)", "expected"),
    "no text": (5, "dual(sign)", "formula is text"),
    "Python": ("__import__('os').system('true')", "dual(sign)", "position"),
    "attributes": ("c.__class__", "dual(identity)", "no meaning"),
    "a vector alone": (r"\sigma_w^2 x", "ntk(relu, 1)", "vector"),
    "levels of two kinds": (r"\Theta^{(l+1)} = \Sigma^{(2)}(x,y)", "ntk(relu, L)", "different kinds"),
    "no entry": (r"L - 1", "D.3/cor/sum", "matrix of 2 x 1"),
    "division by zero": (r"\frac{c}{1-1}", "dual(identity)", "division by zero"),
    "a circle of definitions": (r"c + q, \quad q = q + 1", "dual(identity)", "unknown symbol 'q'"),
    "no closed form": (r"\Sigma^{(2)}(x,y) = c", "nngp(1/(1+z**2), 2)", "closed form"),
}


@pytest.mark.parametrize("name", EQUAL)
def test_right_formulas_are_equal(name: str) -> None:
    result = kc.check(*EQUAL[name])
    assert result.verdict == "equal", result
    assert result.digits == 30
    assert bool(result)


@pytest.mark.parametrize("name", DIFFERENT)
def test_wrong_formulas_differ_at_a_point_that_is_shown(name: str) -> None:
    result = kc.check(*DIFFERENT[name])
    assert result.verdict == "different", result
    assert result.point
    assert result.given != result.derived
    assert not result


@pytest.mark.parametrize("name", UNCLEAR)
def test_what_cannot_be_compared_is_neither(name: str) -> None:
    formula, against, why = UNCLEAR[name]
    result = kc.check(formula, against)  # type: ignore[arg-type]  # one is no text
    assert result.verdict == "not comparable", result
    assert why in result.reason
    assert not result


@pytest.mark.parametrize(
    "against", ["dual(er)", "S999", "dual(erf", "nngp(relu)", "ntk(relu, 0)", "mean()", 7]
)
def test_targets_that_there_are_not(against: object) -> None:
    with pytest.raises(kc.InputError):
        kc.check("c", against)


def test_objects_as_targets() -> None:
    assert kc.check(ERF, kc.dual(kc.Erf("m")))
    at_three = kc.check(ERF, kc.dual(kc.Erf(3)))
    assert at_three
    assert at_three.notes == ("with m = 3",)
    kernel = kc.NTK(kc.Sign(), 2, sigma_w=1.5, sigma_b=0.1)
    first = kc.NTK(kc.Sign(), 1, sigma_w=1.5, sigma_b=0.5)
    assert kc.check(r"\frac{9}{4n_0} x\cdot y + 0.25", first)
    assert kc.check(r"\Sigma^{(1)}(x,y) = \frac{\sigma_w^2}{n_0} x\cdot y + \sigma_b^2", kernel)
    symbolic = kc.SGNTK(kc.Sign(), kc.Erf().derivative, "L", sigma_w=sigma_w, sigma_b=sigma_b)
    for line in re.findall(r"(.*) &= (.*?)(?: \\\\|\n\\end)", symbolic.latex())[1:]:
        assert kc.check(f"{line[0]} = {line[1]}", symbolic), line


def test_without_a_closed_form_numbers_of_the_integral_decide() -> None:
    f = kc.function("1/(1+z**2)")
    assert not kc.dual(f).closed_form
    result = kc.check("exp(-a-b)+c", kc.dual(f))
    assert result.verdict == "different"
    assert float(result.derived) == pytest.approx(kc.dual(f)(1.0, 2.0, 0.5))
    tilted = kc.check("c/(1+c**2)", kc.dual(kc.function("tanh(z)"), kc.function("z")))
    assert tilted.verdict == "different"


def test_definitions_of_the_user() -> None:
    assert kc.check(r"\frac{2}{\pi\sqrt\Delta}", "dual(sign')", define=[r"\Delta = q - c^2", "q = a*b"])
    assert kc.check(r"\frac{2}{\pi}\arcsin\rho", "dual(sign)", define=[r"\rho = c/\sqrt{ab}"])
    circle = kc.check("c + q", "dual(identity)", define=["q = p", "p = q"])
    assert circle.verdict == "not comparable"
    bad = kc.check("c", "dual(identity)", define=["2 q = p"])
    assert bad.verdict == "not comparable"


@pytest.mark.timeout(300)
def test_hostile_formulas_come_to_an_end() -> None:
    for text in (
        "(" * 5000 + "c" + ")" * 5000,
        r"\sqrt{" * 400 + "c" + "}" * 400,
        "9**9**9**9",
        "c**99999",
        "2^{(10^9)}",
        "((((c+a+b)**60)**60)**60)**60",
        "exp(exp(exp(exp(c))))",
        "sin(exp(exp(a)))",
        "9" * 9000,
        "1e999999999",
        "c" + "+c" * 4000,
        "a" * 9_999,
        "".join(f"max(a+{i}*c,b-" for i in range(40)) + "c" + ")" * 40,
        "".join(f"abs(a+{i}*c-" for i in range(12)) + "b" + ")" * 12,
        "x" * 20_000,
        "|" * 500,
        "-" * 5000 + "c",
        r"\frac" * 900,
        "c^" * 800 + "c",
        r"\arcsin" * 500 + "c",
        "exp(a)**exp(b)**exp(c)",
        "a**b**a**b**a**b**a**b",
    ):
        assert kc.check(text, "dual(identity)").verdict != "equal", text[:40]


def test_points_are_where_formulas_fail() -> None:
    found = points([a, b, c, m])
    assert len(found) == len(COVARIANCES)
    assert all(point[c] ** 2 < point[a] * point[b] for point in found)
    assert any(point[a] != point[b] for point in found)
    assert {sp.sign(point[c]) for point in found} == {-1, 0, 1}
    assert max(abs(point[c]) / sp.sqrt(point[a] * point[b]) for point in found) > 1 - 1e-8
    assert max(point[m] for point in found) / min(point[m] for point in found) > 1e5
    assert len({point[m] for point in found}) == len(found)
    assert all(-1 < point[rho] < 1 for point in points([rho]))


def test_results_are_shown_in_words() -> None:
    right, wrong = kc.check(ERF, "dual(erf)"), kc.check("c", "dual(sign)")
    assert (
        str(right)
        == "equal (dual(erf(m=m), erf(m=m))): by symbols (identical), and to 30 digits at 12 points"
    )
    assert "at a = 1, b = 2, c = 1/2: given 0.5, derived 0.2300534562" in str(wrong)
    assert "does not contain a, b" in str(wrong)
    assert "**different**" in wrong._repr_markdown_()
    assert "four times" in " ".join(kc.check(*DIFFERENT["a misprint"]).notes)
