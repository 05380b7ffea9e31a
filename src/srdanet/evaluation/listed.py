"""A product held against stations on the ground that a list names: simulated ones, or one's own."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet.errors import GranuleError
from srdanet.evaluation.rows import NO_INTERVAL
from srdanet.evaluation.scores import Row
from srdanet.evaluation.stations import value_at
from srdanet.readers.stations_longwave import Longwave, open_listed


def against_stations(product: Path | str, data: Path | str) -> tuple[str, tuple[Row, ...]]:
    """Each station's temperature at the overpass, and the product's cell there at each level.

    Stations without a measurement at the time, outside the product, or in a missing cell have no row.

    Args:
        product: Folder of a product, or of several; each is told by its record.
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
            raise GranuleError(f"holds no {what}", where=where, todo="give its folder")
    stations = [station for path in lists for station in open_listed(path)]
    rows, models = [], set()
    for path in records:
        record = _record(path)
        models.add(str(record["model"]["name"]))
        for level, facts in sorted(record["levels"].items(), key=lambda item: -int(item[0])):
            # the level's first file is its temperature, its uncertainty is called the same with a suffix
            lst = next(name for name in facts["files"] if name.endswith(f"_{level}m.tif"))
            rows += _rows(path.parent / lst, int(level), np.datetime64(record["time"]), stations)
    if not rows:
        raise GranuleError("no station measured in it at its overpass", where=product, todo="stations of the same day")
    return ", ".join(sorted(models)), tuple(rows)


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not record["levels"] or not record["model"]["name"]:
            raise ValueError("no levels")
        np.datetime64(record["time"])
    except (ValueError, KeyError, TypeError) as error:
        raise GranuleError(f"is no record of a product ({error})", where=path) from error
    return dict(record)


def _rows(path: Path, level: int, time: np.datetime64, stations: list[Longwave]) -> list[Row]:
    image, box = _image(path)
    doubt = path.with_name(f"{path.stem}_uncertainty.tif")
    sigma = _image(doubt)[0] if doubt.is_file() else None
    rows = []
    for station in stations:
        place = station.longitude, station.latitude
        measured, cell = station.at(time), value_at(image, box, *place)
        if math.isnan(measured) or math.isnan(cell):
            continue
        metrics = {"station": measured, "error": cell - measured}
        if sigma is not None:
            metrics["uncertainty"] = value_at(sigma, box, *place)
        label = f"{station.name}, {np.datetime_as_string(time, 'm')} UTC, {level} m"
        what = "distance from station, K"
        rows.append(Row(label, what, "1 cell", abs(cell - measured), math.nan, NO_INTERVAL, metrics))
    return rows


def _image(path: Path) -> tuple[np.ndarray[Any, np.dtype[np.floating[Any]]], GeoBox]:
    try:
        with rasterio.open(path) as file:
            return file.read(1), GeoBox(file.shape, file.transform, CRS(file.crs.to_wkt()))
    except rasterio.errors.RasterioError as error:
        raise GranuleError(f"cannot be read ({error})", where=path) from error
