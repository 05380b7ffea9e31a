"""Plain rasters, elevation and weather to scene variables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.errors import GridError, SceneError
from srdanet.grid import (
    METRES_PER_DEGREE,
    SINUSOIDAL,
    Level,
    Tile,
    cell_size,
    coordinates,
    nesting,
    refine,
    same_crs,
    tile_of,
)
from srdanet.prepare.granules import Read, valid_share
from srdanet.prepare.plans import Plan, Source
from srdanet.prepare.survey import RasterSpec, bounds_of, touch
from srdanet.readers import quality
from srdanet.readers.checksum import digest
from srdanet.readers.elevation import inspect_elevation, open_elevation
from srdanet.readers.meteorology import at_overpass, open_era5, open_stations
from srdanet.readers.quality import Screening
from srdanet.readers.rasters import open_raster, place_of, suggest_grid, to_grid
from srdanet.variables import NO_CLASS

FINEST = 4
"""Fine cells along a coarse cell: rasters finer than that are averaged (1 km to 250 m)."""
_NEARLY = 0.75
"""A raster whose cells are at most 1 / 0.75 of a level's counts as that level."""

_WRONG_SIGN = -0.5
_NOT_PRODUCED = 255


def read_lst_raster(
    source: Source, others: Sequence[Source], screening: Screening
) -> tuple[xr.Dataset, list[dict[str, Any]]]:
    """The coarse dataset of a scene from plain rasters; the LST's own cells are the coarse grid.

    An LST in degrees, or of cells that are not square, is brought to a grid in metres that
    `products.rasters.suggest_grid` chooses: the MODIS lattice takes the nearest value, any
    other the area mean. Other coarse variables take the nearest value. With a `qc` raster the
    LST is screened as in a granule.

    Returns:
        (y, x) `lst` (K) and those of `conform.LST_VARIABLES` that are given, and their records.
    """
    assert source.spec is not None
    lst = _open(source.spec, source.date)
    box, own = _coarse_grid(lst)
    how = "as it is"
    if not own:
        how = "nearest" if same_crs(box.crs, SINUSOIDAL) else "mean"
        lst = to_grid(lst, box, "nearest" if how == "nearest" else "mean")
    held = {"lst": lst.assign_coords(coordinates(box))}
    records = []
    for other in others:
        assert other.spec is not None
        image = to_grid(_open(other.spec, source.date), box, "nearest")
        name = other.layers[0]
        held[name] = image if name != "qc" else image.copy(data=_words(image.values))
        records.append(_record(other, image))
    dropped = {}
    if "qc" in held:
        keep = screening.keep_lst(held["qc"].values)
        dropped["lst_error"] = int((np.isfinite(held["lst"].values) & ~keep).sum())
        held["lst"] = held["lst"].where(keep)
        held.setdefault("lst_error", held["lst"].copy(data=quality.lst_error(held["qc"].values)).drop_attrs())
    about = {**_record(source, held["lst"]), "regridded": how, "dropped": dropped}
    return xr.Dataset(held), [about, *records]


def root_grid(plan: Plan) -> tuple[GeoBox, Tile | None]:
    """The grid of the scene to come, and its tile; a plain LST raster is opened for them."""
    source = plan.source("lst")
    if source is None or source.spec is None:
        if plan.tile is None:
            raise SceneError("the plan has no tile", todo="Name it.")
        return plan.tile.geobox(Level.KM1), plan.tile
    box = coarse_grid(source)
    return box, tile_of(box)


def coarse_grid(source: Source) -> GeoBox:
    """The grid that a scene of this plain LST raster will have."""
    assert source.spec is not None
    return _coarse_grid(_open(source.spec, source.date))[0]


def _coarse_grid(lst: xr.DataArray) -> tuple[GeoBox, bool]:
    """The coarse grid of a plain LST raster, and whether it is the raster's own."""
    try:
        box = place_of(lst, name="lst")
        if box.crs is not None and box.crs.projected and cell_size(box) > 0:
            return box, True
    except GridError:
        pass  # its cells are not square: it is brought to a grid of square ones
    return suggest_grid(lst), False


def read_raster(source: Source, coarse: GeoBox, date: dt.date | None = None) -> Read:
    """One auxiliary raster on a grid that nests in the LST's; of a NetCDF stack over time, the image of `date`.

    A raster that nests already, at most four times finer, stays as it is. Any other is brought to
    the LST's grid divided by 1, 2 or 4, whichever its cells come near: by area mean (majority for
    classes) where it is finer, bilinearly (nearest for classes and directions) where it is coarser.
    """
    assert source.spec is not None
    image, how = fit(_open(source.spec, date), coarse)
    return {source.layers[0]: image}, {**_record(source, image), "regridded": how}


