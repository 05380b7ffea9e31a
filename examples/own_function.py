"""A method of your own as a function: `srdanet compare … --method examples/own_function.py:halfway`.

The protocol: a method is called with a `srdanet.Scene` and a factor (how many times finer), and returns the finer LST
as an array (y * factor, x * factor) in kelvin, NaN where the coarse cell is missing; or a Dataset with that as `lst`
and, if it has one, a standard deviation in kelvin as `lst_uncertainty`. What it may use of the scene:

- `scene.lst["lst"]` (y, x), K, NaN = missing; `scene.geobox`, the coarse grid; `scene.time` (UTC), `scene.day`;
- `scene.present`, the names of the predictors there are, and `scene.variable(name)`, each on its own grid;
- `srdanet.baselines.sharpening.read_predictors(scene, factor)`: all of them on the fine and on the coarse grid.
"""

import numpy as np

from srdanet import Scene
from srdanet.interpolation import interpolate


def halfway(scene: Scene, factor: int) -> np.ndarray:
    """The mean of the repeated coarse cell and of bilinear interpolation."""
    lst = scene.lst["lst"].values
    return 0.5 * interpolate(lst, factor, "nearest") + 0.5 * interpolate(lst, factor, "bilinear")
