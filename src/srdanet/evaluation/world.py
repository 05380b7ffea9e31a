"""Other climates: the network beside what a user would do without it, one row a place and set of predictors.

Coarse LST and truth come from one sensor (`datasets.world`), so these numbers must not share a table with those against
another sensor. Beside errors a row says how far the stated uncertainty holds, how far results leave the range of the
coarse cells around them (and how far the truth does), how well they reproduce the coarse LST, and whether the lattices
of the coarse cells and of those half as large show.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float64, Floats
from srdanet.baselines import BASELINES, Method
from srdanet.datasets import world
from srdanet.datasets.places import PLACES
from srdanet.datasets.sources import find_scenes
from srdanet.energy import degrade
from srdanet.evaluation.methods import Model, find_method
from srdanet.evaluation.metrics import Coverage, Overshoot, Sums, Totals
from srdanet.evaluation.report import as_columns, finite
from srdanet.evaluation.scoring import estimate
from srdanet.grid import geobox_of, refine
from srdanet.predictors.stack import CHANNELS
from srdanet.scene import LabelledScene
from srdanet.scene.checks import on_grid
from srdanet.variables import BANDS, STANDS_FOR

INDICES = tuple(STANDS_FOR)
SUBSETS: Mapping[str, tuple[str, ...] | None] = {
    "none": (),
    "ndvi": ("ndvi",),
    "elevation": ("elevation",),
    "indices": INDICES,
    "bands": BANDS,
    "bands and elevation": (*BANDS, "elevation"),
    "all": None,
}
"""Name of a set of predictors → what belongs to it. Indices follow from bands where these are given."""
USUAL = ("ndvi", "all", "none")
EACH = ("none", "elevation", "indices", "bands", "bands and elevation", "all")
CUBIC, CONSERVING, TSHARP, BLEND = "bicubic", "bicubic-conserving", "tsharp", "blend"
TRUTH, MODEL, CONSERVED = "truth", "model", "model, conserving"
_SIDE = 32
"""Fine cells along a line of which a spectrum is taken."""
_BESIDE = {4: (5, 6, 10, 11), 2: (12, 13)}
"""Period (fine cells) → waves along a line that are its neighbours; at a period of 2 they lie on one side."""


@dataclass(frozen=True)
class Lattice(Sums):
    """Power of an image at periods of 4 and of 2 cells, and at those beside them, along rows and columns."""

    at_4: float = 0.0
    """Mean square (K2) of waves of that period, summed over lines."""
    beside_4: float = 0.0
    at_2: float = 0.0
    beside_2: float = 0.0
    lines: float = 0.0

    @classmethod
    def of(cls, image: Floats) -> Lattice:
        """Of one image (y, x) K, NaN = missing; lines with gaps are left out."""
        (power, count), (across, more) = _line_power(image), _line_power(image.T)
        power = power + across
        at_4, at_2 = (float(power[_SIDE // period]) for period in _BESIDE)
        beside_4, beside_2 = (float(power[list(beside)].mean()) for beside in _BESIDE.values())
        return cls(at_4, beside_4, at_2, beside_2, float(count + more))

    def ratio(self, period: int) -> float:
        """Power at a period (4 or 2) over that beside it: 1 where nothing shows; NaN without any power."""
        at, beside = {4: (self.at_4, self.beside_4), 2: (self.at_2, self.beside_2)}[period]
        return at / beside if beside else math.nan

    @property
    def excess(self) -> float:
        """RMS (K) of what stands out at both periods: how strong stripes and lattice are; NaN without lines."""
        power = max(self.at_4 - self.beside_4, 0) + max(self.at_2 - self.beside_2, 0) / 2
        return math.sqrt(power / self.lines) if self.lines else math.nan


def _line_power(image: Floats) -> tuple[Float64, int]:
    """Mean square (K2) by waves along `_SIDE` cells, summed over whole pieces of rows, and how many pieces.

    Pieces overlap by half. At a period of 2 a wave counts double, so that noise counts alike at all periods.
    """
    taper = np.hanning(_SIDE + 1)[:-1]
    scale = 2 / taper.sum() ** 2
    total, count = np.zeros(_SIDE // 2 + 1), 0
    for start in range(0, image.shape[1] - _SIDE + 1, _SIDE // 2):
        lines = image[:, start : start + _SIDE].astype(np.float64)
        lines = lines[np.isfinite(lines).all(1)]
        spectrum = np.fft.rfft((lines - lines.mean(1, keepdims=True)) * taper, axis=1)
        total += (np.abs(spectrum) ** 2).sum(0) * scale
        count += len(lines)
    return total, count


@dataclass(frozen=True)
class Quality(Sums):
    """What is counted of one method."""

    error: Totals = field(default_factory=Totals)
    coverage: Coverage = field(default_factory=Coverage)
    closure: Totals = field(default_factory=Totals)
    overshoot: Overshoot = field(default_factory=Overshoot)
    lattice: Lattice = field(default_factory=Lattice)

    @classmethod
    def of(cls, image: Floats, sigma: Floats | None, labelled: LabelledScene) -> Quality:
        """Of one image (K) at the finest level of the truth and its stated standard deviation (K), if any."""
        factor, coarse = labelled.finest, labelled.scene.lst["lst"].values
        truth = labelled.truth[factor].values
        return cls(
            Totals.of(image, truth),
            Coverage() if sigma is None else Coverage.of(image, truth, sigma),
            Totals.of(degrade(image, factor), coarse),
            Overshoot.of(image, coarse),
            Lattice.of(np.where(np.isfinite(truth), image, np.nan)),
        )


@dataclass(frozen=True)
class PlaceRow:
    """One place with one set of predictors."""

    place: str
    guides: str
    """Name of the set, a key of `SUBSETS`."""
    present: tuple[str, ...]
    """What of it the place holds."""
    images: int
    methods: Mapping[str, Quality]
    """Method (and `truth`) → what was counted, summed over the images. Without NDVI there is no TsHARP and no blend."""

    def rmse(self, method: str) -> float:
        """K, over all cells of all images; NaN where the method was not run."""
        return self.methods[method].error.rmse if method in self.methods else math.nan

    def share(self, method: str, of: str = CUBIC) -> float:
        """A method's error as a share of another's; below 1 is better."""
        return self.rmse(method) / self.rmse(of)

    def lattice(self, method: str, period: int) -> float:
        """Lattice ratio of a method over the truth's."""
        return self.methods[method].lattice.ratio(period) / self.methods[TRUTH].lattice.ratio(period)

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON; None stands for a number that does not exist."""
        methods = {
            name: {
                "rmse": quality.error.rmse if name != TRUTH else math.nan,
                **{f"share_of_{of}": self.share(name, of) for of in (CUBIC, CONSERVING, TSHARP, BLEND)},
                **quality.coverage.metrics(),
                "closure_rmse": quality.closure.rmse,
                "overshoot_rms": quality.overshoot.rms,
                **{f"lattice_{period}": self.lattice(name, period) for period in _BESIDE},
                "lattice_rms": quality.lattice.excess,
            }
            for name, quality in self.methods.items()
        }
        plain = {name: {key: finite(value) for key, value in found.items()} for name, found in methods.items()}
        about = {"place": self.place, "guides": self.guides, "present": list(self.present), "images": self.images}
        return {**about, "methods": plain}


_HEAD = (
    *("place", "predictors", "images", "bicubic, K", "conserving, K", "tsharp, K", "blend, K", "model, K"),
    *("of bicubic", "of conserving", "of tsharp", "of blend", "within 1 s", "within 1.96 s"),
    *("overshoot, K (truth)", "closure, K", "period 4", "period 2", "lattice, K (truth)"),
)


@dataclass(frozen=True)
class WorldReport:
    """Rows of all places; where a cell holds two numbers, they are without and with `conserve`."""

    method: str
    about: str
    rows: tuple[PlaceRow, ...]

    def lines(self) -> list[str]:
        """The report as a table for people."""
        lines = as_columns([_HEAD, *map(_cells, self.rows)])
        return [f"world: {self.about}", f"model: {self.method}, without / with conserve", "", *lines]

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        rows = [row.as_dict() for row in self.rows]
        return {"title": "world", "method": self.method, "about": self.about, "rows": rows}


def _cells(row: PlaceRow) -> list[str]:
    ours = [name for name in (MODEL, CONSERVED) if name in row.methods]

    def both(values: Iterable[float]) -> str:
        return " / ".join(f"{value:.3f}" for value in values if math.isfinite(value))

    coverage = [row.methods[name].coverage.metrics() for name in ours]
    truth = row.methods[TRUTH]
    beyond = " / ".join(f"{row.methods[name].overshoot.rms:.2f}" for name in ours)
    stripes = " / ".join(f"{row.methods[name].lattice.excess:.3f}" for name in ours)
    return [
        *(row.place, row.guides, str(row.images)),
        *(both([row.rmse(name)]) for name in (CUBIC, CONSERVING, TSHARP, BLEND)),
        both(map(row.rmse, ours)),
        *(both(row.share(name, of) for name in ours) for of in (CUBIC, CONSERVING, TSHARP, BLEND)),
        *(both(c.get(key, math.nan) for c in coverage) for key in ("within_1_sigma", "within_1_96_sigma")),
        f"{beyond} ({truth.overshoot.rms:.2f})",
        both(row.methods[name].closure.rmse for name in ours),
        *(both(row.lattice(name, period) for name in ours) for period in _BESIDE),
        f"{stripes} ({truth.lattice.excess:.3f})",
    ]


def run_world(
    data: Path | str,
    model: Model = "default",
    *,
    places: Sequence[str] = (),
    subsets: Sequence[str] = USUAL,
    cells: int | None = None,
    blur: float = 0.0,
    noise: float = 0.0,
    undated: bool = False,
    scenes: int = 0,
) -> WorldReport:
    """About 1 km -> 250 m (of MODIS 4 -> 1 km) in other climates, from the sensor that gives the truth.

    RMSE pooled over all cells of all images of a place.

    Args:
        data: Folder that holds the data sets.
        model: As for `run_simulation`; a network is run without and with `conserve`.
        places: Keys of `places.PLACES`; default: all.
        subsets: Keys of `SUBSETS`. One that a place does not hold, or that adds nothing there to one before, gives no
            row.
        cells: As in `world.scenes`; default: each place's own. For all places alike.
        blur: As in `world.scenes`.
        noise: As in `world.scenes`.
        undated: Whether to hide the times.
        scenes: Add this many simulated scenes as a place, `simulated`.

    Raises:
        GranuleError: when a data set is missing or damaged.
        ModelError: when the model cannot be loaded.
        ArgumentError: when there is no such place.
        MissingExtraError: when scenes are to be simulated and the simulator is not installed.
    """
    name, methods = _methods(model)
    rows: list[PlaceRow] = []
    for place in places or PLACES:
        found = world.scenes(place, data, cells=cells, blur=blur, noise=noise)
        rows += _rows(place, found, methods, subsets, undated=undated)
    if scenes:
        made = find_scenes("srdanet_simulator:scenes")(scenes)
        rows += _rows("simulated", made, methods, subsets, undated=undated)
    seen = "exact means" if not (blur or noise) else f"means blurred by {blur:g} cells with noise of {noise:g} K"
    return WorldReport(name, f"{seen} of finer LST of the same sensor", tuple(rows))


def _methods(model: Model) -> tuple[str, dict[str, Method]]:
    """The method's name, and all that are to be run by their names in a row."""
    name, method = find_method(model)
    methods: dict[str, Method] = {key: BASELINES[key]() for key in (CUBIC, CONSERVING, TSHARP, BLEND)}
    methods[MODEL] = method
    if isinstance(model, str | Path) and model not in BASELINES:
        methods[CONSERVED] = find_method(model, conserve=True)[1]
    return name, methods


