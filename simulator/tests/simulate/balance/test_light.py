"""Sunlight: the sun of each cell, on its slope, behind its mountains."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from srdanet.predictors.solar import illumination, sun_at
from srdanet_simulator.balance.horizon import DIRECTIONS
from srdanet_simulator.balance.light import shortwave, sun_over
from srdanet_simulator.balance.weather import sunlight, weather

NOON, MORNING = np.datetime64("2020-07-15T10:05"), np.datetime64("2020-01-20T08:10")
NOW = weather(3, 45.0, 12.0, dt.date(2020, 7, 15), 0.3)


def _places(spread: float) -> tuple[np.ndarray, np.ndarray]:
    lat, lon = np.meshgrid(45 - np.linspace(-spread, spread, 9), 12 + np.linspace(-spread, spread, 7), indexing="ij")
    return lon.astype(np.float32), lat.astype(np.float32)


@pytest.mark.parametrize("moment", [NOON, MORNING])
def test_every_cell_has_its_own_sun(moment: np.datetime64) -> None:
    lon, lat = _places(1.0)
    east, north = np.full(lon.shape, -0.2, np.float32), np.full(lon.shape, 0.3, np.float32)
    found = sun_over(moment, lon, lat).facing(east, north)
    exact = illumination(east, north, *sun_at(moment, lon, lat))
    np.testing.assert_allclose(found, exact, atol=4e-4)
    assert np.ptp(exact) > 0.005


def test_light_in_a_plain_is_the_clear_sky_s() -> None:
    lon, lat = _places(0.5)
    level = np.zeros(lon.shape, np.float32)
    open_sky = np.zeros((DIRECTIONS, *lon.shape), np.float32)
    found = shortwave(sun_over(NOON, lon, lat), NOW, level, level, open_sky, level + 1)
    zenith, _ = sun_at(NOON, lon, lat)
    exact = [b * np.cos(np.radians(z)) + d for z in zenith.ravel() for b, d in (sunlight(float(z), 197, NOW.clear),)]
    np.testing.assert_allclose(found.ravel(), exact, rtol=2e-3)


def test_a_mountain_before_the_sun_leaves_the_sky_s_light_alone() -> None:
    lon, lat = _places(0.1)
    level = np.zeros(lon.shape, np.float32)
    sun = sun_over(MORNING, lon, lat)
    wall = np.zeros((DIRECTIONS, *lon.shape), np.float32)
    wall[:, :, :3] = 2.0
    found = shortwave(sun, NOW, level, level, wall, level + 0.7)
    _, diffuse = sunlight(sun.zenith, 197, NOW.clear)
    np.testing.assert_allclose(found[:, :3], 0.7 * diffuse, rtol=0.03)
    assert found[:, 4:].min() > 1.5 * found[:, :3].max()
    assert not shortwave(sun_over(np.datetime64("2020-07-15T23:00"), lon, lat), NOW, level, level, wall, level).any()
