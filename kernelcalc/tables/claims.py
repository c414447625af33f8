"""Tables of the claims: the ledger with its verdicts, and the formulas that are wrong as printed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from kernelcalc.tables.model import Block, Cell, Table, formula, joined, matrix, text
from kernelcalc.tables.prose import typeset
from kernelcalc.tables.verdicts import DIGITS
from kernelcalc.tables.width import LINE, broken, width
from kernelcalc.verify.claim import Claim
from kernelcalc.verify.judge import Verdict

LAW = ", (X, Y) ~ N(0, [[a, c], [c, b]])"  # goes without saying
Files = Mapping[str, Sequence[Claim]]
Verdicts = Mapping[str, Verdict]


def ledger(files: Files, verdicts: Verdicts) -> Table:
    """All claims in the order of the papers, one block per file of derivations."""
    blocks = tuple(_ledger_block(heading, claims, verdicts) for heading, claims in files.items())
    counts = {
        word: sum(v.verdict == word for v in verdicts.values()) for word in ("proved", "confirmed", "refuted")
    }
    proofs = sum(bool(v.proof) for v in verdicts.values() if v.verdict == "refuted")
    intro = (
        f"{len(verdicts)} statements, as printed. {counts['proved']} are proved: the engine derives them "
        f"and the "
        f"symbols agree. {counts['confirmed']} is confirmed by numbers alone. {counts['refuted']} are "
        f"refuted as printed, "
        rf"and hold in the form given in Section~\ref{{sec:misprints}}, of which {proofs} are proved. Each "
        rf"agrees with "
        f"an independent integral of its definition at all its points, here to {DIGITS} digits; kernelcalc "
        f"verify asks for "
        "30 or 50 and prints the derivations by kernelcalc derive. Doubtful marks a slip that may be one of "
        "reading "
        "the file rather than of its authors."
    )
    words = Cell(intro, intro.replace(r"Section~\ref{sec:misprints}", "[misprints.md](misprints.md)"))
    head = ("tag", "statement", "verdict")
    return Table("ledger", "Ledger of claims", words, (0.15, 0.70, 0.11), head, blocks, True)


def _bold(cell: Cell) -> Cell:
    return Cell(rf"\textbf{{\boldmath {cell.tex}}}", cell.md)


def _row(claim: Claim, verdict: Verdict, *, source: bool) -> tuple[Cell, ...]:
    title = _sentence(claim.title)
    statement = claim.statement.replace(LAW, "")
    words = [title, typeset(statement)] if statement else [title]
    if statement and set(re.split(", |: ", claim.title)) == set(re.split(", |: ", statement)):
        words.pop(0)
    said, where = joined(words, ": "), text(claim.source)
    if source:
        said = joined([said, Cell(rf"\textit{{{where.tex}}}", f"*{where.md}*")], ". ")
    return (text(claim.tag), said, text(_word(claim, verdict)))


def _ledger_block(heading: str, claims: Sequence[Claim], verdicts: Verdicts) -> Block:
    """The claims of a file; where they come from stands in the heading if it is the same for all."""
    cell = _bold(typeset(heading.rstrip(".")))
    sources = {claim.source for claim in claims}
    if len(sources) == 1:
        cell = joined([cell, text(f"({claims[0].source})")], " ")
    return Block(cell, tuple(_row(claim, verdicts[claim.tag], source=len(sources) > 1) for claim in claims))


def _sentence(words: str) -> Cell:
    """Words with a capital in front, unless they begin with a formula."""
    cell = typeset(words)
    if cell.tex[:1] == "$" or words[:3] == "erf":
        return cell
    return Cell(cell.tex[:1].upper() + cell.tex[1:], cell.md[:1].upper() + cell.md[1:])


def _word(claim: Claim, verdict: Verdict) -> str:
    return "doubtful" if verdict.verdict == "refuted" and claim.doubtful else verdict.verdict


def misprints(files: Files, verdicts: Verdicts) -> Table:
    """Statements that do not hold as printed, with the form that does and the point that tells them apart."""
    wrong = [claim for claims in files.values() for claim in claims if claim.corrected is not None]
    doubtful = sum(bool(claim.doubtful) for claim in wrong)
    intro = (
        f"{len(wrong)} statements that do not hold as printed. {doubtful} of them are doubtful: what is "
        "wrong may come from the extraction of the text from the file; they are not claimed to be errors of "
        "the authors. The printed and the corrected form are those of the right-hand side; the true value "
        "is that of "
        "the left-hand side by its definition."
    )
    blocks = tuple(Block(_heading(claim), _rows(claim, verdicts[claim.tag])) for claim in wrong)
    return Table("misprints", "Misprints", text(intro), (0.17, 0.79), ("", ""), blocks)


def _heading(claim: Claim) -> Cell:
    tag = text(claim.tag)
    return joined([_bold(joined([tag, typeset(claim.title)], " ")), text(f"({claim.source})")], " ")


def _rows(claim: Claim, verdict: Verdict) -> tuple[tuple[Cell, ...], ...]:
    rows = [
        ("statement", typeset(claim.statement)) if claim.statement else None,
        ("holds where", typeset(claim.conditions)) if claim.conditions else None,
        ("printed", _form(claim, claim.printed)),
        ("corrected", _form(claim, claim.corrected)),
        ("what is wrong", typeset(claim.note)),
        ("counterexample", typeset(_readable(verdict.counterexample or ""))),
        ("doubtful", typeset(claim.doubtful)) if claim.doubtful else None,
        ("corrected form", text("proved" if verdict.proof else "confirmed")),
    ]
    return tuple((text(row[0]), row[1]) for row in rows if row is not None)


def _readable(words: str) -> str:
    """A counterexample with |x|^2 for xx, and whole numbers without decimals."""
    for name, meant in (("xx", "|x|^2"), ("yy", "|y|^2"), ("xy", "<x,y>")):
        words = re.sub(rf"\b{name} = ", f"{meant} = ", words)
    return re.sub(r"(?<![\d.])(\d+)\.0(?![\d.])", r"\1", words)


def _form(claim: Claim, form: Any) -> Cell:
    if not isinstance(form, sp.MatrixBase):
        return formula(form, otherwise=f"too wide to be set; see kernelcalc derive {claim.tag}")
    lines = broken(form)
    if max(map(width, lines)) > LINE:
        return text(f"a matrix too wide to be set; see kernelcalc derive {claim.tag}")
    return matrix(form, lines)
