"""Pieces of work for several threads: each done once, errors of any thread raised."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from kernelcalc.errors import InputError
from kernelcalc.workers import Workers


def keep(done: list[int], piece: int, _: None) -> None:
    done.append(piece)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_piece_is_done_once_in_every_round(threads: int) -> None:
    with Workers(threads) as workers:
        for size in (0, 1, 100):
            done: list[int] = []
            spaces: list[int] = []
            workers.run(range(size), partial(spaces.append, 0), partial(keep, done))
            assert sorted(done) == list(range(size))
            assert len(spaces) == max(1, min(threads, size))
    assert threading.active_count() == 1


@pytest.mark.parametrize("failing", ["caller", "helper"])
def test_an_error_in_any_thread_ends_all_of_them_and_is_raised(failing: str) -> None:
    both, caller, done = threading.Barrier(2, timeout=60), threading.current_thread(), []

    def job(piece: int, _: None) -> None:
        if piece < 2:
            both.wait()  # both threads have one of the first two
            if (threading.current_thread() is caller) == (failing == "caller"):
                raise ZeroDivisionError
            threading.Event().wait(0.2)
        done.append(piece)

    with pytest.raises(ZeroDivisionError), Workers(2) as workers:
        workers.run(range(1000), lambda: None, job)
    assert len(done) < 1000
    assert threading.active_count() == 1


def test_less_than_one_thread_is_refused() -> None:
    with pytest.raises(InputError, match="threads=0 must be >= 1"):
        Workers(0)
