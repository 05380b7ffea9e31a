"""Ctrl-C ends the command quietly with exit code 130, from its first moments on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

POINT = "from srdanet.__main__ import main; import sys; sys.argv = ['srdanet', *{words!r}]; main()"
"""What the script does that pip installs."""
STOP = """
import builtins, os, signal
real, seen = builtins.__import__, []
def stop(name, *args, **more):
    if name.split(".")[0] == {module!r} and not seen:
        seen.append(name)
        os.kill(os.getpid(), {number})
    return real(name, *args, **more)
builtins.__import__ = stop
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=100)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["click", "numpy", "xarray"])
def test_interrupted_while_it_loads(tmp_path: Path, module: str, number: signal.Signals) -> None:
    """The interrupt comes as the module is about to be imported, by the command line or by the verb."""
    scene = tmp_path / "scene.nc"
    scene.write_bytes(b"\x89HDF\r\n\x1a\n")
    ended = run(STOP.format(module=module, number=int(number)) + POINT.format(words=["info", str(scene)]))
    assert ended.returncode == 130, ended.stderr[-800:]
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 1


@pytest.mark.trial
def test_interrupted_at_any_time_of_the_first_two_seconds() -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    entered = "import os, srdanet.__main__; os.write(1, b'x'); "  # before, Python itself ends the process
    code = entered + POINT.format(words=["info", "default"])
    for delay in (0.003, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 1.6):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True
        )
        assert process.stdout is not None
        process.stdout.read(1)
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert process.returncode in (0, 130), (delay, told)
        assert "Traceback" not in told, (delay, told)
