"""Derivations to read: in the terminal, as LaTeX (align), as Markdown for notebooks, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from rich.console import Console
from rich.text import Text

from kernelcalc.derive.check import Check
from kernelcalc.derive.derivation import Derivation
from kernelcalc.expectation.problem import E
from kernelcalc.notation import Notation, latex, using
from kernelcalc.symbols import a, b, c, v
from kernelcalc.tables.width import width
from kernelcalc.trace import Step

COLOURS = {"proved": "green", "confirmed": "cyan", "failed": "bold red"}
WIDE = 84.0  # a line of an align environment, in letters
SCREEN = 110
LAWS = {(a, b, c): "", (v,): ""}  # the laws that go without saying


@dataclass
class _Laws:
    """The laws of (X, Y) and Z in a derivation: E_1, E_2, ... in the order in which they appear."""

    numbers: dict[tuple[Any, ...], str] = field(default_factory=dict)
    new: list[tuple[Any, ...]] = field(default_factory=list)

    def index(self, law: tuple[Any, ...]) -> str:
        if law in LAWS:
            return ""
        if law not in self.numbers:
            self.numbers[law] = str(len(self.numbers) + 1)
            self.new.append(law)
        return self.numbers[law]

    def told(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Laws that have appeared since this was last asked."""
        found = [(self.numbers[law], law) for law in self.new]
        self.new = []
        return found


def _named(form: Any, laws: _Laws) -> tuple[Any, dict[sp.Symbol, str]]:
    """The form with symbols for unevaluated expectations, and how these are written."""
    names: dict[sp.Symbol, str] = {}
    swapped: dict[sp.Expr, sp.Symbol] = {}
    for e in sorted(form.atoms(E), key=sp.default_sort_key):
        index = laws.index(tuple(e.args[1:]))
        symbol = sp.Symbol(f"E{len(names)}", real=True)
        swapped[e] = symbol
        names[symbol] = rf"\mathbb{{E}}{f'_{{{index}}}' if index else ''}\bigl[{latex(e.args[0])}\bigr]"
    dummies = {d: sp.Symbol(d.name.lstrip("_"), real=True) for d in form.atoms(sp.Dummy)}
    return form.xreplace(swapped).xreplace(dummies), names


def form_latex(form: Any, laws: _Laws | None = None) -> str:
    """One side of a step as LaTeX."""
    if isinstance(form, str):
        return rf"\text{{{form}}}"
    form, names = _named(form, laws or _Laws())
    if isinstance(form, sp.Limit):
        inner, symbol, point, side = form.args
        mark = "" if point.is_infinite else rf"^{{{side}}}"
        return rf"\lim_{{{latex(symbol)}\to {latex(point)}{mark}}} {_bracketed(inner, names)}"
    if isinstance(form, sp.Derivative):
        (symbol, order), *_ = form.variable_count
        power = "" if order == 1 else f"^{{{order}}}"
        return rf"\frac{{d{power}}}{{d {latex(symbol)}{power}}} {_bracketed(form.expr, names)}"
    return latex(form, names)


def _bracketed(form: Any, names: dict[sp.Symbol, str]) -> str:
    text = latex(form, names)
    return rf"\left({text}\right)" if form.is_Add else text


def _law_latex(index: str, law: tuple[Any, ...]) -> str:
    if len(law) == 1:
        return rf"$\mathbb{{E}}_{{{index}}}$: $Z\sim\mathcal{{N}}\bigl(0, {latex(law[0])}\bigr)$"
    parts = (rf"\mathrm{{Var}}\,X={latex(law[0])}", rf"\mathrm{{Var}}\,Y={latex(law[1])}")
    cov = rf"\mathrm{{Cov}}(X,Y)={latex(law[2])}"
    return rf"$\mathbb{{E}}_{{{index}}}$: " + ", ".join(f"${part}$" for part in (*parts, cov))


# ---------------------------------------------------------------- LaTeX and Markdown


def as_latex(
    item: Derivation, checks: Sequence[Check], result: Check, notation: Notation | None = None
) -> str:
    """A paragraph with an align environment per step; needs amsmath."""
    with using(notation or Notation()):
        return "\n".join(_latex_lines(item, checks, result)) + "\n"


def _latex_lines(item: Derivation, checks: Sequence[Check], result: Check) -> list[str]:
    laws = _Laws()
    lines = [
        f"% Derivation of {item.tag}, by kernelcalc derive; needs amsmath, amssymb",
        rf"\paragraph{{{_escaped(item.tag)}: {_escaped(item.title)}.}}",
        r"$(X,Y)$ is Gaussian with $\mathrm{Var}\,X=a$, $\mathrm{Var}\,Y=b$, $\mathrm{Cov}(X,Y)=c$, and "
        r"$Z\sim\mathcal{N}(0,v)$, where nothing else is said.",
    ]
    for number, (step, found) in enumerate(zip(item.steps, checks, strict=True), 1):
        needs = f", needs ${_needs_latex(step.needs)}$" if step.needs else ""
        equation = _equation(step, laws)
        lines += [rf"\par {number}. \emph{{{_escaped(step.rule)}}}{needs} ({_escaped(str(found))})"]
        lines += [rf"\begin{{align*}}{equation}\end{{align*}}"]
        lines += [rf"with {_law_latex(*told)}." for told in laws.told()]
    lines += [
        rf"\par Result ({_escaped(str(result))})",
        rf"\begin{{align*}}& {form_latex(item.form)}\end{{align*}}",
    ]
    return lines


