"""The kernels of infinitely wide networks: one recursion, of which NNGP, NTK and SG-NTK are cases.

Two networks (f1, s1), (f2, s2) share their weights; S1, S2 and S12 are the covariances of the
pre-activations of the first, of the second, and between them (Eilers et al. 2024, Theorems E.3 and E.4):

    S^{(1)}      = sigma_w^2/n0 <x, y> + sigma_b^2                           for S1, S2, S12
    S1^{(l+1)}   = sigma_w^2 E[f1(X) f1(X')] + sigma_b^2,   (X, X') ~ S1^{(l)};   S2 likewise with f2
    S12^{(l+1)}  = sigma_w^2 E[f1(X) f2(Y)]  + sigma_b^2,   (X, Y) ~ S12^{(l)}
    I^{(1)}      = S12^{(1)},   I^{(l+1)} = S12^{(l+1)} + I^{(l)} sigma_w^2 E[s1(X) s2(Y)]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kernelcalc.errors import InputError
from kernelcalc.functions import hypotheses
from kernelcalc.functions.base import Function, exact, fraction, shown
from kernelcalc.functions.entry import as_function
from kernelcalc.kept import recall, recipe
from kernelcalc.late import Deferred, Late

if TYPE_CHECKING:
    import numpy as np
    import sympy as sp
    from mpmath import mpf
    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse.linalg import LinearOperator

    from kernelcalc import symbols as sym
    from kernelcalc import trace
    from kernelcalc.expectation import atoms, engine, result
    from kernelcalc.expectation.result import Expectation
else:
    sp, sym, trace = Late("sympy"), Late("kernelcalc.symbols"), Late("kernelcalc.trace")
    atoms, engine, result = (Late(f"kernelcalc.expectation.{x}") for x in ("atoms", "engine", "result"))


@dataclass(frozen=True)
class Layer:
    """The map from one layer to the next, in a = S1(x,x), b = S2(y,y), c = S12(x,y) and T.

    first, second, cross: E[f1 f1], E[f2 f2], E[f1 f2]; factor: E[s1 s2], None for the NNGP.
    """

    first: Expectation
    second: Expectation
    cross: Expectation
    factor: Expectation | None

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        return (self.first, self.second, self.cross) + ((self.factor,) if self.factor else ())


@dataclass(frozen=True, eq=False)
class Kernel(Deferred):
    """A kernel of infinitely wide networks; k(X), k(X, Z) fill Gram matrices, k.expr() is its formula.

    f1, s1: activation and (surrogate) derivative of the network of the first argument (the row);
    f2, s2: of the second (the column). s1 is None for the NNGP. depth counts weight layers, >= 1;
    sigma_w > 0 and sigma_b >= 0 are standard deviations.
    """

    kind: str
    f1: Function
    s1: Function | None
    f2: Function
    s2: Function | None
    depth: int | sp.Symbol
    sigma_w: sp.Expr
    sigma_b: sp.Expr

    @cached_property
    def deviations(self) -> tuple[Fraction | sp.Expr, ...]:
        """sigma_w and sigma_b, as fractions where they are rational."""
        return _light(self.sigma_w), _light(self.sigma_b)

    @property
    def recipe(self) -> str:
        """What the derived form depends on, but for depth and deviations; "" where it is not plain."""
        return recipe(self.f1, self.s1, self.f2, self.s2)

    def _content(self) -> tuple[object, ...]:
        return self.kind, self.f1, self.s1, self.f2, self.s2, self.depth, self.deviations

    def __eq__(self, other: object) -> bool:
        return self._content() == other._content() if isinstance(other, Kernel) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._content())

    @property
    def symmetric(self) -> bool:
        """Whether k(x, y) = k(y, x) for all x, y."""
        return (self.f1, self.s1) == (self.f2, self.s2)

    @cached_property
    def layer(self) -> Layer:
        """The four Gaussian expectations of one layer, derived."""
        dual, s1, s2 = result.dual, self.s1, self.s2
        factor = None if s1 is None or s2 is None else dual(s1, s2)
        return Layer(dual(self.f1), dual(self.f2), dual(self.f1, self.f2), factor)

    # ------------------------------------------------------------ formulas

    def _closed(self, e: Expectation) -> sp.Expr:
        if e.expr is None:
            raise InputError(
                f"{self!r} has no closed form: {e!r}: {e.reason}; it can still be evaluated numerically"
            )
        return e.expr

    def variance_map(self, e: Expectation) -> sp.Expr:
        """sigma_w^2 E[f(X)^2] + sigma_b^2 in a."""
        self._closed(e)
        return self.sigma_w**2 * e.diagonal + self.sigma_b**2

    def covariance_map(self) -> sp.Expr:
        """sigma_w^2 E[f1(X) f2(Y)] + sigma_b^2 in a, b, c."""
        return self.sigma_w**2 * self._closed(self.layer.cross) + self.sigma_b**2

    def factor_map(self, *, reduced: bool = False) -> sp.Expr:
        """sigma_w^2 E[s1(X) s2(Y)] in a, b, c; 0 for the NNGP.

        reduced: where there is no closed form, in a, b, c and the unevaluated mean G(v), if that is enough.
        """
        if self.layer.factor is None:
            return sp.Integer(0)
        named = self.layer.factor.reduced if reduced and self.layer.factor.expr is None else None
        return self.sigma_w**2 * (self._closed(self.layer.factor) if named is None else named)

    def recursion(self) -> dict[str, sp.Expr]:
        """One layer: the next "a", "b", "c" and tangent kernel "T" in the present a, b, c and T."""
        cross = self.covariance_map()
        self._record(cross)
        return {
            "a": self.variance_map(self.layer.first),
            "b": self.variance_map(self.layer.second).subs(sym.a, sym.b),
            "c": cross,
            "T": cross + sym.T * self.factor_map() if self.layer.factor else sp.Integer(0),
        }

    def _record(self, cross: sp.Expr) -> None:
        """Write one layer down where a derivation is being recorded."""
        weight, bias, at = self.sigma_w**2, self.sigma_b**2, (sym.a, sym.b, sym.c)
        trace.note("covariance", weight * engine.written(self.f1, self.f2, *at) + bias, cross)
        if self.s1 is not None and self.s2 is not None:
            trace.note("factor", weight * engine.written(self.s1, self.s2, *at), self.factor_map())

    def layers(self, *, same: bool = False) -> list[dict[str, sp.Expr]]:
        """a, b, c, factor and T of every layer 1..depth, in xx = <x,x>, yy = <y,y>, xy = <x,y> and n0.

        same: at y = x, where the covariance is singular. The depth must be a number.
        """
        if not isinstance(self.depth, int):
            raise InputError(
                f"the closed form needs a depth that is a number, not {self.depth}; see .recursion()"
            )
        scale = self.sigma_w**2 / sym.n0
        at = (sym.xx,) * 3 if same else (sym.xx, sym.yy, sym.xy)
        first = [scale * s + self.sigma_b**2 for s in at]
        state = dict(zip("abc", first, strict=True)) | {"factor": sp.Integer(1), "T": first[2]}
        found = [state]
        for _ in range(self.depth - 1):
            state = self.step(state, same=same)
            found.append(state)
        return found

    def step(self, state: dict[str, sp.Expr], *, same: bool = False) -> dict[str, sp.Expr]:
        """The layer after one with these "a", "b", "c" and "T"; "factor" is what multiplies T."""
        def put(expr: sp.Expr) -> sp.Expr:
            return expr.subs({s: state[s.name] for s in (sym.a, sym.b, sym.c)}, simultaneous=True)

        layer, w = self.layer, self.sigma_w**2
        step = self.recursion()
        if same and self.f1 == self.f2:
            cross = self.variance_map(layer.cross)
            factor = w * layer.factor.diagonal if layer.factor is not None else sp.Integer(0)
        else:
            cross, factor = step["c"], self.factor_map()
        cross, factor = put(cross), put(factor)
        tangent = cross + state["T"] * factor if layer.factor else cross
        return {"a": put(step["a"]), "b": put(step["b"]), "c": cross, "factor": factor, "T": tangent}

    def expr(self, *, same: bool = False) -> sp.Expr:
        """The kernel in closed form, in xx = <x,x>, yy = <y,y>, xy = <x,y> and n0; same: at y = x."""
        last = self.layers(same=same)[-1]
        return last["T"] if self.layer.factor else last["c"]

    def latex(
        self, *, notation: str = "paper", variances: bool = False, symbols: Mapping[str, str] | None = None
    ) -> str:
        """The recursion as LaTeX (an aligned block).

        notation: "paper" (Sigma, Theta, I) or "neural-tangents" (K, Theta); variances: C_w and C_b in
        place of sigma_w^2 and sigma_b^2; symbols: how single symbols are written, {"sigma_w": r"\\omega"}.
        Raises InputError for another notation.
        """
        from kernelcalc.notation import Notation, kernel_latex

        return kernel_latex(self, Notation(notation, variances, symbols or {}))

    def code(self, language: str) -> str:
        """Source code of the kernel, nothing else needed: "python", "c", "mathematica" or "julia".

        k(x, y) of two vectors (in C with their length n), by the recursion over layers; parameters without
        values, and a symbolic depth, are further arguments. This is the textbook form: it loses digits near
        parallel points, which the compiled k(X) does not. Raises InputError without a closed form, and for
        functions that the language lacks.
        """
        from kernelcalc.codegen.languages import code

        return code(self, language)

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"

    def _repr_markdown_(self) -> str:
        return f"`{self!r}`\n\n$${self.latex()}$$"

    def limit(self, name: str, point: object) -> Kernel:
        """The kernel in the limit of a parameter of the network, for example k.limit("m", oo)."""
        from kernelcalc.limits import limit_kernel

        return limit_kernel(self, name, sp.sympify(point))

    # ------------------------------------------------------------ values

    def __call__(self, X: ArrayLike, Z: ArrayLike | None = None, **options: Any) -> NDArray[np.float64]:
        """The Gram matrix: X (n, d) -> (n, n); X (n, d), Z (p, d) -> (n, p).

        The row carries the first argument (the true derivative), the column the second (the surrogate).
        Raises InputError for NaN, wrong shapes, and rows at which the kernel does not exist.
        """
        from kernelcalc.gram import gram

        return gram(self, X, Z, **options)

    def diag(self, X: ArrayLike) -> NDArray[np.float64]:
        """k(x, x) for every row of X (n, d): shape (n,)."""
        from kernelcalc.gram import diag

        return diag(self, X)

    def matvec(
        self, X: ArrayLike, v: ArrayLike, Z: ArrayLike | None = None, *, threads: int | None = None
    ) -> NDArray[np.float64]:
        """k(X, Z) @ v without the matrix: v (p,) or (p, r) -> (n,) or (n, r); Z=None means X."""
        from kernelcalc.gram import matvec

        return matvec(self, X, v, Z, threads=threads)

    def operator(
        self, X: ArrayLike, Z: ArrayLike | None = None, *, threads: int | None = None
    ) -> LinearOperator:
        """k(X, Z) as a SciPy LinearOperator of shape (n, p) that never forms the matrix."""
        from kernelcalc.gram import operator

        return operator(self, X, Z, threads=threads)

    def method(self, X: ArrayLike, Z: ArrayLike | None = None) -> str:
        """How k(X, Z) is computed: "closed form", "closed form with a table of a mean" or "with
        tables of powers", "table of the angle" (rows of one norm) or "Mehler series"."""
        from kernelcalc.gram import how

        return how(self, X, Z)

    def error_bound(self, X: ArrayLike, Z: ArrayLike | None = None) -> NDArray[np.float64]:
        """Bounds of the absolute errors of k(X, Z), same shape; measured, not proved, for closed forms."""
        from kernelcalc.gram import error_bound

        return error_bound(self, X, Z)

    def reference(self, x: Sequence[float], y: Sequence[float], digits: int = 50) -> mpf:
        """k(x, y) by mpmath quadrature of the definition, layer by layer, on the exact float64 inputs."""
        from kernelcalc import quadrature

        if not isinstance(self.depth, int):
            raise InputError(f"{self!r}: give a number as depth before asking for values")
        numbers = (self.depth, self.sigma_w, self.sigma_b)
        if self.s1 is None or self.s2 is None:
            return quadrature.nngp(self.f1, x, y, *numbers, digits=digits)
        return quadrature.generalized(self.f1, self.s1, self.f2, self.s2, x, y, *numbers, digits=digits)

    def __repr__(self) -> str:
        networks = {
            "NNGP": f"{self.f1!r}",
            "NTK": f"{self.f1!r}",
            "SGNTK": f"{self.f1!r}, {self.s2!r}",
        }.get(self.kind, f"({self.f1!r}, {self.s1!r}), ({self.f2!r}, {self.s2!r})")
        return (
            f"{self.kind}({networks}, depth={self.depth}, "
            f"sigma_w={shown(self.sigma_w)}, sigma_b={shown(self.sigma_b)})"
        )


