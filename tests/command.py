"""Calls of the command line."""

from __future__ import annotations

from click.testing import CliRunner, Result

from kernelcalc.cli import cli


def call(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def assert_one_line(result: Result, *words: str) -> None:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("kernelcalc: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr
