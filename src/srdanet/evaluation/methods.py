"""Every method that can be compared: its name, where it is published, what it needs, and how it is found by name."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import xarray as xr

from srdanet.baselines import BASELINES, Method
from srdanet.baselines.spatiotemporal import Algorithm, Estarfm, Fsdaf, Fusion, Pair, Starfm
from srdanet.datasets.sources import find_function
from srdanet.downscaling.plan import RunPlan
from srdanet.downscaling.run import Run
from srdanet.errors import GridError
from srdanet.grid import Nesting, nesting
from srdanet.network.bundle import load_model
from srdanet.scene import LabelledScene, Scene

Model = str | Path | Method | tuple[str, Method]
"""A shipped model's name, a bundle's folder, a name of `BASELINES`, `module:function`, or a method, with a name or not.
"""
Chooser = Callable[[LabelledScene, Sequence[LabelledScene]], Method | None]
"""From a scene and the others of its set to the method that serves it; None where it cannot."""


@dataclass(frozen=True)
class About:
    """A method in a list."""

    name: str
    reference: str
    needs: str
    """Beside the coarse LST."""
    package: str = ""
    """The module without which it does not run, where the usual installation does not bring it."""

    @property
    def installed(self) -> bool:
        """Whether all that it imports is there."""
        return not self.package or find_spec(self.package) is not None


_NDVI, _ALL = "NDVI, or red and NIR", "any predictors"
_LEARNED = "any predictors; trained beforehand"
ABOUT: Mapping[str, About] = {
    about.name: about
    for about in (
        About("nearest", "the coarse cell repeated", "nothing"),
        About("bilinear", "bilinear interpolation", "nothing"),
        About("bicubic", "cubic convolution (Keys 1981)", "nothing"),
        About("bicubic-conserving", "bicubic, then the residual correction", "nothing"),
        About("distrad", "DisTrad (Kustas et al. 2003)", _NDVI),
        About("tsharp", "TsHARP (Agam et al. 2007), NDVI, smooth residual", _NDVI),
        About("tsharp-cover", "TsHARP (Agam et al. 2007), fractional cover, as published", _NDVI),
        About("moving-window", "a line for each window (Jeganathan et al. 2011)", _NDVI),
        About("blend", "0.57 TsHARP + 0.43 bicubic (shares of Zhang et al. 2026)", _NDVI),
        About("random-forest", "random forest (Hutengs and Vohland 2016)", f"{_ALL}; scikit-learn", "sklearn"),
        About("data-mining", "data mining sharpener (Gao et al. 2012)", f"{_ALL}; scikit-learn", "sklearn"),
        About("atprk", "area-to-point regression kriging (Wang et al. 2015)", _ALL),
        About("starfm", "STARFM (Gao et al. 2006)", "coarse and fine LST of one or two other dates"),
        About("estarfm", "ESTARFM (Zhu et al. 2010)", "coarse and fine LST of two other dates"),
        About("fsdaf", "FSDAF (Zhu et al. 2016)", "coarse and fine LST of one other date"),
        About("default", "SRDA-Net (after Ma et al. 2025)", _LEARNED),
        About("default-conserving", "SRDA-Net, then the residual correction", _LEARNED),
    )
}
"""Name to what is known of it, in the order of tables."""


@dataclass(frozen=True)
class Fusing:
    """A fusion algorithm, given images of the nearest other dates of the same ground at the same time of day."""

    algorithm: Algorithm
    least: int = 1
    """Other dates without which it cannot work."""
    most: int = 1

    def __call__(self, labelled: LabelledScene, others: Sequence[LabelledScene]) -> Method | None:
        """The algorithm with its images, the nearest date before and after first; None where dates are lacking."""
        scene, time = labelled.scene, labelled.scene.time
        if time is None:
            return None
        dates = {
            other.scene.time - time: other
            for other in others
            if other.scene.time not in (None, time)
            and other.scene.day == scene.day
            and labelled.finest in other.truth
            and _same_ground(scene, other.scene)
        }
        ranked = sorted(dates, key=lambda away: (abs(away), away))
        sides = ([away for away in ranked if bool(away.astype(int) < 0) is before] for before in (True, False))
        first = [side[0] for side in sides if side]
        chosen = [*sorted(first, key=ranked.index), *(away for away in ranked if away not in first)][: self.most]
        if len(chosen) < self.least:
            return None
        images = (dates[away] for away in chosen)
        pairs = tuple(Pair(image.scene.lst["lst"], image.truth[labelled.finest]) for image in images)
        return Fusion(self.algorithm, pairs)


def _same_ground(scene: Scene, other: Scene) -> bool:
    try:
        aligned = nesting(scene.geobox, other.geobox) == Nesting(1, 0, 0)
    except GridError:
        return False
    return aligned and scene.geobox.shape == other.geobox.shape


FUSIONS: Mapping[str, Fusing] = {
    "starfm": Fusing(Starfm(), 1, 2),
    "estarfm": Fusing(Estarfm(), 2, 2),
    "fsdaf": Fusing(Fsdaf(), 1, 1),
}


def known_methods() -> tuple[About, ...]:
    """Every method that has a name: those of the literature, and the models that this package ships."""
    shipped = sorted(path.parent.name for path in Path(str(files("srdanet") / "models")).glob("*/bundle.json"))
    more = (About(name, str(load_model(name).config.get("about", "a shipped model")), _LEARNED) for name in shipped)
    return (*ABOUT.values(), *(about for about in more if about.name not in ABOUT))


def find_chooser(name: str) -> tuple[str, Chooser]:
    """A method for many scenes, and its name; `name` as in `find_method`, or a name of `FUSIONS`.

    Raises:
        ModelError, ArgumentError, MissingExtraError: same as in `find_method`.
    """
    if name in FUSIONS:
        return name, FUSIONS[name]
    if name == "default-conserving":
        _, method = find_method("default", conserve=True)
        return name, _always(method)
    found, method = find_method(name)
    return name if name in {about.name for about in known_methods()} else found, _always(method)


def _always(method: Method) -> Chooser:
    def choose(labelled: LabelledScene, others: Sequence[LabelledScene]) -> Method:
        return method

    return choose


def find_method(model: Model, *, conserve: bool = False) -> tuple[str, Method]:
    """A method and its name.

    Args:
        model: What is to be found; a method is returned as it is. Of `module:function` or `file.py:function` the
            function is the method; a class is called once, without arguments, and what it makes is the method.
        conserve: Make the network's result reproduce the coarse LST, as in `srdanet.downscale`.

    Raises:
        ModelError: when the model cannot be loaded.
        ArgumentError, MissingExtraError: when there is no such function, or its module is not installed.
    """
    if isinstance(model, tuple):
        return model
    if callable(model):
        return str(getattr(model, "name", "method")), model
    if isinstance(model, str) and model in BASELINES and not conserve:
        return model, BASELINES[model]()
    if isinstance(model, str) and ":" in model and not Path(model).exists():
        name = str(getattr(_own(model), "name", model.rpartition(":")[2]))
        return name, _Own(model, name)
    bundle = load_model(model)
    return f"{bundle.name}, conserving" if conserve else bundle.name, _Network(model, conserve)


@dataclass(frozen=True)
class _Network:
    """A model as a method. It crosses to another process by its name, and is loaded there."""

    model: str | Path
    conserve: bool

    def __call__(self, scene: Scene, factor: int) -> xr.Dataset:
        plan = RunPlan.of(scene.geobox, factor=factor)
        run = Run.of(scene, plan, load_model(self.model), conserve=self.conserve)
        return deque(run, maxlen=1).pop()[1]


@dataclass(frozen=True)
class _Own:
    """A user's function as a method. It crosses to another process by its name, and is found there."""

    reference: str
    name: str

    def __call__(self, scene: Scene, factor: int) -> xr.Dataset:
        result: xr.Dataset = _own(self.reference)(scene, factor)
        return result


@cache
def _own(reference: str) -> Method:
    found: Method = find_function(reference, "my_module:my_function")
    return found() if isinstance(found, type) else found
