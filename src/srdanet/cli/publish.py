"""`srdanet publish`: from a checkpoint to a model."""

from __future__ import annotations

from pathlib import Path

import click

from srdanet.cli import options


@click.command(short_help="Publish a checkpoint as a model with its card.")
@click.argument("checkpoint", type=options.FILE)
@options.data
@click.option("--version", required=True, help="The model's version.")
@options.out("FOLDER", required=True)
@options.as_json
@options.overwrite
@options.verbose
def publish(checkpoint: Path, data: Path, version: str, out: Path, as_json: bool, overwrite: bool) -> None:
    """Calibrate CHECKPOINT, evaluate it on the data kept apart, and write it as a bundle with its model card.

    CHECKPOINT is that of the last stage of a training run; needs the extra [train].
    """
    from srdanet.training import publish as make

    bundle, reports = make(checkpoint, out, data, version, overwrite=overwrite)
    lines = [line for report in reports for line in (*report.lines(), "")]
    facts = {"folder": str(bundle.folder), "sha256": bundle.sha256, "reports": [r.as_dict() for r in reports]}
    options.emit("\n".join([*lines, str(bundle.folder)]), facts, as_json=as_json)
