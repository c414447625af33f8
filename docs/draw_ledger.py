"""Draws docs/ledger.svg, the picture in the README: python docs/draw_ledger.py (under a minute)."""

import io
from pathlib import Path

from rich.console import Console

from kernelcalc.verify.claim import collect, select
from kernelcalc.verify.judge import judge
from kernelcalc.verify.ledger import show_verdicts

TAGS = (
    *("S21", "S22", "S23", "D.1/cor/proof-2", "S26", "S28", "S34", "S40", "S45", "D.5"),
    *("alpha", "alpha/1", "C.4/eta", "S76", "S78/bars", "S81"),
)


def main() -> None:
    """Judge a few claims and record what the terminal would show."""
    console = Console(record=True, width=112, file=io.StringIO())
    show_verdicts([judge(claim) for claim in select(collect(), TAGS)], console)
    console.save_svg(str(Path(__file__).with_name("ledger.svg")), title="kernelcalc verify S21 S22 S23 ...")


if __name__ == "__main__":
    main()
