"""What all verbs share: common options, output streams, error messages, exit codes.

Results go to stdout, everything else to stderr; where that is no terminal, only long runs say how far they are. Exit
codes: 0 done, 1 failed, 2 usage error, 130 interrupted.
"""

from __future__ import annotations

import datetime as dt
import errno
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from srdanet.errors import FLAGS, ArgumentError, ConfigError, SrdanetError

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from srdanet.arrays import Progress
    from srdanet.grid import Tile
    from srdanet.prepare.survey import Bounds
    from srdanet.production.execute import Executor, Limits

_INTERRUPTED = "interrupted; no unfinished file was left behind"
_VERBOSITY = "srdanet.verbosity"
_JSON, _EMITTED = "srdanet.json", "srdanet.emitted"
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)

_FLAGS = {"variable": "the variable as NAME=FILE:VARIABLE", "day": "--night"}
"""How arguments are spelled on the command line, where it is not the flag of the same name."""

Command = Callable[..., Any]
_interrupted = False


def interrupt(number: int, frame: FrameType | None) -> None:
    """Handle Ctrl-C and SIGTERM; kept in mind, because libraries in C turn the exception into others of their own."""
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


class Verbs(click.Group):
    """A group whose help lists verbs in sections, and whose verbs end in one or two lines when they fail.

    With --json the error is also on stdout, as an object `error` with `class`, `where`, `what` and `todo`.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.sections: dict[str, tuple[str, ...]] = {}

    def add_section(self, title: str, *verbs: click.Command) -> None:
        """Add verbs under a title, in the order in which the help lists them."""
        for verb in verbs:
            self.add_command(verb)
        self.sections[title] = tuple(str(verb.name) for verb in verbs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the verbs, section by section."""
        return [name for names in self.sections.values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section, all with one width of names."""
        wide = max(map(len, self.list_commands(ctx)))
        for title, names in self.sections.items():
            rows = [(name.ljust(wide), self.commands[name].get_short_help_str(100)) for name in names]
            with formatter.section(title):
                formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep in mind whether JSON is wanted, before anything can fail."""
        ctx.meta[_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; errors become a message for people and an exit code."""
        spelling = FLAGS.set(_FLAGS)
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            _as_json(ctx, error, error.format_message(), error.exit_code)
            raise
        except click.exceptions.Exit:
            raise
        except (KeyboardInterrupt, click.Abort) as error:
            _fail(ctx, error, _INTERRUPTED, 130)
        except SrdanetError as error:
            _fail(ctx, error, str(error), 2 if isinstance(error, ArgumentError | ConfigError) else 1)
        except MemoryError as error:
            _fail(ctx, error, "out of memory\n  A smaller --block needs less.", 1)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # the reader of our output has left: click ends quietly
            _fail(ctx, error, f"{error.filename or 'system'}: {error.strerror or error}", 1)
        except Exception as error:
            if _interrupted:
                _fail(ctx, error, _INTERRUPTED, 130)
            message = f"unexpected {type(error).__name__}: {error}\n  This is a fault in srdanet; -vv shows where."
            _fail(ctx, error, message, 1)
        finally:
            FLAGS.reset(spelling)


def _as_json(ctx: click.Context, error: BaseException, message: str, code: int) -> None:
    """Where JSON is wanted and no result has been printed, print the error as the result."""
    if not ctx.meta.get(_JSON) or ctx.meta.get(_EMITTED):
        return
    where = getattr(error, "where", None) or getattr(error, "filename", None)
    about = {
        "class": "UsageError" if isinstance(error, click.UsageError) else type(error).__name__,
        "where": None if where is None else str(where),
        "what": getattr(error, "what", message),
        "todo": getattr(error, "todo", None),
    }
    click.echo(json.dumps({"error": about, "exit_code": code}, ensure_ascii=False))


def _fail(ctx: click.Context, error: BaseException, message: str, code: int) -> NoReturn:
    """Say it on stderr and leave; with -vv the traceback comes first."""
    _as_json(ctx, error, message, code)
    if ctx.meta.get(_VERBOSITY, 0) >= 2:
        import traceback

        click.echo(traceback.format_exc(), err=True, nl=False)
    click.echo(f"srdanet: {message}", err=True)
    ctx.exit(code)


def _set_verbosity(ctx: click.Context, _: click.Parameter, count: int) -> None:
    """Set how much is logged; -v may stand before or after the verb."""
    level = max(ctx.meta.get(_VERBOSITY, 0), count)
    ctx.meta[_VERBOSITY] = level
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True)
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("srdanet").setLevel(_LEVELS[min(level, 2)])
    # GDAL warns about every unusual tag of every file; what matters comes back as an error.
    logging.getLogger("rasterio").setLevel(logging.WARNING if level else logging.ERROR)


verbose = click.option(
    "-v", "--verbose", count=True, expose_value=False, callback=_set_verbosity,
    help="Say more on stderr; -vv shows tracebacks.",
)  # fmt: skip
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
dry_run = click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
overwrite = click.option("--overwrite", is_flag=True, help="Replace existing files; otherwise they are kept.")
model = click.option(
    "--model", default="default", show_default=True, metavar="NAME|FOLDER",
    help="A shipped model, or the folder of a bundle.",
)  # fmt: skip
device = click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
    help="Where the network is computed; cuda: an NVIDIA GPU.",
)  # fmt: skip
conserve = click.option(
    "--conserve/--no-conserve", default=False, show_default=True,
    help="Residual correction: reproduce the coarse LST exactly.",
)  # fmt: skip
scheduler = click.option(
    "--scheduler", metavar="ADDRESS", help="Dask: tcp://HOST:PORT, or `local` for --workers on this machine."
)
FILES = (".nc", ".zarr", ".tif", ".tiff", ".png", ".json", ".csv", ".hdf", ".txt")
"""Endings that no folder for results has."""
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
scenes = click.option(
    "--scene", "scenes", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="SCENE",
    help="Scene with the 1 km LST, where it does not lie beside the products; may be repeated.",
)  # fmt: skip
data = click.option("--data", type=FOLDER, required=True, help="Folder of the data sets.")


def count_workers(workers: int | None, scheduler: str | None) -> int:
    """How many processes are asked for: one per core where nothing is said."""
    from srdanet.production.execute import cores

    if scheduler not in (None, "local") and workers is not None:
        todo = "Leave it out, or give --scheduler local."
        raise ArgumentError("a cluster has its own workers", where="--workers", todo=todo)
    return cores() if workers is None else workers


def threads_of(workers: int) -> int | None:
    """Threads of each process, so that together they use the cores once."""
    from srdanet.production.execute import cores

    return max(1, cores() // workers) if workers else None


def executor(workers: int, scheduler: str | None, limits: Limits) -> Executor:
    """Where pieces of work are done: a Dask cluster, processes of this machine, or this process."""
    from srdanet.production.execute import Dask, Processes, Serial

    if scheduler is not None:
        dask = Dask(None if scheduler == "local" else scheduler, max(1, workers), limits)
        click.echo(f"Dask dashboard: {dask.dashboard}", err=True)
        return dask
    if workers:
        return Processes(workers, limits)
    if limits.seconds is not None or limits.memory is not None:
        todo = "Give --workers 1 or more."
        raise ArgumentError("limits need a process of their own", where="--workers 0", todo=todo)
    return Serial()


def read_tile(_: click.Context, param: click.Parameter, value: str | None) -> Tile | None:
    """A MODIS tile, such as h26v05; a bad name is a usage error."""
    from srdanet.grid import Tile

    try:
        return None if value is None else Tile.parse(value)
    except ArgumentError as error:
        raise click.BadParameter(f"{error.what}. {error.todo}", param=param) from error


def read_date(_: click.Context, param: click.Parameter, value: str | None) -> dt.date | None:
    """A date as 2020-07-15 or, as in granule names, 2020197; a bad one is a usage error."""
    if value is None:
        return None
    for form in ("%Y-%m-%d", "%Y%j"):
        try:
            return dt.datetime.strptime(value, form).replace(tzinfo=dt.UTC).date()
        except ValueError:
            continue
    raise click.BadParameter(f"{value!r} is not a date. Write it like 2020-07-15 or 2020197.", param=param)


def read_dates(context: click.Context, param: click.Parameter, values: Sequence[str]) -> tuple[dt.date, ...]:
    """Dates as in `read_date`, or spans of them as FIRST..LAST, both included, in order and each once."""
    found: set[dt.date] = set()
    for value in values:
        ends = [read_date(context, param, end) for end in value.split("..")]
        first, last = ends[0], ends[-1]
        if first is None or last is None or len(ends) > 2 or last < first:
            message = f"{value!r} is not a span of dates. Write it like 2020-07-15..2020-07-20."
            raise click.BadParameter(message, param=param)
        found |= {first + dt.timedelta(days=n) for n in range((last - first).days + 1)}
    return tuple(sorted(found))


def read_bounds(_: click.Context, param: click.Parameter, value: str | None) -> Bounds | None:
    """Four numbers with commas between them; anything else is a usage error."""
    if value is None:
        return None
    try:
        west, south, east, north = map(float, value.split(","))
    except ValueError as error:
        message = f"{value!r} are no bounds. Write west,south,east,north in degrees, as in 5.0,45.0,5.3,45.2."
        raise click.BadParameter(message, param=param) from error
    return west, south, east, north


def ground(command: Command) -> Command:
    """`--region`, `--bounds`: the ground to cover, which the command gets as `region`, a geometry or None."""

    @wraps(command)
    def with_region(*, region: Path | None, bounds: Bounds | None, **given: Any) -> Any:
        from srdanet.readers.places import read_regions, region_of_bounds, together

        if region is not None and bounds is not None:
            raise click.UsageError("Give --region or --bounds, not both.")
        shape = None
        if region is not None:
            shape = together(read_regions(region))
        elif bounds is not None:
            shape = region_of_bounds(bounds).shape
        return command(region=shape, **given)

    chosen: Command = with_region
    about = "Cover what lies between these degrees alone."
    chosen = click.option("--bounds", callback=read_bounds, metavar="W,S,E,N", help=about)(chosen)
    return click.option("--region", type=FILE, metavar="FIELD.geojson", help="Cover this ground alone.")(chosen)


def layout(command: Command) -> Command:
    """`--format`, `--crs`, `--res`: how products are written, which the command gets as `layout`."""

    @wraps(command)
    def with_layout(*, file_format: str, crs: str | None, res: float | None, **given: Any) -> Any:
        from srdanet.product import Layout

        return command(layout=Layout(file_format, crs, res), **given)

    chosen: Command = with_layout
    for option in (
        click.option("--res", type=float, help="Cell size in units of --crs; default: about that of --to."),
        click.option("--crs", metavar="EPSG:CODE", help="Grid of the products; default: that of the LST."),
        click.option(
            "--format", "file_format", type=click.Choice(["cog", "netcdf", "zarr"]), default="cog", show_default=True,
            help="NetCDF-4 (CF-1.11) and Zarr hold a level in one file.",
        ),
    ):  # fmt: skip
        chosen = option(chosen)
    return chosen


def place_and_day(command: Command) -> Command:
    """`--tile`, `--date`, `--night`, `--platform`, `--time`, `--grid`: which LST among the files, and on which grid.

    The command gets them as `choice`, arguments of `srdanet.prepare.plan`.
    """

    @wraps(command)
    def with_choice(*, night: bool, **given: Any) -> Any:
        choice = {name: given.pop(name) for name in ("tile", "date", "platform", "time", "grid")}
        return command(choice={**choice, "day": not night}, **given)

    settled = "may be left out when all LST files share one."
    options = (
        click.option("--tile", callback=read_tile, metavar="hXXvYY", help=f"Tile, covered whole; {settled}"),
        click.option("--date", callback=read_date, metavar="YYYY-MM-DD", help=f"Day of the overpass (UTC); {settled}"),
        click.option("--night", is_flag=True, help="Use the night LST instead of the day LST."),
        click.option(
            "--platform",
            type=click.Choice(["terra", "aqua", "npp", "noaa20"]),
            help="Where files of several are given.",
        ),
        click.option("--time", "time", metavar="UTC", help="Overpass, where plain rasters do not give it."),
        click.option(
            "--grid", type=click.Choice(["modis", "utm"]),
            help="Grid for an LST raster; by default its own, if in metres, else UTM.",
        ),
    )  # fmt: skip
    chosen: Command = with_choice
    for option in reversed(options):
        chosen = option(chosen)
    return chosen


def out(what: str, **more: Any) -> Callable[[Command], Command]:
    """`-o`: where the result goes."""
    path = click.Path(path_type=Path)
    check = _read_folder if what == "FOLDER" else None
    return click.option("-o", "--out", type=path, metavar=what, help="Where the result goes.", callback=check, **more)


def _read_folder(_: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """A folder to write in; the name of a file is a usage error."""
    if value is not None and (value.is_file() or (value.suffix.lower() in FILES and not value.is_dir())):
        message = f"{str(value)!r} is the name of a file. Name a folder, such as {str(value.with_suffix(''))!r}."
        raise click.BadParameter(message, param=param)
    return value


def command_line() -> list[str]:
    """The command as the user gave it, for the record."""
    return ["srdanet", *sys.argv[1:]]


def emit(text: str, data: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a result on stdout: for people, or for programs."""
    click.get_current_context().meta[_EMITTED] = True
    click.echo(json.dumps(data, indent=2, ensure_ascii=False) if as_json else text)


class Show:
    """Shows progress on stderr; a `Progress`, to be called with what is being done, parts done and parts in all."""

    def __call__(self, name: str, done: int, total: int, part: str = "") -> None:
        """Show it; `part` names the part at hand, where parts have names."""
        raise NotImplementedError

    def under(self, name: str) -> Progress:
        """Progress of one thing whose parts have names, such as the files that are read."""
        return lambda part, done, total: self(name, done, total, part)


class _Bars(Show):
    """A bar for each step."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, name: str, done: int, total: int, part: str = "") -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total)
        text = f"{name} {part}".strip()
        self._bars.update(self._tasks[name], completed=done, total=total, description=text)


class _Lines(Show):
    """Lines for a log: nothing of a short run; of a long one a line at the end of each step, and one a minute."""

    quiet, pause = 30.0, 60.0
    """Seconds before the first line, and between two lines of one step."""

    def __init__(self) -> None:
        self._start = self._last = monotonic()
        self._done: dict[str, int] = {}

    def __call__(self, name: str, done: int, total: int, part: str = "") -> None:
        before, now = self._done.get(name, 0), monotonic()
        self._done[name] = done
        over = done > before and (bool(part) or done == total)
        if now - self._start < self.quiet or not (over or (done > before and now - self._last >= self.pause)):
            return
        self._last = now
        minutes, seconds = divmod(round(now - self._start), 60)
        click.echo(f"srdanet: {minutes}:{seconds:02d} {name} {done} of {total} {part}".rstrip(), err=True)


@contextmanager
def progress() -> Iterator[Show]:
    """What shows progress: bars where stderr is a terminal, else lines, of long runs only."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bars(bars)
