from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread

from srdanet.errors import ArgumentError, GridError, OutputError
from srdanet.grid import Level, Tile, coordinates
from srdanet.product.record import Origin
from srdanet_simulator.comparison import busiest, write_comparison

ABOUT = Origin(tile="h18v04", time="2020-07-15T10:32:00", day=True)


def _image(level: Level, values: np.ndarray) -> xr.DataArray:
    height, width = values.shape
    box = Tile(18, 4).geobox(level)[:height, :width]
    return xr.DataArray(values.astype(np.float32), dims=("y", "x"), coords=coordinates(box))


def _pair() -> tuple[xr.DataArray, xr.DataArray]:
    rows, cols = np.mgrid[:120, :80]
    fine = 290 + rows / 20 + np.sin(cols / 3)
    return _image(Level.KM1, fine.reshape(30, 4, 20, 4).mean(axis=(1, 3))), _image(Level.M250, fine)


def test_panels_share_ground_and_colours(tmp_path: Path) -> None:
    coarse, fine = _pair()
    path = write_comparison(tmp_path / "a.png", {"1 km": coarse, "250 m": fine, "same": fine}, origin=ABOUT, cells=None)
    picture = imread(path)[..., :3]
    coloured = np.ptp(picture, axis=-1) > 0.05
    columns = np.flatnonzero(coloured.mean(axis=0) > 0.5)
    runs = np.split(columns, np.flatnonzero(np.diff(columns) > 3) + 1)
    one, two, three = runs[:3]
    assert abs(len(two) - len(three)) <= 2
    n = min(len(two), len(three)) - 4
    rows = np.flatnonzero(coloured.mean(axis=1) > 0.5)[5:-5]
    left, right = (picture[rows[0] : rows[-1], run[2] : run[2] + n] for run in (two, three))
    assert np.abs(left - right).max() < 0.35
    assert np.abs(left - right).mean() < 0.01
    coarse_panel = picture[rows[0] : rows[-1], one[2] : one[2] + n]
    assert np.abs(coarse_panel - left).mean() > 0.01


def test_the_part_with_most_detail_is_shown() -> None:
    values = np.full((40, 60), 300.0)
    values[24:32, 40:48] += np.random.default_rng(0).normal(size=(8, 8)) * 5
    values[:10, :10] += np.random.default_rng(1).normal(size=(10, 10)) * 50
    values[:20, :20:2] = np.nan  # more contrast, but half of it is missing
    rows, cols = busiest(_image(Level.KM1, values), 16)
    assert rows.start <= 24 < 32 <= rows.stop
    assert cols.start <= 40 < 48 <= cols.stop
    assert busiest(_image(Level.KM1, values), None) == (slice(0, 40), slice(0, 60))
    assert busiest(_image(Level.KM1, values), 50)[0] == slice(0, 40)


def test_refusals(tmp_path: Path) -> None:
    coarse, fine = _pair()
    with pytest.raises(ArgumentError, match="no panel"):
        write_comparison(tmp_path / "a.png", {}, origin=Origin())
    with pytest.raises(GridError, match="250 m: does not cover"):
        write_comparison(tmp_path / "a.png", {"1 km": coarse, "250 m": fine[:100]}, origin=Origin())
    (tmp_path / "a.png").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_comparison(tmp_path / "a.png", {"1 km": coarse}, origin=Origin())
    assert (tmp_path / "a.png").read_text() == "mine"
    write_comparison(tmp_path / "a.png", {"1 km": coarse}, origin=Origin(), overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
