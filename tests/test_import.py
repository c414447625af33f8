"""`import kernelcalc` is fast: nothing heavy is loaded before a name is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import kernelcalc as kc

HEAVY = {"sympy", "numba", "llvmlite", "numpy", "scipy", "mpmath", "matplotlib", "sklearn", "click", "rich"}


def loaded(code: str) -> set[str]:
    """Top-level modules after some code in a fresh interpreter."""
    code += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_nothing_heavy() -> None:
    assert not loaded("import kernelcalc; kernelcalc.oo, kernelcalc.__version__") & HEAVY


def test_names_are_loaded_when_used() -> None:
    assert "sympy" in loaded("import kernelcalc; kernelcalc.Erf().expr")
    assert not loaded("import kernelcalc; kernelcalc.NTK(kernelcalc.ReLU(), 2)") & {"numba", "sklearn"}


def test_every_public_name_is_there() -> None:
    for name in dir(kc):
        assert getattr(kc, name) is not None


def test_unknown_names_raise() -> None:
    for name in ("Erg", "_private"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(kc, name)
