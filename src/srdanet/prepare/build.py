"""From a plan to a scene: read what the plan names, screen it, bring it to grids that nest, record what was done."""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import Mask, Progress
from srdanet.errors import ArgumentError, GridError, NoLstError, SceneError
from srdanet.grid import (
    METRES_PER_DEGREE,
    SINUSOIDAL,
    Level,
    Tile,
    cell_size,
    coordinates,
    geobox_of,
    lonlat,
    nesting,
    refine,
    same_crs,
    tile_of,
)
from srdanet.predictors.solar import solar_to_utc
from srdanet.prepare.plan import InputRecord, Plan, Source
from srdanet.prepare.plan import plan as make_plan
from srdanet.prepare.survey import bounds_of, touch
from srdanet.readers import quality
from srdanet.readers.checksum import digest
from srdanet.readers.elevation import open_elevation
from srdanet.readers.era5 import open_era5
from srdanet.readers.granule import Granule, open_granule
from srdanet.readers.meteorology import at_overpass, open_stations
from srdanet.readers.quality import Screening
from srdanet.readers.rasters import open_raster, suggest_grid
from srdanet.readers.resampling import to_grid
from srdanet.scene import Scene
from srdanet.variables import BANDS, LST_VARIABLES, MODIS_NOISE, NO_CLASS

DIFFUSE = 0.2
"""Share of diffuse light in the blue-sky albedo: about 0.1 to 0.3 under the clear sky of an LST (Lewis and Barnsley
1994 give the mixing rule). White- and black-sky albedo differ by about 0.02: 0.1 in the share means 0.002 in albedo."""
FINEST = 4
"""Fine cells along a coarse cell: rasters finer than that are averaged (1 km to 250 m)."""
_NEARLY = 0.75
"""A raster whose cells are at most 1 / 0.75 of a level's counts as that level."""
_NOT_GAO = -0.5
"""Correlation of an NDWI with NDVI below which it is not Gao's."""
_PLANTS, _FEWEST_PLANTS = 0.3, 100
"""NDVI above which a cell is under plants, and how many of these can be judged by."""
_HAZY = 0.85
"""Blue over green reflectance of plants above which they are seen through the atmosphere."""
_NOT_PRODUCED = 255

Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class Reading:
    """What was read of one source, or of several that belong together."""

    arrays: Mapping[str, xr.DataArray]
    """Variables (y, x) by name, in physical units, NaN (classes: 255) = missing."""
    records: tuple[InputRecord, ...]


Static = Callable[[Source, GeoBox, Callable[[], Reading]], Reading]
"""Given a source that does not change from day to day, the LST grid and what reads it: its reading, which may be one
that was kept."""


def _read_anew(source: Source, box: GeoBox, read: Callable[[], Reading]) -> Reading:
    return read()


