"""The table: each row one measure on real scenes and on simulated ones, and whether they agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SEASONS = ("winter", "spring", "summer", "autumn")
"""Northern: December to February, and so on."""


class Case(NamedTuple):
    """One row of the table: what is measured on which scenes."""

    measure: str
    """A key of `MEASURES`."""
    scenes: str
    """`day, summer`, `night, winter`, `warm season` ..."""


Values = dict[Case, list[float]]
"""One number per scene (or window) of every case."""


@dataclass(frozen=True)
class Measure:
    """What a group of rows has in common."""

    title: str
    unit: str
    real: str
    """Which real data."""
    digits: int = 2


MEASURES: Mapping[str, Measure] = {
    "level": Measure("Mean LST of 59 km", "K", "IMT patches", 1),
    "green": Measure("Mean NDVI of 59 km", "", "IMT patches"),
    "spread": Measure("Standard deviation of LST within 59 km", "K", "IMT patches"),
    "bicubic": Measure("RMSE of bicubic 2 → 1 km", "K", "IMT patches"),
    "slope": Measure("Spectrum slope, 2 to 30 km", "", "IMT patches"),
    "steps": Measure("Steps between cells, along rows over along columns", "", "IMT patches"),
    "equal": Measure("Share of cells equal to their eastern neighbour", "", "IMT patches", 3),
    "slope_wide": Measure("Spectrum slope, 2 to 60 km", "", "IMT mosaics of 119 km"),
    "ndvi": Measure("Correlation of 1 km detail with NDVI", "", "IMT patches"),
    "height": Measure("Correlation of 1 km detail with elevation", "", "IMT patches"),
    "pair_bicubic": Measure("RMSE of bicubic 2 → 1 km", "K", "MODIS of the ASTER pairs"),
    "pair_slope": Measure("Spectrum slope, 2 to 30 km", "", "MODIS of the ASTER pairs"),
    "fine_rms": Measure("Detail at 250 m inside 1 km", "K", "ASTER pairs"),
    "share_250": Measure("Detail variance at 250 m over 1 km", "", "ASTER pairs"),
    "share_500": Measure("Detail variance at 500 m over 1 km", "", "ASTER pairs"),
    "share_modis": Measure("1 km detail variance, MODIS over true", "", "ASTER pairs"),
    "agreement": Measure("1 km detail, correlation of MODIS with true", "", "ASTER pairs"),
    "fine_ndvi": Measure("Correlation of 250 m detail with NDVI", "", "ASTER pairs"),
    "fine_light": Measure("Correlation of 250 m detail with illumination", "", "ASTER pairs"),
    "orleans_rms": Measure("Detail at 250 m inside 1 km", "K", "Landsat, Orleans"),
    "orleans_share": Measure("Detail variance at 250 m over 500 m", "", "Landsat, Orleans"),
    "orleans_ndvi": Measure("Correlation of 250 m detail with NDVI", "", "Landsat, Orleans"),
    "heihe_spread": Measure("Standard deviation of LST within 64 cells", "K", "Heihe"),
    "heihe_bicubic": Measure("RMSE of bicubic 2 → 1 km", "K", "Heihe"),
    "heihe_slope": Measure("Spectrum slope, 2 to 30 km", "", "Heihe"),
    "heihe_ndvi": Measure("Correlation of 1 km detail with NDVI", "", "Heihe"),
    "cloud_share": Measure("Cloud fraction of 64 cells", "%", "MOD11A1 granules, Heihe", 0),
    "cloud_size": Measure("Mean length of a cloud, 10 to 90 % cloudy", "km", "MOD11A1 granules, Heihe", 1),
    "word_good": Measure("Quality word 0 among produced cells", "%", "MOD11A1 granules, Heihe", 0),
    "word_2K": Measure("Error class 1 to 2 K among produced cells", "%", "MOD11A1 granules, Heihe", 0),
    "word_3K": Measure("Error class above 2 K among produced cells", "%", "MOD11A1 granules, Heihe", 1),
}
"""Rows in the order of the table; one row for each kind of scenes."""


@dataclass(frozen=True)
class Spread:
    """Median and the 10 to 90 % range over scenes."""

    low: float
    median: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of the numbers that exist; NaN when there are none."""
        found = np.array([v for v in values if math.isfinite(v)])
        if not found.size:
            return cls(math.nan, math.nan, math.nan, 0)
        low, median, high = (float(v) for v in np.percentile(found, [10, 50, 90]))
        return cls(low, median, high, int(found.size))


