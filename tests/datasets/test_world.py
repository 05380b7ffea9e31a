"""Labelled scenes of other climates: scales, phases, what MODIS would see, and pieces for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from small_sets import write_places
from srdanet.datasets import world
from srdanet.datasets.places import PLACES
from srdanet.datasets.sources import MODIS_BLUR, as_seen
from srdanet.energy import degrade
from srdanet.errors import ArgumentError
from srdanet.grid import geobox_of, nesting

Given = dict[str, dict[str, np.ndarray]]
OTHERS = tuple(name for name in PLACES if name not in ("imperial", "talca"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="module")
def given(root: Path) -> Given:
    return write_places(root)


def test_the_grid_starts_at_the_phase_and_has_the_cells_asked_for(root: Path, given: Given) -> None:
    whole, labelled = next(world.scenes("zhangye", root)), next(world.scenes("zhangye", root, cells=4, phase=(3, 5)))
    assert labelled.scene.geobox.shape == (4, 5)
    assert labelled.scene.geobox.affine.c - whole.scene.geobox.affine.c == 5 * 30
    assert whole.scene.geobox.affine.f - labelled.scene.geobox.affine.f == 3 * 30
    lst = given["zhangye"]["lst"][3 : 3 + 4 * 16, 5 : 5 + 5 * 16].astype(np.float32)
    np.testing.assert_allclose(labelled.truth[4], degrade(lst, 4), atol=1e-3)
    np.testing.assert_allclose(labelled.scene.lst["lst"], degrade(lst, 16), atol=1e-3)
    assert labelled.scene.nestings[0].factor == 16


def test_at_factor_two_the_truth_is_the_finest_cells(root: Path, given: Given) -> None:
    labelled = next(world.scenes("los-angeles", root, cells=1, factor=2))
    assert list(labelled.truth) == [2]
    height, width = labelled.truth[2].shape
    np.testing.assert_allclose(labelled.truth[2], given["los-angeles"]["lst"][:height, :width], atol=1e-3)


def test_blur_spreads_more_along_the_rows_and_keeps_gaps() -> None:
    spot = np.full((36, 36), 300, np.float32)
    spot[16:20, 16:20] = 330
    seen = as_seen(spot, 4, MODIS_BLUR)
    exact = as_seen(spot, 4)
    assert exact[4, 4] == pytest.approx(330, abs=1e-3)
    assert exact[4, 5] == pytest.approx(300, abs=1e-3)
    assert 300.5 < seen[3, 4] < seen[4, 3] < seen[4, 4] < 325
    assert seen[4, 3] == pytest.approx(seen[4, 5], abs=1e-3)
    spot[0:4, 0:2] = np.nan
    assert np.isnan(as_seen(spot, 4, MODIS_BLUR, min_valid=0.75)).sum() == 1


def test_noise_is_drawn_by_seed(root: Path, given: Given) -> None:
    exact, once, again, other = (
        next(world.scenes("imperial", root, noise=noise, seed=seed)).scene.lst["lst"].values
        for noise, seed in ((0.0, 0), (0.5, 0), (0.5, 0), (0.5, 1))
    )
    np.testing.assert_array_equal(once, again)
    assert 0.1 < np.nanstd(once - exact) < 1
    assert np.nanmax(np.abs(other - once)) > 0.01


@pytest.mark.parametrize("wrong", [{"factor": 3}, {"cells": 0}, {"phase": (-1, 0)}, {"noise": -1.0}, {"cells": 40}])
def test_impossible_scales_are_refused(root: Path, given: Given, wrong: dict[str, int]) -> None:
    with pytest.raises(ArgumentError, match="Give"):
        next(world.scenes("zhangye", root, **wrong))


def test_an_unknown_place_is_refused(root: Path) -> None:
    with pytest.raises(ArgumentError, match="zhangye, imperial"):
        next(world.scenes("atlantis", root))
    with pytest.raises(ArgumentError, match="atlantis"):
        next(world.training_scenes(root, without=["atlantis"]))


def test_guides_that_are_not_named_are_left_out(root: Path, given: Given) -> None:
    labelled = next(world.scenes("talca", root))
    assert set(labelled.scene.present) == set(PLACES["talca"].guides)
    assert world.with_guides(labelled, ["swir2", "ndvi"]).scene.present == ("swir2", "ndvi")
    assert world.with_guides(labelled, []).scene.present == ()


def test_reflectance_at_talca_is_physical(root: Path, given: Given) -> None:
    scene = next(world.scenes("talca", root)).scene
    # Count 60 of the red band: 50.6 W m-2 sr-1 um-1.
    radiance = 0.943 * 60 - 5.94252
    assert radiance * np.pi / (1533 * 0.7546 / 0.9759) == pytest.approx(0.134, abs=1e-3)
    assert 0.07 < np.nanmin(scene.variable("red")) < 0.134 < np.nanmax(scene.variable("red")) < 0.21


def test_pieces_lie_in_the_whole_and_are_filled_up(root: Path, given: Given) -> None:
    whole = next(world.scenes("talca", root))
    piece = world.cut(whole, 0, 1, 4)
    for coarse, fine in (
        (whole.scene.geobox, piece.scene.geobox),
        (geobox_of(whole.truth[4]), geobox_of(piece.truth[4])),
    ):
        assert nesting(coarse, fine).factor == 1
    np.testing.assert_array_equal(piece.scene.lst["lst"][:2, :2], whole.scene.lst["lst"][:, 1:])
    assert np.isnan(piece.scene.lst["lst"].values[2:]).all()
    np.testing.assert_array_equal(piece.truth[4][:8, :8], whole.truth[4][:, 4:])
    ndvi = piece.scene.variable("ndvi")
    np.testing.assert_array_equal(ndvi[:80, :80], whole.scene.variable("ndvi")[:, 40:])
    assert ndvi.shape == (160, 160)
    assert piece.scene.time == whole.scene.time


def test_training_scenes_have_one_size_and_leave_places_out(root: Path, given: Given) -> None:
    def taken(without: tuple[str, ...], seed: int = 0) -> dict[str, list[np.ndarray]]:
        found: dict[str, list[np.ndarray]] = {}
        for labelled in world.training_scenes(root, without=without, side=2, most=3, seed=seed):
            assert labelled.scene.geobox.shape == (2, 2)
            assert {f: t.shape for f, t in labelled.truth.items()} == {2: (4, 4), 4: (8, 8)}
            found.setdefault(labelled.group, []).append(labelled.scene.lst["lst"].values)
        return found

    both, one = taken(OTHERS), taken((*OTHERS, "talca"))
    assert set(both) == {"imperial", "talca"}
    assert set(one) == {"imperial"}
    np.testing.assert_array_equal(np.stack(both["imperial"]), np.stack(one["imperial"]))
    assert len(one["imperial"]) >= 4
    assert not np.array_equal(taken(OTHERS, seed=1)["imperial"][0], one["imperial"][0])
