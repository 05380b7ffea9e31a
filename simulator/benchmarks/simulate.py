"""Time and memory of a simulated tile: land, weather, energy balance, sensor and predictors, beside a limit.

    python simulator/benchmarks/simulate.py --size 1200
    python simulator/benchmarks/simulate.py --size 1200 --write tile

The limit is measured in the same process, with the same threads: the Fourier transforms of as many fields of the
tile's size as the simulation draws. No simulation with these fields could be faster than these.
Time of the processor is given beside that of the clock, for machines that do other things meanwhile.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import fft

from srdanet_simulator import Simulation, simulate, write
from srdanet_simulator.parallel import threads

FIELDS = 12
"""Random fields of the whole fine grid that a simulation draws; they are drawn as waves and transformed once."""


def measure(task: Callable[[], object]) -> tuple[object, dict[str, float]]:
    """What a task gives, its seconds, and the process's greatest memory until now (GiB)."""
    clock, processor = time.perf_counter(), time.process_time()
    made = task()
    seconds = {"seconds": time.perf_counter() - clock, "processor_seconds": time.process_time() - processor}
    return made, {**seconds, "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def transforms(side: int) -> None:
    """The Fourier transforms of so many fields."""
    size = fft.next_fast_len(int(side * 1.12) + 8, real=True)
    for _ in range(FIELDS):
        waves = np.ones((size, size // 2 + 1), np.complex64)
        fft.irfft2(waves, s=(size, size), overwrite_x=True, workers=threads())


def main() -> None:
    """Simulate, write if asked, and print what it took as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1200, help="1 km cells on a side")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--write", type=Path, help="write the files there too, and say what that takes")
    args = parser.parse_args()
    scene, took = measure(lambda: simulate(args.seed, args.size))
    assert isinstance(scene, Simulation)
    fine = scene.raw.elevation.shape[0]
    report: dict[str, object] = {"size": args.size, "fine_cells": fine**2, "threads": threads(), "simulate": took}
    if args.write is not None:
        report["write"] = measure(lambda: write(scene, args.write))[1]
    limit = measure(lambda: transforms(fine))[1]
    report["limit"] = {name: limit[name] for name in ("seconds", "processor_seconds")}
    report["ratio"] = took["processor_seconds"] / limit["processor_seconds"]
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
