"""kernelcalc gram: the kernel matrix of a file of rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelcalc.cli.common import FILE, surrogate_option, write_json
from kernelcalc.errors import InputError

if TYPE_CHECKING:
    from kernelcalc.functions.base import Function


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "-o", "--output", type=FILE, required=True, metavar="FILE", help="The kernel matrix, .npy or .csv."
)
@click.option("--kernel", type=click.Choice(["nngp", "ntk", "sgntk"]), required=True)
@click.option(
    "--activation", required=True, metavar="NAME", help="A name from kernelcalc list, or a formula in z."
)
@surrogate_option
@click.option("--depth", type=int, required=True, help="Number of weight layers (two hidden layers: 3).")
@click.option(
    "--sigma-w", type=float, default=1.0, show_default=True, help="Standard deviation of the weights."
)
@click.option(
    "--sigma-b", type=float, default=0.0, show_default=True, help="Standard deviation of the biases."
)
@click.option("--m", type=float, help="Steepness m of erf(m z), where erf is used.")
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Also write what was computed as JSON.")
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
        write_json(json_file, {"output": str(output), "shape": list(matrix.shape), "kernel": repr(k)})


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