def _equation(step: Step, laws: _Laws) -> str:
    before, after = form_latex(step.before, laws), form_latex(step.after, laws)
    sign = r"\sim" if step.tends else "="
    between = " " if width(before + after) < WIDE else r" \\ "
    tends = rf" \qquad ({latex(step.tends[0])}\to {latex(step.tends[1])})" if step.tends else ""
    return (
        rf"& {before}{between}& {sign} {after}{tends}"
        if between != " "
        else f"& {before} {sign} {after}{tends}"
    )


def _needs_latex(needs: str) -> str:
    return needs.replace("D > 0", r"ab - c^2 > 0")


def _escaped(words: str) -> str:
    from kernelcalc.tables.model import text

    return text(words).tex


def as_markdown(
    item: Derivation, checks: Sequence[Check], result: Check, notation: Notation | None = None
) -> str:
    """Headings, formulas between double dollars: a Markdown cell of a notebook."""
    with using(notation or Notation()):
        laws = _Laws()
        lines = [f"### {item.tag}: {item.title}", ""]
        if item.how:
            lines += [item.how, ""]
        lines += [
            "$(X,Y)$ is Gaussian with variances $a$, $b$ and covariance $c$; $Z\\sim\\mathcal{N}(0,v)$.",
            "",
        ]
        for number, (step, found) in enumerate(zip(item.steps, checks, strict=True), 1):
            needs = f", needs ${_needs_latex(step.needs)}$" if step.needs else ""
            sign = r"\sim" if step.tends else "="
            before, after = form_latex(step.before, laws), form_latex(step.after, laws)
            lines += [f"**{number}. {step.rule}**{needs} — *{found}*", "", f"$${before} {sign} {after}$$", ""]
            for told in laws.told():
                lines += [f"with {_law_latex(*told)}", ""]
        lines += [f"**Result** — *{result}*", "", f"$${form_latex(item.form)}$$", ""]
        return "\n".join(lines)


# ---------------------------------------------------------------- terminal and JSON


def show(item: Derivation, checks: Sequence[Check], result: Check, console: Console) -> None:
    """Print a derivation."""
    console.print(Text(f"{item.tag}  {item.title}", style="bold"))
    if item.claim is not None:
        console.print(
            Text(
                f"{item.claim.source}: {item.claim.statement}" if item.claim.statement else item.claim.source
            )
        )
    if item.how:
        console.print(Text(item.how, style="italic"))
    for number, (step, found) in enumerate(zip(item.steps, checks, strict=True), 1):
        line = Text(f"\n{number}. {step.rule}", style="bold")
        if step.needs:
            line.append(f"  needs {step.needs}", style="not bold dim")
        line.append(f"  [{found}]", style=f"not bold {COLOURS[found.verdict]}")
        console.print(line, soft_wrap=True)
        sign = "~" if step.tends else "="
        console.print(Text(f"{_screen(step.before)}\n  {sign}\n{_screen(step.after)}"), soft_wrap=True)
    console.print(Text("\nderived:", style="bold"))
    console.print(Text(_screen(item.form)), soft_wrap=True)
    if item.claim is not None:
        for name, form in (("printed", item.claim.printed), ("corrected", item.claim.corrected)):
            if form is not None:
                note = f" ({item.claim.note})" if name == "corrected" else ""
                console.print(Text(f"{name}{note}:", style="bold"))
                console.print(Text(_screen(form)), soft_wrap=True)
    console.print(Text(f"result: {result}", style=COLOURS[result.verdict]), soft_wrap=True)


def _screen(form: Any) -> str:
    """An expression as a picture of itself, or in one line where that would be too wide."""
    if isinstance(form, str):
        return f"    {form}"
    unevaluated = form.has(E) if isinstance(form, sp.Basic) else False
    pretty = _text(form) if unevaluated else str(sp.pretty(form, use_unicode=True, wrap_line=False))
    if max(map(len, pretty.splitlines())) > SCREEN:
        pretty = _text(form)
    return "\n".join(f"    {line}" for line in pretty.splitlines())


def _text(form: Any) -> str:
    return form if isinstance(form, str) else str(sp.sstr(form))


def as_json(item: Derivation, checks: Sequence[Check], result: Check) -> dict[str, object]:
    """What show prints, as data."""
    steps = [
        {
            "rule": step.rule,
            "needs": step.needs,
            "before": _text(step.before),
            "after": _text(step.after),
            "verdict": found.verdict,
            "how": found.how,
        }
        for step, found in zip(item.steps, checks, strict=True)
    ]
    claim = item.claim
    return {
        "tag": item.tag,
        "title": item.title,
        "steps": steps,
        "derived": _text(item.form),
        "printed": None if claim is None else _text(claim.printed),
        "corrected": None if claim is None or claim.corrected is None else _text(claim.corrected),
        "verdict": result.verdict,
        "how": result.how,
    }
