"""Surrogate derivatives by name: against the libraries' own backward passes, where these are installed."""

from __future__ import annotations

import importlib
import importlib.metadata
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp
from sympy import Rational as R

import kernelcalc as kc
from kernelcalc.cli import cli
from kernelcalc.functions.libraries import LIBRARIES, Named
from kernelcalc.functions.named import library, library_names, surrogate_by_name
from kernelcalc.functions.surrogates import SURROGATES

GRID = [-3.1, -1.7, -1.0, -0.51, -0.26, -0.07, -0.011, 0.0, 0.013, 0.06, 0.24, 0.49, 0.77, 1.3, 2.9]
OTHERS: dict[str, object] = {  # other values than the defaults
    "slope": 3.5, "alpha": 2.5, "beta": 0.75, "threshold": 0.5, "B": 0.125, "w": 0.375, "c": 0.125,
    "n": 3, "T_period": 5, "leak": 0.25, "k": 1.5, "mean": 0.5, "variance": 0.5,
}  # fmt: skip


def backward(spike: Callable[[Any], Any], grid: list[float]) -> list[float]:
    """The derivative that a program passes back."""
    torch = importlib.import_module("torch")
    z = torch.tensor(grid, dtype=torch.float64, requires_grad=True)
    spike(z).sum().backward()
    return [float(g) for g in z.grad]


