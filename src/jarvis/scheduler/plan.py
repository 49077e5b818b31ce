"""plan(task, now): what to record of a task that has come due, and its new next_run_at. Pure.

The new next_run_at depends on the schedule and `now` alone, never on a policy: policies decide what
becomes of the instants that have passed, not which instants there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from jarvis.scheduler.misfire import alone, misfires, missed
from jarvis.scheduler.model import Occurrence, Plan, RunState, Task
from jarvis.scheduler.schedule import MICROSECOND, Interval, Once, jittered

SEEN_LATE = "first seen after their time"
WHILE_PAUSED = "while the task was paused"
BEFORE_REMOVAL = "that had not been seen when the task was removed"
SPREAD_STEP = timedelta(milliseconds=200)
SPREAD_OVER = timedelta(seconds=60)


def plan(task: Task, now: datetime, open_run: int | None = None, why_late: str = SEEN_LATE) -> Plan:
    """Every instant of `task` up to `now` as exactly one row (or one row for a range), and what comes next.

    `open_run` is a run of the task still pending or running; `why_late` says where the daemon was.
    """
    if task.next_run_at is None or task.next_run_at > now:
        return Plan((), task.next_run_at)
    if isinstance(task.schedule, Interval) and task.schedule.after_completion:
        return _after_completion(task, task.schedule, now, open_run, why_late)
    following = task.schedule.next_after(task.next_run_at)
    if following is None or following > now:  # nearly always
        rows: tuple[Occurrence, ...] = (alone(task.policy, task.next_run_at, now, why_late),)
    else:
        rows = tuple(misfires(task.schedule, task.policy, task.next_run_at, now, why_late))
        following = task.schedule.next_after(now)
    if open_run is not None and _in_the_way(task, rows):
        rows = tuple(_skipped(row, open_run) for row in rows)
    rows, following = _limited(task, _jittered(task, rows), following)
    return Plan(rows, following, _at_once(rows) if open_run is None else None)


def passed_over(task: Task, now: datetime, why: str) -> Plan:
    """What the instants come to that passed and will not run, for that reason: one missed row, then on from `now`."""
    first = task.next_run_at
    if first is None or first > now:
        return Plan((), first)
    if isinstance(task.schedule, Interval) and task.schedule.after_completion:
        row = missed(Once(first), first, first, why)
        return Plan((row,), task.schedule.next_after_completion(now))
    last = task.schedule.previous_before(now + MICROSECOND) or first
    row = missed(task.schedule, first, last, why)
    return Plan((row,), task.schedule.next_after(now))


def spread(planned: Sequence[tuple[Task, Plan]], now: datetime) -> list[tuple[Task, Plan]]:
    """After waking, let late runs start one after another, not all in the instant the machine is back.

    SPREAD_STEP apart, all of them within SPREAD_OVER; runs that are on time are not held back.
    """
    late = sum(_is_late(task, row, now) for task, plan in planned for row in plan.record)
    step = min(SPREAD_STEP, SPREAD_OVER / max(late, 1))
    starts = itertools.count()

    def place(task: Task, row: Occurrence) -> Occurrence:
        if not _is_late(task, row, now):
            return row
        return msgspec.structs.replace(row, available_at=now + next(starts) * step)

    return [(task, Plan(tuple(place(task, row) for row in plan.record), plan.next_run_at)) for task, plan in planned]


def _is_late(task: Task, row: Occurrence, now: datetime) -> bool:
    return row.state is RunState.PENDING and now - row.due_at > task.policy.grace


def _at_once(rows: tuple[Occurrence, ...]) -> Occurrence | None:
    """The one run that is to start at once, if it is one: the store may then record and claim it in one write."""
    pending = [row for row in rows if row.state is RunState.PENDING]
    return pending[0] if len(pending) == 1 and pending[0].available_at is None else None


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


def _after_completion(task: Task, schedule: Interval, now: datetime, open_run: int | None, why_late: str) -> Plan:
    """One occurrence at a time: the next is `every` after the end of this one, which settling it will write.

    Until then next_run_at is `every` from now, so that a run that ends without being settled stops nothing;
    if it comes while the run is open, no occurrence was asked for yet, and it moves on.
    """
    following = schedule.next_after_completion(now)
    if open_run is not None or task.next_run_at is None:
        return Plan((), following)
    only = Once(task.next_run_at)
    rows = tuple(misfires(only, task.policy, task.next_run_at, now, why_late))
    return Plan(*_limited(task, _jittered(task, rows), following))


def _jittered(task: Task, rows: tuple[Occurrence, ...]) -> tuple[Occurrence, ...]:
    return tuple(_put_off(task, row) for row in rows) if task.schedule.jitter else rows


def _put_off(task: Task, row: Occurrence) -> Occurrence:
    if row.state is not RunState.PENDING:
        return row
    return msgspec.structs.replace(row, available_at=jittered(task.schedule, row.due_at, task.id))


def _limited(
    task: Task, rows: tuple[Occurrence, ...], following: datetime | None
) -> tuple[tuple[Occurrence, ...], datetime | None]:
    """Apply max_runs: it counts occurrences recorded to run, and once they are, the schedule has ended."""
    if task.schedule.max_runs is None:
        return rows, following
    left = task.schedule.max_runs - task.starts
    kept: list[Occurrence] = []
    for row in rows:
        if left <= 0:
            break
        left -= row.state is RunState.PENDING
        kept.append(row)
    return tuple(kept), following if left > 0 else None
