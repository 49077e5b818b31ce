"""Ending runs of a task: one that somebody wants ended, or all that are open, as the next came due."""

from __future__ import annotations

from datetime import datetime

from jarvis.memory.instants import to_micros
from jarvis.memory.sqlite import Database
from jarvis.memory.statements import load
from jarvis.scheduler.model import Task

_SQL = load("runs")


def open_of(database: Database, task_id: int) -> int | None:
    """A run of a task that is pending or running; None if there is none."""
    found = database.row(_SQL["open_of"], (task_id,))
    return None if found is None else int(found[0])


def stop(database: Database, run_id: int, reason: str, now: datetime) -> bool:
    """End a run: at once if it has not started, which is True, else by asking its owner to."""
    if database.change(_SQL["cancel_one"], {"id": run_id, "reason": reason, "now": to_micros(now)}):
        return True
    database.change(_SQL["ask_to_stop"], {"id": run_id, "reason": reason})
    return False


def make_way(database: Database, task: Task, now: datetime) -> None:
    """overlap=cancel_running: what is open ends, so that the new occurrence can start."""
    if task.policy.overlap != "cancel_running":
        return
    for (run_id,) in database.rows(_SQL["open_of"], (task.id,)):
        database.announce()
        stop(database, run_id, "cancelled: the next occurrence came due (overlap=cancel_running)", now)
