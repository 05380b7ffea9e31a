"""A season of a farm: from the granules of 30 dates to a table and a picture, timed against its limit.

    python benchmarks/season.py                        # simulates the granules first
    python benchmarks/season.py --granules FOLDER      # takes those of an earlier run

The farm is 20 x 20 km, the granules are those of the whole tile. What is timed are the two commands of
docs/tutorials/season.md, with two workers; the limit is two minutes on two cores, that is 240 s of processor time.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from srdanet.grid import SINUSOIDAL, Tile
from srdanet.readers.places import LONLAT

TILE, SEED, SIZE, FARM = Tile(18, 4), 7, 64, 20
LIMIT = 240.0
"""Seconds of processor time."""
PRODUCTS = ("MOD11A1", "MOD09GA", "MOD09GQ", "MCD43A3", "MCD12Q1")


def srdanet(*words: str) -> tuple[float, float]:
    """Run a command; seconds of the clock and of the processor, with all processes that it started."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "srdanet", *words], check=True, stdout=subprocess.DEVNULL)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def simulate(folder: Path, dates: int) -> None:
    """Granules, heights and weather of some dates over one land."""
    span = f"2020-07-01..2020-07-{dates:02d}"
    land = ("--tile", str(TILE), "--seed", str(SEED), "--size", str(SIZE))
    srdanet("simulate", *land, "--date", span, "-o", str(folder))


def farm(granules: Path, path: Path) -> Path:
    """A field in the middle of the simulated land."""
    from srdanet.prepare.extent import valid_part
    from srdanet.readers.granule import open_granule

    lst = open_granule(next(granules.glob("MOD11A1*.hdf")), ["lst_day"]).layers["lst_day"]
    rows, cols = (slice((s.start + s.stop - FARM) // 2, (s.start + s.stop + FARM) // 2) for s in valid_part(lst, 0))
    bounds = TILE.geobox(1000)[rows, cols].boundingbox
    inset = 300
    from odc.geo.geom import box

    edges = (bounds.left + inset, bounds.bottom + inset, bounds.right - inset, bounds.top - inset)
    shape = box(*edges, SINUSOIDAL).to_crs(LONLAT, resolution=1000)
    path.write_text(json.dumps({"type": "Feature", "properties": {"name": "farm"}, "geometry": shape.json}))
    return path


def main() -> int:
    """Measure, print, and fail where the limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--granules", type=Path, help="Folder for the granules; filled where it is empty or absent.")
    parser.add_argument("--dates", type=int, default=30, choices=range(2, 31), metavar="2..30")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        granules = given.granules or Path(scratch) / "granules"
        if not granules.is_dir() or not any(granules.glob("MOD11A1*.hdf")):
            simulate(granules, given.dates)
        days = [f"A2020{183 + n}" for n in range(given.dates)]
        inputs = [str(p) for p in sorted(granules.glob("*.hdf")) if p.name.split(".")[1] in (*days, "A2020001")]
        inputs += [str(path) for path in sorted([*granules.glob("*.hgt"), *granules.glob("era5*.zip")])]
        field, out, table = farm(granules, Path(scratch) / "farm.geojson"), Path(scratch) / "products", "season.csv"
        run = ("run", *inputs, "--region", str(field), "--overpass", "day", "--workers", str(given.workers))
        made = srdanet(*run, "-o", str(out))
        series = Path(scratch) / table
        extract = ("extract", str(out), "--region", str(field), "--plot", str(series.with_suffix(".png")))
        drawn = srdanet(*extract, "-o", str(series))
        with series.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == given.dates, rows
        assert series.with_suffix(".png").stat().st_size > 10_000
    wall, processor = (a + b for a, b in zip(made, drawn, strict=True))
    limit = LIMIT * given.dates / 30
    print(f"{given.dates} dates, {FARM} x {FARM} km, {given.workers} workers of {os.cpu_count()} cores")
    for name, (clock, cpu) in (("run", made), ("extract", drawn)):
        print(f"{name:8} {clock:6.1f} s of the clock  {cpu:6.1f} s of the processor")
    print(f"{'together':8} {wall:6.1f} s of the clock  {processor:6.1f} s of the processor, at most {limit:.0f}")
    return int(processor > limit)


if __name__ == "__main__":
    sys.exit(main())
