"""One SQLite file: opened safely, written by one thread at a time, its errors told apart.

Through apsw, which brings a current SQLite: those before 3.51.3 can lose commits when two
connections write to one WAL (sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import apsw

from jarvis.errors import StoreError, StoreUnusable
from jarvis.memory.faults import of_disk, of_sqlite
from jarvis.memory.filecheck import FileCheck, quick_check
from jarvis.memory.storefile import StoreFile

BUSY_TIMEOUT_MS = 5_000
HURRIED_MS = 1_000  # the same for somebody who cannot wait

# fullfsync makes a commit survive power loss on macOS, where a plain fsync stops at the drive's cache.
_PRAGMAS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA foreign_keys = ON;
PRAGMA trusted_schema = OFF;
"""

_SYNC = {True: "PRAGMA synchronous = FULL", False: "PRAGMA synchronous = NORMAL"}

Bindings = Mapping[str, Any] | Sequence[Any]
Row = tuple[Any, ...]
_T = TypeVar("_T")


class Database:
    """A connection shared by the threads of this process, one at a time. `:memory:` is a private one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.after_commit: list[Callable[[], None]] = []
        self._lock = threading.RLock()
        self._depth = 0
        self._announce = False
        self._doomed = False
        self._synced = True
        self._data_version = 0
        self._verdict: StoreUnusable | None = None  # what makes every further write refused
        self._check: FileCheck | None = None
        self._file = StoreFile(path)
        try:
            self._connection = apsw.Connection(path)
        except apsw.Error as error:
            raise of_sqlite(path, error) from error
        try:
            self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            # Without this a statement is compiled anew whenever another value is bound to its LIMIT.
            self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            _set_up(self._connection)
        except apsw.Error as error:
            ours = self._ours(error)
            self._connection.close(True)
            raise ours from error

    def rows(self, sql: str, bindings: Bindings = ()) -> list[Row]:
        """Everything a statement answers."""
        with self._lock:
            try:
                return self._connection.execute(sql, bindings).fetchall()
            except apsw.Error as error:
                raise self._ours(error) from error

    def row(self, sql: str, bindings: Bindings = ()) -> Row | None:
        """The first row of the answer, if there is one."""
        with self._lock:
            try:
                # To the end: a statement that is not reset would stand in the way of the next BEGIN.
                found = self._connection.execute(sql, bindings).fetchall()
            except apsw.Error as error:
                raise self._ours(error) from error
            return found[0] if found else None

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

    def change_each(self, sql: str, rows: Iterable[Bindings]) -> list[int]:
        """One write for each of the bindings, all in one call; how many rows each of them changed."""
        return self._each(sql, rows, self._connection.changes)

    def insert_each(self, sql: str, rows: Iterable[Bindings]) -> list[int | None]:
        """The same for an insert: the id of each new row, None where there was no room for it (ON CONFLICT)."""
        connection = self._connection
        return self._each(sql, rows, lambda: connection.last_insert_rowid() if connection.changes() else None)

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
        self._file.hold()
        version = self.value("PRAGMA data_version")
        self._data_version, before = version, self._data_version
        return bool(version != before)

    @property
    def size(self) -> int:
        """Bytes of the store, as SQLite has it."""
        return int(self.value("PRAGMA page_count")) * int(self.value("PRAGMA page_size"))

    def check(self, within: float | None = None) -> bool:
        """Raise StoreUnusable unless SQLite finds the file whole (`PRAGMA quick_check`).

        It takes a second for each 250 MB or so. After `within` seconds it is broken off and False returned: what
        was looked at is whole. The tables come in the order they were made in, so tasks and ledger before outputs.
        """
        until = float("inf") if within is None else time.monotonic() + within
        with self._lock:
            return quick_check(self._connection, self.path, lambda: time.monotonic() > until)

    def check_beside(self, tell: Callable[[Exception | None], None]) -> None:
        """`check` to its end, while others go on; `tell` hears of it from another thread.

        From the moment that the file is found damaged no transaction begins: each is a StoreUnusable.
        """

        def judge(wrong: Exception | None) -> None:
            self._verdict = wrong if isinstance(wrong, StoreUnusable) else None
            tell(wrong)

        self._check = FileCheck(self.path, judge)

    def hurry(self) -> None:
        """From now on wait for other processes for a moment only."""
        with self._lock:
            self._connection.set_busy_timeout(HURRIED_MS)

    def keep_copy(self, stamp: str) -> str:
        """The path no longer leads to our file: put a copy of what that holds beside it, and let go. The copy's path.

        Our -wal and -shm go, if they are still there: what they hold is in the copy, and the file that is at the
        path now has nothing to do with them.
        """
        with self._lock:
            path = self._file.spare(stamp)
            try:
                copy = apsw.Connection(path)
                with copy.backup("main", self._connection, "main") as step:
                    step.step(-1)
                copy.close()
            except apsw.Error as error:
                raise of_sqlite(path, error) from error
            finally:
                self.let_go()
            self._file.remove_companions()
            return path

    def let_go(self) -> None:
        """Close the connection and leave the files as they are.

        The WAL is neither folded into what is damaged, nor deleted by a name that may be another's by now.
        """
        self._stop_check()
        with self._lock:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self._connection.close(True)

    def close(self) -> None:
        """Close the connection; the WAL is folded back into the file if nobody else has it open."""
        self._stop_check()
        with self._lock:
            self._connection.close()

    def _stop_check(self) -> None:
        check, self._check = self._check, None
        if check is not None:
            check.stop()

    def _change(self, sql: str, bindings: Bindings) -> int:
        # A single statement is all or nothing by itself: no savepoint around each of ten thousand rows.
        try:
            self._connection.execute(sql, bindings)
        except apsw.Error as error:
            raise self._ours(error) from error
        return self._connection.changes()

    def _each(self, sql: str, rows: Iterable[Bindings], told: Callable[[], _T]) -> list[_T]:
        """What `told` says after each: SQLite is asked before the next bindings are taken."""
        found: list[_T] = []

        def bound() -> Iterator[Bindings]:
            for row in rows:
                yield row
                found.append(told())

        with self.transaction():
            try:
                self._connection.executemany(sql, bound())
            except apsw.Error as error:
                raise self._ours(error) from error
        return found

    def _begin(self, durable: bool) -> None:
        self._lock.acquire()
        if not self._depth:
            try:
                if self._verdict is not None:
                    raise self._verdict
                self._set_sync(durable)
                self._connection.execute("BEGIN IMMEDIATE")
                self._file.hold()
            except (apsw.Error, OSError, StoreError) as error:
                ours = self._ours(error)
                self._undo()
                self._lock.release()
                raise ours from error
        self._depth += 1

    def _end(self, failed: bool) -> None:
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
            self._lock.release()
        self._tell()

    def _keep(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            ours = self._ours(error)
            self._undo()
            raise ours from error
        # Nobody may act on what was committed to a file that is gone. A disk that does not say is no proof of that.
        with suppress(OSError):
            self._file.hold()

    def _undo(self) -> None:
        self._announce = False
        self._roll_back()

    def _roll_back(self) -> None:
        # SQLite may have taken it back itself (a full disk). Where even this fails, nothing was committed, and it
        # is taken back before the next transaction begins.
        if not self._connection.get_autocommit():
            with suppress(apsw.Error):
                self._connection.execute("ROLLBACK")

    def _ours(self, error: BaseException) -> BaseException:
        """An error of SQLite, or of asking for the file, as ours; any other as it is."""
        if isinstance(error, apsw.Error):
            return of_sqlite(self.path, error, self._connection.system_errno)
        return of_disk(self.path, error) if isinstance(error, OSError) else error

    def _set_sync(self, durable: bool) -> None:
        """Before a transaction, and not after one that was relaxed: what fails here fails the transaction."""
        self._roll_back()
        if durable is not self._synced:
            self._connection.execute(_SYNC[durable])
            self._synced = durable

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
        self._database._end(error is not None)
        if isinstance(error, apsw.Error):
            raise self._database._ours(error) from error


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
