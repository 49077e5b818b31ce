"""The end of a log, and what comes after it, through rotation."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

LOOK_EVERY = 0.2  # seconds
_PIECE = 64 * 1024


def last_lines(file: Path, count: int) -> bytes:
    """The last lines of a file. FileNotFoundError if there is none."""
    with file.open("rb") as opened:
        return _last(opened, count)


def follow(file: Path, count: int, pause: Callable[[], None] = lambda: time.sleep(LOOK_EVERY)) -> Iterator[bytes]:
    """The last lines, and for ever what is added: also to the file that takes its place, once there is one."""
    opened = _open(file)
    try:
        if opened is not None:
            yield _last(opened, count)
        while True:
            if more := opened.read() if opened is not None else b"":
                yield more
            elif (newer := _newer(file, opened)) is not None:
                if opened is not None:
                    yield opened.read()  # what came before it was moved away
                    opened.close()
                opened = newer
            else:
                pause()
    finally:
        if opened is not None:
            opened.close()


def _last(opened: BinaryIO, count: int) -> bytes:
    """Read from the end, as the file may be large; leaves the position there."""
    end = at = opened.seek(0, os.SEEK_END)
    pieces: list[bytes] = []
    breaks = 0
    while at > 0 and breaks <= count:
        size = min(_PIECE, at)
        at -= size
        opened.seek(at)
        pieces.append(opened.read(size))
        breaks += pieces[-1].count(b"\n")
    opened.seek(end)
    lines = b"".join(reversed(pieces)).splitlines(keepends=True)
    return b"".join(lines[-count:]) if count else b""


def _newer(file: Path, opened: BinaryIO | None) -> BinaryIO | None:
    """The file that is at the path now, if it is another one than is open, or the same one emptied."""
    found = _open(file)
    if found is None or opened is None:
        return found
    now, before = os.fstat(found.fileno()), os.fstat(opened.fileno())
    if (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino) or now.st_size < opened.tell():
        return found
    found.close()
    return None


def _open(file: Path) -> BinaryIO | None:
    try:
        return file.open("rb")
    except FileNotFoundError:
        return None
