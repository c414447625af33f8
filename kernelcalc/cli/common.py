"""What several commands have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelcalc.errors import InputError

if TYPE_CHECKING:
    from kernelcalc.verify.claim import Claim

FAILED, USAGE, INTERRUPTED = 1, 2, 130  # exit statuses
FILE = click.Path(path_type=Path)
PACKAGE = "kernelcalc.derivations"
surrogate_option = click.option(
    "--surrogate",
    metavar="NAME",
    help="sgntk: a name stands for its derivative (erf: erf'), a formula for itself.",
)


def write_json(path: Path, content: object) -> None:
    """The file for programs to read, written whole or not at all."""
    from kernelcalc.files import write_whole

    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))


def claims_of(package: str) -> tuple[Claim, ...]:
    """All claims of a package; InputError if there is no such package."""
    from kernelcalc.verify.claim import collect

    try:
        return collect(package)
    except ModuleNotFoundError as error:
        if error.name and (package == error.name or package.startswith(error.name + ".")):
            raise InputError(f"there is no package {package}") from error
        raise
