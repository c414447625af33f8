"""kernelcalc verify: the claims of the papers derived, proved and checked."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from kernelcalc.cli.common import FAILED, FILE, INTERRUPTED, PACKAGE, claims_of, write_json


@click.command()
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
    "--json", "json_file", type=FILE, metavar="FILE", help="Also write the results as a list of objects."
)
@click.option(
    "--mutate", is_flag=True, help="Make every claim wrong in small ways instead: each must be rejected."
)
@click.option("--jobs", type=click.IntRange(1), help="Worker processes (default: all cores).")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=120.0, show_default=True,
              help="Seconds per claim.")  # fmt: skip
@click.option("--package", default=PACKAGE, metavar="NAME", help="Judge the claims of another package.")
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
    from kernelcalc.tables.verdicts import keep
    from kernelcalc.verify import ledger
    from kernelcalc.verify.claim import select
    from kernelcalc.verify.judge import Verdict
    from kernelcalc.verify.mutate import Survival
    from kernelcalc.verify.run import Result, Task, in_order, run

    if json_file:
        check_writable(json_file)
    claims = select(claims_of(package), only + more)
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
        if package == PACKAGE and digits is None:
            keep(verdicts)
    if interrupted:  # no JSON: what reads it could not tell that claims are missing
        click.echo(f"kernelcalc: interrupted after {len(results)} of {len(claims)} claims", err=True)
        return INTERRUPTED
    if json_file:
        write_json(json_file, ledger.as_json(results))
    return FAILED if any(ledger.word(result) == "failed" for result in results) else 0
