"""The one file that a training run is reproducible from."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from srdanet.errors import ConfigError
from srdanet.network.srdanet import Architecture
from srdanet.training.objective import TERMS, Term


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceConfig(_Strict):
    """How one source of samples is drawn; see `training.batches.Recipe`."""

    weight: float = Field(gt=0)
    batch: int = Field(8, ge=1)
    crop: int = Field(32, ge=8)
    noise: float = Field(0.0, ge=0)


def _in_order(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    if len(set(terms)) < len(terms):
        raise ValueError("a term is named twice")
    return tuple(term for term in TERMS if term in terms)


class TrainConfig(_Strict):
    """One training run.

    `iterations` counts batches; the learning rate rises over `warmup` of them and falls along a cosine. With several
    `devices` each draws batches of its own, and an iteration takes one batch on each.
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
    threads: int = Field(1, ge=1)
    """Threads of the processor, for each device."""
    workers: int = Field(0, ge=0)
    """Processes that draw batches ahead, for each device; 0: drawn when they are needed. Changes no result."""
    device: Literal["cpu", "cuda"] = "cpu"
    devices: int = Field(1, ge=1)
    """Devices of that kind on one machine, each with a process of its own; for `cpu` the number of processes."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the network; `bfloat16` is mixed, with weights and losses in float32."""
    terms: Annotated[tuple[Term, ...], Field(min_length=1), AfterValidator(_in_order)] = TERMS
    """Terms of the loss; what is left out is still logged."""
    fusion: Literal["uncertainty", "descent", "fixed"] = "uncertainty"
    """How the terms are weighed; see `network.fusion`."""
    start: Path | None = None
    """Folder of the bundle whose weights the run starts from; None: weights drawn anew."""
    simulated_scenes: int = 0
    held_fold: int | None = None
    """Fold of the ASTER pairs that training leaves out; None: the one that the split file holds apart."""
    sources: dict[str, SourceConfig]
    network: Architecture = Architecture()


def read_config(path: Path | str) -> TrainConfig:
    """Read a training configuration (TOML); relative paths in it are relative to the file.

    With `base = "other.toml"` in it, the rest is as in that file of the same folder, which may have a base too.

    Raises:
        ConfigError: when the file cannot be read or says something unknown or impossible.
    """
    path = Path(path)
    raw = _table(path)
    try:
        config = TrainConfig(**raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{place}: {first['msg']}", where=path) from error
    here = path.resolve().parent
    start = None if config.start is None else here / config.start
    return config.model_copy(update={"data": here / config.data, "output": here / config.output, "start": start})


def _table(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What a file says, with what its base says where it says nothing."""
    if path in above:
        raise ConfigError("stands on itself", where=path, todo="let one of the files have no base")
    try:
        raw = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=path) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is no valid TOML: {error}", where=path) from error
    if "base" not in raw:
        return raw
    return _table(path.parent / Path(raw.pop("base")).name, (*above, path)) | raw
