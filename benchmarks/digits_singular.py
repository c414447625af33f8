"""The classifier of the singular kernel (Theorem D.4, Remark D.4) on digits: is it the limit it should be?

    python benchmarks/digits_singular.py

K_m is the NTK of erf(m z), and its classifier the sign of K_m(x, X) K_m(X, X)^-1 y, or the largest output.
Where is it that of the singular kernel? The proof of the theorem has, with K_m(x_i, x_i) ~ a_m D_i,

    |a_m K_m(x, X) K_m^-1 y - K_oo(x, X) D^-1 y|
        <= |K_m(x, X)| |a_m K_m^-1 - D^-1| |y| + |K_m(x, X) - K_oo(x, X)| |D^-1 y|      (S44),

so that the signs agree, for certain, wherever this bound is below |K_oo(x, X) D^-1 y|: column "certain". It
needs m so large that the matrix is close to its diagonal: column "rest", the norm of
D^-1/2 K_m/a_m D^-1/2 - 1, must be well below 1. "printed": the same by the formulas as printed, in plain
float64 arithmetic.

The second table takes the answers that differ, and those at large m, to 38 digits.
"""

from __future__ import annotations

import time
from typing import Any

import gmpy2  # type: ignore[import-untyped]  # it has no types
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from sklearn.datasets import load_digits

import kernelcalc as kc
from kernelcalc.training.singular import SingularClassifier, diagonal_growth

Reals = NDArray[np.float64]
SIGMA_B = 0.1
BITS = 128


def bar() -> Progress:
    """A progress display on a terminal, nothing elsewhere."""
    console = Console()
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def targets(y: NDArray[np.int64]) -> dict[str, Reals]:
    return {
        "even or odd": np.where(y % 2 == 0, 1.0, -1.0),
        "ten classes": np.where(y[:, None] == np.arange(10), 1.0, -1.0),
    }


def answers(values: Any) -> NDArray[np.int64]:
    return np.asarray(np.sign(values) if values.ndim == 1 else values.argmax(axis=1)).astype(np.int64)


def as_printed(X: Reals, Z: Reals, m: float, depth: int, number: Any, pi: Any, asin: Any, sqrt: Any) -> Any:
    """The NTK of erf(m z) by the formulas of section D.1, in the arithmetic of number, asin and sqrt.

    The inner products are exact in float64 for pixels that are whole numbers over 8.
    """
    h, s = 1 / (2 * number(m) ** 2), number(SIGMA_B) ** 2
    products = (X**2).sum(1)[:, None], (Z**2).sum(1)[None], X @ Z.T
    a, b, c = (number(product) / X.shape[1] + s for product in products)
    tangent = c
    for _ in range(depth - 1):
        u, v = h + a, h + b
        uv = u * v
        factor = 2 / pi / sqrt(uv - c * c)
        c = 2 / pi * asin(c / sqrt(uv)) + s
        a, b = (2 / pi * asin(w / (h + w)) + s for w in (a, b))
        tangent = c + tangent * factor
    return tangent


def share(K: Reals, cross: Reals, Y: Reals, expected: NDArray[np.int64]) -> str:
    """Share of the test points on which K_m gives the expected answer; or why there is none."""
    if not (np.isfinite(K).all() and np.isfinite(cross).all()):
        return "not finite"
    return f"{(answers(cross @ np.linalg.solve(K, Y)) == expected).mean():.3f}"


def certain(K: Reals, cross: Reals, y: Reals, limit: SingularClassifier, T: Reals) -> tuple[str, str]:
    """The norm of what is not diagonal, and the share of test points that the proof's bound decides."""
    D, k_oo = diagonal_growth(limit.kernel, limit.X), limit.kernel(T, limit.X)
    a_m = float((K.diagonal() / D).mean())
    if not np.isfinite(a_m):
        return "", ""
    scaled = K / a_m
    rest = float(np.linalg.norm(scaled / np.sqrt(D[:, None] * D) - np.eye(len(D)), 2))
    gap = np.linalg.norm(np.linalg.inv(scaled) - np.diag(1 / D), 2) * np.linalg.norm(y)
    bound = np.linalg.norm(cross, axis=1) * gap
    bound = bound + np.linalg.norm(cross - k_oo, axis=1) * np.linalg.norm(y / D)
    return f"{rest:.1e}", f"{(bound < np.abs(k_oo @ (y / D))).mean():.3f}"


def split(X: Reals) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows = np.random.default_rng(0).permutation(len(X))
    return rows[:1000], rows[1000:1500]


