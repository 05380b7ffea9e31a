"""One file from a service to disk: complete and verified, or absent.

What has arrived is kept under a hidden name beside the file's place, with a note of which version of which file it is a
part of; a later attempt, or a later run, asks for the rest (`Range` with `If-Range`) and starts anew where the server
answers with anything else. Redirects are followed here, one at a time: each must lead by https to a host that the
service is known to use, and only the service's own hosts see the credentials. Addresses are signed and would give
access to whoever reads them, so messages name hosts and files, never addresses.

Source: RFC 9110 (ranges, `If-Range`, `Retry-After`).
"""

from __future__ import annotations

import email.utils
import json
import logging
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from srdanet.arrays import Progress, silent
from srdanet.atomic import replacing, settle, write_errors
from srdanet.download.tables import Service
from srdanet.errors import AccessError, DownloadError, GranuleError
from srdanet.readers.checksum import Expected

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 18
_HOPS = 10
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True)
class Patience:
    """How long a transfer may take, and how often it is tried again."""

    tries: int = 6
    """Failures in a row, without headway between them, after which a file is given up."""
    headway: int = 1 << 20
    """Bytes that count as headway."""
    first_wait: float = 1.0
    """Seconds before the second attempt; doubled for each further one."""
    longest_wait: float = 600.0
    """Seconds that a server may ask us to wait."""
    connect: float = 15.0
    silence: float = 60.0
    """Seconds without a byte after which a connection counts as dead."""
    slow_after: float = 60.0
    """Seconds over which the speed is measured."""
    slowest: float = 2000.0
    """Bytes per second below which a connection counts as dead."""
    sleep: Callable[[float], None] = time.sleep


