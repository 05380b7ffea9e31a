from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio

from srdanet.energy import degrade
from srdanet.errors import ArgumentError, GranuleError
from srdanet.scene import open_scene
from srdanet.viewing import Catalogue


def test_products_of_one_grid_are_one_place_in_order_of_time(products: Path) -> None:
    (place,) = Catalogue.of(products).places()
    assert place.name == "h18v04"
    assert [entry.title for entry in place.entries] == ["2020-07-15 10:30 UTC, day", "2020-07-17 10:31 UTC, day"]
    assert (place.entries[0].levels, place.entries[0].nominal) == ((250, 500), 1000)


def test_the_coarse_lst_is_that_of_the_scene(products: Path) -> None:
    first, _ = Catalogue.of(products).entries
    coarse = first.coarse()
    assert (coarse.from_scene, coarse.factor, coarse.nominal) == (True, 4, 1000)
    with open_scene(products / "scene.nc") as scene:
        np.testing.assert_array_equal(coarse.values, scene.lst["lst"].values)


def test_without_its_scene_the_mean_of_the_product_stands_in(products: Path) -> None:
    """The scene in the folder is of the other date."""
    _, second = Catalogue.of(products).entries
    coarse = second.coarse()
    assert not coarse.from_scene
    with rasterio.open(products / "lst_h18v04_2020199_day_250m.tif") as file:
        np.testing.assert_allclose(coarse.values, degrade(file.read(1), 4), rtol=1e-6)


def test_a_scene_elsewhere_is_named(products: Path, tmp_path: Path) -> None:
    for path in products.glob("lst_*2020197*"):
        shutil.copy(path, tmp_path)
    assert not Catalogue.of(tmp_path).entries[0].coarse().from_scene
    assert Catalogue.of(tmp_path, [products / "scene.nc"]).entries[0].coarse().from_scene


def test_a_folder_without_products_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="holds no product"):
        Catalogue.of(tmp_path)


@pytest.mark.parametrize("name", ["../secret.tif", "/etc/secret.tif", "a/b.tif"])
def test_a_record_cannot_name_files_elsewhere(products: Path, tmp_path: Path, name: str) -> None:
    note = next(products.glob("*2020197*_provenance.json"))
    content = json.loads(note.read_text())
    files = content["levels"]["250"]["files"]
    files[name] = files.pop("lst_h18v04_2020197_day_250m.tif")
    (tmp_path / note.name).write_text(json.dumps(content))
    with pytest.raises(GranuleError, match="outside its folder"):
        Catalogue.of(tmp_path)
