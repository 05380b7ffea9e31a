"""Whatever decides a number has a hash in the record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from srdanet.grid import Level, Tile, refine
from srdanet.scene import Scene, open_scene
from srdanet.scene.checks import on_grid

BOX = Tile(18, 4).geobox(Level.KM1)[10:16, 20:27]


def scene(lst: float = 290.0, ndvi: float = 0.4, **change: object) -> Scene:
    values = np.full(BOX.shape, 290.0, np.float32)
    values[2, 3] = lst
    greenness = np.full((24, 28), 0.4, np.float32)
    greenness[5, 6] = ndvi
    about = {"inputs": [{"file": "a.hdf", "sha256": "ab" * 32}]}
    one = Scene(
        on_grid({"lst": values}, BOX), (on_grid({"ndvi": greenness}, refine(BOX, 4)),),
        np.datetime64("2020-07-15T10:30"), True, Tile(18, 4), provenance=about,
    )  # fmt: skip
    return replace(one, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "edited",
    [
        scene(lst=290.02),
        scene(lst=float("nan")),
        scene(ndvi=0.41),
        scene(time=np.datetime64("2020-07-15T10:31")),
        scene(day=False),
        scene(provenance={}),
        scene(auxiliary=()),
    ],
    ids=["LST", "missing", "NDVI", "time", "day", "provenance", "no NDVI"],
)
def test_whatever_is_edited_in_a_scene_changes_its_hash(edited: Scene) -> None:
    assert edited.sha256 != scene().sha256


@pytest.mark.parametrize("name", ["scene.nc", "scene.zarr"])
def test_a_scene_has_one_hash_wherever_it_lies(tmp_path: Path, name: str) -> None:
    scene().save(tmp_path / name)
    with open_scene(tmp_path / name) as opened:
        assert opened.sha256 == scene().sha256
