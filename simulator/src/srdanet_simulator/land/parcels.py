"""How the country is cut up: blocks of one direction, parcels in them, centre pivots.

Field sizes and shapes as in Lesiv et al. 2019 (Global Change Biology 25): strips and
blocks of 1-40 ha, pivots of 50 ha.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from srdanet_simulator.land.landscape import Character
from srdanet_simulator.noise import Field, Ints, hashed, mix, salt, voronoi


def parcels(x: Field, y: Field, kind: Character, seed: int) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Cut the country into blocks of one direction and the blocks into parcels.

    Args:
        x: Place eastward (m), (y, x).
        y: Place northward (m).
        kind: What kind of country.
        seed: Seed of the land.

    Returns:
        Hash of the parcel, hash of the block, and whether the parcel is a centre pivot; each (y, x).
    """
    block = voronoi(x, y, kind.block, salt(seed, "blocks"))
    angle = np.float32(np.pi) * hashed(block, 1)
    # neighbouring blocks differ in field size as holdings do
    width = np.float32(kind.field) * np.exp(0.9 * (hashed(block, 2) - 0.5), dtype=np.float32)
    length = width * (1 + np.float32(kind.shape - 1) * 2 * hashed(block, 3))
    cos, sin = np.cos(angle), np.sin(angle)
    strip = _jittered((x * cos + y * sin) / width, block)
    row = _jittered((y * cos - x * sin) / length + hashed(strip, block, 4), mix(block, strip))
    # some neighbours are farmed as one
    joined = hashed(strip, row >> 1, block, 5) < 0.3
    parcel = mix(block, strip, np.where(joined, row >> 1, row), joined)
    if kind.pivots <= 0:
        return parcel, block, np.zeros(parcel.shape, np.bool_)
    side = np.float32(840.0)
    iu, iv = np.floor(x / side), np.floor(y / side)
    inside = np.hypot(x - (iu + 0.5) * side, y - (iv + 0.5) * side) < np.float32(400.0)
    pivot = (hashed(block, 6) < kind.pivots) & inside
    circle = mix(iu.astype(np.int32), iv.astype(np.int32), salt(seed, "pivots"))
    return np.where(pivot, circle, parcel), block, pivot


def patchwork(
    x: Field, y: Field, kinds: Sequence[Character], owner: NDArray[np.uint8], seed: int
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """`parcels` of several kinds of country.

    Args:
        x: Place eastward (m), (y, x).
        y: Place northward (m).
        kinds: The kinds.
        owner: Which of them each place is of, (y, x).
        seed: Seed of the land.
    """
    out = np.zeros(x.shape, np.uint32), np.zeros(x.shape, np.uint32), np.zeros(x.shape, np.bool_)
    for n in np.flatnonzero(np.bincount(owner.ravel())).tolist():
        mine = owner == n
        rows, cols = np.flatnonzero(mine.any(1)), np.flatnonzero(mine.any(0))
        box = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
        for whole, own in zip(out, parcels(x[box], y[box], kinds[n], seed), strict=True):
            np.copyto(whole[box], own, where=mine[box])
    return out


def _jittered(position: Field, key: Ints) -> NDArray[np.int32]:
    """Number of the uneven interval a place falls in, along one axis."""
    whole = np.floor(position).astype(np.int32)
    return whole - (position - whole < np.float32(0.6) * hashed(whole, key, 8)).astype(np.int32)
