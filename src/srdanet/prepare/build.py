"""From a plan to a scene: read what the plan names, screen it, bring it to grids that nest, record what was done."""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import Mask, Progress
from srdanet.errors import ArgumentError, GranuleError, GridError, ProductError, SceneError, spelled
from srdanet.grid import (
    METRES_PER_DEGREE,
    SINUSOIDAL,
    Level,
    Tile,
    cell_size,
    coordinates,
    geobox_of,
    ground_scale,
    lonlat,
    nesting,
    refine,
    same_crs,
    tile_of,
    true_to_ground,
)
from srdanet.predictors.solar import runs_with_the_sun, solar_to_utc
from srdanet.prepare.doubts import false_ndwi, hazy_bands
from srdanet.prepare.plan import InputRecord, Plan, Source
from srdanet.prepare.plan import plan as make_plan
from srdanet.prepare.survey import RasterSpec, bounds_of, touch
from srdanet.readers import quality
from srdanet.readers.checksum import digest
from srdanet.readers.elevation import inspect_elevation, open_elevation
from srdanet.readers.era5 import open_era5
from srdanet.readers.granule import Granule, open_granule
from srdanet.readers.guard import companions
from srdanet.readers.meteorology import at_overpass, open_stations
from srdanet.readers.quality import Screening
from srdanet.readers.rasters import open_raster, suggest_grid
from srdanet.readers.resampling import to_grid
from srdanet.readers.tables import product_of
from srdanet.scene import Scene
from srdanet.variables import BANDS, LST_VARIABLES, MODIS_NOISE, NO_CLASS, VIEW_HOURS

DIFFUSE = 0.2
"""Share of diffuse light in the blue-sky albedo: about 0.1 to 0.3 under the clear sky of an LST (Lewis and Barnsley
1994 give the mixing rule). White- and black-sky albedo differ by about 0.02: 0.1 in the share means 0.002 in albedo."""
FINEST = 4
"""Fine cells along a coarse cell: rasters finer than that are averaged (1 km to 250 m)."""
_NEARLY = 0.75
"""A raster whose cells are at most 1 / 0.75 of a level's counts as that level."""
_NOT_PRODUCED = 255
_VIEW = np.timedelta64(1800, "s")
"""How far a time may lie from the view times of all cells."""
_DAYLIGHT, _POLAR = (6.0, 18.0), 60.0
"""Local solar hours (h) of views by day, at latitudes (degrees) below the second."""

Times = NDArray[np.datetime64]
LeftOut = list[tuple[str, str]]
"""Files that are not used, and why."""


@dataclass(frozen=True)
class Reading:
    """What was read of one source, or of several that belong together."""

    arrays: Mapping[str, xr.DataArray]
    """Variables (y, x) by name, in physical units, NaN (classes: 255) = missing."""
    records: tuple[InputRecord, ...]


