"""What went into a scene, a row for each variable, for a person to check at a glance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from srdanet.prepare.survey import Frozen
from srdanet.scene import Scene
from srdanet.variables import NO_CLASS, unit_of

PERCENTILES = (2, 98)
"""Between them lies the range that is reported: single odd cells do not show in it."""
_ENOUGH = 1_000_000
"""Cells from which percentiles are taken; of larger images every n-th row and column."""


class Measured(NamedTuple):
    """Of the values of one variable."""

    valid: float
    """Share of cells that hold a value."""
    range: tuple[float, float] | None
    """2nd and 98th percentile, to five digits; None where no cell holds a value."""


class ReportRow(Frozen):
    """One variable of a scene, product or granule, and where it comes from."""

    variable: str
    product: str | None = None
    file: tuple[str, ...] = ()
    """Names without folders."""
    date: str | None = None
    unit: str
    range: tuple[float, float] | None = None
    """2nd and 98th percentile, in `unit`."""
    valid: float | None = None
    """Share of cells that hold a value."""
    assumed: tuple[str, ...] = ()
    """What the files do not say and was taken for granted, and how values came to their grid."""


def measure(values: NDArray[Any], missing: int | None = NO_CLASS) -> Measured:
    """Share of valid cells and the range of one variable.

    Args:
        values: (y, x); floats with NaN = missing, or integers.
        missing: The integer that stands for missing, if one does.
    """
    known = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, bool)
    if values.dtype.kind != "f" and missing is not None:
        known = values != missing
    step = max(1, math.isqrt(values.size // _ENOUGH))
    sample = values[::step, ::step][known[::step, ::step]]
    low_high = np.percentile(sample, PERCENTILES) if sample.size else ()
    digits = tuple(float(f"{value:.5g}") for value in low_high)
    return Measured(round(np.count_nonzero(known) / known.size, 6), (digits[0], digits[1]) if digits else None)


def scene_report(scene: Scene) -> tuple[ReportRow, ...]:
    """One row for the LST and each predictor of a scene; what its record does not say is measured."""
    inputs = scene.provenance.get("inputs", [])
    return report_rows(("lst", *scene.present), inputs, lambda name: measure(scene.variable(name).values))


def report_rows(
    names: Iterable[str], inputs: Iterable[Mapping[str, Any]], measured: Callable[[str], Measured | None]
) -> tuple[ReportRow, ...]:
    """One row for each variable.

    Args:
        names: The variables, of `variables.BY_NAME` or `LST_VARIABLES`.
        inputs: Records as `prepare` writes them (`InputRecord`, dumped).
        measured: Share and range of a variable whose record holds none; None where nobody knows.
    """
    records = {name: record for record in inputs for name in record.get("valid", {})}
    rows = []
    for name in names:
        record = records.get(name, {})
        known = (record.get("range") or {}).get(name)
        found = Measured(record["valid"][name], tuple(known)) if known else measured(name)
        file = record.get("file", ())
        rows.append(
            ReportRow(
                variable=name,
                product=record.get("product"),
                file=(file,) if isinstance(file, str) else tuple(file),
                date=record.get("date"),
                unit=unit_of(name),
                range=found.range if found else None,
                valid=found.valid if found else None,
                assumed=assumptions(record),
            )
        )
    return tuple(rows)


def assumptions(record: Mapping[str, Any]) -> tuple[str, ...]:
    """What was taken for granted about one input, as its record says."""
    assumed = record.get("assumed") or ()
    said = [assumed] if isinstance(assumed, str) else [str(one) for one in assumed]
    regridded = record.get("regridded") or "as it is"
    return tuple(
        text for text in (*said, record.get("note"), None if regridded == "as it is" else f"regridded: {regridded}")
        if text
    )  # fmt: skip
