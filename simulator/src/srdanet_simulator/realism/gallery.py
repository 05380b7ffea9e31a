"""Pictures beside the numbers: what a person who knows such images should have to look at twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from srdanet.datasets import aster, imt
from srdanet_simulator.realism.fields import spread
from srdanet_simulator.realism.real import month

Image = NDArray[np.float32]
KINDS = ("1 km, day", "1 km, night", "250 m, day")
EACH = 2
"""Pictures of a kind, real and simulated."""


class Page(NamedTuple):
    """Images (K) of one land on one date, or of one set where they are not of one land."""

    day: Image
    night: Image
    fine: Image


Gallery = tuple[tuple[Image, ...], ...]
"""For each of `KINDS`, `EACH` pictures."""


def of_pages(pages: Sequence[Page]) -> Gallery:
    """The pages that are neither flat nor stark; fewer when there are fewer."""
    chosen = [pages[index] for index in middling([page.day for page in pages])]
    return tuple(tuple(page[kind] for page in chosen) for kind in range(len(KINDS)))


def of_real(root: Path) -> Gallery:
    """The same of the IMT patches of summer and of the ASTER pairs.

    Raises:
        GranuleError: when a set is missing or not what it should be.
    """
    summer = [patch for patch in imt.read(root) if month(patch) in (6, 7, 8)]
    day, night = ([p.truth[2].values for p in summer if p.scene.day == by_day] for by_day in (True, False))
    best = middling(day)
    truth = [pair.truth[aster.FACTOR].values for pair in aster.read(root)]
    truth = [image for image in truth if np.isfinite(image).mean() > 0.97]
    fine = tuple(truth[index] for index in middling(truth))
    return tuple(day[i] for i in best), tuple(night[i] for i in best), fine


def middling(images: Sequence[Image]) -> list[int]:
    """`EACH` images whose standard deviations stand around the middle, the flatter first."""
    order = np.argsort([float(spread(image)) for image in images])
    shares = [(n + 1) / (EACH + 1) for n in range(EACH)]
    places = dict.fromkeys(round(share * (len(order) - 1)) for share in shares)
    return [int(order[place]) for place in places] if len(order) else []
