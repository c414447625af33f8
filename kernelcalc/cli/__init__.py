"""The command line: one file for each command, together in `commands.py`."""

from kernelcalc.cli.commands import cli, main

__all__ = ["cli", "main"]
