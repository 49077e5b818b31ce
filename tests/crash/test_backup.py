"""Backups beside a daemon at work, on a full disk, and cut off anywhere."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jarvis.memory import MemoryStore
from jarvis.memory.archives import archives, back_up, read_through, unpack
from jarvis.memory.restore import restore
from jarvis.memory.snapshot import CopyFailed
from tests.crash.backup_child import KILLED, NOW
from tests.crash.daemons import Daemons, say
from tests.house.tree import ROOT

pytestmark = [pytest.mark.process, pytest.mark.slow]

TASKS, EVERY = 40, 200_000  # 200 runs a second; microseconds
BEFORE = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


# -- beside a daemon --------------------------------------------------------------------------------------
@pytest.fixture
def busy(daemons: Daemons) -> Daemons:
    """A daemon that has settled 200 runs a second for a while, and goes on."""
    store = MemoryStore(str(daemons.home / "data" / "memory.db"))
    store.close()
    daemons.start()  # before there is a task: of what came due until then only the newest 100 would be run
    for number in range(TASKS):
        daemons.add(f"t{number}", "--every", "200ms", "--catch-up", "all")
    daemons.until(lambda: len(daemons.rows()) > 600, within=60)
    return daemons


def test_the_ledger_of_a_backup_is_whole_whatever_the_daemon_writes(busy: Daemons, tmp_path: Path) -> None:
    folder, store = tmp_path / "backups", str(busy.home / "data" / "memory.db")
    began, first = time.monotonic(), len(busy.rows())
    for number in range(5):
        busy.cli("backup", "--to", str(folder))
        busy.until(lambda least=first + 200 * (number + 1): len(busy.rows()) >= least, within=60)
    say(f"{(len(busy.rows()) - first) / (time.monotonic() - began):.0f} runs a second beside five backups")
    busy.quiet(*(f"t{number}" for number in range(TASKS)))
    live = {row.id: row for row in busy.rows()}
    assert busy.stop() == [0]
    seen = []
    for archive in reversed(archives(folder)):
        done = restore(archive.path, store, datetime.now(UTC))  # noqa: TID251 - real processes, the real clock
        seen.append(done.proof.runs)
        assert_whole(busy, live, done.proof.runs)
    assert len(seen) == 5
    assert all(earlier < later for earlier, later in itertools.pairwise(seen))


def assert_whole(daemons: Daemons, live: Mapping[int, object], count: int) -> None:
    """Every run up to one is there, none of a task is missing, what was settled is as it was, and SQLite agrees."""
    rows = daemons.rows()
    assert len(rows) == count
    assert {row.id for row in rows} == set(range(1, max(row.id for row in rows) + 1))
    for row in rows:
        if row.state not in ("pending", "running"):
            assert live[row.id] == row
    by_task = itertools.groupby(sorted(rows, key=lambda row: (row.task_id, row.due_at)), key=lambda row: row.task_id)
    for _, group in by_task:
        due = [row.due_at for row in group]
        assert {later - sooner for sooner, later in itertools.pairwise(due)} <= {EVERY}
    with closing(sqlite3.connect(daemons.home / "data" / "memory.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_restored_store_goes_on(busy: Daemons, tmp_path: Path) -> None:
    """Cut off in the middle of its work, and put back: what had started is dealt with, and more comes."""
    busy.cli("backup", "--to", str(tmp_path / "backups"))
    busy.stop()
    (busy.home / "data" / "memory.db").write_bytes(b"garbage" * 1000)
    busy.cli("restore", "--from", str(tmp_path / "backups"))
    restored = len(busy.rows())
    busy.start()
    busy.until(lambda: len(busy.rows()) > restored + 400, within=60)
    busy.quiet(*(f"t{number}" for number in range(TASKS)))
    assert busy.stop() == [0]
    assert not {"pending", "running"} & set(busy.states())


# -- a full disk ------------------------------------------------------------------------------------------
@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "jarvis-test", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here; tests/contract/test_archives.py has a full disk as well")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_fills_up_leaves_the_backups_before(small_disk: Path, tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with closing(MemoryStore(str(path))) as store:
        before = back_up(str(path), small_disk, BEFORE).archive.path
        store.facts.put("large", "text", "x" * 900_000, BEFORE)
        with pytest.raises(CopyFailed, match=r"the disk of .* is full: make room on it, or choose another folder"):
            back_up(str(path), small_disk, NOW, keep=1)
    assert [each.path for each in archives(small_disk)] == [before]
    assert {each.name for each in small_disk.iterdir()} == {".jarvis-backups", before.name}
    assert read_through(before)


def test_the_ballast_may_leave_no_room_for_the_packed_file_either(small_disk: Path, tmp_path: Path) -> None:
    """Whatever is the first that does not fit: the copy, its journal, the packed file."""
    path = tmp_path / "memory.db"
    MemoryStore(str(path)).close()
    before = back_up(str(path), small_disk, BEFORE).archive.path
    free = 0
    for ballast in range(1_000_000, 0, -40_000):
        file = small_disk / "ballast"
        file.unlink(missing_ok=True)
        with file.open("wb") as stream:
            try:
                stream.write(b"x" * ballast)
            except OSError:
                continue
        try:
            back_up(str(path), small_disk, NOW, keep=2)
        except CopyFailed as error:
            assert "is full" in str(error)  # noqa: PT017 - which of the two it is depends on the room
            assert [each.path for each in archives(small_disk)] == [before]
        else:
            free += 1
            break
    assert free == 1


# -- cut off ----------------------------------------------------------------------------------------------
def child(verb: str, store: Path, place: Path, number: int) -> int:
    words = [sys.executable, "-m", "tests.crash.backup_child", verb, str(store), str(place), str(number)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, KILLED), done.stderr
    return done.returncode


def put(path: Path, value: str) -> None:
    with closing(MemoryStore(str(path))) as store:
        store.facts.put("a", "b", value, BEFORE)


def value_in(path: Path) -> object:
    with closing(MemoryStore(str(path))) as store:
        store.database.check()
        found = store.facts.get("a", "b")
        return found and found.value


def test_a_backup_killed_anywhere_leaves_a_whole_one_and_the_next_clears_up(tmp_path: Path) -> None:
    path, folder = tmp_path / "memory.db", tmp_path / "backups"
    put(path, "first")
    for number in itertools.count():
        back_up(str(path), folder, BEFORE, keep=1)
        code = child("backup", path, folder, number)
        left = archives(folder)
        assert left
        for archive in left:
            unpack(archive.path, tmp_path / "copy.db")
            assert value_in(tmp_path / "copy.db") == "first"
            (tmp_path / "copy.db").unlink()
            archive.path.unlink()
        if code == 0:
            assert number > 5
            break


@pytest.mark.parametrize("state", ["whole", "damaged", "gone"])
def test_a_restore_killed_anywhere_leaves_the_old_or_the_new_never_a_mixture(tmp_path: Path, state: str) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup.db"
    path = data / "memory.db"
    put(backup, "backup")
    for number in itertools.count():
        for left in data.glob("*") if data.is_dir() else ():
            left.unlink()
        put(path, "old")
        leave_a_wal(path)
        if state == "damaged":
            path.write_bytes(b"garbage" * 1000)
        if state == "gone":
            path.unlink()
        code = child("restore", path, backup, number)
        assert_one_of_the_two(path, state)
        restore(backup, str(path), NOW + timedelta(hours=1))
        assert value_in(path) == "backup"
        if code == 0:
            assert number > 2
            break


LEAVE = """
import os, sys
from jarvis.memory import MemoryStore
store = MemoryStore(sys.argv[1])
store.facts.put("a", "b", "newest")
os._exit(0)
"""


def leave_a_wal(path: Path) -> None:
    """The last change is in the -wal alone, as after a daemon that was killed."""
    subprocess.run([sys.executable, "-c", LEAVE, str(path)], check=True)
    assert Path(f"{path}-wal").stat().st_size


def assert_one_of_the_two(path: Path, state: str) -> None:
    """What a start would find there now."""
    if state == "whole":
        assert value_in(path) in ("newest", "backup")
    elif path.exists() and path.read_bytes()[:7] != b"garbage":
        assert value_in(path) == "backup"
    kept = [each for each in path.parent.glob("*.replaced-*-wal") if each.stat().st_size]
    assert state == "whole" or kept or Path(f"{path}-wal").stat().st_size, "the last changes are nowhere any more"
