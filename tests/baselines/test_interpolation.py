"""Interpolation equals torch's, respects gaps, and is a downscaler."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from srdanet.baselines import Interpolation
from srdanet.errors import ArgumentError
from srdanet.grid import SINUSOIDAL, geobox_of, refine
from srdanet.interpolation import interpolate
from srdanet.scene import Scene
from srdanet.scene.checks import on_grid

KINDS = ("nearest", "bilinear", "bicubic")


def image(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ramp = np.arange(shape[-2])[:, None] * 0.7 + np.arange(shape[-1]) * 0.2
    return (290 + ramp + rng.normal(0, 3, shape)).astype(np.float32)


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_torch(kind: str, factor: int) -> None:
    torch = pytest.importorskip("torch")
    values = image((3, 9, 14))
    options = {} if kind == "nearest" else {"align_corners": False}
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(values.astype(np.float64))[None], scale_factor=factor, mode=kind, **options
    )
    np.testing.assert_allclose(interpolate(values, factor, kind), theirs[0].numpy(), atol=1e-4)


def test_bicubic_by_hand() -> None:
    """The weights of Keys's kernel with a = -0.75 a quarter cell off the centre, written out."""
    values = np.array([[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    weights = {-2: -0.03515625, -1: 0.26171875, 0: 0.87890625, 1: -0.10546875}
    row = interpolate(values, 2)[0]
    assert row.tolist() == pytest.approx(
        [0, weights[-2], weights[1], weights[-1], weights[0], weights[0], weights[-1], weights[1], weights[-2], 0, 0, 0]
    )


@pytest.mark.parametrize("kind", KINDS)
@given(
    factor=st.integers(1, 5),
    gap=st.tuples(st.integers(0, 6), st.integers(0, 8)),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_a_gap_stays_a_gap_and_spoils_nothing(kind: str, factor: int, gap: tuple[int, int], seed: int) -> None:
    whole = image((7, 9), seed)
    holed = whole.copy()
    holed[gap] = np.nan
    fine = interpolate(holed, factor, kind)
    missing = np.zeros(whole.shape, bool)
    missing[gap] = True
    assert np.array_equal(np.isnan(fine), missing.repeat(factor, 0).repeat(factor, 1))
    far = np.maximum(*(np.abs(i - g) for i, g in zip(np.indices(whole.shape), gap, strict=True))) > 2
    far = far.repeat(factor, 0).repeat(factor, 1)
    np.testing.assert_allclose(fine[far], interpolate(whole, factor, kind)[far], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_stays_constant_beside_gaps(kind: str) -> None:
    values = np.full((8, 11), 287.25)
    values[2:6, 3:9] = np.nan
    values[0, 0] = np.nan
    fine = interpolate(values, 3, kind)
    np.testing.assert_allclose(fine[np.isfinite(fine)], 287.25, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_known_gives_nothing(kind: str) -> None:
    assert np.isnan(interpolate(np.full((3, 4), np.nan), 2, kind)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_turning_the_image_turns_the_result(kind: str) -> None:
    values = image((6, 9))
    values[2, 4] = np.nan
    turned = interpolate(np.rot90(values), 4, kind)
    np.testing.assert_allclose(turned, np.rot90(interpolate(values, 4, kind)), atol=1e-4)


def test_dtype_and_arguments() -> None:
    assert interpolate(image((4, 5)), 2).dtype == np.float32
    assert interpolate(image((4, 5)).astype(np.float64), 2).dtype == np.float64
    with pytest.raises(ArgumentError, match="lanczos"):
        interpolate(image((4, 5)), 2, "lanczos")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="factor is 0"):
        interpolate(image((4, 5)), 0)


def test_as_a_method_it_carries_place_and_units() -> None:
    box = GeoBox((5, 7), Affine(1000, 0, 3000, 0, -1000, 5_000_000), SINUSOIDAL)
    lst = image((5, 7))
    result = Interpolation("bilinear")(Scene(on_grid({"lst": lst}, box)), 4)
    assert geobox_of(result["lst"]) == refine(box, 4)
    assert result["lst"].attrs["units"] == "K"
    np.testing.assert_array_equal(result["lst"].values, interpolate(lst, 4, "bilinear"))
