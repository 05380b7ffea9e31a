"""Eight tasks of users, each one command of docs/tasks.md, run as it stands and timed.

    python benchmarks/tasks.py                        # simulates the granules first
    python benchmarks/tasks.py --granules FOLDER      # takes those of benchmarks/season.py

Writes the table of the page. Fails where a command fails, or did not leave what it is for.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import season
import xarray as xr
from affine import Affine
from results import machine

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tasks.md"
DATES = 3


@dataclass(frozen=True)
class Task:
    """What is wanted, the command, and whether it was done."""

    wanted: str
    command: str
    done: Callable[[Path, str], bool] | None
    """Given the folder and what was printed; None: not run here."""


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _small(folder: Path, _: str) -> bool:
    with rasterio.open(next((folder / "field").glob("lst_*_250m.tif"))) as file:
        return max(file.shape) < 150 and bool(np.isfinite(file.read(1)).any())


def _in_degrees(folder: Path, _: str) -> bool:
    with xr.open_dataset(folder / "degrees.nc") as cube:
        names = [cube[axis].attrs["standard_name"] for axis in ("y", "x")]
        return cube.sizes["time"] == DATES and names == ["latitude", "longitude"]


def _judged(folder: Path, _: str) -> bool:
    return {row["method"] for row in _table(folder / "comparison" / "comparison.csv")} == {
        "bicubic",
        "tsharp",
        "default",
    }


TASKS = (
    Task("a field, not a tile", "srdanet downscale downloads --date 2020-07-01 --region farm.geojson -o field", _small),
    Task(f"many dates ({DATES} here)", "srdanet run downloads --region farm.geojson --overpass day -o products",
         lambda folder, _: len(list((folder / "products").rglob("*_provenance.json"))) == DATES),
    Task("a series at points", "srdanet extract products --at points.csv -o series.csv --plot series.png",
         lambda folder, _: len(_table(folder / "series.csv")) == DATES and (folder / "series.png").exists()),
    Task("a download", "srdanet fetch --region farm.geojson --dates 2020-07-01/2020-07-03 -o downloads", None),
    Task("latitude and longitude", "srdanet cube products --crs EPSG:4326 -o degrees.nc", _in_degrees),
    Task("one's own pair judged", "srdanet compare lst=coarse.tif ndvi=ndvi.tif --truth fine.tif "
         "--method bicubic --method tsharp --method default -o comparison", _judged),
    Task("a word where it is no better than interpolation",
         "srdanet downscale lst=coarse.tif --time 2020-07-01T10:40 -o bare",
         lambda _, said: "little more than interpolation" in said),
    Task("a style for QGIS", "srdanet downscale downloads --date 2020-07-01 --region farm.geojson -o styled",
         lambda folder, _: len(list((folder / "styled").glob("*.qml"))) == 6),
)  # fmt: skip


def run(command: str, folder: Path) -> tuple[str, float, float]:
    """What a command prints, its seconds by the clock, and those of the processor with all processes it started."""
    words = [sys.executable, "-m", *shlex.split(command)]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(words, cwd=folder, check=False, capture_output=True, text=True)
    after, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{command}\n{done.stderr}")
    return done.stdout + done.stderr, clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def prepare(folder: Path, granules: Path) -> None:
    """What the commands name: granules, a farm, a point in it, a pair of images."""
    days = [f"A2020{183 + number}" for number in range(DATES)]
    (folder / "downloads").mkdir()
    for path in granules.iterdir():
        if path.is_file() and (path.suffix != ".hdf" or path.name.split(".")[1] in (*days, "A2020001")):
            (folder / "downloads" / path.name).symlink_to(path.resolve())
    field = season.farm(granules, folder / "farm.geojson")
    ring = np.array(json.loads(field.read_text())["geometry"]["coordinates"][0])
    lon, lat = ring.mean(0)
    (folder / "points.csv").write_text(f"name,lon,lat\nmiddle,{lon:.4f},{lat:.4f}\n")
    rng = np.random.default_rng(1)
    ndvi = np.kron(rng.uniform(0.1, 0.8, (40, 48)), np.ones((2, 2)))
    fine = 311 - 12 * ndvi + rng.normal(0, 0.3, ndvi.shape)
    coarse = fine.reshape(20, 4, 24, 4).mean((1, 3))
    for name, values, cell in (("ndvi", ndvi, 250), ("fine", fine, 250), ("coarse", coarse, 1000)):
        about = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": "EPSG:32631"}
        about["transform"] = Affine(cell, 0, 480000, 0, -cell, 5460000)
        height, width = values.shape
        with rasterio.open(folder / f"{name}.tif", "w", height=height, width=width, **about) as file:
            file.write(values.astype("float32"), 1)


def main() -> int:
    """Run, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--granules", type=Path, help="Folder of granules from benchmarks/season.py.")
    given = parser.parse_args()
    rows, left = ["| wanted | command | time |", "|---|---|--:|"], []
    with tempfile.TemporaryDirectory() as scratch:
        granules = given.granules or Path(scratch) / "granules"
        if not granules.is_dir():
            season.simulate(granules, DATES)
        folder = Path(scratch) / "here"
        folder.mkdir()
        prepare(folder, granules)
        for task in TASKS:
            took = "not measured"
            if task.done is not None:
                said, clock, processor = run(task.command, folder)
                took = f"{processor:.1f} s ({clock:.0f} s)"
                if not task.done(folder, said):
                    left.append(task.wanted)
            rows.append(f"| {task.wanted} | `{task.command}` | {took} |")
            print(rows[-1], flush=True)
    about = machine()
    rows += ["", f"Measured {about['date']} on {os.cpu_count()} cores."]
    text = PAGE.read_text(encoding="utf-8")
    table = "\n".join(rows)
    PAGE.write_text(
        re.sub(r"(<!-- tasks -->\n).*?(<!-- end -->)", lambda f: f"{f[1]}{table}\n{f[2]}", text, flags=re.S)
    )
    if left:
        print("Not done:", ", ".join(left))
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
