"""From a plan to a scene: read what the plan names, screen it, bring it to grids that nest, record what was done."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry

from srdanet.arrays import Progress, silent
from srdanet.errors import ArgumentError, GridError, NoLstError, SceneError, spelled
from srdanet.grid import (
    SINUSOIDAL,
    Level,
    cell_size,
    coordinates,
    geobox_of,
    lonlat,
    same_crs,
    true_to_ground,
)
from srdanet.predictors.solar import runs_with_the_sun, solar_to_utc
from srdanet.prepare.auxiliary import (
    DIFFUSE,
    Times,
    read_elevation,
    read_granules,
    read_rasters,
    read_weather,
)
from srdanet.prepare.doubts import false_ndwi, hazy_bands
from srdanet.prepare.extent import MARGIN, REGION_MARGIN, about_part, cut_to, region_part, valid_part
from srdanet.prepare.plan import Choice, MetricGrid, Plan, Source
from srdanet.prepare.plan import plan as make_plan
from srdanet.prepare.reading import Reading, Static, Steps, measures, open_plain, read_anew, record_of, screen
from srdanet.readers import quality
from srdanet.readers.granule import open_granule
from srdanet.readers.quality import Screening
from srdanet.readers.rasters import suggest_grid
from srdanet.readers.resampling import to_grid
from srdanet.readers.tables import product_of
from srdanet.scene import Scene
from srdanet.variables import LST_VARIABLES, MODIS_NOISE, VIEW_HOURS

_NOT_PRODUCED = 255
_VIEW = np.timedelta64(1800, "s")
"""How far a time may lie from the view times of all cells."""
_DAYLIGHT, _POLAR = (6.0, 18.0), 60.0
"""Local solar hours (h) of views by day, at latitudes (degrees) below the second."""


def prepare(
    what: Plan | Iterable[str | os.PathLike[str]],
    *,
    screening: Screening | None = None,
    diffuse: float = DIFFUSE,
    region: Geometry | None = None,
    static: Static = read_anew,
    progress: Progress = silent,
    **choice: Unpack[Choice],
) -> Scene:
    """Make a scene from files.

    Args:
        what: A plan, or files from which one is made.
        screening: Which quality is kept; None for the defaults (LST errors up to 2 K, no cloud, shadow or cell
            next to a cloud in reflectance, band qualities usable, albedo from full and magnitude inversions).
        diffuse: Share of diffuse light in the albedo, 0 to 1.
        region: Ground to cover, in longitude and latitude (`readers.places` reads it); its bounding rows and columns,
            and the margin that makes its result that of the whole tile.
        static: Reads elevation and land cover, or knows them already; without it they are read from their files.
        progress: Called before and after each source with what is read of which file, how many sources have been
            read, and how many there are.
        choice: `tile`, `date`, `day`, `platform`, `time`, `grid` of `plan`, where files are given.

    Returns:
        A scene: LST on its own grid, auxiliary variables on theirs (reflectance 250 m and 500 m, albedo and
        land cover 500 m, elevation 250 m, weather on the LST grid). It covers the valid part of the LST and a margin
        of `extent.MARGIN` cells (`provenance["part"]` says which part of the tile that is); with a `tile` named, or an
        LST raster, all that the LST covers. `time` is the median over the cells with LST; `provenance` holds every
        input with its sha256, ranges, shares of valid cells and what screening dropped.

    Raises:
        NoLstError: when no LST is left.
        SceneError: when weather data do not cover the overpass.
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
    steps = Steps(progress, len(what.sources))
    lst, part = _read_lst(what, screening, steps, region)
    coarse = xr.Dataset(dict(lst.arrays))
    box = geobox_of(coarse)
    cut = partial(cut_to, coarse=box) if part else _as_it_is
    times = _view_times(what, coarse, box)
    # Heights take as long as all granules together, which another process decodes: they are read side by side.
    with ThreadPoolExecutor(1) as pool:
        heights = pool.submit(read_elevation, what, box, static, steps)
        over = box if part else None
        granules, granules_left = read_granules(what, box, screening, diffuse, over, static, steps)
        images = [*read_rasters(what, box, cut, steps), *granules]
        elevation, beside = heights.result()
    given = {name for image in (*images, *elevation) for name in image.arrays}
    weather, weather_left = read_weather(what, box, times, given, steps)
    images += [*elevation, *weather]
    left = [*granules_left, *beside, *weather_left]
    auxiliary = {name: array.rename(name) for image in images for name, array in image.arrays.items()}
    rejected = false_ndwi(auxiliary) | hazy_bands(auxiliary)
    provenance: dict[str, Any] = {
        "made_by": f"srdanet {version('srdanet')}",
        "date": what.date.isoformat() if what.date else None,
        "platform": what.platform,
        "part": part,
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


def _as_it_is(image: xr.DataArray) -> xr.DataArray:
    return image


def root_grid(plan: Plan, region: Geometry | None = None) -> GeoBox:
    """The coarse grid that a product of the plan will cover; the LST is read for it unless it is a whole tile's.

    Raises:
        ArgumentError: when the plan has no LST.
        SceneError: when no LST is left.
    """
    if _lst_source(plan).spec is None and plan.whole and plan.tile is not None and region is None:
        return plan.tile.geobox(Level.KM1)
    reading, part = _read_lst(plan, Screening(), Steps(silent, 0), region)
    lst = reading.arrays["lst"]
    if part is not None and "covers" in part:
        rows, cols = (slice(*along) for along in part["covers"])
        return geobox_of(lst)[rows, cols]
    return geobox_of(lst if part is None else lst[valid_part(lst, 0)])


def _lst_source(plan: Plan) -> Source:
    source = plan.source("lst")
    if source is None:
        raise ArgumentError("the plan has no land surface temperature", todo="Give LST files.")
    return source


# LST and the time of its view.


def _read_lst(
    plan: Plan, screening: Screening, steps: Steps, region: Geometry | None
) -> tuple[Reading, dict[str, Any] | None]:
    """The LST and what belongs to it, (y, x) on the coarse grid, any of `LST_VARIABLES`; and what part of it is kept.

    The part is None where all of it is.
    """
    source = _lst_source(plan)
    others = [s for s in plan.sources if s.spec is not None and s.spec.name in LST_VARIABLES and s is not source]
    with steps.reading(source, *others):
        if source.spec is None:
            reading = _lst_of_granule(source, screening)
        else:
            reading = _lst_of_rasters(source, others, plan, screening)
    if not np.isfinite(reading.arrays["lst"].values).any():
        dropped = (reading.records[0].dropped or {}).get("lst_error", 0)
        what = f"no {'day' if plan.day else 'night'} LST is left ({dropped} cells were dropped by their error class)"
        todo = "Choose another date, the other overpass, or a larger lst_error_max."
        raise NoLstError(what, where=Path(source.paths[0]).name, todo=todo)
    lst = reading.arrays["lst"]
    inner = None
    if region is None:
        outer, margin = valid_part(lst), MARGIN
        # A granule covers its tile, whatever is wanted of it; a raster has been cut by the user.
        whole = source.spec is not None or tuple(along.stop - along.start for along in outer) == lst.shape
        if plan.whole or whole:
            return reading, None
    else:
        (outer, inner), margin = region_part(geobox_of(lst), region), REGION_MARGIN
        if not np.isfinite(lst.values[inner]).any():
            what = f"no {'day' if plan.day else 'night'} LST is left in the region"
            todo = "Choose another date, or the other overpass."
            raise NoLstError(what, where=Path(source.paths[0]).name, todo=todo)
    arrays = {name: array.isel(y=outer[0], x=outer[1]) for name, array in reading.arrays.items()}
    records = tuple(
        record.model_copy(update=measures({name: arrays[name] for name in record.valid})) for record in reading.records
    )
    return Reading(arrays, records), about_part(outer, lst.shape, margin, inner)


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
    lst, dropped = screen(stored, screening.keep_lst(qc.values, words))
    error = lst.copy(data=quality.lst_error(qc.values, words)).drop_attrs()
    arrays = {"lst": lst, "lst_error": error, "view_angle": view_angle, "view_time": view_time, "qc": qc}
    return Reading(arrays, (record_of(source, {"lst": lst}, granule, dropped={"lst_error": dropped}, **assumed),))


def _lst_of_rasters(source: Source, others: Sequence[Source], plan: Plan, screening: Screening) -> Reading:
    """The coarse variables from plain rasters; the LST's own cells are the coarse grid.

    An LST in degrees, or of cells that are not square, is brought to a grid in metres (`_coarse_grid`): the MODIS
    lattice takes the nearest value, and so does any grid where a `qc` raster is given, since a quality word belongs to
    one cell; otherwise the area mean is taken. Other coarse variables take the nearest value. With a `qc` raster the
    LST is screened as in a granule.
    """
    lst = open_plain(source, plan)
    box, own = _coarse_grid(lst, plan.grid)
    how: Literal["as it is", "nearest", "mean"] = "as it is"
    if not own:
        judged = any(other.layers[0] == "qc" for other in others)
        how = "nearest" if judged or same_crs(box.crs, SINUSOIDAL) else "mean"
        lst = to_grid(lst, box, how)
    lst = lst.assign_coords(coordinates(box))
    arrays = {other.layers[0]: to_grid(open_plain(other, plan), box, "nearest") for other in others}
    records = [record_of(other, {name: arrays[name] for name in other.layers}) for other in others]
    dropped = {}
    if "qc" in arrays:
        qc = arrays["qc"].copy(data=_quality_words(arrays["qc"].values))
        lst, dropped["lst_error"] = screen(lst, screening.keep_lst(qc.values))
        error = lst.copy(data=quality.lst_error(qc.values)).drop_attrs()
        arrays = {"lst_error": error, **arrays, "qc": qc}
    record = record_of(source, {"lst": lst}, regridded=how, dropped=dropped)
    return Reading({"lst": lst, **arrays}, (record, *records))


def _coarse_grid(lst: xr.DataArray, grid: MetricGrid | None) -> tuple[GeoBox, bool]:
    """The coarse grid of a plain LST raster, and whether it is the raster's own.

    A raster in metres with square cells keeps its own, unless the cells are copies of coarser ones, or the map's metres
    are not those of the ground. One in degrees goes to UTM: on the sinusoidal grid it would become a sheared strip with
    large empty corners. `grid` decides otherwise.
    """
    degrees = False
    try:
        box = geobox_of(lst, name="lst", degrees=True)
        degrees = box.crs is not None and box.crs.geographic
        if box.crs is not None and box.crs.projected and cell_size(box) > 0 and true_to_ground(box):
            fits = {None: True, "modis": same_crs(box.crs, SINUSOIDAL), "utm": box.crs.proj.utm_zone is not None}
            if fits[grid] and (found := suggest_grid(lst)) == box:
                return found, True
    except GridError:
        pass  # its cells are not square: it is brought to a grid of square ones
    return suggest_grid(lst, kind=grid or ("utm" if degrees else "auto")), False


def _quality_words(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Quality words; a missing word becomes 255, which says "not produced"."""
    if ((values < 0) | (values > 255)).any():
        raise SceneError("qc is not an eight-bit word", where="qc", todo="Give the QC_Day or QC_Night layer.")
    return np.where(np.isfinite(values), values, _NOT_PRODUCED).astype(np.uint8)


def _view_times(plan: Plan, coarse: xr.Dataset, box: GeoBox) -> Times | None:
    """UTC of every cell (y, x), the median where a cell does not say it; None where nothing says the hour."""
    if "view_time" in coarse and plan.date is not None:
        lon, lat = lonlat(box)
        times: Times = solar_to_utc(np.datetime64(plan.date), coarse["view_time"].values, lon)
        known = ~np.isnat(times)
        seen = known & np.isfinite(coarse["lst"].values)
        if seen.any():
            _check_view(plan, times[seen], coarse["view_time"].values[seen], lat)
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


def _thresholds(screening: Screening) -> dict[str, Any]:
    """Screening as JSON can hold it."""
    return {
        name: list(value) if isinstance(value, tuple) else "inf" if value == math.inf else value
        for name, value in asdict(screening).items()
    }
