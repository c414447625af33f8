"""The document of the tables: pdflatex makes it without complaint, and the same TeX makes the same bytes.

It needs pdflatex (Debian: apt-get install --no-install-recommends texlive-latex-recommended; .ci/run does).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelcalc.tables.document import DEBIAN, PDF, LatexError, compiled, complaints, pdflatex, same_tex

COMMITTED = Path(__file__).parents[1] / "tables"
needs_tex = pytest.mark.skipif(
    pdflatex() is None, reason=f"needs pdflatex: apt-get install --no-install-recommends {DEBIAN}"
)


def sources() -> dict[str, str]:
    return {path.name: path.read_text() for path in COMMITTED.glob("*.tex")}


@needs_tex
def test_the_document_compiles_without_errors_or_wide_lines_to_the_committed_bytes() -> None:
    committed = (COMMITTED / PDF).read_bytes()
    made = compiled(sources())  # raises for errors, undefined references and lines that stick out
    assert made.startswith(b"%PDF")
    if same_tex(committed):  # another version of TeX sets the same pages with other bytes
        assert made == committed, "run kernelcalc tables and commit tables/kernelcalc.pdf"


@needs_tex
def test_errors_and_wide_lines_are_refused() -> None:
    files = sources()
    files["misprints.tex"] += r"\undefinedcommand"
    with pytest.raises(LatexError, match="Undefined control sequence"):
        compiled(files)
    files["misprints.tex"] = r"\noindent\rule{2\linewidth}{1pt}"
    with pytest.raises(LatexError, match="Overfull"):
        compiled(files)


def test_complaints_of_a_log() -> None:
    log = """Overfull \\hbox (9.9pt too wide) in paragraph at lines 1--2
Overfull \\hbox (10.1pt too wide) in alignment at lines 3--4
Overfull \\vbox (55.0pt too high) has occurred while \\output is active
! Missing $ inserted.
<inserted text>
LaTeX Warning: Reference `x' on page 1 undefined on input line 5.
Underfull \\hbox (badness 10000) in paragraph at lines 6--7
"""
    found = complaints(log)
    assert len(found) == 4
    assert not any("9.9pt" in line or "Underfull" in line for line in found)
    assert complaints("Output written on kernelcalc.pdf (3 pages).") == []
