"""The judge of claims, on small claims whose verdict is known."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mpmath as mp
import pytest
import sympy as sp
from rich.console import Console

from kernelcalc.errors import InputError
from kernelcalc.symbols import L, a, b, c, rho
from kernelcalc.verify import ledger
from kernelcalc.verify.claim import Claim, collect, select
from kernelcalc.verify.judge import judge
from kernelcalc.verify.mutate import LEAST, mutants_of, try_mutants
from kernelcalc.verify.run import run

R = sp.Rational
x, y = sp.Symbol("x", positive=True), sp.Symbol("y", real=True)
POINTS = (
    {a: 1, b: 2, c: 0},
    {a: 1, b: R(1, 3), c: R(-1, 2)},
    {a: 2, b: 2, c: R(199, 100)},
)
DUAL = 2 / sp.pi * sp.asin(2 * c / sp.sqrt((1 + 2 * a) * (1 + 2 * b)))
OTHER_FORM = 2 / sp.pi * sp.atan2(c, sp.sqrt((a + R(1, 2)) * (b + R(1, 2)) - c**2))


def number(value: sp.Rational) -> mp.mpf:
    return mp.mpf(int(value.p)) / int(value.q)


def series(point: Mapping[sp.Symbol, sp.Rational], digits: int) -> mp.mpf:
    """E erf(X) erf(Y) as its power series in c: another route than any closed form takes."""
    with mp.workdps(digits + 10):
        t = number(point[c]) / mp.sqrt((number(point[a]) + 0.5) * (number(point[b]) + 0.5))
        return 2 / mp.pi * t * mp.hyp2f1(0.5, 0.5, 1.5, t**2)


def claim(**changes: Any) -> Claim:
    parts: dict[str, Any] = {
        "tag": "S28",
        "title": "E erf(X) erf(Y)",
        "source": "Lemma D.2 (S28)",
        "printed": DUAL,
        "derive": lambda: OTHER_FORM,
        "witness": series,
        "points": POINTS,
    }
    return Claim(**(parts | changes))


# -- verdicts


def test_proved_by_symbols_and_numbers() -> None:
    verdict = judge(claim())
    assert (verdict.verdict, verdict.digits, verdict.points, verdict.reason) == ("proved", 50, 3, "")
    assert verdict.proof
    assert verdict.seconds > 0


def test_more_digits_on_demand() -> None:
    assert judge(claim(), 90).digits == 90


def test_derivation_may_carry_steps() -> None:
    assert judge(claim(derive=lambda: SimpleNamespace(expr=OTHER_FORM, steps=()))).verdict == "proved"


def test_confirmed_without_derivation() -> None:
    verdict = judge(claim(derive=None))
    assert (verdict.verdict, verdict.proof, verdict.digits) == ("confirmed", "", 50)


def test_confirmed_if_no_proof_is_found() -> None:
    bessel = claim(
        printed=sp.besselj(0, x),
        derive=lambda: sp.Integral(sp.cos(x * sp.sin(y)), (y, 0, sp.pi)) / sp.pi,
        witness=lambda point, digits: mp.hyp0f1(1, -(number(point[x]) ** 2) / 4),
        points=({x: 2},),
        digits=15,
    )
    verdict = judge(bessel)
    assert (verdict.verdict, verdict.proof, verdict.digits) == ("confirmed", "", 15)
    assert "no witness" in judge(replace(bessel, witness=None)).reason


def test_by_symbols_alone_no_digits_are_claimed() -> None:
    verdict = judge(claim(witness=None))
    assert (verdict.verdict, verdict.digits) == ("proved", 0)


FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    "wrong sign": ({"printed": -DUAL}, "0 of 50 digits at"),
    "wrong in the 40th digit": ({"printed": DUAL * (1 + R(1, 10**40))}, "39 of 50 digits"),
    "wrong without derivation": ({"printed": 2 * DUAL, "derive": None}, "0 of 50 digits"),
    "wrong derivation": ({"derive": lambda: -OTHER_FORM}, "derived"),
    "wrong derivation, no witness": ({"derive": lambda: -OTHER_FORM, "witness": None}, "0 of 50 digits"),
    "NaN witness": ({"witness": lambda point, digits: mp.nan}, "the witness gave nan"),
    "infinite witness": ({"witness": lambda point, digits: mp.inf}, "the witness gave +inf"),
    "no number": ({"witness": lambda point, digits: None}, "no number"),
    "float witness": ({"witness": lambda point, digits: float(series(point, 20))}, "of 50 digits"),
    "matrix witness": ({"witness": lambda point, digits: mp.matrix([1, 2])}, "shape"),
    "raising witness": ({"witness": lambda point, digits: 1 / 0}, "ZeroDivisionError"),
    "raising derivation": ({"derive": lambda: [][1]}, "IndexError"),
    "derivation without a form": ({"derive": lambda: SimpleNamespace(expr=None)}, "no closed form"),
    "NaN derivation": ({"derive": lambda: sp.nan}, "derive() gives nan"),
    "derivation in other symbols": ({"derive": lambda: x}, "no value given for x"),
    "matrix derivation": ({"derive": lambda: sp.Matrix([1, 2])}, "derive() has shape (2, 1)"),
    "pole": ({"printed": DUAL + 1 / c}, "printed undefined (1/0)"),
    "NaN value": ({"printed": DUAL + c * sp.log(c**2)}, "is NaN at a = 1, b = 2, c = 0"),
    "NaN in the refuted form": ({"printed": c * sp.log(c**2), "corrected": DUAL, "note": "wrong"}, "is NaN"),
    "correction of the right": ({"corrected": DUAL, "note": "nothing"}, "it is not refuted"),
    "wrong correction": ({"printed": -DUAL, "corrected": 2 * DUAL, "note": "sign"}, "corrected"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failed(name: str) -> None:
    changes, reason = FAILURES[name]
    verdict = judge(claim(**changes))
    assert verdict.verdict == "failed"
    assert reason in verdict.reason
    assert verdict.reason
    assert "\n" not in verdict.reason


@pytest.mark.parametrize("witness", [series, None])
def test_refuted_with_counterexample(witness: Callable[..., Any] | None) -> None:
    verdict = judge(
        claim(printed=-DUAL, corrected=DUAL, note="the sign is wrong", doubtful="?", witness=witness)
    )
    assert verdict.verdict == "refuted"
    assert verdict.counterexample == "a = 1, b = 1/3, c = -1/2: printed 0.2951672353, true -0.2951672353"
    assert verdict.corrected == str(DUAL)
    assert verdict.proof
    assert verdict.doubtful == "?"


def test_refuted_by_a_pole_only_where_the_truth_is_finite() -> None:
    printed = DUAL * c / c + (1 / c - 1 / (c + R(1, 10**60)))
    at_zero = claim(printed=printed, corrected=DUAL, note="forgets c = 0", points=POINTS[:1])
    verdict = judge(at_zero)
    assert verdict.verdict == "refuted"
    assert "undefined" in str(verdict.counterexample)


def test_a_difference_below_the_margin_refutes_nothing() -> None:
    verdict = judge(claim(printed=DUAL * (1 + R(1, 10**30)), corrected=DUAL, note="tiny"))
    assert verdict.verdict == "failed"


def test_matrix_claims() -> None:
    turn = sp.Matrix([[sp.cos(x), -sp.sin(x)], [sp.sin(x), sp.cos(x)]])

    def witness(point: Mapping[sp.Symbol, sp.Rational], digits: int) -> Any:
        return mp.expm(mp.matrix([[0, -1], [1, 0]]) * number(point[x]))

    def derive() -> Any:
        half = sp.Matrix([[sp.cos(x / 2), -sp.sin(x / 2)], [sp.sin(x / 2), sp.cos(x / 2)]])
        return half * half

    held = claim(printed=turn, derive=derive, witness=witness, points=({x: 1}, {x: R(5, 2)}))
    assert judge(held).verdict == "proved"
    assert judge(replace(held, printed=turn.T)).verdict == "failed"
    assert try_mutants(held).ok
    assert any(words == "transposed" for words, _ in mutants_of(held))


def test_constant_claim_needs_no_point() -> None:
    constant = claim(printed=sp.pi / 4, derive=lambda: sp.atan(1), witness=lambda p, d: mp.pi / 4, points=())
    assert judge(constant).verdict == "proved"
    assert try_mutants(constant).mutants >= LEAST


# -- consistency of a claim


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tag": "S 28"}, "tag"),
        ({"tag": ""}, "tag"),
        ({"title": " "}, "title"),
        ({"printed": None}, "printed is missing"),
        ({"printed": c / 2.0}, "decimals"),
        ({"printed": sp.nan}, "undefined"),
        ({"derive": None, "witness": None}, "derive or witness"),
        ({"points": ()}, "at least one point"),
        ({"points": ({a: 1, b: 2},)}, "no value for c"),
        ({"points": ({a: 1, b: 2, c: 0.5},)}, "exact rational"),
        ({"points": ({a: 1, b: 2, c: sp.sqrt(2)},)}, "exact rational"),
        ({"points": ({a: -1, b: 2, c: 0},)}, "breaks"),
        ({"points": ({a: 1, b: 2, c: 2},)}, "no covariance"),
        ({"printed": rho, "points": ({rho: 2},)}, "> 1"),
        ({"printed": L, "points": ({L: R(1, 2)},)}, "breaks"),
        ({"corrected": 2 * DUAL}, "note"),
        ({"corrected": x, "note": "n"}, "no value for x"),
        ({"doubtful": "a bar"}, "corrected"),
        ({"digits": 0}, "digits"),
    ],
)
def test_inconsistent_claims_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        claim(**changes)


def test_points_may_hold_more_symbols() -> None:
    assert judge(claim(points=tuple(point | {x: 1} for point in POINTS))).verdict == "proved"


def test_selection_by_tag() -> None:
    claims = tuple(claim(tag=tag) for tag in ("S2", "S2/a", "S2/a/b", "S21", "C.4/eta"))

    def tags(*patterns: str) -> list[str]:
        return [chosen.tag for chosen in select(claims, patterns)]

    assert tags() == ["S2", "S2/a", "S2/a/b", "S21", "C.4/eta"]
    assert tags("S2") == ["S2", "S2/a", "S2/a/b"]
    assert tags("S2/") == ["S2/a", "S2/a/b"]
    assert tags("S2*", "C.4") == ["S2", "S2/a", "S2/a/b", "S21", "C.4/eta"]
    with pytest.raises(InputError, match=r"unknown claim 'S22'; did you mean .*S21"):
        tags("S22")


# -- mutants


def test_all_mutants_are_rejected() -> None:
    result = try_mutants(claim())
    assert result.ok
    assert result.mutants == result.rejected >= 10


def test_mutants_of_the_corrected_form() -> None:
    result = try_mutants(claim(printed=-DUAL, corrected=DUAL, note="sign"))
    assert result.ok
    assert result.mutants >= LEAST


def test_mutants_differ_as_functions() -> None:
    symmetric = claim(printed=(a + b) / 2 + c * 0, points=POINTS, derive=lambda: a, witness=None)
    words = [words for words, _ in mutants_of(symmetric)]
    assert "a and b exchanged" not in words
    assert "sign" in words


def test_parameters_of_hypergeometric_functions_are_mutated() -> None:
    form = sp.hyper([sp.Rational(1, 2), a], [2], c**2 / 9)
    made = [mutant for _, mutant in mutants_of(claim(printed=form, points=POINTS, witness=None))]
    assert any(m.args[0] != form.args[0] for m in made if isinstance(m, sp.hyper))


def test_blind_points_let_mutants_survive() -> None:
    result = try_mutants(claim(points=POINTS[:1]))  # only c = 0, where the value is 0 whatever the factor
    assert not result.ok
    assert any(line.startswith("coefficient") for line in result.survivors)


def test_wrong_claim_is_no_test_for_mutants() -> None:
    assert "rejected" in try_mutants(claim(printed=-DUAL)).reason


def test_zero_has_mutants_too() -> None:
    assert (
        try_mutants(claim(printed=sp.S.Zero, derive=lambda: 0, witness=lambda p, d: mp.mpf(0))).mutants
        >= LEAST
    )


# -- runs

PACKAGE = """
import os, time
import mpmath as mp
import sympy as sp
from kernelcalc.verify.claim import Claim
x = sp.Symbol("x", positive=True)
def die(point, digits):
    os._exit(7)
