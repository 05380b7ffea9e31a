"""Every block of code in the tutorials and the reference: what can run here runs, the rest is checked.

A block runs unless a comment `<!-- not run: reason -->` stands right before it. The blocks of a page run in order, in
one empty folder: bash with `srdanet` on the path, Python in one name space.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import srdanet

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("docs/tutorials/*.md"), *ROOT.glob("docs/reference/*.md")])
SITE = ROOT / "mkdocs.yml"
_FENCE = re.compile(r"(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?^```(?P<kind>\w*)\n(?P<code>.*?)^```", re.M | re.S)
_SETUP = re.compile(r"^(pip install|python3 -m venv|source) .*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    kind: str
    code: str
    reason: str | None
    """Why it does not run here."""

    def __str__(self) -> str:
        return f"{self.page.stem}-{self.line}"


def _blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start("code")), found["kind"], found["code"], found["reason"])
        for found in _FENCE.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in _blocks(page)]


def test_there_are_blocks_of_both_kinds() -> None:
    kinds = [block.kind for block in BLOCKS if block.reason is None]
    assert set(kinds) <= {"bash", "python", "text"}
    assert kinds.count("bash") > 10
    assert kinds.count("python") > 5


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "python"], ids=str)
def test_python_compiles(block: Block) -> None:
    compile(block.code, str(block), "exec")


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "bash"], ids=str)
def test_bash_is_well_formed(block: Block) -> None:
    subprocess.run(["bash", "-n"], input=block.code, text=True, check=True)
    assert "\n\n" not in block.code.strip(), "one thought, one block"


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.reason and "pip install" in block.code], ids=str)
def test_extras_that_are_named_exist(block: Block) -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for line in block.code.splitlines():
        words = shlex.split(line)
        named = {name for word in words for found in re.findall(r"\[([\w,]+)\]", word) for name in found.split(",")}
        assert named <= set(extras)


@pytest.mark.trial
@pytest.mark.parametrize("page", [p for p in PAGES if any(b.reason is None for b in _blocks(p))], ids=lambda p: p.stem)
def test_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = tmp_path / "bin"
    scripts.mkdir()
    command = scripts / "srdanet"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m srdanet "$@"\n')
    command.chmod(0o755)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    names: dict[str, object] = {}
    for block in _blocks(page):
        if block.reason is not None or block.kind == "text":
            continue
        if block.kind == "python":
            exec(compile(block.code, str(block), "exec"), names)
        else:
            script = f"set -euo pipefail\n{_SETUP.sub(':', block.code)}"
            done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{block}: {done.stderr[-2000:]}"


def test_the_public_names_are_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    named = [path.rpartition(".")[2] for path in re.findall(r"^::: ([\w.]+)$", page, re.MULTILINE)]
    assert set(srdanet.__all__) - {"__version__"} <= set(named)
    assert len(named) == len(set(named))


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"([\w/-]+\.md)$", SITE.read_text(encoding="utf-8"), re.MULTILINE))
    pages = {str(path.relative_to(ROOT / "docs")) for path in ROOT.glob("docs/*.md")}
    pages |= {str(path.relative_to(ROOT / "docs")) for path in PAGES}
    assert pages <= listed


NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def test_there_are_three_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["own-images", "quickstart", "season"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_its_page_executed(path: Path) -> None:
    """The blocks of the page run in the trials above; here are the same ones, with what they print."""
    page = ROOT / "docs" / "tutorials" / f"{path.stem}.md"
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    code = ["".join(cell["source"]).removeprefix("%%bash\n") for cell in cells]
    blocks = [block for block in _blocks(page) if block.reason is None and block.kind != "text"]
    assert code == [block.code.rstrip("\n") for block in blocks], "run `make notebooks`"
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [output["output_type"] for cell in cells for output in cell["outputs"]]
    assert kinds
    assert "error" not in kinds
    assert path.stat().st_size < 200_000
