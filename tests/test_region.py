"""A region is downscaled with its surroundings, and with nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from odc.geo.geom import Geometry, box
from scipy.ndimage import uniform_filter

from srdanet.cli import cli
from srdanet.errors import ArgumentError, SceneError
from srdanet.grid import SINUSOIDAL, Level, Tile, refine
from srdanet.prepare.extent import over_region, without_margin
from srdanet.product.produce import produce
from srdanet.readers.places import LONLAT
from srdanet.scene import Scene
from srdanet.scene.checks import on_grid

ROOT = Tile(18, 4).geobox(Level.KM1)[300:470, 500:640]
ROWS, COLS = slice(80, 91), slice(57, 75)


class Blur:
    """A model whose result depends on LST and NDVI as far as its halo reaches, and no farther."""

    halo = 24

    def step(self, lst: Any, channels: Any, context: Any) -> tuple[Any, Any]:
        fine = np.repeat(np.repeat(uniform_filter(lst, 2 * self.halo + 1), 2, 0), 2, 1)
        ndvi = uniform_filter(np.nan_to_num(channels).sum(0), 4 * self.halo + 1)
        return (fine + ndvi).astype(np.float32), np.ones(fine.shape, np.float32)


@pytest.fixture(scope="module")
def scene() -> Scene:
    rng = np.random.default_rng(7)
    fine = refine(ROOT, 4)
    rows, cols = np.mgrid[: ROOT.shape[0], : ROOT.shape[1]]
    lst = (290 + 0.05 * rows + 0.01 * cols + rng.normal(0, 2, ROOT.shape)).astype(np.float32)
    ndvi = rng.uniform(0, 0.9, fine.shape).astype(np.float32)
    layers = (on_grid({"lst": lst}, ROOT), (on_grid({"ndvi": ndvi}, fine),))
    return Scene(*layers, np.datetime64("2020-07-15T10:30:00"), True, Tile(18, 4), boxes=(ROOT, fine))


@pytest.fixture(scope="module")
def region() -> Geometry:
    """A little less than the cells of `ROWS` and `COLS`."""
    bounds = ROOT[ROWS, COLS].boundingbox
    inside = box(bounds.left + 200, bounds.bottom + 200, bounds.right - 200, bounds.top - 200, SINUSOIDAL)
    return inside.to_crs(LONLAT, resolution=500)


@pytest.mark.parametrize("conserve", [False, True])
def test_a_region_has_the_result_of_the_whole(scene: Scene, region: Geometry, tmp_path: Path, conserve: bool) -> None:
    part = over_region(scene, region)
    assert part.geobox.shape == (11 + 2 * 48, 18 + 2 * 48)
    assert part.geobox[without_margin(part)] == ROOT[ROWS, COLS]
    whole = produce(scene, tmp_path / "whole", model=Blur(), conserve=conserve)
    piece = produce(part, tmp_path / "part", model=Blur(), conserve=conserve)
    assert piece.files.provenance.name.startswith("lst_h18v04-r380c557-11x18_")
    for metres, factor in ((500, 2), (250, 4)):
        with (
            rasterio.open(piece.files.rasters[metres]["lst"]) as a,
            rasterio.open(whole.files.rasters[metres]["lst"]) as b,
        ):
            rows, cols = (slice(s.start * factor, s.stop * factor) for s in (ROWS, COLS))
            assert a.transform.almost_equals(b.transform * b.transform.translation(cols.start, rows.start), 1e-4)
            np.testing.assert_allclose(a.read(1), b.read(1)[rows, cols], atol=2e-4)


def test_the_margin_is_needed(scene: Scene, region: Geometry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srdanet.prepare.extent.region_part.__defaults__", (8,))
    piece = produce(over_region(scene, region), tmp_path / "part", model=Blur())
    whole = produce(scene, tmp_path / "whole", model=Blur())
    with rasterio.open(piece.files.rasters[250]["lst"]) as a, rasterio.open(whole.files.rasters[250]["lst"]) as b:
        inner = b.read(1)[ROWS.start * 4 : ROWS.stop * 4, COLS.start * 4 : COLS.stop * 4]
        assert np.abs(a.read(1) - inner).max() > 0.01


def test_the_command_takes_a_region_or_bounds(scene: Scene, region: Geometry, tmp_path: Path) -> None:
    scene.save(tmp_path / "scene.nc")
    field = tmp_path / "field.geojson"
    field.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": region.json}))
    bounds = ",".join(f"{edge:.6f}" for edge in region.boundingbox)
    names = []
    for ground in (["--region", str(field)], ["--bounds", bounds]):
        arguments = [
            "downscale",
            str(tmp_path / "scene.nc"),
            *ground,
            "--dry-run",
            "--json",
            "-o",
            str(tmp_path / "out"),
        ]
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 0, done.output
        names.append(json.loads(done.output)["writes"][0])
    assert "r380c557-11x18" in names[0]
    both = CliRunner().invoke(cli, [*arguments, "--region", str(field)])
    assert (both.exit_code, "not both" in both.output) == (2, True)
    bad = CliRunner().invoke(cli, [*arguments[:2], "--bounds", "5,45,5.3", "-o", str(tmp_path / "out")])
    assert (bad.exit_code, "west,south,east,north" in bad.output) == (2, True)


def test_a_region_elsewhere_or_without_lst_is_refused(scene: Scene, region: Geometry) -> None:
    with pytest.raises(ArgumentError, match="has no LST"):
        over_region(scene, box(20, 0, 21, 1, LONLAT))
    empty = scene.lst.copy(deep=True)
    empty["lst"][ROWS, COLS] = np.nan
    cloudy = Scene(empty, scene.auxiliary, scene.time, True)
    with pytest.raises(SceneError, match="no LST is left in the region"):
        over_region(cloudy, region)
