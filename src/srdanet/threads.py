"""Threads: how many may compute, and one thing that is read while another is worked on."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Thing = TypeVar("_Thing")
_Read = TypeVar("_Read")


def stated() -> int | None:
    """Threads that arithmetic may use at a time by `OMP_NUM_THREADS`; None where it says nothing."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(said)) if said.isdecimal() else None


def allowed() -> int:
    """Threads that arithmetic may use at a time: those that are stated, else one for each core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return stated() or cores


def each(work: Callable[[_Thing], None], things: Iterable[_Thing]) -> None:
    """Work on each thing, on several at a time where there are several things and threads."""
    every, many = list(things), allowed()
    if len(every) < 2 or many < 2:
        for thing in every:
            work(thing)
        return
    with ThreadPoolExecutor(many) as pool:
        deque(pool.map(work, every), maxlen=0)


def one_ahead(
    read: Callable[[_Thing], _Read], things: Iterable[_Thing]
) -> Iterator[tuple[_Thing, Callable[[], _Read]]]:
    """Each thing with what gives the result of reading it; the next one is read in a thread meanwhile.

    One thread, since HDF4 and HDF5 read one thing at a time; one thing ahead, since each takes memory. For the same
    reason a result is given once and kept nowhere else: what raises does so when it is asked for.

    Args:
        read: Reads a thing; called in another thread, in the order of the things.
        things: What is to be read.
    """
    with ThreadPoolExecutor(1) as reader:
        waiting: deque[tuple[_Thing, list[Future[_Read]]]] = deque()
        for thing in things:
            waiting.append((thing, [reader.submit(read, thing)]))
            if len(waiting) > 1:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)


def _first(
    waiting: deque[tuple[_Thing, list[Future[_Read]]]],
) -> tuple[_Thing, Callable[[], _Read]]:
    thing, future = waiting.popleft()
    return thing, lambda: future.pop().result()
