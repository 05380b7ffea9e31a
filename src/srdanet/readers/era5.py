"""ERA5 files of any layout read into one set of hours, in physical units, with units and ranges checked.

Old NetCDF (to 2024): `time`, classic format, packed int16, latitude descending,
longitude 0-360, `expver` as a dimension where final and preliminary data meet. New:
`valid_time`, `number` and `expver` beside it, instantaneous and accumulated variables
in separate files, handed out as one zip. GRIB is read by GDAL; its units are left as
the provider's (GDAL would turn K into degrees Celsius).

Source: ERA5 single levels (Hersbach et al. 2020), 0.25 degrees, hourly.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float64
from srdanet.errors import ArgumentError, GranuleError
from srdanet.readers.accumulation import Sums, sums_of
from srdanet.readers.guard import check_file, check_member, open_image, unreadable
from srdanet.readers.hdf5 import is_hdf5, look_through
from srdanet.readers.resampling import corners
from srdanet.units import Unit, unit_of
from srdanet.variables import BY_NAME

Crop = Callable[[xr.DataArray], xr.DataArray]
"""Cuts an image stack down before its values are read."""

_UNITS = {"t2m": "K", "d2m": "K", "u10": "m s-1", "v10": "m s-1", "si10": "m s-1", "ssrd": "J m-2", "swvl1": "m3 m-3"}
"""ERA5's variables, and the units to which they are brought."""
PRODUCTS: dict[str, tuple[str, Sums]] = {"era5": ("ERA5", "hour"), "era5_land": ("ERA5-Land", "day")}
"""What a user may state, `era5=FILE`: the product, and over what its radiation is summed up."""
_STATED = re.compile(r"era5[-_ ]?(land|single)", re.IGNORECASE)
_EITHER = (
    "the radiation (ssrd) may be the energy of each hour (ERA5) or since 00 UTC (ERA5-Land); the hours there fit both"
)
_HOUR = np.timedelta64(3600, "s")
_MARGIN = np.timedelta64(7 * 3600, "s")
_GRIB_NAMES = {"2T": "t2m", "2D": "d2m", "10U": "u10", "10V": "v10", "SSRD": "ssrd", "SWVL1": "swvl1"}
_AXES = ("time", "latitude", "longitude")
_AGAIN = "Download it again."


