r"""Every misprint of the papers, typed as LaTeX: kc.check refutes it, and accepts the corrected form.

Where a symbol is explained, it stands behind a comma, as in a text. What cannot be typed as a formula of one
number is listed with the reason.
"""

from __future__ import annotations

import pytest

import kernelcalc as kc
from kernelcalc.verify.claim import collect

GAMMA = r"(1+2\lambda a)(1+2b)"  # as printed; right is lambda^2
TRUE_GAMMA = r"(1+2\lambda^2 a)(1+2b)"
SLOPE = (
    r"\gamma = \frac{2\lambda c}{\sqrt{1+2\lambda^2a}\sqrt{1+2b}},\quad "
    r"\gamma' = \frac{1}{\sqrt{1+2b}}\left(\frac{2c}{\sqrt{1+2\lambda^2a}}"
    r" - \frac{4\lambda^2ac}{(1+2\lambda^2a)^{3/2}}\right)"
)
LEADING = r"\left(\frac{2\sigma_w^2}{\pi}(\sigma_w^2+\sigma_b^2)^{-1/2}\right)"
FIRST = r"\frac{2\sigma_w^2}{\pi}\left(\frac{\sigma_w^2}{n_0}\|x\|^2+\sigma_b^2\right)^{1/2}"
LAYERS = (  # the NNGP kernel and the NTK of z^2 at depth 2
    r"A = \sigma_b^2+\frac{\sigma_w^2}{n_0}\|x\|^2, B = \sigma_b^2+\frac{\sigma_w^2}{n_0}\|y\|^2,"
    r" C = \sigma_b^2+\frac{\sigma_w^2}{n_0}x\cdot y, \Sigma_2 = \sigma_b^2+\sigma_w^2(AB+2C^2)"
)
BETA = (
    r"A = \beta^2+\frac{\|x\|^2}{n_0}, B = \beta^2+\frac{\|y\|^2}{n_0}, C = \beta^2+\frac{x\cdot y}{n_0},"
    r" \Sigma_2 = AB+2C^2+\beta^2, \Theta_2 = \Sigma_2 + 4C\cdot C"
)


def erf_ntk(index: str, cross: str, first: str, second: str) -> str:
    """The NTK of erf_m at depth 2, as a definition."""
    root = rf"\sqrt{{(1+2m^2{first})(1+2m^2{second})}}"
    return (
        rf"\Theta_{{{index}}} = \sigma_b^2 + \frac{{2\sigma_w^2}}{{\pi}}\arcsin\frac{{2m^2{cross}}}{{{root}}}"
        rf" + \frac{{4m^2\sigma_w^2 {cross}}}{{\pi\sqrt{{(1+2m^2{first})(1+2m^2{second})-4m^4{cross}^2}}}}"
    )


TWO = ", ".join(
    [erf_ntk("11", "A", "A", "A"), erf_ntk("12", "C", "A", "B"), LAYERS[: LAYERS.index(r", \Sigma_2")]]
)
CIRCLE = ", ".join(
    [
        erf_ntk("11", "A", "A", "A"), erf_ntk("12", "C", "A", "A"), erf_ntk("13", "D", "A", "A"),
        r"A = \tfrac12\sigma_w^2R^2+\sigma_b^2", r"C = \sigma_b^2 - \tfrac{3}{10}\sigma_w^2R^2",
        r"D = \sigma_b^2-\tfrac{33}{130}\sigma_w^2R^2",
    ]
)  # fmt: skip

