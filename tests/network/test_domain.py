"""Inputs far from training: what counts as far, and that results say so with a flag and a larger uncertainty."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import srdanet
from srdanet import flags, load_model
from srdanet.arrays import Float32
from srdanet.energy import aggregate
from srdanet.grid import Level, Tile, coordinates
from srdanet.network.domain import BOUNDED, MARGIN, Domain, joined, widened
from srdanet.predictors.stack import CHANNELS, CONTEXT

DOMAIN = Domain({"lst": (260.0, 320.0), "ndvi": (0.0, 1.0), "wind": (0.0, 10.0)})
NDVI, WIND = CHANNELS.index("ndvi"), CONTEXT.index("wind")


def inputs() -> tuple[Float32, Float32, Float32]:
    lst = np.full((4, 5), 300, np.float32)
    channels = np.full((len(CHANNELS), 8, 10), np.nan, np.float32)
    channels[NDVI] = 0.5
    return lst, channels, np.full((len(CONTEXT), 4, 5), np.nan, np.float32)


def test_what_lies_in_the_ranges_or_is_missing_is_near() -> None:
    lst, channels, context = inputs()
    lst[1, 2], channels[NDVI, 3, 3] = np.nan, np.nan
    lst[0, 0], channels[NDVI, 0, 0] = 320 + 0.9 * MARGIN * 60, -0.9 * MARGIN
    assert DOMAIN.excess(lst, channels, context) is None
    assert Domain({}).excess(lst * 9, channels, context) is None


def test_the_farthest_input_counts_in_widths_of_its_range() -> None:
    lst, channels, context = inputs()
    lst[1, 2] = 380  # one width above
    channels[NDVI, 3, 4], channels[NDVI, 6, 9] = 1.5, -0.25
    context[WIND, 0, 0] = 30
    excess = DOMAIN.excess(lst, channels, context)
    assert excess is not None
    expected = np.zeros((8, 10))
    expected[2:4, 4:6] = 1 - MARGIN  # the fine cells of the hot one: more than the half width of NDVI in one of them
    expected[6, 9] = 0.25 - MARGIN
    expected[0:2, 0:2] = 2 - MARGIN
    np.testing.assert_allclose(excess, expected, atol=1e-6)


def test_the_uncertainty_grows_with_the_distance_and_never_shrinks() -> None:
    excess = np.array([0, 0.1, 1, 5, 1e9], np.float32)
    for sigma in (0.2, 1.0, 49.0, 60.0):
        wide = widened(np.full(5, sigma, np.float32), excess)
        assert wide[0] == np.float32(sigma)
        assert (np.diff(wide) >= 0).all()
        assert (wide >= np.float32(sigma)).all()
        assert wide.max() <= max(50.0, np.float32(sigma))
    assert widened(np.ones(5, np.float32), excess)[2] > 1.5


def test_ranges_of_several_trainings_are_joined() -> None:
    both = joined({"lst": (260, 320)}, {}, {"lst": (250, 300), "wind": (1, 2)})
    assert both == {"lst": (250, 320), "wind": (1, 2)}


@pytest.mark.parametrize("name", ["default", "europe"])
def test_shipped_models_know_all_their_ranges(name: str) -> None:
    model = load_model(name)
    known = set(model.config["channels"]) | set(model.config["context"]) | {"lst"}
    assert set(model.domain.ranges) == known & set(BOUNDED)
    low, high = model.domain.ranges["lst"]
    assert 240 < low < 270 < 310 < high < 340


def test_a_far_part_of_an_image_is_flagged_and_less_certain_and_the_rest_as_it_was() -> None:
    box = Tile(18, 4).geobox(Level.KM1)[100:180, 200:280]
    y, x = np.mgrid[:80, :80]
    mild = (300 + 3 * np.sin(y / 3) + 2 * np.cos(x / 2)).astype(np.float32)
    mild[60, 60] = np.nan

    def result(values: Float32) -> xr.Dataset:
        return srdanet.downscale(xr.DataArray(values, coordinates(box), ("y", "x"), attrs={"units": "K"}), to=250)

    hot = mild.copy()
    hot[:10, :10] += 70
    before, after = result(mild), result(hot)
    far = (after.quality.values & flags.FAR_FROM_TRAINING.mask) > 0
    assert not (before.quality.values & flags.FAR_FROM_TRAINING.mask).any()
    assert far[:40, :40].mean() > 0.95
    assert not far[48:].any()
    assert not far[:, 48:].any()
    ratio = after.lst_uncertainty.values / before.lst_uncertainty.values
    assert np.nanmin(ratio[4:36, 4:36]) > 1.3
    # Beyond the halo of both steps nothing of it is seen.
    np.testing.assert_allclose(ratio[200:, 200:][np.isfinite(ratio[200:, 200:])], 1, atol=1e-4)
    coarse = aggregate(after.lst.values, 4)
    assert np.isnan(coarse[60, 60])
    assert after.quality.values[240, 240] == flags.NO_INPUT.mask
