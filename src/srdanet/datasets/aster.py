"""MODIS and ASTER at one (unrecorded) Terra overpass by day: 66 pairs of 63 x 63 km in tile h18v04.

Source: Ait-Bachir et al. 2025 (hal-04925380; data NASA/METI), repacked. ASTER is an independent truth with a bias of
its own against MODIS. Pair 15 holds one hot spot of 402 K, as the source has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from srdanet.datasets.sources import kelvin, load_arrays
from srdanet.energy import aggregate
from srdanet.errors import GranuleError
from srdanet.grid import SINUSOIDAL, Level, refine, tile_of
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid
from srdanet.variables import MODIS_NOISE

FACTOR = Level.KM1 // Level.M250
COVER = ("forest", "shrub", "crop", "grass", "urban", "bare", "water")
"""Order of the land cover fractions in the files, and their names in `surface`."""
_NO_HEIGHT, _NO_COVER = -32768, 255


def read(root: Path | str) -> Iterator[LabelledScene]:
    """1 km -> 500 m and 250 m against ASTER (NaN = missing), whose 500 m are plain means of 2 x 2 cells.

    Each scene holds MODIS's LST at 1 km and `ndvi` of the same day, and where it is known (19 pairs) `elevation` (m),
    at 250 m; a day view of unknown date. `surface` holds the fractions of land cover, NaN where unknown. The group is
    the pair, whose number is the attribute `id`.

    Args:
        root: Folder that holds `sif-modis-aster-h18v04/`.

    Raises:
        GranuleError: when a file is missing or not what it should be.
    """
    folder = Path(root) / "sif-modis-aster-h18v04"
    pairs = load_arrays(folder / "aligned_train.npz", "id", "lst_1km", "ndvi_250m", "aster_250m", "x0", "y0")
    heights = load_arrays(folder / "elevation_250m_train.npz", "id", "elevation")
    cover = load_arrays(folder / "landcover_250m_train.npz", "fraction_pct", "classes")
    if not np.array_equal(heights["id"], pairs["id"]) or tuple(cover["classes"].tolist()) != COVER:
        raise GranuleError("elevation or land cover does not belong to the pairs", where=folder)
    size = Level.KM1.metres
    for i, number in enumerate(pairs["id"].tolist()):
        affine = Affine(size, 0, float(pairs["x0"][i]), 0, -size, float(pairs["y0"][i]))
        box = GeoBox(pairs["lst_1km"].shape[1:], affine, SINUSOIDAL)
        fine = refine(box, FACTOR)
        layers = {"ndvi": (pairs["ndvi_250m"][i] * np.float32(1e-4)).astype(np.float32)}
        known = heights["elevation"][i] != _NO_HEIGHT
        if known.any():
            layers["elevation"] = np.where(known, heights["elevation"][i], np.nan).astype(np.float32)
        lst, truth = kelvin(pairs["lst_1km"][i], 0.02), kelvin(pairs["aster_250m"][i], 0.01)
        percent = cover["fraction_pct"][i]
        shares = np.where(percent == _NO_COVER, np.nan, percent / np.float32(100)).astype(np.float32)
        yield LabelledScene(
            Scene(
                on_grid({"lst": lst}, box),
                (on_grid(layers, fine),),
                None,
                True,
                tile_of(box),
                noise=MODIS_NOISE,
                boxes=(box, fine),
            ),
            {
                2: on_grid({"lst": np.asarray(aggregate(truth, 2), np.float32)}, refine(box, 2))["lst"],
                FACTOR: on_grid({"lst": truth}, fine)["lst"],
            },
            source="aster",
            group=str(number),
            same_sensor=False,
            surface=on_grid(dict(zip(COVER, shares, strict=True)), fine),
            attributes={"id": str(number)},
        )
