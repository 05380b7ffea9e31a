"""Write a simulation as the files that NASA, USGS and ECMWF deliver, with station records and the truth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import Progress
from srdanet.atomic import heal, publish, refuse_existing, staged
from srdanet.errors import ArgumentError
from srdanet.grid import Tile, coarsen
from srdanet.readers.filenames import GranuleName
from srdanet_simulator.files.era5 import era5_name, write_era5
from srdanet_simulator.files.granules import (
    coarse_emissivity,
    granule_name,
    optical_layers,
    temperature_layers,
    write_granule,
)
from srdanet_simulator.files.heights import POSTS, srtm_tiles, write_tile
from srdanet_simulator.files.stations import station_names, truth_at_sites, write_stations
from srdanet_simulator.files.truth import truth_names, write_truth
from srdanet_simulator.place import MARGIN, fine_of, grid_of
from srdanet_simulator.sensor.modis import View
from srdanet_simulator.simulation import Platform, Simulation, companion, era5_over_tile, simulate

TRUTH, STATIONS = "truth", "stations"
"""Folders of what no satellite delivers, so that the rest can be prepared as it stands."""
_OUTSIDE = {"qc_day": 3, "qc_night": 3}
"""QC words around the scene: not produced for other reasons than cloud."""
_PARTS = 5
_BYTES, _BYTES_PER_CELL = 4_600_000, 420
"""Disk bytes of a day but for heights: tiles of fill and the stations, and what each 1 km cell adds."""
Tell = Callable[[int], None]


@dataclass(frozen=True)
class Seen:
    """What the files of a day need of its other overpass."""

    day: bool
    time: np.datetime64
    view: View
    at_sites: dict[np.datetime64, NDArray[np.float64]]
    """The moment, and the true temperature (K) of the sites then."""


def write(simulation: Simulation, directory: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write a simulation, both overpasses of its day, as real file formats.

    Files: MOD11A1, MOD09GA, MOD09GQ (MYD for Aqua), MCD43A3, MCD12Q1 granules of the whole tile with
    fill around the scene; SRTM `.hgt` tiles, void around it; an ERA5 archive as the Climate Data Store
    makes it; in `stations/` a day of longwave radiation at some cells and the list of these; in `truth/` the
    truth of each overpass at 1000, 500 and 250 m as GeoTIFF and NetCDF. The same simulation gives the same bytes.

    Args:
        simulation: What to write.
        directory: Where to; made when absent.
        overwrite: Replace files of the same name.

    Returns:
        The files; the truth comes last.

    Raises:
        OutputError: when a file exists (and `overwrite` is off) or cannot be written.
    """
    folder = Path(directory)
    own = simulation
    known = file_names(own.seed, own.size, own.tile, [own.date], platform=own.platform, offset=own.offset)
    heal(folder, "simulation")
    refuse_existing([folder / name for name in known], overwrite=overwrite)
    with staged(folder, "simulation") as hidden:
        seen = _write_first(simulation, hidden, _silent)
        _write_second(companion(simulation), seen, hidden, _silent)
        publish(hidden, sorted(known, key=_completes), overwrite=overwrite)
        return [folder / name for name in known]


