"""One image with its place, time and predictors: the carrier that every part of the package gives and takes."""

from srdanet.scene.scene import LabelledScene, Scene, open_scene

__all__ = ["LabelledScene", "Scene", "open_scene"]
