"""What the first phase loses: forms without a rule in gaps.py are sums that may cancel.

With every term t_i of E[f(X) f(Y)] and of the factor goes |t_i|: the sum of those over the value, an eighth of
sqrt(a' b') standing in where the value passes through zero, says how many of the digits of the terms are
left. Pairs for which some layer has a quotient above LIMIT are left to the second phase (second.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from kernelcalc.compile.builder import Builder, Inverse, s2, w2

LIMIT = 10.0  # the error is then at most some 16 units of 2^-52: two for each unit of the quotient, at worst
ZERO = sp.Rational(1, 8)  # of sqrt(a' b'): a smaller value counts as passing through zero


def losses(outputs: Mapping[str, sp.Expr], builder: Builder, inverse: Inverse) -> dict[str, sp.Expr]:
    """"size": of the terms of c; "spread": the least value they are compared with; "size factor", "size
    transposed": of the terms of the factors."""
    meaning = {let.targets[0]: let.value for let in builder.pair if len(let.targets) == 1}
    parts = {"size": outputs["c"], "size factor": outputs.get("factor"), "size transposed": outputs.get("transposed")}
    found = {name: magnitude(form, meaning) for name, form in parts.items() if form is not None}
    roots = builder.at_row(1 / inverse[0]), builder.at_column(1 / inverse[1])
    return found | {"spread": ZERO * roots[0] * roots[1]}


def magnitude(form: sp.Expr, meaning: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
    """The sum of the absolute values of the terms of a form; meaning: of the names of sums and products."""
    form = sp.sympify(form)
    value = meaning.get(form, form)
    if value.is_Add or value.is_Mul:
        return value.func(*(magnitude(arg, meaning) for arg in value.args))
    if value.is_Pow and value.exp.is_Integer and value.exp > 0:
        return magnitude(value.base, meaning) ** value.exp
    return form if form.is_positive or form in (w2, s2) else sp.Abs(form)
