"""What does not change from day to day - elevation, land cover - is brought to a tile's grid once and shared."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.atomic import replacing
from srdanet.prepare.plan import InputRecord, Source
from srdanet.prepare.reading import Reading

FOLDER = ".static"
"""Where it lies in the folder of a run."""
_FORMAT = 1
_PATIENCE = 120.0
"""Seconds to wait for another worker that reads the same; after that it is read twice."""


class Static:
    """A store of readings of static sources, in files that any number of workers share.

    Args:
        directory: The folder of the run.
    """

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER

    def __call__(self, source: Source, box: GeoBox, read: Callable[[], Reading]) -> Reading:
        """What `read` gives for a source on a grid: from the store where it is there, else read and kept.

        The result always comes from the store, so that it is the same for whoever came first.

        Raises:
            OutputError: when it cannot be written.
        """
        path = self._folder / f"{source.role}_{_key(source, box)}.npz"
        known = _load(path)
        if known is not None:
            return known
        self._folder.mkdir(parents=True, exist_ok=True)
        with _turn(path.with_suffix(".lock")):
            known = _load(path)
            if known is not None:
                return known
            with replacing(path, overwrite=True) as part, part.open("wb") as file:
                _save(read(), file)
        kept = _load(path)
        return kept if kept is not None else read()


def _key(source: Source, box: GeoBox) -> str:
    """A hash of all that the reading depends on."""
    stats = [(Path(path).name, os.stat(path)) for path in source.paths]
    about = {
        "format": [_FORMAT, version("srdanet")],
        "source": source.model_dump(mode="json", exclude={"paths"}),
        "files": [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats],
        "grid": [str(box.crs), list(box.affine), list(box.shape)],
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:24]


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait until no other worker reads the same source, but only for a while; the lock ends with its process."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def _save(reading: Reading, file: Any) -> None:
    parts: dict[str, Any] = {}
    about: dict[str, Any] = {"records": [record.model_dump(mode="json") for record in reading.records], "arrays": {}}
    for name, array in reading.arrays.items():
        parts[name] = array.values
        coords = {}
        for coord, values in array.coords.items():
            parts[f"{name}:{coord}"] = values.values
            coords[str(coord)] = {"dims": values.dims, "attrs": values.attrs}
        about["arrays"][name] = {"dims": array.dims, "attrs": array.attrs, "coords": coords}
    parts["about"] = np.frombuffer(json.dumps(about, default=_plain).encode(), np.uint8)
    np.savez(file, **parts)


def _load(path: Path) -> Reading | None:
    """A reading that was kept; None where there is none, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as parts:
            about = json.loads(parts["about"].tobytes())
            arrays = {
                name: xr.DataArray(
                    parts[name],
                    {key: (at["dims"], parts[f"{name}:{key}"], at["attrs"]) for key, at in said["coords"].items()},
                    said["dims"],
                    name,
                    said["attrs"],
                )
                for name, said in about["arrays"].items()
            }
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return Reading(arrays, tuple(InputRecord.model_validate(record) for record in about["records"]))


def _plain(value: Any) -> Any:
    """Numpy's numbers and arrays as JSON can hold them."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)
