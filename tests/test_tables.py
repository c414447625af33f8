"""The formula tables: they are the committed ones, they are well-formed, and they say what was derived."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import sympy as sp
from click.testing import CliRunner

import kernelcalc as kc
from kernelcalc.checking.meaning import Names, expression
from kernelcalc.checking.parser import parse
from kernelcalc.checking.syntax import Name
from kernelcalc.cli.tables import tables as command
from kernelcalc.expectation.result import mean
from kernelcalc.functions.special import hyperu
from kernelcalc.notation import Notation, latex, shortened, spelled, theta, using
from kernelcalc.symbols import D, a, b, c, m, n0, rho, sigma_b, sigma_w, v, xx, xy, yy, z
from kernelcalc.tables import collection, functions, kernels
from kernelcalc.tables.document import PDF
from kernelcalc.tables.model import GENERATED, Cell, Shown, Table, formula
from kernelcalc.tables.width import LINE, broken, width

pytestmark = pytest.mark.timeout(1800)  # the first test judges all claims
ROOT = Path(__file__).parents[1]
COMMITTED = ROOT / "tables"
POINTS = ((2, 3, 1), (1, sp.Rational(1, 2), -sp.Rational(1, 3)))


@pytest.fixture(scope="module")
def made() -> tuple[Table, ...]:
    return collection.tables(jobs=2)


@pytest.fixture(scope="module")
def built(made: tuple[Table, ...]) -> dict[str, str]:
    return collection.files_of(made)


def test_committed_files_are_what_is_built(built: dict[str, str], tmp_path: Path) -> None:
    stale = [name for name, content in built.items() if (COMMITTED / name).read_bytes() != content.encode()]
    assert not stale, f"run kernelcalc tables and commit {stale}"
    assert {path.name for path in COMMITTED.iterdir()} == set(built) | {PDF}


def test_files_do_not_depend_on_the_hash_seed() -> None:
    code = "from kernelcalc.tables import kernels as f, model as m; print(m.as_tex(f.KERNELS.made()))"
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("1",)
    ]
    assert outputs[0] == (COMMITTED / "kernels.tex").read_bytes() + b"\n"


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
        limit = LINE * (1.5 if name == "kernels" else 1.15)  # its first column is narrower
        rows = "".join(x for x in built[f"{name}.tex"].splitlines() if not x.startswith(r"\multicolumn"))
        for found in re.findall(r"\$\\displaystyle ?(.*?)\$", rows):
            inner = re.sub(r"\\(begin|end)\{aligned\}(\[t\])?", "", found)
            assert max(width(line) for line in inner.split(r" \\ ")) <= limit, found


def test_latex_is_written_as_in_the_papers() -> None:
    erf = kc.Erf("m")
    assert latex(kc.dual(erf).expr) == (
        r"\frac{2}{\pi} \arcsin\left(\frac{2 m^{2} c}{\sqrt{(1 + 2 m^{2} a) (1 + 2 m^{2} b)}}\right)"
    )
    assert latex(shortened(kc.dual(erf.derivative).expr)) == (
        r"\frac{4 m^{2}}{\pi \sqrt{1 + 2 m^{2} a + 2 m^{2} b + 4 m^{4} \lvert \Sigma\rvert}}"
    )
    assert latex(shortened(kc.dual(kc.ReLU()).expr)) == (
        r"\frac{\sqrt{\lvert \Sigma\rvert}}{2 \pi} + \frac{c (\pi - \theta)}{2 \pi}"
    )
    assert latex(sigma_b**2 + sigma_w**2 * xy / n0) == (
        r"\frac{\sigma_{w}^{2} \langle x,y\rangle}{n_{0}} + \sigma_{b}^{2}"
    )
    assert latex(2 * sp.asin(rho) / sp.pi) == r"\frac{2}{\pi} \arcsin \rho"
    assert latex(sp.sqrt(2) / sp.sqrt(sp.pi * a)) == r"\sqrt{\frac{2}{\pi a}}"
    assert latex(sp.sqrt(2) / sp.sqrt(2 * D + a)) == r"\frac{1}{\sqrt{\lvert \Sigma\rvert + \frac{a}{2}}}"
    assert latex(sp.sqrt(xx)) == r"\lVert x\rVert"
    assert latex(sp.exp(-(z**2) / 2) / 2) == r"\frac{1}{2} e^{- z^{2}/2}"
    assert latex(-sp.exp(v) * sp.erf(v) + sp.exp(v)) == r"e^{v} \, \mathrm{erfc}(v)"
    assert latex(-a) == "- a"
    assert latex(-(a + b)) == "- a - b"
    assert latex(c * (a + b)) == r"c (a + b)"
    assert latex(c / (a + b) / -2) == r"- \frac{c}{2 (a + b)}"


# read by names with two arguments: what the parser has not, or knows as something else
MARKED = {r"\mathrm{E}_{1}": "V", r"\delta": "W", "H": "Y"}
SPECIAL: dict[str, Callable[..., sp.Expr]] = {
    "U": hyperu,
    "V": lambda _, x: sp.expint(1, x),
    # H and delta as smooth functions: a formula in them holds for any functions, and these see every argument
    "W": lambda _, x: sp.exp(-(x**2)) + x,
    "Y": lambda _, x: 1 / (2 + sp.sin(x)),
}


def _smooth(form: sp.Expr) -> sp.Expr:
    form = form.replace(sp.Heaviside, lambda x, *_: SPECIAL["Y"](0, x))
    return form.replace(sp.DiracDelta, lambda x: SPECIAL["W"](0, x))


def _back(text: str, symbols: Mapping[sp.Symbol, str]) -> sp.Expr:
    """A formula read back by the parser of kc.check; symbols: how each is written."""
    for i, name in sorted(enumerate(symbols.values()), key=lambda pair: -len(pair[1])):
        text = text.replace(name, f"{{w_{{{i}}}}}") if len(name) > 1 else text
    known = {f"w_{i}": s for i, (s, name) in enumerate(symbols.items()) if len(name) > 1}
    known |= {name: s for s, name in symbols.items() if len(name) == 1}
    for sign, letter in MARKED.items():
        text = re.sub(rf"{re.escape(sign)}(\\left|)\(", rf"{letter}\1(0, ", text)
    text = text.replace(r"\gamma_{\mathrm{E}}", "{w_{99}}")
    known |= {"w_99": sp.EulerGamma}

    def special(name: Name) -> sp.Expr | None:
        if not name.arguments or name.letter not in SPECIAL:
            return None
        return SPECIAL[name.letter](*(expression(text, x, names) for x in name.arguments))

    names = Names(known, resolve=special)
    return expression(text, parse(text + "{}"), names)


def _read(text: str, form: sp.Expr, names: Mapping[sp.Symbol, str]) -> sp.Expr:
    """The same for the forms of a cell; a matrix by its entries."""
    symbols = {s: names.get(s) or latex(s) for s in form.free_symbols}
    if not isinstance(form, sp.MatrixBase):
        return _back(text, symbols)
    inner = text.removeprefix(r"\begin{bmatrix}").removesuffix(r"\end{bmatrix}")
    rows = [row.split("&") for row in inner.replace(r"\displaystyle", "").split(r"\\[2pt]")]
    return sp.ImmutableMatrix([[_back(entry, symbols) for entry in row] for row in rows])


def _point(symbols: set[sp.Symbol]) -> dict[sp.Symbol, sp.Expr]:
    """Numbers for the symbols, with c^2 < a b."""
    found = {s: sp.Rational(6 + i, 4) for i, s in enumerate(sorted(symbols, key=str))}
    small = {"c", "rho", "theta", "xy"}
    return {
        s: sp.Rational(1, 3) if s.name.split("_")[0] in small else sp.Integer(3) if s.is_integer else x
        for s, x in found.items()
    }


def _same(x: sp.Expr, y: sp.Expr) -> bool:
    return bool(x == y or abs(x - y) < 1e-30 * max(1, abs(x)))


def _says(shown: Shown) -> bool:
    """Whether the LaTeX of a cell, read back, has the value of the derived expression, to 30 digits."""
    found, *parts = (_read(text, form, shown.names) for text, form in shown.parts)
    for _ in parts:  # parts may use other parts
        found = found.subs({sp.Symbol(f"u_{i}", real=True): part for i, part in enumerate(parts, 1)})
    point = _point(shown.source.free_symbols | spelled(found).free_symbols)
    sides = [sp.ImmutableMatrix([spelled(_smooth(x)).subs(point)]) for x in (shown.source, found)]
    values = [[sp.N(entry, 45) for entry in side] for side in sides]
    return sides[0].shape == sides[1].shape and all(_same(x, y) for x, y in zip(*values, strict=True))


# what stands between dollars and is no formula of a number: (tables, a pattern) -> why
NO_NUMBER = {
    ("duals|surrogates|asymptotics", r"(m\\to\\infty:\\ )?\\mathbb\{E\}\[[^=]*\]"): "names its row",
    ("duals|surrogates", r"f'\(z\)|G\(v\)(,\\ v\\to ?(0|\\infty))?|x(\\neq |=)y|'+"): "names its row",
    ("kernels", r"layer|l\+1|L=\d"): "names its row",
    ("asymptotics", r"\\Theta_m\^\{\(\w\)\}\(x,x\)|K_\d|L"): "names its row",
    ("kernels|asymptotics", r"(f=)?\\mathrm\{erf\}(_m|')|m(\\to\\infty)?|x=y|\\varphi\\to 0"): "in a heading",
    ("asymptotics", r"\\Theta_\\infty.*\\sim K_L.*"): "the heading says what K and alpha are",
    ("ledger", ".*"): "statements of the papers, in their words; tests/test_tables_claims.py reads them back",
    ("misprints", ".*"): "the same, and points with their decimals; the forms themselves are read",
}


def _all_cells(made: tuple[Table, ...]) -> Iterator[tuple[str, Cell]]:
    for table in made:
        for block in table.blocks:
            yield from ((table.name, block.heading),) if block.heading else ()
            yield from ((table.name, cell) for row in block.rows for cell in row)


def _cells(made: tuple[Table, ...]) -> list[Shown]:
    return [shown for _, cell in _all_cells(made) for shown in cell.shown]


def _bare(text: str) -> str:
    """Without line breaks."""
    layout = r" ?(\\\\ )?& | ?\\(end|begin)\{aligned\}(\[t\])?|\\displaystyle"
    return " ".join(re.sub(layout, " ", text).split())


def _open(table: str, cell: Cell) -> list[str]:
    """What a cell has between dollars, without its formulas of numbers and what is named as none."""
    found = []
    for piece in re.findall(r"(?<!\\)\$(.*?)(?<!\\)\$", cell.tex):
        formulas = [_bare(text) for shown in cell.shown for text, _ in shown.parts]
        known = any(form in _bare(piece) for form in formulas)
        names = (re.fullmatch(x, _bare(piece)) for where, x in NO_NUMBER if re.fullmatch(where, table))
        if not known and not any(names):
            found.append(piece)
    return found


def test_every_formula_is_read_back_or_named_as_none_of_a_number(made: tuple[Table, ...]) -> None:
    assert [piece for table, cell in _all_cells(made) for piece in _open(table, cell)] == []
    assert _open("duals", Cell(r"$c^{2}$", "")) == ["c^{2}"]
    (misprints,) = (table for table in made if table.name == "misprints")
    rows = [row for block in misprints.blocks for row in block.rows]
    forms = [row[1] for row in rows if row[0].tex in ("printed", "corrected")]
    assert len(forms) > 70
    assert all(cell.shown or "too wide" in cell.tex for cell in forms)


def test_formulas_read_back_are_the_ones_that_were_derived(made: tuple[Table, ...]) -> None:
    shown = _cells(made)
    assert len(shown) > 700
    assert sum(one.source.has(sp.oo, sp.DiracDelta, sp.Heaviside) for one in shown) > 20
    assert sum(isinstance(one.source, sp.MatrixBase) for one in shown) > 5
    wrong = [one.parts for one in shown if not _says(one)]
    assert wrong == []


def test_a_slip_of_the_printer_is_seen(made: tuple[Table, ...]) -> None:
    slips = {r"\frac{2}{\pi}": r"\frac{3}{\pi}", "H(z)": "H(- z)", r"\delta(z)": r"\delta(2 z)"}
    for right, wrong in (slips | {r"\infty": "7"}).items():
        found = [one for one in _cells(made) if right in one.parts[0][0] and len(one.parts) == 1][:3]
        assert found, right
        for one in found:
            ((text, form),) = one.parts
            assert not _says(Shown(one.source, ((text.replace(right, wrong), form),), one.names))


def test_what_is_shown_stands_in_the_file(made: tuple[Table, ...]) -> None:
    """The LaTeX that is read back is the LaTeX of the cell, but for line breaks."""
    for _, cell in _all_cells(made):
        for shown in cell.shown:
            for text, _ in shown.parts:
                assert _bare(text) in _bare(cell.tex), text


def test_names_for_parts_are_undone_by_their_meaning() -> None:
    for f in (kc.Erf("m"), kc.ReLU(), kc.Sign(), kc.GELU(), kc.Gaussian("beta"), kc.RectifiedQuadratic()):
        for e in (kc.dual(f), kc.dual(f.derivative)):
            short = shortened(e.expr)
            assert short.has(D, rho, theta) or f.name == "gaussian" or e.expr == short, short
            difference = (spelled(short) - e.expr).subs(
                {a: 2, b: 3, c: 1, m: 2, sp.Symbol("beta", positive=True): 3}
            )
            assert abs(sp.N(difference, 40)) < 1e-35


def test_long_formulas_get_named_parts() -> None:
    wide = sp.Add(*(sp.Symbol(f"p_{i}") for i in range(20)))
    cell = formula(sp.sqrt(1 + wide) / (2 + wide) * sp.exp(wide * sp.Symbol("k")))
    assert len(cell.shown[0].parts) > 1
    assert "u_{1} =" in cell.tex


def test_long_sums_are_broken_between_terms_and_lose_none() -> None:
    terms = sp.Add(*(sp.Symbol(f"q_{i}") * sp.sin(sp.Symbol(f"r_{i}")) for i in range(20)))
    lines = broken(terms)
    assert len(lines) > 1
    assert all(width(line) <= LINE for line in lines)
    assert " ".join(lines) == latex(terms)


@pytest.mark.parametrize("name", list(kernels.kernels()))
def test_sums_of_products_are_the_kernel(name: str) -> None:
    """The last line of depth 3, with the layers put in one after the other, is the closed form."""
    kernel = replace(kernels.kernels()[name], depth=3)
    if kernel.layer.factor is None:
        return
    inputs = {xx: 2, yy: 3, xy: 1, n0: 3, sigma_w: sp.Rational(3, 2), sigma_b: sp.Rational(1, 3), m: 2}
    named = kernels.layer_step(kernel).named
    terms, written = kernels.tangent_terms(kernel, 3)
    values: dict[str, sp.Expr] = {}
    for level, layer in enumerate(kernel.layers(), 1):
        at = {s: sp.N(layer[s.name].subs(inputs), 60) for s in (a, b, c)}
        at |= {D: at[a] * at[b] - at[c] ** 2, rho: at[c] / sp.sqrt(at[a] * at[b])}
        at |= {theta: sp.acos(at[rho])}
        at |= {s: form.subs(at | inputs) for s, form in named.items()}
        values |= {f"{s.name}_{level}": value for s, value in at.items()}
    total = sp.Add(*terms).subs({s: values[s.name] for s in written} | inputs)
    assert abs(sp.N(total - kernel.expr().subs(inputs), 40)) < 1e-30


@pytest.mark.parametrize("name", functions.surrogates())
def test_factor_is_that_of_the_heading(name: str) -> None:
    """(S78): sqrt(2/(pi a)) G(b - c^2/a); (S79): sqrt(2/(pi a)) s(0) at x = y."""
    s = functions.surrogates()[name]
    factor, g = functions.limit_factor(s), mean(s).expr
    if g is None:
        assert factor.expr is None
        return
    assert factor.expr is not None
    values = {
        symbol: sp.Rational(2 + i, 3) for i, (symbol, value) in enumerate(s.parameters) if symbol == value
    }
    front = sp.sqrt(2 / (sp.pi * a))
    for point in POINTS[:1]:
        at = dict(zip((a, b, c), point, strict=True)) | values
        expected = front * g.subs(v, b - c**2 / a)
        assert abs(sp.N((factor.expr - expected).subs(at), 40)) < 1e-30
        if factor.diagonal is not None and all(t != 0 for t, _ in s.jumps):
            assert abs(sp.N((factor.diagonal - front * s.expr.subs(z, 0)).subs(at), 40)) < 1e-30


def test_what_no_theorem_covers_is_said_of_every_surrogate(made: tuple[Table, ...]) -> None:
    table = next(table for table in made if table.name == "surrogates")
    said = [{row[0].md: row[1].md for row in block.rows} for block in table.blocks]
    reasons = [rows["not covered by"] for rows in said if "not covered by" in rows]
    assert [("not covered by" in rows) for rows in said] == [
        "jump" in rows["hypotheses"] or rows["hypotheses"].startswith("unbounded") for rows in said
    ]
    assert all("Theorem E.5, Lemma E.7 and (S78): it " in reason for reason in reasons)
    assert "S2NN (no closed form; not covered by Theorem E.5, Lemma E.7" in table.intro.md


def test_every_activation_has_its_dual_or_is_said_to_have_none(made: tuple[Table, ...]) -> None:
    duals = made[0]
    headings = {re.split("[:,]", b.heading.md)[0].replace("\\", "") for b in duals.blocks if b.heading}
    assert len(headings) >= 35
    without = duals.intro.md.partition("no closed form for ")[2].partition(":")[0].split(", ")
    assert headings.isdisjoint(without)
    assert headings | set(without) == {re.split("[:,]", name)[0] for name in functions.activations()}


def test_notations() -> None:
    kernel = kc.SGNTK(kc.Sign(), kc.Erf().derivative, "L", sigma_w=sigma_w, sigma_b=sigma_b)
    assert r"\tilde\Sigma^{(l+1)}(x,y) &= \frac{2 \sigma_{w}^{2}}" in kernel.latex()
    other = kernel.latex(notation="neural-tangents", variances=True)
    assert r"\tilde\mathcal{K}^{(l+1)}(x,y) &= \frac{2 C_{w}}" in other
    assert r"\Sigma" not in other
    assert r"\sigma" not in other
    assert r"\frac{2 \omega^{2}}{\pi}" in kernel.latex(symbols={"sigma_w": r"\omega"})
    with pytest.raises(kc.InputError, match="neural-tangents"):
        kernel.latex(notation="physics")
    with using(Notation("neural-tangents")):
        assert latex(shortened(kc.dual(kc.Sign().derivative).expr)) == (
            r"\frac{2}{\pi \sqrt{\lvert \mathcal{K}\rvert}}"
        )
        assert latex(a + c) == r"\mathcal{K}_{11} + \mathcal{K}_{12}"


def test_command_writes_the_folder_and_refuses_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = replace(kernels.ASYMPTOTICS, names=lambda: ("growth",))
    monkeypatch.setattr(collection, "FORMULAS", {"asymptotics": growth})
    monkeypatch.setattr(collection, "CLAIMS", {})
    monkeypatch.setattr("kernelcalc.verify.run.cores", lambda: 1)
    out = tmp_path / "new" / "folder"
    result = CliRunner().invoke(command, ["--out", str(out), "--no-pdf"])
    assert result.exit_code == 0
    assert "3 files" in result.stdout
    assert "asymptotics" in result.stderr
    rows = re.findall(r".*Theta_m.*", (out / "asymptotics.tex").read_text())
    assert len(rows) == 4
    assert set(rows) <= set((COMMITTED / "asymptotics.tex").read_text().splitlines())
    result = CliRunner().invoke(command, ["--out", str(out), "--no-pdf", "--symbol", r"sigma_w=\omega"])
    assert r"\omega^{2}" in (out / "asymptotics.tex").read_text()
    assert isinstance(CliRunner().invoke(command, ["--symbol", "m"]).exception, kc.InputError)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(command, ["--out", str(out)])
    assert result.exit_code == 0
    assert "no pdflatex, so no PDF" in result.stderr
    file = tmp_path / "file"
    file.touch()
    result = CliRunner().invoke(command, ["--out", str(file)])
    assert isinstance(result.exception, kc.InputError)
    assert str(file) in str(result.exception)
