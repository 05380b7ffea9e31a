"""The main job on a full tile, 1200 x 1200 to 4800 x 4800 cells, from granules: seconds and memory.

    python benchmarks/tile.py [--keep FOLDER]

A simulated scene is repeated until it fills a tile, written as granules of MOD11A1, MOD09GA, MOD09GQ, MCD43A3 and
MCD12Q1 and a GeoTIFF of elevation, then prepared and downscaled by the command, each in a process of its own. Prints
the wall time and the largest resident memory of each, and the time as a multiple of reading the same granules.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio

import srdanet
from srdanet.grid import Level, Tile
from srdanet.readers.filenames import identify
from srdanet.readers.granule import open_granule
from srdanet_simulator import simulate, write
from srdanet_simulator.files.granules import write_granule

PATTERN = 120
"""1 km cells along a side of the scene that is repeated; divides a tile."""


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


def timed(*command: str) -> tuple[float, float]:
    """Seconds and largest resident memory (GiB) of a command."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "srdanet", *command], check=True)
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def read(folder: Path) -> float:
    """Seconds to read all granules."""
    start = time.perf_counter()
    for path in folder.glob("*.hdf"):
        open_granule(path)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="Work in this folder and leave it.")
    folder = parser.parse_args().keep or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "granules").exists():
        make(folder)
    reading = read(folder / "granules")
    scene, product = str(folder / "scene.nc"), str(folder / "product")
    files = [str(p) for p in (folder / "granules").glob("*") if p.suffix != ".tif"]
    elevation = f"elevation={folder / 'granules' / 'elevation.tif'}"
    took, memory = timed("prepare", *files, elevation, "-o", scene, "--overwrite")
    print(f"prepare    {took:5.0f} s  {memory:.2f} GiB")
    took, memory = timed("downscale", scene, "--to", "250", "-o", product, "--overwrite")
    print(f"downscale  {took:5.0f} s  {memory:.2f} GiB at most so far; {took / reading:.1f} times reading the granules")
    with srdanet.open_scene(scene) as held:
        print(f"           {float(np.isfinite(held.lst['lst']).mean()):.1%} of the coarse cells have LST")


if __name__ == "__main__":
    main()
