"""Checksums: of what was read (SHA-256), and the provider's own where they are known.

A damaged HDF4 file may decode to wrong numbers without an error, so the provider's
checksum is the only full proof. It stands in the `.xml` that comes with a granule;
a `.met` beside it has none, but says which granule it belongs to.
"""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from srdanet.errors import ArgumentError, GranuleError
from srdanet.readers import odl

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_MOST = 4 << 20
"""Bytes; more than the list of any granule's metadata has."""
_AGAIN = "Delete it or download it again."
_ALGORITHMS = ("md5", "sha1", "sha256", "sha512", "cksum")


@dataclass(frozen=True)
class Expected:
    """A checksum that a file should have."""

    algorithm: str
    """md5, sha1, sha256, sha512 or cksum (the POSIX CRC the archive uses)."""
    value: str
    source: str
    """Where it is from, for the message."""

    @classmethod
    def parse(cls, text: str, source: str = "the checksum argument") -> Expected:
        """Read `algorithm:value`, such as `md5:9e107d9d372bb6826bd81d3542a419d6`.

        Raises:
            ArgumentError: when the algorithm is not known or the value is missing.
        """
        algorithm, _, value = text.partition(":")
        algorithm, value = algorithm.strip().lower().replace("-", ""), value.strip().lower()
        if algorithm not in _ALGORITHMS or not value:
            todo = f"Write algorithm:value, with one of {', '.join(_ALGORITHMS)}."
            raise ArgumentError(f"{text!r} is not a checksum.", todo=todo)
        return cls(algorithm, value, source)

    def verify(self, path: Path) -> None:
        """Compare a file with this checksum.

        Raises:
            GranuleError: when they differ.
        """
        found = digest(path, self.algorithm)
        if found != self.value:
            what = f"The {self.algorithm} of the file is {found}, but {self.source} says {self.value}."
            raise GranuleError(what, where=path, todo="The file is damaged or another version. Download it again.")


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file as text: hexadecimal, or decimal for cksum."""
    with path.open("rb") as file:
        return _cksum(file) if algorithm == "cksum" else hashlib.file_digest(file, algorithm).hexdigest()


def digest_of(place: Path) -> str:
    """SHA-256 of a file, or of a folder: of the lines `SHA-256 of the file, two spaces, its path`, by path."""
    if not place.is_dir():
        return digest(place)
    inner = sorted((path.relative_to(place).as_posix(), path) for path in place.rglob("*") if path.is_file())
    return hashlib.sha256("".join(f"{digest(path)}  {name}\n" for name, path in inner).encode()).hexdigest()


def _cksum(file: BinaryIO) -> str:
    """POSIX CRC (IEEE Std 1003.1, `cksum`): zlib's CRC with each byte's bits reversed, and the length appended."""
    crc, length = 0xFFFFFFFF, 0
    while chunk := file.read(1 << 20):
        crc = zlib.crc32(chunk.translate(_REVERSED), crc)
        length += len(chunk)
    tail = length.to_bytes((length.bit_length() + 7) // 8, "little")
    crc = zlib.crc32(tail.translate(_REVERSED), crc)
    return str(int(f"{crc:032b}"[::-1], 2))


def sidecars(path: Path) -> tuple[Expected | None, str | None]:
    """What the files beside a granule say: its checksum and its LOCALGRANULEID, each if known.

    Looks for `<name>.xml`, `<stem>.cmr.xml` and `<name>.met`.

    Raises:
        GranuleError: when such a file cannot be read.
    """
    expected = granule = None
    for side in (path.with_name(f"{path.name}.xml"), path.with_name(f"{path.stem}.cmr.xml")):
        if side.is_file() and expected is None:
            expected = _from_xml(side, path.name)
    met = path.with_name(f"{path.name}.met")
    if met.is_file():
        value = odl.parse(_text(met).decode("latin-1"), met).value("LOCALGRANULEID")
        granule = str(value) if value is not None else None
    return expected, granule


def _text(side: Path) -> bytes:
    try:
        with side.open("rb") as file:
            text = file.read(_MOST + 1)
    except OSError as error:
        raise GranuleError(f"The file beside the granule cannot be read ({error.strerror}).", where=side) from error
    if len(text) > _MOST:
        what = f"The file beside the granule is longer than {_MOST >> 20} MiB."
        raise GranuleError(what, where=side, todo=_AGAIN)
    return text


def _from_xml(side: Path, name: str) -> Expected | None:
    """The checksum in an ECS (`ChecksumType`, `Checksum`) or ECHO10 (`Checksum` / `Algorithm`, `Value`) file."""
    text = _text(side)
    # Entities can unfold to gigabytes, and no provider writes any.
    if b"<!ENTITY" in text.replace(b"\0", b""):
        raise GranuleError("The file beside the granule defines entities.", where=side, todo=_AGAIN)
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 see above
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise GranuleError(f"The file beside the granule is not XML ({error}).", where=side, todo=_AGAIN) from error
    for holder in root.iter():
        parts = {child.tag.rpartition("}")[2].lower(): child for child in holder}
        algorithm, value = parts.get("checksumtype", parts.get("algorithm")), parts.get("checksum", parts.get("value"))
        said = parts.get("distributedfilename")
        if algorithm is None or value is None or (said is not None and said.text and said.text.strip() != name):
            continue
        if algorithm.text and value.text and value.text.strip():
            return Expected.parse(f"{algorithm.text}:{value.text}", side.name)
    return None
