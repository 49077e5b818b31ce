"""Planner: what a batch of due tasks comes to, and which of it may be claimed as it is recorded."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from jarvis.scheduler.model import Due, Plan, Task, Unreadable
from jarvis.scheduler.plan import plan, spread
from jarvis.scheduler.ports import Executor, Store
from jarvis.scheduler.vigil import Vigil

_LOG = logging.getLogger("jarvis.engine")
BATCH = 500  # tasks planned, or runs claimed, in one transaction: long enough to share its sync, short to hold


class Planner:
    """Plans what is due, task by task; one that cannot be planned is paused and stops nobody."""

    def __init__(self, store: Store, vigil: Vigil) -> None:
        self._store = store
        self._vigil = vigil

    def batch(self, now: datetime, until: datetime) -> list[tuple[Task, Plan]] | None:
        """Plans for at most one batch of tasks due by `until`, each as of its moment; None when nothing was due."""
        due = self._store.tasks.due(until, BATCH)
        if not due:
            self._vigil.forget()  # whatever they made late has been accounted for
            return None
        made = [(found.task, self._planned(found, now)) for found in self._readable(due, now)]
        planned = [(task, plan) for task, plan in made if plan is not None]
        if self._vigil.slept:
            planned = spread(planned, now)
        return planned

    def _readable(self, due: Sequence[Due | Unreadable], now: datetime) -> Iterator[Due]:
        for found in due:
            if isinstance(found, Due):
                yield found
            else:
                self._set_aside(found.task_id, found.name, found.reason, now)

    def _planned(self, due: Due, now: datetime) -> Plan | None:
        try:
            at = max(now, due.task.next_run_at or now)
            made = plan(due.task, at, due.open_run, self._vigil.why_late(due.task))
            if made.next_run_at is not None and made.next_run_at <= at:
                raise ValueError(f"its next instant after {at.isoformat()} came out as {made.next_run_at.isoformat()}")
        except Exception as error:  # noqa: BLE001 - one task that cannot be planned must neither stop the others nor spin
            _LOG.exception("planning failed", extra={"task": due.task.name})
            self._set_aside(due.task.id, due.task.name, f"it cannot be planned: {error!r}", now)
            return None
        return made

    def _set_aside(self, task_id: int, name: str, reason: str, now: datetime) -> None:
        _LOG.error("task %s was paused: %s", name, reason)
        self._store.tasks.pause(task_id, reason, now)


def startable(planned: Sequence[tuple[Task, Plan]], executor: Executor, *, waiting: bool) -> tuple[set[int], int]:
    """The tasks whose run can be claimed as it is recorded, and how many places those take.

    Brief ones always; the others if there is room for all of them and nothing waits before them.
    """
    clear = [task for task, plan in planned if plan.start is not None]
    brief = {task.id for task in clear if executor.brief(task.handler)}
    taken = len(clear) - len(brief)
    return (brief, 0) if waiting or taken > executor.free else ({task.id for task in clear}, taken)
