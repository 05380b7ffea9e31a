"""What all verbs share: common options, output streams, error messages, exit codes.

Results go to stdout, everything else to stderr, which stays silent when it is not a terminal. Exit codes: 0 done,
1 failed, 2 usage error, 130 interrupted.
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
from typing import TYPE_CHECKING, Any, NoReturn

import click

from srdanet.errors import ArgumentError, ConfigError, SrdanetError

if TYPE_CHECKING:
    from srdanet.arrays import Progress
    from srdanet.grid import Tile

_VERBOSITY = "srdanet.verbosity"
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)

Command = Callable[..., Any]


class Verbs(click.Group):
    """A group whose verbs end in one or two lines when they fail."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; errors become a message for people and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            _fail(ctx, "interrupted; no unfinished file was left behind", 130)
        except SrdanetError as error:
            _fail(ctx, str(error), 2 if isinstance(error, ArgumentError | ConfigError) else 1)
        except MemoryError:
            _fail(ctx, "out of memory\n  A smaller --block needs less.", 1)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # the reader of our output has left: click ends quietly
            _fail(ctx, f"{error.filename or 'system'}: {error.strerror or error}", 1)
        except Exception as error:
            message = f"unexpected {type(error).__name__}: {error}\n  This is a fault in srdanet; -vv shows where."
            _fail(ctx, message, 1)


def _fail(ctx: click.Context, message: str, code: int) -> NoReturn:
    """Say it on stderr and leave; with -vv the traceback comes first."""
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
    # GDAL remarks on every unusual tag of every file; what matters of it comes back as an error.
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
conserve = click.option(
    "--conserve/--no-conserve", default=False, show_default=True,
    help="Residual correction: reproduce the coarse LST exactly.",
)  # fmt: skip
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
scenes = click.option(
    "--scene", "scenes", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="SCENE",
    help="Scene with the 1 km LST, where it does not lie beside the products; may be repeated.",
)  # fmt: skip
data = click.option("--data", type=FOLDER, required=True, help="Folder of the data sets.")


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


def place_and_day(command: Command) -> Command:
    """`--tile`, `--date`, `--night`, `--platform`, `--time`: which LST among the files.

    The command gets them as `choice`, arguments of `srdanet.prepare.plan`.
    """

    @wraps(command)
    def with_choice(*, night: bool, **given: Any) -> Any:
        choice = {name: given.pop(name) for name in ("tile", "date", "platform", "time")}
        return command(choice={**choice, "day": not night}, **given)

    settled = "may be left out when all LST files share one."
    options = (
        click.option("--tile", callback=read_tile, metavar="hXXvYY", help=f"Tile; {settled}"),
        click.option("--date", callback=read_date, metavar="YYYY-MM-DD", help=f"Day of the overpass (UTC); {settled}"),
        click.option("--night", is_flag=True, help="Use the night LST instead of the day LST."),
        click.option("--platform", type=click.Choice(["terra", "aqua"]), help="Where files of both are given."),
        click.option("--time", "time", metavar="UTC", help="Overpass, where plain rasters do not give it."),
    )
    chosen: Command = with_choice
    for option in reversed(options):
        chosen = option(chosen)
    return chosen


def out(what: str, **more: Any) -> Callable[[Command], Command]:
    """`-o`: where the result goes."""
    path = click.Path(path_type=Path)
    return click.option("-o", "--out", type=path, metavar=what, help="Where the result goes.", **more)


def command_line() -> list[str]:
    """The command as the user gave it, for the record."""
    return ["srdanet", *sys.argv[1:]]


def emit(text: str, data: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a result on stdout: for people, or for programs."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False) if as_json else text)


@contextmanager
def progress() -> Iterator[Progress | None]:
    """A callback that draws bars on stderr; None when stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield show
