"""kernelcalc derive: derivations step by step, every step checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelcalc.cli.common import FAILED, FILE, PACKAGE, claims_of, write_json
from kernelcalc.cli.tables import symbols_option
from kernelcalc.errors import InputError

if TYPE_CHECKING:
    from kernelcalc.derive.check import Check
    from kernelcalc.derive.derivation import Derivation

Checked = tuple["Derivation", "list[Check]", "Check"]


@click.command()
@click.argument("tag", required=False)
@click.option("--all", "every", is_flag=True, help="Check the steps of all claims, one line each (long).")
@click.option("--format", "form", type=click.Choice(["text", "latex", "markdown"]),
              default="text", show_default=True,
              help="The terminal, LaTeX (align) or a cell of a notebook.")  # fmt: skip
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write to a file instead of the terminal.")
@click.option("--latex", is_flag=True, help="The same as --format latex.")
@click.option("--notation", type=click.Choice(["paper", "neural-tangents"]),
              default="paper", show_default=True, help="How LaTeX and Markdown write symbols.")  # fmt: skip
@click.option("--symbol", "symbols", multiple=True, metavar="NAME=LATEX", callback=symbols_option,
              help="Write a symbol in your own way; repeatable.")  # fmt: skip
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Also write the steps as JSON.")
@click.option("--package", default=PACKAGE, metavar="NAME", help="A claim of another package.")
def derive(
    tag: str | None,
    every: bool,
    form: str,
    output: Path | None,
    latex: bool,
    notation: str,
    symbols: dict[str, str],
    json_file: Path | None,
    package: str,
) -> int:
    """Show the derivation of a claim or an expectation: each step's rule, what it needs, before and after.

    Each step is checked by itself, by symbols or to 40 digits at exact points, with expectations from the
    independent quadrature; the exit status is 1 if one of them, or the result, fails.

    \b
    Examples:
      kernelcalc derive S23
      kernelcalc derive "dual(erf, relu)"
      kernelcalc derive S78/atan --format latex -o s78.tex
      kernelcalc derive --all
    """
    import io

    from rich.console import Console

    from kernelcalc.derive.show import as_json, as_latex, as_markdown, show
    from kernelcalc.files import check_writable, write_whole
    from kernelcalc.notation import Notation

    if every or tag is None:
        if not every or tag is not None:
            raise InputError("name a claim or an expectation, or give --all")
        return _all(package)
    for file in filter(None, (output, json_file)):
        check_writable(file)
    found = _checked(tag, package)
    writer = {"latex": as_latex, "markdown": as_markdown}.get("latex" if latex else form)
    if writer is not None:
        written = "\n".join(writer(*item, Notation(notation, False, symbols)) for item in found)
    elif output is not None:
        console = Console(width=110, record=True, file=io.StringIO(), highlight=False)
        for item in found:
            show(*item, console)
        written = console.export_text()
    else:
        console = Console(highlight=False)
        for item in found:
            show(*item, console)
        written = ""
    if output is not None:
        write_whole(output, lambda file: file.write(written.encode()))
    elif written:
        click.echo(written, nl=False)
    if json_file:
        write_json(json_file, [as_json(*item) for item in found])
    words = {check.verdict for _, checks, result in found for check in (*checks, result)}
    return FAILED if "failed" in words else 0


def _all(package: str) -> int:
    """The steps of all claims, one line for each claim, and their sum."""
    from kernelcalc.derive.check import check, result
    from kernelcalc.derive.derivation import of_claim

    total: Counter[str] = Counter()
    failed = False
    for claim in claims_of(package):
        if claim.derive is None:
            total["claims without a derivation by symbols"] += 1
            click.echo(f"{claim.tag}: no derivation by symbols, see kernelcalc verify")
            continue
        item = of_claim(claim)
        words = Counter(f"steps {check(step, item.points).verdict}" for step in item.steps)
        end = result(item)
        total += words + Counter({f"results {end.verdict}": 1, "claims derived in one piece": not item.steps})
        told = ", ".join(f"{count} {word}" for word, count in sorted(words.items())) or "one piece, no steps"
        click.echo(f"{claim.tag}: {told}; result {end.verdict}")
        failed |= words["steps failed"] > 0 or end.verdict == "failed"
    click.echo(", ".join(f"{count} {word}" for word, count in sorted(total.items())))
    return FAILED if failed else 0


def _checked(tag: str, package: str) -> list[Checked]:
    from kernelcalc.derive.check import check, result
    from kernelcalc.derive.derivation import of_claim, of_expectation
    from kernelcalc.verify.claim import select

    expectation = of_expectation(tag)
    if expectation is not None:
        items: Sequence[Derivation] = [expectation]
    else:
        claims = select(claims_of(package), [tag])
        items = [of_claim(claim) for claim in [claim for claim in claims if claim.tag == tag] or claims]
    return [(item, [check(step, item.points) for step in item.steps], result(item)) for item in items]
