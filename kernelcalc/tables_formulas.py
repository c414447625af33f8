"""Tables of derived formulas: duals of activations, surrogate derivatives, kernels, asymptotics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sympy as sp

from kernelcalc.errors import InputError
from kernelcalc.expectation.result import Expectation, dual, mean
from kernelcalc.functions.activations import TABLED
from kernelcalc.functions.base import Function
from kernelcalc.functions.catalogue import BY_NAME
from kernelcalc.kernels import NNGP, NTK, SGNTK, GeneralizedNTK, Kernel, T, xy
from kernelcalc.limits import diagonal_growth, small_angle, small_angle_exponent
from kernelcalc.notation import FACTOR, kernel_names
from kernelcalc.symbols import L, a, b, c, m, n0, sigma_b, sigma_w, v, z
from kernelcalc.tables_model import Block, Cell, Table, broken, formula, lines_of, mixed, series, text

DEPTHS = (1, 2, 3)
TERMS = 3  # of every expansion
_GAUSS = (
    r"$(X,Y)\sim\mathcal{N}\left(0,\left(\begin{smallmatrix}a&c\\c&b\end{smallmatrix}\right)\right)$, "
    r"$Z\sim\mathcal{N}(0,v)$"
)
_TWO = ((0.24, 0.70), ("quantity", "formula"))  # widths and names of the columns
Rows = tuple[tuple[Cell, ...], ...]


def _expected(left: str, right: str) -> Cell:
    return lines_of(rf"\mathbb{{E}}[{left}(X)\,{right}(Y)]")


def _named(expr: sp.Expr | None) -> Cell | None:
    return None if expr is None else formula(expr)


def _rows(*pairs: tuple[Cell | str, Cell | None]) -> Rows:
    """Pairs of a name and a formula; those without a formula are left out."""
    return tuple((_name(name), cell) for name, cell in pairs if cell is not None)


def _name(given: Cell | str) -> Cell:
    return given if isinstance(given, Cell) else lines_of(given) if given else text("")


def _shown(f: Function) -> Cell:
    """A function with its Dirac masses."""
    masses = [sp.Mul(w, sp.Function("delta", real=True)(z - t)) for t, w in f.deltas]
    return formula(sp.Add(f.expr, *masses))


# ---------------------------------------------------------------- (a) activations


def activations() -> tuple[Function, ...]:
    """The catalogue with its parameters as symbols; powers 2, 3 and 4."""
    powers = [BY_NAME["Monomial"](k) for k in (2, 3, 4)]
    functions = [f for entry in TABLED for f in (powers if entry.name == "Monomial" else [entry()])]
    return tuple(f.symbolic for f in functions)


def duals() -> Table:
    blocks = tuple(Block(text(_title(f)), _dual_rows(f)) for f in activations())
    intro = (
        rf"{_GAUSS}. $f'$ is the derivative as a distribution; $\delta$ is the Dirac measure, $H$ the "
        r"Heaviside function. Where $X=Y$, $a=\mathrm{Var}\,X$."
    )
    return Table("duals", "Duals of activation functions", mixed(intro), *_TWO, blocks)


def _title(f: Function) -> str:
    fixed = [f"{s.name} = {value}" for s, value in f.parameters if s != value]
    return f.name + (f", {', '.join(fixed)}" if fixed else "")


def _dual_rows(f: Function) -> Rows:
    e, d = dual(f), dual(f.derivative)
    rows = _rows(
        ("f(z)", _shown(f)),
        (_expected("f", "f"), _named(e.expr)),
        (r"\mathbb{E}[f(X)^2]", _named(e.diagonal)),
        ("f'(z)", _shown(f.derivative)),
        (_expected("f'", "f'"), _named(d.expr)),
        (r"\mathbb{E}[f'(X)^2]", _named(d.diagonal)),
    )
    if m.name not in f.params:
        return rows
    grown = d.asymptotic(m, sp.oo, diagonal=True)
    return rows + _rows(
        (r"m\to\infty:\ \mathbb{E}[f(X)f(Y)]", formula(e.limit(m, sp.oo))),
        (r"m\to\infty:\ \mathbb{E}[f'(X)f'(Y)]", formula(d.limit(m, sp.oo))),
        (r"m\to\infty:\ \mathbb{E}[f'(X)^2]", formula(grown, left=r"\sim ")),
    )


# ---------------------------------------------------------------- (b) surrogates


@lru_cache(maxsize=1)
def surrogates() -> tuple[Function, ...]:
    """Surrogate derivatives: common ones with steepness beta, and the bounded derivatives of the catalogue
    that are not zero on average."""
    beta = sp.Symbol("beta", positive=True)
    scaled = {
        "Laplace": sp.exp(-beta * sp.Abs(z)),
        "ATan": 1 / (1 + beta**2 * z**2),
        "SuperSpike": 1 / (1 + beta * sp.Abs(z)) ** 2,
        "box": sp.Heaviside(1 - beta * sp.Abs(z)),
        "triangle": sp.Max(0, 1 - beta * sp.Abs(z)),
    }
    common = [Function(name, expr, ((beta, beta),)) for name, expr in scaled.items()]
    known = []
    for f in (entry() for entry in TABLED):
        s = f.derivative
        if not s.deltas and s.bounded and mean(s.symbolic).expr not in (None, 0):
            known.append(s.symbolic)
    return (*common, BY_NAME["Gaussian"]().symbolic, *known)


def surrogate_table() -> Table:
    intro = (
        rf"{_GAUSS}. $G(v)=\mathbb{{E}}\,s(Z)$. The factor is that of the sign network, "
        r"$\mathbb{E}[\mathrm{sign}'(X)\,s(Y)]$: it equals $\sqrt{2/(\pi a)}\,G\left(b-c^2/a\right)$ at "
        r"$x\neq y$ (S78) and $\sqrt{2/(\pi a)}\,s(0)$ at $x=y$ (S79)."
    )
    blocks = tuple(Block(text(s.name), _surrogate_rows(s)) for s in surrogates())
    return Table("surrogates", "Surrogate derivatives", mixed(intro), *_TWO, blocks)


def limit_factor(s: Function) -> Expectation:
    """E[sign'(X) s(Y)], the factor of one layer of the sign network for sigma_w = 1."""
    return dual(BY_NAME["Sign"]().derivative, s)


def _surrogate_rows(s: Function) -> Rows:
    factor = limit_factor(s)
    g = mean(s)
    return _rows(
        ("s(z)", _shown(s)),
        ("G(v)", _named(g.expr)),
        (r"G(v),\ v\to 0", _expanded(g, sp.Integer(0))),
        (r"G(v),\ v\to\infty", _expanded(g, sp.oo)),
        (mixed(r"factor, $x\neq y$"), _named(factor.expr)),
        (mixed("factor, $x=y$"), _named(factor.diagonal)),
    )


def _expanded(g: Expectation, point: sp.Expr) -> Cell | None:
    """Two terms of G, None where they are no powers of sqrt(v) that the series engine finds."""
    try:
        found = g.asymptotic(v, point, terms=2)
    except InputError:
        return None
    return series(_by_power(found, v, rising=point == 0), r"+ \cdots") if found != g.expr else None


def _by_power(expr: sp.Expr, symbol: sp.Symbol, *, rising: bool) -> list[sp.Expr]:
    """The terms of an expansion, the largest first."""
    found = sorted(sp.Add.make_args(expr), key=lambda term: term.as_coeff_exponent(symbol)[1])
    return found if rising else found[::-1]


# ---------------------------------------------------------------- (c) kernels


def kernels() -> dict[str, Kernel]:
    """The kernels of the paper, with all constants as symbols."""
    erf, one, sign = BY_NAME["Erf"](m), BY_NAME["Erf"]().derivative, BY_NAME["Sign"]()
    sigmas = {"sigma_w": sigma_w, "sigma_b": sigma_b}
    ntk = NTK(erf, 3, **sigmas)
    return {
        r"NNGP kernel of $\mathrm{erf}_m$ (S57)": NNGP(erf, 3, **sigmas),
        r"NTK of $\mathrm{erf}_m$ (S23, S28)": ntk,
        r"NTK of $\mathrm{erf}_m$, $m\to\infty$ (infinite at $x=y$)": ntk.limit("m", sp.oo),
        r"SG-NTK of $\mathrm{erf}_m$, surrogate derivative $\mathrm{erf}'$": SGNTK(erf, one, 3, **sigmas),
        r"SG-NTK of sign, surrogate derivative $\mathrm{erf}'$ (S76)": SGNTK(sign, one, 3, **sigmas),
        r"Generalised NTK of sign with gradients of $\mathrm{erf}_m$ (S47)": GeneralizedNTK(
            (sign, sign.derivative), (erf, erf.derivative), 3, **sigmas
        ),
    }


def kernel_table() -> Table:
    intro = (
        r"$\mathrm{erf}_m(z)=\mathrm{erf}(mz)$; depth $L$ counts weight layers; $\sigma_w$, $\sigma_b$ are "
        "standard deviations. In $I(x,y)$, $x$ carries the true derivative and $y$ the surrogate. The kernel "
        "of depth $L$ is the last line of its group; a group is written in the quantities of the one before."
    )
    title = "Kernels: recursion and closed form at depths 1, 2 and 3"
    blocks = tuple(Block(mixed(name), _kernel_rows(kernel)) for name, kernel in kernels().items())
    return Table("kernels", title, mixed(intro), (0.13, 0.81), _TWO[1], blocks)


def _kernel_rows(kernel: Kernel) -> Rows:
    names, later = kernel_names(kernel), kernel_names(kernel, "l+1")
    shown = _covariances(kernel, kernel.recursion(), later)
    factor = kernel.layer.factor
    rows = _group("layer $l+1$", [formula(form, names, left=f"{symbol} = ") for symbol, form in shown])
    if factor is not None:
        dot = FACTOR[kernel.kind] + "^{(l+1)}"
        rows += _rows(("", formula(kernel.factor_map(), names, left=f"{dot}(x,y) = ")))
        if kernel.f1 == kernel.f2 and factor.diagonal is not None:
            at_x = kernel.sigma_w**2 * factor.diagonal
            rows += _rows(("", formula(at_x, names, left=f"{dot}(x,x) = ")))
        rows += _rows(("", lines_of(rf"{later[T]} = {later[c]} + {names[T]}\,{dot}(x,y)")))
    return rows + tuple(row for depth in DEPTHS for row in _depth_rows(kernel, depth))


def _covariances(
    kernel: Kernel, step: dict[str, sp.Expr], names: dict[sp.Symbol, str]
) -> list[tuple[str, sp.Expr]]:
    """The covariances of a layer by name; the second variance only where it is another function."""
    kept = (a, b, c) if kernel.f1 != kernel.f2 else (a, c)
    return [(names[symbol], step[symbol.name]) for symbol in kept]


def _group(label: str, cells: Sequence[Cell]) -> Rows:
    """Rows of which the first bears the label."""
    return tuple((mixed("" if i else label), cell) for i, cell in enumerate(cells))


def depth_step(kernel: Kernel, depth: int) -> dict[str, sp.Expr]:
    """Layer depth >= 2: its "a", "b", "c" and "T" in a, b, c, T of the layer before.

    Where that layer has the same variance for all inputs (sign), its value stands for a and b; at depth 2 the
    tangent kernel of the layer before is c.
    """
    step = kernel.recursion()
    known = {T: c} if depth == 2 else {s: step[s.name] for s in (a, b) if not step[s.name].has(a, b)}
    return {key: form.subs(known, simultaneous=True) for key, form in step.items()}


def _depth_rows(kernel: Kernel, depth: int) -> Rows:
    names, later = (kernel_names(kernel, str(level)) for level in (depth - 1, depth))
    tangent = kernel.layer.factor is not None
    if depth == 1:
        cells = [formula(sigma_w**2 * xy / n0 + sigma_b**2, left=f"{later[c]} = ")]
        cells += [lines_of(f"{later[T]} = {later[c]}")] if tangent else []
    else:
        step = depth_step(kernel, depth)
        shown = _covariances(kernel, step, later) + ([(later[T], step["T"])] if tangent else [])
        cells = [formula(form, names, left=f"{symbol} = ") for symbol, form in shown]
    return _group(f"$L={depth}$", cells)


# ---------------------------------------------------------------- (d) asymptotics


def asymptotics() -> Table:
    erf, sign = BY_NAME["Erf"](m), BY_NAME["Sign"]()
    sigmas = {"sigma_w": sigma_w, "sigma_b": sigma_b}
    e, d = dual(erf), dual(erf.derivative)
    expansions = _rows(
        *(
            (name, _in_m(item, diagonal=diagonal))
            for name, item, diagonal in (
                (r"\mathbb{E}[f(X)f(Y)]", e, False),
                (r"\mathbb{E}[f(X)^2]", e, True),
                (r"\mathbb{E}[f'(X)f'(Y)]", d, False),
                (r"\mathbb{E}[f'(X)^2]", d, True),
            )
        )
    )
    first = {sp.Symbol("a_1", positive=True): r"\Sigma^{(1)}(x,x)"}
    growth = [
        (rf"\Theta_m^{{({depth})}}(x,x)", lines_of(broken(found.expr, first, left=r"\sim ")))
        for depth in (2, 3, L)
        for found in [diagonal_growth(NTK(erf, depth, **sigmas), "m")]
    ]
    angles = [
        (f"L={depth}", formula(found.alpha, left=rf"\alpha({depth}) = "))
        for depth in (1, 2, 3, 4, 5)
        for found in [small_angle(NTK(sign, depth, **sigmas))]
    ]
    general = sp.powsimp(small_angle_exponent(NTK(sign, "L", **sigmas)))
    power = r"$\Theta_\infty^{(L)}(x,y)\sim K\lVert x-y\rVert^{-\alpha(L)}$"
    blocks = (
        Block(mixed(r"Large $m$, $f=\mathrm{erf}_m$"), expansions),
        Block(mixed(r"The NTK of $\mathrm{erf}_m$ on the diagonal, $m\to\infty$"), _rows(*growth)),
        Block(
            mixed(rf"The NTK of sign on a sphere: {power} as $y\to x$"),
            _rows(*angles, ("L", formula(general, left=r"\alpha(L) = "))),
        ),
    )
    return Table("asymptotics", "Asymptotics", mixed(_GAUSS + "."), *_TWO, blocks)


def _in_m(item: Expectation, *, diagonal: bool) -> Cell:
    found = item.asymptotic(m, sp.oo, terms=TERMS, diagonal=diagonal)
    return series(_by_power(found, m, rising=False), r"+ \cdots")
