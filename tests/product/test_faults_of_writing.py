"""Killed, full, damaged: whatever happens to the writer, no half a file stands under a final name."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.shutil import copy
from small_results import level

from srdanet.errors import OutputError
from srdanet.grid import geobox_of
from srdanet.product import Origin, product, write_product
from srdanet.product.cog import write_cog
from srdanet.product.layers import LST
from srdanet.product.validate import validate_cog, validate_png

HERE = Path(__file__).parent


def _writer(code: str, folder: Path) -> subprocess.Popen[str]:
    lines = [f"import sys; sys.path.insert(0, {str(HERE)!r})", "from small_results import level", code]
    script = "\n".join([*lines, f"write_product(level(250, 600, 600), {str(folder)!r}, 'x', origin=Origin())"])
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_writer_leaves_no_final_name_and_the_next_one_sweeps(tmp_path: Path) -> None:
    stuck = "\n".join(
        (
            "import time",
            "from srdanet.product import Origin, product, write_product",
            "product.publish = lambda *a, **k: (print('ready', flush=True), time.sleep(600))",
        )
    )
    writer = _writer(stuck, tmp_path)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    (left,) = tmp_path.iterdir()
    assert (left / "x_250m.tif").exists()
    assert left.name.startswith(".x.")

    # While the writer lives, another one of the same name leaves its folder alone.
    write_product(level(250, 8, 8), tmp_path, "x", origin=Origin())
    assert left.exists()

    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert left.exists()
    write_product(level(250, 8, 8), tmp_path, "x", origin=Origin(), overwrite=True)
    assert not left.exists()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("moments", [(0.9, 1.3, 1.7), pytest.param(np.linspace(0.5, 4.3, 20), marks=pytest.mark.trial)])
def test_a_writer_killed_at_any_moment(tmp_path: Path, moments: Sequence[float]) -> None:
    for number, delay in enumerate(moments):
        folder = tmp_path / str(number)
        writer = _writer("from srdanet.product import Origin, write_product", folder)
        time.sleep(delay)
        writer.kill()
        writer.communicate()
        named = sorted(p.name for p in folder.glob("[!.]*")) if folder.exists() else []
        # Only the renames themselves may be cut between: every file that has its name is whole.
        for name in named:
            if name.endswith(".tif"):
                with rasterio.open(folder / name) as file:
                    assert file.checksum(1) >= 0
        assert "x_provenance.json" not in named or len(named) == 8


def test_a_full_disk(tmp_path: Path) -> None:
    # A limit on file size fails in GDAL exactly where a full disk does: in the middle of a write.
    limited = "\n".join(
        (
            "import resource, signal",
            "from srdanet.errors import OutputError",
            "from srdanet.product import Origin, product",
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)",
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))",
            "def write_product(*a, **k):",
            "    try: product.write_product(*a, **k)",
            "    except OutputError as error: print(error)",
        )
    )
    writer = _writer(limited, tmp_path)
    told, complaints = writer.communicate()
    assert writer.returncode == 0, complaints
    assert "free space" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["write_cog", "write_quicklook", "validate_cog"])
def test_an_error_at_any_step_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    calls = []

    def fail(*args: object, **kwargs: object) -> None:
        calls.append(step)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(product, step, fail)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        write_product(level(250, 8, 8), tmp_path, "x", origin=Origin())
    assert calls
    assert "free space" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["write_cog", "write_quicklook", "validate_cog"])
def test_a_folder_removed_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    folder, real = tmp_path / "out", getattr(product, step)

    def remove(*args: object, **kwargs: object) -> None:
        shutil.rmtree(folder)
        real(*args, **kwargs)

    monkeypatch.setattr(product, step, remove)
    with pytest.raises(OutputError):
        write_product(level(250, 8, 8), folder, "x", origin=Origin())
    assert not folder.exists() or not list(folder.glob("[!.]*"))


def test_impossible_values_are_refused(tmp_path: Path) -> None:
    fine = level(250, 12, 8)
    fine["lst"][7, 3] = 20.5  # Celsius among kelvins
    with pytest.raises(OutputError, match=r"20\.5 K are impossible"):
        write_product(fine, tmp_path, "x", origin=Origin())
    fine["lst"][7, 3] = np.inf
    with pytest.raises(OutputError, match="inf K are impossible"):
        write_product(fine, tmp_path, "x", origin=Origin())
    assert list(tmp_path.iterdir()) == []


def test_validation_finds_what_is_wrong(tmp_path: Path) -> None:
    fine = level(250, 1100, 700)
    lst, box = fine["lst"], geobox_of(fine)
    path = tmp_path / "a.tif"
    write_cog(path, lst, LST, box, {})
    validate_cog(path, lst, LST, box)
    good = path.read_bytes()

    def faulty(content: bytes, match: str) -> None:
        path.write_bytes(content)
        with pytest.raises(OutputError, match=match):
            validate_cog(path, lst, LST, box)

    faulty(good[:-1000], "cut short")
    faulty(good[: len(good) // 2], "cut short")
    faulty(good[:150], "open|GeoTIFF")
    faulty(b"<html>login</html>", "open")
    broken = bytearray(good)
    broken[-3000:-2900] = bytes(100)
    faulty(bytes(broken), "read|differ")
    path.write_bytes(good)
    with pytest.raises(OutputError, match="rows 1024 to 1099 differ"):
        validate_cog(path, lst.where(lst.y > lst.y[-1], 290.0), LST, box)
    with pytest.raises(OutputError, match="geotransform"):
        validate_cog(path, lst, LST, box.translate_pix(1, 0))
    with pytest.raises(OutputError, match="shape"):
        validate_cog(path, lst[:-1], LST, box)


def test_a_plain_geotiff_is_no_cog(tmp_path: Path) -> None:
    fine = level(250, 1100, 700)
    write_cog(tmp_path / "a.tif", fine["lst"], LST, geobox_of(fine), {})
    copy(tmp_path / "a.tif", tmp_path / "b.tif", driver="GTiff", tiled=True, blockxsize=512, blockysize=512)
    with pytest.raises(OutputError, match="no cloud-optimised"):
        validate_cog(tmp_path / "b.tif", fine["lst"], LST, geobox_of(fine))


def test_half_a_picture(tmp_path: Path) -> None:
    files = write_product(level(250, 8, 8), tmp_path, "x", origin=Origin()).files
    picture = files.pictures[250]
    validate_png(picture)
    picture.write_bytes(picture.read_bytes()[:-4])
    with pytest.raises(OutputError, match="not a whole PNG"):
        validate_png(picture)


def test_no_permission_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_product(level(250, 8, 8), tmp_path / "file", "x", origin=Origin())
