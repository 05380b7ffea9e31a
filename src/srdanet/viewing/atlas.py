"""What the viewer asks of the products of a folder, answered as plain data and arrays.

Places, dates and layers are named by numbers and by keys that the catalogue lists: no answer depends on a file name
that comes from outside.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError
from srdanet.flags import FLAGS
from srdanet.grid import ground_cell
from srdanet.product.layers import LST, QUALITY, UNCERTAINTY
from srdanet.product.lines import Line, coast, graticule, to_degrees
from srdanet.product.looks import FLAG_COLOURS, LOOKS, NO_FLAG, first_flag
from srdanet.product.quicklook import size_text
from srdanet.viewing.catalogue import Catalogue, Coarse, Entry, Place
from srdanet.viewing.tiles import ArrayTiles, CogTiles, Files, Tiled

_COARSE_HELD = 8
"""Coarse images kept in memory: 6 MB each for a whole tile."""


@dataclass(frozen=True)
class Layer:
    """One layer of one product."""

    key: str
    """Its name in an address, such as `lst-250`."""
    label: str
    """For people."""
    variable: str
    """Row of `LOOKS`."""
    level: int
    """Nominal cell size (m)."""


@dataclass(frozen=True)
class Point:
    """One product at one cell of the finest level."""

    title: str
    time: str | None
    day: bool | None
    lst: float | None
    """K."""
    uncertainty: float | None
    """K, standard deviation."""
    flags: tuple[str, ...]
    """Names of the quality flags that are set."""


class Atlas:
    """The products of a folder, ready to be looked at; may be asked by several threads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.places: tuple[Place, ...] = catalogue.places()
        self._files = Files()
        self._coarse: OrderedDict[tuple[int, int], tuple[Coarse, ArrayTiles]] = OrderedDict()
        self._cogs: dict[Path, CogTiles] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the files."""
        self._files.close()

    def contents(self) -> dict[str, Any]:
        """Places, their dates and layers, and how each kind of layer looks."""
        places = []
        for place in self.places:
            height, width = place.geobox.shape
            entries = [
                {"title": entry.title, "stem": entry.stem, "layers": [asdict(layer) for layer in layers_of(entry)]}
                for entry in place.entries
            ]
            cells = {"rows": height, "cols": width, "metres": ground_cell(place.geobox)}
            places.append({"name": place.name, **cells, "entries": entries})
        return {"folder": self.catalogue.folder.resolve().name, "places": places, "looks": self._looks}

    @cached_property
    def _looks(self) -> dict[str, Any]:
        flags = [{"name": "no flag", "meaning": "", "colour": NO_FLAG}]
        flags += [{"name": f.name, "meaning": f.meaning, "colour": FLAG_COLOURS[f.name]} for f in FLAGS]
        looks: dict[str, Any] = {
            variable: {"name": look.name, "unit": look.unit, "palette": look.palette().tolist()}
            for variable, look in LOOKS.items()
            if look.unit
        }
        return {**looks, QUALITY.variable: {"name": LOOKS[QUALITY.variable].name, "unit": "", "flags": flags}}

    def entry(self, place: int, date: int) -> Entry:
        """One product.

        Raises:
            ArgumentError: when there is no such place or date.
        """
        entries = self.place(place).entries
        if not 0 <= date < len(entries):
            raise ArgumentError(f"there is no date {date}", todo=f"Give 0 to {len(entries) - 1}.")
        return entries[date]

    def place(self, place: int) -> Place:
        """One place.

        Raises:
            ArgumentError: when there is none of this number.
        """
        if not 0 <= place < len(self.places):
            raise ArgumentError(f"there is no place {place}", todo=f"Give 0 to {len(self.places) - 1}.")
        return self.places[place]

    def about(self, place: int, date: int, key: str) -> dict[str, Any]:
        """Sizes, colour range, type and label of a layer.

        Returns:
            `sizes` [[rows, columns]], full size first; `factor`, finest cells along a cell at full size; `type`,
            "float32" or "uint8" (numbers of flags, 0 = none); `limits`, in the unit; `label`.
        """
        layer, tiles, factor = self._open(place, date, key)
        small = tiles.tile(len(tiles.sizes) - 1, 0, 0)
        label = layer.label
        if layer.level == self.entry(place, date).nominal:
            label += ", input" if self._coarse_of(place, date)[0].from_scene else ", mean of the product"
        flags = layer.variable == QUALITY.variable
        limits = [0, len(FLAGS)] if flags else list(LOOKS[layer.variable].limits(small))
        kind = "uint8" if flags else "float32"
        return {
            "sizes": [list(s) for s in tiles.sizes],
            "factor": factor,
            "type": kind,
            "limits": limits,
            "label": label,
        }

    def tile(self, place: int, date: int, key: str, size: int, row: int, col: int) -> NDArray[Any]:
        """One tile: float32 (NaN = missing), or uint8 numbers of flags.

        Raises:
            ArgumentError: when there is no such thing.
        """
        layer, tiles, _ = self._open(place, date, key)
        values = tiles.tile(size, row, col)
        return first_flag(values) if layer.variable == QUALITY.variable else values.astype("<f4", copy=False)

    def at(self, place: int, date: int, row: int, col: int) -> dict[str, Any]:
        """All layers at a cell of the finest level, and where it is (degrees)."""
        entry, box = self.entry(place, date), self.place(place).geobox
        values = []
        for layer in layers_of(entry):
            if layer.variable == QUALITY.variable:
                continue
            # Waiting for the coarse image to be made would leave the pointer without an answer.
            if layer.level == entry.nominal and (place, date) not in self._coarse:
                continue
            _, tiles, factor = self._open(place, date, layer.key)
            value = _finite(tiles.cell(row // factor, col // factor))
            values.append({"key": layer.key, "label": layer.label, "unit": LOOKS[layer.variable].unit, "value": value})
        lon, lat = _degrees(box, row, col)
        flags = [flag.meaning for flag in FLAGS if flag.name in self._point(entry, row, col).flags]
        return {"row": row, "col": col, "lon": lon, "lat": lat, "values": values, "flags": flags}

    def series(self, place: int, row: int, col: int) -> tuple[Point, ...]:
        """Every date of a place at a cell of the finest level, in order of time."""
        return tuple(self._point(entry, row, col) for entry in self.place(place).entries)

    def _point(self, entry: Entry, row: int, col: int) -> Point:
        found = {}
        for raster in (LST, UNCERTAINTY, QUALITY):
            path = entry.raster(entry.finest, raster.variable)
            if path is not None:
                found[raster.variable] = self._cog(path).cell(row, col)
        bits = int(found.get(QUALITY.variable, 0))
        return Point(
            title=entry.title,
            time=entry.record.time,
            day=entry.record.day,
            lst=_finite(found[LST.variable]),
            uncertainty=_finite(found.get(UNCERTAINTY.variable, np.nan)),
            flags=tuple(flag.name for flag in FLAGS if bits & flag.mask),
        )

    def graticule(self, place: int, left: float, top: float, right: float, bottom: float) -> list[Line]:
        """Meridians and parallels of a part of a place, which may reach beyond it, in finest cells."""
        if not (
            np.isfinite([left, top, right, bottom]).all() and 1e-3 < right - left < 1e6 and 1e-3 < bottom - top < 1e6
        ):
            raise ArgumentError("the part is not a rectangle", todo="Give x0 < x1 and y0 < y1 in cells.")
        box = self.place(place).geobox
        side = 1000
        zoom = Affine.translation(left, top) * Affine.scale((right - left) / side, (bottom - top) / side)
        found = graticule(GeoBox((side, side), box.affine * zoom, box.crs))
        across, down = (right - left) / side, (bottom - top) / side
        return [Line(left + line.x * across, top + line.y * down, line.text) for line in found]

    def coast(self, place: int) -> list[Line]:
        """The coast around a place, in finest cells."""
        return coast(self.place(place).geobox)

    def crop(self, place: int, date: int, key: str, rows: slice, cols: slice) -> bytes:
        """A part of a layer as GeoTIFF.

        Args:
            place: Number of the place.
            date: Number of the date.
            key: The layer.
            rows: In finest cells; widened to whole cells of the layer and cut at its edge.
            cols: Likewise.

        Raises:
            ArgumentError: when there is no such layer, or nothing of it lies there.
        """
        from rasterio.io import MemoryFile
        from rasterio.windows import Window

        layer, tiles, factor = self._open(place, date, key)
        entry, box = self.entry(place, date), self.place(place).geobox
        spans = []
        for span, cells in zip((rows, cols), tiles.sizes[0], strict=True):
            first, last = max(0, span.start // factor), min(cells, -(-span.stop // factor))
            if first >= last:
                raise ArgumentError("nothing of the layer lies in this part", todo="Move the map and try again.")
            spans.append(slice(first, last))
        (top, bottom), (left, right) = ((span.start, span.stop) for span in spans)
        path = entry.raster(layer.level, layer.variable)
        tags, band = {"title": entry.title}, {"units": LOOKS[layer.variable].unit}
        if path is None:
            values: NDArray[Any] = self._coarse_of(place, date)[0].values[top:bottom, left:right]
        else:
            with self._files.use(path, 0) as file:
                values = file.read(1, window=Window(left, top, right - left, bottom - top))
                tags, band = file.tags(), file.tags(1)
        affine = box.affine * Affine.scale(factor) * Affine.translation(left, top)
        profile = {"driver": "GTiff", "dtype": values.dtype, "count": 1, "compress": "DEFLATE", "transform": affine}
        profile |= {"height": bottom - top, "width": right - left, "crs": box.crs.to_wkt() if box.crs else None}
        profile |= {"nodata": np.nan if values.dtype.kind == "f" else None}
        with MemoryFile() as memory:
            with memory.open(**profile) as out:
                out.write(values, 1)
                out.update_tags(**{k: v for k, v in tags.items() if k != "AREA_OR_POINT"})
                out.update_tags(1, **band)
                out.set_band_description(1, layer.variable)
            return bytes(memory.read())

    def _open(self, place: int, date: int, key: str) -> tuple[Layer, Tiled, int]:
        """A layer, its tiles, and how many finest cells lie along one of its cells."""
        entry = self.entry(place, date)
        layer = next((layer for layer in layers_of(entry) if layer.key == key), None)
        if layer is None:
            raise ArgumentError(f"there is no layer {key!r}", todo="Choose one that the catalogue lists.")
        path = entry.raster(layer.level, layer.variable)
        if path is None:
            coarse, tiles = self._coarse_of(place, date)
            return layer, tiles, coarse.factor
        return layer, self._cog(path), max(1, round(layer.level / entry.finest))

    def _cog(self, path: Path) -> CogTiles:
        return self._cogs.setdefault(path, CogTiles(self._files, path))

    def _coarse_of(self, place: int, date: int) -> tuple[Coarse, ArrayTiles]:
        with self._lock:
            held = self._coarse.get((place, date))
            if held is None:
                coarse = self.entry(place, date).coarse()
                held = self._coarse[place, date] = coarse, ArrayTiles(coarse.values)
                if len(self._coarse) > _COARSE_HELD:
                    self._coarse.popitem(last=False)
            self._coarse.move_to_end((place, date))
            return held


def layers_of(entry: Entry) -> tuple[Layer, ...]:
    """The layers of a product: temperature from coarse to fine, then uncertainty and quality of the finest level."""
    found = [Layer(f"lst-{entry.nominal}", size_text(entry.nominal), LST.variable, entry.nominal)]
    found += [Layer(f"lst-{n}", size_text(n), LST.variable, n) for n in reversed(entry.levels)]
    for raster in (UNCERTAINTY, QUALITY):
        if entry.raster(entry.finest, raster.variable) is not None:
            label = f"{LOOKS[raster.variable].name}, {size_text(entry.finest)}"
            found.append(Layer(f"{raster.variable}-{entry.finest}", label, raster.variable, entry.finest))
    return tuple(found)


def _degrees(box: GeoBox, row: int, col: int) -> tuple[float | None, float | None]:
    if box.crs is None:
        return None, None
    x, y = box.affine * (col + 0.5, row + 0.5)
    lon, lat = to_degrees(box).transform(x, y)
    return _finite(lon, 5), _finite(lat, 5)


def _finite(value: float, digits: int = 3) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None
