"""A final name is whole: writers killed, interrupted, racing or failing at every rename."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from srdanet import atomic
from srdanet.errors import OutputError
from srdanet.grid import Level, Tile
from srdanet.product import Origin, read_record, write_product
from srdanet.product import product as made
from srdanet.readers.checksum import digest
from srdanet.scene import Scene, open_scene
from srdanet.scene.checks import on_grid

sys.path.insert(0, str(Path(__file__).parents[1] / "product"))
from small_results import level

MOVES = ("rename", "replace", "link", "unlink")
"""Calls of the system that move files."""


def product(folder: Path, warmer: float = 0.0, *, overwrite: bool = False) -> None:
    fine = level(250, 8, 8)
    # Encoding takes most of the time and is not what is tried here; in a child process no fixture does this.
    made.write_quicklook = lambda path, *a, **k: path.write_bytes(b"picture")  # type: ignore[assignment]
    made.write_cog = lambda path, data, *a: path.write_bytes(data.values.tobytes())  # type: ignore[assignment]
    made.validate_png = made.validate_cog = lambda *a: None  # type: ignore[assignment]
    fine["lst"] = fine["lst"] + np.float32(warmer)
    write_product(fine, folder, "x", origin=Origin(tile=f"v{warmer:.0f}"), overwrite=overwrite)


@pytest.fixture(autouse=True)
def encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """The true ones again after each test."""
    for name in ("write_quicklook", "write_cog", "validate_png", "validate_cog"):
        monkeypatch.setattr(made, name, getattr(made, name))


def scene(warmer: float = 0.0) -> Scene:
    box = Tile(18, 4).geobox(Level.KM1)[10:15, 20:27]
    lst = (290 + warmer + np.arange(35.0).reshape(5, 7) / 7).astype(np.float32)
    return Scene(on_grid({"lst": lst}, box), time=np.datetime64("2020-07-15T10:30:00"), tile=Tile(18, 4))


def named(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("[!.]*"))}


def check_whole(folder: Path) -> str:
    """Every file that the record lists is there as it says; which version it is."""
    record = read_record(folder / "x_provenance.json")
    files = {name: about.sha256 for one in record.levels.values() for name, about in one.files.items()}
    assert files == {path.name: digest(path) for path in folder.glob("x_250m*")}
    return str(record.tile)


@contextmanager
def stopping(at: int, monkeypatch: pytest.MonkeyPatch, *, after: bool, error: BaseException) -> Iterator[list[str]]:
    """Raise at the `at`-th move of a file, before or after it happens."""
    calls: list[str] = []
    with monkeypatch.context() as patch:
        for name in MOVES:
            real = getattr(os, name)

            def move(*args: object, real: object = real, name: str = name, **more: object) -> None:
                if threading.current_thread() is not threading.main_thread():
                    return real(*args, **more)  # type: ignore[operator]
                calls.append(name)
                if len(calls) == at and not after:
                    raise error
                real(*args, **more)  # type: ignore[operator]
                if len(calls) == at and after:
                    raise error

            patch.setattr(os, name, move)
        yield calls


@pytest.mark.parametrize(
    ("error", "after"),
    [(KeyboardInterrupt(), False), (KeyboardInterrupt(), True), (OSError(5, "Input/output error"), False)],
    ids=["Ctrl-C before a move", "Ctrl-C after a move", "the disk fails"],
)
def test_an_old_product_stays_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, after: bool
) -> None:
    product(tmp_path)
    old, new = named(tmp_path), 0
    for at in range(1, 40):
        with suppress(KeyboardInterrupt, OutputError), stopping(at, monkeypatch, after=after, error=error) as calls:
            product(tmp_path, 5.0, overwrite=True)
        assert check_whole(tmp_path) in ("v0", "v5")
        if named(tmp_path) != old:
            new += 1
            product(tmp_path, overwrite=True)
            old = named(tmp_path)
        if len(calls) < at:
            break
    else:
        pytest.fail("the moves never ended")
    assert new >= 1
    assert at > 10
    product(tmp_path, overwrite=True)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_interrupted_at_any_move_nothing_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    for at in range(1, 40):
        folder = tmp_path / str(at)
        stop = stopping(at, monkeypatch, after=after, error=KeyboardInterrupt())
        with suppress(KeyboardInterrupt), stop as calls:
            product(folder)
        if named(folder):
            check_whole(folder)
        assert all((left / ".journal").exists() is False for left in folder.glob(".*"))
        if len(calls) < at:
            break
    else:
        pytest.fail("the moves never ended")
    assert at > 8


KILL = """
import os, signal, sys
sys.path[:0] = {paths!r}
import test_whole_or_absent as t
from pathlib import Path
calls = []
for name in t.MOVES:
    def move(*args, real=getattr(os, name), **more):
        real(*args, **more)
        calls.append(1)
        if len(calls) == at:
            os.kill(os.getpid(), signal.SIGKILL)
    setattr(os, name, move)
