"""`srdanet train`: from a configuration to a checkpoint."""

from __future__ import annotations

from pathlib import Path

import click

from srdanet.cli import options


@click.command(short_help="Train a model from a configuration file.")
@click.argument("config", type=options.FILE)
@click.option("--resume", is_flag=True, help="Skip finished stages and resume the run from its last checkpoint.")
@click.option("--hours", type=float, help="Stop after this time, at the next checkpoint.")
@options.as_json
@options.verbose
def train(config: Path, resume: bool, hours: float | None, as_json: bool) -> None:
    """Train a model as CONFIG (TOML) says, all its stages in order; needs the extra [train]."""
    from srdanet.training import train as run

    checkpoint = run(config, resume=resume, hours=hours)
    options.emit(str(checkpoint), {"checkpoint": str(checkpoint)}, as_json=as_json)
