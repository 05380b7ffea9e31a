"""What an experiment returns: rows of numbers, as a readable table and as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from srdanet.evaluation.statistics import Interval


@dataclass(frozen=True)
class Row:
    """One measure of one method on one set, beside bicubic's."""

    label: str
    """What was downscaled: `day, 2000 -> 1000 m`."""
    measure: str
    """The headline measure: `pooled RMSE, K`."""
    count: str
    """How much it stands on: `175 patches, 41 days`."""
    model: float
    bicubic: float
    interval: Interval
    """95 % interval of `share`, by day or by pair; NaN where there is but one."""
    model_metrics: Mapping[str, float] = field(default_factory=dict)
    bicubic_metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The method's error as a share of bicubic's; below 1 is better."""
        return self.model / self.bicubic if self.bicubic else math.nan

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON; None stands for a number that does not exist."""
        return {
            "label": self.label,
            "measure": self.measure,
            "count": self.count,
            "model": _plain(self.model),
            "bicubic": _plain(self.bicubic),
            "share": _plain(self.share),
            "share_interval_95": [_plain(v) for v in self.interval],
            "model_metrics": {k: _plain(v) for k, v in self.model_metrics.items()},
            "bicubic_metrics": {k: _plain(v) for k, v in self.bicubic_metrics.items()},
        }


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
        head = ["", "of", "measure", self.method, "bicubic", "share", "95 % interval", *self.metrics]
        body = [self._cells(row) for row in self.rows]
        return [f"{self.title}: {self.about}", "", *_table([head, *body])]

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        rows = [row.as_dict() for row in self.rows]
        return {"title": self.title, "method": self.method, "about": self.about, "rows": rows}

    def _cells(self, row: Row) -> list[str]:
        low, high = row.interval
        interval = "" if math.isnan(low) else f"{low:.3f} to {high:.3f}"
        numbers = ["" if math.isnan(v) else f"{v:.3f}" for v in (row.model, row.bicubic, row.share)]
        pairs = [(row.model_metrics.get(m, math.nan), row.bicubic_metrics.get(m, math.nan)) for m in self.metrics]
        return [row.label, row.count, row.measure, *numbers, interval, *(_pair(a, b) for a, b in pairs)]


def _pair(model: float, bicubic: float) -> str:
    """The method's number beside bicubic's, as far as they exist."""
    if math.isnan(model) and math.isnan(bicubic):
        return ""
    return f"{model:.3f}" if math.isnan(bicubic) else f"{model:.3f} / {bicubic:.3f}"


def _table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Columns of even width."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
