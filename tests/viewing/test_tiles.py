from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from srdanet.errors import ArgumentError
from srdanet.grid import Level, Tile, coordinates
from srdanet.product.cog import BLOCK, write_cog
from srdanet.product.layers import LST
from srdanet.viewing.tiles import ArrayTiles, CogTiles, Files, Tiled


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    values = np.random.default_rng(4).uniform(280, 310, (1100, 700)).astype(np.float32)
    values[:300, :100] = np.nan
    return values


@pytest.fixture(scope="module", params=["cog", "array"])
def tiles(request: pytest.FixtureRequest, image: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Tiled:
    if request.param == "array":
        return ArrayTiles(image)
    box = Tile(18, 4).geobox(Level.M250)[: image.shape[0], : image.shape[1]]
    path: Path = tmp_path_factory.mktemp("cog") / "image.tif"
    write_cog(path, xr.DataArray(image, dims=("y", "x"), coords=coordinates(box)), LST, box, {})
    return CogTiles(Files(), path)


def _whole(tiles: Tiled, size: int) -> np.ndarray:
    rows, cols = (-(-n // BLOCK) for n in tiles.sizes[size])
    return np.block([[tiles.tile(size, row, col) for col in range(cols)] for row in range(rows)])


def test_tiles_make_up_the_image(tiles: Tiled, image: np.ndarray) -> None:
    assert tiles.sizes[0] == image.shape
    np.testing.assert_array_equal(_whole(tiles, 0), image)


def test_smaller_sizes_are_means_down_to_one_tile(tiles: Tiled, image: np.ndarray) -> None:
    assert max(tiles.sizes[-1]) <= BLOCK
    half = _whole(tiles, 1)
    assert half.shape == tiles.sizes[1] == (550, 350)
    np.testing.assert_allclose(half[200:, 60:], image[400:, 120:].reshape(350, 2, 290, 2).mean((1, 3)), rtol=1e-6)
    assert np.isnan(half[:150, :50]).all()


def test_a_cell_is_the_value_of_the_file(tiles: Tiled, image: np.ndarray) -> None:
    assert tiles.cell(1099, 699) == image[1099, 699]
    assert np.isnan(tiles.cell(0, 0))


@pytest.mark.parametrize("where", [(0, 3, 0), (0, 0, 2), (9, 0, 0), (0, -1, 0)])
def test_there_are_no_other_tiles(tiles: Tiled, where: tuple[int, int, int]) -> None:
    with pytest.raises(ArgumentError, match="there is no"):
        tiles.tile(*where)


@pytest.mark.parametrize("where", [(1100, 0), (0, 700), (-1, 0)])
def test_there_are_no_other_cells(tiles: Tiled, where: tuple[int, int]) -> None:
    with pytest.raises(ArgumentError, match="there is no cell"):
        tiles.cell(*where)


def test_files_are_closed_when_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from srdanet.viewing import tiles as module

    monkeypatch.setattr(module, "_OPEN", 2)
    box = Tile(18, 4).geobox(Level.M250)[:8, :6]
    files = Files()
    for number in range(4):
        data = xr.DataArray(np.full((8, 6), 280.0 + number, np.float32), dims=("y", "x"), coords=coordinates(box))
        write_cog(tmp_path / f"{number}.tif", data, LST, box, {})
    found = [CogTiles(files, tmp_path / f"{number % 4}.tif").cell(1, 1) for number in range(8)]
    assert found == [280.0, 281.0, 282.0, 283.0] * 2
    assert len(files._open) == 2
