"""Matrices in files: read and written whole, and one clear line for every file that is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelcalc.errors import InputError
from kernelcalc.files import read_matrix, write_matrix, write_whole

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("name", ["a.npy", "a.csv"])
def test_matrices_survive_the_file(name: str) -> None:
    matrix = np.array([[1 / 3, -1e-300], [5e-324, 1.7976931348623157e308]])
    write_matrix(Path(name), matrix)
    np.testing.assert_array_equal(read_matrix(Path(name)), matrix)


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4\n",
        "u,v\n1,2\n3,4",
        '"u","v"\r\n1, 2\r\n3, 4\r\n\r\n',
        "\ufeffu,v\n1e0,2\n+3,4.0\n",
        "1,2\n\n3,4\n",
    ],
)
def test_csv_with_and_without_header(text: str) -> None:
    Path("x.csv").write_bytes(text.encode())
    np.testing.assert_array_equal(read_matrix(Path("x.csv")), [[1, 2], [3, 4]])


BAD_CSV = {
    "empty": (b"", "no rows"),
    "header only": (b"u,v\n", "no rows"),
    "typed wrong in the first row": (b"1,x\n2,3\n", "line 1, column 2: 'x' is no number"),
    "two headers": (b"u,v\ns,t\n1,2\n", "line 2"),
    "text later": (b"1,2\n3,four\n", "line 2, column 2: 'four'"),
    "missing": (b"1,2\n3,\n", "line 2, column 2"),
    "ragged": (b"1,2\n3\n", "line 2 has 1 columns"),
    "NaN": (b"1,2\n3,nan\n", "row 2, column 2 is nan"),
    "infinite": (b"1,2\n3,1e999\n", "row 2, column 2 is inf"),
    "binary": (b"\xff\xfe\x00\x01", "no text"),
}


@pytest.mark.parametrize("name", BAD_CSV)
def test_bad_csv(name: str) -> None:
    content, message = BAD_CSV[name]
    Path("x.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_matrix(Path("x.csv"))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(3), "shape"),
        (np.ones((2, 2, 2)), "shape"),
        (np.ones((0, 3)), "shape"),
        (np.float64(3.0), "shape"),
        (np.array([["a", "b"]]), "dtype"),
        (np.array([[1j, 2]]), "dtype"),
        (np.array([[None, 2]], dtype=object), "no .npy file"),
        (np.array([[1.0, np.nan]]), "row 1, column 2 is nan"),
        (np.array([[np.inf, 1.0]]), "row 1, column 1 is inf"),
    ],
)
def test_bad_npy(array: NDArray[Any], message: str) -> None:
    np.save("x.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        read_matrix(Path("x.npy"))


def test_damaged_npy() -> None:
    write_matrix(Path("x.npy"), np.ones((5, 5)))
    whole = Path("x.npy").read_bytes()
    for content in (b"", b"1,2\n3,4\n", whole[:40], whole[:-8], whole.replace(b"(5, 5)", b"(5, 5")):
        Path("x.npy").write_bytes(content)
        with pytest.raises(InputError, match=r"no \.npy file"):
            read_matrix(Path("x.npy"))


def test_nothing_is_written_after_an_error(folder: Path) -> None:
    old = folder / "old.csv"
    old.write_text("old")

    def broken(file: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="No space left"):
        write_whole(old, broken)
    assert old.read_text() == "old"
    assert [path.name for path in folder.iterdir()] == ["old.csv"]
