"""Files that appear complete or not at all, one call at a time."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from srdanet.atomic import (
    heal,
    hidden_folder,
    publish,
    refuse_existing,
    replacing,
    reserve,
    settle,
    staged,
    write_errors,
)
from srdanet.errors import OutputError


def tree(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def failing(call: Callable[..., object], number: int, *, at: int = 1, after: bool = False) -> Callable[..., object]:
    """A call of the system that fails the `at`-th time."""
    count = 0

    def fail(*args: object, **more: object) -> object:
        nonlocal count
        count += 1
        if count == at and not after:
            raise OSError(number, os.strerror(number))
        found = call(*args, **more)
        if count == at:
            raise OSError(number, os.strerror(number))
        return found

    return fail


@pytest.mark.parametrize(
    ("there", "said"), [(1, "exists already"), (2, "exists already (and 1 more)"), (3, "exists already (and 2 more)")]
)
def test_what_exists_is_counted(tmp_path: Path, there: int, said: str) -> None:
    paths = [tmp_path / str(i) for i in range(4)]
    refuse_existing(paths, overwrite=False)
    for path in paths[-there:]:
        path.touch()
    refuse_existing(paths, overwrite=True)
    with pytest.raises(OutputError) as caught:
        refuse_existing(paths, overwrite=False)
    assert caught.value.where == paths[-there]
    assert caught.value.what == said


def test_a_dangling_link_exists(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="exists already"):
        refuse_existing([tmp_path / "link"], overwrite=False)


def test_a_hidden_folder_is_hidden_named_and_gone(tmp_path: Path) -> None:
    place = tmp_path / "new" / "deep"
    with hidden_folder(place, "x.nc") as folder:
        assert folder.parent == place
        assert folder.name.startswith(".x.nc.")
        assert folder.name.endswith(".partial")
        (folder / "a").mkdir()
        (folder / "a" / "b").write_text("b")
    assert list(place.iterdir()) == []
    with pytest.raises(ZeroDivisionError), hidden_folder(place, "x.nc"):
        raise ZeroDivisionError
    assert list(place.iterdir()) == []


def test_dead_writers_of_the_same_name_are_swept_and_living_ones_left(tmp_path: Path) -> None:
    dead = [tmp_path / f".{name}.abc.partial" for name in ("x", "y", "x[1]")]
    for folder in dead:
        folder.mkdir()
        (folder / "rest").touch()
    (tmp_path / ".x.file.partial").touch()
    (tmp_path / ".x.link.partial").symlink_to(dead[1])
    with hidden_folder(tmp_path, "x") as mine:
        assert not dead[0].exists()
        heal(tmp_path, "x")
        assert mine.is_dir()
        with hidden_folder(tmp_path, "x") as other:
            assert mine.is_dir()
            assert other.is_dir()
            assert other != mine
        assert mine.is_dir()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".x.file.partial",
        ".x.link.partial",
        ".x[1].abc.partial",
        ".y.abc.partial",
    ]
    heal(tmp_path, "x[1]")
    assert not dead[2].exists()


@pytest.mark.parametrize("number", [errno.EBADF, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_without_locks_nothing_is_swept_and_all_else_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / ".x.abc.partial").mkdir()

    def none(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", none)
    with replacing(tmp_path / "x", overwrite=False) as part:
        part.write_text("1")
    assert tree(tmp_path) == {"x": "1"}
    assert (tmp_path / ".x.abc.partial").is_dir()


def test_a_lock_that_fails_otherwise_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(fcntl.flock, errno.EIO))
    with pytest.raises(OutputError, match="Input/output"), staged(tmp_path, "x"):
        pytest.fail("written without a lock")


def test_replacing_keeps_what_is_there_until_the_end(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with replacing(target, overwrite=False) as part:
        part.write_text("1")
        assert not target.exists()
    with pytest.raises(OutputError, match="exists already"), replacing(target, overwrite=False) as part:
        part.write_text("2")
    with pytest.raises(ZeroDivisionError), replacing(target, overwrite=True) as part:
        raise ZeroDivisionError(part.write_text("3"))
    assert tree(tmp_path) == {"x": "1"}
    with replacing(target, overwrite=True) as part:
        part.write_text("4")
        assert target.read_text() == "1"
    assert tree(tmp_path) == {"x": "4"}
    with replacing(target, overwrite=True) as part:
        part.mkdir()
        (part / "a").write_text("5")
    assert tree(tmp_path) == {"x/a": "5"}


def publish_set(directory: Path, tag: str, *, obsolete: tuple[str, ...] = (), overwrite: bool = True) -> list[Path]:
    with staged(directory, "set") as folder:
        (folder / "sub").mkdir()
        for name in ("sub/a", "b"):
            (folder / name).write_text(tag)
        return publish(folder, ["sub/a", "b"], overwrite=overwrite, obsolete=obsolete)


def test_a_set_moves_together_and_takes_the_obsolete_away(tmp_path: Path) -> None:
    assert publish_set(tmp_path, "1", overwrite=False) == [tmp_path / "sub" / "a", tmp_path / "b"]
    assert tree(tmp_path) == {"sub/a": "1", "b": "1"}
    (tmp_path / "c").write_text("old")
    (tmp_path / "d").write_text("other")
    publish_set(tmp_path, "2", obsolete=("c", "never"))
    assert tree(tmp_path) == {"sub/a": "2", "b": "2", "d": "other"}
    with pytest.raises(OutputError, match="exists already"):
        publish_set(tmp_path, "3", overwrite=False)
    assert tree(tmp_path) == {"sub/a": "2", "b": "2", "d": "other"}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("call", ["rename", "link", "fsync", "mkdir"])
def test_a_set_whose_move_fails_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, old: bool
) -> None:
    if old:
        publish_set(tmp_path, "1")
        (tmp_path / "c").write_text("old")
    before, failed = tree(tmp_path), 0
    for at in range(1, 30):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing(getattr(os, call), errno.ENOSPC, at=at))
            with suppress(OutputError):
                publish_set(tmp_path, "2", obsolete=("c",))
                break
        failed += 1
        assert tree(tmp_path) == before
        assert (tmp_path / "sub").exists() == old
        assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    if call == "link":  # a file system without hard links
        assert failed == 0
    assert tree(tmp_path) == {"sub/a": "2", "b": "2"}


def test_folders_are_taken_back_with_those_around_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last name fails, when a file in two new folders and a whole folder stand there already."""
    link = os.link

    def fail(source: Path, target: Path) -> None:
        if Path(target).name == "last":
            assert tree(tmp_path / "whole") == {"b": "2"}
            raise KeyboardInterrupt
        link(source, target)

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(KeyboardInterrupt), staged(tmp_path, "set") as folder:  # noqa: PT012
        for name in ("deep/er/a", "whole/b", "last"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("2")
        publish(folder, ["deep/er/a", "whole", "last"], overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_what_another_writer_put_there_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b").write_text("old")
    link = os.link

    def faster(source: Path, target: Path) -> None:
        if Path(target).name == "b":
            Path(target).write_text("theirs")
        link(source, target)

    monkeypatch.setattr(os, "link", faster)
    with pytest.raises(OutputError, match="another writer was faster"):
        publish_set(tmp_path, "2")
    assert (tmp_path / "b").read_text() == "theirs"
    # The old one is not lost: nobody knows which of the two is wanted.
    (kept,) = tmp_path.glob(".set.*.partial")
    assert [p.read_text() for p in (kept / ".aside").iterdir()] == ["old"]


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_a_name_taken_meanwhile_is_not_replaced_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    monkeypatch.setattr(os, "link", failing(os.link, errno.EPERM))
    mkdir = Path.mkdir

    def faster(path: Path, *args: object, **more: object) -> None:
        mkdir(path, *args, **more)  # type: ignore[arg-type]
        if path == tmp_path:
            (tmp_path / "b").write_text("theirs")

    with staged(tmp_path, "set") as folder:
        (folder / "b").write_text("mine") if taken == "file" else (folder / "b").mkdir()
        monkeypatch.setattr(Path, "mkdir", faster)
        with pytest.raises(OutputError, match="another writer was faster"):
            publish(folder, ["b"], overwrite=False)
    assert (tmp_path / "b").read_text() == "theirs"


def test_a_journal_left_behind_is_undone_by_the_next_writer(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("theirs")
    dead = tmp_path / ".set.abc.partial"
    (dead / ".aside").mkdir(parents=True)
    (dead / ".aside" / "0").write_text("old a")
    (dead / ".aside" / "2").write_text("old c")
    mark = [(tmp_path / "a").stat().st_ino, (tmp_path / "a").stat().st_mtime_ns]
    journal = {"names": ["a", "b", "c"], "marks": [mark, [0, 0], None], "folders": ["empty", "full"]}
    (dead / ".journal").write_text(json.dumps(journal))
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    heal(tmp_path, "set")
    assert tree(tmp_path) == {"a": "old a", "b": "theirs", "c": "old c", "full/x": "x"}
    assert not dead.exists()
    assert not (tmp_path / "empty").exists()


def test_settling_replaces_and_keeps_the_content(tmp_path: Path) -> None:
    part, target = tmp_path / ".x", tmp_path / "x"
    target.write_text("old")
    part.write_text("new")
    settle(part, target)
    assert tree(tmp_path) == {"x": "new"}
    with pytest.raises(OutputError, match="No such file"):
        settle(part, target)


@pytest.mark.parametrize("call", [True, False], ids=["by the system", "by writing"])
@pytest.mark.parametrize("size", [0, 5, 6, 7, (1 << 20) + 5, (2 << 20) + 6])
def test_reserved_space_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: bool, size: int) -> None:
    if not call:
        monkeypatch.setattr(os, "posix_fallocate", failing(os.posix_fallocate, errno.EOPNOTSUPP))
    path = tmp_path / "x"
    path.write_bytes(b"123456")
    reserve(path, size)
    assert path.stat().st_size == max(6, size)
    assert path.read_bytes()[:6] == b"123456"


def test_without_room_nothing_is_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", failing(os.posix_fallocate, errno.ENOSPC))
    hidden = tmp_path / "shown" / ".x.abc.partial"
    hidden.mkdir(parents=True)
    with pytest.raises(OutputError, match="No space") as caught:
        reserve(hidden / "part", 10)
    assert caught.value.where == tmp_path / "shown"


def test_errors_of_the_system_name_the_place() -> None:
    with (
        pytest.raises(OutputError, match=r"cannot be written \(Disk quota exceeded\)") as caught,
        write_errors(Path("p")),
    ):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
    assert caught.value.where == Path("p")
    with pytest.raises(OutputError, match=r"\(odd\)"), write_errors(Path("p")):
        raise OSError("odd")
    with pytest.raises(ValueError, match="mine"), write_errors(Path("p")):
        raise ValueError("mine")


def test_all_is_flushed_before_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    fsync, link = os.fsync, os.link

    def flush(handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        events.append(path.name if stat.S_ISREG(os.fstat(handle).st_mode) else f"{path.name}/")
        fsync(handle)

    def place(source: Path, target: Path) -> None:
        events.append(f"named {Path(target).name}")
        link(source, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "link", place)
    publish_set(tmp_path, "1")
    named = [i for i, event in enumerate(events) if event.startswith("named")]
    assert [events[i] for i in named] == ["named a", "named b"]
    assert {"a", "b", ".journal.draft"} <= set(events[: named[0]])
    assert {"sub/", f"{tmp_path.name}/"} <= set(events[named[1] :])
