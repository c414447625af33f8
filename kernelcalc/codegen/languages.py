"""The recipe in Python, C, Mathematica and Julia."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sympy as sp
from sympy.printing.c import C99CodePrinter
from sympy.printing.julia import JuliaCodePrinter
from sympy.printing.mathematica import MCodePrinter
from sympy.printing.pycode import PythonCodePrinter

from kernelcalc.codegen.recipe import Recipe, Step, arcsine, recipe, root
from kernelcalc.errors import InputError
from kernelcalc.expectation.result import Expectation
from kernelcalc.kernels import Kernel

Expr = Any  # SymPy carries no types
NOTE = "Printed by kernelcalc. This textbook form loses digits near parallel points, kernelcalc itself not."
HELPERS = {"arcsine": arcsine, "root": root}


def code(source: Kernel | Expectation, language: str) -> str:
    """The source code of a kernel k(x, y), or of an expectation in a, b, c (or v); see ``Kernel.code``."""
    if language not in LANGUAGES:
        raise InputError(f"language {language!r} is not known; take one of {', '.join(LANGUAGES)}")
    write, known = LANGUAGES[language]
    return write(recipe(source, known))


def _names(symbols: Iterable[Any]) -> str:
    return ", ".join(str(symbol) for symbol in symbols)


def _used(made: Recipe, helpers: dict[str, str]) -> list[str]:
    functions = made.functions()
    return [text for name, text in helpers.items() if HELPERS[name] in functions]


def _levels(made: Recipe) -> str:
    return str(made.depth)


def _extra(made: Recipe) -> list[str]:
    """Arguments besides x, y: parameters without values, and the depth if it is a symbol."""
    depth = [str(made.depth)] if isinstance(made.depth, sp.Symbol) else []
    return [*map(str, made.arguments), *depth]


# ---------------------------------------------------------------- Python


class _Python(PythonCodePrinter):  # type: ignore[misc]  # SymPy is untyped
    _kf = PythonCodePrinter._kf | {"arcsine": "arcsine", "root": "root"}

    def _print_Infinity(self, expr: Expr) -> str:
        return "math.inf"


PYTHON_HELPERS = {
    "arcsine": "def arcsine(t):  # a rounding may carry a correlation beyond 1\n"
    "    return math.asin(max(-1.0, min(1.0, t)))\n",
    "root": "def root(t):\n    return math.sqrt(max(0.0, t))\n",
}


def _python(made: Recipe) -> str:
    shown = _Python().doprint

    def function(name: str, step: Step) -> str:
        lines = [f"    {symbol} = {shown(value)}" for symbol, value in step.named]
        results = ", ".join(shown(value) for value in step.results)
        return "\n".join([f"def {name}({_names([*step.inputs, *made.parameters])}):", *lines,
                          f"    return {results}\n"])  # fmt: skip

    parts = [f'"""{made.title}\n\n{NOTE}\n"""\n\nimport math\n', *_used(made, PYTHON_HELPERS)]
    constants = [f"    {symbol} = {float(value)!r}" for symbol, value in made.constants]
    more = "".join(f", {symbol}" for symbol in made.parameters)
    if made.depth is None:
        equal = [f"    if a == b == c:\n        return same(a{more})"] if made.same else []
        parts += [function("same", made.same)] if made.same else []
        body = [*constants, *equal, f"    return general({_names([*made.step.inputs])}{more})"]
        arguments = _names([*made.step.inputs, *made.arguments])
        parts += [function("general", made.step), "\n".join([f"def expectation({arguments}):", *body]) + "\n"]
        return "\n\n".join(parts)
    state = _names(made.step.inputs)
    parts += [function("layer", made.step)] + ([function("same", made.same)] if made.same else [])
    lines = [
        f"def k({_names(['x', 'y', *_extra(made)])}):",
        '    """The kernel of two sequences of numbers of one length."""',
        *constants,
        "    n = len(x)",
        "    a, b, c = (",
        f"        {_start('sum(s * t for s, t in zip(u, w)) / n')}",
        "        for u, w in ((x, x), (y, y), (x, y))",
        "    )",
    ]
    if made.same:
        inputs = _names(made.same.inputs)
        lines += ["    if all(s == t for s, t in zip(x, y)):"]
        lines += ["        T = a"] if made.tangent else []
        lines += [
            f"        for _ in range({_levels(made)} - 1):",
            f"            {inputs} = same({inputs}{more})",
            f"        return {'T' if made.tangent else 'a'}",
        ]
    lines += ["    T = c"] if made.tangent else []
    lines += [f"    for _ in range({_levels(made)} - 1):", f"        {state} = layer({state}{more})",
              f"    return {'T' if made.tangent else 'c'}"]  # fmt: skip
    return "\n\n".join([*parts, "\n".join(lines) + "\n"])


def _start(product: str) -> str:
    return f"sigma_w**2 * {product} + sigma_b**2"


# ---------------------------------------------------------------- C


class _C(C99CodePrinter):  # type: ignore[misc]  # SymPy is untyped
    def __init__(self) -> None:
        functions = {"arcsine": "arcsine", "root": "root"}
        super().__init__({"user_functions": functions, "math_macros": {sp.pi: "pi"}})

    def _print_Infinity(self, expr: Expr) -> str:
        return "INFINITY"


C_HELPERS = {
    "arcsine": "static double arcsine(double t) { return asin(fmax(-1.0, fmin(1.0, t))); }"
    "  /* roundings */",
    "root": "static double root(double t) { return sqrt(fmax(0.0, t)); }",
}


def _c(made: Recipe) -> str:
    shown = _C().doprint
    parameters = "".join(f", double {symbol}" for symbol in made.parameters)

    def function(name: str, step: Step) -> str:
        """From the numbers s[0], s[1], ... to the next ones in the same place."""
        lines = [f"    double {symbol} = s[{i}];" for i, symbol in enumerate(step.inputs)]
        lines += [f"    double {symbol} = {shown(value)};" for symbol, value in step.named]
        lines += [f"    s[{i}] = {shown(value)};" for i, value in enumerate(step.results)]
        used = set().union(*(e.free_symbols for e in step.expressions))
        unused = [f"(void){symbol};" for symbol in (*step.inputs, *made.parameters) if symbol not in used]
        if unused:
            lines.insert(len(step.inputs), f"    {' '.join(unused)}")
        return "\n".join([f"static void {name}(double *s{parameters}) {{", *lines, "}"])

    constants = [f"    const double {symbol} = {float(value)!r};" for symbol, value in made.constants]
    more = "".join(f", {symbol}" for symbol in made.parameters)
    head = [f"/* {made.title}\n\n   {NOTE} */\n#include <math.h>",
            *(["static const double pi = 3.14159265358979323846;"] if made.has(sp.pi) else []),
            *_used(made, C_HELPERS)]  # fmt: skip
    if made.depth is None:
        arguments = ", ".join(f"double {symbol}" for symbol in (*made.step.inputs, *made.arguments))
        equal = [f"    if (a == b && b == c) {{ same(s{more}); return s[0]; }}"] if made.same else []
        body = [f"    double s[] = {{{_names(made.step.inputs)}}};", *constants, *equal,
                f"    general(s{more});", "    return s[0];"]  # fmt: skip
        functions = [function("general", made.step)] + ([function("same", made.same)] if made.same else [])
        whole = "\n".join([f"double expectation({arguments}) {{", *body, "}"])
        return "\n\n".join([*head, *functions, whole]) + "\n"
    symbolic = isinstance(made.depth, sp.Symbol)
    extra = [f"double {symbol}" for symbol in made.arguments] + ([f"int {made.depth}"] if symbolic else [])
    last = "T" if made.tangent else "c"
    body = [
        *constants,
        "    double a = 0, b = 0, c = 0;",
        *(["    int equal = 1;"] if made.same else []),
        "    for (int i = 0; i < n; i++) {",
        "        a += x[i] * x[i]; b += y[i] * y[i]; c += x[i] * y[i];",
        *(["        equal = equal && x[i] == y[i];"] if made.same else []),
        "    }",
        *(f"    {s} = sigma_w * sigma_w * {s} / n + sigma_b * sigma_b;" for s in "abc"),
    ]
    if made.same:
        body += [
            "    if (equal) {",
            f"        double s[] = {{{'a, a' if made.tangent else 'a'}}};",
            f"        for (int i = 1; i < {_levels(made)}; i++) same(s{more});",
            f"        return s[{len(made.same.inputs) - 1}];",
            "    }",
        ]
    body += [
        f"    double s[] = {{a, b, c{', c' if last == 'T' else ''}}};",
        f"    for (int i = 1; i < {_levels(made)}; i++) layer(s{more});",
        f"    return s[{len(made.step.inputs) - 1}];",
    ]
    arguments = ", ".join(["const double *x", "const double *y", "int n", *extra])
    functions = [function("layer", made.step)] + ([function("same", made.same)] if made.same else [])
    return "\n\n".join([*head, *functions, "\n".join([f"double k({arguments}) {{", *body, "}"])]) + "\n"


# ---------------------------------------------------------------- Mathematica


class _Mathematica(MCodePrinter):  # type: ignore[misc]  # SymPy is untyped
    def __init__(self) -> None:
        super().__init__({"user_functions": {"arcsine": [(lambda *_: True, "ArcSin")],
                                             "root": [(lambda *_: True, "Sqrt")]}})  # fmt: skip

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return _plain(expr)

    def _print_Infinity(self, expr: Expr) -> str:
        return "Infinity"


def _plain(symbol: object) -> str:
    """A name without underscores, which are patterns, and not one that the language uses itself."""
    name = str(symbol).replace("_", "")
    return f"par{name}" if name in {"C", "D", "E", "I", "K", "N", "O"} else {"T": "t"}.get(name, name)


def _mathematica(made: Recipe) -> str:
    shown = _Mathematica().doprint
    parameters = [_plain(symbol) for symbol in made.parameters]

    def function(name: str, step: Step) -> str:
        patterns = ", ".join([*(f"{_plain(s)}_" for s in step.inputs), *(f"{p}_" for p in parameters)])
        lines = [f"  {symbol} = {shown(value)};" for symbol, value in step.named]
        results = ", ".join(shown(value) for value in step.results)
        names = _names(symbol for symbol, _ in step.named)
        return "\n".join([f"{name}[{patterns}] := Module[{{{names}}},", *lines, f"  {{{results}}}]"])

    constants = ", ".join(f"{_plain(symbol)} = {shown(_rational(value))}" for symbol, value in made.constants)
    more = "".join(f", {name}" for name in parameters)
    head = [f"(* {made.title}\n\n   {NOTE} *)"]
    if made.depth is None:
        inputs = [_plain(symbol) for symbol in made.step.inputs]
        arguments = ", ".join(f"{name}_" for name in [*inputs, *map(_plain, made.arguments)])
        value = f"First[general[{', '.join(inputs)}{more}]]"
        if made.same:
            value = f"If[a == b == c, First[same[a{more}]], {value}]"
        functions = [function("general", made.step)] + ([function("same", made.same)] if made.same else [])
        whole = f"expectation[{arguments}] := With[{{{constants}}},\n  {value}]"
        return "\n\n".join([*head, *functions, whole]) + "\n"
    depth = _plain(made.depth)
    arguments = ", ".join(["x_List", "y_List", *(f"{_plain(name)}_" for name in _extra(made))])
    start = ", ".join(f"{s} = sigmaw^2*{u}.{w}/Length[x] + sigmab^2" for s, u, w in ("axx", "byy", "cxy"))
    last = ", c" if made.tangent else ""
    value = f"Last[Nest[Apply[layer[##{more}] &, #] &, {{a, b, c{last}}}, {depth} - 1]]"
    if made.same:
        first = "{a, a}" if made.tangent else "{a}"
        at_x = f"Last[Nest[Apply[same[##{more}] &, #] &, {first}, {depth} - 1]]"
        value = f"If[x === y,\n    {at_x},\n    {value}]"
    functions = [function("layer", made.step)] + ([function("same", made.same)] if made.same else [])
    body = f"k[{arguments}] := With[{{{constants}}},\n  Module[{{{start}}},\n  {value}]]"
    return "\n\n".join([*head, *functions, body]) + "\n"


def _rational(value: Expr) -> Expr:
    """A float's value as the decimal that stands for it."""
    exact = value.is_Rational and not value.is_Integer and sp.Rational(float(value)) == value
    return sp.Rational(repr(float(value))) if exact else value


