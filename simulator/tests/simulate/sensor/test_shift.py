"""Moving a field by parts of a cell: what ndimage gives, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from srdanet_simulator.sensor.shift import shift_field


@pytest.mark.parametrize("way", [(0.03, -0.4), (-1.2, 0.0), (0.0, 2.7), (5.0, -3.0)])
@pytest.mark.parametrize("shape", [(5, 7), (61, 300)])
def test_it_gives_what_ndimage_gives(shape: tuple[int, int], way: tuple[float, float]) -> None:
    field = np.random.default_rng(0).random(shape, dtype=np.float32)
    np.testing.assert_array_equal(shift_field(field, *way), ndimage.shift(field, way, order=1, mode="nearest"))
