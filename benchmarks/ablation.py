"""What each part of the network and of its loss is worth: short trainings that differ in one thing.

    python benchmarks/ablation.py --data FOLDER [--iterations 800] [--seeds 1] [--only NAME ...] [-o ablation.jsonl]

Every run sees the same real images (MODIS 2 -> 1 and 4 -> 2 km, MODIS and ASTER, places in other climates) in the same
order, as the first stage of `configs/shipped.toml` mixes them without the simulated scenes. Printed: RMSE over
bicubic's on the validation patches, by day and night, on the ASTER pairs held out at 250 m, and over the places that
the stage leaves out. Runs that the output file already holds
are not made again, so that a long table can be made in pieces.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from srdanet.predictors.stack import CHANNELS
from srdanet.training import read_config
from srdanet.training.config import TrainConfig
from srdanet.training.loop import Trainer
from srdanet.training.sources import Groups, gather, without

CONFIG = Path(__file__).parents[1] / "configs" / "shipped.toml"
SHOWN = ("imt-day", "imt-night", "aster", "world")
"""Validation groups that are printed."""
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "everything": {},
    "without GCA": {"network": {"gca": False}},
    "without MSCA": {"network": {"msca": False}},
    "without MFRM": {"network": {"mfrm": False}},
    "without the wider box of GCA": {"network": {"attention_boxes": (7,)}},
    "without invented fields": {"invented": 0.0},
    "without degradation": {"terms": ("charbonnier", "ms_ssim")},
    "without MS-SSIM": {"terms": ("degradation", "charbonnier")},
    "without Charbonnier": {"terms": ("degradation", "ms_ssim")},
    "weights all 1": {"fusion": "fixed"},
    "weights by descent": {"fusion": "descent"},
    "without auxiliary data": {},
}


def configuration(base: TrainConfig, change: Mapping[str, Any], seed: int, iterations: int) -> TrainConfig:
    """The first stage of the shipped model's training, shortened, without simulated scenes, with one change."""
    invented = {"invented": change["invented"]} if "invented" in change else {}
    real = {
        name: source.model_copy(update=invented)
        for name, source in base.sources.items()
        if not name.startswith("simulated")
    }
    change = {key: value for key, value in change.items() if key != "invented"}
    new = {**change, "network": replace(base.network, **change.get("network", {}))}
    schedule = {"iterations": iterations, "warmup": 100, "ema": 0.995, "seed": seed}
    return base.model_copy(update={**schedule, "sources": real, "simulated_scenes": 0, **new})


def blind(groups: Groups) -> Groups:
    """The same samples with every channel missing; time, sun and cell size stay."""
    return {name: [without(sample, channels=CHANNELS) for sample in group] for name, group in groups.items()}


def run(name: str, config: TrainConfig, samples: Groups, validation: Groups) -> dict[str, float]:
    """Train one variant; its validation shares."""
    if name == "without auxiliary data":
        samples, validation = blind(samples), blind(validation)
    trainer = Trainer(config, samples, {key: validation[key] for key in SHOWN})
    while trainer.iteration < config.iterations:
        trainer.step()
    return trainer.validate()


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: the mean over seeds, and the range where there are several."""
    out = ["| | seeds | " + " | ".join(SHOWN) + " |", "|---|--:|" + "--:|" * len(SHOWN)]
    for name in VARIANTS:
        mine = [line for line in lines if line["name"] == name]
        if mine:
            cells = []
            for key in SHOWN:
                values = [line[key] for line in mine]
                extent = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
                cells.append(f"{np.mean(values):.3f}{extent}")
            out.append(f"| {name} | {len(mine)} | " + " | ".join(cells) + " |")
    return "\n".join(out)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--iterations", type=int, default=800)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("-o", "--output", type=Path, default=Path("ablation.jsonl"))
    asked = parser.parse_args()
    base = read_config(CONFIG)[0].model_copy(update={"data": asked.data})
    lines = [json.loads(line) for line in asked.output.read_text().splitlines()] if asked.output.exists() else []
    done = {(line["name"], line["seed"], line["iterations"]) for line in lines}
    samples, validation = gather(configuration(base, {}, 1, 1))
    for seed in range(1, asked.seeds + 1):
        for name in asked.only:
            if (name, seed, asked.iterations) in done:
                continue
            start = time.monotonic()
            shares = run(name, configuration(base, VARIANTS[name], seed, asked.iterations), samples, validation)
            line = {"name": name, "seed": seed, "iterations": asked.iterations, "seconds": time.monotonic() - start}
            lines.append({**line, **shares})
            with asked.output.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            print(f"{name}, seed {seed}: {shares}", flush=True)
    print(table([line for line in lines if line["iterations"] == asked.iterations]))


if __name__ == "__main__":
    main()
