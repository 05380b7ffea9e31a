"""The scripts of docs/scale.md: those for SLURM run, with stand-ins for its commands; that for Kubernetes is whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def test_dask_jobqueue_submits_workers_of_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sbatch` is a script that keeps what it is given."""
    pytest.importorskip("dask_jobqueue")
    sbatch = tmp_path / "sbatch"
    sbatch.write_text(f'#!/bin/bash\ncp "$1" "$(mktemp {tmp_path}/job.XXXXXX)"\necho Submitted batch job $$\n')
    (tmp_path / "scancel").write_text("#!/bin/bash\n")
    for tool in (sbatch, tmp_path / "scancel"):
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    held: dict[str, Any] = {}
    exec(block("python").replace("jobs=16", "jobs=2"), held)
    cluster = held["cluster"]
    try:
        shown = cluster.job_script()
        cluster.sync(cluster._correct_state)
        submitted = sorted(tmp_path.glob("job.*"))
    finally:
        cluster.close()
    assert len(submitted) == 2
    assert cluster.scheduler_address == "" or cluster.scheduler_address.startswith("tcp://")
    for script in (shown, *(path.read_text() for path in submitted)):
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
        for line in ("#SBATCH -J srdanet", "#SBATCH --cpus-per-task=1", "#SBATCH --mem=2G", "#SBATCH -t 24:00:00"):
            assert line in script.splitlines(), script
        (command,) = (line for line in script.splitlines() if "distributed.cli.dask_worker" in line)
        words = command.split()
        assert words[words.index("--nthreads") + 1] == "1"
        limits = [words[i + 1] for i, word in enumerate(words) if word == "--memory-limit"]
        assert limits[-1] == "0", "the last one counts"


def test_dask_kubernetes_makes_the_specification_of_the_page() -> None:
    """Names, ports and service as the operator's own function has them."""
    made = pytest.importorskip("dask_kubernetes.operator").make_cluster_spec(
        name="srdanet",
        image="your/srdanet",
        n_workers=16,
        worker_command=["dask", "worker"],
        resources={"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "2Gi"}},
    )
    ours = yaml.safe_load(block("yaml"))
    assert (made["apiVersion"], made["kind"], made["metadata"]["name"]) == (
        ours["apiVersion"],
        ours["kind"],
        ours["metadata"]["name"],
    )
    theirs, spec = made["spec"], ours["spec"]
    assert theirs["worker"]["replicas"] == spec["worker"]["replicas"]
    for part in ("worker", "scheduler"):
        (their,), (our,) = (one[part]["spec"]["containers"] for one in (theirs, spec))
        assert (their["name"], their["image"]) == (our["name"], our["image"])
    assert (
        theirs["worker"]["spec"]["containers"][0]["resources"] == spec["worker"]["spec"]["containers"][0]["resources"]
    )
    assert theirs["worker"]["spec"]["containers"][0]["args"][:4] == spec["worker"]["spec"]["containers"][0]["args"][:4]
    their, our = (one["scheduler"]["service"] for one in (theirs, spec))
    assert (their["type"], their["selector"]) == (our["type"], our["selector"])
    assert {(p["name"], p["port"]) for p in their["ports"]} == {(p["name"], p["port"]) for p in our["ports"]}
