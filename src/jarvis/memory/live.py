"""The output of runs that are not settled yet, in files that other processes read while they grow.

One attempt writes segments of SEGMENT bytes, each named by the run, its fence and where in the output it begins:
`12-1-0`, `12-1-524288`, ... A segment only grows until it is full, and its name never comes to mean other bytes,
so a reader needs no agreement with the writer. The first one and the newest two stay and those between are
removed as the next begins: however much is printed, three segments are all that the disk ever holds of it.

Nothing is synced: this outlives the process (kill -9), not the power. The ledger has it from the settle on.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from jarvis.scheduler.output import OUTPUT_CAP

SEGMENT = OUTPUT_CAP // 2
KEPT = 3  # segments: the head, and two for a tail of at least one

Attempt = tuple[int, int]
"""A run's id and the fence it was claimed with: no two attempts have both."""


class LiveFolder:
    """The folder beside a store; of one in memory, nothing, as nobody else could read it."""

    def __init__(self, store: str, segment: int = SEGMENT) -> None:
        """`store` is the path of the database."""
        self._folder = None if store == ":memory:" else Path(f"{store}-output")
        self._segment = segment

    def begin(self, attempt: Attempt) -> LiveFile | None:
        """Where that attempt is to write. There is no file before its first byte."""
        return None if self._folder is None else LiveFile(self._folder, attempt, self._segment)

    def read(self, attempt: Attempt, since: int = 0) -> list[tuple[int, bytes]]:
        """What is there of an attempt's output from byte `since` on: (where it begins, bytes), in order.

        A piece that begins later than the one before ended says that those between are gone.
        """
        found = []
        for offset in sorted(at for of, at in self._segments() if of == attempt):
            body = self._read(attempt, offset, max(0, since - offset))
            if body:
                found.append((max(offset, since), body))
        return found

    def attempts(self) -> set[Attempt]:
        """Every attempt that something is there of."""
        return {attempt for attempt, _ in self._segments()}

    def remove(self, attempts: Collection[Attempt]) -> None:
        """Take away all there is of them."""
        for attempt, offset in self._segments() if attempts else ():
            if attempt in attempts:
                _remove(self._path(attempt, offset))

    def _read(self, attempt: Attempt, offset: int, skipped: int) -> bytes:
        with suppress(FileNotFoundError), self._path(attempt, offset).open("rb") as file:
            file.seek(skipped)
            return file.read()
        return b""  # removed since the folder was listed: a gap, as if it had been before

    def _segments(self) -> list[tuple[Attempt, int]]:
        try:
            names = os.listdir(self._folder) if self._folder else []  # noqa: PTH208 - names alone, ten times a second
        except OSError:  # not there yet, or not ours to read: nothing is shown, and no run minds
            return []
        split = (name.split("-") for name in names)
        return [
            ((int(run), int(fence)), int(offset))
            for run, fence, offset in (parts for parts in split if len(parts) == 3 and all(map(str.isdecimal, parts)))
        ]

    def _path(self, attempt: Attempt, offset: int) -> Path:
        return _path(self._folder or Path(), attempt, offset)


class LiveFile:
    """The writing end of one attempt."""

    def __init__(self, folder: Path, attempt: Attempt, segment: int) -> None:
        self._folder = folder
        self._attempt = attempt
        self._segment = segment
        self._offsets: list[int] = []  # of the segments that are there
        self._total = 0
        self._file = -1

    def write(self, chunk: bytes) -> None:
        """Add to the end; OSError where the disk does not take it, and no more can follow then."""
        left = memoryview(chunk)
        while left:
            room = self._total_room()
            written = os.write(self._file, left[:room])
            self._total += written
            left = left[written:]

    def discard(self) -> None:
        """Close it and take it away."""
        self._close()
        while self._offsets:
            _remove(_path(self._folder, self._attempt, self._offsets.pop()))

    def _total_room(self) -> int:
        """How much the open segment takes; where it is full, a new one is opened first."""
        if self._file < 0 or self._total % self._segment == 0:
            self._roll()
        return self._segment - self._total % self._segment

    def _roll(self) -> None:
        self._close()
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = _path(self._folder, self._attempt, self._total)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._offsets.append(self._total)
        if len(self._offsets) > KEPT:
            _path(self._folder, self._attempt, self._offsets.pop(1)).unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _remove(path: Path) -> None:
    """Take a segment away; where that is refused (a disk that became read-only), a later sweep tries again."""
    with suppress(OSError):
        path.unlink()


def _path(folder: Path, attempt: Attempt, offset: int) -> Path:
    return folder / f"{attempt[0]}-{attempt[1]}-{offset}"