def prepare(
    what: Plan | Iterable[str | os.PathLike[str]],
    *,
    screening: Screening | None = None,
    diffuse: float = DIFFUSE,
    progress: Progress | None = None,
    **choice: Any,
) -> Scene:
    """Make a scene from files.

    Args:
        what: A plan, or files from which one is made.
        screening: Which quality is kept; None for the defaults (LST errors up to 2 K, no cloud, shadow or cell
            next to a cloud in reflectance, band qualities usable, albedo from full and magnitude inversions).
        diffuse: Share of diffuse light in the albedo, 0 to 1.
        progress: Called with what is read and of which file, 0 of 1 before and 1 of 1 after.
        choice: `tile`, `date`, `day`, `platform`, `time` of `plan`, where files are given.

    Returns:
        A scene: LST on its own grid, auxiliary variables on theirs (reflectance 250 m and 500 m, albedo and
        land cover 500 m, elevation 250 m, weather on the LST grid). `time` is the median over the cells with
        LST; `provenance` holds every input with its sha256, shares of valid cells and what screening dropped.

    Raises:
        SceneError: when no LST is left, or weather data do not cover the overpass.
        GranuleError: when the LST, or a raster that was named, is damaged. Any other file that cannot be read costs
            itself only: `provenance["left_out"]` names it with the cause.
        ArgumentError: when there is nothing to make a scene of, or several things.
    """
    if not isinstance(what, Plan):
        what = make_plan(what, **choice)
    elif choice:
        raise ArgumentError(f"{', '.join(choice)} cannot be given with a plan", todo="Give them when making the plan.")
    if not 0 <= diffuse <= 1:
        raise ArgumentError(f"diffuse {diffuse} is not a share", todo="Use 0 to 1.")
    screening = screening or Screening()
    lst = _read_lst(what, screening, progress)
    coarse = xr.Dataset(dict(lst.arrays))
    box = geobox_of(coarse)
    times = _view_times(what, coarse, box)
    # Heights take as long as all granules together, which another process decodes: they are read side by side.
    with ThreadPoolExecutor(1) as pool:
        heights = pool.submit(_read_elevation, what, box, progress)
        granules, granules_left = _read_granules(what, box, screening, diffuse, progress)
        images = [*_read_rasters(what, box, progress), *granules]
        elevation, beside = heights.result()
    given = {name for image in (*images, *elevation) for name in image.arrays}
    weather, weather_left = _read_weather(what, box, times, given, progress)
    images += [*elevation, *weather]
    left = [*granules_left, *beside, *weather_left]
    auxiliary = {name: array.rename(name) for image in images for name, array in image.arrays.items()}
    rejected = false_ndwi(auxiliary) | hazy_bands(auxiliary)
    provenance: dict[str, Any] = {
        "made_by": f"srdanet {version('srdanet')}",
        "date": what.date.isoformat() if what.date else None,
        "platform": what.platform,
        "screening": _thresholds(screening),
        "diffuse": diffuse,
        "inputs": [r.model_dump(mode="json", exclude_unset=True) for read in (lst, *images) for r in read.records],
        "missing": what.without({path for path, _ in left}).missing,
        "left_out": [[Path(path).name, reason] for path, reason in (*what.ignored, *left, *rejected.items())],
    }
    if what.assumed:
        provenance["assumed"] = list(what.assumed)
    kept = {name: array for name, array in auxiliary.items() if name not in rejected}
    # The median over cells with LST; without any hour, midnight of the date.
    date = None if what.date is None else np.datetime64(what.date)
    time = date if times is None else _median(times[np.isfinite(coarse["lst"].values)])
    noise = MODIS_NOISE if _lst_source(what).spec is None else None
    return Scene.from_arrays(coarse, kept, time=time, day=what.day, noise=noise, provenance=provenance)


def root_grid(plan: Plan) -> tuple[GeoBox, Tile | None]:
    """The grid of the scene to come, and its tile; a plain LST raster is opened for them.

    Raises:
        ArgumentError: when the plan has no LST.
    """
    source = _lst_source(plan)
    if source.spec is None:
        if plan.tile is None:
            raise ArgumentError("the plan has no tile", todo="Name it, such as h18v04.")
        return plan.tile.geobox(Level.KM1), plan.tile
    box = _coarse_grid(_open(source, plan))[0]
    return box, tile_of(box)


def _lst_source(plan: Plan) -> Source:
    source = plan.source("lst")
    if source is None:
        raise ArgumentError("the plan has no land surface temperature", todo="Give LST files.")
    return source


# LST and the time of its view.


def _read_lst(plan: Plan, screening: Screening, progress: Progress | None) -> Reading:
    """The LST and what belongs to it: (y, x) on the coarse grid, any of `LST_VARIABLES`."""
    source = _lst_source(plan)
    others = [s for s in plan.sources if s.spec is not None and s.spec.name in LST_VARIABLES and s is not source]
    with _step(progress, source):
        if source.spec is None:
            reading = _lst_of_granule(source, screening)
        else:
            reading = _lst_of_rasters(source, others, plan, screening)
    if not np.isfinite(reading.arrays["lst"].values).any():
        dropped = (reading.records[0].dropped or {}).get("lst_error", 0)
        what = f"no {'day' if plan.day else 'night'} LST is left ({dropped} cells were dropped by their error class)"
        todo = "Choose another date, the other overpass, or a larger lst_error_max."
        raise SceneError(what, where=Path(source.paths[0]).name, todo=todo)
    return reading


