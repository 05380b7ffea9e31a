"""A PyTorch model of your own: `srdanet compare … --method examples/own_model.py:OwnModel`.

Of a class one instance is made, once, and called for every scene; so weights are loaded in `__init__`. The protocol is
that of `own_function.py`.
"""

import numpy as np
import torch
from torch import nn

from srdanet import Scene
from srdanet.baselines.sharpening import read_predictors
from srdanet.interpolation import interpolate


class OwnModel:
    """A small network that adds detail from NDVI to bicubic interpolation; put your own in its place."""

    name = "own-model"

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)).eval()
        # self.network.load_state_dict(torch.load("my_weights.pt", weights_only=True))

    def __call__(self, scene: Scene, factor: int) -> np.ndarray:
        """(y * factor, x * factor) K, NaN where the coarse cell is missing."""
        base = interpolate(scene.lst["lst"].values, factor)
        ndvi = read_predictors(scene, factor, "ndvi").fine
        level = float(np.nanmean(base))
        detail = np.zeros_like(base) if not len(ndvi) else np.nan_to_num(ndvi[0])
        channels = np.stack([np.nan_to_num(base - level), detail]).astype(np.float32)
        with torch.no_grad():
            residual = self.network(torch.from_numpy(channels)[None])[0, 0].numpy()
        return base + residual
