from __future__ import annotations

import numpy as np
import pytest

from srdanet.energy import excess
from srdanet.flags import GAP_NEAR
from srdanet.interpolation import interpolate
from srdanet.viewing import facts


def _coarse(height: int = 150, width: int = 30) -> np.ndarray:
    values = np.random.default_rng(2).normal(300, 3, (height, width)).astype(np.float32)
    values[60:67, 4:9] = np.nan
    return values


def test_interpolation_in_strips_is_that_of_the_whole() -> None:
    coarse = _coarse()
    np.testing.assert_array_equal(facts.bicubic(coarse, 4), interpolate(coarse, 4, "bicubic"))


def test_excess_is_measured_from_the_range_of_the_cells_around() -> None:
    coarse = np.arange(12, dtype=np.float32).reshape(3, 4)
    fine = coarse.repeat(2, 0).repeat(2, 1)
    fine[2, 2] = 13.5  # cell (1, 1): its surroundings reach from 0 to 10
    fine[5, 7] = 4.0  # cell (2, 3): from 6 to 11
    fine[0, 0] = np.nan
    found = excess(fine, coarse)
    assert (found[2, 2], found[5, 7]) == (3.5, 2.0)
    assert np.isnan(found[0, 0])
    assert np.nansum(found) == 5.5
    total = facts.overshoot(found)
    assert (total.share, total.share_1k, total.largest) == (pytest.approx(2 / 47), pytest.approx(2 / 47), 3.5)


def test_closure_error_is_zero_for_repeated_cells() -> None:
    coarse = _coarse()
    error = facts.closure_error(coarse.repeat(4, 0).repeat(4, 1), coarse)
    assert np.nanmax(np.abs(error)) < 1e-3
    assert np.isnan(error[62, 5])


def test_a_wave_has_its_power_at_its_wavelength() -> None:
    x = np.arange(256)
    wave = np.broadcast_to(np.sin(2 * np.pi * x / 16), (200, 256)).astype(np.float32)
    found = facts.spectrum({"wave": wave, "flat": 0.01 * wave})
    assert found is not None
    assert found.wavelength[np.argmax(found.power["wave"])] == pytest.approx(16, rel=0.15)
    np.testing.assert_allclose(found.power["flat"].max() / found.power["wave"].max(), 1e-4, rtol=1e-3)


def test_no_spectrum_of_a_cloudy_or_tiny_image() -> None:
    image = np.ones((64, 64), np.float32)
    image[:, :32] = np.nan
    assert facts.spectrum({"a": image}) is None
    assert facts.spectrum({"a": np.ones((8, 64), np.float32)}) is None


def test_the_detail_lies_where_the_product_departs_most() -> None:
    departure = np.zeros((192, 288), np.float32)
    departure[100:180, 200:280] = 1
    assert facts.detail(departure, 4) == (slice(96, 192), slice(192, 288))
    assert facts.detail(departure[:96, :96], 4) is None


def test_strata_share_out_the_valid_cells() -> None:
    fine = np.full((6, 4), 300, np.float32)
    fine[:3] = 310
    fine[0, 0] = np.nan
    departure, beyond = fine - 305, np.where(fine > 305, 1, 0).astype(np.float32)
    quality = np.zeros((6, 4), np.uint8)
    quality[3:] = GAP_NEAR.mask
    sigma = np.linspace(0.5, 2, 24, dtype=np.float32).reshape(6, 4)
    rows = facts.strata(fine, departure, beyond, sigma, quality, {"crop": fine > 305, "urban": fine > 400})
    by_name = {(row.group, row.name): row for row in rows}
    assert by_name["All", "all valid cells"].share == 1
    assert by_name["Quality", "gap_near"].share == pytest.approx(12 / 23)
    assert by_name["Quality", "gap_near"].lst == 300
    assert by_name["Land cover", "crop"].overshoot == 1
    assert by_name["Land cover", "crop"].departure == 5
    assert ("Land cover", "urban") not in by_name
    thirds = [row.share for row in rows if row.group == "Uncertainty"]
    assert sum(thirds) == pytest.approx(1)
