"""Labelled scenes: what their seeds say, and the very arrays of the simulation."""

from __future__ import annotations

import datetime as dt
import json
import pickle

import numpy as np
import pytest

import srdanet_simulator
from srdanet.errors import ArgumentError
from srdanet.grid import Tile, geobox_of, refine
from srdanet.readers import quality
from srdanet.scene import LabelledScene
from srdanet_simulator import Simulation, simulate
from srdanet_simulator.scenes import TILES, Purpose, draw, scene, scenes, series

SIZE = 12


def _as_before(seed: int, purpose: Purpose) -> Simulation:
    """What evaluation and training drew when each had a function of its own."""
    rng = np.random.default_rng(seed)
    if purpose == "evaluation":
        tiles = ["h18v04", "h26v05", "h11v05", "h08v05", "h27v05", "h20v05", "h12v12", "h30v12"]
        tiles += ["h17v05", "h25v06", "h31v11"]
        tile = Tile.parse(str(rng.choice(tiles)))
        date, day = dt.date(2021, 1, 1) + dt.timedelta(days=int(rng.integers(365))), seed % 2 == 0
    else:
        tiles = ["h18v04", "h26v05", "h11v05", "h08v05", "h27v05", "h20v05", "h12v12", "h30v12"]
        tile = Tile.parse(str(rng.choice(tiles)))
        date = dt.date(2020, 1, 1) + dt.timedelta(days=int(rng.integers(366)))
        day = bool(rng.random() < 0.5)
    return simulate(seed, size=SIZE, tile=tile, date=date, day=day)


@pytest.fixture(scope="module", params=[("evaluation", 9001), ("training", 1000)], ids=lambda param: param[0])
def both(request: pytest.FixtureRequest) -> tuple[LabelledScene, Simulation]:
    purpose, seed = request.param
    (found,) = scenes(1, size=SIZE, first_seed=seed, purpose=purpose)
    return found, _as_before(seed, purpose)


def test_arrays_are_those_of_the_simulation(both: tuple[LabelledScene, Simulation]) -> None:
    found, land = both
    np.testing.assert_array_equal(found.scene.lst["lst"], land.lst)
    np.testing.assert_array_equal(found.scene.lst["view_angle"], land.view_angle)
    np.testing.assert_array_equal(found.scene.lst["qc"], land.qc)
    np.testing.assert_array_equal(found.scene.lst["lst_error"], quality.lst_error(land.qc))
    assert np.nanmax(found.scene.lst["lst_error"].values[np.isfinite(land.lst)]) <= 2
    assert set(found.scene.present) == set(land.predictors)
    for name, values in land.predictors.items():
        given = found.scene.variable(name)
        np.testing.assert_array_equal(given, values)
        assert given.dtype == values.dtype
    assert list(found.truth) == [2, 4]
    np.testing.assert_array_equal(found.truth[2], land.truth_at(500))
    np.testing.assert_array_equal(found.truth[4], land.truth)


def test_grids_nest_and_the_overpass_is_told(both: tuple[LabelledScene, Simulation]) -> None:
    found, land = both
    assert found.scene.geobox == land.geobox
    assert {nesting.factor for nesting in found.scene.nestings} == {1, 2, 4}
    assert all((nesting.row, nesting.col) == (0, 0) for nesting in found.scene.nestings)
    for factor, truth in found.truth.items():
        # coordinates hold the cells' centres: a grid comes back to the last bits only
        corner, exact = geobox_of(truth).affine, refine(land.geobox, factor).affine
        assert corner.almost_equals(exact, 1e-6)
        assert truth.attrs["units"] == "K"
    assert (found.scene.time, found.scene.day, found.scene.tile) == (land.time, land.day, land.tile)
    assert (found.source, found.same_sensor) == ("simulated", True)
    assert found.attributes["seed"] == str(land.seed)


def test_provenance_makes_the_same_simulation_again(both: tuple[LabelledScene, Simulation]) -> None:
    found, land = both
    arguments = json.loads(json.dumps(found.scene.provenance["simulated"]))
    again = simulate(**arguments | {"offset": tuple(arguments["offset"])})
    np.testing.assert_array_equal(again.truth, land.truth)
    np.testing.assert_array_equal(again.lst, land.lst)
    assert found.scene.platform == "terra"


def test_evaluation_takes_days_and_nights_in_turn_and_training_draws_them() -> None:
    lands = [draw(seed, size=4) for seed in range(9000, 9004)]
    assert [land.day for land in lands] == [True, False, True, False]
    assert {land.date.year for land in lands} == {2021}
    assert len({(land.tile, land.date, land.offset) for land in lands}) == 4
    taught = [draw(seed, size=4, purpose="training") for seed in range(1000, 1006)]
    assert {land.date.year for land in taught} == {2020}
    assert {land.day for land in taught} == {True, False}
    assert {str(land.tile) for land in taught} <= set(TILES["training"])


def test_processes_change_neither_scenes_nor_order() -> None:
    here = list(scenes(5, size=4))
    there = list(scenes(5, size=4, processes=2))
    assert [found.group for found in there] == [f"simulated {seed}" for seed in range(9000, 9005)]
    for a, b in zip(here, there, strict=True):
        assert a.scene.identical(b.scene)
        np.testing.assert_array_equal(a.truth[4], b.truth[4])


def test_a_scene_is_made_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr("srdanet_simulator.simulation.Simulation.labelled", lambda self: made.append(self.seed))
    stream = scenes(3, size=4)
    assert made == []
    next(stream)
    assert made == [9000]


def test_package_offers_the_function() -> None:
    assert srdanet_simulator.scenes is scenes
    found = pickle.loads(pickle.dumps(scene(9000, size=4)))
    assert found.scene.identical(scene(9000, size=4).scene)


def test_unknown_purposes_are_refused() -> None:
    with pytest.raises(ArgumentError, match="purpose 'fun' is unknown"):
        scene(1, size=4, purpose="fun")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="processes is 0"):
        next(scenes(1, processes=0))


def test_a_series_shows_one_land_on_several_dates() -> None:
    first, second, other, _ = series(2, size=SIZE, dates=2)
    assert first.group == second.group != other.group
    assert first.scene.geobox == second.scene.geobox
    assert second.scene.time - first.scene.time > np.timedelta64(15, "D")
    np.testing.assert_array_equal(first.scene.variable("elevation"), second.scene.variable("elevation"))
    assert float(np.abs(first.truth[4] - second.truth[4]).mean()) > 0.5
    assert bool(first.scene.lst["lst"].notnull().all())
