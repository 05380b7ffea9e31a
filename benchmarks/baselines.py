"""How long each baseline takes for a whole tile, 1200 x 1200 cells of 1 km to 250 m, and how much memory.

    python benchmarks/baselines.py [--cells 1200] [NAME ...]

A simulated scene of 120 x 120 cells, by day, is repeated until it fills the tile; red, near infrared (and so NDVI),
elevation and albedo are the predictors. Each method runs in a process of its own, on one thread. Prints the processor's
time, the wall time and the largest resident memory, that of the scene included.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from srdanet.baselines import BASELINES
from srdanet.grid import Tile, refine
from srdanet.scene import Scene, open_scene
from srdanet.scene.checks import on_grid

PATTERN = 120
"""1 km cells along a side of the scene that is repeated."""
PREDICTORS = ("red", "nir", "elevation", "albedo")


def make(cells: int) -> Scene:
    """The scene."""
    from srdanet_simulator import simulate

    land = simulate(3, PATTERN, Tile(18, 4), "2020-07-15", offset=(480, 480), clouds=0.05)
    times = -(-cells // PATTERN)
    box = Tile(18, 4).geobox(1000)[:cells, :cells]
    layers = []
    for name in PREDICTORS:
        values = np.asarray(land.predictors[name], np.float32)
        factor = values.shape[0] // PATTERN
        tiled = np.tile(values, (times, times))[: cells * factor, : cells * factor]
        layers.append(on_grid({name: tiled}, refine(box, factor) if factor > 1 else box))
    lst = np.tile(land.lst, (times, times))[:cells, :cells].astype(np.float32)
    return Scene(on_grid({"lst": lst}, box), tuple(layers), day=True)


def measure(path: Path, name: str) -> None:
    """Run one method on the scene of a file and print what it took."""
    with open_scene(path) as held:
        scene = held.load()
    method = BASELINES[name]()
    processor, wall = time.process_time(), time.perf_counter()
    found = method(scene, 4)["lst"].values
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name:<20} {processor:7.1f} s {wall:7.1f} s wall {memory:6.2f} GiB  {np.isfinite(found).mean():.0%} known")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BASELINES)}; default: all")
    parser.add_argument("--cells", type=int, default=1200, help="coarse cells along a side")
    parser.add_argument("--scene", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in BASELINES]
    if unknown:
        parser.error(f"{unknown[0]} is not a baseline; choose from {', '.join(BASELINES)}")
    if asked.scene:
        measure(asked.scene, asked.names[0])
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.nc"
        make(asked.cells).save(path)
        alone = os.environ | {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        for name in asked.names or BASELINES:
            subprocess.run([sys.executable, __file__, name, "--scene", str(path)], check=True, env=alone)


if __name__ == "__main__":
    main()
