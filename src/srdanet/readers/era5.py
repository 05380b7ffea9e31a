"""ERA5 files of any layout read into one set of hours, in physical units, with units and ranges checked.

Source: ERA5 single levels (Hersbach et al. 2020), 0.25 degrees, hourly.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError, GranuleError
from srdanet.readers.era5_files import read_fields
from srdanet.readers.resampling import corners
from srdanet.variables import BY_NAME

_UNITS = {
    "t2m": ("K", "kelvin"),
    "d2m": ("K", "kelvin"),
    "u10": ("m s**-1", "m s-1", "m/s", "m s^-1"),
    "v10": ("m s**-1", "m s-1", "m/s", "m s^-1"),
    "si10": ("m s**-1", "m s-1", "m/s", "m s^-1"),
    "ssrd": ("J m**-2", "J m-2", "J/m^2", "J m^-2", "W*s/m^2", "W s m**-2"),
    "swvl1": ("m**3 m**-3", "m3 m-3", "m^3/m^3", "m^3 m^-3"),
}
_HOUR = np.timedelta64(3600, "s")
_MARGIN = np.timedelta64(7 * 3600, "s")
_LAND_STEP = 0.2
"""Grid step (degrees) below which a file is ERA5-Land, whose `ssrd` runs on from 00 UTC."""


def open_era5(
    paths: str | Path | Sequence[str | Path], *, around: GeoBox | None = None, time: ArrayLike | None = None
) -> xr.Dataset:
    """Read ERA5 files of any layout into one set of hours.

    Args:
        paths: NetCDF (old or new layout), zip of NetCDF, or GRIB. Variables and days may be spread over files.
        around: Read only what surrounds this grid.
        time: Read only the hours around these moments (UTC, any shape).

    Returns:
        (time, latitude, longitude) float32 with those of t2m K, d2m K, wind m s-1, ssrd W m-2
        (mean over the hour that ends at `time`), swvl1 m3 m-3 that the files hold; latitude and
        longitude ascending, longitude from -180 to 180 (0 to 360 where the area crosses 180). NaN = missing.
        `attrs["assumed"]` lists what was decided for the reader.

    Raises:
        GranuleError: when a file is damaged, a unit is unknown, values are impossible, or no
            hour is near `time` or no point near `around`.
        ArgumentError: when no file is given.
    """
    given = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    if not given:
        raise ArgumentError("no file of weather data given")
    notes: list[str] = []
    fields: dict[str, list[xr.DataArray]] = {}
    seen: list[str] = []

    def crop(image: xr.DataArray) -> xr.DataArray:
        seen.append(extent(image))
        return _near_time(_near_place(image, around), time)

    for path in given:
        for image in read_fields(path, crop):
            if image.size:
                fields.setdefault(str(image.name), []).append(_checked_unit(image, path, notes))
    if not fields:
        todo = "ask the Climate Data Store for this date and area, a degree larger on each side"
        raise GranuleError(
            "no hour near the time and place asked for", where="; ".join(sorted(set(seen))[:4]), todo=todo
        )
    joined = {name: _joined(name, parts) for name, parts in fields.items()}
    out = xr.merge(_quantities(joined, notes), join="outer", compat="override", combine_attrs="drop")
    for name in out.data_vars:
        known = BY_NAME[str(name)]
        out[name].attrs = {"units": known.unit, "long_name": known.long_name}
        values = out[name].values
        if ((values < known.low) | (values > known.high)).any():
            limits = f"{np.nanmin(values):.6g} to {np.nanmax(values):.6g} {known.unit}"
            raise GranuleError(
                f"{name} runs from {limits}, beyond what is possible", where=given[0], todo="check the unit"
            )
    return out.assign_attrs(assumed=notes, sources=[p.name for p in given])


def extent(image: xr.DataArray) -> str:
    """Where and when a field has values, for messages."""
    lat, lon, when = (image[a].values for a in ("latitude", "longitude", "time"))
    place = (
        f"{lat.min():g} to {lat.max():g} N, {lon.min():g} to {lon.max():g} E" if lat.size and lon.size else "nothing"
    )
    return f"covers {place}, {span(when)}"


def span(when: NDArray[np.datetime64]) -> str:
    """First and last of some moments, for messages."""
    return f"{np.datetime_as_string(when.min(), 'm')} to {np.datetime_as_string(when.max(), 'm')} UTC"


def _near_place(image: xr.DataArray, around: GeoBox | None) -> xr.DataArray:
    """The points around a grid, two steps more on each side; longitudes in one piece."""
    longitude = np.round(image["longitude"].values, 5)
    if around is None:
        turned = np.mod(longitude + 180, 360) - 180
        gaps = np.diff(np.sort(turned))
        if gaps.size and gaps.max() > 1.5 * np.median(gaps):
            turned = np.mod(longitude, 360)
        return image.assign_coords(longitude=np.round(turned, 5)).sortby("longitude")
    lon, lat = (c[np.isfinite(c)] for c in corners(around, CRS(4326)))
    if not lon.size:
        return image.isel(longitude=slice(0, 0))
    centre = (lon.min() + lon.max()) / 2
    turned = centre + np.mod(longitude - centre + 180, 360) - 180
    image = image.assign_coords(longitude=np.round(turned, 5)).sortby("longitude")
    margins = [2 * step_of(image[a].values) for a in ("latitude", "longitude")]
    rows = (image["latitude"].values >= lat.min() - margins[0]) & (image["latitude"].values <= lat.max() + margins[0])
    columns = image["longitude"].values
    columns = (columns >= lon.min() - margins[1]) & (columns <= lon.max() + margins[1])
    return image.isel(latitude=np.flatnonzero(rows), longitude=np.flatnonzero(columns))


def _near_time(image: xr.DataArray, time: ArrayLike | None) -> xr.DataArray:
    if time is None:
        return image
    wanted = moments(time)
    if np.isnat(wanted).all():
        return image.isel(time=slice(0, 0))
    first, last = np.nanmin(wanted) - _MARGIN, np.nanmax(wanted) + _MARGIN
    have = image["time"].values
    return image.isel(time=np.flatnonzero((have >= first) & (have <= last)))


def moments(time: ArrayLike) -> NDArray[np.datetime64]:
    """Moments as datetime64[ns], whatever kind of time was given."""
    try:
        return np.asarray(time).astype("datetime64[ns]")
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{time!r} is no time", todo="give numpy datetime64 in UTC") from error


def step_of(axis: NDArray[np.float64]) -> float:
    """Usual spacing of an axis; 0 where it has one point."""
    return float(np.median(np.abs(np.diff(axis)))) if axis.size > 1 else 0.0


def _checked_unit(image: xr.DataArray, path: Path, notes: list[str]) -> xr.DataArray:
    name, unit = str(image.name), str(image.attrs.get("units", "")).strip()
    if unit in _UNITS[name]:
        return image
    if unit:
        todo = f"this package reads {name} in {_UNITS[name][0]}"
        raise GranuleError(f"{name} is in {unit!r}", where=path, todo=todo)
    note = f"{path.name}: {name} has no unit; taken as {_UNITS[name][0]}"
    notes.extend([] if note in notes else [note])
    return image


def _joined(name: str, parts: list[xr.DataArray]) -> xr.DataArray:
    """One variable from several files; where an hour comes twice the first file counts."""
    out = parts[0] if len(parts) == 1 else xr.concat(parts, "time", join="outer")
    times = out["time"].values
    _, first = np.unique(times, return_index=True)
    return out.isel(time=first).rename(name)


def _quantities(fields: dict[str, xr.DataArray], notes: list[str]) -> list[xr.DataArray]:
    """What the package uses, from what the files hold; small negatives left by packing become zero."""
    out = [fields[n].astype(np.float32) for n in ("t2m", "d2m") if n in fields]
    if "u10" in fields and "v10" in fields:
        u, v = xr.align(fields["u10"], fields["v10"], join="inner")
        out.append(u.copy(data=np.hypot(u.values, v.values).astype(np.float32)).rename("wind"))
    elif "si10" in fields:
        out.append(fields["si10"].astype(np.float32).rename("wind"))
    if "ssrd" in fields:
        power = _hourly(fields["ssrd"], notes) / 3600.0
        out.append(power.where(~((power < 0) & (power > -1)), 0.0).astype(np.float32).rename("ssrd"))
    if "swvl1" in fields:
        water = fields["swvl1"]
        out.append(water.where(~((water < 0) & (water > -0.01)), 0.0).astype(np.float32))
    if not out:
        raise GranuleError(f"only {', '.join(fields)} in the files", todo="wind needs both u10 and v10")
    return out


def _hourly(energy: xr.DataArray, notes: list[str]) -> xr.DataArray:
    """Energy of each hour; ERA5-Land sums up from 00 UTC, so that the hour before is taken off."""
    if not 0 < step_of(energy["latitude"].values) < _LAND_STEP:
        return energy
    notes.append("a grid finer than 0.2 degrees is taken as ERA5-Land: ssrd runs on from 00 UTC")
    before = energy.assign_coords(time=energy["time"].values + _HOUR).reindex(time=energy["time"])
    starts = energy["time"].dt.hour == 1
    return energy - before.where(~starts, 0.0)
