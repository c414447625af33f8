"""kernelcalc tables: the formula tables as LaTeX and Markdown."""

from __future__ import annotations

import time
from pathlib import Path

import click


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("tables"), show_default=True,
              metavar="DIR", help="The folder for the files; made if it is not there.")  # fmt: skip
def tables(out: Path) -> None:
    """Derive all formula tables and write them as LaTeX and Markdown.

    Duals of activation functions, surrogate derivatives, kernels, asymptotics, the ledger of claims and the
    misprints; main.tex puts all of them into one document. The same files come out on every machine.

    \b
    Examples:
      kernelcalc tables
      kernelcalc tables --out appendix && cd appendix && pdflatex main.tex
    """
    from kernelcalc.tables import write

    start = time.perf_counter()

    def watch(name: str) -> None:
        click.echo(f"[{time.perf_counter() - start:4.1f} s] {name}", err=True)

    paths = write(out, watch)
    click.echo(f"{out}: {len(paths)} files")
