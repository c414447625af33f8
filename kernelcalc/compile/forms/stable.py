"""From closed forms to forms that float64 evaluates to the last digits: rules, each an identity.

A closed form of a Gaussian expectation is written in a, b, c; the program of a layer in the correlation
r = c/sqrt(ab) and q = (1 - r)/2, p = (1 + r)/2. The rules, with h >= 0 from the parameters:

R1  omega = c / sqrt((a + h_a)(b + h_b)) = r g:  q_omega = q g + e,  p_omega = p g + e,  no term negative,
    g = cos t_x cos t_y,  e = (1 - g)/2 = sin(t_x/2)^2 cos(t_y/2)^2 + cos(t_x/2)^2 sin(t_y/2)^2,
    cos(t)^2 = a/(a + h).
R2  asin(omega) = pi/2 - phi,  phi = acos(omega), from (q_omega, p_omega, omega): no end loses digits.
R3  K ((a + h_a)(b + h_b) - c^2) = 4 K (a + h_a)(b + h_b) q_omega p_omega, under roots and elsewhere.
R4  the next pair from the next determinant  D' = sigma_w^4 P + sigma_w^2 sigma_b^2 Q,  P = AB - C^2,
    Q = A + B - 2C = E(f(X) - f(Y))^2, neither negative:  q' = D' / (2 G (G + |c'|)),  G = sqrt(a' b').
    For C = k0 + k asin(omega) and for f homogeneous of degree one, P and Q are sums without cancellation.
R7  bivariate normal integrals of functions with kinks: integrals over the correlation (price.py).
R8  exponentials of distances, k (a + b -+ 2 c), and differences of two (exponents.py).
R9  real powers of rectified variables: 1 - kappa and kappa from tables (powers.py).
R10 polynomials times Gaussian bells: products of factors that are at most 1 (bells.py).
R11 normal integrals times growing exponentials: probabilities for differences of them (complements.py).
R12 exponentials times normal integrals as one function (tails.py).

tests/test_stable.py puts every statement back and compares with the closed form to 60 digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from kernelcalc.compile.forms import named, powers, price
from kernelcalc.compile.forms.bells import steep
from kernelcalc.compile.forms.builder import Builder, s2, variance, w2
from kernelcalc.compile.forms.close import RootBuilder, step
from kernelcalc.compile.forms.complements import complements
from kernelcalc.compile.forms.gaps import arcsine_form, gap, homogeneous_form
from kernelcalc.compile.forms.losses import losses, magnitude, narrow
from kernelcalc.compile.forms.program import Program, at_most, share
from kernelcalc.errors import Uncompiled
from kernelcalc.expectation.result import Expectation
from kernelcalc.functions.base import Function
from kernelcalc.functions.normal import Phi2
from kernelcalc.kernels import Kernel
from kernelcalc.symbols import a, b, c


def _inverse_root(x: sp.Expr) -> sp.Expr:
    """1/sqrt(x), but 0 at 0: a row without variance has no correlations."""
    return sp.Piecewise((1 / sp.sqrt(x), x > 0), (0, True))


def _normal(x: sp.Expr) -> sp.Expr:
    """x, but 0 where it is below the normal range of floats, in which roots are accurate."""
    return sp.Piecewise((x, x >= sp.Float(2.0**-1022)), (0, True))


@dataclass(frozen=True)
class Forms:
    """The closed forms of a layer in parameter symbols of their own; first, second: at X = Y, in a."""

    first: sp.Expr
    second: sp.Expr
    cross: sp.Expr
    factor: sp.Expr | None
    factor_diagonal: sp.Expr
    functions: tuple[tuple[Function, Function], ...]  # of first, second, cross and, unless tabled, factor


def _forms(kernel: Kernel) -> tuple[Forms, tuple[sp.Symbol, ...]]:
    layer = kernel.layer
    tabled = layer.factor is not None and named.role(layer.factor) != ""
    given = [dict(e.values) for e in layer.expectations[:3]]
    names, values = share([*given, named.given(layer.factor)] if layer.factor is not None else given)

    def at_point(e: Expectation) -> sp.Expr:
        """Mixed expectations at X = Y may have a form for some values of the parameters only: not used."""
        mixed = kernel.f1 != kernel.f2 and e not in (layer.first, layer.second)
        return sp.Integer(0) if mixed else sp.sympify(e.symbolic_diagonal)

    pairs = [(sp.sympify(e.template), at_point(e)) for e in layer.expectations[:3]]
    if layer.factor is not None and tabled:
        pairs.append(named.forms(layer.factor))
    elif layer.factor is not None:
        pairs.append((sp.sympify(layer.factor.template), at_point(layer.factor)))
    pairs = [(complements(pair), complements(same)) for pair, same in pairs]
    forms = [(pair.xreplace(new), same.xreplace(new)) for (pair, same), new in zip(pairs, names, strict=True)]
    if any(pair.has(sp.hyper) for pair, _ in forms):  # tables are made for numbers
        forms = [(pair.subs(values), same.subs(values)) for pair, same in forms]
    factor, diagonal = forms[3] if layer.factor is not None else (None, sp.Integer(0))
    parameters = tuple(values)
    if layer.factor is not None and tabled:
        shift = (named.SHIFT,) if named.off_centre(layer.factor) else ()
        parameters += (*shift, named.SLOPE, named.WEIGHT)
    taken = layer.expectations[: 3 if tabled else 4]
    functions = tuple(_renamed(e, new) for e, new in zip(taken, names, strict=False))
    return Forms(forms[0][1], forms[1][1], forms[2][0], factor, diagonal, functions), parameters


def _renamed(e: Expectation, names: Mapping[sp.Symbol, sp.Symbol]) -> tuple[Function, Function]:
    """The functions of an expectation in other parameter symbols."""
    assert e.g is not None
    return e.f.symbolic.renamed(names), e.g.symbolic.renamed(names)


def program(kernel: Kernel, *, close: bool = False) -> Program:
    """The layer of a kernel as statements; close: for pairs with a tiny angle, d = a_x - a_y given exactly.

    Raises InputError where an expectation has no closed form.
    """
    for e in kernel.layer.expectations:
        if e.template is None and not (e is kernel.layer.factor and named.role(e)):
            raise Uncompiled(f"{kernel!r}: {e!r} has no closed form: {e.reason}")
    layer, parameters = _forms(kernel)
    builder = RootBuilder() if close else Builder()
    builder.tables = powers.tables(layer.cross, layer.factor, kernel.f1 == kernel.f2)
    squares = _squares(layer, builder)
    after = builder.at_row(_normal(w2 * squares[0] + s2))
    after_y = builder.at_column(_normal(w2 * squares[1] + s2))
    outputs = {"a_x": after, "a_y": after_y}
    integrals: Mapping[str, sp.Expr] = {}
    inverse = builder.at_row(_inverse_root(after)), builder.at_column(_inverse_root(after_y))
    if kernel.f1 == kernel.f2 and isinstance(builder, RootBuilder):
        variances = builder.at_row((after - s2) / w2), builder.at_column((after_y - s2) / w2)
        next_pair = step(layer.cross, variances, builder, inverse)
        cross = builder.at_pair(w2 * next_pair.C + s2)
        outputs["d"] = w2 * next_pair.difference
        outputs |= dict(zip(("root_q", "root_p", "r"), next_pair.pair, strict=True))
    elif kernel.f1 == kernel.f2:
        integrals = _integrals(kernel, layer, builder)
        found = gap(layer.cross, squares, builder, inverse, integrals.get("c"))
        cross = builder.at_pair(w2 * found.C + s2)
        if found.pair is not None:
            outputs |= dict(zip("qpr", found.pair, strict=True))
        else:
            ratio = builder.at_pair(cross * builder.at_pair(inverse[0] * inverse[1]))
            bias = builder.constant(sp.sqrt(w2 * s2 / 2))
            both = builder.at_pair(builder.at_row(bias * inverse[0]) * builder.at_column(bias * inverse[1]))
            det = builder.constant(w2**2 / 2) * found.P + both * found.Q
            small = builder.at_pair(det / (1 + sp.Abs(ratio)))
            least = small
            outputs["q"] = sp.Piecewise((small, cross >= 0), (1 - small, True))
            outputs["p"] = sp.Piecewise((1 - small, cross >= 0), (small, True))
            outputs["r"] = ratio
    else:
        integrals = {} if close else _integrals(kernel, layer, builder)
        C = integrals["c"] if "c" in integrals else builder.stable(layer.cross)
        cross = builder.at_pair(w2 * C + s2)
        ratio = builder.at_pair(cross * builder.at_pair(inverse[0] * inverse[1]))
        q, p = (1 - ratio) / 2, (1 + ratio) / 2
        least = sp.Min(q, p)
        roots = {"root_q": sp.sqrt(q), "root_p": sp.sqrt(p), "d": sp.Integer(0)}
        outputs |= (roots if close else {"q": q, "p": p}) | {"r": ratio}
    outputs["c"] = cross
    if layer.factor is not None:
        unit = sp.Integer(1)
        if close and not (layer.factor * sp.sqrt(a * b - c**2)).has(a, b, c):  # in units of sqrt(ab), or it
            # overflows for short rows
            outputs["unit_x"], outputs["unit_y"] = (
                at(1 / sp.sqrt(a)) for at in (builder.at_row, builder.at_column)
            )
            unit = builder.at_row(sp.sqrt(a)) * builder.at_column(sp.sqrt(a))
        factor = integrals["factor"] if "factor" in integrals else builder.stable(layer.factor, unit)
        outputs["factor"] = w2 * factor
        if not kernel.symmetric and kernel.f1 == kernel.f2:
            swapped = layer.factor.subs({a: b, b: a}, simultaneous=True)
            swapped = integrals["transposed"] if "transposed" in integrals else builder.stable(swapped, unit)
            outputs["transposed"] = w2 * swapped
    outputs = {
        name: builder.at_pair(value) if name in ("factor", "transposed") else value
        for name, value in outputs.items()
    }
    if not close and not covered(kernel):
        outputs |= losses(outputs, builder, inverse)
        power = max(steep(form) for form in (layer.cross, layer.factor) if form is not None)
        outputs |= narrow(kernel, least, power, builder.omegas.values())
    constants, row, column, pair = map(tuple, (builder.constants, builder.row, builder.column, builder.pair))
    return Program(parameters, constants, row, column, pair, outputs, tuple(builder.integrals))


def _squares(layer: Forms, builder: Builder) -> tuple[sp.Expr, sp.Expr]:
    """E f1(X)^2 and E f2(Y)^2; the way that cancels less, where there are two."""
    found = []
    for form, (f, _), suffix in zip((layer.first, layer.second), layer.functions, ("_x", "_y"), strict=False):
        at = builder.at_row if suffix == "_x" else builder.at_column
        printed = variance(form, builder, suffix)
        integral = None
        if _cancels(layer) and not isinstance(builder, RootBuilder):
            integral = price.point(builder, f, suffix)
        if integral is not None:
            known = {name: sp.Abs(size) for name, size in builder.sizes.items()}
            sizes = magnitude(integral, known), magnitude(printed, {})
            printed = at_most(at(sizes[0]), at(sizes[1]), at(integral), at(printed))
        found.append(at(printed))
    return found[0], found[1]


def _cancels(layer: Forms) -> bool:
    """Whether the covariance has normal integrals with factors; those of steps alone are a sum of them."""
    return layer.cross.has(Phi2) and any(f.derivative.expr != 0 for f in layer.functions[2])


def _integrals(kernel: Kernel, layer: Forms, builder: Builder) -> dict[str, sp.Expr]:
    """"c", "factor", "transposed": those with normal integrals by the rule of price.py, where it applies."""
    _, _, (f, g), *slopes = layer.functions
    wanted, forms = ({"c": (f, g)}, [layer.cross]) if _cancels(layer) else ({}, [])
    if slopes and layer.factor is not None and layer.factor.has(Phi2):
        wanted["factor"] = slopes[0]
        forms.append(layer.factor)
        if not kernel.symmetric and kernel.f1 == kernel.f2:
            wanted["transposed"] = slopes[0][::-1]
            forms.append(layer.factor.subs({a: b, b: a}, simultaneous=True))
    found = price.pairs(builder, *wanted.values(), forms=forms) if wanted else None
    return {} if found is None else dict(zip(wanted, found, strict=True))


def certain(kernel: Kernel) -> bool:
    """Whether float64 knows the variances and k(x, x) to the last digits: sums of positive terms."""
    layer, _ = _forms(kernel)
    forms = [form for form in (layer.first, layer.second, layer.factor_diagonal) if form != sp.oo]
    if any(not power.args[0].is_nonpositive for form in forms for power in form.atoms(sp.exp)):
        return False  # a rounding error is as many times as large as the exponent
    terms = (term for form in forms for term in sp.Add.make_args(sp.expand(form)))
    return all(term.is_nonnegative or term.has(named.Mean) for term in terms)  # tables have no more digits


def infinite(kernel: Kernel) -> bool:
    """Whether k(x, x) is, wherever a variance is not 0: both surrogates have a mass at one place."""
    return kernel.f1 == kernel.f2 and bool(_forms(kernel)[0].factor_diagonal == sp.oo)


def covered(kernel: Kernel) -> bool:
    """Whether the covariance of close pairs has a rule that does not cancel."""
    if kernel.f1 != kernel.f2:
        return False
    form = sp.sympify(kernel.layer.cross.template)
    if form.has(sp.hyper):
        return True  # or there is no program
    arcsine = arcsine_form(form)
    return (arcsine is not None and arcsine[2] == arcsine[3]) or homogeneous_form(form) is not None


def power_tables(kernel: Kernel) -> list[str]:
    """The tables of real powers that a layer looks up."""
    forms, _ = _forms(kernel)
    return powers.tables(forms.cross, forms.factor, kernel.f1 == kernel.f2)


def diagonal_program(kernel: Kernel) -> Program:
    """The next variance and the factor at X = Y, in a, w2, s2 and the parameters; for f1 = f2."""
    forms, parameters = _forms(kernel)
    builder = Builder()
    after = _normal(w2 * variance(forms.first, builder, "_x") + s2)
    factor = w2 * variance(forms.factor_diagonal, builder, "_x")
    outputs = {"a_x": after, "factor": factor}
    return Program(parameters, tuple(builder.constants), tuple(builder.row), (), (), outputs)
