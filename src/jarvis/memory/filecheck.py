"""The whole of a large store looked over beside the work: on a connection and in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import apsw

from jarvis.memory.faults import damaged, of_sqlite

_STEPS = 10_000  # of SQLite's machine, between two looks at whether to stop


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
        try:
            connection = apsw.Connection(self._path, apsw.SQLITE_OPEN_READONLY)
            try:
                connection.set_progress_handler(lambda: self._stop, _STEPS)
                found = connection.execute("PRAGMA quick_check(1)").get
            finally:
                connection.close(True)
        except apsw.InterruptError:
            return
        except apsw.Error as error:
            told: Exception | None = of_sqlite(self._path, error)
        else:
            told = None if found == "ok" else damaged(self._path, str(found))
        if not self._stop:
            self._tell(told)
