"""Work cut into strips of rows and shared among threads; numpy lets go of the interpreter while it computes.

How work is cut does not depend on the number of threads, so that neither does the result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_In = TypeVar("_In")
_Out = TypeVar("_Out")

STRIP = 1 << 18
"""Cells of a strip: few enough for the processor's caches, enough to make numpy's overhead small."""


def threads() -> int:
    """Threads to use: the processor's cores that are ours, or OMP_NUM_THREADS where that is less."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, int(asked))) if asked.isdigit() else cores


def each(task: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
    """`task` of every item, in their order; errors are those of the first item that has one."""
    count = threads()
    if count == 1:
        return [task(item) for item in items]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(task, items))


def both(one: Callable[[], _In], other: Callable[[], _Out]) -> tuple[_In, _Out]:
    """What two tasks give, done at once where there are threads for both."""
    if threads() == 1:
        return one(), other()
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(other)
        return one(), beside.result()


def strips(shape: tuple[int, int], multiple: int, cells: int = STRIP) -> list[slice]:
    """Rows of a grid in strips of about so many cells, each but the last a multiple of so many rows."""
    rows, cols = shape
    step = max(1, cells // (cols * multiple)) * multiple
    return [slice(top, min(top + step, rows)) for top in range(0, rows, step)]


def around(strip: slice, halo: int, rows: int) -> tuple[slice, slice]:
    """A strip with so many rows on either side, as far as there are any, and where in it the strip lies."""
    top = max(strip.start - halo, 0)
    return slice(top, min(strip.stop + halo, rows)), slice(strip.start - top, strip.stop - top)


def filter_strips(
    local: Callable[[NDArray[np.float32]], NDArray[Any]], field: NDArray[np.float32], halo: int
) -> NDArray[np.float32]:
    """Apply a filter to a field in strips; the filter looks no farther than so many rows."""
    out = np.empty(field.shape, np.float32)

    def fill(rows: slice) -> None:
        wide, own = around(rows, halo, len(field))
        out[rows] = local(field[wide])[own]

    each(fill, strips((field.shape[0], field.shape[1]), 1))
    return out
