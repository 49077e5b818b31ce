"""What is said of each fault of the store's file, which ones are waited for, and how a moved file is noticed."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from jarvis.errors import StoreBusy, StoreError, StoreMoved, StoreUnusable
from jarvis.memory import MemoryStore, faults, probe, storefile
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Interval

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SPEC = TaskSpec(name="t", schedule=Interval(timedelta(seconds=10)), handler="noop")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "memory.db"


@pytest.mark.parametrize(
    ("error", "number", "kind", "said"),
    [
        (apsw.BusyError("x"), 0, "locked", "locked by another process"),
        (apsw.LockedError("x"), 0, "locked", "locked by another process"),
        (apsw.FullError("x"), errno.ENOSPC, "full", "is full: make room"),
        (apsw.IOError("x"), errno.EDQUOT, "full", "is full: make room"),
        (apsw.IOError("x"), errno.EFBIG, "full", "is full: make room"),
        (apsw.IOError("x"), errno.EROFS, "read-only", "mount it writable"),
        (apsw.ReadOnlyError("x"), 0, "read-only", "mount it writable"),
        (apsw.IOError("disk I/O error"), errno.EIO, "I/O error", "disk I/O error; Input/output error"),
        (apsw.IOError("disk I/O error"), 0, "I/O error", "(disk I/O error)"),
        (apsw.CantOpenError("x"), errno.EACCES, "I/O error", "Permission denied"),
    ],
)
def test_what_may_pass_is_waited_for(error: apsw.Error, number: int, kind: str, said: str) -> None:
    ours = faults.of_sqlite("/d/memory.db", error, number)
    assert isinstance(ours, StoreBusy)
    assert (ours.kind, said in str(ours), "/d/memory.db" in str(ours)) == (kind, True, True)


@pytest.mark.parametrize("error", [apsw.CorruptError("x"), apsw.NotADBError("x")])
def test_what_is_damaged_is_refused_with_what_to_do(error: apsw.Error) -> None:
    ours = faults.of_sqlite("/d/memory.db", error)
    assert isinstance(ours, StoreUnusable)
    assert "`jarvis restore`" in str(ours)
    assert ".recover" in str(ours)


@pytest.mark.parametrize("error", [apsw.SQLError("no such table: x"), apsw.ConstraintError("UNIQUE")])
def test_a_mistake_of_ours_is_neither(error: apsw.Error) -> None:
    ours = faults.of_sqlite("/d/memory.db", error)
    assert not isinstance(ours, StoreBusy | StoreUnusable)
    assert isinstance(ours, StoreError)


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, StoreBusy, "is full"),
        (errno.EIO, StoreBusy, "Input/output error"),
        (errno.EROFS, StoreUnusable, "Mount it writable"),
        (errno.EACCES, StoreUnusable, "write access"),
        (errno.ELOOP, StoreUnusable, "JARVIS_DATABASE_URL"),
    ],
)
def test_a_file_that_cannot_be_opened_is_waited_for_only_where_that_may_help(
    number: int, kind: type[StoreError], said: str
) -> None:
    ours = faults.of_file("/d/memory.db", OSError(number, "x"))
    assert isinstance(ours, kind)
    assert said in str(ours)
    assert isinstance(faults.of_pipe("/d/pipe", OSError(number, "x")), kind)


def test_nothing_is_written_to_a_file_that_was_moved_away(path: Path) -> None:
    store = MemoryStore(str(path))
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(StoreMoved, match="was deleted while it was in use"):
        store.add_task(SPEC, START)
    with pytest.raises(StoreMoved):
        store.changed()
    assert store.tasks.names() == []
    path.touch()
    with pytest.raises(StoreMoved, match="was replaced while it was in use"):
        store.add_task(SPEC, START)
    store.database.let_go()


def test_nothing_is_believed_that_was_committed_as_the_file_went(path: Path) -> None:
    store = MemoryStore(str(path))

    def move_inside() -> None:
        with store.transaction():
            store.tasks.add(SPEC, START)
            path.unlink()

    with pytest.raises(StoreMoved):
        move_inside()
    store.database.let_go()


def test_a_file_that_was_put_back_is_the_same_file(path: Path) -> None:
    store = MemoryStore(str(path))
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(StoreMoved):
        store.add_task(SPEC, START)
    path.with_name("elsewhere.db").rename(path)
    assert store.add_task(SPEC, START).name == "t"
    store.close()


def test_a_disk_that_does_not_say_what_is_at_the_path_proves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore(str(path))
    begun: list[str] = []

    def silent(name: str) -> None:
        begun.append(name)
        raise OSError(errno.EIO, "Input/output error")

    with store.transaction():
        store.tasks.add(SPEC, START)
        monkeypatch.setattr(storefile, "_identity", silent)
    assert store.tasks.names() == ["t"], "it was committed, whatever the disk says afterwards"
    with pytest.raises(StoreBusy, match="Input/output error"):
        store.remove_task("t", START)
    monkeypatch.undo()
    assert (store.tasks.names(), len(begun)) == (["t"], 2)
    store.close()


def test_a_copy_of_what_a_lost_file_held_is_whole_private_and_made_once(path: Path) -> None:
    store = MemoryStore(str(path))
    store.add_task(SPEC, START)
    path.unlink()
    copy = Path(store.database.keep_copy("now"))
    assert (copy.name, copy.stat().st_mode & 0o777) == ("memory.db.lost-now", 0o600)
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == [copy.name]
    other = MemoryStore(str(copy))
    assert other.tasks.names() == ["t"]
    other.close()


def test_what_another_process_wrote_ahead_meanwhile_is_not_taken_from_it(path: Path) -> None:
    store = MemoryStore(str(path))
    for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        name.unlink()
    other = MemoryStore(str(path))
    other.add_task(SPEC, START)
    with pytest.raises(StoreMoved):
        store.add_task(SPEC, START)
    store.database.keep_copy("now")
    assert Path(f"{path}-wal").stat().st_size
    other.close()
    again = MemoryStore(str(path))
    assert again.tasks.names() == ["t"]
    again.close()


def test_a_check_may_be_broken_off_and_says_so(path: Path) -> None:
    store = MemoryStore(str(path))
    with store.transaction():
        for n in range(3_000):
            store.tasks.add(TaskSpec(name=f"t{n}", schedule=SPEC.schedule, handler="noop"), START)
    assert store.database.check() is True
    assert store.database.check(within=0.0) is False
    assert len(store.tasks.names()) == 3_000, "what comes after is not broken off"
    store.close()


def test_a_store_that_can_be_written_is_in_no_trouble_and_asking_leaves_nothing(path: Path) -> None:
    store = MemoryStore(str(path))
    before = sorted(path.parent.iterdir())
    assert probe.trouble(store.database) == ""
    assert sorted(path.parent.iterdir()) == before
    store.close()
    assert probe.trouble(MemoryStore().database) == ""


def test_a_store_that_cannot_be_written_is_in_trouble(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = MemoryStore(str(path)), apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    assert "is locked by another process" in probe.trouble(store.database)
    other.close(True)
    monkeypatch.setattr(os, "write", _no_room)
    assert "is full: make room on it. Tasks wait until then; nothing is lost" in probe.trouble(store.database)
    monkeypatch.undo()
    path.unlink()
    assert "was deleted" in probe.trouble(store.database)
    store.database.let_go()


def _no_room(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")
