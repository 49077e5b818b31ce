"""One consistent copy of a store's file, taken while others write to it; and what proves that a copy is whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import apsw

from jarvis.errors import StoreError, UsageError
from jarvis.memory.faults import of_sqlite
from jarvis.memory.migrate import migrations
from jarvis.memory.sqlite import BUSY_TIMEOUT_MS

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_COUNTS = """
SELECT (SELECT count(*) FROM tasks WHERE removed_at IS NULL), (SELECT count(*) FROM runs),
       (SELECT count(*) FROM facts), (SELECT max(recorded_at) FROM runs)
"""


class Proof(NamedTuple):
    """A copy that SQLite finds whole, and what is in it. `last_recorded` is in microseconds, UTC."""

    schema: int
    tasks: int
    runs: int
    facts: int
    last_recorded: int | None


class CopyFailed(StoreError):
    """No copy was made, or what was made is not whole: it must not be kept as one."""


class DiskFull(CopyFailed):
    """There is no room for a copy: another backup would not fit either."""


def take(store: str, copy: Path) -> None:
    """Write what the store holds at one moment into the new file `copy`, for its owner alone.

    SQLite's own online backup, within one read transaction: in WAL mode nobody who writes waits for it. The copy is
    one file, with no -wal that belongs to it. UsageError if there is no store; StoreError for one that cannot be read.
    """
    must_exist(store)
    try:
        source = apsw.Connection(store, flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as error:
        raise of_sqlite(store, error) from error
    try:
        source.set_busy_timeout(BUSY_TIMEOUT_MS)
        _copy(source, store, copy)
    finally:
        source.close(True)


def check(copy: Path) -> Proof:
    """Look a copy over, page by page, and count what is in it. CopyFailed unless it is whole and this version's.

    The file is read as it lies there, and nothing is made beside it.
    """
    try:
        connection = apsw.Connection(
            f"file:{quote(str(copy.absolute()))}?immutable=1",
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
        )
        try:
            found = connection.execute("PRAGMA quick_check(1)").get
            if found != "ok":
                raise CopyFailed(f"{copy} is damaged: {' '.join(str(found).split())}")
            schema = int(connection.execute("PRAGMA user_version").get)
            _refuse_unknown(copy, schema)
            counts: list[Any] = list(connection.execute(_COUNTS).fetchall()[0])
            return Proof(schema, *counts)
        finally:
            connection.close(True)
    except apsw.Error as error:
        raise CopyFailed(f"{copy} is damaged or no store of Jarvis: {error}") from error


def must_exist(store: str) -> None:
    """Raise UsageError if there is no store."""
    if not Path(store).is_file():
        raise UsageError(f"there is no store at {store}: nothing to copy")


def full(folder: Path) -> DiskFull:
    """There is no room for the copy in that folder."""
    return DiskFull(f"the disk of {folder} is full: make room on it, or choose another folder")


def private(path: Path) -> int:
    """Make a file that nobody else may read, and open it for writing. FileExistsError if there is one."""
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)


def _copy(source: apsw.Connection, store: str, copy: Path) -> None:
    os.close(private(copy))
    target = apsw.Connection(str(copy))
    try:
        # Whoever keeps the copy syncs it, once. Alone with it, SQLite makes no -shm on what may be a full disk.
        target.execute("PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE").fetchall()
        with target.backup("main", source, "main") as step:
            step.step(-1)
        target.execute("PRAGMA journal_mode = DELETE").fetchall()
    except (apsw.CorruptError, apsw.NotADBError, apsw.BusyError) as error:
        raise of_sqlite(store, error) from error
    except apsw.Error as error:
        if isinstance(error, apsw.FullError) or target.system_errno in FULL:
            raise full(copy.parent) from error
        raise CopyFailed(f"{store} could not be copied to {copy.parent}: {error}") from error
    finally:
        target.close(True)


def _refuse_unknown(copy: Path, schema: int) -> None:
    newest = max(migrations())
    if schema > newest:
        raise CopyFailed(
            f"{copy} has schema {schema}, newer than the {newest} this version of jarvis knows: upgrade jarvis first"
        )
    if schema < 1:
        raise CopyFailed(f"{copy} is a SQLite file, but no store of Jarvis: it has no schema number")
