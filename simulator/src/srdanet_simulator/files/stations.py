"""Stations on the simulated ground: longwave radiation as SURFRAD's daily files hold it, and a list of the places.

What a pyrgeometer over a whole 250 m cell would measure under the simulated clear sky, minute by minute; clouds
cover the view of the satellite only. Format: NOAA SURFRAD, README of the daily files (`.dat`).
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srdanet.grid import Level, Tile, lonlat
from srdanet.predictors.solar import sun_at
from srdanet.readers.stations_longwave import LIST_COLUMNS, STEFAN_BOLTZMANN
from srdanet_simulator.balance import sites
from srdanet_simulator.day import STEPS
from srdanet_simulator.place import MARGIN
from srdanet_simulator.simulation import Simulation

_MISSING = "-9999.9 1"


def station_names(tile: Tile, date: dt.date) -> list[str]:
    """Names of the stations' daily files, and of their list."""
    daily = [f"simulated{n}_{tile}_{date:%Y%j}.dat" for n in range(1, sites.COUNT + 1)]
    return [*daily, f"stations_{tile}_{date:%Y%j}.csv"]


def truth_at_sites(simulation: Simulation) -> dict[np.datetime64, NDArray[np.float64]]:
    """The moment of an overpass and the true temperature (K) of each site then."""
    sites = simulation.raw.sites
    return {simulation.time: simulation.truth[sites.row, sites.col].astype(np.float64)}


def write_stations(
    simulation: Simulation, truth: Mapping[np.datetime64, NDArray[np.float64]], folder: Path
) -> list[Path]:
    """Write the day of each site of a scene, and the list of them: where they are and what they stand on.

    Args:
        simulation: Either overpass of the day.
        truth: Of one or both overpasses, see `truth_at_sites`.
        folder: Where to.
    """
    chosen = simulation.raw.sites
    box = simulation.geobox_at(Level.M250)
    cells = [lonlat(box[row : row + 1, col : col + 1]) for row, col in zip(chosen.row, chosen.col, strict=True)]
    lon, lat = ([float(cell[axis][0, 0]) for cell in cells] for axis in (0, 1))
    height = chosen.ground.elevation.mean((1, 2))
    # in a large scene, over which the weather changes, 250 m cells are the fine ones
    middles = (at[:, None, None] + 0.5 + MARGIN * 4 for at in (chosen.row, chosen.col))
    day = sites.through(sites.course(chosen, simulation.raw.weather.at(*middles), STEPS), truth)
    minutes = day.time[0] + np.arange(24 * 60) * np.timedelta64(60, "s")
    kelvin, down, air = (sites.at(values, day, minutes) for values in (day.kelvin, day.down, day.air))
    up = day.emissivity * STEFAN_BOLTZMANN * kelvin**4 + (1 - day.emissivity) * down
    *daily, listed = (folder / name for name in station_names(simulation.tile, simulation.date))
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow([*LIST_COLUMNS, "latitude", "longitude", "cover"])
    for n, path in enumerate(daily):
        name = f"Simulated {n + 1} ({chosen.cover[n]})"
        head = f" {name}\n {lat[n]:.6f} {-lon[n]:.6f} {height[n]:.0f} m version 1\n"
        zenith, _ = sun_at(minutes, lon[n], lat[n])
        path.write_text(head + _lines(minutes, zenith, down[:, n], up[:, n], air[:, n]), encoding="ascii")
        rows.writerow([path.name, f"{day.emissivity[n]:.5f}", f"{lat[n]:.6f}", f"{lon[n]:.6f}", chosen.cover[n]])
    listed.write_text(table.getvalue(), encoding="utf-8")
    return [*daily, listed]


def _lines(
    minutes: NDArray[np.datetime64],
    zenith: NDArray[np.float64],
    down: NDArray[np.float64],
    up: NDArray[np.float64],
    air: NDArray[np.float64],
) -> str:
    """Rows of the file: the time, the sun's zenith angle, then pairs of value and flag."""
    lines = []
    for n, minute in enumerate(minutes.astype("datetime64[s]").astype(object)):
        clock = f" {minute:%Y} {minute.timetuple().tm_yday:3d} {minute.month:2d} {minute.day:2d}"
        clock += f" {minute.hour:2d} {minute.minute:2d} {minute.hour + minute.minute / 60:6.3f} {zenith[n]:6.2f}"
        shortwave = [_MISSING] * 4
        longwave = [f"{down[n]:7.1f} 0", _MISSING, _MISSING, f"{up[n]:7.1f} 0", _MISSING, _MISSING]
        net = [_MISSING] * 3 + [f"{down[n] - up[n]:7.1f} 0", _MISSING]
        weather = [f"{air[n] - 273.15:7.1f} 0"] + [_MISSING] * 4
        lines.append(" ".join([clock, *shortwave, *longwave, *net, *weather]))
    return "\n".join(lines) + "\n"
