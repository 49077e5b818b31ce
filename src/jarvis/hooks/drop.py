"""A file into the inbox so that it is there, whole, or not at all, also after a power loss."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

_PART, _ENDING = ".hook-", ".tmp"
_STALE = 3600.0  # seconds after which what was being written is left over from a process that was killed


def drop(inbox: Path, name: str, data: bytes) -> None:
    """Write beside, sync, rename, sync the folder. OSError if any of it fails; then there is no file.

    `name` must be new: nothing looks whether it is taken.
    """
    part = inbox / f"{_PART}{name}{_ENDING}"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            _sync(file.fileno())
        part.rename(inbox / name)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    _sync_folder(inbox)


def sweep(inbox: Path, now: float) -> int:
    """Remove what killed processes left half written; `now` in seconds since 1970. How many there were."""
    count = 0
    for part in inbox.glob(f"{_PART}*{_ENDING}"):
        with suppress(OSError):
            if now - part.lstat().st_mtime > _STALE:
                part.unlink()
                count += 1
    return count


class Room:
    """Whether the inbox can take another file; looked at once a second at most."""

    def __init__(self, inbox: Path, most: int) -> None:
        self._inbox = inbox
        self._most = most
        self._looked_at = float("-inf")
        self._full = False

    def full(self) -> bool:
        """Whether `most` files wait already."""
        now = time.monotonic()
        if now - self._looked_at >= 1.0:
            self._looked_at = now
            with os.scandir(self._inbox) as entries:
                self._full = sum(1 for _ in zip(range(self._most), entries, strict=False)) >= self._most
        return self._full


def _sync(descriptor: int) -> None:
    """To the disk itself; on macOS fsync alone stops at the disk's own memory."""
    if full := getattr(fcntl, "F_FULLFSYNC", None):
        with suppress(OSError):
            fcntl.fcntl(descriptor, full)
            return
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)
