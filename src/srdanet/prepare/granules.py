"""MODIS granules to scene variables: read, screened by their own quality words, counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.grid import geobox_of, nesting
from srdanet.prepare.plans import Source
from srdanet.readers import quality
from srdanet.readers.granule import Granule, open_granule
from srdanet.readers.quality import Screening
from srdanet.variables import BANDS, NO_CLASS

DIFFUSE = 0.2
"""Share of diffuse light in the blue-sky albedo. LST exists under clear sky only, where the share is about
0.1 to 0.3 (Lewis and Barnsley 1994 give the mixing rule); white- and black-sky shortwave albedo differ by about
0.02, so that an error of 0.1 in the share means about 0.002 in albedo."""

Mask = NDArray[np.bool_]
Read = tuple[dict[str, xr.DataArray], dict[str, Any]]
"""Variables by name, and a record for the provenance."""


def read_lst(source: Source, screening: Screening) -> tuple[xr.Dataset, dict[str, Any]]:
    """The coarse dataset of a scene from MOD11A1 or MYD11A1.

    Returns:
        (y, x) `lst` (K, NaN where missing or screened out), `lst_error` (K; inf above 3 K, NaN where not
        produced), `view_angle`, `view_time`, and the quality words `qc`, and the record.
    """
    granule = open_granule(source.paths[0], source.layers)
    lst, qc, view_time, view_angle = (granule.layers[name] for name in source.layers)
    seen = np.isfinite(lst.values)
    keep = screening.keep_lst(qc.values)
    dropped = {"lst_error": int((seen & ~keep).sum())}
    lst.values[~keep] = np.nan
    error = lst.copy(data=quality.lst_error(qc.values)).drop_attrs()
    held = {"lst": lst, "lst_error": error, "view_angle": view_angle, "view_time": view_time, "qc": qc}
    return xr.Dataset(held), _record(source, granule, {"lst": lst}, dropped)


def read_reflectance(fine: Source | None, coarse: Source | None, screening: Screening) -> list[Read]:
    """Surface reflectance from MOD09GQ (250 m) and MOD09GA (500 m), cloud-screened by the latter's 1 km state.

    A 1 km state word stands for all its 500 m and 250 m cells. It screens the 250 m bands only
    when both are of one platform, since clouds move.
    """
    out: list[Read] = []
    state: xr.DataArray | None = None
    if coarse is not None:
        granule = open_granule(coarse.paths[0], coarse.layers)
        state = granule.layers["state"]
        out.append(_bands(coarse, granule, granule.layers["qc_500m"], quality.QC_500M, state, screening))
        if fine is not None and fine.product[:3] != coarse.product[:3]:
            state = None
    if fine is not None:
        granule = open_granule(fine.paths[0], fine.layers)
        out.append(_bands(fine, granule, granule.layers["qc_250m"], quality.QC_250M, state, screening))
    return out


def read_albedo(source: Source, screening: Screening, diffuse: float = DIFFUSE) -> Read:
    """Blue-sky shortwave albedo `(1 - diffuse) · black-sky + diffuse · white-sky`; where one is missing, the other."""
    granule = open_granule(source.paths[0], source.layers)
    white, black = granule.layers["albedo_wsa"].values, granule.layers["albedo_bsa"]
    albedo = (1 - np.float32(diffuse)) * black.values + np.float32(diffuse) * white
    albedo = np.where(np.isfinite(albedo), albedo, np.where(np.isfinite(white), white, black.values))
    seen = np.isfinite(albedo)
    keep = screening.keep_albedo(granule.layers["albedo_quality"].values)
    albedo[~keep] = np.nan
    about = {"source": black.attrs.get("source", ""), "comment": f"blue-sky albedo, {diffuse:g} of the light diffuse"}
    held = {"albedo": xr.DataArray(albedo, black.coords, black.dims, "albedo", about)}
    return held, _record(source, granule, held, {"quality": int((seen & ~keep).sum())})


def read_land_cover(source: Source) -> Read:
    """IGBP classes, uint8, 255 = missing."""
    granule = open_granule(source.paths[0], source.layers)
    return {"land_cover": granule.layers["land_cover"]}, _record(source, granule, granule.layers, {})


def _bands(
    source: Source,
    granule: Granule,
    qc: xr.DataArray,
    table: quality.Table,
    state: xr.DataArray | None,
    screening: Screening,
) -> Read:
    """The bands of one granule, in place set to NaN where cloud or the band's own quality forbids."""
    clear: Mask | None = None
    if state is not None:
        clear = spread(screening.keep_reflectance(state.values), geobox_of(state), geobox_of(qc))
    dropped: dict[str, int] = {}
    held = {}
    for name in source.layers:
        if name not in BANDS:
            continue
        band = granule.layers[name]
        seen = np.isfinite(band.values)
        good = screening.keep_band(qc.values, BANDS.index(name) + 1, table)
        if clear is not None:
            dropped[f"{name}: cloud, shadow or other state"] = int((seen & ~clear).sum())
            seen &= clear
            band.values[~clear] = np.nan
        dropped[f"{name}: band quality"] = int((seen & ~good).sum())
        band.values[~good] = np.nan
        held[name] = band
    record = _record(source, granule, held, dropped)
    if clear is None:
        record["assumed"] = "no state words of this platform: clouds are not screened"
    return held, record


def spread(mask: Mask, coarse: GeoBox, fine: GeoBox) -> Mask:
    """A coarse mask on a finer grid that nests in it; False outside."""
    nest = nesting(coarse, fine)
    rows, cols = (
        (np.arange(size) - start) // nest.factor for size, start in zip(fine.shape, (nest.row, nest.col), strict=True)
    )
    inside = [(i >= 0) & (i < n) for i, n in zip((rows, cols), mask.shape, strict=True)]
    out: Mask = mask[np.clip(rows, 0, mask.shape[0] - 1)][:, np.clip(cols, 0, mask.shape[1] - 1)]
    out &= inside[0][:, None]
    out &= inside[1]
    return out


def valid_share(array: xr.DataArray) -> float:
    """Share of cells that hold a value."""
    values = array.values
    valid = values != NO_CLASS if values.dtype.kind in "iu" else np.isfinite(values)
    return round(float(valid.mean()), 6)


def _record(
    source: Source, granule: Granule, held: Mapping[str, xr.DataArray], dropped: Mapping[str, int]
) -> dict[str, Any]:
    return {
        "role": source.role,
        "product": granule.product,
        "collection": granule.collection,
        "date": granule.date.isoformat(),
        "distance": source.distance,
        "file": granule.name,
        "sha256": granule.sha256,
        "layers": list(source.layers),
        "valid": {name: valid_share(array) for name, array in held.items()},
        "dropped": dict(dropped),
        "note": source.note,
    }
