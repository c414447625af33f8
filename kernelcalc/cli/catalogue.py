"""kernelcalc list and kernelcalc plot surrogates."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelcalc.cli.common import write_json
from kernelcalc.errors import InputError

if TYPE_CHECKING:
    from kernelcalc.listing import Row

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("list")
@click.option("--json", "json_file", type=_FILE, metavar="FILE", help="Write the list as JSON instead.")
@click.option("--only", type=click.Choice(["activation", "surrogate", "library"]), multiple=True,
              help="Only this part of the catalogue. Repeatable.")  # fmt: skip
def list_catalogue(json_file: Path | None, only: tuple[str, ...]) -> None:
    """List the catalogue: activation functions, surrogate derivatives, and their names in libraries.

    With every function: parameters and defaults, expression, and how its expectations are known: derived by
    rules, or numeric with the relative error; with surrogate
    derivatives also their hypotheses. The first call derives them all and shows each part as it is
    ready, later ones take what it found.

    \b
    Examples:
      kernelcalc list
      kernelcalc list --only library
      kernelcalc list --json functions.json
    """
    from kernelcalc.listing import KINDS, rows, shares
    from kernelcalc.progress import share_done

    kinds = only or KINDS
    found: list[Row] = []
    for kind in kinds:
        with share_done() as progress:
            part = list(rows((kind,), progress))
        found += part
        if not json_file:  # as soon as it is known
            _show(kind, part)
    if json_file:
        write_json(json_file, found)
        return
    known = shares(found)
    if every := sum(known.values()):
        share = f"{known['derived']} of {every} expectations ({100 * known['derived'] // every} %)"
        click.echo(f"{share} derived by rules, {known['numeric']} numeric; numbers are relative errors.")


COLUMNS = {
    "activation": ("name", "expression", "E[f f]", "E[f' f']"),
    "surrogate": ("name", "s(z)", "s(0)", "parity", "Lipschitz constant", "G(v)", "G(mu,v)"),
    "library": ("name", "family", "note"),
}
TITLES = {
    "activation": "Activation functions f",
    "surrogate": "Surrogate derivatives s; G(mu,v) = E s(Z), Z ~ N(mu, v), G(v) = G(0,v)",
    "library": "Names in libraries (*: read there, not compared with the running program)",
}


def _show(kind: str, found: list[Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=TITLES[kind], title_justify="left", box=box.SIMPLE_HEAD)
    for column in COLUMNS[kind]:
        table.add_column(column, overflow="fold")
    for row in found:
        table.add_row(*_cells(kind, row))
    console = Console()
    Console(width=max(console.width, 120)).print(table, markup=False)


def _cells(kind: str, row: Row) -> tuple[str, ...]:
    from kernelcalc.listing import words

    given = ", ".join(f"{name}={_short(value)}" for name, value in row["parameters"].items())
    name = f"{row['name']}({given})" if given else row["name"]
    if kind == "activation":
        return name, row["expression"], words(row, "dual"), words(row, "derivative_dual")
    if kind == "library":
        return name, row["family"], row["note"]
    reasons = [text.partition(": ")[2] for text in row["violates"]]
    bound = row["lipschitz"] if not reasons else f"none: {reasons[0].removeprefix('it ')}"
    means = words(row, "mean"), words(row, "mean_at_mu")
    return name, row["expression"], row["at_0"], row["parity"], _short(bound), *means


def _short(number: str) -> str:
    """Fractions of many digits as decimals."""
    return f"{float(Fraction(number)):.6g}" if re.fullmatch(r"\d{7,}/\d+", number) else number


@click.group()
def plot() -> None:
    """Draw figures (needs matplotlib: the extra "plot")."""


@plot.command("surrogates")
@click.option("--library", default="snntorch", show_default=True, metavar="NAME",
              help="snntorch, spikingjelly, norse, lava, stork, sinabs, spyx, papers, ...")  # fmt: skip
@click.option("--depth", type=click.IntRange(2), default=3, show_default=True, help="Weight layers.")
@click.option("--sigma-w", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@click.option("--sigma-b", type=click.FloatRange(0), default=0.1, show_default=True)
@click.option("-o", "--output", type=_FILE, multiple=True, metavar="FILE",
              help="PNG, PDF or SVG; repeatable. Default: surrogates-NAME.png and .pdf.")  # fmt: skip
def surrogates(
    library: str, depth: int, sigma_w: float, sigma_b: float, output: tuple[Path, ...]
) -> None:
    """The SG-NTK of the sign network against the angle, for the surrogate derivatives of one library.

    Left the surrogate derivatives, right the kernels, both divided by their value at 0; dashed where a
    theorem does not cover the surrogate derivative.

    \b
    Examples:
      kernelcalc plot surrogates
      kernelcalc plot surrogates --library norse --depth 4 -o norse.pdf
    """
    from kernelcalc.figures import plot_surrogates
    from kernelcalc.progress import share_done

    files = output or tuple(Path(f"surrogates-{library.lower()}.{kind}") for kind in ("png", "pdf"))
    if bad := [path.name for path in files if path.suffix not in (".png", ".pdf", ".svg")]:
        raise InputError(f"{bad[0]}: a figure is written as .png, .pdf or .svg")
    with share_done() as progress:
        figure = plot_surrogates(library, depth, sigma_w=sigma_w, sigma_b=sigma_b, progress=progress)
    for path in files:
        figure.savefig(path, dpi=150)
        click.echo(str(path))
