"""The second phase: entries that float64 alone gets wrong, against the recursion in many digits."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from exact_kernels import exact, ulps
from numpy.typing import NDArray

import kernelcalc as kc
from kernelcalc.compile import digits
from kernelcalc.compile.evaluator import Space, evaluator
from kernelcalc.compile.layout import STRIDE
from kernelcalc.compile.second import Second
from kernelcalc.compile.tape import Tape
from kernelcalc.functions.base import Function
from kernelcalc.gram import InaccurateWarning
from kernelcalc.kernels import Kernel

Matrix = NDArray[np.float64]


def pair(size: float, angle: float, other: float = 1.0) -> Matrix:
    """Two rows, size and other times as long, about that angle apart."""
    x, e = np.random.default_rng(4).standard_normal((2, 6))
    return np.array([size * x, size * other * (x + angle * e)])


def singular(m: float, depth: int) -> Kernel:
    """The limit of a surrogate, which no theorem covers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kc.SurrogateWarning)
        return kc.SGNTK(kc.Erf(m), kc.Sign().derivative, depth)


CASES: dict[str, tuple[Kernel, Matrix, float]] = {  # kernel, rows, ulps allowed
    "deep": (kc.NNGP(kc.Erf(1e15), 100), pair(1.0, 2.0), 64.0),
    "near-linear layers": (kc.NTK(kc.Erf(10), 60), pair(1e-8, 1e-8), 64.0),
    # the difference of the variances, 1e-316, shows 11 layers later: bounds must not forget it
    "a difference below the range of floats": (kc.NNGP(kc.Erf(1e15), 20), pair(1e-150, 1e-15), 64.0),
    # short rows with the limit of the surrogate: finite, as 1/sqrt(b) outgrows what T lost
    "variances that vanish under a pole": (singular(1e-8, 3), pair(1e-150, 1.0), 16.0),
    # each layer hands its roundings on and divides by a root: they grow with the square of the depth
    "variances under a pole": (singular(0.1, 20), pair(1.0, 2.0), 16.0),
    "variances that vanish, the kernel not": (
        kc.SGNTK(kc.Erf(1e-3), kc.Erf().derivative, 100),
        pair(1.0, 2.0),
        16.0,
    ),
    "a variance below the range of floats": (kc.NTK(kc.Erf(1e-8), 3), pair(1e-150, 1.0, 1e300), 16.0),
}


def first_phase(kernel: Kernel, rows: Matrix) -> float:
    """k of the two rows as float64 has it."""
    code = evaluator(kernel)
    x, y = (code.points(rows[k : k + 1], role, "X") for k, role in enumerate(("row", "column")))
    space, out = Space(rows.shape[1]), np.empty((1, STRIDE))
    numbers = code.numbers(rows.shape[1])
    code.first_phase(x, y, (0, 1, 0, 1), numbers, None, out, None, space)
    return float(out[0, 0])


@pytest.mark.parametrize("name", CASES)
def test_what_float64_loses_is_found_again(name: str) -> None:
    kernel, rows, allowed = CASES[name]
    wanted = exact([kernel], rows[0], rows[1], [int(kernel.depth)])[0][0]
    assert ulps(float(kernel(rows)[0, 1]), wanted) <= allowed
    if name != "near-linear layers":  # where a missing factor in close.py showed
        assert ulps(first_phase(kernel, rows), wanted) > allowed


