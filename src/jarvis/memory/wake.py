"""A named pipe per daemon: whoever changes the store pokes it, and its open end proves that the daemon lives.

The kernel closes the reading end when the process ends, however it ends, so "no reader" means dead:
no clock, no guess, no process id that another program may meanwhile bear. It is no socket and nobody
can send anything through it but "look now".
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from jarvis.memory.faults import of_pipe


class WakePipe:
    """The reading end, held by the daemon for as long as it lives."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.mkfifo(path, 0o600)
        except OSError as error:
            raise of_pipe(str(path), error) from error
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        # With a writer of our own the pipe never reads as "ended" when the last poker closes it.
        self._writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)

    def drain(self) -> None:
        """Forget the pokes received so far."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fd, 4096):
                pass

    def close(self) -> None:
        """Let go of the pipe and remove it."""
        self.path.unlink(missing_ok=True)
        self.break_off()

    def break_off(self) -> None:
        """Let go of the pipe as a dying process does: it stays, and nobody reads it."""
        os.close(self.fd)
        os.close(self._writer)


def poke(path: Path) -> bool | None:
    """Wake the daemon behind `path`. False: it is dead; None: there is no such pipe, so nothing is known."""
    return _write(path, b"!")


def has_reader(path: Path) -> bool | None:
    """Whether the daemon behind `path` lives; None if there is no such pipe."""
    return _write(path, b"")


def _write(path: Path, data: bytes) -> bool | None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError:  # ENXIO: nobody has it open for reading
        return False
    try:
        with contextlib.suppress(BlockingIOError):  # full of pokes: it will wake
            os.write(fd, data)
    finally:
        os.close(fd)
    return True
