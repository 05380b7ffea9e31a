"""Real data sets with a known finer temperature, each read as `LabelledScene`s, and which of them are held out.

A new set costs one file with a function `read(root)` and one line in `DATASETS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from srdanet.datasets import aster, imt, orleans, world, yanco
from srdanet.scene import LabelledScene

DATASETS: Mapping[str, Callable[[Path | str], Iterator[LabelledScene]]] = {
    "imt": imt.read,
    "aster": aster.read,
    "orleans": orleans.read,
    "yanco": yanco.read,
    "world": world.read,
}
"""Name → reader of all scenes of the set, given the folder that holds the data sets."""