def _rows(
    place: str,
    scenes: Iterable[LabelledScene],
    methods: Mapping[str, Method],
    subsets: Sequence[str],
    *,
    undated: bool,
) -> list[PlaceRow]:
    """The rows of one place in the order of `subsets`."""
    found: dict[str, PlaceRow] = {}
    for labelled in scenes:
        if undated:
            labelled = replace(labelled, scene=replace(labelled.scene, time=None, boxes=_boxes(labelled)))
        for subset, chosen in _chosen(labelled, subsets):
            counted = dict(_counted(chosen, methods))
            row = found.get(subset, PlaceRow(place, subset, chosen.scene.present, 0, {}))
            sums = {name: row.methods.get(name, Quality()) + quality for name, quality in counted.items()}
            found[subset] = replace(row, images=row.images + 1, methods=sums)
    return [found[subset] for subset in subsets if subset in found]


def _counted(labelled: LabelledScene, methods: Mapping[str, Method]) -> Iterator[tuple[str, Quality]]:
    """What is counted of the truth and of each method that the scene allows."""
    yield TRUTH, Quality.of(labelled.truth[labelled.finest].values, None, labelled)
    for name, method in methods.items():
        if name in (TSHARP, BLEND) and not {"ndvi"} <= set(labelled.scene.present) | _from_bands(labelled):
            continue
        yield name, Quality.of(*estimate(method, labelled.scene, labelled.finest), labelled)


