"""Horizons, shadows and the view of the sky, held against geometry."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet_simulator.balance.horizon import DIRECTIONS, horizons, sky_view, sunlit

CELL = 200.0


def _slope(east: float, north: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    row, col = np.indices((150, 140), dtype=np.float32)
    height = (east * col - north * row) * np.float32(CELL)
    return height, np.full_like(height, east), np.full_like(height, north)


def test_a_wall_is_seen_where_it_stands_and_as_high_as_it_is() -> None:
    height = np.zeros((120, 100), np.float32)
    height[:, 70:] = 500.0
    found = horizons(height, CELL)
    east, west = found[DIRECTIONS // 4], found[3 * DIRECTIONS // 4]
    distance = 70 - np.arange(60, 70)
    np.testing.assert_allclose(east[60, 60:70], 500 / (CELL * distance), rtol=0.45)
    assert np.all(east[60, 60:70] <= 500 / (CELL * distance) + 1e-6)
    assert not west.any()
    assert not found[0].any()


def test_a_long_slope_sees_half_of_one_plus_its_cosine() -> None:
    height, east, north = _slope(0.3, -0.4)
    found = sky_view(horizons(height, CELL), east, north)[70, 70]
    assert found == pytest.approx(0.5 * (1 + 1 / np.sqrt(1 + 0.25)), abs=0.012)
    flat = np.zeros((20, 20), np.float32)
    np.testing.assert_allclose(sky_view(horizons(flat, CELL), flat, flat), 1, atol=1e-6)


def test_a_valley_sees_less_sky_than_its_slopes_alone_would_leave() -> None:
    _, col = np.indices((100, 120), dtype=np.float32)
    height = np.abs(col - 60) * np.float32(0.5 * CELL)
    height = np.minimum(height, 1500)
    level = np.zeros_like(height)
    assert sky_view(horizons(height, CELL), level, level)[50, 60] < 0.92
    # an endless V of slope 0.5 leaves the cosine of its sides' height open
    assert sky_view(horizons(height, CELL), level, level)[50, 60] == pytest.approx(1 / np.sqrt(1.25), abs=0.03)


def test_the_shadow_is_as_long_as_the_sun_is_low_and_falls_away_from_it() -> None:
    height = np.zeros((100, 100), np.float32)
    height[40:60, 50:54] = 300.0
    for zenith in (60.0, 75.0):
        lit = sunlit(horizons(height, CELL), zenith, 90.0)
        dark = 50 - int(np.argmax(lit[50, :50] < 0.5))
        assert dark == pytest.approx(300 * np.tan(np.radians(zenith)) / CELL, abs=1.6)
        assert np.all(lit[50, 56:] == 1)
        assert np.all(lit[:30] == 1)
    assert not sunlit(horizons(height, CELL), 91.0, 90.0).any()


def test_on_a_sheared_grid_north_is_not_up() -> None:
    """Where x = E - shear N, what stands due north lies up and to the left."""
    height = np.zeros((80, 80), np.float32)
    height[30, 30] = 400.0  # 10 cells up and 5 left of (40, 35)
    found = horizons(height, CELL, shear=0.5)
    straight = horizons(height, CELL)
    lit = found[0]
    assert lit[32, 31] > 0.5
    assert not straight[0][32, 31]
