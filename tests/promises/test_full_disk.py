"""On a full disk: one clear error, no crash, nothing left."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys; sys.path[:0] = {paths!r}
import numpy as np
from pathlib import Path
from srdanet.errors import SrdanetError
from srdanet.grid import Level, Tile, refine
from srdanet.scene import Scene
from srdanet.scene.checks import on_grid
from srdanet.product import produce as made
from srdanet.product.produce import produce

class Bicubic:
    halo, name = 2, "none"
    def step(self, lst, channels, context):
        fine = np.repeat(np.repeat(np.nan_to_num(lst, nan=290.0), 2, 0), 2, 1)
        return fine, np.ones_like(fine)

box = Tile(18, 4).geobox(Level.KM1)[:64, :64]
noise = np.random.default_rng(0).random((256, 256), dtype="f4")
scene = Scene(on_grid({{"lst": 290 + noise[:64, :64]}}, box), (on_grid({{"ndvi": noise}}, refine(box, 4)),),
              np.datetime64("2020-07-15T10:30"), True, Tile(18, 4))
made._check_room = lambda *a: None  # as if the disk filled up after the look at it
try:
    {what}
except SrdanetError as error:
    print("told:", error)
else:
    print("done")
"""
WHAT = {
    "scene.nc": "scene.save(Path(sys.argv[1]) / 'scene.nc')",
    "scene.zarr": "scene.save(Path(sys.argv[1]) / 'scene.zarr')",
    "product": "produce(scene, Path(sys.argv[1]), model=Bicubic())",
}


def run(what: str, folder: Path, before: str) -> subprocess.CompletedProcess[str]:
    code = CODE.format(paths=sys.path, what=WHAT[what])
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.run(["bash", "-c", before + ' exec "$@"', "-", *command], capture_output=True, text=True)


@pytest.mark.parametrize("kilobytes", [4, 200])
@pytest.mark.parametrize("what", WHAT)
def test_a_limit_on_the_size_of_files(tmp_path: Path, what: str, kilobytes: int) -> None:
    """Fails where a full disk does: in the middle of a write."""
    ended = run(what, tmp_path, f"trap '' XFSZ; ulimit -f {kilobytes};")
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-800:])
    assert ended.stdout.startswith(("told:", "done"))
    if ended.stdout.startswith("told:"):
        assert "free space" in ended.stdout
        assert list(tmp_path.iterdir()) == []


def _can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    code = "mount -t tmpfs -o size=1m none /mnt"
    return subprocess.run(["unshare", "-m", "bash", "-c", code], capture_output=True).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="file systems cannot be mounted here")
@pytest.mark.parametrize("kilobytes", [100, 900])
@pytest.mark.parametrize("what", WHAT)
def test_a_full_file_system(tmp_path: Path, what: str, kilobytes: int) -> None:
    inside = (
        f'unshare -m bash -c \'mount -t tmpfs -o size={kilobytes}k none "$1" && shift && "$@"; code=$?; '
        f'ls -A {tmp_path} >&3; exit $code\' - {tmp_path} "$@" 3>{os.fspath(tmp_path)}.list; exit;'
    )
    ended = run(what, tmp_path, inside)
    left = Path(f"{tmp_path}.list").read_text()
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-800:])
    assert ended.stdout.startswith(("told:", "done"))
    if ended.stdout.startswith("told:"):
        assert "free space" in ended.stdout
        assert left == ""


QUOTA = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
/* Files may hold so many bytes in all; then each write fails as beyond a quota. */
static long left = -1;
static int over(int fd, size_t size) {
    struct stat about;
    if (left < 0) { const char *said = getenv("TEST_QUOTA"); left = said ? atol(said) : 1L << 40; }
    if (fstat(fd, &about) || !S_ISREG(about.st_mode)) return 0;
    left = left > (long)size ? left - (long)size : 0;
    if (left == 0) errno = EDQUOT;
    return left == 0;
}
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
ssize_t write(int fd, const void *b, size_t n) { return over(fd, n) ? -1 : REAL(write)(fd, b, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { return over(fd, n) ? -1 : REAL(pwrite)(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { return over(fd, n) ? -1 : REAL(pwrite64)(fd, b, n, o); }
size_t fwrite(const void *b, size_t s, size_t n, FILE *f) {
    return over(fileno(f), s * n) ? 0 : REAL(fwrite)(b, s, n, f);
}
"""


@pytest.mark.trial
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("kilobytes", [1, 20, 60, 100, 200, 500])
@pytest.mark.parametrize("what", WHAT)
def test_a_quota(tmp_path: Path, what: str, kilobytes: int) -> None:
    """A library between the program and the system fails writes with EDQUOT, as a file server does."""
    source, library, folder = tmp_path / "quota.c", tmp_path / "quota.so", tmp_path / "out"
    source.write_text(QUOTA)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    folder.mkdir()
    ended = run(what, folder, f"export LD_PRELOAD={library} TEST_QUOTA={1024 * kilobytes};")
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-800:])
    assert ended.stdout.startswith(("told:", "done"))
    if ended.stdout.startswith("told:"):
        assert "quota" in ended.stdout
        assert list(folder.iterdir()) == []
    else:
        assert kilobytes > 100
