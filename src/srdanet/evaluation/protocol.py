"""The experiments: what goes into a method, what its result is held against, what is counted.

Every method is a `Downscaler` and is run exactly as a user would run it; bicubic goes
through the same door and stands beside it in every row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.baselines import Downscaler
from srdanet.energy import degrade
from srdanet.errors import ArgumentError
from srdanet.evaluation import rows, strata
from srdanet.evaluation.datasets import BANDS, AsterPair, AsterSet, ImtPatch, ImtSet, When
from srdanet.evaluation.orleans import FACTOR
from srdanet.evaluation.orleans import orleans as read_orleans
from srdanet.evaluation.scores import Row
from srdanet.evaluation.splits import Role, Splits, load_splits
from srdanet.evaluation.strata import By, Mask
from srdanet.evaluation.views import Both, View, at_500_and_250
from srdanet.grid import cell_size, coarsen, coordinates, lonlat, refine


def closed_loop(
    downscaler: Downscaler, patches: ImtSet, role: Role = "test", when: When = "day", splits: Splits | None = None
) -> Row:
    """The upscaling-downscaling loop: 2000 -> 1000 m against the real 1 km LST of MODIS.

    Input: `(mean T^4)^(1/4)` of 2 x 2 cells; auxiliary `red`, `nir`, `swir2` and `elevation` at
    1 km; time and day given. RMSE pooled over all cells; its interval by day.

    Args:
        downscaler: The method.
        patches: All IMT patches; `role` picks from them.
        role: Which part of the split.
        when: Day or night.
        splits: The split; default: the one shipped.
    """
    return closed_loops(downscaler, patches, role, when, None, splits)[0]


def closed_loops(
    downscaler: Downscaler,
    patches: ImtSet,
    role: Role = "test",
    when: When = "day",
    by: By | None = None,
    splits: Splits | None = None,
) -> tuple[Row, ...]:
    """`closed_loop`, and a row for each season or class of relief.

    Raises:
        ArgumentError: when the patches cannot be sorted `by` it.
    """
    chosen = patches.take((splits or load_splits()).imt.mask(patches, role))
    days: dict[str, dict[Hashable, list[Both]]] = defaultdict(lambda: defaultdict(list))
    count: dict[str, int] = defaultdict(int)
    for patch in chosen:
        for name, both in _loop(downscaler, patch, when, by).items():
            days[name][patch.date].append(both)
            count[name] += 1
    label = f"{when}, 2000 -> 1000 m"
    names = ["", *sorted(days.keys() - {""})]
    return tuple(
        rows.pooled(f"{label}, {name}" if name else label, list(days[name].values()), f"{count[name]} patches", "days")
        for name in names
    )


def target(
    downscaler: Downscaler,
    pairs: AsterSet,
    role: Role = "test",
    *,
    held: int | None = None,
    by: By | None = None,
    splits: Splits | None = None,
) -> tuple[Row, ...]:
    """The target scale: real MODIS 1 km -> 250 m against ASTER of the same overpass, at 500 m and at 250 m.

    Input: `lst` at 1 km, `ndvi` at 250 m, `elevation` where known; a day view of unknown date.
    Standard deviation of the error over the valid cells of each pair (at 500 m: of the error's
    2 x 2 means); median over pairs; its interval by pair. Rows `by` a class follow, at 250 m: RMSE
    pooled over the class's cells, each pair's mean error (over all its cells) taken away before.

    Args:
        downscaler: The method.
        pairs: All pairs; `role` picks from them.
        role: Which part of the split.
        held: The fold held apart; default: the split file's.
        by: Sort the cells by `relief` or `cover` too, where it is known.
        splits: The split; default: the one shipped.

    Raises:
        ArgumentError: when the pairs cannot be sorted `by` it, or there is no such role or fold.
    """
    chosen = pairs.take((splits or load_splits()).aster.mask(pairs, role, held))
    halves: list[Both] = []
    quarters: list[Both] = []
    classes: dict[str, list[list[Both]]] = defaultdict(list)
    for pair in chosen:
        half, quarter, results = at_500_and_250(downscaler, pair_view(pair), pair.aster)
        halves.append(half)
        quarters.append(quarter)
        if by is not None:
            for name, both in results.centred(pair.aster).parts(pair.aster, _pair_classes(pair, by)).items():
                classes[name].append([both])
    sorted_rows = (
        rows.pooled(f"day, 250 m, {name}", parts, f"{rows.cells(parts)} cells", "pairs", "bias removed, pooled RMSE, K")
        for name, parts in sorted(classes.items())
    )
    return (rows.median("day, 500 m", halves), rows.median("day, 250 m", quarters), *sorted_rows)


def orleans(downscaler: Downscaler, root: Path | str) -> tuple[Row, ...]:
    """The worked example: MODIS 1 km -> 250 m against Landsat, four dates, at 500 m and at 250 m.

    Input: `lst` at 1000 m, Landsat's `ndvi` at 250 m, date and day. About 160 cells of 1 km a
    date: an example, no statistics, so that no interval is given.

    Args:
        downscaler: The method.
        root: Folder that holds `wgast-orleans/`.
    """
    found = []
    for day in read_orleans(root):
        view = View(day.lst, day.geobox, day.indices[["ndvi"]], day.date, True)
        half, quarter, _ = at_500_and_250(downscaler, view, day.landsat)
        found += [rows.single(f"{day.date}, 500 m", half), rows.single(f"{day.date}, 250 m", quarter)]
    return tuple(found)


def _loop(downscaler: Downscaler, patch: ImtPatch, when: When, by: By | None) -> dict[str, Both]:
    truth = patch.lst[when]
    results = patch_view(patch, when).results(downscaler, 2)
    found = {"": results.whole(truth)}
    return found if by is None else found | results.parts(truth, _patch_classes(patch, by))


def _patch_classes(patch: ImtPatch, by: By) -> Mapping[str, Mask]:
    if by == "relief":
        return strata.relief(patch.elevation, cell_size(patch.geobox))
    if by == "season":
        north = float(lonlat(patch.geobox)[1].mean())
        return {strata.season(patch.date, north): np.ones(patch.elevation.shape, bool)}
    raise ArgumentError(f"the patches cannot be sorted by {by}", todo="choose season or relief")


def _pair_classes(pair: AsterPair, by: By) -> Mapping[str, Mask]:
    if by == "relief":
        return strata.relief(pair.elevation, cell_size(pair.geobox) / FACTOR)
    if by == "cover":
        return strata.cover(pair.cover)
    raise ArgumentError(f"the pairs cannot be sorted by {by}", todo="choose relief or cover; their dates are unknown")


def patch_view(patch: ImtPatch, when: When) -> View:
    """What a method is given of a patch: its LST at 2 km, its bands and elevation at 1 km, time and day."""
    layers = {**dict(zip(BANDS, patch.reflectance, strict=True)), "elevation": patch.elevation}
    lst = degrade(patch.lst[when], 2)
    return View(lst, coarsen(patch.geobox, 2), dataset(layers, patch.geobox), patch.time(when), when == "day")


def pair_view(pair: AsterPair) -> View:
    """What a method is given of a pair: MODIS LST at 1 km, NDVI and, where it is known, elevation at 250 m."""
    layers = {"ndvi": pair.ndvi}
    if np.isfinite(pair.elevation).any():
        layers["elevation"] = pair.elevation
    return View(pair.lst, pair.geobox, dataset(layers, refine(pair.geobox, FACTOR)), None, True)


def dataset(layers: Mapping[str, NDArray[np.generic]], geobox: GeoBox) -> xr.Dataset:
    """Arrays (y, x) on a grid, as the `auxiliary` argument takes them."""
    return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()}, coordinates(geobox))
