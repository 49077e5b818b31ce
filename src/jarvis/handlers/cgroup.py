"""A cgroup for each run, where the daemon was given a part of the tree to itself (systemd: Delegate=yes).

What is in a cgroup stays in it, with all it forks, whatever it does to its environment, session and parents:
membership is the one thing that a process without rights over the tree cannot change. Elsewhere there is none,
and processes are found by what `jarvis.handlers.processes` reads.

The command is moved right after it was started. What it forks before that moment is outside, and is found only
by the other ways; it has the time that a program takes to load.

Sources: cgroups(7), Documentation/admin-guide/cgroup-v2.rst (cgroup.procs, cgroup.kill since Linux 5.14),
systemd.resource-control(5) and the attribute user.delegate, by which a system's systemd marks what it gave away.
A user's systemd sets no mark (seen in 252): our own unit, which asks for its cgroup, names itself in JARVIS_UNIT.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

_PREFIX = "jarvis-run-"


class Cgroup:
    """The cgroup of one run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pids(self) -> set[int]:
        """Who is in it now, ended ones too that nobody waited for."""
        try:
            return {int(line) for line in (self._folder / "cgroup.procs").read_text().split()}
        except FileNotFoundError:
            return set()

    def kill(self) -> None:
        """SIGKILL to all of them in one step that no fork slips through, where the kernel can."""
        with suppress(OSError):
            _write(self._folder / "cgroup.kill", "1")

    def close(self) -> None:
        """Take it away; one that a service stays in is left, and goes at a later start of the daemon."""
        with suppress(OSError):
            self._folder.rmdir()


class Cgroups:
    """Where runs get cgroups: below the daemon's own, or nowhere."""

    def __init__(self, own: Path | None) -> None:
        """`own` is the delegated folder (`delegated`). Empty cgroups of earlier runs are taken away."""
        self._own = own
        for stale in own.glob(f"{_PREFIX}*") if own else ():
            Cgroup(stale).close()

    def enclose(self, pid: int, name: str) -> Cgroup | None:
        """A new cgroup with that process in it; None where there can be none."""
        if self._own is None:
            return None
        made = self._own / f"{_PREFIX}{name}-{pid}"
        try:
            made.mkdir(exist_ok=True)
            _write(made / "cgroup.procs", str(pid))
        except OSError:  # the limit on cgroups, or the process has ended already: the other ways must do
            Cgroup(made).close()
            return None
        return Cgroup(made)


def delegated(proc: Path = Path("/proc/self"), unit: str | None = None) -> Path | None:
    """The folder of this process's cgroup, if it is of version 2 and was given to us; else None.

    `unit` is the unit whose cgroup is delegated, JARVIS_UNIT if it is not given. What the daemon starts inherits that
    variable, and is in a cgroup of another name.
    """
    if sys.platform != "linux":
        return None
    try:
        own = next(line[3:] for line in (proc / "cgroup").read_text().splitlines() if line.startswith("0::"))
        mounts = [line.split() for line in (proc / "mounts").read_text().splitlines()]
        root = next(fields[1] for fields in mounts if fields[2] == "cgroup2")
        folder = Path(root) / own.lstrip("/")
        unit = os.environ.get("JARVIS_UNIT") if unit is None else unit
        is_ours = folder.name == unit or os.getxattr(folder, "user.delegate") == b"1"
        return folder if is_ours and os.access(folder, os.W_OK) else None
    except (OSError, StopIteration):
        return None


def _write(file: Path, text: str) -> None:
    with file.open("w") as opened:
        opened.write(text)
