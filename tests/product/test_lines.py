from __future__ import annotations

import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from srdanet.grid import Level, Tile
from srdanet.product.lines import coast, graticule, to_degrees

TILE = Tile(18, 4).geobox(Level.KM1)


def _degrees(box: GeoBox, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a = box.affine
    return to_degrees(box).transform(a.c + a.a * x, a.f + a.e * y)  # type: ignore[no-any-return]


def test_lines_of_the_graticule_are_where_they_say() -> None:
    lines = graticule(TILE)
    assert {line.text for line in lines} >= {"42° N", "44° N", "5° E", "10° E"}
    for line in lines:
        lon, lat = _degrees(TILE, line.x, line.y)
        value, side = line.text.replace("°", "").split() if " " in line.text else ("0", "E")
        along = lat if side in "NS" else lon
        np.testing.assert_allclose(along, float(value), atol=1e-6)


def test_a_small_part_has_a_finer_graticule() -> None:
    part = TILE[700:720, 200:220]
    meridians = [line for line in graticule(part) if line.text.endswith("E")]
    assert 2 <= len(meridians) <= 8
    assert any(0 < line.x.mean() < 20 for line in meridians)


def test_the_coast_passes_genoa() -> None:
    """44.41 N 8.93 E lies on it, to the few kilometres of 1:50 million."""
    points = np.concatenate([np.stack(_degrees(TILE, line.x, line.y), 1) for line in coast(TILE)])
    away = np.hypot((points[:, 0] - 8.93) * 79.5, (points[:, 1] - 44.41) * 111.2)
    assert away.min() < 8


def test_the_coast_is_left_out_where_its_errors_would_show() -> None:
    assert coast(TILE[:200, :200]) == []


def test_a_grid_without_a_crs_has_no_lines() -> None:
    bare = GeoBox(TILE.shape, TILE.affine, None)
    assert (graticule(bare), coast(bare)) == ([], [])


@pytest.mark.parametrize("tile", [Tile(0, 8), Tile(17, 0), Tile(35, 9)])
def test_edges_of_the_projection_do_no_harm(tile: Tile) -> None:
    for line in [*graticule(tile.geobox(1000)), *coast(tile.geobox(1000))]:
        assert np.isfinite(line.x).all()
