"""Checks before a file is opened: of an expected format, on this disk, and of a plausible size.

GDAL opens a file by its content, whatever its name: a text that calls itself `x.tif` may be a VRT or WMS description
and make it read other files or call the network. Sizes in headers are believed and allocated. Neither happens here.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from srdanet.errors import GranuleError, SrdanetError

IMAGES = ("GTiff", "SRTMHGT", "HFA", "ENVI", "EHdr", "AAIGrid", "JP2OpenJPEG", "PNG")
"""GDAL's drivers for images that hold their own values: none that describes where values lie."""
COG = ("GTiff",)
"""GDAL's driver for the images of products."""
MOST_CELLS = 1_000_000_000
"""More than any image of the globe at 1 km has (43,200 x 21,600)."""
_MOST_BYTES = 4 << 30
_MOST_RATIO, _SMALL = 200, 64 << 20
"""How far a member of an archive may be compressed, if it is not small: weather packs by 2 to 5."""
_SETTINGS = {
    # One name that nothing has: no other is fetched. Whatever else speaks HTTP finds nobody at this address.
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "/vsicurl/none",
    "GDAL_HTTP_PROXY": "127.0.0.1:1",
    "GDAL_HTTP_MAX_RETRY": "0",
    "GDAL_HTTP_CONNECTTIMEOUT": "1",
    # Else GDAL leaves an index beside a `.gz` file.
    "CPL_VSIL_GZIP_WRITE_PROPERTIES": "NO",
}
_PACKED = ("/vsizip/", "/vsitar/", "/vsigzip/")
"""How the path of a file in a local archive begins, for GDAL."""
_BESIDE = (".aux.xml", ".msk")
"""Endings after the whole name of files from which GDAL takes values, units, scale or what is missing."""
_INSTEAD = (".aux.xml", ".tfw", ".tifw", ".wld", ".prj", ".hdr", ".jgw", ".pgw", ".j2w")
"""Endings in place of the name's own of files from which it takes place, layout or unit."""
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_POINTERS = (b"<VRTDataset", b"<GDAL_WMS", b"<WMS", b"<WMT_MS", b"<WCS_GDAL", b"<GDAL_WMTS", b"<Capabilities", b"{")


@contextmanager
def open_image(path: str | Path, drivers: Sequence[str] = IMAGES) -> Iterator[Any]:
    """A raster opened by rasterio, with a known driver and without network.

    Args:
        path: The file, or one in a local archive as `/vsizip/…`, `/vsitar/…` or `/vsigzip/…`.
        drivers: GDAL's names of the formats that are meant.

    Raises:
        GranuleError: when the file only points to others, or has a mask that is no TIFF.
        rasterio.errors.RasterioError: when it is of another format or damaged, or a read in the block fails.
    """
    import rasterio

    with rasterio.Env(**_SETTINGS), image_at(path, drivers) as file:
        yield file


def image_at(path: str | Path, drivers: Sequence[str] = IMAGES, *, overview_level: int | None = None) -> Any:
    """The same as `open_image` for who closes it, and calls no network where other files stand beside the image.

    Args:
        path: See `open_image`.
        drivers: See `open_image`.
        overview_level: Of its overviews, the one to open, from 0; None for the image itself.

    Raises:
        GranuleError, rasterio.errors.RasterioError: see `open_image`.
    """
    import rasterio.io

    name = str(path) if str(path).startswith(_PACKED) else os.path.abspath(path)
    _refuse_pointers(Path(path))
    options = {} if overview_level is None else {"overview_level": overview_level}
    return rasterio.io.DatasetReader(name, driver=list(drivers), **options)


@contextmanager
def unreadable(path: str | Path, what: str, todo: str = "Download it again.") -> Iterator[None]:
    """Whatever a library raises over the content of a file becomes one error that names the file.

    Files hold anything, and the libraries that read them raise anything: a damaged NetCDF header ends in an IndexError
    of scipy's, a damaged projection in a KeyError of pyproj's.

    Args:
        path: The file.
        what: What cannot be done, such as "The raster cannot be read".
        todo: What to do.

    Raises:
        GranuleError: in place of any error that is not this package's, nor of want of memory or of a package.
    """
    try:
        yield
    except (SrdanetError, MemoryError, ImportError):
        raise
    except Exception as error:
        kind = "" if isinstance(error, OSError | ValueError) else f"{type(error).__name__}: "
        raise GranuleError(f"{what} ({kind}{error}).", where=path, todo=todo) from error


def check_file(path: Path, what: str) -> None:
    """Refuse what is no file, or may not be read, before a library says so in words of its own.

    Args:
        path: The file.
        what: What it should be, such as "raster".

    Raises:
        GranuleError: when it is absent, a pipe, a device or a folder, or locked.
    """
    try:
        there = path.is_file()
    except OSError as error:
        raise GranuleError(f"The {what} cannot be read ({error.strerror}).", where=path) from error
    if not there:
        raise GranuleError(f"There is no such {what}.", where=path)
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise GranuleError(f"The {what} may not be read.", where=path, todo="Ask its owner for the permission.")


def check_cells(path: str | Path, *shape: int) -> None:
    """Refuse an image too large to be read whole, before memory is asked for.

    Raises:
        GranuleError: when it has more than `MOST_CELLS`.
    """
    if math.prod(map(int, shape)) > MOST_CELLS:
        what = f"The image says it has {' x '.join(map(str, shape))} cells, more than the {MOST_CELLS:,} that are read."
        todo = "Cut out the place first, such as with gdal_translate -projwin. Else the file is damaged."
        raise GranuleError(what, where=path, todo=todo)


def check_member(archive: str | Path, member: zipfile.ZipInfo) -> None:
    """Refuse a member of a zip archive that would unpack to absurd size.

    Raises:
        GranuleError: when it would.
    """
    size, packed = member.file_size, max(1, member.compress_size)
    if size > _MOST_BYTES or (size > _SMALL and size / packed > _MOST_RATIO):
        what = f"{member.filename} unpacks from {packed / 1e6:.0f} to {size / 1e6:.0f} MB, which no weather data do."
        raise GranuleError(what, where=archive, todo="Unpack it yourself if you trust it, and give the file.")


def companions(path: str | Path) -> tuple[Path, ...]:
    """The files beside an image from which GDAL takes part of what it says."""
    file = Path(path)
    names = [file.with_name(file.name + end) for end in _BESIDE]
    names += [file.with_suffix(end) for end in _INSTEAD if file.suffix]
    return tuple(name for name in dict.fromkeys(names) if name != file and name.is_file())


def _refuse_pointers(path: Path) -> None:
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n")
        if head.startswith(_POINTERS) or (head.startswith(b"<?xml") and any(word in head for word in _POINTERS[:-1])):
            what = "The file holds no image, but says where others lie (VRT, WMS or the like)."
            raise GranuleError(what, where=path, todo="Give the files themselves, or gdal_translate it to GeoTIFF.")
    for beside in (path.with_name(f"{path.name}.msk"), path.with_name(f"{path.name}.ovr")):
        if beside.is_file():
            with beside.open("rb") as file:
                if not file.read(4).startswith(_TIFF):
                    what = f"The file {beside.name} beside it is no TIFF, as masks and overviews are."
                    raise GranuleError(what, where=path, todo="Delete it.")
