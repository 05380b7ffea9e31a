"""`srdanet compare`: methods beside one another on a user's own images, or on the real and simulated data sets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from srdanet.cli import options
from srdanet.errors import ArgumentError

if TYPE_CHECKING:
    from srdanet.evaluation.comparison import Scores, Table
    from srdanet.evaluation.methods import Chooser
    from srdanet.production.execute import Executor


class _Compare(click.Command):
    """A command whose `--truth` takes all the files that follow it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given: list[str] = []
        truth = False
        for word in args:
            if truth and not word.startswith("-") and given[-1] != "--truth":
                given.append("--truth")
            truth = word == "--truth" or (truth and not word.startswith("-"))
            given.append(word)
        return super().parse_args(ctx, given)


@click.command(cls=_Compare, short_help="Compare methods on images whose finer truth is known.")
@click.argument("coarse", nargs=-1, metavar="[COARSE...]")
@click.option("--truth", multiple=True, metavar="FINE...", help="The finer LST of each COARSE, in the same order.")
@click.option(
    "--method", "methods", multiple=True, metavar="NAME|FOLDER|MODULE:FUNCTION",
    help="A method of --list, a bundle's folder, or your own function (module or file.py); may be repeated.  "
    "[default: all of --list that run here]",
)  # fmt: skip
@click.option("--set", "sets", multiple=True, metavar="NAME", help="A data set instead of COARSE; or `all`.")
@click.option("--data", type=options.FOLDER, help="Folder of the data sets.")
@click.option("--scenes", type=click.IntRange(1), default=16, show_default=True, help="How many simulated scenes.")
@click.option("--same-sensor", is_flag=True, help="COARSE and FINE are of one sensor, or one was made of the other.")
@click.option("--factor", type=click.IntRange(2), help="How many times finer FINE is taken.  [default: 4, else 2]")
@click.option("--sums", type=options.FILE, multiple=True, help="Add what another comparison counted (its sums.json).")
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Processes that share the scenes; 0: this one alone.",
)
@options.scheduler
@click.option(
    "--with-external", "external", type=options.FILE, metavar="PYTHON",
    help="Run python_dms too, with the Python of its own environment.",
)  # fmt: skip
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw figures in FOLDER.")
@click.option("--list", "list_methods", is_flag=True, help="Name the methods, their references and what they need.")
@options.place_and_day
@options.out("FOLDER")
@options.as_json
@options.overwrite
@options.verbose
def compare(
    coarse: tuple[str, ...],
    truth: tuple[str, ...],
    methods: tuple[str, ...],
    sets: tuple[str, ...],
    data: Path | None,
    scenes: int,
    same_sensor: bool,
    factor: int | None,
    sums: tuple[Path, ...],
    workers: int,
    scheduler: str | None,
    external: Path | None,
    figures: bool,
    list_methods: bool,
    choice: dict[str, Any],
    out: Path | None,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Compare methods on COARSE images whose FINE truth is known, or on data sets.

    COARSE is a scene, an LST raster, a folder of these, or the FILES of one scene as in `downscale` (lst=FILE
    ndvi=FILE). FOLDER gets comparison.csv (every metric), tests.csv (paired tests), comparison.json, sums.json (what
    was counted, to be added to by --sums) and figures.
    """
    from srdanet.evaluation import tables as text
    from srdanet.evaluation.methods import known_methods

    if list_methods:
        _list(as_json=as_json)
        return
    if bool(coarse) != bool(truth) or not (coarse or sets or sums):
        raise click.UsageError("Give COARSE... --truth FINE..., or --set NAME, or --list.")
    paths = _outputs(out, figures=figures, overwrite=overwrite)
    names = methods or tuple(about.name for about in known_methods() if about.installed)
    with _executor(workers, scheduler) as executor:
        found = _count(
            _choosers(names, external), coarse, truth, sets, data, scenes, same_sensor, factor, choice, sums, executor
        )
    made = _tables(found)
    plain = text.as_dict(made, list(dict.fromkeys(name for scores in found.values() for name in scores.methods)))
    if paths:
        _write(paths, found, made, plain, overwrite=overwrite)
    if as_json:
        options.emit("", plain, as_json=True)
        return
    _print(made, detail=bool(coarse))
    for path in paths.values():
        click.echo(str(path))


def _list(*, as_json: bool) -> None:
    from srdanet.evaluation.methods import known_methods

    every = known_methods()
    wide, long = (max(len(getattr(about, part)) for about in every) for part in ("name", "reference"))
    lines = [f"{a.name:{wide}}  {a.reference:{long}}  needs {a.needs}{_absent(a.installed)}" for a in every]
    plain = {a.name: {"reference": a.reference, "needs": a.needs, "installed": a.installed} for a in every}
    options.emit("\n".join(lines), plain, as_json=as_json)


def _absent(installed: bool) -> str:
    return "" if installed else " (not installed)"


def _choosers(names: Iterable[str], external: Path | None) -> dict[str, Chooser]:
    """Name to what chooses the method for a scene; bicubic is always among them, in its place."""
    from srdanet.evaluation.external import PythonDms
    from srdanet.evaluation.methods import ABOUT, find_chooser

    found = dict(find_chooser(name) for name in names)
    found.setdefault(*find_chooser("bicubic"))
    if external is not None:
        own = PythonDms(external)
        found[own.name] = own.choose
    order = list(ABOUT)
    return dict(sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def _count(
    choosers: dict[str, Chooser],
    coarse: tuple[str, ...],
    truth: tuple[str, ...],
    sets: tuple[str, ...],
    data: Path | None,
    scenes: int,
    same_sensor: bool,
    factor: int | None,
    choice: dict[str, Any],
    sums: tuple[Path, ...],
    executor: Executor | None,
) -> dict[str, Scores]:
    """What was counted on each set, and what earlier comparisons counted added to it."""
    from srdanet.evaluation.comparison import Scores, compare
    from srdanet.evaluation.pairs import read_pairs
    from srdanet.evaluation.sets import SETS, find_set

    found: dict[str, Scores] = {}
    names = tuple(SETS) if sets == ("all",) else sets
    jobs = [(name, find_set(name)) for name in names]
    with options.progress() as show:

        def gather(name: str, parts: Iterable[Scores]) -> None:
            for number, part in enumerate(parts, start=1):
                found[name] = found.get(name, Scores()) + part
                show(f"{name}, scenes", number, max(number, 2))

        for name, chosen in jobs:
            gather(name, compare(choosers, chosen.read(data, scenes), series=chosen.series, executor=executor))
        if coarse:
            pairs = read_pairs(coarse, truth, same_sensor=same_sensor, factor=factor, **choice)
            gather("own", compare(choosers, pairs, series=len(truth) > 1, executor=executor))
    for path in sums:
        for name, part in _read_sums(path).items():
            found[name] = found.get(name, Scores()) + part
    return found


@contextmanager
def _executor(workers: int, scheduler: str | None) -> Iterator[Executor | None]:
    """Where scenes are scored; None for this process."""
    if not workers and scheduler is None:
        yield None
        return
    from srdanet.production.execute import Limits

    count = options.count_workers(workers or None, scheduler)
    executor = options.executor(count, scheduler, Limits(threads=options.threads_of(count)))
    try:
        yield executor
    finally:
        executor.close()


def _read_sums(path: Path) -> dict[str, Scores]:
    from srdanet.evaluation.comparison import Scores

    try:
        return {name: Scores.from_dict(part) for name, part in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as error:
        what = f"is not what a comparison counted ({error})"
        raise ArgumentError(what, where=path, todo="Give a file sums.json of `srdanet compare`.") from error


def _tables(found: dict[str, Scores]) -> list[Table]:
    from srdanet.evaluation.comparison import tables
    from srdanet.evaluation.sets import find_set

    made: list[Table] = []
    for name, scores in found.items():
        if name == "own":
            groups = {key.group for key in scores.scenes}
            made += tables(scores, name, "own images", cases=1 < len(groups) <= 8)
        else:
            chosen = find_set(name)
            made += tables(scores, name, chosen.about, cases=chosen.cases)
    return made


def _outputs(out: Path | None, *, figures: bool, overwrite: bool) -> dict[str, Path]:
    """The files to be written, none of which may exist."""
    from srdanet.atomic import refuse_existing

    if out is None:
        return {}
    files = ("comparison.csv", "tests.csv", "comparison.json", "sums.json")
    paths = {name: out / name for name in (*files, *(("ratios.png", "spectra.png") if figures else ()))}
    refuse_existing(list(paths.values()), overwrite=overwrite)
    return paths


def _write(
    paths: dict[str, Path], found: dict[str, Scores], made: list[Table], plain: dict[str, Any], *, overwrite: bool
) -> None:
    from srdanet.atomic import replacing
    from srdanet.evaluation import tables as text
    from srdanet.evaluation.figures import draw_ratios, draw_spectra

    contents = {
        "comparison.csv": text.as_csv(made),
        "tests.csv": text.tests_as_csv(made),
        "comparison.json": json.dumps(plain, indent=1, ensure_ascii=False) + "\n",
        "sums.json": json.dumps({name: scores.as_dict() for name, scores in found.items()}) + "\n",
    }
    paths["sums.json"].parent.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        with replacing(paths[name], overwrite=overwrite) as hidden:
            hidden.write_text(content, encoding="utf-8")
    for name, draw in (("ratios.png", draw_ratios), ("spectra.png", draw_spectra)):
        if name in paths:
            with replacing(paths[name], overwrite=overwrite) as hidden:
                draw(hidden, plain)


def _print(made: list[Table], *, detail: bool) -> None:
    """Tables for a terminal, wide enough for their columns where the output is a file."""
    from rich.console import Console

    from srdanet.evaluation.tables import as_rich

    console = Console(width=None if Console().is_terminal else 200)
    for table in made:
        for shown in as_rich(table, strata=detail):
            console.print(shown)
