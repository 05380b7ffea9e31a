"""What a scene has to teach: patches one level up, where its own LST is the truth, and at the target step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import xarray as xr
from odc.geo.geobox import GeoBox
from torch import Tensor

from srdanet.arrays import Float32
from srdanet.energy import degrade
from srdanet.errors import SceneError
from srdanet.grid import coarsen
from srdanet.predictors.overpass import Overpass
from srdanet.predictors.stack import Stack, orientation_signs

SIDE = 32
"""Coarse cells along a patch, as in training."""
MOST = 24
"""Patches taken of a scene; a tile has hundreds, and memory is to be bounded."""
LEAST = 1024
"""Valid cells that must serve as truth one level up: 32 x 32 km."""


@dataclass(frozen=True)
class Patch:
    """What the network is given for one step, and what it should return; NaN = missing."""

    lst: Tensor
    """(1, 1, h, w) K."""
    channels: Tensor
    """(1, N, 2h, 2w)."""
    context: Tensor
    """(1, M, h, w)."""
    truth: Tensor
    """(1, 1, 2h, 2w) K: the truth one level up; the model's first result at the target step."""

    def reoriented(self, *, half: bool, mirror: bool) -> Self:
        """The same patch, rotated by 180 degrees and perhaps mirrored, as in training."""
        ways = [way for way, flips in ((-2, half), (-1, half != mirror)) if flips]
        context = self.context * torch.from_numpy(orientation_signs(half=half, mirror=mirror))
        return type(self)(*(x.flip(ways) for x in (self.lst, self.channels, context, self.truth)))


def patches(
    lst: Float32, root: GeoBox, auxiliary: Iterable[xr.Dataset], overpass: Overpass, point_spread: float, seed: int
) -> tuple[list[Patch], list[Patch]]:
    """Patches of the scene degraded by two, with the scene as the truth; and of the scene as it is, without a truth.

    Args:
        lst: (y, x) K, NaN = missing; one level up an odd last row or column is left out.
        root: Its grid.
        auxiliary: Predictors, as `predictors.stack` takes them.
        overpass: Time of the view.
        point_spread: Gaussian part of the point spread, in the coarser cells.
        seed: Which patches, where there are more than `MOST`.

    Raises:
        SceneError: when fewer than `LEAST` cells can serve as truth.
    """
    given = list(auxiliary)
    height, width = (n // 2 * 2 for n in lst.shape)
    above, target = [], []
    if min(height, width) >= 2:
        truth = lst[:height, :width]
        coarse = np.asarray(degrade(truth, 2, point_spread=point_spread), np.float32)
        above = _patches(coarse, truth, Stack(coarsen(root[:height, :width], 2), given, overpass), seed)
        unknown = np.full(tuple(2 * n for n in lst.shape), np.nan, np.float32)
        target = _patches(lst, unknown, Stack(root, given, overpass), seed)
    cells = sum(int(torch.isfinite(patch.truth).sum()) for patch in above) if target else 0
    if cells < LEAST:
        what = f"has {cells} valid cells in places fit for adaptation, {LEAST} are needed"
        raise SceneError(what, todo="take a larger or clearer scene, or leave adaptation off")
    return above, target


def _patches(coarse: Float32, truth: Float32, stack: Stack, seed: int) -> list[Patch]:
    """Up to `MOST` patches of which at least half is valid, from all over the image."""
    sides = [min(SIDE, n) for n in coarse.shape]
    rows, cols = (
        # The last patch of a row is moved back into the image.
        sorted({min(start, n - side) for start in range(0, n, side)})
        for n, side in zip(coarse.shape, sides, strict=True)
    )
    spots = [(slice(r, r + sides[0]), slice(c, c + sides[1])) for r in rows for c in cols]
    fit = [spot for spot in spots if np.isfinite(coarse[spot]).mean() >= 0.5]
    chosen = np.random.default_rng(seed).permutation(len(fit))[:MOST]
    return [_patch(coarse, truth, stack, *fit[k]) for k in sorted(chosen)]


def _patch(coarse: Float32, truth: Float32, stack: Stack, rows: slice, cols: slice) -> Patch:
    fields = stack.read(rows, cols, 2)
    fine = truth[2 * rows.start : 2 * rows.stop, 2 * cols.start : 2 * cols.stop]
    arrays = (coarse[rows, cols][None], fields.channels, fields.context, fine[None])
    return Patch(*(torch.from_numpy(np.ascontiguousarray(a[None], np.float32)) for a in arrays))
