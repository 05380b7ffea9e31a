"""Another fold of the ASTER pairs held apart each time: is it the pairs that happened to be held?

    python benchmarks/folds.py --data FOLDER [--iterations 4000]

Folds are blocks of the tile's columns (`evaluation/splits.toml`); training leaves out all pairs near the held ones.
Each run has real pairs only, mixed as in `configs/first.toml`, and a whole cosine of the rate. Printed:
the median over the fold's pairs of the standard deviation of error, as by `srdanet evaluate target --held FOLD`; and
how much wider than calibration on the pairs of training the claimed uncertainty must be to hold on those held apart.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ablation import CONFIG, configuration

from srdanet.evaluation import run_target
from srdanet.evaluation.datasets import aster
from srdanet.evaluation.splits import load_splits
from srdanet.network.bundle import Bundle
from srdanet.training import read_config
from srdanet.training.calibration import Errors, best_factor, errors, factors, judged, results
from srdanet.training.config import TrainConfig
from srdanet.training.export import export
from srdanet.training.gather import gather
from srdanet.training.loop import Trainer


def trained(config: TrainConfig, folder: Path) -> Bundle:
    """Train with the configuration's fold held apart, in memory but for the bundle, which is not calibrated."""
    trainer = Trainer(config, *gather(config))
    while trainer.iteration < config.iterations:
        trainer.step()
    trainer.save(folder / "checkpoint.pt")
    return export(folder / "checkpoint.pt", folder / "model", version="0", card="")


def apart(config: TrainConfig, bundle: Bundle) -> Iterator[Errors]:
    """Errors of the pairs held apart beside what is claimed of them after calibration on those of training."""
    split, pairs = load_splits().aster, aster(config.data)
    of_training, held = (pairs.take(split.mask(pairs, role, config.held_fold)) for role in ("train", "test"))
    calibrated = factors(bundle, map(judged, of_training))
    for sample in map(judged, held):
        steps, before = list(results(bundle, sample)), None
        for n, factor in enumerate(calibrated.values()):
            found = errors(sample, steps, n, before)
            claim = np.maximum(factor * found.claim, found.before)
            yield Errors(found.error, claim, np.zeros_like(claim))
            before = factor


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--iterations", type=int, default=4000)
    asked = parser.parse_args()
    base = read_config(CONFIG).model_copy(update={"data": asked.data})
    print("| fold | of | size | SRDA-Net, K | bicubic, K | share | 95 % interval |\n|--:|---|---|--:|--:|--:|---|")
    shares: dict[str, list[float]] = {}
    wider: dict[int, float] = {}
    claims: list[Errors] = []
    splits = load_splits().aster
    for fold in range(splits.folds):
        config = configuration(base, {"held_fold": fold}, 1, asked.iterations)
        with tempfile.TemporaryDirectory() as name:
            bundle = trained(config, Path(name))
            for row in run_target(config.data, bundle.folder, held=fold).rows:
                shares.setdefault(row.label, []).append(row.share)
                low, high = row.interval
                numbers = f"{row.model:.3f} | {row.bicubic:.3f} | {row.share:.3f} | {low:.3f} to {high:.3f}"
                print(f"| {fold} | {row.count} | {row.label} | {numbers} |", flush=True)
            found = list(apart(config, bundle))
        wider[fold] = best_factor(found)
        claims += found if fold != splits.held else []
    for label, values in shares.items():
        print(f"{label}: {np.mean(values):.3f} in the mean over folds, {min(values):.3f} to {max(values):.3f}")
    print("wider:", ", ".join(f"{factor:.3f} (fold {fold})" for fold, factor in wider.items()))
    print(f"wider, of all but fold {splits.held}: {best_factor(claims):.3f}")


if __name__ == "__main__":
    main()
