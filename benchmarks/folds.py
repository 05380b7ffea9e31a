"""Another fold of the ASTER pairs held apart each time: is it the pairs that happened to be held?

    python benchmarks/folds.py --data FOLDER [--iterations 800]

Folds are blocks of the tile's columns (`evaluation/splits.toml`); training leaves out all pairs near the held ones.
Each run is short, has real pairs only, mixed as in `configs/first.toml`, and a whole cosine of the rate. Printed:
the median over the fold's pairs of the standard deviation of error, as by `srdanet evaluate target --held FOLD`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from ablation import CONFIG, configuration

from srdanet.evaluation import run_target
from srdanet.evaluation.scores import Row
from srdanet.evaluation.splits import load_splits
from srdanet.training import read_config
from srdanet.training.config import TrainConfig
from srdanet.training.export import export
from srdanet.training.gather import gather
from srdanet.training.loop import Trainer


def judged(config: TrainConfig, folder: Path) -> tuple[Row, ...]:
    """Train with the configuration's fold held apart, in memory but for the bundle; the rows of that fold."""
    trainer = Trainer(config, *gather(config))
    while trainer.iteration < config.iterations:
        trainer.step()
    trainer.save(folder / "checkpoint.pt")
    bundle = export(folder / "checkpoint.pt", folder / "model", version="0", card="")
    return tuple(run_target(config.data, bundle.folder, held=config.held_fold).rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--iterations", type=int, default=800)
    asked = parser.parse_args()
    base = read_config(CONFIG).model_copy(update={"data": asked.data})
    print("| fold | of | size | SRDA-Net, K | bicubic, K | share | 95 % interval |\n|--:|---|---|--:|--:|--:|---|")
    shares: dict[str, list[float]] = {}
    for fold in range(load_splits().aster.folds):
        config = configuration(base, {"held_fold": fold}, 1, asked.iterations)
        with tempfile.TemporaryDirectory() as name:
            for row in judged(config, Path(name)):
                shares.setdefault(row.label, []).append(row.share)
                low, high = row.interval
                numbers = f"{row.model:.3f} | {row.bicubic:.3f} | {row.share:.3f} | {low:.3f} to {high:.3f}"
                print(f"| {fold} | {row.count} | {row.label} | {numbers} |", flush=True)
    for label, found in shares.items():
        print(f"{label}: {np.mean(found):.3f} in the mean over folds, {min(found):.3f} to {max(found):.3f}")


if __name__ == "__main__":
    main()
