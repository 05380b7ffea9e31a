"""Points and regions of users, and the share of each cell that lies in a region."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry, point, unary_union
from pyproj.exceptions import CRSError

from srdanet.arrays import Float64
from srdanet.errors import ArgumentError, GranuleError
from srdanet.grid import cell_size
from srdanet.readers.unread import special_file

LONLAT = CRS("EPSG:4326")
_FINER = 8
"""Parts along a cell's side by which the share of it in a region is counted: to about a hundredth of a cell."""
_LONGITUDE = ("lon", "longitude", "long", "lng")
_LATITUDE = ("lat", "latitude")
_NAMES = ("name", "id", "station", "site", "field", "label", "fid")
"""Columns and properties that name a place, the first found counts."""


@dataclass(frozen=True)
class Place:
    """A point or a region of a user."""

    name: str
    shape: Geometry
    """In longitude and latitude (WGS 84)."""

    @property
    def is_point(self) -> bool:
        """Whether it is a point; else it covers an area."""
        return bool(self.shape.geom_type == "Point")

    def on(self, geobox: GeoBox) -> Geometry:
        """The shape in the CRS of a grid; long edges bend with it."""
        return self.shape if self.is_point else self.shape.to_crs(str(geobox.crs), resolution=0.01)


def read_points(path: Path) -> list[Place]:
    """Points of a table with a header: longitude and latitude (degrees, WGS 84), and a name where there is one.

    Args:
        path: CSV; commas, semicolons or tabs. Columns `lon` (`longitude`, `lng`), `lat` (`latitude`) and `name` (`id`,
            `station`, `site`, ...), in any order and case. Without names they are `point-1`, `point-2` and so on.

    Raises:
        GranuleError: when it cannot be read, or a column or a number is missing or out of range.
    """
    text = _text(path, todo="Give a CSV file.")
    first = text.splitlines()[0] if text.strip() else ""
    separator = max(",;\t", key=first.count)
    try:
        rows = list(csv.DictReader(text.splitlines(), delimiter=separator))
    except csv.Error as error:
        raise GranuleError(f"is no table ({error})", where=path, todo="Give a CSV file.") from error
    columns = {str(name).strip().lower(): name for name in (rows[0] if rows else {})}
    lon, lat = (next((columns[n] for n in names if n in columns), None) for names in (_LONGITUDE, _LATITUDE))
    if lon is None or lat is None:
        raise GranuleError("is no table of points", where=path, todo="Give a header with the columns name, lon, lat.")
    name = next((columns[n] for n in _NAMES if n in columns), None)
    places = []
    for number, row in enumerate(rows, start=1):
        try:
            x, y = (float(str(row[column]).replace(",", ".")) for column in (lon, lat))
        except ValueError:
            what = f"line {number + 1} has no longitude and latitude"
            raise GranuleError(what, where=path, todo="Give degrees, such as 5.25.") from None
        if not (-180 <= x <= 360 and -90 <= y <= 90):
            what = f"line {number + 1}: {x:g}, {y:g} are no longitude and latitude"
            raise GranuleError(what, where=path, todo="Give degrees of WGS 84.")
        label = str(row[name] or "").strip() if name is not None else ""
        places.append(Place(label or f"point-{number}", point(x, y, LONLAT)))
    return _distinct(places, path)


def read_regions(path: Path) -> list[Place]:
    """Regions of a GeoJSON file: each polygon feature is one.

    The name is the property `name` (`id`, `field`, ...) or the feature's `id`, else `region-1` and so on. Coordinates
    are longitude and latitude, as GeoJSON asks for; a `crs` member, which older programs write, counts.

    Raises:
        GranuleError: when it cannot be read or holds no polygon.
    """
    todo = "Give a GeoJSON file; QGIS and ogr2ogr write it from others."
    try:
        held = json.loads(_text(path, todo=todo))
    except (json.JSONDecodeError, RecursionError) as error:
        raise GranuleError(f"is not GeoJSON ({error})", where=path, todo=todo) from error
    places = list(_regions(held, path))
    if not places:
        raise GranuleError("holds no polygon", where=path, todo="Give polygons, such as the edges of fields.")
    return _distinct(places, path)


def _text(path: Path, *, todo: str) -> str:
    """The text of a file; pipes and devices, which may never end, are not opened."""
    kind = special_file(path)
    if kind is not None:
        raise GranuleError(f"is {kind}, not a file", where=path, todo=todo)
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise GranuleError(f"cannot be read ({error})", where=path, todo=todo) from error


