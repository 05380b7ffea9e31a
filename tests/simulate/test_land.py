"""The land: drained, parcelled, and the same on every date."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from srdanet.simulate import landscape
from srdanet.simulate.classes import igbp
from srdanet.simulate.noise import fractal, salt, stream
from srdanet.simulate.relief import drain, incise, spill

CELL = 115.8283


@pytest.fixture(scope="module")
def land() -> landscape.Land:
    y, x = (part.astype(np.float32) * CELL for part in np.mgrid[:160, :192])
    return landscape.build(5, x, -y, landscape.character(5, 45.0))


def _hills() -> np.ndarray:
    return fractal((60, 75), stream(2, "hills"), slope=3.2, cell=500.0) * np.float32(100)


def test_all_water_leaves_the_grid() -> None:
    height = _hills()
    tree = drain(height)
    outlets = tree.receiver == np.arange(height.size)
    assert tree.upstream.ravel()[outlets].sum() == height.size
    rows, cols = np.unravel_index(np.flatnonzero(outlets), height.shape)
    assert np.all((rows == 0) | (rows == 59) | (cols == 0) | (cols == 74))


def test_water_stands_where_it_must_and_runs_down_after_erosion() -> None:
    height = _hills()
    tree = drain(height)
    assert np.all(spill(height, tree) >= height)
    cut = incise(height, tree, 0.2).ravel()
    inland = tree.receiver != np.arange(height.size)
    assert np.all(cut[inland] > cut[tree.receiver[inland]])
    # rivers cut where they do not fill a depression, ridges stay
    cutting = spill(height, tree).ravel() == height.ravel()
    change = height.ravel() - cut
    big = tree.upstream.ravel() > 50
    assert change[big & cutting].mean() > change[~big & cutting].mean()


def test_parcels_are_of_a_size_that_people_farm() -> None:
    y, x = (part.astype(np.float32) * 20 for part in np.mgrid[:600, :700])
    kind = replace(landscape.character(5, 45.0), field=250.0, shape=2.0, pivots=0.0)
    parcel, block, pivot = landscape.parcels(x, y, kind, 5)
    assert not pivot.any()
    _, counts = np.unique(parcel[50:-50, 50:-50], return_counts=True)
    hectares = counts * 20 * 20 / 1e4
    assert 3 < np.average(hectares, weights=hectares) < 40
    assert len(np.unique(block)) > 5
    # straight edges: a parcel fills most of its rotated bounding box, so a small erosion leaves most of it
    core = ndimage.minimum_filter(parcel, 3) == ndimage.maximum_filter(parcel, 3)
    assert core.mean() > 0.6


def test_pivots_are_circles() -> None:
    y, x = (part.astype(np.float32) * 20 for part in np.mgrid[:420, :420])
    _, _, pivot = landscape.parcels(x, y, replace(landscape.character(5, 30.0), pivots=1.0), 5)
    assert pivot.mean() == pytest.approx(np.pi * 400**2 / 840**2, abs=0.02)


def test_shares_follow_the_character(land: landscape.Land) -> None:
    wooded = np.isin(land.kind, (landscape.CONIFER, landscape.BROADLEAF)).mean()
    assert wooded == pytest.approx(land.character.forest, abs=0.15)
    assert np.all(land.sealed[land.kind != landscape.URBAN] <= 0.011)
    assert np.all(land.water[land.kind == landscape.WATER] > 0.5)


def test_igbp_names_what_grows_there(land: landscape.Land) -> None:
    names = igbp(land, 4, salt(5, "classes"), error=0.0)
    assert names.shape == (40, 48)
    assert set(np.unique(names)) <= set(range(1, 18))
    crop = (land.kind == landscape.CROP).reshape(40, 4, 48, 4).mean((1, 3))
    assert crop[names == 12].min() >= 0.6
    confused = igbp(land, 4, salt(5, "classes"), error=0.3)
    changeable = ~np.isin(names, (2, 3, 11, 13, 15, 17))
    assert (confused != names)[changeable].mean() == pytest.approx(0.3, abs=0.06)


def test_character_suits_the_latitude() -> None:
    desert, north = ([landscape.character(s, lat).aridity for s in range(60)] for lat in (27.0, 55.0))
    assert np.mean(desert) > np.mean(north) + 0.15
