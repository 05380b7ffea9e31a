"""What clouds that no mask has caught do around them: `python benchmarks/residue.py --data DATA [--model FOLDER]`.

On the patches and pairs that are held apart, LST is lowered under cloud-like shapes by so many kelvins. RMSE of the
cells that are not lowered, by their distance from those that are, beside that of bicubic interpolation, whose errors
reach two cells; 0 K stands for the image as it is, over the same cells.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from srdanet.evaluation.datasets import aster, imt
from srdanet.evaluation.protocol import pair_view, patch_view
from srdanet.evaluation.splits import load_splits
from srdanet.evaluation.views import View

from srdanet.evaluation.experiments import WHEN, method
from srdanet.training.batches import clouds

Floats = NDArray[np.floating]
LOWERED = (0.0, 8.0, 20.0)
"""By how much (K)."""
REACH = 2
"""Coarse cells from a lowered one within which bicubic interpolation is wrong too."""
PATCHES = 24


@dataclass(frozen=True)
class Case:
    """An image, and what lies there."""

    name: str
    view: View
    factor: int
    truth: Floats


def cases(data: str) -> Iterator[Case]:
    """Held MODIS patches, by day and by night, and held ASTER pairs, brought to MODIS's level."""
    splits, patches, pairs = load_splits(), imt(data), aster(data)
    held = list(patches.take(splits.imt.mask(patches, "test")))
    for patch in held[:: len(held) // PATCHES]:
        for when in WHEN:
            yield Case(f"MODIS by {when}, 2 → 1 km", patch_view(patch, when), 2, patch.lst[when])
    for pair in pairs.take(splits.aster.mask(pairs, "test")):
        truth = pair.aster - np.nanmean(pair.aster) + np.nanmean(pair.lst)
        yield Case("against ASTER, 1 km → 250 m", pair_view(pair), 4, truth)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--model", default="default", help="a model's name or folder")
    asked = parser.parse_args()
    _, model = method(asked.model)
    squares: dict[tuple[str, float, bool], list[NDArray[np.float64]]] = defaultdict(list)
    for number, case in enumerate(cases(asked.data)):
        mask = clouds(case.view.lst.shape, np.random.default_rng(number))
        near = binary_dilation(mask, np.ones((3, 3)), REACH) & ~mask
        for lowered in LOWERED:
            view = replace(case.view, lst=np.where(mask, case.view.lst - np.float32(lowered), case.view.lst))
            results = view.results(model, case.factor)
            errors = np.stack([results.model, results.bicubic]) - case.truth
            for close, where in ((True, near), (False, ~(near | mask))):
                known = where.repeat(case.factor, 0).repeat(case.factor, 1) & np.isfinite(errors).all(0)
                squares[case.name, lowered, close].append(np.square(errors[:, known], dtype=np.float64))
    print("| | lowered by, K | within 2 cells: SRDA-Net, K | bicubic, K | farther: SRDA-Net, K | bicubic, K |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, lowered in dict.fromkeys(key[:2] for key in squares):
        numbers = (np.sqrt(np.concatenate(squares[name, lowered, close], 1).mean(1)) for close in (True, False))
        print(f"| {name} | {lowered:.0f} | {' | '.join(f'{x:.2f}' for pair in numbers for x in pair)} |")


if __name__ == "__main__":
    main()
