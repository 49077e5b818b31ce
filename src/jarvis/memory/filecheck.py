"""A store looked over for damage; the whole of a large one beside the work, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import apsw

from jarvis.errors import StoreError
from jarvis.memory.faults import damaged, of_sqlite

_STEPS = 10_000  # of SQLite's machine, between two looks at whether to stop


def quick_check(connection: apsw.Connection, path: str, broken_off: Callable[[], bool]) -> bool:
    """Whether `PRAGMA quick_check` came to its end and found nothing; False once `broken_off` says so.

    StoreDamaged if it found something, another StoreError if the file could not be read.
    """
    connection.set_progress_handler(broken_off, _STEPS)
    try:
        found = connection.execute("PRAGMA quick_check(1)").get
    except apsw.InterruptError:
        return False
    except apsw.Error as error:
        raise of_sqlite(path, error, connection.system_errno) from error
    finally:
        connection.set_progress_handler(None)
    if found != "ok":
        raise damaged(path, str(found))
    return True


class FileCheck:
    """`PRAGMA quick_check` to its end, however long that takes; what it finds wrong is told once."""

    def __init__(self, path: str, tell: Callable[[Exception | None], None]) -> None:
        """`tell` is called from the thread: with what is wrong, or None where the file is whole."""
        self._path = path
        self._tell = tell
        self._stop = False
        self._thread = threading.Thread(target=self._check, name="jarvis-store-check", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Break it off, if it goes on still; nothing is told from then on."""
        self._stop = True
        self._thread.join()

    def _check(self) -> None:
        told: Exception | None = None
        try:
            connection = apsw.Connection(self._path, apsw.SQLITE_OPEN_READONLY)
            try:
                quick_check(connection, self._path, lambda: self._stop)
            finally:
                connection.close(True)
        except apsw.Error as error:
            told = of_sqlite(self._path, error)
        except StoreError as error:
            told = error
        if not self._stop:
            self._tell(told)
