"""kernelcalc predict: train an infinitely wide network on one file and apply it to another."""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kernelcalc.cli.common import FILE, surrogate_option, write_json
from kernelcalc.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from kernelcalc.training.flow import GradientFlow
    from kernelcalc.training.singular import SingularClassifier
    from kernelcalc.training.tables import Data

BLOCK = 256  # test points at a time, between two updates of the progress display
FULL_REPORT = 1500  # training points up to which all eigenvalues are computed for the report


@click.command()
@click.argument("train", type=FILE)
@click.argument("test", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, metavar="FILE", help="The predictions, .csv.")
@click.option("--classify", is_flag=True, help="The last column of TRAIN is a class label (any text).")
@click.option("--targets", type=click.IntRange(1), default=1, show_default=True,
              help="Number of target columns, the last ones of TRAIN.")  # fmt: skip
@click.option("--kernel", type=click.Choice(["auto", "ntk", "sgntk", "nngp"]), default="auto",
              help="auto: sgntk if there is a surrogate, else ntk.")  # fmt: skip
@click.option("--activation", default="relu", show_default=True, metavar="NAME",
              help="A name from kernelcalc list, or a formula in z.")  # fmt: skip
@surrogate_option
@click.option("--depth", type=int, default=3, show_default=True, help="Number of weight layers.")
@click.option("--sigma-w", type=float, default=1.0, show_default=True, help="Standard deviation of weights.")
@click.option("--sigma-b", type=float, default=0.1, show_default=True, help="Standard deviation of biases.")
@click.option("--time", type=float, default=math.inf, show_default=True, help="Training time.")
@click.option("--steps", type=float, help="Steps of gradient descent, instead of a training time.")
@click.option("--learning-rate", type=float, default=1.0, show_default=True)
@click.option("--loss", type=click.Choice(["sum", "mean"]), default="sum", show_default=True,
              help="Squared error: sum or mean over the training points.")  # fmt: skip
@click.option("--ridge", type=float, default=0.0, show_default=True, help="For noisy targets.")
@click.option("--kappa", type=float, default=1.0, show_default=True,
              help="Factor of the output: a small one makes --std small.")  # fmt: skip
@click.option("--digits", type=int,
              help="Compute with so many decimal digits: for near-duplicates, up to 200 points.")  # fmt: skip
@click.option("--std", is_flag=True, help="Also the standard deviation over random initialisations.")
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Also write a report as JSON.")
def predict(
    train: Path,
    test: Path,
    output: Path,
    classify: bool,
    targets: int,
    kernel: str,
    activation: str,
    surrogate: str | None,
    depth: int,
    sigma_w: float,
    sigma_b: float,
    time: float,
    steps: float | None,
    learning_rate: float,
    loss: str,
    ridge: float,
    kappa: float,
    digits: int | None,
    std: bool,
    json_file: Path | None,
) -> None:
    """Train a network of infinite width on TRAIN and predict TEST.

    Both are .csv (with or without a header line) or .npy files, one row per point: features, then the target
    or targets. TEST may have the targets too: then the error is shown. The predictions have one row per row
    of TEST.

    \b
    Examples:
      kernelcalc predict train.csv test.csv -o out.csv
      kernelcalc predict train.csv test.csv -o out.csv --activation sign --surrogate erf --std
      kernelcalc predict train.csv test.csv -o out.csv --time 10 --learning-rate 0.1 --loss mean
      kernelcalc predict train.csv test.csv -o out.csv --classify --activation erf --depth 5
      kernelcalc predict train.csv test.csv -o out.csv --classify --activation sign
    """
    from kernelcalc.files import check_writable
    from kernelcalc.training.flow import GradientFlow
    from kernelcalc.training.networks import network_kernel
    from kernelcalc.training.singular import SingularClassifier, is_singular
    from kernelcalc.training.tables import read_data

    for path in filter(None, (output, json_file)):
        check_writable(path)
    for path in (train, test):
        if output.resolve() == path.resolve():
            raise InputError(f"{output}: the predictions would replace the data; give another name")
    if output.suffix.lower() != ".csv":
        raise InputError(f"{output}: the predictions are written as .csv")
    if steps is not None and time != math.inf:
        raise InputError("give --time or --steps, not both")
    if std and classify:
        raise InputError("--std is for regression; it does not go with --classify")
    known = read_data(train, targets=targets, classes=classify)
    asked = read_data(test, targets=targets, classes=classify, features=known.X.shape[1])
    network = network_kernel(
        activation, surrogate, kind=kernel, depth=depth, sigma_w=sigma_w, sigma_b=sigma_b
    )
    names, goal = _goal(known, classify, targets)
    when: dict[str, Any] = {"t": time} if steps is None else {"steps": steps}
    with warnings.catch_warnings(record=True) as caught, _display(len(asked.X)) as show:
        warnings.simplefilter("always")
        if is_singular(network):
            if not classify or ridge or time != math.inf or steps is not None or digits:
                raise InputError(
                    f"{network!r} is singular: it can only --classify, without --time, --steps, --ridge and "
                    "--digits; or give a --surrogate"
                )
            trained: GradientFlow | SingularClassifier = SingularClassifier(network, known.X, goal)
        else:
            options: dict[str, Any] = {"learning_rate": learning_rate, "loss": loss, "ridge": ridge}
            trained = GradientFlow(network, known.X, goal, kappa=kappa, digits=digits, **options)
        show(f"kernel matrix of {len(known.X)} training points", 0)
        means, spread = _predict(trained, asked.X, when, std, show)
        show("report", len(asked.X))
        report = _report(trained, when)
    for warning in caught:
        click.echo(f"kernelcalc: warning: {warning.message}", err=True)
    rows, score = _rows(means, spread, names, asked, classify)
    _write(output, rows)
    summary = {"output": str(output), "points": len(asked.X), "kernel": repr(network), "score": score}
    click.echo(f"{output}: {len(asked.X)} predictions, {network!r}")
    if score is not None:
        click.echo(f"{'accuracy' if classify else 'root mean squared error'} on {test}: {score:.6g}")
    click.echo(report)
    if json_file:
        summary |= {"report": report.splitlines(), "warnings": [str(warning.message) for warning in caught]}
        write_json(json_file, summary)


