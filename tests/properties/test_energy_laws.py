"""Laws of degrading and closing that hold for every image."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from srdanet.energy import aggregate, conserve, degrade

quick = settings(deadline=None, max_examples=40)
kelvin = st.floats(180, 350)


@st.composite
def images(draw: st.DrawFn, factors: tuple[int, int] = (1, 4), gaps: bool = True) -> tuple[np.ndarray, int]:
    factor = draw(st.integers(*factors))
    shape = tuple(draw(st.integers(1, 5)) * factor for _ in range(2))
    image = draw(hnp.arrays(np.float64, shape, elements=kelvin))
    if gaps:
        image[draw(hnp.arrays(bool, shape))] = np.nan
    return image, factor


@quick
@given(kelvin, st.integers(1, 4), st.floats(0, 1), st.booleans())
def test_an_even_field_stays(level: float, factor: int, spread: float, blotched: bool) -> None:
    image = np.full((3 * factor, 5 * factor), level)
    if blotched:
        image[:: factor + 1, ::3] = np.nan
    seen = degrade(image, factor, point_spread=spread)
    assert np.nanmax(np.abs(seen - level), initial=0) < 1e-9
    np.testing.assert_allclose(conserve(image, seen), image, atol=1e-9)


@quick
@given(images(), st.floats(0, 0.8))
def test_it_commutes_with_turning_the_image(drawn: tuple[np.ndarray, int], spread: float) -> None:
    image, factor = drawn
    seen = degrade(image, factor, point_spread=spread)
    np.testing.assert_allclose(degrade(image[::-1], factor, point_spread=spread), seen[::-1], atol=1e-9)
    np.testing.assert_allclose(degrade(image[:, ::-1], factor, point_spread=spread), seen[:, ::-1], atol=1e-9)
    np.testing.assert_allclose(degrade(image.T, factor, point_spread=spread), seen.T, atol=1e-9)


@quick
@given(images(gaps=False), st.integers(1, 3))
def test_two_steps_are_one(drawn: tuple[np.ndarray, int], again: int) -> None:
    image, factor = drawn
    image = np.tile(image, (again, again))
    image[0, 0] = 200.0
    np.testing.assert_allclose(degrade(degrade(image, factor), again), degrade(image, factor * again), atol=1e-9)
    np.testing.assert_allclose(aggregate(aggregate(image, factor), again), aggregate(image, factor * again), atol=1e-9)


@quick
@given(images(), st.floats(0, 0.8))
def test_a_mean_lies_between_the_extremes(drawn: tuple[np.ndarray, int], spread: float) -> None:
    image, factor = drawn
    for seen in (degrade(image, factor, point_spread=spread), aggregate(image, factor)):
        valid = seen[np.isfinite(seen)]
        if valid.size:
            assert valid.min() >= np.nanmin(image) - 1e-9
            assert valid.max() <= np.nanmax(image) + 1e-9
    box, plain = degrade(image, factor), aggregate(image, factor)
    assert (np.isnan(box) == np.isnan(plain)).all()
    assert (np.nan_to_num(box) >= np.nan_to_num(plain) - 1e-9).all(), "the mean exitance is that of a warmer cell"


@quick
@given(images(), st.data())
def test_warmer_below_is_warmer_above(drawn: tuple[np.ndarray, int], data: st.DataObject) -> None:
    image, factor = drawn
    rise = data.draw(hnp.arrays(np.float64, image.shape, elements=st.floats(0, 30)))
    emissivity = data.draw(hnp.arrays(np.float64, image.shape, elements=st.floats(0.6, 1)))
    before, after = (degrade(part, factor, emissivity=emissivity) for part in (image, image + rise))
    assert (np.nan_to_num(after - before) >= -1e-9).all()


@quick
@given(images(), st.floats(0.1, 1))
def test_an_even_emissivity_is_none(drawn: tuple[np.ndarray, int], emissivity: float) -> None:
    image, factor = drawn
    level = np.full(image.shape, emissivity)
    np.testing.assert_allclose(degrade(image, factor, emissivity=level), degrade(image, factor), atol=1e-9)


@quick
@given(images(), st.data())
def test_closing(drawn: tuple[np.ndarray, int], data: st.DataObject) -> None:
    """Closed on every cell that can be; idempotent; missing stays missing; untouched where nothing is known."""
    image, factor = drawn
    coarse = data.draw(hnp.arrays(np.float64, tuple(n // factor for n in image.shape), elements=kelvin))
    coarse[data.draw(hnp.arrays(bool, coarse.shape))] = np.nan
    closed = conserve(image, coarse)
    seen = degrade(closed, factor)
    known = np.isfinite(coarse) & np.isfinite(degrade(image, factor))
    assert (np.abs(seen - coarse)[known] < 1e-6).all()
    assert (np.isnan(closed) == np.isnan(image)).all()
    free = np.isnan(coarse).repeat(factor, 0).repeat(factor, 1)
    np.testing.assert_array_equal(closed[free], image[free])
    np.testing.assert_allclose(conserve(closed, coarse), closed, atol=1e-6)


@quick
@given(images(gaps=False), st.data())
def test_closing_commutes_with_turning_the_image(drawn: tuple[np.ndarray, int], data: st.DataObject) -> None:
    image, factor = drawn
    shape = tuple(n // factor for n in image.shape)
    coarse = data.draw(hnp.arrays(np.float64, shape, elements=st.floats(280, 300)))
    closed = conserve(image, coarse)
    np.testing.assert_allclose(conserve(image[::-1], coarse[::-1]), closed[::-1], atol=1e-6)
    np.testing.assert_allclose(conserve(image.T, coarse.T), closed.T, atol=1e-6)
