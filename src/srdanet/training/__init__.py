"""Training SRDA-Net: `train(config)` gathers samples, trains, and leaves a checkpoint; `publish` makes it a model."""

from __future__ import annotations

from srdanet.errors import MissingExtraError

try:
    import lightning_fabric  # noqa: F401
    import torch  # noqa: F401  (asked for here once, so that the hint is one place)
except ImportError as error:
    todo = "Run pip install 'srdanet[train]' torch==2.13.0."
    raise MissingExtraError(f"training needs {error.name}, which is not installed", todo=todo) from error

from srdanet.training.config import TrainConfig, read_config
from srdanet.training.loop import train
from srdanet.training.publication import publish

__all__ = ["TrainConfig", "publish", "read_config", "train"]
