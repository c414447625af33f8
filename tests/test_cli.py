"""The command line: what it prints, its exit statuses, and one clear line for every error."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from kernelcalc.cli import cli
from kernelcalc.errors import InputError
from kernelcalc.files import read_matrix, write_matrix, write_whole

ROOT = Path(__file__).resolve().parents[1]
CLAIMS = """
import time
from types import SimpleNamespace
import mpmath as mp
import sympy as sp
from kernelcalc.trace import Step
from kernelcalc.verify.claim import Claim
x, y = sp.symbols("x y", positive=True)
POINTS = ({x: 2, y: 3}, {x: sp.Rational(1, 3), y: 1})
STEP = Step("expand the square", (x + y)**2, x**2 + 2*x*y + y**2)
DERIVED = SimpleNamespace(expr=STEP.after, steps=(STEP,))
def square(point, digits):
    return (mp.mpf(int(point[x].p)) / int(point[x].q) + mp.mpf(int(point[y].p)) / int(point[y].q)) ** 2
def slow(point, digits):
    time.sleep(60)
def claim(tag, printed, witness=square, **more):
    return Claim(tag, "square of a sum", "(S1)", printed, lambda: DERIVED, witness, POINTS, **more)
"""
GOOD = """
CLAIMS = (
    claim("A.1", (x + y)**2, statement="(x + y)² = …"),
    claim("A.1/wrong", x**2 + y**2, corrected=(x + y)**2, note="2xy is missing"),
)
"""
BAD = 'CLAIMS = (claim("B.1", x**2 + 2*x*y - y**2),)'  # one sign
SLOW = 'CLAIMS = (claim("C.0", (x + y)**2), claim("C.1", (x + y)**2, slow), claim("C.2", (x + y)**2, slow))'
# every mutant that is zero at x = y survives, as all points have x = y
BLIND = """
def nothing(point, digits):
    return mp.mpf(0)
CLAIMS = (Claim("D.1", "difference", "(S2)", x - y, lambda: x - y, nothing, ({x: 1, y: 1}, {x: 2, y: 2})),)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def package(name: str, text: str) -> str:
    Path(name).mkdir()
    Path(name, "__init__.py").touch()
    Path(name, "claims.py").write_text(CLAIMS + text)
    return name


