"""Training samples: a coarse LST, the predictors of one or two x2 steps, and the truth of each step.

Every source gives `LabelledScene`s, which become samples by way of `predictors.stack`, as in production:

- MODIS patches (`imt`, `imt4`): 2 -> 1 km against the real 1 km, and 4 -> 2 km, by day and by night.
- ASTER pairs: 1 km -> 500 -> 250 m, from the real MODIS field (`aster`) and from ASTER itself aggregated through the
  point spread of MODIS (`aster-self`).
- places in other climates (`world`): two steps within one fine sensor, exact and as MODIS would see them.
- simulated scenes (`simulated`, `simulated2`): 1 km -> 500 -> 250 m with every predictor, and 2 -> 1 km as with MODIS.
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float32
from srdanet.datasets import aster, imt, world
from srdanet.datasets.sources import MODIS_BLUR, as_seen, find_scenes, smooth, truths
from srdanet.datasets.splits import aster_roles, imt_role
from srdanet.energy import aggregate, degrade
from srdanet.grid import coarsen, geobox_of
from srdanet.interpolation import interpolate
from srdanet.predictors.stack import CHANNELS, CONTEXT
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid
from srdanet.training.config import TrainConfig

log = logging.getLogger(__name__)

FIELD_SCALE = 10.0
"""Cells of 1 km over which ASTER's departure from MODIS counts as calibration, not as detail."""
ROLES = {"train": "training", "validation": "validation", "test": "validation"}
FIRST_SEED = {"training": 1000, "validation": 500}
"""Seeds of simulated scenes; there is one for validation to ten for training."""


@dataclass(frozen=True)
class Step:
    """One x2 step of a sample."""

    names: tuple[str, ...]
    """Channels present; the others are missing in the whole sample."""
    values: NDArray[np.float16]
    """(len(names), 2h, 2w), NaN = missing."""
    context: Float32
    """(len(CONTEXT), h, w), NaN = missing."""
    truth: Float32
    """(2h, 2w) K, NaN = unknown."""

    @property
    def channels(self) -> Float32:
        """(len(CHANNELS), 2h, 2w): all channels, NaN where missing."""
        out = np.full((len(CHANNELS), *self.truth.shape), np.nan, np.float32)
        out[[CHANNELS.index(name) for name in self.names]] = self.values
        return out


@dataclass(frozen=True)
class Sample:
    """One coarse field and the steps that follow it."""

    source: str
    """`imt`, `imt4`, `simulated` or `simulated2`, each with `-day` or `-night`; `aster`, `aster-self`, `world`."""
    lst: Float32
    """(h, w) K, NaN = missing."""
    steps: tuple[Step, ...]
    same_sensor: bool = True
    """See `LabelledScene.same_sensor`."""

    def bicubic_error(self) -> list[float]:
        """RMSE (K) of bicubic interpolation at each step."""
        errors = (interpolate(self.lst, 2**k) - step.truth for k, step in enumerate(self.steps, start=1))
        return [float(np.sqrt(np.nanmean(error**2))) for error in errors]


Groups = dict[str, list[Sample]]
"""Samples by source."""


def gather(config: TrainConfig) -> tuple[Groups, Groups]:
    """Training and validation samples of the sources that the configuration names, split as `datasets.splits` says.

    Raises:
        ArgumentError: when `config.simulated` does not name a function.
        GranuleError: when the data cannot be read.
        MissingExtraError: when the package that simulates scenes is not installed.
    """
    groups: Mapping[str, Groups] = {"training": defaultdict(list), "validation": defaultdict(list)}
    for role, source, labelled in _labelled(config):
        groups[role][source].append(as_sample(labelled, source))
    log.info("samples: %s", {name: len(group) for name, group in groups["training"].items()})
    return dict(groups["training"]), dict(groups["validation"])


