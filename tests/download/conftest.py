"""A server on loopback that misbehaves on request, and the archive's answers in their documented form."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from srdanet.download.tables import Service

CONTENT = bytes(range(256)) * 1200
"""300 kB, asymmetric."""
SIZE = len(CONTENT)
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
LOOPBACK = Service("the archive", hosts=("127.0.0.1",), remedy="Check the account.", loopback=True)
SECRET = "t0p-s3cret"

Answer = Callable[["Handler", int], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.seen.append((self.path, dict(self.headers)))
        count = sum(seen.partition("?")[0] == path for seen, _ in self.server.seen)
        self.close_connection = True
        self.server.answers[path](self, count)

    def head(self, status: int, **headers: Any) -> None:
        self.send_response(status)
        for name, value in {"Connection": "close", **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def serve(self, content: bytes = CONTENT, *, etag: str = '"one"', stop: int | None = None) -> None:
        """As a good server does; `stop` cuts the connection after so many bytes."""
        wanted = self.headers.get("Range")
        start = 0
        if wanted and self.headers.get("If-Range") == etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        length = len(content) - start
        if start:
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.head(206, Content_Length=length, Content_Range=span, ETag=etag)
        else:
            self.head(200, Content_Length=length, ETag=etag)
        self.wfile.write(content[start : start + stop] if stop is not None else content[start:])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is expected."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ummg(
    url: str, name: str, *, size: int | None = SIZE, checksum: str = MD5.removeprefix("md5:"), algorithm: str = "MD5"
) -> dict[str, Any]:
    """A granule as the catalogue gives it (UMM-G 1.6.6), with what is of no concern here beside it."""
    stem = name.rpartition(".")[0]
    about: dict[str, Any] = {"Name": name, "Checksum": {"Value": checksum, "Algorithm": algorithm}}
    about |= {"SizeInBytes": size} if size is not None else {"Size": 2.5, "SizeUnit": "MB"}
    return {
        "meta": {"concept-type": "granule", "concept-id": "G1-LPCLOUD", "native-id": stem, "provider-id": "LPCLOUD"},
        "umm": {
            "GranuleUR": stem,
            "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": "2020-07-15T00:00:00.000Z"}},
            "RelatedUrls": [
                {"URL": f"s3://lp-prod-protected/{stem}/{name}", "Type": "GET DATA VIA DIRECT ACCESS"},
                {"URL": f"{url}/{stem}.cmr.xml", "Type": "EXTENDED METADATA"},
                {"URL": f"{url}/BROWSE.{stem}.1.jpg", "Type": "GET RELATED VISUALIZATION"},
                {"URL": f"{url}/{name}", "Type": "GET DATA"},
            ],
            "DataGranule": {
                "DayNightFlag": "Both",
                "Identifiers": [{"Identifier": name, "IdentifierType": "ProducerGranuleId"}],
                "ProductionDateTime": "2020-07-20T09:32:45.000Z",
                "ArchiveAndDistributionInformation": [about, {"Name": f"{stem}.cmr.xml", "SizeInBytes": 9}],
            },
            "MetadataSpecification": {"Name": "UMM-G", "Version": "1.6.6"},
        },
    }


def granule_name(product: str, date: str, tile: str = "h18v04", version: str = "061", made: int = 2020200000000) -> str:
    day = dt.date.fromisoformat(date)
    end = "h5" if product.startswith("V") else "hdf"
    return f"{product}.A{day:%Y%j}.{tile}.{version}.{made}.{end}"
