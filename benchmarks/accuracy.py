"""Errors of Gram matrices in ulps, by family of pairs, against the closed forms in many digits.

    python benchmarks/accuracy.py [--pairs 4] [--nt-python PATH] [--results FILE] [--references FOLDER]
                                  [--markdown FILE]

Kernels: NNGP, NTK, SG-NTK with erf_m (m from 1e-8 to 1e15), sign, ReLU, with the singular limits m -> oo of
activations and surrogates; --all: every function of the catalogue that has a closed form, the others are
listed with the reason; --only: one function, in any spelling of its name. Each pair is new
and enters as k(x, y) and k(y, x) at all depths, 30 and 100 for one pair of each family. Reference:
exact_kernels.py; a sample of it is compared with `kernel.reference`, quadrature of the definition. Beside it
the textbook formulas in NumPy and, with the interpreter of an environment that has it, neural-tangents, both
in float64. An ulp is 2^-52 of the value or, where that passes through zero (is below an eighth of it), of the
sum of the absolute values of its terms; inf: not finite where the value is, or finite where it is not.

Ends with what was asked, met or not, and exit status 0 or 1. --results keeps finished parts: the same command
goes on from there after Ctrl-C (exit status 130). --references keeps what does not depend on the library's
numbers: another run, after a change of the library, only computes its values anew (see references.py).
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_cases import DEEP, Job, Row, check_reference, measure, prepare
from accuracy_names import chosen, left_out
from accuracy_report import kernel_of, largest, markdown, put, refused, table, verdict

import kernelcalc as kc
from kernelcalc.progress import share_done


def work(job: Job, folder: Path | None, only: bool) -> dict[str, Any]:
    """One job and what it found, as kept in the file of results; only: its references alone."""
    start = time.perf_counter()
    why, pairs = "", 0
    rows: list[Row] = []
    try:
        pairs, rows = (prepare(job, folder), []) if only and folder is not None else measure(job, folder)
    except ArithmeticError as error:  # the other jobs go on
        why = str(error)
    seconds = time.perf_counter() - start
    return {"job": asdict(job), "pairs": pairs, "seconds": seconds, "rows": rows, "failed": why}


def begin() -> None:
    """For a worker: interrupts are the parent's, and the delta surrogates are meant."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore", kc.SurrogateWarning)


def kept(file: Path | None, jobs: list[Job]) -> list[dict[str, Any]]:
    """What an earlier run of the same jobs found; a line that was cut off does not count."""
    if file is None or not file.exists():
        return []
    found = []
    for line in file.read_text().splitlines():
        try:
            done = json.loads(line)
        except json.JSONDecodeError:
            continue
        if Job(**done["job"]) not in jobs:
            raise SystemExit(f"{file} holds {done['job']}, which is not asked for: give another --results")
        found.append(done)
    return found


def computed(jobs: list[Job], args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The results of the jobs as they come in, in processes of their own, added to the file."""
    file, job = args.results, partial(work, folder=args.references, only=args.only_references)
    for name in ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(args.processes, len(jobs)), begin) as pool:
        for done in pool.imap_unordered(job, jobs):
            if file is not None and not done["failed"]:
                with file.open("a") as kept_in:
                    kept_in.write(json.dumps(done) + "\n")
            yield done


def collect(args: argparse.Namespace, names: list[str]) -> tuple[int, list[Row], float, list[str]]:
    """How many pairs, every entry, CPU seconds, and what had no reference."""
    peer = args.nt_python
    jobs = [
        Job(activation, sigma_b, args.pairs, args.seed, args.family, args.all, peer, args.depth)
        for activation in names
        for sigma_b in args.sigma_b
    ]
    found = kept(args.results, jobs)
    ready = [Job(**done["job"]) for done in found]
    left = [job for job in jobs if job not in ready]
    with share_done() as report:
        for done in computed(left, args) if left else ():
            found.append(done)
            if sys.stderr.isatty():
                report(len(found) / len(jobs))
            else:
                job = done["job"]
                print(f"{len(found)}/{len(jobs)}: {job['activation']}, sigma_b={job['sigma_b']:g},"
                      f" {done['seconds']:.0f} s", file=sys.stderr, flush=True)  # fmt: skip
    found.sort(key=lambda done: jobs.index(Job(**done["job"])))
    rows = [Row(*row) for done in found for row in done["rows"]]
    failed = [done["failed"] for done in found if done.get("failed")]
    return sum(done["pairs"] for done in found), rows, sum(done["seconds"] for done in found), failed


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=4, help="of each family, activation and bias")
    parser.add_argument("--sigma-b", type=float, nargs="*", default=[0.0, 0.1, 1.0])
    parser.add_argument("--all", action="store_true", help="every function of the catalogue")
    parser.add_argument("--depth", type=int, default=DEEP[-1], help="no deeper networks than this")
    parser.add_argument("--only", default="", help="one function of the catalogue, or part of names")
    parser.add_argument("--family", default="", help="families whose name contains this")
    parser.add_argument("--nt-python", help="interpreter of an environment with neural-tangents")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--results", type=Path, help="keep finished parts here, and go on from them")
    parser.add_argument("--references", type=Path, metavar="FOLDER", help="keep references for more runs")
    parser.add_argument("--only-references", action="store_true", help="compute these, and nothing else")
    parser.add_argument("--markdown", type=Path, help="write the tables into this file, between their marks")
    parser.add_argument("--json", type=Path, help="write all entries as a list of objects")
    args = parser.parse_args()
    if args.only_references and (args.references is None or args.results is not None):
        parser.error("--only-references needs --references FOLDER, and goes without --results")
    warnings.simplefilter("ignore", kc.SurrogateWarning)
    try:
        names = chosen(args.only, args.all)
        without = left_out(names)
        for name, why in without.items():
            print(f"left out: {name}: {why}")
        if len(without) == len(names):
            print("nothing is left to measure")
            return 1
        pairs, rows, seconds, failed = collect(args, [name for name in names if name not in without])
    except kc.InputError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        where = f"finished parts are in {args.results}" if args.results else "nothing is kept (see --results)"
        print(f"interrupted; {where}", file=sys.stderr)
        return 130
    for why in failed:
        print(f"failed: {why}")
    if args.only_references:
        print(f"references of {pairs} pairs in {args.references}, {seconds / 60:.0f} min")
        return 1 if failed else 0
    print(*refused(rows), sep="\n")
    rows = [row for row in rows if not math.isnan(row.error)]
    print(f"{pairs} pairs, {len(rows)} values of kernels (each as k(x, y) and k(y, x))\n")
    for title, label in (
        ("pairs", lambda row: row.family),
        ("activation, kernel", lambda row: f"{row.activation}, {row.kernel}"),
        ("depth, kernel", lambda row: f"{row.depth}, {kernel_of(row)}"),
    ):
        print("\n".join(table(rows, title, label)), end="\n\n")
    print("largest:", *largest(rows), sep="\n")
    met, lines = verdict(rows)
    print(*lines, sep="\n")
    print(f"exact_kernels against quadrature: {check_reference(np.random.default_rng(1)):.1g}")
    if args.json:
        args.json.write_text(json.dumps([row._asdict() for row in rows]))
    if args.markdown:
        peer = " --nt-python PEER" if args.nt_python else ""
        command = f"python benchmarks/accuracy.py --pairs {args.pairs}{peer}"
        put(markdown(rows, pairs, command, seconds / args.processes), args.markdown)
    return 0 if met and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