def _labelled(config: TrainConfig) -> Iterator[tuple[str, str, LabelledScene]]:
    """Role, source and scene of everything that the configuration asks for."""
    for source, coarse in (("imt", 2), ("imt4", 4)):
        when = [when for when in imt.WHEN if f"{source}-{when}" in config.sources]
        for labelled in imt.read(config.data, when=when, coarse=coarse) if when else ():
            patch_role = imt_role(labelled)
            if patch_role != "test":
                yield ROLES[patch_role], _by_time_of_day(source, labelled), labelled
    if not config.sources.keys().isdisjoint({"aster", "aster-self"}):
        pairs = list(aster.read(config.data))
        for pair, part in zip(pairs, aster_roles(pairs, config.held_fold), strict=True):
            for source, change in (("aster", on_modis_level), ("aster-self", degrade_as_modis)):
                if part is not None and source in config.sources:
                    yield ROLES[part], source, change(pair)
    if "world" in config.sources:
        for labelled in world.training_scenes(config.data, without=config.left_out):
            yield "training", "world", labelled
        for labelled in world.read(config.data):
            yield "validation", "world", labelled
    if config.simulated_scenes:
        scenes = find_scenes(config.simulated)
        for role, count in (("training", config.simulated_scenes), ("validation", config.simulated_scenes // 10)):
            processes = os.cpu_count() or 1
            for labelled in scenes(count, first_seed=FIRST_SEED[role], purpose="training", processes=processes):
                if (source := _by_time_of_day("simulated", labelled)) in config.sources:
                    yield role, source, labelled
                if (source := _by_time_of_day("simulated2", labelled)) in config.sources:
                    yield role, source, one_level_up(labelled)


def _by_time_of_day(source: str, labelled: LabelledScene) -> str:
    return f"{source}-{'day' if labelled.scene.day else 'night'}"


def as_sample(labelled: LabelledScene, source: str) -> Sample:
    """What the network is given of a scene, and its truth.

    Args:
        labelled: With truth at the factors 2, or 2 and 4. Land cover fractions of its `surface` become channels.
        source: Name of the sample's source.
    """
    scene = labelled.scene
    height, width = scene.geobox.shape
    cover = _cover(labelled)
    steps = []
    for factor, truth in labelled.truth.items():
        fields = scene.stack.read(slice(0, height), slice(0, width), factor)
        present = [i for i, channel in enumerate(fields.channels) if np.isfinite(channel).any()]
        values = fields.channels[present].astype(np.float16)
        times = labelled.finest // factor
        shares = [np.asarray(aggregate(s, times) if times > 1 else s, np.float16) for s in cover.values()]
        if shares:
            values = np.concatenate([values, np.stack(shares)])
        names = (*(CHANNELS[i] for i in present), *cover)
        steps.append(Step(names, values, fields.context, np.asarray(truth.values, np.float32)))
    return Sample(source, np.asarray(scene.lst["lst"].values, np.float32), tuple(steps), labelled.same_sensor)


def without(sample: Sample, channels: Iterable[str] = (), context: Iterable[str] = ()) -> Sample:
    """The sample with some of its predictors missing."""
    dropped, unknown = set(channels), np.isin(CONTEXT, list(context))[:, None, None]
    steps = []
    for step in sample.steps:
        kept = [i for i, name in enumerate(step.names) if name not in dropped]
        seen = np.where(unknown, np.float32(np.nan), step.context)
        steps.append(replace(step, names=tuple(step.names[i] for i in kept), values=step.values[kept], context=seen))
    return replace(sample, steps=tuple(steps))


def _cover(labelled: LabelledScene) -> dict[str, Float32]:
    """Land cover fractions of the finest cells under their channels' names; empty where none are known."""
    surface = labelled.surface
    if surface is None or not set(aster.COVER) <= set(surface):
        return {}
    shares = {f"land_cover_{name}": np.asarray(surface[name].values, np.float32) for name in aster.COVER}
    known = np.isfinite(shares[f"land_cover_{aster.COVER[0]}"])
    absent = np.where(known, np.float32(0), np.float32(np.nan))
    others = {name: absent for name in CHANNELS if name.startswith("land_cover_") and name not in shares}
    return shares | others if any(np.isfinite(share).any() for share in shares.values()) else {}


def on_modis_level(pair: LabelledScene) -> LabelledScene:
    """An ASTER pair whose truth is on MODIS's level: without the smooth part of their difference."""
    fine, factor = pair.truth[pair.finest].values, pair.finest
    difference = np.asarray(degrade(fine, factor), np.float32) - pair.scene.lst["lst"].values
    level = interpolate(smooth(difference, FIELD_SCALE), factor)
    return replace(pair, truth=truths(np.asarray(fine - level, np.float32), pair.scene.geobox, pair.truth))


def degrade_as_modis(pair: LabelledScene) -> LabelledScene:
    """ASTER alone: its field as MODIS would see it, without noise (each batch adds its own), and itself as truth."""
    fine, factor = pair.truth[pair.finest].values, pair.finest
    scene = _with_lst(pair.scene, as_seen(fine, factor, MODIS_BLUR), pair.scene.geobox)
    return replace(pair, scene=scene, truth=truths(fine, scene.geobox, pair.truth), same_sensor=True)


def one_level_up(labelled: LabelledScene) -> LabelledScene:
    """A scene degraded by two, with the scene as it is as its truth: 2 -> 1 km within one sensor."""
    seen = labelled.scene.lst["lst"]
    coarse = np.asarray(degrade(seen.values, 2), np.float32)
    scene = replace(_with_lst(labelled.scene, coarse, coarsen(labelled.scene.geobox, 2)), noise=0.0)
    return replace(labelled, scene=scene, truth={2: seen}, surface=None, same_sensor=True)


def _with_lst(scene: Scene, lst: Float32, box: GeoBox) -> Scene:
    """The scene with another coarse temperature (K), perhaps on another grid."""
    boxes = (box, *(geobox_of(dataset) for dataset in scene.auxiliary))
    return replace(scene, lst=on_grid({"lst": lst}, box), boxes=boxes)
