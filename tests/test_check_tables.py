r"""The formulas that kernelcalc prints are read by its own parser: every cell of the tables, every kernel."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kernelcalc as kc
from kernelcalc.checking.equation import read
from kernelcalc.symbols import sigma_b, sigma_w

TABLES = Path(__file__).parents[1] / "tables"
SIGMAS = {"sigma_w": sigma_w, "sigma_b": sigma_b}
# of two kinds: no formula of one number, and no equality
OTHER = r"\\begin\{|\\to|\\mathbb\{E\}"


def cells() -> list[str]:
    text = "\n".join(path.read_text() for path in sorted(TABLES.glob("*.tex")))
    found = re.findall(r"\$\\displaystyle\s*(.*?)\$", text, re.DOTALL)
    return sorted(
        {_right(cell) for cell in found if not re.search(OTHER, cell)}
    )


def _right(cell: str) -> str:
    """What stands right of the sign of equality."""
    return cell.replace(r"\sim", "").replace(r"+ \cdots", "").rpartition(" = ")[2]


def test_every_cell_of_the_tables_is_read() -> None:
    found = cells()
    assert len(found) > 200
    for cell in found:
        read(cell + "{}")


@pytest.mark.parametrize(
    "kernel",
    [
        kc.NNGP(kc.ReLU(), "L", **SIGMAS),
        kc.NTK(kc.Erf("m"), "L", **SIGMAS),
        kc.NTK(kc.Sign(), 3, **SIGMAS),
        kc.SGNTK(kc.Sign(), kc.Erf().derivative, "L", **SIGMAS),
        kc.SGNTK(kc.Erf("m"), kc.function("exp(-abs(z))"), 2, **SIGMAS),
        kc.NTK(kc.Step(1), "L", **SIGMAS),
        kc.GeneralizedNTK(
            (kc.Sign(), kc.Sign().derivative), (kc.Erf("m"), kc.Erf("m").derivative), "L", **SIGMAS
        ),
    ],
    ids=repr,
)
def test_kernels_read_back_are_themselves(kernel: kc.Kernel) -> None:
    r"""Every line of kernel.latex() is equal to what it names; with a factor 1.01 in it, it is not."""
    rows = re.sub(r"\\(begin|end)\{aligned\}", "", kernel.latex()).split(r"\\")
    assert len(rows) >= 3
    for row in rows:
        left, right = row.split("&=")
        if "^{(1)}" in left:  # the first layer needs a depth that is a number
            continue
        assert kc.check(f"{left} = {right}", kernel), row
        wrong = kc.check(f"{left} = 1.01\\left({right}\\right)", kernel)
        assert wrong.verdict == "different", row


@pytest.mark.parametrize("name", ["Erf", "ReLU", "Sign", "LeakyReLU", "Cos", "Gaussian", "GELU", "Abs"])
def test_expectations_read_back_are_themselves(name: str) -> None:
    f = getattr(kc, name)().symbolic
    for e in (kc.dual(f), kc.dual(f.derivative), kc.mean(f)):
        if e.expr not in (None, 0):
            result = kc.check(e.latex() + "{}", e)
            assert result, (result, e.latex())
