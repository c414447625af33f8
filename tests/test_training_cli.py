"""kernelcalc predict: files in, predictions and a report out, one line for every error."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import os
import pty
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import kernelcalc as kc
from kernelcalc.cli import cli
from kernelcalc.cli.predict import predict
from kernelcalc.training.flow import GradientFlow

if "predict" not in cli.commands:
    cli.add_command(predict)

RNG = np.random.default_rng(1)
X, T = RNG.standard_normal((30, 3)), RNG.standard_normal((9, 3))
Y, Y_T = X[:, 0] * X[:, 1], T[:, 0] * T[:, 1]
KERNEL = kc.NTK(kc.ReLU(), 3, sigma_b=0.1)


def table(path: Path, *columns: object, header: str = "") -> Path:
    cells = np.column_stack([np.asarray(column, dtype=object) for column in columns]).tolist()
    with path.open("w", newline="") as file:
        if header:
            file.write(header + "\n")
        csv.writer(file).writerows(cells)
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["predict", *map(str, arguments)])


def test_regression(tmp_path: Path) -> None:
    train = table(tmp_path / "train.csv", X, Y, header="u,v,w,y")
    test = table(tmp_path / "test.csv", T, Y_T)
    out, report = tmp_path / "out.csv", tmp_path / "report.json"
    result = call(train, test, "-o", out, "--std", "--json", report)
    assert result.exit_code == 0, result.output
    flow = GradientFlow(KERNEL, X, Y)
    found = np.genfromtxt(out, delimiter=",", names=True)
    assert np.array_equal(found["target"], flow.mean(T))
    assert np.array_equal(found["std"], flow.std(T))
    error = math.sqrt(np.mean((flow.mean(T) - Y_T) ** 2))
    assert f"root mean squared error on {test}: {error:.6g}" in result.output
    assert "effective rank    30 of 30" in result.output
    assert "Theorem C.4 applies" in result.output
    content = json.loads(report.read_text())
    assert math.isclose(content["score"], error)
    assert content["warnings"] == []


def test_options_reach_the_network(tmp_path: Path) -> None:
    train, test = table(tmp_path / "train.csv", X, Y, -Y), tmp_path / "test.npy"
    np.save(test, T)
    out = tmp_path / "out.csv"
    options = ["--activation", "sign", "--surrogate", "erf", "--depth", 2, "--sigma-b", 0.5, "--targets", 2]
    more = ["--loss", "mean", "--learning-rate", 0.1, "--steps", 50, "--ridge", 0.2]
    result = call(train, test, "-o", out, *options, *more)
    assert result.exit_code == 0, result.output
    kernel = kc.SGNTK(kc.Sign(), kc.Erf().derivative, 2, sigma_b=0.5)
    flow = GradientFlow(kernel, X, np.column_stack([Y, -Y]), learning_rate=0.1, loss="mean", ridge=0.2)
    rows = np.genfromtxt(out, delimiter=",", names=True)
    assert np.array_equal(rows["target1"], flow.mean(T, steps=50)[:, 0])
    assert np.array_equal(rows["target2"], flow.mean(T, steps=50)[:, 1])
    assert "error" not in result.output


@pytest.mark.parametrize("activation", ["relu", "sign"])
def test_classes_by_name(tmp_path: Path, activation: str) -> None:
    names = np.array(["minus", "plus"])
    train = table(tmp_path / "train.csv", X, names[(Y > 0).astype(int)], header="u,v,w,class")
    test = table(tmp_path / "test.csv", X, names[(Y > 0).astype(int)])
    out = tmp_path / "out.csv"
    result = call(train, test, "-o", out, "--classify", "--activation", activation)
    assert result.exit_code == 0, result.output
    assert f"accuracy on {test}: 1" in result.output
    with out.open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["class", "score minus", "score plus"]
    assert [row[0] for row in rows[1:]] == names[(Y > 0).astype(int)].tolist()
    unlabelled = table(tmp_path / "more.csv", T)
    assert call(train, unlabelled, "-o", out, "--classify").exit_code == 0
    numbers = tmp_path / "train.npy"
    np.save(numbers, np.column_stack([X, Y > 0]))
    assert call(numbers, unlabelled, "-o", out, "--classify").exit_code == 0
    assert out.read_text().startswith("class,score 0,score 1\n")


def test_digits_and_kappa(tmp_path: Path) -> None:
    """Near-duplicates: float64 leaves their differences out, digits do not."""
    near = np.vstack([X[:4], X[:4] + 1e-9])
    values = np.append(Y[:4], Y[:4] + 1e-9)
    train, test = table(tmp_path / "train.csv", near, values), table(tmp_path / "test.csv", T)
    out = tmp_path / "out.csv"
    result = call(train, test, "-o", out, "--std", "--digits", 50, "--kappa", 0.1)
    assert result.exit_code == 0, result.output
    assert "warning" not in result.stderr
    precise = GradientFlow(KERNEL, near, values, kappa=0.1, digits=50)
    found = np.genfromtxt(out, delimiter=",", names=True)
    assert np.array_equal(found["target"], precise.mean(T))
    assert np.array_equal(found["std"], precise.std(T))


def test_conditioning_is_reported(tmp_path: Path) -> None:
    train = table(tmp_path / "train.csv", np.vstack([X, X]), np.append(Y, Y))
    result = call(train, table(tmp_path / "test.csv", T), "-o", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    assert "warning: the kernel matrix has effective rank 30 of 60" in result.output
    assert np.isfinite(np.loadtxt(tmp_path / "out.csv", skiprows=1)).all()


def everything_on(terminal: int) -> str:
    """What is written to a terminal until its last writer closes it."""
    parts = []
    with contextlib.suppress(OSError):  # Linux: input/output error at the end
        while part := os.read(terminal, 1 << 16):
            parts.append(part)
    return b"".join(parts).decode()


def test_progress_on_a_terminal(tmp_path: Path) -> None:
    """Stages and points on standard error, and nothing of it in what is printed."""
    train, test = table(tmp_path / "train.csv", X, Y), table(tmp_path / "test.csv", T)
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "kernelcalc", "predict", str(train), str(test)]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    with ThreadPoolExecutor(1) as reader:  # unread, a terminal is full after 4 kB and blocks its writer
        read = reader.submit(everything_on, terminal)
        command += ["-o", str(tmp_path / "out.csv")]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=end, env=environment, timeout=300)
        finally:
            os.close(end)
        shown = read.result()
    os.close(terminal)
    assert done.returncode == 0
    for stage in ("kernel matrix of 30 training points", "predictions", "9/9"):
        assert stage in shown
    assert done.stdout.decode().startswith(f"{tmp_path / 'out.csv'}: 9 predictions")
    assert call(train, test, "-o", tmp_path / "out.csv").stderr == ""


def test_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C: one line, status 130, no file, neither new nor damaged."""
    train, test = table(tmp_path / "train.csv", X, Y), table(tmp_path / "test.csv", T)
    monkeypatch.setattr(GradientFlow, "mean", _interrupt)
    out = tmp_path / "out.csv"
    result = call(train, test, "-o", out)
    assert (result.exit_code, result.stderr.strip()) == (130, "kernelcalc: interrupted")
    assert not out.exists()
    out.write_text("old")
    call(train, test, "-o", out)
    assert out.read_text() == "old"


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


