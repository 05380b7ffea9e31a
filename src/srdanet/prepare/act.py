"""From a plan to a scene: read what the plan names, screen it, write down what was done."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.energy import aggregate
from srdanet.errors import ArgumentError, SceneError
from srdanet.grid import geobox_of, lonlat, refine
from srdanet.predictors import indices
from srdanet.predictors.solar import solar_to_utc
from srdanet.prepare import granules, images
from srdanet.prepare.choose import plan as make_plan
from srdanet.prepare.plans import Plan
from srdanet.readers.quality import Screening
from srdanet.scene import Scene
from srdanet.variables import LST_VARIABLES

Times = NDArray[np.datetime64]


def prepare(
    what: Plan | Iterable[str | os.PathLike[str]],
    *,
    screening: Screening | None = None,
    diffuse: float = granules.DIFFUSE,
    progress: Callable[[str], None] | None = None,
    **choice: Any,
) -> Scene:
    """Make a scene from files.

    Args:
        what: A plan, or files from which one is made.
        screening: Which quality is kept; None for the defaults (LST errors up to 2 K, no cloud, shadow or cell
            next to a cloud in reflectance, band qualities usable, albedo from full and magnitude inversions).
        diffuse: Share of diffuse light in the albedo, 0 to 1.
        progress: Told what is read next, one line each.
        choice: `tile`, `date`, `day`, `platform`, `time` of `plan`, where files are given.

    Returns:
        A scene: LST on its own grid, auxiliary variables on theirs (reflectance 250 m and 500 m, albedo and
        land cover 500 m, elevation 250 m, weather on the LST grid). `time` is the median over the cells with
        LST; `provenance` holds every input with its sha256, shares of valid cells and what screening dropped.

    Raises:
        SceneError: when no LST is left, or weather data do not cover the overpass.
        GranuleError: when a file is damaged.
        ArgumentError: when there is nothing to make a scene of, or several things.
    """
    if not isinstance(what, Plan):
        what = make_plan(what, **choice)
    elif choice:
        raise ArgumentError(f"{', '.join(choice)} belong into the plan", todo="say them when making the plan")
    if not 0 <= diffuse <= 1:
        raise ArgumentError(f"diffuse {diffuse} is no share", todo="0 to 1")
    screening = screening or Screening()
    tell = progress or (lambda _: None)
    inputs: list[dict[str, Any]] = []
    unused: list[list[str]] = []
    held: dict[str, xr.DataArray] = {}

    def keep(read: granules.Read | None) -> None:
        if read is not None:
            for name, array in read[0].items():
                held.setdefault(name, array.rename(name))
            inputs.append(read[1])

    coarse, times = _coarse(what, screening, inputs, tell)
    box = geobox_of(coarse)
    for source in what.sources:
        name = source.role.removeprefix("raster:")
        if source.role.startswith("raster:") and name not in LST_VARIABLES:
            tell(f"{name} from {Path(source.paths[0]).name}")
            keep(images.read_raster(source, box, what.date))
    for read in _granules(what, box, screening, diffuse, tell):
        keep(read)
    elevation = what.source("elevation")
    if elevation is not None:
        tell(f"elevation from {len(elevation.paths)} files")
        heights = images.read_elevation(elevation, refine(box, images.FINEST))
        keep(heights)
        if heights is None:
            unused += [[Path(path).name, "does not touch the LST grid"] for path in elevation.paths]
    for role in ("meteorology", "stations"):
        weather = what.source(role)
        if weather is not None and times is not None:
            tell(f"weather from {weather.product}")
            keep(images.read_weather(weather, box, times, tuple(held)))
    unused += _drop_false_ndwi(held)
    dryness = _dryness(coarse["lst"], held) if what.day else None
    if dryness is not None:
        held.setdefault("tvdi", dryness)
    about = _provenance(what, screening, diffuse, inputs, unused)
    return Scene.from_arrays(coarse, held, time=_middle(what, times, coarse), day=what.day, provenance=about)


def _dryness(lst: xr.DataArray, held: Mapping[str, xr.DataArray]) -> xr.DataArray | None:
    """TVDI (Sandholt 2002) on the LST grid, its edges from the whole scene; None where it cannot be fitted."""

    def at_coarse(array: xr.DataArray) -> NDArray[np.floating[Any]]:
        return aggregate(array.values, array.sizes["y"] // lst.sizes["y"])

    if "ndvi" in held:
        green = at_coarse(held["ndvi"])
    elif {"red", "nir"} <= held.keys():
        green = indices.ndvi(at_coarse(held["red"]), at_coarse(held["nir"]))
    else:
        return None
    values = indices.tvdi(lst.values, green).astype(np.float32)
    return lst.copy(data=values).rename("tvdi") if np.isfinite(values).any() else None


def _coarse(
    what: Plan, screening: Screening, inputs: list[dict[str, Any]], tell: Callable[[str], None]
) -> tuple[xr.Dataset, Times | None]:
    """The LST and what belongs to it, and the UTC of every cell (y, x), filled with the median; None if unknown."""
    source = what.source("lst")
    if source is None:
        raise ArgumentError("the plan has no land surface temperature")
    tell(f"LST from {Path(source.paths[0]).name}")
    if source.spec is not None:
        roles = {f"raster:{name}" for name in LST_VARIABLES}
        coarse, records = images.read_lst_raster(source, [s for s in what.sources if s.role in roles], screening)
        inputs += records
    else:
        coarse, record = granules.read_lst(source, screening)
        inputs.append(record)
    left = np.isfinite(coarse["lst"].values)
    if not left.any():
        dropped = inputs[0]["dropped"].get("lst_error", 0)
        word = "day" if what.day else "night"
        said = f"no {word} LST is left ({dropped} cells were dropped by their error class)"
        todo = "choose another date, the other overpass, or a larger lst_error_max"
        raise SceneError(said, where=Path(source.paths[0]).name, todo=todo)
    if "view_time" in coarse and what.date is not None:
        lon, _ = lonlat(geobox_of(coarse))
        times: Times = solar_to_utc(np.datetime64(what.date), coarse["view_time"].values, lon)
        known = ~np.isnat(times)
        if (known & left).any():
            return coarse, np.where(known, times, _median(times[known & left]))
    return coarse, None if what.time is None else np.full(left.shape, what.time)


def _granules(
    what: Plan, box: GeoBox, screening: Screening, diffuse: float, tell: Callable[[str], None]
) -> Iterable[granules.Read]:
    """Reflectance, albedo and land cover, each on a grid that nests in the LST's."""
    fine, coarse = what.source("reflectance_250m"), what.source("reflectance_500m")
    reads: list[granules.Read] = []
    if fine is not None or coarse is not None:
        tell("reflectance from " + " and ".join(s.product for s in (coarse, fine) if s is not None))
        reads += granules.read_reflectance(fine, coarse, screening)
    albedo, land_cover = what.source("albedo"), what.source("land_cover")
    if albedo is not None:
        tell(f"albedo from {Path(albedo.paths[0]).name}")
        reads.append(granules.read_albedo(albedo, screening, diffuse))
    if land_cover is not None:
        tell(f"land cover from {Path(land_cover.paths[0]).name}")
        reads.append(granules.read_land_cover(land_cover))
    for arrays, record in reads:
        fitted = {name: images.fit(array.rename(name), box) for name, array in arrays.items()}
        yield {name: image for name, (image, _) in fitted.items()}, record


