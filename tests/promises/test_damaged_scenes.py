"""Damage is named: a scene file that is cut, altered, endless or kept elsewhere is no hang and no riddle of HDF5."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from srdanet.errors import SceneError
from srdanet.grid import Level, Tile, refine
from srdanet.readers import hdf5
from srdanet.scene import Scene, open_scene
from srdanet.scene.checks import on_grid

DAMAGED = Path(__file__).parents[2] / "shared" / "cases" / "damaged"
if not DAMAGED.is_dir():
    DAMAGED = Path(__file__).parents[3] / "shared" / "cases" / "damaged"


def scene(size: int = 6) -> Scene:
    box = Tile(18, 4).geobox(Level.KM1)[10 : 10 + size, 20 : 21 + size]
    lst = (290 + np.arange(size * (size + 1.0)).reshape(size, size + 1) / 7).astype(np.float32)
    ndvi = np.repeat(np.repeat(lst - 290, 4, 0), 4, 1) / 10000
    about = {"inputs": [{"file": "a.hdf", "sha256": "ab" * 32}], "note": "x" * 300}
    fine = on_grid({"ndvi": ndvi.astype(np.float32)}, refine(box, 4))
    return Scene(
        on_grid({"lst": lst}, box), (fine,), np.datetime64("2020-07-15T10:30"), True, Tile(18, 4), provenance=about
    )


def used(path: Path) -> None:
    with open_scene(path) as opened:
        opened.load()


def check_named(path: Path) -> None:
    with pytest.raises(SceneError) as caught:
        used(path)
    assert str(path) in str(caught.value)
    assert caught.value.todo


@pytest.mark.skipif(not DAMAGED.is_dir(), reason="no damaged scenes beside the clone")
@pytest.mark.parametrize("name", sorted(path.name for path in DAMAGED.glob("*.nc")) or ["none"])
def test_scenes_that_hung_or_gave_a_traceback(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "SECONDS", 2.0)
    check_named(DAMAGED / name)


def test_looking_through_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the library hangs: the child is ended by its own clock."""
    path = scene().save(tmp_path / "scene.nc")
    stuck = tmp_path / "worker.py"
    text = Path(hdf5.__file__).with_name("hdf5_worker.py").read_text()
    stuck.write_text(text.replace("    dict(group.attrs)\n", "    while True: pass\n"))
    monkeypatch.setattr(hdf5, "WORKER", stuck)
    monkeypatch.setattr(hdf5, "SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(SceneError, match="did not end within"):
        used(path)
    assert time.monotonic() - began < 60


def test_a_scene_that_is_whole_is_read(tmp_path: Path) -> None:
    path = scene().save(tmp_path / "scene.nc")
    with open_scene(path) as opened:
        picked = opened.lst["lst"][[0, 3, 4], 2:5]
        assert opened.identical(scene())
        np.testing.assert_array_equal(picked.values, scene().lst["lst"].values[[0, 3, 4], 2:5])


@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.5, 0.999])
def test_a_scene_that_is_cut_short(tmp_path: Path, share: float) -> None:
    path = scene().save(tmp_path / "scene.nc")
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    check_named(path)


def test_altered_values_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = scene().save(tmp_path / "scene.nc")
    with h5py.File(path) as file:
        block = file["lst/lst"].id.get_chunk_info(0)
    raw = bytearray(path.read_bytes())
    raw[block.byte_offset + block.size // 2] ^= 0xFF
    path.write_bytes(raw)
    with open_scene(path) as opened, pytest.raises(SceneError, match="a block of lst cannot be read") as caught:
        opened.lst["lst"].values.sum()
    assert caught.value.where == path


def test_absurd_sizes_are_refused_before_they_are_allocated(tmp_path: Path) -> None:
    path = scene().save(tmp_path / "scene.nc")
    with h5py.File(path, "a") as file:
        del file["lst/lst"]
        file["lst"].create_dataset("lst", shape=(2**31, 4), chunks=(256, 4), dtype="f4")
    with pytest.raises(SceneError, match=r"blocks of lst/lst are missing"):
        used(path)


@pytest.mark.parametrize("kind", ["external link", "external storage", "virtual"])
def test_values_in_another_file_are_refused(tmp_path: Path, kind: str) -> None:
    path, other = scene().save(tmp_path / "scene.nc"), scene().save(tmp_path / "other.nc")
    with h5py.File(path, "a") as file:
        shape = file["lst/lst"].shape
        del file["lst/lst"]
        if kind == "external link":
            file["lst/lst"] = h5py.ExternalLink(str(other), "/lst/lst")
        elif kind == "external storage":
            file["lst"].create_dataset("lst", shape, "f4", external=[(str(other), 0, h5py.h5f.UNLIMITED)])
        else:
            layout = h5py.VirtualLayout(shape, "f4")
            layout[:] = h5py.VirtualSource(str(other), "lst/lst", shape)
            file["lst"].create_virtual_dataset("lst", layout)
    with pytest.raises(SceneError, match="not in the file"):
        used(path)


@pytest.mark.parametrize("seed", range(12))
def test_seeded_mutations_are_read_right_or_refused(tmp_path: Path, seed: int) -> None:
    """Anything but right values or an error of this package fails; a crash or hang would show."""
    path = scene().save(tmp_path / "scene.nc")
    raw = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(0, len(raw), 1 + seed):
        raw[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(raw)
    with contextlib.suppress(SceneError):
        used(path)


def test_the_command_names_the_file(tmp_path: Path) -> None:
    path = scene().save(tmp_path / "scene.nc")
    path.write_bytes(path.read_bytes()[:3000])
    ended = subprocess.run(
        [sys.executable, "-m", "srdanet", "info", str(path)], capture_output=True, text=True, timeout=100
    )
    assert ended.returncode == 1
    assert "scene.nc" in ended.stderr
    assert "fault in srdanet" not in ended.stderr
