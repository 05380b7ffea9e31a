"""No number is wrong for its size, type, place or neighbours: what decides a cell is its surroundings, and no more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from srdanet import downscale, load_model
from srdanet.arrays import repeat
from srdanet.energy import aggregate, degrade
from srdanet.grid import Level, Tile, coordinates, refine

BOX = Tile(18, 4).geobox(Level.KM1)[200:260, 700:757]
MODEL = "default"


def image(values: np.ndarray | None = None) -> xr.DataArray:
    """LST (K) that no flip, turn or shift leaves as it is."""
    rows, cols = np.mgrid[: BOX.shape[0], : BOX.shape[1]]
    lst = 295 + 0.11 * rows - 0.07 * cols + 2 * np.sin(rows * cols / 40)
    values = lst.astype(np.float32) if values is None else values
    return xr.DataArray(values, coords=coordinates(BOX), dims=("y", "x"))


def greenness() -> xr.Dataset:
    box = refine(BOX, 4)
    rows, cols = np.mgrid[: box.shape[0], : box.shape[1]]
    ndvi = (0.5 + 0.3 * np.sin(rows / 5) * np.cos(cols / 7) + 0.0005 * rows).astype(np.float32)
    return xr.Dataset({"ndvi": (("y", "x"), ndvi)}, coords=coordinates(box))


def fine(lst: xr.DataArray | None = None, auxiliary: Any = None, **how: Any) -> np.ndarray:
    given = {"to": 500, "time": "2020-07-15T10:40", "day": True, "model": MODEL} | how
    result = downscale(image() if lst is None else lst, greenness() if auxiliary is None else auxiliary, **given)
    return np.asarray(result.lst.values)


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    return fine()


@pytest.mark.parametrize(("model", "block"), [("default", 13), ("default", 33), ("europe", 25)])
def test_windows_change_less_than_a_tenth_of_a_millikelvin(whole: np.ndarray, model: str, block: int) -> None:
    expected = whole if model == MODEL else fine(model=model)
    assert np.abs(fine(block=block, model=model) - expected).max() < 1e-4


@pytest.mark.trial
@pytest.mark.parametrize("block", [1, 2, 5, 7, 10, 16, 29, 48, 59])
@pytest.mark.parametrize("model", ["default", "europe"])
def test_windows_of_any_size(model: str, block: int) -> None:
    """In both steps, with a gap in the image; a block of 1 takes a cell at a time."""
    lst = image()[:30, :32] if block < 5 else image()
    lst[8:11, 20:23] = np.nan
    expected, found = (fine(lst, to=250, model=model, block=size) for size in (999, block))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -9999.0])
def test_one_bad_predictor_touches_nothing_beyond_the_halo(whole: np.ndarray, bad: float) -> None:
    auxiliary = greenness()
    row, col = 100, 90
    auxiliary["ndvi"].values[row, col] = bad
    found = fine(auxiliary=auxiliary)
    assert np.isfinite(found).all()
    touched = np.argwhere(np.abs(found - whole) > 1e-4) / 2
    assert len(touched) > 0
    reach = np.abs(touched - np.array([row, col]) / 4).max()
    assert reach <= load_model(MODEL).halo + 1, reach


@pytest.mark.parametrize("kelvin", [200.0, 360.0])
def test_extremes_stay_in_range(kelvin: float) -> None:
    rows, cols = np.mgrid[: BOX.shape[0], : BOX.shape[1]]
    lst = (kelvin + 3 * np.sin(rows / 3) * np.cos(cols / 4)).astype(np.float32)
    found = fine(image(lst))
    assert kelvin - 8 < found.min() < found.max() < kelvin + 8
    assert np.abs(degrade(found, 2) - lst).max() < 3


TYPES = ["f2", "f4", "f8", ">f4", ">f8", "u2", "i2", "i4", "u4", "i8", "u8", ">i2"]


@pytest.mark.parametrize("kind", TYPES)
def test_every_numeric_type_is_read_as_what_it_says(kind: str) -> None:
    """Whole kelvins, which each of the types holds; the result is always of single precision."""
    rows, cols = np.mgrid[: BOX.shape[0], : BOX.shape[1]]
    lst = 280 + rows // 4 + 2 * (cols // 9)
    given = np.asarray(lst[:12, :10], dtype=kind)
    box = BOX[:12, :10]
    kept = given.copy()
    found = downscale(
        xr.DataArray(given, coords=coordinates(box), dims=("y", "x")), to=500, day=True, model=MODEL
    )  # fmt: skip
    expected = downscale(
        xr.DataArray(lst[:12, :10].astype("f4"), coords=coordinates(box), dims=("y", "x")),
        to=500, day=True, model=MODEL,
    )  # fmt: skip
    assert found.lst.dtype == np.float32
    np.testing.assert_array_equal(found.lst.values, expected.lst.values)
    np.testing.assert_array_equal(given, kept)


# Laws.

quick = settings(deadline=None, max_examples=40)


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    factor = draw(st.integers(1, 4))
    shape = tuple(draw(st.integers(1, 6)) for _ in range(2))
    coarse = draw(hnp.arrays(np.float64, shape, elements=st.floats(180, 350)))
    coarse[draw(hnp.arrays(bool, shape))] = np.nan
    return coarse, factor


@quick
@given(images())
def test_what_is_repeated_and_averaged_is_what_it_was(drawn: tuple[np.ndarray, int]) -> None:
    coarse, factor = drawn
    np.testing.assert_allclose(aggregate(repeat(coarse, factor), factor), coarse, rtol=1e-12)
    np.testing.assert_allclose(degrade(repeat(coarse, factor), factor), coarse, rtol=1e-12)


@quick
@given(images(), st.data())
def test_averages_of_parts_are_parts_of_the_average(drawn: tuple[np.ndarray, int], data: st.DataObject) -> None:
    """Cut at any coarse cell, under any mask of fine cells; the mean of all is kept where all is known."""
    coarse, factor = drawn
    values = repeat(coarse, factor) + np.arange(coarse.size * factor**2).reshape(
        coarse.shape[0] * factor, coarse.shape[1] * factor
    )
    values = np.where(np.isnan(values), 200.0, values)
    assert aggregate(values, factor).mean() == pytest.approx(values.mean(), rel=1e-12)
    values[data.draw(hnp.arrays(bool, values.shape))] = np.nan
    row, col = (data.draw(st.integers(0, size - 1)) for size in coarse.shape)
    for method in (aggregate, degrade):
        part = method(values[row * factor :, col * factor :], factor)
        np.testing.assert_allclose(part, method(values, factor)[row:, col:], rtol=1e-12)
        turned = method(values[::-1, ::-1].T, factor)
        np.testing.assert_allclose(turned, method(values, factor)[::-1, ::-1].T, rtol=1e-12)
