"""Backups in a folder, and one put back: what is kept, what is refused, and what is never lost."""

from __future__ import annotations

import errno
import gzip
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from jarvis.errors import Conflict, NotFound, UsageError
from jarvis.memory import MemoryStore, archives
from jarvis.memory.archives import back_up, newest_whole, unpack
from jarvis.memory.restore import restore
from jarvis.memory.snapshot import CopyFailed, check

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with one fact, that nobody has open."""
    made = tmp_path / "data" / "memory.db"
    put(made, "first")
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def put(path: Path, value: str) -> None:
    with closing(MemoryStore(str(path))) as store:
        store.facts.put("a", "b", value, NOW)


def value_in(path: Path) -> object:
    with closing(MemoryStore(str(path))) as store:
        found = store.facts.get("a", "b")
        return found and found.value


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".jarvis-backups")


# -- making -----------------------------------------------------------------------------------------------
def test_a_backup_is_one_packed_file_that_any_sqlite_opens(path: Path, folder: Path, tmp_path: Path) -> None:
    made = back_up(str(path), folder, NOW)
    assert names(folder) == ["jarvis-20260301T080000Z.db.gz"]
    assert (made.archive.taken_at, made.proof.facts, made.deleted) == (NOW, 1, [])
    assert [each.stat().st_mode & 0o777 for each in (folder, made.archive.path)] == [0o700, 0o600]
    plain = tmp_path / "plain.db"
    plain.write_bytes(gzip.decompress(made.archive.path.read_bytes()))
    with closing(apsw.Connection(str(plain), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        assert connection.execute("PRAGMA journal_mode").get == "delete"
        assert connection.execute("SELECT value FROM facts").get == '"first"'


def test_what_is_not_folded_into_the_file_yet_is_in_it(path: Path, folder: Path, tmp_path: Path) -> None:
    with closing(MemoryStore(str(path))) as store:
        store.facts.put("a", "b", "second", NOW)
        with store.transaction():
            store.facts.put("a", "b", "not committed", NOW)
            made = back_up(str(path), folder, NOW)
    unpack(made.archive.path, tmp_path / "copy.db")
    assert value_in(tmp_path / "copy.db") == "second"


def test_the_newest_are_kept_and_never_the_one_just_made_deleted(path: Path, folder: Path) -> None:
    back_up(str(path), folder, NOW + 100 * DAY)  # the clock was wrong
    for day in range(4):
        made = back_up(str(path), folder, NOW + day * DAY, keep=3)
        assert made.archive.path.exists()
    assert [name[7:15] for name in names(folder)] == ["20260303", "20260304", "20260609"]


def test_two_within_a_second_are_two(path: Path, folder: Path) -> None:
    for _ in range(3):
        back_up(str(path), folder, NOW)
    assert [name[16:22] for name in names(folder)] == ["080000", "080001", "080002"]


def test_what_is_no_backup_is_neither_counted_nor_deleted(path: Path, folder: Path) -> None:
    folder.mkdir()
    others = ["notes.txt", "jarvis-old.db.gz", "jarvis-20260301T080000Z.db", "memory.db"]
    for name in others:
        (folder / name).write_text("mine")
    back_up(str(path), folder, NOW + DAY, keep=1)
    assert set(others) < set(names(folder))


def test_a_damaged_store_is_not_backed_up_and_the_ones_before_stay(path: Path, folder: Path) -> None:
    before = [back_up(str(path), folder, NOW + day * DAY).archive.path for day in range(2)]
    content = bytearray(path.read_bytes())
    content[3 * 4096 : 4 * 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    with pytest.raises(CopyFailed, match=r"no backup was made of .*memory\.db: its copy is damaged: "):
        back_up(str(path), folder, NOW + 2 * DAY, keep=1)
    assert names(folder) == [each.name for each in before]


@pytest.mark.parametrize("step", ["_pack", "read_through", "sync_folder"])
def test_a_full_disk_leaves_the_ones_before(
    path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = back_up(str(path), folder, NOW).archive.path

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archives, step, full)
    with pytest.raises(CopyFailed, match=r"the disk of .*backups is full: make room on it"):
        back_up(str(path), folder, NOW + DAY, keep=1)
    assert before.name in names(folder)
    assert not [name for name in names(folder) if name.startswith(".")]


def test_an_archive_that_does_not_read_back_is_not_kept(
    path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "read_through", lambda _: 17)
    with pytest.raises(CopyFailed, match="does not hold what was written to it"):
        back_up(str(path), folder, NOW)
    assert names(folder) == []


def test_what_a_killed_one_left_is_swept(path: Path, folder: Path) -> None:
    folder.mkdir()
    for name in (".jarvis-20260228T080000Z.db", ".jarvis-20260228T080000Z.db-journal", ".jarvis-20260228T080000Z.gz"):
        (folder / name).write_bytes(b"half")
    back_up(str(path), folder, NOW)
    assert names(folder) == ["jarvis-20260301T080000Z.db.gz"]


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a+")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.process
def test_two_at_once_are_one_and_a_refusal(path: Path, folder: Path) -> None:
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder / ".jarvis-backups")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Conflict, match=r"another backup into .* goes on"):
            back_up(str(path), folder, NOW)
        other.communicate()
    assert back_up(str(path), folder, NOW).archive.path.exists()


def test_a_folder_is_one_stores_alone_as_long_as_that_exists(path: Path, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    put(other, "other")
    back_up(str(path), folder, NOW)
    with pytest.raises(Conflict, match=r"holds the backups of .*memory\.db: choose another folder"):
        back_up(str(other), folder, NOW)
    path.unlink()  # moved to another home
    back_up(str(other), folder, NOW)


def test_no_store_is_nothing_to_back_up(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match="there is no store at"):
        back_up(str(tmp_path / "nothing.db"), folder, NOW)


def test_the_newest_whole_one_is_found_behind_a_damaged_one(path: Path, folder: Path) -> None:
    assert newest_whole(folder) is None
    good, bad = (back_up(str(path), folder, NOW + day * DAY).archive for day in range(2))
    spoil(bad.path)
    found = newest_whole(folder)
    assert found is not None
    assert found.path == good.path


# -- putting back -----------------------------------------------------------------------------------------
def spoil(archive: Path) -> None:
    """One bit, in the middle."""
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0x10
    archive.write_bytes(content)


@pytest.fixture
def backup(path: Path, folder: Path) -> Path:
    """A backup of the first state; the store has a second one by now."""
    made = back_up(str(path), folder, NOW).archive.path
    put(path, "second")
    return made


@pytest.mark.parametrize("whole", [True, False], ids=["from a file", "from the folder"])
def test_a_backup_is_put_back_and_what_was_there_is_kept(path: Path, backup: Path, whole: bool) -> None:
    done = restore(backup if whole else backup.parent, str(path), NOW + DAY)
    assert (done.archive, done.proof.facts, done.damaged) == (backup, 1, [])
    assert value_in(path) == "first"
    assert [value_in(kept) for kept in done.kept] == ["second"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(path.parent.glob(".*"))


def test_what_was_kept_can_be_put_back_too(path: Path, backup: Path) -> None:
    (kept,) = restore(backup, str(path), NOW + DAY).kept
    restore(kept, str(path), NOW + 2 * DAY)
    assert value_in(path) == "second"


def test_a_restored_store_tells_of_the_time_it_knows_nothing_of(path: Path, backup: Path) -> None:
    restore(backup, str(path), NOW + DAY)
    with closing(MemoryStore(str(path))) as store:
        (absence,) = store.absences.between(NOW, NOW + DAY)
    assert (absence.kind, absence.since, absence.until) == ("restored", NOW, NOW + DAY)
    assert "the restored backup knows nothing (jarvis-20260301T080000Z.db.gz)" in absence.said(UTC)


def test_a_dry_run_proves_the_backup_and_changes_nothing(path: Path, backup: Path) -> None:
    done = restore(backup, str(path), NOW + DAY, dry_run=True)
    assert (done.proof.facts, done.kept) == (1, [])
    assert value_in(path) == "second"


@pytest.mark.parametrize("leftover", [b"garbage" * 1000, b""])
def test_a_damaged_store_is_replaced_and_kept_with_its_wal(path: Path, backup: Path, leftover: bytes) -> None:
    path.write_bytes(leftover)
    Path(f"{path}-wal").write_bytes(b"w" * 5000)
    done = restore(backup, str(path), NOW + DAY)
    assert value_in(path) == "first"
    contents = [kept.read_bytes() for kept in done.kept]
    assert contents[0] == leftover
    if leftover:  # SQLite itself empties what stands beside an empty file
        assert contents[1] == b"w" * 5000


def test_a_store_that_is_gone_is_put_back_and_its_wal_kept(path: Path, backup: Path) -> None:
    path.unlink()
    Path(f"{path}-wal").write_bytes(b"w" * 5000)
    done = restore(backup, str(path), NOW + DAY)
    assert (value_in(path), [kept.name[-4:] for kept in done.kept]) == ("first", ["-wal"])


def test_a_damaged_archive_is_refused_and_the_store_stays(path: Path, backup: Path) -> None:
    spoil(backup)
    for source in (backup, backup.parent):
        with pytest.raises(CopyFailed, match=f"{backup.name} is damaged"):
            restore(source, str(path), NOW + DAY)
    assert value_in(path) == "second"
    assert names(path.parent) == ["memory.db"]


def test_a_truncated_archive_is_refused(path: Path, backup: Path) -> None:
    backup.write_bytes(backup.read_bytes()[:-100])
    with pytest.raises(CopyFailed, match="is damaged"):
        restore(backup, str(path), NOW + DAY)


def test_an_archive_whose_pages_are_damaged_is_refused(path: Path, backup: Path) -> None:
    """The packing is sound: it was a damaged file that was packed."""
    content = bytearray(gzip.decompress(backup.read_bytes()))
    content[3 * 4096 : 4 * 4096] = b"\xa5" * 4096
    backup.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(CopyFailed, match=f"{backup.name} is damaged"):
        restore(backup, str(path), NOW + DAY)
    assert value_in(path) == "second"


def test_the_newest_whole_one_is_taken_and_the_damaged_are_told(path: Path, backup: Path) -> None:
    newer = back_up(str(path), backup.parent, NOW + DAY).archive.path
    spoil(newer)
    done = restore(backup.parent, str(path), NOW + 2 * DAY)
    assert done.archive == backup
    assert [newer.name in said for said in done.damaged] == [True]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("PRAGMA user_version = 999", "has schema 999, newer than"),
        ("PRAGMA user_version = 0", "no store of Jarvis"),
        ("DROP TABLE outputs; DROP TABLE attempts; DROP TABLE deliveries; DROP TABLE runs", "no store of Jarvis"),
    ],
)
def test_what_this_version_could_not_use_is_refused(path: Path, tmp_path: Path, sql: str, said: str) -> None:
    other = tmp_path / "other.db"
    put(other, "other")
    with closing(apsw.Connection(str(other))) as connection:
        connection.execute("PRAGMA foreign_keys = OFF; " + sql).fetchall()
    with pytest.raises(CopyFailed, match=said):
        restore(other, str(path), NOW)
    assert value_in(path) == "first"


def test_a_file_that_is_no_store_is_refused(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("these are no pages of SQLite" * 100)
    with pytest.raises(CopyFailed, match=r"notes\.txt is damaged or no store of Jarvis"):
        restore(other, str(path), NOW)
    assert (value_in(path), names(path.parent)) == ("first", ["memory.db"])


def test_nothing_to_restore_is_said_so(path: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"there is no backup in .*: `jarvis backup` makes one"):
        restore(tmp_path, str(path), NOW)
    with pytest.raises(FileNotFoundError):
        restore(tmp_path / "nothing.gz", str(path), NOW)


# -- refusing ---------------------------------------------------------------------------------------------
@pytest.fixture
def living(path: Path, backup: Path) -> Iterator[None]:
    with closing(MemoryStore(str(path))) as store:
        owner = store.instances.register(NOW)
        yield
        store.instances.sign_off(owner.id, NOW)


@pytest.mark.usefixtures("living")
def test_beside_a_living_daemon_a_backup_can_be_proven(path: Path, backup: Path) -> None:
    assert restore(backup, str(path), NOW + DAY, dry_run=True).proof.facts == 1
    assert value_in(path) == "second"


def test_what_is_no_pipe_is_no_daemon(path: Path, backup: Path) -> None:
    folder = Path(f"{path}-daemons")
    folder.mkdir()
    (folder / ".DS_Store").write_text("")
    restore(backup, str(path), NOW + DAY)
    assert value_in(path) == "first"


@pytest.mark.parametrize("whole", [True, False], ids=["from a file", "from the folder"])
def test_a_disk_that_fills_up_in_a_restore_is_told_as_that(
    path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archives, "sync", full)
    with pytest.raises(CopyFailed, match=r"^the disk of .*data is full"):
        restore(backup if whole else backup.parent, str(path), NOW + DAY)
    assert (value_in(path), names(path.parent)) == ("second", ["memory.db"])


@pytest.mark.usefixtures("living")
@pytest.mark.parametrize("readable", [True, False])
def test_beside_a_living_daemon_it_is_refused(path: Path, backup: Path, readable: bool) -> None:
    if not readable:  # its pipe tells, not its row
        path.rename(path.with_name("aside"))
    with pytest.raises(Conflict, match="a daemon is running on the store"):
        restore(backup, str(path), NOW + DAY)
    if not readable:
        path.with_name("aside").rename(path)
    assert value_in(path) == "second"


def test_a_daemon_that_died_is_no_reason_to_refuse(path: Path, backup: Path) -> None:
    with closing(MemoryStore(str(path))) as store:
        store.instances.abandon(store.instances.register(NOW).id)
    restore(backup, str(path), NOW + DAY)
    assert value_in(path) == "first"


@pytest.mark.parametrize(("after", "refused"), [(timedelta(), True), (DAY, False)])
def test_a_daemon_on_another_machine_is_believed_as_long_as_its_lease(
    path: Path, backup: Path, after: timedelta, refused: bool
) -> None:
    with closing(MemoryStore(str(path))) as store:
        store.instances.abandon(store.instances.register(NOW).id)
        store.database.change("UPDATE instances SET host = 'elsewhere'")
    if refused:
        with pytest.raises(Conflict, match="a daemon is running"):
            restore(backup, str(path), NOW + after)
    else:
        restore(backup, str(path), NOW + after)


WRITING = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
print("writing", flush=True)
sys.stdin.read()
"""


@pytest.mark.process
def test_beside_another_program_that_uses_the_store_it_is_refused(path: Path, backup: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "writing\n"
        with pytest.raises(Conflict, match="another program uses the store"):
            restore(backup, str(path), NOW + DAY)
        other.communicate()
    assert value_in(path) == "second"
    restore(backup, str(path), NOW + DAY)


def test_a_link_to_the_store_stays_one(path: Path, backup: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    restore(backup, str(link), NOW + DAY)
    assert link.is_symlink()
    assert value_in(path) == "first"


def test_a_copy_is_looked_over_as_it_lies_there(path: Path) -> None:
    before = names(path.parent)
    assert check(path).facts == 1
    assert names(path.parent) == before
