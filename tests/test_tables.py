"""The formula tables: they are the committed ones, they are well-formed, and they say what was derived."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import sympy as sp
from click.testing import CliRunner

import kernelcalc as kc
from kernelcalc import tables, tables_claims, tables_formulas
from kernelcalc.checking.meaning import Names, expression
from kernelcalc.checking.parser import parse
from kernelcalc.checking.syntax import names
from kernelcalc.cli_tables import tables as command
from kernelcalc.expectation.result import mean
from kernelcalc.functions.activations import TABLED
from kernelcalc.kernels import T, xx, xy, yy
from kernelcalc.notation import latex
from kernelcalc.symbols import a, b, c, m, n0, sigma_b, sigma_w, v, z
from kernelcalc.tables_model import GENERATED, LINE, as_tex, broken, text, width
from kernelcalc.verify.claim import Claim

ROOT = Path(__file__).parents[1]
COMMITTED = ROOT / "tables"
POINTS = ((2, 3, 1), (1, sp.Rational(1, 2), -sp.Rational(1, 3)))


@pytest.fixture(scope="module")
def built() -> dict[str, str]:
    return tables.build()


def test_committed_files_are_what_is_built(built: dict[str, str], tmp_path: Path) -> None:
    stale = [name for name, content in built.items() if (COMMITTED / name).read_bytes() != content.encode()]
    assert not stale, f"run kernelcalc tables and commit {stale}"
    assert {path.name for path in COMMITTED.iterdir()} == set(built)


def test_files_do_not_depend_on_the_hash_seed() -> None:
    code = "from kernelcalc import tables_formulas as f, tables_model as m; print(m.as_tex(f.kernel_table()))"
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1] == (COMMITTED / "kernels.tex").read_bytes() + b"\n"


def test_files_are_marked_as_generated_and_plain(built: dict[str, str]) -> None:
    for name, content in built.items():
        assert GENERATED in content.splitlines()[0], name
        if name.endswith(".tex"):
            assert content.isascii(), name
            bare = content.replace(r"\{", "").replace(r"\}", "").replace(r"\$", "")
            assert bare.count("{") == bare.count("}"), name
            assert bare.count("$") % 2 == 0, name
            assert bare.count(r"\left") == bare.count(r"\right"), name
            assert "operatorname" not in content, name
            assert "nan" not in re.findall(r"\\?\w+", content), name
        else:
            rows = [line for line in content.splitlines() if line.startswith("|")]
            cells = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
            assert rows == [] or len(cells) == 1, name  # no stray bar makes a further cell


def test_every_derived_line_fits(built: dict[str, str]) -> None:
    for name in ("duals", "surrogates", "asymptotics", "kernels"):
        limit = LINE * (1.15 if name == "kernels" else 1)  # its first column is narrower
        for formula in re.findall(r"\$\\displaystyle (.*?)\$", built[f"{name}.tex"]):
            inner = re.sub(r"\\(begin|end)\{aligned\}(\[t\])?", "", formula)
            assert max(width(line) for line in inner.split(r" \\ ")) <= limit, formula


def test_latex_is_written_as_in_the_papers() -> None:
    erf = kc.Erf("m")
    assert latex(kc.dual(erf).expr) == (
        r"\frac{2}{\pi} \arcsin\left(\frac{2 c m^{2}}"
        r"{\sqrt{\left(2 a m^{2} + 1\right) \left(2 b m^{2} + 1\right)}}\right)"
    )
    assert latex(kc.dual(erf.derivative).expr) == (
        r"\frac{4 m^{2}}{\pi \sqrt{\left(2 a m^{2} + 1\right) \left(2 b m^{2} + 1\right) - 4 c^{2} m^{4}}}"
    )
    assert latex(sigma_b**2 + sigma_w**2 * xy / n0) == (
        r"\frac{\sigma_{w}^{2} \langle x,y\rangle}{n_{0}} + \sigma_{b}^{2}"
    )
    assert latex(sp.sqrt(2) / sp.sqrt(sp.pi * a)) == r"\sqrt{\frac{2}{\pi a}}"
    assert latex(sp.sqrt(xx)) == r"\lVert x\rVert"
    assert latex(sp.exp(-(z**2) / 2) / 2) == r"\frac{1}{2} e^{- z^{2}/2}"
    assert latex(-sp.exp(v) * sp.erf(v) + sp.exp(v)) == r"e^{v} \mathrm{erfc}{\left(v\right)}"
    assert latex(-a) == "- a"
    assert latex(-(a + b)) == "- a - b"
    assert latex(c * (a + b)) == r"c \left(a + b\right)"
    assert latex(c / (a + b) / -2) == r"- \frac{c}{2 \left(a + b\right)}"


def _back(source: str, symbols: Iterable[sp.Symbol]) -> sp.Expr:
    """The LaTeX of the tables read back by the parser of kc.check: a slip of the printer cannot pass."""
    named = {name.key: s for s in symbols for name in names(parse(latex(s) + "{}"))}
    return expression(source, parse(source + "{}"), Names(named))


def _shown() -> Iterator[sp.Expr]:
    """The closed forms of the tables, the kernels in a, b, c and T."""
    for kernel in tables_formulas.kernels().values():
        steps = [kernel.recursion(), *(tables_formulas.depth_step(kernel, depth) for depth in (2, 3))]
        yield from (form for step in steps for form in step.values())
    for f in tables_formulas.activations():
        for e in (kc.dual(f), kc.dual(f.derivative)):
            yield from (e.expr, e.diagonal)
    for s in tables_formulas.surrogates():
        factor = tables_formulas.limit_factor(s)
        yield from (mean(s).expr, factor.expr, factor.diagonal)
    for f in (kc.Erf("m"), kc.Erf("m").derivative):
        yield from (kc.dual(f).asymptotic("m", kc.oo, terms=2, diagonal=x) for x in (False, True))


def test_formulas_read_back_are_the_ones_that_were_derived() -> None:
    forms = list(_shown())
    assert len(forms) > 100
    for form in forms:
        symbols = form.free_symbols
        back = _back(latex(form), symbols)
        for shift in (1, 2):
            point = {
                s: sp.Rational(5 + i + shift, 4) for i, s in enumerate(sorted(symbols, key=str))
            }
            point |= {c: sp.Rational(shift, 3)} if c in point else {}
            values = [sp.N(x.subs(point), 40) for x in (form, back)]
            assert values[0] == values[1] or abs(values[0] - values[1]) < 1e-30, latex(form)


def test_long_sums_are_broken_between_terms_and_lose_none() -> None:
    terms = sp.Add(*(sp.Symbol(f"q_{i}") * sp.sin(sp.Symbol(f"r_{i}")) for i in range(20)))
    lines = broken(terms)
    assert len(lines) > 1
    assert all(width(line) <= LINE for line in lines)
    assert " ".join(lines) == latex(terms)


@pytest.mark.parametrize("name", list(tables_formulas.kernels()))
def test_depths_compose_to_the_closed_form(name: str) -> None:
    kernel = tables_formulas.kernels()[name]
    scale = sigma_w**2 / n0
    state = {a: scale * xx + sigma_b**2, b: scale * yy + sigma_b**2, c: scale * xy + sigma_b**2}
    state[T] = state[c]
    for depth in (2, 3):
        step = tables_formulas.depth_step(kernel, depth)
        state = {s: step[s.name].subs(state, simultaneous=True) for s in (a, b, c, T)}
    last = state[T] if kernel.layer.factor else state[c]
    point = {xx: 2, yy: 3, xy: 1, n0: 3, sigma_w: sp.Rational(3, 2), sigma_b: sp.Rational(1, 3), m: 2}
    assert abs(sp.N((last - kernel.expr()).subs(point), 40)) < 1e-35


@pytest.mark.parametrize("s", tables_formulas.surrogates(), ids=lambda s: s.name)
def test_factor_is_that_of_the_heading(s: kc.Function) -> None:
    """(S78): sqrt(2/(pi a)) G(b - c^2/a); (S79): sqrt(2/(pi a)) s(0) at x = y."""
    factor, g = tables_formulas.limit_factor(s), mean(s).expr
    assert factor.expr is not None
    assert g is not None
    assert factor.diagonal is not None
    values = {symbol: sp.Rational(2 + i, 3) for i, (symbol, _) in enumerate(s.parameters)}
    front = sp.sqrt(2 / (sp.pi * a))
    for point in POINTS:
        at = dict(zip((a, b, c), point, strict=True)) | values
        expected = front * g.subs(v, b - c**2 / a)
        assert abs(sp.N((factor.expr - expected).subs(at), 40)) < 1e-35
        assert abs(sp.N((factor.diagonal - front * s.expr.subs(z, 0)).subs(at), 40)) < 1e-35


def test_every_function_of_the_catalogue_has_its_dual(built: dict[str, str]) -> None:
    for entry in TABLED:
        assert rf"\textbf{{{text(entry.label).tex}" in built["duals.tex"]
    assert built["duals.tex"].count(r"\mathbb{E}[f'(X)\,f'(Y)]") == len(tables_formulas.activations())


def test_misprints_show_where_the_forms_differ() -> None:
    claim = Claim(
        "T/1", "a < b & 5% of $x_1$", "p. 1", 2 * a, lambda: a, points=({a: 1}, {a: 3}),
        corrected=a, note="twice too large",
    )  # fmt: skip
    assert tables_claims.values(claim) == "a = 1: printed 2.0, corrected 1.0"
    table = tables_claims.misprints([claim])
    assert r"a \textless{} b \& 5\% of \$x\_\allowbreak{}1\$" in as_tex(table)
    assert tables_claims.ledger([claim]).blocks[0].rows[0][3] == text("corrected")


def test_command_writes_the_folder_and_refuses_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "TABLES", {"asymptotics": tables_formulas.asymptotics})
    out = tmp_path / "new" / "folder"
    result = CliRunner().invoke(command, ["--out", str(out)])
    assert result.exit_code == 0
    assert "3 files" in result.stdout
    assert "asymptotics" in result.stderr
    assert (out / "asymptotics.tex").read_bytes() == (COMMITTED / "asymptotics.tex").read_bytes()
    file = tmp_path / "file"
    file.touch()
    result = CliRunner().invoke(command, ["--out", str(file)])
    assert isinstance(result.exception, kc.InputError)
    assert str(file) in str(result.exception)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex (Debian: texlive-latex-recommended)")
def test_main_compiles_without_errors_or_wide_lines(tmp_path: Path) -> None:
    for path in COMMITTED.glob("*.tex"):
        shutil.copy(path, tmp_path)
    run = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    for _ in range(2):
        subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    log = (tmp_path / "main.log").read_text(errors="replace")
    assert [size for size in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(size) > 10] == []
