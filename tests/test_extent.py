"""A scene covers the valid part of its LST, with the margin that the network needs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from granules import write_granule
from srdanet.baselines.interpolation import BICUBIC
from srdanet.downscaling.run import downscale_scene
from srdanet.grid import SINUSOIDAL, Level, Nesting, Tile, coordinates, nesting
from srdanet.network.bundle import load_model
from srdanet.prepare import plan, prepare, root_grid
from srdanet.prepare.extent import MARGIN, cut_to, valid_part, without_margin
from srdanet.product.produce import produce
from srdanet.scene import Scene

TILE, DAY = Tile(18, 4), dt.date(2020, 7, 15)
VALID = (slice(700, 712), slice(30, 39))


def image(level: Level, part: tuple[slice, slice] | None = None, name: str = "lst") -> xr.DataArray:
    box = TILE.geobox(level) if part is None else TILE.geobox(level)[part]
    values = np.arange(np.prod(box.shape), dtype=np.float32).reshape(box.shape)
    return xr.DataArray(values, dims=("y", "x"), coords=coordinates(box), name=name)


def same_ground(one: GeoBox, other: GeoBox) -> bool:
    """Whether two grids are the same, to a millimetre."""
    return one.shape == other.shape and nesting(one, other) == Nesting(1, 0, 0)


@given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 9), st.data())
def test_the_valid_part_is_the_smallest_with_its_margin(
    height: int, width: int, margin: int, data: st.DataObject
) -> None:
    cells = data.draw(st.sets(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)), min_size=1, max_size=5))
    values = np.full((height, width), np.nan)
    for cell in cells:
        values[cell] = 290
    part = valid_part(xr.DataArray(values, dims=("y", "x")), margin)
    for kept, size, at in zip(part, (height, width), zip(*cells, strict=True), strict=True):
        assert (kept.start, kept.stop) == (max(0, min(at) - margin), min(size, max(at) + margin + 1))


def test_nothing_valid_keeps_everything() -> None:
    assert valid_part(xr.DataArray(np.full((4, 7), np.nan), dims=("y", "x"))) == (slice(0, 4), slice(0, 7))


def test_the_margin_is_what_the_shipped_model_looks_at() -> None:
    assert load_model("default").halo <= MARGIN


@pytest.mark.parametrize(("level", "factor"), [(Level.KM1, 1), (Level.M500, 2), (Level.M250, 4)])
def test_a_cut_keeps_every_cell_in_its_place(level: Level, factor: int) -> None:
    box = TILE.geobox(Level.KM1)[VALID]
    cut = cut_to(image(level), box)
    inner = tuple(slice(s.start * factor, s.stop * factor) for s in VALID)
    xr.testing.assert_identical(cut, image(level)[inner])
    beside = image(level, (slice(0, 40), slice(0, 40)))
    xr.testing.assert_identical(cut_to(beside, box), beside)  # what lies elsewhere is refused by the scene, not here


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole tile of which only a small part holds LST; land cover covers all of it."""
    here = tmp_path_factory.mktemp("small")
    counts = np.zeros((1200, 1200), "u2")
    counts[VALID] = 14000 + np.arange(12 * 9).reshape(12, 9)
    arrays = {"lst_day": counts, "qc_day": np.where(counts, 0, 2).astype("u1")}
    arrays |= {"view_time_day": np.full(counts.shape, 105, "u1"), "view_angle_day": np.full(counts.shape, 70, "u1")}
    write_granule(here, "MOD11A1", tile=TILE, date=DAY, layers=tuple(arrays), arrays=arrays)
    write_granule(here, "MCD12Q1", tile=TILE, date=dt.date(2020, 1, 1), layers=("land_cover",))
    return here


