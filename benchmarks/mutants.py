"""Mutation testing: change one thing in a module, and see whether its tests notice.

    make mutants                                # all modules of benchmarks/mutants.toml
    make mutants ARGS='grid.py energy.py'       # some

cosmic-ray makes the mutants, in a copy of `src`: nothing is ever changed in the working tree. The tests run in a fork
of a process that has loaded them already, so that a mutant costs its tests, not the imports: in the fork, the changed
function gets its new code. What stands outside of functions, and whatever survives so, is tried with a fresh import.
Each result is a line of `.mutants/MODULE.jsonl`; an interrupted run goes on from there. What was killed is asked again
only when the module changes; what survived, also when its tests do.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import difflib
import hashlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
import tomllib
import types
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".mutants"
COPY = WORK / "src"
OPTIONS = ["-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin", "--hypothesis-profile=mutants"]
NO_TESTS = (3, 4, 5)
"""Exit statuses by which pytest says that it did not run the tests at all."""


class Mutant(NamedTuple):
    """One change of one module."""

    code: str
    """The whole changed module."""
    inside: bool
    """Whether the change stands in the body of a function."""
    line: int
    """Where it was changed, from 1."""
    was: str
    """The changed lines as they were, stripped."""
    becomes: str
    """The same lines, changed."""


def main() -> int:
    """Run the mutants of the modules asked for and print the table; 1 where too many survive."""
    settings = tomllib.loads((ROOT / "benchmarks" / "mutants.toml").read_text())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(settings['tests'])}; without one: all")
    parser.add_argument("--report", action="store_true", help="only print what earlier runs found")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(settings["tests"]):
        parser.error(f"no tests are named for {', '.join(sorted(unknown))}")
    prepare()
    failed = False
    for module in arguments.modules or settings["tests"]:
        results = run(module, settings, only_report=arguments.report)
        excused = settings.get("equivalent", {}).get(module, [])
        same = [r for r in results if any((e["was"], e["becomes"]) == (r["was"], r["becomes"]) for e in excused)]
        alive = [r for r in results if r["result"] == "survived" and r not in same]
        counted = len(results) - len([r for r in same if r["result"] == "survived"])
        for r in alive:
            print(f"  {module}:{r['line']}\n    - {r['was']}\n    + {r['becomes']}")
        share = 1 - len(alive) / max(counted, 1)
        failed |= share < settings["share"]
        print(
            f"{module}: {counted - len(alive)} of {counted} killed ({share:.1%}), {len(results) - counted} equivalent, "
            f"{sum(r['result'] == 'timeout' for r in results)} by time",
            flush=True,
        )
    return int(failed)


def prepare() -> None:
    """Copy the sources, and set what every test runs with."""
    shutil.rmtree(COPY, ignore_errors=True)
    for source in (ROOT / "src", ROOT / "simulator" / "src"):
        shutil.copytree(source, COPY, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    os.chdir(ROOT)
    compileall.compile_dir(COPY, quiet=1)
    os.environ |= {
        "PYTHONPATH": str(COPY),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    sys.path.insert(0, str(COPY))
    # The same examples for every mutant; a failure counts as it is found, without a search for a smaller one.
    hypothesis.settings.register_profile(
        "mutants",
        deadline=None,
        derandomize=True,
        database=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    )


def run(module: str, settings: dict, *, only_report: bool) -> list[dict]:
    """The result of each mutant of a module: those known already, then the others as they are found."""
    target = COPY / "srdanet" / module
    original = target.read_text()
    tests = settings["tests"][module]
    code_mark = _mark([original])
    tests_mark = _mark([Path(test).read_text() for test in tests])
    log = WORK / f"{module.replace('/', '.')}.jsonl"
    known = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        entry = json.loads(line)
        if entry["code"] == code_mark and (
            entry["result"] != "survived" or only_report or entry["tests"] == tests_mark
        ):
            known[entry["line"], entry["was"], entry["becomes"]] = entry
    mutants = mutants_of(original, settings["operators"], limit=settings["limit"], seed=settings["seed"])
    missing = [mutant for mutant in mutants if (mutant.line, mutant.was, mutant.becomes) not in known]
    if missing and not only_report:
        # Loads the tests and all that they import.
        with redirect_stdout(io.StringIO()):
            status = pytest.main(["--collect-only", *OPTIONS, *tests])
        if status:
            raise SystemExit(f"{module}: The tests cannot be loaded: {', '.join(tests)}.")
        status, used = tested(tests, lambda: None, limit=600.0)
        if status:
            raise SystemExit(f"{module}: The unchanged module fails its tests. See {WORK / 'last.log'}.")
        # A mutant may have the size and, to the second, the age of the one before: no compiled form is kept of it.
        sys.dont_write_bytecode = True
        for compiled in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
            compiled.unlink()
        name = f"srdanet.{module.removesuffix('.py').replace('/', '.')}"
        for mutant in missing:
            target.write_text(mutant.code)
            limit = settings["slack"] * used + 10
            try:
                status, took = 0, 0.0
                if mutant.inside:
                    status, took = tested(tests, partial(replace_code, name, mutant.code), limit=limit)
                if status == 0:
                    status, took = tested(tests, forget, limit=limit)
            finally:
                target.write_text(original)
            if status in NO_TESTS:
                raise SystemExit(f"{module}:{mutant.line}: The tests did not run. See {WORK / 'last.log'}.")
            result = "survived" if status == 0 else "timeout" if status is None else "killed"
            entry = {
                "line": mutant.line,
                "was": mutant.was,
                "becomes": mutant.becomes,
                "result": result,
                "seconds": round(took, 1),
                "code": code_mark,
                "tests": tests_mark,
            }
            with log.open("a") as file:
                file.write(json.dumps(entry) + "\n")
            known[mutant.line, mutant.was, mutant.becomes] = entry
    keys = [(mutant.line, mutant.was, mutant.becomes) for mutant in mutants]
    return [known[key] for key in keys if key in known]


def tested(tests: list[str], change: Callable[[], None], *, limit: float) -> tuple[int | None, float]:
    """Run tests in a fork.

    Args:
        tests: Files, run in this order up to the first failure.
        change: Called in the fork before the tests.
        limit: Seconds of processor time, and a tenth of the seconds on the clock (a mutant may also sleep).

    Returns:
        The exit status, None for one that was ended for its time; the seconds of processor time it used.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = os.fork()
    if child == 0:
        os.setsid()
        with open(WORK / "last.log", "w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 2))
        status = 3
        try:
            change()
            status = int(pytest.main(["-x", *OPTIONS, *tests]))
        finally:
            sys.stdout.flush()
            # 2: collecting failed, because the changed module cannot be imported.
            os._exit(1 if status == 2 else status)
    end = time.monotonic() + 10 * limit
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.02)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if os.WIFSIGNALED(ended[1]):
        over = os.WTERMSIG(ended[1]) in (signal.SIGXCPU, signal.SIGKILL)
        return (None if over else 1), used
    return os.WEXITSTATUS(ended[1]), used


