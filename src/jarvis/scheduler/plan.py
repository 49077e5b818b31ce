"""plan(task, now): what to record of a task that has come due, and its new next_run_at. Pure.

The new next_run_at depends on the schedule and `now` alone, never on a policy: policies decide what
becomes of the instants that have passed, not which instants there are.
"""

from __future__ import annotations

from datetime import datetime

from jarvis.scheduler.misfire import misfires, missed
from jarvis.scheduler.model import Occurrence, Plan, RunState, Task
from jarvis.scheduler.schedule import MICROSECOND

SEEN_LATE = "first seen after their time"


def plan(task: Task, now: datetime, open_run: int | None = None, why_late: str = SEEN_LATE) -> Plan:
    """Every instant of `task` up to `now` as exactly one row (or one row for a range), and what comes next.

    `open_run` is a run of the task still pending or running; `why_late` says where the daemon was.
    """
    if task.next_run_at is None or task.next_run_at > now:
        return Plan((), task.next_run_at)
    rows = tuple(misfires(task.schedule, task.policy, task.next_run_at, now, why_late))
    if open_run is not None and _in_the_way(task, rows):
        rows = tuple(_skipped(row, open_run) for row in rows)
    return Plan(rows, task.schedule.next_after(now))


def paused(task: Task, now: datetime) -> Plan:
    """What the instants that passed while `task` was paused come to: one missed row, then on from `now`."""
    first = task.next_run_at
    if first is None or first > now:
        return Plan((), first)
    last = task.schedule.previous_before(now + MICROSECOND) or first
    row = missed(task.schedule, first, last, "while the task was paused")
    return Plan((row,), task.schedule.next_after(now))


def _in_the_way(task: Task, rows: tuple[Occurrence, ...]) -> bool:
    """Whether overlap=skip forbids these to start beside an open run.

    What `catch_up=all` brings back is there to be run one after another, so it is not in its own way.
    With `queue` and `allow` nothing is skipped here (the claim keeps a queue in turn).
    """
    backlog = task.policy.catch_up == "all" and sum(row.state is RunState.PENDING for row in rows) > 1
    return task.policy.overlap == "skip" and not backlog


def _skipped(row: Occurrence, open_run: int) -> Occurrence:
    if row.state is not RunState.PENDING:
        return row
    return Occurrence(due_at=row.due_at, state=RunState.SKIPPED, reason=f"skipped: run {open_run} was not over")
