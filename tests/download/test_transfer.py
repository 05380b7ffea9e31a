"""A server that misbehaves: the file is complete and right, or absent and the message says why."""

from __future__ import annotations

import email.utils
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from download.conftest import CONTENT, LOOPBACK, MD5, SECRET, SIZE, Handler, Server
from srdanet.download.tables import Service
from srdanet.download.transfer import Patience, safe_name, transfer
from srdanet.errors import AccessError, DownloadError, SrdanetError

NAME = "MOD11A1.A2020197.h18v04.061.2020200000000.hdf"


class Download:
    """One file from the server, with the waits it took instead of waiting."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.path = server, folder / NAME
        self.waits: list[float] = []

    def __call__(
        self, *, service: Service = LOOPBACK, size: int | None = SIZE, checksum: str = MD5, **more: Any
    ) -> None:
        limits: dict[str, Any] = {"tries": 4, "headway": 50_000, "silence": 5.0, **more}
        patience = Patience(sleep=self.waits.append, **limits)
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {SECRET}"
            transfer(session, f"{self.server.url}/{NAME}?sign={SECRET}", self.path, service,
                     size=size, checksum=checksum, patience=patience)  # fmt: skip

    def answer(self, *answers: Any) -> None:
        """One answer an attempt; the last one goes for all further."""
        self.server.answers[f"/{NAME}"] = lambda handler, n: answers[min(n, len(answers)) - 1](handler)

    def fails(self, kind: type[SrdanetError] = DownloadError, **how: Any) -> str:
        with pytest.raises(kind) as caught:
            self(**how)
        assert not self.path.exists()
        assert SECRET not in str(caught.value)
        assert self.server.url not in str(caught.value)
        return str(caught.value)

    @property
    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.server.seen]


@pytest.fixture
def download(server: Server, tmp_path: Path) -> Download:
    return Download(server, tmp_path)


def busy(status: int, wait: str | None = None) -> Any:
    return lambda handler: handler.head(status, Content_Length=0, **({"Retry_After": wait} if wait else {}))


def good(handler: Handler) -> None:
    handler.serve()


def cut(handler: Handler) -> None:
    handler.serve(stop=100_000)


def test_a_good_server(download: Download) -> None:
    download.answer(good)
    download()
    assert download.path.read_bytes() == CONTENT
    assert [path.name for path in download.path.parent.iterdir()] == [NAME]
    assert download.waits == []


def test_cut_connections_are_continued(download: Download) -> None:
    download.answer(cut, cut, good)
    download()
    assert download.path.read_bytes() == CONTENT
    assert download.ranges == [None, "bytes=100000-", "bytes=200000-"]


def test_a_later_run_continues(download: Download) -> None:
    download.answer(cut, lambda handler: handler.serve(stop=0))
    assert "4 attempts" in download.fails(headway=1 << 30)
    download.server.seen.clear()
    download.answer(good)
    download()
    assert download.path.read_bytes() == CONTENT
    assert download.ranges == ["bytes=100000-"]


def test_another_version_starts_anew(download: Download) -> None:
    old = bytes(SIZE)
    download.answer(lambda handler: handler.serve(old, etag='"old"', stop=100_000), good)
    download()
    assert download.path.read_bytes() == CONTENT


def test_parts_of_an_unnamed_version_are_not_continued(download: Download) -> None:
    def unnamed(handler: Handler) -> None:
        handler.head(200, Content_Length=SIZE, ETag='W/"weak"')
        handler.wfile.write(CONTENT[:100_000])

    download.answer(unnamed, good)
    download()
    assert download.ranges == [None, None]
    assert download.path.read_bytes() == CONTENT


@pytest.mark.parametrize("span", ["bytes 0-99999/307200", "bytes 100000-307199/999", "bytes 100001-307199/307200", ""])
def test_wrong_ranges_start_anew(download: Download, span: str) -> None:
    def wrong(handler: Handler) -> None:
        handler.head(206, Content_Length=10, Content_Range=span, ETag='"one"')
        handler.wfile.write(b"0123456789")

    download.answer(cut, wrong, good)
    download()
    assert download.path.read_bytes() == CONTENT
    assert download.ranges == [None, "bytes=100000-", None]


def test_a_server_that_has_no_rest(download: Download) -> None:
    download.answer(cut, lambda handler: handler.head(416, Content_Length=0), good)
    download()
    assert download.path.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [429, 503])
def test_busy_servers_say_how_long_to_wait(download: Download, status: int) -> None:
    download.answer(busy(status, "7"), good)
    download()
    assert download.waits == [7]


def test_the_wait_may_be_a_date(download: Download) -> None:
    download.answer(busy(503, email.utils.formatdate(time.time() + 90, usegmt=True)), good)
    download()
    assert 80 < download.waits[0] <= 90


def test_too_long_a_wait_is_refused(download: Download) -> None:
    download.answer(busy(429, "86400"))
    assert "86400 s" in download.fails()
    assert download.waits == []


def test_waits_grow_and_end(download: Download) -> None:
    download.answer(busy(500))
    assert "4 attempts; the last one: the server answered HTTP 500" in download.fails()
    assert len(download.waits) == 3
    assert all(0.75 * 2**n <= wait <= 1.25 * 2**n for n, wait in enumerate(download.waits))


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_not_tried_again(download: Download, status: int) -> None:
    download.answer(busy(status))
    assert "Check the account." in download.fails(AccessError)
    assert len(download.server.seen) == 1


def test_a_login_page_is_not_a_file(download: Download) -> None:
    def page(handler: Handler) -> None:
        handler.head(200, Content_Type="text/html; charset=utf-8", Content_Length=SIZE)
        handler.wfile.write(CONTENT)

    download.answer(page)
    assert "web page" in download.fails(AccessError)


def test_a_file_that_is_gone(download: Download) -> None:
    download.answer(busy(404))
    assert "HTTP 404" in download.fails()
    assert len(download.server.seen) == 1


def test_wrong_length(download: Download) -> None:
    download.answer(lambda handler: handler.serve(CONTENT[:-1]))
    assert "307199 bytes, but the archive states 307200" in download.fails()


def test_more_than_the_file(download: Download) -> None:
    def endless(handler: Handler) -> None:
        handler.head(200, ETag='"one"')
        handler.wfile.write(CONTENT + b"more")

    download.answer(endless)
    assert "more than the 307200 bytes" in download.fails()


def test_wrong_checksum_is_tried_once_more(download: Download) -> None:
    spoiled = CONTENT[:-1] + b"?"
    download.answer(lambda handler: handler.serve(spoiled), good)
    download()
    assert download.path.read_bytes() == CONTENT


def test_wrong_checksum_twice(download: Download) -> None:
    spoiled = CONTENT[:-1] + b"?"
    download.answer(lambda handler: handler.serve(spoiled))
    assert "another checksum" in download.fails()
    assert list(download.path.parent.iterdir()) == []


def test_redirects_end(download: Download) -> None:
    download.answer(lambda handler: handler.head(302, Location=f"/{NAME}?sign={SECRET}", Content_Length=0))
    assert "more than 10 redirects" in download.fails()
    assert len(download.server.seen) == 10


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("https://example.org/x.hdf", "example.org, which is not a host"),
        ("http://data.lpdaac.earthdatacloud.nasa.gov/x.hdf", "without encryption"),
        ("file:///etc/passwd", "without encryption"),
        ("https://127.0.0.1.example.org/x.hdf", "which is not a host"),
    ],
)
def test_redirects_lead_to_known_hosts(download: Download, target: str, message: str) -> None:
    download.answer(lambda handler: handler.head(302, Location=target, Content_Length=0))
    assert message in download.fails()


def test_only_the_service_sees_the_credentials(download: Download) -> None:
    """The server at 127.0.0.1 passes on to itself as localhost, which delivers but is not the service."""
    other = f"http://localhost:{download.server.server_port}/{NAME}"
    strict = Service("the archive", hosts=("127.0.0.1",), delivery=("localhost",), loopback=True)
    download.answer(lambda handler: handler.head(302, Location=other, Content_Length=0))
    assert "without encryption" in download.fails(service=strict)  # plain http is for 127.0.0.1 alone

    asked: list[dict[str, Any]] = []

    class Recorded(requests.Session):
        def get(self, url: str | bytes, **how: Any) -> requests.Response:  # type: ignore[override]
            asked.append({"url": url, **how})
            answer = requests.Response()
            answer.status_code = 302 if len(asked) == 1 else 404
            answer.headers["Location"] = "https://cdn.example.org/x"
            answer.url = str(url)
            answer._content_consumed = True  # there is no connection to close
            return answer

    service = Service("the archive", hosts=("data.example.org",), delivery=("cdn.example.org",))
    session = Recorded()
    session.headers["Authorization"] = f"Bearer {SECRET}"
    with pytest.raises(DownloadError, match="HTTP 404"):
        transfer(session, "https://data.example.org/x", download.path, service)
    assert ["Authorization" in one["headers"] for one in asked] == [False, True]
    assert asked[1]["headers"]["Authorization"] is None  # takes the session's own away
    sent = session.prepare_request(requests.Request("GET", "https://a.org", headers=asked[1]["headers"]))
    assert "Authorization" not in sent.headers


def test_a_trickle_ends(download: Download) -> None:
    def drip(handler: Handler) -> None:
        handler.head(200, Content_Length=SIZE, ETag='"one"')
        for n in range(100):
            handler.wfile.write(CONTENT[n : n + 1])
            handler.wfile.flush()
            time.sleep(0.02)

    download.answer(drip)
    start = time.monotonic()
    assert "too slow" in download.fails(tries=2, slow_after=0.2, slowest=10_000.0)
    assert time.monotonic() - start < 2


def test_silence_ends(download: Download) -> None:
    def silent(handler: Handler) -> None:
        handler.head(200, Content_Length=SIZE, ETag='"one"')
        handler.wfile.flush()
        time.sleep(0.6)

    download.answer(silent)
    assert "connection broke" in download.fails(tries=1, silence=0.2)


def test_nobody_there(download: Download) -> None:
    download.server.shutdown()
    download.server.server_close()
    assert "the connection failed" in download.fails(tries=2)


@pytest.mark.parametrize("name", ["../x.hdf", "a/b", "a\\b", ".x", "CON", "nul.txt", "a.", "a:b", "", "a b", "x" * 300])
def test_unsafe_names(name: str, server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="not a safe file name"):
        safe_name(name)


def test_safe_names() -> None:
    assert safe_name(NAME) == NAME
    assert safe_name("N43W121.SRTMGL1.hgt.zip")
