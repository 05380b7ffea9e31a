"""The page of promises names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "promises.md"


def test_every_promise_names_tests_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert [part.split(".")[0] for part in parts] == [str(n) for n in range(1, 9)]
    homes = {path.name: path for folder in ("tests", "simulator/tests") for path in (ROOT / folder).rglob("test_*.py")}
    for part in parts:
        named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", part)
        assert named, part.splitlines()[0]
        for file, test in named:
            assert file in homes, file
            tree = ast.parse(homes[file].read_text(encoding="utf-8"))
            assert not test or test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, test


def test_every_test_here_holds_a_promise() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for path in Path(__file__).parent.glob("test_*.py"):
        assert path.name == Path(__file__).name or path.name in text, path.name
