"""The command line: the same engine as the library, one clear line for every error of the user.

Imports of SymPy and of the engine stand inside the commands, so that --help is there at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from kernelcalc.cli.catalogue import list_catalogue, plot
from kernelcalc.cli.check import check
from kernelcalc.cli.code import print_code
from kernelcalc.cli.common import INTERRUPTED, USAGE
from kernelcalc.cli.derive import derive
from kernelcalc.cli.gram import gram
from kernelcalc.cli.predict import predict
from kernelcalc.cli.tables import tables
from kernelcalc.cli.verify import verify
from kernelcalc.errors import InputError


class _Group(click.Group):
    """A group of commands whose return values are exit statuses and whose errors are one line on stderr."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        try:
            status = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except (InputError, click.ClickException) as error:
            message = error.format_message() if isinstance(error, click.ClickException) else str(error)
            click.echo(f"kernelcalc: {' '.join(message.split())}", err=True)
            status = USAGE
        except (click.Abort, KeyboardInterrupt):
            click.echo("kernelcalc: interrupted", err=True)
            status = INTERRUPTED
        if standalone_mode:
            sys.exit(status or 0)
        return status


# \b keeps the lines of the examples apart in the help
@click.group(
    cls=_Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="kernelcalc")
@click.pass_context
def cli(context: click.Context) -> None:
    """Kernels of infinitely wide networks: derived, proved, checked, evaluated."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Entry point of the console script."""
    cli.main(prog_name="kernelcalc")


for command in (verify, derive, tables, check, gram, predict, list_catalogue, plot, print_code):
    cli.add_command(command)
