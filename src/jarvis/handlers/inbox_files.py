"""The inbox as folders: which files to look at, reading one safely, moving one without overwriting another.

Only plain files are ever opened, by whatever way: a link is not followed, a FIFO does not hang us.
Nothing is synced here. What must survive a power loss is the event's row, which is committed before its
file is moved; a file that a power loss brings back is found, recognised and moved again.
"""

from __future__ import annotations

import heapq
import os
import stat
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from jarvis.handlers.inbox import Event, Refused, parse

_SUFFIX, _REASON = ".json", ".reason.json"
_LONGEST_NAME = 255  # bytes; the limit of the file systems we know
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_CHUNK = 1 << 16

# Device, inode, size and time of change: the same before and after means that it is the same file, untouched.
Mark = tuple[int, int, int, int]


class LeftAlone(Exception):
    """This file is not for this poll; the message says why. Nothing was done to it."""


class Look(msgspec.Struct, frozen=True):
    """One reading of one file: the event in it, or why there is none."""

    name: str
    mark: Mark
    digest: str
    size: int  # bytes held in memory
    event: Event | None = None
    reason: str = ""

    @property
    def mtime(self) -> int:
        """When its content changed last, in nanoseconds since 1970 by the file's own account."""
        return self.mark[3]

    def like(self, earlier: Look | None) -> bool:
        """Whether nothing changed between two looks."""
        return earlier is not None and (self.mark, self.digest) == (earlier.mark, earlier.digest)


class Listing(msgspec.Struct, frozen=True):
    """The first names in order, how many there were beyond them, and how many were no plain files."""

    names: list[str]
    beyond: int
    odd: int


def make_folders(inbox: Path) -> None:
    """The inbox and its two folders, for their owner's eyes only; those that are there stay as they are."""
    for folder in (inbox, inbox / "processed", inbox / "failed"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def listing(inbox: Path, most: int) -> Listing:
    """The first `most` names of plain `*.json` files. However full the folder is, no more are held in memory."""
    seen = {True: 0, False: 0}

    def plain() -> Iterator[str]:
        with os.scandir(inbox) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX) and not entry.name.startswith("."):
                    is_plain = entry.is_file(follow_symlinks=False)
                    seen[is_plain] += 1
                    if is_plain:
                        yield entry.name

    names = heapq.nsmallest(most, plain())
    return Listing(names, seen[True] - len(names), seen[False])


def look(inbox: Path, name: str, most: int) -> Look | None:
    """Read one file of at most `most` bytes. None if it is gone: another poll was first."""
    path = inbox / name
    try:
        try:
            return _read(path, most)
        except PermissionError as error:
            return Look(name, _mark(path.lstat()), "", 0, reason=f"cannot be read: {error.strerror}")
    except FileNotFoundError:
        return None
    except OSError as error:  # a link since we listed it, a failing disk, too many open files
        raise LeftAlone(f"cannot be read now: {error.strerror}") from error


def _read(path: Path, most: int) -> Look:
    descriptor = os.open(path, _OPEN)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise LeftAlone("no plain file")
        data = _content(descriptor, most)
        mark = _mark(os.fstat(descriptor))
    finally:
        os.close(descriptor)
    digest = sha256(data).hexdigest()
    if mark[2] > most:
        return Look(path.name, mark, digest, 0, reason=f"{mark[2]} bytes: more than the {most} allowed")
    if mark != _mark(before) or mark[2] != len(data):
        return Look(path.name, mark, digest, 0, reason="it changed while it was read")
    try:
        return Look(path.name, mark, digest, len(data), event=parse(data))
    except Refused as error:
        return Look(path.name, mark, digest, 0, reason=str(error))


def _content(descriptor: int, most: int) -> bytes:
    """All of it; of what is too big a little more than `most` bytes."""
    parts: list[bytes] = []
    room = most + 1
    while room > 0 and (part := os.read(descriptor, min(room, _CHUNK))):
        parts.append(part)
        room -= len(part)
    return b"".join(parts)


def to_processed(inbox: Path, seen: Look) -> bool:
    """Move a file whose event is stored; False if it is gone already."""
    folder = inbox / "processed"
    return _move(inbox, seen, _free(folder, seen.name, room=_LONGEST_NAME))


def to_failed(inbox: Path, seen: Look, at: datetime) -> bool:
    """Move a file that holds no event, once the reason lies where the file will be: `NAME.reason.json`.

    A reason without its file is left over from a poll that was cut off in between, and is written again.
    """
    target = _free(inbox / "failed", seen.name, room=_LONGEST_NAME - len(_REASON))
    beside = target.with_name(target.name + _REASON)
    try:
        _write(beside, {"file": shown(seen.name), "reason": seen.reason, "at": at.isoformat()})
        return _move(inbox, seen, target)
    finally:
        if not os.path.lexists(target):  # not moved after all: no reason without its file
            beside.unlink(missing_ok=True)


def shown(name: str) -> str:
    """A file's name as text: bytes that are no UTF-8 (Linux allows them) are spelled out."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _move(inbox: Path, seen: Look, target: Path) -> bool:
    """Rename the very file that was read. One that took its name meanwhile was not read, and stays.

    A rename cannot ask for that, so it is looked at before and after, and put back if it was the wrong one.
    Not promised: the same if the process is killed in just those microseconds, or while its author goes on
    writing into a file that already read as complete. Authors who write beside it and rename are safe.
    """
    path = inbox / seen.name
    try:
        if _mark(path.lstat()) != seen.mark:
            raise LeftAlone("it changed after it was read")
        path.rename(target)
    except FileNotFoundError:
        return False
    if _mark(target.lstat()) != seen.mark:
        target.rename(_free(inbox, seen.name, room=_LONGEST_NAME))
        raise LeftAlone("it was replaced after it was read")
    return True


def _free(folder: Path, name: str, room: int) -> Path:
    """`NAME.json`, or a `NAME-N.json` that is not taken; cut to `room` bytes."""

    def taken(number: int) -> bool:
        return os.path.lexists(folder / _numbered(name, number, room))

    if not taken(0):
        return folder / _numbered(name, 0, room)
    below, free = 0, 1
    while taken(free):
        below, free = free, free * 2
    # A name used daily for years: halving finds the end of its numbers without asking for each of them.
    while free - below > 1:
        middle = (below + free) // 2
        below, free = (middle, free) if taken(middle) else (below, middle)
    return folder / _numbered(name, free, room)


def _numbered(name: str, number: int, room: int) -> str:
    ending = f"-{number}{_SUFFIX}" if number else _SUFFIX
    stem = os.fsencode(name.removesuffix(_SUFFIX))
    left = room - len(ending)
    if len(stem) <= left:
        return os.fsdecode(stem) + ending
    return stem[:left].decode(errors="ignore") + ending  # not half a character


def _write(path: Path, said: dict[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(said)) + b"\n")


def _mark(found: os.stat_result) -> Mark:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