def prepare(
    what: Plan | Iterable[str | os.PathLike[str]],
    *,
    screening: Screening | None = None,
    diffuse: float = DIFFUSE,
    static: Static = _read_anew,
    progress: Progress | None = None,
    **choice: Any,
) -> Scene:
    """Make a scene from files.

    Args:
        what: A plan, or files from which one is made.
        screening: Which quality is kept; None for the defaults (LST errors up to 2 K, no cloud, shadow or cell
            next to a cloud in reflectance, band qualities usable, albedo from full and magnitude inversions).
        diffuse: Share of diffuse light in the albedo, 0 to 1.
        static: Reads elevation and land cover, or knows them already; without it they are read from their files.
        progress: Called with what is read and of which file, 0 of 1 before and 1 of 1 after.
        choice: `tile`, `date`, `day`, `platform`, `time` of `plan`, where files are given.

    Returns:
        A scene: LST on its own grid, auxiliary variables on theirs (reflectance 250 m and 500 m, albedo and
        land cover 500 m, elevation 250 m, weather on the LST grid). `time` is the median over the cells with
        LST; `provenance` holds every input with its sha256, shares of valid cells and what screening dropped.

    Raises:
        NoLstError: when no LST is left.
        SceneError: when weather data do not cover the overpass.
        GranuleError: when a file is damaged.
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
        heights = pool.submit(_read_elevation, what, box, static, progress)
        granules = _read_granules(what, box, screening, diffuse, static, progress)
        images = [*_read_rasters(what, box, progress), *granules]
        elevation, beside = heights.result()
    images += elevation
    images += _read_weather(what, box, times, {name for image in images for name in image.arrays}, progress)
    auxiliary = {name: array.rename(name) for image in images for name, array in image.arrays.items()}
    rejected = false_ndwi(auxiliary) | hazy_bands(auxiliary)
    provenance = {
        "made_by": f"srdanet {version('srdanet')}",
        "date": what.date.isoformat() if what.date else None,
        "platform": what.platform,
        "screening": _thresholds(screening),
        "diffuse": diffuse,
        "inputs": [r.model_dump(mode="json", exclude_unset=True) for read in (lst, *images) for r in read.records],
        "missing": what.missing,
        "left_out": [[Path(path).name, reason] for path, reason in (*what.ignored, *beside, *rejected.items())],
    }
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
    box = _coarse_grid(_open(source, source.date))[0]
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
            reading = _lst_of_rasters(source, others, screening)
    if not np.isfinite(reading.arrays["lst"].values).any():
        dropped = (reading.records[0].dropped or {}).get("lst_error", 0)
        what = f"no {'day' if plan.day else 'night'} LST is left ({dropped} cells were dropped by their error class)"
        todo = "Choose another date, the other overpass, or a larger lst_error_max."
        raise NoLstError(what, where=Path(source.paths[0]).name, todo=todo)
    return reading


def _lst_of_granule(source: Source, screening: Screening) -> Reading:
    """`lst` (K), `lst_error` (K; inf above 3 K, NaN where not produced), `view_angle`, `view_time` and `qc`."""
    granule = open_granule(source.paths[0], source.layers)
    stored, qc, view_time, view_angle = (granule.layers[name] for name in source.layers)
    lst, dropped = _screen(stored, screening.keep_lst(qc.values))
    error = lst.copy(data=quality.lst_error(qc.values)).drop_attrs()
    arrays = {"lst": lst, "lst_error": error, "view_angle": view_angle, "view_time": view_time, "qc": qc}
    return Reading(arrays, (_record(source, {"lst": lst}, granule, dropped={"lst_error": dropped}),))


def _lst_of_rasters(source: Source, others: Sequence[Source], screening: Screening) -> Reading:
    """The coarse variables from plain rasters; the LST's own cells are the coarse grid.

    An LST in degrees, or of cells that are not square, is brought to a grid in metres that `suggest_grid` chooses:
    the MODIS lattice takes the nearest value, any other the area mean. Other coarse variables take the nearest value.
    With a `qc` raster the LST is screened as in a granule.
    """
    lst = _open(source, source.date)
    box, own = _coarse_grid(lst)
    how: Literal["as it is", "nearest", "mean"] = "as it is"
    if not own:
        how = "nearest" if same_crs(box.crs, SINUSOIDAL) else "mean"
        lst = to_grid(lst, box, how)
    lst = lst.assign_coords(coordinates(box))
    arrays = {other.layers[0]: to_grid(_open(other, source.date), box, "nearest") for other in others}
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
    """The coarse grid of a plain LST raster, and whether it is the raster's own."""
    try:
        box = geobox_of(lst, name="lst", degrees=True)
        if box.crs is not None and box.crs.projected and cell_size(box) > 0:
            return box, True
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
            return np.where(known, times, _median(times[seen]))
    return None if plan.time is None else np.full(box.shape, plan.time)


