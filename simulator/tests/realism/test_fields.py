"""Statistics against fields whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet_simulator.noise import fractal, stream
from srdanet_simulator.realism import fields

Y, X = np.mgrid[0:64, 0:64].astype(np.float64)


@pytest.mark.parametrize("slope", [2.0, 3.0, 4.0])
@pytest.mark.parametrize("size", [64, 128])
def test_spectrum_slope_of_fields_that_have_one(slope: float, size: int) -> None:
    images = np.stack([fractal((size, size), stream(seed, "f"), slope=slope, cell=1.0) for seed in range(8)])
    tilted = images + 0.1 * np.arange(size)
    found = fields.spectrum_slope(tilted, 0.93, 2, 0.46 * size)
    assert found.shape == (8,)
    assert found.mean() == pytest.approx(slope, abs=0.15)


def test_spectrum_slope_sees_only_its_range() -> None:
    # A wave of 4 cells that is stronger or weaker than the rest leaves the waves beyond 8 cells alone.
    field = fractal((64, 64), stream(1, "f"), slope=3.0, cell=1.0)
    with_wave = field + 5 * np.cos(np.pi * X / 2)
    assert fields.spectrum_slope(with_wave, 1.0, 8, 30) == pytest.approx(fields.spectrum_slope(field, 1.0, 8, 30), 0.05)
    assert abs(fields.spectrum_slope(with_wave, 1.0, 2, 30) - fields.spectrum_slope(field, 1.0, 2, 30)) > 0.5


def test_spectrum_of_an_image_with_gaps_is_unknown() -> None:
    image = fractal((64, 64), stream(1, "f"), slope=3.0, cell=1.0)
    image[5, 7] = np.nan
    assert np.isnan(fields.spectrum_slope(image, 1.0, 2, 30))


def test_spread_of_a_wave() -> None:
    wave = 300 + 2 * np.sin(2 * np.pi * X / 16)
    assert fields.spread(np.stack([wave, 2 * wave])) == pytest.approx([np.sqrt(2), 2 * np.sqrt(2)])


def test_bicubic_gives_back_what_is_smooth_and_not_what_is_fine() -> None:
    smooth = 300 + 3 * np.cos(2 * np.pi * X / 64)
    checks = 300 + 0.5 * (-1.0) ** (X + Y)
    error = fields.bicubic_error(np.stack([smooth, checks]))
    assert error[0] < 0.02
    assert error[1] == pytest.approx(0.5, abs=0.005)


def test_detail_is_what_the_mean_of_the_block_lacks() -> None:
    image = np.kron(np.arange(12.0).reshape(3, 4), np.ones((4, 4))) + np.tile([[1.0, -1.0], [-1.0, 1.0]], (6, 8))
    inside = fields.detail(np.pad(image, [(0, 1), (0, 3)]), 4)
    np.testing.assert_allclose(inside, np.tile([[1.0, -1.0], [-1.0, 1.0]], (6, 8)))
    image[5, 6] = np.nan
    assert np.isnan(fields.detail(image, 4)[4:8, 4:8]).all()
    assert np.isnan(fields.detail(image, 4)).sum() == 16


@pytest.mark.parametrize("known", [-0.8, 0.0, 0.3, 1.0])
def test_correlation_of_fields_that_have_one(known: float) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 200, 150))
    other = known * a + np.sqrt(1 - known**2) * b
    other[40:60, 10:90] = np.nan
    assert fields.correlation(280 + 3 * a, 5 * other - 2) == pytest.approx(known, abs=0.015)


def test_correlation_is_unknown_where_nothing_varies_or_too_little_is_seen() -> None:
    a = np.where(X + Y < 8, X, np.nan)
    assert np.isnan(fields.correlation(a, Y))
    assert np.isnan(fields.correlation(X, np.full_like(X, 0.5)))


def test_rms_leaves_gaps_out() -> None:
    image = np.full((20, 30), 3.0)
    image[:5] = np.nan
    assert fields.rms(image) == pytest.approx(3.0)
    assert np.isnan(fields.rms(image[:7, :20]))


def test_clouds_of_known_length() -> None:
    stripes = (X // 8 % 2).astype(bool)
    blocks = ((X // 8 + Y // 8) % 2).astype(bool)
    inside = slice(4, 60)
    # Lines along the stripes meet no edge, so that their clouds count twice as long.
    assert fields.cloud_size(stripes[inside, inside], 0.5) == pytest.approx(2 * 8 * 0.5, rel=0.01)
    assert fields.cloud_size(blocks[inside, inside], 0.5) == pytest.approx(8 * 0.5, rel=0.01)
    assert np.isnan(fields.cloud_size(np.ones((8, 8), bool), 1.0))


def test_pixels_gridded_twice_along_rows_are_seen() -> None:
    image = np.random.default_rng(1).normal(300, 2, (64, 32)).repeat(2, axis=1)
    assert fields.equal_neighbours(image) == pytest.approx(32 / 63)
    assert fields.step_ratio(image) == pytest.approx(np.sqrt(31 / 63), abs=0.05)
    assert fields.equal_neighbours(image.T) == 0
    assert fields.step_ratio(image.T) == pytest.approx(np.sqrt(63 / 31), abs=0.08)
