"""How much memory a process may use, and how much it does.

On Linux the kernel holds each process of a run to it (RLIMIT_DATA, setrlimit(2): what is allocated, whether it was
touched or not; programs, shared and mapped files do not count). macOS accepts such limits and does nothing, so there
the daemon looks at the resident memory of the process itself now and again, and ends it.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from jarvis.scheduler.size import LEAST_MEMORY

HELD_BY_KERNEL = sys.platform == "linux"
_HOLD = 'ulimit -d "$1" 2>/dev/null; shift; exec "$@"'  # a hard limit that is lower already stays


def half_of_memory() -> int:
    """What a Python handler may use that has no limit of its own: a leak must not take the machine with it."""
    return max(LEAST_MEMORY, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)


@contextmanager
def limited(limit: int) -> Iterator[None]:
    """Hold this process to `limit` bytes meanwhile. Nothing where the kernel does not."""
    if not HELD_BY_KERNEL:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):  # the handler lowered the hard limit: that is seen as a trace
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def held(command: Sequence[str], limit: int | None, cwd: Path | None, path: str | None) -> Sequence[str]:
    """The command line that starts `command` held to `limit` bytes from its first instruction on; so are its children.

    Nothing where the kernel does not hold it. The shell is given a fixed program and the command as its arguments,
    and becomes the command, so there is no moment in which it is not held; setting it from here once it has started
    would come too late for one that is quick. A file that is no program is read by the shell, as shells do. OSError,
    as when it is started itself, where it is not found by `cwd` and the search path `path`.
    """
    if limit is None or not HELD_BY_KERNEL:
        return command
    _find(command[0], cwd, path)
    return ["/bin/sh", "-c", _HOLD, "sh", str(limit // 1024), *command]


def _find(program: str, cwd: Path | None, path: str | None) -> None:
    """Raise the OSError that starting it would raise: the shell would only say so in the output."""
    asked = str((cwd or Path()) / program) if "/" in program else program
    if shutil.which(asked, path=path) is None:
        code = errno.EACCES if "/" in program and Path(asked).exists() else errno.ENOENT
        raise OSError(code, os.strerror(code), program)


def offer_to_oom() -> None:
    """Have the kernel end this process before others when memory runs out (proc_pid_oom_score_adj(5))."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def resident(pid: int) -> int:
    """Bytes of memory that a process has in use; 0 if it cannot be told."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * resource.getpagesize()
    except (OSError, IndexError):
        return resident_by_ps(pid)


def resident_by_ps(pid: int) -> int:
    """The same from ps(1), where there is no /proc."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=False, text=True)
    return int(done.stdout.strip() or 0) * 1024
