"""Training SRDA-Net: `train(config)` gathers samples, trains, and leaves a checkpoint; `publish` makes it a model."""

from __future__ import annotations

from pathlib import Path

from srdanet.errors import MissingExtraError

try:
    import lightning_fabric  # noqa: F401
    import torch  # noqa: F401  (asked for here once, so that the hint is one place)
except ImportError as error:
    todo = "pip install 'srdanet[train]' torch==2.13.0"
    raise MissingExtraError(f"training needs {error.name}, which is not installed", todo=todo) from error

from srdanet.training.config import TrainConfig, read_config
from srdanet.training.loop import train_stages
from srdanet.training.publication import publish

__all__ = ["TrainConfig", "publish", "read_config", "train"]


def train(config: Path | str, *, resume: bool = False, hours: float | None = None) -> Path:
    """Run a training configuration, all its stages in order.

    Each stage has a folder of its own below the output and starts from the averaged weights of the one before.

    Args:
        config: TOML file; see `training.config`.
        resume: Skip the stages that are finished, and resume the one that is not from its checkpoint, exactly.
        hours: Stop after this time at the next checkpoint.

    Returns:
        Path of the checkpoint of the last stage that ran.

    Raises:
        ConfigError: when the configuration is wrong or asks for more GPUs than there are, or the output holds a run and
            `resume` is off.
        ArgumentError: when `simulated` does not name a function.
        GranuleError: when the data cannot be read.
        MissingExtraError: when the package that simulates scenes is not installed.
    """
    return train_stages(read_config(config), resume=resume, hours=hours)