def open_era5(
    paths: str | Path | Sequence[str | Path],
    *,
    around: GeoBox | None = None,
    time: ArrayLike | None = None,
    sums: Sums | None = None,
) -> xr.Dataset:
    """Read ERA5 files of any layout into one set of hours.

    Args:
        paths: NetCDF (old or new layout), zip of NetCDF, or GRIB. Variables and days may be spread over files.
        around: Read only what surrounds this grid.
        time: Read only the hours around these moments (UTC, any shape).
        sums: Over what the radiation is summed up: the `hour` before each stamp, as in ERA5, or the `day` from 00 UTC,
            as in ERA5-Land. None to go by the sums themselves.

    Returns:
        (time, latitude, longitude) float32 with those of t2m K, d2m K, wind m s-1, ssrd W m-2
        (mean over the hour that ends at `time`), swvl1 m3 m-3 that the files hold; latitude and
        longitude ascending, longitude from -180 to 180 (0 to 360 where the area crosses 180). NaN = missing.
        `attrs["assumed"]` lists what was decided for the reader, `attrs["left_out"]` the files and variables that
        cannot be read or hold impossible values, with the cause: they cost themselves only.

    Raises:
        GranuleError: when nothing is left (the cause is the first), no hour is near `time` or no point near `around`,
            or the radiation's sums contradict what is stated of them.
        ArgumentError: when no file is given, or the radiation's sums do not tell over what they are.
    """
    given = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    if not given:
        raise ArgumentError("No file of weather data is given.")
    fields: dict[str, list[xr.DataArray]] = {}
    extents: set[str] = set()
    notes: dict[str, None] = {}
    faults: list[GranuleError] = []

    def crop(image: xr.DataArray) -> xr.DataArray:
        extents.add(extent(image))
        near = _near_place(image, around)
        return near if image.name == "ssrd" else _near_time(near, time)  # all hours tell over what it is summed up

    for path in given:
        try:
            images = list(read_fields(path, crop))
        except GranuleError as error:
            faults.append(error)
            continue
        for image in images:
            name, unit = str(image.name), str(image.attrs.get("units", "")).strip()
            if not image.size:
                continue
            factor = unit_of(unit, _UNITS[name]) if unit else Unit(_UNITS[name])
            if factor is None:
                what = f"{name} is in {unit!r}, which this package does not read."
                faults.append(GranuleError(what, where=path, todo=f"Convert it to {_UNITS[name]}."))
                continue
            if not unit:
                notes[f"{path.name}: {name} has no unit; taken as {_UNITS[name]}"] = None
            plain = (factor.scale, factor.offset) == (1.0, 0.0)
            converted = image if plain else image.astype(np.float64) * factor.scale + factor.offset
            fields.setdefault(name, []).append(converted.assign_attrs(image.attrs | {"path": path}))
    joined: dict[str, xr.DataArray] = {}
    for name, parts in fields.items():
        joined[name], others = _joined(name, parts)
        faults += others
    if "ssrd" in joined:
        decided, note = _decide_sums(joined["ssrd"], _near_time(joined["ssrd"], time), given, sums)
        if note:
            notes[note] = None
        joined["ssrd"] = _near_time(_hourly(joined["ssrd"]) if decided == "day" else joined["ssrd"], time)
    joined = {name: image for name, image in joined.items() if image.size}
    if not joined:
        if faults:
            raise faults[0]
        todo = "Ask the Climate Data Store for this date and area, a degree larger on each side."
        where = "; ".join(sorted(extents)[:4])
        raise GranuleError("The files hold no hour near the time and place asked for.", where=where, todo=todo)
    out = xr.merge(_quantities(joined), join="outer", compat="override", combine_attrs="drop")
    for name in map(str, out.data_vars):
        known = BY_NAME[name]
        out[name].attrs = {"units": known.unit, "long_name": known.long_name}
        values = out[name].values
        if ((values < known.low) | (values > known.high)).any():
            limits = f"{np.nanmin(values):.6g} to {np.nanmax(values):.6g} {known.unit}"
            what = f"{name} runs from {limits}, beyond what is possible."
            faults.append(GranuleError(what, where=given[0], todo="Check the unit."))
            out = out.drop_vars(name)
    if not out.data_vars:
        raise faults[0]
    left = [(Path(str(fault.where)).name, fault.what.rstrip(".")) for fault in faults]
    return out.assign_attrs(assumed=list(notes), sources=[p.name for p in given], left_out=left)


def _decide_sums(
    energy: xr.DataArray, near: xr.DataArray, paths: Sequence[Path], stated: Sums | None
) -> tuple[Sums, str]:
    """Over what radiation is summed up, and what to note of it."""
    where = ", ".join(path.name for path in paths[:4])
    todo = "State which it is: era5=FILE or era5_land=FILE."
    said: Sums | None = stated or energy.attrs.get("sums")
    try:
        found = sums_of(energy.sortby("time"))
    except ValueError as error:
        raise GranuleError(f"The radiation (ssrd) is of no kind known: {error}.", where=where, todo=todo) from error
    if found is not None and stated is not None and found != stated:
        kinds = {sums: product for product, sums in PRODUCTS.values()}
        what = f"The radiation (ssrd) is stated to be {kinds[stated]}'s, but its sums are those of {kinds[found]}."
        raise GranuleError(what, where=where, todo="Check which of the two the file holds.")
    kind = found or said
    if kind is None and not bool((near > 0).any()):
        kind = "hour"  # night: both are nothing
    if kind is None:
        raise ArgumentError(_EITHER, where=where, todo=todo)
    if found is not None and said is not None and found != said:
        kinds = {"hour": "are of each hour, as in ERA5", "day": "run on from 00 UTC, as in ERA5-Land"}
        return found, f"{where} is named or described as the other kind, but its sums of ssrd {kinds[found]}"
    how = "by its sums" if found else "as stated" if stated else "by the name of the file or what it says of itself"
    return kind, f"ssrd runs on from 00 UTC, as in ERA5-Land ({how})" if kind == "day" else (
        "" if found or stated or said is None else f"ssrd is of each hour, as in ERA5 ({how})"
    )


def extent(image: xr.DataArray) -> str:
    """Where and when a field has values, for messages."""
    when, lat, lon = (image[axis].values for axis in _AXES)
    if not (lat.size and lon.size):
        return f"covers nothing, {span(when)}"
    return f"covers {lat.min():g} to {lat.max():g} N, {lon.min():g} to {lon.max():g} E, {span(when)}"


