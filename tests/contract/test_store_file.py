"""The store's file: private, whole, versioned; and what is said when it cannot be used."""

from __future__ import annotations

import contextlib
import re
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue

import apsw
import pytest

from jarvis.errors import StoreBusy, StoreError, StoreUnusable
from jarvis.memory import MemoryStore, sqlite
from jarvis.memory import migrate as migrating
from jarvis.memory import statements as named
from jarvis.memory.sqlite import Database
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Interval

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SPEC = TaskSpec(name="t", schedule=Interval(timedelta(seconds=10)), handler="noop")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "memory.db"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_store_and_its_companions_are_for_their_owner_only(path: Path) -> None:
    store = MemoryStore(str(path))
    store.add_task(SPEC, START)
    store.instances.register(START)
    folder = Path(f"{path}-daemons")
    files = [path, Path(f"{path}-wal"), Path(f"{path}-shm"), *folder.iterdir()]
    assert {mode(file) for file in files} == {0o600}
    assert mode(path.parent) == mode(folder) == 0o700
    store.close()


def test_every_commit_is_synced_and_written_ahead(path: Path) -> None:
    database = Database(str(path))
    assert database.value("PRAGMA journal_mode") == "wal"
    assert database.value("PRAGMA synchronous") == 2
    assert database.value("PRAGMA foreign_keys") == 1
    with database.transaction(durable=False):
        assert database.value("PRAGMA synchronous") == 1
    with database.transaction():
        assert database.value("PRAGMA synchronous") == 2
    database.close()


def test_what_was_stored_is_there_when_opened_again(path: Path) -> None:
    first = MemoryStore(str(path))
    task = first.add_task(SPEC, START)
    first.close()
    second = MemoryStore(f"sqlite:///{path}")
    assert second.tasks.get("t") == task
    second.close()


def test_a_folder_in_place_of_the_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="is a folder"):
        MemoryStore(str(tmp_path))


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StoreUnusable, match="cannot be opened"):
        MemoryStore(str(tmp_path / "data" / "memory.db"))


def test_what_is_no_database_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreUnusable, match="damaged or no SQLite file"):
        MemoryStore(str(path))
    assert path.read_bytes() == b"garbage" * 1000


def make_damaged(path: Path) -> None:
    """A store with a page in its middle overwritten."""
    store = MemoryStore(str(path))
    with store.transaction():
        for n in range(500):
            store.tasks.add(
                TaskSpec(name=f"t{n}", schedule=SPEC.schedule, handler="noop", params={"x": "y" * 200}), START
            )
    store.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)


def test_a_damaged_page_is_found_by_the_check(path: Path) -> None:
    make_damaged(path)
    with pytest.raises(StoreUnusable, match="damaged"):
        MemoryStore(str(path)).database.check()


def test_a_damaged_page_found_beside_the_work_ends_all_writing(path: Path) -> None:
    make_damaged(path)
    store, told = MemoryStore(str(path)), SimpleQueue[Exception | None]()
    store.database.check_beside(told.put)
    assert "damaged" in str(told.get(timeout=30))
    with pytest.raises(StoreUnusable, match="damaged"):
        store.facts.put("a", "b", 1, START)
    store.database.let_go()


def test_a_whole_store_is_looked_over_beside_the_work_and_goes_on(path: Path) -> None:
    store, told = MemoryStore(str(path)), SimpleQueue[Exception | None]()
    store.database.check_beside(told.put)
    assert told.get(timeout=30) is None
    store.facts.put("a", "b", 1, START)
    store.close()


def test_a_check_beside_the_work_ends_with_the_store(path: Path) -> None:
    store = MemoryStore(str(path))
    store.database.check_beside(lambda _wrong: None)
    store.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "jarvis-store-check"]


def test_a_newer_schema_is_refused_untouched(path: Path) -> None:
    store = MemoryStore(str(path))
    store.database.change("PRAGMA user_version = 999")
    store.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnusable, match=r"schema 999, newer .* upgrade jarvis"):
        MemoryStore(str(path))
    assert path.read_bytes() == before


