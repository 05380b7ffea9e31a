"""Whatever stands in the file: equal values, or one clear error; never a crash, a hang or a wrong number."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from granules import write_granule
from srdanet.errors import GranuleError, MissingExtraError
from srdanet.readers import hdf4
from srdanet.readers.granule import Granule, open_granule
from srdanet.readers.tables import PRODUCTS

NAME = "MOD11B1.A2020197.h26v05.061.2021012345678.hdf"
LAYERS = ["lst_day", "qc_day", "view_angle_day", "view_time_night", "emissivity_32"]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals and /proc")


@pytest.fixture(scope="module", params=[True, False], ids=["deflated", "plain"])
def intact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("intact")
    return write_granule(folder, layers=tuple(LAYERS), compress=request.param).read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def child() -> int:
    """The process that reads."""
    assert hdf4._reader is not None
    return hdf4._reader.process.pid


def refusal(path: Path, timeout: float = 20.0) -> str:
    """The error that opening ends in; it names the file and is no other error."""
    with pytest.raises(GranuleError) as caught:
        open_granule(path, LAYERS, timeout=timeout)
    assert str(path) in str(caught.value)
    return str(caught.value)


def same(a: Granule, b: Granule) -> bool:
    return all(np.array_equal(a.layers[n], b.layers[n], equal_nan=a.layers[n].dtype.kind == "f") for n in LAYERS)


def in_range(granule: Granule) -> bool:
    """Every quantity is missing or physically possible."""
    for name, data in granule.layers.items():
        row = PRODUCTS[granule.product].layer(name)
        if row.kind == "quantity":
            low, high = (np.float32(count * row.scale + row.offset) for count in row.valid)
            values = data.values[~np.isnan(data.values)]
            if (values < low).any() or (values > high).any():
                return False
    return True


def outcome(path: Path, data: bytes, truth: Granule) -> str:
    """What opening these bytes ends in; anything but an error, equal or possible values fails the test."""
    path.write_bytes(data)
    try:
        found = open_granule(path, LAYERS, timeout=20)
    except GranuleError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert str(path) in message
        return "refused"
    assert in_range(found)
    assert (found.tile, found.date, found.product) == (truth.tile, truth.date, truth.product)
    return "equal" if same(found, truth) else "other"


@pytest.mark.parametrize("seed", range(4))
def test_changed_bytes(intact: bytes, path: Path, seed: int) -> None:
    path.write_bytes(intact)
    truth = open_granule(path, LAYERS)
    rng = np.random.default_rng(seed)
    seen = []
    for _ in range(30):
        data = bytearray(intact)
        # Half of the changes go to the last quarter, where the tables and texts of the file stand.
        first = len(data) * 3 // 4 if rng.random() < 0.5 else 0
        for at in rng.integers(first, len(data), rng.choice([1, 1, 4, 64])):
            data[at] = rng.integers(256)
        seen.append(outcome(path, bytes(data), truth))
    assert "refused" in seen
    assert {"equal", "other"} & set(seen)
    path.write_bytes(intact)
    assert same(open_granule(path, LAYERS), truth), "the reader is whole again"


def test_cut_short(intact: bytes, path: Path) -> None:
    path.write_bytes(intact)
    truth = open_granule(path, LAYERS)
    rng = np.random.default_rng(7)
    ends = [1, 3, 4, 5, 100, 1000, *rng.integers(1000, len(intact) - 1, 20), len(intact) - 1]
    seen = [outcome(path, intact[:end], truth) for end in ends]
    assert seen.count("refused") > len(ends) / 2
    assert seen[:4] == ["refused"] * 4


def test_a_hole_of_zeros(intact: bytes, path: Path) -> None:
    """As interrupted downloads and full disks leave them."""
    path.write_bytes(intact)
    truth = open_granule(path, LAYERS)
    for tenth in range(10):
        start = len(intact) * tenth // 10
        data = intact[:start] + bytes(len(intact) // 10) + intact[start + len(intact) // 10 :]
        outcome(path, data, truth)


def test_rubbish_after_a_good_beginning(intact: bytes, path: Path) -> None:
    for size in (4, 300, len(intact) // 2):
        path.write_bytes(intact[:size] + np.random.default_rng(size).bytes(len(intact) - size))
        assert "Download it again" in refusal(path, timeout=3)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\n<!DOCTYPE html><html><title>Earthdata Login</title></html>", "web page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(500), "HDF5"),
        (b"CDF\x01" + bytes(500), "NetCDF"),
        (b"PK\x03\x04" + bytes(500), "ZIP"),
        (b"II*\0" + bytes(500), "TIFF"),
        (b"not a granule at all", "first bytes are wrong"),
        (b"\x0e\x03\x13", "first bytes are wrong"),
        (b"\x0e\x03\x13\x01", "HDF4"),
        (bytes(4096), "first bytes are wrong"),
    ],
)
def test_what_is_no_hdf4_file_is_told_by_its_first_bytes(path: Path, data: bytes, said: str) -> None:
    path.write_bytes(data)
    assert said in refusal(path)


def test_no_file_and_no_plain_file(path: Path) -> None:
    assert "no such file" in refusal(path)
    path.mkdir()
    assert "folder" in refusal(path)


@linux
def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    assert "device" in refusal(path)


def test_an_hdf4_file_without_a_grid(path: Path) -> None:
    from pyhdf.SD import SD, SDC

    file = SD(str(path), SDC.WRITE | SDC.CREATE)
    file.create("LST_Day_6km", SDC.UINT16, (200, 200)).endaccess()
    file.end()
    assert "no HDF-EOS grid" in refusal(path)


# The process that reads.


@pytest.fixture
def granule(tmp_path: Path) -> Path:
    return write_granule(tmp_path, layers=tuple(LAYERS))


def test_one_process_reads_all_files(granule: Path) -> None:
    open_granule(granule, LAYERS)
    first = child()
    for _ in range(3):
        open_granule(granule, LAYERS)
    assert child() == first != os.getpid()


@linux
def test_a_reader_killed_between_files_is_replaced_unnoticed(granule: Path) -> None:
    truth = open_granule(granule, LAYERS)
    old = child()
    os.kill(old, signal.SIGKILL)
    assert gone(old)
    assert same(open_granule(granule, LAYERS), truth)
    assert child() != old


@contextlib.contextmanager
def stopped(then: int | None = None) -> Iterator[None]:
    """The reader stands still; after a moment it gets a signal."""
    pid = child()
    os.kill(pid, signal.SIGSTOP)
    timer = threading.Timer(0.2, lambda: os.kill(pid, then) if then else None)
    timer.start()
    yield
    timer.join()


@linux
def test_a_reader_that_dies_over_a_file_ends_in_an_error(granule: Path) -> None:
    truth = open_granule(granule, LAYERS)
    with stopped(then=signal.SIGKILL):
        assert "crashed on the file (SIGKILL)" in refusal(granule)
    assert same(open_granule(granule, LAYERS), truth)


@linux
def test_a_reader_that_never_comes_back_is_ended(granule: Path) -> None:
    truth = open_granule(granule, LAYERS)
    old = child()
    with stopped():
        assert "within 0.3 s" in refusal(granule, timeout=0.3)
    assert gone(old)
    assert same(open_granule(granule, LAYERS), truth)


@linux
def test_an_interrupt_leaves_a_usable_reader(granule: Path) -> None:
    truth = open_granule(granule, LAYERS)
    main = threading.main_thread().ident
    assert main is not None
    with stopped():
        threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            open_granule(granule, LAYERS, timeout=20)
    assert same(open_granule(granule, LAYERS), truth)


def test_threads_share_the_reader(granule: Path) -> None:
    truth = open_granule(granule, LAYERS)
    wrong: list[object] = []

    def work() -> None:
        for _ in range(5):
            try:
                if not same(open_granule(granule, LAYERS), truth):
                    wrong.append("other values")
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_missing_hdf4_library_is_told(monkeypatch: pytest.MonkeyPatch, granule: Path) -> None:
    open_granule(granule, LAYERS)
    hidden = granule.parent / "pyhdf"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ImportError('hidden')")
    monkeypatch.setattr(sys, "path", [str(granule.parent), *sys.path])
    monkeypatch.setattr(hdf4, "_reader", None)
    with pytest.raises(MissingExtraError, match="pyhdf cannot be loaded: hidden"):
        open_granule(granule, LAYERS)


# In programs of all kinds.


def gone(pid: int, seconds: float = 10.0) -> bool:
    """Whether a process has ended, or ends soon (a dead child nobody fetched counts as ended)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def program(text: str, granule: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as a user would, without a main guard."""
    script = granule.parent / "script.py"
    script.write_text("from srdanet.readers.granule import open_granule\n" + textwrap.dedent(text))
    command = [sys.executable, "-W", "error::ResourceWarning", str(script), str(granule)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=granule.parent, check=False)


def test_a_script_without_a_main_guard_gets_its_values_and_nothing_on_its_output(granule: Path) -> None:
    # A module of the user's that has the name of one of ours must not be taken for it.
    (granule.parent / "table.py").write_text("raise SystemExit('the wrong module')")
    text = """
    import sys
    for _ in range(2):
        print(open_granule(sys.argv[1], ["lst_day"]).tile)
    """
    done = program(text, granule)
    assert (done.returncode, done.stdout, done.stderr) == (0, "h26v05\nh26v05\n", "")


@linux
@pytest.mark.parametrize("ending", ["sys.exit(0)", "os._exit(0)", "os.kill(os.getpid(), 9)", "raise OSError"])
def test_the_reader_ends_with_the_program_however_that_ends(granule: Path, ending: str) -> None:
    text = f"""
    import os, sys
    from srdanet.readers import hdf4
    open_granule(sys.argv[1], ["lst_day"])
    print(hdf4._reader.process.pid, flush=True)
    {ending}
    """
    assert gone(int(program(text, granule).stdout))


@linux
def test_a_forked_copy_reads_with_its_own_reader(granule: Path) -> None:
    text = """
    import os, sys
    import numpy as np
    from srdanet.readers import hdf4
    truth = open_granule(sys.argv[1], ["lst_day"]).layers["lst_day"]
    owner = hdf4._reader.process.pid
    pids = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            for _ in range(5):
                again = open_granule(sys.argv[1], ["lst_day"]).layers["lst_day"]
                assert np.array_equal(again, truth, equal_nan=True)
            os._exit(0 if hdf4._reader.process.pid != owner else 3)
        pids.append(pid)
    for _ in range(5):
        again = open_granule(sys.argv[1], ["lst_day"]).layers["lst_day"]
        assert np.array_equal(again, truth, equal_nan=True)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    print(codes, hdf4._reader.process.pid == owner)
    """
    done = program(text, granule)
    assert done.stdout == "[0, 0] True\n", done.stderr
