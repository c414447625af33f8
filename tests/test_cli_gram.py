"""kernelcalc gram: the matrix it writes, and what it refuses before it writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import assert_one_line, call
from numpy.typing import NDArray

from kernelcalc.files import read_matrix, write_matrix

pytestmark = pytest.mark.usefixtures("folder")

GOOD_GRAM = ["x.csv", "-o", "k.npy", "--kernel", "nngp", "--activation", "erf", "--depth", "2"]


@pytest.fixture
def data() -> NDArray[np.float64]:
    X = np.array([[1.0, 2.0], [0.5, -1.0]])
    write_matrix(Path("x.csv"), X)
    return X


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The kernels that the command called; in place of their values X X'."""
    calls: list[Any] = []

    def record(kernel: Any, X: NDArray[np.float64], progress: object = None) -> NDArray[np.float64]:
        calls.append(kernel)
        return X @ X.T

    monkeypatch.setattr("kernelcalc.kernels.Kernel.__call__", record)
    return calls


def changed(**options: str | None) -> list[str]:
    """GOOD_GRAM with options replaced, added, or (None) taken out."""
    given: dict[str, str | None] = dict(zip(GOOD_GRAM[1::2], GOOD_GRAM[2::2], strict=True))
    given |= {"-o" if key == "o" else f"--{key.replace('_', '-')}": value for key, value in options.items()}
    pairs = [(key, value) for key, value in given.items() if value is not None]
    return ["gram", GOOD_GRAM[0], *(part for pair in pairs for part in pair)]


@pytest.mark.parametrize("output", ["k.npy", "k.csv"])
def test_gram_writes_the_matrix(output: str, data: NDArray[np.float64], recorded: list[Any]) -> None:
    result = call(*changed(o=output, sigma_w="1.5", sigma_b="0.5"))
    assert result.exit_code == 0, result.stderr
    assert f"{output}: 2 x 2" in result.stdout
    np.testing.assert_array_equal(read_matrix(Path(output)), data @ data.T)
    assert "1.5" in repr(recorded[0])


def test_surrogate_names_stand_for_derivatives(data: NDArray[np.float64], recorded: list[Any]) -> None:
    from kernelcalc.functions.named import function, function_by_name

    erf = function_by_name("erf", m=3)
    for name, expected in (
        ("erf", erf.derivative),
        ("erf'", erf.derivative),
        ("1/(1+z**2)", function("1/(1+z**2)")),
    ):
        result = call(*changed(kernel="sgntk", activation="erf", surrogate=name, m="3"))
        assert result.exit_code == 0, result.stderr
        assert (
            recorded[-1].second_factor.expr == expected.expr
            if hasattr(recorded[-1], "second_factor")
            else True
        )


BAD_GRAM: dict[str, tuple[dict[str, str | None], str]] = {
    "unknown activation": ({"activation": "rellu"}, "did you mean 'relu'"),
    "unknown kernel": ({"kernel": "ntkk"}, "ntkk"),
    "depth": ({"depth": "0"}, "depth"),
    "depth in words": ({"depth": "two"}, "depth"),
    "sigma_w": ({"sigma_w": "0"}, "sigma_w"),
    "sigma_w NaN": ({"sigma_w": "nan"}, "sigma_w"),
    "sigma_b": ({"sigma_b": "-1"}, "sigma_b"),
    "m": ({"m": "-2"}, "--m -2"),
    "m NaN": ({"m": "nan"}, "--m nan"),
    "m for relu": ({"activation": "relu", "m": "2"}, "parameter m"),
    "no surrogate": ({"kernel": "sgntk"}, "--surrogate"),
    "needless surrogate": ({"surrogate": "erf"}, "--surrogate"),
    "infinite surrogate": ({"kernel": "sgntk", "surrogate": "sign"}, "surrogate"),
    "output type": ({"o": "k.txt"}, ".npy"),
    "output folder": ({"o": "no/k.npy"}, "does not exist"),
    "no output": ({"o": None}, "-o"),
    "hostile formula": ({"activation": "__import__('os').system('touch k.npy')"}, ""),
    "deep formula": ({"activation": "(" * 10_000}, ""),
    "huge formula": ({"activation": "9**9**9**9"}, ""),
}


@pytest.mark.parametrize("name", BAD_GRAM)
def test_gram_refuses(name: str, data: NDArray[np.float64], folder: Path) -> None:
    options, word = BAD_GRAM[name]
    assert_one_line(call(*changed(**options)), word)
    assert [path.name for path in folder.iterdir()] == ["x.csv"]


@pytest.mark.parametrize("content", [None, "1,nan\n", "1,2\nx,y\n"])
def test_gram_refuses_files(content: str | None, folder: Path) -> None:
    if content is not None:
        Path("x.csv").write_text(content)
    before = sorted(folder.iterdir())
    assert_one_line(call("gram", *GOOD_GRAM), "x.csv")
    assert sorted(folder.iterdir()) == before


@pytest.mark.skipif(
    importlib.util.find_spec("kernelcalc.gram") is None, reason="needs the evaluation of kernels"
)
def test_gram_agrees_with_the_reference(data: NDArray[np.float64]) -> None:
    from kernelcalc.functions.named import function_by_name
    from kernelcalc.kernels import NNGP

    assert call("gram", *GOOD_GRAM).exit_code == 0
    kernel = NNGP(function_by_name("erf"), 2)
    expected = [[float(kernel.reference(x, y, digits=20)) for y in data] for x in data]
    np.testing.assert_allclose(np.load("k.npy"), expected, rtol=1e-13)


def test_programming_errors_are_not_hidden(
    monkeypatch: pytest.MonkeyPatch, data: NDArray[np.float64]
) -> None:
    def broken(path: Path) -> None:
        raise KeyError("bug")

    monkeypatch.setattr("kernelcalc.files.read_matrix", broken)
    assert isinstance(call("gram", *GOOD_GRAM).exception, KeyError)
