"""The main job on a full tile, 1200 x 1200 to 4800 x 4800 cells, from granules, held against its limits.

    python benchmarks/tile.py [--granules FOLDER] [--model BUNDLE] [--keep FOLDER]

Without `--granules` a simulated scene is repeated until it fills a tile and written as granules of MOD11A1, MOD09GA,
MOD09GQ, MCD43A3 and MCD12Q1 and a GeoTIFF of elevation. Every row is a figure with its limit, times as multiples of
what the machine does in the same minute, so that a busy one does not decide. Exits with 1 where a limit is passed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from srdanet.baselines import BASELINES
from srdanet.cli import cli
from srdanet.energy import conserve
from srdanet.grid import Level, Tile
from srdanet.network.bundle import Bundle, load_model
from srdanet.readers.filenames import identify
from srdanet.readers.granule import open_granule
from srdanet.scene import open_scene
from srdanet_simulator import simulate, write
from srdanet_simulator.files.granules import write_granule

PATTERN = 120
"""1 km cells along a side of the scene that is repeated; divides a tile."""
NOMINAL = 60e3 * Level.M250.cells**2
"""Floating point operations that both steps of a full tile are counted as: 60 thousand for each 250 m cell."""


def make(folder: Path) -> None:
    """The granules of a full tile."""
    land = simulate(3, PATTERN, Tile(18, 4), "2020-07-15", offset=(480, 480), clouds=0.05)
    small = folder / "small"
    full = folder / "granules"
    full.mkdir()
    times = Level.KM1.cells // PATTERN
    for path in write(land, small):
        if path.suffix == ".zip":
            path.rename(full / path.name)
        if path.suffix != ".hdf":
            continue
        granule = open_granule(path)
        content = {}
        for name, data in granule.layers.items():
            factor = data.sizes["y"] // Level.KM1.cells
            rows, cols = (slice(o * factor, (o + PATTERN) * factor) for o in land.offset)
            content[name] = np.tile(data.values[rows, cols], (times, times))
        write_granule(full / path.name, identify(path), content, (0, 0), dict.fromkeys(content, 0))
    box = Tile(18, 4).geobox(250)
    elevation = np.tile(land.predictors["elevation"], (times, times)).astype(np.float32)
    about = {"driver": "GTiff", "dtype": "float32", "count": 1, "crs": box.crs.wkt, "transform": box.affine}
    with rasterio.open(full / "elevation.tif", "w", height=4800, width=4800, compress="deflate", **about) as file:
        file.write(elevation, 1)


@dataclass
class Network:
    """Counts what `Bundle.step` takes."""

    seconds: float = 0.0
    cells: int = 0
    """Coarse cells computed, halos included."""

    def watch(self) -> None:
        """From now on every bundle of this process is counted."""
        step = Bundle.step

        def timed(bundle: Bundle, lst: Any, channels: Any, context: Any) -> Any:
            start = time.perf_counter()
            result = step(bundle, lst, channels, context)
            self.seconds += time.perf_counter() - start
            self.cells += lst.size
            return result

        Bundle.step = timed  # type: ignore[method-assign]


def child(report: str, arguments: Sequence[str]) -> None:
    """Run the command in this process and leave a report of the network's part in it."""
    network = Network()
    network.watch()
    try:
        cli(list(arguments), standalone_mode=False)
    finally:
        Path(report).write_text(json.dumps(vars(network)), encoding="utf-8")


@dataclass
class Measured:
    """A command that ran."""

    seconds: float
    memory: float
    """GiB, the largest sum over the process and its descendants (shared pages counted once)."""
    network: Network


def measured(folder: Path, *command: str) -> Measured:
    """Run a command of srdanet in a process of its own."""
    report = folder / "network.json"
    start, largest = time.perf_counter(), 0.0
    process = subprocess.Popen([sys.executable, __file__, "--child", str(report), *command])
    ended = threading.Event()

    def look() -> None:
        nonlocal largest
        while not ended.wait(0.2):
            largest = max(largest, sum(map(resident, tree(process.pid))))

    watcher = threading.Thread(target=look)
    watcher.start()
    status = process.wait()
    seconds = time.perf_counter() - start
    ended.set()
    watcher.join()
    if status:
        sys.exit(f"srdanet {' '.join(command)} ended with {status}")
    return Measured(seconds, largest / 2**30, Network(**json.loads(report.read_text(encoding="utf-8"))))


