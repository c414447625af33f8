"""The tables of accuracy.py: worst errors in ulps of kernelcalc, neural-tangents, textbook formulas."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from accuracy_cases import Row

BOUNDS = {3: 16.0, 100: 64.0}  # ulps, up to that depth
# exp(x) multiplies an error of x by x: no ulps are promised of activations, or surrogates, that grow like it
GROWING = ("exp(", "exponential_escape", "sinh", "ExponentialEscape")
LOOSE = 1e-13 * 2.0**52  # ulps
COLUMNS = {"error": "kernelcalc", "peer": "neural-tangents", "textbook": "textbook"}
KINDS = (  # of families of pairs, the first that fits
    ("random|^norms", "random; norms from 1e-150 to 1e150 apart", "random"),
    ("zero", "zero rows", ""),
    ("duplicate", "duplicates", ""),
    ("opposite", "opposite rows", ""),
    ("antiparallel", "nearly antiparallel, 1e-1 to 1e-16", ""),
    ("parallel|one ulp", "nearly parallel, 1e-1 to 1e-16, one ulp apart", ""),
    ("orthogonal", "orthogonal, or nearly", ""),
    ("multiple", "multiples of each other", ""),
    ("norm", "norms 1e-150, 1e-30, 1e-8, 1e8, 1e30, 1e150", ""),
)
START, END = "<!-- accuracy: written by accuracy.py -->", "<!-- end of accuracy -->"


def kind_of(family: str) -> str:
    """The families of one line of the table."""
    if re.match("norms.*parallel", family):
        return "nearly parallel, of different norms"
    return next(title for pattern, title, _ in KINDS if re.search(pattern, family))


def kernel_of(row: Row) -> str:
    return {"nngp": "NNGP", "ntk": "NTK", "sgntk": "SG-NTK"}[row.kernel.split()[0]]


def grouped(rows: Iterable[Row], label: Callable[[Row], str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(label(row), []).append(row)
    return found


def cell(rows: list[Row], column: str, bound: float) -> str:
    """The worst error, and in brackets which share of the entries is beyond the bound."""
    errors = [value for row in rows if (value := getattr(row, column)) is not None]
    if not errors:
        return "-"
    worst = max(errors)
    shown = "not finite" if math.isinf(worst) else f"{worst:.1f}" if worst < 1000 else f"{worst:.0e}"
    beyond = sum(error > bound for error in errors) / len(errors)
    return shown if beyond == 0 else f"{shown} ({_percent(beyond)})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1g} %"


def table(rows: list[Row], title: str, label: Callable[[Row], str]) -> list[str]:
    """As Markdown."""
    heads = [f"{name}, depth <= {depth}" for depth in BOUNDS for name in COLUMNS.values()]
    lines = [f"| {title} | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(heads)]
    for name, members in grouped(rows, label).items():
        cells = [
            cell([row for row in members if row.depth <= depth], column, bound)
            for depth, bound in BOUNDS.items()
            for column in COLUMNS
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def refused(rows: list[Row]) -> list[str]:
    """What the library refused, or has no reference, kernel by kernel, each with its first reason."""
    without = (row for row in rows if math.isnan(row.error))
    found = grouped(without, lambda row: f"{row.activation}, {row.kernel}")
    return [
        f"not measured: {name}, {len(few)} values, as at {few[0].family!r}: {few[0].exact}"
        for name, few in found.items()
    ]


def _growing(row: Row) -> str:
    """The activation or the surrogate that grows like an exponential, "" where neither does."""
    names = row.activation, row.kernel.partition(" ")[2]
    return next((name for name in names if name.startswith(GROWING)), "")


def verdict(rows: list[Row]) -> tuple[bool, list[str]]:
    """Whether the bounds are met, and the lines that say so."""
    lines, met = [], True
    growing = [row for row in rows if _growing(row)]
    others = [row for row in rows if not _growing(row)]
    asked = [(depth, bound, others, "") for depth, bound in BOUNDS.items()] if others or not rows else []
    if growing:
        names = ", ".join(sorted({_growing(row) for row in growing}))
        asked.append((max(BOUNDS), LOOSE, growing, f" (1e-13: {names} lose digits by themselves)"))
    for depth, bound, few, why in asked:
        errors = [row.error for row in few if row.depth <= depth]
        worst = max(errors)
        met &= worst <= bound
        beyond = sum(error > bound for error in errors)
        word = "met" if worst <= bound else f"NOT MET by {beyond} entries"
        lines.append(f"depth <= {depth}: worst {worst:.3g} ulps, asked {bound:.3g}{why}: {word}")
    return met, lines


def largest(rows: list[Row], count: int = 20) -> list[str]:
    found = sorted(rows, key=lambda row: -row.error)[:count]
    return [
        f"{row.error:10.3g}  {row.kernel}, {row.activation}, sigma_b={row.sigma_b:g}, depth {row.depth}:"
        f" {row.family}: {row.value!r}, not {row.exact}"
        for row in found
    ]


def markdown(rows: list[Row], pairs: int, command: str, seconds: float) -> str:
    """The section of README.md."""
    by_kind = table(rows, "pairs, kernel", lambda row: f"{kind_of(row.family)}; {kernel_of(row)}")
    by_kind[2:] = sorted(by_kind[2:])
    by_activation = table(
        rows, "activation, kernel", lambda row: f"{row.activation}, {kernel_of(row)}"
    )
    text = [
        START,
        f"`{command}`: {pairs} pairs, {len(rows)} values of kernels, {seconds / 60:.0f} min.",
        "",
        "Worst errors in ulps (2^-52 of the value or, where that passes through zero, of the sum of the",
        "absolute values of its terms), in brackets the share of the entries beyond the bound; not finite:",
        "NaN, or infinite where the value is not, or finite where it is infinite.",
        "",
        *by_kind,
        "",
        *by_activation,
        "",
        *(f"- {line}" for line in verdict(rows)[1]),
        END,
    ]
    return "\n".join(text)


def put(section: str, file: Path) -> None:
    """The section into a Markdown file, in place of an older one, else at its end."""
    text = file.read_text() if file.exists() else ""
    if START in text and END in text:
        before, rest = text.split(START, 1)
        file.write_text(before + section + rest.split(END, 1)[1])
    else:
        file.write_text((text.rstrip() + "\n\n" if text else "") + section + "\n")
