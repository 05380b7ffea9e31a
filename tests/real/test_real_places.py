"""Every set of another climate: detail that is known of it, guides and times that the table states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from srdanet.arrays import repeat
from srdanet.datasets import world
from srdanet.datasets.places import PLACES

pytestmark = pytest.mark.real

DETAIL = {
    # RMS (K) of about 250 m within 1 km, of 1 km within 4: least and greatest of the images.
    "zhangye": (2.5, 2.7),
    "imperial": (1.65, 1.8),
    "los-angeles": (1.6, 1.75),
    "talca": (1.65, 1.8),
    "new-york": (1.25, 1.4),
    "macas": (1.2, 1.75),
    "kano": (0.65, 0.85),
    "granada": (2.25, 2.4),
    "muenster": (0.55, 2.45),
    "sevilleta": (0.4, 1.0),
    "maharashtra": (1.1, 2.0),
    "heihe": (1.0, 1.15),
    "texas": (1.0, 1.15),
}


@pytest.mark.parametrize("name", PLACES)
def test_places_are_what_the_table_says(shared_data: Path, name: str) -> None:
    place, found = PLACES[name], list(world.scenes(name, shared_data))
    for labelled in found:
        truth = labelled.truth[4].values
        inside = truth - repeat(labelled.scene.lst["lst"].values, 4)
        low, high = DETAIL[name]
        assert low < np.sqrt(np.nanmean(inside**2)) < high
        assert 245 < np.nanmin(truth) < np.nanmax(truth) < 345
        assert set(labelled.scene.present) == set(place.guides)
        assert (labelled.scene.time is not None) == place.dated
        assert labelled.scene.day == (not str(labelled.scene.time).startswith("2020-09-29T05"))
    assert len({labelled.attributes.get("image") for labelled in found}) == len(found)
