"""Every table and figure of the comparison: `make compare`, or `python benchmarks/comparison.py --data ../shared/data`.

Runs `srdanet compare` on one set after the other, two at a time, gathers the numbers in `docs/comparison.json`, and
fills the tables of the manual's pages from it. All methods that are installed take part in every set that gives them
what they need; of the simulated sets there are `--scenes` scenes, by default 8.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from srdanet.datasets import world
from srdanet.evaluation.figures import draw_levels, draw_ratios, draw_spectra
from srdanet.evaluation.methods import find_method
from srdanet.evaluation.sets import SETS
from srdanet.evaluation.tables import fill
from srdanet_simulator import simulate

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/comparison.md", "docs/results.md")
DIGITS = 5


def run(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """The numbers of one set."""
    out = given.work / name
    command = [sys.executable, "-m", "srdanet", "compare", "--set", name, "--data", str(given.data)]
    command += ["--scenes", str(given.scenes), "--no-figures", "--overwrite", "-o", str(out)]
    command += [word for method in given.method for word in ("--method", method)]
    command += ["--with-external", str(given.with_external)] if given.with_external else []
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    found: dict[str, Any] = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    return found


def shortened(value: Any) -> Any:
    """Numbers to `DIGITS` digits, and no tests: each pair of methods would take more room than all tables."""
    if isinstance(value, dict):
        return {key: shortened(v) for key, v in value.items() if key != "tests"}
    if isinstance(value, list):
        return [shortened(v) for v in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def main() -> None:
    """Run, gather, draw and fill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--method", action="append", default=[], help="as of srdanet compare; default: all")
    parser.add_argument("--set", action="append", choices=list(SETS), help="default: all")
    parser.add_argument("--scenes", type=int, default=8)
    parser.add_argument("--with-external", type=Path)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "comparison", help="where each set's output goes")
    parser.add_argument("--docs", type=Path, default=ROOT, help="the folder whose pages are filled")
    parser.add_argument("--maps", default="default", help="the method of the maps")
    given = parser.parse_args()
    names = given.set or list(SETS)
    # The slowest first, so that neither of two processes waits long for the other.
    order = sorted(names, key=lambda name: name not in ("simulated", "series", "world"))
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(order, pool.map(lambda name: run(name, given), order), strict=True))
    methods = dict.fromkeys(method for name in names for method in found[name]["methods"])
    data = shortened({"methods": list(methods), "tables": [t for name in names for t in found[name]["tables"]]})
    pictures = given.docs / "docs" / "img"
    pictures.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, indent=0, ensure_ascii=False) + "\n"
    (given.docs / "docs" / "comparison.json").write_text(text, encoding="utf-8")
    for page in PAGES:
        source = ROOT / page
        (given.docs / page).write_text(fill(source.read_text(encoding="utf-8"), data), encoding="utf-8")
    draw_ratios(pictures / "compare-ratios.png", data)
    draw_spectra(pictures / "compare-spectra.png", data)
    zhangye = next(scene for scene in world.read(given.data) if scene.group == "zhangye")
    oasis = simulate(7, tile="h26v05", date="2020-07-15", clouds=0.0).labelled()
    places = {"Zhangye": zhangye, "simulated, h26v05": oasis}
    draw_levels(pictures / "compare-levels.png", places, find_method(given.maps)[1])


if __name__ == "__main__":
    main()
