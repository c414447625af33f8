"""The direction of imports, from definition to use, read from the source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "kernelcalc"

BASE = {"errors", "symbols", "arrays", "kept", "late", "gauss"}
MAY_IMPORT: dict[
    str, set[str]
] = {  # part of the package: what it needs to be imported; other parts are users
    "errors": set(),
    "late": set(),
    "store": set(),
    "kept": {"late", "store"},  # between processes
    "symbols": set(),
    "gauss": set(),
    "arrays": set(),
    "files": BASE,
    "trace": set(),  # the steps that everything above writes down
    "printing": BASE,
    "functions": BASE,
    "quadrature": BASE,  # the witness: it must not see how results are derived
    "expectation": BASE | {"functions", "trace"},
    "series": BASE | {"functions", "expectation"},
    "expansions": BASE | {"expectation", "series", "trace"},
    "kernels": BASE | {"functions", "expectation", "trace"},
    "limits": BASE | {"functions", "expectation", "expansions", "kernels"},
    "notation": BASE | {"printing"},
    "compile": BASE | {"functions", "expectation", "kernels"},
    "workers": BASE,
    "gram": BASE | {"kernels", "compile", "workers"},
    "verify": BASE | {"functions"},
    "codegen": BASE | {"functions", "expectation", "kernels"},
    "display": BASE | {"notation"},
    "checking": BASE | {"functions", "expectation", "kernels", "verify"},
}
MAY_CALL: dict[str, set[str]] = {  # what it may import besides when a method is called, or for types
    "functions": {"display", "expectation"},
    "expectation": {"quadrature", "expansions", "notation", "display", "codegen"},
    "kernels": {"quadrature", "limits", "notation", "gram", "codegen"},
    "notation": {"kernels"},
    "display": {"functions", "expectation", "verify"},
    "verify": {"expectation", "quadrature", "limits", "kernels", "display"},
}


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports(source: str) -> Iterator[tuple[str, bool]]:
    """(part of kernelcalc, whether imported only inside a function or for types)."""

    def visit(node: ast.AST, later: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            modules: list[str] = []
            if isinstance(child, ast.ImportFrom):
                assert child.level == 0, "imports are absolute"
                alone = child.module == "kernelcalc"
                modules = [f"kernelcalc.{name.name}" if alone else str(child.module) for name in child.names]
            elif isinstance(child, ast.Import):
                modules = [name.name for name in child.names]
            yield from ((part(module), later) for module in modules if module.split(".")[0] == "kernelcalc")
            deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or (
                isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            )
            yield from visit(child, later or deferred)

    return visit(ast.parse(source), False)


def sources() -> list[tuple[str, Path]]:
    files = sorted(ROOT.rglob("*.py"))
    named = [(file.relative_to(ROOT).with_suffix("").parts[0], file) for file in files]
    return [(name, file) for name, file in named if name != "__init__"]


CORE = [(name, file) for name, file in sources() if name in MAY_IMPORT]


@pytest.mark.parametrize(("name", "file"), CORE, ids=lambda x: x if isinstance(x, str) else x.stem)
def test_imports_point_from_use_to_definition(name: str, file: Path) -> None:
    for imported, later in imports(file.read_text()):
        allowed = MAY_IMPORT[name] | (MAY_CALL.get(name, set()) if later else set()) | {name}
        assert imported in allowed, f"{file.relative_to(ROOT)} imports kernelcalc.{imported}"


def test_the_table_has_no_cycle_and_no_dead_rows() -> None:
    order = list(TopologicalSorter(MAY_IMPORT).static_order())
    assert set(order) == {name for name, _ in CORE}
    assert (
        order.index("functions") < order.index("expectation") < order.index("kernels") < order.index("limits")
    )


def test_what_compiled_code_calls_knows_nothing_of_what_compiles_it() -> None:
    known = {"arithmetic", "layout", "lowering"}
    for file in (ROOT / "compile" / "arithmetic").glob("*.py"):
        assert set(re.findall(r"from kernelcalc\.compile\.(\w+)", file.read_text())) <= known, file.name


def test_the_reader_of_imports_sees_them_all() -> None:
    source = """
from kernelcalc.kernels import Kernel
import kernelcalc.limits
if TYPE_CHECKING:
    from kernelcalc import gram
def f():
    from kernelcalc.expectation.result import dual
"""
    assert list(imports(source)) == [
        ("kernels", False),
        ("limits", False),
        ("gram", True),
        ("expectation", True),
    ]


@pytest.mark.parametrize("name", ["quadrature", "functions.base"])
def test_what_stands_below_does_not_load_what_stands_above(name: str) -> None:
    above = {"expectation", "kernels", "limits", "series", "compile", "gram", "verify", "derivations"}
    code = f"import sys, kernelcalc.{name}; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {part(module) for module in loaded.split() if module.startswith("kernelcalc.")} & above
