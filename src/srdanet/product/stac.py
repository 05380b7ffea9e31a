"""A product as a STAC item: what it is, where, when, of what, how its files are read and shown.

An item is a function of the record and the grids: nothing in it is measured here, so that one that was changed is
told by comparing (`srdanet.product.inspection`). Sources: STAC 1.1.0, and its extensions file 2.1, processing 1.2,
projection 2.0, raster 2.0, render 2.0 and classification 2.0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry, box, multigeom, polygon
from pyproj import Transformer
from pyproj.exceptions import CRSError

from srdanet.arrays import has_hour, parse_utc
from srdanet.downscaling.plan import style_of
from srdanet.flags import FLAGS
from srdanet.grid import METRES_PER_DEGREE, SINUSOIDAL, ground_cell, same_crs
from srdanet.product.layers import QUALITY, RASTERS, Raster
from srdanet.product.looks import LOOKS
from srdanet.product.record import LevelRecord, Record

VERSION = "1.1.0"
_SCHEMAS = "https://stac-extensions.github.io"
EXTENSIONS = tuple(
    f"{_SCHEMAS}/{name}/v{number}/schema.json"
    for name, number in (
        ("file", "2.1.0"), ("processing", "1.2.0"), ("projection", "2.0.0"), ("raster", "2.0.0"),
        ("render", "2.0.0"), ("classification", "2.0.0"),
    )
)  # fmt: skip
_ARRAYS = {".nc": "application/netcdf", ".zarr": "application/vnd.zarr; version=3"}
COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
_SHA256 = "1220"
"""What a multihash of SHA-256 begins with: code 0x12, length 0x20."""
_ROLES = {"lst": ["data"], "lst_uncertainty": ["data", "uncertainty"], "quality": ["metadata", "quality"]}
_PLATFORMS = {"terra": "terra", "aqua": "aqua", "npp": "suomi-npp", "noaa20": "noaa-20"}
DOIS = {
    "MOD": "10.5067/MODIS/{product}.{collection}",
    "MYD": "10.5067/MODIS/{product}.{collection}",
    "MCD": "10.5067/MODIS/{product}.{collection}",
    "VNP": "10.5067/VIIRS/{product}.{collection}",
    "VJ1": "10.5067/VIIRS/{product}.{collection}",
}
"""Where the archive describes a product, by the beginning of its short name."""
_ALONG = 17
"""Points along each side of a footprint, which is curved in longitude and latitude."""


def multihash(digest: str) -> str:
    """A SHA-256 (hexadecimal) as the file extension of STAC writes it."""
    return f"{_SHA256}{digest}"


def item_of(
    record: Record, text: bytes, stem: str, grids: Mapping[int, GeoBox], sizes: Mapping[str, int]
) -> dict[str, Any] | None:
    """A product as a STAC item, without links to a collection; None of a product without a date.

    Args:
        record: The whole record.
        text: The record as it is on disk.
        stem: What the names of the product's files begin with.
        grids: Grid of each level, by nominal cell size (m).
        sizes: Bytes of each file, by name; of those missing here the size is not stated.
    """
    if record.time is None:
        return None
    levels = {size: record.levels[str(size)] for size in sorted(grids)}
    finest = min(levels)
    geometry = footprint(grids[finest])
    assets: dict[str, Any] = {}
    for size, about in levels.items():
        assets |= _assets(size, about, grids[size], sizes)
    assets["provenance"] = {
        "href": f"./{stem}_provenance.json", "type": "application/json", "title": "Record of the product",
        "roles": ["metadata"], "file:checksum": multihash(sha256(text).hexdigest()), "file:size": len(text),
    }  # fmt: skip
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": list(EXTENSIONS),
        "id": stem,
        "geometry": geometry,
        "properties": {**_properties(record, finest), "renders": _renders(levels)},
        "links": _sources(record),
        "assets": assets,
    }
    if geometry is not None:
        item["bbox"] = bounds_of(geometry)
    return item


def text_of(item: Mapping[str, Any]) -> str:
    """An item or a collection as it is written."""
    return json.dumps(item, ensure_ascii=False, allow_nan=False) + "\n"


def _properties(record: Record, finest: int) -> dict[str, Any]:
    assert record.time is not None
    when = parse_utc(record.time)
    day = np.datetime_as_string(when, "D")
    hour = {"datetime": f"{np.datetime_as_string(when, 's')}Z"}
    whole = {"datetime": None, "start_datetime": f"{day}T00:00:00Z", "end_datetime": f"{day}T23:59:59Z"}
    model, about = record.model, record.scene
    part = {True: "by day", False: "by night", None: ""}[record.day]
    made = f" with model {model.name}" + (f" {model.version}" if model.version else "") if model else ""
    found: dict[str, Any] = {
        "title": " ".join(word for word in ("Land surface temperature,", f"{finest} m,", day, part) if word),
        **(hour if has_hour(when) else whole),
        "created": record.created,
        "gsd": finest,
        "processing:level": "L4",
        "processing:lineage": f"Coarse land surface temperature downscaled to {finest} m{made}; see asset provenance.",
        "processing:software": {"srdanet": record.software.srdanet, **record.software.packages},
        "processing:datetime": record.created,
    }
    platform = about.get("platform")
    if platform in _PLATFORMS:
        found |= {"platform": _PLATFORMS[platform]}
        found |= {"instruments": ["modis" if platform in ("terra", "aqua") else "viirs"]}
    if record.tile is not None:
        found["srdanet:tile"] = record.tile
    if record.day is not None:
        found["srdanet:part_of_day"] = "day" if record.day else "night"
    if record.auxiliary.warning:
        found["srdanet:warning"] = record.auxiliary.warning
    return found


def _assets(size: int, about: LevelRecord, grid: GeoBox, sizes: Mapping[str, int]) -> dict[str, Any]:
    """The files of a level, under names such as `lst_250m`."""
    found: dict[str, Any] = {}
    for name, file in about.files.items():
        what = {"file:checksum": multihash(file.sha256)} | ({"file:size": sizes[name]} if name in sizes else {})
        row = next((r for r in RASTERS if r.variable == file.variable), None)
        if row is not None:
            found[f"{row.variable}_{size}m"] = {**_raster(row, size, about, grid), "href": f"./{name}", **what}
            continue
        if file.variables:
            rows = [r for r in RASTERS if r.variable in file.variables]
            whole = [_raster(r, size, about, grid) for r in rows]
            bands = [band for one in whole for band in one["bands"]]
            title = f"Land surface temperature with uncertainty and quality, {size} m"
            kind = {"title": title, "type": _ARRAYS[Path(name).suffix], "roles": ["data"], "bands": bands}
            more = what if name in sizes else {}  # a store is a folder, which has no checksum of its own
            found[f"data_{size}m"] = {**_merged(whole), **kind, "href": f"./{name}", **more}
            continue
        if name.endswith(".png"):
            kind = {"type": "image/png", "title": f"Quick look, {size} m", "roles": ["overview"]}
            found[f"quicklook_{size}m"] = {"href": f"./{name}", **kind, **what}
    for row in RASTERS:
        raster = about.file_of(row.variable)
        style = None if raster is None else style_of(Path(raster)).name
        if style in about.files:
            # Without a checksum: people change styles to their taste.
            kind = {"type": "application/xml", "title": f"QGIS style of {row.long_name}, {size} m", "roles": ["style"]}
            found[f"style_{row.variable}_{size}m"] = {"href": f"./{style}", **kind}
    return found


def _merged(assets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for asset in assets for key, value in asset.items()}


def _raster(row: Raster, size: int, about: LevelRecord, grid: GeoBox) -> dict[str, Any]:
    band: dict[str, Any] = {"name": row.variable, "description": row.long_name, "data_type": row.dtype}
    if row.floating:
        band |= {"nodata": "nan", "unit": row.unit}
    if row.variable == "lst" and about.lst is not None:
        numbers = {"minimum": about.lst.min, "mean": about.lst.mean, "maximum": about.lst.max}
        band["statistics"] = {**numbers, "valid_percent": round(100 * about.valid_share, 4)}
    band |= {"raster:sampling": "area", "raster:spatial_resolution": round(ground_cell(grid), 3)}
    found = {
        "title": f"{row.long_name.capitalize()}, {size} m", "type": COG_TYPE, "roles": _ROLES[row.variable],
        "gsd": size, **projection_of(grid), "bands": [band],
    }  # fmt: skip
    if row.variable == QUALITY.variable:
        found["classification:bitfields"] = bitfields()
    return found


def projection_of(grid: GeoBox) -> dict[str, Any]:
    """A grid in the words of the projection extension."""
    about: dict[str, Any] = {"proj:shape": list(grid.shape), "proj:transform": list(grid.affine)[:6]}
    if grid.crs is not None:
        # One spelling each, whichever file the grid was read from.
        crs = SINUSOIDAL if same_crs(grid.crs, SINUSOIDAL) else CRS(grid.crs.epsg) if grid.crs.epsg else grid.crs
        about |= {"proj:code": f"EPSG:{crs.epsg}" if crs.epsg else None, "proj:wkt2": crs.proj.to_wkt("WKT2_2019")}
    edge = grid.boundingbox
    return {**about, "proj:bbox": [edge.left, edge.bottom, edge.right, edge.top]}


def bitfields() -> list[dict[str, Any]]:
    """The quality layer in the words of the classification extension."""
    return [
        {
            "name": flag.name,
            "description": flag.meaning,
            "offset": flag.mask.bit_length() - 1,
            "length": 1,
            "classes": [
                {"name": "no", "value": 0, "description": f"not {flag.name}"},
                {"name": "yes", "value": 1, "description": flag.meaning},
            ],
        }
        for flag in FLAGS
    ]


def _renders(levels: Mapping[int, LevelRecord]) -> dict[str, Any]:
    """How each layer of each level is shown: colour map of matplotlib, and range."""
    found: dict[str, Any] = {}
    for size, about in levels.items():
        for variable, limits in about.shown.items():
            look, key = LOOKS[variable], f"{variable}_{size}m"
            held = about.files[str(about.file_of(variable))]
            found[key] = {
                "title": f"{look.name.capitalize()} ({look.unit}), {size} m",
                "assets": [f"data_{size}m" if held.variables else key],
                "rescale": [list(limits)], "colormap_name": look.colours[0], "nodata": "nan", "resampling": "nearest",
            }  # fmt: skip
        if about.file_of(QUALITY.variable) is not None:
            key = f"{QUALITY.variable}_{size}m"
            table = {str(bits): [*rgb, 255] for bits, rgb in QUALITY.colours.items()}
            title = f"{LOOKS[QUALITY.variable].name.capitalize()}, {size} m"
            held = about.files[str(about.file_of(QUALITY.variable))]
            name = f"data_{size}m" if held.variables else key
            found[key] = {"title": title, "assets": [name], "colormap": table, "resampling": "mode"}
    return found


def _sources(record: Record) -> list[dict[str, Any]]:
    """Links to what the product was made from, where the archive describes it, and to the paper."""
    links: list[dict[str, Any]] = []
    for source in record.inputs:
        product, collection, names = (source.get(key) for key in ("product", "collection", "file"))
        form = DOIS.get(str(product)[:3])
        if form is None or not collection:
            continue
        href = "https://doi.org/" + form.format(product=product, collection=collection)
        for name in [names] if isinstance(names, str) else list(names or ()):
            links.append({"rel": "derived_from", "href": href, "type": "text/html", "title": str(name)})
    links.append({"rel": "cite-as", "href": "https://doi.org/10.3390/rs17213510"})
    return links


def footprint(grid: GeoBox) -> dict[str, Any] | None:
    """The ground of a grid as GeoJSON (longitude and latitude), cut at the antimeridian; None where it has none.

    Of a tile at the edge of the sinusoidal map only the part on the globe counts.
    """
    if grid.crs is None:
        return None
    edge = grid.boundingbox
    if same_crs(grid.crs, SINUSOIDAL):
        ring = _sinusoidal_ring(edge.left, edge.bottom, edge.right, edge.top)
    else:
        ring = _ring(grid)
    if ring is None:
        return None
    shape = polygon([(round(float(x), 6), round(float(y), 6)) for x, y in ring], "EPSG:4326")
    world = [shape & box(-180, -90, 180, 90, "EPSG:4326")]
    for turn in (-360, 360):  # what lies beyond 180 degrees comes in again on the other side
        moved = polygon([(round(float(x) + turn, 6), round(float(y), 6)) for x, y in ring], "EPSG:4326")
        world.append(moved & box(-180, -90, 180, 90, "EPSG:4326"))
    parts = [part for one in world for part in _polygons(one) if part.area > 0]
    if not parts:
        return None
    return json.loads(json.dumps((parts[0] if len(parts) == 1 else multigeom(parts)).json))  # type: ignore[no-any-return]


def _polygons(shape: Geometry) -> list[Geometry]:
    return [shape] if shape.geom_type == "Polygon" else [g for g in shape.geoms if g.geom_type == "Polygon"]


def _sinusoidal_ring(left: float, bottom: float, right: float, top: float) -> NDArray[np.float64] | None:
    """A rectangle of the sinusoidal map in degrees, cut to the globe; rows are parallels there."""
    lat = np.linspace(min(top / METRES_PER_DEGREE, 90), max(bottom / METRES_PER_DEGREE, -90), _ALONG)
    width = METRES_PER_DEGREE * np.cos(np.radians(lat))
    with np.errstate(divide="ignore", invalid="ignore"):
        west, east = (np.clip(np.nan_to_num(x / width, posinf=180, neginf=-180), -180, 180) for x in (left, right))
    inside = np.flatnonzero(east > west)
    if inside.size < 2:
        return None
    west, east, lat = west[inside], east[inside], lat[inside]
    return np.concatenate([np.stack([west, lat], 1), np.stack([east, lat], 1)[::-1], [[west[0], lat[0]]]])


def _ring(grid: GeoBox) -> NDArray[np.float64] | None:
    """The rim of a grid in degrees (WGS 84), unbroken across the antimeridian."""
    rows, cols = grid.shape
    along = np.linspace(0, 1, _ALONG)[:-1]
    x = np.concatenate([along, np.ones_like(along), 1 - along, np.zeros_like(along), [0.0]]) * cols
    y = np.concatenate([np.zeros_like(along), along, np.ones_like(along), 1 - along, [0.0]]) * rows
    assert grid.crs is not None
    lon, lat = Transformer.from_crs(grid.crs.proj, 4326, always_xy=True).transform(
        grid.affine.c + grid.affine.a * x, grid.affine.f + grid.affine.e * y
    )
    lon = np.unwrap(np.asarray(lon, np.float64), period=360)
    ring = np.stack([lon, np.asarray(lat, np.float64)], 1)
    # A grid around a pole has no rim that could be filled on a map of degrees.
    return ring if np.isfinite(ring).all() and abs(lon[0] - lon[-1]) < 1 else None


def bounds_of(geometry: Mapping[str, Any]) -> list[float]:
    """West, south, east and north of a footprint; west is greater than east where it crosses the antimeridian."""
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    edges = [np.array(part[0]) for part in parts]
    south, north = min(float(e[:, 1].min()) for e in edges), max(float(e[:, 1].max()) for e in edges)
    eastern = [e for e in edges if e[:, 0].max() >= 180 and e[:, 0].min() > 0] if len(edges) > 1 else []
    western = [e for e in edges if e[:, 0].min() <= -180 and e[:, 0].max() < 0] if len(edges) > 1 else []
    if eastern and western:
        return [min(float(e[:, 0].min()) for e in eastern), south, max(float(e[:, 0].max()) for e in western), north]
    return [min(float(e[:, 0].min()) for e in edges), south, max(float(e[:, 0].max()) for e in edges), north]


def _same_wkt(one: Any, other: Any) -> bool:
    """Whether two texts are the same CRS; a file may give another spelling back than it was given."""
    try:
        return one == other or same_crs(CRS(str(one)), CRS(str(other)))
    except (CRSError, ValueError):
        return False


def differences(found: Any, wanted: Any, place: str = "") -> list[str]:
    """Where one tree of plain values differs from another, as `place`: `found` instead of `wanted`."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys: Sequence[str] = sorted(found.keys() | wanted.keys())
        gone = object()
        inner = [(key, found.get(key, gone), wanted.get(key, gone)) for key in keys]
        said = [f"{place}{key} is missing" for key, one, _ in inner if one is gone]
        said += [f"{place}{key} is not of the record" for key, _, other in inner if other is gone]
        both = [(key, one, other) for key, one, other in inner if one is not gone and other is not gone]
        both = [(key, one, other) for key, one, other in both if key != "proj:wkt2" or not _same_wkt(one, other)]
        return said + [text for key, one, other in both for text in differences(one, other, f"{place}{key}: ")]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = enumerate(zip(found, wanted, strict=True))
        return [text for number, (one, other) in pairs for text in differences(one, other, f"{place}{number}: ")]
    number = isinstance(found, (int, float)) and isinstance(wanted, (int, float))
    same = found == wanted or (number and abs(found - wanted) <= 1e-6 * max(1.0, abs(wanted)))
    return [] if same else [f"{place}{str(found)!r:.60} should be {str(wanted)!r:.60}"]
