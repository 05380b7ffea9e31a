"""What a shipped model gives for stored inputs is what it gave when it was published, to 1 mK; torch gives the same.

`python tests/golden/test_bundles.py` writes what the models at hand give to `bundles.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srdanet import load_model
from srdanet.arrays import Float32
from srdanet.errors import ModelError
from srdanet.network.domain import widened
from srdanet.predictors.stack import CHANNELS, CONTEXT

NUMBERS = Path(__file__).with_name("bundles.json")
MODELS = ("default", "europe")
SHAPE = (9, 7)


def inputs(shape: tuple[int, int] = SHAPE) -> tuple[Float32, Float32, Float32]:
    """An asymmetric image with gaps, from formulas rather than a generator whose numbers may change."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    lst = (295 + 4 * np.sin(rows / 2) - 3 * np.cos(cols / 1.5) + 0.3 * rows).astype(np.float32)
    lst[3:4, 2:4] = np.nan
    y, x = np.mgrid[: 2 * shape[0], : 2 * shape[1]]
    number = np.arange(len(CHANNELS))[:, None, None]
    channels = (0.3 + 0.25 * np.sin(y * (1 + number % 5) / 3 + number) * np.cos(x * (1 + number % 3) / 4)).astype("f4")
    elevation = CHANNELS.index("elevation")
    channels[elevation] = 200 + 30 * y - 12 * x
    channels[1, 4:9, 3:8] = np.nan
    channels[10] = np.nan
    of_context = np.arange(len(CONTEXT))[:, None, None]
    context = (0.5 + 0.1 * of_context + 0 * lst).astype(np.float32)
    context[:2] = 290
    context[3] = np.nan
    return lst, channels, np.where(np.isnan(lst), np.float32(0.5), context)


def numbers(name: str) -> dict[str, Any]:
    model = load_model(name)
    fine, sigma = model.step(*inputs())
    kept = {"lst": fine, "sigma": sigma}
    return {"sha256": model.sha256, **{key: np.round(value.astype(float), 4).tolist() for key, value in kept.items()}}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_what_it_gave(name: str) -> None:
    stored, found = json.loads(NUMBERS.read_text(encoding="utf-8"))[name], numbers(name)
    told = "Another model is shipped: write its numbers with `python tests/golden/test_bundles.py`."
    assert found["sha256"] == stored["sha256"], told
    for key in ("lst", "sigma"):
        np.testing.assert_allclose(found[key], stored[key], atol=1e-3, err_msg=key)
    assert np.std(stored["lst"]) > 1
    assert min(map(min, stored["sigma"])) > 0.05


@pytest.mark.parametrize("name", ["default"])  # `europe` is of an earlier network, which only ONNX Runtime still runs
@pytest.mark.parametrize("shape", [(9, 7), (1, 1), (2, 3), (31, 18)])
def test_torch_gives_the_same(name: str, shape: tuple[int, int]) -> None:
    """Of any size of image; the standard deviation in proportion, since the bundle widens it."""
    torch = pytest.importorskip("torch")
    from srdanet.network.kinds import load_network

    model, given = load_model(name), inputs(shape)
    order = model._order
    net = load_network(model)
    with torch.no_grad():
        lst, channels, context = given
        taken = (lst[None], channels[order["channels"]], context[order["context"]])
        expected, sigma = net(*(torch.from_numpy(np.ascontiguousarray(part))[None] for part in taken))
    fine, wide = model.step(*given)
    np.testing.assert_allclose(fine, expected[0, 0].numpy(), atol=1e-3)
    ratio = wide / widened(sigma[0, 0].numpy(), model.domain.excess(*given))
    assert ratio.min() > 0.5
    assert ratio.max() < 3


def test_a_network_of_before_runs_but_is_not_trained_on() -> None:
    pytest.importorskip("torch")
    from srdanet.network.kinds import load_network

    with pytest.raises(ModelError, match="another network"):
        load_network(load_model("europe"))


if __name__ == "__main__":
    made = {name: numbers(name) for name in MODELS}
    NUMBERS.write_text(json.dumps(made) + "\n", encoding="utf-8")
