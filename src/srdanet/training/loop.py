"""The training loop: exact resume, EMA, a log as CSV."""

from __future__ import annotations

import csv
import logging
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from srdanet.errors import ConfigError
from srdanet.network.losses import AdaptiveFusion, charbonnier, degrade_exitance, gaussian_nll, mean_where, ms_ssim
from srdanet.network.srdanet import SRDANet, Statistics
from srdanet.predictors.stack import CHANNELS
from srdanet.training.batches import Batch, Recipe, draw, statistics
from srdanet.training.config import TrainConfig
from srdanet.training.optimizer import Optimizer
from srdanet.training.samples import Sample

log = logging.getLogger(__name__)

Samples = Mapping[str, Sequence[Sample]]
NLL_WEIGHT = 0.1
"""Weight of the uncertainty head's likelihood; its error term is detached, so it does not bend the mean."""


class Trainer:
    """Everything that changes during a run, and how it is saved and restored."""

    def __init__(self, config: TrainConfig, samples: Samples, validation: Samples) -> None:
        missing = [name for name in config.sources if not samples.get(name)]
        if missing:
            raise ConfigError(f"no samples for {', '.join(missing)}", todo=f"sources are {', '.join(samples)}")
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config, self.samples, self.validation = config, samples, validation
        self.recipes = {name: Recipe(**source.model_dump()) for name, source in config.sources.items()}
        self.scales = {name: _scales(group) for name, group in samples.items() if name in config.sources}
        relative = [CHANNELS.index(name) for name in ("elevation", "illumination")]
        numbers = Statistics(*statistics({name: samples[name] for name in config.sources}), relative)
        self.net = SRDANet(numbers, config.network)
        self.net = self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.fusion = AdaptiveFusion(3)
        self.shadow = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        self.optimizer = Optimizer(
            self.net, list(self.fusion.parameters()), rate=config.learning_rate, weight_decay=config.weight_decay
        )
        self.rng = np.random.default_rng(config.seed)
        self.iteration = 0

    def step(self) -> dict[str, float]:
        """One batch; returns what the log keeps."""
        names = list(self.recipes)
        weights = np.array([self.recipes[name].weight for name in names])
        source = names[int(self.rng.choice(len(names), p=weights / weights.sum()))]
        batch = draw(self.samples[source], self.recipes[source], self.rng)
        rate = self._rate()
        self.optimizer.set_rate(rate)
        self.optimizer.zero_grad()
        loss, report = self._loss(batch, self.scales[source])
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self._average()
        self.iteration += 1
        return {"rate": rate, "loss": float(loss.detach()), **report, "source": source}  # type: ignore[dict-item]

    def _loss(self, batch: Batch, scales: Sequence[float]) -> tuple[Tensor, dict[str, float]]:
        """All steps in a row, each fed with the one before, as in production."""
        total = torch.zeros(())
        report: dict[str, float] = {}
        lst = batch.lst
        for i, (step, scale) in enumerate(zip(batch.steps, scales, strict=True)):
            # The losses stay in float32: variances of kelvin do not survive in eight bits.
            with torch.autocast("cpu", torch.bfloat16, enabled=self.config.precision == "bfloat16"):
                fine, sigma = self.net(lst, step.channels, step.context)
            fine, sigma = fine.float(), sigma.float()
            known = ~torch.isnan(step.truth)
            valid = known.to(fine.dtype)
            truth = torch.where(known, step.truth, fine.detach())
            error = (fine - truth) / scale
            coarse, whole = degrade_exitance(fine, torch.ones_like(fine))
            whole = whole * (~torch.isnan(lst)).to(fine.dtype)
            closure = torch.where(whole > 0, coarse - torch.nan_to_num(lst), torch.zeros_like(coarse))
            pixel = charbonnier(error, valid)
            degradation = charbonnier(closure / scale, whole)
            structure = 1 - ms_ssim(fine, truth, valid)
            total = total + self.fusion(degradation, pixel, structure)
            total = total + NLL_WEIGHT * gaussian_nll(fine - truth, sigma, valid)
            report |= {
                f"share{i + 1}": math.sqrt(float(mean_where(error.detach() ** 2, valid))),
                f"closure{i + 1}": float(mean_where(closure.detach().abs(), whole)),
                f"structure{i + 1}": float(structure.detach()),
            }
            holes = torch.isnan(lst).repeat_interleave(2, -1).repeat_interleave(2, -2)
            lst = torch.where(holes, torch.full_like(fine, torch.nan), fine)
        return total / len(batch.steps), report

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
        return net.eval()

    def validate(self) -> dict[str, float]:
        """Pooled RMSE of the averaged network at the last step of each source, as a share of bicubic's."""
        net, out = self.averaged(), {}
        for name, group in self.validation.items():
            squares, bicubic, cells = 0.0, 0.0, 0
            for k, sample in enumerate(group):
                recipe = Recipe(1, 1, min(sample.lst.shape))
                batch = draw([sample], recipe, np.random.default_rng(k), augment=False)
                lst = batch.lst
                with torch.no_grad():
                    for step in batch.steps:
                        lst, _ = net(lst, step.channels, step.context)
                error = (lst - batch.steps[-1].truth).numpy()
                known = np.isfinite(error)
                squares += float((error[known] ** 2).sum())
                bicubic += sample.bicubic_error()[-1] ** 2 * int(known.sum())
                cells += int(known.sum())
            out[name] = math.sqrt(squares / bicubic) if cells else math.nan
        return out

    def save(self, path: Path) -> None:
        """Write everything a run needs to go on, under a temporary name first."""
        state = {
            "net": self.net.state_dict(),
            "shadow": self.shadow,
            "fusion": self.fusion.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.bit_generator.state,
            "iteration": self.iteration,
            "describe": self.net.describe(),
            "config": self.config.model_dump(mode="json"),
        }
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)

    def restore(self, path: Path) -> None:
        """Go on from `save`."""
        state = torch.load(path, weights_only=False)
        self.net.load_state_dict(state["net"])
        self.shadow = state["shadow"]
        self.fusion.load_state_dict(state["fusion"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rng.bit_generator.state = state["rng"]
        self.iteration = state["iteration"]


def _scales(group: Sequence[Sample]) -> list[float]:
    """Median RMSE (K) of bicubic over a source, one for each step."""
    errors = np.array([sample.bicubic_error() for sample in group[:: max(1, len(group) // 100)]])
    return [float(value) for value in np.nanmedian(errors, axis=0)]


def run(trainer: Trainer, *, resume: bool = False, hours: float | None = None) -> Path:
    """Train to the end of the configuration; writes `checkpoint.pt` and `log.csv`.

    Returns:
        Path of the last checkpoint.

    Raises:
        ConfigError: when the folder holds a run and `resume` is off.
    """
    folder = trainer.config.output
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise ConfigError("holds a training run already", where=folder, todo="resume it, or choose another output")
    folder.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        trainer.restore(checkpoint)
        log.info("resuming at iteration %d", trainer.iteration)
    start, rows = time.monotonic(), []
    while trainer.iteration < trainer.config.iterations:
        rows.append(trainer.step())
        if trainer.iteration % trainer.config.checkpoint_every == 0:
            _record(folder / "log.csv", trainer, rows)
            trainer.save(checkpoint)
            rows = []
            if hours is not None and time.monotonic() - start > hours * 3600:
                break
    trainer.save(checkpoint)
    return checkpoint


def _record(path: Path, trainer: Trainer, rows: Sequence[Mapping[str, object]]) -> None:
    """Append the means of the last iterations by source, and the validation."""
    line: dict[str, object] = {"iteration": trainer.iteration, "rate": rows[-1]["rate"]}
    for source in trainer.recipes:
        mine = [row for row in rows if row["source"] == source]
        for key in ("share1", "share2", "closure1", "structure1"):
            values = [float(row[key]) for row in mine if key in row]  # type: ignore[arg-type]
            line[f"{source}.{key}"] = round(sum(values) / len(values), 4) if values else ""
    shares = trainer.validate()
    line |= {f"validation.{name}": round(value, 4) for name, value in shares.items()}
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(line), extrasaction="ignore")
        if new:
            writer.writeheader()
        writer.writerow(line)
    log.info("iteration %d: %s", trainer.iteration, ", ".join(f"{k} {v:.3f}" for k, v in shares.items()))
