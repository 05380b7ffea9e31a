"""`srdanet report`: a page on each product of a folder."""

from __future__ import annotations

from pathlib import Path

import click

from srdanet.cli import options


@click.command(short_help="Write a self-contained HTML report of each product.")
@click.argument("folder", type=options.FOLDER, metavar="DIR")
@options.scenes
@options.out("FOLDER")
@options.as_json
@options.overwrite
@options.verbose
def report(folder: Path, scenes: tuple[Path, ...], out: Path | None, as_json: bool, overwrite: bool) -> None:
    """Write a report of each product in DIR: one HTML page that needs no other file.

    It shows the 1 km LST, bicubic interpolation and the product side by side, uncertainty, quality, distribution,
    spectra, closure, overshoot, tables and provenance. The page goes beside the product, or to FOLDER.
    """
    from srdanet.atomic import refuse_existing
    from srdanet.viewing import Catalogue, write_report
    from srdanet.viewing.report import report_path

    entries = Catalogue.of(folder, scenes).entries
    refuse_existing([report_path(entry, out) for entry in entries], overwrite=overwrite)
    with options.progress() as show:
        pages = []
        for number, entry in enumerate(entries):
            pages.append(str(write_report(entry, out, overwrite=overwrite)))
            show("reports", number + 1, len(entries))
    options.emit("\n".join(pages), {"reports": pages}, as_json=as_json)
