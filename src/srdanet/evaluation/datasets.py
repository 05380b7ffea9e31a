"""The public measurements that training and evaluation read: IMT patches and ASTER pairs.

Pure readers: a folder goes in, frozen arrays with their place and time come out, in
kelvin, metres and reflectance, NaN = missing. Nothing here decides what is trained on
and what is kept apart: that is `evaluation.splits`.

Sources: MRUNet's MODIS patches of 2020 (Nguyen et al. 2022, github
IMT-Project-LTS-SR/MRUNet-for-MODIS-super-resolution; data NASA LP DAAC) and the
MODIS-ASTER pairs of Ait-Bachir et al. 2025 (hal-04925380; data NASA/METI), both in
tile h18v04, repacked with the layout the docstrings give.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.errors import GranuleError
from srdanet.grid import SINUSOIDAL, Level, Tile, lonlat
from srdanet.variables import VIEW_HOURS

Floats = NDArray[np.float32]
When = Literal["day", "night"]

TILE = Tile(18, 4)
"""Both sets lie in this tile (Western and Central Europe, Alps, Northern Italy)."""
OVERPASS: Mapping[str, float] = {"day": VIEW_HOURS["terra", True], "night": VIEW_HOURS["terra", False]}
"""Terra's usual view time, local solar hours; the sets hold no view time of their own."""
BANDS = ("red", "nir", "swir2")
"""Reflectance bands of the IMT patches; MOD13A2 calls its band at 2.1 um "MIR"."""


def overpass_time(date: np.datetime64, longitude: float, when: When = "day") -> np.datetime64:
    """UTC at Terra's usual view time (MODIS local solar time is UTC + longitude / 15)."""
    minutes = round(60 * (OVERPASS[when] - longitude / 15))
    time: np.datetime64 = date.astype("datetime64[m]") + np.timedelta64(minutes, "m")
    return time


@dataclass(frozen=True)
class ImtPatch:
    """One patch of 64 x 64 cells of 1 km, day and night of one date."""

    lst: Mapping[str, Floats]
    """`day` and `night`: (64, 64) K."""
    reflectance: Floats
    """(3, 64, 64) red, nir, swir2 of the 16-day composite."""
    elevation: Floats
    """(64, 64) m; coarse (one grey level is 31 m)."""
    date: np.datetime64
    geobox: GeoBox

    def time(self, when: When) -> np.datetime64:
        """UTC of the overpass, to some ten minutes."""
        return overpass_time(self.date, _longitude(self.geobox), when)


