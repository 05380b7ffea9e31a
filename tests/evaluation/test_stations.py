"""A place finds its cell, and the station is compared with that cell and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pyproj import Transformer

from srdanet.datasets import yanco
from srdanet.errors import GranuleError
from srdanet.evaluation import run_product, run_stations
from srdanet.evaluation.report import When
from srdanet.grid import SINUSOIDAL, cell_at, coordinates, lonlat, refine
from srdanet.readers.rasters import open_raster
from srdanet.scene import Scene
from srdanet.scene.checks import on_grid

PLACE = (146.2907, -34.9893)


def test_a_place_finds_its_cell() -> None:
    for box in (yanco.around(*PLACE), refine(yanco.around(*PLACE), 4)):
        lon, lat = lonlat(box)
        for cell in ((3, 7), (21, 30), (0, 0), (box.shape[0] - 1, box.shape[1] - 1)):
            assert cell_at(box, lon[cell], lat[cell]) == cell
        assert cell_at(box, 147.5, -35) is None
        assert cell_at(box, 2 * lon[0, 0] - lon[1, 1], lat[0, 0]) is None
    assert cell_at(yanco.around(*PLACE), *PLACE) == (yanco.REACH, yanco.REACH)


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
    day = next(yanco.read(shared_data))
    assert day.surface is not None
    published = day.surface["published_lst"].values
    assert np.nansum(published) == pytest.approx(305.2, abs=0.05)
    assert day.scene.lst["lst"].values[yanco.REACH, yanco.REACH] == pytest.approx(np.nansum(published), abs=0.5)


@pytest.mark.real
def test_the_station_is_compared_with_its_cell(shared_data: Path) -> None:
    dates = list(yanco.read(shared_data))
    assert [str(date.scene.time)[:13] for date in dates] == ["2016-02-05T01", "2016-02-18T01"]
    truths = [date.truth[4].values for date in dates]
    measured = [float(truth[np.isfinite(truth)].item()) for truth in truths]
    assert measured == pytest.approx([305.15, 309.79], abs=0.01)
    kelvin = iter(measured)

    def knowing(scene: Scene, factor: int) -> xr.Dataset:
        """1 K more than the station at its cell, nonsense elsewhere."""
        box = refine(scene.geobox, factor)
        x, y = Transformer.from_crs(4326, str(SINUSOIDAL), always_xy=True).transform(*PLACE)
        grid = coordinates(box)
        image = np.full(box.shape, 1000.0)
        image[np.abs(grid["y"].values - y).argmin(), np.abs(grid["x"].values - x).argmin()] = next(kelvin) + 1
        return on_grid({"lst": image, "lst_uncertainty": np.full(box.shape, 0.5)}, box)

    for row in run_stations(shared_data, knowing).rows:
        assert row.model == row.model_metrics["error"] == pytest.approx(1)
        assert row.model_metrics["uncertainty"] == 0.5
        assert (row.subset.when, row.subset.level, row.counts) == (When.DAY, 250, {"cells": 1})
    first, second = run_stations(shared_data, "bicubic").rows
    assert first.label == "Yanco, 2016-02-05T01:00 UTC, 250 m"
    assert first.model_metrics["coarse_error"] == pytest.approx(0.029, abs=0.005)
    assert (first.bicubic, second.bicubic) == pytest.approx((0.190, 0.429), abs=0.005)


def test_a_product_without_a_record_or_a_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GranuleError, match="holds no list of stations"):
        run_product(tmp_path, tmp_path)
    (tmp_path / "stations_here.csv").write_text("file,emissivity\n")
    with pytest.raises(GranuleError, match="holds no product"):
        run_product(tmp_path, tmp_path)