# tag (and entry): as printed, corrected
TYPED: dict[str, tuple[str, str]] = {
    "S13/columns": (r"n_2(n_1+1)+n_3(n_2+1)", r"n_1(n_0+1)+n_2(n_1+1)+n_3(n_2+1)"),
    "A/kappa": (
        rf"\Theta_g = \kappa^2\left(\Sigma_2 + 4\sigma_w^2C\cdot C\right), \quad {LAYERS}",
        rf"\Theta_g = \Sigma_2 + 4\kappa^2\sigma_w^2C\cdot C, \quad {LAYERS}",
    ),
    "2.3/comment[1]": (rf"\Theta_{{11}} + \Theta_{{12}}, \quad {TWO}", "1"),
    "C.4/eta": (
        r"\eta_{crit} := 2(\lambda_{\min}+\lambda_{\max}), \quad \lambda_{\max} = \lambda_{\min}+g",
        r"\eta_{crit} := \frac{2}{\lambda_{\min}+\lambda_{\max}}, \quad \lambda_{\max} = \lambda_{\min}+g",
    ),
    "D.1/cor/proof-2": (
        r"\dot T_m(\Sigma) = \frac{2m^2}{\pi}\left(4m^4\left|\tfrac{1}{2m^2}I_2+\Sigma\right|\right)^{-1/2}",
        r"\dot T_m(\Sigma) = \frac{4m^2}{\pi}\left(4m^4\left|\tfrac{1}{2m^2}I_2+\Sigma\right|\right)^{-1/2}",
    ),
    "D.2/proof/gamma": (
        rf"\left(\frac{{{GAMMA}}}{{{GAMMA}-4\lambda^2c^2}}\right)^{{1/2}}",
        rf"\left(\frac{{{TRUE_GAMMA}}}{{{TRUE_GAMMA}-4\lambda^2c^2}}\right)^{{1/2}}",
    ),
    "D.2/proof/chain-2": (
        rf"\frac2\pi\frac{{\sqrt{{1+2\lambda a}}\sqrt{{1+2b}}}}{{\sqrt{{{GAMMA}-4\lambda^2c^2}}}}"
        r"\frac{2c}{\sqrt{1+2b}}(1+2\lambda^2a)^{-3/2}",
        rf"\frac2\pi\frac{{\sqrt{{1+2\lambda^2a}}\sqrt{{1+2b}}}}{{\sqrt{{{TRUE_GAMMA}-4\lambda^2c^2}}}}"
        r"\frac{2c}{\sqrt{1+2b}}(1+2\lambda^2a)^{-3/2}",
    ),
    "D.2/proof/chain-3": (
        rf"\frac2\pi\left({GAMMA}-4\lambda^2c^2\right)^{{-1/2}}\frac{{2c}}{{1+2\lambda^2a}}",
        rf"\frac2\pi\left({TRUE_GAMMA}-4\lambda^2c^2\right)^{{-1/2}}\frac{{2c}}{{1+2\lambda^2a}}",
    ),
    "D.2/proof/idea": (
        rf"(1-\gamma^2)^{{-1/2}}\gamma', \quad {SLOPE}",
        rf"\frac2\pi(1-\gamma^2)^{{-1/2}}\gamma', \quad {SLOPE}",
    ),
    "D.1/rem": (
        r"\mathbb{E}[\delta_0(X)\delta_0(Y)] = \frac2\pi|\Sigma|^{-1/2}",
        r"\mathbb{E}[\delta_0(X)\delta_0(Y)] = \frac{1}{2\pi}|\Sigma|^{-1/2}",
    ),
    "D.2/rem/parallel": ("0", r"\sqrt{\frac{2}{1+k^2}}\,k\,t_1"),
    "D.3/cor/sum[1]": (
        r"\frac{2\sigma_w^2}{\pi}\left(\frac{\sigma_w^2}{n_0}x\cdot y+\sigma_b^2\right)"
        rf"\left(\frac{{\sigma_w^2}}{{n_0}}\|x\|^2+\sigma_b^2\right)^{{-1/2}}{LEADING}^{{L-2}}",
        rf"{FIRST}{LEADING}^{{L-2}}",
    ),
    "D.3/cor/last-line[1]": (rf"{FIRST}{LEADING}^{{L-1}}", rf"{FIRST}{LEADING}^{{L-2}}"),
    "D.3/cor/last-line[2]": ("L-2", "L-1"),
    "S41/limit": (
        r"\frac{2\sigma_w^2}{\pi}\left(\Sigma(x,x)\Sigma(y,y)-\Sigma(x,y)^2\right)",
        r"\frac{2\sigma_w^2}{\pi}\left(\Sigma(x,x)\Sigma(y,y)-\Sigma(x,y)^2\right)^{-1/2}",
    ),
    "D.3/remark/lipschitz-2": ("0", r"\frac{\pi}{2\sigma_w^3}\sqrt{\sigma_w^2\|x\|^2+n_0\sigma_b^2}"),
    "D.3/remark/kolmogorov-chentsov[1]": ("0", r"\frac{1}{n_0}"),
    "D.3/remark/kolmogorov-chentsov[4]": ("0", r"\frac{1}{8n_0-7}"),
    "D.4/remark/depth": ("1", rf"{LEADING}^{{L-2}}"),
    "2.3/training-point": (rf"y_1\Theta_{{11}}+y_2\Theta_{{12}}+y_3\Theta_{{13}}, \quad {CIRCLE}", "y_1{}"),
    "2.3/singular": ("0", "1"),
    "2.3/mean": ("0", r"\lambda\sqrt{\frac{2}{1+\lambda^2}}\,y_1"),
    "alpha/1": (r"\alpha(1) = 1", r"\alpha(1) = 2 - \frac{1}{2^{-1}}"),
    "D.3/sphere/variance-first": (r"\frac{\sigma_w^2}{n_0}+\sigma_b^2", r"\sigma_w^2+\sigma_b^2"),
    "S70/chain-bars": (
        r"\left(\lambda_{\min}+\tfrac13\lambda_{\min}+\tfrac13\lambda_{\min}\right)(g_1^2+g_2^2)",
        r"\left(\lambda_{\min}-\tfrac13\lambda_{\min}-\tfrac13\lambda_{\min}\right)(g_1^2+g_2^2)",
    ),
    "S70/chain-end": (
        r"\tfrac13\cdot\tfrac13\lambda_{\min}(g_1^2+g_2^2)",
        r"\tfrac13\lambda_{\min}(g_1^2+g_2^2)",
    ),
    "S72": (r"\frac{6K'^2KR_0}{\sqrt n}", r"\frac{6K'^2KR_0}{\lambda_{\min}\sqrt n}"),
    "S73/N": (
        r"\left(\frac{\lambda_{\min}}{18K'^2KR_0}\right)^2",
        r"\left(\frac{18K'^2KR_0}{\lambda_{\min}^2}\right)^2",
    ),
    "E.5/t1": ("t_1 := 0", r"t_1 := \frac{3KR_0}{\lambda_{\min}v}"),
    "E.5/dimension": (r"n_L\,n", r"n_L\,d"),
    "E.2.1/S41": (
        r"\frac{2\sigma_w^2}{\pi}\left(\Sigma(x,x)\Sigma(y,y)-\Sigma(x,y)^2\right)",
        r"\frac{2\sigma_w^2}{\pi}\left(\Sigma(x,x)\Sigma(y,y)-\Sigma(x,y)^2\right)^{-1/2}",
    ),
    "S78/bars": (
        r"\sigma_w^2\sqrt{\frac{2}{\pi\Sigma(x,x)}}\exp\left(-\frac{\omega^2}{2}\frac{\Sigma(x,y)}{\Sigma(x,x)}\right)",
        r"\sigma_w^2\sqrt{\frac{2}{\pi\Sigma(x,x)}}\exp\left(-\frac{\omega^2}{2}\frac{|\Sigma|}{\Sigma(x,x)}\right)",
    ),
    "N/measure": (r"\frac1N(N+1)", "1"),
    "N/operator-norm": (r"\lambda_2+g", r"\frac{\lambda_2+g}{2}"),
    "N/A.4-index": (
        rf"\dot\Sigma_2\Theta_2, \quad \dot\Sigma_2 = 4C, {BETA}",
        rf"\dot\Sigma_3\Theta_2, \quad \dot\Sigma_3 = 4\Sigma_2, {BETA}",
    ),
}
NO_FORMULA = {
    "S13": "the entries of a quasi-Jacobian; printed is an index that sums over the wrong row",
    "C.2.1/f_tj": "the components of a vector behind a matrix exponential; printed is an index of f_0",
    "D.1/proof/variables": "an identity of vectors, u = Sigma^(1/2) v for Sigma^(1/2) u = v",
    "D.2/proof/minus": "an integrand with the matrices M and Sigma^(1/2); printed is a sign before M^(-1)",
}


@pytest.mark.parametrize("tag", TYPED)
def test_misprints_are_refuted_and_corrections_accepted(tag: str) -> None:
    printed, corrected = (kc.check(text, against=tag) for text in TYPED[tag])
    assert printed.verdict == "different", printed
    assert any(note.startswith("as printed in the paper") for note in printed.notes), printed
    assert corrected.verdict == "equal", corrected
    assert corrected.points
    assert corrected.digits == 30


def test_none_is_left_out() -> None:
    wrong = {claim.tag for claim in collect() if claim.corrected is not None}
    assert {tag.partition("[")[0] for tag in TYPED} | set(NO_FORMULA) == wrong
    assert not set(TYPED) & set(NO_FORMULA)
