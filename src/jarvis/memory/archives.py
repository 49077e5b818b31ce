"""A folder of backups: one packed copy of the store per file, the newest few kept, what is half-made never shown.

A backup is written under a hidden name, read back, synced and only then given its own name; the ones before it go
after that. So whatever fails (a full disk, `kill -9`, a damaged store), those that were there stay.
"""

from __future__ import annotations

import errno
import fcntl
import gzip
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from jarvis.errors import Conflict
from jarvis.memory.snapshot import FULL, CopyFailed, Proof, check, full, must_exist, private, take

KEPT = 14
_PREFIX, _SUFFIX, _STAMP = "jarvis-", ".db.gz", "%Y%m%dT%H%M%SZ"
_HALF_MADE = ".jarvis-"  # how what is not finished is named
_OWNER = ".jarvis-backups"  # names the store whose backups these are; held open by whoever makes one
_CHUNK = 1 << 20
_NO_HOLDING = (errno.ENOTSUP, errno.ENOLCK, errno.EINVAL)  # file systems that know no flock
_DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error)


class Archive(NamedTuple):
    """One backup: its file, the moment whose state it holds (UTC, to the second), and its size in bytes."""

    path: Path
    taken_at: datetime
    size: int


class Made(NamedTuple):
    """A backup that was made: what proves it, and which older ones went."""

    archive: Archive
    proof: Proof
    deleted: list[Path]


def archives(folder: Path) -> list[Archive]:
    """The backups in a folder, newest first; none if there is no such folder."""
    try:
        found = [archive_at(path) for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted((each for each in found if each), key=lambda each: each.path.name, reverse=True)


def newest_whole(folder: Path) -> Archive | None:
    """The newest backup whose packing is sound, which shows whatever a disk or a copy did to the file since."""
    for archive in archives(folder):
        try:
            read_through(archive.path)
        except (CopyFailed, OSError):
            continue
        return archive
    return None


def too_many(folder: Path, made: Path, keep: int) -> list[Path]:
    """What is to go once `made` is there, so that `keep` stay: the oldest; never `made` itself."""
    older = [each.path for each in archives(folder) if each.path != made]
    return older[keep - 1 :]


def back_up(store: str, folder: Path, now: datetime, keep: int = KEPT) -> Made:
    """Make a backup of the store, as it is `now`, and delete the oldest beyond `keep`.

    Conflict if another backup into the folder goes on, or if the folder is another store's. CopyFailed, StoreError
    or OSError if none could be made: then the folder holds what it held.
    """
    must_exist(store)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _held(folder, store):
        _sweep(folder)
        archive = _named(folder, now)
        try:
            with _room(folder):
                proof = _make(store, archive)
        finally:
            _sweep(folder)
        deleted = too_many(folder, archive.path, keep)
        for path in deleted:
            path.unlink(missing_ok=True)
        return Made(archive._replace(size=archive.path.stat().st_size), proof, deleted)


def unpack(archive: Path, copy: Path) -> None:
    """Write what an archive holds into the new file `copy`, synced. CopyFailed if it is damaged, or does not fit."""
    with _room(copy.parent), os.fdopen(private(copy), "wb") as plain:
        for chunk in _chunks(archive):
            plain.write(chunk)
        plain.flush()
        sync(plain.fileno())


def read_through(archive: Path) -> int:
    """Read all of an archive, whose checksums tell what was changed in it; its bytes unpacked. CopyFailed if so."""
    return sum(map(len, _chunks(archive)))


def is_packed(path: Path) -> bool:
    """Whether a file is packed (gzip), whatever its name is."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def sync(descriptor: int) -> None:
    """Onto the disk, and on macOS through the drive's own cache as well."""
    if hasattr(fcntl, "F_FULLFSYNC"):
        with suppress(OSError):  # not every file system there knows it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """That a name is in the folder is on the disk as well, where the file system can do that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse it for a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- making one -------------------------------------------------------------------------------------------
def _make(store: str, archive: Archive) -> Proof:
    folder, stamp = archive.path.parent, archive.taken_at.strftime(_STAMP)
    copy, packed = folder / f"{_HALF_MADE}{stamp}.db", folder / f"{_HALF_MADE}{stamp}.gz"
    take(store, copy)
    try:
        proof = check(copy)
    except CopyFailed as error:
        said = str(error).replace(str(copy), "its copy")
        raise CopyFailed(f"no backup was made of {store}: {said}. The backups before this stay as they are") from error
    size = copy.stat().st_size
    _pack(copy, packed, archive.taken_at)
    copy.unlink()
    if read_through(packed) != size:
        raise CopyFailed(f"{packed} does not hold what was written to it: see whether the disk of {folder} is sound")
    packed.rename(archive.path)
    sync_folder(folder)
    return proof


def _pack(copy: Path, packed: Path, taken_at: datetime) -> None:
    with copy.open("rb") as plain, os.fdopen(private(packed), "wb") as raw:
        # No name inside: `gunzip -N` would take it for that of the file it makes.
        with gzip.GzipFile("", "wb", 6, raw, mtime=int(taken_at.timestamp())) as target:
            shutil.copyfileobj(plain, target, _CHUNK)
        raw.flush()
        sync(raw.fileno())


def _chunks(archive: Path) -> Iterator[bytes]:
    try:
        with gzip.open(archive, "rb") as packed:
            while chunk := packed.read(_CHUNK):
                yield chunk
    except _DAMAGED as error:
        raise CopyFailed(f"{archive} is damaged: {error}") from error


# -- the folder -------------------------------------------------------------------------------------------
def archive_at(path: Path) -> Archive | None:
    """The backup that a file is by its name, None if it is none."""
    name = path.name
    if not (name.startswith(_PREFIX) and name.endswith(_SUFFIX)):
        return None
    try:
        stamp = name[len(_PREFIX) : -len(_SUFFIX)]
        return Archive(path, datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC), path.stat().st_size)
    except (ValueError, OSError):  # another's file, or one that just went
        return None


@contextmanager
def _room(folder: Path) -> Iterator[None]:
    """A full disk is told as that, and of which folder: the error of a write names no file."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise full(folder) from error


def _named(folder: Path, now: datetime) -> Archive:
    """The next free name: two backups within one second are a second apart."""
    at = now.astimezone(UTC).replace(microsecond=0)
    while (path := folder / f"{_PREFIX}{at.strftime(_STAMP)}{_SUFFIX}").exists():
        at += timedelta(seconds=1)
    return Archive(path, at, 0)


def _sweep(folder: Path) -> None:
    """Take away what is half-made: this one's that failed, or a killed one's. Nobody else makes one meanwhile."""
    for path in folder.glob(f"{_HALF_MADE}*"):
        if path.name != _OWNER:
            path.unlink(missing_ok=True)


@contextmanager
def _held(folder: Path, store: str) -> Iterator[None]:
    """One backup into a folder at a time, and one store's alone: else 14 kept would be 14 of two stores together."""
    descriptor = os.open(folder / _OWNER, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"another backup into {folder} goes on: let it end") from error
        except OSError as error:
            if error.errno not in _NO_HOLDING:
                raise
        _refuse_another(folder, os.pread(descriptor, 65_536, 0), os.path.realpath(store))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, os.fsencode(os.path.realpath(store)), 0)
        yield
    finally:
        os.close(descriptor)


def _refuse_another(folder: Path, owner: bytes, store: str) -> None:
    other = os.fsdecode(owner)
    if other and other != store and Path(other).exists():
        raise Conflict(f"{folder} holds the backups of {other}: choose another folder for those of {store}")
