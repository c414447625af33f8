"""Derivations step by step: what is recorded, how steps are checked, how they are shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp
from click.testing import CliRunner

import kernelcalc as kc
from kernelcalc import trace
from kernelcalc.cli.derive import derive as command
from kernelcalc.derive.check import check, result
from kernelcalc.derive.derivation import of_claim, of_expectation
from kernelcalc.derive.show import as_latex, as_markdown
from kernelcalc.expectation.problem import E, X, Y, Z
from kernelcalc.symbols import L, a, b, c, m, v
from kernelcalc.trace import Step
from kernelcalc.verify.claim import collect

CLAIMS = {claim.tag: claim for claim in collect()}
x, y = sp.symbols("x y", positive=True)
d, p = sp.DiracDelta, sp.Function("p")
TRUE = {
    "symbols": Step("expand", (x + y) ** 2, x**2 + 2 * x * y + y**2),
    "mean": Step("definition", E(Z**2, v), v),
    "dual": Step("Isserlis", E(X * Y, a, b, c), c),
    "mass": Step("delta", E(d(X) * Y**2, a, b, c), (b - c**2 / a) / sp.sqrt(2 * sp.pi * a)),
    "masses meet": Step("X = Y", E(d(X) * d(Y), a, a, a), sp.oo),
    "wave": Step("shift", E(sp.exp(sp.I * X) * sp.exp(sp.I * Y), a, b, c), sp.exp(-(a + b + 2 * c) / 2)),
    "limit": Step("limit", sp.Limit(x / sp.sqrt(1 + x**2), x, sp.oo), sp.Integer(1)),
    "infinite": Step("limit", sp.Limit(1 / x, x, 0), sp.oo),
    "derivative": Step("derivative", sp.Derivative(sp.sin(x * y), x), y * sp.cos(x * y)),
    "integral": Step("integral", sp.Integral(sp.exp(-(x**2)), (x, 0, sp.oo)), sp.sqrt(sp.pi) / 2),
    "power": Step("limit", sp.Limit(2 - 4 / 2**L, L, sp.oo), sp.Integer(2)),
    "unknown": Step("derivative", sp.Derivative(p(x) ** 2, x), 2 * p(x) * sp.Derivative(p(x), x)),
    "imaginary": Step("tilt", E(X * sp.exp(sp.I * Y), a, b, c), sp.I * c * sp.exp(-b / 2)),
    "high order": Step("derivative", sp.Derivative(sp.log(1 + x), (x, 7)), 720 / (1 + x) ** 7),
    "expansion": Step("expansion", sp.sqrt(1 + m**2), m + 1 / (2 * m), tends=(m, sp.oo)),
    "matrix": Step("entries", sp.Matrix([(x + 1) ** 2, y]), sp.Matrix([x**2 + 2 * x + 1, y])),
}


@pytest.mark.parametrize("name", TRUE)
def test_steps_that_hold(name: str) -> None:
    assert check(TRUE[name]).verdict != "failed"


@pytest.mark.parametrize("name", [name for name in TRUE if name not in ("infinite", "masses meet")])
def test_steps_that_do_not_hold(name: str) -> None:
    step = TRUE[name]
    found = check(Step(step.rule, step.before, step.after * sp.Rational(10**9 + 1, 10**9), tends=step.tends))
    assert found.verdict == "failed"
    assert " is not " in found.how


def test_what_cannot_be_decided_has_failed() -> None:
    found = check(Step("nonsense", sp.Function("f")(x), x))
    assert found.verdict == "failed"
    assert "not decided" in found.how


def test_infinite_and_finite_differ() -> None:
    assert check(Step("limit", sp.Limit(1 / x, x, 0), sp.Integer(7))).verdict == "failed"
    assert check(Step("X = Y", E(d(X) * d(Y), a, a, a), 1 / a)).verdict == "failed"
    assert check(Step("X = Y", E(X * Y, a, a, a), sp.oo)).verdict == "failed"


@pytest.mark.parametrize("tag", ["S28", "S76", "S79", "D.5", "alpha/1", "D.3/series/factor"])
def test_every_step_of_claims_holds(tag: str) -> None:
    item = of_claim(CLAIMS[tag])
    assert item.steps
    checks = [check(step, item.points) for step in item.steps]
    assert [str(found) for found in checks if found.verdict == "failed"] == []


def test_most_claims_have_steps() -> None:
    """The engine, limits, kernels and SymPy's operations are all written down."""
    tags = ["S23", "S38", "S45", "2.4/ntk", "N/theorem-1-relu", "E.7", "D.2/proof/minus"]
    found = [tag for tag in tags if tag in CLAIMS and of_claim(CLAIMS[tag]).steps]
    assert len(found) >= 4


