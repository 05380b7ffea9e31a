"""Laws of what is derived from the base predictors."""

from __future__ import annotations

import numpy as np
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from odc.geo.geobox import GeoBox

from srdanet.grid import SINUSOIDAL
from srdanet.predictors.indices import evi, ndvi, ndwi, tvdi
from srdanet.predictors.land_cover import fractions
from srdanet.predictors.solar import illumination, solar_to_utc, sun_at
from srdanet.predictors.terrain import gradient
from srdanet.variables import BY_NAME

quick = settings(deadline=None, max_examples=40)
shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=8)
anything = st.one_of(st.floats(-0.1, 1.6), st.just(float("nan")))
moments = st.integers(0, 40 * 365 * 86400).map(lambda s: np.datetime64("1995-01-01") + np.timedelta64(s, "s"))


@quick
@given(hnp.arrays(np.float64, (3, 4, 5), elements=anything))
def test_indices_keep_to_their_range(bands: np.ndarray) -> None:
    red, nir, blue = bands
    values = {"ndvi": ndvi(red, nir), "ndwi": ndwi(nir, blue), "evi": evi(red, nir, blue)}
    for name, value in values.items():
        known = value[np.isfinite(value)]
        assert ((known >= BY_NAME[name].low) & (known <= BY_NAME[name].high)).all()
    assert np.isnan(values["ndvi"])[np.isnan(red) | np.isnan(nir)].all()
    np.testing.assert_array_equal(ndvi(nir, red), -values["ndvi"])


@quick
@given(st.floats(0.3, 3), hnp.arrays(np.float64, (2, 4, 5), elements=st.floats(0.05, 0.5)))
def test_normalised_differences_do_not_know_brightness(brighter: float, bands: np.ndarray) -> None:
    np.testing.assert_allclose(ndvi(*(brighter * bands)), ndvi(*bands), atol=1e-12)


@quick
@given(st.integers(0, 1000), st.floats(-20, 20))
def test_tvdi_does_not_know_the_level(seed: int, warmer: float) -> None:
    rng = np.random.default_rng(seed)
    green = rng.uniform(0.1, 0.9, (40, 50))
    lst = 295 + rng.random((40, 50)) * (35 - 30 * green)
    found = tvdi(lst, green)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(tvdi(lst + warmer, green), found, atol=1e-9)
    np.testing.assert_array_equal(tvdi(lst[::-1], green[::-1]), found[::-1])


@quick
@given(shapes, st.floats(-170, 170), st.floats(-70, 70), st.data())
def test_terrain(shape: tuple[int, int], lon: float, lat: float, data: st.DataObject) -> None:
    """Gradients are linear and know no level; gaps stay gaps."""
    radius = 6371007.181
    x, y = radius * np.radians(lon) * np.cos(np.radians(lat)), radius * np.radians(lat)
    box = GeoBox(shape, Affine(231.656, 0, x, 0, -231.656, y), SINUSOIDAL)
    a, b = (data.draw(hnp.arrays(np.float64, shape, elements=st.floats(-400, 4000))) for _ in range(2))
    for part_a, part_b, both in zip(gradient(a, box), gradient(b, box), gradient(2 * a - b + 77, box), strict=True):
        np.testing.assert_allclose(both, 2 * part_a - part_b, atol=1e-8)
    a[data.draw(hnp.arrays(bool, shape))] = np.nan
    for part in gradient(a, box):
        assert np.isnan(part)[np.isnan(a)].all()


@quick
@given(moments, st.floats(-180, 180), st.floats(-89, 89), st.floats(-2, 2), st.floats(-2, 2))
def test_light(time: np.datetime64, lon: float, lat: float, east: float, north: float) -> None:
    zenith, azimuth = sun_at(time, lon, lat)
    assert 0 <= zenith <= 180
    assert 0 <= azimuth <= 360
    light = illumination(east, north, zenith, azimuth)
    assert 0 <= light <= 1 + 1e-12
    assert light == 0 or zenith <= 90
    uphill = np.hypot(east, north)
    towards = illumination(
        -uphill * np.sin(np.radians(azimuth)), -uphill * np.cos(np.radians(azimuth)), zenith, azimuth
    )
    assert light <= towards + 1e-9, "no slope of this steepness is brighter than the one that faces the sun"


@quick
@given(moments, st.floats(0, 24), st.floats(-180, 180))
def test_view_times_and_utc(time: np.datetime64, hours: float, lon: float) -> None:
    date = time.astype("datetime64[D]")
    utc = solar_to_utc(date, hours, lon)
    assert utc.astype("datetime64[D]") == date
    back = (utc - date) / np.timedelta64(3600, "s") + lon / 15
    off = (back - hours + 12) % 24 - 12
    assert abs(off) < 1 / 3600


@quick
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.data())
def test_shares(factor: int, height: int, width: int, data: st.DataObject) -> None:
    shape = (height * factor, width * factor)
    classes = data.draw(
        hnp.arrays(np.uint8, shape, elements=st.one_of(st.integers(0, 20), st.sampled_from([254, 255])))
    )
    shares = fractions(classes, factor)
    assert shares.shape == (9, height, width)
    total = shares.sum(0)
    assert (np.isnan(total) | (np.abs(total - 1) < 1e-5)).all()
    known = ((classes >= 1) & (classes <= 17)).reshape(height, factor, width, factor).mean((1, 3))
    assert (np.isnan(total) == (known < 0.5)).all()
