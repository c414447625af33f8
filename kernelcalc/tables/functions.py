"""Tables of functions: duals of activations, surrogate derivatives and what they make of the sign network."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.expectation.result import Expectation, dual, mean
from kernelcalc.functions.activations import ACTIVATIONS
from kernelcalc.functions.analysis import bound
from kernelcalc.functions.base import Function
from kernelcalc.functions.catalogue import BY_LABEL, BY_NAME
from kernelcalc.functions.hypotheses import violations
from kernelcalc.functions.surrogates import SURROGATES
from kernelcalc.symbols import m, v, z
from kernelcalc.tables.model import (
    Block,
    Cell,
    Recipe,
    Table,
    filled,
    formula,
    joined,
    lines_of,
    mixed,
    series,
    text,
)

Rows = tuple[tuple[Cell, ...], ...]
TWO = (0.22, 0.74)  # widths of the columns
LONGEST = 900  # operations of a closed form that is still shown


def rows(*pairs: tuple[Cell | str, Cell | None]) -> Rows:
    """Pairs of a name and a formula; those without a formula are left out."""
    return tuple((_name(name), cell) for name, cell in pairs if cell is not None)


def _name(given: Cell | str) -> Cell:
    return given if isinstance(given, Cell) else lines_of(given) if given else text("")


def _expected(left: str, right: str) -> Cell:
    return lines_of(rf"\mathbb{{E}}[{left}(X)\,{right}(Y)]")


def _formula(expr: sp.Expr | None) -> Cell | None:
    if expr is None:
        return None
    if any(_is_sum_of_roots(power) for power in expr.atoms(sp.Pow)):
        expr = grouped(expr)
    if expr.count_ops() > LONGEST:
        return text(f"a closed form of {expr.count_ops()} operations; see kernelcalc derive")
    return formula(expr, otherwise=f"a closed form of {expr.count_ops()} operations; see kernelcalc derive")


def _is_sum_of_roots(power: sp.Pow) -> bool:
    """Whether a denominator is a sum of roots or exponentials, which nobody would write."""
    below = power.base.is_Add and power.exp.is_negative
    return bool(below) and any(x.exp == sp.S.Half or x.base == sp.E for x in power.base.atoms(sp.Pow))


def grouped(expr: sp.Expr) -> sp.Expr:
    """The terms with the same exponential and waves as one, its coefficient factored."""
    found: dict[sp.Expr, sp.Expr] = {}
    for term in map(sp.factor, sp.Add.make_args(expr)):
        coefficient, rest = term.as_independent(sp.exp, sp.sin, sp.cos, as_Add=False)
        powers = sp.Add(*(x.exp for x in sp.Mul.make_args(rest) if isinstance(x, sp.exp)))
        waves = sp.Mul(*(x for x in sp.Mul.make_args(rest) if not isinstance(x, sp.exp)))
        shape = sp.exp(sp.factor(powers)) * waves
        found[shape] = found.get(shape, sp.Integer(0)) + coefficient
    return sp.Add(*(sp.factor(coefficient) * shape for shape, coefficient in found.items()))


def shown(f: Function) -> sp.Expr:
    """A function with its Dirac masses."""
    return sp.Add(f.expr, *(w * sp.DiracDelta(z - t) for t, w in f.deltas))


def _factored(expr: sp.Expr) -> sp.Expr:
    """With what its terms have in common in front, where it has fewer operations then."""
    found = sp.factor_terms(expr)
    return found if found.count_ops() < expr.count_ops() else expr


def _on_one_line(expr: sp.Expr) -> sp.Expr:
    """What vanishes on one half line by the Heaviside function."""
    g = sp.Wild("g")
    return expr.replace(sp.Piecewise((0, z < 0), (g, True)), g * sp.Heaviside(z))


def _public(f: Function) -> str:
    """The name that the library has for it: Erf, Erf' for a derivative, Hermite, k = 2 for one shape."""
    stem, _, shape = f.name.partition("[")
    stem, shape = stem.rstrip("'"), shape.partition("]")[0].replace("=", " = ")
    primes = "'" * f.name.count("'")
    return BY_LABEL[stem].name + primes + (f", {shape}" if shape else "")


def _title(f: Function) -> str:
    fixed = [f"{s.name} = {value}" for s, value in f.parameters if s != value]
    return _public(f) + (f", {', '.join(fixed)}" if fixed else "")


def _heading(name: str, left: str, form: sp.Expr) -> Cell:
    """A name in bold, and the function: left = form."""
    stem, primes = name.rstrip("'"), "'" * name.count("'")
    words = mixed(stem + (f"${primes}$" if primes else ""))
    given = filled(rf"${left}={{}}$", form, display=True)
    return Cell(rf"\textbf{{{words.tex}}}\qquad {given.tex}", f"{words.md}: {given.md}", given.shown)


