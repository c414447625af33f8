"""benchmarks/catalogue_sweep.py at a few points; the whole run is not part of the tests."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from catalogue_sweep import examine, lines, points

import kernelcalc as kc


@pytest.mark.parametrize("name", ["Laplace", "SuperSpike", "TanhPlusOne", "Triangle"])
def test_means_at_extreme_parameters(name: str) -> None:
    found = list(lines(name, "mean", 3, 1, 60))
    assert len(found) == 2
    assert all(line.good and not line.late for line in found), found


@pytest.mark.parametrize(
    "f", [kc.ReLU(), kc.Gaussian(), kc.Sign(), kc.Softsign(), kc.ELU(), kc.HardTanh()], ids=str
)
def test_duals_at_extreme_parameters(f: kc.Function) -> None:
    given = list(points(random.Random(2), f.name, 2, True))
    assert all(a * b >= c**2 for a, b, c in given)
    line = examine(f.name, "", kc.dual(f), iter(given), 60)
    assert line.good, line
    assert not line.late


def test_a_wrong_form_is_noticed() -> None:
    e = kc.mean(kc.Laplace())
    assert e.template is not None
    given = list(points(random.Random(1), "Laplace", 1, False))
    wrong = replace(e, template=e.template * (1 + kc.symbols.v / 10**30))
    assert examine("", "", e, iter(given), 60).good
    assert not examine("", "", wrong, iter(given), 60).good
