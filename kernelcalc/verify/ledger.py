"""What verify shows: progress while it runs, the ledger at the end, and the same as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kernelcalc.verify.judge import Verdict
from kernelcalc.verify.mutate import Survival
from kernelcalc.verify.run import Result

COLOURS = {
    "proved": "green",
    "confirmed": "cyan",
    "refuted": "yellow",
    "failed": "bold red",
    "rejected": "green",
}
WIDTH = 110  # of the ledger when its output is no terminal, which has no width of its own


def word(result: Result) -> str:
    """The verdict in one word; of mutants: "rejected" if all were."""
    if isinstance(result, Verdict):
        return result.verdict
    return "rejected" if result.ok else "failed"


class Live:
    """Progress on standard error: a bar and the claims at work, or plain lines where there is no terminal."""

    def __init__(self, total: int) -> None:
        self.console = Console(stderr=True)
        self.total, self.done = total, 0
        self.running: list[str] = []
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self.progress = (
            Progress(*columns, console=self.console, transient=True) if self.console.is_terminal else None
        )
        self.bar = self.progress.add_task("starting", total=total) if self.progress else None

    def __enter__(self) -> Live:
        if self.progress:
            self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        if self.progress:
            self.progress.stop()

    def started(self, tag: str) -> None:
        self.running.append(tag)
        self._update()

    def finished(self, result: Result) -> None:
        self.done += 1
        if result.tag in self.running:
            self.running.remove(result.tag)
        line = f"[{self.done}/{self.total}] {result.tag}: {word(result)} ({result.seconds:.1f} s)"
        if self.progress is None:
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)
        elif word(result) == "failed":
            self.console.print(Text(f"{result.tag}: failed", style=COLOURS["failed"]))
        self._update()

    def _update(self) -> None:
        if self.progress and self.bar is not None:
            running = escape(", ".join(self.running))
            self.progress.update(self.bar, completed=self.done, description=running)


def output() -> Console:
    """The console for results: as wide as the terminal, or of fixed width in a pipe."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def show_verdicts(verdicts: Sequence[Verdict], console: Console) -> None:
    """The ledger: a table of all verdicts, what was refuted and how, what failed and why, and the sums."""
    rows = table("tag", "statement", "verdict", "digits", "points", "seconds")
    for verdict in verdicts:
        digits = str(verdict.digits) if verdict.digits or not verdict.proof else "–"  # "–": by symbols alone
        numbers = (digits, str(verdict.points), f"{verdict.seconds:.2f}")
        rows.add_row(
            verdict.tag, Text(verdict.statement or verdict.title), _coloured(word(verdict)), *numbers
        )
    console.print(rows)
    refuted = [verdict for verdict in verdicts if verdict.verdict == "refuted"]
    if refuted:
        console.print(Text("Refuted as printed", style="bold"))
    for verdict in refuted:
        _show_refuted(verdict, console)
    _show_failures(
        [(verdict.tag, f"{verdict.title}: {verdict.reason}") for verdict in verdicts], verdicts, console
    )
    counts = Counter(verdict.verdict for verdict in verdicts)
    parts = [f"{counts[name]} {name}" for name in ("proved", "confirmed", "refuted", "failed")]
    by_symbols = sum(bool(verdict.proof) for verdict in verdicts if verdict.verdict == "refuted")
    if counts["refuted"]:
        parts[2] += f" ({by_symbols} of the corrected forms proved)"
    _line(console, f"{len(verdicts)} claims: {', '.join(parts)}.", "bold")


def _show_refuted(verdict: Verdict, console: Console) -> None:
    _line(console, f"{verdict.tag}  {verdict.title}, {verdict.source}", COLOURS["refuted"])
    form = f"{verdict.corrected}  [{'proved' if verdict.proof else 'confirmed'}, {verdict.digits} digits]"
    rows = [("wrong", verdict.note), ("shown by", verdict.counterexample or ""), ("corrected", form)]
    if verdict.doubtful:
        rows.append(("doubtful", verdict.doubtful))
    for name, text in rows:
        _line(console, f"    {name + ':':11}{text}")


def show_survivals(results: Sequence[Survival], console: Console) -> None:
    """The table of mutants per claim, the survivors, and the sums."""
    rows = table("tag", "title", "verdict", "mutants", "rejected", "seconds")
    for result in results:
        numbers = (str(result.mutants), str(result.rejected), f"{result.seconds:.2f}")
        rows.add_row(result.tag, Text(result.title), _coloured(word(result)), *numbers)
    console.print(rows)
    reasons = [
        (result.tag, "; ".join(filter(None, (result.reason, *result.survivors)))) for result in results
    ]
    _show_failures(reasons, results, console)
    mutants, rejected = sum(result.mutants for result in results), sum(result.rejected for result in results)
    _line(
        console,
        f"{len(results)} claims, {mutants} mutants: {rejected} rejected, {mutants - rejected} survived.",
        "bold",
    )


def table(*columns: str) -> Table:
    """A table without frame, as wide as the console; numbers stand right."""
    found = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        number = name in ("digits", "points", "seconds", "mutants", "rejected")
        found.add_column(
            name, justify="right" if number else "left", no_wrap=number or name in ("tag", "verdict")
        )
    return found


def _coloured(name: str) -> Text:
    return Text(name, style=COLOURS[name])


def _show_failures(reasons: Sequence[tuple[str, str]], results: Sequence[Result], console: Console) -> None:
    failures = [pair for pair, result in zip(reasons, results, strict=True) if word(result) == "failed"]
    if failures:
        _line(console, "Failed", "bold")
    for tag, reason in failures:
        _line(console, f"{tag}  {reason}", COLOURS["failed"])


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=True)


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One object per claim; what is empty is left out, except what every verdict has."""
    always = {"tag", "title", "verdict", "digits", "points", "seconds", "mutants", "survivors"}
    objects = []
    for result in results:
        record = asdict(result)
        if isinstance(result, Survival):
            record |= {"verdict": word(result), "rejected": result.rejected}
        objects.append(
            {key: value for key, value in record.items() if key in always or value not in (None, "")}
        )
    return objects
