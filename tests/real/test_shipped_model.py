"""The shipped model holds what the README says of it, on patches and pairs it has not seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import srdanet
from srdanet.datasets import aster, imt
from srdanet.datasets.splits import aster_part, imt_part
from srdanet.evaluation import find_method, run_simulated
from srdanet.evaluation.scoring import Results
from srdanet.training.config import read_config

pytestmark = pytest.mark.real
CONFIG = Path(__file__).resolve().parents[2] / "configs" / "shipped.toml"


@pytest.mark.parametrize(("model", "day", "night"), [("default", 0.70, 0.78), ("europe", 0.66, 0.65)])
def test_it_beats_bicubic_on_simulated_scenes(model: str, day: float, night: float) -> None:
    """Eight of the scenes that the results are about; they are harder than most by day and easier by night."""
    shares = {row.label: row.share for row in run_simulated(8, model).rows}
    assert shares["day, 250 m"] <= day
    assert shares["night, 250 m"] <= night


def test_a_cloud_that_no_mask_has_caught_spoils_nothing_beyond_it(shared_data: Path) -> None:
    """Where bicubic interpolation, which reaches two cells, is right again, so is the model."""
    _, model = find_method("default")
    for patch in list(imt_part(imt.read(shared_data, when=("day",)), "test"))[::40]:
        lst = patch.scene.lst["lst"].copy(deep=True)
        lst[5:17, 9:20] -= 20
        clouded = replace(patch.scene, lst=patch.scene.lst.assign(lst=lst))
        clear, spoilt = (model(scene, 2)["lst"].values for scene in (patch.scene, clouded))
        change = spoilt - clear
        assert np.sqrt(np.nanmean(np.square(change[10:34, 18:40]))) > 15
        change[2 * 3 : 2 * 19, 2 * 7 : 2 * 22] = np.nan
        assert np.sqrt(np.nanmean(np.square(change))) < 0.3


def test_no_edge_shows_where_an_image_ends(shared_data: Path) -> None:
    """NDVI ends along a column: no step there but what the ground has, one way in one pair, the other in the next."""
    _, model = find_method("default")
    steps = []
    for pair in aster_part(aster.read(shared_data), "test"):
        (layers,) = pair.scene.auxiliary
        end = layers.sizes["x"] // 2
        ended = layers.assign(ndvi=layers["ndvi"].where(np.arange(2 * end) < end))
        results = Results.of(model, replace(pair, scene=replace(pair.scene, auxiliary=(ended,))))
        added = results.model - results.bicubic
        steps.append(float(np.nanmean(added[:, end : end + 4]) - np.nanmean(added[:, end - 4 : end])))
    assert abs(np.mean(steps)) < 0.15
    assert np.abs(steps).mean() < 0.35


def test_its_bundle_says_how_it_was_made() -> None:
    bundle = srdanet.load_model("default")
    config = read_config(CONFIG)[-1]
    made = bundle.config["training"]
    assert made["iterations"] == config.iterations == made["iteration"]
    assert set(made["sources"]) == set(config.sources)
    assert "$" not in bundle.card
    assert all(np.isfinite(bundle.config["statistics"]["channel_mean"]))
