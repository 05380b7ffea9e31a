"""Reads many damaged copies of a file in one child process, which may crash or hang without harm to the tests.

As a program it is given a kind of file, a folder, and a source: numbers that make a copy come in by lines, and for each
goes out what came of it. A copy has bytes changed at seeded places, one byte changed at a given place, or is cut.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

MOST_SECONDS = 60.0
"""After which a read counts as hanging: the limit on processor time is 8 s, and a busy machine gives a sixth of it."""
Change = tuple[str, int, int]
"""("byte", place, what its bits are turned by), ("cut", length, 0) or ("seed", seed, 0)."""


def changed(raw: bytes, change: Change) -> bytes:
    kind, at, value = change
    if kind == "cut":
        return raw[:at]
    data = bytearray(raw)
    if kind == "byte":
        data[at] ^= value
        return bytes(data)
    rng = np.random.default_rng(at)
    # Half of the changes go to the ends of the file, where headers and tables stand.
    size = len(raw) if rng.random() < 0.5 else min(len(raw), 8192)
    for place in rng.integers(0, size, rng.choice([1, 1, 4, 32])):
        data[place if rng.random() < 0.5 else len(raw) - 1 - place] = rng.integers(256)
    if rng.random() < 0.1:
        start = rng.integers(len(raw))
        del data[start : start + int(rng.integers(1, 64))]
    return bytes(data)


def reader(kind: str) -> Callable[[Path], Any]:
    """Reads all values of a file of a kind, as `prepare` does."""
    if kind == "granule":
        from srdanet.readers.granule import open_granule

        return lambda path: open_granule(path, timeout=5)
    if kind == "raster":
        from srdanet.readers.rasters import open_raster

        return lambda path: open_raster(path, name="ndvi", band=1 if path.suffix == ".tif" else None).values
    if kind == "elevation":
        from srdanet.grid import Level, Tile
        from srdanet.readers.elevation import inspect_elevation, open_elevation

        box = Tile(18, 4).geobox(Level.KM1)[570:630, 240:300]
        return lambda path: (inspect_elevation(path), open_elevation(path, box).values)
    if kind == "weather":
        from srdanet.readers.era5 import open_era5

        return lambda path: open_era5(path).load()
    from srdanet.scene import open_scene

    def scene(path: Path) -> None:
        with open_scene(path) as opened:
            opened.load()

    return scene


def survivors(kind: str, source: Path, changes: Iterable[Change], folder: Path) -> tuple[Counter[str], list[str]]:
    """How many copies were read, refused and so on; and each crash, hang or foreign error with its change."""
    todo, counts, faults = list(changes), Counter[str](), []
    folder.mkdir(exist_ok=True)
    while todo:
        child = _start(kind, source, folder, todo)
        assert child.stdout is not None
        os.set_blocking(child.stdout.fileno(), False)
        done, rest = 0, b""
        last = time.monotonic()
        while done < len(todo):
            patience = MOST_SECONDS if done else 120.0  # the first read loads the libraries
            ready, _, _ = select.select([child.stdout], [], [], max(0.0, last + patience - time.monotonic()))
            block = child.stdout.read() if ready else None
            if not block:  # nothing within the time, or the end
                break
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                told, what = json.loads(line)
                counts[told] += 1
                if told == "foreign":
                    faults.append(f"{todo[done]}: {what}")
                done += 1
                last = time.monotonic()
        if done < len(todo):
            hangs = child.poll() is None
            child.kill()
            faults.append(f"{todo[done]}: {'hangs' if hangs else f'crashes ({child.wait()})'}")
            counts["hang" if hangs else "crash"] += 1
            done += 1
        child.kill()
        child.wait()
        child.stdout.close()
        todo = todo[done:]
    return counts, faults


def _start(kind: str, source: Path, folder: Path, todo: list[Change]) -> subprocess.Popen[bytes]:
    listed = folder / "changes.json"
    listed.write_text(json.dumps(todo))
    command = [sys.executable, __file__, kind, str(source), str(folder)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)


def main(kind: str, source: str, folder: str) -> None:
    from srdanet.errors import SrdanetError

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print what they think of a file
    read, raw, path = reader(kind), Path(source).read_bytes(), Path(folder) / Path(source).name
    for change in json.loads((Path(folder) / "changes.json").read_text()):
        path.write_bytes(changed(raw, tuple(change)))
        try:
            read(path)
            said = ("read", "")
        except SrdanetError as error:
            named = path.name in str(error)
            said = ("refused", "") if named else ("foreign", f"does not name the file: {error}")
        except BaseException as error:
            said = ("foreign", f"{type(error).__name__}: {error}")
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
