"""Whether the process behind an owner lives. Its wake pipe proves it on this machine; a lease stands in elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from jarvis.memory.wake import has_reader


def lives(pipe: Path, host: str, pid: int, process_started: str, leased: bool) -> bool:
    """Whether the owner that entered as that process on that host lives.

    On this machine its pipe has a reader or it is dead, whatever the clock says; only where the pipe is gone
    (deleted by hand) the process table is asked. An owner that entered under another host name (a container of
    its own, a machine renamed since, a shared file system) may read its pipe where we cannot see it: it is
    believed as long as its lease lasts.
    """
    read = has_reader(pipe)
    if read or host != this_host():
        return bool(read) or leased
    return read is None and process_started_at(pid) == process_started


def this_host() -> str:
    """The name this machine bears now."""
    return os.uname().nodename


def process_started_at(pid: int) -> str | None:
    """A text that differs between two processes that bore the same id; None if there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # proc(5): field 22, counted after the name, which is in brackets and may hold anything.
            return stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        except OSError:
            return None
    import subprocess  # noqa: PLC0415 - a tenth of what `jarvis status` may cost; asked on macOS alone

    shown = subprocess.run(["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip() or None
