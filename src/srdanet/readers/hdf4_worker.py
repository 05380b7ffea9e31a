"""The process that touches HDF4 and HDF-EOS5 files, so that a damaged file can crash it and nothing else.

Run as a script by `hdf4.py`, never imported by the package: it imports nothing of
the package, so that it starts fast and knows nothing. Messages are a length (8 bytes,
little-endian), that many bytes of JSON and, after a reply to "read", the arrays' raw
bytes. The first message says whether pyhdf could be loaded.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from typing import Any, BinaryIO

_TYPES = {20: "int8", 21: "uint8", 22: "int16", 23: "uint16", 24: "int32", 25: "uint32", 5: "float32", 6: "float64"}


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the HDF4 library prints must not reach the pipe
    _widen(replies)
    requests = sys.stdin.buffer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends this process
    try:
        from pyhdf.SD import SD
    except ImportError as error:
        _send(replies, {"error": f"pyhdf cannot be loaded: {error}"})
        return
    _limit_core()
    _send(replies, {"ready": True})
    while (head := requests.read(8)) and len(head) == 8:
        request = json.loads(requests.read(struct.unpack("<Q", head)[0]))
        if hasattr(signal, "alarm"):  # ends this process even inside the library, should the parent be gone
            signal.alarm(request["seconds"])
        try:
            reply, arrays = _answer(SD, request)
        except Exception as error:  # whatever the library raises is told to the parent
            reply, arrays = {"error": f"{type(error).__name__}: {error}"[:500]}, []
        _send(replies, reply)
        for array in arrays:
            _write(replies, memoryview(array).cast("B"))
        if hasattr(signal, "alarm"):
            signal.alarm(0)


def _answer(sd: Any, request: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Describe the file, or read some of its fields."""
    with open(request["path"], "rb") as opened:
        if opened.read(8) == b"\x89HDF\r\n\x1a\n":
            return _answer_5(request)
    file = sd(request["path"])
    try:
        if request["do"] == "describe":
            fields = {name: [list(row[1]), _TYPES.get(row[2], str(row[2]))] for name, row in file.datasets().items()}
            texts = {key: str(value) for key, value in file.attributes().items() if "Metadata." in key}
            return {"fields": fields, "texts": texts}, []
        return _read(file, request["fields"])
    finally:
        file.end()


def _read(file: Any, wanted: dict[str, list[Any]]) -> tuple[dict[str, Any], list[Any]]:
    """Fields whose shape and type are as expected, so that a damaged header cannot ask for endless memory."""
    import numpy as np

    attributes: dict[str, Any] = {}
    arrays = []
    for name, (shape, dtype, part) in wanted.items():
        field = file.select(name)
        try:
            _, _, found, kind, _ = field.info()
            if list(np.atleast_1d(found)) != shape or _TYPES.get(kind) != dtype:
                raise ValueError(f"{name} is {found} of type {_TYPES.get(kind, kind)}, not {shape} of {dtype}")
            attributes[name] = field.attributes()
            start, count = zip(*((a, b - a) for a, b in part), strict=True) if part else (None, None)
            array = np.ascontiguousarray(field.get(start, count))
        finally:
            field.endaccess()
        if list(array.shape) != [b - a for a, b in part or [(0, n) for n in shape]] or array.dtype != np.dtype(dtype):
            raise ValueError(f"{name} was read as {array.shape} of {array.dtype}")
        arrays.append(array)
    return {"attributes": attributes}, arrays


def _answer_5(request: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The same of an HDF-EOS5 file: fields in `HDFEOS/GRIDS/*/Data Fields`, texts in `HDFEOS INFORMATION`."""
    import h5py
    import numpy as np

    with h5py.File(request["path"], "r") as file:
        grids = file["HDFEOS/GRIDS"]
        held = {name: field for grid in grids.values() for name, field in grid.get("Data Fields", {}).items()}
        if request["do"] == "describe":
            fields = {
                name: [list(field.shape), field.dtype.name] for name, field in held.items() if hasattr(field, "dtype")
            }
            texts = {name: _plain(text[()]) for name, text in file["HDFEOS INFORMATION"].items()}
            places = [file, file.get("HDFEOS/ADDITIONAL/FILE_ATTRIBUTES")]
            said = {key: _plain(value) for place in places if place is not None for key, value in place.attrs.items()}
            return {"fields": fields, "texts": texts, "attributes": said}, []
        attributes: dict[str, Any] = {}
        arrays = []
        for name, (shape, dtype, part) in request["fields"].items():
            field = held[name]
            if field.external or field.is_virtual or field.file.filename != file.filename:
                raise ValueError(f"{name} lies in another file")
            if list(field.shape) != shape or field.dtype.name != dtype:
                raise ValueError(f"{name} is {list(field.shape)} of type {field.dtype.name}, not {shape} of {dtype}")
            attributes[name] = {key: _plain(value) for key, value in field.attrs.items()}
            rows = tuple(slice(a, b) for a, b in part) if part else ()
            arrays.append(np.ascontiguousarray(field[rows]).astype(dtype, copy=False))
        return {"attributes": attributes}, arrays


def _plain(value: Any) -> Any:
    """An HDF5 attribute or text as JSON can hold it."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, int | float | str) else str(value)


def _send(pipe: BinaryIO, message: dict[str, Any]) -> None:
    data = json.dumps(message, default=str).encode("ascii")
    _write(pipe, memoryview(struct.pack("<Q", len(data)) + data))


def _write(pipe: BinaryIO, data: memoryview) -> None:
    while data:
        data = data[pipe.write(data) :]


def _widen(pipe: BinaryIO) -> None:
    """A wider pipe where the system lets us (Linux): fewer switches between the two processes."""
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)
    except (ImportError, AttributeError, OSError):
        return


def _limit_core() -> None:
    """No core dump for every damaged file."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


if __name__ == "__main__":
    main()
