"""What holds for every verb: streams, codes, messages, what is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from srdanet.cli import cli, options
from srdanet.errors import ConfigError, GranuleError

EVALUATIONS = tuple(("evaluate", name) for name in ("simulation", "target", "orleans", "stations", "world"))
NAMES = (
    "prepare", "downscale", "extract", "indices", "cube", "catalogue", "validate", "train", "simulate", "demo", "info",
)  # fmt: skip
VERBS = (*((name,) for name in NAMES), *EVALUATIONS)


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_explains_itself(runner: CliRunner, verb: tuple[str, ...]) -> None:
    result = runner.invoke(cli, [*verb, "-h"])
    assert result.exit_code == 0
    assert "--json" in result.stdout
    assert "--verbose" in result.stdout


def test_nothing_is_overwritten_unless_asked() -> None:
    flags = [p for command in cli.commands.values() for p in command.params if p.name == "overwrite"]
    assert len(flags) == sum("--overwrite" in option.opts for c in cli.commands.values() for option in c.params) > 6
    assert not any(flag.get_default(click.Context(cli)) for flag in flags)


@pytest.mark.parametrize("words", [["--help"], ["downscale", "--help"], ["evaluate", "--help"], ["--version"]])
def test_help_loads_click_and_little_else(words: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["srdanet", *{words!r}]
from srdanet.cli import main
try: main()
except SystemExit: pass
print("\\n".join(sys.modules), file=sys.stderr)
"""
    loaded = set(_python(code).stderr.split())
    assert "click" in loaded
    ours = {name for name in loaded if name.startswith("srdanet")}
    allowed = {"srdanet", "srdanet.errors", "srdanet.cli"}
    assert {name for name in ours if not name.startswith("srdanet.cli.")} <= allowed
    # Import time, counted in modules rather than in seconds, so that a busy machine does not matter.
    assert not loaded & {"numpy", "xarray", "rasterio", "torch", "matplotlib", "rich", "pydantic", "scipy", "h5py"}
    assert len(loaded) < 350


@pytest.mark.parametrize("verb", ["prepare", "downscale"])
def test_help_names_the_keys_of_a_plain_raster(runner: CliRunner, verb: str) -> None:
    from srdanet.prepare.survey import _OPTIONS

    told = " ".join(runner.invoke(cli, [verb, "-h"]).stdout.split())
    assert "NAME=FILE[:BAND][,key=value]" in told
    keys = told.partition("the keys are ")[2].replace(" and ", ", ").split(", ")
    assert [key.split()[0].rstrip(".,") for key in keys[: len(_OPTIONS)]] == list(_OPTIONS)


def test_a_folder_for_results_is_no_file(runner: CliRunner, tmp_path: Path) -> None:
    told = runner.invoke(cli, ["downscale", "scene.nc", "-o", str(tmp_path / "x.nc")]).stderr
    assert "x.nc' is the name of a file. Name a folder" in told
    (tmp_path / "x").write_text("")
    assert "is the name of a file" in runner.invoke(cli, ["downscale", "scene.nc", "-o", str(tmp_path / "x")]).stderr


def test_hints_are_spelled_for_who_reads_them(runner: CliRunner, tmp_path: Path) -> None:
    from srdanet.atomic import refuse_existing
    from srdanet.errors import OutputError

    scene = tmp_path / "scene.nc"
    scene.write_text("")
    assert "use --overwrite." in runner.invoke(cli, ["prepare", str(tmp_path), "-o", str(scene)]).stderr
    with pytest.raises(OutputError, match="use overwrite=True"):
        refuse_existing([scene], overwrite=False)