def _median(times: Times) -> np.datetime64:
    middle: np.datetime64 = np.sort(times, axis=None)[times.size // 2]
    return middle


# Plain rasters, and granules of reflectance, albedo and land cover.


def _read_rasters(plan: Plan, box: GeoBox, progress: Progress | None) -> Iterator[Reading]:
    """Auxiliary plain rasters, each on a grid that nests in the LST's."""
    for source in plan.sources:
        if source.spec is not None and source.spec.name not in LST_VARIABLES:
            with _step(progress, source):
                image, how = nest(_open(source, plan.date), box)
                arrays = {source.spec.name: image}
                yield Reading(arrays, (_record(source, arrays, regridded=how),))


def _read_granules(
    plan: Plan, box: GeoBox, screening: Screening, diffuse: float, static: Static, progress: Progress | None
) -> Iterator[Reading]:
    """Reflectance, albedo and land cover, each on a grid that nests in the LST's.

    Reflectance of 500 m (MOD09GA) and 250 m (MOD09GQ) is screened by the former's 1 km state: a word stands for all
    cells within its own. It screens the 250 m bands only when both are of one platform, since clouds move.
    """
    state: xr.DataArray | None = None
    coarse = plan.source("reflectance_500m")
    for role in ("reflectance_500m", "reflectance_250m", "albedo", "land_cover"):
        source = plan.source(role)
        if source is None:
            continue
        if role == "land_cover":
            with _step(progress, source):
                yield static(source, box, partial(_read_land_cover, source, box))
            continue
        with _step(progress, source):
            granule = open_granule(source.paths[0], source.layers)
            if role == "albedo":
                reading = _albedo(source, granule, screening, diffuse)
            else:
                if source is coarse:
                    state = granule.layers["state"]
                elif coarse is not None and source.product[:3] != coarse.product[:3]:
                    state = None
                reading = _bands(source, granule, state, screening)
            yield _nested(reading, box)


def _read_land_cover(source: Source, box: GeoBox) -> Reading:
    granule = open_granule(source.paths[0], source.layers)
    return _nested(Reading(granule.layers, (_record(source, granule.layers, granule, dropped={}),)), box)


def _nested(reading: Reading, box: GeoBox) -> Reading:
    """The same on grids that nest in `box`."""
    return Reading({name: nest(a.rename(name), box)[0] for name, a in reading.arrays.items()}, reading.records)


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
    ratio = cell_size(coarse) / (abs(place.affine.e) * (METRES_PER_DEGREE if geographic else 1))
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


def _open(source: Source, date: dt.date | None) -> xr.DataArray:
    """A plain raster; of a NetCDF stack over time the image of `date`."""
    spec = source.spec
    if spec is None:
        raise ArgumentError("is not a plain raster", where=source.paths[0], todo="Give it as NAME=FILE.")
    netcdf = Path(spec.path).suffix.lower() in (".nc", ".nc4", ".cdf")
    band: int | str | None = int(spec.band) if spec.band and spec.band.isdigit() else spec.band
    return open_raster(
        spec.path,
        name=spec.name,
        band=None if netcdf else band,
        variable=spec.band if netcdf else None,
        date=date,
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


def _read_elevation(
    plan: Plan, box: GeoBox, static: Static, progress: Progress | None
) -> tuple[list[Reading], list[tuple[str, str]]]:
    """Height on the 250 m grid from all files that touch it, and the files that do not, with the reason."""
    source = plan.source("elevation")
    if source is None:
        return [], []
    target = refine(box, FINEST)
    ground = bounds_of(target)
    here = tuple(file for file in source.files if file.bounds is None or touch(file.bounds, ground))
    beside = [(file.path, "does not touch the LST grid") for file in source.files if file not in here]
    if not here:
        return [], beside
    used = source.model_copy(update={"files": here})

    def read() -> Reading:
        arrays = {"elevation": open_elevation([file.heights or file.path for file in here], target)}
        return Reading(arrays, (_record(used, arrays),))

    with _step(progress, used):
        return [static(used, box, read)], beside


def _read_weather(
    plan: Plan, box: GeoBox, times: Times | None, given: Collection[str], progress: Progress | None
) -> Iterator[Reading]:
    """ERA5, then stations, at the overpass on the coarse grid: what is not given yet, from the first that has it."""
    known = set(given)
    for source in (plan.source("meteorology"), plan.source("stations")):
        if source is None or times is None:
            continue
        with _step(progress, source):
            if source.role == "stations":
                opened = [open_stations(path) for path in source.paths]
            else:
                opened = [open_era5(source.paths, around=box, time=times)]
            parts = [at_overpass(weather, box, times) for weather in opened]
            arrays: dict[str, xr.DataArray] = {}
            for part in parts:
                arrays |= {str(n): a for n, a in part.data_vars.items() if str(n) not in known | arrays.keys()}
            known |= arrays.keys()
            assumed = "; ".join(parts[0].attrs.get("assumed", []))
            yield Reading(arrays, (_record(source, arrays, layers=tuple(arrays), assumed=assumed),))


def false_ndwi(auxiliary: Mapping[str, xr.DataArray]) -> dict[str, str]:
    """An NDWI that is another index of the same name, with the reason; empty where there is none.

    Gao's (nir - swir) rises with vegetation. The other index of that name, McFeeters' (green - nir),
    falls with it: in Landsat scenes around Orleans the correlation with NDVI is -0.97 to -0.98.
    """
    if not {"ndwi", "ndvi"} <= auxiliary.keys() or auxiliary["ndwi"].shape != auxiliary["ndvi"].shape:
        return {}
    ndwi, ndvi = auxiliary["ndwi"].values, auxiliary["ndvi"].values
    both = np.isfinite(ndwi) & np.isfinite(ndvi)
    if both.sum() < 10 or min(ndwi[both].std(), ndvi[both].std()) == 0:
        return {}
    r = float(np.corrcoef(ndwi[both], ndvi[both])[0, 1])
    reason = f"correlates {r:+.2f} with NDVI: not Gao's NDWI (nir - swir), likely McFeeters' (green - nir)"
    return {"ndwi": reason} if r < _NOT_GAO else {}


def hazy_bands(auxiliary: Mapping[str, xr.DataArray]) -> dict[str, str]:
    """Blue and green reflectance as seen through the atmosphere, with the reason; empty where they are the surface's.

    Over plants the surface reflects half as much blue as green or less (in MOD09A1 0.36 in the median, 0.58 at most of
    95 % of cells); light scattered in the air evens that out, in a Landsat image of Chilean farmland to 1.1. There the
    error of the shipped model was 1.23 K with all bands, 1.10 without blue and green, 0.87 with the air's light off.
    """
    names = ("blue", "green", "red", "nir")
    if not set(names) <= auxiliary.keys() or len({auxiliary[name].shape for name in names}) > 1:
        return {}
    blue, green, red, nir = (np.asarray(auxiliary[name].values, np.float64) for name in names)
    with np.errstate(invalid="ignore", divide="ignore"):
        plants = ((nir - red) / (nir + red) > _PLANTS) & (green > 0) & np.isfinite(blue)
    if plants.sum() < _FEWEST_PLANTS:
        return {}
    ratio = float(np.median(blue[plants] / green[plants]))
    reason = f"blue is {ratio:.2f} of green over plants: seen through the atmosphere; give surface reflectance"
    return dict.fromkeys(("blue", "green"), reason) if ratio > _HAZY else {}


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
        known |= {"collection": granule.collection, "distance": source.distance}
    else:
        known["file"] = tuple(Path(path).name for path in source.paths)
        known["sha256"] = tuple(digest(Path(path)) for path in source.paths)
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