def replace_code(name: str, code: str) -> None:
    """Give the functions of a loaded module the code that they have in a changed text of it."""
    module = sys.modules[name]
    new = {}
    stack = [compile(code, module.__file__ or name, "exec", dont_inherit=True)]
    while stack:
        found = stack.pop()
        new[found.co_qualname, found.co_firstlineno] = found
        stack += [const for const in found.co_consts if isinstance(const, types.CodeType)]
    held: list[object] = list(vars(module).values())
    seen = set()
    while held:
        thing = held.pop()
        if id(thing) in seen or getattr(thing, "__module__", name) != name:
            continue
        seen.add(id(thing))
        if isinstance(thing, type):
            held += vars(thing).values()
        held += [inner for key in ("__wrapped__", "__func__", "fget", "func") if (inner := getattr(thing, key, None))]
        if (
            isinstance(thing, types.FunctionType)
            and (c := (thing.__code__.co_qualname, thing.__code__.co_firstlineno)) in new
        ):
            thing.__code__ = new[c]


def forget() -> None:
    """Forget everything that was loaded from this project, so that it is loaded anew."""
    places = (str(ROOT / "tests"), str(ROOT / "simulator"), str(ROOT / "conftest.py"), str(COPY))
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(places):
            del sys.modules[name]


def mutants_of(code: str, operators: list[str], *, limit: int, seed: int) -> list[Mutant]:
    """At most `limit` mutants of a module, drawn from all but those in annotations, which change nothing."""
    tree = get_ast(code)
    nodes = list(ast_nodes(tree))
    parsed = ast.parse(code)
    idle = [_span(node, node) for node in _annotations(parsed)]
    bodies = [_span(node.body[0], node.body[-1]) for node in ast.walk(parsed) if isinstance(node, ast.FunctionDef)]
    changes = []
    for name in operators:
        operator = get_operator(f"core/{name}")()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, (start, _) in enumerate(places):
            if not any(first <= start < last for first, last in idle):
                changes.append((operator, occurrence, start))
    # A larger limit adds to those of a smaller one.
    random.Random(seed).shuffle(changes)
    lines = code.splitlines()
    found = []
    for operator, occurrence, (row, col) in changes:
        changed = mutate_code(code, operator, occurrence)
        # A star is also what stands before arguments by keyword, or before what is unpacked.
        if lines[row - 1][col : col + 2] == "*," or not _compiles(changed):
            continue
        diff = list(difflib.unified_diff(lines, changed.splitlines(), n=0, lineterm=""))[2:]
        was, becomes = (" ".join(line[1:].strip() for line in diff if line[0] == sign) for sign in "-+")
        inside = any(first <= (row, col) < last for first, last in bodies)
        found.append(Mutant(changed, inside, row, was, becomes))
        if len(found) == limit:
            break
    return sorted(found, key=attrgetter("line"))


def _compiles(code: str) -> bool:
    try:
        compile(code, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _annotations(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if (found := getattr(node, field, None)) is not None:
                yield found


def _span(first: ast.AST, last: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
    return (first.lineno, first.col_offset), (last.end_lineno, last.end_col_offset)


def _mark(texts: list[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


if __name__ == "__main__":
    raise SystemExit(main())
