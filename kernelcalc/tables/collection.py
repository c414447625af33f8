"""The formula tables: everything that ``kernelcalc tables`` writes, built from derived objects."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

from kernelcalc.errors import InputError
from kernelcalc.files import check_writable, write_whole
from kernelcalc.notation import Notation, using
from kernelcalc.tables import claims as of_claims
from kernelcalc.tables import functions, kernels
from kernelcalc.tables.document import MAIN, PDF, compiled, main_tex
from kernelcalc.tables.model import Block, Recipe, Table, as_markdown, as_tex
from kernelcalc.tables.verdicts import verdicts
from kernelcalc.verify.claim import collect_files

FOLDER = Path("tables")
FORMULAS: dict[str, Recipe] = {
    "duals": functions.DUALS,
    "surrogates": functions.SURROGATE_TABLE,
    "kernels": kernels.KERNELS,
    "asymptotics": kernels.ASYMPTOTICS,
}
CLAIMS = {"ledger": of_claims.ledger, "misprints": of_claims.misprints}
NAMES = (*FORMULAS, *CLAIMS)
Watch = Callable[[str], None]


def tables(
    notation: Notation | None = None, watch: Watch = lambda words: None, *, jobs: int = 1
) -> tuple[Table, ...]:
    """All tables in a notation; watch hears what is being made.

    jobs: the number of processes; with more than one, a script must have the guard
    ``if __name__ == "__main__"``.
    """
    notation = notation or Notation()
    with using(notation):
        found = _of_formulas(notation, watch, jobs)
        if CLAIMS:
            watch("claims")
            files = collect_files()
            judged = verdicts([claim for claims in files.values() for claim in claims], watch)
        for name, make_of_claims in CLAIMS.items():
            watch(name)
            found.append(make_of_claims(files, judged))
        return tuple(found)


def _of_formulas(notation: Notation, watch: Watch, jobs: int) -> list[Table]:
    tasks = [(table, name) for table, recipe in FORMULAS.items() for name in recipe.names()]
    blocks: dict[str, list[Block | None]] = {table: [] for table in FORMULAS}
    with _mapped(jobs) as mapped:
        made = mapped(_block, *zip(*tasks, strict=True), repeat(notation))
        for done, ((table, name), block) in enumerate(zip(tasks, made, strict=True), 1):
            blocks[table].append(block)
            watch(f"{done} of {len(tasks)}: {table}, {name}")
    return [recipe.table(blocks[table]) for table, recipe in FORMULAS.items()]


def _block(table: str, name: str, notation: Notation) -> Block | None:
    with using(notation):
        return FORMULAS[table].block(name)


@contextmanager
def _mapped(jobs: int) -> Iterator[Callable[..., Iterator[Block | None]]]:
    """map in this process, or in several; an interrupt ends them at once."""
    if jobs == 1:
        yield map
        return
    # spawn, not fork: the same on all systems, and no inherited locks of threads that are gone
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def build(
    notation: Notation | None = None, watch: Watch = lambda words: None, *, jobs: int = 1
) -> dict[str, str]:
    """File name -> content of every table as .tex and .md, and of main.tex; jobs as for tables."""
    return files_of(tables(notation, watch, jobs=jobs), notation)


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
    jobs: int = 1,
) -> tuple[Path, ...]:
    """Build all files and put them into the folder, each whole or not at all; returns their paths.

    pdf: with the document that pdflatex makes of them; jobs as for tables. Raises InputError if they cannot
    be written, and LatexError if pdflatex fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror or error}") from error
    check_writable(folder / MAIN)
    files = build(notation, watch, jobs=jobs)
    paths = [_put(folder / name, content.encode()) for name, content in files.items()]
    if pdf:
        watch(PDF)
        paths.append(_put(folder / PDF, compiled(files)))
    return tuple(paths)


def _put(path: Path, data: bytes) -> Path:
    write_whole(path, lambda file: file.write(data))
    return path