class _TryAgainError(Exception):
    """An attempt failed in a way that another one may not."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.wait = reason, wait


def safe_name(name: str) -> str:
    """A file name that is safe on every system, as it is.

    Raises:
        DownloadError: when it has separators, leads out of the folder, or is reserved (Windows: `CON`, `a.`, `a:b`).
    """
    if not _SAFE.fullmatch(name) or name.endswith(".") or _DEVICES.fullmatch(name):
        raise DownloadError("is not a safe file name", where=f"{name[:80]!r}", todo="Download this file by hand.")
    return name


def transfer(
    session: Any,
    url: str,
    path: Path,
    service: Service,
    *,
    size: int | None = None,
    checksum: str = "",
    patience: Patience | None = None,
    progress: Progress = silent,
) -> None:
    """Download a file, continuing what an earlier attempt left.

    Args:
        session: A `requests.Session`, whose `Authorization` header goes to the service's own hosts only.
        url: Its address.
        path: Where it goes; its folder is made.
        service: Who serves it.
        size: Bytes, where known.
        checksum: `algorithm:value`, where known.
        patience: Limits.
        progress: Told the bytes that are there, and all.

    Raises:
        AccessError: when the service refuses the credentials.
        DownloadError: when the file does not come, or comes with another size or checksum, or from another host.
        OutputError: when it cannot be written.
    """
    safe_name(path.name)
    with write_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(path, size, checksum)
    limits = patience or Patience()
    attempt = _Attempt(session, url, service, limits, progress)
    failures = spoiled = 0
    while True:
        before = part.length
        try:
            attempt.run(part)
            part.check()
            break
        except GranuleError:
            part.discard()
            spoiled += 1
            if spoiled > 1:
                what = "came twice with another checksum than the archive states"
                raise DownloadError(
                    what, where=path.name, todo="Try again later, or report it to the archive."
                ) from None
            _LOG.info("%s: the checksum differs; once more from the beginning", path.name)
        except _TryAgainError as trouble:
            failures = 1 if part.length - before >= limits.headway else failures + 1
            if failures >= limits.tries:
                what = f"did not come in {failures} attempts; the last one: {trouble.reason}"
                todo = "Run the command again: what has arrived is kept, and the rest is asked for."
                raise DownloadError(what, where=path.name, todo=todo) from None
            wait = trouble.wait
            if wait is None:
                wait = limits.first_wait * 2 ** (failures - 1) * random.uniform(0.75, 1.25)  # noqa: S311 spreads the calls, hides nothing
            if wait > limits.longest_wait:
                what = f"{service.name} asks to wait {wait:.0f} s ({trouble.reason})"
                raise DownloadError(what, where=path.name, todo="Run the command again then.") from None
            _LOG.info("%s: %s; again in %.0f s", path.name, trouble.reason, wait)
            limits.sleep(wait)
    part.finish()


class _Part:
    """What has arrived of a file, and the note that says of which version it is."""

    def __init__(self, path: Path, size: int | None, checksum: str) -> None:
        self.path, self.size, self.checksum = path, size, checksum
        self.file = path.with_name(f".{path.name}.part")
        self.note = path.with_name(f".{path.name}.part.json")

    @property
    def length(self) -> int:
        """Bytes that are there."""
        return self.file.stat().st_size if self.file.is_file() else 0

    @property
    def validator(self) -> str:
        """What the server called the version that has begun to arrive; empty where it is not known, or not ours."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
            known = (note["size"], note["checksum"]) == (self.size, self.checksum)
            return str(note["validator"]) if known else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, validator: str) -> None:
        """Start anew with a version."""
        self.discard()
        if validator:
            with replacing(self.note, overwrite=True) as note:
                known = {"validator": validator, "size": self.size, "checksum": self.checksum}
                note.write_text(json.dumps(known), encoding="utf-8")
        self.file.touch()

    def discard(self) -> None:
        self.file.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def check(self) -> None:
        """Raise GranuleError when the checksum is not the one stated."""
        if self.checksum:
            Expected.parse(self.checksum, "the archive").verify(self.file)

    def finish(self) -> None:
        settle(self.file, self.path)
        self.note.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Attempt:
    """How to ask for a file once."""

    session: Any
    url: str
    service: Service
    limits: Patience
    progress: Progress

    def run(self, part: _Part) -> None:
        """Ask for what is not there yet, and write it; the file is complete when this returns."""
        import requests

        have, validator = part.length, part.validator
        if not validator or (part.size is not None and have > part.size):
            part.discard()
            have = 0
        if part.size is not None and have == part.size:
            return
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": validator}
        try:
            with self._follow(headers) as answer:
                total = self._accept(answer, part, have)
                self._receive(answer, part, total)
        except requests.RequestException as error:
            raise _TryAgainError(f"the connection failed ({type(error).__name__})") from None

    def _follow(self, headers: dict[str, str]) -> Any:
        """The answer at the end of the redirects."""
        url = self.url
        for hop in range(_HOPS):
            parts = urlsplit(url)
            host = parts.hostname or ""
            loopback = self.service.loopback and host == "127.0.0.1"
            if not (parts.scheme == "https" or (loopback and parts.scheme == "http")):
                raise self._refused(f"leads to {host or 'an address'} without encryption")
            trusted = self.service.serves(host)
            if not (trusted or (hop and self.service.allows(host))):
                raise self._refused(f"leads to {host}, which is not a host of {self.service.name}")
            # None takes the session's header away; the auth that changes nothing keeps netrc's default entry out.
            credentials = {} if trusted else {"Authorization": None}
            answer = self.session.get(
                url, headers={**headers, **credentials}, auth=_as_it_is, stream=True, allow_redirects=False,
                timeout=(self.limits.connect, self.limits.silence),
            )  # fmt: skip
            if answer.status_code not in (301, 302, 303, 307, 308) or "Location" not in answer.headers:
                return answer
            answer.close()
            url = urljoin(url, answer.headers["Location"])
        raise self._refused(f"leads through more than {_HOPS} redirects")

    def _accept(self, answer: Any, part: _Part, have: int) -> int | None:
        """Judge the head of an answer; the length of the whole file, where it is known."""
        status, host = answer.status_code, urlsplit(answer.url).hostname or ""
        name = part.path.name
        if status in (401, 403) and self.service.serves(host):
            what = f"{self.service.name} refused access (HTTP {status})"
            raise AccessError(what, where=name, todo=self.service.remedy)
        if status in (404, 410):
            raise DownloadError(f"is not there any more (HTTP {status})", where=name, todo="Search again.")
        if status == 416:
            part.discard()
            raise _TryAgainError("the server does not have the rest", wait=0)
        if status in (429, 503):
            raise _TryAgainError(f"the server is busy (HTTP {status})", wait=_retry_after(answer))
        if status not in (200, 206):
            raise _TryAgainError(f"the server answered HTTP {status}")
        if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
            what = f"{self.service.name} sent a web page instead of the file"
            raise AccessError(what, where=name, todo=self.service.remedy)
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise _TryAgainError("the server packed the file")
        if status == 206:
            match = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            total = int(match[3]) if match and match[3] != "*" else part.size
            if not have or match is None or int(match[1]) != have or (part.size or total) != total:
                part.discard()
                raise _TryAgainError("the server sent another range than was asked for", wait=0)
            return total
        length = answer.headers.get("Content-Length")
        total = int(length) if length and length.isdigit() else part.size
        if part.size is not None and total != part.size:
            raise _TryAgainError(f"the file has {total} bytes, but the archive states {part.size}")
        part.begin(_validator(answer))
        return total

    def _receive(self, answer: Any, part: _Part, total: int | None) -> None:
        """Append what comes; raise when it is not all, or more than all, or too slow."""
        from urllib3.exceptions import HTTPError

        done = part.length
        since, then = time.monotonic(), done
        with write_errors(part.path), part.file.open("ab") as file:
            while True:
                try:
                    # Unlike `read`, this returns with what is there, so that a trickle is noticed.
                    chunk = answer.raw.read1(_CHUNK)
                except (HTTPError, OSError) as error:
                    raise _TryAgainError(f"the connection broke ({type(error).__name__})") from None
                if not chunk:
                    break
                done += len(chunk)
                if total is not None and done > total:
                    break
                file.write(chunk)
                self.progress(part.path.name, done, total or done)
                now = time.monotonic()
                if now - since >= self.limits.slow_after:
                    if done - then < self.limits.slowest * (now - since):
                        raise _TryAgainError("the connection was too slow")
                    since, then = now, done
        if total is not None and done > total:
            part.discard()
            raise _TryAgainError(f"more than the {total} bytes of the file came")
        if total is not None and done < total:
            raise _TryAgainError(f"{done} of {total} bytes came")

    def _refused(self, what: str) -> DownloadError:
        name = urlsplit(self.url).path.rpartition("/")[2]
        return DownloadError(what, where=name, todo="Download this file by hand, or try again later.")


def _as_it_is(request: Any) -> Any:
    return request


def _validator(answer: Any) -> str:
    """What `If-Range` may name: a strong ETag, else the time of the last change."""
    etag = str(answer.headers.get("ETag", ""))
    return etag if etag and not etag.startswith("W/") else str(answer.headers.get("Last-Modified", ""))


def _retry_after(answer: Any) -> float | None:
    """Seconds that the server asks to wait; None where it does not say."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
