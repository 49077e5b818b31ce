"""The file behind a store: made private before SQLite sees it, and looked at again as long as it is in use.

SQLite goes on writing to a file that was deleted or renamed away, as any program does, and says nothing. So a
path that leads elsewhere is looked for around every transaction (docs/adr/0005).
"""

from __future__ import annotations

import os
from pathlib import Path

from jarvis.errors import StoreUnusable
from jarvis.memory.faults import left_alone, moved, of_file

_Identity = tuple[int, int]  # device and number: no two files have both at once


class StoreFile:
    """One store's file, while a connection has it open. `:memory:` is none, and never moves."""

    def __init__(self, path: str) -> None:
        """Create the file, for its owner alone, if there is none. StoreUnusable or StoreBusy if that fails."""
        self.path = path
        self._identity = None if path == ":memory:" else _made(path)
        self._companions: dict[str, _Identity] = {}

    def hold(self) -> None:
        """Raise StoreMoved if the path does not lead to the file that is open. Two microseconds."""
        if not self._identity:
            return
        if self._identity != (now := _identity(self.path)):
            raise moved(self.path, now is not None)
        if not self._companions:  # SQLite has made them by the first transaction: these are ours
            found = {name: _identity(name) for name in (f"{self.path}-wal", f"{self.path}-shm")}
            self._companions = {name: identity for name, identity in found.items() if identity}

    def remove_companions(self) -> None:
        """Take our -wal and -shm away from the file that is there now: SQLite would mix the two. Others' stay."""
        for name, identity in self._companions.items():
            if _identity(name) == identity:
                Path(name).unlink()

    def spare(self, stamp: str) -> str:
        """The path of a new, private, empty file beside the store, for a copy of what it held."""
        path = f"{self.path}.lost-{stamp}"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return path


def _identity(path: str) -> _Identity | None:
    """None if there is nothing. A disk that does not answer says nothing about what is on it."""
    try:
        found = os.stat(path)  # noqa: PTH116 - around every transaction: a Path costs twice as much as this
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _made(path: str) -> _Identity:
    """The file 0600 before SQLite can create it wider; -wal and -shm take the same mode."""
    file = Path(path)
    if file.is_dir():
        raise StoreUnusable(f"the store {path} is a folder: move it away, or name another file in JARVIS_DATABASE_URL")
    if not file.exists() and _size(f"{path}-wal"):
        raise left_alone(path)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise of_file(path, error) from error
    try:
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return found.st_dev, found.st_ino


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
