"""The sensor: energy is what it averages, and words say what happened."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet.physics import degrade
from srdanet.products.quality import QC_LST, STATE_1KM, decode, keep_lst, lst_error
from srdanet.simulate.noise import fractal, stream
from srdanet.simulate.sensor import SPREAD, clouds, reflectance, state_words, view


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    ramp = np.linspace(0, 8, 96, dtype=np.float32)[None, :]
    return 295 + 3 * fractal((80, 96), stream(1, "t"), slope=3, cell=231.7) + ramp


def test_a_perfect_sensor_averages_exitance_through_its_point_spread(truth: np.ndarray) -> None:
    emissivity = np.where(np.indices(truth.shape)[1] % 3 == 0, 0.94, 0.98).astype(np.float32)
    seen = view(
        truth, emissivity, 4, stream(1, "v"), over=clouds((20, 24), stream(1, "c"), 0.0), hour=10.6, angle=0.0,
        noise=0.0, error=0.0, jitter=0.0,
    )  # fmt: skip
    expected = degrade(truth, 4, emissivity=emissivity, spread=SPREAD)
    np.testing.assert_allclose(seen.lst, expected, atol=0.0101)
    np.testing.assert_allclose(seen.lst / 0.02, np.round(seen.lst / 0.02), atol=2e-3)


def test_large_view_angles_blur(truth: np.ndarray) -> None:
    def detail(angle: float) -> float:
        clear = clouds((20, 24), stream(1, "c"), 0.0)
        lst = view(
            truth, np.ones_like(truth), 4, stream(1, "v"), over=clear, hour=10.6, angle=angle, noise=0, error=0
        ).lst
        return float(np.diff(lst, axis=1).std())

    assert detail(50.0) < 0.97 * detail(0.0)


def test_clouds_cover_the_asked_share_and_are_not_in_one_piece() -> None:
    over = clouds((120, 150), stream(2, "c"), 0.3)
    assert over.cover.mean() == pytest.approx(0.3, abs=0.01)
    assert not (over.cover & over.near).any()
    assert not (over.cover & over.shadow).any()
    assert over.thin[over.cover].max() == 0
    assert over.thin[over.near].mean() > over.thin[~over.near & ~over.cover].mean()
    edge = (np.diff(over.cover.astype(int), axis=1) != 0).sum()
    assert 120 < edge < 120 * 150 / 4


def test_quality_words_say_what_happened(truth: np.ndarray) -> None:
    over = clouds((20, 24), stream(5, "c"), 0.3)
    seen = view(truth, np.ones_like(truth), 4, stream(1, "v"), over=over, hour=10.6, angle=12.0)
    np.testing.assert_array_equal(np.isnan(seen.lst), over.cover)
    np.testing.assert_array_equal(decode(QC_LST, seen.qc)["mandatory"] == 2, over.cover)
    clear, thin = degrade(truth, 4, spread=SPREAD), over.thin > 1.5
    bound = lst_error(seen.qc)
    assert np.all(bound[thin & ~over.cover] == 3)
    kept = keep_lst(seen.qc)
    worst = np.abs(seen.lst - clear)
    assert worst[kept].mean() < np.nanmean(worst[~kept & ~over.cover])


def test_state_words_agree_with_the_clouds() -> None:
    over = clouds((30, 40), stream(6, "c"), 0.2)
    water = np.zeros((30, 40), np.float32)
    water[3:5, 7:20] = 1
    fields = decode(STATE_1KM, state_words(over, water, np.zeros_like(water), stream(1, "s")))
    np.testing.assert_array_equal(fields["cloud"] == 1, over.cover)
    np.testing.assert_array_equal(fields["adjacent"] == 1, over.near)
    np.testing.assert_array_equal(fields["shadow"] == 1, over.shadow)
    np.testing.assert_array_equal(fields["land_water"] == 3, water > 0.5)


def test_reflectance_keeps_its_place_and_mean() -> None:
    bands = np.full((2, 64, 96), 0.05, np.float32)
    bands[1, 8:24, 40:80] = 0.4
    seen = reflectance(bands, 4, stream(1, "r"), jitter=0.0)
    assert seen.shape == (2, 16, 24)
    assert seen[1, 3:5, 12:18].mean() == pytest.approx(0.4, abs=0.02)
    assert seen[1, 8:, :8].mean() == pytest.approx(0.05, abs=0.01)
    np.testing.assert_allclose(seen * 1e4, np.round(seen * 1e4), atol=2e-3)
