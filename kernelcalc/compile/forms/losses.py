"""What the first phase loses: forms without a rule in gaps.py are sums that may cancel.

The sum of the absolute values of the terms over the value, times what a term is wrong by (measured, at
worst), is the error to expect; where the value passes through zero an eighth of sqrt(a' b') stands in, but no
more than a' or b'. Pairs for which it is above LIMIT in some layer, for c or the tangent kernel, are left to
the second phase (second.py). What powers make of errors in their arguments is not in these sums: see narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp

from kernelcalc.compile.forms.builder import HALF, Builder, Inverse, Omega, s2, w2
from kernelcalc.compile.forms.quadrants import quadrant, quarter, scaled_quadrant
from kernelcalc.kernels import Kernel

LIMIT = 16  # units of 2^-52
QUARTER, OTHER = sp.Rational(8, 5), HALF  # of them, lost by terms of forms with a quarter plane, or without
JUMPS, BENDS = sp.Rational(1, 64), sp.Rational(1, 512)
POWER = sp.Rational(1, 20)  # of a power of a determinant: min(q, p) of its angle below which it is too steep
ZERO = sp.Rational(1, 8)  # of sqrt(a' b'): a smaller value counts as passing through zero


def losses(outputs: Mapping[str, sp.Expr], builder: Builder, inverse: Inverse) -> dict[str, sp.Expr]:
    """"size", "size factor", "size transposed": errors of the terms of c and of the factors; "spread": the
    least value they are compared with."""
    meaning = {let.targets[0]: let.value for let in builder.pair if len(let.targets) == 1}
    meaning |= {name: sp.Abs(size) for name, size in builder.sizes.items()}
    parts = {"c": "size", "factor": "size factor", "transposed": "size transposed"}
    quarters = any(value.has(quadrant, quarter, scaled_quadrant) for value in meaning.values())
    unit = QUARTER if quarters else OTHER
    found = {name: unit * magnitude(outputs[x], meaning) for x, name in parts.items() if x in outputs}
    (x, y), (xx, yy) = (
        (builder.at_row(inverse[0] ** -k), builder.at_column(inverse[1] ** -k)) for k in (1, 2)
    )
    return found | {"spread": sp.Min(ZERO * x * y, builder.at_pair(sp.Min(xx, yy)))}


def narrow(kernel: Kernel, least: sp.Expr, power: sp.Expr, angles: Iterable[Omega]) -> dict[str, sp.Expr]:
    """"narrow": more than LIMIT where an angle, known to an absolute error, is too small for functions whose
    expectations are steep in it: of kinks the root of least, min(q', p'), enters the next layer, of jumps its
    inverse; power: of the determinants that angles of this layer belong to, which magnifies all errors."""
    sides = (kernel.f1, kernel.s1), (kernel.f2, kernel.s2)
    few = [(sp.Min(o.q, o.p), POWER * power) for o in angles] if power else []
    if power or any(f.jumps or (s is not None and s.masses) for f, s in sides):
        few.append((least, JUMPS))
    elif any(f.breakpoints for f in (kernel.f1, kernel.f2)):
        few.append((least, BENDS))
    found = [sp.Piecewise((0, angle >= bound), (2 * LIMIT, True)) for angle, bound in few]
    return {"narrow": sp.Add(*found)} if few else {}


def magnitude(form: sp.Expr, meaning: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
    """The sum of the absolute values of the terms of a form; meaning: of the names of sums and products, and
    of others |their own magnitude|. Of factors that are sums themselves, one after the other counts."""
    form = sp.sympify(form)
    value = meaning.get(form, form)
    if value.is_Add:
        return sp.Add(*(magnitude(arg, meaning) for arg in value.args))
    if value.is_Mul or (value.is_Pow and value.exp.is_Integer and value.exp > 0):
        factors = value.args if value.is_Mul else (value.base,) * int(value.exp)
        sizes, sums = [_size(arg) for arg in factors], [magnitude(arg, meaning) for arg in factors]
        loose = [i for i, (size, sum_) in enumerate(zip(sizes, sums, strict=True)) if size != sum_]
        others = (sp.Mul(*sizes[:i], sums[i], *sizes[i + 1 :]) for i in loose)
        return sp.Add(*others) if loose else sp.Mul(*sizes)
    if isinstance(value, sp.exp):  # relative, what the exponent has absolute
        return _size(form) * (1 + magnitude(value.args[0], meaning))
    return value if isinstance(value, sp.Abs) else _size(form)


def _size(form: sp.Expr) -> sp.Expr:
    return form if form.is_nonnegative or form in (w2, s2) else sp.Abs(form)
