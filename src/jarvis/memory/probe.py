"""Whether the store could be written now: asked of the disk and of SQLite, not of the daemon.

A daemon whose disk is full cannot write down that it is. So whoever wants to know tries what it would try.
"""

from __future__ import annotations

import os
from pathlib import Path

from jarvis.errors import StoreBusy, StoreError
from jarvis.memory.faults import of_disk
from jarvis.memory.sqlite import Database

ROOM = 256 * 1024  # bytes; a small commit takes some pages of 4 KiB each, and a checkpoint those it folds in


def trouble(database: Database) -> str:
    """What would keep a daemon from writing to the store, in a sentence; "" if nothing would."""
    if database.path == ":memory:":
        return ""
    try:
        database.hurry()
        _write_beside(database.path)
        with database.transaction(durable=False):
            pass
    except StoreBusy as error:
        return f"{error}. Tasks wait until then; nothing is lost"
    except StoreError as error:
        return str(error)
    return ""


def _write_beside(path: str) -> None:
    """Write as much as a commit may need into the store's folder, and take it away again."""
    name = Path(f"{path}.probe-{os.getpid()}")
    try:
        descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            name.unlink()
            left = ROOM
            while left > 0:
                left -= os.write(descriptor, bytes(left))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise of_disk(path, error) from error