for at in range(1, 40):
    pid = os.fork()
    if pid == 0:
        t.product(Path(sys.argv[1]) / str(at), 5.0, overwrite=True)
        os._exit(0)
    if os.waitpid(pid, 0)[1] == 0:
        break
print(at)
"""


@pytest.mark.parametrize("there", [False, True], ids=["new", "over an old one"])
def test_killed_at_any_move_the_next_run_heals(tmp_path: Path, there: bool) -> None:
    if there:
        for at in range(1, 40):
            product(tmp_path / str(at))
    here = [str(Path(__file__).parent), *sys.path]
    run = subprocess.run([sys.executable, "-c", KILL.format(paths=here), str(tmp_path)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-1000:]
    moments = int(run.stdout)
    assert moments > 8
    for at in range(1, moments):
        folder = tmp_path / str(at)
        if (folder / "x_provenance.json").exists():
            check_whole(folder)
        # No --overwrite is needed where no product was, and an old one is still there to be kept.
        try:
            product(folder, 7.0)
        except OutputError:
            assert check_whole(folder) in ({"v0", "v5"} if there else {"v5"})
        else:
            assert not there
            assert check_whole(folder) == "v7"
        assert not list(folder.glob(".*"))


def test_of_two_writers_at_once_one_wins_and_the_other_is_told(tmp_path: Path) -> None:
    def write(folder: Path, warmer: float) -> str:
        try:
            product(folder, warmer)
        except OutputError as error:
            return error.what[:14]
        return f"v{warmer:.0f}"

    with ThreadPoolExecutor(4) as pool:
        for turn in range(6):
            folder = tmp_path / str(turn)
            ends = list(pool.map(write, [folder] * 4, range(4)))
            assert ends.count("exists already") == 3, ends
            assert check_whole(folder) in ends


def test_a_scene_never_replaces_one_made_meanwhile(tmp_path: Path) -> None:
    def save(path: Path, warmer: float) -> bool:
        try:
            scene(warmer).save(path)
        except OutputError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        for turn in range(6):
            path = tmp_path / f"{turn}.nc"
            ends = list(pool.map(save, [path] * 4, range(4)))
            assert ends.count(True) == 1
            with open_scene(path) as opened:
                assert opened.identical(scene(float(ends.index(True))))


@pytest.mark.parametrize("name", ["scene.nc", "scene.zarr"])
def test_a_killed_writer_of_a_scene_leaves_nothing_for_ever(tmp_path: Path, name: str) -> None:
    stuck = "\n".join(
        (
            f"import os, signal, sys; sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}",
            "import test_whole_or_absent as t",
            "os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)",
            f"t.scene().save({str(tmp_path / name)!r})",
        )
    )
    run = subprocess.run([sys.executable, "-c", stuck], capture_output=True)
    assert run.returncode == -signal.SIGKILL, run.stderr[-1000:]
    assert list(tmp_path.glob(".*"))
    assert not (tmp_path / name).exists()
    scene().save(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_zarr_scene_that_fails_to_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scene.zarr"
    scene().save(path)
    for at in range(1, 12):
        with stopping(at, monkeypatch, after=True, error=KeyboardInterrupt()), suppress(KeyboardInterrupt):
            scene(3.0).save(path, overwrite=True)
        with open_scene(path) as opened:
            assert opened.identical(scene()) or opened.identical(scene(3.0))
    scene().save(path, overwrite=True)  # an interrupt in the removal itself leaves it to the next writer
    assert [one.name for one in tmp_path.iterdir()] == ["scene.zarr"]


def test_what_somebody_else_put_there_meanwhile_is_not_touched(tmp_path: Path) -> None:
    """A killed run's journal names its own files by what they are, not by their names alone."""

    def work() -> None:
        with atomic.hidden_folder(tmp_path, "x") as folder:
            (folder / "a").write_text("ours")
            atomic._note(folder, ["a"], [])
            (tmp_path / "a").write_text("of somebody else")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert (tmp_path / "a").read_text() == "of somebody else"
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())) == '["a"]'


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    product(tmp_path)
    product(tmp_path, 4.0, overwrite=True)
    assert check_whole(tmp_path) == "v4"
    with pytest.raises(OutputError, match="exists already"):
        product(tmp_path)
