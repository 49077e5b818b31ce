"""Runs as rows of the ledger, and rows as Runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from jarvis.memory.instants import from_micros, maybe_instant, maybe_micros, to_micros
from jarvis.memory.sqlite import Row
from jarvis.scheduler.model import Occurrence, Result, Run, RunState, Task
from jarvis.scheduler.schedule import MICROSECOND


def as_row(task: Task, row: Occurrence, origin: str, now: datetime) -> dict[str, Any]:
    """A row of the ledger as it is inserted."""
    at, due_at = to_micros(now), to_micros(row.due_at)
    late_ok = task.policy.late_ok
    return {
        "task_id": task.id,
        "due_at": due_at,
        "until": maybe_micros(row.until),
        "count": row.count,
        "origin": origin,
        "state": row.state,
        "reason": row.reason,
        "attempt": 0,
        "priority": task.policy.priority,
        "alone": task.policy.overlap != "allow",
        "now": at,
        "available_at": to_micros(row.available_at or now),
        "started_at": None,
        "finished_at": None if row.state is RunState.PENDING else at,
        "owner": None,
        "fence": 0,
        "useful_until": None if late_ok is None else due_at + late_ok // MICROSECOND,
    }


def as_started(task: Task, row: Occurrence, owner: int, at: int) -> tuple[Any, ...]:
    """The same of a run that `owner` holds from `at` on and lets begin when it is due, by position."""
    due_at, policy, late_ok = to_micros(row.due_at), task.policy, task.policy.late_ok
    useful_until = None if late_ok is None else due_at + late_ok // MICROSECOND
    alone = policy.overlap != "allow"
    return task.id, due_at, row.reason, policy.priority, alone, at, max(at, due_at), owner, useful_until


def started(run_id: int, task: Task, row: Occurrence, owner: int, now: datetime) -> Run:
    """The same row as a Run."""
    start = max(now, row.due_at)
    return Run(  # with more than 15 keywords a call first makes a dict of them
        run_id,
        task.id,
        task.name,
        row.due_at,
        until=None,
        count=1,
        origin="schedule",
        state=RunState.RUNNING,
        reason=row.reason,
        attempt=1,
        recorded_at=now,
        available_at=start,
        started_at=start,
        finished_at=None,
        owner=owner,
        fence=1,
    )


def as_ended(run: Run, result: Result, now: datetime) -> tuple[Any, ...]:
    """The one fenced write that ends a run this owner holds, by position."""
    data = None if result.data is None else msgspec.json.encode(result.data).decode()
    reason, started_at = last_word(run, result), maybe_micros(run.started_at)
    return run.id, run.owner, run.fence, result.state, reason, started_at, to_micros(now), data


def last_word(run: Run, result: Result) -> str:
    """What is said of how a run ended, and after it what was said of it before."""
    return f"{result.reason} {run.reason}" if result.reason and run.reason else result.reason or run.reason


def decode_run(row: Row) -> Run:
    """A row of the ledger, its task's name in third place, as a Run."""
    return Run(
        row[0],
        row[1],
        row[2],
        from_micros(row[3]),
        maybe_instant(row[4]),
        row[5],
        origin=row[6],
        state=RunState(row[7]),
        reason=row[8],
        attempt=row[9],
        recorded_at=from_micros(row[10]),
        available_at=from_micros(row[11]),
        started_at=maybe_instant(row[12]),
        finished_at=maybe_instant(row[13]),
        owner=row[14],
        fence=row[15],
        data=None if row[16] is None else msgspec.json.decode(row[16]),
        failures=row[17],
    )
