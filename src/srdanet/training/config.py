"""The one file that a training run is reproducible from."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from srdanet.errors import ConfigError
from srdanet.network.srdanet import Architecture


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceConfig(_Strict):
    """How one source of samples is drawn; see `training.batches.Recipe`."""

    weight: float = Field(gt=0)
    batch: int = Field(8, ge=1)
    crop: int = Field(32, ge=8)
    noise: float = Field(0.0, ge=0)


class TrainConfig(_Strict):
    """One training run.

    `iterations` counts batches; the learning rate rises over `warmup` of them and falls along a cosine.
    """

    name: str = "srdanet"
    seed: int = 1
    data: Path
    output: Path
    iterations: int = Field(20000, ge=1)
    warmup: int = 300
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-4
    ema: float = Field(0.9995, ge=0, lt=1)
    checkpoint_every: int = 500
    threads: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    simulated_scenes: int = 0
    sources: dict[str, SourceConfig]
    network: Architecture = Architecture()


def read_config(path: Path | str) -> TrainConfig:
    """Read a training configuration (TOML); relative paths in it are relative to the file.

    Raises:
        ConfigError: when the file cannot be read or says something unknown or impossible.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text())
        config = TrainConfig(**raw)
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=path) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is no valid TOML: {error}", where=path) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{place}: {first['msg']}", where=path) from error
    here = path.resolve().parent
    return config.model_copy(update={"data": here / config.data, "output": here / config.output})
