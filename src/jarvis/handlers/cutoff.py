"""When a run must stop, and how the end of a process is told: one wording for all runs in processes."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import Any

from jarvis.handlers.processes import Ending
from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.model import RunState
from jarvis.scheduler.ports import Context


def must_stop(context: Context) -> bool:
    """Whether the deadline has passed or the run was cancelled."""
    return context.remaining() <= 0 or context.cancelled()


def cut_state(context: Context) -> RunState:
    """The state of a run that must stop."""
    return RunState.TIMED_OUT if context.remaining() <= 0 else RunState.CANCELLED


def cut_said(state: RunState, allowed: float) -> str:
    """Why it was cut off, with the seconds it had been allowed. The little that passed before is rounded away."""
    if state is not RunState.TIMED_OUT:
        return "cancelled"
    digits = 0 if allowed >= 10 else 1 if allowed >= 1 else 2
    return f"timed out after {format_duration(timedelta(seconds=round(max(allowed, 0.0), digits)))}"


def how(code: int) -> dict[str, Any]:
    """How a process ended, as data."""
    return {"exit_code": code} if code >= 0 else {"signal": signal_name(-code)}


def signal_name(number: int) -> str:
    """A signal as people call it."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"


def leftovers_said(found: int, ending: Ending) -> str:
    """What was ended after the run itself was over."""
    noun = "process" if found == 1 else "processes"
    return f"ended {found} {noun} it left behind ({ending.by.name})"
