"""Simulated granules beside real ones: the same layers, described by the same words and numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from pyhdf.SD import SD

from srdanet.readers.tables import PRODUCTS
from srdanet_simulator import simulate, write

pytestmark = pytest.mark.real

Said = dict[str, tuple[Any, int]]
"""Attributes by name, in order: value and HDF4 type."""
REAL = {
    "MOD11A1": "MOD11A1.A2021227.h11v05.061",
    "MOD09GA": "MOD09GA.A2008296.h14v17.006",
    "MCD43A3": "MCD43A3.A2017199.h15v07.006",
    "MCD12Q1": "MCD12Q1.A2001001.h00v08.006",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Granules of the tile of the real MOD11A1, by product."""
    files = write(simulate(2, 8, "h11v05", "2021-08-15", offset=(500, 600)), tmp_path_factory.mktemp("simulated"))
    return {path.name.partition(".")[0]: path for path in files if path.suffix == ".hdf"}


def layers(path: Path) -> dict[str, tuple[Any, Said]]:
    """Each data set: its shape, type and dimensions; its attributes. Shares counted in a text are left out."""
    file = SD(str(path))
    found = {}
    for name in file.datasets():
        field = file.select(name)
        _, rank, shape, kind, _ = field.info()
        said = {key: (value[0], value[2]) for key, value in sorted(field.attributes(full=1).items(), key=_index)}
        if name == "state_1km_1":
            said["QA index"] = (re.sub(r", \d+\.\d\d%", "", said["QA index"][0]), said["QA index"][1])
        found[name] = ((shape, kind, [field.dim(axis).info()[0] for axis in range(rank)]), said)
    file.end()
    return found


def _index(item: tuple[str, Any]) -> int:
    return int(item[1][1])


def texts(path: Path) -> dict[str, str]:
    file = SD(str(path))
    found = {key: value.rstrip("\0") for key, value in file.attributes().items() if isinstance(value, str)}
    file.end()
    return found


@pytest.mark.parametrize("product", REAL)
def test_layers_are_described_as_in_the_real_granule(product: str, written: dict[str, Path], shared_data: Path) -> None:
    (real,) = (shared_data / "hdf4-granules").glob(f"{REAL[product]}*")
    ours, theirs = layers(written[product]), layers(real)
    assert set(ours) == {row.sds for row in PRODUCTS[product].layers}
    for name, (stored, said) in ours.items():
        assert stored == theirs[name][0], name
        assert list(said.items()) == list(theirs[name][1].items()), name
    assert list(ours) == [name for name in theirs if name in ours], "in the real order"


def test_daily_temperature_has_every_layer_of_the_real_one(written: dict[str, Path], shared_data: Path) -> None:
    for real in (shared_data / "hdf4-granules").glob("MOD11A1*"):
        assert list(layers(written["MOD11A1"])) == list(layers(real))


def test_the_grid_of_the_same_tile_is_described_word_for_word(written: dict[str, Path], shared_data: Path) -> None:
    (real,) = (shared_data / "hdf4-granules").glob(f"{REAL['MOD11A1']}*")
    ours, theirs = texts(written["MOD11A1"]), texts(real)
    assert list(ours) == list(theirs)
    for key in ("HDFEOSVersion", "identifier_product_doi", "identifier_product_doi_authority"):
        assert ours[key] == theirs[key]
    number = r"-?\d+\.\d+"
    struct = [text["StructMetadata.0"] for text in (ours, theirs)]
    assert re.sub(number, "", struct[0]) == re.sub(number, "", struct[1])
    mine, real_ones = (np.array([float(v) for v in re.findall(number, text)]) for text in struct)
    np.testing.assert_allclose(mine, real_ones, atol=0.002)  # the real corners are a millimetre off their own grid


def test_bands_of_250_m_are_described_as_in_real_ones(written: dict[str, Path], shared_data: Path) -> None:
    """No real granule is at hand; this cut of one has kept most of the attributes."""
    path = shared_data / "modis-subsets" / "MODIS_MYD09GQ_15TWF79_20171019.nc"
    with xr.open_dataset(path, mask_and_scale=False, engine="h5netcdf") as real:
        for name, (_, said) in layers(written["MOD09GQ"]).items():
            theirs = real[f"{name}_MYD09GQ"].attrs
            shared = [key for key in said if key in theirs and key != "_FillValue"]
            assert len(shared) >= 4
            assert {key: said[key][0] for key in shared} == {
                key: value.tolist() if hasattr(value, "tolist") else value
                for key, value in theirs.items()
                if key in shared
            }
