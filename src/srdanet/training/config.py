"""The one file that a training run is reproducible from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from srdanet.errors import ConfigError
from srdanet.network.srdanet import Architecture

Term = Literal["degradation", "charbonnier", "ms_ssim"]
TERMS: tuple[Term, ...] = get_args(Term)
"""Terms of the loss, see `network.losses`, in the order in which they are reported."""
SIMULATED = "srdanet_simulator:scenes"
"""Where simulated scenes come from unless a configuration says otherwise."""
SHARED = ("data", "output", "start", "network", "held_fold")
"""What all stages of a file have in common, so that each can go on from the one before."""


@dataclass(frozen=True)
class Recipe:
    """How the batches of one source are drawn."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    weight: Annotated[float, Field(gt=0)]
    """Share of the batches, relative to the other sources'."""
    batch: Annotated[int, Field(ge=1)] = 8
    """Samples in a batch."""
    crop: Annotated[int, Field(ge=8)] = 32
    """Side of the crop, coarse cells."""
    noise: Annotated[float, Field(ge=0)] = 0.0
    """Noise (K) added to the coarse LST."""
    invented: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How often the temperature is replaced by an invented one (`training.invented`)."""


def _in_order(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    if len(set(terms)) < len(terms):
        raise ValueError("a term is named twice")
    return tuple(term for term in TERMS if term in terms)


class TrainConfig(BaseModel):
    """One training run, or one stage of several.

    `iterations` counts batches; the learning rate rises over `warmup` of them and falls along a cosine. With several
    `devices` each draws batches of its own, and an iteration takes one batch on each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "srdanet"
    """The model's."""
    stage: str | None = None
    """The stage's; None in a file without stages."""
    seed: int = 1
    data: Path
    """Folder of the data sets."""
    output: Path
    """Folder of the run; of a stage, its own folder below that of the file."""
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
    """Folder of a bundle, or checkpoint of a run, whose (averaged) weights the run starts from; None: random weights.

    A stage after the first starts from the checkpoint of the stage before it.
    """
    simulated: str = Field(SIMULATED, pattern=r"^[\w.]+:\w+$")
    """Where simulated scenes come from, `module:function`; called like `srdanet_simulator.scenes`."""
    simulated_scenes: int = Field(0, ge=0)
    held_fold: int | None = None
    """Fold of the ASTER pairs that training leaves out; None: the one that the split file names."""
    left_out: tuple[str, ...] = ()
    """Places of the world sets (`datasets.places`) that training leaves out, so that they can be judged as unseen."""
    sources: dict[str, Recipe]
    network: Architecture = Architecture()

    @property
    def checkpoint(self) -> Path:
        """Where the run keeps its checkpoint."""
        return self.output / "checkpoint.pt"


def read_config(path: Path | str) -> tuple[TrainConfig, ...]:
    """Read a training configuration (TOML); relative paths in it are relative to the file.

    Each `[[stage]]` block has a `name` and says what differs from the settings above the blocks; tables such as
    `sources` are replaced as a whole. A file without blocks is one run.

    Returns:
        The stages in the order in which they run; one for a file without `[[stage]]`.

    Raises:
        ConfigError: when the file cannot be read or says something unknown or impossible.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"is not valid TOML: {error}", where=path) from error
    blocks = raw.pop("stage", None)
    if blocks is None:
        return (_validated(raw, path, ""),)
    if not isinstance(blocks, list) or not blocks:
        raise ConfigError("stage is not a list of blocks", where=path, todo="Begin each stage with [[stage]].")
    stages: dict[str, TrainConfig] = {}
    start: dict[str, Path] = {}
    for block in blocks:
        name = block.pop("name", None)
        if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name) or name in stages:
            todo = "Give each stage a name of its own, of letters, digits, - and _."
            raise ConfigError(f"stage name {name!r} is missing, not unique or not a folder name", where=path, todo=todo)
        shared = [key for key in SHARED if key in block]
        if shared:
            todo = "Set it once, above the first [[stage]]."
            raise ConfigError(f"stage {name}: {shared[0]} cannot differ between stages", where=path, todo=todo)
        stage = _validated({**raw, **block, "stage": name}, path, f"stage {name}: ")
        stages[name] = stage.model_copy(update={"output": stage.output / name, **start})
        start = {"start": stages[name].checkpoint}
    return tuple(stages.values())


def _validated(raw: Mapping[str, Any], path: Path, prefix: str) -> TrainConfig:
    """The settings, checked, with absolute paths."""
    try:
        config = TrainConfig(**raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{prefix}{place}: {first['msg']}", where=path) from error
    here = path.resolve().parent
    paths = {"data": config.data, "output": config.output, "start": config.start}
    return config.model_copy(update={key: here / value for key, value in paths.items() if value is not None})
