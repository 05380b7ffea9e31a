"""IGBP classes, their groups, and shares of a cell."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet.errors import GridError
from srdanet.predictors.land_cover import GROUPS, fractions

ORDER = list(GROUPS)


def test_every_class_has_one_group() -> None:
    members = [member for group in GROUPS.values() for member in group]
    assert sorted(members) == list(range(1, 18))
    assert ORDER == ["forest", "shrub", "grass", "wetland", "crop", "urban", "snow", "bare", "water"]
    with pytest.raises(TypeError):
        GROUPS["forest"] = ()  # type: ignore[index]


@pytest.mark.parametrize(
    ("number", "group"), [(8, "forest"), (9, "grass"), (14, "crop"), (13, "urban"), (17, "water"), (16, "bare")]
)
def test_groups(number: int, group: str) -> None:
    shares = fractions(np.full((2, 4), number, np.uint8), 2)
    assert shares.shape == (9, 1, 2)
    assert shares[ORDER.index(group)].tolist() == [[1.0, 1.0]]
    assert shares.sum() == 2.0


def test_shares_of_what_is_classified() -> None:
    classes = np.array([[1, 12, 255, 255], [17, 255, 254, 0], [12, 14, 13, 200], [12, 12, 18, 17]], np.uint8)
    shares = fractions(classes, 2)
    assert shares.dtype == np.float32
    assert shares[ORDER.index("forest"), 0, 0] == pytest.approx(1 / 3)
    assert shares[ORDER.index("crop"), 0, 0] == pytest.approx(1 / 3)
    assert np.isnan(shares[:, 0, 1]).all()
    assert shares[ORDER.index("crop"), 1, 0] == 1.0
    assert shares[ORDER.index("urban"), 1, 1] == pytest.approx(0.5)
    assert np.isnan(fractions(classes, 2, min_valid=0.75)[:, 1, 1]).all()


def test_floats_with_nan_are_read_too() -> None:
    bytes_ = np.array([[1, 12, 255, 6]], np.uint8)
    floats = np.array([[1, 12, np.nan, 6]], np.float32)
    np.testing.assert_array_equal(fractions(np.array([[1, 12, 257, 6]]), 1), fractions(bytes_, 1))
    np.testing.assert_array_equal(fractions(bytes_, 1), fractions(floats, 1))


def test_shapes_must_divide() -> None:
    with pytest.raises(GridError):
        fractions(np.ones((4, 6), np.uint8), 4)
