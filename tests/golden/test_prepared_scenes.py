"""Scenes from real files, as stored: a change of the code alone changes no value of them.

`python tests/golden/test_prepared_scenes.py DATA` writes what the code at hand gives to `scenes.json`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from srdanet.grid import Tile
from srdanet.prepare import Screening, prepare
from srdanet.scene import Scene

NUMBERS = Path(__file__).with_name("scenes.json")
LST_LAYERS = ("lst_day", "qc_day", "view_time_day", "view_angle_day")


def scene_of(case: str, data: Path, folder: Path) -> Scene:
    """One scene; granules that come without an LST of their place get a written one."""
    orleans, heihe = data / "wgast-orleans", data / "heihe-2013001"
    match case:
        case "terra day" | "terra night":
            return prepare([data / "hdf4-granules"], tile="h14v09", day=case == "terra day")
        case "reflectance":
            return _beside(data, folder, "MOD09GA.A2008296.h14v17*", Tile(14, 17), dt.date(2008, 10, 22))
        case "albedo":
            return _beside(data, folder, "MCD43A3.A2017199.h15v07*", Tile(15, 7), dt.date(2017, 7, 19))
        case "land cover":
            return _beside(data, folder, "MCD12Q1.A2001001.h00v08*", Tile(0, 8), dt.date(2001, 3, 1))
        case "rasters":
            landsat = orleans / "LC08_199027_20170409.tif"
            files = [f"lst={orleans}/MODIS_2017_04_09.tif:1", f"ndvi={landsat}:2", f"ndwi={landsat}:3"]
            return prepare(files, time="2017-04-09T10:41")
        case "rasters in degrees":
            lst = [f"{n}={heihe}/MOD11A1_2013001.{file}" for n, file in _HEIHE.items()]
            ndvi = f"ndvi={heihe}/MOD13A2_2013001.1_km_16_days_NDVI.tif,scale=0.0001,nodata=-3000"
            return prepare([*lst, ndvi], grid="modis")
        case _:
            heights = data / "dem" / "dem_de15_h18v04_500m_DERIVED.tif"
            files = [f"lst={orleans}/MODIS_2017_01_19.tif:1", f"elevation={heights}", str(data / "era5")]
            return prepare(files, time="2017-01-01T12:00")


_HEIHE = {
    "lst": "LST_Day_1km.tif,scale=0.02",
    "qc": "QC_Day.tif",
    "view_time": "Day_view_time.tif,scale=0.1,nodata=255",
}
CASES = (
    *("terra day", "terra night", "reflectance", "albedo", "land cover"),
    *("rasters", "rasters in degrees", "elevation and weather"),
)


def _beside(data: Path, folder: Path, name: str, tile: Tile, date: dt.date) -> Scene:
    from granules import write_granule

    (granule,) = (data / "hdf4-granules").glob(name)
    lst = write_granule(folder, "MOD11A1", tile=tile, date=date, layers=LST_LAYERS)
    # The defaults leave three cells of the reflectance, which is of the Antarctic coast.
    return prepare([lst, granule], screening=Screening(cloud=False, adjacent=False))


def numbers(scene: Scene) -> dict[str, Any]:
    """Each variable in a few numbers, and what screening dropped."""
    arrays = {str(n): a for part in (scene.lst, *scene.auxiliary) for n, a in part.data_vars.items()}
    inputs = {r["role"]: [r["valid"], r.get("dropped")] for r in scene.provenance["inputs"]}
    return {"time": str(scene.time), "arrays": {n: _measure(a) for n, a in arrays.items()}, "inputs": inputs}


def _measure(array: xr.DataArray) -> dict[str, Any]:
    """Shape, type, hash of the values, and sums that a flip, a shift or another mask changes."""
    values = array.values.astype(np.float64)
    known = np.isfinite(values)
    filled, (rows, columns) = np.where(known, values, 0), np.indices(values.shape)
    sums = [float((filled * weight).mean()) for weight in (1, rows, columns)]
    canonical = np.where(known, array.values, np.asarray(0 if array.dtype.kind in "iu" else np.nan, array.dtype))
    sha256 = hashlib.sha256(np.ascontiguousarray(canonical).tobytes()).hexdigest()
    return {
        "shape": list(array.shape), "dtype": array.dtype.str, "known": int(known.sum()), "sums": sums, "sha256": sha256,
    }  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize("case", CASES)
def test_scenes_are_as_stored(case: str, shared_data: Path, tmp_path: Path) -> None:
    stored = json.loads(NUMBERS.read_text(encoding="utf-8"))[case]
    found = json.loads(json.dumps(numbers(scene_of(case, shared_data, tmp_path))))
    # Screening is exact to the bit; regridding depends on PROJ and on how finely positions are computed.
    exact = "rasters" not in case and "weather" not in case
    for name, array in stored["arrays"].items():
        other = found["arrays"].pop(name)
        assert other.pop("sums") == pytest.approx(array.pop("sums"), rel=1e-6 if exact else 1e-4, abs=1e-9), name
        if not exact:
            del array["sha256"], other["sha256"]
        assert other == array, name
    assert found["arrays"] == {}
    assert (found["time"], found["inputs"]) == (stored["time"], stored["inputs"])


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    made = {}
    for each in CASES:
        with tempfile.TemporaryDirectory() as place:
            made[each] = numbers(scene_of(each, Path(sys.argv[1]), Path(place)))
    NUMBERS.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
