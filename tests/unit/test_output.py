"""What a run writes: kept whatever the disk does, and shown as long as the disk takes it."""

from __future__ import annotations

import errno
import os

from jarvis.scheduler.output import Output


class FullDisk:
    """Takes `room` bytes and then none, as a disk does."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken = b""
        self.calls = 0

    def write(self, chunk: bytes) -> None:
        self.calls += 1
        if len(self.taken) + len(chunk) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.taken += chunk

    def discard(self) -> None:
        """Only who settles calls this."""


def test_what_is_written_is_kept_and_shown() -> None:
    live = FullDisk(100)
    output = Output(show=lambda: live)
    output.write(b"a\xff")
    output.write(b"")
    output.write(b"b")
    assert (output.kept(), output.total, output.trouble) == (b"a\xffb", 3, "")
    assert (live.taken, live.calls) == (b"a\xffb", 2)


def test_nothing_is_shown_of_a_run_that_writes_nothing() -> None:
    begun: list[FullDisk] = []

    def show() -> FullDisk:
        begun.append(FullDisk(100))
        return begun[-1]

    output = Output(show=show)
    output.write(b"")
    assert (output.kept(), output.total, begun) == (b"", 0, [])
    output.write(b"a")
    output.write(b"b")
    assert [each.taken for each in begun] == [b"ab"]


def test_trouble_that_has_no_number_is_told_in_its_own_words() -> None:
    class Gone(FullDisk):
        def write(self, _: bytes) -> None:
            raise OSError("the folder is gone")

    output = Output(show=lambda: Gone(0))
    output.write(b"x")
    assert (output.trouble, output.kept()) == ("the folder is gone", b"x")


def test_a_full_disk_ends_the_showing_and_not_the_keeping() -> None:
    live = FullDisk(2)
    output = Output(show=lambda: live)
    for _ in range(5):
        output.write(b"xy")
    assert (output.kept(), output.trouble) == (b"xy" * 5, "No space left on device")
    assert (live.taken, live.calls) == (b"xy", 2)
