from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from small_results import ABOUT, level

from srdanet.cli import cli
from srdanet.errors import ArgumentError
from srdanet.flags import NO_INPUT
from srdanet.product import write_product
from srdanet.product.inspection import inspect_product


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_product(level(250, 120, 80), folder, "x", origin=ABOUT)
    return folder


def test_a_whole_product_has_no_fault(whole: Path) -> None:
    assert inspect_product(whole) == (9, [])
    assert inspect_product(whole / "x_250m.tif") == (1, [])
    done = CliRunner().invoke(cli, ["validate", str(whole)])
    assert (done.exit_code, done.output) == (0, "9 files, nothing wrong\n")


def _lose(folder: Path) -> None:
    (folder / "x_250m_uncertainty.tif").unlink()


def _cut(folder: Path) -> None:
    path = folder / "x_250m.tif"
    path.write_bytes(path.read_bytes()[:-200])


def _rewrite(folder: Path) -> None:
    with rasterio.open(folder / "x_250m.tif") as file:
        values, profile = file.read(), {**file.profile, "compress": "deflate"}
    with rasterio.open(folder / "x_250m.tif", "w", **profile) as file:
        file.write(np.where(values > 291, np.float32(20), values))


def _strange(folder: Path) -> None:
    shutil.copy(folder / "x_250m.tif", folder / "y_250m.tif")


def _unreadable(folder: Path) -> None:
    (folder / "x_provenance.json").write_text("{}")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_lose, "it is missing, and the record lists it"),
        (_cut, "its checksum is not that of the record"),
        (_rewrite, "it is no cloud-optimised GeoTIFF"),
        (_rewrite, "its unit is not stated, not K"),
        (_rewrite, "values lie outside 100 to 1400 K"),
        (_strange, "no record lists it"),
        (_unreadable, "is not the record of a product"),
    ],
)
def test_each_fault_is_said(whole: Path, tmp_path: Path, harm: Callable[[Path], None], words: str) -> None:
    folder = tmp_path / "harmed"
    shutil.copytree(whole, folder)
    harm(folder)
    done = CliRunner().invoke(cli, ["validate", str(folder), "--json"])
    assert done.exit_code == 1
    assert any(words in fault["what"] for fault in json.loads(done.stdout)["faults"]), done.stdout


def test_layers_that_disagree_are_found(tmp_path: Path) -> None:
    result = level(250, 120, 80)
    result["lst_uncertainty"][50, 40:43] = np.nan
    result["quality"][60, 41] |= NO_INPUT.mask
    write_product(result, tmp_path, "x", origin=ABOUT)
    said = " ".join(map(str, inspect_product(tmp_path)[1]))
    assert "3 cells have LST without uncertainty" in said
    assert "1 cells have LST and the flag no_input" in said


def test_a_folder_without_products_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="holds no product"):
        inspect_product(tmp_path)
