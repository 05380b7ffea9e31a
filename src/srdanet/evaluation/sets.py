"""Data sets as `srdanet compare --set` takes them: which scenes of each, and what its tables show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from srdanet.datasets import DATASETS, aster, imt, orleans
from srdanet.datasets.sources import find_scenes
from srdanet.datasets.splits import aster_part, imt_part
from srdanet.errors import ArgumentError
from srdanet.scene import LabelledScene

SCENES = 16
"""Simulated scenes unless asked for otherwise; half by day, half by night."""


@dataclass(frozen=True)
class DataSet:
    """A data set to compare methods on."""

    about: str
    read: Callable[[Path | None, int], Iterable[LabelledScene]]
    """From the folder of the data sets and the number of simulated scenes."""
    series: bool = False
    """Whether it shows the same ground on several dates, which fusion needs."""
    cases: bool = False
    """Whether each group has rows of its own."""
    simulated: bool = False
    """Whether it needs no folder."""


def _real(read: Callable[[Path], Iterable[LabelledScene]]) -> Callable[[Path | None, int], Iterable[LabelledScene]]:
    def checked(root: Path | None, _: int) -> Iterable[LabelledScene]:
        if root is None:
            todo = "Give the folder that holds the data sets with --data."
            raise ArgumentError("the folder of the data sets is not given", where="--data", todo=todo)
        return read(root)

    return checked


SETS: Mapping[str, DataSet] = {
    "imt-day": DataSet(
        "MODIS by day, 2000 -> 1000 m against the real 1 km LST (h18v04, 2020), patches held out",
        _real(lambda root: imt_part(imt.read(root, when=("day",)), "test")),
        series=True,
    ),
    "imt-night": DataSet(
        "MODIS by night, 2000 -> 1000 m against the real 1 km LST (h18v04, 2020), patches held out",
        _real(lambda root: imt_part(imt.read(root, when=("night",)), "test")),
        series=True,
    ),
    "aster": DataSet(
        "MODIS, 1000 -> 500 and 250 m against ASTER of the same overpass (h18v04), pairs held out",
        _real(lambda root: aster_part(aster.read(root), "test")),
    ),
    "orleans": DataSet(
        "MODIS, 1000 -> 500 and 250 m against Landsat 8 (Orleans)", _real(orleans.read), series=True, cases=True
    ),
    "world": DataSet(
        "places in other climates, about 1000 -> 500 and 250 m made from one finer sensor",
        _real(DATASETS["world"]),
        series=True,
        cases=True,
    ),
    "simulated": DataSet(
        "simulated scenes of evaluation, 1000 -> 500 and 250 m",
        lambda _, count: find_scenes("srdanet_simulator:scenes")(count),
        simulated=True,
    ),
    "series": DataSet(
        "simulated, three dates of each land, 1000 -> 500 and 250 m",
        lambda _, count: find_scenes("srdanet_simulator:series")(max(1, count // 4)),
        series=True,
        simulated=True,
    ),
}
"""Name to set, in the order of the tables."""


def find_set(name: str) -> DataSet:
    """A set of `SETS`, or any other of `DATASETS`, whole.

    Raises:
        ArgumentError: when there is none of this name.
    """
    if name in SETS:
        return SETS[name]
    if name in DATASETS:
        return DataSet(f"all scenes of the set {name}", _real(DATASETS[name]), series=True, cases=True)
    known = ", ".join([*SETS, *(other for other in DATASETS if other not in SETS)])
    raise ArgumentError(f"there is no data set {name!r}", where="--set", todo=f"Choose from {known}.")