def good(tag, witness=lambda point, digits: mp.mpf(int(point[x])) ** 2):
    return Claim(tag, "a square", "here", x**2, lambda: x * x, witness, ({x: 2}, {x: 3}))
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def make(name: str, **modules: str) -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        for module, text in modules.items():
            (tmp_path / name / f"{module}.py").write_text(PACKAGE + text)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    return make


def test_collection_in_the_order_of_the_files(package: Callable[..., str]) -> None:
    name = package("in_order", b='CLAIMS = (good("B"),)', a='CLAIMS = (good("Z"), good("A"))')
    assert [found.tag for found in collect(name)] == ["Z", "A", "B"]


def test_bad_collections_are_refused(package: Callable[..., str]) -> None:
    with pytest.raises(InputError, match="defined more than once"):
        collect(package("twice", a='CLAIMS = (good("A"),)', b='CLAIMS = (good("A"),)'))
    with pytest.raises(InputError, match="must define CLAIMS"):
        collect(package("none", a=""))
    with pytest.raises(InputError, match="no claims"):
        collect(package("empty"))


def test_run_survives_dying_and_hanging_workers(package: Callable[..., str]) -> None:
    text = """
CLAIMS = (good("A"), good("B", die), good("C", lambda point, digits: time.sleep(60)), good("D"))
"""
    name = package("rough", a=text)
    found = {result.tag: result for result in run(collect(name), package=name, jobs=2, timeout=2.0)}
    assert {tag: ledger.word(result) for tag, result in found.items()} == {
        "A": "proved",
        "B": "failed",
        "C": "failed",
        "D": "proved",
    }
    assert "exit code 7" in found["B"].reason
    assert "timeout after 2 s" in found["C"].reason


