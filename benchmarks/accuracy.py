"""Tables and figures of docs/results.md: `make compare`, or `python benchmarks/accuracy.py --data ../shared/data`.

Runs the experiments of `srdanet evaluate` for the shipped models, two at a time, gathers their rows in
`docs/results.json`, fills the tables of the manual's pages from it and draws the pictures. What takes hours of training
is not measured again: `benchmarks/results/unseen.json` holds it, with the commands that made it.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pictures
import places
from manual import ROOT, measured, read_numbers, shortened, srdanet, write

EXPERIMENTS: Mapping[str, str] = {
    "simulation": "simulation --data DATA --by season",
    "simulation, conserving": "simulation --data DATA --conserve",
    "simulation, europe": "simulation --data DATA --model europe",
    "target": "target --data DATA",
    "target, conserving": "target --data DATA --conserve",
    "target, europe": "target --data DATA --model europe",
    "orleans": "orleans --data DATA",
    "world": "world --data DATA",
    "simulated": "simulated --scenes 48",
    "simulated, europe": "simulated --scenes 48 --model europe",
}
"""Name → words after `srdanet evaluate`; DATA stands for the folder of the data sets."""
CLOUDS = "python benchmarks/residue.py --data DATA"
UNSEEN = Path(__file__).parent / "results" / "unseen.json"


def draw_pair(path: Path, data: Path) -> None:
    """The liveliest of the ASTER pairs held out."""
    pictures.draw(pictures.liveliest(data)[0], path)


FIGURES: Mapping[str, Callable[[Path, Path], None]] = {"places.png": places.draw, "aster-104.png": draw_pair}
"""Name in docs/img → what draws it from the folder of the data sets."""


def commands(data: Path) -> dict[str, list[str]]:
    """Name of each experiment to the command that measures it."""
    here = {
        name: srdanet("evaluate", *shlex.split(words.replace("DATA", shlex.quote(str(data)))), "--json")
        for name, words in EXPERIMENTS.items()
    }
    residue = [sys.executable, str(Path(__file__).parent / "residue.py"), "--data", str(data), "--json"]
    return {**here, "clouds": residue}


def main() -> None:
    """Measure, fill and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument(
        "--only", nargs="+", choices=[*EXPERIMENTS, "clouds"], help="keep the other numbers as they are"
    )
    parser.add_argument("--docs", type=Path, default=ROOT, help="the folder whose pages are filled")
    given = parser.parse_args()
    jobs = {name: command for name, command in commands(given.data).items() if not given.only or name in given.only}
    printed = measured(jobs, slowest=("simulated, europe", "world", "simulated", "clouds"))
    said = {name: f"srdanet evaluate {words}" for name, words in EXPERIMENTS.items()} | {"clouds": CLOUDS}
    found: dict[str, Any] = {name: {"command": said[name], **json.loads(text)} for name, text in printed.items()}
    kept = read_numbers(given.docs)["results"] if given.only else {}
    unseen = json.loads(UNSEEN.read_text(encoding="utf-8"))
    data = kept | shortened(found, without=("bicubic_metrics", "present")) | {"unseen": unseen}
    write(given.docs, "results", {name: data[name] for name in (*said, "unseen") if name in data})
    for name, draw in FIGURES.items():
        draw(given.docs / "docs" / "img" / name, given.data)


if __name__ == "__main__":
    main()
