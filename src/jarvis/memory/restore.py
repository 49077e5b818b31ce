"""A backup put in the place of the store: proven first, and nothing that it replaces is lost.

Whenever it is cut off, the path leads to the store as it was or to the one restored, never to a mixture: a -wal that
belongs to the one would be applied to the other.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import apsw

from jarvis.errors import Conflict, NotFound, StoreDamaged
from jarvis.memory.archives import archive_at, archives, is_packed, sync, sync_folder, unpack
from jarvis.memory.faults import of_sqlite
from jarvis.memory.instants import from_micros, to_micros
from jarvis.memory.life import process_started_at, this_host
from jarvis.memory.migrate import migrations
from jarvis.memory.snapshot import CopyFailed, DiskFull, Proof, check, private, take
from jarvis.memory.store import MemoryStore
from jarvis.memory.wake import has_reader
from jarvis.scheduler.clockwatch import Absence

_WAL, _SHM = "-wal", "-shm"  # the second is an index of the first, made anew from it
_ELSEWHERE = "SELECT count(*) FROM instances WHERE stopped_at IS NULL AND host <> ? AND lease_until > ?"


class Restored(NamedTuple):
    """What was put in place, what proves it, where what was there before is now, and which backups were damaged."""

    archive: Path
    proof: Proof
    kept: list[Path]
    damaged: list[str]


def restore(source: Path, store: str, now: datetime, *, dry_run: bool = False) -> Restored:
    """Put a backup in the place of the store: the file `source`, or the newest whole one of the folder `source`.

    Conflict while a daemon or another program uses the store. CopyFailed if no backup is whole; NotFound if there is
    none. Nothing was changed then. `dry_run` proves the backup and changes nothing, also while the store is used.
    """
    if not dry_run:
        refuse_while_used(store, now)
    path = Path(os.path.realpath(store))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(path)
    fresh = path.with_name(f"{_half_made(path)}{os.getpid()}")
    try:
        archive, proof, damaged = _proven(source, fresh)
        if dry_run:
            return Restored(archive, proof, [], damaged)
        _note(fresh, archive, proof, now)
        return Restored(archive, proof, _put(fresh, path, store, now), damaged)
    finally:
        _clear(fresh)


def refuse_while_used(store: str, now: datetime) -> None:
    """Raise Conflict while a daemon lives on the store. Its pipe tells, also where the store cannot be read."""
    folder = Path(f"{store}-daemons")
    here = folder.is_dir() and any(has_reader(pipe) for pipe in folder.iterdir() if pipe.is_fifo())
    if here or _leased_elsewhere(store, now):
        raise Conflict(
            f"a daemon is running on the store {store}: stop it first, as what it does would go to the file that is "
            "put away (`jarvis status` names it)"
        )


# -- proving ----------------------------------------------------------------------------------------------
def _proven(source: Path, fresh: Path) -> tuple[Path, Proof, list[str]]:
    if not source.is_dir():
        return source, _unpacked(source, fresh), []
    damaged: list[str] = []
    for archive in archives(source):
        try:
            return archive.path, _unpacked(archive.path, fresh), damaged
        except DiskFull:
            raise
        except (CopyFailed, OSError) as error:
            _clear(fresh)
            if isinstance(error, OSError) and error.filename != str(archive.path):
                raise  # it is not the backup that cannot be read
            damaged.append(str(error))
    if damaged:
        raise CopyFailed("\n".join([f"no backup in {source} is whole:", *damaged]))
    raise NotFound(f"there is no backup in {source}: `jarvis backup` makes one; name another folder or a file")


def _unpacked(archive: Path, fresh: Path) -> Proof:
    """The archive as a file that SQLite can use, next to the store, so that one rename puts it in place."""
    if is_packed(archive):
        unpack(archive, fresh)
    else:
        _copied(archive, fresh)
    try:
        return check(fresh)
    except CopyFailed as error:
        raise CopyFailed(str(error).replace(str(fresh), str(archive))) from error


def _copied(archive: Path, fresh: Path) -> None:
    """A store's own file, with the -wal that lies beside it."""
    try:
        take(str(archive), fresh)
    except StoreDamaged as error:
        raise CopyFailed(f"{archive} is damaged or no store of Jarvis") from error
    with fresh.open("rb") as file:
        sync(file.fileno())


