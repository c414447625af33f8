"""Threads that take pieces of work as they are ready for them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from types import TracebackType
from typing import TypeVar

from kernelcalc.errors import InputError

W = TypeVar("W")
S = TypeVar("S")


class Workers:
    """So many threads, started once for several rounds of work: `with Workers(threads) as workers`.

    threads: how many; None: what NUMBA_NUM_THREADS says, else all cores. Raises InputError for less than one.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.count = _cores() if threads is None else threads
        if self.count < 1:
            raise InputError(f"threads={threads!r} must be >= 1")
        self._open = ExitStack()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def run(
        self,
        work: Iterable[W],
        space: Callable[[], S],
        job: Callable[[W, S], None],
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """The job for each piece of work, each thread with a space of its own; the caller's is one of them.

        An interrupt (Ctrl-C) or an error lets every thread finish its piece, then is raised.
        """
        pieces = list(work)
        waiting = enumerate(pieces)  # of a list: its next() is safe with threads
        stopped = threading.Event()

        def worker() -> None:
            own = space()
            try:
                for index, piece in waiting:
                    if stopped.is_set():
                        return
                    job(piece, own)
                    if progress is not None:
                        progress((index + 1) / len(pieces))
            except BaseException:
                stopped.set()
                raise

        helpers = [self._start(worker) for _ in range(min(self.count, len(pieces)) - 1)]
        try:
            worker()
        finally:
            wait(helpers)
        for helper in helpers:
            helper.result()

    def _start(self, worker: Callable[[], None]) -> Future[None]:
        if self._pool is None:
            self._pool = self._open.enter_context(ThreadPoolExecutor(self.count - 1))
        return self._pool.submit(worker)


def _cores() -> int:
    wanted = os.environ.get("NUMBA_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
