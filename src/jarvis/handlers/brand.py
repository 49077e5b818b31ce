"""Brand: a mark that the kernel hands on to whatever a process forks.

It is a resource limit that limits nothing: RLIMIT_RTTIME, the time a real-time process may compute without a pause,
set to some 146,000 years and a number. A child inherits it at fork(2) and keeps it through execve(2), setsid(2), a new
parent and an environment that was wiped; everybody may read it (proc_pid_limits(5)). Only who sets this very limit
anew loses it. Linux alone has it: elsewhere nothing carries a brand.

A process is branded right after its start (prlimit(2)). What it forks before that has none; it has the time that a
program takes to load. Setting the limit of this process for the moment of each fork would leave no such gap, but
starts would have to take turns, which made them 1.6 times as slow.

Sources: getrlimit(2), proc_pid_limits(5).
"""

from __future__ import annotations

import resource
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Self

_PROC = Path("/proc")
_ROW = b"Max realtime timeout"

# From the top: one bit that says it is a brand, 29 bits of the owner, 33 bits of one of its runs or processes.
_BRANDED = 1 << 62
_OWNER_BITS, _OWN_BITS = 29, 33


class Brand:
    """The brand of one run (`own` within an `owner`), or with no `own` that of everything of the owner."""

    __slots__ = ("_mask", "_value")

    def __init__(self, owner: str, own: int | None = None) -> None:
        part = zlib.crc32(owner.encode()) >> (32 - _OWNER_BITS)
        self._value = _BRANDED | part << _OWN_BITS | (own or 0) % (1 << _OWN_BITS)
        self._mask = -1 if own is not None else -1 << _OWN_BITS

    @classmethod
    def of_process(cls, owner: str, own: int) -> Self:
        """For a process that is no run's; `own` is 32 random bits. No run is numbered that high."""
        return cls(owner, own | 1 << _OWN_BITS - 1)

    def put_on(self, pid: int) -> None:
        """Brand a child of ours that was not waited for. Nothing where that cannot be done, or it has ended."""
        _set_limit(pid, self._value)

    def carried_by(self, pid: int) -> bool:
        """Whether that process carries it; False where there are no brands."""
        number = _limit_of(pid)
        return number is not None and number & self._mask == self._value & self._mask


def _set_limit(pid: int, number: int) -> None:
    if sys.platform == "linux":
        with suppress(ValueError, OSError):  # where it may not be set there is no brand
            _, hard = resource.prlimit(pid, resource.RLIMIT_RTTIME)
            resource.prlimit(pid, resource.RLIMIT_RTTIME, (number, hard))


def _limit_of(pid: int) -> int | None:
    """The soft limit of a process; None if it has none, or it cannot be read."""
    try:
        text = (_PROC / str(pid) / "limits").read_bytes()
    except OSError:
        return None
    soft = text.partition(_ROW)[2].split(maxsplit=1)[0]
    return None if soft == b"unlimited" else int(soft)
