"""Where a file of the inbox goes, without ever overwriting another: `processed/`, `failed/`, and back.

What must survive a power loss is the event's row, which is committed before its file is moved; a file that a power
loss brings back is found, recognised and moved again. So no move is synced. A reason is, before its file is moved:
a file in `failed/` whose reason is empty would be a riddle.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from jarvis.handlers.inbox_files import FAILED, PROCESSED, SUFFIX, LeftAlone, Look, mark_of, shown

REASON, DUPLICATE = ".reason.json", ".duplicate.json"
_LONGEST_NAME = 255  # bytes; the limit of the file systems we know
_LONGEST_REASON = 1 << 16  # bytes
_PART = ".reason.part"  # one name is enough for those who have their turn; what a killed one left is written over
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lies beside a file: its name in the inbox, what became of it, and when (ISO 8601)."""

    file: str
    reason: str
    at: str


@contextmanager
def turn(inbox: Path, wait: Callable[[], bool]) -> Iterator[bool]:
    """Hold the inbox: one at a time moves its files, across processes, so that a free name stays free.

    False if `wait`, called while another one holds it, gave up by answering False. The kernel lets go when the
    process ends. On a file system that cannot hold, everyone may go on: nothing but two equal names at once is at risk.
    """
    descriptor = os.open(inbox, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield _held(descriptor, wait)
    finally:
        os.close(descriptor)


def _held(descriptor: int, wait: Callable[[], bool]) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if not wait():
                return False
        except OSError:
            return True


def to_processed(inbox: Path, seen: Look) -> bool:
    """Move a file whose event is stored; False if it is gone already."""
    return _move(inbox, seen, _free(inbox / PROCESSED, seen.name))


def to_duplicates(inbox: Path, seen: Look, why: str, at: datetime) -> bool:
    """Move a file whose event came before, with `NAME.duplicate.json` beside it that says so."""
    return _move_told(inbox, seen, inbox / PROCESSED, DUPLICATE, Reason(shown(seen.name), why, at.isoformat()))


def to_failed(inbox: Path, seen: Look, at: datetime) -> bool:
    """Move a file that holds no event, once the reason lies where the file will be: `NAME.reason.json`.

    A reason without its file is left over from a poll that was cut off in between, and is written again.
    """
    return _move_told(inbox, seen, inbox / FAILED, REASON, Reason(shown(seen.name), seen.reason, at.isoformat()))


def back(inbox: Path, name: str) -> str:
    """Move a file of `failed/` to the inbox again, its reason taken away first; the name it has there.

    Cut off in between, it is a failed file without a reason, and can be moved back all the same.
    """
    source = inbox / FAILED / name
    status = source.lstat()  # FileNotFoundError before anything is taken away
    beside = reason_path(source)
    said = read_reason(beside)
    beside.unlink(missing_ok=True)
    wanted = said.file if said is not None and _is_name(said.file) else name
    while True:
        target = _free(inbox, wanted)
        try:
            _put(source, target, status)
            return target.name
        except FileExistsError:  # dropped in just now: the next free name
            continue


def reason_path(path: Path) -> Path:
    """Where the reason of a failed file lies."""
    return path.with_name(path.name + REASON)


def read_reason(path: Path) -> Reason | None:
    """What a reason says; None if there is none that can be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return msgspec.json.decode(file.read(_LONGEST_REASON), type=Reason)
    except (OSError, msgspec.DecodeError, RecursionError):
        return None


def _is_name(text: str) -> bool:
    """Whether a name that a reason tells is one: it may have been spelled out, or written by anybody."""
    return text.endswith(SUFFIX) and not text.startswith(".") and not {"/", "\0", "\\"}.intersection(text)


def _move_told(inbox: Path, seen: Look, folder: Path, ending: str, said: Reason) -> bool:
    target = _free(folder, seen.name, ending)
    beside = target.with_name(target.name + ending)
    try:
        _write(beside, said, sync=ending == REASON)
        return _move(inbox, seen, target)
    finally:
        if not os.path.lexists(target):  # not moved after all: no reason without its file
            beside.unlink(missing_ok=True)


def _move(inbox: Path, seen: Look, target: Path) -> bool:
    """Rename the very file that was read. One that took its name meanwhile was not read, and stays.

    A rename cannot ask for that, so it is looked at before and after, and put back if it was the wrong one.
    Not promised: the same if the process is killed in just those microseconds, or while its author goes on
    writing into a file that already read as complete. Authors who write beside it and rename are safe.
    """
    path = inbox / seen.name
    try:
        if mark_of(path.lstat()) != seen.mark:
            raise LeftAlone("it changed after it was read")
        path.rename(target)
    except FileNotFoundError:
        return False
    status = target.lstat()
    if mark_of(status) != seen.mark:
        _put(target, _free(inbox, seen.name), status)
        raise LeftAlone("it was replaced after it was read")
    return True


def _put(source: Path, target: Path, status: os.stat_result) -> None:
    """Move to where anybody may drop files at any time. FileExistsError in place of overwriting one.

    By a second name where there can be one, for a rename cannot ask for that. Killed between the two names, the file
    has both, and whichever is read second is a duplicate.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        source.rename(target)
        return
    source.unlink()


def _free(folder: Path, name: str, ending: str = "") -> Path:
    """`NAME.json`, or a `NAME-N.json` that is not taken, nor is what would lie beside it; cut to what a name can be."""

    def taken(number: int) -> bool:
        path = folder / _numbered(name, number, _LONGEST_NAME - len(ending))
        return os.path.lexists(path) or (bool(ending) and _is_another(path.with_name(path.name + ending), name))

    if not taken(0):
        return folder / _numbered(name, 0, _LONGEST_NAME - len(ending))
    below, free = 0, 1
    while taken(free):
        below, free = free, free * 2
    # A name used daily for years: halving finds the end of its numbers without asking for each of them.
    while free - below > 1:
        middle = (below + free) // 2
        below, free = (middle, free) if taken(middle) else (below, middle)
    return folder / _numbered(name, free, _LONGEST_NAME - len(ending))


def _is_another(beside: Path, name: str) -> bool:
    """Whether what lies there is more than what a poll left over that was cut off before it moved this file."""
    if not os.path.lexists(beside):
        return False
    said = read_reason(beside)
    return said is None or said.file != shown(name)


def _numbered(name: str, number: int, room: int) -> str:
    ending = f"-{number}{SUFFIX}" if number else SUFFIX
    stem = os.fsencode(name.removesuffix(SUFFIX))
    left = room - len(ending)
    if len(stem) <= left:
        return os.fsdecode(stem) + ending
    return stem[:left].decode(errors="ignore") + ending  # not half a character


def _write(path: Path, said: Reason, *, sync: bool) -> None:
    """Write a reason so that it is whole or not there; with `sync` also after a power loss."""
    part = path.with_name(_PART)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(said)) + b"\n")
            file.flush()
            if sync:
                os.fsync(file.fileno())
        part.rename(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
