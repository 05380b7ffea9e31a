"""Another fold of the ASTER pairs held out each time: how much depends on which pairs are held out?

    python benchmarks/folds.py --data FOLDER [--iterations 4000]

Folds are blocks of the tile's columns (`datasets/splits.toml`); training leaves out all pairs near the held ones.
Each run has real pairs only, mixed as in the stage `pretrain` of `configs/shipped.toml`, and a whole cosine of the
rate. Printed: the median over the fold's pairs of the standard deviation of error, as by
`srdanet evaluate target --held FOLD`; and how much larger than by calibration on the pairs of training the uncertainty
must be to hold on those held out.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ablation import CONFIG, configuration

from srdanet.datasets import aster
from srdanet.datasets.splits import aster_part, load_splits
from srdanet.evaluation import run_target
from srdanet.network.bundle import Bundle
from srdanet.training import read_config
from srdanet.training.calibration import Errors, best_factor, errors, factors, pair_sample, results
from srdanet.training.config import TrainConfig
from srdanet.training.export import export
from srdanet.training.loop import Trainer
from srdanet.training.sources import gather


def train(config: TrainConfig, folder: Path) -> Bundle:
    """Train with the configuration's fold held out, in memory but for the bundle, which is not calibrated."""
    trainer = Trainer(config, *gather(config))
    while trainer.iteration < config.iterations:
        trainer.step()
    trainer.save(folder / "checkpoint.pt")
    return export(folder / "checkpoint.pt", folder / "model", version="0", card="")


def held_out(config: TrainConfig, bundle: Bundle) -> Iterator[Errors]:
    """Errors of the pairs held out beside their uncertainty after calibration on the pairs of training."""
    pairs = list(aster.read(config.data))
    of_training, held = (aster_part(pairs, part, config.held_fold) for part in ("train", "test"))
    calibrated = factors(bundle, map(pair_sample, of_training))
    for sample in map(pair_sample, held):
        estimates, before = list(results(bundle, sample)), None
        for n, factor in enumerate(calibrated.values()):
            found = errors(sample, estimates, n, before)
            sigma = np.maximum(factor * found.sigma, found.least)
            yield Errors(found.error, sigma, np.zeros_like(sigma))
            before = factor


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--iterations", type=int, default=4000)
    asked = parser.parse_args()
    base = read_config(CONFIG)[0].model_copy(update={"data": asked.data})
    print("| fold | of | size | SRDA-Net, K | bicubic, K | share | 95 % interval |\n|--:|---|---|--:|--:|--:|---|")
    shares: dict[str, list[float]] = {}
    larger: dict[int, float] = {}
    every: list[Errors] = []
    splits = load_splits().aster
    for fold in range(splits.folds):
        config = configuration(base, {"held_fold": fold}, 1, asked.iterations)
        with tempfile.TemporaryDirectory() as name:
            bundle = train(config, Path(name))
            for row in run_target(config.data, bundle.folder, held=fold).rows:
                shares.setdefault(row.label, []).append(row.share)
                low, high = row.interval
                numbers = f"{row.model:.3f} | {row.bicubic:.3f} | {row.share:.3f} | {low:.3f} to {high:.3f}"
                print(f"| {fold} | {row.count} | {row.label} | {numbers} |", flush=True)
            found = list(held_out(config, bundle))
        larger[fold] = best_factor(found)
        every += found if fold != splits.held else []
    for label, values in shares.items():
        print(f"{label}: {np.mean(values):.3f} in the mean over folds, {min(values):.3f} to {max(values):.3f}")
    print("larger:", ", ".join(f"{factor:.3f} (fold {fold})" for fold, factor in larger.items()))
    print(f"larger, of all but fold {splits.held}: {best_factor(every):.3f}")


if __name__ == "__main__":
    main()
