"""`train`, `publish`: how a model is made."""

from __future__ import annotations

from pathlib import Path

import click

from srdanet.cli.options import as_json, emit, out, verbose


@click.command(short_help="Train a model; needs the extra [train].")
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of the same run.")
@click.option("--hours", type=float, help="Stop after this time, at the next checkpoint.")
@as_json
@verbose
def train(config: Path, resume: bool, hours: float | None, as_json: bool) -> None:
    """Train a model as CONFIG (TOML) says; needs the extra [train]."""
    from srdanet.training import train as run

    checkpoint = run(config, resume=resume, hours=hours)
    emit(str(checkpoint), {"checkpoint": str(checkpoint)}, as_json=as_json)


@click.command(short_help="Make a checkpoint a model with its card; needs the extra [train].")
@click.argument("checkpoint", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True, help="Data sets.")
@click.option("--version", required=True, help="The model's version.")
@out("FOLDER", required=True)
@as_json
@verbose
def publish(checkpoint: Path, data: Path, version: str, out: Path, as_json: bool) -> None:
    """Calibrate CHECKPOINT, judge it on the data kept apart, and write it as a bundle with its model card."""
    from srdanet.training import publish as make

    bundle, reports = make(checkpoint, out, data, version)
    lines = [line for report in reports for line in (*report.lines(), "")]
    facts = {"folder": str(bundle.folder), "sha256": bundle.sha256, "reports": [r.as_dict() for r in reports]}
    emit("\n".join([*lines, str(bundle.folder)]), facts, as_json=as_json)
