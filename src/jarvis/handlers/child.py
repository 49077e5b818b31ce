"""A command as a child of ours, in a session of its own, with its output in one pipe.

By `subprocess` and not by os.posix_spawn, which costs the daemon half: that keeps the interpreter until the child has
opened its program. All threads, deadlines and signals too, stand still while the child waits for a processor and for
a disk that may not answer. `subprocess` lets go of the interpreter (CPython since 3.11.6, gh-104372), and its child
first closes what it holds of ours.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Child:
    """A process that was started and not waited for; `output` is our end of its output, which never blocks."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path | None, stdin: int | None) -> None:
        """Start it, reading from the descriptor `stdin` or from nothing. OSError where it cannot be."""
        ours, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        os.set_blocking(ours, False)
        self.pid, self.output = self._process.pid, ours

    def wait(self) -> int:
        """Its exit code, or the negative number of a signal, once it has ended; asked again, the same."""
        return self._process.wait()

    def poll(self) -> None:
        """Leave no zombie if it has ended."""
        self._process.poll()