def span(when: NDArray[np.datetime64]) -> str:
    """First and last of some moments, for messages."""
    return f"{np.datetime_as_string(when.min(), 'm')} to {np.datetime_as_string(when.max(), 'm')} UTC"


def _near_place(image: xr.DataArray, around: GeoBox | None) -> xr.DataArray:
    """The points around a grid, two steps more on each side; longitudes in one piece."""
    if around is None:
        return _in_one_piece(image)
    lon, lat = (c[np.isfinite(c)] for c in corners(around, CRS(4326)))
    if not lon.size:
        return image.isel(longitude=slice(0, 0))
    image = _turned(image, (lon.min() + lon.max()) / 2 + 180)
    for axis, wanted in (("latitude", lat), ("longitude", lon)):
        margin = 2 * step_of(image[axis].values)
        image = image.sel({axis: slice(wanted.min() - margin, wanted.max() + margin)})
    return image


def _in_one_piece(image: xr.DataArray) -> xr.DataArray:
    """Longitudes from -180 to 180, or from 0 to 360 where those have a gap."""
    turned = _turned(image, 180)
    gaps = np.diff(turned["longitude"].values)
    return _turned(image, 360) if gaps.size and gaps.max() > 1.5 * np.median(gaps) else turned


def _turned(image: xr.DataArray, end: float) -> xr.DataArray:
    """Longitudes in the 360 degrees before `end`, which ascend."""
    longitude = np.mod(np.round(image["longitude"].values, 5) - end, 360) + end - 360
    return image.assign_coords(longitude=np.round(longitude, 5)).sortby("longitude")


def _near_time(image: xr.DataArray, time: ArrayLike | None) -> xr.DataArray:
    if time is None:
        return image
    wanted = moments(time)
    if np.isnat(wanted).all():
        return image.isel(time=slice(0, 0))
    first, last = np.nanmin(wanted) - _MARGIN, np.nanmax(wanted) + _MARGIN
    return image.isel(time=np.flatnonzero((image["time"].values >= first) & (image["time"].values <= last)))


def moments(time: ArrayLike) -> NDArray[np.datetime64]:
    """Moments as datetime64[ns], whatever kind of time was given."""
    try:
        return np.asarray(time).astype("datetime64[ns]")
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{time!r} is not a time.", todo="Give numpy datetime64 in UTC.") from error


def step_of(axis: Float64) -> float:
    """Usual spacing of an axis; 0 where it has one point."""
    return float(np.median(np.abs(np.diff(axis)))) if axis.size > 1 else 0.0


def _joined(name: str, parts: list[xr.DataArray]) -> tuple[xr.DataArray, list[GranuleError]]:
    """One variable from several files, of other hours or of areas side by side; of what comes twice the first counts.

    Between areas that do not touch there are points without a value. A file on another grid than the first is left out.
    """
    areas: dict[tuple[bytes, ...], list[xr.DataArray]] = {}
    faults = []
    for part in parts:
        if all(_on_one_grid(parts[0][axis].values, part[axis].values) for axis in _AXES[1:]):
            areas.setdefault(tuple(part[axis].values.tobytes() for axis in _AXES[1:]), []).append(part)
        else:
            what = f"{name} lies on another grid of points than that of {parts[0].attrs['path'].name}."
            faults.append(GranuleError(what, where=part.attrs["path"], todo="Give files of one grid."))
    alike = [xr.concat(same, "time").drop_duplicates("time").sortby("time") for same in areas.values()]
    out = alike[0]
    if len(alike) > 1:
        turned = [_turned(image, 180).drop_duplicates("longitude") for image in alike]
        out = turned[0]
        for other in turned[1:]:
            out = out.combine_first(other)
        out = _in_one_piece(out)
        for axis in _AXES[1:]:
            out = _without_bridges(out, axis)
    return out.rename(name).assign_attrs(parts[0].attrs), faults


def _on_one_grid(first: Float64, other: Float64) -> bool:
    """Whether the points of two axes lie whole steps apart."""
    step = step_of(first) or step_of(other)
    if not step or (other.size > 1 and abs(step_of(other) - step) > 1e-3 * step):
        return not step
    offset = (other[0] - first[0]) / step
    return bool(abs(offset - round(offset)) < 0.01)


def _without_bridges(image: xr.DataArray, axis: str) -> xr.DataArray:
    """The image with missing points beside each gap along an axis, so that nothing is interpolated over it."""
    points = image[axis].values
    step = float(np.diff(points).min())
    wide = np.diff(points) > 1.5 * step
    between = np.concatenate([points, points[:-1][wide] + step, points[1:][wide] - step])
    return image.reindex({axis: np.unique(np.round(between, 5))}) if wide.any() else image


