"""A small archive of cut granules: two tiles, some days, day and night, land cover and elevation."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from granules import write_granule
from srdanet.grid import Tile, lonlat

FIRST = dt.date(2020, 7, 15)
TILES = (Tile(18, 4), Tile(19, 4))
SIZE = 16
ROWS, COLS = slice(300, 300 + SIZE), slice(400, 400 + SIZE)
GRIDS = {"MODIS_Grid_Daily_1km_LST": 1, "MODIS_Grid_2D": 4, "MCD12Q1": 2}
CELLS = {
    grid: (slice(ROWS.start * n, ROWS.stop * n), slice(COLS.start * n, COLS.stop * n)) for grid, n in GRIDS.items()
}


def write_archive(folder: Path, days: int = 1, tiles: tuple[Tile, ...] = TILES) -> Path:
    """Granules of each tile and day; LST of day and night differs, and from date to date."""
    folder.mkdir(parents=True, exist_ok=True)
    for tile in tiles:
        for number in range(days):
            write_lst(folder, tile, FIRST + dt.timedelta(days=number), number)
        classes = (np.arange(4 * SIZE * SIZE).reshape(2 * SIZE, 2 * SIZE) % 16 + 1).astype("u1")
        arrays = {"land_cover": classes}
        common = {"tile": tile, "layers": tuple(arrays), "arrays": arrays, "cells": CELLS}
        write_granule(folder, "MCD12Q1", date=dt.date(2020, 1, 1), **common)
        write_elevation(folder, tile)
    return folder


def write_lst(folder: Path, tile: Tile, date: dt.date, number: int = 0, *, cloudy: bool = False) -> Path:
    """LST of a day and its night; no cell is valid where it is cloudy."""
    arrays = {}
    for word, low in (("day", 14500), ("night", 14000)):
        lst = (low + 10 * number + np.arange(SIZE * SIZE).reshape(SIZE, SIZE) % 97).astype("u2")
        lst[0, 3] = 0
        lst = np.zeros_like(lst) if cloudy else lst
        arrays[f"lst_{word}"] = lst
        arrays[f"qc_{word}"] = np.where(lst > 0, 0, 2).astype("u1")
        arrays[f"view_time_{word}"] = np.full((SIZE, SIZE), 105 if word == "day" else 215, "u1")
        arrays[f"view_angle_{word}"] = np.full((SIZE, SIZE), 60, "u1")
    return write_granule(folder, "MOD11A1", tile=tile, date=date, layers=tuple(arrays), arrays=arrays, cells=CELLS)


def write_elevation(folder: Path, tile: Tile) -> Path:
    """Heights around the cut part of a tile."""
    lon, lat = lonlat(tile.geobox(1000)[ROWS, COLS])
    west, north, step = float(lon.min()) - 0.1, float(lat.max()) + 0.1, 1 / 240
    shape = (int((north - lat.min() + 0.1) / step), int((lon.max() + 0.1 - west) / step))
    heights = (100 + np.arange(shape[0] * shape[1]).reshape(shape) % 613).astype("i2")
    path = folder / f"dem_{tile}.tif"
    profile = {"driver": "GTiff", "count": 1, "dtype": "int16", "crs": "EPSG:4326", "nodata": -32768}
    affine = Affine(step, 0, west, 0, -step, north)
    with rasterio.open(path, "w", height=shape[0], width=shape[1], transform=affine, **profile) as file:
        file.write(heights, 1)
    return path
