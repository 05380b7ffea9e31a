"""Against stations on the ground: one row for each station and overpass, and products compared with listed stations.

A station sees some ten metres of ground, a cell 250 m or more: their difference is no error of the cell alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from srdanet.arrays import has_hour, parse_utc
from srdanet.errors import GranuleError
from srdanet.evaluation.report import Measure, Row, Subset, When
from srdanet.grid import cell_at
from srdanet.product.record import Record, read_record
from srdanet.product.stored import stored_levels
from srdanet.readers.stations_longwave import Longwave, open_listed


def subset_of(station: str, time: np.datetime64 | None, day: bool | None, level: int) -> Subset:
    """What a station's row is about; `level` is the cell size in metres."""
    moment = "" if time is None else f", {np.datetime_as_string(time, 'm')} UTC"
    return Subset(When.of(day), level, case=f"{station}{moment}")


def row(
    subset: Subset,
    measured: float,
    model: float,
    bicubic: float = math.nan,
    sigma: float | None = None,
    coarse: float | None = None,
) -> Row:
    """The cell in which a station lies compared with the station's temperature.

    Args:
        subset: Station, overpass and level.
        measured: K, at the overpass.
        model: K, the method's cell.
        bicubic: K, bicubic interpolation's; NaN where there is none.
        sigma: K, the standard deviation that the method states of its cell, if any.
        coarse: K, the cell of the image that was downscaled, where it is known.
    """
    common = {"station": measured} | ({} if coarse is None else {"coarse_error": coarse - measured})
    return Row(
        subset,
        Measure.DISTANCE,
        {"cells": 1},
        abs(model - measured),
        abs(bicubic - measured),
        model_metrics=common | {"error": model - measured} | ({} if sigma is None else {"uncertainty": sigma}),
        bicubic_metrics={} if math.isnan(bicubic) else common | {"error": bicubic - measured},
    )


def against_stations(product: Path | str, data: Path | str) -> tuple[str, tuple[Row, ...]]:
    """Each station's temperature at the overpass, and the product's cell there at each level.

    Stations without a measurement at the time, outside the product, or in a missing cell have no row.

    Args:
        product: Folder of a product, or of several; each is found by its record.
        data: Folder with lists of stations (`stations*.csv`) in it or below it.

    Returns:
        Name of the model, and the rows; there is no bicubic beside a product.

    Raises:
        GranuleError: when there is no list, no product, or one of their files is missing or damaged, or nothing meets.
    """
    lists = sorted(Path(data).rglob("stations*.csv"))
    records = sorted(Path(product).glob("*_provenance.json"))
    for found, what, where in ((lists, "list of stations (stations*.csv)", data), (records, "product", product)):
        if not found:
            raise GranuleError(f"holds no {what}", where=where, todo="Give its folder.")
    stations = [station for path in lists for station in open_listed(path)]
    products = {path: read_record(path) for path in records}
    rows = tuple(row for path, record in products.items() for row in _rows(path, record, stations))
    if not rows:
        todo = "Give stations that measured on the same day."
        raise GranuleError("no station measured in it at its overpass", where=product, todo=todo)
    return ", ".join(sorted({record.model.name for record in products.values() if record.model})), rows


def _rows(path: Path, record: Record, stations: Sequence[Longwave]) -> Iterator[Row]:
    """The rows of one product, coarse levels first."""
    time = None if record.time is None else parse_utc(record.time)
    if time is None or not has_hour(time):
        raise GranuleError("does not state the time of the overpass", where=path, todo="Leave this product out.")
    for level in sorted(map(int, record.levels), reverse=True):
        (stored,) = stored_levels([path], level)
        layers = {str(name): layer.values for name, layer in stored.read().items()}
        image, sigma = layers["lst"], layers.get("lst_uncertainty")
        for station in stations:
            measured, cell = station.at(time), cell_at(stored.geobox, station.longitude, station.latitude)
            if cell is None or math.isnan(measured) or math.isnan(image[cell]):
                continue
            subset = subset_of(station.name, time, record.day, level)
            yield row(subset, measured, float(image[cell]), sigma=None if sigma is None else float(sigma[cell]))