def test_a_migration_is_applied_once_after_a_copy_and_a_failed_one_changes_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore(str(path))
    store.add_task(SPEC, START)
    store.close()
    newest = max(migrating.migrations())
    second = tmp_path / "next.sql"
    known = {**migrating.migrations(), newest + 1: second}
    monkeypatch.setattr(migrating, "migrations", lambda: known)

    second.write_text("CREATE TABLE extra (x) STRICT;")
    with pytest.raises(StoreError):
        MemoryStore(str(path))
    plain = Database(str(path))
    assert plain.value("PRAGMA user_version") == newest

    second.write_text("ALTER TABLE tasks ADD COLUMN extra INTEGER;")
    assert migrating.migrate(plain) == [newest + 1]
    assert migrating.migrate(plain) == []
    assert plain.value("SELECT name FROM tasks") == "t"
    plain.close()
    copy = Path(f"{path}.schema-{newest}.bak")
    assert mode(copy) == 0o600
    assert apsw.Connection(str(copy)).execute("SELECT name FROM tasks").fetchall() == [("t",)]


def test_two_processes_that_open_a_new_store_at_once_both_find_it_ready(path: Path) -> None:
    failures: list[Exception] = []

    def open_it() -> None:
        try:
            MemoryStore(str(path)).close()
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_store_locked_by_another_is_busy_not_broken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 1)
    store = MemoryStore(str(path))
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="is locked by another process"):
        store.add_task(SPEC, START)
    other.execute("ROLLBACK")
    other.close()
    assert store.add_task(SPEC, START).name == "t"
    store.close()


def test_an_error_inside_a_transaction_undoes_all_of_it(path: Path) -> None:
    store = MemoryStore(str(path))

    def half_way() -> None:
        with store.transaction():
            store.add_task(SPEC, START)
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_way()
    assert store.tasks.names() == []
    store.close()


def test_an_error_caught_inside_undoes_the_outer_part_too_and_says_so(path: Path) -> None:
    store = MemoryStore(str(path))

    def fail_inside() -> None:
        with store.transaction():
            raise RuntimeError("inner")

    def go_on_all_the_same() -> None:
        with store.transaction():
            store.add_task(SPEC, START)
            with contextlib.suppress(RuntimeError):
                fail_inside()

    with pytest.raises(StoreError, match="all of it was undone"):
        go_on_all_the_same()
    assert store.tasks.names() == []
    assert store.add_task(SPEC, START).name == "t"
    store.close()


def test_a_change_by_another_connection_is_noticed_and_ones_own_is_not(path: Path) -> None:
    mine, other = MemoryStore(str(path)), MemoryStore(str(path))
    mine.changed()
    mine.add_task(SPEC, START)
    assert not mine.changed()
    other.pause_task("t", START)
    assert mine.changed()
    assert not mine.changed()
    mine.close()
    other.close()


def test_every_statement_is_sound_against_the_schema() -> None:
    database = MemoryStore().database
    names = sorted(file.stem for file in (Path(named.__file__).parent / "sql").glob("*.sql"))
    assert "runs" in names
    for name in names:
        for verb, sql in named.load(name).items():
            holes = max([int(number) for number in re.findall(r"\?(\d+)", sql)], default=sql.count("?"))
            values = [None] * holes if holes else _Anything()
            assert database.rows(f"EXPLAIN {sql}", values), (name, verb)
    database.close()


class _Anything(dict[str, object]):
    def __missing__(self, key: str) -> None:
        return None


@pytest.mark.parametrize(
    ("name", "verb", "index"),
    [
        ("tasks", "due", "tasks_by_next_run"),
        ("tasks", "due", "runs_open"),
        ("runs", "claimable", "runs_open"),
        ("runs", "cancel_pending", "runs_open"),
        ("runs", "expire", "runs_useful"),
        ("tasks", "next_due_at", "tasks_by_next_run"),
        ("runs", "claimable", "runs_pending"),
        ("runs", "next_available_at", "runs_waiting"),
        ("runs", "running_of", "runs_open"),
        ("runs", "asked_to_stop", "runs_asked"),
        ("runs", "open_until", "runs_open"),
        ("tasks", "failing", "INTEGER PRIMARY KEY"),
        ("tasks", "following_zone", "tasks_following_zone"),
        ("runs", "newest_of", "sqlite_autoindex_runs_1"),
        ("instances", "open", "instances_open"),
    ],
)
def test_what_runs_at_every_tick_reads_an_index_not_the_table(name: str, verb: str, index: str) -> None:
    database = MemoryStore().database
    sql = named.load(name)[verb]
    plan = database.rows(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?") or _Anything())
    assert any(index in str(step[3]) for step in plan), plan
    database.close()
