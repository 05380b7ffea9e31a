from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from odc.geo.geom import box, point

from srdanet.analysis.dryness import dryness, write_dryness
from srdanet.analysis.heat_island import heat_island
from srdanet.cli import cli
from srdanet.errors import ArgumentError, SceneError
from srdanet.grid import SINUSOIDAL, Level, Tile, lonlat, refine
from srdanet.product import Origin, write_product
from srdanet.product.stored import StoredLevel, stored_levels
from srdanet.readers.places import LONLAT, Place
from srdanet.scene import Scene
from srdanet.scene.checks import on_grid

ROOT = Tile(18, 4).geobox(Level.KM1)[300:330, 500:524]
COVERED = ROOT[4:24, 3:20]
"""What the product covers of the scene."""
TIME = "2020-07-15T10:30:00"


def fields() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """NDVI and dryness of each 250 m cell, and the temperature that follows from them: wet 295 K, dry 320 - 20 NDVI."""
    rng = np.random.default_rng(11)
    shape = refine(ROOT, 4).shape
    ndvi, dry = rng.uniform(0.05, 0.85, shape), rng.uniform(0, 1, shape)
    dry[rng.uniform(size=shape) < 0.2] = 0
    dry[rng.uniform(size=shape) < 0.2] = 1
    return ndvi, dry, 295 + dry * (25 - 20 * ndvi)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, StoredLevel]:
    ndvi, _, lst = fields()
    red = np.full(ndvi.shape, 0.1)
    nir = red * (1 + ndvi) / (1 - ndvi)
    fine, half = refine(ROOT, 4), refine(ROOT, 2)
    classes = np.full(half.shape, 10, np.uint8)
    classes[:, 20:] = 12
    layers = (on_grid({"red": red.astype("f4"), "nir": nir.astype("f4")}, fine), on_grid({"land_cover": classes}, half))
    coarse = on_grid({"lst": np.full(ROOT.shape, 300, "f4")}, ROOT)
    scene = Scene(coarse, layers, np.datetime64(TIME), True, boxes=(ROOT, fine, half))
    box250 = refine(COVERED, 4)
    part = np.s_[16:96, 12:80]
    result = on_grid({"lst": lst[part].astype("f4"), "lst_uncertainty": np.full(box250.shape, 0.8, "f4")}, box250)
    folder = tmp_path_factory.mktemp("dry")
    write_product(result, folder, "x", origin=Origin(time=TIME, day=True))
    return scene, stored_levels([folder])[0]


def test_dryness_of_a_made_triangle_is_found_again(made: tuple[Scene, StoredLevel]) -> None:
    found = dryness(*made)
    ndvi, dry, _ = fields()
    part = np.s_[16:96, 12:80]
    np.testing.assert_allclose(found.indices["ndvi"].values, ndvi[part], atol=1e-5)
    assert found.edges is not None
    assert (found.edges.intercept, found.edges.slope) == (pytest.approx(320, abs=0.4), pytest.approx(-20, abs=0.8))
    assert found.edges.wet == pytest.approx(295, abs=0.1)
    np.testing.assert_allclose(found.indices["tvdi"].values, dry[part], atol=0.05)
    expected = np.zeros((80, 68), bool)
    expected[:, 28:] = True  # from column 20 of 500 m, which is column 40 of 250 m, less 12
    np.testing.assert_array_equal(found.indices["cropland"].values, expected)


def test_crops_alone(made: tuple[Scene, StoredLevel]) -> None:
    found = dryness(*made, crops_only=True)
    assert np.isnan(found.indices["tvdi"].values[:, :28]).all()
    assert np.isfinite(found.indices["tvdi"].values[:, 28:]).all()
    bare = Scene(made[0].lst, made[0].auxiliary[:1], made[0].time, True)
    with pytest.raises(SceneError, match="no land cover"):
        dryness(bare, made[1], crops_only=True)


def test_another_scene_is_refused(made: tuple[Scene, StoredLevel]) -> None:
    other = Scene(made[0].lst, made[0].auxiliary, np.datetime64("2020-07-16T10:30:00"), True)
    with pytest.raises(SceneError, match="the product of 2020-07-15"):
        dryness(other, made[1])
    with pytest.raises(SceneError, match="neither NDVI nor red"):
        dryness(Scene(made[0].lst, made[0].auxiliary[1:], made[0].time, True), made[1])


def test_no_triangle_no_dryness(made: tuple[Scene, StoredLevel], tmp_path: Path) -> None:
    scene, stored = made
    result = stored.read()
    result["lst"] = 280 + 0 * result["lst"]
    write_product(result, tmp_path, "flat", origin=Origin(time=TIME, day=True))
    found = dryness(scene, stored_levels([tmp_path])[0])
    assert found.edges is None
    assert "tvdi" not in found.indices
    assert not any(path.name.endswith("tvdi.png") for path in write_dryness(found, stored, tmp_path / "out"))


def test_the_command_writes_indices_fields_and_a_picture(made: tuple[Scene, StoredLevel], tmp_path: Path) -> None:
    scene, stored = made
    scene.save(tmp_path / "scene.nc")
    bounds = refine(COVERED, 4)[10:20, 40:60].boundingbox
    shape = box(bounds.left, bounds.bottom, bounds.right, bounds.top, SINUSOIDAL).to_crs(LONLAT, resolution=500)
    (tmp_path / "f.geojson").write_text(json.dumps({"type": "Feature", "id": "east", "geometry": shape.json}))
    arguments = [str(tmp_path / "scene.nc"), str(stored.note), "--region", str(tmp_path / "f.geojson"), "--json"]
    done = CliRunner().invoke(cli, ["indices", *arguments, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"x_250m_{end}" for end in ("cropland.tif", "fields.csv", "ndvi.tif", "tvdi.png", "tvdi.tif")]
    row = json.loads(done.stdout)["fields"][0]
    dry = fields()[1][26:36, 52:72]
    assert (row["place"], row["cropland"]) == ("east", 1.0)
    assert row["tvdi"] == pytest.approx(dry.mean(), abs=0.02)
    assert row["cells"] == pytest.approx(200, rel=0.02)
    with rasterio.open(tmp_path / "out" / "x_250m_tvdi.tif") as file:
        assert file.tags(1)["long_name"] == "temperature vegetation dryness index"


def test_a_warm_disc_is_a_heat_island(tmp_path: Path) -> None:
    grid = Tile(18, 4).geobox(Level.M250)[800:1000, 400:620]
    rows, cols = np.mgrid[:200, :220]
    distance = np.hypot(rows - 90, cols - 120) * Level.M250.metres / 1000
    lst = np.where(distance < 4, 305, 300).astype("f4")
    lake = (rows > 150) & (cols > 150)
    lst[lake] = 280
    result = on_grid({"lst": lst, "lst_uncertainty": np.full(grid.shape, 1, "f4")}, grid)
    write_product(result, tmp_path, "x", origin=Origin(time=TIME, day=True))
    lon, lat = lonlat(grid)
    city = Place("city", point(lon[90, 120], lat[90, 120], LONLAT))
    stored = stored_levels([tmp_path])[0]
    rings = heat_island(stored, city, left_out=lake)
    assert [ring.intensity for ring in rings] == pytest.approx([5, 5, 0, 0, 0, 0, 0])
    assert 0.1 < rings[0].uncertainty < 1
    assert rings[-1].uncertainty == 0
    assert heat_island(stored, city)[-1].lst < 300
    with pytest.raises(ArgumentError, match="lies outside"):
        heat_island(stored, Place("far", point(20, 0, LONLAT)))
