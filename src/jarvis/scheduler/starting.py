"""begun(task, what, now): what comes of something other than time that starts a task. Pure.

An event, or the end of another task's run, is an occurrence like any other: it gets one row of the ledger, and the
policies of its task say whether that runs, at once or later, or why it does not.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.misfire import lateness
from jarvis.scheduler.model import Occurrence, RunState, Task
from jarvis.scheduler.onevent import OnEvent
from jarvis.scheduler.plan import WHILE_PAUSED
from jarvis.scheduler.schedule import jittered
from jarvis.scheduler.untimed import Untimed

WAITED = "nobody looked at it in time"


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows when something asks for a start."""

    open_run: int | None = None  # of the task: pending or running
    starts: tuple[datetime, ...] = ()  # the newest that events led to, as many as the rate allows


def left_out(task: Task, at: datetime) -> str:
    """Why what happened at `at` asks for no run, by the bounds of the schedule; "" if it does."""
    schedule = task.schedule
    return schedule.left_out(at, task.starts) if isinstance(schedule, Untimed) else "the task has another schedule now"


def begun(task: Task, at: datetime, now: datetime, found: Situation) -> Occurrence:
    """The row of what happened at `at`, which is seen at `now`."""
    if why := _missed(task, at, now):
        return Occurrence(due_at=at, state=RunState.MISSED, reason=f"missed: 1 occurrence {why}")
    if why := _skipped(task, at, found):
        return Occurrence(due_at=at, state=RunState.SKIPPED, reason=f"skipped: {why}")
    late = lateness(now - at, task.policy, WAITED)
    return Occurrence(due_at=at, state=RunState.PENDING, reason=late, available_at=opens_at(task, at, at, now))


def opens_at(task: Task, first: datetime, last: datetime, now: datetime) -> datetime:
    """From when on the run may start of what happened from `first` to `last`: at once, but for debounce and jitter."""
    first, last = min(first, now), min(last, now)  # where the clock was set back, nobody waits for it
    opens = task.schedule.opens(first, last) if isinstance(task.schedule, OnEvent) else now
    return max(now, jittered(task.schedule, opens, task.id))


def _missed(task: Task, at: datetime, now: datetime) -> str:
    policy, late = task.policy, now - at
    if not task.enabled:
        return WHILE_PAUSED
    if policy.late_ok is not None and late > policy.late_ok:
        return f"{WAITED}; late_ok={format_duration(policy.late_ok)}"
    if policy.catch_up == "skip" and late > policy.grace:
        return f"{WAITED}; catch_up=skip"
    return ""


def _skipped(task: Task, at: datetime, found: Situation) -> str:
    rate = task.schedule.rate if isinstance(task.schedule, OnEvent) else None
    if rate is not None and rate.spent(list(found.starts), at):
        return f"no more may start within {format_duration(rate.per)} (rate={rate.describe()})"
    if task.policy.overlap == "skip" and found.open_run is not None:
        return f"run {found.open_run} was not over"
    return ""
