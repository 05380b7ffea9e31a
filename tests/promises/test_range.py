"""Results leave the range of their surroundings by no more than detail does, and say where they were held back."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import maximum_filter, minimum_filter

from srdanet import downscale
from srdanet.arrays import repeat
from srdanet.downscaling.run import OVERSHOOT_MARGIN
from srdanet.energy import degrade
from srdanet.flags import CONSERVED, OVERSHOOT
from srdanet.grid import Level, Tile
from srdanet.product.record import measure
from srdanet.scene.checks import on_grid

BOX = Tile(18, 4).geobox(Level.KM1)[10:26, 20:34]


def checkerboard() -> np.ndarray:
    """Cells of 150 and 399 K side by side, one missing; asymmetric."""
    rows, cols = np.indices(BOX.shape)
    lst = np.where((rows + cols) % 2, 399.0, 150.0).astype(np.float32)
    lst[:, 9:] = 290 + cols[:, 9:]
    lst[3, 4] = np.nan
    return lst


def beyond(result: xr.Dataset, lst: np.ndarray) -> np.ndarray:
    """K outside the range of the 3 x 3 coarse cells around each cell."""
    factor = result.lst.shape[0] // lst.shape[0]
    low = minimum_filter(np.where(np.isnan(lst), np.inf, lst), 3, mode="nearest")
    high = maximum_filter(np.where(np.isnan(lst), -np.inf, lst), 3, mode="nearest")
    values = result.lst.values
    return np.fmax(values - repeat(high, factor), repeat(low, factor) - values)


@pytest.mark.parametrize("conserve", [False, True])
@pytest.mark.parametrize("block", [256, 5])
@pytest.mark.parametrize(("model", "least"), [("default", 8), ("europe", 9)])
def test_a_checkerboard_stays_in_range_and_is_flagged(model: str, least: int, conserve: bool, block: int) -> None:
    lst = checkerboard()
    coarse = on_grid({"lst": lst}, BOX)["lst"]
    result = downscale(coarse, to=250, day=True, conserve=conserve, block=block, model=model)
    flagged = (result.quality.values & OVERSHOOT.mask) > 0
    out = beyond(result, lst)
    assert np.nanmax(out) == pytest.approx(OVERSHOOT_MARGIN, abs=1e-3)
    assert flagged.sum() >= least
    assert flagged[out >= OVERSHOOT_MARGIN - 1e-3].all()
    if not conserve:  # conservation may bring a cell that was limited back within the range
        np.testing.assert_array_equal(flagged, out >= OVERSHOOT_MARGIN - 1e-3)
    about = measure(result, coarse).overshoot
    assert about is not None
    assert about.limited == flagged.sum()
    assert about.max == pytest.approx(OVERSHOOT_MARGIN, abs=1e-3)
    np.testing.assert_array_equal(np.isnan(result.lst.values), repeat(np.isnan(lst), 4))


def test_where_conservation_had_to_give_way_it_is_not_claimed() -> None:
    lst = checkerboard()
    result = downscale(on_grid({"lst": lst}, BOX)["lst"], to=500, day=True, conserve=True)
    said = degrade(((result.quality.values & CONSERVED.mask) > 0).astype(np.float32) + 1, 2) > 1.999
    closed = np.abs(degrade(result.lst.values, 2) - lst) < 2e-3
    assert closed[said].all()
    assert not (said & ~np.isfinite(lst)).any()
    assert 0.3 < said.mean() < 0.95, said.mean()


def test_what_is_usual_is_neither_limited_nor_flagged() -> None:
    rows, cols = np.indices(BOX.shape)
    lst = (295 + 6 * np.sin(rows / 2) * np.cos(cols / 3) + (cols > 6) * 12).astype(np.float32)
    lst[5, 5] = np.nan
    result = downscale(on_grid({"lst": lst}, BOX)["lst"], to=250, day=True)
    assert not (result.quality.values & OVERSHOOT.mask).any()
    about = measure(result, on_grid({"lst": lst}, BOX)["lst"]).overshoot
    assert about is not None
    assert about.limited == 0
    assert 0 < about.max < 10
