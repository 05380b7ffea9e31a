"""Which way imports point in the simulator, what it loads, and that its page's example runs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import srdanet_simulator

SOURCE = Path(srdanet_simulator.__file__).parent
README = Path(__file__).resolve().parents[1] / "README.md"
ORDER = (
    "parallel",
    "noise",
    "place",
    "land",
    "balance",
    "sensor",
    "day",
    "simulation",
    "files",
    "scenes",
    "realism",
    "comparison",
    "demo",
)
"""Parts of the package; each may import those before it, and anything of srdanet. The package itself names what is
public: only the last two import from it.
"""
LONGEST = 600


def _part(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _imports() -> Iterator[tuple[Path, str]]:
    """Each module and the full name of each thing it imports."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((path, f"{'.' * node.level}{node.module}.{alias.name}") for alias in node.names)


def test_every_part_has_its_place() -> None:
    assert {_part(path) for path in SOURCE.rglob("*.py")} - {"__init__"} == set(ORDER)


def test_imports_point_down() -> None:
    wrong = []
    for path, name in _imports():
        package, _, rest = name.partition(".")
        own = _part(path)
        if package == "" or (package == "srdanet_simulator" and own != "__init__"):
            part = rest.partition(".")[0]
            # what the package itself offers is complete only when the parts it names are
            height = ORDER.index(part) if part in ORDER and part != rest else ORDER.index("scenes")
            if package == "" or height > ORDER.index(own):
                wrong.append(f"{path.relative_to(SOURCE)} imports {name}")
    assert not wrong


def test_torch_is_not_used_and_nothing_prints() -> None:
    assert not [str(path) for path, name in _imports() if name.partition(".")[0] in ("torch", "dask")]
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE.rglob("*.py"))
    calls = (node.func for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]


def test_files_are_not_too_long() -> None:
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCE.rglob("*.py")}
    assert not {name: length for name, length in lengths.items() if length > LONGEST}


def test_import_loads_nothing_heavy() -> None:
    # Not dask: xarray loads it by itself where it is installed.
    heavy = ("torch", "matplotlib", "onnxruntime", "onnx")
    code = f"import sys, srdanet_simulator; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_readme_names_every_part_and_none_that_is_not() -> None:
    page = README.read_text(encoding="utf-8")
    parts = [path for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    assert not {p.name for p in parts if f"`{p.name}{'' if p.suffix else '/'}`" not in page} - {"__init__.py"}
    assert set(re.findall(r"`(?:\w+/)*(\w+\.py)`", page)) <= {path.name for path in SOURCE.rglob("*.py")}


def test_readme_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    land = names["land"]
    assert isinstance(land, srdanet_simulator.Simulation)
    assert (land.lst.shape, land.truth.shape) == ((16, 16), (64, 64))
    assert np.isfinite(land.truth).all()
    assert capsys.readouterr().out.startswith("(16, 16) (64, 64)\n")
