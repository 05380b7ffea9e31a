"""Longwave radiation measured at stations, and the surface temperature it means.

Four layouts are read: SURFRAD's daily files (`.dat`), its later quality controlled ones (`.qdat`),
ARM's SIRS files (NetCDF-3) and half-hourly OzFlux tables (`.csv` beside `ozflux_study_sites.csv`). Most say
nothing of the emissivity; a list of stations (CSV with the columns `file` and `emissivity`) gives it.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import constants

from srdanet.arrays import Float64
from srdanet.errors import ArgumentError, GranuleError
from srdanet.readers.guard import check_file, unreadable

Times = NDArray[np.datetime64]

STEFAN_BOLTZMANN = constants.Stefan_Boltzmann
"""W m-2 K-4 (CODATA)."""
UP_RANGE, DOWN_RANGE = (50.0, 900.0), (40.0, 700.0)
"""What the Earth and its sky can emit, W m-2; beyond it a value counts as missing."""
WIDEST_GAP = np.timedelta64(45, "m")
"""Between measurements further apart nothing is interpolated."""
OZFLUX_SITES = "ozflux_study_sites.csv"
LIST_COLUMNS = ("file", "emissivity")
"""What a list of stations has at least: the record, beside the list, and the broadband emissivity there."""

SURFRAD_SITES: Mapping[str, tuple[str, float, float]] = {
    "bon": ("Bondville", 40.05192, -88.37309),
    "dra": ("Desert Rock", 36.62373, -116.01947),
    "fpk": ("Fort Peck", 48.30783, -105.10170),
    "gwn": ("Goodwin Creek", 34.25470, -89.87290),
    "psu": ("Penn. State Univ.", 40.72012, -77.93085),
    "sxf": ("Sioux Falls", 43.73403, -96.62328),
    "tbl": ("Table Mountain", 40.12498, -105.23680),
}
"""Name, latitude, longitude by the first letters of a file's name; `.qdat` files do not say where they are."""
_SURFRAD_DOWN, _SURFRAD_UP = 16, 22
"""Columns of a SURFRAD row; each is followed by its flag, 0 = good."""


@dataclass(frozen=True)
class Longwave:
    """One station's record."""

    name: str
    latitude: float
    longitude: float
    time: Times
    """(n,) UTC, rising."""
    up: Float64
    """(n,) W m-2, emitted and reflected by the surface; NaN = missing."""
    down: Float64
    """(n,) W m-2, from the sky; NaN = missing."""
    emissivity: Float64 | None = None
    """(n,) broadband, where the record gives it."""

    def lst(self, emissivity: float | None = None) -> Float64:
        """Surface temperature (n,) K, NaN = missing.

        Args:
            emissivity: Broadband; default: the record's own.

        Raises:
            ArgumentError: when neither gives an emissivity, or it is out of range.
        """
        chosen = self.emissivity if emissivity is None else emissivity
        if chosen is None:
            raise ArgumentError(f"{self.name} records no emissivity.", todo="Give one, such as 0.97.")
        return skin_temperature(self.up, self.down, chosen)

    def at(self, time: np.datetime64, emissivity: float | None = None) -> float:
        """Surface temperature (K) at a UTC time, linear between measurements at most 45 minutes apart; else NaN."""
        lst = self.lst(emissivity)
        known = np.isfinite(lst)
        times, values = self.time[known], lst[known]
        after = int(np.searchsorted(times, time))
        if after < times.size and times[after] == time:
            return float(values[after])
        if not 0 < after < times.size or times[after] - times[after - 1] > WIDEST_GAP:
            return float("nan")
        share = (time - times[after - 1]) / (times[after] - times[after - 1])
        return float(values[after - 1] + share * (values[after] - values[after - 1]))


