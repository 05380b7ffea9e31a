"""What an experiment returns: rows of numbers with typed facts about them, as a readable table and as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from srdanet.arrays import Float64
from srdanet.evaluation.bootstrap import NO_INTERVAL, Interval, bootstrap
from srdanet.evaluation.metrics import Comparison, Tally


class When(StrEnum):
    """Which overpasses a row is about; rows come in this order."""

    DAY = "day"
    NIGHT = "night"
    BOTH = "day and night"

    @classmethod
    def of(cls, day: bool | None) -> When:
        """Of an overpass by day, by night, or unknown, which counts as by day."""
        return cls.NIGHT if day is False else cls.DAY


class Measure(StrEnum):
    """The headline measure of a row (K); the values are the names in JSON."""

    POOLED_RMSE = "pooled_rmse"
    """Over all cells."""
    CENTRED_RMSE = "centred_pooled_rmse"
    """Over all cells, with each image's mean error taken away before."""
    MEDIAN_STD = "median_std"
    """Median over images of the standard deviation of the error."""
    STD = "std"
    """Standard deviation of one image's error."""
    DISTANCE = "distance_from_station"
    """Of the cell in which the station lies."""

    @property
    def label(self) -> str:
        """For people."""
        return {
            Measure.POOLED_RMSE: "pooled RMSE, K",
            Measure.CENTRED_RMSE: "bias removed, pooled RMSE, K",
            Measure.MEDIAN_STD: "median std of error, K",
            Measure.STD: "std of error, K",
            Measure.DISTANCE: "distance from station, K",
        }[self]

    @property
    def centred(self) -> bool:
        """Whether the mean error does not count: the truth is another instrument's, with a bias of its own."""
        return self in (Measure.CENTRED_RMSE, Measure.MEDIAN_STD, Measure.STD)


LABELS: Mapping[str, str] = {
    "median_abs_bias": "median |bias|",
    "within_1_sigma": "within 1 s",
    "within_1_96_sigma": "within 1.96 s",
    "centred_within_1_sigma": "centred within 1 s",
    "centred_within_1_96_sigma": "centred within 1.96 s",
    "coarse_error": "1 km error",
}
"""Metrics for people, where blanks in the name do not suffice."""


@dataclass(frozen=True)
class Subset:
    """Which cells a row is about."""

    when: When
    level: int
    """Nominal cell size of the result, m."""
    stratum: str = ""
    """Class of cells, such as `farmland`; empty for all."""
    case: str = ""
    """The one date or station it is about; empty where there are many."""

    @property
    def order(self) -> tuple[int, bool, int, str]:
        """Sort key: day before night, whole images before their classes, coarse before fine."""
        return list(When).index(self.when), bool(self.stratum), -self.level, self.stratum

    @property
    def label(self) -> str:
        """For people: `day, 250 m, farmland`."""
        return ", ".join(part for part in (self.case or self.when.value, f"{self.level} m", self.stratum) if part)


@dataclass(frozen=True)
class Row:
    """One measure of one method on one set of cells, beside bicubic's."""

    subset: Subset
    measure: Measure
    counts: Mapping[str, int]
    """How much it stands on: `{"patches": 175, "days": 41}`."""
    model: float
    """K."""
    bicubic: float
    """K; NaN where there is none."""
    interval: Interval = NO_INTERVAL
    """95 % interval of `share`, by day or by pair; NaN where there is but one."""
    model_metrics: Mapping[str, float] = field(default_factory=dict)
    bicubic_metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What was downscaled, for people."""
        return self.subset.label

    @property
    def count(self) -> str:
        """`counts` for people."""
        return ", ".join(f"{n} {name}" for name, n in self.counts.items())

    @property
    def share(self) -> float:
        """The method's error as a share of bicubic's; below 1 is better."""
        return self.model / self.bicubic if self.bicubic else math.nan

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON; None stands for a number that does not exist."""
        return {
            "label": self.label,
            "when": self.subset.when.value,
            "level": self.subset.level,
            "stratum": self.subset.stratum or None,
            "measure": self.measure.value,
            "counts": dict(self.counts),
            "model": finite(self.model),
            "bicubic": finite(self.bicubic),
            "share": finite(self.share),
            "share_interval_95": [finite(v) for v in self.interval],
            "model_metrics": {k: finite(v) for k, v in self.model_metrics.items()},
            "bicubic_metrics": {k: finite(v) for k, v in self.bicubic_metrics.items()},
        }


