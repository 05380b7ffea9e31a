"""MODIS land surface temperature from 1 km to 500 m and 250 m with SRDA-Net.

The public names, loaded when first used, so that `import srdanet` is quick.
"""

from __future__ import annotations

from importlib import import_module

# `typing` takes as long to load as all else here, and an interrupt is not handled before `srdanet.__main__` runs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    __version__: str
    from srdanet.downscaling.run import downscale as downscale
    from srdanet.downscaling.run import downscale_scene as downscale_scene
    from srdanet.energy import conserve as conserve
    from srdanet.energy import degrade as degrade
    from srdanet.grid import Level as Level
    from srdanet.grid import Tile as Tile
    from srdanet.network.bundle import load_model as load_model
    from srdanet.readers.granule import open_granule as open_granule
    from srdanet.scene import Scene as Scene
    from srdanet.scene import open_scene as open_scene

_HOMES = {
    "Level": "grid",
    "Tile": "grid",
    "downscale": "downscaling",
    "downscale_scene": "downscaling",
    "load_model": "network.bundle",
    "conserve": "energy",
    "degrade": "energy",
    "open_granule": "readers.granule",
    "Scene": "scene",
    "open_scene": "scene",
}
"""Where each public name lives."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # takes as long as everything else here

        return version("srdanet")
    if name not in _HOMES:
        raise AttributeError(f"module 'srdanet' has no attribute {name!r}")
    return getattr(import_module(f"srdanet.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
