"""The process table: every process of this machine that we may see, from /proc or, where there is none, from ps(1).

Sources: proc_pid_stat(5), proc_pid_environ(5), ps(1).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_PROC = Path("/proc")
_HAS_PROC = Path("/proc/self/stat").exists()
_NOT_TO_BE_SEEN = (FileNotFoundError, ProcessLookupError, PermissionError)  # it ended, or is another user's


@dataclass(frozen=True, slots=True)
class Process:
    """One process as it was seen. The number alone is given anew; with the start time it is an identity."""

    pid: int
    started: str
    parent: int = field(compare=False)
    group: int = field(compare=False)
    session: int = field(compare=False)
    dead: bool = field(compare=False)  # it ended and only waits to be waited for


def table() -> dict[int, Process]:
    """Every process, by number."""
    return _proc_table() if _HAS_PROC else _ps_table()


def look() -> Callable[[int], Process | None]:
    """What answers for a number how that process is now; None: there is none."""
    return _proc_entry if _HAS_PROC else _ps_table().get


def environments(pids: Iterable[int]) -> Iterable[tuple[int, list[bytes]]]:
    """The entries of the environments that those processes were started with, as far as they can be read."""
    return _proc_environments(pids) if _HAS_PROC else _ps_environments()


def _proc_table() -> dict[int, Process]:
    found = (_proc_entry(int(entry.name)) for entry in _PROC.iterdir() if entry.name.isdigit())
    return {process.pid: process for process in found if process}


def _proc_entry(pid: int) -> Process | None:
    """One line of proc_pid_stat(5); None if there is no such process."""
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except _NOT_TO_BE_SEEN:
        return None
    # The name in parentheses may hold blanks and parentheses itself: fields are counted from the last one.
    state, parent, group, session, *rest = text[text.rindex(b")") + 2 :].split()
    # A process whose first thread has ended looks dead while its other threads (num_threads) go on.
    dead = state in b"ZX" and int(rest[13]) <= 1
    return Process(pid, rest[15].decode(), int(parent), int(group), int(session), dead)


def _proc_environments(pids: Iterable[int]) -> Iterable[tuple[int, list[bytes]]]:
    for pid in pids:
        with suppress(*_NOT_TO_BE_SEEN):
            yield pid, (_PROC / str(pid) / "environ").read_bytes().split(b"\0")


def _ps_table() -> dict[int, Process]:
    """The same from ps(1), where a start time is exact to the second only."""
    lines = _ps("-A", "-o", "pid=,ppid=,pgid=,stat=,lstart=")
    found = (_ps_entry(*line.split(None, 4)) for line in lines)
    return {process.pid: process for process in found}


def _ps_entry(pid: bytes, parent: bytes, group: bytes, state: bytes, started: bytes) -> Process:
    try:
        session = os.getsid(int(pid))
    except OSError:  # it ended, or we may not ask
        session = 0
    start = started.decode(errors="replace").strip()
    return Process(int(pid), start, int(parent), int(group), session, state.startswith(b"Z"))


def _ps_environments() -> Iterable[tuple[int, list[bytes]]]:
    """Arguments and environment come in one line: an argument that looks like a mark counts as one."""
    shown = ("-A", "-E", "-ww") if sys.platform == "darwin" else ("axeww",)
    for line in _ps(*shown, "-o", "pid=,command="):
        pid, *words = line.split()
        yield int(pid), words


def _ps(*options: str) -> list[bytes]:
    plain = os.environ | {"LC_ALL": "C"}
    done = subprocess.run(["ps", *options], env=plain, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.stdout.splitlines()