def fit(image: xr.DataArray, coarse: GeoBox) -> tuple[xr.DataArray, str]:
    """An auxiliary image on a grid that nests in `coarse`, and how it came there."""
    name = str(image.name)
    place = place_of(image, name=name)
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
    brought = to_grid(image, target, how)  # type: ignore[arg-type]
    return brought, f"{how} to {cell_size(target):.6g} m"


def read_elevation(source: Source, target: GeoBox) -> Read | None:
    """Height on the 250 m grid from all files that touch it; None when none does."""
    ground = bounds_of(target)
    files = []
    for path in source.paths:
        tile = inspect_elevation(path)
        if touch(bounds_of(GeoBox(tile.shape, tile.affine, tile.crs)), ground):
            files.append(path)
    if not files:
        return None
    heights = open_elevation(files, target)
    return {"elevation": heights}, _record(source, heights)


def read_weather(
    source: Source, coarse: GeoBox, times: NDArray[np.datetime64] | np.datetime64, known: Sequence[str] = ()
) -> Read:
    """ERA5 or stations at the overpass on the coarse grid; variables in `known` are left out."""
    if source.role == "stations":
        opened = [open_stations(path) for path in source.paths]
        parts = [at_overpass(met, coarse, times) for met in opened]
    else:
        parts = [at_overpass(open_era5(source.paths, around=coarse, time=times), coarse, times)]
    held: dict[str, xr.DataArray] = {}
    for part in parts:
        held |= {str(n): a for n, a in part.data_vars.items() if str(n) not in (*known, *held)}
    record = _record(source, *held.values())
    return held, {**record, "layers": list(held), "assumed": "; ".join(parts[0].attrs.get("assumed", []))}


def opposite_ndwi(ndwi: xr.DataArray, ndvi: xr.DataArray) -> float | None:
    """Correlation of NDWI with NDVI where it shows that this is not Gao's NDWI; else None.

    Gao's (nir - swir) rises with vegetation. The other index of that name, McFeeters' (green - nir),
    falls with it: in Landsat scenes around Orleans the correlation with NDVI is -0.97 to -0.98.
    """
    if ndwi.shape != ndvi.shape:
        return None
    both = np.isfinite(ndwi.values) & np.isfinite(ndvi.values)
    if both.sum() < 10 or min(ndwi.values[both].std(), ndvi.values[both].std()) == 0:
        return None
    r = float(np.corrcoef(ndwi.values[both], ndvi.values[both])[0, 1])
    return r if r < _WRONG_SIGN else None


def _open(spec: RasterSpec, date: dt.date | None) -> xr.DataArray:
    netcdf = Path(spec.path).suffix.lower() in (".nc", ".nc4", ".cdf")
    band: int | str | None = int(spec.band) if spec.band and spec.band.isdigit() else spec.band
    return open_raster(
        spec.path,
        name=spec.name,
        band=None if netcdf else band,
        variable=spec.band if netcdf else None,
        date=date,
        crs=spec.crs,
        nodata=spec.nodata,
        scale=spec.scale,
        offset=spec.offset,
        unit=spec.unit,
    )


def _words(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Quality words; a missing word becomes 255, which says "not produced"."""
    known = np.isfinite(values)
    if ((values < 0) | (values > 255)).any():
        raise SceneError("quality words of LST have eight bits", where="qc", todo="give the QC_Day or QC_Night layer")
    return np.where(known, values, _NOT_PRODUCED).astype(np.uint8)


def _record(source: Source, *held: xr.DataArray) -> dict[str, Any]:
    named = dict(zip(source.layers, held, strict=False)) if len(held) == 1 else {str(a.name): a for a in held}
    assumed = held[0].attrs.get("assumed", []) if held else []
    return {
        "role": source.role,
        "product": source.product,
        "date": source.date.isoformat() if source.date else None,
        "file": [Path(p).name for p in source.paths],
        "sha256": [digest(Path(p)) for p in source.paths],
        "layers": list(source.layers),
        "valid": {name: valid_share(array) for name, array in named.items()},
        "assumed": "; ".join(assumed) if isinstance(assumed, list) else str(assumed),
        "note": source.note,
    }
