"""Where a run computes: one process or several, on processors or GPUs; by Lightning Fabric.

Its mixed precision is not used: it casts a module's inputs too, and in bfloat16 neighbouring temperatures lie 2 K apart
(docs/notebook/011-devices.md). `training.objective` has torch's own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric

from srdanet.errors import ConfigError
from srdanet.training.config import TrainConfig

_Out = TypeVar("_Out")


def fabric_of(config: TrainConfig) -> Fabric:
    """What the configuration asks for; with more than one device it has to be started by `launch`.

    Raises:
        ConfigError: when the machine has fewer GPUs than that.
    """
    if config.device == "cuda" and torch.cuda.device_count() < config.devices:
        found = torch.cuda.device_count()
        raise ConfigError(
            f"{config.devices} CUDA devices are asked for, {found} found", todo="lower devices, or take cpu"
        )
    strategy = "ddp_spawn" if config.devices > 1 else "auto"
    return Fabric(accelerator=config.device, devices=config.devices, strategy=strategy, precision="32-true")


def launch(fabric: Fabric, work: Callable[..., _Out], *arguments: Any) -> _Out:
    """Call `work(fabric, *arguments)` in as many processes as there are devices; the first one's answer.

    With several devices `work` and its arguments are pickled, and a script that comes here needs the usual
    `if __name__ == "__main__":`.
    """
    level = logging.getLogger("srdanet").getEffectiveLevel()
    out: _Out = fabric.launch(partial(_logged, level=level, work=work, arguments=arguments))
    return out


def _logged(fabric: Fabric, level: int, work: Callable[..., _Out], arguments: tuple[Any, ...]) -> _Out:
    """A new process knows nothing of how its parent logs; only the first one speaks."""
    if fabric.world_size > 1:
        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
        logging.getLogger("srdanet").setLevel(level if fabric.is_global_zero else logging.ERROR)
    return work(fabric, *arguments)
