"""From tallies to rows: pooled over cells, the median over images, or one image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from srdanet.evaluation.scores import Row
from srdanet.evaluation.statistics import Interval, bootstrap
from srdanet.evaluation.tally import Tally, combine
from srdanet.evaluation.views import Both

NO_INTERVAL = Interval(math.nan, math.nan)


def pooled(label: str, groups: Sequence[Sequence[Both]], count: str, unit: str, measure: str = "pooled RMSE, K") -> Row:
    """RMSE over all cells; its interval by group.

    Args:
        label: What was downscaled.
        groups: Tallies of the images of each day, or of each pair alone.
        count: How much it stands on, but for the groups.
        unit: What a group is: `days`.
        measure: Name of the measure.
    """
    sums = [_sum(parts) for parts in groups]
    model, bicubic = _sum(sums)
    share = bootstrap(sums, _rmse_share)
    return _row(
        label, measure, f"{count}, {len(sums)} {unit}", model.error.rmse, bicubic.error.rmse, share, model, bicubic
    )


def median(label: str, parts: Sequence[Both]) -> Row:
    """Median over pairs of the standard deviation of the error; its interval by pair."""
    metrics = []
    for which in (0, 1):
        own = [part[which].error for part in parts]
        values = combine(part[which] for part in parts).metrics()
        values |= {f"median {name}": _median(getattr(t, name) for t in own) for name in ("rmse", "mae", "correlation")}
        values["median |bias|"] = _median(abs(t.bias) for t in own)
        metrics.append(values)
    return Row(
        label=label,
        measure="median std of error, K",
        count=f"{len(parts)} pairs",
        model=_median(m.error.std for m, _ in parts),
        bicubic=_median(b.error.std for _, b in parts),
        interval=bootstrap(parts, _median_share),
        model_metrics=metrics[0],
        bicubic_metrics=metrics[1],
    )


def single(label: str, both: Both) -> Row:
    """Standard deviation of one image's error; one image has no interval."""
    model, bicubic = both
    count = f"{model.error.n:.0f} cells"
    return _row(label, "std of error, K", count, model.error.std, bicubic.error.std, NO_INTERVAL, model, bicubic)


def cells(groups: Iterable[Iterable[Both]]) -> int:
    """Cells counted of the method."""
    return round(sum(model.error.n for parts in groups for model, _ in parts))


def _row(
    label: str, measure: str, count: str, ours: float, theirs: float, interval: Interval, model: Tally, bicubic: Tally
) -> Row:
    return Row(label, measure, count, ours, theirs, interval, model.metrics(), bicubic.metrics())


def _sum(parts: Sequence[Both]) -> Both:
    return combine(p[0] for p in parts), combine(p[1] for p in parts)


def _rmse_share(groups: Sequence[Both]) -> float:
    model, bicubic = _sum(groups)
    return model.error.rmse / bicubic.error.rmse if bicubic.error.rmse else math.nan


def _median_share(parts: Sequence[Both]) -> float:
    return _median(m.error.std for m, _ in parts) / _median(b.error.std for _, b in parts)


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.median(found)) if found else math.nan
