"""The sensor: what a 1 km image owes to the land, to the swath and to the clouds."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet.energy import degrade
from srdanet_simulator.noise import fractal, stream
from srdanet_simulator.realism.fields import correlation, detail, equal_neighbours
from srdanet_simulator.sensor.clouds import Clouds, draw_clouds
from srdanet_simulator.sensor.modis import View, measure_band, seen_bands, view

CLEAR = draw_clouds((40, 48), stream(1, "c"), 0.0)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    ramp = np.linspace(0, 8, 192, dtype=np.float32)[None, :]
    return 295 + 3 * fractal((160, 192), stream(1, "t"), slope=3, cell=231.7) + ramp


def _view(truth: np.ndarray, angle: float = 0.0, over: Clouds = CLEAR, **given: float | str) -> View:
    perfect = {"noise": 0.0, "error": 0.0, "jitter": 0.0, **given}
    return view(truth, np.ones_like(truth), 4, stream(1, "v"), over=over, hour=10.6, angle=angle, **perfect)  # type: ignore[arg-type]


def test_a_perfect_sensor_sees_the_cells_and_half_of_their_neighbours(truth: np.ndarray) -> None:
    seen = _view(truth).lst
    true = degrade(truth, 4)
    assert seen.mean() == pytest.approx(true.mean(), abs=0.05)
    assert correlation(detail(seen, 4), detail(true, 4)) > 0.85
    # no other shift of the image fits better than none
    shifts = {(a, b): np.roll(seen, (a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1)}
    error = {shift: np.sqrt(np.mean((image - true)[4:-4, 4:-4] ** 2)) for shift, image in shifts.items()}
    assert min(error, key=lambda shift: error[shift]) == (0, 0)
    np.testing.assert_allclose(seen / 0.02, np.round(seen / 0.02), atol=2e-3)


def test_area_weights_are_smooth_and_nearest_pixels_are_sharp_and_off(truth: np.ndarray) -> None:
    true = degrade(truth, 4)
    area, nearest = (_view(truth, gridding=name).lst for name in ("area", "nearest"))
    assert detail(area, 2).std() < 0.9 * detail(nearest, 2).std()
    assert np.mean((area - true) ** 2) < np.mean((nearest - true) ** 2)
    assert equal_neighbours(nearest) > 0.05 > equal_neighbours(area)


def test_large_view_angles_blur(truth: np.ndarray) -> None:
    true = detail(degrade(truth, 4), 2)
    sharp, blurred = (float(correlation(detail(_view(truth, angle).lst, 2), true)) for angle in (0.0, -55.0))
    assert blurred < 0.75 * sharp
    assert _view(truth, -55.0).angle.mean() == pytest.approx(-55, abs=1)


def test_noise_is_of_pixels_and_errors_are_smooth(truth: np.ndarray) -> None:
    flat = np.full_like(truth, 300)
    noise, error = _view(flat, noise=0.2, gridding="nearest").lst - 300, _view(flat, error=0.5).lst - 300
    assert noise.std() == pytest.approx(0.2, rel=0.1)
    assert equal_neighbours(noise) > 0.08
    assert error.std() == pytest.approx(0.5, rel=0.25)
    assert np.diff(error, axis=0).std() < 0.3 * error.std()


def test_clouds_hide_and_thin_ones_cool(truth: np.ndarray) -> None:
    over = draw_clouds((40, 48), stream(5, "c"), 0.3)
    seen, clear = _view(truth, 12.0, over), _view(truth, 12.0)
    np.testing.assert_array_equal(np.isnan(seen.lst), over.cover)
    np.testing.assert_array_equal((seen.qc & 3) == 2, over.cover)
    colder = clear.lst - seen.lst
    assert np.nanmean(colder[over.near]) == pytest.approx(over.thin[over.near].mean(), rel=0.4)
    assert np.nanmean(np.abs(colder[over.distance > 6])) < 0.01


def test_reflectance_keeps_its_place_and_mean() -> None:
    bands = np.full((2, 64, 96), 0.05, np.float32)
    bands[1, 8:24, 40:80] = 0.4
    seen = np.stack([measure_band(band, 463.3, stream(1, "r")) for band in seen_bands(bands, 4, (0.0, 0.0))])
    assert seen.shape == (2, 16, 24)
    assert seen[1, 3:5, 12:18].mean() == pytest.approx(0.4, abs=0.02)
    assert seen[1, 8:, :8].mean() == pytest.approx(0.05, abs=0.01)
    np.testing.assert_allclose(seen * 1e4, np.round(seen * 1e4), atol=2e-3)