def test_vanished_variances_need_no_mpmath(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that is settled whatever became of the variances: a warning would be an error."""
    monkeypatch.setattr(Second, "_exact", lambda *_: None)
    kernel, rows, allowed = CASES["variances that vanish, the kernel not"]
    wanted = exact([kernel], rows[0], rows[1], [int(kernel.depth)])[0][0]
    assert ulps(float(kernel(rows)[0, 1]), wanted) <= allowed
    # where the entry does hang on the lost variance, the bound says so
    with pytest.warns(InaccurateWarning):
        CASES["variances that vanish under a pole"][0](pair(1e-150, 1.0))


def test_the_sign_beyond_the_range_of_floats() -> None:
    """Infinities of almost orthogonal rows have the sign of an inner product that is all rounding, also where
    a sample says that the other entries are as exact as they should be."""
    x = np.random.default_rng(5).standard_normal((70, 6))
    y = x - x[0] * (x @ x[0])[:, None] / (x[0] @ x[0])
    K = singular(0.1, 100)(x, y)
    for value, row in zip(K[0, 1:], y[1:], strict=True):
        product = sum(Fraction(s) * Fraction(t) for s, t in zip(x[0].tolist(), row.tolist(), strict=True))
        assert value == (np.inf if product > 0 else -np.inf)


@pytest.mark.parametrize(
    "make",
    [
        lambda depth: kc.NTK(kc.Erf(3), depth, sigma_b=0.2),
        lambda depth: kc.SGNTK(kc.Sign(), kc.Erf().derivative, depth, sigma_b=0.1),
        lambda depth: kc.NTK(kc.ReLU(), depth),
        lambda depth: kc.NTK(kc.GELU(), depth),
    ],
)
def test_bounds_of_double_double_hold(make: Callable[[int], Kernel]) -> None:
    """Each value of lanes.py is within its bound (and half an ulp) of the same tape in 60 digits."""
    kernel = make(4)
    rows = np.concatenate([pair(1.0, angle) for angle in (2.0, 0.1, 1e-4, 1e-7, -1e-9)])
    code = evaluator(kernel)
    second = code.second(rows.shape[1])
    assert second is not None
    assert second._near is not None
    places = np.arange(len(rows)).reshape(-1, 2)
    side = rows, np.ones(len(rows))
    found, _ = second._near.run(side, side, places, 4, second._first, second._table)
    for (i, j), (value, wrong, _, _) in zip(places, found, strict=True):
        with mp.workdps(60):
            weight, bias = (mp.mpmathify(second.numbers[name]) for name in ("w2", "s2"))
            state = digits.first_layer(rows[i].tolist(), rows[j].tolist(), weight, bias)
            _, forward, _ = digits.evaluate(second.near, second.numbers, state, 4)
            assert abs(forward - value) <= wrong + 2.0**-53 * abs(value)
            assert 0 < wrong < 1e-9 * abs(value)


@pytest.mark.parametrize("kernel", [kc.NTK(kc.HardTanh(), 3, sigma_b=0.1)], ids=repr)
@pytest.mark.parametrize("angle", [1e-2, 1e-6, 1e-11])
def test_close_pairs_of_forms_with_quadrants(kernel: Kernel, angle: float) -> None:
    """In double-double, or soon in mpmath: settled, and equal to the tape in 60 digits."""
    rows = pair(1.0, angle)
    code = evaluator(kernel)
    second = code.second(rows.shape[1])
    assert second is not None
    assert second._near is not None
    side = rows, np.ones(2)
    places, depth = np.array([[0, 1]]), int(kernel.depth)
    (value, wrong, _, _), *_ = second._near.run(side, side, places, depth, second._first, second._table)[0]
    with mp.workdps(60):
        weight, bias = (mp.mpmathify(second.numbers[name]) for name in ("w2", "s2"))
        state = digits.first_layer(rows[0].tolist(), rows[1].tolist(), weight, bias)
        wanted = digits.evaluate(second.near, second.numbers, state, depth)[1]
        assert abs(value - wanted) <= wrong + 2.0**-53 * abs(value)
        assert abs(kernel(rows)[0, 1] / wanted - 1) < 4 * 2.0**-52


@pytest.mark.parametrize("name", ["GELU", "HardTanh"])
def test_long_opposite_rows_beside_a_bias(name: str) -> None:
    """1 + r = 1e-300 takes 600 digits of the covariance, and a sum that cancels as many again."""
    kernel = kc.NNGP(getattr(kc, name)(), 2, sigma_b=1)
    x = np.array([1.0, 2.0, -0.5]) * 1e150
    ((wanted,),) = exact([kernel], x, -x, [2])
    assert ulps(float(kernel(np.array([x, -x]))[0, 1]), wanted) < 2


@pytest.mark.filterwarnings("ignore::kernelcalc.SurrogateWarning")
@pytest.mark.parametrize("name", ["Box", "SuperSpike", "ATanSurrogate", "Laplace"])
@pytest.mark.parametrize("sigma_b", [0, 0.3])
def test_means_fall_for_ever(name: str, sigma_b: float) -> None:
    """Their tables end at 2^120; rows may be longer."""
    kernel = kc.SGNTK(kc.Sign(), getattr(kc, name)(), 3, sigma_b=sigma_b)
    X = np.random.default_rng(1).standard_normal((3, 5)) * [[1e150], [1e80], [1]]
    X[1] += 1e-70 * X[0] * (1 + 1e-8)
    K = kernel(X)
    for i, j in ((0, 0), (0, 1), (1, 0), (0, 2), (2, 1)):
        ((wanted,),) = exact([kernel], X[i], X[j], [3])
        assert ulps(float(K[i, j]), wanted) < 8


@pytest.mark.filterwarnings("ignore::kernelcalc.SurrogateWarning")
@pytest.mark.parametrize(
    ("kernel", "size", "apart"),
    [
        (kc.NTK(kc.OneSidedBox(), 2, sigma_b=1), 1e-150, 1e-15),  # (1 - r)/2 is 1e-330
        (kc.NTK(kc.Step(), 2), 1e-150, 1e-8),  # the product of the variances is 1e-600
        (kc.NNGP(kc.Triangle(), 2), 1e150, 1e-4),  # terms of 1e300 leave 1e-300
    ],
    ids=["gap", "variances", "terms"],
)
def test_beyond_the_range_of_floats(kernel: Kernel, size: float, apart: float) -> None:
    x, z = np.random.default_rng(2).standard_normal((2, 8))
    X = size * np.array([x, x + apart * z])
    ((wanted,),) = exact([kernel], X[0], X[1], [2])
    assert ulps(float(kernel(X)[0, 1]), wanted) < 4


@pytest.mark.parametrize("size", [1e-8, 1.0])
def test_opposite_rows_of_even_functions_are_equal(size: float) -> None:
    """Without bias: from the second layer on the points coincide."""
    x = size * np.array([1.0, 2.0, -0.5])
    K = kc.NTK(kc.Laplace(), 3)(np.array([x, -x]))
    np.testing.assert_allclose(K, K[0, 0], rtol=1e-15)


@pytest.mark.parametrize(
    ("kernel", "size"),
    [
        (kc.NTK(kc.Snake(), 3, sigma_b=0.1), 1e30),  # exp(-t) with t = 1e28 +- 1e30
        (kc.NNGP(kc.DGauss(), 3), 1e150),  # variances that are 0 in float64
    ],
    ids=["exponentials", "zeros"],
)
def test_opposite_rows_of_any_length(kernel: Kernel, size: float) -> None:
    x = size * np.random.default_rng(1).standard_normal(8)
    ((wanted,),) = exact([kernel], x, -x, [3])
    assert ulps(float(kernel(np.array([x, -x]))[0, 1]), wanted) < 2


@pytest.mark.parametrize("f", [kc.HardSwish(), kc.HardTanhPlusOne(), kc.Triangle()], ids=str)
def test_what_cancels_in_long_rows_is_not_taken_for_nothing(f: Function) -> None:
    """Double-double can make variances of them that are negative, with bounds that show it."""
    x, z = np.random.default_rng(0).standard_normal((2, 6))
    X = 1e30 * np.array([x, -x, *(x + n * 1e-4 * z for n in range(1, 8))])
    kernel = kc.NNGP(f, 3, sigma_b=0.1)
    K = kernel(X)
    for i, j in ((0, 1), (0, 2), *((n, n) for n in range(9))):
        ((wanted,),) = exact([kernel], X[i], X[j], [3])
        assert ulps(float(K[i, j]), wanted) < 8


def test_what_shrinks_with_every_digit_is_not_infinite() -> None:
    """NTK of a Gaussian at opposite rows 1e149 long: -1e395 in 50 digits, -1e345 in 100, then 3e148."""
    kernel = kc.NTK(kc.GaussianSurrogate(), 2, sigma_b=0.1)
    x = np.random.default_rng(0).standard_normal(8) * 1e149
    ((wanted,),) = exact([kernel], x, -x, [2])
    assert ulps(float(kernel(np.array([x, -x]))[0, 1]), wanted) < 2


def test_equal_rows_stay_equal_in_many_layers() -> None:
    """Behind jumps an angle is the root of that before: one that stands for 0 would grow to any size."""
    kernel, row = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 30, sigma_b=0.1), np.array([1.0, -2.0, 0.5])
    second = evaluator(kernel).second(len(row))
    assert second is not None
    with mp.workdps(50):
        weight, bias = (mp.mpmathify(second.numbers[name]) for name in ("w2", "s2"))
        state = digits.first_layer(row.tolist(), row.tolist(), weight, bias)
        found = digits.evaluate(second.near, second.numbers, state, 30)[1]
    assert abs(float(found) / kernel.diag(row[None])[0] - 1) < 1e-13


@pytest.mark.parametrize("text", ["cosh(z) - 1", "1 - cos(z)"])
@pytest.mark.parametrize("size", [1e-8, 1e-30, 1e-60])
def test_zeros_of_cancellation_settle_nothing(text: str, size: float) -> None:
    """All three terms cancel but for size^4, in float64, in double-double, and in mpmath twice."""
    kernel, rows = kc.NNGP(kc.function(text), 2), pair(size, 2.0)
    wanted = exact([kernel], rows[0], rows[1], [2])[0][0]
    assert float(kernel(rows)[0, 1]) == pytest.approx(float(wanted.value), rel=1e-15)
    second = evaluator(kernel).second(rows.shape[1])
    assert second is not None
    with mp.workdps(15):
        state = digits.first_layer(rows[0].tolist(), rows[1].tolist(), mp.mpf(1), mp.mpf(0))
        (value, *_), (lost, *_) = digits.bounded(second.near, second.numbers, state, 2)
    assert abs(value - wanted.value) <= lost or size == 1e-8
    assert (lost > 0) == (size < 1e-8)


def test_a_choice_is_as_unsure_as_its_condition() -> None:
    """Variances below the range of floats are taken for 0: not those that may be above."""
    kernel = kc.NNGP(kc.function("1 - cos(z)"), 2)
    code, rows = evaluator(kernel), pair(1e-30, 2.0)
    second = code.second(rows.shape[1])
    assert second is not None
    found = second.points(code.points(rows, "row", "X"))
    assert found is not None
    for row, (variance, wrong) in zip(rows, found[1][2:].T, strict=True):
        wanted = exact([kernel], row, row, [2])[0][0].value
        assert abs(variance - wanted) <= wrong


def test_a_tape_is_plain_data() -> None:
    tape = Tape.of_text(evaluator(kc.NTK(kc.Erf(1), 2)).structure.tapes["near"])
    assert Tape.of_text(tape.text()) == tape
    assert {"root_angles", "select", "hypot"} <= tape.operations


def test_what_is_left_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mpmath an entry beyond double-double stays as the first phase has it, and a warning says so."""
    monkeypatch.setattr("kernelcalc.compile.second.MOST", 0)
    kernel, rows, _ = CASES["a variance below the range of floats"]
    with pytest.warns(InaccurateWarning, match="entries are left"):
        values = kernel(rows)
    assert np.isfinite(values).all()
    with pytest.warns(InaccurateWarning):
        assert (kernel.error_bound(rows)[1, 1] >= 0.1 * values[1, 1]).all()


def test_a_large_matrix_is_measured_on_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where roundings do not pile up, float64 stays; where they do, all entries are evaluated again."""
    rows = np.random.default_rng(2).standard_normal((70, 12))
    calls: list[int] = []
    plain = Second._pairs

    def counted(self: Second, *given: Any) -> Matrix:
        calls.append(len(given[2]))
        return plain(self, *given)

    monkeypatch.setattr(Second, "_pairs", counted)
    for kernel, X, every in (
        (kc.NTK(kc.Erf(1), 40, sigma_b=1.0), rows, False),
        (kc.NNGP(kc.Erf(1e15), 100), rows, True),
        (kc.NTK(kc.Erf(1), 25, sigma_b=1.0), rows[0] + 1e-5 * rows, False),  # all pairs close
        (kc.NNGP(kc.Erf(1e15), 100), rows[0] + 1e-5 * rows, True),
    ):
        calls.clear()
        K = kernel(X)
        assert (sum(calls) >= 70 * 69 / 2) is every
        wanted = exact([kernel], X[3], X[60], [int(kernel.depth)])[0][0]
        assert ulps(float(K[3, 60]), wanted) <= 64
