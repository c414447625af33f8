"""The figures show the numbers of the library."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest

import kernelcalc as kc
from kernelcalc.errors import InputError
from kernelcalc.training.circle import circle, circle_task
from kernelcalc.training.flow import GradientFlow

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # after the choice of a backend without a display

from kernelcalc.training.plots import plot_components, plot_kernel, plot_prediction, plot_training

SGNTK = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 3, sigma_b=0.1)
FLOW = GradientFlow(SGNTK, *circle_task())


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


def test_figure_3() -> None:
    ax = plot_prediction(FLOW, points=101, samples=3)
    lines = {line.get_label(): line for line in ax.get_lines()}
    T = circle(np.linspace(-math.pi, math.pi, 101))
    assert np.allclose(lines["mean"].get_ydata(), FLOW.mean(T))
    nngp = kc.NNGP(kc.Sign(), 3, sigma_b=0.1)
    assert np.allclose(lines["NNGP regression"].get_ydata(), GradientFlow(nngp, FLOW.X, FLOW.Y).mean(T))
    crosses = lines["training points"]
    assert np.allclose(circle(crosses.get_xdata()), FLOW.X)
    assert np.allclose(crosses.get_ydata(), FLOW.Y)
    band = ax.collections[0].get_paths()[0].vertices
    assert math.isclose(band[:, 1].max(), (FLOW.mean(T) + 2 * FLOW.std(T)).max(), rel_tol=1e-12)
    assert len(ax.get_lines()) == 3 + 3


def test_figure_1_and_2() -> None:
    ax = plot_kernel({"sg": SGNTK, "ntk": kc.NTK(kc.Sign(), 3, sigma_b=0.1)}, points=5, scale="asinh")
    sg, ntk = (line.get_ydata() for line in ax.get_lines())
    assert math.isclose(sg[2], SGNTK.diag([[0.0, 1.0]])[0])
    assert np.isnan(ntk[2])
    assert np.isfinite(ntk[[0, 1, 3, 4]]).all()
    fine = plot_kernel(kc.NTK(kc.Sign(), 3, sigma_b=0.1), points=401).get_lines()[0].get_ydata()
    assert np.isnan(fine[200])
    assert np.nanmax(fine) < 1e4
    other = plot_kernel(SGNTK, other_radius=2.0, points=5).get_lines()[0].get_ydata()
    assert math.isclose(other[1], SGNTK([[0.0, 1.0]], circle([-math.pi / 2], 2.0))[0, 0])


def test_training_curves() -> None:
    times = [0.01, 1.0, 10.0]
    lines = plot_training(FLOW, components=2, times=times).get_lines()
    parts = FLOW.components()
    assert np.allclose(
        lines[1].get_ydata(), abs(parts.coefficients[1, 0]) * np.exp(-parts.rates[1] * np.array(times))
    )
    assert len(plot_training(FLOW).get_lines()) == 8


def test_a_curve_of_varying_radius() -> None:
    """Where the SG-NTK is not symmetric."""

    def radius(angles: Any) -> Any:
        return 1.2 + 0.8 * np.cos(2 * angles)

    X, Y = circle_task()
    flow = GradientFlow(SGNTK, X * radius(np.arctan2(X[:, 0], X[:, 1]))[:, None], Y)
    lines = {line.get_label(): line for line in plot_prediction(flow, radius=radius, points=21).get_lines()}
    angles = np.linspace(-math.pi, math.pi, 21)
    assert np.allclose(lines["mean"].get_ydata(), flow.mean(radius(angles)[:, None] * circle(angles)))
    assert np.allclose(lines["training points"].get_ydata(), Y)
    with pytest.raises(InputError, match="do not lie on a circle around 0; for another curve give radius="):
        plot_prediction(flow)
    with pytest.raises(InputError, match="do not lie on the curve"):
        plot_prediction(flow, radius=lambda angles: 1.1 * radius(angles))
    with pytest.raises(InputError, match="in the plane, with one output"):
        plot_prediction(GradientFlow(SGNTK, X, np.column_stack([Y, Y])))


def test_components() -> None:
    labels = np.repeat(["a", "b", "c"], 5)
    drawn = plot_components(FLOW, labels).get_lines()
    assert [line.get_label() for line in drawn] == ["a", "b", "c"]
    vectors = FLOW.components().vectors
    assert np.array_equal(drawn[1].get_xydata(), vectors[5:10, 1:3])
    with pytest.raises(InputError, match=r"labels must have shape \(15,\)"):
        plot_components(FLOW, labels[:4])
    with pytest.raises(InputError, match="component 15 is not there"):
        plot_components(FLOW, labels, second=15)
