"""The command `srdanet`: a file a verb, each of which parses, calls and prints.

Only click is loaded here; each verb loads what it needs when it runs, so that `srdanet --help` is quick.
"""

from __future__ import annotations

import signal

import click

from srdanet.cli import options
from srdanet.cli.catalogue import catalogue
from srdanet.cli.compare import compare
from srdanet.cli.cube import cube
from srdanet.cli.demo import demo
from srdanet.cli.downscale import downscale
from srdanet.cli.evaluate import evaluate
from srdanet.cli.extract import extract
from srdanet.cli.fetch import fetch
from srdanet.cli.help import completion, show_help
from srdanet.cli.indices import indices
from srdanet.cli.info import info
from srdanet.cli.options import Verbs, verbose
from srdanet.cli.prepare import prepare
from srdanet.cli.publish import publish
from srdanet.cli.report import report
from srdanet.cli.run import run
from srdanet.cli.simulate import simulate
from srdanet.cli.status import status
from srdanet.cli.train import train
from srdanet.cli.validate import validate
from srdanet.cli.view import view

_EPILOG = "Exit codes: 0 done, 1 failed, 2 usage error. Results go to stdout, progress and messages to stderr."


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(package_name="srdanet", message="%(package)s %(version)s")
@verbose
def cli() -> None:
    """MODIS land surface temperature from 1 km to 500 m and 250 m with SRDA-Net."""


cli.add_section(
    "Products", fetch, prepare, downscale, run, status, extract, indices, cube, catalogue, report, view, validate,
    compare, info,
)  # fmt: skip
cli.add_section("First steps", demo, show_help, completion)
cli.add_section("Models and simulated data", evaluate, train, publish, simulate)


def main() -> None:
    """Run the command; SIGTERM is handled like Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, options.interrupt)
    cli(prog_name="srdanet")
