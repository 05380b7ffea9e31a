"""A plan carried out: what is there is kept, what is damaged or missing is downloaded, each file complete or absent."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srdanet.arrays import Progress, silent
from srdanet.atomic import replacing, write_errors
from srdanet.download.plan import FetchPlan, RemoteFile, megabytes
from srdanet.download.tables import CLIMATE_STORE, EARTHDATA, Service
from srdanet.download.transfer import Patience, transfer
from srdanet.download.weather import WeatherRequest, check_key, request_weather
from srdanet.errors import AccessError, DownloadError, GranuleError, OutputError, extra
from srdanet.readers.checksum import Expected

_LOG = logging.getLogger(__name__)
_LOCK = ".srdanet-fetch.lock"
_STARTS = (b"PK\x03\x04", b"CDF\x01", b"CDF\x02", b"\x89HDF", b"GRIB")
"""First bytes of what the Climate Data Store may send."""


@dataclass(frozen=True)
class Outcome:
    """What came of a plan; paths are below the folder."""

    done: tuple[str, ...]
    kept: tuple[str, ...]
    """What was there already, verified by size and checksum as far as they are known."""
    failed: tuple[tuple[str, DownloadError], ...]


def already_there(plan: FetchPlan, folder: Path) -> tuple[str, ...]:
    """Paths of a plan at which a complete file lies; sizes and checksums are compared where they are known."""
    files = [file.path for file in plan.files if _is_good(folder / file.path, file)]
    return (*files, *(request.path for request in plan.requests if (folder / request.path).is_file()))


def carry_out(
    plan: FetchPlan,
    folder: str | Path,
    *,
    session: Any = None,
    archive: Service = EARTHDATA,
    store: Service = CLIMATE_STORE,
    patience: Patience | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Download the files of a plan.

    Args:
        plan: From `plan_fetch`.
        folder: Where they go, in a folder for each product.
        session: A `requests.Session` that the archive accepts; by default one of earthaccess, which looks for
            credentials in the environment, in netrc and, at a terminal, asks for them. Nothing of them is kept.
        archive: Who serves the files.
        store: Who serves the weather.
        patience: Limits of each transfer.
        progress: Told the bytes of each file.

    Returns:
        What was done; files that failed do not hinder others.

    Raises:
        AccessError: when credentials are missing or refused, which hinders all files.
        MissingExtraError: when earthaccess or cdsapi is not installed.
        OutputError: when the folder cannot be written, is too full, or another download is writing in it.
    """
    folder = Path(folder)
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    done: list[str] = []
    failed: list[tuple[str, DownloadError]] = []
    with _alone_in(folder):
        kept = already_there(plan, folder)
        todo = plan.without(kept)
        free = shutil.disk_usage(folder).free
        if todo.bytes > free:
            what = f"has {megabytes(free)} free, and {megabytes(todo.bytes)} are needed"
            raise OutputError(what, where=folder, todo="Choose another place, or ask for less.")
        if todo.requests:
            check_key()
        if todo.files and session is None:
            session = _login()
        every: list[RemoteFile | WeatherRequest] = [*todo.files, *todo.requests]
        for wanted in every:
            try:
                if isinstance(wanted, RemoteFile):
                    transfer(
                        session, wanted.url, folder / wanted.path, archive, size=wanted.size,
                        checksum=wanted.checksum, patience=patience, progress=progress,
                    )  # fmt: skip
                else:
                    _weather(wanted, folder / wanted.path, store, patience, progress)
                done.append(wanted.path)
            except AccessError:
                raise
            except DownloadError as error:
                _LOG.info("%s", error)
                failed.append((wanted.path, error))
    return Outcome(tuple(done), kept, tuple(failed))


def _is_good(path: Path, file: RemoteFile) -> bool:
    if not path.is_file() or (file.size is not None and path.stat().st_size != file.size):
        return False
    try:
        if file.checksum:
            Expected.parse(file.checksum, "the archive").verify(path)
    except GranuleError:
        return False
    return True


def _weather(wanted: WeatherRequest, path: Path, store: Service, patience: Patience | None, progress: Progress) -> None:
    import requests

    url, size = request_weather(wanted)
    with requests.Session() as session:
        transfer(session, url, path, store, size=size, patience=patience, progress=progress)
    with path.open("rb") as file:
        start = file.read(8)
    if not start.startswith(_STARTS):
        path.unlink()
        raise DownloadError("is not weather in a known format", where=path.name, todo="Run the command again.")
    if not start.startswith(_STARTS[0]):
        # A single file, not an archive. Its name is settled before it comes, so it is put into an archive.
        with replacing(path, overwrite=True) as packed, zipfile.ZipFile(packed, "w") as archive:
            archive.write(path, path.stem + (".grib" if start.startswith(b"GRIB") else ".nc"))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Refuse a second download into the same folder; the lock goes with the process, however it ends."""
    with write_errors(folder):
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            what = "another download is writing in this folder"
            raise OutputError(what, where=folder, todo="Wait for it, or choose another folder.") from error
        yield
    finally:
        os.close(handle)


def _login() -> Any:
    """A session with the user's credentials, which earthaccess finds or asks for."""
    with extra("earthaccess", "fetch"):
        import earthaccess
        from earthaccess.exceptions import LoginStrategyUnavailable
    for strategy in ("environment", "netrc", *(("interactive",) if sys.stdin.isatty() else ())):
        try:
            if earthaccess.login(strategy=strategy, persist=False).authenticated:
                return earthaccess.get_requests_https_session()
        except LoginStrategyUnavailable:
            continue
        except Exception as error:
            # Its message may repeat what the server said of the user, so only the kind of failure is told.
            what = f"The login to Earthdata failed ({type(error).__name__}; credentials from: {strategy})."
            raise AccessError(what, todo=EARTHDATA.remedy) from None
    what = "There are no credentials for Earthdata."
    todo = (
        "Write `machine urs.earthdata.nasa.gov login NAME password WORD` into ~/.netrc, or set EARTHDATA_TOKEN. "
        "An account is free: https://urs.earthdata.nasa.gov. Or use --list and download otherwise."
    )
    raise AccessError(what, todo=todo)
