"""From samples to batches: crops, rotations, clouds, noise and dropped predictors, all seeded by the batch's number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.utils.data import Dataset

from srdanet.arrays import Float32, Mask, repeat
from srdanet.datasets.sources import MODIS_BLUR, MODIS_BLUR_ALONG
from srdanet.energy import degrade
from srdanet.interpolation import interpolate
from srdanet.network.domain import BOUNDED, SHARE
from srdanet.predictors.stack import CHANNELS, CLASSES, CONTEXT, RELATIVE, orientation_signs
from srdanet.training.config import Recipe
from srdanet.training.invented import temperature
from srdanet.training.sources import Sample
from srdanet.variables import BANDS, STANDS_FOR, WEATHER

REORIENTED = 0.25
"""How often a sample is rotated by 180 degrees, and how often mirrored; the context tells, MODIS being asymmetric."""


class BatchStep(NamedTuple):
    """The tensors of one step; NaN = missing."""

    channels: Tensor
    """(B, len(CHANNELS), 2h, 2w)."""
    context: Tensor
    """(B, len(CONTEXT), h, w)."""
    truth: Tensor
    """(B, 1, 2h, 2w) K."""


@dataclass(frozen=True)
class Batch:
    """One batch of one source."""

    source: str
    lst: Tensor
    """(B, 1, h, w) K, NaN = missing."""
    steps: tuple[BatchStep, ...]


INDICES = tuple(STANDS_FOR)
TERRAIN = ("elevation", "slope", "illumination")
ONLY: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.07, ()),
    (0.17, ("ndvi",)),
    (0.05, ("ndvi", *TERRAIN)),
    (0.04, TERRAIN),
    (0.03, CLASSES),
    (0.04, (*BANDS, *INDICES)),
)
"""What a user may have alone, and how often: at most one of these."""
DROPS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.10, BANDS),
    (0.05, (*BANDS, *INDICES)),
    (0.08, ("blue", "green", "nir2", "swir1", "evi", "ndwi")),
    (0.10, ("swir1", "swir2")),
    (0.08, TERRAIN),
    (0.05, ("illumination",)),
    (0.15, ("albedo",)),
    (0.50, CLASSES),
)
"""Channels dropped together, and how often: any product may be missing in production."""
NEVER_SEEN = 1e9
"""Standard deviation of a quantity that no sample holds: standardised, it is next to zero whatever its value."""
GAPS = 0.1
"""How often the channels of images are missing in part: half of the time beyond a line, half under clouds."""
IMAGES = np.array([name not in TERRAIN for name in CHANNELS])
"""Channels that come from images; terrain is known everywhere or nowhere."""
OUTLIERS = 0.1
"""How often a sample gets outlier cells: a cloud that no mask has caught, snow, a fire."""
OUTLIER = (-25.0, 5.0)
"""By how much (K) they depart, at most; each cell by half of that or more."""
CONTEXT_DROPS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.30, WEATHER),
    (0.25, ("season_sin", "season_cos", "sun_elevation", "lean")),
    (0.05, ("day", "lean")),
    (0.15, ("noise",)),
)
SMALL = 0.1
"""How often a sample is the image of an area of 5 to 14 coarse cells along a side: a city, a farm."""
EXACT = 0.02
"""Noise (K) below which a coarse image counts as the exact mean of the finer field."""
MISJUDGED = 0.3
"""By how much (standard deviation of its logarithm) a user misjudges the noise of a coarse image."""
BLURRED = 0.4
"""How often an invented field is seen as MODIS would see it."""


class Batches(Dataset[Batch]):
    """All batches of a run, by their number: each can be drawn without those before it, in any process.

    Args:
        samples: The samples of each source.
        recipes: How each source is drawn.
        seed: The run's.
        rank: Of the device that the batches are for; each has batches of its own.
    """

    def __init__(
        self, samples: Mapping[str, Sequence[Sample]], recipes: Mapping[str, Recipe], seed: int, rank: int = 0
    ) -> None:
        self.samples, self.recipes, self.seed, self.rank = samples, recipes, seed, rank
        weights = np.array([recipe.weight for recipe in recipes.values()])
        self.chances = weights / weights.sum()

    def __getitem__(self, number: int) -> Batch:
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(self.rank, number)))
        source = list(self.recipes)[int(rng.choice(len(self.recipes), p=self.chances))]
        return draw(self.samples[source], self.recipes[source], rng)


def draw(samples: Sequence[Sample], recipe: Recipe, rng: np.random.Generator, *, augment: bool = True) -> Batch:
    """One batch from samples of one source; without `augment`, only cropped."""
    picks = [samples[i] for i in rng.integers(0, len(samples), recipe.batch)]
    parts = [_one(sample, recipe, rng, augment=augment) for sample in picks]
    lst = torch.from_numpy(np.stack([lst for lst, _ in parts]))
    by_step = zip(*(steps for _, steps in parts), strict=True)
    steps = [BatchStep(*(torch.from_numpy(np.stack(a)) for a in zip(*step, strict=True))) for step in by_step]
    return Batch(picks[0].source, lst, tuple(steps))


def _one(
    sample: Sample, recipe: Recipe, rng: np.random.Generator, *, augment: bool
) -> tuple[Float32, list[tuple[Float32, Float32, Float32]]]:
    """The arrays of `Batch` for one sample: LST, and channels, context and truth of each step."""
    side = min(recipe.crop, *sample.lst.shape)
    row, col = (int(rng.integers(0, n - side + 1)) for n in sample.lst.shape)
    half, mirror = (bool(rng.random() < REORIENTED) for _ in range(2)) if augment else (False, False)
    blind = _dropped(CONTEXT_DROPS, rng) if augment else set()
    dropped = _absent(rng) if augment else set()
    gap = _gap(side, rng) if augment and rng.random() < GAPS else None

    def cut(values: NDArray[np.generic], factor: int) -> Float32:
        part = values[..., row * factor : (row + side) * factor, col * factor : (col + side) * factor]
        return np.ascontiguousarray(part[..., :: -1 if half else 1, :: -1 if half != mirror else 1], np.float32)

    lst = cut(sample.lst, 1)
    truths = [cut(step.truth, 2 ** (i + 1)) for i, step in enumerate(sample.steps)]
    if recipe.invented and rng.random() < recipe.invented:
        last, finest = len(sample.steps), sample.steps[-1]
        # Of what the network is not shown nothing can be read off, which hidden causes stand for already.
        shown = [k for k, name in enumerate(finest.names) if name not in dropped]
        lst, truths = _invented(cut(finest.values[shown], 2**last), lst, last, rng)
    elif recipe.noise:
        lst = lst + rng.normal(0, recipe.noise, lst.shape).astype(np.float32)
    # As a user would state it: zero if exact, else roughly.
    noise = noise_of(lst, truths[-1]) * float(np.exp(rng.normal(0, MISJUDGED))) if augment else None
    if augment and rng.random() < 0.25:
        lst = np.where(clouds(lst.shape, rng), np.float32(np.nan), lst)
    if augment and rng.random() < SMALL:
        lst = _small(lst, rng)
    outlier = np.zeros_like(lst)
    if augment and rng.random() < OUTLIERS:
        outlier = np.where(clouds(lst.shape, rng), rng.uniform(*OUTLIER) * rng.uniform(0.5, 1, lst.shape), 0)
    lst = (lst + outlier).astype(np.float32)
    steps = []
    for i, (step, truth) in enumerate(zip(sample.steps, truths, strict=True)):
        factor = 2 ** (i + 1)
        channels = np.full((len(CHANNELS), side * factor, side * factor), np.nan, np.float32)
        keep = [k for k, name in enumerate(step.names) if name not in dropped]
        channels[[CHANNELS.index(step.names[k]) for k in keep]] = cut(step.values[keep], factor)
        if gap is not None:
            channels[IMAGES[:, None, None] & gap(side * factor)] = np.nan
        context = cut(step.context, factor // 2) * orientation_signs(half=half, mirror=mirror)
        if noise is not None:
            context[CONTEXT.index("noise")] = noise
        context[[CONTEXT.index(name) for name in blind]] = np.nan
        # Nothing finer can be learned of outliers: the network is to leave them as interpolation does.
        outlier = interpolate(outlier, 2)
        truth = truth + outlier
        truth[repeat(np.isnan(lst), factor)] = np.nan
        steps.append((channels, context, truth.astype(np.float32)[None]))
    return lst[None], steps


def _small(lst: Float32, rng: np.random.Generator) -> Float32:
    """The image of a small area: missing beyond a rectangle."""
    rows, cols = (int(rng.integers(min(5, n), min(n, 14) + 1)) for n in lst.shape)
    row, col = (int(rng.integers(0, n - k + 1)) for n, k in zip(lst.shape, (rows, cols), strict=True))
    out = np.full_like(lst, np.nan)
    out[row : row + rows, col : col + cols] = lst[row : row + rows, col : col + cols]
    return out


def noise_of(lst: Float32, truth: Float32) -> float:
    """Standard deviation (K) of a coarse image's error: how far it is from the mean of the field that it stands for."""
    error = lst - degrade(truth, truth.shape[0] // lst.shape[0])
    if not np.isfinite(error).any():
        return float("nan")
    noise = float(np.sqrt(np.nanmean(error**2)))
    return noise if noise > EXACT else 0.0


def _invented(channels: Float32, lst: Float32, levels: int, rng: np.random.Generator) -> tuple[Float32, list[Float32]]:
    """An invented field on the finest predictors: coarse image, exact or as MODIS would see it, and truth by step."""
    level = float(np.nanmean(lst)) if np.isfinite(lst).any() else 290.0
    fine = temperature(channels, level, rng)
    truths = [
        fine if k == levels else np.asarray(degrade(fine, 2 ** (levels - k)), np.float32) for k in range(levels + 1)
    ]
    coarse, *finer = truths
    if rng.random() < BLURRED:
        along = gaussian_filter(fine, (0, 2**levels * MODIS_BLUR_ALONG))
        seen = degrade(along, 2**levels, point_spread=MODIS_BLUR)
        coarse = np.asarray(seen + rng.normal(0, rng.uniform(0, 0.5), coarse.shape), np.float32)
    missing = np.isnan(lst)
    coarse = np.where(missing, np.float32(np.nan), coarse)
    return coarse, finer


def _dropped(table: Sequence[tuple[float, tuple[str, ...]]], rng: np.random.Generator) -> set[str]:
    return {name for chance, names in table if rng.random() < chance for name in names}


def _absent(rng: np.random.Generator) -> set[str]:
    """Channels that a sample is to go without."""
    which = rng.random()
    for chance, names in ONLY:
        if which < chance:
            return set(CHANNELS).difference(names)
        which -= chance
    return _dropped(DROPS, rng)


def clouds(shape: tuple[int, ...], rng: np.random.Generator) -> Mask:
    """A random mask of cloud-like shapes over 5 to 50 % of the cells."""
    field = gaussian_filter(rng.normal(size=shape), rng.uniform(0.7, 4))
    mask: Mask = field > np.quantile(field, rng.uniform(0.5, 0.95))
    return mask


def _gap(side: int, rng: np.random.Generator) -> Callable[[int], Mask]:
    """Where images are missing, on any grid that divides a square of `side` coarse cells."""
    if rng.random() < 0.5:
        return partial(beyond, (rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)))
    mask = clouds((side, side), rng)
    return lambda fine: repeat(mask, fine // side)


def beyond(line: tuple[float, float], side: int) -> Mask:
    """Cells of a square beyond a line.

    Args:
        line: Direction (radians) in which they lie, and how far from the middle they begin, in sides of the square.
        side: Cells along the square.
    """
    along = (np.arange(side) + 0.5) / side - 0.5
    return np.asarray(along * np.cos(line[0]) + along[:, None] * np.sin(line[0]) > line[1])


def ranges(samples: Mapping[str, Sequence[Sample]]) -> dict[str, tuple[float, float]]:
    """The usual range of each of `network.domain.BOUNDED` in training, in its unit; none of what was never seen."""
    seen: dict[str, list[Float32]] = {name: [] for name in BOUNDED}
    for sample in (sample for group in samples.values() for sample in group):
        seen["lst"].append(sample.lst[::2, ::2].ravel())
        for step in sample.steps:
            named = (*zip(step.names, step.values, strict=True), *zip(CONTEXT, step.context, strict=True))
            for name, values in named:
                if name in seen:
                    seen[name].append(values[::4, ::4].astype(np.float32).ravel())
    known = {name: np.concatenate(parts) for name, parts in seen.items() if parts}
    known = {name: values[np.isfinite(values)] for name, values in known.items()}
    limits = {name: np.quantile(values, (SHARE, 1 - SHARE)) for name, values in known.items() if values.size}
    return {name: (float(low), float(high)) for name, (low, high) in limits.items() if low < high}


def statistics(samples: Mapping[str, Sequence[Sample]]) -> tuple[list[float], list[float], list[float], list[float]]:
    """Mean and standard deviation of every channel and context entry, taken at the first step.

    Each source counts alike. What was never seen gets a very large standard deviation, which zeroes it. `east` and
    `south` are not standardised: samples lie as their grids do, but batches also the other way round.
    """
    chan: dict[str, list[Float32]] = {name: [] for name in CHANNELS}
    cont: dict[str, list[Float32]] = {name: [] for name in CONTEXT}
    for group in samples.values():
        for step in (sample.steps[0] for sample in group[:: max(1, len(group) // 60)]):
            for name, values in zip(step.names, step.values, strict=True):
                part = values[::5, ::5].astype(np.float32)
                # Of the relative ones the network sees the departure from their surroundings.
                chan[name].append((part - np.nanmean(part) if name in RELATIVE else part).ravel())
            for name, values in zip(CONTEXT, step.context, strict=True):
                cont[name].append(values[::5, ::5].ravel())
    cont |= {name: [np.array([-1, 1], np.float32)] for name in ("east", "south", "noise")}

    def summary(table: dict[str, list[Float32]]) -> tuple[list[float], list[float]]:
        means, deviations = [], []
        for parts in table.values():
            values = np.concatenate(parts) if parts else np.zeros(0, np.float32)
            values = values[np.isfinite(values)]
            known = len(values) > 0
            means.append(float(values.mean()) if known else 0.0)
            # A quantity that hardly varies in training must not be blown up in production.
            deviations.append(max(float(values.std()), 1e-2) if known else NEVER_SEEN)
        return means, deviations

    return (*summary(chan), *summary(cont))
