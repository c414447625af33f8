"""The integrals of a program (see price.py) as functions of a generated module: Gauss-Legendre sums."""

from __future__ import annotations

import sympy as sp

from kernelcalc.compile.forms.program import STEEP, Direct, Integral
from kernelcalc.compile.source.statements import Statements


def lines(integral: Integral, module: Statements) -> list[str]:
    """A function of tan(Phi/2) and the arguments; dphi = 2 dt/(1 + t^2), t = tan(phi/2)."""
    names = sp.numbered_symbols("part", real=True)
    shared, values = sp.cse((*integral.values, *integral.sizes), symbols=names)
    sums = [f"sum{k}" for k in range(len(values))]
    results = ", ".join(f"2.0*tangent*{x}" for x in sums)
    arguments = ", ".join(map(str, integral.arguments))
    other = f"{integral.name}_direct({arguments})"
    return [
        *([] if integral.direct is None else _direct(other, integral.direct, module)),
        "@summed",
        f"def {integral.name}(tangent, steep, {arguments}):",
        "    wide()",
        *([] if integral.direct is None else [f"    if steep > {STEEP}.0:", f"        return {other}"]),
        "    start, count = legendre(tangent, steep)",
        "    nodes, weights = offset(legendre_nodes(), start), offset(legendre_weights(), start)",
        *(f"    {x} = 0.0" for x in sums),
        "    for i in range(count):",
        "        t = tangent*nodes[i]",
        "        square = t*t",
        "        less, more = 1.0 - square, 1.0 + square",
        "        over = 1.0/(more*less*less)",
        "        inverse = over*less*less",
        "        sine, cosine, inverse_square = 2.0*t*inverse, less*inverse, over*more*more*more",
        "        lack = (1.0 - t)*(1.0 - t)*inverse",
        "        weight = weights[i]*inverse",
        *(f"        {name} = {module.value(value)}" for name, value in shared),
        *(f"        {x} += weight*({module.value(value)})" for x, value in zip(sums, values, strict=True)),
        f"    return {results}",
        "",
    ]


def _direct(head: str, direct: Direct, module: Statements) -> list[str]:
    results = ", ".join(module.value(x) for x in (*direct.values, *direct.sizes))
    lines = [*map(module.line, direct.pair), f"return {results}"]
    return ["@inline", f"def {head}:", *(f"    {line}" for line in lines), ""]
