"""MODIS patches of 2020 by day and by night in tile h18v04 (Alps, Northern Italy, Central Europe).

Source: MRUNet's set (Nguyen et al. 2022, github IMT-Project-LTS-SR/MRUNet-for-MODIS-super-resolution; data NASA LP
DAAC), repacked. No quality filter was applied by the authors: errors of up to 3 K remain. The bands are those of the
16-day composite (MOD13A2, which calls its band at 2.1 um "MIR").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float32
from srdanet.datasets.sources import kelvin, load_arrays, overpass_time
from srdanet.energy import degrade
from srdanet.errors import ArgumentError, GranuleError
from srdanet.grid import Level, Tile, coarsen, lonlat
from srdanet.readers.guard import COG, open_image
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid

TILE = Tile(18, 4)
BANDS = ("red", "nir", "swir2")
"""Order of the bands in the files."""
When = Literal["day", "night"]
WHEN: tuple[When, ...] = ("day", "night")


def read(root: Path | str, *, when: Sequence[When] = WHEN, coarse: int = 2) -> Iterator[LabelledScene]:
    """MODIS at `coarse` km whose temperature at half of that is known: 2 -> 1 km against the real 1 km LST.

    Each scene holds the degraded LST, `red`, `nir`, `swir2` (NaN = missing) and `elevation` (m; one grey level of the
    source is 31 m) at 1 km, and the time of Terra's usual view; its group is the date. Patch by patch, in the order of
    `when`.

    Args:
        root: Folder that holds `imt-modis-2020-h18v04/` and `dem/`.
        when: `day`, `night` or both.
        coarse: Cells of 1 km along a cell of the scene; even. The truth, factor 2, has half as many.

    Raises:
        ArgumentError: when `coarse` is not even.
        GranuleError: when a file is missing or not what it should be.
    """
    if coarse < 2 or coarse % 2:
        raise ArgumentError(f"coarse is {coarse}", todo="Give an even number of 1 km cells, such as 2 or 4.")
    folder = Path(root) / "imt-modis-2020-h18v04"
    held = load_arrays(folder / "lst_1km_train.npz", "lst_day", "lst_night", "doy", "row0", "col0", "refl_index")
    counts = load_arrays(folder / "refl_1km_train.npz", "refl")["refl"]
    heights = _elevation(Path(root) / "dem" / "dem_de15_h18v04_500m_DERIVED.tif")
    side = held["lst_day"].shape[-1]
    dates = np.datetime64("2020-01-01") + (held["doy"].astype(np.int64) - 1).astype("timedelta64[D]")
    tile = TILE.geobox(Level.KM1)
    for i, (date, row, col) in enumerate(zip(dates, held["row0"].tolist(), held["col0"].tolist(), strict=True)):
        box = GeoBox((side, side), tile.affine * Affine.translation(col, row), tile.crs)
        root_box, truth_box = coarsen(box, coarse), coarsen(box, coarse // 2)
        refl = counts[held["refl_index"][i]]
        bands = np.where(refl == -1000, np.nan, refl * np.float32(1e-4)).astype(np.float32)
        layers = {**dict(zip(BANDS, bands, strict=True)), "elevation": heights[row : row + side, col : col + side]}
        auxiliary, longitude = on_grid(layers, box), float(lonlat(box)[0].mean())
        # Coordinates are made once for both times of day: they take longer than the values.
        blank = {grid: on_grid({"lst": np.empty(grid.shape, np.float32)}, grid) for grid in (root_box, truth_box)}
        for part in when:
            day = part == "day"
            lst = kelvin(held[f"lst_{part}"][i], 0.02)
            truth = lst if coarse == 2 else np.asarray(degrade(lst, coarse // 2), np.float32)
            scene = Scene(
                blank[root_box].copy(data={"lst": np.asarray(degrade(truth, 2), np.float32)}),
                (auxiliary,),
                overpass_time(date, longitude, day=day),
                day,
                TILE,
                noise=0.0,
                boxes=(root_box, box),
            )
            known = {2: blank[truth_box].copy(data={"lst": truth})["lst"]}
            yield LabelledScene(scene, known, source="imt", group=str(date), same_sensor=True)


def _elevation(path: Path) -> Float32:
    """Elevation (1200, 1200) m of the tile: means of 2 x 2 cells of 500 m."""
    if not path.is_file():
        raise GranuleError("no such file", where=path, todo="Give the folder that holds dem/ beside the set.")
    with open_image(path, COG) as source:
        heights = source.read(1).astype(np.float32)
    if heights.shape != (2400, 2400):
        raise GranuleError(f"holds {heights.shape} cells, not the 2400 x 2400 of a tile at 500 m", where=path)
    means: Float32 = heights.reshape(1200, 2, 1200, 2).mean(axis=(1, 3), dtype=np.float32)
    return means
