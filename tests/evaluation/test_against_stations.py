"""A place finds its cell, and the station is held against that cell and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pyproj import Transformer

from srdanet.baselines import Interpolation
from srdanet.errors import GranuleError
from srdanet.evaluation.stations import REACH, around, stations, value_at, yanco
from srdanet.grid import SINUSOIDAL, Level, Tile, coordinates, geobox_of, lonlat, nesting, refine, tile_of
from srdanet.readers.rasters import open_raster

PLACE = (146.2907, -34.9893)


def test_the_place_lies_in_the_middle_cell() -> None:
    box = around(*PLACE)
    assert box.shape == (2 * REACH + 1, 2 * REACH + 1)
    assert str(tile_of(box)) == "h29v12"
    lon, lat = lonlat(box)
    image = np.arange(lon.size, dtype=np.float64).reshape(lon.shape)
    assert value_at(image, box, *PLACE) == image[REACH, REACH]
    assert value_at(image, box, lon[3, 7], lat[3, 7]) == image[3, 7]
    fine = refine(box, 4)
    lon, lat = lonlat(fine)
    image = np.arange(lon.size, dtype=np.float64).reshape(lon.shape)
    assert value_at(image, box, lon[21, 50], lat[21, 50]) == image[21, 50]
    assert np.isnan(value_at(image, box, 147.5, -35))


def test_the_cells_are_those_of_the_tile() -> None:
    box, tile = around(*PLACE), Tile(29, 12).geobox(Level.KM1)
    lies = nesting(box, tile)
    assert lies.factor == 1
    lon, lat = lonlat(tile[lies.row + REACH : lies.row + REACH + 1, lies.col + REACH : lies.col + REACH + 1])
    assert abs(lon[0, 0] - PLACE[0]) < 0.012
    assert abs(lat[0, 0] - PLACE[1]) < 0.0045


def test_absent_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(GranuleError, match="ubestarfm-yanco"):
        next(yanco(tmp_path))


@pytest.mark.real
def test_the_image_has_cells_of_a_hundredth_degree(shared_data: Path) -> None:
    path = shared_data / "ubestarfm-yanco" / "MOD11A1_LST_cloudrm_20160205.tif"
    image = open_raster(path, name="lst", unit="K").values

    def even(shift: int) -> float:
        cells = image[shift:][:390, shift:][:, :390].reshape(39, 10, 39, 10)
        return float((np.ptp(cells, axis=(1, 3)) == 0).mean())

    found = [even(shift) for shift in range(10)]
    assert max(found) > 0.9
    assert sorted(found)[-2] < 0.5
    day = next(yanco(shared_data))
    assert value_at(day.lst, day.geobox, *PLACE) == pytest.approx(day.cell, abs=0.5)
    assert day.cell == pytest.approx(305.2, abs=0.05)


class Knowing:
    """Gives 1 K more than the station at its cell, nonsense elsewhere."""

    def __init__(self, kelvin: list[float]) -> None:
        self.kelvin = iter(kelvin)

    def __call__(self, lst: xr.DataArray, auxiliary: object = None, *, factor: int, **_: object) -> xr.Dataset:
        box = refine(geobox_of(lst), factor)
        x, y = Transformer.from_crs(4326, str(SINUSOIDAL), always_xy=True).transform(*PLACE)
        grid = coordinates(box)
        image = np.full(box.shape, 1000.0)
        image[np.abs(grid["y"].values - y).argmin(), np.abs(grid["x"].values - x).argmin()] = next(self.kelvin) + 1
        layers = {"lst": image, "lst_uncertainty": np.full(box.shape, 0.5)}
        return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()}, coordinates(box))


@pytest.mark.real
def test_the_station_is_held_against_its_cell(shared_data: Path) -> None:
    days = list(yanco(shared_data))
    assert [str(day.time)[:13] for day in days] == ["2016-02-05T01", "2016-02-18T01"]
    measured = [day.station.at(day.time) for day in days]
    assert measured == pytest.approx([305.15, 309.79], abs=0.01)
    for row in stations(Knowing(measured), shared_data):
        assert row.model == row.model_metrics["error"] == pytest.approx(1)
        assert row.model_metrics["uncertainty"] == 0.5
    first, second = stations(Interpolation(), shared_data)
    assert first.model_metrics["1 km error"] == pytest.approx(0.029, abs=0.005)
    assert (first.bicubic, second.bicubic) == pytest.approx((0.190, 0.429), abs=0.005)
