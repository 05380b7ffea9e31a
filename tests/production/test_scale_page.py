"""The scripts of docs/scale.md: that for SLURM runs, with a stand-in for `srun`; that for Kubernetes is whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from small_archive import TILES, write_archive

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_batch_script_is_shell() -> None:
    assert subprocess.run(["bash", "-n"], input=block("bash"), text=True, check=False).returncode == 0


@pytest.mark.trial
def test_the_batch_script_makes_products(tmp_path: Path) -> None:
    """`srun` is a script that drops its own options and runs the rest; workers are two."""
    write_archive(tmp_path / "archive", tiles=TILES[:1])
    tools = tmp_path / "bin"
    tools.mkdir()
    python = f'exec "{sys.executable}" -m'
    commands = {
        "srun": 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"',
        "dask": f'{python} dask "$@"',
        "srdanet": f'{python} srdanet "$@" --model bicubic',
        "python": f'exec "{sys.executable}" "$@"',
    }
    for name, text in commands.items():
        (tools / name).write_text(f"#!/bin/bash\n{text}\n")
        (tools / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "SLURM_JOB_ID": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    script = block("bash") + "kill $(jobs -p)\n"
    done = subprocess.run(
        ["bash"], input=script, text=True, cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert "2 done, 0 failed, 0 to do" in done.stdout, done.stderr[-2000:]


def test_the_kubernetes_specification_names_what_the_operator_asks_for() -> None:
    cluster = yaml.safe_load(block("yaml"))
    assert (cluster["apiVersion"], cluster["kind"]) == ("kubernetes.dask.org/v1", "DaskCluster")
    for part in ("worker", "scheduler"):
        (container,) = cluster["spec"][part]["spec"]["containers"]
        assert container["name"] == part
        assert container["args"][:2] == ["dask", part]
    worker = cluster["spec"]["worker"]["spec"]
    mounted = {mount["name"] for mount in worker["containers"][0]["volumeMounts"]}
    assert mounted == {volume["name"] for volume in worker["volumes"]}
    service = cluster["spec"]["scheduler"]["service"]
    named = {port["name"] for port in cluster["spec"]["scheduler"]["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["ports"]} == named
