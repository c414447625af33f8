"""A line on standard error that says how much of a long computation is done."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

SILENT = 2.0  # seconds in which nothing is shown
INTERVAL = 0.2


@contextmanager
def share_done(
    stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[float], None]]:
    """A function to call with the share done, from any thread; it writes to a terminal only, after 2 s."""
    target = sys.stderr if stream is None else stream
    lock, start = threading.Lock(), clock()
    shown, most = start + SILENT - INTERVAL, 0.0

    def report(share: float) -> None:
        nonlocal shown, most
        with lock:
            most = max(most, share)
            now = clock()
            if now - shown < INTERVAL:
                return
            shown = now
            left = f", {(now - start) * (1 - most) / most:.0f} s left" if most else ""
            target.write(f"\r{100 * most:3.0f} %{left} \033[K")
            target.flush()

    if not target.isatty():
        yield lambda share: None
        return
    try:
        yield report
    finally:
        if shown > start + SILENT - INTERVAL:
            target.write("\r\033[K")
            target.flush()