def _note(fresh: Path, archive: Path, proof: Proof, now: datetime) -> None:
    """Let `jarvis why` tell of the time that is lost: what came due in it was looked at, by a ledger that is gone."""
    if proof.schema != max(migrations()):
        return  # the next start brings it up to date first, and keeps a copy as it does
    named, last = archive_at(archive), proof.last_recorded
    since = named.taken_at if named else now if last is None else from_micros(last)
    memory = MemoryStore(str(fresh))
    try:
        memory.absences.add(Absence(kind="restored", since=min(since, now), until=now, detail=archive.name))
    finally:
        memory.close()


def _clear(fresh: Path) -> None:
    """Take away what is not in its place, with what SQLite may have put beside it."""
    for name in ("", "-journal", _WAL, _SHM):
        fresh.with_name(fresh.name + name).unlink(missing_ok=True)


def _half_made(path: Path) -> str:
    return f".{path.name}.restoring-"


def _sweep(path: Path) -> None:
    """Take away what a restore left that was killed."""
    for left in path.parent.glob(f"{_half_made(path)}*"):
        number = left.name.removeprefix(_half_made(path)).partition("-")[0]
        if number.isdecimal() and process_started_at(int(number)) is None:
            left.unlink(missing_ok=True)


# -- putting in place -------------------------------------------------------------------------------------
def _put(fresh: Path, path: Path, store: str, now: datetime) -> list[Path]:
    with _alone(path):
        refuse_while_used(store, now)  # it may have come while the backup was unpacked
        kept = _keep(path, now)
        for name in (_WAL, _SHM):  # only of a damaged store there is still one
            path.with_name(path.name + name).unlink(missing_ok=True)
        fresh.rename(path)
        sync_folder(path.parent)
    return kept


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Fold the -wal into the store and let nobody in until it is replaced. What is no database needs no such care."""
    if not path.is_file():
        yield
        return
    try:
        connection = apsw.Connection(str(path))
    except apsw.Error as error:
        raise of_sqlite(str(path), error) from error
    try:
        connection.set_busy_timeout(1_000)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
            connection.execute("BEGIN EXCLUSIVE")
        except (apsw.BusyError, apsw.LockedError) as error:
            raise Conflict(f"another program uses the store {path}: let it end, or end it") from error
        except apsw.Error:
            # Damaged: it is kept as it lies there, its -wal beside it.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        yield
    finally:
        connection.close(True)


def _keep(path: Path, now: datetime) -> list[Path]:
    """A second name for each file of the store; a copy where the file system has no such thing."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = []
    for name in ("", _WAL):
        found, spare = path.with_name(path.name + name), path.with_name(f"{path.name}.replaced-{stamp}{name}")
        if found.is_file() and (not name or found.stat().st_size):
            _second_name(found, spare)
            kept.append(spare)
    sync_folder(path.parent)
    return kept


def _second_name(found: Path, spare: Path) -> None:
    try:
        spare.hardlink_to(found)
    except FileExistsError:
        raise  # what was kept before is not written over
    except OSError:
        with found.open("rb") as source, os.fdopen(private(spare), "wb") as target:
            shutil.copyfileobj(source, target)
            target.flush()
            sync(target.fileno())


def _leased_elsewhere(store: str, now: datetime) -> bool:
    """Whether a daemon on another machine says that it lives: its pipe cannot be seen from here."""
    if not Path(store).is_file():
        return False
    with suppress(apsw.Error):
        connection = apsw.Connection(store, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return bool(connection.execute(_ELSEWHERE, (this_host(), to_micros(now))).get)
        finally:
            connection.close(True)
    return False