def _lst_of_granule(source: Source, screening: Screening) -> Reading:
    """`lst` (K), `lst_error` (K; inf above 3 K, NaN where not produced), `view_angle`, `view_time` and `qc`."""
    granule = open_granule(source.paths[0], source.layers)
    stored, qc, view_time, view_angle = (granule.layers[name] for name in source.layers)
    product = product_of(granule.product)
    words = product.layer(source.layers[1]).bits
    assumed = {} if product.solar_hours else {"assumed": ""}
    if not product.solar_hours:
        lon, _ = lonlat(geobox_of(view_time))
        usual = None if product.platform is None else VIEW_HOURS[product.platform, product.part != "night"]
        solar = runs_with_the_sun(view_time.values, lon, usual)
        if solar is False:
            folded = np.mod(view_time.values + lon / 15, 24).astype(np.float32)
            view_time = view_time.copy(data=folded)
        assumed["assumed"] = {True: "view times are local solar hours, by themselves",
                              False: "view times are UTC, by themselves",
                              None: "view times are taken for local solar hours"}[solar]  # fmt: skip
    lst, dropped = _screen(stored, screening.keep_lst(qc.values, words))
    error = lst.copy(data=quality.lst_error(qc.values, words)).drop_attrs()
    arrays = {"lst": lst, "lst_error": error, "view_angle": view_angle, "view_time": view_time, "qc": qc}
    return Reading(arrays, (_record(source, {"lst": lst}, granule, dropped={"lst_error": dropped}, **assumed),))


def _lst_of_rasters(source: Source, others: Sequence[Source], plan: Plan, screening: Screening) -> Reading:
    """The coarse variables from plain rasters; the LST's own cells are the coarse grid.

    An LST in degrees, or of cells that are not square, is brought to a grid in metres that `suggest_grid` chooses:
    the MODIS lattice takes the nearest value, any other the area mean. Other coarse variables take the nearest value.
    With a `qc` raster the LST is screened as in a granule.
    """
    lst = _open(source, plan)
    box, own = _coarse_grid(lst)
    how: Literal["as it is", "nearest", "mean"] = "as it is"
    if not own:
        how = "nearest" if same_crs(box.crs, SINUSOIDAL) else "mean"
        lst = to_grid(lst, box, how)
    lst = lst.assign_coords(coordinates(box))
    arrays = {other.layers[0]: to_grid(_open(other, plan), box, "nearest") for other in others}
    records = [_record(other, {name: arrays[name] for name in other.layers}) for other in others]
    dropped = {}
    if "qc" in arrays:
        qc = arrays["qc"].copy(data=_quality_words(arrays["qc"].values))
        lst, dropped["lst_error"] = _screen(lst, screening.keep_lst(qc.values))
        error = lst.copy(data=quality.lst_error(qc.values)).drop_attrs()
        arrays = {"lst_error": error, **arrays, "qc": qc}
    record = _record(source, {"lst": lst}, regridded=how, dropped=dropped)
    return Reading({"lst": lst, **arrays}, (record, *records))


def _coarse_grid(lst: xr.DataArray) -> tuple[GeoBox, bool]:
    """The coarse grid of a plain LST raster, and whether it is the raster's own.

    Its own is not taken where the cells are copies of coarser ones, or the map's metres are not those of the ground.
    """
    try:
        box = geobox_of(lst, name="lst", degrees=True)
        square = box.crs is not None and box.crs.projected and cell_size(box) > 0
        if square and true_to_ground(box) and (found := suggest_grid(lst)) == box:
            return found, True
    except GridError:
        pass  # its cells are not square: it is brought to a grid of square ones
    return suggest_grid(lst), False


