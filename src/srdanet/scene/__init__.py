"""One image with its place, time and predictors: the carrier that every part of the package gives and takes."""

from srdanet.scene.labelled import LabelledScene
from srdanet.scene.scene import Scene, open_scene

__all__ = ["LabelledScene", "Scene", "open_scene"]
