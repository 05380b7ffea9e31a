"""The house rules that a program can check: which way imports point, what loads what, who may print."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import srdanet

SOURCE = Path(srdanet.__file__).parent
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}

ORDER = (
    "errors",
    "units",
    "flags",
    "threads",
    "arrays",
    "statements",
    "atomic",
    "variables",
    "grid",
    "interpolation",
    "energy",
    "readers",
    "predictors",
    "scene",
    "prepare",
    "download",
    "network",
    "baselines",
    "downscaling",
    "product",
    "analysis",
    "production",
    "datasets",
    "evaluation",
    "training",
    "viewing",
    "cli",
)
"""Parts of the package; each may import those before it. The package itself names what is public, and is free.
"""
TORCH_ONLY_IN = ("network", "training")
NEVER = ("rioxarray", "odc.geo.xr")
DASK_ONLY_IN = "production"
LONGEST = 600


def _part(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _place(name: str) -> int | None:
    """Where a dotted name, without the package's own, stands in the order."""
    fits = [part for part in ORDER if _under(name, part)]
    return ORDER.index(max(fits, key=len)) if fits else None


def _imports() -> Iterator[tuple[Path, str, bool]]:
    """Each module, the full name of each thing it imports, and whether it does so as it is loaded."""
    for path, tree in TREES.items():
        late = {id(inner) for node in ast.walk(tree) if _is_late(node) for inner in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            yield from ((path, name, id(node) not in late) for name in names)


def _is_late(node: ast.AST) -> bool:
    """Code that runs only when called, or only in the eyes of the type checker."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def _under(name: str, *roots: str) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def test_every_part_has_its_place() -> None:
    assert {_part(path) for path in TREES} - {"__init__", "__main__"} <= set(ORDER)


def test_imports_point_down() -> None:
    wrong = []
    for path, name, _ in _imports():
        own = _place(".".join(path.relative_to(SOURCE).with_suffix("").parts))
        if own is None or not _under(name, "srdanet") or name == "srdanet.__version__":
            continue
        # `from srdanet import x` is fine where x is a part, not where it is what a part offers.
        other = _place(name.removeprefix("srdanet."))
        if other is None or other > own:
            wrong.append(f"{path.relative_to(SOURCE)} imports {name}")
    assert not wrong


def test_the_simulator_is_imported_by_its_two_verbs_alone() -> None:
    """It is a package of its own, and may be absent: it imports srdanet, never the other way."""
    found = {str(path.relative_to(SOURCE)) for path, name, _ in _imports() if _under(name, "srdanet_simulator")}
    assert found == {"cli/demo.py", "cli/simulate.py"}
    assert not [path for path, name, at_load in _imports() if at_load and _under(name, "srdanet_simulator")]


def test_imports_are_absolute() -> None:
    assert not [f"{path.relative_to(SOURCE)}: {name}" for path, name, _ in _imports() if name.startswith(".")]


def test_heavy_libraries_stay_where_they_belong() -> None:
    wrong = []
    for path, name, at_load in _imports():
        torch_astray = _under(name, "torch") and _part(path) not in TORCH_ONLY_IN
        dask_astray = _under(name, "dask", "distributed") and (at_load or _part(path) != DASK_ONLY_IN)
        if torch_astray or dask_astray or _under(name, *NEVER) or (at_load and _under(name, "matplotlib")):
            wrong.append(f"{path.relative_to(SOURCE)} imports {name}{' as it is loaded' if at_load else ''}")
    assert not wrong


def test_only_the_command_line_prints() -> None:
    calls = [(path, node.func) for path, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    prints = {_part(path) for path, call in calls if isinstance(call, ast.Name) and call.id == "print"}
    assert prints <= {"cli"}


def test_files_have_one_job() -> None:
    lengths = {str(path.relative_to(SOURCE)): len(path.read_text(encoding="utf-8").splitlines()) for path in TREES}
    assert not {name: length for name, length in lengths.items() if length > LONGEST}


@pytest.mark.parametrize("module", ["srdanet", "srdanet.cli", "srdanet.download"])
def test_import_loads_nothing_heavy(module: str) -> None:
    # Not dask: xarray loads it by itself where it is installed.
    heavy = ("torch", "distributed", "matplotlib", "onnxruntime", "onnx", "earthaccess", "cdsapi")
    code = f"import sys, {module}; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
