"""The papers of the project agree with one another and with the code."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
import pytest
import xarray as xr
import yaml
from odc.geo.geobox import GeoBox
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import srdanet
from srdanet import errors
from srdanet.cli import cli
from srdanet.flags import FLAGS
from srdanet.grid import Level, Tile, coordinates, refine
from srdanet.variables import BY_NAME, UNUSED

ROOT = Path(__file__).resolve().parents[1]
SOURCE = Path(srdanet.__file__).parent
MANUAL = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
"""What users read; the notebook speaks of earlier versions too."""
SIMULATOR = ROOT / "simulator"
PROJECT, SIMULATOR_PROJECT = (
    tomllib.loads((folder / "pyproject.toml").read_text())["project"] for folder in (ROOT, SIMULATOR)
)
DISTRIBUTIONS = {"srdanet": ROOT, "srdanet_simulator": SIMULATOR}
"""Package and the folder it is built from."""
OWN = {"srdanet", "srdanet-simulator"}
PAGES = sorted(page for folder in (ROOT, SIMULATOR) for page in [*folder.glob("*.md"), *folder.glob("docs/**/*.md")])


def _page(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def _needed() -> set[str]:
    """Every package that both default installs and all extras bring here."""
    # What builds the site has an environment of its own and is not pinned.
    extras = {name: group for name, group in PROJECT["optional-dependencies"].items() if name != "docs"}
    defaults = [*PROJECT["dependencies"], *SIMULATOR_PROJECT["dependencies"]]
    todo = [Requirement(text) for text in [*defaults, *(r for group in extras.values() for r in group)]]
    seen: set[tuple[str, str]] = set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in OWN:
            continue
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            inner = map(Requirement, metadata.requires(name) or [])
            todo += [r for r in inner if r.marker is None or r.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}


def test_constraints_pin_every_dependency_and_nothing_else() -> None:
    # What a CUDA build of torch brings beside the CPU build is not pinned.
    cuda = {name for name in _needed() if name.startswith(("nvidia-", "cuda-")) or name == "triton"}
    assert set(_pins()) == _needed() - cuda


def _third_party(folder: Path) -> set[str]:
    """Distributions that the modules of a folder import."""
    own = {path.stem for path in [*folder.rglob("*.py"), *folder.iterdir()]} | set(DISTRIBUTIONS)
    roots: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                roots |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots.add(str(node.module).split(".")[0])
    homes = metadata.packages_distributions()
    foreign = roots - own - set(sys.stdlib_module_names)
    # A name space such as `odc` has several homes; one that is declared will do.
    return {"|".join(sorted({canonicalize_name(home) for home in homes[root]})) for root in foreign}


def _undeclared(folder: Path, *extras: str, project: dict[str, Any] = PROJECT) -> set[str]:
    groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    declared = {canonicalize_name(Requirement(text).name) for group in groups for text in group}
    return {homes for homes in _third_party(folder) if not declared & set(homes.split("|"))}


def test_imports_are_declared() -> None:
    assert _undeclared(SOURCE, "cluster", "compare", "fetch", "report", "train", "zarr") == set()
    assert _undeclared(ROOT / "tests", "cluster", "compare", "fetch", "train", "zarr", "test") == set()
    assert _undeclared(SIMULATOR / "src", project=SIMULATOR_PROJECT) == set()
    assert _undeclared(SIMULATOR / "tests", "test") == set()


def test_the_simulator_asks_for_no_other_versions_than_the_package() -> None:
    bounds = {canonicalize_name(r.name): r.specifier for r in map(Requirement, PROJECT["dependencies"])}
    asked = {canonicalize_name(r.name): r.specifier for r in map(Requirement, SIMULATOR_PROJECT["dependencies"])}
    assert asked.pop("srdanet").contains(PROJECT["version"])
    assert asked.items() <= bounds.items()


def test_tools_are_named_with_one_version() -> None:
    pins = _pins()
    assert f"torch=={pins['torch']}" in (ROOT / "Makefile").read_text()
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    named = {text for hook in hooks for text in hook.get("additional_dependencies", [])}
    assert named == {f"ruff=={pins['ruff']}"}


def test_version_is_one() -> None:
    version = PROJECT["version"]
    assert metadata.version("srdanet") == version
    assert SIMULATOR_PROJECT["version"] == version
    assert str(yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]) == version


def _build(folder: Path, kind: str, target: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (built,) = target.iterdir()
    return built


@pytest.mark.parametrize("package", DISTRIBUTIONS)
def test_wheel_holds_the_whole_package_and_nothing_else(package: str, tmp_path: Path) -> None:
    folder = DISTRIBUTIONS[package]
    with zipfile.ZipFile(_build(folder, "wheel", tmp_path)) as wheel:
        names = set(wheel.namelist())
        text = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    held = {name for name in names if ".dist-info/" not in name}
    there = {path.relative_to(folder / "src") for path in (folder / "src" / package).rglob("*") if path.is_file()}
    assert held == {path.as_posix() for path in there if "__pycache__" not in path.parts}
    assert {name.rpartition("/")[2] for name in names - held} >= {"LICENSE", "NOTICE", "METADATA"}
    assert not re.search(r"^Requires-Dist: torch(?!.*extra ==)", text, re.MULTILINE)


def test_the_source_archive_leaves_the_simulator_out(tmp_path: Path) -> None:
    with tarfile.open(_build(ROOT, "sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "src/srdanet/__init__.py", "tests/test_project.py"} <= names
    assert not [name for name in names if name.startswith("simulator/")]


def test_the_simulator_loads_from_its_wheel_without_torch(tmp_path: Path) -> None:
    with zipfile.ZipFile(_build(SIMULATOR, "wheel", tmp_path / "built")) as wheel:
        wheel.extractall(tmp_path / "unpacked")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'unpacked')!r}); sys.modules['torch'] = None\n"
        "import srdanet_simulator, srdanet_simulator.demo, srdanet_simulator.files.attributes as texts\n"
        "print(srdanet_simulator.__file__, len(texts._texts()['igbp']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    where, count = done.stdout.split()
    assert Path(where).is_relative_to(tmp_path)
    assert count == "17"


def test_both_packages_have_the_same_licence() -> None:
    for name in ("LICENSE", "NOTICE"):
        assert (SIMULATOR / name).read_text() == (ROOT / name).read_text()


def test_citation_names_the_paper_and_the_software() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
    assert cited["license"] == PROJECT["license"]
    paper = cited["preferred-citation"]
    assert [author["family-names"] for author in paper["authors"]] == ["Ma", "Mao", "Yuan", "Xu", "Shi", "Guo", "Qin"]
    assert (paper["doi"], paper["year"], paper["volume"], paper["issue"]) == ("10.3390/rs17213510", 2025, 17, 21)


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", [*PAGES, ROOT / ".ci" / "run"], ids=_page)
def test_make_commands_exist(page: Path) -> None:
    named = re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    assert set(named) <= _targets()


def test_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"^make demo\b", readme, re.MULTILINE)
    assert re.search(r"^make test\b", readme, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=_page)
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in _anchors(goal), f"{target}: no such heading"


def _anchors(page: Path) -> set[str]:
    """Names that a heading gets on the usual forges."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def _examples() -> list[tuple[Path, str]]:
    fence = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
    # The simulator runs its own; tutorials are run whole (test_tutorials.py).
    pages = [page for page in PAGES if not page.is_relative_to(SIMULATOR) and page.parent.name != "tutorials"]
    blocks = [(page, block) for page in pages for block in fence.findall(page.read_text())]
    # What needs a batch system is checked by the tests of production.
    return [(page, block) for page, block in blocks if "dask_jobqueue" not in block]


