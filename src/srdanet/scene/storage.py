"""Named groups of arrays on disk and back without loss: NetCDF-4 or Zarr 3, read lazily.

Knows nothing of scenes. Files are written under a temporary name beside their place, flushed to disk and renamed, so
that a reader never meets half a file. Each chunk carries a checksum (zlib's Adler-32 in NetCDF, zstd's in Zarr); a
damaged chunk is therefore an error and not a wrong value.
"""

from __future__ import annotations

import math
import os
import warnings
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from srdanet.atomic import heal, refuse_existing, replacing, reserve
from srdanet.errors import GranuleError, OutputError, SceneError, extra, first_line
from srdanet.readers.hdf5 import is_hdf5, look_through
from srdanet.readers.unread import special_file

FORMAT = "1"
"""Version of the layout; a file of another version is refused."""
CHUNK = 256
"""Cells along one side of a stored block: 1 km, 500 m and 250 m blocks cover 237, 119 and 59 km."""

_FRAME = 1 << 20
"""Bytes for what a file holds beside its values."""

Groups = Mapping[str, xr.Dataset]
"""Arrays by the name of their group."""
_LEVEL = 1
"""Of deflate; higher levels take much longer for few bytes."""
_PACKED_AHEAD = 64
"""Blocks that are packed or wait to be, while others are written: 16 MB."""
_MARK = "srdanet_scene"
_GROUPS = "srdanet_groups"
_AGAIN = "Write it again with `srdanet prepare`."
_DAMAGE = (OSError, LookupError, ValueError, RuntimeError, TypeError, AttributeError, ArithmeticError, AssertionError)
"""What libraries raise over files that are damaged, whose descriptions may hold anything."""
_PACKING = ("_FillValue", "missing_value", "scale_factor", "add_offset", "grid_mapping", "coordinates", "dtype")


