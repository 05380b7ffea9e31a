"""The training loop: exact resume, EMA, one process or several."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities import move_data_to_device
from torch import nn
from torch.utils.data import DataLoader

from srdanet.errors import ConfigError
from srdanet.network.bundle import load_model
from srdanet.network.fusion import FUSIONS
from srdanet.network.srdanet import SRDANet, Statistics
from srdanet.network.weights import trained
from srdanet.predictors.stack import CHANNELS
from srdanet.training.batches import Batch, Batches, Recipe, draw, statistics
from srdanet.training.config import TrainConfig
from srdanet.training.curve import draw_curve
from srdanet.training.devices import fabric_of
from srdanet.training.objective import Objective
from srdanet.training.optimizer import Optimizer
from srdanet.training.record import record
from srdanet.training.samples import Sample

log = logging.getLogger(__name__)

Samples = Mapping[str, Sequence[Sample]]


class Trainer:
    """Everything that changes during a run, and how it is saved and restored.

    With several devices each process has one: the weights are the same in all, the batches each one's own, and what is
    logged and validated is the first one's.
    """

    def __init__(
        self, config: TrainConfig, samples: Samples, validation: Samples, fabric: Fabric | None = None
    ) -> None:
        missing = [name for name in config.sources if not samples.get(name)]
        if missing:
            raise ConfigError(f"no samples for {', '.join(missing)}", todo=f"sources are {', '.join(samples)}")
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config, self.samples, self.validation = config, samples, validation
        self.recipes = {name: Recipe(**source.model_dump()) for name, source in config.sources.items()}
        self.scales = {name: _scales(group) for name, group in samples.items() if name in config.sources}
        self.fabric = fabric or fabric_of(config)
        self.began: dict[str, str] | None = None
        self.net = self._network().to(self.fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.fusion = FUSIONS[config.fusion](len(config.terms)).to(self.fabric.device)
        objective = Objective(self.net, self.fusion, config.terms, mixed=config.precision == "bfloat16")
        self.objective = self.fabric.setup_module(objective)
        self.shadow = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        self.optimizer = Optimizer(
            self.net, list(self.fusion.parameters()), rate=config.learning_rate, weight_decay=config.weight_decay
        )
        self.batches = Batches(samples, self.recipes, config.seed, self.fabric.global_rank)
        self._stream: Iterator[Batch] | None = None
        self.iteration = 0
        self.skipped = 0

    def _network(self) -> SRDANet:
        """With weights drawn anew, or those of the model that the run starts from."""
        config = self.config
        if config.start is None:
            relative = [CHANNELS.index(name) for name in ("elevation", "illumination")]
            numbers = Statistics(*statistics({name: self.samples[name] for name in config.sources}), relative)
            return SRDANet(numbers, config.network)
        bundle = load_model(config.start)
        self.began = {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256}
        net = trained(bundle)
        if net.architecture != config.network:
            todo = "give the configuration the same network, or leave start out"
            raise ConfigError("has another network than the configuration", where=config.start, todo=todo)
        if bundle.config["training"].get("held_fold") != config.held_fold:
            todo = "give the configuration the same held_fold, or leave start out"
            raise ConfigError("was trained with another fold held apart", where=config.start, todo=todo)
        return net.train()

    def step(self) -> dict[str, float | str]:
        """One batch; returns what the log keeps, without losses where the gradient was not finite and no step taken."""
        batch = self._next()
        source = batch.source
        rate = self._rate()
        self.optimizer.set_rate(rate)
        self.optimizer.zero_grad()
        tensors = (batch.lst, [(step.channels, step.context, step.truth) for step in batch.steps])
        loss, terms, report = self.objective(*self.fabric.to_device(tensors), self.scales[source])
        self.fabric.backward(loss)
        out: dict[str, float | str] = {"rate": rate, "source": source}
        # The gradients, and so the answer, are the same in all processes.
        if self._clip():
            self.optimizer.step()
            self._average()
            self.fusion.advance(terms)
            out |= {"loss": float(loss.detach()), **{key: float(value) for key, value in report.items()}}
        else:
            self.skipped += 1
            log.warning("iteration %d skipped: the gradient of a batch of %s is not finite", self.iteration, source)
        self.iteration += 1
        return out

    def _next(self) -> Batch:
        """The batch of this iteration, drawn ahead where the configuration has workers."""
        if self._stream is None:
            workers, rest = self.config.workers, range(self.iteration, self.config.iterations)
            context = "fork" if workers else None  # so that the samples are shared, not copied
            loader = DataLoader(
                self.batches,
                batch_size=None,
                sampler=rest,
                num_workers=workers,
                multiprocessing_context=context,
                collate_fn=_as_is,
            )
            self._stream = iter(loader)
        return next(self._stream)

    def _clip(self) -> bool:
        """Cut the gradient to length 1; whether it is finite."""
        length = nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        others = nn.utils.get_total_norm([p.grad for p in self.fusion.parameters() if p.grad is not None])
        return bool(torch.isfinite(length)) and bool(torch.isfinite(others))

    def _rate(self) -> float:
        config = self.config
        if self.iteration < config.warmup:
            return config.learning_rate * (self.iteration + 1) / config.warmup
        done = (self.iteration - config.warmup) / max(1, config.iterations - config.warmup)
        return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    def _average(self) -> None:
        # Early on a long memory would only remember the start.
        keep = min(self.config.ema, (1 + self.iteration) / (10 + self.iteration))
        for name, value in self.net.state_dict().items():
            self.shadow[name].lerp_(value, 1 - keep)

    def averaged(self) -> SRDANet:
        """The network with the averaged weights."""
        net = SRDANet(self.net.statistics, self.net.architecture)
        net.load_state_dict(self.shadow)
        return net.to(self.fabric.device).eval()

    def validate(self) -> dict[str, float]:
        """Pooled RMSE of the averaged network at the last step of each source, as a share of bicubic's."""
        net, out = self.averaged(), {}
        for name, group in self.validation.items():
            squares, bicubic, cells = 0.0, 0.0, 0
            for k, sample in enumerate(group):
                recipe = Recipe(1, 1, min(sample.lst.shape))
                batch = draw([sample], recipe, np.random.default_rng(k), augment=False)
                lst = self.fabric.to_device(batch.lst)
                with torch.no_grad():
                    for step in batch.steps:
                        lst, _ = net(lst, *self.fabric.to_device((step.channels, step.context)))
                error = (lst.cpu() - batch.steps[-1].truth).numpy()
                known = np.isfinite(error)
                squares += float((error[known] ** 2).sum())
                bicubic += sample.bicubic_error()[-1] ** 2 * int(known.sum())
                cells += int(known.sum())
            out[name] = math.sqrt(squares / bicubic) if cells else math.nan
        return out

    def save(self, path: Path) -> None:
        """Write everything a run needs to go on, under a temporary name first; called in all processes."""
        if not self.fabric.is_global_zero:
            return
        state = {
            "net": self.net.state_dict(),
            "shadow": self.shadow,
            "fusion": self.fusion.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "devices": self.fabric.world_size,
            "iteration": self.iteration,
            "skipped": self.skipped,
            "began": self.began,
            "describe": self.net.describe(),
            "config": self.config.model_dump(mode="json"),
        }
        temporary = path.with_suffix(".tmp")
        # On the processor, so that a machine without GPU can read it.
        torch.save(move_data_to_device(state, torch.device("cpu")), temporary)
        temporary.replace(path)

    def restore(self, path: Path) -> None:
        """Go on from `save`.

        Raises:
            ConfigError: when the run had another number of devices.
        """
        state = torch.load(path, weights_only=False, map_location="cpu")
        if state["devices"] != self.fabric.world_size:
            made = f"comes from a run on {state['devices']} devices, this is one on {self.fabric.world_size}"
            raise ConfigError(made, where=path, todo="set devices to the same number, or choose another output")
        self.net.load_state_dict(state["net"])
        for name, value in state["shadow"].items():
            self.shadow[name].copy_(value)
        self.fusion.load_state_dict(state["fusion"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.iteration, self.skipped = state["iteration"], state["skipped"]
        self._stream = None


def _as_is(batch: Any) -> Any:
    """What `Batches` gives is a whole batch already."""
    return batch


def _scales(group: Sequence[Sample]) -> list[float]:
    """Median RMSE (K) of bicubic over a source, one for each step."""
    errors = np.array([sample.bicubic_error() for sample in group[:: max(1, len(group) // 100)]])
    return [float(value) for value in np.nanmedian(errors, axis=0)]


def refuse(config: TrainConfig, *, resume: bool) -> Path:
    """Where the run's checkpoint lies or will lie.

    Raises:
        ConfigError: when the folder holds a run and `resume` is off.
    """
    checkpoint = config.output / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise ConfigError(
            "holds a training run already", where=config.output, todo="resume it, or choose another output"
        )
    return checkpoint


def run(trainer: Trainer, *, resume: bool = False, hours: float | None = None) -> Path:
    """Train to the end of the configuration; writes `checkpoint.pt`, `log.csv` and `curve.png`.

    Returns:
        Path of the last checkpoint.

    Raises:
        ConfigError: when the folder holds a run and `resume` is off; when no step could be taken between two
            checkpoints, since no gradient was finite.
    """
    checkpoint = refuse(trainer.config, resume=resume)
    fabric = trainer.fabric
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        trainer.restore(checkpoint)
        log.info("resuming at iteration %d", trainer.iteration)
    start, rows = time.monotonic(), []
    while trainer.iteration < trainer.config.iterations:
        rows.append(trainer.step())
        if trainer.iteration % trainer.config.checkpoint_every == 0:
            if not any("loss" in row for row in rows):
                todo = "lower learning_rate, or look for impossible values in the data"
                raise ConfigError(f"no gradient of {len(rows)} batches in a row was finite", todo=todo)
            if fabric.is_global_zero:
                _report(checkpoint.parent, trainer, rows)
            trainer.save(checkpoint)
            rows = []
            if fabric.broadcast(hours is not None and time.monotonic() - start > hours * 3600):
                break
    trainer.save(checkpoint)
    return checkpoint


def _report(folder: Path, trainer: Trainer, rows: Sequence[Mapping[str, object]]) -> None:
    """Validate, append a line to the log, and draw it."""
    shares = trainer.validate()
    weights = dict(zip(trainer.config.terms, trainer.fusion.weights().tolist(), strict=True))
    record(folder / "log.csv", trainer.iteration, rows, list(trainer.recipes), weights, shares)
    draw_curve(folder / "log.csv", folder / "curve.png")
    log.info("iteration %d: %s", trainer.iteration, ", ".join(f"{k} {v:.3f}" for k, v in shares.items()))
