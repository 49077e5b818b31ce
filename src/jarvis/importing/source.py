"""The earlier assistant's file: opened to be read and never written, as it was at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import apsw

from jarvis.errors import StoreBusy, UsageError

_BUSY_MS = 5_000
_OURS = {"runs", "instances"}  # tables that the earlier assistant never had
# Without the tables behind an index of words: they hold nothing that the table itself does not.
_TABLES = """
SELECT name FROM pragma_table_list
WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY name
"""


class SourceRow(NamedTuple):
    """One row: its rowid, and its columns by name in lower case. `problem` says why it cannot be read, if so."""

    table: str
    id: int
    values: dict[str, Any]
    problem: str = ""


class Source:
    """The file, for the time of one import. Whoever writes to it goes on, and is not seen."""

    def __init__(self, path: Path) -> None:
        """UsageError for what is no such file; StoreBusy while another program holds it to itself."""
        self.path = path
        if not path.is_file():
            raise UsageError(f"there is no file {path}")
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        try:
            self._connection = apsw.Connection(f"file:{quote(str(path.absolute()))}?mode=ro", flags=flags)
        except apsw.Error as error:
            raise self._refused(error) from error
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        try:
            self._connection.set_busy_timeout(_BUSY_MS)
            self._connection.execute("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF").fetchall()
            self._connection.execute("BEGIN")
            self.tables = [str(name) for (name,) in self._connection.execute(_TABLES).fetchall()]
        except apsw.Error as error:
            raise self._refused(error) from error
        if set(self.tables) >= _OURS:
            raise UsageError(f"{self.path} is a store of Jarvis itself: `jarvis restore --from` puts one in place")

    def count(self, table: str) -> int:
        """How many rows a table has."""
        try:
            return int(self._connection.execute(f"SELECT count(*) FROM {_quoted(table)}").get)  # noqa: S608 - a table's name
        except apsw.Error as error:
            raise self._refused(error) from error

    def rows(self, table: str) -> Iterator[SourceRow]:
        """Every row of a table, the oldest first. One that cannot be read is given with its problem."""
        name = _quoted(table)
        try:
            numbers = self._connection.execute(f"SELECT rowid FROM {name} ORDER BY rowid").fetchall()  # noqa: S608
        except apsw.Error as error:
            raise self._refused(error) from error
        number: Any
        for (number,) in numbers:
            yield self._row(table, name, number)

    def _row(self, table: str, name: str, number: int) -> SourceRow:
        """By itself, so that one that cannot be read does not stand in the way of the next."""
        try:
            cursor = self._connection.execute(f"SELECT * FROM {name} WHERE rowid = ?", (number,))  # noqa: S608
            columns = [column[0].lower() for column in cursor.get_description()]
            return SourceRow(table, number, dict(zip(columns, next(cursor), strict=True)))
        except UnicodeDecodeError as error:
            return SourceRow(table, number, {}, f"a text in it is not UTF-8: {error.reason}")
        except apsw.Error as error:
            return SourceRow(table, number, {}, f"it cannot be read: {error}")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close(True)

    def _refused(self, error: apsw.Error) -> UsageError | StoreBusy:
        if isinstance(error, apsw.BusyError | apsw.LockedError):
            return StoreBusy("locked", f"{self.path} is locked by another program: let it end, or end it")
        if isinstance(error, apsw.NotADBError):
            return UsageError(f"{self.path} is no SQLite file")
        if isinstance(error, apsw.CantOpenError | apsw.ReadOnlyError):
            return UsageError(
                f"{self.path} cannot be opened: {error}. If its folder may not be written, copy it, with the -wal "
                "beside it, to one that may"
            )
        return UsageError(f"{self.path} cannot be read: {error}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