def _quality_words(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Quality words; a missing word becomes 255, which says "not produced"."""
    if ((values < 0) | (values > 255)).any():
        raise SceneError("qc is not an eight-bit word", where="qc", todo="Give the QC_Day or QC_Night layer.")
    return np.where(np.isfinite(values), values, _NOT_PRODUCED).astype(np.uint8)


def _view_times(plan: Plan, coarse: xr.Dataset, box: GeoBox) -> Times | None:
    """UTC of every cell (y, x), the median where a cell does not say it; None where nothing says the hour."""
    if "view_time" in coarse and plan.date is not None:
        lon, _ = lonlat(box)
        times: Times = solar_to_utc(np.datetime64(plan.date), coarse["view_time"].values, lon)
        known = ~np.isnat(times)
        seen = known & np.isfinite(coarse["lst"].values)
        if seen.any():
            _check_view(plan, times[seen], coarse["view_time"].values[seen], lonlat(box)[1])
            return np.where(known, times, _median(times[seen]))
    return None if plan.time is None else np.full(box.shape, plan.time)


def _check_view(plan: Plan, times: Times, hours: NDArray[Any], latitude: NDArray[Any]) -> None:
    """Refuse view times that contradict the time given, or day and night.

    Args:
        plan: With the time (UTC) and the part of the day.
        times: View times, UTC.
        hours: The same in local solar time.
        latitude: Degrees; towards the poles a view by day may be at any hour.
    """
    todo = "Correct the one that is wrong."
    if plan.time is not None:
        day = np.timedelta64(24 * 3600, "s")
        gap = (times - plan.time + day // 2) % day - day // 2
        if np.abs(gap).min() > _VIEW:
            first, last = (str(t.astype("datetime64[m]"))[11:] for t in (times.min(), times.max()))
            what = f"the time is contradicted: {plan.time} is given, but the view times say {first} to {last} UTC"
            raise ArgumentError(what, where="view_time", todo=todo)
    hour = float(np.median(hours))
    plain = _lst_source(plan).spec is not None  # a granule names its layers itself
    if plain and np.nanmax(np.abs(latitude)) < _POLAR and plan.day != (_DAYLIGHT[0] <= hour <= _DAYLIGHT[1]):
        part = "day" if plan.day else "night"
        what = f"the view times say {hour:.1f} h local solar time, which is not by {part}"
        raise ArgumentError(what, where="view_time", todo=f"Check {spelled('day')} and scale=.")


def _median(times: Times) -> np.datetime64:
    middle: np.datetime64 = np.sort(times, axis=None)[times.size // 2]
    return middle


# Plain rasters, and granules of reflectance, albedo and land cover.


def _read_rasters(plan: Plan, box: GeoBox, progress: Progress | None) -> Iterator[Reading]:
    """Auxiliary plain rasters, each on a grid that nests in the LST's."""
    for source in plan.sources:
        if source.spec is not None and source.spec.name not in LST_VARIABLES:
            with _step(progress, source):
                image, how = nest(_open(source, plan), box)
                arrays = {source.spec.name: image}
                yield Reading(arrays, (_record(source, arrays, regridded=how),))


def _read_granules(
    plan: Plan, box: GeoBox, screening: Screening, diffuse: float, progress: Progress | None
) -> tuple[list[Reading], LeftOut]:
    """Reflectance, albedo and land cover, each on a grid that nests in the LST's, and what cannot be read of them.

    Reflectance of 500 m (MOD09GA) and 250 m (MOD09GQ) is screened by the former's 1 km state: a word stands for all
    cells within its own. It screens the 250 m bands only when both are of one platform, since clouds move.
    """
    state: xr.DataArray | None = None
    coarse = plan.source("reflectance_500m")
    readings: list[Reading] = []
    left: LeftOut = []
    for role in ("reflectance_500m", "reflectance_250m", "albedo", "land_cover"):
        source = plan.source(role)
        if source is None:
            continue
        try:
            with _step(progress, source):
                granule = open_granule(source.paths[0], source.layers)
                if role == "land_cover":
                    reading = Reading(granule.layers, (_record(source, granule.layers, granule, dropped={}),))
                elif role == "albedo":
                    reading = _albedo(source, granule, screening, diffuse)
                else:
                    if source is coarse:
                        state = granule.layers["state"]
                    elif coarse is not None and source.product[:3] != coarse.product[:3]:
                        state = None
                    reading = _bands(source, granule, state, screening)
                nested = {name: nest(array.rename(name), box)[0] for name, array in reading.arrays.items()}
        except (GranuleError, GridError, ProductError) as error:
            left.append((source.paths[0], error.what.rstrip(".")))
            continue
        readings.append(Reading(nested, reading.records))
    return readings, left


def nest(image: xr.DataArray, coarse: GeoBox) -> tuple[xr.DataArray, str]:
    """An auxiliary image on a grid that nests in `coarse`, and how it came there.

    One that nests already, at most four times finer, stays as it is. Any other is brought to the LST's grid divided
    by 1, 2 or 4, whichever its cells come near: by area mean (majority for classes) where it is finer, bilinearly
    (nearest for classes and directions) where it is coarser.

    Args:
        image: (y, x) with coordinates and a CRS, named after `variables.BY_NAME`; floats with NaN = missing, or
            classes with 255 = missing.
        coarse: The LST's grid, in metres.

    Raises:
        GridError: when the image has no place, or lies elsewhere.
    """
    name = str(image.name)
    place = geobox_of(image, name=name, degrees=True)
    try:
        if nesting(coarse, place).factor <= FINEST:
            return image, "as it is"
    except GridError:
        pass  # it does not nest: it is brought to a grid that does
    if image.dtype.kind in "iu":
        image = image.where(image != NO_CLASS)
    geographic = place.crs is not None and place.crs.geographic
    metres = METRES_PER_DEGREE if geographic else 1.0 if true_to_ground(place) else ground_scale(place)
    ratio = cell_size(coarse) / (abs(place.affine.e) * metres)
    factor = next((f for f in (4, 2) if ratio >= _NEARLY * f), 1)
    target = refine(coarse, factor)
    finer = ratio >= _NEARLY * factor
    if name == "land_cover":
        how = "mode" if finer else "nearest"
    elif name == "aspect":
        how = "nearest"  # directions have no mean of numbers
    else:
        how = "mean" if finer else "bilinear"
    regridded = to_grid(image, target, how)  # type: ignore[arg-type]
    return regridded, f"{how} to {cell_size(target):.6g} m"


def _open(source: Source, plan: Plan) -> xr.DataArray:
    """A plain raster; of a NetCDF stack over time the image of the plan's time."""
    spec = source.spec
    if spec is None:
        raise ArgumentError("is not a plain raster", where=source.paths[0], todo="Give it as NAME=FILE.")
    image = open_spec(spec, plan.date, plan.time)
    image.attrs.pop("time", None)
    return image


def open_spec(spec: RasterSpec, date: dt.date | None = None, time: np.datetime64 | None = None) -> xr.DataArray:
    """The raster that a user named, (y, x) in physical units; of a NetCDF stack over time the image of `date`.

    Raises:
        GranuleError, ArgumentError, GridError: same as in `readers.rasters.open_raster`.
    """
    return open_raster(
        spec.path,
        name=spec.name,
        band=int(spec.band) if spec.band and spec.band.isdigit() else spec.band,
        date=date,
        time=time,
        **spec.model_dump(include={"crs", "nodata", "scale", "offset", "unit"}),
    )


def _bands(source: Source, granule: Granule, state: xr.DataArray | None, screening: Screening) -> Reading:
    """The bands of one granule, missing where cloud or the band's own quality forbids."""
    words, table = ("qc_250m", quality.QC_250M) if "qc_250m" in source.layers else ("qc_500m", quality.QC_500M)
    qc = granule.layers[words]
    clear: Mask | None = None
    if state is not None:
        clear = refine_mask(screening.keep_reflectance(state.values), geobox_of(state), geobox_of(qc))
    dropped: dict[str, int] = {}
    arrays = {}
    for name in (layer for layer in source.layers if layer in BANDS):
        band = granule.layers[name]
        if clear is not None:
            band, dropped[f"{name}: cloud, shadow or other state"] = _screen(band, clear)
        good = screening.keep_band(qc.values, BANDS.index(name) + 1, table)
        arrays[name], dropped[f"{name}: band quality"] = _screen(band, good)
    unscreened = {} if clear is not None else {"assumed": "no state words of this platform: clouds are not screened"}
    return Reading(arrays, (_record(source, arrays, granule, dropped=dropped, **unscreened),))


def _albedo(source: Source, granule: Granule, screening: Screening, diffuse: float) -> Reading:
    """Blue-sky shortwave albedo `(1 - diffuse) · black-sky + diffuse · white-sky`; where one is missing, the other."""
    white, black = granule.layers["albedo_wsa"].values, granule.layers["albedo_bsa"]
    mixed = (1 - np.float32(diffuse)) * black.values + np.float32(diffuse) * white
    known = np.where(np.isfinite(mixed), mixed, np.where(np.isfinite(white), white, black.values))
    attrs = {"source": black.attrs.get("source", ""), "comment": f"blue-sky albedo, {diffuse:g} of the light diffuse"}
    albedo = xr.DataArray(known, black.coords, black.dims, "albedo", attrs)
    kept, dropped = _screen(albedo, screening.keep_albedo(granule.layers["albedo_quality"].values))
    arrays = {"albedo": kept}
    return Reading(arrays, (_record(source, arrays, granule, dropped={"quality": dropped}),))


def refine_mask(mask: Mask, coarse: GeoBox, fine: GeoBox) -> Mask:
    """A coarse mask (y, x) on a finer grid that nests in it; False outside.

    Raises:
        GridError: when `fine` does not nest in `coarse`.
    """
    at = nesting(coarse, fine)
    rows, cols = (
        (np.arange(size) - start) // at.factor for size, start in zip(fine.shape, (at.row, at.col), strict=True)
    )
    inside = [(i >= 0) & (i < n) for i, n in zip((rows, cols), mask.shape, strict=True)]
    repeated: Mask = mask[np.clip(rows, 0, mask.shape[0] - 1)][:, np.clip(cols, 0, mask.shape[1] - 1)]
    refined: Mask = repeated & inside[0][:, None] & inside[1]
    return refined


# Elevation, weather, and an NDWI of another definition.


def _read_elevation(plan: Plan, box: GeoBox, progress: Progress | None) -> tuple[list[Reading], LeftOut]:
    """Height on the 250 m grid from all files that touch it, and the files that do not or cannot be read."""
    source = plan.source("elevation")
    if source is None:
        return [], []
    target = refine(box, FINEST)
    ground = bounds_of(target)
    here = tuple(file for file in source.files if file.bounds is None or touch(file.bounds, ground))
    left: LeftOut = [(file.path, "does not touch the LST grid") for file in source.files if file not in here]
    while here:
        used = source.model_copy(update={"files": here})
        tiles = [(file, tile) for file in here for tile in file.heights or inspect_elevation(file.path)]
        try:
            with _step(progress, used):
                arrays = {"elevation": open_elevation([tile for _, tile in tiles], target)}
                return [Reading(arrays, (_record(used, arrays),))], left
        except GranuleError as error:
            broken = {file.path for file, tile in tiles if str(error.where) in (tile.path, file.path)}
            if not broken:
                raise
            left += [(path, error.what.rstrip(".")) for path in sorted(broken)]
            here = tuple(file for file in here if file.path not in broken)
        except SceneError as error:  # voids alone
            return [], [*left, *((file.path, error.what.rstrip(".")) for file in here)]
    return [], left


def _read_weather(
    plan: Plan, box: GeoBox, times: Times | None, given: Collection[str], progress: Progress | None
) -> tuple[list[Reading], LeftOut]:
    """ERA5, then stations, at the overpass on the coarse grid: what is not given yet, from the first that has it."""
    known = set(given)
    readings: list[Reading] = []
    left: LeftOut = []
    for source in (plan.source("meteorology"), plan.source("stations")):
        if source is None or times is None:
            continue
        with _step(progress, source):
            opened = []
            try:
                if source.role == "stations":
                    opened = [open_stations(path) for path in source.paths]
                else:
                    stated = {file.sums for file in source.files if file.sums is not None}
                    if len(stated) > 1:
                        what, todo = "ERA5 and ERA5-Land are given together", "Give one of them."
                        raise ArgumentError(what, where=", ".join(source.paths), todo=todo)
                    opened = [open_era5(source.paths, around=box, time=times, sums=next(iter(stated), None))]
            except GranuleError as error:
                if any(file.sums is not None for file in source.files):
                    raise  # what a user states and the file contradicts is refused
                left += [(path, error.what.rstrip(".")) for path in source.paths]
                continue
            left += [fault for weather in opened for fault in weather.attrs.get("left_out", [])]
            parts = [at_overpass(weather, box, times) for weather in opened]
            arrays: dict[str, xr.DataArray] = {}
            for part in parts:
                arrays |= {str(n): a for n, a in part.data_vars.items() if str(n) not in known | arrays.keys()}
            known |= arrays.keys()
            assumed = "; ".join(note for part in parts for note in part.attrs.get("assumed", []))
            readings.append(Reading(arrays, (_record(source, arrays, layers=tuple(arrays), assumed=assumed),)))
    return readings, left


# Screening, records and progress.


def _screen(array: xr.DataArray, keep: Mask) -> tuple[xr.DataArray, int]:
    """The same array with NaN where it is not to be kept, and how many known cells that removes."""
    values = array.values
    kept = array.copy(data=np.where(keep, values, np.asarray(np.nan, values.dtype)))
    return kept, int((np.isfinite(values) & ~keep).sum())


def _record(
    source: Source, arrays: Mapping[str, xr.DataArray], granule: Granule | None = None, **more: Any
) -> InputRecord:
    """What was read of a source: a granule, or a raster, elevation or weather, which may be several files."""
    known: dict[str, Any] = {name: getattr(source, name) for name in ("role", "product", "date", "layers", "note")}
    known["valid"] = {name: _valid_share(array.values) for name, array in arrays.items()}
    if granule is not None:
        known |= {"file": granule.name, "sha256": granule.sha256}
        known |= {"collection": granule.collection, "distance": source.distance, "checksum": granule.checksum}
    else:
        paths = [Path(path) for path in source.paths]
        paths += [beside for path in paths for beside in companions(path)]
        known["file"] = tuple(path.name for path in paths)
        known["sha256"] = tuple(digest(path) for path in paths)
        assumed = next(iter(arrays.values())).attrs.get("assumed", []) if arrays else []
        known["assumed"] = "; ".join(assumed) if isinstance(assumed, list) else str(assumed)
    return InputRecord(**known | more)


def _valid_share(values: NDArray[Any]) -> float:
    valid = values != NO_CLASS if values.dtype.kind in "iu" else np.isfinite(values)
    return round(float(valid.mean()), 6)


@contextmanager
def _step(progress: Progress | None, source: Source) -> Iterator[None]:
    """Tells that a source is read, and that it has been."""
    names = [Path(path).name for path in source.paths]
    role = source.role.removeprefix("raster:").replace("_", " ")
    what = f"{role} from {names[0] if len(names) == 1 else f'{len(names)} files'}"
    if progress is not None:
        progress(what, 0, 1)
    yield
    if progress is not None:
        progress(what, 1, 1)


def _thresholds(screening: Screening) -> dict[str, Any]:
    """Screening as JSON can hold it."""
    return {
        name: list(value) if isinstance(value, tuple) else "inf" if value == math.inf else value
        for name, value in asdict(screening).items()
    }