def test_version(runner: CliRunner) -> None:
    from srdanet import __version__

    assert runner.invoke(cli, ["--version"]).stdout == f"srdanet {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["info", "--nonsense"],
        ["prepare"],
        ["prepare", "x.hdf", "--tile", "h40v01", "--dry-run"],
        ["prepare", "x.hdf", "--date", "2020-13-01", "--dry-run"],
        ["prepare", "absent.hdf", "--dry-run"],
        ["prepare", "absent.hdf", "-o", "scene"],
        ["downscale", "scene.nc"],
        ["downscale", "scene.nc", "-o", "x", "--to", "100"],
        ["train", "absent.toml"],
        ["simulate", "-o", "x", "--size", "1"],
        ["simulate", "--size", "8"],
        ["simulate", "--size", "8", "-o", "x.nc"],
        ["downscale", "scene.nc", "-o", "x.nc"],
        ["simulate", "-o", "x", "--size", "8", "--date", "2020-07-20..2020-07-15"],
        ["simulate", "-o", "x", "--size", "8", "--date", "2020-07-15..2020-07-16..2020-07-17"],
    ],
)
def test_asked_wrongly(runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(cli, words)
    assert not list(tmp_path.iterdir())
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr


def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli.commands["info"], "callback", fail)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (GranuleError("is cut short", where="a.hdf", todo="download it again"), 1, "a.hdf: is cut short\n  download"),
        (ConfigError("sizes: not a number", where="c.toml"), 2, "c.toml: sizes: not a number"),
        (PermissionError(13, "Permission denied", "b.tif"), 1, "b.tif: Permission denied"),
        (MemoryError(), 1, "out of memory\n  A smaller --block"),
        (ZeroDivisionError("division by zero"), 1, "unexpected ZeroDivisionError: division by zero\n  This is a fault"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_are_one_or_two_lines(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    _failing(monkeypatch, error)
    result = runner.invoke(cli, ["info"])
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith(f"srdanet: {told}")
    assert len(result.stderr.splitlines()) <= 2


@pytest.mark.parametrize("words", [["-vv", "info"], ["info", "-vv"], ["-v", "-v", "info"], ["info", "-v", "-v"]])
def test_tracebacks_only_on_request(runner: CliRunner, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    _failing(monkeypatch, GranuleError("is cut short", where="a.hdf"))
    result = runner.invoke(cli, words)
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.endswith("srdanet: a.hdf: is cut short\n")
    assert result.exit_code == 1
    assert "Traceback" not in runner.invoke(cli, ["info", "-v"]).stderr


def test_log_follows_verbosity(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    def chatty(**_: object) -> None:
        log = logging.getLogger("srdanet.part")
        for level in ("debug", "info", "warning"):
            getattr(log, level)("a %s", level)

    monkeypatch.setattr(cli.commands["info"], "callback", chatty)
    said = [runner.invoke(cli, ["info", *flags]).stderr.splitlines() for flags in ([], ["-v"], ["-vv"])]
    assert [len(lines) for lines in said] == [1, 2, 3]
    assert said[0] == ["WARNING srdanet.part: a warning"]


def test_only_long_runs_say_how_far_they_are_when_piped(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(options, "monotonic", lambda: now)
    with options.progress() as show:
        read = show.under("reading")
        read("lst from a.hdf", 0, 2)
        read("lst from a.hdf", 1, 2)
        assert capfd.readouterr() == ("", "")
        now = 32.0
        read("albedo from b.hdf", 1, 2)
        read("albedo from b.hdf", 2, 2)
        now = 40.0
        for done in range(301):
            show("2x", done, 300)
            now += 0.5
    assert capfd.readouterr() == (
        "",
        "srdanet: 0:32 reading 2 of 2 albedo from b.hdf\n"
        "srdanet: 1:32 2x 104 of 300\nsrdanet: 2:32 2x 224 of 300\nsrdanet: 3:10 2x 300 of 300\n",
    )


def test_progress_is_drawn_on_stderr_for_people(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal gets no bars
    with options.progress() as show:
        assert show is not None
        for done in range(5):
            show("2x", done, 4)
    drawn = capfd.readouterr()
    assert drawn.out == ""
    assert "2x" in drawn.err


def test_a_reader_that_leaves_is_no_error() -> None:
    code = "import sys; sys.argv = ['srdanet', 'info']; from srdanet.cli import main; main()"
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    told = writer.stderr.read()
    writer.stderr.close()
    writer.wait()
    assert b"Traceback" not in told
    assert b"srdanet:" not in told


def test_training_without_torch_says_how_to_get_it(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("")
    code = f"import sys; sys.modules['torch'] = None; sys.argv = ['srdanet', 'train', {str(config)!r}]\n"
    done = _python(code + "from srdanet.cli import main; main()")
    assert done.returncode == 1
    assert "pip install 'srdanet[train]'" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_dates_are_read_in_both_forms() -> None:
    import datetime as dt

    context = click.Context(cli)
    option = click.Option(["--date"])
    for text in ("2020-07-15", "2020197"):
        assert options.read_date(context, option, text) == dt.date(2020, 7, 15)


def test_users_verbs_come_first_and_every_summary_is_whole(runner: CliRunner) -> None:
    told = runner.invoke(cli, ["--help"]).stdout
    titles = [told.index(f"{title}:\n") for title in cli.sections]
    assert titles == sorted(titles)
    assert told.index("  extract ") < told.index("  train ") < told.index("  simulate ")
    assert sorted(name for names in cli.sections.values() for name in names) == sorted(cli.commands)
    listed = told[titles[0] :].splitlines()
    for name, command in cli.commands.items():
        (line,) = [line for line in listed if line.startswith(f"  {name} ")]
        assert line.split(maxsplit=1)[1] == command.short_help, "one line, not cut off"
        assert command.short_help[0].isupper()
        assert command.short_help.endswith(".")


def _verbs(group: click.Group, *before: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found += _verbs(command, *before, name) if isinstance(command, click.Group) else [(*before, name)]
    return found


@pytest.mark.parametrize("verb", _verbs(cli), ids=" ".join)
def test_help_of_a_verb_is_its_own_help_and_every_verb_has_json(runner: CliRunner, verb: tuple[str, ...]) -> None:
    told = runner.invoke(cli, ["help", *verb]).stdout
    assert told == runner.invoke(cli, [*verb, "--help"]).stdout
    assert "--json" in told
    known = json.loads(runner.invoke(cli, ["help", *verb, "--json"]).stdout)
    assert known["name"] == verb[-1]


def test_help_of_what_is_no_verb(runner: CliRunner) -> None:
    told = runner.invoke(cli, ["help", "extrakt"])
    assert (told.exit_code, "Did you mean 'extract'?" in told.stderr) == (2, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_verbs_and_options(runner: CliRunner, shell: str) -> None:
    script = runner.invoke(cli, ["completion", shell]).stdout
    assert f"_SRDANET_COMPLETE={shell}_complete" in script
    for words, wanted in (("srdanet extr", "extract"), ("srdanet run --reg", "--region")):
        count = len(words.split()) - 1
        last = words.split()[-1]
        place = last if shell == "fish" else str(count)
        variables = {"COMP_WORDS": words, "COMP_CWORD": place, "_SRDANET_COMPLETE": f"{shell}_complete"}
        code = "from srdanet.__main__ import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, check=False
        )
        assert wanted in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "about"),
    [
        (["info", "absent.tif"], 1, {"class": "GranuleError", "where": "absent.tif"}),
        (["info", "--nonsense"], 2, {"class": "UsageError", "todo": None}),
        (["nonsense"], 2, {"class": "UsageError"}),
        (["downscale", "scene.nc"], 2, {"class": "UsageError"}),
        (["run", "absent", "-o", "out"], 2, {"class": "ArgumentError", "where": "absent"}),
    ],
)
def test_an_error_is_json_too_where_that_is_asked_for(
    runner: CliRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    about: dict[str, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(cli, [*words, "--json"])
    found = json.loads(result.stdout)
    assert (result.exit_code, found["exit_code"]) == (code, code)
    assert found["error"].items() >= about.items()
    assert found["error"]["what"].split()[0] in result.stderr, "people are told as before"
    assert runner.invoke(cli, words).stdout == ""


def test_an_error_after_the_result_does_not_make_two_results_of_it(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        options.emit("", {"there": True}, as_json=True)
        raise GranuleError("is cut short")

    monkeypatch.setattr(cli.commands["info"], "callback", fail)
    assert json.loads(runner.invoke(cli, ["info", "--json"]).stdout) == {"there": True}