def _activation(value: object) -> Function:
    f = as_function(value, "activation")
    if recall(f.recipe, "deltas", lambda: bool(f.deltas)):
        raise InputError(f"activation {f!r} has a Dirac mass; only a derivative may")
    return _integrable(f, "activation")


def _surrogate(value: object, activation: Function) -> Function:
    """InputError for what has no expectation, and an own formula that is unbounded and no true derivative."""
    s = _integrable(as_function(value, "surrogate derivative"), "surrogate derivative")
    if s != activation.derivative:
        hypotheses.refuse(s)
    return s


def _integrable(f: Function, role: str) -> Function:
    try:
        steep = recall(f.recipe, "outgrows", lambda: atoms.outgrows(f.expr))
    except InputError:  # symbolic parameters leave it open
        return f
    if steep:
        words = "its expectation is infinite for large variances; take a function that grows less"
        raise InputError(f"{role} {f!r} grows like exp(k z^2) or faster: {words}")
    return f


def _depth(depth: object) -> int | sp.Symbol:
    if hasattr(depth, "__index__") and not isinstance(depth, bool):
        if (level := int(depth.__index__())) < 1:
            raise InputError(f"depth={depth!r} must be >= 1 (the number of weight layers)")
        return level
    if isinstance(depth, str) or (hasattr(depth, "free_symbols") and isinstance(depth, sp.Symbol)):
        return sym.L if str(depth) == "L" else sp.Symbol(str(depth), integer=True, positive=True)
    raise InputError(f"depth={depth!r} must be a whole number >= 1 (the number of weight layers)")


