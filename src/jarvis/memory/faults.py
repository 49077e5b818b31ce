"""What can be wrong with a store's file: what it is, what it means for the tasks, what to do about it.

What may pass by itself is StoreBusy: whoever meets it waits and tries again. What waiting does not cure, or
what going on would make worse, is StoreUnusable: the daemon refuses, and touches nothing more.
"""

from __future__ import annotations

import errno
import os

import apsw

from jarvis.errors import StoreBusy, StoreDamaged, StoreError, StoreMoved, StoreUnusable

UNTOUCHED = "Nothing was changed in it."
_ELSEWHERE = "name another file in JARVIS_DATABASE_URL"

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PASSES = (*_FULL, errno.EIO, errno.EMFILE, errno.ENFILE)
_DAMAGED = (apsw.NotADBError, apsw.CorruptError)


class Refused(StoreError):
    """A write that a constraint of the schema forbids: a taken name, a settled run."""


def of_sqlite(path: str, error: apsw.Error, os_error: int = 0) -> StoreError:
    """An error of SQLite as ours. `os_error` is the errno behind it, 0 where there was none."""
    if isinstance(error, apsw.ConstraintError):
        return Refused(str(error))
    if isinstance(error, _DAMAGED):
        return damaged(path, str(error))
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreBusy("locked", f"the store {path} is locked by another process: let it end, or end it")
    if isinstance(error, apsw.FullError):
        return _of_os(path, errno.ENOSPC)
    if isinstance(error, apsw.ReadOnlyError):
        return _of_os(path, errno.EROFS)
    if isinstance(error, apsw.IOError | apsw.CantOpenError):
        return _of_os(path, os_error, str(error))
    return StoreError(f"the store {path}: {error}")


def of_file(path: str, error: OSError) -> StoreError:
    """Why the store's file could not be opened when it was looked for first; only a full disk is worth waiting for."""
    if error.errno in _PASSES:
        return _of_os(path, error.errno or 0)
    if error.errno == errno.EROFS:
        return StoreUnusable(
            f"the store {path} cannot be opened: its disk is read-only. Mount it writable, or {_ELSEWHERE}"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return StoreUnusable(
            f"the store {path} cannot be opened: {error.strerror}. "
            f"Give the user that runs jarvis write access to the file and its folder, or {_ELSEWHERE}"
        )
    return StoreUnusable(f"the store {path} cannot be opened: {error.strerror}. Mend that, or {_ELSEWHERE}")


def of_pipe(path: str, error: OSError) -> StoreError:
    """Why a daemon's named pipe could not be made; a full disk may be so for want of a single block."""
    if error.errno in _PASSES:
        return _of_os(path, error.errno or 0)
    return StoreUnusable(f"no named pipe can be made at {path}: {error.strerror}. Mend that, or {_ELSEWHERE}")


def of_disk(path: str, error: OSError) -> StoreBusy:
    """What the disk refused while the store was in use."""
    return _of_os(path, error.errno or 0)


def damaged(path: str, detail: str) -> StoreDamaged:
    """A page that is not what SQLite wrote, or no database at all."""
    said = " ".join(detail.split())
    return StoreDamaged(
        f"the store {path} is damaged or no SQLite file: {said}. {UNTOUCHED} `jarvis restore` puts the newest whole "
        f"backup in its place, and keeps what is there; `sqlite3 {path} .recover` shows what can still be read of it"
    )


def left_alone(path: str) -> StoreUnusable:
    """The file is gone, what was written ahead of it is not: SQLite would make an empty store and delete that."""
    return StoreUnusable(
        f"the store {path} is gone, but {path}-wal, which holds its last changes, is still there. {UNTOUCHED} "
        f"Put the file back; or, to begin with an empty store, move {path}-wal away as well"
    )


def moved(path: str, there: bool) -> StoreMoved:
    """The path no longer leads to the file that is open: what would be written now, nobody would ever read."""
    return StoreMoved(f"the store {path} was {'replaced' if there else 'deleted'} while it was in use")


def _of_os(path: str, number: int, detail: str = "") -> StoreBusy:
    if number in _FULL:
        return StoreBusy("full", f"the disk of the store {path} is full: make room on it")
    if number == errno.EROFS:
        return StoreBusy("read-only", f"the disk of the store {path} is read-only: mount it writable")
    said = "; ".join(filter(None, (detail, os.strerror(number) if number else "")))
    return StoreBusy("I/O error", f"the store {path} cannot be read or written ({said}): see whether its disk is sound")
