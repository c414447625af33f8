"""The verdicts on all claims, judged once per state of the sources and then kept in the cache."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from kernelcalc.kept import store
from kernelcalc.verify.claim import DERIVATIONS, Claim
from kernelcalc.verify.judge import Verdict
from kernelcalc.verify.run import Result, run

DIGITS = (
    15  # in which statement and witness agree; kernelcalc verify asks for each claim's own number, 30 or 50
)
PATIENCE = 900.0  # seconds for a claim: on a busy machine one that holds must not go down as failed
_JUDGING = ("derivations", "errors", "expectation", "functions", "kernels", "limits", "quadrature", "series",
            "symbols", "verify")  # fmt: skip
Watch = Callable[[str], None]


class _Heard:
    """Tells how many claims are done."""

    def __init__(self, watch: Watch, total: int) -> None:
        self.watch, self.total, self.done = watch, total, 0

    def started(self, tag: str) -> None:
        pass

    def finished(self, result: Result) -> None:
        self.done += 1
        self.watch(f"claims judged: {self.done} of {self.total}, {result.tag}")


def verdicts(claims: Sequence[Claim], watch: Watch = lambda words: None) -> dict[str, Verdict]:
    """Tag -> verdict, from the cache where nothing that judges has changed since, else judged."""
    found = _kept()
    missing = [claim for claim in claims if claim.tag not in found]
    if missing:
        heard = _Heard(watch, len(missing))
        with closing(run(missing, digits=DIGITS, timeout=PATIENCE, watch=heard)) as running:
            judged = [result for result in running if isinstance(result, Verdict)]
        keep(judged)
        found |= {verdict.tag: verdict for verdict in judged}
    return found


def keep(judged: Iterable[Verdict]) -> None:
    """Store verdicts reached with at least DIGITS digits beside those that are there."""
    # a timeout on a busy machine is no verdict to keep
    kept = _kept() | {verdict.tag: verdict for verdict in judged if verdict.verdict != "failed"}
    store().put(_name(), json.dumps([asdict(verdict) for verdict in kept.values()]).encode())


def _kept() -> dict[str, Verdict]:
    content = store().get(_name())
    return {} if content is None else {record["tag"]: Verdict(**record) for record in json.loads(content)}


def _name() -> str:
    return f"verdicts-{_sources()}-{DIGITS}"


@lru_cache(maxsize=1)
def _sources() -> str:
    """Changes with every file that has a part in judging, wherever it lies, and with what they rest on."""
    package = Path(__file__).parent
    derivations = Path(str(importlib.import_module(DERIVATIONS).__file__)).parent
    state = hashlib.sha256(platform.python_version().encode())
    for name in ("sympy", "mpmath", "gmpy2", "numpy", "scipy"):
        state.update(importlib.metadata.version(name).encode())
    for folder, root in ((package, package), (derivations, derivations)):
        for file in sorted(folder.rglob("*.py")):
            part = file.relative_to(root).with_suffix("").parts[0]
            if root == derivations or part in _JUDGING:
                state.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return state.hexdigest()
