"""Tables and figures of docs/comparison.md: `make compare`, or `python benchmarks/comparison.py --data ../shared/data`.

Runs `srdanet compare` on one set after the other, two at a time, gathers the numbers in `docs/comparison.json`, and
fills the tables of the manual's pages from it. All methods that are installed take part in every set that gives them
what they need; of the simulated sets there are `--scenes` scenes, by default 8.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from manual import ROOT, Data, measured, shortened, srdanet, write

from srdanet.datasets import world
from srdanet.evaluation.figures import draw_levels, draw_ratios, draw_spectra
from srdanet.evaluation.methods import find_method
from srdanet.evaluation.sets import SETS
from srdanet_simulator import simulate


def draw_places(path: Path, given: argparse.Namespace) -> None:
    """Zhangye and a simulated scene of its kind at each level."""
    zhangye = next(scene for scene in world.read(given.data) if scene.group == "zhangye")
    oasis = simulate(7, tile="h26v05", date="2020-07-15", clouds=0.0).labelled()
    draw_levels(path, {"Zhangye": zhangye, "simulated, h26v05": oasis}, find_method(given.maps)[1])


FIGURES: Mapping[str, Callable[[Path, Data, argparse.Namespace], None]] = {
    "compare-ratios.png": lambda path, data, _: draw_ratios(path, data),
    "compare-spectra.png": lambda path, data, _: draw_spectra(path, data),
    "compare-levels.png": lambda path, _, given: draw_places(path, given),
}
"""Name in docs/img → what draws it from the numbers and the options."""


def main() -> None:
    """Run, gather, fill and draw."""
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
    options = ["--data", str(given.data), "--scenes", str(given.scenes), "--no-figures", "--overwrite"]
    options += [word for method in given.method for word in ("--method", method)]
    options += ["--with-external", str(given.with_external)] if given.with_external else []
    names = given.set or list(SETS)
    jobs = {name: srdanet("compare", "--set", name, *options, "-o", str(given.work / name)) for name in names}
    measured(jobs, slowest=("simulated", "series", "world"))
    found = [json.loads((given.work / name / "comparison.json").read_text(encoding="utf-8")) for name in names]
    methods = dict.fromkeys(method for part in found for method in part["methods"])
    whole = {"methods": list(methods), "tables": [table for part in found for table in part["tables"]]}
    # Tests of each pair of methods would take more room than all tables.
    data = shortened(whole, without=("tests",))
    write(given.docs, "comparison", data)
    for name, draw in FIGURES.items():
        draw(given.docs / "docs" / "img" / name, data, given)


if __name__ == "__main__":
    main()
