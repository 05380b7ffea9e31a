"""The main job on a full tile, 1200 x 1200 to 4800 x 4800 cells, from granules, held against its limits.

    python benchmarks/tile.py [--granules FOLDER] [--model BUNDLE] [--keep FOLDER] [--python-dms PYTHON] [--cells 1200]

Without `--granules` a simulated scene is repeated until it fills a tile and written as granules of MOD11A1, MOD09GA,
MOD09GQ, MCD43A3 and MCD12Q1 and a GeoTIFF of elevation. Every row is a figure with its limit, times as multiples of
what the machine does in the same minute where they can be, so that a busy one does not decide. Exits with 1 where a
limit is missed; of a full tile the rows go to `benchmarks/results/bench.json` and `docs/performance.md`. A tile takes
some five minutes on two cores, python_dms two more.

`--cells` cuts the repeated scene's tile to less, for a look at whether this program works. python_dms runs with the
Python of an environment of its own that holds it (`docs/comparison.md`), on a part of the tile, as does the network;
both are measured by the processor's time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import results
from downscale import operations_per_cell
from results import Row

from srdanet.baselines import BASELINES
from srdanet.cli import cli
from srdanet.energy import conserve
from srdanet.evaluation.external import PythonDms
from srdanet.evaluation.methods import find_method
from srdanet.grid import SPHERE_RADIUS, Level, Tile
from srdanet.network.bundle import Bundle, load_model
from srdanet.readers.filenames import identify
from srdanet.readers.granule import open_granule
from srdanet.scene import Scene, open_scene
from srdanet_simulator import simulate, write
from srdanet_simulator.files.granules import write_granule

PATTERN = 120
"""1 km cells along a side of the scene that is repeated; divides a tile."""
NOMINAL = 60e3
"""Floating point operations that both steps are counted as, for each 250 m cell."""
TILE = Tile(18, 4)
SECONDS = 600
"""After which a command is given up."""
PART = 240
"""1 km cells along a side of the part that python_dms is compared on."""


def make(folder: Path, cells: int) -> None:
    """The granules of a tile, or of its upper left part, and the heights under it as SRTM has them."""
    land = simulate(3, PATTERN, TILE, "2020-07-15", offset=(480, 480), clouds=0.05)
    small, full = folder / "small", folder / "granules.partial"
    full.mkdir()
    times = cells // PATTERN
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
    write_heights(full, np.asarray(land.predictors["elevation"], np.float32))
    full.rename(folder / "granules")


def write_heights(folder: Path, pattern: Any) -> None:
    """The repeated heights at the posts of every SRTM tile of 3 arc seconds that touches the tile."""
    box = TILE.geobox(Level.M250)
    (left, top), cell = (box.affine.c, box.affine.f), box.affine.a
    for south in range(40, 50):
        lat = np.radians(south + 1 - np.arange(1201) / 1200)
        row = ((top - SPHERE_RADIUS * lat) / cell).astype(int)
        for west in range(0, 16):
            lon = np.radians(west + np.arange(1201) / 1200)
            col = ((SPHERE_RADIUS * np.cos(lat)[:, None] * lon - left) / cell).astype(int)
            if col.min() < Level.M250.cells:
                posts = pattern[(row % len(pattern))[:, None], col % len(pattern)]
                (folder / f"N{south}E{west:03}.hgt").write_bytes(np.round(posts).astype(">i2").tobytes())


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
        status = cli(list(arguments), standalone_mode=False)
    finally:
        Path(report).write_text(json.dumps(vars(network)), encoding="utf-8")
    sys.exit(status if isinstance(status, int) else 0)  # a verb that failed gives its code back


@dataclass
class Measured:
    """A command that ran."""

    seconds: float
    memory: float
    """GiB, the largest sum over the process and its descendants (shared pages counted once)."""
    moved: float
    """GiB read and written by all of them; what passes between two of them counts on both sides."""
    network: Network


def measured(folder: Path, *command: str) -> Measured:
    """Run a command of srdanet in a process of its own."""
    report = folder / "network.json"
    start, largest, moved = time.perf_counter(), 0.0, {}
    line = [sys.executable, __file__, "--child", str(report), *command]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    ended = threading.Event()

    def look() -> None:
        nonlocal largest
        while not ended.wait(0.2):
            members = tree(process.pid)
            largest = max(largest, sum(map(resident, members)))
            moved.update({member: counted for member in members if (counted := transferred(member))})

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        status = process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        status = f"no result after {SECONDS} s"
    seconds = time.perf_counter() - start
    ended.set()
    watcher.join()
    if status:
        sys.exit(f"srdanet {' '.join(command[:1])} ended with {status}")
    network = Network(**json.loads(report.read_text(encoding="utf-8")))
    return Measured(seconds, largest / 2**30, sum(moved.values()) / 2**30, network)


def transferred(process: int) -> int:
    """Bytes that a process has read and written by system calls, so far."""
    with contextlib.suppress(OSError):
        lines = dict(line.split(": ") for line in Path(f"/proc/{process}/io").read_text().splitlines())
        return int(lines["rchar"]) + int(lines["wchar"])
    return 0


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


def against_dms(scene: str, model: str, python: Path) -> tuple[float, float]:
    """Processor seconds of python_dms and of a model on the same part of a scene, from values to values."""
    with open_scene(scene) as held:
        whole = held.load()
    lst = whole.lst["lst"][:PART, :PART]
    parts = []
    for dataset, nesting in zip(whole.auxiliary, whole.nestings, strict=True):
        side = PART * nesting.factor
        parts.append(dataset.isel(y=slice(0, side), x=slice(0, side)))
    part = Scene.from_arrays(lst, parts, time=whole.time, day=whole.day, noise=whole.noise)
    taken = []
    for method in (PythonDms(python), find_method(model)[1]):
        before = used()
        method(part, 4)
        taken.append(used() - before)
    return taken[0], taken[1]


def used() -> float:
    """Processor seconds of this process and of those it has waited for."""
    times = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in times)


def measure(options: argparse.Namespace, folder: Path) -> list[Row]:
    """The rows of the table."""
    granules = options.granules or folder / "granules"
    if not granules.exists():
        make(folder, options.cells)
    files = [str(path) for path in sorted(granules.iterdir()) if path.is_file()]
    scene = str(folder / "scene.nc")
    before = sgemm()
    prepared = measured(folder, "prepare", *files, "--tile", str(TILE), "-o", scene, "--overwrite")
    out = ("--to", "250", "--model", options.model, "-o", str(folder / "product"), "--overwrite")
    run = measured(folder, "downscale", scene, *out)
    speed = max(before, sgemm())
    with open_scene(scene) as held:
        cells = held.lst["lst"].size
        valid = float(np.isfinite(held.lst["lst"]).mean())
    network, whole = run.network.seconds, prepared.seconds + run.seconds
    work = NOMINAL * cells * 16
    halo = run.network.cells / (5 * cells) - 1
    done = operations_per_cell(options.model) * 4 * run.network.cells
    times = f"prepare {prepared.seconds:.1f} s, downscale {run.seconds:.1f} s"
    rows = [
        Row("network, both steps / sgemm of 60 kFLOP a cell", network * speed / work, 3, "x", aim=1.6,
            about=f"{network:.1f} s; {valid:.1%} of cells have LST"),
        Row("granules to GeoTIFFs / network", whole / network, 1.5, "x", aim=1.15, about=times),
        Row("prepare, saved", prepared.seconds, 25, "s"),
        Row("memory of all processes", max(prepared.memory, run.memory), 1.5, "GiB", aim=1.0,
            about=f"prepare {prepared.memory:.2f}, downscale {run.memory:.2f}"),
        Row("bicubic with conservation", bicubic(scene), 8, "s", aim=3),
        Row("srdanet --help", help_text(), 0.2, "s", aim=0.12),
        Row("sgemm on all cores", speed / 1e9, None, "GFLOP/s"),
        Row("convolutions of the network", done / network / 1e9, None, "GFLOP/s",
            about=f"{done / network / speed:.0%} of sgemm"),
        Row("cells computed twice, less those skipped", 100 * halo, None, "%"),
        Row("bytes read and written by system calls", prepared.moved + run.moved, None, "GiB",
            about=f"prepare {prepared.moved:.2f}, downscale {run.moved:.2f}"),
    ]  # fmt: skip
    if options.python_dms is not None:
        dms, own = against_dms(scene, options.model, options.python_dms)
        about = f"{PART} x {PART} cells: {dms:.1f} s and {own:.1f} s of the processor"
        rows.insert(4, Row("python_dms / this, one core each", dms / own, 12, "x", least=True, aim=25, about=about))
    return rows


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--granules", type=Path, help="Granules and heights of h18v04 instead of simulated ones.")
    parser.add_argument("--model", default="default", help="A shipped model's name or the folder of a bundle.")
    parser.add_argument("--keep", type=Path, help="Work in this folder and leave it.")
    parser.add_argument("--python-dms", type=Path, metavar="PYTHON", help="Compare with python_dms.")
    parser.add_argument("--cells", type=int, default=Level.KM1.cells, help=f"A multiple of {PATTERN}.")
    options = parser.parse_args()
    # The record of the model is looked at here, so that a bundle that cannot be used ends the run before it begins.
    load_model(options.model)
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="srdanet-bench-")))
        folder.mkdir(parents=True, exist_ok=True)
        about = {**results.machine(), "model": options.model}
        rows = measure(options, folder)
    print("\n".join([results.HEAD, *(row.line() for row in rows)]))
    if options.cells == Level.KM1.cells:
        results.save("bench", {"tile": rows}, about)
    if found := results.missed(rows):
        sys.exit(f"missed: {', '.join(found)}")


if __name__ == "__main__":
    main()
