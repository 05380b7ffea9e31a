"""What clouds that no mask has caught do around them: `python benchmarks/residue.py --data DATA`.

On the patches and pairs that are held apart, LST is lowered under cloud-like shapes by so many kelvins. RMSE of the
cells that are not lowered, by their distance from those that are, beside that of bicubic interpolation, whose errors
reach two cells; 0 K stands for the image as it is, over the same cells.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from srdanet.arrays import repeat
from srdanet.datasets import aster, imt
from srdanet.datasets.splits import aster_part, imt_part
from srdanet.evaluation import find_method
from srdanet.evaluation.scoring import Results
from srdanet.scene import LabelledScene
from srdanet.training.batches import clouds

LOWERED = (0.0, 8.0, 20.0)
"""By how much (K)."""
REACH = 2
"""Coarse cells from a lowered one within which bicubic interpolation is wrong too."""
PATCHES = 24


def cases(data: str) -> Iterator[tuple[str, LabelledScene]]:
    """Held-out MODIS patches, by day and by night, and held-out ASTER pairs, brought to MODIS's level."""
    held = list(imt_part(imt.read(data), "test"))
    for first in range(0, len(held), 2 * (len(held) // 2 // PATCHES)):
        for when, patch in zip(imt.WHEN, held[first : first + 2], strict=True):
            yield f"MODIS by {when}, 2 → 1 km", patch
    for pair in aster_part(aster.read(data), "test"):
        level = float(pair.scene.lst["lst"].mean() - pair.truth[4].mean())
        yield "against ASTER, 1 km → 250 m", replace(pair, truth={4: pair.truth[4] + level})


def measure(data: str, model: str) -> list[dict[str, Any]]:
    """Rows of plain data: RMSE (K) of the model and of bicubic interpolation, near lowered cells and far from them."""
    _, method = find_method(model)
    squares: dict[tuple[str, float, bool], list[NDArray[np.float64]]] = defaultdict(list)
    for number, (name, labelled) in enumerate(cases(data)):
        coarse = labelled.scene.lst
        mask = clouds(coarse["lst"].shape, np.random.default_rng(number))
        near = binary_dilation(mask, np.ones((3, 3)), REACH) & ~mask
        for lowered in LOWERED:
            lst = coarse["lst"].where(~mask, coarse["lst"] - np.float32(lowered))
            scene = replace(labelled.scene, lst=coarse.assign(lst=lst))
            results = Results.of(method, replace(labelled, scene=scene))
            errors = np.stack([results.model, results.bicubic]) - results.truth
            for close, where in ((True, near), (False, ~(near | mask))):
                known = repeat(where, results.factor) & np.isfinite(errors).all(0)
                squares[name, lowered, close].append(np.square(errors[:, known], dtype=np.float64))
    rows = []
    for name, lowered in dict.fromkeys(key[:2] for key in squares):
        near, far = (
            np.sqrt(np.concatenate(squares[name, lowered, close], 1).mean(1)).tolist() for close in (True, False)
        )
        rows.append({"case": name, "lowered": lowered, "near": near, "far": far})
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--model", default="default", help="a model's name or folder")
    parser.add_argument("--json", action="store_true", help="print plain data")
    asked = parser.parse_args()
    rows = measure(asked.data, asked.model)
    if asked.json:
        print(json.dumps({"rows": rows, "shown": max(LOWERED)}))
        return
    print("| | lowered by, K | within 2 cells: SRDA-Net, K | bicubic, K | farther: SRDA-Net, K | bicubic, K |")
    print("|---|--:|--:|--:|--:|--:|")
    for row in rows:
        print(
            f"| {row['case']} | {row['lowered']:.0f} | {' | '.join(f'{x:.2f}' for x in (*row['near'], *row['far']))} |"
        )


if __name__ == "__main__":
    main()
