"""Series at points and over regions, with uncertainty and quality."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from srdanet.analysis.errors import CORRELATION, Correlation, error_of_sum
from srdanet.arrays import has_hour
from srdanet.atomic import replacing
from srdanet.errors import ArgumentError, extra
from srdanet.flags import FLAGS
from srdanet.grid import ground_cell
from srdanet.predictors.overpass import part_of_day
from srdanet.product.stored import StoredLevel
from srdanet.readers.places import Place, cover

if TYPE_CHECKING:
    import pandas as pd

LEAST_VALID = 0.5
"""Share of a region's area with LST from which on a mean is given."""


@dataclass(frozen=True)
class Value:
    """One place at one overpass."""

    place: str
    time: str | None
    """UTC; the date alone where the hour is not known."""
    part: str
    """`day`, `night`, or empty where unknown."""
    lst: float
    """K; of a region the temperature of its mean emitted energy; NaN where too little is known."""
    uncertainty: float
    """K, one standard deviation: of a region's mean with errors of neighbours going together."""
    spread: float
    """K: standard deviation of the cells within a region; NaN at a point."""
    low: float
    """K: coldest cell."""
    high: float
    """K: warmest cell."""
    valid_share: float
    """Share of the place's area with LST."""
    cells: float
    """Area with LST, in cells."""
    quality: str
    """Quality flags that hold for a tenth of it or more, separated by blanks; empty where none does."""
    level: int
    """Nominal cell size (m)."""
    product: str
    """What the names of the product's files begin with."""


COLUMNS = tuple(field.name for field in fields(Value))
_FLAGGED = 0.1


def extract(
    products: Iterable[StoredLevel],
    places: Sequence[Place],
    *,
    correlation: Correlation = CORRELATION,
    least_valid: float = LEAST_VALID,
) -> list[Value]:
    """The value of each place in each product that covers it, in order of products.

    A point takes the cell in which it lies, as it is. A region takes each cell by the share of it that lies inside.

    Args:
        products: From `srdanet.product.stored.stored_levels`.
        places: Points and regions.
        correlation: Of the errors of neighbouring cells.
        least_valid: Share of a region's area with LST from which on a mean is given.

    Raises:
        GranuleError: when a file of a product is missing or damaged.
        ArgumentError: when no product covers any of the places, or `least_valid` is no share.
    """
    if not 0 <= least_valid <= 1:
        raise ArgumentError(f"least_valid is {least_valid}", todo="Give a share, 0 to 1.")
    values = [
        value
        for product in products
        for place in places
        if (value := _value(product, place, correlation, least_valid)) is not None
    ]
    if not values:
        todo = "Check that coordinates are longitude, latitude, and that the products are of that place."
        raise ArgumentError("no product covers any of the places", todo=todo)
    return values


def _value(product: StoredLevel, place: Place, correlation: Correlation, least_valid: float) -> Value | None:
    part = cover(place, product.geobox)
    if part is None:
        return None
    data = product.read(part.rows, part.cols)
    lst = data["lst"].values.astype(np.float64)
    known = np.isfinite(lst) & (part.share > 0)
    weight = np.where(known, part.share, 0.0)
    share = float(weight.sum() / part.share.sum())
    mean = error = spread = low = high = float("nan")
    if known.any() and share >= least_valid:
        weight /= weight.sum()
        cells = np.where(known, lst, 0.0)
        mean = float((weight * cells**4).sum() ** 0.25)
        low, high = float(lst[known].min()), float(lst[known].max())
        spread = float("nan") if place.is_point else float(np.sqrt((weight * (cells - mean) ** 2).sum()))
        if "lst_uncertainty" in data:
            error = error_of_sum(weight, data["lst_uncertainty"].values, ground_cell(product.geobox), correlation)
    flagged = []
    if "quality" in data:
        bits = data["quality"].values
        area = part.share / part.share.sum()
        flagged = [flag.name for flag in FLAGS if area[(bits & flag.mask) > 0].sum() >= _FLAGGED]
    time = product.time
    when = None if time is None else str(time if has_hour(time) else time.astype("datetime64[D]"))
    return Value(
        place=place.name, time=when, part=part_of_day(product.record.day),
        lst=_to(mean, 3), uncertainty=_to(error, 3), spread=_to(spread, 3), low=_to(low, 3), high=_to(high, 3),
        valid_share=_to(share, 4), cells=_to(float(part.share[known].sum()), 2), quality=" ".join(flagged),
        level=product.level, product=product.stem,
    )  # fmt: skip


def _to(value: float, digits: int) -> float:
    return round(value, digits)


def table(values: Iterable[Value]) -> pd.DataFrame:
    """The values as a table, `time` as `datetime64[s]` UTC."""
    import pandas as pd

    frame = pd.DataFrame([asdict(value) for value in values], columns=list(COLUMNS))
    return frame.assign(time=pd.to_datetime(frame["time"], format="ISO8601").astype("datetime64[s]"))


def write_table(values: Sequence[Value], path: Path) -> None:
    """Write the values as CSV or Parquet, by the name's ending; whole or not at all.

    Raises:
        ArgumentError: when the name ends in neither.
        MissingExtraError: when Parquet is asked for and pyarrow is not installed.
        OutputError: when it cannot be written.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise ArgumentError("is not the name of a table", where=path, todo="Use .csv or .parquet.")
    with replacing(path, overwrite=True) as part:
        if path.suffix == ".csv":
            import csv

            with part.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(COLUMNS)
                for value in values:
                    row = asdict(value)
                    writer.writerow(["" if cell is None or cell != cell else cell for cell in row.values()])
        else:
            with extra("pyarrow", "parquet", "Or use a name that ends in .csv."):
                table(values).to_parquet(part, index=False)


def draw_series(values: Sequence[Value], path: Path) -> None:
    """A picture of the series: a panel for day and one for night, LST with one standard deviation of error.

    Raises:
        ArgumentError: when no value has a time.
        OutputError: when it cannot be written.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    frame = table(values).dropna(subset=["time"])
    if frame.empty:
        raise ArgumentError("no product states its time", todo="Leave --plot out.")
    parts = sorted(set(frame["part"]))
    figure = Figure(figsize=(8, 1 + 3 * len(parts)), layout="constrained")
    axes = figure.subplots(len(parts), 1, sharex=True, squeeze=False)[:, 0]
    places = list(dict.fromkeys(frame["place"]))
    shown = places[: len(_COLOURS)]
    for axis, part in zip(axes, parts, strict=True):
        for place, colour, mark in zip(shown, _COLOURS, _MARKS, strict=False):
            rows = frame[(frame["place"] == place) & (frame["part"] == part)].sort_values("time")
            axis.errorbar(
                rows["time"], rows["lst"], rows["uncertainty"].fillna(0), color=colour, marker=mark,
                markersize=4, linewidth=1, capsize=2, label=place,
            )  # fmt: skip
        axis.set_ylabel("LST (K)")
        axis.set_title(part or "day or night unknown", loc="left", fontsize=10)
        axis.grid(color="0.9")
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    note = "bars: one standard deviation" + ("" if shown == places else f"; {len(shown)} of {len(places)} places")
    axes[-1].set_xlabel(f"overpass (UTC); {note}")
    axes[0].legend(fontsize=8, ncols=4, frameon=False)
    with replacing(path, overwrite=True) as staged:
        figure.savefig(staged, dpi=150, format=path.suffix.removeprefix(".") or "png")


_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
"""Told apart by colour-blind people (Okabe and Ito 2008)."""
_MARKS = "osD^vP*X"
