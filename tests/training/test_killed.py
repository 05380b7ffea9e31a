"""A training that is killed at any moment goes on from its last checkpoint, and ends with the same bits."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from srdanet.training.checkpoint import load_checkpoint

CODE = """
import sys; sys.path[:0] = {paths!r}
from pathlib import Path
import test_training as t
t.loop.draw_curve = lambda log, picture: None
t.torch.set_num_threads(1)
samples = dict(toy=[t.sample(seed) for seed in range(6)])
config = t.settings(Path({output!r}), 24).model_copy(update=dict(checkpoint_every=2))
trainer = t.Trainer(config, samples, samples)
step = trainer.step
def told():
    row = step()
    print(trainer.iteration, flush=True)
    return row
trainer.step = told
print("ready", flush=True)
t.run(trainer, resume=True)
print(config.checkpoint)
"""


KILLS = 4


def start(output: Path) -> subprocess.Popen[str]:
    """A training, once it is about to take its first step; what is there already is gone on with."""
    code = CODE.format(paths=[str(Path(__file__).parent), *sys.path], output=str(output))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n", child.communicate()[1][-2000:]
    return child


def differing(first: Any, second: Any, name: str = "") -> list[str]:
    """Names of what two checkpoints do not have in common to the last bit."""
    if isinstance(first, dict):
        if first.keys() != second.keys():
            return [f"{name}: {sorted(map(str, first.keys() ^ second.keys()))}"]
        return [one for key in first for one in differing(first[key], second[key], f"{name}.{key}")]
    if isinstance(first, list | tuple):
        if len(first) != len(second):
            return [name]
        pairs = enumerate(zip(first, second, strict=True))
        return [one for number, (a, b) in pairs for one in differing(a, b, f"{name}.{number}")]
    same = torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second
    return [] if same else [name]


@pytest.mark.trial
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments_it_ends_with_the_same_bits(tmp_path: Path, seed: int) -> None:
    child = start(tmp_path / "whole")
    lines, told = child.communicate()
    assert child.returncode == 0, told[-2000:]
    whole = Path(lines.splitlines()[-1])
    moments = random.Random(seed)
    for _ in range(KILLS):
        child = start(tmp_path / "killed")
        assert child.stdout is not None
        for _ in range(moments.randint(1, 3)):
            child.stdout.readline()
        time.sleep(moments.uniform(0, 0.4))
        child.kill()
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        checkpoint = tmp_path / "killed" / whole.name
        if checkpoint.exists():
            load_checkpoint(checkpoint)  # whole, at whatever moment
    child = start(tmp_path / "killed")
    told = child.communicate()[1]
    assert child.returncode == 0, told[-2000:]
    found, expected = load_checkpoint(tmp_path / "killed" / whole.name), load_checkpoint(whole)
    config = {name: state.pop("config", None) for name, state in (("found", found), ("expected", expected))}
    assert config["found"] is not None
    assert differing(found, expected) == []
    assert (tmp_path / "killed" / "log.csv").read_text() == (tmp_path / "whole" / "log.csv").read_text()
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == sorted(
        path.name for path in whole.parent.iterdir()
    )