def pooled(
    subset: Subset,
    groups: Sequence[Sequence[Comparison]],
    counts: Mapping[str, int],
    measure: Measure = Measure.POOLED_RMSE,
) -> Row:
    """RMSE over all cells; its interval by group.

    Args:
        subset: Which cells.
        groups: Comparisons of the images of each day, or of each pair alone.
        counts: How much it stands on.
        measure: Whether the images' mean errors were taken away before.
    """
    sums = [sum(images, Comparison()) for images in groups]
    whole = sum(sums, Comparison())
    errors = (whole.model.error.rmse, whole.bicubic.error.rmse)
    pairs = ((c.model.error, c.bicubic.error) for c in sums)
    interval = share_of_rmse([(mine.squared, mine.n, other.squared, other.n) for mine, other in pairs])
    return Row(subset, measure, counts, *errors, interval, whole.model.metrics(), whole.bicubic.metrics())


def median(subset: Subset, images: Sequence[Comparison], unit: str) -> Row:
    """Median over images of the standard deviation of the error; its interval by image, called `unit`."""
    whole = sum(images, Comparison())

    deviations = [(c.model.error.std, c.bicubic.error.std) for c in images]
    model, bicubic = (_median(values) for values in zip(*deviations, strict=True)) if images else (math.nan, math.nan)

    def share(drawn: Float64) -> Float64:
        medians = np.median(drawn, axis=1)
        return _quotient(medians[:, 0], medians[:, 1])

    def metrics(tallies: Sequence[Tally], together: Tally) -> dict[str, float]:
        names = ("rmse", "mae", "correlation")
        found = {f"median_{name}": _median(getattr(t.error, name) for t in tallies) for name in names}
        return together.metrics() | found | {"median_abs_bias": _median(abs(t.error.bias) for t in tallies)}

    return Row(
        subset,
        Measure.MEDIAN_STD,
        {unit: len(images)},
        model,
        bicubic,
        bootstrap(deviations, share),
        metrics([c.model for c in images], whole.model),
        metrics([c.bicubic for c in images], whole.bicubic),
    )


def single(subset: Subset, image: Comparison) -> Row:
    """Standard deviation of one image's error; one image has no interval."""
    model, bicubic = image.model, image.bicubic
    counts = {"cells": round(model.error.n)}
    errors = (model.error.std, bicubic.error.std)
    return Row(subset, Measure.STD, counts, *errors, NO_INTERVAL, model.metrics(), bicubic.metrics())


def share_of_rmse(sums: ArrayLike) -> Interval:
    """95 % interval of one method's RMSE divided by another's.

    Args:
        sums: (n, 4) squared error (K2) and cells of the one, then of the other, of each group.
    """

    def share(drawn: Float64) -> Float64:
        squared, n, other, m = np.moveaxis(drawn.sum(axis=1), -1, 0)
        return np.sqrt(_quotient(_quotient(squared, n), _quotient(other, m)))

    return bootstrap(sums, share)


def _quotient(a: Float64, b: Float64) -> Float64:
    """A / b, NaN where b is zero."""
    quotient: Float64 = np.divide(a, b, out=np.full(a.shape, np.nan), where=b != 0)
    return quotient


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.median(found)) if found else math.nan


@dataclass(frozen=True)
class Report:
    """The outcome of one experiment."""

    title: str
    method: str
    """Name of the method or model."""
    about: str
    """Which data, which part of the split."""
    rows: tuple[Row, ...]
    metrics: tuple[str, ...]
    """The metrics a table shows after the headline measure."""

    def lines(self) -> list[str]:
        """The report as a table for people: method / bicubic."""
        names = [LABELS.get(name, name.replace("_", " ")) for name in self.metrics]
        head = ["", "of", "measure", self.method, "bicubic", "share", "95 % interval", *names]
        return [f"{self.title}: {self.about}", "", *as_columns([head, *(self._cells(row) for row in self.rows)])]

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        rows = [row.as_dict() for row in self.rows]
        return {"title": self.title, "method": self.method, "about": self.about, "rows": rows}

    def _cells(self, row: Row) -> list[str]:
        low, high = row.interval
        interval = "" if math.isnan(low) else f"{low:.3f} to {high:.3f}"
        numbers = ["" if math.isnan(v) else f"{v:.3f}" for v in (row.model, row.bicubic, row.share)]
        pairs = ((row.model_metrics.get(m, math.nan), row.bicubic_metrics.get(m, math.nan)) for m in self.metrics)
        return [row.label, row.count, row.measure.label, *numbers, interval, *(_beside(a, b) for a, b in pairs)]


def _beside(model: float, bicubic: float) -> str:
    """The method's number beside bicubic's, as far as they exist."""
    if math.isnan(model) and math.isnan(bicubic):
        return ""
    return f"{model:.3f}" if math.isnan(bicubic) else f"{model:.3f} / {bicubic:.3f}"


def finite(value: float) -> float | None:
    """A number as JSON can hold it: None for one that does not exist."""
    return float(value) if math.isfinite(value) else None


def as_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table as text, a line a row, its columns as wide as they need."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip() for cells in rows]