def _median(times: Times) -> np.datetime64:
    """The middle one of some times."""
    ordered = np.sort(times, axis=None)
    middle: np.datetime64 = ordered[ordered.size // 2]
    return middle


def _middle(what: Plan, times: Times | None, coarse: xr.Dataset) -> np.datetime64 | None:
    """The scene's time: median over cells with LST; without any hour, midnight of the date; else None."""
    if times is not None:
        return _median(times[np.isfinite(coarse["lst"].values)])
    return None if what.date is None else np.datetime64(what.date)


def _drop_false_ndwi(held: dict[str, xr.DataArray]) -> list[list[str]]:
    """Leave out an NDWI that is another index of the same name, and say so."""
    if "ndwi" not in held or "ndvi" not in held:
        return []
    r = images.opposite_ndwi(held["ndwi"], held["ndvi"])
    if r is None:
        return []
    del held["ndwi"]
    reason = f"correlates {r:+.2f} with NDVI: not Gao's NDWI (nir - swir), likely McFeeters' (green - nir)"
    return [["ndwi", reason]]


def _provenance(
    what: Plan, screening: Screening, diffuse: float, inputs: list[dict[str, Any]], unused: list[list[str]]
) -> dict[str, Any]:
    thresholds = {
        k: list(v) if isinstance(v, tuple) else "inf" if isinstance(v, float) and math.isinf(v) else v
        for k, v in asdict(screening).items()
    }
    return {
        "made_by": f"srdanet {version('srdanet')}",
        "date": what.date.isoformat() if what.date else None,
        "platform": what.platform,
        "screening": thresholds,
        "diffuse": diffuse,
        "inputs": inputs,
        "missing": what.missing,
        "left_out": [[Path(path).name, reason] for path, reason in what.ignored] + unused,
    }
