"""Every command of the README and of the pages for users, run as it stands, in a folder that holds what the pages name.

What a page leaves to the reader (`GRANULES/`, a place, a time) is filled in by `FILLED`; `NOT_HERE` says which lines do
not run and where they are tested instead.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine

from srdanet import Tile, open_granule, open_scene
from srdanet.prepare.extent import valid_part
from test_tutorials import ROOT, _blocks

PAGES = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("guide", "products", "viewing", "comparison"))]
NOT_HERE = {
    r"^make ": "the Makefile's; `make test` runs this",
    r"^pip install ": "tests/test_newcomer.py installs every extra",
    r"^(apt-get|/usr/bin/python3|dms/bin/pip) ": "python_dms is installed by hand",
    r"--with-external": "tests/evaluation has a stand-in for python_dms",
    r"--data DATA": "needs the public data sets; tests/real and tests/evaluation run evaluate, compare and publish",
    r"^srdanet compare --set simulated --scenes 16": "minutes; tests/evaluation runs fewer scenes",
    r"^srdanet train configs/shipped.toml": "hours; docs/tutorials/training.md trains in little",
    r"--model FOLDER": "needs what training leaves; tests/network loads such a folder",
    r"^srdanet view ": "serves until it is stopped; tests/viewing opens it",
    r"^srdanet compare scene.nc --truth lst=landsat.tif": "as the pair of rasters before it",
}
FILLED = {
    "GRANULES/": "downloads/",
    "--bounds 5.0,45.0,5.3,45.2": "--bounds BOUNDS",
    "--city 2.35,48.86": "--city CITY",
    "--scenes 48": "--scenes 2",
    "--truth fine/": "--truth fine/ --method bicubic",
    "scene.nc --truth fine.tif": "lst=coarse.tif ndvi=ndvi.tif --truth fine.tif",
    "--method examples/": f"--method {ROOT}/examples/",
}


def _lines(page: Path) -> list[str]:
    """Commands in blocks that are no Python."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    code = "\n".join(text for kind, text in blocks if kind in ("", "bash")).replace("\\\n", " ")
    return [line.split("  #")[0].strip() for line in code.splitlines() if line.strip()]