# ---------------------------------------------------------------- (a) activations


@lru_cache(maxsize=1)
def activations() -> dict[str, Function]:
    """The activations of the catalogue with their parameters as symbols; powers 2, 3 and 4."""
    powers = [BY_NAME["Monomial"](k) for k in (2, 3, 4)]
    functions = [f for entry in ACTIVATIONS for f in (powers if entry.name == "Monomial" else [entry()])]
    return {_title(f.symbolic): f.symbolic for f in functions}


def closed(f: Function) -> bool:
    """Whether the dual of f or of its derivative has a closed form."""
    return dual(f).closed_form or dual(f.derivative).closed_form


def _dual_block(name: str) -> Block | None:
    f = activations()[name]
    return Block(_heading(_title(f), "f(z)", f.expr), _dual_rows(f)) if closed(f) else None


def _dual_table(made: Sequence[Block | None]) -> Table:
    pairs = zip(activations().values(), made, strict=True)
    without = [_public(f) for f, block in pairs if block is None]
    intro = (
        "Expectations of products of an activation function $f$, and of its derivative $f'$, at two jointly "
        "Gaussian arguments; on the diagonal, $Y=X$."
    )
    if without:
        intro += (
            f" The rules find no closed form for {', '.join(without)}: their values come from quadrature "
            f"with an "
            "error bound."
        )
    blocks = tuple(block for block in made if block is not None)
    return Table("duals", "Duals of activation functions", mixed(intro), TWO, ("", ""), blocks)


DUALS = Recipe(lambda: tuple(activations()), _dual_block, _dual_table)


def _dual_rows(f: Function) -> Rows:
    e, d = dual(f), dual(f.derivative)
    found = rows(
        (_expected("f", "f"), _formula(e.expr)),
        (r"\mathbb{E}[f(X)^2]", _formula(e.diagonal)),
        ("f'(z)", formula(_factored(_on_one_line(shown(f.derivative))))),
        (_expected("f'", "f'"), _formula(d.expr)),
        (r"\mathbb{E}[f'(X)^2]", _formula(d.diagonal)),
    )
    if m.name not in f.params or not (e.closed_form and d.closed_form):
        return found
    grown = d.asymptotic(m, sp.oo, diagonal=True)
    return found + rows(
        (r"m\to\infty:\ \mathbb{E}[f(X)\,f(Y)]", formula(e.limit(m, sp.oo))),
        (r"m\to\infty:\ \mathbb{E}[f'(X)\,f'(Y)]", formula(d.limit(m, sp.oo))),
        (r"m\to\infty:\ \mathbb{E}[f'(X)^2]", formula(grown, left=r"\sim ")),
    )


# ---------------------------------------------------------------- (b) surrogates


@lru_cache(maxsize=1)
def surrogates() -> dict[str, Function]:
    """The surrogate derivatives of the catalogue, and the bounded derivatives of activations; each once."""
    derived = [f.derivative for f in activations().values()]
    known = [entry().symbolic for entry in SURROGATES] + [s for s in derived if not s.deltas and _bounded(s)]
    found: dict[sp.Expr, Function] = {}
    for s in known:
        found.setdefault(s.expr, s)
    return {f"{i}: {_public(s)}": s for i, s in enumerate(found.values())}


def _bounded(s: Function) -> bool:
    """Whether s is bounded for all values of its parameters."""
    try:
        return s.bounded
    except InputError:
        return False


def _surrogate_block(name: str) -> Block | None:
    """None where the mean has no closed form, or is 0."""
    s = surrogates()[name]
    if mean(s).expr in (None, 0):
        return None
    return Block(_heading(_public(s), "s(z)", s.expr), _surrogate_rows(s))


def _surrogate_table(made: Sequence[Block | None]) -> Table:
    intro = (
        r"$G(v)=\mathbb{E}\,s(Z)$ for $Z\sim\mathcal{N}(0,v)$. The factor is that of the sign network for "
        r"unit "
        r"weights, $\mathbb{E}[\mathrm{sign}'(X)\,s(Y)]$: it equals "
        r"$\sqrt{2/(\pi a)}\,G\left(\lvert\Sigma\rvert/a\right)$ at $x\neq y$ (S78) and "
        r"$\sqrt{2/(\pi a)}\,s(0)$ at $x=y$ (S79), where $s(0)$ is the mean of both sides if $s$ jumps "
        r"there. Bounded surrogate derivatives that are continuous almost "
        "everywhere meet the hypotheses of the limit theorems; Lipschitz constants are given where there "
        "are any."
    )
    intro += (
        " Theorem E.5 (training) asks for bounded Lipschitz functions, Lemma E.7 and (S78) for bounded "
        "continuous ones, Theorem E.4 (initialisation) for finitely many jumps and a linear envelope. Where "
        r"one does not cover a bounded $s$, its smoothing $z\mapsto\mathbb{E}\,s(z+\epsilon Z)$, "
        r"$Z\sim\mathcal{N}(0,1)$, is Lipschitz and has the mean $G(v+\epsilon^2)$."
    )
    without = [s for s, block in zip(surrogates().values(), made, strict=True) if block is None]
    if without:
        intro += f" Not listed: {'; '.join(map(_left_out, without))}."
    blocks = tuple(block for block in made if block is not None)
    return Table("surrogates", "Surrogate derivatives", mixed(intro), TWO, ("", ""), blocks)


