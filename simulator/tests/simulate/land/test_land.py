"""The land: drained, parcelled, and the same on every date."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from srdanet_simulator.land import cover, landscape
from srdanet_simulator.land.classes import igbp
from srdanet_simulator.land.drainage import drain, incise, rim, spill
from srdanet_simulator.land.parcels import parcels
from srdanet_simulator.land.relief import terrain
from srdanet_simulator.noise import fractal, salt, stream

CELL = 115.8283


@pytest.fixture(scope="module")
def land() -> landscape.Land:
    y, x = (part.astype(np.float32) * CELL for part in np.mgrid[:160, :192])
    return cover.build(5, x, -y, landscape.character(5, 45.0))


def _hills() -> np.ndarray:
    return fractal((60, 75), stream(2, "hills"), slope=3.2, cell=500.0) * np.float32(100)


def test_all_water_leaves_the_grid() -> None:
    height = _hills()
    tree = drain(height)
    outlets = tree.receiver == np.arange(height.size)
    assert tree.upstream.ravel()[outlets].sum() == height.size
    rows, cols = np.unravel_index(np.flatnonzero(outlets), height.shape)
    assert np.all((rows == 0) | (rows == 59) | (cols == 0) | (cols == 74))


def test_water_from_outside_leaves_by_the_outlets_alone() -> None:
    height = _hills()
    edge = rim(*height.shape)
    south = edge[edge >= 59 * 75]
    inflow = np.zeros(height.size, np.float32)
    inflow[40] = 5000
    tree = drain(height, south, inflow)
    outlets = np.flatnonzero(tree.receiver == np.arange(height.size))
    assert set(outlets) <= set(south)
    assert tree.upstream.ravel()[outlets].sum() == height.size + 5000
    # the great river runs from the northern rim to the southern one
    here, steps = 40, 0
    while tree.receiver[here] != here:
        here, steps = tree.receiver[here], steps + 1
        assert tree.upstream.ravel()[here] > 5000
    assert steps >= 59


def test_land_rises_but_its_outlets_stay() -> None:
    height = _hills()
    tree = drain(height)
    lift = np.full(height.shape, 50, np.float32)
    still, risen = incise(height, tree, 0.2), incise(height, tree, 0.2, lift)
    outlets = tree.receiver == np.arange(height.size)
    np.testing.assert_array_equal(risen.ravel()[outlets], still.ravel()[outlets])
    rise = (risen - still).ravel()
    assert rise[~outlets].max() <= 50.01
    # small streams cannot keep up with the uplift, great ones do
    great = tree.upstream.ravel() > 100
    assert rise[great & ~outlets].mean() < 0.85 * rise[~great].mean()


def test_terrain_is_as_high_and_as_steep_as_asked() -> None:
    lands = [terrain((512, 512), s, cell=CELL, factor=4, base=500.0, relief=200.0, lakes=0.01) for s in range(6)]
    heights = [land.elevation for land, _, _ in lands]
    assert np.mean([h.mean() for h in heights]) == pytest.approx(500, abs=60)
    assert np.mean([h.std() for h in heights]) == pytest.approx(0.68 * 200, rel=0.2)
    steep = [np.hypot(*np.gradient(h.reshape(256, 2, 256, 2).mean((1, 3)), 2 * CELL)).mean() for h in heights]
    assert np.mean(steep) == pytest.approx(0.068, rel=0.25)
    assert all(0.001 < river.mean() < 0.02 for _, river, _ in lands)


def test_ridges_run_far_in_one_direction() -> None:
    """A structure tensor of the slopes, over 15 km: folds make it longer one way than the other."""

    def coherence(height: np.ndarray) -> float:
        south, east = np.gradient(height)
        xx, yy, xy = (ndimage.gaussian_filter(p, 7500 / CELL) for p in (east * east, south * south, east * south))
        return float(np.mean(np.hypot(xx - yy, 2 * xy) / (xx + yy)))

    made = [
        terrain((512, 512), s, cell=CELL, factor=4, base=500.0, relief=300.0, lakes=0.0)[0].elevation for s in (1, 2, 3)
    ]
    plain = [fractal((512, 512), stream(s, "blobs"), slope=3.4, cell=CELL, outer=60e3) for s in (1, 2, 3)]
    assert np.mean([coherence(h) for h in made]) > 2 * np.mean([coherence(h) for h in plain])


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
    parcel, block, pivot = parcels(x, y, kind, 5)
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
    _, _, pivot = parcels(x, y, replace(landscape.character(5, 30.0), pivots=1.0), 5)
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
