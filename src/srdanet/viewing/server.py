"""The viewer's server: an `Atlas` on the loopback interface of this machine, for one user.

Every address begins with a random token, so that no other page or user of the machine can guess one, and the `Host` of
each request must be this machine, so that no foreign name can be pointed at it. Addresses hold numbers and keys, which
are looked up in tables; none of them becomes a file name.
"""

from __future__ import annotations

import csv
import hmac
import io
import json
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from srdanet.errors import ArgumentError, SrdanetError
from srdanet.predictors.overpass import part_of_day
from srdanet.product.lines import Line
from srdanet.viewing.atlas import Atlas

HOST = "127.0.0.1"
"""The only address the viewer listens on."""
ASSETS = {
    "": ("view.html", "text/html; charset=utf-8"),
    "view.css": ("view.css", "text/css; charset=utf-8"),
    "view.js": ("view.js", "text/javascript; charset=utf-8"),
}
"""Address → file of `page/` and its type."""
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
_POLICY += "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """A body and its type."""

    body: bytes
    kind: str = "application/json"
    name: str | None = None
    """File name of a download."""


Query = dict[str, float]


def _json(data: Any) -> Answer:
    return Answer(json.dumps(data, allow_nan=False, separators=(",", ":")).encode())


def _lines(lines: list[Line]) -> Answer:
    return _json([{"x": line.x.round(2).tolist(), "y": line.y.round(2).tolist(), "text": line.text} for line in lines])


def _tile(atlas: Atlas, query: Query, place: str, date: str, key: str, size: str, row: str, col: str) -> Answer:
    tile = atlas.tile(int(place), int(date), key, int(size), int(row), int(col))
    return Answer(tile.tobytes(), "application/octet-stream")


def _series(atlas: Atlas, query: Query, place: str, row: str, col: str) -> Answer:
    return _json([asdict(point) for point in atlas.series(int(place), int(row), int(col))])


def _series_csv(atlas: Atlas, query: Query, place: str, row: str, col: str) -> Answer:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("time", "day", "lst_K", "lst_uncertainty_K", "quality"))
    for point in atlas.series(int(place), int(row), int(col)):
        values = ("" if value is None else f"{value:.3f}" for value in (point.lst, point.uncertainty))
        rows.writerow((point.time or "", part_of_day(point.day), *values, " ".join(point.flags)))
    name = f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', atlas.place(int(place)).name)}_row{row}_col{col}.csv"
    return Answer(text.getvalue().encode(), "text/csv; charset=utf-8", name)


def _crop(atlas: Atlas, query: Query, place: str, date: str, key: str) -> Answer:
    left, top, right, bottom = _window(query)
    rows, cols = slice(int(top), int(-(-bottom // 1))), slice(int(left), int(-(-right // 1)))
    body = atlas.crop(int(place), int(date), key, rows, cols)
    return Answer(body, "image/tiff", f"{atlas.entry(int(place), int(date)).stem}_{key}_part.tif")


def _window(query: Query) -> tuple[float, float, float, float]:
    missing = [name for name in ("x0", "y0", "x1", "y1") if not -1e6 < query.get(name, 1e7) < 1e6]
    if missing:
        raise ArgumentError(f"{', '.join(missing)} is missing or too large", todo="Give x0, y0, x1 and y1 in cells.")
    return query["x0"], query["y0"], query["x1"], query["y1"]


_N = r"(\d{1,6})"
_KEY = r"([a-z_]+-\d{1,6})"
ROUTES: tuple[tuple[re.Pattern[str], Callable[..., Answer]], ...] = tuple(
    (re.compile(pattern), handler)
    for pattern, handler in (
        ("contents", lambda atlas, query: _json(atlas.contents())),
        (f"about/{_N}/{_N}/{_KEY}", lambda atlas, query, p, d, key: _json(atlas.about(int(p), int(d), key))),
        (f"tile/{_N}/{_N}/{_KEY}/{_N}/{_N}/{_N}", _tile),
        (f"at/{_N}/{_N}/{_N}/{_N}", lambda atlas, query, *n: _json(atlas.at(*map(int, n)))),
        (f"series/{_N}/{_N}/{_N}", _series),
        (f"series/{_N}/{_N}/{_N}/csv", _series_csv),
        (f"graticule/{_N}", lambda atlas, query, p: _lines(atlas.graticule(int(p), *_window(query)))),
        (f"coast/{_N}", lambda atlas, query, p: _lines(atlas.coast(int(p)))),
        (f"crop/{_N}/{_N}/{_KEY}", _crop),
    )
)
"""Addresses after the token, and who answers them."""


def answer(atlas: Atlas, path: str, query: str) -> Answer | None:
    """The answer to an address; None where there is nothing.

    Args:
        atlas: The products.
        path: What follows the token.
        query: What follows the question mark; numbers.

    Raises:
        ArgumentError: when a number is out of range.
        GranuleError: when a file cannot be read.
    """
    if path in ASSETS:
        name, kind = ASSETS[path]
        return Answer(files("srdanet.viewing").joinpath("page", name).read_bytes(), kind)
    for pattern, handler in ROUTES:
        match = pattern.fullmatch(path)
        if match:
            return handler(atlas, _numbers(query), *match.groups())
    return None


def _numbers(query: str) -> Query:
    try:
        return {key: float(values[0]) for key, values in parse_qs(query, max_num_fields=8).items()}
    except ValueError as error:
        raise ArgumentError("the query does not hold numbers", todo="Give plain numbers.") from error


class ViewServer(ThreadingHTTPServer):
    """Serves one atlas until it is shut down.

    Args:
        atlas: The products.
        port: 0 takes any that is free.

    Raises:
        ArgumentError: when the port cannot be used.
    """

    daemon_threads = True

    def __init__(self, atlas: Atlas, port: int = 0) -> None:
        self.atlas, self.token = atlas, secrets.token_urlsafe(24)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            todo = "Choose another, or leave it out."
            raise ArgumentError(f"port {port} cannot be used ({error.strerror})", where="--port", todo=todo) from error

    def server_bind(self) -> None:
        """Bind without asking a name server what this machine is called, which may take seconds offline."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    @property
    def url(self) -> str:
        """Where the page is; whoever has it can see the products while the server runs."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves in the middle of an answer is no fault."""
        _LOG.debug("a request of %s was broken off", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: ViewServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "srdanet", ""
    timeout = 60

    def do_GET(self) -> None:
        """Answer one request."""
        there = urlsplit(self.path)
        token, slash, path = there.path.removeprefix("/").partition("/")
        port = self.server.server_port
        ours = self.headers.get("Host") in {f"{HOST}:{port}", f"localhost:{port}"}
        known = hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode())
        if not (ours and known and slash):
            self._say(HTTPStatus.NOT_FOUND, "There is nothing here. Use the whole address that srdanet view printed.")
            return
        try:
            found = answer(self.server.atlas, path, there.query)
        except ArgumentError as error:
            self._say(HTTPStatus.BAD_REQUEST, str(error))
        except SrdanetError as error:
            self._say(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        except Exception as error:
            _LOG.exception("%s", path)
            self._say(
                HTTPStatus.INTERNAL_SERVER_ERROR, f"Unexpected {type(error).__name__}. srdanet -vv view shows it."
            )
        else:
            if found is None:
                self._say(HTTPStatus.NOT_FOUND, "There is nothing here.")
            else:
                self._send(HTTPStatus.OK, found)

    def _say(self, status: HTTPStatus, text: str) -> None:
        self._send(status, Answer(json.dumps({"error": text}).encode()))

    def _send(self, status: HTTPStatus, found: Answer) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", found.kind)
        self.send_header("Content-Length", str(len(found.body)))
        if found.name:
            self.send_header("Content-Disposition", f'attachment; filename="{found.name}"')
        self.end_headers()
        self.wfile.write(found.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr; addresses hold the token, so that not even the log gets them."""