def test_the_readme_has_an_example_in_python() -> None:
    assert any("srdanet.downscale(" in block for page, block in _examples() if page.name == "README.md")


@pytest.fixture
def beside_a_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in which `make demo` might have left its scene."""
    coarse = Tile(18, 4).geobox(Level.KM1)[600:612, 300:308]
    rng = np.random.default_rng(5)

    def on(box: GeoBox, low: float, high: float) -> xr.DataArray:
        values = rng.uniform(low, high, box.shape).astype(np.float32)
        return xr.DataArray(values, dims=("y", "x"), coords=coordinates(box))

    auxiliary = {"red": on(refine(coarse, 4), 0, 0.3), "nir": on(refine(coarse, 4), 0.2, 0.5)}
    (tmp_path / "demo").mkdir()
    scene = srdanet.Scene.from_arrays(on(coarse, 290, 310), auxiliary, time="2020-07-15T10:30")
    scene.save(tmp_path / "demo" / "scene.nc")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("page", "block"), _examples())
def test_examples_run(page: Path, block: str, beside_a_demo: Path) -> None:
    names: dict[str, object] = {}
    exec(compile(block, _page(page), "exec"), names)
    result = names["result"]
    assert isinstance(result, xr.Dataset)
    assert result["lst"].shape == (48, 32)


def test_notebook_pages_are_listed() -> None:
    folder = ROOT / "docs" / "notebook"
    listed = set(re.findall(r"\((\d{3}-[\w-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("*.md")} - {"README.md"}


def test_pages_named_in_sources_exist() -> None:
    files = [*ROOT.glob("*/**/*.py"), *ROOT.glob("configs/*.toml"), ROOT / "pyproject.toml", ROOT / "Makefile"]
    sources = {path: path.read_text(encoding="utf-8") for path in files if ".venv" not in str(path)}
    named = {(name, page) for name, text in sources.items() for page in re.findall(r"docs/[\w/-]+\.md", text)}
    homes = (ROOT, ROOT / "simulator")
    lost = [f"{_page(name)} names {page}" for name, page in named if not any((home / page).exists() for home in homes)]
    assert named
    assert not lost


def test_the_manual_is_short() -> None:
    def words(path: Path) -> int:
        return len(path.read_text(encoding="utf-8").split())

    # Tables that programs write or check, measurements, and what nobody needs for making products.
    apart = (
        "promises",
        "comparison",
        "performance",
        "viewing",
        "downloading",
        "scale",
        "products",
        "ceos-ard",
        "tasks",
    )
    assert sum(words(page) for page in ROOT.glob("docs/*.md") if page.stem not in apart) <= 6000
    assert words(ROOT / "README.md") <= 900


@pytest.fixture
def manual(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What makes the manual's tables; its neighbours can be imported too."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("manual")


def test_tables_of_the_manual_come_from_its_numbers(manual: ModuleType) -> None:
    """Without numbers there are no tables: none is written by hand."""
    numbers, found = manual.read_numbers(), set()
    for page in MANUAL:
        text = page.read_text(encoding="utf-8")
        assert manual.fill(text, numbers) == text, f"{_page(page)} differs from its numbers: run `make compare`"
        names = [name for _, name, _ in manual.TABLE.findall(text)]
        assert not names or _page(page) in manual.PAGES
        found |= set(names)
    assert found == set(manual.TABLES)


@pytest.mark.parametrize("page", ["comparison", "results"])
def test_make_compare_makes_every_table_and_figure(page: str, manual: ModuleType) -> None:
    made = {name: importlib.import_module(name).FIGURES for name in ("comparison", "accuracy")}
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert "\n|" not in manual.TABLE.sub("", text)
    assert set(re.findall(r"\(img/([^)]+)\)", text)) == set(made["comparison" if page == "comparison" else "accuracy"])
    recipe = re.search(r"^compare:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    assert all(f"benchmarks/{name}.py --data" in recipe[1] for name in made)


def _commands() -> list[tuple[Path, str]]:
    """Each line of a code block, or code in a text, that begins with `srdanet`."""
    code = re.compile(r"^```(?:bash)?\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
    found = []
    for page in [*MANUAL, *ROOT.glob("docs/tutorials/*.md"), *ROOT.glob("docs/reference/*.md")]:
        for block, inline in code.findall(page.read_text(encoding="utf-8")):
            whole = (block or inline).replace("\\\n", " ")
            lines = [line.split("#")[0].split(" | ")[0] for line in whole.splitlines()]
            found += [(page, line.strip()) for line in lines if line.startswith("srdanet ")]
    return found


@pytest.mark.parametrize(("page", "line"), _commands())
def test_commands_and_their_options_exist(page: Path, line: str) -> None:
    words = shlex.split(line.replace("…", ""))[1:]
    command: click.Command = cli
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert command is not cli, f"{_page(page)}: {line}"
    options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    assert {word for word in words if re.match(r"--?[a-z]", word)} <= options | {"--help"}


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "guide.md"], ids=_page)
def test_predictors_are_named_as_in_the_table(page: Path) -> None:
    (named,) = re.findall(r"`((?:lst )?red nir [\w\s]+)`", page.read_text())
    assert set(named.split()) - {"lst"} == set(BY_NAME) - set(UNUSED)


def test_the_guide_lists_the_quality_flags() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", (ROOT / "docs" / "guide.md").read_text(), re.MULTILINE)
    assert rows == [(str(flag.mask), flag.name) for flag in FLAGS]


def test_the_guide_lists_errors_that_exist() -> None:
    rows = re.findall(r"^\| `(\w+Error)` \|", (ROOT / "docs" / "guide.md").read_text(), re.MULTILINE)
    assert rows
    assert all(issubclass(getattr(errors, name), errors.SrdanetError) for name in rows)


def test_no_paths_of_one_machine() -> None:
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip("not a git checkout")
    places = re.compile(r"(?<![\w.:/~}])/(?:home|root|work|Users|opt|mnt|srv|tmp)/")
    for name in filter(None, found.stdout.split("\0")):
        path = ROOT / name
        if (
            path.suffix in {".png", ".onnx", ".safetensors", ".npz", ".tif"}
            or not path.is_file()
            or name == _page(Path(__file__))
        ):
            continue
        hits = places.findall(path.read_text(encoding="utf-8"))
        assert not hits, f"{name} names {hits[0]}"
