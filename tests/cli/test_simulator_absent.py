"""Without the simulator's package its verbs say how to install it, and nothing else needs it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from srdanet.cli import cli
from srdanet.cli.simulate import simulator_installed
from srdanet.errors import MissingExtraError


@pytest.mark.parametrize(
    "words", [["simulate", "-o", "x"], ["simulate", "--check", "--data", "."], ["demo", "-o", "x"]]
)
def test_the_verbs_say_how_to_install_it(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "srdanet_simulator"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "srdanet_simulator", None)
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 1
    assert result.stderr.startswith("srdanet: the simulator is not installed\n")
    assert "pip install ./simulator" in result.stderr
    assert not list(tmp_path.iterdir())


def test_another_missing_package_is_not_mistaken_for_it() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"), simulator_installed():
        import_module("no_such_package")
    with pytest.raises(MissingExtraError, match="simulator is not installed"), simulator_installed():
        raise ModuleNotFoundError("No module named 'srdanet_simulator'", name="srdanet_simulator")


def test_help_does_not_load_it() -> None:
    code = """
import sys
from click.testing import CliRunner
from srdanet.cli import cli
for verb in ("simulate", "demo"):
    assert CliRunner().invoke(cli, [verb, "--help"]).exit_code == 0
print(*[name for name in sys.modules if name.startswith("srdanet_simulator")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