def test_what_does_not_run_is_still_there() -> None:
    lines = [line for page in PAGES for line in _lines(page)]
    assert len(lines) > 40
    for pattern in NOT_HERE:
        assert any(re.search(pattern, line) for line in lines), pattern
    for text in FILLED:
        assert any(text in line for line in lines), text


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of granules, a farm, two fields, points and a pair of images."""
    folder = tmp_path_factory.mktemp("manual")
    command = ["simulate", "--tile", "h18v04", "--date", "2020-07-15..2020-07-16", "--seed", "7", "--size", "24"]
    subprocess.run([sys.executable, "-m", "srdanet", *command, "-o", "downloads"], cwd=folder, check=True)
    lst = open_granule(next((folder / "downloads").glob("MOD11A1*.hdf")), ["lst_day"]).layers["lst_day"]
    rows, cols = valid_part(lst, margin=0)
    part = Tile(18, 4).geobox(1000)[rows, cols]
    shapes = [part[4:14, 5:15], part[15:19, 6:9]]
    rings = [box.extent.buffer(-300).to_crs("EPSG:4326", resolution=1000) for box in shapes]
    features = [{"type": "Feature", "properties": {"name": f"f{n}"}, "geometry": r.json} for n, r in enumerate(rings)]
    (folder / "fields.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    for name in ("farm", "field"):
        (folder / f"{name}.geojson").write_text(json.dumps(features[0]))
    lon, lat = rings[0].centroid.coords[0]
    (folder / "points.csv").write_text(f"name,lon,lat\nmiddle,{lon},{lat}\n")
    edge = rings[0].boundingbox
    places = {"BOUNDS": f"{edge.left},{edge.bottom},{edge.right},{edge.top}", "CITY": f"{lon},{lat}"}
    (folder / "places.json").write_text(json.dumps(places))
    rng = np.random.default_rng(1)
    ndvi = np.kron(rng.uniform(0.1, 0.8, (40, 48)), np.ones((2, 2)))
    warm = 311 - 12 * ndvi + rng.normal(0, 0.3, ndvi.shape)
    mean = warm.reshape(20, 4, 24, 4).mean((1, 3))
    images = {"ndvi": (ndvi, 250), "fine": (warm, 250), "coarse": (mean, 1000), "lst_celsius": (mean - 273.15, 1000)}
    images |= {"coarse/a": images["coarse"], "fine/a": images["fine"]}
    for name, (values, cell) in images.items():
        _write(folder / f"{name}.tif", values[None], cell)
    _write(folder / "sentinel.tif", np.stack([ndvi * 0, ndvi]), 250)
    return folder


def _write(path: Path, bands: np.ndarray, cell: int) -> None:
    path.parent.mkdir(exist_ok=True)
    count, height, width = bands.shape
    place = Affine(cell, 0, 480000, 0, -cell, 5460000)
    about = {"driver": "GTiff", "count": count, "dtype": "float32", "crs": "EPSG:32631", "transform": place}
    with rasterio.open(path, "w", height=height, width=width, **about) as file:
        file.write(bands.astype("float32"))


@pytest.mark.trial
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run(page: Path, world: Path, tmp_path: Path) -> None:
    """In the order of the page; what a command before it wrote may be written again."""
    here = tmp_path / "here"
    here.mkdir()
    for path in world.iterdir():
        (here / path.name).symlink_to(path)
    places = json.loads((world / "places.json").read_text())
    scripts = tmp_path / "bin"
    scripts.mkdir()
    (scripts / "srdanet").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m srdanet "$@"\n')
    (scripts / "srdanet").chmod(0o755)
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}

    def run(line: str) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line], cwd=here, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}: {done.stderr[-2000:]}"

    if page.stem != "README":
        run("srdanet prepare downloads --date 2020-07-15 -o scene.nc")
        # A catalogue takes one product of a name: that page keeps single ones apart from those of a run.
        run(f"srdanet downscale scene.nc --to 250 -o {'product' if page.stem == 'products' else 'products'}/")
    for line in _lines(page):
        if any(re.search(pattern, line) for pattern in NOT_HERE):
            continue
        for text, instead in FILLED.items():
            line = line.replace(text, instead)
        for name, value in places.items():
            line = line.replace(name, value)
        (record, *_) = [*(path.name for path in sorted(here.glob("product*/lst_h18v04*_provenance.json"))), ""]
        line = line.replace("lst_…_provenance.json", record)
        overwrite = " --overwrite" if " -o " in line and not line.startswith("srdanet run") else ""
        run(line + overwrite)


@pytest.mark.trial
def test_the_recipe_for_earthaccess(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its calls are held against the library's signatures; search and download are answered from the folder."""
    earthaccess = pytest.importorskip("earthaccess")
    known = {name: inspect.signature(getattr(earthaccess, name)) for name in ("login", "search_data", "download")}

    def search(**asked: object) -> list[Path]:
        known["search_data"].bind(**asked)
        return sorted((world / "downloads").glob(f"{asked['short_name']}.*"))

    def download(found: list[Path], folder: str) -> None:
        known["download"].bind(found, folder)
        Path(folder).mkdir(exist_ok=True)
        for path in found:
            shutil.copy(path, folder)

    monkeypatch.setattr(earthaccess, "login", lambda: known["login"].bind())
    monkeypatch.setattr(earthaccess, "search_data", search)
    monkeypatch.setattr(earthaccess, "download", download)
    monkeypatch.chdir(tmp_path)
    (block,) = (b for b in _blocks(ROOT / "docs/tutorials/recipes.md") if "import earthaccess" in b.code)
    exec(compile(block.code, "recipes", "exec"), {})
    with open_scene("scene.nc") as scene:
        assert {"red", "albedo"} <= set(scene.present)


@pytest.mark.trial
def test_a_granule_opens_as_the_page_says(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block of products.md, with what the page says of the result."""
    text = (ROOT / "docs" / "products.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```py\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (name,) = re.findall(r'"(MOD11A1[^"]+)"', code)
    (tmp_path / name).symlink_to(next((world / "downloads").glob("MOD11A1.A2020197*")))
    monkeypatch.chdir(tmp_path)
    names: dict[str, xr.Dataset] = {}
    exec(compile(code, "products", "exec"), names)
    granule = names["granule"]
    assert granule["lst_day"].attrs["units"] == "K"
    assert bool(granule["lst_day"].isnull().any())
    assert granule["qc_day_lst_error"].attrs["flag_meanings"]
    assert set(xr.open_dataset(name, engine="srdanet", layers=["lst_day"]).data_vars) & {"lst_day", "lst_night"} == {
        "lst_day"
    }
