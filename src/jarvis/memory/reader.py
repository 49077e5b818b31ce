"""A store that is only looked at: whatever state it is in, nothing of it is made, changed or migrated."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Protocol

import apsw

from jarvis.errors import StoreError
from jarvis.memory.faults import of_sqlite
from jarvis.memory.filecheck import quick_check
from jarvis.memory.sqlite import HURRIED_MS, Bindings, Row


class Reads(Protocol):
    """What can be asked: a Database, or a Reader."""

    path: str

    def rows(self, sql: str, bindings: Bindings = ()) -> list[Row]:
        """Everything a statement answers."""

    def row(self, sql: str, bindings: Bindings = ()) -> Row | None:
        """The first row of the answer, if there is one."""

    def value(self, sql: str, bindings: Bindings = ()) -> Any:
        """The first column of the first row, None if there is no row."""


class Reader:
    """A connection that cannot write. SQLite may make the empty -shm and -wal without which nobody can read."""

    def __init__(self, path: str) -> None:
        """StoreError if there is no file, or it cannot be opened. One that is damaged is found when it is read."""
        self.path = path
        try:
            self._connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
            self._connection.set_busy_timeout(HURRIED_MS)
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        except apsw.Error as error:
            raise of_sqlite(path, error) from error

    def rows(self, sql: str, bindings: Bindings = ()) -> list[Row]:
        """Everything a statement answers."""
        try:
            return self._connection.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise self._ours(error) from error

    def row(self, sql: str, bindings: Bindings = ()) -> Row | None:
        """The first row of the answer, if there is one."""
        found = self.rows(sql, bindings)
        return found[0] if found else None

    def value(self, sql: str, bindings: Bindings = ()) -> Any:
        """The first column of the first row, None if there is no row."""
        found = self.row(sql, bindings)
        return found[0] if found else None

    def check(self, within: float) -> bool:
        """Raise StoreDamaged unless SQLite finds the file whole. False: after `within` seconds it was broken off."""
        until = time.monotonic() + within
        return quick_check(self._connection, self.path, lambda: time.monotonic() > until)

    def close(self) -> None:
        """Let go of it, unless a disk has not answered what was asked of it in another thread."""
        with suppress(apsw.ThreadingViolationError):
            self._connection.close(True)

    def _ours(self, error: apsw.Error) -> StoreError:
        return of_sqlite(self.path, error, self._connection.system_errno)