def plain(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset as it comes back from disk: native byte order, CF attributes, no packing.

    Attributes are kept when they are text, numbers or lists of them; lists of numbers
    become arrays (of the variable's own type for an integer variable, as CF asks of
    `flag_masks`). What only describes packing in some other file is dropped.
    """
    out = dataset.drop_encoding()
    for name in out.variables:
        variable = out.variables[name]
        if not variable.dtype.isnative:
            out[name] = variable.astype(variable.dtype.newbyteorder("="))
        out[name].attrs = _attributes(variable.attrs, variable.dtype)
    out.attrs = _attributes(dataset.attrs, np.dtype("f8"))
    return out


def write(
    path: str | os.PathLike[str],
    groups: Groups,
    about: Mapping[str, str],
    *,
    fill: Mapping[str, int] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write groups of arrays under one name, atomically.

    Args:
        path: Where to; a name ending in `.zarr` becomes a Zarr 3 folder, any other a NetCDF-4 file.
        groups: Group name → dataset, each as `plain` makes it.
        about: Text attributes of the whole.
        fill: Name → value that stands for "missing" in an integer variable. For floats it is NaN.
        overwrite: Whether a file already there may be replaced.

    Raises:
        OutputError: as `check_place`, when the folder around it does not exist, or the disk is full.
        MissingExtraError: for Zarr, when zarr is not installed.
    """
    path = Path(path)
    heal(path.parent, path.name)
    check_place(path, overwrite=overwrite)
    if not path.parent.is_dir():
        raise OutputError("the folder does not exist", where=path.parent, todo="Make it first.")
    about = {**about, "Conventions": "CF-1.11", _GROUPS: " ".join(groups)}
    with replacing(path, overwrite=overwrite) as part:
        (_write_zarr if path.suffix == ".zarr" else _write_netcdf)(part, groups, about, fill or {})
    return path


def check_place(path: Path, *, overwrite: bool) -> None:
    """Refuse a place that is taken, before any work is done.

    A folder is replaced with all that is in it, so it must be one that `write` made.

    Raises:
        OutputError: when the file exists and `overwrite` is off, or it is a folder but no Zarr store.
    """
    if path.is_dir() and not (path.suffix == ".zarr" and (path / "zarr.json").is_file()):
        raise OutputError("is a folder", where=path, todo="Name a file in it, such as scene.nc.")
    refuse_existing([path], overwrite=overwrite)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, str], dict[str, xr.Dataset]]:
    """Open what `write` wrote: text attributes and groups. Values are read when asked for.

    Raises:
        SceneError: when there is no such file, or it is no scene, damaged, or of another version.
        MissingExtraError: for Zarr, when zarr is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise SceneError("no such file", where=path)
    kind = special_file(path)
    if kind is not None:
        raise SceneError(f"is {kind}, not a file", where=path, todo="Write what comes through it to a file first.")
    zarr = path.is_dir()
    if not zarr:
        _check_netcdf(path)
    about = _about_zarr(path) if zarr else _about_netcdf(path)
    if _MARK not in about:
        raise SceneError("is not a scene", where=path, todo="Make one with `srdanet prepare`.")
    if about[_MARK] != FORMAT:
        what = f"was written in layout {about[_MARK]!r}; this version reads {FORMAT!r}"
        raise SceneError(what, where=path, todo=_AGAIN)
    # Nothing is scaled, masked or kept in memory.
    how: dict[str, Any] = {"engine": "zarr", "consolidated": False} if zarr else {"engine": "h5netcdf"}
    how |= {"chunks": None, "cache": False, "mask_and_scale": False, "decode_times": False, "decode_coords": "all"}
    groups = {}
    try:
        for name in about[_GROUPS].split():
            with warnings.catch_warnings():
                warnings.filterwarnings("error", r"Variable\(s\) referenced in", UserWarning)
                groups[name] = group = xr.open_dataset(path, group=name, **how)
            for variable in group.variables.values():
                variable.attrs = _attributes(variable.attrs, variable.dtype)
            for key in group.data_vars:
                stored = group.variables[key]
                stored.data = indexing.LazilyIndexedArray(_Stored(stored._data, path, key))
            group.attrs = _attributes(group.attrs, np.dtype("f8"))
    except (*_DAMAGE, UserWarning) as error:
        for opened in groups.values():
            opened.close()
        raise SceneError(f"is damaged: {first_line(error)}", where=path, todo=_AGAIN) from error
    return {k: v for k, v in about.items() if k not in (_MARK, _GROUPS, "Conventions")}, groups


def _write_netcdf(part: Path, groups: Groups, about: Mapping[str, str], fill: Mapping[str, int]) -> None:
    """Names, coordinates and attributes by xarray and h5netcdf; then the blocks, packed side by side.

    HDF5 packs one block at a time. Packing is most of the work, and zlib leaves Python free meanwhile. Space is
    reserved before each step, since the library crashes when a write fails; what a step did not need it gives back
    when it closes the file.
    """
    import h5netcdf
    import h5py

    packing = {"compression": "gzip", "compression_opts": _LEVEL, "shuffle": True}
    reserve(part, _FRAME)
    xr.Dataset(attrs={**about, _MARK: FORMAT}).to_netcdf(part, engine="h5netcdf", mode="w")
    for name, dataset in groups.items():
        described, encoding = _described(dataset, fill, "chunks", packing)
        how = {key: encoding.pop(key) for key in list(encoding) if key in described.coords}
        reserve(part, part.stat().st_size + _most_bytes(described.coords))
        described.drop_vars(described.data_vars).to_netcdf(part, engine="h5netcdf", mode="a", group=name, encoding=how)
        reserve(part, part.stat().st_size + _FRAME)
        with h5netcdf.File(part, "a") as file:
            for key, wanted in encoding.items():
                variable, missing = described[key], wanted.pop("_FillValue")
                made = file[name].create_variable(key, variable.dims, variable.dtype, fillvalue=missing, **wanted)
                made.attrs.update(variable.attrs)
    reserve(part, part.stat().st_size + sum(_most_bytes(dataset.data_vars) for dataset in groups.values()))
    with ThreadPoolExecutor(os.cpu_count()) as pool, h5py.File(part, "a") as file:
        waiting: deque[tuple[Any, tuple[int, int], Future[bytes]]] = deque()
        for name, dataset in groups.items():
            for known, values in dataset.data_vars.items():
                stored = file[f"{name}/{known}"].id
                for place, block in _blocks(values):
                    waiting.append((stored, place, pool.submit(_packed, block)))
                    if len(waiting) > _PACKED_AHEAD:
                        _store(*waiting.popleft())
        for one in waiting:
            _store(*one)


def _store(array: Any, place: tuple[int, int], packed: Future[bytes]) -> None:
    array.write_direct_chunk(place, packed.result())


def _blocks(variable: xr.DataArray) -> Iterator[tuple[tuple[int, int], NDArray[Any]]]:
    """The blocks of a variable, whole also at its ends, and where each starts."""
    rows, cols = (min(CHUNK, n) for n in variable.shape)
    for top in range(0, variable.shape[0], rows):
        band = variable[top : top + rows].values
        band = np.pad(band, [(0, rows - len(band)), (0, -band.shape[1] % cols)])
        for left in range(0, band.shape[1], cols):
            yield (top, left), band[:, left : left + cols]


def _packed(block: NDArray[Any]) -> bytes:
    """A block as HDF5's shuffle and deflate make it.

    The first bytes of all numbers, then the second, and so on; deflated by runs, which suits them (0.6 of the time).
    The stream ends in a checksum (Adler-32), which HDF5 verifies.
    """
    shuffled = np.ascontiguousarray(block).reshape(-1, 1).view(np.uint8).T.tobytes()
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return packer.compress(shuffled) + packer.flush()


def _most_bytes(arrays: Mapping[Any, xr.DataArray]) -> int:
    """Bytes on disk that arrays take at most, as if nothing of them compressed."""
    total = _FRAME
    for array in arrays.values():
        block = [max(1, min(CHUNK, n)) for n in array.shape]
        blocks = math.prod(-(-n // side) for n, side in zip(array.shape, block, strict=True))
        total += blocks * (math.prod(block) * array.dtype.itemsize * 1001 // 1000 + 256) + (16 << 10)
    return total


def _write_zarr(part: Path, groups: Groups, about: Mapping[str, str], fill: Mapping[str, int]) -> None:
    with extra("zarr", "zarr", "Or use a name that ends in .nc."):
        import zarr
        from zarr.codecs import ZstdCodec

    packing = {"compressors": (ZstdCodec(level=3, checksum=True),)}
    root = zarr.open_group(part, mode="w", zarr_format=3)
    for name, dataset in groups.items():
        described, encoding = _described(dataset, fill, "chunks", packing)
        # Empty blocks are written too: a block that is not there is then a lost one.
        how: dict[str, Any] = {"zarr_format": 3, "consolidated": False, "write_empty_chunks": True}
        described.to_zarr(part, mode="a", group=name, encoding=encoding, **how)
    root.attrs.update({**about, _MARK: FORMAT})


def _described(
    dataset: xr.Dataset, fill: Mapping[str, int], chunks: str, packing: Mapping[str, Any]
) -> tuple[xr.Dataset, dict[str, dict[str, Any]]]:
    """The dataset with its grid mapping named, and how each variable is packed."""
    out = dataset.drop_encoding()
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in out.variables.items():
        name = str(name)
        if name not in out.data_vars:
            encoding[name] = {"_FillValue": None} if variable.dtype.kind == "f" else {}
            continue
        if "spatial_ref" in out.coords:
            out[name].attrs = {**variable.attrs, "grid_mapping": "spatial_ref"}
        missing = np.nan if variable.dtype.kind == "f" else fill.get(name)
        value = None if missing is None else variable.dtype.type(missing)
        encoding[name] = {**packing, chunks: tuple(min(CHUNK, n) for n in variable.shape), "_FillValue": value}
    return out, encoding


def _about_netcdf(path: Path) -> dict[str, str]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return {k: v for k, v in file.attrs.items() if isinstance(v, str)}
    except _DAMAGE as error:
        raise SceneError(f"is damaged or cut short: {first_line(error)}", where=path, todo=_AGAIN) from error


def _check_netcdf(path: Path) -> None:
    """Refuse what is no NetCDF-4 file, or one whose structure is damaged or lacks blocks, before it is opened here."""
    try:
        if not is_hdf5(path):
            raise SceneError("is not a scene (no NetCDF-4 file)", where=path, todo=_AGAIN)
        arrays = look_through(path)
    except OSError as error:
        raise SceneError(f"cannot be read ({error.strerror or error})", where=path) from error
    except GranuleError as error:
        raise SceneError(f"is damaged or cut short: {error.what}", where=path, todo=_AGAIN) from error
    lost = [name.lstrip("/") for name, array in arrays.items() if array.stored < array.blocks]
    if lost:
        raise SceneError(f"is damaged: blocks of {', '.join(lost)} are missing", where=path, todo=_AGAIN)


class _Stored(BackendArray):
    """An array on disk whose damage is told with the name of its file, whenever it is read."""

    def __init__(self, inner: Any, path: Path, name: object) -> None:
        self.inner, self.path, self.name = inner, path, name
        self.shape, self.dtype = inner.shape, inner.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        try:
            basic = all(isinstance(part, int | np.integer | slice) for part in key)
            part = self.inner[indexing.BasicIndexer(key)] if basic else self.inner.oindex[indexing.OuterIndexer(key)]
            return np.asarray(part.get_duck_array())
        except _DAMAGE as error:
            what = f"is damaged: a block of {self.name} cannot be read ({first_line(error)})"
            raise SceneError(what, where=self.path, todo=_AGAIN) from error


def _about_zarr(path: Path) -> dict[str, str]:
    """Text attributes; every block of every array must be there."""
    with extra("zarr", "zarr", "Or use a name that ends in .nc."):
        import zarr
    if not (path / "zarr.json").is_file():
        raise SceneError("is not a scene (no Zarr 3 folder)", where=path)
    try:
        root = zarr.open_group(path, mode="r")
        about = {k: v for k, v in root.attrs.items() if isinstance(v, str)}
        lost = [f"{n}/{k}" for n, g in root.groups() for k, a in g.arrays() if a.nchunks_initialized < a.nchunks]
    except _DAMAGE as error:
        raise SceneError(f"is damaged: {first_line(error)}", where=path, todo=_AGAIN) from error
    if lost and _MARK in about:
        raise SceneError(f"is damaged: blocks of {', '.join(lost)} are missing", where=path, todo=_AGAIN)
    return about


def _attributes(attrs: Mapping[Any, Any], dtype: np.dtype[Any]) -> dict[str, Any]:
    pairs = ((str(k), _attribute(v, dtype)) for k, v in attrs.items() if k not in _PACKING)
    return {k: v for k, v in pairs if v is not None}


def _attribute(value: Any, dtype: np.dtype[Any]) -> Any:
    if isinstance(value, str):
        return str(value)
    array = np.asarray(value).ravel()
    if array.dtype.kind in "US":
        return ", ".join(map(str, array))
    if array.dtype.kind not in "biuf" or array.size == 0:
        return None
    if array.size == 1:
        number = array[0].item()
        return int(number) if isinstance(number, bool) else number
    if array.dtype.kind == "f":
        return array.astype(np.float64)
    whole = array.astype(np.int64)
    fits = dtype.kind in "iu" and np.iinfo(dtype).min <= whole.min() and whole.max() <= np.iinfo(dtype).max
    return whole.astype(dtype) if fits else whole
