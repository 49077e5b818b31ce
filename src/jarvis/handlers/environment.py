"""What the processes that Jarvis starts inherit of its own environment."""

from __future__ import annotations

import os

#: systemd talks to the daemon through these; a process that answered in its place would confuse it.
_NOT_INHERITED = (
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
)


def inherited() -> dict[str, str]:
    """This process's environment, less what is meant for it alone."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}


def mark_of(owner_mark: str) -> str:
    """Never the same for two stores, or with no owner for two processes: it decides who is killed."""
    return owner_mark or f"nobody:{os.urandom(12).hex()}"