def _quantities(fields: dict[str, xr.DataArray]) -> list[xr.DataArray]:
    """What the package uses, from what the files hold; small negatives left by packing become zero."""
    out = [fields[n].astype(np.float32) for n in ("t2m", "d2m") if n in fields]
    if "u10" in fields and "v10" in fields:
        u, v = xr.align(fields["u10"], fields["v10"], join="inner")
        out.append(u.copy(data=np.hypot(u.values, v.values).astype(np.float32)).rename("wind"))
    elif "si10" in fields:
        out.append(fields["si10"].astype(np.float32).rename("wind"))
    if "ssrd" in fields:
        power = fields["ssrd"] / 3600.0
        out.append(power.where(~((power < 0) & (power > -1)), 0.0).astype(np.float32).rename("ssrd"))
    if "swvl1" in fields:
        water = fields["swvl1"]
        out.append(water.where(~((water < 0) & (water > -0.01)), 0.0).astype(np.float32))
    if not out:
        raise GranuleError(f"The files hold only {', '.join(fields)}.", todo="Wind needs both u10 and v10.")
    return out


def _hourly(energy: xr.DataArray) -> xr.DataArray:
    """Energy of each hour from sums since 00 UTC: the hour before is taken off."""
    before = energy.assign_coords(time=energy["time"].values + _HOUR).reindex(time=energy["time"])
    starts = energy["time"].dt.hour == 1
    return energy - before.where(~starts, 0.0)


def read_fields(path: Path, crop: Crop) -> Iterator[xr.DataArray]:
    """The variables of one file that this package uses, each (time, latitude, longitude), loaded.

    Raises:
        GranuleError: when the file is missing, damaged, of another format, or holds none of them.
    """
    check_file(path, "file of weather data")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] != b"PK":
        if is_hdf5(path):
            look_through(path)
        yield from _decode(path, magic, str(path), crop)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if any(member.flag_bits & 1 for member in members):
                raise GranuleError("The zip archive is protected by a password.", where=path, todo="Unpack it.")
            weather = 0
            for member in members:
                with archive.open(member) as opened:
                    head = opened.read(4)
                if head not in (b"GRIB", b"\x89HDF") and not head.startswith(b"CDF"):
                    continue
                weather += 1
                check_member(path, member)
                yield from _decode(archive.read(member), head, f"{path}!{member.filename}", crop)
            if not weather:
                names = ", ".join(member.filename for member in members[:3]) or "nothing"
                what = f"The zip archive holds neither heights nor weather ({names})."
                raise GranuleError(what, where=path, todo="Unpack it and give the files.")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise GranuleError(f"The zip archive is damaged ({error}).", where=path, todo=_AGAIN) from error


def _decode(source: Path | bytes, magic: bytes, where: str, crop: Crop) -> list[xr.DataArray]:
    if magic == b"GRIB":
        found = list(_read_grib(source, where, crop))
    elif magic[:3] == b"CDF" or magic == b"\x89HDF":
        found = list(_read_netcdf(source, "scipy" if magic[:3] == b"CDF" else "h5netcdf", where, crop))
    else:
        raise GranuleError("The file is neither NetCDF nor GRIB nor a zip of them.", where=where, todo=_AGAIN)
    if not found:
        todo = f"Ask the Climate Data Store for {', '.join(_UNITS)}."
        raise GranuleError("The file holds none of the variables this package uses.", where=where, todo=todo)
    return found


def _read_netcdf(source: Path | bytes, engine: str, where: str, crop: Crop) -> Iterator[xr.DataArray]:
    opened = io.BytesIO(source) if isinstance(source, bytes) else source
    with (
        unreadable(where, "The file cannot be read as NetCDF", _AGAIN),
        xr.open_dataset(opened, engine=engine, decode_timedelta=False) as file,
    ):
        said = _said(f"{Path(where).name} {file.attrs}")
        for name in file.data_vars:
            if str(name) in _UNITS:
                image = crop(_standard(file[name], f"{where} ({name})"))
                # Not every version of xarray can read nothing out of a classic file.
                image = image.load() if image.size else image.copy(data=np.empty(image.shape, image.dtype))
                yield image.assign_attrs(image.attrs | {"sums": said})