def call(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def assert_one_line(result: Result, *words: str) -> None:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("kernelcalc: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


# -- help


@pytest.mark.parametrize("command", ["verify", "derive", "list", "gram"])
def test_help_has_examples(command: str) -> None:
    result = call(command, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert "--json" in result.stdout


def test_no_command_shows_help() -> None:
    assert "Commands:" in call().stdout
    assert call("--version").exit_code == 0


def test_help_is_fast_since_it_imports_nothing_heavy() -> None:
    heavy = "{'sympy', 'numba', 'numpy', 'rich', 'mpmath'}"
    code = f"import sys, kernelcalc.cli; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "args", [["--nonsense"], ["verify", "--digits", "x"], ["verify", "--jobs", "0"], ["nope"]]
)
def test_usage_errors_are_one_line(args: list[str]) -> None:
    assert_one_line(call(*args))


# -- verify


def test_verify_good(folder: Path) -> None:
    result = call("verify", "--package", package("good", GOOD), "--json", "ledger.json", "--jobs", 1)
    assert result.exit_code == 0
    assert "(x + y)² = …" in result.stdout
    assert (
        "2 claims: 1 proved, 0 confirmed, 1 refuted (1 of the corrected forms proved), 0 failed."
        in result.stdout
    )
    assert "x = 2, y = 3: printed 13.0, true 25.0" in result.stdout
    assert "[2/2] A.1/wrong: refuted" in result.stderr
    first, second = json.loads((folder / "ledger.json").read_text())
    assert (first["tag"], first["verdict"], first["digits"], first["points"]) == ("A.1", "proved", 50, 2)
    assert (second["counterexample"], second["corrected"]) == (
        "x = 2, y = 3: printed 13.0, true 25.0",
        "(x + y)**2",
    )


def test_one_wrong_sign_turns_the_run_red(folder: Path) -> None:
    result = call("verify", "--package", package("bad", BAD), "--json", "ledger.json", "--jobs", 1)
    assert result.exit_code == 1
    assert "B.1  square of a sum: 0 of 50 digits at x = 2, y = 3" in result.stdout
    assert json.loads((folder / "ledger.json").read_text())[0]["verdict"] == "failed"


def test_verify_only() -> None:
    name = package("chosen", GOOD)
    result = call("verify", "--package", name, "--only", "A.1/wrong", "--digits", 20, "--jobs", 1)
    assert result.exit_code == 0
    assert "1 claims:" in result.stdout
    assert "20 digits" in result.stdout
    assert_one_line(
        call("verify", "--package", name, "--only", "A.2"), "unknown claim 'A.2'; did you mean A.1"
    )


def test_verify_errors_before_the_work() -> None:
    name = package("early", GOOD)
    assert_one_line(call("verify", "--package", name, "--json", "no/where.json"), "does not exist")
    assert_one_line(call("verify", "--package", "no_such_package"), "no package")


def test_mutants(folder: Path) -> None:
    result = call("verify", "--mutate", "--package", package("sharp", GOOD), "--json", "m.json", "--jobs", 1)
    assert result.exit_code == 0
    assert "0 survived" in result.stdout
    for record in json.loads((folder / "m.json").read_text()):
        assert record["mutants"] == record["rejected"] >= 3


def test_surviving_mutants_fail() -> None:
    result = call("verify", "--mutate", "--package", package("blind", BLIND), "--jobs", 1)
    assert result.exit_code == 1
    assert "coefficient: 1001*x/1000 - 1001*y/1000" in result.stdout


def listen_to_interrupts() -> None:
    """What runs in the background of a script ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a process group there")
def test_interrupt_stops_at_once_and_prints_what_is_done(folder: Path) -> None:
    name = package("slow", SLOW)
    command = [
        sys.executable,
        "-m",
        "kernelcalc.cli",
        "verify",
        "--package",
        name,
        "--json",
        "x.json",
        "--jobs",
        "2",
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=listen_to_interrupts,
    )
    assert process.stderr
    assert "C.0" in process.stderr.readline()  # the first claim is done; the other two sleep
    time.sleep(0.3)
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - start < 5
    assert process.returncode == 130
    assert "1 claims: 1 proved" in out
    assert err == "kernelcalc: interrupted after 1 of 3 claims\n"
    assert not Path("x.json").exists()


# -- derive, list


def test_derive_prints_the_steps_and_checks_them(folder: Path) -> None:
    name = package("stepwise", GOOD)
    text = call("derive", "A.1", "--package", name).stdout
    assert "1. expand the square  [proved: by symbols" in text
    assert "derived:" in text
    assert "corrected" not in text
    latex = call("derive", "A.1/wrong", "--latex", "--package", name).stdout
    assert r"\begin{align*}& (x + y)^{2} = x^{2} + 2 x y + y^{2}\end{align*}" in latex
    assert "refutes the statement as printed" in latex
    assert call("derive", "A.1", "--package", name, "--json", "steps.json").exit_code == 0
    (record,) = json.loads((folder / "steps.json").read_text())
    (step,) = record["steps"]
    assert (step["rule"], step["before"], step["after"], step["verdict"]) == (
        "expand the square", "(x + y)**2", "x**2 + 2*x*y + y**2", "proved",
    )  # fmt: skip
    assert record["verdict"] == "proved"
    result = call("derive", "A.1", "--format", "markdown", "-o", "steps.md", "--package", name)
    assert result.stdout == ""
    assert "**1. expand the square**" in (folder / "steps.md").read_text()
    assert_one_line(call("derive", "A.9", "--package", name), "unknown claim", "A.1")


def test_derive_fails_with_a_step_that_does_not_hold() -> None:
    wrong = GOOD + """
STEPS = (Step("expand the square", (x + y)**2, x**2 + 3*x*y + y**2),)
def derive():
    return SimpleNamespace(expr=(x + y)**2, steps=STEPS)
CLAIMS += (Claim("A.2", "square", "(S1)", (x + y)**2, derive, None, ({x: 2, y: 3},)),)
"""
    result = call("derive", "A.2", "--package", package("slipped", wrong))
    assert result.exit_code == 1
    assert "[failed: 25.0 is not 31.0 at x = 2, y = 3]" in result.stdout


def test_list_shows_the_catalogue(folder: Path) -> None:
    assert "snntorch.fast_sigmoid(slope=25)" in call("list", "--only", "library").stdout
    call("list", "--only", "library", "--only", "surrogate", "--json", "functions.json")
    names = {row["name"] for row in json.loads((folder / "functions.json").read_text())}
    assert {"superspike", "box", "norse.super", "stork.EsserSpike"} <= names


# -- matrices in files


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


# -- gram

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
    from kernelcalc.functions.catalogue import function, function_by_name

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
    from kernelcalc.functions.catalogue import function_by_name
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
