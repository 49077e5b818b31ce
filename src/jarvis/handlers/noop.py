"""`noop`: does nothing, for drills and benchmarks."""

from __future__ import annotations

from jarvis.scheduler.ports import Context


def noop(context: Context) -> None:
    """Succeed at once."""