def _regions(held: Any, path: Path) -> Iterable[Place]:
    kind = held.get("type") if isinstance(held, Mapping) else None
    features = held.get("features") if kind == "FeatureCollection" else [held] if kind == "Feature" else []
    if kind in ("Polygon", "MultiPolygon"):
        features = [{"geometry": held, "properties": {}}]
    if not features:
        raise GranuleError("is not GeoJSON with features", where=path, todo="Give a FeatureCollection of polygons.")
    try:
        named = held.get("crs", {}).get("properties", {}).get("name", LONLAT)
        crs = LONLAT if str(named).upper().endswith("CRS84") else CRS(named)
        for number, feature in enumerate(features, start=1):
            about = {str(key).lower(): value for key, value in (feature.get("properties") or {}).items()}
            about = {"id": feature.get("id"), **{k: v for k, v in about.items() if v not in (None, "")}}
            name = next((about[n] for n in _NAMES if about.get(n) not in (None, "")), f"region-{number}")
            if (feature.get("geometry") or {}).get("type") not in ("Polygon", "MultiPolygon"):
                continue
            shape = Geometry(feature["geometry"], crs)
            if not shape.is_valid:
                shape = shape.buffer(0)  # edges that cross themselves
            yield Place(str(name), shape if crs == LONLAT else shape.to_crs(LONLAT))
    except (KeyError, TypeError, ValueError, AttributeError, CRSError) as error:
        raise GranuleError(f"holds a feature that cannot be read ({error})", where=path, todo="Correct it.") from error


def region_of_bounds(bounds: tuple[float, float, float, float]) -> Place:
    """The region between west, south, east and north (degrees).

    Raises:
        ArgumentError: when they are no bounds.
    """
    west, south, east, north = bounds
    if not (-180 <= west < east <= 360 and -90 <= south < north <= 90):
        todo = "Give west, south, east and north in degrees, such as 5.0,45.0,5.3,45.2."
        raise ArgumentError(f"{bounds} are no bounds", todo=todo)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return Place("bounds", Geometry({"type": "Polygon", "coordinates": [ring]}, LONLAT))


def together(places: Iterable[Place]) -> Geometry:
    """The ground of all places as one shape."""
    shapes = [place.shape for place in places]
    return shapes[0] if len(shapes) == 1 else unary_union(shapes)  # type: ignore[return-value]


def _distinct(places: list[Place], path: Path) -> list[Place]:
    names = [place.name for place in places]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise GranuleError(f"names {twice[0]!r} twice", where=path, todo="Give each place a name of its own.")
    return places


@dataclass(frozen=True)
class Cover:
    """Which part of a grid a region covers."""

    rows: slice
    cols: slice
    share: Float64
    """(rows, cols): share of each cell that lies in the region, 0 to 1."""


def cover(place: Place, geobox: GeoBox) -> Cover | None:
    """The cells of a grid that a place covers, with their shares; a point covers the cell in which it lies.

    None where the place lies outside the grid.
    """
    if place.is_point:
        (x, y) = place.shape.to_crs(str(geobox.crs)).coords[0]
        col, row = (int(np.floor(value)) for value in ~geobox.affine * (x, y))
        if not (0 <= row < geobox.shape[0] and 0 <= col < geobox.shape[1]):
            return None
        return Cover(slice(row, row + 1), slice(col, col + 1), np.ones((1, 1)))
    from rasterio.features import rasterize

    shape = place.on(geobox)
    bounds, cell = shape.boundingbox, cell_size(geobox)
    left, top = ~geobox.affine * (bounds.left, bounds.top)
    right, bottom = ~geobox.affine * (bounds.right, bounds.bottom)
    edges = [(max(0, int(np.floor(a))), min(n, int(np.ceil(b)))) for a, b, n in
             ((top, bottom, geobox.shape[0]), (left, right, geobox.shape[1]))]  # fmt: skip
    if any(a >= b for a, b in edges):
        return None
    rows, cols = (slice(a, b) for a, b in edges)
    height, width = rows.stop - rows.start, cols.stop - cols.start
    fine = geobox.affine * Affine.translation(cols.start, rows.start) * Affine.scale(1 / _FINER)
    inside = rasterize([(shape.json, 1)], (height * _FINER, width * _FINER), transform=fine, dtype="uint8")
    share = inside.reshape(height, _FINER, width, _FINER).mean((1, 3), dtype=np.float64)
    if not share.any():  # a field smaller than a part of a cell
        col, row = (int(np.floor(v)) for v in ~geobox.affine * shape.centroid.coords[0])
        if not (rows.start <= row < rows.stop and cols.start <= col < cols.stop):
            return None
        share[row - rows.start, col - cols.start] = shape.area / cell**2
    return Cover(rows, cols, share)