# ---------------------------------------------------------------- Julia


class _Julia(JuliaCodePrinter):  # type: ignore[misc]  # SymPy is untyped
    def __init__(self) -> None:
        super().__init__({"user_functions": {"arcsine": "arcsine", "root": "root"}, "contract": False})

    def doprint(self, expr: Expr, assign_to: object = None) -> str:
        text = str(super().doprint(expr, assign_to))
        for pointwise, plain in ((" .* ", " * "), (" ./ ", " / "), (" .^ ", " ^ "), (" // ", " / ")):
            text = text.replace(pointwise, plain)
        return text

    def _print_Infinity(self, expr: Expr) -> str:
        return "Inf"


JULIA_HELPERS = {
    "arcsine": "arcsine(t) = asin(clamp(t, -1, 1))  # roundings",
    "root": "root(t) = sqrt(max(t, 0))",
}


def _julia(made: Recipe) -> str:
    shown = _Julia().doprint

    def function(name: str, step: Step) -> str:
        lines = [f"    {symbol} = {shown(value)}" for symbol, value in step.named]
        results = ", ".join(shown(value) for value in step.results)
        return "\n".join([f"function {name}({_names([*step.inputs, *made.parameters])})", *lines,
                          f"    return {results}", "end"])  # fmt: skip

    special = sorted(f.__name__ for f in made.functions() & {sp.erf, sp.erfc, sp.erfi})
    head = [f"# {made.title}\n#\n# {NOTE}"]
    head += [f"using SpecialFunctions: {', '.join(special)}"] if special else []
    head += _used(made, JULIA_HELPERS)
    constants = [f"    {symbol} = {float(value)!r}" for symbol, value in made.constants]
    more = "".join(f", {symbol}" for symbol in made.parameters)
    if made.depth is None:
        inputs = _names(made.step.inputs)
        equal = [f"    a == b == c && return same(a{more})"] if made.same else []
        body = [*constants, *equal, f"    return general({inputs}{more})"]
        arguments = _names([*made.step.inputs, *made.arguments])
        functions = [function("general", made.step)] + ([function("same", made.same)] if made.same else [])
        whole = "\n".join([f"function expectation({arguments})", *body, "end"])
        return "\n\n".join([*head, *functions, whole]) + "\n"
    state, last = _names(made.step.inputs), "T" if made.tangent else "c"
    lines = [f"function k({_names(['x', 'y', *_extra(made)])})", *constants, "    n = length(x)"]
    lines += [f"    {s} = sigma_w^2 * sum({u} .* {w}) / n + sigma_b^2" for s, u, w in ("axx", "byy", "cxy")]
    if made.same:
        inputs = _names(made.same.inputs)
        lines += ["    if x == y"] + (["        T = a"] if made.tangent else [])
        lines += [f"        for i in 2:{_levels(made)}", f"            {inputs} = same({inputs}{more})",
                  "        end", f"        return {'T' if made.tangent else 'a'}", "    end"]  # fmt: skip
    lines += ["    T = c"] if made.tangent else []
    lines += [f"    for i in 2:{_levels(made)}", f"        {state} = layer({state}{more})", "    end",
              f"    return {last}", "end"]  # fmt: skip
    functions = [function("layer", made.step)] + ([function("same", made.same)] if made.same else [])
    return "\n\n".join([*head, *functions, "\n".join(lines)]) + "\n"


Writer = Callable[[Recipe], str]
LANGUAGES: dict[str, tuple[Writer, Sequence[Any]]] = {
    "python": (_python, (sp.Piecewise, sp.Max, sp.Min)),
    "c": (_c, (sp.Piecewise, sp.Max, sp.Min)),
    "mathematica": (_mathematica, (sp.erfi, sp.Ei, sp.Max, sp.Min, sp.Piecewise)),
    "julia": (_julia, (sp.erfi, sp.Piecewise)),
}
