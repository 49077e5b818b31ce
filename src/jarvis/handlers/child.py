"""Starting a command as a child of ours, in a session of its own, with its output in one pipe.

On Linux by posix_spawn(3), which costs the daemon half of what `subprocess` does. That closes nothing by itself: what
this process opens does not outlive an exec (PEP 446), and what it was given open at its start is seen to once. Where
posix_spawn cannot do what is wanted (a folder to start in), or is not tried (macOS), `subprocess` does it.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Protocol

_SPAWNS = sys.platform == "linux"
_DEFAULT = [signal.SIGPIPE, signal.SIGXFSZ]  # what Python ignores and a program expects to be told


class Child(Protocol):
    """A process that was started and not waited for; `output` is our end of its output, which never blocks."""

    pid: int
    output: int

    def wait(self) -> int:
        """Its exit code, or the negative number of a signal, once it has ended; asked again, the same."""

    def poll(self) -> None:
        """Leave no zombie if it has ended."""


def start(command: Sequence[str], env: Mapping[str, str], cwd: Path | None, stdin: int | None) -> Child:
    """Start it, reading from the descriptor `stdin` or from nothing. OSError where it cannot be."""
    if not _SPAWNS or cwd is not None:
        return _Opened(command, env, cwd, stdin)
    _keep_to_ourselves()
    ours, theirs = os.pipe()
    try:
        if theirs <= 2:  # this process has lost a stream of its own
            return _Opened(command, env, cwd, stdin)
        read = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        actions = [
            read if stdin is None else (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_DUP2, theirs, 1),
            (os.POSIX_SPAWN_DUP2, theirs, 2),
        ]
        program = _found(command[0], env)
        pid = os.posix_spawn(program, list(command), env, file_actions=actions, setsid=True, setsigdef=_DEFAULT)
        os.set_blocking(ours, False)
        made, ours = _Spawned(pid, ours), -1
        return made
    finally:
        for descriptor in (ours, theirs):
            if descriptor >= 0:
                os.close(descriptor)


class _Spawned:
    """One that posix_spawn started."""

    def __init__(self, pid: int, output: int) -> None:
        self.pid = pid
        self.output = output
        self._code: int | None = None

    def wait(self) -> int:
        while self._code is None:
            self._reap(0)
        return self._code

    def poll(self) -> None:
        if self._code is None:
            self._reap(os.WNOHANG)

    def _reap(self, options: int) -> None:
        try:
            pid, status = os.waitpid(self.pid, options)
        except ChildProcessError:  # somebody ignores SIGCHLD for this process: how it ended nobody knows
            pid, status = self.pid, 0
        if pid:
            self._code = os.waitstatus_to_exitcode(status)


class _Opened:
    """One that `subprocess` started."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path | None, stdin: int | None) -> None:
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
        return self._process.wait()

    def poll(self) -> None:
        self._process.poll()


def _found(program: str, env: Mapping[str, str]) -> str:
    """The file to start: by the search path of `env`, where `program` names no folder (execvp(3))."""
    if "/" in program:
        return program
    closed = False
    for folder in os.get_exec_path(env):
        path = os.path.join(folder, program)  # noqa: PTH118 - a Path costs more than the search
        if os.access(path, os.X_OK) and not os.path.isdir(path):  # noqa: PTH112
            return path
        closed = closed or os.path.exists(path)  # noqa: PTH110
    code = errno.EACCES if closed else errno.ENOENT
    raise OSError(code, os.strerror(code), program)


@cache
def _keep_to_ourselves() -> None:
    """What this process was given open, by a shell or a service manager, is not for its children."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) > 2:
            with suppress(OSError):  # the listing itself
                os.set_inheritable(int(name), False)
