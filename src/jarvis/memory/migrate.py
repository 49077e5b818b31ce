"""Schema changes: numbered files, applied at start, each in one transaction, after a copy of the store."""

from __future__ import annotations

from pathlib import Path

import apsw

from jarvis.errors import StoreUnusable
from jarvis.memory.sqlite import Database

_FOLDER = Path(__file__).parent / "migrations"


def migrations() -> dict[int, Path]:
    """Every migration by its number, in order."""
    return {int(file.name[:4]): file for file in sorted(_FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql"))}


def migrate(database: Database) -> list[int]:
    """Bring the schema up to this code's; the numbers applied. A newer schema is refused, untouched."""
    known = migrations()
    newest = max(known)
    if _version(database) == newest:
        return []
    _refuse_newer(database, newest)
    with database.transaction() as connection:
        # Another process may have been first: the version is read again, now that we hold the write lock.
        _refuse_newer(database, newest)
        version = _version(database)
        todo = [number for number in known if number > version]
        if version and todo:
            _copy(database, version)
        for number in todo:
            connection.execute(known[number].read_text(encoding="utf-8"))
            connection.pragma("user_version", number)
    return todo


def _version(database: Database) -> int:
    return int(database.value("PRAGMA user_version"))


def _refuse_newer(database: Database, newest: int) -> None:
    if (version := _version(database)) > newest:
        raise StoreUnusable(
            f"the store {database.path} has schema {version}, newer than the {newest} this version of jarvis knows: "
            "upgrade jarvis, or use another JARVIS_HOME"
        )


def _copy(database: Database, version: int) -> None:
    """A consistent copy beside the store. Read through a second connection: ours is inside the transaction."""
    if database.path == ":memory:":
        return
    target = Path(f"{database.path}.schema-{version}.bak")
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    source = apsw.Connection(database.path, flags=apsw.SQLITE_OPEN_READONLY)
    destination = apsw.Connection(str(target))
    with destination.backup("main", source, "main") as copy:
        copy.step(-1)
    destination.close()
    source.close()
