"""The swath: pixels of the size, shape and place that MODIS's have, and the two ways into the grid."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet.grid import Level
from srdanet_simulator.noise import fractal, stream
from srdanet_simulator.realism.fields import equal_neighbours, step_ratio
from srdanet_simulator.sensor.swath import Pixels, Swath, at, cells, draw_angle, lay, see, track

KM = Level.KM1.metres / 1000
SHAPE = (40, 48)
WAY = (0.2, 0.35)


def _pixels(angle: float, way: tuple[float, float] = WAY, shape: tuple[int, int] = SHAPE) -> Pixels:
    return lay(Swath.over(shape, angle, way, (0.3, 0.8)), shape)


def _ramp(east: float, north: float) -> np.ndarray:
    """K on the fine grid, rising by so much a km."""
    y, x = (KM / 4 * (np.arange(4 * n) - (4 * n - 1) / 2) for n in SHAPE)
    return (300 + east * x - north * y[:, None]).astype(np.float32)


def test_tracks_lean_as_an_orbit_of_98_degrees_does() -> None:
    assert np.degrees(track(0.0, 20.0, True)[0]) == pytest.approx(-8.2)
    assert np.degrees(track(45.0, 20.0, False)[0]) == pytest.approx(11.63, abs=0.01)
    # a column of the grid runs eastward on its way north where longitude is east and latitude north
    assert track(30.0, 60.0, True)[1] == pytest.approx(np.pi / 6)


@pytest.mark.parametrize(("angle", "length", "width"), [(0, 1.0, 1.0), (-45, 1.92, 1.35), (65.5, 4.8, 2.0)])
def test_pixels_grow_towards_the_edge(angle: float, length: float, width: float) -> None:
    pixels = lay(Swath.over((4, 4), angle, (0.0, 0.0), (0.0, 0.0)), (4, 4))
    frame = int(np.argmin(np.abs(pixels.x[0])))
    assert pixels.length[frame] == pytest.approx(length, rel=0.03)
    assert pixels.width[frame] == pytest.approx(width, rel=0.02)
    assert np.diff(pixels.x[0])[frame] == pytest.approx(pixels.length[frame], rel=0.02)


def test_places_undo_coordinates() -> None:
    swath = Swath.over(SHAPE, 30, WAY, (0.0, 0.0))
    x, y = np.array([3.0, -20.0]), np.array([-7.0, 11.0])
    np.testing.assert_allclose(swath.places(*swath.coordinates(x, y)), (x, y), atol=1e-9)


def test_a_whole_tile_lies_on_one_swath() -> None:
    for way in (WAY, (-0.2, 1.2)):
        pixels = lay(Swath.over((1200, 1200), 60, way, (0.5, 0.5)), (1200, 1200))
        angles = cells(pixels, np.zeros(pixels.x.shape), (1200, 1200), 1)[1]
        assert 55 < angles.max() < 66
        assert angles.min() > -66


@pytest.mark.parametrize("angle", [0.0, -40.0])
def test_a_pixel_sees_a_ramp_as_its_middle_is(angle: float) -> None:
    ramp, even = _ramp(0.03, 0.05), np.ones((160, 192), np.float32)
    pixels = _pixels(angle)
    inside = (abs(pixels.x) < 15) & (abs(pixels.y) < 12)
    seen = see(pixels, ramp, even, KM / 4, (0.0, 0.0))
    np.testing.assert_allclose(seen[inside], (300 + 0.03 * pixels.x + 0.05 * pixels.y)[inside], atol=0.012)
    moved = see(pixels, ramp, even, KM / 4, (0.0, 2.0))
    assert (moved - seen)[inside].mean() == pytest.approx(0.1, abs=0.005)


def test_it_is_exitance_that_is_averaged() -> None:
    hot = np.random.default_rng(2).random((160, 192)) < 0.5
    emissivity = np.where(hot, 0.80, 1.0).astype(np.float32)
    seen = see(_pixels(10.0), np.where(hot, 340, 260).astype(np.float32), emissivity, KM / 4, (0.0, 0.0))
    expected = ((0.8 * 340.0**4 + 260.0**4) / 1.8) ** 0.25
    # kelvin would give 296 or 300, and exitance without emissivity 308
    assert np.mean(seen**4) ** 0.25 == pytest.approx(expected, abs=1.0)


def test_a_pixel_sees_twice_as_far_along_the_scan_as_across() -> None:
    spot = np.full((160, 192), 300.0, np.float32)
    spot[78:82, 94:98] = 310
    moments = []
    for n in range(20):
        pixels = lay(Swath.over(SHAPE, 0.0, (0.0, 0.0), (n * 0.05, n * 0.37)), SHAPE)
        warmth = see(pixels, spot, np.ones_like(spot), KM / 4, (0.0, 0.0)) - 300
        moments.append([(warmth * place**2).sum() / warmth.sum() for place in (pixels.x, pixels.y)])
    # variances of a triangle two pixels wide and of a box of one, and of the spot itself
    for found, own in zip(np.mean(moments, axis=0), (1 / 6, 1 / 12), strict=True):
        assert found == pytest.approx(own + KM**2 / 12, rel=0.1)


@pytest.mark.parametrize("points", [1, 3])
def test_cells_take_the_pixels_over_them(points: int) -> None:
    pixels = _pixels(-40.0)
    lst, angles = cells(pixels, 300 + 0.03 * pixels.x + 0.05 * pixels.y, SHAPE, points)
    y, x = (KM * (np.arange(n) - (n - 1) / 2) for n in SHAPE)
    off = lst - (300 + 0.03 * x - 0.05 * y[:, None])
    assert abs(off).max() < 0.03 * pixels.length.max() + 0.05 * pixels.width.max()
    assert abs(off.mean()) < 0.003
    assert angles.mean() == pytest.approx(-40, abs=0.5)
    assert np.all(np.diff(angles[20]) > 0)


@pytest.mark.parametrize(
    ("angle", "points", "low", "high"), [(0, 1, 0.06, 0.10), (0, 3, -1, 0.005), (60, 3, 0.15, 0.45)]
)
def test_pixels_are_gridded_twice_as_often_as_their_size_says(
    angle: float, points: int, low: float, high: float
) -> None:
    pixels = _pixels(angle, track(45.0, 7.0, False), (64, 64))
    lst, _ = cells(pixels, np.random.default_rng(1).normal(300, 3, pixels.x.shape), (64, 64), points)
    assert low < equal_neighbours(lst) < high
    assert step_ratio(lst) < 1.02


def test_what_lies_on_the_grid_is_found_under_the_pixels() -> None:
    field = fractal(SHAPE, stream(1, "f"), slope=3.5, cell=927.0)
    back, _ = cells(_pixels(0.0), at(_pixels(0.0), field).astype(np.float64), SHAPE, 1)
    assert np.corrcoef(back.ravel(), field.ravel())[0, 1] > 0.97


def test_scenes_lie_anywhere_between_two_tracks() -> None:
    drawn = np.array([draw_angle(stream(n, "a"), 45.0) for n in range(400)])
    assert 52 < abs(drawn).max() < 60
    assert 30 < np.median(abs(drawn)) < 42
    assert max(abs(draw_angle(stream(n, "a"), 0.0)) for n in range(100)) < 65
