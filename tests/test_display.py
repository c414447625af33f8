"""What notebooks show: formulas for functions, expectations and kernels; claims with their verdicts."""

from __future__ import annotations

import kernelcalc as kc
from kernelcalc.verify.claim import Claim
from kernelcalc.verify.judge import judge, last_verdict


def test_functions() -> None:
    f = kc.Erf("m")
    assert f._repr_latex_().startswith(r"$\displaystyle f(z) = ")
    assert r"\mathrm{erf}" in f._repr_latex_()
    assert f._repr_markdown_().startswith("`erf(m=m)`: $")
    assert r"2 \delta" in kc.Sign().derivative._repr_latex_()


def test_expectations() -> None:
    e = kc.dual(kc.Erf("m"))
    assert e._repr_latex_().startswith(r"$\displaystyle \mathbb{E}[f(X)\,f(Y)] = \frac{2}{\pi} \arcsin")
    assert "`dual(erf(m=m), erf(m=m))`" in e._repr_markdown_()
    assert r"f(X)\,g(Y)" in kc.dual(kc.Sign(), kc.Erf())._repr_latex_()
    assert r"\mathbb{E}[f(Z)] = " in kc.mean(kc.Cos())._repr_latex_()
    none = kc.dual(kc.function("1/(1+z**2)"))
    assert none._repr_latex_() == r"$\displaystyle \mathbb{E}[f(X)\,f(Y)]$"
    assert "no closed form" in none._repr_markdown_()


def test_kernels() -> None:
    k = kc.NTK(kc.ReLU(), "L", sigma_w="sigma_w")
    for shown in (k._repr_latex_(), k._repr_markdown_()):
        assert "$$\\begin{aligned}" in shown
        assert r"\Theta^{(l+1)}" in shown
    assert k._repr_markdown_().startswith("`NTK(relu, depth=L")


def test_claims_show_a_verdict_once_they_are_judged() -> None:
    a = kc.symbols.a
    claim = Claim(
        "T/1", "twice", "p. 1", 2 * a, lambda: a, lambda point, _: point[a], ({a: 1}, {a: 3}), corrected=a,
        note="twice too large", statement="x_1 = 2 `a`", conditions="a > 0",
    )  # fmt: skip
    before = claim._repr_markdown_()
    assert before.startswith("**T/1** twice (p. 1)")
    assert "`` x_1 = 2 `a` ``" in before
    assert "printed: $$2 a$$" in before
    assert "corrected: $$a$$" in before
    assert "refuted" not in before
    assert last_verdict(claim) is None
    verdict = judge(claim)
    assert verdict.verdict == "refuted"
    assert last_verdict(claim) is verdict
    assert "*refuted*: by symbols" in claim._repr_markdown_()
    assert claim._repr_latex_() == r"$\displaystyle a$"