def limits(X: Reals, y: NDArray[np.int64]) -> None:
    train, test = split(X)
    tasks = targets(y)
    sphere = X / np.linalg.norm(X, axis=1, keepdims=True) * np.sqrt(X.shape[1])
    print("\nsame answer as the singular kernel, share of 500 test digits (1000 training digits)")
    print(f"{'':51}{'even or odd':>26}{'ten classes':>22}")
    print(f"{'':20}depth{'m':>8}{'rest':>10}{'certain':>9}" + f"{'kernelcalc':>13}{'printed':>11}" * 2)
    settings = [("digits", X, 2), ("digits", X, 3), ("digits", X, 6), ("digits on a sphere", sphere, 3)]
    with bar() as progress:
        for where, data, depth in progress.track(settings, description="limits"):
            kernel = kc.NTK(kc.Sign(), depth, sigma_b=SIGMA_B)
            limit = {task: SingularClassifier(kernel, data[train], Y[train]) for task, Y in tasks.items()}
            expected = {task: one.predict(data[test]) for task, one in limit.items()}
            for m in (1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e70):
                finite = kc.NTK(kc.Erf(m), depth, sigma_b=SIGMA_B)
                ours = finite(data[train]), finite(data[test], data[train])
                with np.errstate(all="ignore"):
                    numpy = np.asarray, np.pi, np.arcsin, np.sqrt
                    plain = [as_printed(data[rows], data[train], m, depth, *numpy) for rows in (train, test)]
                row = "".join(
                    f"{share(*ours, Y[train], expected[task]):>13}"
                    f"{share(plain[0], plain[1], Y[train], expected[task]):>11}"
                    for task, Y in tasks.items()
                )
                y_ = tasks["even or odd"][train]
                rest, sure = certain(*ours, y_, limit["even or odd"], data[test])
                print(f"{where:20}{depth:>5}{m:>8.0e}{rest:>10}{sure:>9}{row}", flush=True)


def exact_entries(X: Reals, Z: Reals, m: float, depth: int) -> Any:
    number, asin, sqrt = (np.frompyfunc(f, 1, 1) for f in (gmpy2.mpfr, gmpy2.asin, gmpy2.sqrt))
    return as_printed(X, Z, m, depth, number, gmpy2.const_pi(), asin, sqrt)


def refined(K: Any, Y: Reals) -> Any:
    """K^-1 Y to all digits, by iterative refinement of the float64 solution."""
    number = np.frompyfunc(gmpy2.mpfr, 1, 1)
    plain, wanted = K.astype(np.float64), number(Y)
    solution = number(np.linalg.solve(plain, Y))
    for _ in range(3):
        rest = wanted - K @ solution
        scale = float(np.abs(rest).max()) or 1.0
        solution = solution + number(np.linalg.solve(plain, (rest / scale).astype(np.float64))) * scale
    return solution


def with_many_digits(X: Reals, y: NDArray[np.int64]) -> None:
    """Float64 against 38 digits: whether the answers that differ do so by mathematics or by rounding."""
    train, test = (rows[:500] for rows in split(X))
    Y = np.column_stack(list(targets(y).values()))  # the two tasks side by side
    print("\nK_m in 38 digits, by the formulas as printed: its answers on both tasks (500 and 500 digits)")
    print(f"depth{'m':>8}{'as kernelcalc':>16}{'as the singular kernel':>25}{'error of the outputs':>23}")
    gmpy2.get_context().precision = BITS
    with bar() as progress:
        for depth, m in progress.track([(2, 1e3), (2, 1e8), (3, 1e3), (3, 1e8)], description="38 digits"):
            finite = kc.NTK(kc.Erf(m), depth, sigma_b=SIGMA_B)
            ours = finite(X[test], X[train]) @ np.linalg.solve(finite(X[train]), Y[train])
            K, cross = (exact_entries(X[rows], X[train], m, depth) for rows in (train, test))
            exact = cross @ refined(K, Y[train])
            limit = SingularClassifier(kc.NTK(kc.Sign(), depth, sigma_b=SIGMA_B), X[train], Y[train])
            found = [both(values) for values in (ours, exact.astype(np.float64), limit.decision(X[test]))]
            error = float(np.abs(ours - exact).max() / np.abs(exact).max())
            print(f"{depth:>5}{m:>8.0e}{(found[0] == found[1]).mean():>16.3f}"
                  f"{(found[2] == found[1]).mean():>25.3f}{error:>23.1e}", flush=True)  # fmt: skip


def both(values: Reals) -> NDArray[np.int64]:
    return np.concatenate([answers(values[:, 0]), answers(values[:, 1:])])


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X = X / 8  # pixels from 0 to 2, as the networks' initialisation expects them
    start = time.perf_counter()
    limits(X, y)
    with_many_digits(X, y)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
