"""The formula tables: everything that ``kernelcalc tables`` writes, built from derived objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kernelcalc import tables_claims, tables_functions, tables_kernels
from kernelcalc.errors import InputError
from kernelcalc.files import check_writable, write_whole
from kernelcalc.notation import Notation, using
from kernelcalc.tables_document import MAIN, PDF, compiled, main_tex
from kernelcalc.tables_model import Table, as_markdown, as_tex
from kernelcalc.tables_verdicts import verdicts
from kernelcalc.verify.claim import collect_files

FOLDER = Path("tables")
FORMULAS: dict[str, Callable[[], Table]] = {
    "duals": tables_functions.duals,
    "surrogates": tables_functions.surrogate_table,
    "kernels": tables_kernels.kernel_table,
    "asymptotics": tables_kernels.asymptotics,
}
CLAIMS = {"ledger": tables_claims.ledger, "misprints": tables_claims.misprints}
NAMES = (*FORMULAS, *CLAIMS)
Watch = Callable[[str], None]


def tables(notation: Notation | None = None, watch: Watch = lambda words: None) -> tuple[Table, ...]:
    """All tables in a notation; watch hears what is being made."""
    with using(notation or Notation()):
        found = []
        for name, make in FORMULAS.items():
            watch(name)
            found.append(make())
        if CLAIMS:
            watch("claims")
            files = collect_files()
            judged = verdicts([claim for claims in files.values() for claim in claims], watch)
        for name, make_of_claims in CLAIMS.items():
            watch(name)
            found.append(make_of_claims(files, judged))
        return tuple(found)


def build(notation: Notation | None = None, watch: Watch = lambda words: None) -> dict[str, str]:
    """File name -> content of every table as .tex and .md, and of main.tex."""
    return files_of(tables(notation, watch), notation)


def files_of(made: Sequence[Table], notation: Notation | None = None) -> dict[str, str]:
    """File name -> content, of tables made in this notation."""
    with using(notation or Notation()):
        files = {f"{table.name}.tex": as_tex(table) for table in made}
        return files | {f"{table.name}.md": as_markdown(table) for table in made} | {MAIN: main_tex(made)}


def write(
    folder: Path = FOLDER,
    notation: Notation | None = None,
    *,
    pdf: bool = True,
    watch: Watch = lambda words: None,
) -> tuple[Path, ...]:
    """Build all files and put them into the folder, each whole or not at all; returns their paths.

    pdf: with the document that pdflatex makes of them. Raises InputError if they cannot be written, and
    LatexError if pdflatex fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror or error}") from error
    check_writable(folder / MAIN)
    files = build(notation, watch)
    paths = [_put(folder / name, content.encode()) for name, content in files.items()]
    if pdf:
        watch(PDF)
        paths.append(_put(folder / PDF, compiled(files)))
    return tuple(paths)


def _put(path: Path, data: bytes) -> Path:
    write_whole(path, lambda file: file.write(data))
    return path
