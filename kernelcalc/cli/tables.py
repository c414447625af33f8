"""kernelcalc tables: the formula tables as LaTeX, Markdown and PDF."""

from __future__ import annotations

import time
from pathlib import Path

import click

from kernelcalc.errors import InputError


def symbols_option(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """NAME=LATEX pairs of the command line."""
    pairs = [pair.partition("=") for pair in given]
    if bad := [name for name, sign, value in pairs if not (name and sign and value)]:
        raise InputError(f"--symbol {bad[0]}: write NAME=LATEX, for example sigma_w='\\omega'")
    return {name: value for name, _, value in pairs}


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("tables"), show_default=True,
              metavar="DIR", help="The folder for the files; made if it is not there.")  # fmt: skip
@click.option("--notation", type=click.Choice(["paper", "neural-tangents"]),
              default="paper", show_default=True,
              help="Sigma, Theta, I of the paper, or as in neural-tangents.")  # fmt: skip
@click.option(
    "--variances", is_flag=True, help="C_w and C_b, the variances, in place of standard deviations."
)
@click.option("--symbol", "symbols", multiple=True, metavar="NAME=LATEX", callback=symbols_option,
              help="Write a symbol in your own way; repeatable.")  # fmt: skip
@click.option("--pdf/--no-pdf", default=True, show_default=True, help="Also make kernelcalc.pdf by pdflatex.")
def tables(out: Path, notation: str, variances: bool, symbols: dict[str, str], pdf: bool) -> None:
    """Derive all formula tables and write them as LaTeX, Markdown and PDF.

    Duals of activation functions, surrogate derivatives, kernels, asymptotics, the ledger of claims with its
    verdicts and the misprints; main.tex puts all of them into one document. The same files come out on every
    machine. The claims are judged anew (some minutes) only where their sources have changed.

    \b
    Examples:
      kernelcalc tables
      kernelcalc tables --out appendix --notation neural-tangents --variances
      kernelcalc tables --out appendix --symbol 'sigma_w=\\omega' --symbol m=\\beta
    """
    from kernelcalc.notation import Notation
    from kernelcalc.tables.collection import write
    from kernelcalc.tables.document import DEBIAN, LatexError, pdflatex
    from kernelcalc.verify.run import cores

    start = time.perf_counter()

    def watch(words: str) -> None:
        click.echo(f"[{time.perf_counter() - start:5.1f} s] {words}", err=True)

    if pdf and pdflatex() is None:
        watch(f"no pdflatex, so no PDF (Debian: apt-get install --no-install-recommends {DEBIAN})")
        pdf = False
    try:
        paths = write(out, Notation(notation, variances, symbols), pdf=pdf, watch=watch, jobs=cores())
    except LatexError as error:
        raise InputError(f"pdflatex: {error}") from error
    click.echo(f"{out}: {len(paths)} files in {time.perf_counter() - start:.1f} s")
