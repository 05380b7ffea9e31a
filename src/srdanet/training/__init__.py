"""Training SRDA-Net: `train(config)` gathers samples, trains, and leaves a checkpoint."""

from __future__ import annotations

from pathlib import Path

from srdanet.errors import MissingExtraError

try:
    import torch  # noqa: F401  (asked for here once, so that the hint is one place)
    from lightning_fabric import Fabric
except ImportError as error:
    todo = "pip install 'srdanet[train]' torch==2.13.0"
    raise MissingExtraError(f"training needs {error.name}, which is not installed", todo=todo) from error

from srdanet.training.config import TrainConfig, read_config
from srdanet.training.devices import fabric_of, launch
from srdanet.training.gather import gather
from srdanet.training.loop import Samples, Trainer, refuse, run
from srdanet.training.publication import publish

__all__ = ["TrainConfig", "publish", "read_config", "train"]


def train(config: Path | str, *, resume: bool = False, hours: float | None = None) -> Path:
    """Run a training configuration.

    Args:
        config: TOML file; see `training.config.TrainConfig`.
        resume: Go on from the checkpoint in the output folder, exactly.
        hours: Stop after this time at the next checkpoint.

    Returns:
        Path of the checkpoint.

    Raises:
        ConfigError: when the configuration is wrong or asks for more GPUs than there are, or the output holds a run and
            `resume` is off.
        GranuleError: when the data cannot be read.
    """
    settings = read_config(config)
    # What can be refused is refused before the samples are gathered, which takes minutes.
    refuse(settings, resume=resume)
    fabric = fabric_of(settings)
    samples, validation = gather(settings)
    return launch(fabric, _work, settings, samples, validation, resume, hours)


def _work(
    fabric: Fabric, config: TrainConfig, samples: Samples, validation: Samples, resume: bool, hours: float | None
) -> Path:
    """One process of a run."""
    return run(Trainer(config, samples, validation, fabric), resume=resume, hours=hours)
