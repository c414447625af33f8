"""The README's examples run, and say what comes out."""

import re
from pathlib import Path

import numpy as np

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_run() -> None:
    text = README.read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, names)
    assert str(names["e"].expr) in text  # type: ignore[attr-defined]  # e is an Expectation
    assert isinstance(names["K"], np.ndarray)
    assert names["K"].shape == (500, 500)


def test_the_two_set_up_commands_make_their_own_environment() -> None:
    text = README.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("python3 -m venv")]
    assert len(lines) == 2
    assert lines[0].endswith(".venv/bin/kernelcalc verify")
    assert lines[1].endswith(".venv/bin/pytest")