def _deviation(value: object, name: str, *, zero: bool) -> Fraction | sp.Expr:
    """A number > 0, or >= 0 if it may be zero; a fraction where it is rational."""
    found = fraction(value)
    if found is not None:
        fine = found >= 0 if zero else found > 0
    else:
        number = exact(value, name)
        fine = number.is_real and (number.is_nonnegative if zero else number.is_positive) is not False
    if not fine:
        raise InputError(f"{name}={value!r} must be {'>=' if zero else '>'} 0")
    return _light(number) if found is None else found


def _light(number: Fraction | sp.Expr) -> Fraction | sp.Expr:
    if isinstance(number, Fraction) or not number.is_Rational:
        return number
    return Fraction(int(number.p), int(number.q))


def _kernel(
    kind: str,
    networks: tuple[Function, Function | None, Function, Function | None],
    depth: object,
    sigma_w: object,
    sigma_b: object,
) -> Kernel:
    level = _depth(depth)
    w, s = _deviation(sigma_w, "sigma_w", zero=False), _deviation(sigma_b, "sigma_b", zero=True)
    known = dict(zip(("f1", "s1", "f2", "s2"), networks, strict=True))
    return Kernel.later(
        lambda: Kernel(kind, *networks, level, exact(w), exact(s)),
        **known, kind=kind, depth=level, deviations=(w, s),
    )  # fmt: skip


