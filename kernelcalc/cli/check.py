"""kernelcalc check: formulas of a user's own, compared with the derived ones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelcalc.cli.common import FILE, write_json
from kernelcalc.errors import InputError

if TYPE_CHECKING:
    from kernelcalc.checking.draft import Checked

COLOURS = {"equal": "green", "different": "bold red", "not comparable": "yellow"}


@click.command()
@click.argument("file", type=FILE, required=False, metavar="[FILE.tex]")
@click.option("--formula", metavar="TEXT", help="One formula, LaTeX or text, instead of a file.")
@click.option("--against", metavar="TARGET", help="What the formula should equal.")
@click.option("--define", multiple=True, metavar="'X = ...'", help="A symbol of your own. Repeatable.")
@click.option("--digits", type=click.IntRange(1, 200), default=30, show_default=True,
              help="Digits to which numbers must agree.")  # fmt: skip
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Also write the results as JSON.")
def check(
    file: Path | None,
    formula: str | None,
    against: str | None,
    define: tuple[str, ...],
    digits: int,
    json_file: Path | None,
) -> int:
    """Compare formulas with the derived ones: equal, different (where, and both values), or not comparable.

    In FILE.tex a comment before a displayed equation says what it should equal; the exit status is 0 only if
    all equations so marked are equal.

    \b
      % kernelcalc: dual(erf)
      \\[ \\kappa = \\frac{2}{\\pi}\\arcsin\\frac{2m^2c}{\\sqrt{(1+2m^2a)(1+2m^2b)}} \\]
      % kernelcalc: define \\Delta = ab - c^2

    \b
    TARGET is one of
      dual(f) or dual(f, g)       E[f(X) g(Y)] in a, b, c; diagonal(dual(f)) at X = Y, in a
      mean(f)                     E f(Z), Z ~ N(0, v)
      limit(dual(f), m)           as m tends to infinity (or to a third argument)
      nngp(f, 3), ntk(f, 3), sgntk(f, s, 3), generalized_ntk((f, s), (g, t), 3)
                                  the kernel, or what stands on the left: \\dot\\Sigma^{(l+1)}(x,y) = ...
      S23, D.3/cor/sum[1]         a claim of kernelcalc verify; an entry of one that is a matrix

    f, g, s are names from kernelcalc list with ' for derivatives (erf', erf(m), erf(2)), or formulas in z.

    \b
    Examples:
      kernelcalc check paper.tex
      kernelcalc check --formula '2/pi*asin(c/sqrt(a*b))' --against 'dual(sign)'
      kernelcalc check --formula '\\frac{2}{\\pi\\sqrt q}' --define 'q = a*b-c^2' --against "dual(sign')"
    """
    from kernelcalc.checking.draft import Checked, check_draft
    from kernelcalc.files import check_writable

    if (file is None) == (formula is None) or (formula is None) != (against is None):
        raise InputError("give a FILE.tex, or --formula together with --against")
    if file is not None and define:
        raise InputError("definitions for a file stand in it: % kernelcalc: define X = ...")
    if json_file:
        check_writable(json_file)
    unmarked = 0
    if file is None:
        from kernelcalc.checking.compare import check as compare_one

        result = compare_one(str(formula), str(against), define=define, digits=digits)
        found: tuple[Checked, ...] = (Checked(0, str(against), result.formula, result),)
    else:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise InputError(f"{file}: cannot be read: {error.strerror or error}") from error
        report = check_draft(text, digits=digits)
        found, unmarked = report.checked, report.unmarked
        if not found:
            raise InputError(f"{file}: no equation is marked; write % kernelcalc: dual(erf) before one")
    _show(found, unmarked)
    if json_file:
        records = [{"line": item.line, "marked": item.against} | asdict(item.result) for item in found]
        write_json(json_file, records)
    return 0 if all(item.result for item in found) else 1


def _show(found: tuple[Checked, ...], unmarked: int) -> None:
    from rich.text import Text

    from kernelcalc.verify.ledger import output, table

    console = output()
    rows = table("line", "against", "verdict", "shown by")
    for item in found:
        shown = "\n".join([item.result.shown, *(f"({note})" for note in item.result.notes)])
        verdict = Text(item.result.verdict, style=COLOURS[item.result.verdict])
        rows.add_row(str(item.line or ""), Text(item.against), verdict, Text(shown))
    console.print(rows)
    counts = [sum(item.result.verdict == word for item in found) for word in COLOURS]
    parts = [f"{count} {word}" for count, word in zip(counts, COLOURS, strict=True)]
    rest = f"; {unmarked} displayed equations have no mark" if unmarked else ""
    console.print(Text(f"{len(found)} formulas: {', '.join(parts)}{rest}.", style="bold"), soft_wrap=True)
