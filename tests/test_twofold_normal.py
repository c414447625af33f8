"""twofold_normal.py against mpmath: W(h, A) near the origin, where it is tiny, and on both sides of 0."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from kernelcalc.compile.arithmetic.primitives import compiled
from kernelcalc.compile.arithmetic.twofold import Two
from kernelcalc.compile.arithmetic.twofold_normal import side, slopes
from kernelcalc.functions.normal import normal_cdf, wedge

RNG = np.random.default_rng(1956)
COUNT = 12
REGIONS = {
    "near": (10 ** RNG.uniform(-7, 0.5, COUNT), 10 ** RNG.uniform(-7, 0.5, COUNT)),
    "on the diagonal": (np.array([1e-9, 1e-3, 1.0, 3.8]), np.array([1e-9, 1e-3, 1.0, 3.8])),
    "series and sum meet": (np.array([5.4, 5.5, 3.9, 0.1]), np.array([0.9, 0.1, 3.9, 5.5])),
    "far along h": (RNG.uniform(5.5, 30, COUNT), RNG.uniform(0, 15, COUNT)),
    "far along A": (RNG.uniform(0, 5, COUNT), RNG.uniform(5.5, 30, COUNT)),
    "negative A": (RNG.uniform(-6, 6, COUNT), -RNG.uniform(0, 9, COUNT)),
}


@compiled
def _side(h: Two, A: Two) -> Two:
    return side(h, A)


def exact(h: float, A: float) -> mp.mpf:
    value = wedge(mp.mpf(abs(h)), mp.mpf(A))
    return -value if h < 0 else value


@pytest.mark.parametrize("region", REGIONS)
def test_wedges(region: str) -> None:
    for h, A in zip(*REGIONS[region], strict=True):
        high, low = _side((h, 0.0), (A, 0.0))
        with mp.workdps(45):
            wanted = exact(h, A)
            error = abs(mp.mpf(high) + mp.mpf(low) - wanted)
            scale = abs(wanted) if h * h + A * A > 30 else 1
            assert error <= 2e-29 * scale if scale != 1 else error <= 1e-31, (h, A)


def test_slopes_bound_the_derivatives() -> None:
    for name in ("near", "far along h", "negative A"):
        for h, A in zip(*REGIONS[name], strict=True):
            with mp.workdps(40):
                e = mp.mpf(10) ** -15 * min(abs(h), abs(A))
                size, tilt = mp.mpf(abs(h)), mp.mpf(A)
                by_h = abs(wedge(size + e, tilt) - wedge(size, tilt)) / e
                by_A = abs(wedge(size, tilt + e) - wedge(size, tilt)) / e
            bounds = slopes(h, A)
            assert by_h <= 1.001 * bounds[0] + 1e-20
            assert by_A <= 1.001 * bounds[1] + 1e-20


def test_ends() -> None:
    """Far out nothing is left, or all of P(X > h)."""
    for A, wanted in ((1e300, 0.0), (-1e300, float(normal_cdf(-0.5)))):
        assert _side((0.5, 0.0), (A, 0.0))[0] == pytest.approx(wanted, rel=1e-15, abs=0)
    assert _side((1e200, 0.0), (1.0, 0.0))[0] == 0.0
