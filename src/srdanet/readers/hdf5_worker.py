"""The process that looks through an HDF5 file first, so that a damaged one can hang or crash it and nothing else.

Run as a script by `hdf5.py`, never imported by the package. It walks the whole structure (groups, links, attributes,
indexes of chunks) without reading the chunks, and prints one line of JSON: the fault, or what each array is.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
from typing import Any

_DEEPEST = 32
_MOST_MEMORY = 4 << 30


def main() -> None:
    """Look through the file of the first argument, for at most the processor time (s) of the second."""
    path, seconds = sys.argv[1], float(sys.argv[2])
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the library prints must not get between
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends this process
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    import h5py

    signal.setitimer(signal.ITIMER_PROF, seconds)  # ends this process even inside the library
    arrays: dict[str, Any] = {}
    reply: dict[str, Any] = {"arrays": arrays}
    try:
        with h5py.File(path, "r") as file:
            _walk(h5py, file, arrays, set(), os.path.getsize(path), 0)
    except Exception as error:  # whatever the library raises is told to the parent
        words = str(error).strip().splitlines()
        what = (words[0] if words else type(error).__name__)[:300]
        reply = {"error": what, "elsewhere": isinstance(error, ElsewhereError)}
    os.write(out, json.dumps(reply).encode("ascii"))


class ElsewhereError(Exception):
    """Part of the content lies in another file."""


def _walk(h5py: Any, group: Any, arrays: dict[str, Any], seen: set[int], size: int, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("its groups are nested without end")
    dict(group.attrs)
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise ElsewhereError(f"{group.name}/{name} lies in another file ({link.filename})")
        if isinstance(link, h5py.SoftLink):
            continue
        item = group[name]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        if isinstance(item, h5py.Group):
            _walk(h5py, item, arrays, seen, size, depth + 1)
        elif isinstance(item, h5py.Dataset):
            arrays[item.name] = _array(item, size)


def _array(item: Any, size: int) -> dict[str, Any]:
    """Bytes in memory, blocks that there should be and that there are."""
    if item.is_virtual or item.external:
        raise ElsewhereError(f"the values of {item.name} lie in another file")
    dict(item.attrs)
    blocks = stored = 1
    if item.shape is None:
        blocks = stored = 0
    elif item.chunks is not None:
        blocks = math.prod(-(-n // max(1, c)) for n, c in zip(item.shape, item.chunks, strict=True))
        stored = item.id.get_num_chunks()

        def check(block: Any) -> None:
            if block.byte_offset is None or block.byte_offset + block.size > size:
                raise ValueError(f"a block of {item.name} lies beyond the end of the file")

        if stored and hasattr(item.id, "chunk_iter"):
            item.id.chunk_iter(check)
    elif item.id.get_offset() is not None and item.id.get_offset() + item.id.get_storage_size() > size:
        raise ValueError(f"{item.name} lies beyond the end of the file")
    bytes_ = 0 if item.shape is None else math.prod(item.shape) * item.dtype.itemsize
    return {"bytes": bytes_, "blocks": blocks, "stored": stored}


if __name__ == "__main__":
    main()
