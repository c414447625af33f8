"""benchmarks/accuracy.py: what it draws, keeps and concludes; the long run is not part of the tests."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import accuracy
import mpmath as mp
import numpy as np
import pytest
from accuracy import kept, work
from accuracy_cases import Job, Row, entries, in_blocks, makers_of
from accuracy_names import chosen, known, left_out
from accuracy_report import END, START, cell, markdown, put, refused, verdict
from exact_kernels import exact
from references import References, key

import kernelcalc as kc
from kernelcalc.functions.base import Function
from kernelcalc.functions.entry import Entry

JOB = Job("relu", 0.1, 1, 0, "duplicate")


def row(depth: int, error: float, peer: float | None = None) -> Row:
    return Row("nngp", "relu", 0.1, "duplicate", depth, 1.0, "1.0", error, error, peer)


def test_one_job() -> None:
    """All that it measures is within the bounds; a wrong kernel is not."""
    names = [name for name, _ in JOB.draw()]
    X, Y = (np.array([pair[i] for _, pair in JOB.draw()]) for i in (0, 1))
    makers = {"ntk": lambda depth, s: kc.NTK(kc.ReLU(), depth, sigma_b=s)}
    rows = list(entries(JOB, makers, names, X, Y, {}, References(None, "")))
    assert {row.family for row in rows} == set(names)
    assert len(names) == 7
    assert verdict(rows)[0]
    assert not all(row.textbook is None or row.textbook < 64 for row in rows)


@pytest.mark.parametrize(
    ("only", "wanted"),
    [
        ("MexicanHat", ["mexican_hat(beta=1)"]),
        ("mexican hat", ["mexican_hat(beta=1)"]),
        ("mexican_hat(beta=1)", ["mexican_hat(beta=1)"]),
        ("Sigmoid", ["sigmoid"]),
        ("ReLU", ["relu"]),
        ("erf(1e", ["erf(1e-08)", "erf(1e+08)", "erf(1e+15)"]),
        ("hermite", ["hermite[k=2]"]),
        ("SIGN", ["sign", "sign, all surrogates"]),
    ],
)
def test_one_function_in_any_spelling(only: str, wanted: list[str]) -> None:
    assert chosen(only, True) == wanted


@pytest.mark.parametrize("entry", kc.catalogue(), ids=lambda entry: entry.name)
def test_every_name_of_the_catalogue_is_found(entry: Entry) -> None:
    for name in (entry.name, entry.label):
        assert {known(True)[found] for found in chosen(name, True)} == {entry.name}


def test_a_name_that_means_nothing() -> None:
    with pytest.raises(kc.InputError, match="did you mean MexicanHat"):
        chosen("mexicanhatt", True)
    with pytest.raises(kc.InputError, match="--all takes"):
        chosen("MexicanHat", False)
    assert chosen("", False) == list(known(False))


def test_what_is_left_out_is_told() -> None:
    assert left_out(["relu", "tanh", "sin(B=1, phi=0)"]).keys() == {"tanh"}
    assert "no closed form" in left_out(["tanh"])["tanh"]
    assert makers_of("tanh") == {}
    assert set(makers_of("sin(B=1, phi=0)")) == {"nngp", "ntk"}


def test_what_is_refused_is_told_and_nothing_else_is_lost() -> None:
    kernel = kc.SGNTK(kc.Sign(), kc.LogAbs(1.5), 2)
    X = np.array([[1.0, 2.0], [1e150, 1e150], [0.5, -1.0]])
    first, why, last = in_blocks(kernel, X, X[:, ::-1].copy())
    assert np.isfinite([first, last]).all()
    assert isinstance(why, str)
    (line,) = refused([row(2, 0.5), Row("sgntk", "sign", 0.0, "norm", 2, np.nan, why, np.nan)])
    assert line.startswith("not measured: sign, sgntk, 1 values")
    assert "known up to" in line


def test_a_pair_without_reference_is_told() -> None:
    """NTK of a box at rows 1e-150 long: a determinant is exp(-1e300), and divides."""
    X, Y = np.array([[[1.0, 2.0]], [[0.5, -1.0]]]) * 1e-150
    job = Job("box(A=1, W=1, A_0=0)", 0.0, 1, 0, "", True, None, 3)
    makers = {"ntk": lambda depth, s: kc.NTK(kc.Box(), depth, sigma_b=s)}
    (found,) = entries(job, makers, ["norm"], X, Y, {}, References(None, ""))
    assert np.isnan(found.error)
    assert "no two precisions agree" in found.exact


def test_a_job_without_references_does_not_end_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise ArithmeticError("no two precisions agree")

    monkeypatch.setattr(accuracy, "measure", lost)
    assert work(JOB, None, False)["failed"] == "no two precisions agree"


def test_polynomials_are_measured_by_their_terms() -> None:
    """(a - 1)(b - 1)/2 + c^2: where a rounds to 1, the digits of a - 1 are those of a."""
    x, y = np.array([1e-8, 0.0]), np.array([0.0, 1e8])
    ((found,),) = exact([kc.NNGP(kc.Hermite(2), 2, sigma_b=1)], x, y, [2])
    assert 1 < found.value < 4
    assert found.size > 1e15


@pytest.mark.parametrize("size", [1.0, 1e150])
def test_references_where_inverse_powers_of_the_determinant_cancel(size: float) -> None:
    """SG-NTK of opposite rows: the surrogate is 1 at 0, and 2 delta has the density of a variable there."""
    x = np.array([size, -size / 2])
    ((found,),) = exact([kc.SGNTK(kc.Sign(), kc.SuperSpike(), 2)], x, -x, [2])
    with mp.workdps(30):
        variance = mp.fdot(x.tolist(), x.tolist()) / 2
        assert abs(found.value / (-1 - variance * mp.sqrt(2 / (mp.pi * variance))) - 1) < 1e-22


def test_references_of_steep_exponentials_beside_error_functions() -> None:
    """exp(u) - exp(u) erf(x) of long rows: 2 delta(x) exp(-|y|) is nearly the density of two variables."""
    x, y = np.array([1e8, 0.0]), np.array([1e8, 1e8])
    ((found,),) = exact([kc.SGNTK(kc.Sign(), kc.Laplace(), 2)], x, y, [2])
    assert abs(found.value - (0.5 + 1e16 / 2 * 2 / (np.pi * 1e16 / 2))) < 1e-6


@pytest.mark.timeout(60)
def test_references_of_variances_that_fall_for_ever() -> None:
    """P(z > 1) of rows 1e-4 long is exp(-5e7), and one over it the argument of the next layer."""
    x, y = np.array([[1.0, -2.0], [0.5, 1.0]]) * 1e-4
    ((last,),) = exact([kc.NTK(kc.ThresholdedReLU(), 3)], x, y, [3])
    assert abs(last.value) < 1e-300


def test_thresholds_have_poles_at_equal_rows_alone() -> None:
    x = np.array([1.0, 2.0])
    for factor, infinite in ((1.0, True), (2.0, False)):
        ((found,),) = exact([kc.NTK(kc.ThresholdedReLU(), 2)], x, factor * x, [2])
        assert bool(mp.isinf(found.value)) is infinite


@pytest.mark.parametrize("f", [kc.RectifiedMonomial(2), kc.RectifiedMonomial(3), kc.ReLU()], ids=repr)
def test_zeros_at_opposite_rows_are_no_poles(f: Function) -> None:
    """Of a factor like (1 + r)^(3/2), of which rounding leaves something else at each step."""
    ((wanted,),) = exact([kc.NTK(f, 2)], np.array([-1.8]), np.array([1.1]), [2])
    assert abs(wanted.value) < 1e-20


def test_equal_rows_below_a_threshold_are_infinite() -> None:
    """The masses of the surrogate meet, though P(z > 1) is exp(-1e8)."""
    x = np.array([1e-4, 2e-4])
    ((wanted,),) = exact([kc.NTK(kc.ThresholdedReLU(), 4)], x, x, [4])
    assert wanted.value == mp.inf


def test_pairs_do_not_depend_on_other_jobs() -> None:
    first, again = (JOB.draw() for _ in range(2))
    other = Job("relu", 1.0, 1, 0, "duplicate").draw()
    assert all(np.array_equal(p[1], q[1]) for p, q in zip(first, again, strict=True))
    assert not np.array_equal(first[0][1], other[0][1])


@pytest.mark.parametrize(
    ("depth", "error", "met"),
    [(3, 16.0, True), (3, 17.0, False), (5, 64.0, True), (5, 65.0, False), (100, float("inf"), False)],
)
def test_the_verdict(depth: int, error: float, met: bool) -> None:
    assert verdict([row(1, 0.0), row(depth, error)])[0] is met


def test_growing_exponentials_have_a_bound_of_their_own() -> None:
    grown = row(3, 108.0)._replace(activation="exponential_escape(p_0=1, delta=1)")
    met, lines = verdict([row(1, 1.0), grown])
    assert met
    assert "exponential_escape" in lines[-1]
    assert "1e-13" in lines[-1]
    assert not verdict([row(1, 1.0), grown._replace(error=500.0)])[0]
    assert not verdict([row(3, 108.0), grown])[0]


def test_cells() -> None:
    rows = [row(1, 2.0), row(1, 80.0, float("inf"))]
    assert cell(rows, "error", 16.0) == "80.0 (50 %)"
    assert cell(rows, "peer", 16.0) == "not finite (100 %)"
    assert cell(rows[:1], "peer", 16.0) == "-"


def test_results_are_kept_and_checked(tmp_path: Path) -> None:
    file = tmp_path / "results"
    done = {"job": asdict(JOB), "pairs": 1, "seconds": 1.0, "rows": [row(1, 0.0)]}
    file.write_text(json.dumps(done) + "\n" + json.dumps(done)[:40])
    assert len(kept(file, [JOB])) == 1
    with pytest.raises(SystemExit, match="not asked for"):
        kept(file, [])


def test_references_are_kept_and_never_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels, depths = [kc.NTK(kc.ReLU(), 2, sigma_b=0.1), kc.NNGP(kc.ReLU(), 2, sigma_b=0.1)], [1, 3]
    x, y = np.random.default_rng(3).standard_normal((2, 4))
    wanted = References(tmp_path, "a/b").exact(kernels, x, y, depths)
    for file in tmp_path.iterdir():
        file.write_text(file.read_text() + '["cut')  # as if killed while writing
    monkeypatch.setattr("references.exact", None)  # nothing to compute
    found = References(tmp_path, "a/b").exact(kernels, x, y, depths)
    for one, other in zip(chain(*found), chain(*wanted), strict=True):
        assert abs(one.value - other.value) <= 1e-22 * other.size
        assert abs(one.size - other.size) <= 1e-10 * other.size
    monkeypatch.setattr("references.exact", exact)
    moved = x.copy()
    moved[2] = np.nextafter(x[2], 9.0)
    again = References(tmp_path, "a/b").exact(kernels, moved, y, depths)
    assert again[0][0].value != found[0][0].value
    changed = [
        key(kernels, moved, y, depths),
        key(kernels, x, y, [1, 2]),
        key([kc.NTK(kc.ReLU(), 2, sigma_b=0.2), kernels[1]], x, y, depths),
        key([kernels[1], kernels[0]], x, y, depths),
    ]
    monkeypatch.setattr("references._method", lambda: "another recursion")
    changed.append(key(kernels, x, y, depths))
    monkeypatch.undo()
    assert len({key(kernels, x, y, depths), *changed}) == 6


def test_the_section_is_put_in_place_of_the_older(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    put(markdown([row(1, 1.0), row(5, 2.0)], 1, "command", 60.0), file)
    text = file.read_text()
    assert "old" not in text
    assert text.startswith("before\n" + START)
    assert text.endswith(END + "\nafter\n")
    assert "| duplicates; NNGP | 1.0 |" in text
