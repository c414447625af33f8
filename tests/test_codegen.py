"""Printed code: run in Python and C, read back from Julia and Mathematica, compared with the definition."""

from __future__ import annotations

import ctypes
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from click.testing import CliRunner
from sympy.parsing.mathematica import parse_mathematica

import kernelcalc as kc
from kernelcalc.cli import cli

S = {"sigma_w": 1.5, "sigma_b": 0.1}
KERNELS = [
    kc.NNGP(kc.ReLU(), 3, **S),
    kc.NTK(kc.ReLU(), 3, sigma_w=1.5, sigma_b=0),
    kc.NTK(kc.Erf(2), 4, **S),
    kc.NTK(kc.Sign(), 2, **S),
    kc.NTK(kc.LeakyReLU(0.2), 2, **S),
    kc.SGNTK(kc.Sign(), kc.Erf(2).derivative, 3, **S),
    kc.SGNTK(kc.Erf(3), kc.Erf(2).derivative, 3, **S),
    kc.SGNTK(kc.Sign(), kc.function("exp(-abs(z))"), 2, **S),
    kc.GeneralizedNTK((kc.Sign(), kc.Erf(2).derivative), (kc.Erf(0.5), kc.Erf(2).derivative), 3, **S),
    kc.NTK(kc.Erf(1), 1, **S),
]
X = np.array([[1.0, 2.0, -0.5], [0.3, -1.0, 0.7]])
PAIRS = [(X[0], X[1]), (X[1], X[0]), (X[0], X[0])]


def in_python(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(text, "printed", "exec"), names)
    return names


@lru_cache
def expected(kernel: kc.Kernel, pair: int) -> float:
    x, y = PAIRS[pair]
    if kernel.f1 == kernel.f2 and np.array_equal(x, y) and kernel.layer.factor is not None:
        diagonal = kernel.layer.factor.diagonal
        if diagonal is not None and diagonal.is_infinite:
            return math.inf
    return float(kernel.reference(x, y, digits=15))