def write_days(
    seed: int,
    size: int,
    tile: Tile,
    dates: Sequence[dt.date],
    directory: str | Path,
    *,
    platform: Platform = "Terra",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Simulate and write some days over one land, one overpass in memory at a time; arguments as in `simulate`.

    Args:
        seed: Everything random depends on it.
        size: 1 km cells on a side.
        tile: MODIS tile the scene lies in.
        dates: The days.
        directory: Where to; made when absent.
        platform: Terra or Aqua.
        overwrite: Replace files of the same name.
        progress: Called with a date, parts done and parts in all.

    Returns:
        The files as `write` makes them; what all days share is there once.

    Raises:
        ArgumentError: same as in `simulate`.
        OutputError: same as in `write`; then nothing is left behind.
    """
    folder = Path(directory)
    known = file_names(seed, size, tile, dates, platform=platform)
    heal(folder, "simulation")
    refuse_existing([folder / name for name in known], overwrite=overwrite)
    with staged(folder, "simulation") as hidden:
        for date in dates:
            tell = _silent if progress is None else partial(_tell, progress, str(date))
            tell(0)
            # neither has a name here: the day is let go before the night is simulated
            seen = _write_first(simulate(seed, size, tile, date, platform=platform), hidden, tell)
            _write_second(simulate(seed, size, tile, date, False, platform=platform), seen, hidden, tell)
        publish(hidden, sorted(known, key=_completes), overwrite=overwrite)
        return [folder / name for name in known]


def file_names(
    seed: int,
    size: int,
    tile: Tile,
    dates: Sequence[dt.date],
    *,
    platform: Platform = "Terra",
    offset: tuple[int, int] | None = None,
) -> list[str]:
    """Names of the files that these days make, below their folder; nothing is simulated.

    Raises:
        ArgumentError: when there is no date or one is given twice, or the scene does not fit the tile or the map.
    """
    if not dates or len(set(dates)) < len(dates):
        problem = "there is no date" if not dates else "a date is given twice"
        raise ArgumentError(problem, todo="Give each date once.")
    _, fine = grid_of(seed, size, tile, offset)
    granules = [str(name) for date in dates for name in _granules(tile, date, platform).values()]
    around = [
        *srtm_tiles(_scene(fine), fine),
        *(era5_name(tile, date) for date in dates),
    ]
    stations = [f"{STATIONS}/{name}" for date in dates for name in station_names(tile, date)]
    both = [(date, day) for date in dates for day in (True, False)]
    truths = [f"{TRUTH}/{name}" for date, day in both for name in truth_names(tile, date, day, platform)]
    return list(dict.fromkeys([*granules, *around, *stations, *truths]))


def _completes(name: str) -> bool:
    """Whether a file is one of the granules and archives, which take their places after truth and stations."""
    return Path(name).parent == Path()


def room(names: Sequence[str], size: int) -> int:
    """Disk bytes that the files of a scene of that size take, about."""
    days = sum(name.endswith(".zip") for name in names)
    return sum(name.endswith(".hgt") for name in names) * POSTS**2 * 2 + days * (_BYTES + _BYTES_PER_CELL * size**2)


def _scene(fine: GeoBox) -> GeoBox:
    """The scene's 1 km grid in the fine one."""
    return coarsen(fine, fine_of(fine))[MARGIN:-MARGIN, MARGIN:-MARGIN]


def _granules(tile: Tile, date: dt.date, platform: Platform) -> dict[str, GranuleName]:
    """Names of the day's granules by the product's name without its platform."""
    one = "MOD" if platform == "Terra" else "MYD"
    first = date.replace(month=1, day=1)
    names = {"11A1": (one, date), "09GA": (one, date), "09GQ": (one, date), "43A3": ("MCD", date)}
    names["12Q1"] = ("MCD", first)
    return {short: granule_name(origin + short, day, tile) for short, (origin, day) in names.items()}


def _write_first(simulation: Simulation, folder: Path, tell: Tell) -> Seen:
    """Write all of a day but what needs both overpasses; files that another day has written already stay."""
    names = _granules(simulation.tile, simulation.date, simulation.platform)
    tell(1)
    for short, layers in optical_layers(simulation).items():
        if not (folder / str(names[short])).exists():
            write_granule(folder / str(names[short]), names[short], layers, simulation.offset, _OUTSIDE)
    raw = simulation.raw
    for name, corner in srtm_tiles(simulation.geobox, raw.elevation_box).items():
        if not (folder / name).exists():
            write_tile(folder / name, corner, raw.elevation, raw.elevation_box)
    tell(2)
    write_truth(simulation, _below(folder, TRUTH))
    tell(3)
    return Seen(simulation.day, simulation.time, raw.view, truth_at_sites(simulation))


def _write_second(simulation: Simulation, seen: Seen, folder: Path, tell: Tell) -> None:
    """Write what needs both overpasses of a day, and the second one's truth."""
    tell(4)
    name = _granules(simulation.tile, simulation.date, simulation.platform)["11A1"]
    views = {seen.day: seen.view, simulation.day: simulation.raw.view}
    layers = temperature_layers(views, coarse_emissivity(simulation))
    write_granule(folder / str(name), name, layers, simulation.offset, _OUTSIDE)
    write_truth(simulation, _below(folder, TRUTH))
    write_stations(simulation, seen.at_sites | truth_at_sites(simulation), _below(folder, STATIONS))
    era5 = era5_over_tile(simulation, (seen.time, simulation.time))
    write_era5(era5, folder / era5_name(simulation.tile, simulation.date))
    tell(_PARTS)


def _below(folder: Path, name: str) -> Path:
    (folder / name).mkdir(exist_ok=True)
    return folder / name


def _tell(progress: Progress, date: str, done: int) -> None:
    progress(date, done, _PARTS)


def _silent(done: int) -> None:
    """Report no progress."""
