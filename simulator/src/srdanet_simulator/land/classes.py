"""IGBP land cover at 500 m, as MCD12Q1 would name the fine cover, with its errors.

Rules after the MCD12Q1 user guide (Sulla-Menashe & Friedl 2018), table 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srdanet_simulator.land import landscape as ls
from srdanet_simulator.noise import Field, hashed
from srdanet_simulator.parallel import each, strips


def shares(kind: NDArray[np.uint8], factor: int) -> NDArray[np.float32]:
    """Share of each kind in cells `factor` times coarser: (8, y, x) float32."""
    rows, cols = kind.shape[0] // factor, kind.shape[1] // factor
    out = np.zeros((8, rows, cols), np.float32)
    for k, share in enumerate(out):
        held = (kind[: rows * factor, : cols * factor] == k).view(np.uint8)
        for i in range(factor):
            for j in range(factor):
                share += held[i::factor, j::factor]
    out /= np.float32(factor * factor)
    return out


def igbp(land: ls.Land, factor: int, salt: int, error: float = 0.08) -> NDArray[np.uint8]:
    """IGBP class (1-17) of each land cover cell.

    Args:
        land: The land on the fine grid.
        factor: Fine cells along a land cover cell.
        salt: Which cells are misnamed.
        error: Share of cells named like a similar class instead.
    """
    rows, cols = land.kind.shape[0] // factor, land.kind.shape[1] // factor
    confused = np.arange(18, dtype=np.uint8)
    confused[[1, 4, 5, 8, 9, 10, 12, 14, 7, 6, 16]] = [5, 5, 4, 9, 8, 12, 10, 12, 10, 7, 7]
    out = np.empty((rows, cols), np.uint8)

    def fill(part: slice) -> None:
        dry = land.character.aridity
        if "aridity" in land.varying:
            dry = land.varying["aridity"].on(
                *(factor * (np.arange(*at) + 0.5) for at in ((part.start, part.stop), (cols,)))
            )
        name = _named(shares(land.kind[part.start * factor : part.stop * factor], factor), dry)
        wrong = hashed(np.arange(part.start, part.stop)[:, None], np.arange(cols)[None, :], salt) < error
        out[part] = np.where(wrong, confused[name], name)

    each(fill, strips((rows, cols), 1))
    return out


def _named(part: NDArray[np.float32], dry: float | Field) -> NDArray[np.uint8]:
    """The class of cells with such shares of each kind."""
    trees = part[ls.CONIFER] + part[ls.BROADLEAF]
    rules = (
        (part[ls.WATER] > 0.6, 17),
        (part[ls.URBAN] >= 0.3, 13),
        ((trees >= 0.6) & (part[ls.CONIFER] > 0.6 * trees), 1),
        ((trees >= 0.6) & (part[ls.BROADLEAF] > 0.6 * trees), 4),
        (trees >= 0.6, 5),
        (part[ls.CROP] >= 0.6, 12),
        ((part[ls.CROP] >= 0.4) & (trees + part[ls.GRASS] + part[ls.SHRUB] > 0.3), 14),
        (part[ls.BARE] >= 0.5, 16),
        (trees >= 0.3, 8),
        (part[ls.SHRUB] >= 0.4, np.where(np.asarray(dry) > 0.5, 7, 6)),
        (trees >= 0.1, 9),
    )
    return np.select([rule for rule, _ in rules], [code for _, code in rules], 10).astype(np.uint8)
