"""Auxiliary variables from what a plan names: images, elevation and weather, and which of them are refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import Mask
from srdanet.errors import ArgumentError, GranuleError, GridError, ProductError, SceneError
from srdanet.grid import cell_size, geobox_of, ground_scale, metres_per_unit, nesting, refine, true_to_ground
from srdanet.prepare.plan import Plan, Source
from srdanet.prepare.reading import LeftOut, Reading, Static, Steps, open_plain, record_of, screen
from srdanet.prepare.survey import bounds_of, touch
from srdanet.readers import quality
from srdanet.readers.elevation import ElevationTile, inspect_elevation, open_elevation
from srdanet.readers.era5 import open_era5
from srdanet.readers.granule import Granule, open_granule
from srdanet.readers.meteorology import at_overpass, open_stations
from srdanet.readers.quality import Screening
from srdanet.readers.resampling import to_grid
from srdanet.threads import one_ahead
from srdanet.variables import BANDS, LST_VARIABLES, NO_CLASS

DIFFUSE = 0.2
"""Share of diffuse light in the blue-sky albedo: about 0.1 to 0.3 under the clear sky of an LST (Lewis and Barnsley
1994 give the mixing rule). White- and black-sky albedo differ by about 0.02: 0.1 in the share means 0.002 in albedo."""
FINEST = 4
"""Fine cells along a coarse cell: rasters finer than that are averaged (1 km to 250 m)."""
_NEARLY = 0.75
"""A raster whose cells are at most 1 / 0.75 of a level's counts as that level."""

_BY_DATE = ("reflectance_500m", "reflectance_250m", "albedo")
"""Granules that change from date to date, in the order in which they are read."""

Times = NDArray[np.datetime64]
"""UTC of every coarse cell (y, x)."""
Cut = Callable[[xr.DataArray], xr.DataArray]
"""What leaves of an image the part that a scene covers."""


# Plain rasters, and granules of reflectance, albedo and land cover.


def read_rasters(plan: Plan, box: GeoBox, cut: Cut, steps: Steps) -> Iterator[Reading]:
    """Auxiliary plain rasters, each on a grid that nests in the LST's."""
    for source in plan.sources:
        if source.spec is not None and source.spec.name not in LST_VARIABLES:
            with steps.reading(source):
                image, how = nest(open_plain(source, plan), box)
                arrays = {source.spec.name: cut(image)}
                yield Reading(arrays, (record_of(source, arrays, regridded=how),))


def read_granules(
    plan: Plan, box: GeoBox, screening: Screening, diffuse: float, over: GeoBox | None, static: Static, steps: Steps
) -> tuple[list[Reading], LeftOut]:
    """Reflectance, albedo and land cover, each on a grid that nests in the LST's, and what cannot be read of them.

    Reflectance of 500 m (MOD09GA) and 250 m (MOD09GQ) is screened by the former's 1 km state: a word stands for all
    cells within its own. It screens the 250 m bands only when both are of one platform, since clouds move. With
    `over`, only what lies over that grid is read.
    """
    state: xr.DataArray | None = None
    coarse = plan.source("reflectance_500m")
    readings: list[Reading] = []
    left: LeftOut = []

    def screened(source: Source, granule: Granule) -> Reading:
        nonlocal state
        if source.role == "albedo":
            return _albedo(source, granule, screening, diffuse)
        if source is coarse:
            state = granule.layers["state"]
        elif coarse is not None and source.product[:3] != coarse.product[:3]:
            state = None
        return _bands(source, granule, state, screening)

    by_date = [source for role in _BY_DATE if (source := plan.source(role)) is not None]
    for source, granule in one_ahead(partial(_open_over, over=over), by_date):
        with steps.reading(source):
            try:
                readings.append(_nested(screened(source, granule()), box))
            except (GranuleError, GridError, ProductError) as error:
                left.append((source.paths[0], error.what.rstrip(".")))
    classes = plan.source("land_cover")
    if classes is not None:
        with steps.reading(classes):
            try:
                readings.append(static(classes, box, partial(_read_land_cover, classes, box, over)))
            except (GranuleError, GridError, ProductError) as error:
                left.append((classes.paths[0], error.what.rstrip(".")))
    return readings, left


