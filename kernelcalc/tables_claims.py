"""Tables of the claims: the ledger, and the formulas that are wrong as printed."""

from __future__ import annotations

from collections.abc import Sequence

from kernelcalc.tables_model import LINE, Block, Cell, Table, broken, lines_of, text, width
from kernelcalc.verify.claim import Claim
from kernelcalc.verify.numeric import agreement, describe, evaluate, show

MARK = "corrected"
DOUBTFUL = "doubtful"
DIGITS = 15  # of the values that show a misprint


def ledger(claims: Sequence[Claim]) -> Table:
    """All claims in the order of the papers."""
    rows = tuple(
        (text(claim.tag), text(claim.source), text(_statement(claim)), text(_mark(claim))) for claim in claims
    )
    wrong = sum(claim.corrected is not None for claim in claims)
    intro = (
        f"{len(claims)} statements; {wrong} hold only in a corrected form (table of misprints). "
        "Verdicts: kernelcalc verify; derivations: kernelcalc derive TAG."
    )
    head = ("tag", "source", "statement", "mark")
    return Table(
        "ledger", "Ledger of claims", text(intro), (0.15, 0.18, 0.49, 0.09), head, (Block(None, rows),), True
    )


def _statement(claim: Claim) -> str:
    return f"{claim.title}: {claim.statement}" if claim.statement else claim.title


def _mark(claim: Claim) -> str:
    return "" if claim.corrected is None else DOUBTFUL if claim.doubtful else MARK


def misprints(claims: Sequence[Claim]) -> Table:
    """Statements that do not hold as printed, with the form that does."""
    wrong = [claim for claim in claims if claim.corrected is not None]
    doubtful = sum(bool(claim.doubtful) for claim in wrong)
    intro = (
        f"{len(wrong)} statements that do not hold as printed. {doubtful} of them are doubtful: what is "
        "wrong may come from the extraction of the text from the PDF; they are not claimed to be errors of "
        "the authors. The values are those of the printed and of the corrected right-hand side."
    )
    blocks = tuple(Block(text(f"{claim.tag}: {claim.title}"), _rows(claim)) for claim in wrong)
    return Table("misprints", "Misprints", text(intro), (0.16, 0.78), ("", "content"), blocks)


def _rows(claim: Claim) -> tuple[tuple[Cell, ...], ...]:
    rows = [
        ("source", text(claim.source)),
        ("statement", text(claim.statement)) if claim.statement else None,
        ("holds where", text(claim.conditions)) if claim.conditions else None,
        ("printed", _form(claim, claim.printed)),
        ("corrected", _form(claim, claim.corrected)),
        ("what is wrong", text(claim.note)),
        ("values", text(values(claim))),
        ("doubtful", text(claim.doubtful)) if claim.doubtful else None,
    ]
    return tuple((text(row[0]), row[1]) for row in rows if row is not None)


def _form(claim: Claim, form: object) -> Cell:
    lines = broken(form)
    if max(map(width, lines)) > LINE:
        return text(f"too long for a line; see kernelcalc derive {claim.tag} --latex")
    return lines_of(lines)


def values(claim: Claim) -> str:
    """Both right-hand sides at the point where they differ most."""
    found = []
    for i, point in enumerate(claim.points):
        printed, corrected = (evaluate(form, point, DIGITS) for form in (claim.printed, claim.corrected))
        same = agreement(printed, corrected, DIGITS) if len(printed) == len(corrected) else 0
        found.append((same, i, f"{describe(point)}: printed {show(printed)}, corrected {show(corrected)}"))
    return min(found)[2]