def _chosen(labelled: LabelledScene, subsets: Sequence[str]) -> Iterator[tuple[str, LabelledScene]]:
    """The scene with each set of predictors; sets that it does not hold, or that say nothing new, are left out."""
    seen: set[tuple[str, ...]] = set()
    for subset in subsets:
        chosen = choose(labelled, SUBSETS[subset])
        present = chosen.scene.present
        if present not in seen and bool(present) == (subset != "none"):
            seen.add(present)
            yield subset, chosen


def choose(labelled: LabelledScene, names: Collection[str] | None) -> LabelledScene:
    """The scene with the predictors named, as far as it holds them; all for None.

    Indices that are named are computed from bands where the scene holds these, on the finest grid of the truth.
    """
    if names is None:
        return labelled
    kept = world.with_guides(labelled, names)
    computed = sorted(_from_bands(labelled) & set(names) - set(kept.scene.present))
    if not computed or set(BANDS) & set(names):
        return kept
    scene, factor = labelled.scene, labelled.finest
    rows, cols = (slice(0, n) for n in scene.geobox.shape)
    channels = scene.stack.read(rows, cols, factor).channels
    box = refine(scene.geobox, factor)
    layers = on_grid({name: channels[CHANNELS.index(name)] for name in computed}, box)
    boxes = (*_boxes(kept), box)
    return replace(kept, scene=replace(kept.scene, auxiliary=(*kept.scene.auxiliary, layers), boxes=boxes))


def _from_bands(labelled: LabelledScene) -> set[str]:
    """Indices that the scene's bands allow to compute."""
    return {name for name, bands in STANDS_FOR.items() if set(bands) <= set(labelled.scene.present)}


def _boxes(labelled: LabelledScene) -> tuple[GeoBox, ...]:
    scene = labelled.scene
    return (scene.geobox, *(geobox_of(dataset) for dataset in scene.auxiliary))