def _open_over(source: Source, over: GeoBox | None) -> Granule:
    return open_granule(source.paths[0], source.layers, over=over)


def _read_land_cover(source: Source, box: GeoBox, over: GeoBox | None) -> Reading:
    granule = _open_over(source, over)
    return _nested(Reading(granule.layers, (record_of(source, granule.layers, granule, dropped={}),)), box)


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
    metres = metres_per_unit(place.crs) if geographic or true_to_ground(place) else ground_scale(place)
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
            band, dropped[f"{name}: cloud, shadow or other state"] = screen(band, clear)
        good = screening.keep_band(qc.values, BANDS.index(name) + 1, table)
        arrays[name], dropped[f"{name}: band quality"] = screen(band, good)
    unscreened = {} if clear is not None else {"assumed": "no state words of this platform: clouds are not screened"}
    return Reading(arrays, (record_of(source, arrays, granule, dropped=dropped, **unscreened),))


def _albedo(source: Source, granule: Granule, screening: Screening, diffuse: float) -> Reading:
    """Blue-sky shortwave albedo `(1 - diffuse) · black-sky + diffuse · white-sky`; where one is missing, the other."""
    white, black = granule.layers["albedo_wsa"].values, granule.layers["albedo_bsa"]
    mixed = (1 - np.float32(diffuse)) * black.values + np.float32(diffuse) * white
    known = np.where(np.isfinite(mixed), mixed, np.where(np.isfinite(white), white, black.values))
    attrs = {"source": black.attrs.get("source", ""), "comment": f"blue-sky albedo, {diffuse:g} of the light diffuse"}
    albedo = xr.DataArray(known, black.coords, black.dims, "albedo", attrs)
    kept, dropped = screen(albedo, screening.keep_albedo(granule.layers["albedo_quality"].values))
    arrays = {"albedo": kept}
    return Reading(arrays, (record_of(source, arrays, granule, dropped={"quality": dropped}),))


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


def read_elevation(plan: Plan, box: GeoBox, static: Static, steps: Steps) -> tuple[list[Reading], LeftOut]:
    """Height on the 250 m grid from all files that touch it, and the files that do not or cannot be read."""
    source = plan.source("elevation")
    if source is None:
        return [], []
    target = refine(box, FINEST)
    ground = bounds_of(target)
    here = tuple(file for file in source.files if file.bounds is None or touch(file.bounds, ground))
    left: LeftOut = [(file.path, "does not touch the LST grid") for file in source.files if file not in here]
    if not here:
        return [], left
    with steps.reading(source.model_copy(update={"files": here})):
        while here:
            used = source.model_copy(update={"files": here})
            tiles = [(file, tile) for file in here for tile in file.heights or inspect_elevation(file.path)]
            try:
                return [static(used, box, partial(_read_heights, used, [tile for _, tile in tiles], target))], left
            except GranuleError as error:
                broken = {file.path for file, tile in tiles if str(error.where) in (tile.path, file.path)}
                if not broken:
                    raise
                left += [(path, error.what.rstrip(".")) for path in sorted(broken)]
                here = tuple(file for file in here if file.path not in broken)
            except SceneError as error:  # voids alone
                return [], [*left, *((file.path, error.what.rstrip(".")) for file in here)]
    return [], left


def _read_heights(source: Source, tiles: Sequence[ElevationTile], target: GeoBox) -> Reading:
    arrays = {"elevation": open_elevation(tiles, target)}
    return Reading(arrays, (record_of(source, arrays),))


def read_weather(
    plan: Plan, box: GeoBox, times: Times | None, given: Collection[str], steps: Steps
) -> tuple[list[Reading], LeftOut]:
    """ERA5, then stations, at the overpass on the coarse grid: what is not given yet, from the first that has it."""
    known = set(given)
    readings: list[Reading] = []
    left: LeftOut = []
    for source in (plan.source("meteorology"), plan.source("stations")):
        if source is None or times is None:
            continue
        with steps.reading(source):
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
            readings.append(Reading(arrays, (record_of(source, arrays, layers=tuple(arrays), assumed=assumed),)))
    return readings, left
