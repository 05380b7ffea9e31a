"""What is printed ends well whoever reads it, and tells no secret."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_damaged_scenes import scene

SECRETS = {
    "EARTHDATA_TOKEN": "t0ken-of-earthdata",
    "EARTHDATA_USERNAME": "u5er-of-earthdata",
    "EARTHDATA_PASSWORD": "pa55word-of-earthdata",
    "CDSAPI_KEY": "k3y-of-the-climate-store",
    "AWS_SECRET_ACCESS_KEY": "s3cret-of-amazon",
    "AWS_ACCESS_KEY_ID": "1d-of-amazon",
    "GDAL_HTTP_USERPWD": "u5er:pa55word-of-gdal",
    "GITHUB_TOKEN": "t0ken-of-github",
}


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", **more}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "srdanet", *words]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("product")
    path = scene(16).save(folder / "scene.nc")
    done = subprocess.run(
        command("downscale", str(path), "--to", "500", "-o", str(folder / "out"), "-v"),
        capture_output=True, text=True, env=environment(**SECRETS),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / "said.txt").write_text(done.stdout + done.stderr)
    return folder


RECORD = "out/lst_h18v04-r10c20-16x17_2020197_day_provenance.json"
PRINTS = {
    "help": ["--help"],
    "help of a verb": ["downscale", "--help"],
    "completion": ["completion", "bash"],
    "versions": ["info"],
    "a scene": ["info", "scene.nc"],
    "a scene, JSON": ["info", "scene.nc", "--json"],
    "a product": ["info", RECORD],
    "a plan": ["downscale", "scene.nc", "-o", "new", "--dry-run"],
    "a product made": ["downscale", "scene.nc", "--to", "500", "-o", "made", "--json"],
    "checked": ["validate", "out"],
    "methods": ["compare", "--list"],
    "an error": ["info", "absent.nc"],
    "an error, JSON": ["info", "absent.nc", "--json"],
}


@pytest.mark.trial
@pytest.mark.parametrize("reader", ["head -1", "head -c 1", "true"])
@pytest.mark.parametrize("words", PRINTS)
def test_a_reader_that_leaves_ends_no_command_with_a_traceback(folder: Path, words: str, reader: str) -> None:
    """In a shell: `srdanet … | head -1`. What the command writes to files is whole all the same."""
    shutil.rmtree(folder / "made", ignore_errors=True)
    said = " ".join(PRINTS[words])
    line = f'{sys.executable} -m srdanet {said} 2>err | {reader} >/dev/null; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, env=environment())
    told = (folder / "err").read_text()
    assert "Traceback" not in told
    assert "Exception ignored" not in told
    assert "Broken pipe" not in told
    # 0 where all fitted into the pipe; 141 and 1 are what shells and click know of a reader that left.
    assert int(done.stdout) in (0, 1, 141), (done.stdout, told)
    if words == "a product made":
        checked = subprocess.run(command("validate", "made"), cwd=folder, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout


@pytest.mark.trial
def test_no_command_tells_what_the_environment_holds(folder: Path) -> None:
    """Not on either stream, as loud as it gets, nor in any file that it leaves; nor in an error."""
    texts = [(folder / "said.txt").read_text()]
    for words in PRINTS.values():
        shutil.rmtree(folder / "made", ignore_errors=True)
        more = [] if words[0] in ("--help", "completion") or "--list" in words else ["-vv"]
        for flags in ([], more) if more else ([],):
            done = subprocess.run(
                command(*words, *flags), cwd=folder, capture_output=True, text=True, env=environment(**SECRETS)
            )
            texts.append(done.stdout + done.stderr)
            shutil.rmtree(folder / "made", ignore_errors=True)
    texts += [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]
    assert len(texts) > 20
    for secret in SECRETS.values():
        assert not [text[:200] for text in texts if secret in text], secret
