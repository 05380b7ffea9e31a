"""Stages run in order, each from the averaged weights of the one before, and go on where they were killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from srdanet.errors import ConfigError
from srdanet.network.srdanet import weights_sha256
from srdanet.predictors.stack import CONTEXT
from srdanet.training import loop, train
from srdanet.training.export import read_checkpoint
from srdanet.training.sources import Groups, Sample, Step

CONFIG = """
data = "unused"
output = "run"
warmup = 2
ema = 0.9
checkpoint_every = 2
[sources.toy]
weight = 1
batch = 1
crop = 8
[network]
channels = 8
groups = 1
guides = 2
[[stage]]
name = "one"
iterations = 4
[[stage]]
name = "two"
seed = 2
iterations = 5
fusion = "descent"
"""


def sample(seed: int) -> Sample:
    rng = np.random.default_rng(seed)
    truth = (290 + np.linspace(0, 5, 20)[:, None] + rng.normal(size=(20, 22))).astype(np.float32)
    step = Step(("ndvi",), (truth[None] / 300).astype(np.float16), np.zeros((len(CONTEXT), 10, 11), np.float32), truth)
    return Sample("toy", truth.reshape(10, 2, 11, 2).mean((1, 3)), (step,))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    samples: Groups = {"toy": [sample(seed) for seed in range(3)]}
    monkeypatch.setattr(loop, "gather", lambda config: (samples, samples))
    monkeypatch.setattr(loop, "draw_curve", lambda log, picture: None)  # slow, and tested elsewhere
    path = tmp_path / "run.toml"
    path.write_text(CONFIG)
    return path


def state(checkpoint: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(checkpoint, weights_only=False)
    return found


def same(a: Any, b: Any) -> bool:
    """Whether two states hold the same, tensors to the last bit."""
    if isinstance(a, torch.Tensor):
        return torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def test_each_stage_starts_from_the_averaged_weights_of_the_one_before(config: Path) -> None:
    last = train(config)
    assert last == config.parent / "run" / "two" / "checkpoint.pt"
    first, _ = read_checkpoint(config.parent / "run" / "one" / "checkpoint.pt")
    net, made = read_checkpoint(last)
    assert (made["stage"], made["iteration"]) == ("two", 5)
    assert made["start"] == {"name": "srdanet", "stage": "one", "iteration": 4, "weights_sha256": weights_sha256(first)}
    assert net.describe() == first.describe()


@pytest.mark.parametrize("killed_at", [3, 4, 7])
def test_a_killed_run_goes_on_exactly(killed_at: int, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is killed, between stages or within one, it ends as if it had not been."""
    whole = state(train(config))
    (config.parent / "run").rename(config.parent / "whole")
    steps = 0
    step = loop.Trainer.step

    def fragile(trainer: loop.Trainer) -> dict[str, float | str]:
        nonlocal steps
        steps += 1
        if steps == killed_at + 1:
            raise KeyboardInterrupt
        return step(trainer)

    monkeypatch.setattr(loop.Trainer, "step", fragile)
    with pytest.raises(KeyboardInterrupt):
        train(config)
    resumed = state(train(config, resume=True))
    assert same({**resumed, "config": None}, {**whole, "config": None})


def test_hours_are_those_of_all_stages(config: Path) -> None:
    """Each call with no time left ends at the next checkpoint, until all stages are finished."""
    ends = [train(config, resume=True, hours=0) for _ in range(5)]
    iterations = [read_checkpoint(end)[1]["iteration"] for end in ends[-1:]]
    assert [end.parent.name for end in ends] == ["one", "one", "two", "two", "two"]
    assert iterations == [5]


def test_a_finished_run_is_neither_repeated_nor_overwritten(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = train(config)
    before = last.read_bytes()
    with pytest.raises(ConfigError, match="already holds a training run"):
        train(config)
    monkeypatch.setattr(loop, "gather", lambda config: pytest.fail("nothing is left to train"))
    assert train(config, resume=True) == last
    assert last.read_bytes() == before


def test_what_a_later_stage_asks_for_is_refused_before_the_first_runs(config: Path) -> None:
    count = torch.cuda.device_count() + 1
    config.write_text(config.read_text() + f'device = "cuda"\ndevices = {count}\n')
    with pytest.raises(ConfigError, match=r"two: .*CUDA devices"):
        train(config)
    assert not (config.parent / "run").exists()