def skin_temperature(up: ArrayLike, down: ArrayLike, emissivity: ArrayLike) -> Float64:
    """Temperature of a grey surface, `((up - (1 - e) down) / (e sigma))^(1/4)`.

    Args:
        up: Upwelling longwave radiation, W m-2, NaN = missing.
        down: Downwelling longwave radiation, W m-2, NaN = missing.
        emissivity: Broadband, above 0 and at most 1.

    Returns:
        K, NaN where an input is missing or the surface would emit nothing.

    Raises:
        ArgumentError: when an emissivity is out of range.
    """
    e = np.asarray(emissivity, dtype=np.float64)
    if ((e <= 0) | (e > 1)).any():
        todo = "Give one above 0 and at most 1."
        raise ArgumentError(f"The emissivity runs from {e.min():g} to {e.max():g}.", todo=todo)
    emitted = np.asarray(up, dtype=np.float64) - (1 - e) * np.asarray(down, dtype=np.float64)
    kelvin: Float64 = (np.where(emitted > 0, emitted, np.nan) / (e * STEFAN_BOLTZMANN)) ** 0.25
    return kelvin


def open_longwave(path: str | Path) -> Longwave:
    """Read one file of any of the layouts.

    Raises:
        GranuleError: when the file is missing, of another layout, or damaged.
    """
    path = Path(path)
    check_file(path, "station file")
    read = _READERS.get(path.suffix.lower())
    if read is None:
        todo = f"Give a file that ends with one of {', '.join(_READERS)}."
        raise GranuleError("This is not a station file known here.", where=path, todo=todo)
    try:
        return read(path)
    except (ValueError, IndexError, KeyError, TypeError, OSError) as error:
        raise GranuleError(f"The file cannot be read ({error!r}).", where=path, todo="Download it again.") from error


def open_listed(path: str | Path) -> tuple[Longwave, ...]:
    """Read all records that a list of stations names, each with the emissivity the list gives.

    Raises:
        GranuleError: when the list or a record is missing or damaged, or a column or number is.
    """
    path = Path(path)
    rows = _rows(path)
    if not rows or not set(LIST_COLUMNS) <= set(rows[0]):
        todo = f"Give a table with a header and the columns {', '.join(LIST_COLUMNS)}."
        raise GranuleError("This is not a list of stations.", where=path, todo=todo)
    found = []
    for row in rows:
        record = open_longwave(path.parent / row["file"])
        try:
            emissivity = float(row["emissivity"])
        except ValueError as error:
            what = f"The list gives {row['file']} the emissivity {row['emissivity']!r}, which is not a number."
            raise GranuleError(what, where=path) from error
        found.append(replace(record, emissivity=np.full(record.time.shape, emissivity)))
    return tuple(found)


def _surfrad(path: Path) -> Longwave:
    """Daily file: two lines of place (longitude positive west), then rows of values and flags."""
    lines = path.read_text(encoding="ascii").splitlines()
    latitude, west = (float(word) for word in lines[1].split()[:2])
    rows = np.array([[float(word) for word in line.split()] for line in lines[2:] if line.strip()])
    down, up = (np.where(rows[:, i + 1] == 0, rows[:, i], np.nan) for i in (_SURFRAD_DOWN, _SURFRAD_UP))
    return _record(lines[0].strip(), latitude, -west, _times(rows[:, [0, 2, 3, 4, 5]]), up, down)


