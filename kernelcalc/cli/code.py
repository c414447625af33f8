"""kernelcalc code: a kernel or an expectation as source code of another language."""

from __future__ import annotations

from pathlib import Path

import click

from kernelcalc.cli.common import FILE


@click.command("code")
@click.argument("target")
@click.option("--language", "-l", type=click.Choice(["python", "c", "mathematica", "julia"]),
              default="python", show_default=True)  # fmt: skip
@click.option("--output", "-o", type=FILE, metavar="FILE",
              help="A file instead of the screen.")  # fmt: skip
def print_code(target: str, language: str, output: Path | None) -> None:
    """Print the layer recursion of a kernel, or an expectation, as source code that needs nothing else.

    TARGET is written as for kernelcalc check: ntk(relu, 3), sgntk(sign, erf', 3), dual(erf), mean(erf'). The
    code is the textbook form and loses digits near parallel points, which kernelcalc itself does not. Without
    sigma_w=..., sigma_b=... these are arguments of the function.

    \b
    Examples:
      kernelcalc code "ntk(relu, 3, sigma_w=1, sigma_b=0)"
      kernelcalc code "sgntk(sign, erf(2)', 3, sigma_b=0.1)" --language c -o kernel.c
      kernelcalc code "dual(erf(m))" --language julia
    """
    from kernelcalc.checking.kernel_target import KernelTarget
    from kernelcalc.checking.spec import target as parsed
    from kernelcalc.checking.targets import ExpectationTarget
    from kernelcalc.errors import InputError
    from kernelcalc.files import check_writable, write_whole

    found = parsed(target)
    if isinstance(found, KernelTarget):
        text = found.kernel.code(language)
    elif isinstance(found, ExpectationTarget) and not found.diagonal:
        text = found.expectation.code(language)
    else:
        raise InputError(f"{target}: code is printed for kernels, dual(...) and mean(...)")
    if output is None:
        click.echo(text, nl=False)
        return
    check_writable(output)
    write_whole(output, lambda file: file.write(text.encode()))
    click.echo(f"{output}: {found.label} in {language}")
