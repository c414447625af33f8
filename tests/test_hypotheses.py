"""Which theorems cover a surrogate derivative, smoothing as the remedy, and functions that are refused."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import mpmath as mp
import pytest
import sympy as sp
from click.testing import CliRunner

import kernelcalc as kc
from kernelcalc import listing
from kernelcalc.cli import cli
from kernelcalc.functions import hypotheses
from kernelcalc.functions.base import Function
from kernelcalc.functions.surrogates import SURROGATES
from kernelcalc.symbols import v

R = sp.Rational
JUMPING = {
    "StepSurrogate", "OddSign", "Box", "OneSidedBox", "LogTailedReLU", "SparseFastSigmoid", "StochasticSpike",
}  # fmt: skip
LIPSCHITZ = {  # the constants, in parameter symbols, as they are known from section 1 of the catalogue
    "StraightThrough": "0", "Triangle": "A/W", "Laplace": "A*beta", "OneSidedExponential": "A/tau",
    "GaussianSurrogate": "A*sqrt(2*kappa/E)", "SuperSpike": "2*A*beta", "OneSidedSuperSpike": "2*A*beta",
    "ATanSurrogate": "3*sqrt(3)/8*A*kappa", "LogAbs": "alpha**2", "QPseudoSpike": "alpha*gamma",
    "SigmoidSurrogate": "4*A*alpha/(6*sqrt(3))", "Circ": "48/(25*sqrt(5)*alpha)",
    "FakeNumericalGradient": "alpha**2", "HardTanhPlusOne": "beta", "TanhPlusOne": "4*2*beta/(6*sqrt(3))",
}  # fmt: skip


@pytest.mark.parametrize("name", LIPSCHITZ)
def test_lipschitz_constants_are_derived(name: str) -> None:
    f = getattr(kc, name)().symbolic
    expected = sp.sympify(LIPSCHITZ[name], locals={s.name: s for s, _ in f.parameters})
    assert sp.simplify(f.lipschitz - expected) == 0


def test_s2nn_is_lipschitz_only_where_its_halves_meet() -> None:
    assert kc.S2NN(4, 1).lipschitz == sp.Max(1, 16 / (6 * sp.sqrt(3)))
    assert kc.S2NN(2, 1).lipschitz is None


@pytest.mark.parametrize("entry", SURROGATES, ids=lambda entry: entry.name)
def test_the_theorems_are_told_from_jumps_and_bounds(entry: object) -> None:
    assert callable(entry)
    name, s = getattr(entry, "name", ""), entry()
    found = dict(hypotheses.violations(s))
    assert bool(s.jumps) == (name in JUMPING)
    assert (hypotheses.SIGN in found) == (name in JUMPING or name == "ExponentialEscape")
    assert (hypotheses.INITIAL in found) == (name == "ExponentialEscape")
    assert set(found) >= ({hypotheses.TRAINING} if s.lipschitz is None else set())


def test_a_root_is_continuous_but_not_lipschitz() -> None:
    s = kc.function("1/(1 + sqrt(abs(z)))")
    assert hypotheses.violations(s) == ((hypotheses.TRAINING, "its slope is unbounded"),)
    with pytest.warns(kc.SurrogateWarning, match=r"slope is unbounded.*Theorem E.5"):
        kc.SGNTK(kc.Sign(), s, 2)


@pytest.mark.parametrize("entry", SURROGATES, ids=lambda entry: entry.name)
def test_steep_functions_have_no_lipschitz_constant(entry: Callable[[], Function]) -> None:
    s = entry()
    assert (s.steep or bool(s.jumps)) == (s.lipschitz is None)


def test_the_kernel_warns_once() -> None:
    s = kc.Box(R(17, 16), R(19, 16))
    with pytest.warns(kc.SurrogateWarning, match=r"jumps at z = -1.1875.*Theorem E.5.*Lemma E.7.*smoothed"):
        kc.SGNTK(kc.Sign(), s, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kc.SGNTK(kc.Sign(), s, 3)
        kc.SGNTK(kc.Sign(), kc.Triangle(), 3)
        kc.SGNTK(kc.Sign(), s.smoothed(R(1, 8)), 3)
    with pytest.warns(kc.SurrogateWarning, match="unbounded"):
        kc.SGNTK(kc.Sign(), kc.ExponentialEscape(1, R(17, 16)), 2)


STEPS = [kc.StepSurrogate(-1, 2, R(1, 3)), kc.OddSign(2), kc.Box(2, R(3, 2), R(1, 4)), kc.OneSidedBox(2)]


@pytest.mark.parametrize("s", [*STEPS, kc.Laplace()], ids=str)
def test_smoothing_adds_to_the_variance(s: Function) -> None:
    epsilon = R(2, 5)
    t = s.smoothed(epsilon)
    assert t.jumps == ()
    assert t.bounded
    before, after = kc.mean(s).expr, kc.mean(t).expr
    assert before is not None
    assert after is not None
    with mp.workdps(50):
        shifted = sp.N(before.subs(v, R(3, 7) + epsilon**2), 45)
        assert abs(sp.N(after.subs(v, R(3, 7)), 45) - shifted) < R(1, 10**40)
    if s.name != "laplace":  # its constant is found on a grid: slow
        top = max(abs(s(x / 8 + 1 / 16)) for x in range(-40, 40))
        assert t.lipschitz is not None
        assert 0 < float(t.lipschitz) <= (2 / float(sp.pi)) ** 0.5 * top / float(epsilon) * (1 + 1e-9)


def test_smoothing_refuses_what_it_cannot_do() -> None:
    with pytest.raises(kc.InputError, match="must be > 0"):
        kc.Box().smoothed(0)
    with pytest.raises(kc.InputError, match="no formula"):
        kc.SparseFastSigmoid().smoothed(1)


@pytest.mark.parametrize("formula", ["exp(z**2)", "exp(z**2/4)", "exp(abs(z)**3)", "exp(exp(z))"])
def test_what_has_no_expectation_is_refused(formula: str) -> None:
    f = kc.function(formula)
    with pytest.raises(kc.InputError, match=r"surrogate derivative .* grows like exp\(k z\^2\)"):
        kc.SGNTK(kc.Sign(), f, 2)
    with pytest.raises(kc.InputError, match=r"activation .* grows like exp\(k z\^2\)"):
        kc.NTK(f, 2)


@pytest.mark.parametrize("formula", ["1/z", "1/abs(z)", "sqrt(z)", "log(z)", "z**(-1/2)", "1/(1 - z**2)"])
def test_what_is_infinite_or_not_real_is_refused(formula: str) -> None:
    with pytest.raises(kc.InputError, match=r"at z = "):
        kc.function(formula)


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("z**2", "z -> -oo, where it grows faster than every line.*Theorem E.5.*Lemma E.7.*Theorem E.4"),
        ("exp(z)", "z -> oo, where it grows faster"),
        ("softplus(z)", "z -> oo, where it grows no faster than a line.*Lemma E.7"),
    ],
)
def test_an_unbounded_formula_is_no_surrogate_unless_it_is_meant(formula: str, reason: str) -> None:
    s = kc.function(formula)
    for refused in (s, s.smoothed(1), s.centred(1), s.derivative) if formula == "z**2" else (s,):
        with pytest.raises(kc.InputError, match=r"is unbounded as z -> .*clip it.*unbounded=True"):
            kc.SGNTK(kc.Sign(), refused, 2)
    with pytest.raises(kc.InputError, match=reason):
        kc.GeneralizedNTK((kc.Erf(), kc.Erf().derivative), (kc.Erf(), s), 2)
    twin = (s, s.derivative)  # a true derivative may be what it is
    kc.GeneralizedNTK((kc.Sign(), kc.Sign().derivative), twin, 2)
    with pytest.warns(kc.SurrogateWarning, match="unbounded"):
        kc.SGNTK(kc.Sign(), kc.function(formula, unbounded=True), 2)


def test_the_command_refuses_an_unbounded_surrogate(tmp_path: Path) -> None:
    data, out = tmp_path / "X.csv", tmp_path / "K.csv"
    data.write_text("1,2\n3,4\n")
    arguments = ["gram", str(data), "-o", str(out), "--kernel", "sgntk", "--activation", "sign"]
    result = CliRunner().invoke(cli, [*arguments, "--surrogate", "z**2", "--depth", "2"])
    assert result.exit_code == 2
    assert "grows faster than every line" in " ".join(result.output.split())
    assert not out.exists()


def test_growth_below_the_gaussian_is_admitted() -> None:
    for formula in ("exp(abs(z))", "sinh(z)**3", "z**5*exp(z)", "exp(-z**2)*exp(z)"):
        kc.NTK(kc.function(formula), 2)


# ---------------------------------------------------------------- list and plot


def test_list_says_how_everything_is_known(tmp_path: Path) -> None:
    target = tmp_path / "catalogue.json"
    arguments = ["list", "--only", "surrogate", "--only", "library", "--json", str(target)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    rows = {(row["kind"], row["name"]): row for row in json.loads(target.read_text())}
    box, logistic = rows["surrogate", "box"], rows["surrogate", "sigmoid_surrogate"]
    assert (box["mean"], box["mean_at_mu"]) == ("derived", "derived")
    assert (box["lipschitz"], box["parity"]) == (None, "even")
    assert "Lemma E.7" in box["violates"][1]
    assert (logistic["mean"], logistic["lipschitz"], logistic["violates"]) == ("numeric", "8*sqrt(3)/9", [])
    assert rows["library", "snntorch.triangular"]["family"] == "odd_sign(A=1)"
    assert "no triangle" in rows["library", "snntorch.triangular"]["note"]


def test_list_shows_the_share_derived() -> None:
    result = CliRunner().invoke(cli, ["list", "--only", "surrogate"])
    assert result.exit_code == 0, result.output
    assert "superspike" in result.output
    assert "none: jumps" in result.output
    derived = sum(kc.mean(entry()).closed_form + kc.mean(entry(), "mu").closed_form for entry in SURROGATES)
    share = 100 * derived // (2 * len(SURROGATES))
    assert f"{derived} of {2 * len(SURROGATES)} expectations ({share} %) derived by rules" in result.output
    assert "numeric to 1e-1" in result.output


def test_list_is_derived_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The statuses are kept: a second call derives nothing, and both tell their progress."""
    monkeypatch.setenv("KERNELCALC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(listing, "SURROGATES", SURROGATES[:2])
    shares: list[float] = []
    first = list(listing.rows(("surrogate", "library"), shares.append))
    assert shares == [0, 0.25]
    monkeypatch.setattr(listing, "mean", None)
    assert list(listing.rows(("surrogate", "library"), shares.append)) == first
    assert len(shares) == 2


def test_list_shows_real_powers_as_derived() -> None:
    row = listing._activation(kc.RectifiedPower())
    assert (row["dual"], row["derivative_dual"]) == ("derived", "derived")


def test_plot_surrogates_writes_png_and_pdf(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    files = [str(tmp_path / name) for name in ("a.png", "a.pdf")]
    arguments = ["plot", "surrogates", "--library", "slayer", "--depth", "2", "-o", files[0], "-o", files[1]]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert Path(files[0]).read_bytes().startswith(b"\x89PNG")
    assert Path(files[1]).read_bytes().startswith(b"%PDF")


def test_plot_surrogates_refuses_politely(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for arguments, words in (
        (["--library", "snntorh", "-o", str(tmp_path / "a.png")], "did you mean 'snntorch'"),
        (["-o", str(tmp_path / "a.gif")], ".png, .pdf or .svg"),
    ):
        result = CliRunner().invoke(cli, ["plot", "surrogates", *arguments])
        assert result.exit_code != 0
        assert words in result.output + str(result.exception)
