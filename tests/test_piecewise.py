"""Means without a cheap closed form: tables of piecewise polynomials, and kernels that look them up."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import kernelcalc as kc
from kernelcalc.compile import cache
from kernelcalc.compile.forms.named import canonical
from kernelcalc.compile.layout import SECOND, STRIDE, TABLE_HEADER, TABLE_TERMS
from kernelcalc.compile.tables import means
from kernelcalc.compile.tables.piecewise import Sample, Table, tabulate
from kernelcalc.errors import InputError
from kernelcalc.functions.base import Function

CUSPED, NO_FORM, SMOOTH = "1/(1 + 25*abs(z))**2", "exp(-abs(z)**3)", "1/cosh(z)**2"
KINKED, SLOW, JUMP = "max(0, 1 - abs(z))", "1/(1/2 + abs(z))", "exp(-abs(z))*(1 + 3*heaviside(z))"
FORMULAS = (CUSPED, NO_FORM, SMOOTH, KINKED, SLOW, JUMP)


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return {formula: means.table_of(kc.function(formula), ()) for formula in FORMULAS}


def random_deviations(count: int) -> np.ndarray:
    """sqrt(v) for v from 1e-12 to 1e12 and beyond."""
    inner = 10 ** np.random.default_rng(5).uniform(-6, 6, count)
    return np.concatenate([inner, [1e-6, 1e6, 1e-13, 1e9]])


@pytest.mark.parametrize("formula", FORMULAS)
def test_tables_keep_their_certified_error(formula: str, tables: dict[str, Table]) -> None:
    table, f = tables[formula], kc.mean(kc.function(formula))
    assert table.error <= 4e-16
    for x in random_deviations(6):
        exact = f.reference(mp.mpf(float(x)) ** 2, digits=20)
        assert abs(table(np.array([x]))[0] - exact) <= table.error * exact


def test_a_closed_form_confirms_a_table(tables: dict[str, Table]) -> None:
    """E exp(-|Z|) = erfcx(sqrt(v/2)), and the jump 1 + 3 H adds 3/2 of that."""
    for x in random_deviations(200):
        with mp.workdps(40):
            y = mp.mpf(float(x)) / mp.sqrt(2)
            exact = mp.mpf(5) / 2 * mp.exp(y**2) * mp.erfc(y) if y < 1e4 else None
            if exact is None:
                exact = mp.mpf(5) / 2 / (y * mp.sqrt(mp.pi)) * (1 - 1 / (2 * y**2) + 3 / (4 * y**4))
        assert abs(tables[JUMP](np.array([x]))[0] - exact) <= tables[JUMP].error * exact


def test_a_table_holds_no_denormal_numbers() -> None:
    """Each would cost a vector of lookups a hundred cycles; a constant mean has terms that are 0."""
    numbers = means.scaled_table(kc.StepSurrogate())[0].numbers
    below = np.abs(numbers) < np.finfo(np.float64).tiny
    assert not (below & (numbers != 0)).any()


def test_the_ends_of_a_table(tables: dict[str, Table]) -> None:
    zero = np.array([0.0, 1e-300])
    assert tables[CUSPED](zero) == pytest.approx(1.0, abs=1e-15)
    assert tables[JUMP](zero) == pytest.approx(2.5, abs=1e-15)  # the mean of both sides
    x = np.array([1e30, 1e35])
    assert tables[CUSPED](x) * x == pytest.approx(2 / 25 / np.sqrt(2 * np.pi), rel=1e-14)
    assert tables[SLOW].reach < 1e31  # a logarithm: known to the end of the table only


def test_compiled_lookup_agrees_with_the_table(tables: dict[str, Table]) -> None:
    source = (
        "from kernelcalc.compile.arithmetic.lookup import lookup\n"
        "def entry(x, y, n, table):\n    for i in range(n):\n        y[i] = lookup(x[i], table)\n"
    )
    call = cache.function(source, "entry", ("float64*", "float64*", "int64", "float64*"))
    x = np.concatenate([random_deviations(500), [0.0, 1e-310, 1e35, np.nan]])
    for table in tables.values():
        y, numbers = np.empty_like(x), table.numbers
        call(x.ctypes.data, y.ctypes.data, len(x), numbers.ctypes.data)
        assert y[:-1] == pytest.approx(table(x[:-1]), rel=4e-16, abs=0)
        assert np.isnan(y[-1])


def test_many_lookups_are_single_ones_to_the_bit(tables: dict[str, Table]) -> None:
    """By rows and shuffles instead of numbers one by one; the second table of two where side > 0."""
    source = (
        "from kernelcalc.compile.arithmetic.lookup import lookup, lookup_side, lookups, lookups_side\n"
        "def entry(x, side, y, n, table, many, two):\n"
        "    for i in range(n):\n"
        "        y[i] = lookup_side(x[i], side[i], table) if two else lookup(x[i], table)\n"
        "    if two:\n        lookups_side(x, side, n, table, many)\n"
        "    else:\n        lookups(x, n, table, many)\n"
    )
    arguments = (*("float64*",) * 3, "int64", "float64*", "float64*", "int64")
    call = cache.function(source, "entry", arguments)
    generator = np.random.default_rng(6)
    x = np.concatenate([10 ** generator.uniform(-12, 12, 227), [0.0, 1e-310, 1e35, np.inf, np.nan]])
    assert len(x) % 8 == 0
    side = generator.standard_normal(len(x))
    for table in tables.values():
        start, rows = np.split(table.numbers.copy(), [TABLE_HEADER])
        start[SECOND] = len(rows) // (TABLE_TERMS - 1)
        numbers = np.concatenate([start, rows, -rows])
        for two in (0, 1):
            many, one, work = x.copy(), np.empty_like(x), np.empty(TABLE_TERMS * STRIDE)
            arrays = (many, side, one)
            places = [a.ctypes.data for a in arrays]
            call(*places, len(x), numbers.ctypes.data, work.ctypes.data, two)
            assert np.array_equal(many, one, equal_nan=True)
            assert (many[:-1] < 0).any() == two


def test_the_error_is_measured_between_the_nodes() -> None:
    """A function that wiggles within every interval is refused, not approximated."""

    def wiggly(x: np.ndarray) -> Sample:
        values = (1 + 1e-12 * np.sin(1e3 * np.log(x))).astype(np.longdouble)
        return Sample(values, np.abs(values))

    with pytest.raises(InputError, match="too steep"):
        tabulate(wiggly, "wiggly", stop=4)


def test_text_round_trip(tables: dict[str, Table]) -> None:
    table = tables[NO_FORM]
    again = Table.from_text(table.to_text())
    assert (again.numbers == table.numbers).all()
    assert (again.error, again.reach) == (table.error, table.reach)


@pytest.mark.parametrize(
    ("formula", "reason"),
    [("1/sqrt(abs(z))", "finite|singular"), ("sqrt(abs(z))", "too steep"), ("cos(z**2)", "oscillates")],
)
def test_what_cannot_be_tabulated_is_refused(formula: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        means.make(Function(formula, kc.function(formula).expr) if "1/" not in formula else _steep())


def _steep() -> Function:
    import sympy as sp

    from kernelcalc.symbols import z

    return Function("steep", 1 / sp.sqrt(sp.Abs(z)))


def test_slope_and_amplitude_stay_numbers_of_the_run() -> None:
    import sympy as sp

    from kernelcalc.symbols import z

    slope, height, power = sp.symbols("slope height power", positive=True)
    parameters = ((slope, sp.Integer(25)), (height, slope), (power, power))
    f = Function("f", height / (1 + slope * sp.Abs(z)) ** power, parameters).symbolic
    found = canonical(f)
    assert (found.amplitude, found.scale) == (height, slope)
    assert found.base.template == 1 / (1 + sp.Abs(z)) ** power


def test_reduced_forms() -> None:
    a, b, c, m = kc.symbols.a, kc.symbols.b, kc.symbols.c, kc.symbols.m
    s = kc.function(NO_FORM)
    sign = kc.dual(kc.Sign().derivative, s)
    assert sign.expr is None
    assert sign.reduced is not None
    (G,) = sign.reduced.atoms(kc.expectation.reduced.G)
    assert (G.args[0] - (b - c**2 / a)).simplify() == 0
    erf = kc.dual(kc.Erf("m").derivative, s).reduced
    assert erf is not None
    (G,) = erf.atoms(kc.expectation.reduced.G)
    assert (G.args[0] - (b + 2 * m**2 * (a * b - c**2)) / (1 + 2 * m**2 * a)).simplify() == 0
    assert kc.dual(kc.ReLU().derivative, s).reduced == kc.expectation.reduced.G(b) / 2
    assert kc.dual(kc.Erf(), s).reduced is None


ROWS = np.random.default_rng(0).standard_normal((6, 8))
ROWS[5] = ROWS[4] * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize(
    ("activation", "formula"),
    [(kc.Sign(), NO_FORM), (kc.Sign(), CUSPED), (kc.Erf(3), NO_FORM)],
    ids=["sign", "sign-closed", "erf"],
)
def test_kernels_look_means_up(activation: Function, formula: str) -> None:
    k = kc.SGNTK(activation, kc.function(formula), depth=3, sigma_w=1.0, sigma_b=0.1)
    K = k(ROWS)
    for i, j in ((0, 0), (0, 1), (1, 0), (3, 2), (4, 5)):
        exact = k.reference(ROWS[i], ROWS[j], digits=18)
        assert abs(K[i, j] - exact) <= 3e-15 * abs(exact)


def test_variances_beyond_the_table_are_refused() -> None:
    k = kc.SGNTK(kc.Sign(), kc.function(SLOW), depth=2)
    with pytest.raises(InputError, match="scale the data"):
        k(ROWS * 1e40)


def test_latex_names_the_mean() -> None:
    k = kc.SGNTK(kc.Sign(), kc.function(NO_FORM), "L", sigma_b=0.1)
    assert r"G{\left(" in k.latex()
    with pytest.raises(InputError, match="no closed form"):
        k.factor_map()
