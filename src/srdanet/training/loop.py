"""The training loop: exact resume, averaged weights, one process or several, one stage after another.

Processes and devices are Lightning Fabric's. Its mixed precision is not used: it casts a module's inputs too, and in
bfloat16 neighbouring temperatures lie 2 K apart (docs/notebook/011-devices.md). `training.objective` has torch's own.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities import move_data_to_device
from torch import nn
from torch.utils.data import DataLoader

from srdanet.atomic import settle
from srdanet.downscaling.rollout import advance, rollout
from srdanet.errors import ConfigError
from srdanet.network.bundle import load_model
from srdanet.network.domain import joined
from srdanet.network.fusion import FUSIONS
from srdanet.network.kinds import build, load_network
from srdanet.network.srdanet import Statistics, StepNetwork, weights_sha256
from srdanet.predictors.stack import CHANNELS, RELATIVE
from srdanet.training.batches import Batch, Batches, draw, ranges, statistics
from srdanet.training.checkpoint import load_checkpoint
from srdanet.training.config import Recipe, TrainConfig, read_config
from srdanet.training.curve import draw_curve, record
from srdanet.training.export import read_checkpoint
from srdanet.training.objective import Objective
from srdanet.training.optimizer import Optimizer
from srdanet.training.sources import Sample, gather

log = logging.getLogger(__name__)

Samples = Mapping[str, Sequence[Sample]]
_Out = TypeVar("_Out")
_RESUME = "Resume it (--resume), or choose another output."


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
            raise ConfigError(f"no samples for {', '.join(missing)}", todo=f"Choose from {', '.join(samples)}.")
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config, self.samples, self.validation = config, samples, validation
        self.scales = {name: _scales(group) for name, group in samples.items() if name in config.sources}
        self.fabric = fabric or fabric_of(config)
        self.began: Mapping[str, object] | None = None
        self.net = self._network().to(self.fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.fusion = FUSIONS[config.fusion](len(config.terms)).to(self.fabric.device)
        objective = Objective(self.net, self.fusion, config.terms, mixed=config.precision == "bfloat16")
        self.objective = self.fabric.setup_module(objective)
        self.shadow = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        others = list(self.fusion.parameters())
        self.optimizer = Optimizer(self.net, others, rate=config.learning_rate, weight_decay=config.weight_decay)
        self.batches = Batches(samples, config.sources, config.seed, self.fabric.global_rank)
        self._stream: Iterator[Batch] | None = None
        self.iteration, self.skipped = 0, 0

    def _network(self) -> StepNetwork:
        """With random weights, or the averaged ones of the bundle or checkpoint that the run starts from."""
        config = self.config
        used = {name: self.samples[name] for name in config.sources}
        if config.start is None:
            relative = [CHANNELS.index(name) for name in RELATIVE]
            return build(Statistics(*statistics(used), relative, ranges(used)), config.network)
        made: Mapping[str, Any]
        if config.start.is_dir():
            bundle = load_model(config.start)
            net, made = load_network(bundle), bundle.config["training"]
            self.began = {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256}
        else:
            net, made = read_checkpoint(config.start)
            facts = {key: made.get(key) for key in ("name", "stage", "iteration")}
            self.began = facts | {"weights_sha256": weights_sha256(net)}
        if net.architecture != config.network:
            todo = "Give the configuration the same network, or leave start out."
            raise ConfigError("has another network than the configuration", where=config.start, todo=todo)
        if made.get("held_fold") != config.held_fold:
            todo = "Give the configuration the same held_fold, or leave start out."
            raise ConfigError("was trained with another fold held out", where=config.start, todo=todo)
        net.statistics = replace(net.statistics, ranges=joined(net.statistics.ranges, ranges(used)))
        return net.train()

    def step(self) -> dict[str, float | str]:
        """One batch; returns what the log keeps, without losses where the gradient was not finite and no step taken."""
        batch, rate = self._next(), self._rate()
        self.optimizer.set_rate(rate)
        self.optimizer.zero_grad()
        lst, steps = self.fabric.to_device((batch.lst, batch.steps))
        loss, terms, report = self.objective(lst, steps, self.scales[batch.source])
        self.fabric.backward(loss)
        out: dict[str, float | str] = {"rate": rate, "source": batch.source}
        length = nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        others = nn.utils.get_total_norm([p.grad for p in self.fusion.parameters() if p.grad is not None])
        # The gradients, and so the answer, are the same in all processes.
        if length.isfinite() and others.isfinite():
            self.optimizer.step()
            self._average()
            self.fusion.advance(terms)
            out |= {"loss": float(loss.detach()), **{key: float(value) for key, value in report.items()}}
        else:
            self.skipped += 1
            what = "iteration %d skipped: the gradient of a batch of %s is not finite"
            log.warning(what, self.iteration, batch.source)
        self.iteration += 1
        return out

    def _next(self) -> Batch:
        """The batch of this iteration, drawn ahead where the configuration has workers."""
        if self._stream is None:
            rest, workers = range(self.iteration, self.config.iterations), self.config.workers
            # Forked, so that the samples are shared, not copied.
            how: dict[str, Any] = {"num_workers": workers, "multiprocessing_context": "fork" if workers else None}
            self._stream = iter(DataLoader(self.batches, batch_size=None, sampler=rest, **how))
        return next(self._stream)

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

    def averaged(self) -> StepNetwork:
        """The network with the averaged weights."""
        net = build(self.net.statistics, self.net.architecture)
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
                lst, steps = self.fabric.to_device((batch.lst, batch.steps))
                with torch.no_grad():
                    *_, last = rollout(partial(advance, net, xp=torch), lst, steps)
                error = (last.lst.cpu() - batch.steps[-1].truth).numpy()
                known = np.isfinite(error)
                squares += float((error[known] ** 2).sum())
                bicubic += sample.bicubic_error()[-1] ** 2 * int(known.sum())
                cells += int(known.sum())
            out[name] = math.sqrt(squares / bicubic) if cells else math.nan
        return out

    def save(self, path: Path) -> None:
        """Write everything that a run needs to resume, under a temporary name first; called in all processes."""
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
        settle(temporary, path)

    def restore(self, path: Path) -> None:
        """Take the state that `save` wrote.

        Raises:
            ConfigError: when the run had another number of devices.
            ModelError: when the file is not a checkpoint.
        """
        state = load_checkpoint(path)
        if state["devices"] != self.fabric.world_size:
            what = f"is of a run on {state['devices']} devices, not {self.fabric.world_size}"
            raise ConfigError(what, where=path, todo="Set devices to the same number, or choose another output.")
        self.net.load_state_dict(state["net"])
        for name, value in state["shadow"].items():
            self.shadow[name].copy_(value)
        self.fusion.load_state_dict(state["fusion"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.iteration, self.skipped = state["iteration"], state["skipped"]
        self._stream = None


def _scales(group: Sequence[Sample]) -> list[float]:
    """Median RMSE (K) of bicubic over a source, one for each step."""
    errors = np.array([sample.bicubic_error() for sample in group[:: max(1, len(group) // 100)]])
    return [float(value) for value in np.nanmedian(errors, axis=0)]


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
    stages = read_config(config)
    begun = [stage for stage in stages if stage.checkpoint.exists()]
    if begun and not resume:
        raise ConfigError("already holds a training run", where=begun[0].output, todo=_RESUME)
    # What can be refused is refused before the samples are gathered, which takes minutes.
    ahead = [(stage, fabric_of(stage)) for stage in stages if not is_finished(stage)]
    start, checkpoint = time.monotonic(), stages[-1].checkpoint
    for stage, fabric in ahead:
        left = None if hours is None else hours - (time.monotonic() - start) / 3600
        checkpoint = launch(fabric, _one_process, stage, *gather(stage), resume, left)
        if not is_finished(stage) or (hours is not None and time.monotonic() - start > hours * 3600):
            break
    return checkpoint


def is_finished(config: TrainConfig) -> bool:
    """Whether the run's checkpoint is that of its last iteration."""
    if not config.checkpoint.exists():
        return False
    return int(read_checkpoint(config.checkpoint)[1]["iteration"]) >= config.iterations