def _goal(known: Data, classify: bool, targets: int) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Names of the outputs, and the targets: -1 and +1, one column per class, for labels."""
    import numpy as np

    if not classify:
        assert known.Y is not None  # the training file always has targets
        return [f"target{i + 1}" if targets > 1 else "target" for i in range(targets)], known.Y
    names, codes = np.unique(np.array(known.labels), return_inverse=True)
    if len(names) < 2:
        raise InputError(f"all training points have the label {str(names[0])!r}; need at least two classes")
    return [str(name) for name in names], np.where(codes[:, None] == np.arange(len(names)), 1.0, -1.0)


def _predict(
    trained: GradientFlow | SingularClassifier,
    T: Any,
    when: dict[str, Any],
    std: bool,
    show: Callable[[str, int], None],
) -> Any:
    """Means (p, outputs) and standard deviations (p,) or None, block by block."""
    import numpy as np

    from kernelcalc.training.singular import SingularClassifier

    means, spread = [], []
    for start in range(0, len(T), BLOCK):
        block = T[start : start + BLOCK]
        if isinstance(trained, SingularClassifier):
            means.append(trained.decision(block))
        else:
            means.append(trained.mean(block, **when))
            if std:
                spread.append(trained.std(block, **when))
        show("predictions", start + len(block))
    return np.concatenate(means), np.concatenate(spread) if std else None


@contextmanager
def _display(points: int) -> Iterator[Callable[[str, int], None]]:
    """show(stage, points done) on standard error if that is a terminal, gone at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=points)
        yield lambda stage, done: progress.update(bar, description=stage, completed=done, refresh=True)


def _report(trained: GradientFlow | SingularClassifier, when: dict[str, Any]) -> str:
    from kernelcalc.training.singular import SingularClassifier

    if isinstance(trained, SingularClassifier):
        return f"{len(trained.X)} training points; singular kernel: no matrix is inverted (Theorem D.4)"
    return str(trained.spectrum) if len(trained.X) <= FULL_REPORT else trained.report(**when)


def _rows(
    means: Any, spread: Any, names: list[str], asked: Data, classify: bool
) -> tuple[list[list[str]], float | None]:
    """The lines of the output, its header first, and accuracy or error if TEST has targets."""
    import numpy as np

    cells = [[f"{value:.17g}" for value in row] for row in means]
    if classify:
        best = [names[i] for i in means.argmax(axis=1)]
        header = ["class", *(f"score {name}" for name in names)]
        score = float(np.mean(np.array(best) == np.array(asked.labels))) if asked.labels else None
        return [header, *([name, *row] for name, row in zip(best, cells, strict=True))], score
    score = None if asked.Y is None else float(np.sqrt(np.mean((means - asked.Y) ** 2)))
    if spread is None:
        return [names, *cells], score
    deviations = [f"{value:.17g}" for value in spread]
    return [[*names, "std"], *([*row, s] for row, s in zip(cells, deviations, strict=True))], score


def _write(path: Path, rows: list[list[str]]) -> None:
    from kernelcalc.files import write_whole

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_whole(path, lambda file: file.write(text.getvalue().encode()))
