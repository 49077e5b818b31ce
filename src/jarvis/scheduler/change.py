"""change(task, wanted, now): what another schedule makes of a stored task. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from jarvis.scheduler.model import Task
from jarvis.scheduler.schedule import After, Cron, Interval, Once, OnEvent, Schedule, bind


class Change(NamedTuple):
    """How a task goes on."""

    schedule: Schedule
    next_run_at: datetime | None
    starts: int  # of which max_runs is the most


def kept(task: Task, wanted: Schedule) -> bool:
    """Whether `wanted` is the schedule that the task has; from where it counts, it need not say again."""
    return counted_as_before(task.schedule, wanted) == task.schedule


def change(task: Task, wanted: Schedule, now: datetime, recorded: datetime | None = None) -> Change:
    """The task with `wanted` from `now` on; what came due until then must be recorded already.

    `recorded` is an instant to come that is recorded as well: the new schedule does not ask for it again.

    A schedule that is the same moves nothing. A new rule is counted from `now`, and its runs from none;
    new bounds leave the rule its anchor and its count.
    """
    if kept(task, wanted):
        return Change(task.schedule, task.next_run_at, task.starts)
    schedule = bind(counted_as_before(task.schedule, wanted), now)
    starts = task.starts if _rule(schedule) == _rule(task.schedule) else 0
    return Change(schedule, _next(task, schedule, starts, max(now, recorded or now)), starts)


def _next(task: Task, schedule: Schedule, starts: int, now: datetime) -> datetime | None:
    if schedule.max_runs is not None and starts >= schedule.max_runs:
        return None
    if not isinstance(schedule, Once):
        return schedule.next_after(now)
    # Its one instant is recorded once: that it was is known only by next_run_at.
    return task.next_run_at if _rule(schedule) == _rule(task.schedule) else schedule.at


def counted_as_before(old: Schedule, wanted: Schedule) -> Schedule:
    """`wanted`, counted from where `old` was, unless that was no more than its start."""
    if _rule(old) != _rule(wanted):
        return wanted
    for name in ("anchor", "dtstart"):
        counted_from = getattr(old, name, None)
        if counted_from not in (None, old.starts_at) and getattr(wanted, name) is None:
            return msgspec.structs.replace(wanted, **{name: counted_from})
    return wanted


def _rule(schedule: Schedule) -> tuple[object, ...]:
    """What makes it another rule, and not the same one in other bounds."""
    if isinstance(schedule, Cron):
        return Cron, schedule.expr
    if isinstance(schedule, Interval):
        return Interval, schedule.every, schedule.after_completion
    if isinstance(schedule, OnEvent):
        return OnEvent, schedule.pattern
    if isinstance(schedule, After):
        return After, schedule.task
    return (schedule.at,) if isinstance(schedule, Once) else (schedule.rule,)
