"""Spectral indices against spyndex; the dryness index on triangles built by hand."""

from __future__ import annotations

import numpy as np
import pytest
import spyndex

from srdanet.predictors.indices import evi, ndvi, ndwi, tvdi

RNG = np.random.default_rng(11)


def reflectance(low: float, high: float) -> np.ndarray:
    return RNG.uniform(low, high, (7, 9))


def test_ndvi_and_evi_are_spyndex_s() -> None:
    red, nir, blue = reflectance(0.02, 0.3), reflectance(0.1, 0.6), reflectance(0.01, 0.1)
    bands = {"N": nir, "R": red, "B": blue, "g": 2.5, "C1": 6.0, "C2": 7.5, "L": 1.0}
    expected_ndvi, expected_evi = spyndex.computeIndex(["NDVI", "EVI"], bands)
    np.testing.assert_allclose(ndvi(red, nir), expected_ndvi, rtol=1e-12)
    np.testing.assert_allclose(evi(red, nir, blue), np.clip(expected_evi, -1, 1.5), rtol=1e-12)


def test_ndwi_is_gao_s_not_mcfeeters() -> None:
    nir, nir2 = reflectance(0.1, 0.6), reflectance(0.1, 0.6)
    expected = spyndex.computeIndex("NDVI", {"N": nir, "R": nir2})
    np.testing.assert_allclose(ndwi(nir, nir2), expected, rtol=1e-12)
    assert ndwi(np.array([0.4]), np.array([0.2]))[0] > 0


def test_known_values() -> None:
    assert ndvi(np.array([0.05]), np.array([0.45]))[0] == pytest.approx(0.8)
    assert evi(np.array([0.05]), np.array([0.45]), np.array([0.03]))[0] == pytest.approx(1.0 / 1.525)


def test_ranges_and_missing() -> None:
    red = np.array([np.nan, 0.0, -0.02, 0.004, 0.3, 0.02], np.float32)
    nir = np.array([0.3, 0.0, 0.02, 0.004, -0.01, 0.5], np.float32)
    value = ndvi(red, nir)
    assert value.dtype == np.float32
    assert np.isnan(value).tolist() == [True, True, True, True, False, False]
    assert value[4] == -1.0
    cloudy = evi(np.array([0.5, 0.6]), np.array([0.5, 0.9]), np.array([0.62, 0.45]))
    assert np.isnan(cloudy[0])
    assert cloudy[1] == pytest.approx(0.75 / 2.125)


def test_one_double_makes_all_double() -> None:
    assert ndvi(np.full(3, 0.1, np.float32), np.full(3, 0.5)).dtype == np.float64


def triangle(cells: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lst, ndvi, dryness): dry edge 330 - 30 NDVI, wet edge 295 K."""
    rng = np.random.default_rng(3)
    green, dry = rng.uniform(0.05, 0.9, (cells // 100, 100)), rng.uniform(0, 1, (cells // 100, 100))
    return 295 + dry * (35 - 30 * green), green, dry


def test_tvdi_finds_the_edges() -> None:
    lst, green, dry = triangle()
    found = tvdi(lst, green)
    assert found.dtype == np.float64
    assert np.abs(found - dry).max() < 0.05
    assert np.corrcoef(found.ravel(), dry.ravel())[0, 1] > 0.999


def test_tvdi_passes_over_missing_and_water() -> None:
    lst, green, _ = triangle()
    whole = tvdi(lst, green)
    lst[0, :50], green[1, :50], green[2, :50] = np.nan, np.nan, -0.3
    lst[2, :50] = 340
    found = tvdi(lst, green)
    assert np.isnan(found[:3, :50]).all()
    assert np.isfinite(found).sum() == found.size - 150
    assert np.nanmax(np.abs(found - whole)) < 0.02


def test_tvdi_stays_within_its_range() -> None:
    lst, green, _ = triangle()
    lst[5, 5] -= 20
    lst[6, 6] += 40
    found = tvdi(lst.astype(np.float32), green.astype(np.float32))
    assert found.dtype == np.float32
    assert found.min() == found[5, 5] == 0.0
    assert found.max() == found[6, 6] == 1.0


@pytest.mark.parametrize("case", ["empty", "few cells", "one ndvi", "night", "winter", "upside down"])
def test_tvdi_without_a_triangle_is_missing(case: str) -> None:
    lst, green, _ = triangle()
    if case == "empty":
        lst = np.full_like(lst, np.nan)
    elif case == "few cells":
        lst, green = lst[:1, :12], green[:1, :12]
    elif case == "one ndvi":
        green = np.full_like(green, 0.4)
    elif case == "night":
        lst = 280 + 5 * green
    elif case == "upside down":
        lst = 280 + RNG.random(lst.shape) * (5 + 20 * green)
    else:
        lst = 272 + 0.3 * RNG.random(lst.shape) - 0.1 * green
    found = tvdi(lst, green)
    assert found.shape == lst.shape
    assert np.isnan(found).all()
