"""A newcomer's path: the wheels in a clean environment, the quickstart followed to the letter, its results looked at.

Needs a package index, as `pip` finds one. Pictures are kept where SRDANET_SCREENSHOTS names a folder; those of the
documentation (docs/img: demo.png, report.png, view.png) are made so, by `make pictures`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rasterio

from qgis_styles import check_style, has_qgis, in_qgis
from test_tutorials import ROOT, _blocks

pytestmark = pytest.mark.trial
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
EXTRAS = {
    "cluster": ("distributed", "srdanet.production.execute"),
    "compare": ("sklearn", "srdanet.baselines.trees"),
    "fetch": ("earthaccess", "cdsapi", "srdanet.download"),
    "parquet": ("pyarrow.parquet",),
    "report": ("jinja2", "srdanet.viewing.report"),
    "view": ("srdanet.viewing.server",),
    "zarr": ("zarr",),
}
"""What can be imported once an extra is installed; `train` brings gigabytes, and the tests of training import it."""
APART = {"train", "test", "dev", "docs"}


def _run(*words: str, where: Path, path: Path | None = None) -> str:
    # Neither the sources nor the packages of the tests may be seen.
    known = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    if path is not None:
        known["PATH"] = f"{path}{os.pathsep}{known['PATH']}"
    done = subprocess.run(words, cwd=where, env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout[-1000:]} {done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Each made from the source distribution, as an index or a packager would: both are tried at once."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (ROOT, ROOT / "simulator"):
        unpacked = tmp_path_factory.mktemp("source")
        for kind, where in (("sdist", source), ("wheel", unpacked)):
            command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
            subprocess.run(command, cwd=where, check=True, capture_output=True)
            if kind == "sdist":
                (archive,) = folder.glob("*.tar.gz")
                subprocess.run(["tar", "-xzf", archive, "--strip-components=1", "-C", unpacked], check=True)
                archive.unlink()
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def clean(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with what the quickstart installs, and nothing else."""
    home = tmp_path_factory.mktemp("newcomer")
    _run(sys.executable, "-m", "venv", "env", where=home)
    programs = home / "env" / "bin"
    ours, simulator = wheels
    extras, *_ = (line for block in _blocks(ROOT / "docs/tutorials/quickstart.md") for line in block.code.splitlines()
                  if line.startswith("pip install"))  # fmt: skip
    assert extras == "pip install '.[report,view]' ./simulator"
    constraints = str(ROOT / "constraints.txt")
    _run(str(programs / "pip"), "install", "-q", "-c", constraints, f"{ours}[report,view]", str(simulator), where=home)
    return programs


@pytest.fixture(scope="module")
def followed(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the quickstart was followed."""
    here = tmp_path_factory.mktemp("quickstart")
    for block in _blocks(ROOT / "docs/tutorials/quickstart.md"):
        if block.reason is None and block.kind == "bash":
            _run("bash", "-euo", "pipefail", "-c", block.code, where=here, path=clean)
        elif block.reason is None and block.kind == "python":
            _run("python", "-c", block.code, where=here, path=clean)
    return here


def test_the_clean_environment_has_no_torch(clean: Path, tmp_path: Path) -> None:
    held = {entry["name"] for entry in json.loads(_run(str(clean / "pip"), "list", "--format=json", where=tmp_path))}
    assert {"srdanet", "srdanet-simulator", "onnxruntime"} <= held
    assert not held & {"torch", "dask", "scikit-learn", "pytest", "playwright"}


def test_the_quickstart_leaves_what_it_says(followed: Path) -> None:
    demo = followed / "demo"
    for pattern in ("granules", "scene.nc", "lst_*_250m.tif", "lst_*_250m_uncertainty.tif", "lst_*_250m_quality.tif",
                    "lst_*_250m.png", "lst_*_provenance.json", "comparison.png", "lst_*_report.html"):  # fmt: skip
        assert len(list(demo.glob(pattern))) == 1, pattern


def test_the_product_opens_in_other_programs(clean: Path, followed: Path) -> None:
    """rasterio and xarray of the clean environment, and QGIS's styles; QGIS itself where it is installed."""
    layers = {end: next((followed / "demo").glob(f"lst_*_250m{end}.tif")) for end in ("", "_uncertainty", "_quality")}
    with rasterio.open(layers[""]) as product:
        kelvin = product.read(1, masked=True)
        assert product.units == ("K",)
    with_xarray = (
        "import xarray as xr\n"
        "with xr.open_dataset('demo.nc') as cube:\n"
        "    print(*cube['lst'].dims, cube['lst'].attrs['units'], float(cube['lst'].mean()))\n"
    )
    said = _run("python", "-c", with_xarray, where=followed, path=clean).split()
    assert said[:4] == ["time", "y", "x", "K"]
    assert float(said[4]) == pytest.approx(float(kelvin.mean()), abs=0.05)
    for end, unit in (("", "K"), ("_uncertainty", "K"), ("_quality", None)):
        check_style(layers[end], unit)
    if has_qgis():
        said_by_qgis = in_qgis(list(layers.values()))
        assert all(one["valid"] and one["crs"] and all(one["labels"]) for one in said_by_qgis)
        assert [one["type"] for one in said_by_qgis] == ["singlebandpseudocolor", "singlebandpseudocolor", "paletted"]
        assert [one.get("suffix") for one in said_by_qgis] == [" K", " K", None]


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is absent (Debian: apt-get install chromium)")
def test_report_and_viewer_are_looked_at(clean: Path, followed: Path, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    shots = Path(os.environ.get("SRDANET_SCREENSHOTS", tmp_path))
    shots.mkdir(parents=True, exist_ok=True)
    shutil.copy(followed / "demo" / "comparison.png", shots / "demo.png")
    said: list[str] = []
    (report,) = (followed / "demo").glob("*_report.html")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [str(clean / "srdanet"), "view", "demo", "--no-browser"]
    with (
        subprocess.Popen(command, cwd=followed, env=environment, stdout=subprocess.PIPE, text=True) as server,
        playwright.sync_playwright() as running,
    ):
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = running.chromium.launch(executable_path=CHROMIUM, args=options, timeout=120_000)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(url)
        page.wait_for_selector("#canvas[data-complete=true]")
        page.mouse.move(640, 400)
        page.wait_for_timeout(500)
        page.screenshot(path=shots / "view.png")
        page.goto(report.as_uri())
        assert page.locator("img").count() + page.locator("svg").count() > 3
        page.screenshot(path=shots / "report.png")
        browser.close()
        server.terminate()
    assert said == []
    assert (shots / "view.png").stat().st_size > 20_000
    assert (shots / "report.png").stat().st_size > 20_000


def test_every_extra_is_looked_at() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) | APART == set(project["optional-dependencies"])


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_what_it_is_for(clean: Path, wheels: list[Path], tmp_path: Path, extra: str) -> None:
    constraints = str(ROOT / "constraints.txt")
    _run(str(clean / "pip"), "install", "-q", "-c", constraints, f"{wheels[0]}[{extra}]", where=tmp_path)
    _run(str(clean / "python"), "-c", "\n".join(f"import {name}" for name in EXTRAS[extra]), where=tmp_path)
