"""The experiments: what goes into a method, what its result is held against, what is counted.

Every method is a `Downscaler` and is run exactly as a user would run it; bicubic goes
through the same door and stands beside it in every row.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.evaluation.datasets import BANDS, AsterPair, AsterSet, ImtPatch, ImtSet, When
from srdanet.evaluation.orleans import FACTOR, OrleansDate
from srdanet.evaluation.orleans import orleans as read_orleans
from srdanet.evaluation.scores import Row
from srdanet.evaluation.splits import Role, Splits, load_splits
from srdanet.evaluation.statistics import Interval, Totals, bootstrap, total
from srdanet.grid import coarsen, coordinates, refine
from srdanet.physics import aggregate, degrade
from srdanet.rivals import Downscaler, Interpolation

Floats = NDArray[np.floating[Any]]
Both = tuple[Totals, Totals]
"""Totals of a method and of bicubic on the same cells."""

_BICUBIC = Interpolation("bicubic")
_NO_INTERVAL = Interval(math.nan, math.nan)


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
    chosen = patches.take((splits or load_splits()).imt.mask(patches, role))
    days: dict[Hashable, list[Both]] = defaultdict(list)
    closures: list[Both] = []
    for patch in chosen:
        totals, closure = _loop(downscaler, patch, when)
        days[patch.date].append(totals)
        closures.append(closure)
    groups = [_sum(parts) for parts in days.values()]
    model, bicubic = _sum(groups)
    return Row(
        label=f"{when}, 2000 -> 1000 m",
        measure="pooled RMSE, K",
        count=f"{len(chosen)} patches, {len(groups)} days",
        model=model.rmse,
        bicubic=bicubic.rmse,
        interval=bootstrap(groups, _rmse_share),
        model_metrics=_metrics(model, [c[0] for c in closures]),
        bicubic_metrics=_metrics(bicubic, [c[1] for c in closures]),
    )


def target(
    downscaler: Downscaler,
    pairs: AsterSet,
    role: Role = "test",
    *,
    held: int | None = None,
    splits: Splits | None = None,
) -> tuple[Row, Row]:
    """The target scale: real MODIS 1 km -> 250 m against ASTER of the same overpass, at 500 m and at 250 m.

    Input: `lst` at 1 km, `ndvi` at 250 m, `elevation` where known; a day view of unknown date.
    Standard deviation of the error over the valid cells of each pair (at 500 m: of the error's
    2 x 2 means); median over pairs; its interval by pair.

    Args:
        downscaler: The method.
        pairs: All pairs; `role` picks from them.
        role: Which part of the split.
        held: The fold held apart; default: the split file's.
        splits: The split; default: the one shipped.
    """
    chosen = pairs.take((splits or load_splits()).aster.mask(pairs, role, held))
    levels: tuple[list[Both], list[Both]] = ([], [])
    closures: list[Both] = []
    for pair in chosen:
        results = _both(downscaler, pair.lst, pair.geobox, _pair_predictors(pair), FACTOR, None, True)
        closures.append(_closures(results, pair.lst, FACTOR))
        for level, parts in zip(levels, _at_500_and_250(results, pair.aster), strict=True):
            level.append(parts)
    return (_pairs_row("day, 500 m", levels[0], closures), _pairs_row("day, 250 m", levels[1], closures))


def orleans(downscaler: Downscaler, root: Path | str) -> tuple[Row, ...]:
    """The worked example: MODIS 1 km -> 250 m against Landsat, four dates, at 500 m and at 250 m.

    Input: `lst` at 1000 m, Landsat's `ndvi` at 250 m, date and day. About 160 cells of 1 km a
    date: an example, no statistics, so that no interval is given.

    Args:
        downscaler: The method.
        root: Folder that holds `wgast-orleans/`.
    """
    return tuple(row for day in read_orleans(root) for row in _orleans_rows(downscaler, day))


def _loop(downscaler: Downscaler, patch: ImtPatch, when: When) -> tuple[Both, Both]:
    truth = patch.lst[when]
    coarse = degrade(truth, 2)
    layers = {**dict(zip(BANDS, patch.reflectance, strict=True)), "elevation": patch.elevation}
    auxiliary = _dataset(layers, patch.geobox)
    results = _both(downscaler, coarse, coarsen(patch.geobox, 2), auxiliary, 2, patch.time(when), when == "day")
    return _totals(results, truth, 2), _closures(results, coarse, 2)


def _orleans_rows(downscaler: Downscaler, day: OrleansDate) -> list[Row]:
    results = _both(downscaler, day.lst, day.geobox, day.indices[["ndvi"]], FACTOR, day.date, True)
    closure = _closures(results, day.lst, FACTOR)
    rows = []
    for level, (model, bicubic) in zip((500, 250), _at_500_and_250(results, day.landsat), strict=True):
        rows.append(
            Row(
                label=f"{day.date}, {level} m",
                measure="std of error, K",
                count=f"{model.n:.0f} cells",
                model=model.std,
                bicubic=bicubic.std,
                interval=_NO_INTERVAL,
                model_metrics=_metrics(model, [closure[0]]),
                bicubic_metrics=_metrics(bicubic, [closure[1]]),
            )
        )
    return rows


def _pair_predictors(pair: AsterPair) -> xr.Dataset:
    layers = {"ndvi": pair.ndvi}
    if np.isfinite(pair.elevation).any():
        layers["elevation"] = pair.elevation
    return _dataset(layers, refine(pair.geobox, FACTOR))


def _dataset(layers: dict[str, NDArray[np.float32]], geobox: GeoBox) -> xr.Dataset:
    return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()}, coordinates(geobox))


def _both(
    downscaler: Downscaler,
    lst: Floats,
    geobox: GeoBox,
    auxiliary: xr.Dataset,
    factor: int,
    time: np.datetime64 | None,
    day: bool,
) -> tuple[Floats, Floats]:
    """The method's result and bicubic's, each (y * factor, x * factor) K."""
    coarse = xr.DataArray(lst, coordinates(geobox), ("y", "x"), attrs={"units": "K"})
    runs = [d(coarse, auxiliary, factor=factor, time=time, day=day)["lst"].values for d in (downscaler, _BICUBIC)]
    return runs[0], runs[1]


def _totals(results: tuple[Floats, Floats], truth: Floats, factor: int) -> Both:
    return Totals.of(results[0], truth, factor), Totals.of(results[1], truth, factor)


def _closures(results: tuple[Floats, Floats], lst: Floats, factor: int) -> Both:
    """How far the results, degraded, are from the input."""
    return Totals.of(degrade(results[0], factor), lst), Totals.of(degrade(results[1], factor), lst)


def _at_500_and_250(results: tuple[Floats, Floats], truth: Floats) -> tuple[Both, Both]:
    """Totals of 250 m results: of their 2 x 2 means where truth is known, and as they are."""
    known = np.isfinite(truth) & np.isfinite(results[0]) & np.isfinite(results[1])
    halves = [aggregate(np.where(known, image, np.nan), 2) for image in (*results, truth)]
    return _totals((halves[0], halves[1]), halves[2], FACTOR // 2), _totals(results, truth, FACTOR)


def _pairs_row(label: str, parts: Sequence[Both], closures: Sequence[Both]) -> Row:
    metrics = []
    for which in (0, 1):
        own = [part[which] for part in parts]
        values = {f"median {name}": _median(getattr(t, name) for t in own) for name in ("rmse", "mae", "correlation")}
        values["median |bias|"] = _median(abs(t.bias) for t in own)
        values["detail r2"] = total(own).detail_r2
        values["closure rmse"] = total(c[which] for c in closures).rmse
        metrics.append(values)
    return Row(
        label=label,
        measure="median std of error, K",
        count=f"{len(parts)} pairs",
        model=_median(m.std for m, _ in parts),
        bicubic=_median(b.std for _, b in parts),
        interval=bootstrap(parts, _median_share),
        model_metrics=metrics[0],
        bicubic_metrics=metrics[1],
    )


def _metrics(totals: Totals, closures: Iterable[Totals]) -> dict[str, float]:
    named = {name.replace("_", " "): value for name, value in totals.metrics().items()}
    return {**named, "closure rmse": total(closures).rmse}


def _sum(parts: Sequence[Both]) -> Both:
    return total(p[0] for p in parts), total(p[1] for p in parts)


def _rmse_share(groups: Sequence[Both]) -> float:
    model, bicubic = _sum(groups)
    return model.rmse / bicubic.rmse


def _median_share(parts: Sequence[Both]) -> float:
    return _median(m.std for m, _ in parts) / _median(b.std for _, b in parts)


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.median(found)) if found else math.nan
