"""The architecture page agrees with the code: parts, file names, and the walk of one granule."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import srdanet
from test_layers import ORDER

ROOT = Path(__file__).resolve().parents[1]
SOURCE = Path(srdanet.__file__).parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
HOPS = re.findall(r"^\| (\d+) \| `(srdanet[\w.]*:[\w.]+)` \|", PAGE, re.MULTILINE)
CALLS = sorted(set(re.findall(r"`(srdanet[\w.]*:[\w.]+)`", PAGE)))


def test_the_walk_has_at_most_ten_hops() -> None:
    assert 5 <= len(HOPS) <= 10
    assert [int(number) for number, _ in HOPS] == list(range(1, len(HOPS) + 1))


@pytest.mark.parametrize("call", CALLS)
def test_functions_of_the_walk_exist_where_the_page_says(call: str) -> None:
    name, _, path = call.partition(":")
    module = import_module(name)
    value: object = module
    for part in path.split("."):
        value = getattr(value, part)
    # What a module merely imports does not count: the page names the file to open.
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    own = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert path.split(".")[0] in own


def _parts() -> list[str]:
    """Parts of the page's table, in its order."""
    table = PAGE.partition("## Parts")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([\w]+)(?:/|\.py)` \|", table, re.MULTILINE)


def test_every_part_is_described_and_none_that_is_not() -> None:
    there = {
        path.stem
        for path in SOURCE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists() or path.name == "models"
    }
    assert set(_parts()) == there - {"__init__", "__main__"}


def test_parts_stand_in_import_order() -> None:
    assert [part for part in _parts() if part != "models"] == list(ORDER)


def test_files_that_the_page_names_exist() -> None:
    named = set(re.findall(r"`((?:\w+/)*\w+\.py)`", PAGE)) - {"__main__.py"}
    homes = (SOURCE, ROOT)
    inside = {name for name in named if not any((home / name).exists() for home in homes)}
    # `bundle.py` in the row of `network/` is named without its folder.
    bare = {path.name for path in SOURCE.rglob("*.py")}
    assert {name for name in inside if "/" in name or name not in bare} == set()


def test_the_picture_names_parts_that_exist() -> None:
    picture = (ROOT / "docs" / "img" / "flow.svg").read_text(encoding="utf-8")
    named = set(re.findall(r"\b([a-z]+)/", re.sub(r"<[^>]*>", " ", picture)))
    assert named
    assert named <= {path.name for path in (*SOURCE.iterdir(), *ROOT.iterdir())}
