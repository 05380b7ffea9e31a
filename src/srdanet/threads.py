"""Threads: how many may compute, and one thing that is read while another is worked on."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Thing = TypeVar("_Thing")
_Read = TypeVar("_Read")


def allowed() -> int:
    """Threads that arithmetic may use at a time: `OMP_NUM_THREADS` where it is set, else one for each core."""
    stated = os.environ.get("OMP_NUM_THREADS", "")
    if stated.isdecimal():
        return max(1, int(stated))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
