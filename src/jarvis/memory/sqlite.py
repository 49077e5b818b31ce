"""One SQLite file: opened safely, written by one thread at a time, its errors told apart.

Through apsw, which brings a current SQLite: those before 3.51.3 can lose commits when two
connections write to one WAL (sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from jarvis.errors import StoreBusy, StoreError, StoreUnusable

BUSY_TIMEOUT_MS = 5_000
_WAIT = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
)
_DAMAGED = (apsw.NotADBError, apsw.CorruptError)

# fullfsync makes a commit survive power loss on macOS, where a plain fsync stops at the drive's cache.
_PRAGMAS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA foreign_keys = ON;
PRAGMA trusted_schema = OFF;
"""


class Refused(StoreError):
    """A write that a constraint of the schema forbids: a taken name, a settled run."""


Bindings = Mapping[str, Any] | Sequence[Any]
Row = tuple[Any, ...]


class Database:
    """A connection shared by the threads of this process, one at a time. `:memory:` is a private one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.after_commit: list[Callable[[], None]] = []
        self._lock = threading.RLock()
        self._depth = 0
        self._announce = False
        self._doomed = False
        self._data_version = 0
        _make_private(path)
        with _told(path):
            self._connection = apsw.Connection(path)
            self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            # Without this a statement is compiled anew whenever another value is bound to its LIMIT.
            self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            _set_up(self._connection)

    def rows(self, sql: str, bindings: Bindings = ()) -> list[Row]:
        """Everything a statement answers."""
        with self._lock:
            try:
                return self._connection.execute(sql, bindings).fetchall()
            except apsw.Error as error:
                raise _ours(self.path, error) from error

    def row(self, sql: str, bindings: Bindings = ()) -> Row | None:
        """The first row of the answer, if there is one."""
        with self._lock:
            try:
                return self._connection.execute(sql, bindings).fetchone()
            except apsw.Error as error:
                raise _ours(self.path, error) from error

    def value(self, sql: str, bindings: Bindings = ()) -> Any:
        """The first column of the first row, None if there is no row."""
        found = self.row(sql, bindings)
        return found[0] if found else None

    def last_id(self) -> int:
        """The id of the row this connection inserted last."""
        return int(self._connection.last_insert_rowid())

    def change(self, sql: str, bindings: Bindings = ()) -> int:
        """Carry out one write and say how many rows it changed. Its own transaction unless inside one."""
        with self._lock:
            if not self._depth:
                with self.transaction():
                    return self._change(sql, bindings)
            return self._change(sql, bindings)

    def transaction(self, *, durable: bool = True) -> Transaction:
        """All of it or nothing, from BEGIN IMMEDIATE to a synced COMMIT. Inside another one it is part of that:
        if it fails, the outer one is undone too, also where somebody caught the error.

        `durable=False` leaves out the disk sync: for what may be lost with the power, such as a heartbeat.
        """
        return Transaction(self, durable)

    def announce(self) -> None:
        """Tell the daemons on this store, once the current transaction is committed, that there is work."""
        self._announce = True

    def changed(self) -> bool:
        """Whether another connection committed since this was last asked."""
        version = self.value("PRAGMA data_version")
        self._data_version, before = version, self._data_version
        return bool(version != before)

    def check(self) -> None:
        """Raise StoreUnusable unless SQLite finds the file whole (`PRAGMA quick_check`)."""
        found = self.value("PRAGMA quick_check(1)")
        if found != "ok":
            raise StoreUnusable(f"the store {self.path} is damaged: {found}")

    def close(self) -> None:
        """Close the connection; the WAL is folded back into the file if nobody else has it open."""
        with self._lock:
            self._connection.close()

    def _change(self, sql: str, bindings: Bindings) -> int:
        # A single statement is all or nothing by itself: no savepoint around each of ten thousand rows.
        try:
            self._connection.execute(sql, bindings)
        except apsw.Error as error:
            raise _ours(self.path, error) from error
        return self._connection.changes()

    def _begin(self, durable: bool) -> None:
        self._lock.acquire()
        if not self._depth:
            try:
                if not durable:
                    self._connection.execute("PRAGMA synchronous = NORMAL")
                self._connection.execute("BEGIN IMMEDIATE")
            except apsw.Error as error:
                self._sync_again(durable)
                self._lock.release()
                raise _ours(self.path, error) from error
        self._depth += 1

    def _end(self, durable: bool, failed: bool) -> None:
        self._depth -= 1
        self._doomed = failed or self._doomed
        try:
            if not self._depth:
                self._undo() if self._doomed else self._keep()
                if self._doomed and not failed:
                    raise StoreError(f"the store {self.path}: a part of a transaction failed, so all of it was undone")
        finally:
            if not self._depth:
                self._doomed = False
                self._sync_again(durable)
            self._lock.release()
        self._tell()

    def _keep(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            self._undo()
            raise _ours(self.path, error) from error

    def _undo(self) -> None:
        self._announce = False
        if not self._connection.get_autocommit():  # SQLite may have taken it back itself (a full disk)
            self._connection.execute("ROLLBACK")

    def _sync_again(self, durable: bool) -> None:
        if not durable:
            self._connection.execute("PRAGMA synchronous = FULL")

    def _tell(self) -> None:
        if self._announce and not self._depth:
            self._announce = False
            for tell in self.after_commit:
                tell()


class Transaction:
    """One `with` over a database: BEGIN to COMMIT, or to ROLLBACK on an error. A class: it is on the hot path."""

    __slots__ = ("_database", "_durable")

    def __init__(self, database: Database, durable: bool) -> None:
        self._database = database
        self._durable = durable

    def __enter__(self) -> apsw.Connection:
        self._database._begin(self._durable)
        return self._database._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._database._end(self._durable, error is not None)
        if isinstance(error, apsw.Error):
            raise _ours(self._database.path, error) from error


def _set_up(connection: apsw.Connection) -> None:
    """Apply the pragmas. Where two processes switch a new file to WAL at once, SQLite refuses one without waiting."""
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            # A cursor stops at the first statement that answers; to read it out is to run them all.
            connection.execute(_PRAGMAS).fetchall()
            return
        except apsw.BusyError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.01)


def _make_private(path: str) -> None:
    """Create the file 0600 before SQLite can create it wider; -wal and -shm take the same mode."""
    if path == ":memory:":
        return
    file = Path(path)
    if file.is_dir():
        raise StoreUnusable(f"the store {path} is a folder: move it away, or name another file in JARVIS_DATABASE_URL")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreUnusable(f"the store {path} cannot be opened: {error.strerror}") from error


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise _ours(path, error) from error


def _ours(path: str, error: apsw.Error) -> Exception:
    """SQLite's errors as ours: what waiting may cure is StoreBusy, what it cannot is StoreUnusable."""
    if isinstance(error, _DAMAGED):
        return StoreUnusable(f"the store {path} is damaged or no SQLite file: {error}")
    if isinstance(error, _WAIT):
        return StoreBusy(f"the store {path} cannot be used right now: {error}")
    if isinstance(error, apsw.ConstraintError):
        return Refused(str(error))
    return StoreError(f"the store {path}: {error}")
