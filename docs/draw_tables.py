"""Draws two pages of tables/kernelcalc.pdf for the README: python docs/draw_tables.py.

It needs pdftoppm and pdftotext (Debian: apt-get install --no-install-recommends poppler-utils).
"""

import subprocess
from pathlib import Path

DOCS = Path(__file__).parent
PDF = DOCS.parent / "tables" / "kernelcalc.pdf"
PAGES = {"tables-kernels": "NTK of ReLU", "tables-misprints": "6 Misprints"}  # picture -> words on its page


def page_with(words: str) -> int:
    """The last page on which the words stand."""
    text = subprocess.run(["pdftotext", PDF, "-"], capture_output=True, text=True, check=True).stdout
    pages = [" ".join(page.split()) for page in text.split("\f")]
    return max(number for number, page in enumerate(pages, 1) if words in page)


def main() -> None:
    for name, words in PAGES.items():
        number = str(page_with(words))
        command = ["pdftoppm", "-r", "80", "-gray", "-f", number, "-l", number, "-png", "-singlefile"]
        subprocess.run([*command, PDF, DOCS / name], check=True)


if __name__ == "__main__":
    main()
