"""`srdanet view`: a map of products in the browser, from this machine alone."""

from __future__ import annotations

from pathlib import Path

import click

from srdanet.cli import options


@click.command(short_help="Look at products on a map in the browser.")
@click.argument("folder", type=options.FOLDER, metavar="DIR")
@options.scenes
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; by default any free one.")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page in the browser.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON.")
@options.verbose
def view(folder: Path, scenes: tuple[Path, ...], port: int, browser: bool, as_json: bool) -> None:
    """Look at the products in DIR on a map: pan, zoom, compare 1 km with 250 m, go through the dates.

    Prints the address of the page, which only this machine can reach, and serves it until Ctrl-C. Nothing is loaded
    from the internet.
    """
    from srdanet.viewing import Catalogue
    from srdanet.viewing.atlas import Atlas
    from srdanet.viewing.server import ViewServer

    atlas = Atlas(Catalogue.of(folder, scenes))
    try:
        with ViewServer(atlas, port) as server:
            options.emit(server.url, {"url": server.url}, as_json=as_json)
            click.echo("Stop with Ctrl-C.", err=True)
            if browser:
                click.launch(server.url)
            server.serve_forever()
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
    finally:
        atlas.close()