def _one_process(
    fabric: Fabric, config: TrainConfig, samples: Samples, validation: Samples, resume: bool, hours: float | None
) -> Path:
    return run(Trainer(config, samples, validation, fabric), resume=resume, hours=hours)


def run(trainer: Trainer, *, resume: bool = False, hours: float | None = None) -> Path:
    """Train to the end of the configuration; writes `checkpoint.pt`, `log.csv` and `curve.png`.

    Returns:
        Path of the last checkpoint.

    Raises:
        ConfigError: when the folder holds a run and `resume` is off; when no step could be taken between two
            checkpoints, since no gradient was finite.
    """
    checkpoint, fabric = trainer.config.checkpoint, trainer.fabric
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        if not resume:
            raise ConfigError("already holds a training run", where=checkpoint.parent, todo=_RESUME)
        trainer.restore(checkpoint)
        log.info("resuming at iteration %d", trainer.iteration)
    start, rows = time.monotonic(), []
    while trainer.iteration < trainer.config.iterations:
        rows.append(trainer.step())
        if trainer.iteration % trainer.config.checkpoint_every == 0:
            if not any("loss" in row for row in rows):
                todo = "Lower learning_rate, or look for impossible values in the data."
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
    record(folder / "log.csv", trainer.iteration, rows, list(trainer.config.sources), weights, shares)
    draw_curve(folder / "log.csv", folder / "curve.png")
    log.info("iteration %d: %s", trainer.iteration, ", ".join(f"{k} {v:.3f}" for k, v in shares.items()))


def fabric_of(config: TrainConfig) -> Fabric:
    """The processes and devices of a configuration; with more than one, `launch` starts them.

    Raises:
        ConfigError: when the machine has fewer GPUs than that.
    """
    if config.device == "cuda" and torch.cuda.device_count() < config.devices:
        what = f"{config.devices} CUDA devices are asked for, {torch.cuda.device_count()} found"
        raise ConfigError(what, where=config.stage, todo='Lower devices, or set device = "cpu".')
    strategy = "ddp_spawn" if config.devices > 1 else "auto"
    return Fabric(accelerator=config.device, devices=config.devices, strategy=strategy, precision="32-true")


def launch(fabric: Fabric, work: Callable[..., _Out], *arguments: Any) -> _Out:
    """Call `work(fabric, *arguments)` in one process for each device; the first one's answer.

    With several devices `work` and its arguments are pickled, and a script that calls this needs the usual
    `if __name__ == "__main__":`.
    """
    level = logging.getLogger("srdanet").getEffectiveLevel()
    out: _Out = fabric.launch(partial(_logged, level=level, work=work, arguments=arguments))
    return out


def _logged(fabric: Fabric, level: int, work: Callable[..., _Out], arguments: tuple[Any, ...]) -> _Out:
    """A new process does not inherit how its parent logs; only the first one logs progress."""
    if fabric.world_size > 1:
        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
        logging.getLogger("srdanet").setLevel(level if fabric.is_global_zero else logging.ERROR)
    return work(fabric, *arguments)
