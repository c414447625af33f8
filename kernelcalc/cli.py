"""The command line: the same engine as the library, one clear line for every error of the user.

Imports of SymPy and of the engine stand inside the commands, so that --help is there at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kernelcalc.cli_catalogue import list_catalogue, plot
from kernelcalc.cli_check import check
from kernelcalc.cli_code import print_code
from kernelcalc.cli_derive import derive
from kernelcalc.cli_predict import predict
from kernelcalc.cli_tables import tables
from kernelcalc.errors import InputError

if TYPE_CHECKING:
    from kernelcalc.functions.base import Function
    from kernelcalc.verify.claim import Claim

FAILED, USAGE, INTERRUPTED = 1, 2, 130  # exit statuses
_FILE = click.Path(path_type=Path)
_PACKAGE = "kernelcalc.derivations"


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


def _write_json(path: Path, content: object) -> None:
    from kernelcalc.files import write_whole

    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))


def _claims(package: str, tags: Sequence[str]) -> tuple[Claim, ...]:
    from kernelcalc.verify.claim import collect, select

    try:
        return select(collect(package), tags)
    except ModuleNotFoundError as error:
        if error.name and (package == error.name or package.startswith(error.name + ".")):
            raise InputError(f"there is no package {package}") from error
        raise


@cli.command()
@click.argument("more", nargs=-1, metavar="[TAG]...")
@click.option(
    "--only",
    multiple=True,
    metavar="TAG",
    help="Only this claim and those below it; * ? [] match. Repeatable.",
)
@click.option(
    "--digits", type=click.IntRange(1, 1000), help="Digits required, in place of each claim's own number."
)
@click.option(
    "--json", "json_file", type=_FILE, metavar="FILE", help="Also write the results as a list of objects."
)
@click.option(
    "--mutate", is_flag=True, help="Make every claim wrong in small ways instead: each must be rejected."
)
@click.option("--jobs", type=click.IntRange(1), help="Worker processes (default: all cores).")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=120.0, show_default=True,
              help="Seconds per claim.")  # fmt: skip
@click.option("--package", default=_PACKAGE, metavar="NAME", help="Judge the claims of another package.")
def verify(
    more: tuple[str, ...],
    only: tuple[str, ...],
    digits: int | None,
    json_file: Path | None,
    mutate: bool,
    jobs: int | None,
    timeout: float,
    package: str,
) -> int:
    """Derive, prove and check the claims of the papers.

    The exit status is 0 only if no claim failed (with --mutate: if every mutant was rejected).

    \b
    Examples:
      kernelcalc verify
      kernelcalc verify --only S23 --only "C.4/*" --digits 100
      kernelcalc verify --mutate --json mutants.json
    """
    from kernelcalc.files import check_writable
    from kernelcalc.tables_verdicts import keep
    from kernelcalc.verify import ledger
    from kernelcalc.verify.judge import Verdict
    from kernelcalc.verify.mutate import Survival
    from kernelcalc.verify.run import Result, Task, in_order, run

    if json_file:
        check_writable(json_file)
    claims = _claims(package, only + more)
    done: dict[str, Result] = {}
    interrupted = False
    try:
        with ledger.Live(len(claims)) as live:
            task: Task = "mutate" if mutate else "judge"
            running = run(
                claims, task=task, digits=digits, jobs=jobs, timeout=timeout, package=package, watch=live
            )
            with closing(running):
                for result in running:
                    done[result.tag] = result
    except KeyboardInterrupt:
        interrupted = True
    results = in_order(claims, done)
    console = ledger.output()
    if mutate:
        ledger.show_survivals([result for result in results if isinstance(result, Survival)], console)
    else:
        verdicts = [result for result in results if isinstance(result, Verdict)]
        ledger.show_verdicts(verdicts, console)
        if package == _PACKAGE and digits is None:
            keep(verdicts)
    if interrupted:  # no JSON: what reads it could not tell that claims are missing
        click.echo(f"kernelcalc: interrupted after {len(results)} of {len(claims)} claims", err=True)
        return INTERRUPTED
    if json_file:
        _write_json(json_file, ledger.as_json(results))
    return FAILED if any(ledger.word(result) == "failed" for result in results) else 0


def _function(name: str, m: float | None) -> Function:
    """The function of that name ("erf", "erf'", or a formula in z), its parameter m set if it has one."""
    from kernelcalc.functions.named import function_by_name

    return _with_slope(function_by_name(name), m)


def _with_slope(function: Function, m: float | None) -> Function:
    if m is None or "m" not in function.params:
        return function
    if not m > 0:
        raise InputError(f"--m {m:g} must be positive")
    return function.with_params(m=m)


def _surrogate(name: str, m: float | None) -> Function:
    """The surrogate derivative of that name ("snntorch.atan", "erf" for erf', or a formula in z)."""
    from kernelcalc.functions.named import surrogate_by_name

    return _with_slope(surrogate_by_name(name), m)


@cli.command()
@click.argument("file", type=_FILE)
@click.option(
    "-o", "--output", type=_FILE, required=True, metavar="FILE", help="The kernel matrix, .npy or .csv."
)
@click.option("--kernel", type=click.Choice(["nngp", "ntk", "sgntk"]), required=True)
@click.option(
    "--activation", required=True, metavar="NAME", help="A name from kernelcalc list, or a formula in z."
)
@click.option(
    "--surrogate",
    metavar="NAME",
    help="sgntk: a name stands for its derivative (erf: erf'), a formula for itself.",
)
@click.option("--depth", type=int, required=True, help="Number of weight layers (two hidden layers: 3).")
@click.option(
    "--sigma-w", type=float, default=1.0, show_default=True, help="Standard deviation of the weights."
)
@click.option(
    "--sigma-b", type=float, default=0.0, show_default=True, help="Standard deviation of the biases."
)
@click.option("--m", type=float, help="Steepness m of erf(m z), where erf is used.")
@click.option("--json", "json_file", type=_FILE, metavar="FILE", help="Also write what was computed as JSON.")
def gram(
    file: Path,
    output: Path,
    kernel: str,
    activation: str,
    surrogate: str | None,
    depth: int,
    sigma_w: float,
    sigma_b: float,
    m: float | None,
    json_file: Path | None,
) -> None:
    """Kernel matrix of the rows of FILE (.npy, or .csv with or without a header line).

    Entry (i, j) is k(row i, row j); in the SG-NTK, row i has the true derivative, row j the surrogate.

    \b
    Examples:
      kernelcalc gram X.npy -o K.npy --kernel ntk --activation relu --depth 3
      kernelcalc gram X.csv -o K.csv --kernel sgntk --activation sign --surrogate erf --depth 3 --sigma-b 0.1
      kernelcalc gram X.npy -o K.npy --kernel sgntk --activation sign --surrogate "1/(1+abs(z))**2" --depth 2
    """
    from kernelcalc.files import check_matrix_path, check_writable, read_matrix, write_matrix
    from kernelcalc.kernels import NNGP, NTK, SGNTK

    check_matrix_path(output)
    if json_file:
        check_writable(json_file)
    if (surrogate is None) == (kernel == "sgntk"):
        raise InputError("--surrogate is needed for --kernel sgntk, and only there")
    used = _function(activation, m)
    stand_in = _surrogate(surrogate, m) if surrogate else None
    if m is not None and not any("m" in f.params for f in (used, stand_in) if f is not None):
        raise InputError(f"--m {m:g}: neither the activation nor the surrogate has a parameter m")
    sigmas = {"sigma_w": sigma_w, "sigma_b": sigma_b}
    if stand_in is not None:
        k = SGNTK(used, stand_in, depth, **sigmas)
    else:
        k = (NNGP if kernel == "nngp" else NTK)(used, depth, **sigmas)
    from kernelcalc.progress import share_done

    with share_done() as progress:
        matrix = k(read_matrix(file), progress=progress)
    write_matrix(output, matrix)
    click.echo(f"{output}: {matrix.shape[0]} x {matrix.shape[1]}, {k!r}")
    if json_file:
        _write_json(json_file, {"output": str(output), "shape": list(matrix.shape), "kernel": repr(k)})


cli.add_command(check)
cli.add_command(derive)
cli.add_command(print_code)
cli.add_command(predict)
cli.add_command(tables)
cli.add_command(list_catalogue)
cli.add_command(plot)

if __name__ == "__main__":
    main()