def NNGP(activation: Function, depth: int | str, *, sigma_w: object = 1.0, sigma_b: object = 0.0) -> Kernel:
    """The covariance of the Gaussian process that a network of infinite width is at initialisation (S57)."""
    f = _activation(activation)
    return _kernel("NNGP", (f, None, f, None), depth, sigma_w, sigma_b)


def NTK(activation: Function, depth: int | str, *, sigma_w: object = 1.0, sigma_b: object = 0.0) -> Kernel:
    """The neural tangent kernel (Jacot et al. 2018, Theorem 1); +inf at x = y for a network with jumps."""
    f = _activation(activation)
    return _kernel("NTK", (f, f.derivative, f, f.derivative), depth, sigma_w, sigma_b)


def SGNTK(
    activation: Function,
    surrogate: Function,
    depth: int | str,
    *,
    sigma_w: object = 1.0,
    sigma_b: object = 0.0,
) -> Kernel:
    """The surrogate-gradient NTK I(x, y) (Eilers et al. 2024, Theorem 2.4, section E.2).

    A SurrogateWarning says which theorems do not cover a surrogate derivative that jumps or is unbounded; an
    unbounded formula of one's own is refused, unless kc.function(formula, unbounded=True) says it is meant.
    The first argument carries the true derivative, the second the surrogate: the kernel is not symmetric.
    """
    f = _activation(activation)
    s = _surrogate(surrogate, f)
    if s != f.derivative:  # with its own derivative it is the NTK
        hypotheses.warn(s)
    return _kernel("SGNTK", (f, f.derivative, f, s), depth, sigma_w, sigma_b)


def GeneralizedNTK(
    first: tuple[Function, Function],
    second: tuple[Function, Function],
    depth: int | str,
    *,
    sigma_w: object = 1.0,
    sigma_b: object = 0.0,
) -> Kernel:
    """The generalised NTK of two networks (activation, surrogate derivative) with shared weights (E.4).

    (f, f'), (g, g') is the learning rule (S47): network f, gradients of a smooth twin g.
    """
    try:
        (f1, s1), (f2, s2) = first, second
    except (TypeError, ValueError) as error:
        raise InputError("GeneralizedNTK takes two pairs (activation, surrogate derivative)") from error
    f1, f2 = _activation(f1), _activation(f2)
    s1, s2 = _surrogate(s1, f1), _surrogate(s2, f2)
    return _kernel("GeneralizedNTK", (f1, s1, f2, s2), depth, sigma_w, sigma_b)