def test_a_scene_covers_what_its_lst_covers(folder: Path) -> None:
    scene = prepare([folder])
    rows, cols = slice(700 - MARGIN, 712 + MARGIN), slice(30 - MARGIN, 39 + MARGIN)
    whole = prepare([folder], tile=TILE)
    assert same_ground(scene.geobox, TILE.geobox(Level.KM1)[rows, cols])
    assert scene.tile == TILE
    assert scene.time == whole.time
    for name in ("lst", "qc", "view_time"):
        np.testing.assert_array_equal(scene.lst[name].values, whole.lst[name].values[rows, cols])
    fine = tuple(slice(s.start * 2, s.stop * 2) for s in (rows, cols))
    np.testing.assert_array_equal(scene.variable("land_cover").values, whole.variable("land_cover").values[fine])
    assert scene.provenance["part"] == {
        "rows": [rows.start, rows.stop], "columns": [cols.start, cols.stop], "of": [1200, 1200], "margin": MARGIN,
    }  # fmt: skip
    assert scene.provenance["inputs"][0]["valid"] == {"lst": pytest.approx(108 / (60 * 57), abs=1e-6)}
    assert without_margin(scene) == (slice(MARGIN, MARGIN + 12), slice(MARGIN, MARGIN + 9))
    assert same_ground(root_grid(plan([folder])), scene.geobox[without_margin(scene)])


def test_a_tile_that_is_named_stays_whole(folder: Path) -> None:
    scene = prepare([folder], tile="h18v04")
    assert scene.geobox.shape == (1200, 1200)
    assert scene.provenance["part"] is None
    assert same_ground(root_grid(plan([folder], tile="h18v04")), scene.geobox)


def test_a_raster_is_not_cut(tmp_path: Path) -> None:
    values = np.full((90, 80), np.nan, np.float32)
    values[40:50, 60:70] = 290
    box = TILE.geobox(Level.KM1)[:90, :80]
    with rasterio.open(
        tmp_path / "lst.tif", "w", driver="GTiff", dtype="float32", count=1, height=90, width=80, nodata=np.nan,
        crs=SINUSOIDAL.to_wkt(), transform=box.affine,
    ) as file:  # fmt: skip
        file.write(values, 1)
    scene = prepare([f"lst={tmp_path}/lst.tif,unit=K"], time="2020-07-15T10:30")
    assert same_ground(scene.geobox, box)
    assert without_margin(scene) == (slice(0, 90), slice(0, 80))


def test_a_product_has_no_margin(folder: Path, tmp_path: Path) -> None:
    with prepare([folder]) as scene:
        product = produce(scene, tmp_path, 500, model=BICUBIC)
        whole = dict(downscale_scene(scene, 500, model=BICUBIC))[500]
    with rasterio.open(product.files.rasters[500]["lst"]) as file:
        np.testing.assert_array_equal(file.read(1), whole["lst"].values[48:72, 48:66])
        assert np.isfinite(file.read(1)).all()
        assert same_ground(GeoBox(file.shape, file.transform, TILE.geobox(500).crs), TILE.geobox(500)[1400:1424, 60:78])
    assert product.files.provenance.name == "lst_h18v04-r700c30-12x9_2020197_day_provenance.json"
    assert product.record.levels["500"].valid_share == 1
    assert product.record.levels["500"].closure is not None


def test_the_margin_is_enough_for_the_result() -> None:
    """The same temperatures, within what the model's halo promises, as from the whole grid."""
    box = TILE.geobox(Level.KM1)[:80, :80]
    fine = TILE.geobox(Level.M250)[:320, :320]
    rows, cols = np.mgrid[:80, :80]
    lst = np.full((80, 80), np.nan, np.float32)
    lst[34:46, 36:44] = (295 + np.sin(rows / 3) + np.cos(cols))[34:46, 36:44]
    fine_rows, fine_cols = np.mgrid[:320, :320]
    ndvi = (0.5 + 0.4 * np.sin(fine_rows / 7) * np.cos(fine_cols / 5)).astype(np.float32)
    predictors = [
        xr.DataArray(ndvi, dims=("y", "x"), coords=coordinates(fine), name="ndvi"),
        xr.DataArray(300 * ndvi, dims=("y", "x"), coords=coordinates(fine), name="elevation"),
    ]
    whole = xr.DataArray(lst, dims=("y", "x"), coords=coordinates(box))
    part = valid_part(whole)
    small = whole[part]
    time = "2020-07-15T10:30"
    made = Scene.from_arrays(whole, predictors, time=time)
    cut = Scene.from_arrays(small, [cut_to(p, box[part]) for p in predictors], time=time)
    for (_, a), (_, b) in zip(downscale_scene(made), downscale_scene(cut), strict=True):
        factor = a.sizes["y"] // 80
        inner = tuple(slice(s.start * factor, s.stop * factor) for s in part)
        np.testing.assert_allclose(a["lst"].values[inner], b["lst"].values, atol=0.02)
        np.testing.assert_array_equal(a["quality"].values[inner], b["quality"].values)
