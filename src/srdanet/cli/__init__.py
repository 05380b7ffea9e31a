"""The command `srdanet`: verbs that parse, call and print, nothing else.

Only click is loaded here; each verb loads what it needs when it runs, so that
`srdanet --help` answers at once.
"""

from __future__ import annotations

import signal
from types import FrameType

import click

from srdanet.cli.demo import demo
from srdanet.cli.main_job import downscale, prepare
from srdanet.cli.manners import Verbs, verbose
from srdanet.cli.science import evaluate, publish, train
from srdanet.cli.show import info
from srdanet.cli.simulate import simulate

_EPILOG = "Exit codes: 0 done, 1 failed, 2 wrongly asked. Results go to stdout, progress and messages to stderr."


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(package_name="srdanet", message="%(package)s %(version)s")
@verbose
def cli() -> None:
    """MODIS land surface temperature from 1 km to 500 m and 250 m with SRDA-Net."""


for _verb in (prepare, downscale, train, publish, evaluate, simulate, demo, info):
    cli.add_command(_verb)


def main() -> None:
    """Entry point of the command; a polite kill ends as an interrupt does, cleaning up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    cli(prog_name="srdanet")