def tree(process: int) -> list[int]:
    """The process and its descendants (Linux)."""
    found = [process]
    for one in found:
        with contextlib.suppress(OSError):
            for children in Path(f"/proc/{one}/task").glob("*/children"):
                found += map(int, children.read_text().split())
    return found


def resident(process: int) -> int:
    """Bytes of memory, each shared page in equal parts to those who share it."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def sgemm(side: int = 2048, times: int = 8) -> float:
    """Floating point operations a second that NumPy's product of float32 matrices reaches on all cores."""
    a = np.random.default_rng(0).random((side, side), np.float32)
    best = np.inf
    for _ in range(times):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / float(best)


def bicubic(scene: str) -> float:
    """Seconds for bicubic interpolation with conservation of a scene's LST, x2 twice as the network does it."""
    with open_scene(scene) as held:
        coarse = np.asarray(held.lst["lst"].values, np.float32)
    start, image = time.perf_counter(), coarse
    for _ in range(2):
        fine = np.asarray(BASELINES["bicubic"]().step(image, None, None)[0])  # type: ignore[attr-defined]
        image = np.asarray(conserve(fine, image), np.float32)
    return time.perf_counter() - start


def help_text(times: int = 7) -> float:
    """Seconds that `srdanet --help` takes, at best."""
    best = np.inf
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "srdanet", "--help"], check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - start)
    return float(best)


@dataclass
class Table:
    """Rows of a figure, the most it must be, the most it should be."""

    missed: list[str] = field(default_factory=list)

    def row(self, what: str, value: float, must: float, aim: float, unit: str) -> None:
        """Print a row and remember whether its limit is kept."""
        if value > must:
            self.missed.append(what)
        print(f"{what:58s} {value:7.2f} {unit:8s} must {must:5.2f}  aim {aim:5.2f}  {'MISSED' if value > must else ''}")


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--granules", type=Path, help="Granules and elevation of one tile instead of simulated ones.")
    parser.add_argument("--model", default="default", help="A shipped model's name or the folder of a bundle.")
    parser.add_argument("--keep", type=Path, help="Work in this folder and leave it.")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    granules = options.granules or folder / "granules"
    if not granules.exists():
        make(folder)
    # The record of the model is looked at here, so that a bundle that cannot be used ends the run before an hour of it.
    load_model(options.model)
    files = [str(path) for path in sorted(granules.iterdir()) if path.is_file() and path.name != "elevation.tif"]
    if (granules / "elevation.tif").exists():
        files.append(f"elevation={granules / 'elevation.tif'}")
    scene = str(folder / "scene.nc")
    before = sgemm()
    prepared = measured(folder, "prepare", *files, "-o", scene, "--overwrite")
    out = ("--to", "250", "--model", options.model, "-o", str(folder / "product"), "--overwrite")
    run = measured(folder, "downscale", scene, *out)
    speed = max(before, sgemm())
    network, whole = run.network.seconds, prepared.seconds + run.seconds
    with open_scene(scene) as held:
        valid = float(np.isfinite(held.lst["lst"]).mean())
    halo = run.network.cells / (5 * Level.KM1.cells**2) - 1
    print(f"{valid:.1%} of the coarse cells have LST; prepare {prepared.seconds:.0f} s, downscale {run.seconds:.0f} s,")
    print(f"the network's steps {network:.0f} s; products of matrices run at {speed / 1e9:.0f} GFLOP/s here")
    print(f"cells computed twice, as halos, less those skipped for want of LST: {halo:.1%}\n")
    table = Table()
    table.row("network, both steps, as a multiple of sgemm", network * speed / NOMINAL, 3, 1.6, "x")
    table.row("granules in, GeoTIFFs out, as a multiple of the network", whole / network, 1.5, 1.15, "x")
    table.row("memory of all processes, at most", max(prepared.memory, run.memory), 1.5, 1.0, "GiB")
    table.row("bicubic with conservation", bicubic(scene), 8, 3, "s")
    table.row("srdanet --help", help_text(), 0.2, 0.12, "s")
    if table.missed:
        sys.exit(f"missed: {', '.join(table.missed)}")


if __name__ == "__main__":
    main()
