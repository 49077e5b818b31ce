"""The `runs` table as it is read: the ledger, and what of it is open."""

from __future__ import annotations

import itertools
from datetime import datetime
from operator import itemgetter

from jarvis.errors import NotFound
from jarvis.memory.instants import from_micros, maybe_instant, maybe_micros, to_micros
from jarvis.memory.runrows import decode_run
from jarvis.memory.sqlite import Database
from jarvis.memory.statements import load
from jarvis.memory.tasks import TaskTable
from jarvis.scheduler.model import Attempt, Run, RunState

_SQL = load("runs")
_DUE_AT = itemgetter(3)  # of a row that decode_run takes


class RunReads:
    """Questions to the ledger. None of them writes."""

    def __init__(self, database: Database, tasks: TaskTable) -> None:
        self._database = database
        self._tasks = tasks

    def open_of(self, task_id: int) -> int | None:
        """A run of a task that is pending or running; None if there is none."""
        found = self._database.row(_SQL["open_of"], (task_id,))
        return None if found is None else int(found[0])

    def open_until(self, task_id: int) -> datetime | None:
        """The last occurrence of a task that is pending or running; it may lie ahead, for it is claimed early."""
        return maybe_instant(self._database.value(_SQL["open_until"], (task_id,)))

    def any_pending(self) -> bool:
        """Whether anything waits to start, for whatever reason."""
        return bool(self._database.value(_SQL["any_pending"]))

    def next_available_at(self) -> datetime | None:
        """The earliest instant at which a pending run may start."""
        return maybe_instant(self._database.value(_SQL["next_available_at"]))

    def get(self, run_id: int) -> Run:
        """One row of the ledger."""
        row = self._database.row(_SQL["get"], (run_id,))
        if row is None:
            raise NotFound(f"no run has the id {run_id}: see `jarvis runs list`")
        return decode_run(row)

    def newest(
        self,
        *,
        task: str | None = None,
        state: RunState | None = None,
        since: datetime | None = None,
        limit: int | None = 50,
    ) -> list[Run]:
        """The ledger, newest first; `limit=None` for all of it."""
        row = {"state": state, "since": maybe_micros(since), "limit": -1 if limit is None else limit}
        if task is None:
            return [decode_run(found) for found in self._database.rows(_SQL["newest"], row)]
        # One task after another: asked for all at once, SQLite would walk the whole ledger.
        of_each = [
            self._database.rows(_SQL["newest_of"], {**row, "task_id": each}) for each in self._tasks.ids_of(task)
        ]
        found = sorted(itertools.chain(*of_each), key=_DUE_AT, reverse=True)
        return [decode_run(each) for each in found[:limit]]

    def around(self, task_id: int, since: datetime, until: datetime | None = None) -> list[Run]:
        """What the ledger has of a task near a moment, by due_at; the cost does not grow with the ledger.

        The first two rows due in since..until (itself excluded; by default that instant alone), the last row
        and the last planned one before, whose range may reach to it, the next planned one after, what runs now.
        """
        end = to_micros(since) + 1 if until is None else to_micros(until)
        near = {"task_id": task_id, "since": to_micros(since), "until": end}
        return [decode_run(row) for row in self._database.rows(_SQL["around"], near)]

    def attempts(self, run_id: int) -> list[Attempt]:
        """The run's attempts that did not end it, in order."""
        return [
            Attempt(attempt=row[0], state=row[1], reason=row[2], started_at=maybe_instant(row[3]),
                    finished_at=from_micros(row[4]))
            for row in self._database.rows(_SQL["attempts_of"], (run_id,))
        ]  # fmt: skip

    def counts(self, since: datetime) -> dict[str, int]:
        """How many rows recorded since then are in each state, and everything that is open."""
        at = to_micros(since)
        rows = self._database.rows(_SQL["counts"], {"first": self._first_recorded(at), "since": at})
        return dict(rows) | dict(self._database.rows(_SQL["open_counts"]))

    def _first_recorded(self, since: int) -> int:
        """The first id from which on rows were recorded `since` then, by halving: rows are recorded in their order.

        A clock that was set back may have left a few before it.
        """
        low, high = 0, self._database.value(_SQL["last_id"]) + 1
        while low < high:
            middle = (low + high) // 2
            found, recorded_at = self._database.rows(_SQL["recorded_from"], (middle,))[0]
            if recorded_at >= since:
                high = middle
            else:
                low = found + 1
        return low