def _said(text: str) -> Sums | None:
    """Over what radiation is summed up, by the product that a file's name or attributes state."""
    found = {match.lower() for match in _STATED.findall(text)}
    return {"land": "day", "single": "hour"}[found.pop()] if len(found) == 1 else None  # type: ignore[return-value]


def _said_by_start(tags: Mapping[str, str]) -> Sums | None:
    """The same by the start of the forecast that a GRIB message is of: 00 UTC in ERA5-Land, 06 or 18 UTC in ERA5."""
    start, ahead = tags.get("GRIB_REF_TIME", "").split(), tags.get("GRIB_FORECAST_SECONDS", "").split()
    if not start or not ahead or int(ahead[0]) <= 0:
        return None
    return "day" if int(start[0]) % 86400 == 0 else "hour"


def _standard(image: xr.DataArray, where: str) -> xr.DataArray:
    """One variable with this package's axis names, order and nothing else."""
    image = image.rename({axis[:3]: axis for axis in _AXES[1:] if axis[:3] in image.coords})
    if "valid_time" in image.coords:
        moment = image.coords["valid_time"]
        if moment.dims == ("valid_time",):
            image = image.drop_vars("time", errors="ignore").rename(valid_time="time")
        elif moment.dims in ((), ("time",)):
            image = image.assign_coords(time=(moment.dims, moment.values))
        else:
            raise GranuleError("It holds several forecasts per start time.", where=where, todo="Choose one step first.")
    if "expver" in image.dims:
        # Final data (1), and preliminary data (5) where there are none yet.
        order = np.argsort(image["expver"].values.astype(int), kind="stable")
        final, *preliminary = (image.isel(expver=int(i), drop=True) for i in order)
        for other in preliminary:
            final = final.fillna(other)
        image = final.assign_attrs(image.attrs)
    for dim in set(image.dims) - set(_AXES):
        if image.sizes[dim] > 1:
            what = f"It holds {image.sizes[dim]} values along {dim}."
            raise GranuleError(what, where=where, todo=f"Choose one {dim} first.")
        image = image.isel({dim: 0})
    if "time" in image.coords and "time" not in image.dims:
        image = image.expand_dims("time")
    lacking = set(_AXES) - set(image.dims)
    if lacking or not set(_AXES) <= set(image.coords):
        raise GranuleError(f"It has no {', '.join(sorted(lacking)) or 'coordinates'}.", where=where)
    image = image.drop_vars(set(image.coords) - set(_AXES)).transpose(*_AXES)
    latitude, longitude = (np.round(image[axis].values.astype(np.float64), 5) for axis in _AXES[1:])
    time = image["time"].values.astype("datetime64[ns]")
    return image.assign_coords(time=time, latitude=latitude, longitude=longitude).sortby("latitude")


def _read_grib(source: Path | bytes, where: str, crop: Crop) -> Iterator[xr.DataArray]:
    import rasterio
    from rasterio.io import MemoryFile

    images: dict[str, list[xr.DataArray]] = {}
    with unreadable(where, "The file cannot be read as GRIB", _AGAIN), rasterio.Env(GRIB_NORMALIZE_UNITS="NO"):
        opened = MemoryFile(source).open(driver="GRIB") if isinstance(source, bytes) else open_image(source, ["GRIB"])
        with opened as file:
            a = file.transform
            latitude = np.round(a.f + a.e * (np.arange(file.height) + 0.5), 5)
            longitude = np.round(a.c + a.a * (np.arange(file.width) + 0.5), 5)
            for band in range(1, file.count + 1):
                tags = file.tags(band)
                name = _GRIB_NAMES.get(tags.get("GRIB_ELEMENT", ""))
                if name is None:
                    continue
                time = np.datetime64(int(tags["GRIB_VALID_TIME"].split()[0]), "s").astype("datetime64[ns]")
                values = file.read(band, masked=True).filled(np.nan)[None]
                attrs = {"units": tags.get("GRIB_UNIT", "").strip("[]"), "sums": _said_by_start(tags)}
                image = xr.DataArray(values, [[time], latitude, longitude], _AXES, name, attrs)
                images.setdefault(name, []).append(crop(image.sortby("latitude")))
    for name, parts in images.items():
        whole = xr.concat(parts, "time").sortby("time")
        whole.attrs["sums"] = _said(Path(where).name) or whole.attrs["sums"]
        times = whole["time"].values
        twice = times[1:][times[1:] == times[:-1]]
        if twice.size:
            raise GranuleError(f"The file holds several {name} of {twice[0]}.", where=where, todo="Choose one member.")
        yield whole
