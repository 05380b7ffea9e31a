"""One run on several devices: each its own batches, all the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from srdanet.errors import ConfigError
from srdanet.predictors.stack import CONTEXT
from srdanet.training.config import TrainConfig
from srdanet.training.loop import Samples, Trainer, fabric_of, launch, run
from srdanet.training.sources import Sample, Step


def settings(output: Path, **changes: object) -> TrainConfig:
    sources = {"one": {"weight": 1, "batch": 1, "crop": 8}, "two": {"weight": 1, "batch": 1, "crop": 8}}
    network = {"channels": 8, "groups": 1, "guides": 2}
    values = {"iterations": 6, "warmup": 2, "checkpoint_every": 3, "sources": sources, "network": network}
    return TrainConfig.model_validate({"data": "unused", "output": output, **values, **changes})


def sample(source: str, steps: int, seed: int) -> Sample:
    """Smooth fields with a warm corner."""
    rng = np.random.default_rng(seed)
    parts = []
    for factor in (2, 4)[:steps]:
        truth = (290 + np.linspace(0, 5, 10 * factor)[:, None] + rng.normal(size=(10 * factor, 11 * factor))).astype(
            "f4"
        )
        context = np.zeros((len(CONTEXT), 5 * factor, 11 * factor // 2), np.float32)
        parts.append(Step(("ndvi",), (truth[None] / 300).astype(np.float16), context, truth))
    return Sample(source, parts[0].truth.reshape(10, 2, 11, 2).mean((1, 3)), tuple(parts))


def work(fabric: Fabric, config: TrainConfig, samples: Samples) -> float:
    """Train, and leave this process's weights and its first batch."""
    trainer = Trainer(config, samples, samples, fabric)
    run(trainer, resume=True)
    torch.save(
        {"weights": trainer.objective.state_dict(), "lst": trainer.batches[0].lst},
        config.output / f"rank{fabric.global_rank}.pt",
    )
    return trainer.validate()["two"]


@pytest.fixture(scope="module")
def samples() -> dict[str, list[Sample]]:
    """Sources of one and of two steps, so that processes do unequal work."""
    return {"one": [sample("one", 1, 1), sample("one", 1, 2)], "two": [sample("two", 2, 3), sample("two", 2, 4)]}


@pytest.mark.trial
def test_two_processes_share_their_weights(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    config = settings(tmp_path / "run", devices=2)
    assert np.isfinite(launch(fabric_of(config), work, config, samples))
    first, second = (torch.load(config.output / f"rank{rank}.pt") for rank in range(2))
    assert "fusion.log_variance" in first["weights"]
    for name, value in first["weights"].items():
        assert torch.equal(value, second["weights"][name]), name
    assert not torch.equal(first["lst"].nan_to_num(), second["lst"].nan_to_num())
    assert len((config.output / "log.csv").read_text().splitlines()) == 3


def test_a_run_of_two_processes_is_not_resumed_by_one(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    trainer = Trainer(settings(tmp_path), samples, samples)
    trainer.save(tmp_path / "checkpoint.pt")
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=False)
    torch.save(state | {"devices": 2}, tmp_path / "checkpoint.pt")
    with pytest.raises(ConfigError, match="2 devices"):
        trainer.restore(tmp_path / "checkpoint.pt")


def test_more_gpus_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CUDA devices"):
        fabric_of(settings(tmp_path, device="cuda", devices=torch.cuda.device_count() + 1))
