"""The readers put values, gaps, places, times and truths where they belong."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from small_sets import COLUMNS, DAYS, PAIRS, SIDE, write_places
from srdanet.datasets import DATASETS, aster, imt, orleans, world, yanco
from srdanet.datasets.places import PLACES
from srdanet.datasets.sources import find_scenes, overpass_time
from srdanet.energy import aggregate, degrade
from srdanet.errors import ArgumentError, GranuleError, MissingExtraError
from srdanet.grid import Level, Tile, coarsen, lonlat, nesting, refine, tile_of
from srdanet.scene import LabelledScene


@pytest.fixture(scope="module")
def patches(small: Path) -> list[LabelledScene]:
    return list(imt.read(small))


@pytest.fixture(scope="module")
def pairs(small: Path) -> list[LabelledScene]:
    return list(aster.read(small))


def test_patches_come_by_day_and_by_night(small: Path, patches: list[LabelledScene]) -> None:
    assert [patch.scene.day for patch in patches] == [True, False] * len(DAYS)
    with np.load(small / "imt-modis-2020-h18v04" / "lst_1km_train.npz") as held:
        day, night = held["lst_day"], held["lst_night"]
    for i, counts in ((6, day), (7, night)):
        np.testing.assert_allclose(patches[i].truth[2], 0.02 * counts[3], atol=1e-4)
    for patch in patches:
        np.testing.assert_array_equal(patch.scene.lst["lst"], degrade(patch.truth[2].values, 2))
        assert patch.same_sensor
    dates = np.datetime64("2020-01-01") + np.array(DAYS) - 1
    assert [patch.group for patch in patches[::2]] == [str(date) for date in dates]
    nights = list(imt.read(small, when=("night",)))
    assert len(nights) == len(DAYS)
    np.testing.assert_array_equal(nights[5].truth[2], patches[11].truth[2])


def test_a_gap_in_the_counts_is_missing(small: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(small, root)
    path = root / "imt-modis-2020-h18v04" / "lst_1km_train.npz"
    with np.load(path) as held:
        arrays = dict(held)
    arrays["lst_day"][1, 0, 3] = 0
    np.savez(path, **arrays)
    second = list(imt.read(root, when=("day",)))[1]
    assert np.argwhere(np.isnan(second.truth[2].values)).tolist() == [[0, 3]]


def test_patches_lie_in_their_place(small: Path, patches: list[LabelledScene]) -> None:
    tile = Tile(18, 4).geobox(Level.KM1)
    for i, patch in enumerate(patches[::2]):
        box = patch.scene.geobox
        assert nesting(tile, refine(box, 2)) == nesting(tile, tile[64 * i : 64 * i + SIDE, COLUMNS[i] :])
        assert box.shape == (SIDE // 2, SIDE // 2)
        assert tile_of(box) == patch.scene.tile == Tile(18, 4)
        assert patch.scene.nestings[0].factor == 2
    # The mean of 2 x 2 cells of 500 m, whose heights grow by 1 a row and 2 a column of 1 km.
    assert patches[4].scene.variable("elevation").values[2, 3] == (2 * 64 + 2) % 700 + (576 + 3) % 500 * 2 + 0.5
    with np.load(small / "imt-modis-2020-h18v04" / "refl_1km_train.npz") as held:
        bands = held["refl"][::-1]
    np.testing.assert_allclose(patches[7].scene.variable("nir"), 1e-4 * bands[3, 1], atol=1e-6)
    assert np.argwhere(np.isnan(patches[-1].scene.variable("swir2").values)).tolist() == [[1, 0]]
    assert all(set(patch.scene.present) == {"red", "nir", "swir2", "elevation"} for patch in patches)


def test_coarser_patches_are_the_same_patches(small: Path, patches: list[LabelledScene]) -> None:
    for fine, coarse in zip(patches, imt.read(small, coarse=4), strict=True):
        np.testing.assert_array_equal(coarse.truth[2], fine.scene.lst["lst"])
        np.testing.assert_array_equal(coarse.scene.lst["lst"], degrade(fine.scene.lst["lst"].values, 2))
        assert coarse.scene.geobox == coarsen(fine.scene.geobox, 2)
        assert coarse.scene.nestings[0].factor == 4
    with pytest.raises(ArgumentError, match="coarse"):
        next(imt.read(small, coarse=3))


def test_time_is_local_solar(patches: list[LabelledScene]) -> None:
    day, night = (patch.scene for patch in patches[8:10])
    assert day.time is not None
    assert night.time is not None
    longitude = lonlat(refine(day.geobox, 2))[0].mean()
    solar = day.time - np.datetime64("2020-02-06") + np.timedelta64(round(longitude / 15 * 60), "m")
    assert 10 <= solar / np.timedelta64(1, "h") <= 11.5
    assert 11 <= (night.time - day.time) / np.timedelta64(1, "h") <= 12
    west, east = (overpass_time(np.datetime64("2020-06-01"), lon) for lon in (0.0, 15.0))
    assert west - east == np.timedelta64(60, "m")


def test_pairs(small: Path, pairs: list[LabelledScene]) -> None:
    assert [pair.attributes["id"] for pair in pairs] == [str(number) for number in PAIRS]
    assert len({pair.group for pair in pairs}) == len(pairs)
    with np.load(small / "sif-modis-aster-h18v04" / "aligned_train.npz") as held:
        lst, ndvi, fine, corners = held["lst_1km"], held["ndvi_250m"], held["aster_250m"], (held["x0"], held["y0"])
    for i, pair in enumerate(pairs):
        scene = pair.scene
        np.testing.assert_allclose(scene.lst["lst"], 0.02 * lst[i], atol=1e-4)
        np.testing.assert_allclose(scene.variable("ndvi"), 1e-4 * ndvi[i], atol=1e-6)
        truth = pair.truth[4].values
        assert np.isnan(truth[:2, :5]).all()
        assert np.isfinite(truth).sum() == truth.size - 10
        np.testing.assert_allclose(truth[2:], 0.01 * fine[i, 2:], atol=1e-4)
        np.testing.assert_array_equal(pair.truth[2], aggregate(truth, 2))
        assert (scene.geobox.affine.c, scene.geobox.affine.f) == (corners[0][i], corners[1][i])
        assert (scene.time, scene.day, pair.same_sensor) == (None, True, False)
        assert scene.present == (("elevation", "ndvi") if i == 3 else ("ndvi",))


def test_land_cover_of_pairs_is_a_fraction_or_unknown(pairs: list[LabelledScene]) -> None:
    for i, pair in enumerate(pairs):
        assert pair.surface is not None
        assert tuple(pair.surface) == aster.COVER
        shares = np.stack([pair.surface[name].values for name in aster.COVER])
        assert shares[:, 19:21, 7].T.tolist() == [[0, 0, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]] if i == 1 else True
        assert np.isfinite(shares).all() == (i == 1)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, np.ndarray]], list[LabelledScene]]:
    root = tmp_path_factory.mktemp("places")
    return write_places(root), list(world.read(root))


def test_places_hold_what_their_files_say(
    places: tuple[dict[str, dict[str, np.ndarray]], list[LabelledScene]],
) -> None:
    written, scenes = places
    assert [labelled.group for labelled in scenes] == list(world.WITH_NDVI) == list(written)
    for labelled in scenes:
        given, place, scene = written[labelled.group], PLACES[labelled.group], labelled.scene
        cells = place.scales[0]
        step = cells * world.FACTOR
        height, width = scene.geobox.shape
        cut = np.s_[: height * step, : width * step]
        assert (height, width) == tuple(n // step for n in given["lst"].shape) == (2, 3)
        np.testing.assert_allclose(labelled.truth[4], degrade(given["lst"][cut], cells), atol=0.02)
        np.testing.assert_allclose(labelled.truth[2], degrade(labelled.truth[4].values, 2), atol=1e-3)
        np.testing.assert_allclose(scene.lst["lst"], degrade(labelled.truth[4].values, 4, min_valid=0.75), atol=1e-3)
        np.testing.assert_allclose(scene.variable("ndvi"), given["ndvi"][cut], atol=3e-3)
        assert labelled.same_sensor
        assert scene.day is True
        assert (scene.time is not None) == place.dated
        assert ("elevation" in scene.present) == (labelled.group == "talca")
        assert "red" not in scene.present


def test_what_is_no_land_or_no_value_is_left_out_of_places(
    places: tuple[dict[str, dict[str, np.ndarray]], list[LabelledScene]],
) -> None:
    scenes = {labelled.group: labelled for labelled in places[1]}
    gaps = {name: np.argwhere(np.isnan(labelled.truth[4].values)).tolist() for name, labelled in scenes.items()}
    assert gaps == {"zhangye": [], "imperial": [[0, 1]], "los-angeles": [[3, 2]], "talca": [[7, 0]]}
    assert np.isnan(scenes["talca"].scene.variable("elevation").values[79, 1])


@pytest.mark.parametrize("name", DATASETS)
def test_a_folder_without_the_set_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(GranuleError, match=str(tmp_path)):
        next(DATASETS[name](tmp_path))


@pytest.mark.parametrize("damage", ["cut", "text", "other"])
def test_a_damaged_file_is_named(small: Path, tmp_path: Path, damage: str) -> None:
    folder = "sif-modis-aster-h18v04"
    shutil.copytree(small / folder, tmp_path / folder)
    path = tmp_path / folder / "aligned_train.npz"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-300])
    elif damage == "text":
        path.write_text("<html>please log in</html>")
    else:
        np.savez(path, id=np.arange(2))
    with pytest.raises(GranuleError, match=r"aligned_train\.npz"):
        next(aster.read(tmp_path))


def test_elevation_of_other_pairs_is_refused(small: Path, tmp_path: Path) -> None:
    folder = "sif-modis-aster-h18v04"
    shutil.copytree(small / folder, tmp_path / folder)
    path = tmp_path / folder / "elevation_250m_train.npz"
    np.savez(path, id=np.array(PAIRS)[::-1], elevation=np.zeros((5, 32, 32), np.int16))
    with pytest.raises(GranuleError, match="does not belong"):
        next(aster.read(tmp_path))


def test_scenes_are_found_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "my_scenes.py").write_text("def few(count): return iter(range(count))\nother = 3\n")
    (tmp_path / "broken_scenes.py").write_text("import no_such_package_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(find_scenes("my_scenes:few")(3)) == [0, 1, 2]
    for wrong in ("my_scenes", "my_scenes:", ":few", "my_scenes:other", "my_scenes:absent"):
        with pytest.raises(ArgumentError):
            find_scenes(wrong)
    with pytest.raises(ModuleNotFoundError, match="no_such_package_at_all"):
        find_scenes("broken_scenes:few")
    monkeypatch.setitem(sys.modules, "srdanet_simulator", None)
    with pytest.raises(MissingExtraError, match="pip install"):
        find_scenes("srdanet_simulator:scenes")


PLACE = (146.2907, -34.9893)


def test_the_station_lies_in_the_middle_cell() -> None:
    box, tile = yanco.around(*PLACE), Tile(29, 12).geobox(Level.KM1)
    assert box.shape == (2 * yanco.REACH + 1, 2 * yanco.REACH + 1)
    assert str(tile_of(box)) == "h29v12"
    lies = nesting(box, tile)
    assert lies.factor == 1
    middle = slice(lies.row + yanco.REACH, lies.row + yanco.REACH + 1)
    lon, lat = lonlat(tile[middle, lies.col + yanco.REACH : lies.col + yanco.REACH + 1])
    assert abs(lon[0, 0] - PLACE[0]) < 0.012
    assert abs(lat[0, 0] - PLACE[1]) < 0.0045


@pytest.mark.real
def test_orleans_on_real_files_is_whole(shared_data: Path) -> None:
    for date in orleans.read(shared_data):
        assert date.scene.geobox.shape == (13, 13)
        assert date.scene.present == ("ndvi",)
        assert set(date.surface or ()) == {"ndwi_mcfeeters", "ndbi"}
        assert str(date.scene.time).startswith(f"{date.group}T00:00")
