"""Erosion: rivers cut valleys that drain; large grids are eroded coarsely first and come out alike."""

import numpy as np
import pytest
from scipy import ndimage

from srdanet_simulator.land import erosion
from srdanet_simulator.land.erosion import PASSES, erode
from srdanet_simulator.noise import fractal, stream


@pytest.fixture
def land():
    shape = (121, 96)
    height = 200 * fractal(shape, stream(1, "height"), slope=3.2, cell=1000.0, outer=60e3)
    lift = np.full(shape, 200 / PASSES, np.float32)
    down = np.broadcast_to(np.linspace(-1, 1, shape[1], dtype=np.float32), shape)
    return height, lift, down


def test_hardly_any_water_stands_after_erosion(land):
    height, tree, depth = erode(*land, stream(1, "river"), 1000.0)
    inland = ndimage.minimum_filter(height, 3) == height
    assert depth.max() > 20
    assert inland.mean() < 0.02
    assert (height.ravel() >= height.ravel()[tree.receiver] - 1).mean() > 0.98


def test_a_coarse_start_makes_the_same_country(land, monkeypatch):
    whole, tree, depth = erode(*land, stream(1, "river"), 1000.0)
    monkeypatch.setattr(erosion, "_LARGE", 0)
    early, other, stood = erode(*land, stream(1, "river"), 1000.0)
    broad, again = (ndimage.gaussian_filter(height, 3.0) for height in (whole, early))
    assert np.corrcoef(broad.ravel(), again.ravel())[0, 1] > 0.95
    assert early.std() == pytest.approx(whole.std(), rel=0.15)
    assert np.quantile(other.upstream, 0.9) == pytest.approx(np.quantile(tree.upstream, 0.9), rel=0.3)
    assert stood.mean() == pytest.approx(depth.mean(), rel=0.3)
    assert early.dtype == stood.dtype == np.float32
