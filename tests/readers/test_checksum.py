from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from srdanet.errors import ArgumentError, GranuleError
from srdanet.readers.checksum import Expected, digest, sidecars


def file_of(folder: Path, data: bytes) -> Path:
    path = folder / "data.hdf"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("data", "crc"), [(b"", "4294967295"), (b"123456789", "930766865")])
def test_cksum_of_known_texts(tmp_path: Path, data: bytes, crc: str) -> None:
    assert digest(file_of(tmp_path, data), "cksum") == crc


@pytest.mark.skipif(shutil.which("cksum") is None, reason="no cksum command")
@pytest.mark.parametrize("size", [1, 255, 256, 65537, (1 << 20) - 1, (1 << 20) + 1])
def test_cksum_is_that_of_the_command(tmp_path: Path, size: int) -> None:
    path = file_of(tmp_path, np.random.default_rng(size).bytes(size))
    said = subprocess.run(["cksum", str(path)], capture_output=True, text=True, check=True).stdout.split()[0]
    assert digest(path, "cksum") == said


def test_md5_and_its_refusal(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"The quick brown fox jumps over the lazy dog")
    Expected.parse("MD5: 9E107D9D372BB6826BD81D3542A419D6").verify(path)
    path.write_bytes(b"The quick brown fox jumps over the lazy cog")
    with pytest.raises(GranuleError, match="checksum argument says 9e107d9d"):
        Expected.parse("md5:9e107d9d372bb6826bd81d3542a419d6").verify(path)


@pytest.mark.parametrize("text", ["", "md5", "md5:", "crc99:12", "9e107d9d372bb6826bd81d3542a419d6"])
def test_no_checksum(text: str) -> None:
    with pytest.raises(ArgumentError):
        Expected.parse(text)


ECS = """<?xml version="1.0"?><!DOCTYPE GranuleMetaDataFile SYSTEM "x.dtd">
<GranuleMetaDataFile><GranuleURMetaData><DataFiles>
<DataFileContainer><DistributedFileName>other.hdf</DistributedFileName>
<ChecksumType>CKSUM</ChecksumType><Checksum>1</Checksum></DataFileContainer>
<DataFileContainer><DistributedFileName>data.hdf</DistributedFileName><FileSize>9</FileSize>
<ChecksumType>CKSUM</ChecksumType><Checksum>930766865</Checksum><ChecksumOrigin>DCBkUp</ChecksumOrigin>
</DataFileContainer></DataFiles></GranuleURMetaData></GranuleMetaDataFile>"""
ECHO = """<Granule xmlns="http://echo.nasa.gov/echo/v10"><DataGranule><Checksum>
<Value>25f9e794323b453885f5181f1b624d0b</Value><Algorithm>MD5</Algorithm></Checksum></DataGranule></Granule>"""


@pytest.mark.parametrize(("side", "text", "algorithm"), [("data.hdf.xml", ECS, "cksum"), ("data.cmr.xml", ECHO, "md5")])
def test_the_checksum_beside_the_file(tmp_path: Path, side: str, text: str, algorithm: str) -> None:
    path = file_of(tmp_path, b"123456789")
    (tmp_path / side).write_text(text)
    expected, granule = sidecars(path)
    assert granule is None
    assert expected is not None
    assert (expected.algorithm, expected.source) == (algorithm, side)
    expected.verify(path)


def test_files_beside_without_a_checksum(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"123456789")
    assert sidecars(path) == (None, None)
    (tmp_path / "data.hdf.xml").write_text("<a><b>1</b></a>")
    (tmp_path / "data.hdf.met").write_text('OBJECT=LOCALGRANULEID\nVALUE="x.hdf"\nEND_OBJECT=LOCALGRANULEID\nEND')
    assert sidecars(path) == (None, "x.hdf")


def test_a_broken_file_beside_is_named(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"123456789")
    (tmp_path / "data.hdf.xml").write_text("<html><body>log in<br></body></html>")
    with pytest.raises(GranuleError, match=r"data\.hdf\.xml"):
        sidecars(path)