BAD: dict[str, tuple[list[object], str]] = {
    "negative time": (["--time", -1], "t contains -1"),
    "NaN time": (["--time", "nan"], "t contains nan"),
    "learning rate": (["--learning-rate", 0], "learning_rate=0.0 must be"),
    "time and steps": (["--time", 1, "--steps", 3], "--time or --steps, not both"),
    "half a step": (["--steps", 0.5], "whole numbers"),
    "ridge": (["--ridge", -1], "ridge=-1.0"),
    "singular": (["--activation", "sign"], "give a --surrogate"),
    "std of classes": (["--classify", "--std"], "--std is for regression"),
    "unknown": (["--activation", "rleu"], "did you mean 'relu'"),
    "depth": (["--depth", 0], "depth=0 must be >= 1"),
    "too many targets": (["--targets", 4], "need at least one feature"),
    "kappa": (["--kappa", 0], "kappa=0.0 must be"),
    "digits": (["--digits", 5], "digits=5 must be a whole number >= 20"),
    "folder": (["--json", "/nowhere/report.json"], "does not exist"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options(tmp_path: Path, case: str) -> None:
    options, message = BAD[case]
    train, test = table(tmp_path / "train.csv", X, Y), table(tmp_path / "test.csv", T, Y_T)
    result = call(train, test, "-o", tmp_path / "out.csv", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out.csv").exists()


def test_bad_files(tmp_path: Path) -> None:
    train, test = table(tmp_path / "train.csv", X, Y), table(tmp_path / "test.csv", T)
    labelled = table(tmp_path / "labelled.csv", X, np.full(30, "a"))
    gap = tmp_path / "gap.csv"
    gap.write_text("1,2,a\n3,,b\n")
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("1,2,a\n3,b\n")
    empty = tmp_path / "empty.csv"
    empty.write_text("u,v\n")
    out = tmp_path / "out.csv"
    for arguments, message in (
        ((tmp_path / "none.csv", test, "-o", out), "No such file"),
        ((tmp_path / "none.csv", test, "-o", out, "--classify"), "No such file"),
        (
            (train, table(tmp_path / "narrow.csv", T[:, :1]), "-o", out),
            "has 1 columns; the training data ask for 3",
        ),
        (
            (train, test, "-o", out, "--targets", 2),
            "has 3 columns; the training data ask for 2 columns, or 2 + 2",
        ),
        ((labelled, test, "-o", out), "'a' is no number; for a class label in the last column give"),
        ((labelled, test, "-o", out, "--classify"), "all training points have the label 'a'"),
        ((gap, test, "-o", out, "--classify"), "line 2, column 2: '' is no finite number"),
        ((ragged, test, "-o", out, "--classify"), "line 2 has 2 columns, the first row 3"),
        ((empty, test, "-o", out, "--classify"), "no rows of numbers"),
        ((train, test, "-o", tmp_path / "out.txt"), "written as .csv"),
        ((train, test, "-o", train), "would replace the data"),
    ):
        result = call(*arguments)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.output
        assert message in result.stderr
