"""The grid against the places that real files state."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyhdf.SD import SD

from srdanet.grid import SINUSOIDAL, Level, Tile, lonlat, nesting, same_crs, tile_of

pytestmark = pytest.mark.real


def test_full_granules_state_the_tile_in_their_name(shared_data: Path) -> None:
    checked = 0
    for path in sorted((shared_data / "hdf4-granules").glob("MOD11A1*.hdf")):
        text = SD(str(path)).attributes()["StructMetadata.0"]
        corners = {
            key: np.array([float(v) for v in re.search(rf"{key}=\(([^)]*)\)", text)[1].split(",")])
            for key in ("UpperLeftPointMtrs", "LowerRightMtrs")
        }
        tile = Tile.parse(path.name.split(".")[2])
        box = tile.geobox(Level.KM1).boundingbox
        assert corners["UpperLeftPointMtrs"] == pytest.approx([box.left, box.top], abs=1e-3)
        assert corners["LowerRightMtrs"] == pytest.approx([box.right, box.bottom], abs=1e-3)
        checked += 1
    assert checked == 3


def test_patches_nest_in_their_tile(shared_data: Path) -> None:
    tile = Tile(18, 4)
    for path in sorted((shared_data / "imt-modis-2020-h18v04" / "original_tifs").glob("1km_MOD11A1*.tif")):
        with rasterio.open(path) as source:
            crs = CRS(source.crs.to_wkt())
            box = GeoBox(source.shape, source.transform, crs)
        assert same_crs(crs, SINUSOIDAL)
        assert tile_of(box) == tile
        place = nesting(box, tile.geobox(Level.M250))
        assert place.factor == 4
        assert place.row % 4 == 0
        assert place.col % 4 == 0


def test_stated_centres_of_the_pairs(shared_data: Path) -> None:
    with (shared_data / "sif-modis-aster-h18v04" / "index_train.csv").open() as file:
        rows = list(csv.DictReader(file))
    tile = Tile(18, 4).geobox(Level.KM1)
    cell = Level.KM1.metres
    for row in rows:
        x, y = float(row["x0"]), float(row["y0"])
        box = GeoBox((63, 63), Affine(cell, 0, x, 0, -cell, y), SINUSOIDAL)
        lon, lat = lonlat(box)
        assert lon[31, 31] == pytest.approx(float(row["lon_c"]), abs=2e-3)
        assert lat[31, 31] == pytest.approx(float(row["lat_c"]), abs=2e-3)
        place = nesting(box, tile)
        assert (place.row, place.col) == (int(row["tile_row"]), int(row["tile_col"]))
