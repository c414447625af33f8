"""The formula tables: everything that ``kernelcalc tables`` writes, built from derived objects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kernelcalc import tables_claims, tables_formulas
from kernelcalc.errors import InputError
from kernelcalc.files import check_writable, write_whole
from kernelcalc.tables_model import Table, as_markdown, as_tex, main_tex
from kernelcalc.verify.claim import Claim, collect

FOLDER = Path("tables")
MAIN = "main.tex"


def _of_claims(make: Callable[[tuple[Claim, ...]], Table]) -> Callable[[], Table]:
    return lambda: make(collect())


TABLES: dict[str, Callable[[], Table]] = {
    "duals": tables_formulas.duals,
    "surrogates": tables_formulas.surrogate_table,
    "kernels": tables_formulas.kernel_table,
    "asymptotics": tables_formulas.asymptotics,
    "ledger": _of_claims(tables_claims.ledger),
    "misprints": _of_claims(tables_claims.misprints),
}


def build(watch: Callable[[str], None] = lambda name: None) -> dict[str, str]:
    """File name -> content of every table as .tex and .md, and of main.tex; watch hears each name."""
    tables = []
    for name, make in TABLES.items():
        watch(name)
        tables.append(make())
    files = {f"{table.name}.tex": as_tex(table) for table in tables}
    files |= {f"{table.name}.md": as_markdown(table) for table in tables}
    return files | {MAIN: main_tex(tables)}


def write(folder: Path = FOLDER, watch: Callable[[str], None] = lambda name: None) -> tuple[Path, ...]:
    """Build all files and put them into the folder, each whole or not at all; returns their paths.

    Raises InputError if they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror or error}") from error
    check_writable(folder / MAIN)
    return tuple(_put(folder / name, content.encode()) for name, content in build(watch).items())


def _put(path: Path, data: bytes) -> Path:
    write_whole(path, lambda file: file.write(data))
    return path