@dataclass(frozen=True)
class ImtSet:
    """All IMT patches as arrays with one first axis n."""

    lst_day: Floats
    """(n, 64, 64) K, no gaps; no quality filter was applied by the authors (errors to 3 K)."""
    lst_night: Floats
    """(n, 64, 64) K."""
    reflectance: Floats
    """(n, 3, 64, 64) red, nir, swir2; NaN = missing."""
    elevation: Floats
    """(n, 64, 64) m."""
    date: NDArray[np.datetime64]
    """(n,) days of 2020."""
    composite: NDArray[np.int16]
    """(n,) first day of year of the reflectance's 16-day composite."""
    row: NDArray[np.int16]
    """(n,) first row in the 1200 x 1200 tile."""
    col: NDArray[np.int16]
    """(n,) first column in the tile."""

    def __len__(self) -> int:
        return len(self.date)

    @property
    def day_of_year(self) -> NDArray[np.int64]:
        """(n,) 1 = 1 January."""
        days: NDArray[np.int64] = (self.date - self.date.astype("datetime64[Y]")).astype(np.int64)
        return days + 1

    def geobox(self, index: int) -> GeoBox:
        """The grid of one patch."""
        side = self.lst_day.shape[-1]
        tile = TILE.geobox(Level.KM1)
        return GeoBox(
            (side, side), tile.affine * Affine.translation(int(self.col[index]), int(self.row[index])), tile.crs
        )

    def __getitem__(self, index: int) -> ImtPatch:
        lst = {"day": self.lst_day[index], "night": self.lst_night[index]}
        return ImtPatch(lst, self.reflectance[index], self.elevation[index], self.date[index], self.geobox(index))

    def __iter__(self) -> Iterator[ImtPatch]:
        return (self[i] for i in range(len(self)))

    def take(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> ImtSet:
        """The patches a mask or index list picks."""
        return replace(self, **{f.name: getattr(self, f.name)[keep] for f in fields(self)})


@dataclass(frozen=True)
class AsterPair:
    """MODIS and ASTER at one (unrecorded) Terra overpass; 63 x 63 cells of 1 km, 252 x 252 of 250 m."""

    id: int
    lst: Floats
    """(63, 63) K, MODIS, 1 km; pair 15 holds one hot spot of 402 K, as the source has it."""
    ndvi: Floats
    """(252, 252) of the same day."""
    aster: Floats
    """(252, 252) K, independent truth; NaN = missing; its bias against MODIS is its own."""
    elevation: Floats
    """(252, 252) m, NaN where no fine elevation is known (most pairs)."""
    cover: Floats
    """(7, 252, 252) land cover fractions in the order of `COVER`, NaN where unknown."""
    geobox: GeoBox
    """Grid of `lst`; the 250 m grid is four times finer."""


COVER = ("forest", "shrub", "crop", "grass", "urban", "bare", "water")
"""Order of the land cover fractions of the ASTER pairs."""


@dataclass(frozen=True)
class AsterSet:
    """All ASTER pairs as arrays with one first axis n."""

    id: NDArray[np.int16]
    lst: Floats
    """(n, 63, 63) K."""
    ndvi: Floats
    """(n, 252, 252)."""
    aster: Floats
    """(n, 252, 252) K, NaN = missing."""
    elevation: Floats
    """(n, 252, 252) m, NaN = missing."""
    cover_percent: NDArray[np.uint8]
    """(n, 7, 252, 252) percent, 255 = missing, in the order of `COVER`."""
    x0: NDArray[np.float64]
    """(n,) left edge, sinusoidal m."""
    y0: NDArray[np.float64]
    """(n,) upper edge, sinusoidal m."""

    def __len__(self) -> int:
        return len(self.id)

    def geobox(self, index: int) -> GeoBox:
        """The 1 km grid of one pair."""
        size = Level.KM1.metres
        affine = Affine(size, 0, float(self.x0[index]), 0, -size, float(self.y0[index]))
        return GeoBox(self.lst.shape[1:], affine, SINUSOIDAL)

    def __getitem__(self, index: int) -> AsterPair:
        percent = self.cover_percent[index]
        cover = np.where(percent == 255, np.nan, percent / np.float32(100)).astype(np.float32)
        maps = (self.lst[index], self.ndvi[index], self.aster[index], self.elevation[index])
        return AsterPair(int(self.id[index]), *maps, cover, self.geobox(index))

    def __iter__(self) -> Iterator[AsterPair]:
        return (self[i] for i in range(len(self)))

    def take(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> AsterSet:
        """The pairs a mask or index list picks."""
        return replace(self, **{f.name: getattr(self, f.name)[keep] for f in fields(self)})


def imt(root: Path | str) -> ImtSet:
    """Read all IMT patches below `root`.

    Args:
        root: Folder that holds `imt-modis-2020-h18v04/` and `dem/`.

    Raises:
        GranuleError: when a file is missing or not what it should be.
    """
    folder = Path(root) / "imt-modis-2020-h18v04"
    lst = _load(folder / "lst_1km_train.npz", "lst_day", "lst_night", "doy", "row0", "col0", "refl_index")
    refl = _load(folder / "refl_1km_train.npz", "refl", "composite_doy")
    values = np.where(refl["refl"] == -1000, np.nan, refl["refl"] * np.float32(1e-4)).astype(np.float32)
    heights = _tile_elevation(Path(root) / "dem" / "dem_de15_h18v04_500m_DERIVED.tif")
    side = lst["lst_day"].shape[-1]
    starts = zip(lst["row0"].tolist(), lst["col0"].tolist(), strict=True)
    return ImtSet(
        lst_day=_kelvin(lst["lst_day"], 0.02),
        lst_night=_kelvin(lst["lst_night"], 0.02),
        reflectance=values[lst["refl_index"]],
        elevation=np.stack([heights[r : r + side, c : c + side] for r, c in starts]),
        date=np.datetime64("2020-01-01") + (lst["doy"].astype(np.int64) - 1).astype("timedelta64[D]"),
        composite=refl["composite_doy"][lst["refl_index"]],
        row=lst["row0"],
        col=lst["col0"],
    )


def aster(root: Path | str) -> AsterSet:
    """Read all MODIS-ASTER pairs below `root`.

    Args:
        root: Folder that holds `sif-modis-aster-h18v04/`.

    Raises:
        GranuleError: when a file is missing or not what it should be.
    """
    folder = Path(root) / "sif-modis-aster-h18v04"
    pairs = _load(folder / "aligned_train.npz", "id", "lst_1km", "ndvi_250m", "aster_250m", "x0", "y0")
    heights = _load(folder / "elevation_250m_train.npz", "id", "elevation")
    cover = _load(folder / "landcover_250m_train.npz", "fraction_pct", "classes")
    if not np.array_equal(heights["id"], pairs["id"]) or tuple(cover["classes"].tolist()) != COVER:
        raise GranuleError("elevation or land cover does not belong to the pairs", where=folder)
    elevation = heights["elevation"]
    return AsterSet(
        id=pairs["id"],
        lst=_kelvin(pairs["lst_1km"], 0.02),
        ndvi=(pairs["ndvi_250m"] * np.float32(1e-4)).astype(np.float32),
        aster=_kelvin(pairs["aster_250m"], 0.01),
        elevation=np.where(elevation == -32768, np.nan, elevation).astype(np.float32),
        cover_percent=cover["fraction_pct"],
        x0=pairs["x0"],
        y0=pairs["y0"],
    )


def _kelvin(counts: NDArray[np.uint16], scale: float) -> Floats:
    """Counts to kelvin; 0 = missing."""
    return np.where(counts == 0, np.nan, counts * np.float32(scale)).astype(np.float32)


def _tile_elevation(path: Path) -> Floats:
    """Elevation (1200, 1200) m of the tile: means of 2 x 2 cells of 500 m."""
    import rasterio

    if not path.is_file():
        raise GranuleError("no such file", where=path, todo="give the folder that holds dem/ beside the set")
    with rasterio.open(path) as source:
        heights = source.read(1).astype(np.float32)
    if heights.shape != (2400, 2400):
        raise GranuleError(f"holds {heights.shape} cells, not the 2400 x 2400 of a tile at 500 m", where=path)
    means: Floats = heights.reshape(1200, 2, 1200, 2).mean(axis=(1, 3), dtype=np.float32)
    return means


def _load(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    """The named arrays of an .npz archive."""
    if not path.is_file():
        raise GranuleError("no such file", where=path, todo="give the folder that holds the data sets")
    try:
        with path.open("rb") as file, np.load(file) as archive:
            missing = [name for name in names if name not in archive.files]
            if missing:
                raise GranuleError(f"lacks {', '.join(missing)}", where=path)
            return {name: archive[name] for name in names}
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise GranuleError(f"is no whole .npz archive ({error})", where=path) from error


def _longitude(geobox: GeoBox) -> float:
    """Mean longitude of the grid's cells."""
    return float(lonlat(geobox)[0].mean())