def program(row: Named, values: dict[str, object]) -> Callable[[Any], Any]:
    """The function of the library with these parameters; skips where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of these packages and their dependencies
            torch = importlib.import_module("torch")
            if row.library == "snntorch":
                made: Callable[[Any], Any] = getattr(importlib.import_module("snntorch.surrogate"), row.name)(
                    **values
                )
                return made
            if row.library == "spikingjelly":
                module = importlib.import_module("spikingjelly.activation_based.surrogate")
                made = getattr(module, row.name)(**values)
                return made
            module = importlib.import_module("norse.torch.functional.threshold")
    except ImportError as error:
        pytest.skip(f"pip install '.[libraries]': {error}")
    alpha = torch.tensor(float(str(values["alpha"])), dtype=torch.float64)
    if row.name in ("logistic", "circ_dist"):
        return lambda z: getattr(module, f"{row.name}_fn")(z, float(alpha))
    return lambda z: module.threshold(z, row.name, alpha if row.name == "super" else float(alpha))


RUN = [row for row in LIBRARIES if "*" not in row.note]


@pytest.mark.parametrize("row", RUN, ids=lambda row: row.path)
@pytest.mark.parametrize("default", [True, False], ids=["defaults", "others"])
def test_values_are_those_of_the_program(row: Named, default: bool) -> None:
    names = row.defaults if default else {name: sp.sympify(OTHERS[name]) for name in row.defaults}
    whole = {"n", "T_period"}
    given: dict[str, Any] = {name: int(x) if name in whole else float(x) for name, x in names.items()}
    spike = program(row, given)
    if row.path == "snntorch.LSO":
        with pytest.raises(TypeError):  # the broken wrapper
            backward(spike, GRID)
        return
    found = row(**given)
    jumps = {float(t) for t, _ in found.jumps}
    probable = row.name == "PoissonPass"  # its argument is a probability
    grid = [x for x in GRID if x not in jumps and (0 <= x <= 1 or not probable)]
    exact = [(x, y, found(x)) for x, y in zip(grid, backward(spike, grid), strict=True)]
    if row.name == "SSO":  # random below the threshold: only its range is known
        mean, width = (float(found.params[name]) for name in ("m", "q"))
        assert all(y == f if x > 0 else abs(y - mean * width) <= width / 2 for x, y, f in exact)
        return
    if row.path == "norse.super" and importlib.metadata.version("norse") == "1.1.0":
        exact = [(x, y, kc.SuperSpike(1, 1)(x)) for x, y, _ in exact]  # this release forgets alpha
    single = row.path == "norse.heavi_erfc"  # pi in float32
    assert len(exact) > 3
    for x, y, f in exact:  # 1 - tanh^2 and the like lose digits where they are small
        assert y == pytest.approx(f, rel=1e-7 if single else 1e-12, abs=1e-15), x


def test_every_row_of_every_library_is_a_surrogate() -> None:
    assert len({row.path.lower() for row in LIBRARIES}) == len(LIBRARIES)
    families = {entry.label for entry in SURROGATES}
    for row in LIBRARIES:
        found = kc.surrogate(row.path)
        assert found == row()
        assert found.name.partition("[")[0] in families
        assert row.path in found.source
        assert all(value.is_real for value in row.defaults.values())
    assert {row.library for row in library("norse")} == {"norse"}
    assert set(library_names()) == {row.library for row in LIBRARIES}


def test_parameters_are_the_librarys() -> None:
    assert kc.surrogate("snntorch.fast_sigmoid", slope=10) == kc.SuperSpike(1, 10)
    assert kc.surrogate("snnTorch.ATan(alpha=3)") == kc.ATanSurrogate(R(3, 2), 3 * sp.pi / 2)
    assert kc.surrogate("snntorch.triangular") == kc.OddSign(1)
    assert kc.surrogate("spikingjelly.ATan", alpha="alpha").params["kappa"].has(sp.pi)
    assert kc.surrogate("SuperSpike", beta=25) == kc.surrogate("superspike(beta=25)") == kc.SuperSpike(1, 25)
    assert kc.surrogate("spikingjelly.SquarewaveFourierSeries", n=4).expr.has(sp.cos)
    assert surrogate_by_name("erf") == kc.Erf().derivative
    assert surrogate_by_name("erf'") == kc.Erf().derivative
    assert surrogate_by_name("Laplace") == kc.Laplace()
    assert surrogate_by_name("exp(-z**2)") == kc.function("exp(-z**2)")
    assert surrogate_by_name("norse.super") == kc.SuperSpike(1, 100)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("snntorch.fast_sigmod", "did you mean 'snntorch.fast_sigmoid'"),
        ("fast_sigmoid", "did you mean 'snntorch.fast_sigmoid'"),
        ("norse.tann", "did you mean 'norse.tanh'"),
        ("norse.xyz", "norse has super, heavi_erfc"),
        ("qqq", "libraries: snntorch, spikingjelly"),
        ("superspik", "did you mean 'superspike'"),
        ("erf'", "unknown surrogate"),
        ("snntorch.atan(3)", "name=number"),
        ("snntorch.atan(beta=3)", "it takes alpha=2"),
        ("spikingjelly.QPseudoSpike(alpha=1)", "must be > 1"),
        ("norse.super(alpha=-1)", "must be > 0"),
        ("a b", "is no name"),
    ],
)
def test_unknown_names_get_suggestions(name: str, words: str) -> None:
    with pytest.raises(kc.InputError) as caught:
        kc.surrogate(name)
    assert words in str(caught.value)


def test_a_jump_of_an_activation_gives_no_surrogate() -> None:
    with pytest.raises(kc.InputError, match="infinite at a jump"):
        surrogate_by_name("sign")


def test_the_command_line_takes_the_names(tmp_path: Any) -> None:
    import numpy as np
    from click.testing import CliRunner

    np.save(tmp_path / "X.npy", np.random.default_rng(1).standard_normal((4, 3)))
    arguments = ["gram", str(tmp_path / "X.npy"), "-o", str(tmp_path / "K.npy"), "--kernel", "sgntk"]
    arguments += ["--activation", "sign", "--surrogate", "spikingjelly.Erf(alpha=1)", "--depth", "2"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    other = kc.SGNTK(kc.Sign(), kc.function("exp(-z**2)"), 2)
    found = np.load(tmp_path / "K.npy")
    first = kc.NTK(kc.Identity(), 1)(np.load(tmp_path / "X.npy"))
    assert found.shape == (4, 4)
    expected = kc.SGNTK(kc.Sign(), kc.GaussianSurrogate(1 / sp.sqrt(sp.pi)), 2)(np.load(tmp_path / "X.npy"))
    assert np.allclose(found, expected, rtol=1e-14)
    assert not np.allclose(found, other(np.load(tmp_path / "X.npy")))
    assert np.isfinite(first).all()
