"""benchmarks/accuracy.py: what it draws, keeps and concludes; the long run is not part of the tests."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from accuracy import kept
from accuracy_cases import Job, Row, entries
from accuracy_report import END, START, cell, markdown, put, verdict

import kernelcalc as kc

JOB = Job("relu", 0.1, 1, 0, "duplicate")


def row(depth: int, error: float, peer: float | None = None) -> Row:
    return Row("nngp", "relu", 0.1, "duplicate", depth, 1.0, "1.0", error, error, peer)


def test_one_job() -> None:
    """All that it measures is within the bounds; a wrong kernel is not."""
    names = [name for name, _ in JOB.draw()]
    X, Y = (np.array([pair[i] for _, pair in JOB.draw()]) for i in (0, 1))
    makers = {"ntk": lambda depth, s: kc.NTK(kc.ReLU(), depth, sigma_b=s)}
    rows = list(entries(JOB, makers, names, X, Y, {}))
    assert {row.family for row in rows} == set(names)
    assert len(names) == 7
    assert verdict(rows)[0]
    assert not all(row.textbook is None or row.textbook < 64 for row in rows)


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


def test_the_section_is_put_in_place_of_the_older(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    put(markdown([row(1, 1.0), row(5, 2.0)], 1, "command", 60.0), file)
    text = file.read_text()
    assert "old" not in text
    assert text.startswith("before\n" + START)
    assert text.endswith(END + "\nafter\n")
    assert "| duplicates; NNGP | 1.0 |" in text