def _left_out(s: Function) -> str:
    """What is to be said of a surrogate derivative without a block of its own."""
    words = "mean 0" if mean(s).expr == 0 else "no closed form"
    known = uncovered(s)
    return f"{_public(s)} ({words}" + (f"; not covered by {known.tex})" if known else ")")


SURROGATE_TABLE = Recipe(lambda: tuple(surrogates()), _surrogate_block, _surrogate_table)


def limit_factor(s: Function) -> Expectation:
    """E[sign'(X) s(Y)], the factor of one layer of the sign network for sigma_w = 1."""
    return dual(BY_NAME["Sign"]().derivative, s)


def _surrogate_rows(s: Function) -> Rows:
    factor, g = limit_factor(s), mean(s)
    return rows(
        (text("hypotheses"), hypotheses(s)),
        (text("not covered by"), uncovered(s)),
        ("G(v)", _formula(g.expr)),
        (r"G(v),\ v\to 0", _expanded(g, sp.Integer(0))),
        (r"G(v),\ v\to\infty", _expanded(g, sp.oo)),
        (mixed(r"factor, $x\neq y$"), _formula(factor.expr)),
        (mixed("factor, $x=y$"), _formula(factor.diagonal)),
    )


def hypotheses(s: Function) -> Cell:
    """Bounds, Lipschitz constant and continuity, as far as they are decided with parameters as symbols."""
    facts = [
        _fact(lambda: bound(s.expr), r"bounded, $\lvert s\rvert\le {}$", "unbounded", "bound"),
        _fact(
            lambda: None if s.jumps else s.lipschitz,
            "Lipschitz with constant ${}$", "not Lipschitz", "Lipschitz constant",
        ),
        text(
            f"continuous but for {len(s.jumps)} jumps"
            if len(s.jumps) > 1
            else "one jump"
            if s.jumps
            else "continuous"
        ),
    ]
    return joined(facts, "; ")


def uncovered(s: Function) -> Cell | None:
    """The theorems that do not cover s and why, None where all do or the parameters leave it open."""
    try:
        found = violations(s)
    except InputError:
        return None
    if not found:
        return None
    reasons = dict.fromkeys(reason for _, reason in found)
    short = [(re.sub(r" \([a-z].*", "", theorem), reason) for theorem, reason in found]
    parts = [f"{', '.join(name for name, why in short if why == reason)}: {reason}" for reason in reasons]
    return text("; ".join(parts))


def _fact(find: Callable[[], sp.Expr | None], words: str, otherwise: str, name: str) -> Cell:
    try:
        value = find()
    except InputError:  # the parameter's value decides
        return text(f"{name} depending on the parameters")
    if value is None or value.is_infinite:
        return text(otherwise)
    return filled(words, value)


def _expanded(g: Expectation, point: sp.Expr) -> Cell | None:
    """Two terms of G, None where they are no powers of sqrt(v) that the series engine finds."""
    try:
        found = g.asymptotic(v, point, terms=2)
    except InputError:
        return None
    return series(by_power(found, v, rising=point == 0), r"+ \cdots") if found != g.expr else None


def by_power(expr: sp.Expr, symbol: sp.Symbol, *, rising: bool) -> Sequence[sp.Expr]:
    """The terms of an expansion, the largest first, each as one fraction."""
    terms = [(_power(term, symbol), _one_fraction(term, symbol)) for term in sp.Add.make_args(expr)]
    found = [term for _, term in sorted(terms, key=lambda pair: pair[0])]
    return found if rising else found[::-1]


def _power(term: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """The exponent of a symbol in a term, apart from logarithms of it."""
    powers = (factor.as_base_exp() for factor in sp.Mul.make_args(term))
    return sp.Add(*(exponent for base, exponent in powers if base == symbol))


def _one_fraction(term: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """A term whose coefficient has logarithms, as a constant times a sum of logarithms."""
    if not term.has(sp.log):
        return term
    power = symbol ** _power(term, symbol)
    found = sp.factor_terms(sp.factor(sp.expand(term / power)))
    for part in sp.Mul.make_args(found):
        if part.is_Add and part.coeff(sp.log(symbol)).could_extract_minus_sign():
            found = -found / part * -part
    return found * power
