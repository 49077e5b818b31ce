"""Planner: plans for the tasks that have come due. One that cannot be planned is set aside, and the others go on."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from jarvis.scheduler.model import Due, Plan, Task, Unreadable
from jarvis.scheduler.plan import plan, spread
from jarvis.scheduler.ports import Store
from jarvis.scheduler.vigil import Vigil

_LOG = logging.getLogger("jarvis.engine")


class Planner:
    """Asks a store what is due, and the pure `plan` what it comes to."""

    def __init__(self, store: Store, vigil: Vigil) -> None:
        self._store = store
        self._vigil = vigil

    def batch(self, now: datetime, limit: int) -> list[tuple[Task, Plan]] | None:
        """Plans for at most `limit` tasks, None when nothing was due."""
        due = self._store.tasks.due(now, limit)
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
            made = plan(due.task, now, due.open_run, self._vigil.why_late(due.task))
            if made.next_run_at is not None and made.next_run_at <= now:
                raise ValueError(f"its next instant after {now.isoformat()} came out as {made.next_run_at.isoformat()}")
        except Exception as error:  # noqa: BLE001 - one task that cannot be planned must neither stop the others nor spin
            _LOG.exception("planning failed", extra={"task": due.task.name})
            self._set_aside(due.task.id, due.task.name, f"it cannot be planned: {error!r}", now)
            return None
        return made

    def _set_aside(self, task_id: int, name: str, reason: str, now: datetime) -> None:
        _LOG.error("task %s was paused: %s", name, reason)
        self._store.tasks.pause(task_id, reason, now)
