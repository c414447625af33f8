"""The command line: what it prints, its exit statuses, and one clear line for every error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import assert_one_line, call

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.usefixtures("folder")
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


def package(name: str, text: str) -> str:
    Path(name).mkdir()
    Path(name, "__init__.py").touch()
    Path(name, "claims.py").write_text(CLAIMS + text)
    return name


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
        "kernelcalc",
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
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
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
