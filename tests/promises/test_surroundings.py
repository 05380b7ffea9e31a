"""Same inputs, same bytes, wherever and whenever; nothing is written but the output, and no network is needed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_damaged_scenes import scene

ELSEWHERE = {
    "another zone": {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "77"},
    "behind UTC": {"TZ": "America/Adak", "PYTHONHASHSEED": "4242"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "1"},
    "decimal commas": {"LC_ALL": "de_DE.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"},
    "no UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "old umask": {"PYTHONDONTWRITEBYTECODE": "1"},
}


LOCALES = ("tr_TR", "de_DE")


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A place of locales that the system need not have; without `localedef` the names are there, and mean nothing."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        return {}
    for name in LOCALES:
        words = ["localedef", "-i", name, "-f", "UTF-8", str(folder / f"{name}.UTF-8")]
        subprocess.run(words, check=False, capture_output=True)
    said = "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.localeconv()['decimal_point'])"
    env = {"LOCPATH": str(folder), "LC_ALL": "tr_TR.UTF-8"}
    found = subprocess.run([sys.executable, "-c", said], env=env, capture_output=True, text=True)
    assert found.stdout == ",\n", found.stderr
    return {"LOCPATH": str(folder)}


def _no_network() -> bool:
    return shutil.which("unshare") is not None and not subprocess.run(["unshare", "-n", "true"]).returncode


def run(folder: Path, words: list[str], around: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The command in a place of its own: home, temporary files and working directory are empty folders beside."""
    for name in ("home", "tmp", "cwd"):
        (folder / name).mkdir(parents=True)
    env = {
        "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "SOURCE_DATE_EPOCH": "1700000000",
        "OMP_NUM_THREADS": "1", "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "home" / "cache"), "MPLCONFIGDIR": str(folder / "home" / "matplotlib"),
    } | around  # fmt: skip
    alone = ["unshare", "-n"] if _no_network() else []
    command = [*alone, sys.executable, "-m", "srdanet", *words]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder / "cwd", timeout=300)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def made(tmp_path: Path, around: dict[str, str]) -> dict[str, bytes]:
    """All files of a product; always made in the same folder, since the record holds the command."""
    folder, path = tmp_path / "here", tmp_path / "scene.nc"
    if not path.exists():
        scene(16).save(path)
    inputs = path.read_bytes()
    done = run(folder, ["downscale", str(path), "--to", "500", "-o", str(folder / "out")], around)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == inputs
    left = set(files(folder)) - {f"out/{one}" for one in files(folder / "out")}
    # matplotlib, which draws the quick look, keeps its list of fonts where it is told to.
    assert all(one.startswith("home/matplotlib/") for one in left), left
    assert sorted(one.name for one in tmp_path.iterdir()) == ["here", "scene.nc"]
    found = files(folder / "out")
    shutil.rmtree(folder)
    return found


@pytest.mark.trial
def test_a_run_depends_on_nothing_around_it(tmp_path: Path, locales: dict[str, str]) -> None:
    plain = made(tmp_path, {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"})
    assert len(plain) >= 5
    for name, around in ELSEWHERE.items():
        found = made(tmp_path, around | locales)
        assert found.keys() == plain.keys()
        different = [one for one in plain if found[one] != plain[one]]
        assert not different, (name, different)


def test_onnx_runtime_collects_nothing(tmp_path: Path) -> None:
    """Its builds write a number of the machine into the user's cache, and call home, unless told before they load."""
    code = """
import sys
from srdanet import load_model
load_model("default")._session
from pathlib import Path
sys.exit(any(path.is_file() for path in Path(sys.argv[1]).rglob("*")))
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)} | dict.fromkeys(
        ("HOME", "XDG_CACHE_HOME", "TMPDIR"), str(tmp_path)
    )
    env.pop("ORT_DISABLE_TELEMETRY", None)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, (done.stderr, list(tmp_path.rglob("*")))


TWICE = """
import sys, time, os
import numpy as np
from srdanet.network import bundle

class Slow:
    halo, name = 2, "none"
    def step(self, lst, channels, context):
        print("ready", flush=True)
        time.sleep(600)

bundle.load_model = lambda *a, **k: Slow()
sys.argv = ["srdanet", "downscale", {scene!r}, "-o", {out!r}]
from srdanet.cli import main
main()
"""


@pytest.mark.trial
@pytest.mark.parametrize("pause", [0.0, 0.001, 0.01, 0.05, 0.2])
def test_interrupted_twice(tmp_path: Path, pause: float) -> None:
    """The second Ctrl-C may cut the cleaning short; no file has a final name, and the next run cleans up."""
    path, out = scene(16).save(tmp_path / "scene.nc"), tmp_path / "out"
    code = TWICE.format(scene=str(path), out=str(out))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    job = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    assert job.stdout is not None
    assert job.stdout.readline() == "ready\n"
    job.send_signal(signal.SIGINT)
    time.sleep(pause)
    job.send_signal(signal.SIGINT)
    _, said = job.communicate(timeout=60)
    assert job.returncode in (130, -signal.SIGINT), said
    assert not list(out.glob("[!.]*"))
    done = run(tmp_path / "again", ["downscale", str(path), "--to", "500", "-o", str(out)], {})
    assert done.returncode == 0, done.stderr
    assert not list(out.glob(".*"))


@pytest.mark.trial
def test_the_shipped_models_need_no_network_and_no_home(tmp_path: Path) -> None:
    if not _no_network():
        pytest.skip("networks cannot be taken away here")
    for number, words in enumerate((["info", "default"], ["--version"], ["demo", "-o", str(tmp_path / "demo")])):
        done = run(tmp_path / str(number), words, {"HOME": "/nonexistent"})
        assert done.returncode == 0, (words, done.stderr)
    assert np.all([path.stat().st_size for path in (tmp_path / "demo").rglob("*.tif")])
