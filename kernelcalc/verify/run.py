"""Runs judgements on all cores: a worker process per core, a time limit per claim, an immediate stop.

Workers are sent tags and collect the claims themselves: a claim holds functions, which cannot be pickled.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Literal, Protocol

from kernelcalc.verify.claim import DERIVATIONS, Claim, collect
from kernelcalc.verify.judge import Verdict, failed, judge
from kernelcalc.verify.mutate import Survival, try_mutants

Result = Verdict | Survival
Task = Literal["judge", "mutate"]
TIMEOUT = 120.0  # seconds per claim


class Watch(Protocol):
    """Is told when a claim is taken up and when its result is there."""

    def started(self, tag: str) -> None: ...

    def finished(self, result: Result) -> None: ...


def cores() -> int:
    """The number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(
    claims: Sequence[Claim],
    *,
    task: Task = "judge",
    digits: int | None = None,
    jobs: int | None = None,
    timeout: float = TIMEOUT,
    package: str = DERIVATIONS,
    watch: Watch | None = None,
) -> Generator[Result, None, None]:
    """Judge (or mutate) claims of the package in worker processes; yields results in the order they get done.

    A claim whose worker exceeds the timeout or dies has failed. Closing the iterator, or an exception such as
    KeyboardInterrupt, ends the workers at once. Raises RuntimeError if a worker cannot even start.
    """
    waiting = deque(claims)
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.claim for worker in workers):
            wanted = min(jobs or cores(), len(waiting) + sum(worker.claim is not None for worker in workers))
            while len(workers) < wanted:
                workers.append(_Worker(package, task, digits, timeout))
            for worker in workers:
                if worker.idle and waiting:
                    worker.take(waiting.popleft())
                    if watch and worker.claim:
                        watch.started(worker.claim.tag)
            nearest = min(worker.deadline for worker in workers) - time.monotonic()
            wait([worker.connection for worker in workers if not worker.idle], timeout=max(0.0, nearest))
            for worker in list(workers):
                result = worker.news(task)
                if worker.dead:
                    workers.remove(worker)
                    worker.kill()
                if result:
                    if watch:
                        watch.finished(result)
                    yield result
    finally:
        for worker in workers:
            worker.kill()


class _Worker:
    """A process that gets tags and sends back results; what it sends first only says that it has started."""

    def __init__(self, package: str, task: Task, digits: int | None, timeout: float) -> None:
        # spawn, not fork: the same on all systems, and no inherited locks of threads that are gone
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.timeout = timeout
        self.deadline = time.monotonic() + max(timeout, 60.0)  # imports count for no claim
        self.claim: Claim | None = None
        self.idle = self.dead = False
        self.process = context.Process(target=_work, args=(theirs, package, task, digits), daemon=True)
        _start_uninterrupted(self.process.start)
        theirs.close()

    def take(self, claim: Claim) -> None:
        self.claim, self.idle = claim, False
        self.since = time.monotonic()
        self.deadline = self.since + self.timeout
        try:
            self.connection.send(claim.tag)
        except OSError:
            self.dead = True  # news() reports it

    def news(self, task: Task) -> Result | None:
        """What the worker has to say: a result, or a failure if it died or took too long; None if nothing."""
        try:
            if not self.dead and self.connection.poll():
                result: Result | None = self.connection.recv()
                self.claim, self.idle, self.deadline = None, True, float("inf")
                return result
        except (EOFError, OSError):
            self.dead = True
        late = time.monotonic() > self.deadline
        if not self.dead and not late:
            return None
        ended = (
            f"timeout after {self.timeout:g} s"
            if late
            else f"its process died (exit code {self._exit_code()})"
        )
        self.dead = True
        if self.claim is None:
            raise RuntimeError(f"a worker process could not start: {ended}")
        seconds = round(time.monotonic() - self.since, 3)
        if task == "mutate":
            return Survival(self.claim.tag, self.claim.title, seconds=seconds, reason=ended)
        return failed(self.claim, ended, seconds)

    def _exit_code(self) -> int | None:
        self.process.join(timeout=5)
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _start_uninterrupted(start: Callable[[], None]) -> None:
    """Start a process that never sees Ctrl-C: the parent decides, and no worker prints a traceback."""
    if not hasattr(signal, "pthread_sigmask"):
        start()
        return
    resource_tracker.ensure_running()  # started on demand otherwise, and it unblocks the signal
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _work(connection: Connection, package: str, task: Task, digits: int | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    claims = {claim.tag: claim for claim in collect(package)}
    connection.send(None)
    while True:
        try:
            claim = claims[connection.recv()]
        except EOFError:
            return
        connection.send(try_mutants(claim) if task == "mutate" else judge(claim, digits))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def in_order(claims: Sequence[Claim], results: Mapping[str, Any]) -> list[Any]:
    """The results in the order of the claims, as far as there are any."""
    return [results[claim.tag] for claim in claims if claim.tag in results]
