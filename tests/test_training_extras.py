"""Without scikit-learn or Matplotlib: what needs them says what to install, and the rest works."""

from __future__ import annotations

import subprocess
import sys

import pytest

NEEDS = {
    "sklearn": ("InfiniteNetworkRegressor", "InfiniteNetworkClassifier", "InfiniteNetworkKernel"),
    "matplotlib": ("plot_kernel", "plot_prediction", "plot_training", "plot_components"),
}


@pytest.mark.parametrize("missing", NEEDS)
def test_a_missing_extra(missing: str) -> None:
    extra, package = {"sklearn": ("sklearn", "scikit-learn"), "matplotlib": ("plot", "matplotlib")}[missing]
    code = f"""
import sys
sys.modules[{missing!r}] = None  # as if it were not installed
import numpy as np, kernelcalc as kc
for name in {NEEDS[missing]}:
    try:
        getattr(kc, name)
    except ImportError as error:
        print(name, "|", error)
flow = kc.GradientFlow(kc.NTK(kc.Erf(), 2), np.eye(2), np.ones(2))
print(flow.mean(np.eye(2)).round(12))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *messages, mean = done.stdout.splitlines()
    assert [message.split(" | ")[0] for message in messages] == list(NEEDS[missing])
    for message in messages:
        assert package in message
        assert f"pip install 'kernelcalc[{extra}]'" in message
    assert mean == "[1. 1.]"