@dataclass(frozen=True)
class Row:
    """Real beside simulated."""

    case: Case
    real: Spread
    simulated: Spread

    @property
    def measure(self) -> Measure:
        """What is measured."""
        return MEASURES[self.case.measure]

    @property
    def off(self) -> float:
        """How far the simulated median lies outside the real range, with its sign; 0 inside, NaN when either lacks."""
        if not self.real.count or not self.simulated.count:
            return math.nan
        return min(self.simulated.median - self.real.low, 0.0) + max(self.simulated.median - self.real.high, 0.0)

    @property
    def verdict(self) -> str:
        """`inside`, or how far outside."""
        off, digits = self.off, self.measure.digits
        if math.isnan(off):
            return "no data"
        unit = f" {self.measure.unit}" if self.measure.unit else ""
        return "inside" if off == 0 else f"{abs(off):.{digits}f}{unit} {'below' if off < 0 else 'above'}"

    def cells(self) -> list[str]:
        """The row as texts."""
        unit = f" ({self.measure.unit})" if self.measure.unit else ""
        spreads = []
        for part in (self.real, self.simulated):
            low, median, high = (f"{v:.{self.measure.digits}f}".replace("-", "−") for v in _of(part))
            spreads += [f"{median} ({low} to {high})" if part.count else "", str(part.count)]
        return [f"{self.measure.title}{unit}", self.case.scenes, self.measure.real, *spreads, self.verdict]


_HEAD = ("measure", "scenes", "real data", "real", "n", "simulated", "n", "simulated median")


@dataclass(frozen=True)
class Table:
    """All rows."""

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, real: Values, simulated: Values) -> Table:
        """Set what was measured on real scenes beside what was measured on simulated ones."""
        order = list(MEASURES)
        cases = sorted(dict.fromkeys([*real, *simulated]), key=lambda case: order.index(case.measure))
        return cls(tuple(Row(c, Spread.of(real.get(c, [])), Spread.of(simulated.get(c, []))) for c in cases))

    @property
    def agreeing(self) -> int:
        """Rows whose simulated median lies inside the real range."""
        return sum(row.off == 0 for row in self.rows)

    def lines(self) -> list[str]:
        """For people, in columns."""
        cells = [list(_HEAD), *(row.cells() for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        body = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells]
        return [*body, "", self.summary()]

    def summary(self) -> str:
        """How many rows agree."""
        meaning = "rows have the simulated median within the 10 to 90 % range of the real scenes"
        return f"{self.agreeing} of {len(self.rows)} {meaning}."

    def markdown(self) -> str:
        """For a page."""
        return "\n".join([*self._markdown(), "", self.summary(), ""])

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON; None stands for a number that does not exist."""
        return {"agreeing": self.agreeing, "rows": [_plain(row) for row in self.rows]}

    def _markdown(self) -> Iterator[str]:
        yield f"| {' | '.join(_HEAD)} |"
        yield "|---|---|---|---|--:|---|--:|---|"
        for row in self.rows:
            yield f"| {' | '.join(row.cells())} |"


def _plain(row: Row) -> dict[str, object]:
    about = {
        "measure": row.measure.title,
        "unit": row.measure.unit,
        "scenes": row.case.scenes,
        "data": row.measure.real,
    }
    names = ("low", "median", "high")
    spreads = {
        kind: {n: v if math.isfinite(v) else None for n, v in zip(names, _of(part), strict=True)}
        | {"count": part.count}
        for kind, part in (("real", row.real), ("simulated", row.simulated))
    }
    return {**about, **spreads, "verdict": row.verdict}


def _of(part: Spread) -> tuple[float, float, float]:
    return part.low, part.median, part.high
