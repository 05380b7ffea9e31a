"""`srdanet compare`: the commands of the manual on small images, the protocol's examples, and what is written."""

from __future__ import annotations

import csv
import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from odc.geo.geobox import GeoBox

from srdanet.cli import cli
from srdanet.energy import degrade
from srdanet.evaluation.external import PythonDms
from srdanet.grid import refine
from srdanet.scene import Scene
from srdanet.scene.checks import on_grid

ROOT = Path(__file__).resolve().parents[2]
BOX = GeoBox.from_bbox((600_000, 4_288_000, 614_400, 4_300_480), crs="EPSG:32647", resolution=960)
FILES = {"comparison.csv", "tests.csv", "comparison.json", "sums.json", "ratios.png", "spectra.png"}


def write(path: Path, values: np.ndarray, box: GeoBox) -> None:
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "height": box.shape[0], "width": box.shape[1]}
    with rasterio.open(path, "w", crs="EPSG:32647", transform=box.affine, nodata=np.nan, **profile) as target:
        target.write(values.astype(np.float32), 1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pair of GeoTIFFs with NDVI: 30 m cells finer than what is asked for, LST a line in NDVI and some noise."""
    rng = np.random.default_rng(2)
    fine = refine(BOX, 8)
    ndvi = np.kron(rng.uniform(0.1, 0.8, (BOX.shape[0] * 2, BOX.shape[1] * 2)), np.ones((4, 4)))
    lst = 318 - 20 * ndvi + rng.normal(0, 0.2, ndvi.shape)
    write(tmp_path / "fine.tif", lst, fine)
    write(tmp_path / "ndvi.tif", ndvi, fine)
    write(tmp_path / "coarse.tif", degrade(lst, 8), BOX)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(runner: CliRunner, line: str) -> str:
    done = runner.invoke(cli, shlex.split(line))
    assert done.exit_code == 0, done.output
    return done.output


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((path / "comparison.csv").read_text().splitlines()))


def command(page: str, containing: str) -> str:
    lines = re.findall(r"^srdanet (compare .*)$", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    return next(line for line in lines if containing in line)


def test_the_command_of_the_guide_compares_a_pair_of_geotiffs(folder: Path, runner: CliRunner) -> None:
    output = run(runner, command("guide.md", "--truth"))
    found = {
        row["method"]: row for row in rows(folder / "comparison") if not row["stratum"] and row["level_m"] == "250"
    }
    assert set(found) == {"bicubic", "tsharp", "default"}
    assert float(found["tsharp"]["ratio"]) < 0.3
    assert float(found["tsharp"]["std"]) == pytest.approx(0.1, abs=0.1)
    assert found["tsharp"]["sensors"] == "cross-sensor"
    assert {path.name for path in (folder / "comparison").iterdir()} == FILES
    assert "tsharp" in output
    data = json.loads((folder / "comparison" / "comparison.json").read_text())
    assert data["methods"] == ["bicubic", "tsharp", "default"]


def test_all_files_after_truth_belong_to_it(folder: Path, runner: CliRunner) -> None:
    (folder / "b.tif").write_bytes((folder / "coarse.tif").read_bytes())
    line = "compare coarse.tif b.tif --truth fine.tif,unit=K lst=fine.tif,unit=K --method nearest --same-sensor"
    run(runner, f"{line} --factor 2 --no-figures -o out")
    assert {row["scenes"] for row in rows(folder / "out") if not row["case"]} == {"2"}
    assert {row["case"] for row in rows(folder / "out")} == {"coarse", "b", ""}
    assert {row["measure"] for row in rows(folder / "out")} == {"pooled_rmse"}


def test_folders_are_paired_by_name(folder: Path, runner: CliRunner) -> None:
    for place in ("many", "truths"):
        (folder / place).mkdir()
    for name in ("x", "y"):
        (folder / "many" / f"{name}.tif").write_bytes((folder / "coarse.tif").read_bytes())
        (folder / "truths" / f"{name}.tif").write_bytes((folder / "fine.tif").read_bytes())
    run(runner, "compare many --truth truths --method nearest --no-figures -o out")
    (folder / "truths" / "y.tif").rename(folder / "truths" / "z.tif")
    done = runner.invoke(cli, shlex.split("compare many --truth truths --method nearest"))
    assert done.exit_code == 2
    assert "y.tif has no partner" in done.output


@pytest.mark.parametrize("example", ["own_function.py:halfway", "own_model.py:OwnModel"])
def test_examples_take_part(example: str, folder: Path, runner: CliRunner) -> None:
    own = ROOT / "examples" / example
    run(runner, f"compare lst=coarse.tif ndvi=ndvi.tif --truth fine.tif --method {own} --no-figures -o out")
    name = "own-model" if "model" in example else "halfway"
    ratios = [float(row["ratio"]) for row in rows(folder / "out") if row["method"] == name]
    assert ratios
    assert all(0.5 < ratio < 2 for ratio in ratios)


def test_sums_of_several_runs_add_up(folder: Path, runner: CliRunner) -> None:
    (folder / "b.tif").write_bytes((folder / "fine.tif").read_bytes())
    lst = np.asarray(degrade(rasterio.open(folder / "fine.tif").read(1), 8))
    write(folder / "other.tif", lst + 1, BOX)
    run(runner, "compare coarse.tif --truth fine.tif --method nearest --no-figures -o one")
    run(runner, "compare other.tif --truth b.tif --method nearest --sums one/sums.json --no-figures -o added")
    run(runner, "compare coarse.tif other.tif --truth fine.tif b.tif --method nearest --no-figures -o both")
    assert (folder / "added" / "comparison.csv").read_text() == (folder / "both" / "comparison.csv").read_text()


def test_the_list_names_methods_and_papers(runner: CliRunner) -> None:
    output = run(runner, "compare --list")
    for paper in ("Kustas et al. 2003", "Agam et al. 2007", "Hutengs and Vohland 2016", "Gao et al. 2006"):
        assert paper in output
    assert json.loads(run(runner, "compare --list --json"))["fsdaf"]["needs"] == "coarse and fine LST of one other date"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("compare coarse.tif", "--truth FINE"),
        ("compare coarse.tif coarse.tif --truth fine.tif", "2 coarse images have 1 finer ones"),
        ("compare coarse.tif --truth coarse.tif --method nearest", "1 times finer"),
        ("compare --set nowhere", "no data set 'nowhere'"),
        ("compare --set aster", "--data"),
        ("compare coarse.tif --truth fine.tif --method nothing", "is not a model"),
        ("compare coarse.tif --truth fine.tif --method none.py:f", "no such file"),
    ],
)
def test_mistakes_are_named(line: str, message: str, folder: Path, runner: CliRunner) -> None:
    done = runner.invoke(cli, shlex.split(line))
    assert done.exit_code in (1, 2)
    assert message in done.output


STAND_IN = """
import sys, types
class DecisionTreeSharpener:
    def __init__(self, fine, coarse, **settings): self.fine = fine[0]
    def trainSharpener(self): pass
    def applySharpener(self, fine, coarse): return fine
    def residualAnalysis(self, made, coarse, quality, doCorrection): return None, Image(made)
class Image:
    def __init__(self, path):
        import rasterio
        self.file = rasterio.open(path)
    def GetRasterBand(self, n): return self
    def ReadAsArray(self): return self.file.read(1) + 1
    def GetGeoTransform(self): return self.file.transform
    def GetProjection(self): return self.file.crs
"""


SAVE = """
import rasterio
def saveImg(data, transform, crs, path):
    size = {"height": data.shape[0], "width": data.shape[1], "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", driver="GTiff", transform=transform, crs=crs, **size) as file:
        file.write(data, 1)
"""


def test_the_external_rival_runs_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in of the package, whose result is the first predictor plus 1, in the place of its files."""
    package = tmp_path / "pyDMS"
    package.mkdir()
    (package / "pyDMS.py").write_text(STAND_IN)
    (package / "pyDMSUtils.py").write_text(SAVE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    lst = np.full(BOX.shape, 300, np.float32)
    lst[0, 0] = np.nan
    ndvi = np.random.default_rng(0).uniform(0, 1, refine(BOX, 4).shape).astype(np.float32)
    scene = Scene(on_grid({"lst": lst}, BOX), (on_grid({"ndvi": ndvi}, refine(BOX, 4)),))
    result = PythonDms(Path(sys.executable))(scene, 4)["lst"].values
    assert np.isnan(result[:4, :4]).all()
    np.testing.assert_allclose(result[4:], ndvi[4:] + 1)
    assert not [name for name in sys.modules if "pyDMS" in name]
