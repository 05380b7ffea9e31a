"""Cloud-optimised GeoTIFFs, written window by window.

Tiles of 512, DEFLATE with the floating point predictor, overviews down to one tile, statistics of numbers. The
result's arrays may be larger than memory (memory-mapped): one strip of tiles is held at a time, and GDAL's cache is
bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import let_go
from srdanet.errors import OutputError
from srdanet.grid import SINUSOIDAL, same_crs
from srdanet.product.layers import Raster

BLOCK = 512
"""Side of a tile (cells)."""
_CACHE = 64 * 1024 * 1024


def strips(data: xr.DataArray, dtype: str) -> Iterator[tuple[slice, NDArray[np.generic]]]:
    """The rows of `data` (y, x) in strips of `BLOCK`, each with its place, as `dtype`."""
    for top in range(0, data.shape[0], BLOCK):
        rows = slice(top, min(top + BLOCK, data.shape[0]))
        part = data[rows].values
        yield rows, np.asarray(part, dtype)
        let_go(part)


def write_cog(path: Path, data: xr.DataArray, raster: Raster, geobox: GeoBox, tags: Mapping[str, str]) -> None:
    """Write one layer as a COG; the file is neither checked nor fsynced here.

    Args:
        path: A name in a staging folder; a scratch file appears beside it and goes again.
        data: (y, x) on `geobox`, in the row's unit.
        raster: The row of the layer table.
        geobox: The grid.
        tags: Dataset tags; the band's own are unit, name and, for a flag layer, CF `flag_masks` and `flag_meanings`.

    Raises:
        OutputError: when GDAL cannot write it.
    """
    import rasterio
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError
    from rasterio.shutil import copy

    band_tags = {"units": raster.unit, "long_name": raster.long_name}
    masks, meanings = data.attrs.get("flag_masks"), data.attrs.get("flag_meanings")
    if masks is not None and meanings is not None:
        band_tags |= {"flag_masks": " ".join(str(int(m)) for m in np.atleast_1d(masks)), "flag_meanings": str(meanings)}
    scratch = path.with_suffix(".scratch")
    height, width = data.shape
    profile = {"driver": "GTiff", "dtype": raster.dtype, "count": 1, "height": height, "width": width}
    # The MODIS sphere comes in many spellings, most of them without a name.
    crs = SINUSOIDAL if same_crs(geobox.crs, SINUSOIDAL) else geobox.crs
    profile |= {"crs": crs.to_wkt() if crs is not None else None, "transform": geobox.affine}
    profile |= {"nodata": raster.nodata, "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK}
    options = {"compress": "DEFLATE", "blocksize": BLOCK, "level": 6, "bigtiff": "IF_SAFER", "num_threads": 2}
    # A mean of bit patterns means nothing.
    options |= {"overview_resampling": "AVERAGE" if raster.floating else "MODE"}
    options |= {"statistics": "YES" if raster.floating else "NO"}
    options |= {"predictor": "FLOATING_POINT" if raster.floating else "NO"}
    try:
        with rasterio.Env(GDAL_CACHEMAX=_CACHE):
            with rasterio.open(scratch, "w", **profile) as file:
                file.update_tags(**tags)
                file.update_tags(1, **band_tags)
                file.set_band_description(1, raster.variable)
                file.set_band_unit(1, raster.unit)
                if raster.colours:
                    file.write_colormap(1, dict(raster.colours))
                for rows, values in strips(data, raster.dtype):
                    window = rasterio.windows.Window(0, rows.start, width, rows.stop - rows.start)
                    file.write(values, 1, window=window)
            copy(scratch, path, driver="COG", **options)
    except (RasterioError, CPLE_BaseError, SystemError) as error:
        todo = "Check the free space, the quota and the permissions there."
        raise OutputError(f"cannot be written by GDAL ({error})", where=path.name, todo=todo) from error
    scratch.unlink()
