r"""kernelcalc check FILE.tex: marked equations of a draft, its own commands, exit statuses, JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kernelcalc.checking.draft import check_draft
from kernelcalc.cli import cli
from kernelcalc.errors import InputError

DRAFT = r"""
\documentclass{article}
\newcommand{\E}{\mathbb{E}}
\DeclareMathOperator{\myerf}{erf}
\newcommand{\Sig}[2]{\Sigma^{(#1)}(#2)}
\def\sw{\sigma_w}
\begin{document}
% kernelcalc: dual(erf(m))
\begin{equation}\label{eq:1} % a comment with \[ and $$
 \E[f(X) f(Y)] = \frac{2}{\pi}\arcsin\rho_m, \qquad \rho_m = \frac{2m^2 c}{\sqrt{(1+2m^2a)(1+2m^2b)}}.
\end{equation}
% kernelcalc: ntk(erf(m), L)
\begin{align}
 \Sig{l+1}{x,y} &= \frac{2\sw^2}{\pi} \arcsin \frac{2m^2\Sig{l}{x,y}}
    {\sqrt{(1+2m^2\Sig l{x,x})(1+2m^2\Sig{l}{y,y})}} + \sigma_b^2,\\[2pt]
 \dot\Sigma^{(l+1)}(x,y) &= \frac{4 m^2\sw^2}{\pi}
    \left[ (1+2m^2\Sig{l}{x,x})(1+2m^2\Sig{l}{y,y}) \right. \\
    & \quad \left. - 4m^4 \Sig{l}{x,y}^2 \right]^{-1/2} \\
 % kernelcalc: skip
 \beta &= 3 \\
 % kernelcalc: ntk(erf(m), L)
 \Theta^{(l+1)}(x,y) &= \Sig{l+1}{x,y} + \Theta^{(l)}(x,y)\dot\Sigma^{(l)}(x,y)
\end{align}
% kernelcalc: define \Delta = ab - c^2
% kernelcalc: dual(sign')
$$ \frac{2}{\pi\sqrt{\Delta}} $$
Text with an unmarked one:
\[ E = mc^2 \]
\begin{verbatim}
% kernelcalc: dual(relu)
\[ 5 \]
\end{verbatim}
\end{document}
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments], prog_name="kernelcalc")


def test_marked_equations_are_compared() -> None:
    report = check_draft(DRAFT)
    lines = DRAFT.splitlines()
    assert [item.result.verdict for item in report.checked] == [
        "equal",
        "equal",
        "equal",
        "different",
        "equal",
    ]
    starts = ["\\E[f(X)", "\\Sig{l+1}", "\\dot\\Sigma", "\\Theta", "\\frac{2}{\\pi\\sqrt{\\Delta}}"]
    for item, start in zip(report.checked, starts, strict=True):
        assert lines[item.line - 1].replace("$$", "").strip().startswith(start), item
    assert report.unmarked == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("% kernelcalc: dual(sign)\nno equation\n", "no displayed equation"),
        ("% kernelcalc: dual(sign)\n% kernelcalc: dual(relu)\n\\[ c \\]", "no displayed equation"),
        ("% kernelcalc: dual(sgn)\n\\[ c \\]", "unknown function"),
        ("% kernelcalc: NO.1\n\\[ c \\]", "unknown claim"),
        ("% kernelcalc: define 2 = 3\n", "can be defined"),
        ("\\newcommand{\\q}{\\q}% kernelcalc: x\n% kernelcalc: dual(sign)\n\\[ \\q \\]", "name themselves"),
        ("\\newcommand{\\q}[1]{\\q{#1#1}}\n% kernelcalc: dual(sign)\n\\[ \\q{c} \\]", "name themselves"),
        ("% kernelcalc: dual(sign)\n\\[ \\unknowncommand \\]", "unknown symbol"),
        ("% kernelcalc: dual(sign)\n\\begin{align} a &= \\end{align}", "expected"),
    ],
)
def test_what_a_mark_cannot_do_is_said(text: str, why: str) -> None:
    results = [item.result for item in check_draft(text).checked]
    assert "not comparable" in {result.verdict for result in results}
    assert any(why in result.reason for result in results), results


def test_files_beyond_the_limit_are_refused() -> None:
    with pytest.raises(InputError, match="characters"):
        check_draft("%" * 5_000_001)


def test_command_with_a_file(tmp_path: Path) -> None:
    draft, out = tmp_path / "draft.tex", tmp_path / "out.json"
    draft.write_text(DRAFT)
    result = run(str(draft), "--json", str(out))
    assert result.exit_code == 1
    assert "5 formulas: 4 equal, 1 different, 0 not comparable; 1 displayed" in result.output
    records = json.loads(out.read_text())
    assert [record["verdict"] for record in records] == ["equal"] * 3 + ["different", "equal"]
    assert records[3]["given"] != records[3]["derived"]
    right = tmp_path / "right.tex"
    right.write_text("% kernelcalc: dual(sign)\n$$\\frac{2}{\\pi}\\arcsin\\rho$$\n")
    assert run(str(right)).exit_code == 0
    right.write_text("% kernelcalc: dual(sign)\n$$\\frac{2}{\\pi}\\arcsin q$$\n")
    assert run(str(right)).exit_code == 1


def test_command_with_a_formula() -> None:
    assert run("--formula", "2/pi*asin(c/sqrt(a*b))", "--against", "dual(sign)").exit_code == 0
    wrong = run("--formula", "asin(c/sqrt(a*b))", "--against", "dual(sign)")
    assert wrong.exit_code == 1
    assert "at a = 1, b = 2, c = 1/2" in wrong.output
    defined = run(
        "--formula", r"\frac{2}{\pi\sqrt\Delta}", "--against", "dual(sign')", "--define", r"\Delta=ab-c^2"
    )
    assert defined.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "--formula"),
        (["--formula", "c"], "--against"),
        (["no.tex"], "cannot be read"),
        (["no.tex", "--formula", "c", "--against", "dual(sign)"], "--formula"),
        (["no.tex", "--define", "q = a"], "definitions for a file"),
        (["--formula", "c", "--against", "dual(sgn)"], "unknown function"),
        (["--formula", "c", "--against", "dual(sign)", "--json", "/no/folder/x.json"], "does not exist"),
    ],
)
def test_errors_are_one_line(arguments: list[str], why: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert why in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_file_without_marks_says_how_to_mark(tmp_path: Path) -> None:
    draft = tmp_path / "draft.tex"
    draft.write_text(r"\[ c \]")
    result = run(str(draft))
    assert result.exit_code == 2
    assert "% kernelcalc:" in result.stderr


def test_help_shows_examples_that_hold() -> None:
    shown = run("--help").output
    assert "\n  kernelcalc check paper.tex\n" in shown.replace("    kernelcalc", "  kernelcalc")
    words = re.findall(r"--formula '(\\.*?)' --define '(.*?)' --against \"(.*?)\"", shown)[0]
    assert run("--formula", words[0], "--define", words[1], "--against", words[2]).exit_code == 0