def test_recording_is_off_unless_asked_for() -> None:
    with trace.recording() as steps:
        kc.dual(kc.Sign(), kc.Sign())
        trace.diff(x**2, x)
        with trace.quiet():
            trace.diff(x**3, x)
        trace.diff(x**2, x)
    assert [step.rule for step in steps].count("derivative") == 1
    before = len(steps)
    trace.diff(x**4, x)
    assert len(steps) == before


def test_expectations_by_name() -> None:
    item = of_expectation("dual(sign, erf')")
    assert item is not None
    assert check(item.steps[-1]).verdict == "confirmed"
    assert result(item).verdict == "confirmed"
    assert of_expectation("S23") is None
    with pytest.raises(kc.InputError, match="dual"):
        of_expectation("dual(sign, erf, relu)")
    with pytest.raises(kc.InputError, match="unknown function"):
        of_expectation("mean(nosuch)")


def test_latex_and_markdown() -> None:
    item = of_claim(CLAIMS["S28"])
    checks = [check(step) for step in item.steps]
    shown = as_latex(item, checks, checks[-1])
    assert shown.count(r"\begin{align*}") == len(item.steps) + 1
    assert r"\mathbb{E}\bigl[\mathrm{erf}(m X) \, \mathrm{erf}(m Y)\bigr]" in shown
    assert r"\operatorname" not in shown
    assert r"\frac{2}{\pi} \arcsin" in shown
    assert "confirmed: to 40 digits" in shown
    notes = as_markdown(item, checks, checks[-1])
    assert notes.count("$$") == 2 * (len(item.steps) + 1)
    assert "**8. Price**, needs $ab - c^2 > 0$" in notes


def test_command(tmp_path: object) -> None:
    found = CliRunner().invoke(command, ["mean(gaussian)"])
    assert found.exit_code == 0 or found.return_value == 0
    assert "tilt" in found.stdout
    assert "confirmed" in found.stdout


def test_all_claims_in_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole run is kernelcalc derive --all; here a few claims, one of them without derivation."""
    some = tuple(CLAIMS[tag] for tag in ("D.5", "C.2/kronecker", "S19", "S12"))
    monkeypatch.setattr("kernelcalc.cli.derive.claims_of", lambda package: some)
    run = CliRunner().invoke(command, ["--all"], standalone_mode=False)
    assert run.return_value == 0
    lines = run.stdout.splitlines()
    assert lines[0] == "D.5: 1 steps confirmed; result proved"
    assert "no derivation" in lines[1]
    assert lines[2] == "S19: 1 steps proved; result proved"
    assert "one piece" in lines[3]
    assert "3 results proved" in lines[-1]
    wrong = replace(CLAIMS["D.5"], printed=CLAIMS["D.5"].printed * 2)
    monkeypatch.setattr("kernelcalc.cli.derive.claims_of", lambda package: (wrong,))
    assert CliRunner().invoke(command, ["--all"], standalone_mode=False).return_value == 1
    with pytest.raises(kc.InputError, match="--all"):
        command.main([], standalone_mode=False)