def agree(kernel: kc.Kernel, k: Callable[..., float]) -> None:
    for i, (x, y) in enumerate(PAIRS):
        assert k(x, y) == pytest.approx(expected(kernel, i), rel=1e-11)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_python_is_the_kernel(kernel: kc.Kernel) -> None:
    text = kernel.code("python")
    assert set(re.findall(r"^import (\w+)", text, re.MULTILINE)) <= {"math"}
    agree(kernel, in_python(text)["k"])


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_c_is_the_kernel(tmp_path: Path) -> None:
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-shared", "-fPIC"]
    for i, kernel in enumerate(KERNELS):
        (tmp_path / f"k{i}.c").write_text(kernel.code("c"))
        command = ["cc", *strict, "-o", str(tmp_path / f"k{i}.so"), str(tmp_path / f"k{i}.c"), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    for i, kernel in enumerate(KERNELS):
        compiled = ctypes.CDLL(str(tmp_path / f"k{i}.so")).k
        compiled.restype = ctypes.c_double

        def k(x: Any, y: Any, compiled: Any = compiled) -> float:
            vectors = [v.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for v in (x, y)]
            return float(compiled(*vectors, len(x)))

        agree(kernel, k)


def from_julia(text: str) -> dict[str, Any]:
    """The functions of printed Julia, its few kinds of lines written as Python."""
    lines, indent = ["from math import *", "from builtins import *"], 0
    for line in text.splitlines():
        line = line.strip().replace("^", "**").replace(" .* ", " * ")
        if re.fullmatch(r"#.*|using SpecialFunctions: [a-z, ]+|", line):
            continue
        if line == "end":
            indent -= 1
            continue
        line = re.sub(r"sum\((\w) \* (\w)\)", r"sum(s * t for s, t in zip(\1, \2))", line)
        line = (
            line.split("  #")[0].replace("clamp(t, -1, 1)", "min(1, max(-1, t))").replace("length(", "len(")
        )
        if found := re.fullmatch(r"(\w+\(t\)) = (.*)", line):
            lines.append(f"def {found[1]}: return {found[2]}")
        elif found := re.fullmatch(r"for i in 2:(\w+)", line):
            lines.append("    " * indent + f"for i in range(1, {found[1]}):")
            indent += 1
        elif found := re.fullmatch(r"(function|if) (.*)", line):
            lines.append("    " * indent + f"{'def' if found[1] == 'function' else 'if'} {found[2]}:")
            indent += 1
        elif found := re.fullmatch(r"(.*) && (return .*)", line):
            lines.append("    " * indent + f"if {found[1]}: {found[2]}")
        else:
            assert re.fullmatch(r"[\w, ]+ = .*|return .*", line), line
            lines.append("    " * indent + line)
    assert indent == 0
    return in_python("Inf = float('inf')\n" + "\n".join(lines))


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_julia_read_line_by_line_is_the_kernel(kernel: kc.Kernel) -> None:
    k = from_julia(kernel.code("julia"))["k"]
    agree(kernel, lambda x, y: k(list(x), list(y)))


def modules(text: str) -> dict[str, tuple[list[str], list[tuple[str, str]], list[str]]]:
    """name -> arguments, assignments, results of every Module of printed Mathematica."""
    found = {}
    for match in re.finditer(
        r"^(\w+)\[(.*)\] := Module\[\{(.*)\},\n((?:.*;\n)*)  \{(.*)\}\]$", text, re.MULTILINE
    ):
        assigned = [tuple(line.strip().rstrip(";").split(" = ")) for line in match[4].splitlines()]
        assert [name for name, _ in assigned] == re.findall(r"\w+", match[3])
        inputs = [name.removesuffix("_") for name in match[2].split(", ")]
        found[match[1]] = inputs, assigned, re.split(r", (?![^\[]*\])", match[5])
    return found


def evaluated(
    module: tuple[list[str], list[tuple[str, str]], list[str]], values: dict[str, Any]
) -> list[float]:
    inputs, assigned, results = module
    known = {sp.Symbol("Infinity"): sp.oo} | {sp.Symbol(name): values[name] for name in inputs}

    def value(text: str) -> sp.Expr:
        parsed = parse_mathematica(text)
        for name, function in (("Erf", sp.erf), ("Erfc", sp.erfc)):
            parsed = parsed.replace(sp.Function(name), function)
        return parsed.subs(known)

    for name, text in assigned:
        known[sp.Symbol(name)] = value(text)
    return [float(value(text)) for text in results]


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_mathematica_read_back_is_the_layer(kernel: kc.Kernel) -> None:
    text = kernel.code("mathematica")
    for opening, closing in ("[]", "{}", "()"):
        assert text.count(opening) == text.count(closing)
    assert "_" not in re.sub(r"\w+_(List)?(?=[,\]])", "", text.split("*)")[1])
    python = in_python(kernel.code("python"))
    point = {"a": 1.3, "b": 0.7, "c": -0.4, "t": 0.6, "sigmaw": 1.5, "sigmab": 0.1 if kernel.sigma_b else 0.0}
    parameters = dict(re.findall(r"(\w+) = ([\d/]+)[,}]", text))
    point |= {name: float(sp.Rational(value)) for name, value in parameters.items()}
    for name, module in modules(text).items():
        values = evaluated(module, point)
        names = python[name].__code__.co_varnames[: python[name].__code__.co_argcount]
        wanted = python[name](*(point[{"T": "t"}.get(n, n.replace("_", ""))] for n in names))
        assert values == pytest.approx(list(np.atleast_1d(wanted)), rel=1e-12)
    assert set(modules(text)) >= {"layer"}


def test_expectations() -> None:
    for e in (kc.dual(kc.Erf(2)), kc.dual(kc.ReLU()), kc.dual(kc.Sign().derivative, kc.Erf().derivative)):
        for language, read in (("python", in_python), ("julia", from_julia)):
            printed = read(e.code(language))["expectation"]
            for point in ((1.0, 2.0, 0.5), (0.3, 0.2, -0.1), (2.0, 2.0, 2.0)):
                assert printed(*point) == pytest.approx(e(*point), rel=1e-12)
        assert "expectation(double a, double b, double c)" in e.code("c")
        assert "expectation[a_, b_, c_]" in e.code("mathematica")
    mean = kc.mean(kc.Gaussian("beta"))
    assert in_python(mean.code("python"))["expectation"](2.0, 0.3) == pytest.approx(
        float(kc.mean(kc.Gaussian(0.3))(2.0))
    )
    infinite = in_python(kc.dual(kc.Sign().derivative).code("python"))["expectation"]
    assert infinite(1.0, 1.0, 1.0) == math.inf


def test_parameters_without_values_and_the_depth_are_arguments() -> None:
    kernel = kc.NTK(kc.Erf("m"), "L", sigma_w="sigma_w", sigma_b=0.1)
    k = in_python(kernel.code("python"))["k"]
    given = kc.NTK(kc.Erf(2), 3, sigma_w=1.5, sigma_b=0.1)
    expected = float(given.reference(X[0], X[1], digits=15))
    assert k(X[0], X[1], sigma_w=1.5, m=2.0, L=3) == pytest.approx(expected)
    assert "int n, double sigma_w, double m, int L)" in kernel.code("c")
    assert "k[x_List, y_List, sigmaw_, m_, L_]" in kernel.code("mathematica")
    assert "function k(x, y, sigma_w, m, L)" in kernel.code("julia")


def test_parallel_points_do_not_leave_the_domain() -> None:
    kernel = kc.NNGP(kc.ReLU(), 5, sigma_w=math.sqrt(2), sigma_b=0)
    k = in_python(kernel.code("python"))["k"]
    for scale in np.linspace(0.1, 7, 50):  # the kernel is homogeneous
        assert k(X[0], scale * X[0]) == pytest.approx(scale * k(X[0], X[0]), rel=1e-6)


def test_tails_keep_their_digits() -> None:
    mean = kc.mean(kc.function("exp(-abs(z))"))  # exp(v/2) (1 - erf(sqrt(v/2)))
    printed = in_python(mean.code("python"))["expectation"]
    assert printed(80.0) == pytest.approx(mean(80.0), rel=1e-12)


def test_what_cannot_be_printed_is_refused() -> None:
    with pytest.raises(kc.InputError, match="not known"):
        kc.NTK(kc.ReLU(), 2).code("fortran")
    with pytest.raises(kc.InputError, match="closed form"):
        kc.NNGP(kc.function("1/(1+z**2)"), 2).code("python")
    with pytest.raises(kc.InputError, match="closed form"):
        kc.dual(kc.function("1/(1+z**2)")).code("c")
    spike = kc.SGNTK(kc.Sign(), kc.function("1/(1+abs(z))**2"), 2)
    with pytest.raises(kc.InputError, match="has no Ei"):
        spike.code("python")
    assert "ExpIntegralEi[" in spike.code("mathematica")


def test_command(tmp_path: Path) -> None:
    run = CliRunner().invoke
    printed = run(cli, ["code", "ntk(relu, 3, sigma_w=1, sigma_b=0)"])
    assert printed.exit_code == 0
    k = in_python(printed.output)["k"]
    kernel = kc.NTK(kc.ReLU(), 3, sigma_w=1, sigma_b=0)
    assert k(X[0], X[1]) == pytest.approx(float(kernel.reference(X[0], X[1], digits=15)))
    out = tmp_path / "dual.c"
    assert run(cli, ["code", "dual(erf(m))", "--language", "c", "-o", str(out)]).exit_code == 0
    assert "double expectation(double a, double b, double c, double m)" in out.read_text()
    assert run(cli, ["code", "S23"]).exit_code == 2
    assert run(cli, ["code", "dual(erf)", "-o", "/no/folder/x.py"]).exit_code == 2
