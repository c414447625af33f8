"""Tables of kernels: recursion and closed form layer by layer, and their asymptotics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from kernelcalc.expectation.result import Expectation, dual
from kernelcalc.functions.base import Function
from kernelcalc.functions.catalogue import BY_NAME
from kernelcalc.kernels import NNGP, NTK, SGNTK, GeneralizedNTK, Kernel
from kernelcalc.limits import diagonal_growth, small_angle, small_angle_exponent
from kernelcalc.notation import current, kernel_names, shortened
from kernelcalc.symbols import D, L, T, a, b, c, m, n0, rho, sigma_b, sigma_w, xx, xy
from kernelcalc.tables.functions import TWO, Rows, by_power, rows
from kernelcalc.tables.model import Block, Cell, Recipe, Table, filled, formula, mixed, series, summed

DEPTHS = (1, 2, 3, 4)
TERMS = 3  # of every expansion
SIGMAS = {"sigma_w": sigma_w, "sigma_b": sigma_b}
WIDE = 72.0  # the width of a line beside a narrow column
r = sp.Symbol("r", real=True)  # the argument of arcsin where it is not rho
C, F = sp.Symbol("C", real=True), sp.Symbol("Z", positive=True)  # of the next layer; F stands behind T
Delta = sp.Symbol("Delta", positive=True)  # a radicand


# ---------------------------------------------------------------- (c) kernels


def kernels() -> dict[str, Kernel]:
    """The kernels of the paper, with all constants as symbols."""
    erf, one, sign = BY_NAME["Erf"](m), BY_NAME["Erf"]().derivative, BY_NAME["Sign"]()
    ntk = NTK(erf, 4, **SIGMAS)
    return {
        r"NNGP kernel of $\mathrm{erf}_m$ (S57)": NNGP(erf, 4, **SIGMAS),
        r"NTK of $\mathrm{erf}_m$ (S23, S28)": ntk,
        r"NTK of sign, the limit $m\to\infty$ of that of $\mathrm{erf}_m$; infinite at $x=y$": ntk.limit(
            "m", sp.oo
        ),
        r"NTK of ReLU": NTK(BY_NAME["ReLU"](), 4, **SIGMAS),
        r"SG-NTK of $\mathrm{erf}_m$, surrogate derivative $\mathrm{erf}'$": SGNTK(erf, one, 4, **SIGMAS),
        r"SG-NTK of sign, surrogate derivative $\mathrm{erf}'$ (S76)": SGNTK(sign, one, 4, **SIGMAS),
        r"Generalised NTK of sign with gradients of $\mathrm{erf}_m$ (S47)": GeneralizedNTK(
            (sign, sign.derivative), (erf, erf.derivative), 4, **SIGMAS
        ),
    }


def _kernel_block(name: str) -> Block:
    cell = mixed(name)
    return Block(Cell(rf"\textbf{{\boldmath {cell.tex}}}", cell.md), _kernel_rows(kernels()[name]))


def _kernel_table(made: Sequence[Block | None]) -> Table:
    cov = current().covariance
    intro = (
        r"The step from one layer to the next, and the kernels of depth $L=1$ to $4$ in closed form, "
        r"written with the "
        r"quantities of the layers before: "
        rf"$\lvert{cov}^{{(l)}}\rvert={cov}^{{(l)}}(x,x)\,{cov}^{{(l)}}(y,y)-{cov}^{{(l)}}(x,y)^2$, "
        rf"$\rho^{{(l)}}={cov}^{{(l)}}(x,y)/\sqrt{{{cov}^{{(l)}}(x,x)\,{cov}^{{(l)}}(y,y)}}$ and "
        r"$\theta^{(l)}=\arccos\rho^{(l)}$."
    )
    title = "Kernels: recursion and closed form at depths 1 to 4"
    blocks = tuple(block for block in made if block is not None)
    return Table("kernels", title, mixed(intro), (0.11, 0.85), ("", ""), blocks)


KERNELS = Recipe(lambda: tuple(kernels()), _kernel_block, _kernel_table)


def _kernel_rows(kernel: Kernel) -> Rows:
    found = _group("layer $l+1$", _recursion(kernel)) + _group("$L=1$", _first_layer(kernel))
    for depth in DEPTHS[1:]:
        found += _group(f"$L={depth}$", _layer(kernel, depth))
    return found


def _group(label: str, cells: Sequence[Cell]) -> Rows:
    """Rows of which the first bears the label."""
    return tuple((mixed("" if i else label), cell) for i, cell in enumerate(cells))


@dataclass(frozen=True)
class Step:
    """A layer in |Sigma|, rho and theta, with an argument r of arcsin and a radicand Delta named."""

    variances: tuple[sp.Expr, sp.Expr]
    covariance: sp.Expr
    factor: sp.Expr
    named: dict[sp.Symbol, sp.Expr]  # what r and Delta stand for


def layer_step(kernel: Kernel) -> Step:
    """The layer of a kernel, its wide parts named."""
    step = kernel.recursion()
    cross, factor = shortened(step["c"]), shortened(kernel.factor_map())
    named: dict[sp.Symbol, sp.Expr] = {}
    inner = [f.args[0] for f in cross.atoms(sp.asin) if f.args[0] != rho]
    if len(inner) == 1:
        named[r] = inner[0]
        cross = cross.subs(inner[0], r)
    sums = [
        p.base
        for p in factor.atoms(sp.Pow)
        if p.base.is_Add and abs(p.exp) == sp.S.Half
    ]
    if len(sums) == 1:
        # sqrt(2/(2 D + a)) = 1/sqrt(D + a/2)
        content = sp.Integer(2 if factor.subs(sums[0], 1).has(sp.sqrt(2)) else 1)
        named[Delta] = sp.expand(sums[0] / content)
        factor = factor.subs(sums[0], content * Delta)
    return Step((step["a"], step["b"]), cross, factor, named)


def _names(kernel: Kernel, level: str) -> dict[sp.Symbol, str]:
    """The names of a layer; r and Delta among them."""
    more = {r: rf"r^{{({level})}}", Delta: rf"\Delta^{{({level})}}"}
    return kernel_names(kernel, level) | more


def _recursion(kernel: Kernel) -> list[Cell]:
    """The step from layer l to layer l + 1."""
    names, later = _names(kernel, "l"), _names(kernel, "l+1")
    step, factor = layer_step(kernel), kernel.layer.factor
    cells = [formula(form, names, left=f"{names[s]} = ", limit=WIDE) for s, form in step.named.items()]
    cells.append(formula(step.variances[0], names, left=f"{later[a]} = ", limit=WIDE))
    if kernel.f1 != kernel.f2:
        cells.append(formula(step.variances[1], names, left=f"{later[b]} = ", limit=WIDE))
    cells.append(formula(step.covariance, names, left=f"{later[c]} = ", limit=WIDE))
    if factor is None:
        return cells
    dot = current().factor(kernel.kind)
    cells.append(formula(step.factor, names, left=f"{dot}^{{(l+1)}}(x,y) = ", limit=WIDE))
    if kernel.f1 == kernel.f2 and factor.diagonal is not None:
        at_x = kernel.sigma_w**2 * factor.diagonal
        cells.append(formula(at_x, names, left=f"{dot}^{{(l+1)}}(x,x) = ", limit=WIDE))
    written = {C: later[c], T: names[T], F: rf"{dot}^{{(l+1)}}(x,y)"}
    cells.append(summed((C, T * F), written, left=f"{later[T]} = ", limit=WIDE))
    return cells


def _first_layer(kernel: Kernel) -> list[Cell]:
    """The first layer in the inputs, with |Sigma| as a sum of terms >= 0."""
    names = kernel_names(kernel, "1")
    scale = kernel.sigma_w**2 / n0
    cells = [formula(scale * xy + kernel.sigma_b**2, left=f"{names[c]} = ", limit=WIDE)]
    step = layer_step(kernel)
    if any(form.has(D) for form in (step.covariance, step.factor, *step.named.values())):
        gram, apart = sp.Symbol("xx yy - xy^2"), sp.Symbol("|x-y|^2")
        shown = {
            gram: r"(\lVert x\rVert^{2}\lVert y\rVert^{2} - \langle x,y\rangle^{2})",
            apart: r"\lVert x-y\rVert^{2}",
        }
        form = scale**2 * gram + scale * kernel.sigma_b**2 * apart
        cells.append(formula(form, shown, left=f"{names[D]} = ", limit=WIDE))
    if kernel.layer.factor is not None:
        cells.append(formula(c, names, left=f"{names[T]} = "))
    return cells


def _layer(kernel: Kernel, depth: int) -> list[Cell]:
    """Layer depth >= 2: the covariance, and the kernel as a sum of products."""
    names, later = (_names(kernel, str(level)) for level in (depth - 1, depth))
    cells = [formula(layer_step(kernel).covariance, names, left=f"{later[c]} = ", limit=WIDE)]
    if kernel.layer.factor is not None:
        terms, written = tangent_terms(kernel, depth)
        cells.append(summed(terms, written, left=f"{later[T]} = ", limit=WIDE))
    return cells


def tangent_terms(kernel: Kernel, depth: int) -> tuple[list[sp.Expr], dict[sp.Symbol, str]]:
    """Terms S_l F_{l+1} ... F_depth of the tangent kernel, l = depth, ..., 1, and how symbols are written.

    S_l is the covariance c_l of layer l; symbols of layer l have the suffix _l.
    """
    written: dict[sp.Symbol, str] = {}
    form = layer_step(kernel).factor

    def at(expr: sp.Expr, level: int) -> sp.Expr:
        names = _names(kernel, str(level))
        found = {
            s: sp.Symbol(f"{s.name}_{level}", **s.assumptions0) for s in expr.free_symbols & names.keys()
        }
        written.update({found[s]: names[s] for s in found})
        return expr.xreplace(found)

    factors = {level: at(form, level - 1) for level in range(2, depth + 1)}
    terms = [at(c, level) * sp.Mul(*(factors[i] for i in range(level + 1, depth + 1)))
             for level in range(depth, 0, -1)]  # fmt: skip
    return terms, written


# ---------------------------------------------------------------- (d) asymptotics


def _steep() -> Block:
    erf, one = BY_NAME["Erf"](m), BY_NAME["Erf"]().derivative
    e, d, mixed_dual = dual(erf), dual(erf.derivative), dual(erf.derivative, one)
    return Block(
        _bold(r"Large $m$, $f=\mathrm{erf}_m$"),
        rows(
            (r"\mathbb{E}[f(X)\,f(Y)]", _in_m(e)),
            (r"\mathbb{E}[f(X)^2]", _in_m(e, diagonal=True)),
            (r"\mathbb{E}[f'(X)\,f'(Y)]", _in_m(d)),
            (r"\mathbb{E}[f'(X)^2]", _in_m(d, diagonal=True)),
            (r"\mathbb{E}[f'(X)\,\mathrm{erf}'(Y)]", _in_m(mixed_dual)),
            (r"\mathbb{E}[f'(X)\,\mathrm{erf}'(X)]", _in_m(mixed_dual, diagonal=True)),
        ),
    )


def _growth() -> Block:
    first = {sp.Symbol("a_1", positive=True): rf"{current().covariance}^{{(1)}}(x,x)"}
    growth = [
        (rf"\Theta_m^{{({depth})}}(x,x)", formula(found.expr, first, left=r"\sim "))
        for depth in (2, 3, 4, L)
        for found in [diagonal_growth(NTK(BY_NAME["Erf"](m), depth, **SIGMAS), "m")]
    ]
    return Block(_bold(r"The NTK of $\mathrm{erf}_m$ on the diagonal, $m\to\infty$"), rows(*growth))


def _small_angles() -> Block:
    heading = _bold(
        r"The NTK of sign on a sphere: "
        r"$\Theta_\infty^{(L)}(x,y)\sim K_L\,(1-\cos\varphi)^{-\alpha(L)/2}$ as the angle "
        r"$\varphi\to 0$"
    )
    return Block(heading, _angles(BY_NAME["Sign"]()))


_ASYMPTOTICS = {"steep": _steep, "growth": _growth, "angles": _small_angles}


def _asymptotics_table(made: Sequence[Block | None]) -> Table:
    now = current()
    blocks = tuple(block for block in made if block is not None)
    intro = (
        r"Expansions for steep activations; singularities at small angles on the sphere $\lVert "
        r"x\rVert=\lVert "
        r"y\rVert$, where $\lVert x-y\rVert^2=2\lVert x\rVert^2(1-\cos\varphi)$, so that "
        r"$\Theta_\infty^{(L)}\sim K_L\,(2\lVert x\rVert^2)^{\alpha(L)/2}\,\lVert x-y\rVert^{-\alpha(L)}$. "
        rf"The factors obey $\dot{now.covariance}^{{(l)}}\sim k_l\,(1-\cos\varphi)^{{-1/2^{{l-1}}}}$. "
        r"$g=\sigma_w^2\lVert x\rVert^2/n_0$ and $q=\sigma_w^2+\sigma_b^2$."
    )
    return Table("asymptotics", "Asymptotics", mixed(intro), TWO, ("", ""), blocks)


ASYMPTOTICS = Recipe(lambda: tuple(_ASYMPTOTICS), lambda name: _ASYMPTOTICS[name](), _asymptotics_table)


def _bold(words: str) -> Cell:
    cell = mixed(words)
    return Cell(rf"\textbf{{\boldmath {cell.tex}}}", cell.md)


def _angles(sign: Function) -> Rows:
    """Exponents alpha(L), the constants of the factors and of the kernel."""
    deep = small_angle(NTK(sign, 5, **SIGMAS))
    pairs: list[tuple[Cell | str, Cell | None]] = []
    for depth in (2, 3, 4, 5):
        found = small_angle(NTK(sign, depth, **SIGMAS))
        constant, _ = deep.factors[depth - 1]
        alpha = filled(rf"$L={depth}:\ \alpha={{}},\ k_{depth}$", found.alpha, display=True)
        pairs += [
            (alpha, _constant(constant)),
            (rf"K_{depth}", _constant(found.coefficient)),
        ]
    general = sp.powsimp(small_angle_exponent(NTK(sign, "L", **SIGMAS)))
    return rows(("L", formula(general, left=r"\alpha(L) = ")), *pairs)


a_1, q, g = (sp.Symbol(name, positive=True) for name in ("a_1", "q", "g"))


def _constant(form: sp.Expr) -> Cell:
    """A constant by g = sigma_w^2 |x|^2/n0, a_1 = g + sigma_b^2 and q = sigma_w^2 + sigma_b^2."""
    named = {g + sigma_b**2: a_1, sigma_w**2 + sigma_b**2: q}
    found = sp.factor(form.subs(sp.Symbol(xx.name, positive=True), g * n0 / sigma_w**2))
    found = sp.powdenest(sp.powsimp(sp.expand_power_base(found.xreplace(named), force=True)), force=True)
    return formula(found, {a_1: rf"{current().covariance}^{{(1)}}(x,x)"})


def _in_m(item: Expectation, *, diagonal: bool = False) -> Cell:
    found = item.asymptotic(m, sp.oo, terms=TERMS, diagonal=diagonal)
    return series(by_power(found, m, rising=False), r"+ \cdots")
