"""How much memory a process may use, and how much it does.

On Linux the kernel holds each process of a run to it (RLIMIT_DATA, setrlimit(2): what is allocated, whether it was
touched or not; programs, shared and mapped files do not count). macOS accepts such limits and does nothing, so there
the daemon looks at the resident memory of the process itself now and again, and ends it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jarvis.scheduler.size import LEAST_MEMORY

HELD_BY_KERNEL = sys.platform == "linux"


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


def limit_other(pid: int, limit: int) -> None:
    """Hold another process, and what it starts from now on, to `limit` bytes. Nothing where the kernel cannot."""
    if sys.platform == "linux":
        with suppress(OSError, ValueError):  # it has ended already, or its hard limit is lower
            resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))


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