# -- ledger


def printed(*verdicts: Any) -> str:
    console = Console(width=110, highlight=False, record=True, file=io.StringIO())
    ledger.show_verdicts(verdicts, console)
    return console.export_text()


def test_ledger_shows_everything() -> None:
    refuted = judge(
        claim(tag="S29", printed=-DUAL, corrected=DUAL, note="the sign [is] wrong", doubtful="a bar")
    )
    text = printed(
        judge(claim(statement="E erf erf = 2/π asin(…)")), refuted, judge(claim(tag="X", printed=2 * DUAL))
    )
    for part in (
        "E erf erf = 2/π asin(…)",
        "Refuted as printed",
        "the sign [is] wrong",
        "a bar",
        str(DUAL),
        "printed 0.2951672353, true -0.2951672353",
        "0 of 50 digits",
        "3 claims: 1 proved, 0 confirmed, 1 refuted (1 of the corrected forms proved), 1 failed.",
    ):
        assert part in text


def test_json_has_the_promised_keys() -> None:
    refuted = judge(claim(printed=-DUAL, corrected=DUAL, note="sign"))
    first, second = json.loads(json.dumps(ledger.as_json([judge(claim()), refuted])))
    assert {"tag", "title", "verdict", "digits", "points", "seconds"} <= set(first)
    assert {"counterexample", "corrected"} <= set(second)
    assert "counterexample" not in first