def _surfrad_checked(path: Path) -> Longwave:
    """Quality controlled file: a header of names, UTC as yyyymmdd and hhmm, -9999.9 = missing."""
    site = SURFRAD_SITES.get(path.name[:3].lower())
    if site is None:
        todo = f"Let its name begin with one of {', '.join(SURFRAD_SITES)}."
        raise GranuleError("The file does not say which station it is of.", where=path, todo=todo)
    header, *lines = path.read_text(encoding="ascii").splitlines()
    columns = [header.split().index(name) for name in ("Date", "Time", "LWup", "LWdn")]
    rows = np.array([[float(line.split()[i]) for i in columns] for line in lines if line.strip()])
    date, clock = rows[:, 0].astype(int), rows[:, 1].astype(int)
    parts = [date // 10000, date // 100 % 100, date % 100, clock // 100, clock % 100]
    return _record(*site, _times(np.stack(parts, axis=1)), rows[:, 2], rows[:, 3])


def _arm(path: Path) -> Longwave:
    """ARM SIRS file; whatever its quality bits doubt is missing."""
    from scipy.io import netcdf_file

    with netcdf_file(path, mmap=False) as file:
        held = file.variables
        absent = {"up_long_hemisp", "down_long_hemisp_shaded", "base_time", "time_offset", "lat", "lon"} - held.keys()
        if absent:
            what = f"The file lacks {', '.join(sorted(absent))}."
            raise GranuleError(what, where=path, todo="Give a SIRS radiation file.")

        def good(name: str) -> Float64:
            values: Float64 = np.asarray(held[name].data, dtype=np.float64)
            flags = held.get(f"qc_{name}")
            return values if flags is None else np.where(np.asarray(flags.data) == 0, values, np.nan)

        start = np.datetime64(int(held["base_time"].data[()]), "s")
        offset = np.round(np.asarray(held["time_offset"].data, dtype=np.float64) * 1e3).astype("timedelta64[ms]")
        latitude, longitude = (float(held[name].data[()]) for name in ("lat", "lon"))
        name = getattr(file, "facility_id", b"ARM")
        up, down = good("up_long_hemisp"), good("down_long_hemisp_shaded")
    return _record(name.decode("ascii"), latitude, longitude, (start + offset).astype("datetime64[ns]"), up, down)


def _ozflux(path: Path) -> Longwave:
    """Table in local standard time; place and time zone are in the table of sites beside it."""
    name = path.name.split("_")[0]
    sites = {row["sitename"]: row for row in _rows(path.parent / OZFLUX_SITES)}
    if name not in sites:
        todo = "Let the file's name begin with the site's."
        raise GranuleError(f"{OZFLUX_SITES} has no site {name!r}.", where=path, todo=todo)
    site, rows = sites[name], _rows(path)
    try:
        zone = ZoneInfo(site["standard_timezone"])
    except ZoneInfoNotFoundError as error:
        todo = "Install the system's time zones, or the package tzdata."
        what = f"The time zone {site['standard_timezone']} is not known here."
        raise GranuleError(what, where=path, todo=todo) from error
    local = (dt.datetime.fromisoformat(row["local_time"]).replace(tzinfo=zone) for row in rows)
    times = np.array([moment.astimezone(dt.UTC).replace(tzinfo=None) for moment in local], dtype="datetime64[ns]")
    columns = ("longwave_u", "longwave_d", "emis")
    up, down, emissivity = (np.array([float(row[name] or "nan") for row in rows]) for name in columns)
    return _record(name, float(site["lat"]), float(site["lon"]), times, up, down, emissivity)


_READERS: Mapping[str, Callable[[Path], Longwave]] = {
    ".dat": _surfrad, ".qdat": _surfrad_checked, ".cdf": _arm, ".nc": _arm, ".csv": _ozflux
}  # fmt: skip


def _rows(path: Path) -> list[dict[str, str]]:
    check_file(path, "table")
    told = unreadable(path, "The table cannot be read", "Give a CSV file.")
    with told, path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _record(
    name: str, latitude: float, longitude: float, time: Times, up: Float64, down: Float64, own: Float64 | None = None
) -> Longwave:
    """A record in order of time, without impossible values."""
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180) or not time.size:
        raise ValueError(f"{time.size} rows at latitude {latitude:g}, longitude {longitude:g}")
    order = np.argsort(time, kind="stable")
    up = np.where((up >= UP_RANGE[0]) & (up <= UP_RANGE[1]), up, np.nan)
    down = np.where((down >= DOWN_RANGE[0]) & (down <= DOWN_RANGE[1]), down, np.nan)
    emissivity = None if own is None else own[order]
    return Longwave(name, latitude, longitude, time[order], up[order], down[order], emissivity)


def _times(rows: NDArray[Any]) -> Times:
    """Times of rows of year, month, day, hour and minute."""
    return np.array([dt.datetime(*row) for row in rows.astype(int).tolist()], dtype="datetime64[ns]")
