"""The inbox as a folder: which files to look at, and reading one safely.

Only plain files are ever opened, by whatever way: a link is not followed, a FIFO does not hang us.
"""

from __future__ import annotations

import heapq
import os
import stat
from collections.abc import Container, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from jarvis.handlers.inbox import Event, Refused, parse

SUFFIX = ".json"
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_CHUNK = 1 << 16
_ODD_NAMED = 50  # of what is no plain file; all are counted
PROCESSED, FAILED = "processed", "failed"

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

    @property
    def kept_mtime(self) -> int:
        """The same as a store can keep it: times beyond 64 bits are kept as their end."""
        return min(max(self.mtime, -(1 << 63)), (1 << 63) - 1)

    def like(self, earlier: Look | None) -> bool:
        """Whether nothing changed between two looks."""
        return earlier is not None and (self.mark, self.digest) == (earlier.mark, earlier.digest)


class Listing(msgspec.Struct, frozen=True):
    """The first names in order, how many there were beyond them, and what is no plain file: name, what it is."""

    names: list[str]
    beyond: int
    odd: dict[str, str]
    odd_count: int


def make_folders(inbox: Path) -> None:
    """The inbox and its two folders, for their owner's eyes only; those that are there stay as they are."""
    for folder in (inbox, inbox / PROCESSED, inbox / FAILED):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def is_ours(name: str) -> bool:
    """Whether a file of this name is meant for us: not one that is still being written beside (`.tmp`, `.part`)."""
    return name.endswith(SUFFIX) and not name.startswith(".")


def listing(inbox: Path, most: int, passed: Container[str] = ()) -> Listing:
    """The first `most` names of plain `*.json` files that are not `passed`.

    However full the folder is, no more of them are held in memory.
    """
    count, odd, odd_count = 0, dict[str, str](), 0

    def plain() -> Iterator[str]:
        nonlocal count, odd_count
        with os.scandir(inbox) as entries:
            for entry in entries:
                if not is_ours(entry.name) or entry.name in passed:
                    continue
                if entry.is_file(follow_symlinks=False):
                    count += 1
                    yield entry.name
                else:
                    odd_count += 1
                    if len(odd) < _ODD_NAMED:
                        odd[entry.name] = _oddity(entry)

    names = heapq.nsmallest(most, plain())
    return Listing(names, count - len(names), dict(sorted(odd.items())), odd_count)


def _oddity(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "a link: links are not followed, put the file itself here"
    return "a folder: only files are taken in" if entry.is_dir(follow_symlinks=False) else "no plain file"


def look(inbox: Path, name: str, most: int) -> Look | None:
    """Read one file of at most `most` bytes. None if it is gone: another poll was first."""
    path = inbox / name
    try:
        try:
            return _read(path, most)
        except PermissionError as error:
            return Look(name, mark_of(path.lstat()), "", 0, reason=f"cannot be read: {error.strerror}")
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
        mark = mark_of(os.fstat(descriptor))
    finally:
        os.close(descriptor)
    digest = sha256(data).hexdigest()
    if mark[2] > most:
        return Look(path.name, mark, digest, 0, reason=f"{mark[2]} bytes: more than the {most} allowed")
    if mark != mark_of(before) or mark[2] != len(data):
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


def shown(name: str) -> str:
    """A file's name as text: bytes that are no UTF-8 (Linux allows them) are spelled out."""
    return os.fsencode(name).decode(errors="backslashreplace")


def mark_of(found: os.stat_result) -> Mark:
    """What tells one state of a file from another."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
