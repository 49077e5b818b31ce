"""The `causes` table: what starts runs where that is not time, an event or the end of another run.

One row for each event and task that it concerned, and for each ended run and task that comes after it: whichever
way it went, it is written in the transaction that decides it. (task, event) and (task, upstream run) are unique, so
whatever happens in between, nothing starts a task twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from jarvis.memory.instants import from_micros, to_micros
from jarvis.memory.outputs import OutputTable
from jarvis.memory.overlap import make_way, open_of
from jarvis.memory.runrows import as_row, decode_run
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.memory.tasks import TaskTable, readable
from jarvis.scheduler.model import Event, Occurrence, Run, RunState, Task, Unreadable, Upstream, Verdict
from jarvis.scheduler.schedule import After, OnEvent
from jarvis.scheduler.starting import Situation, begun, left_out, opens_at

_SQL = load("causes")
_INSERT_RUN = load("runs")["insert"]
OUTPUT_HANDED_ON = 65_536  # bytes from the end of a run's output that the next run is given
_STARTED = "started"
_STANDING = (_STARTED, "failed", "skipped", "filtered")  # of all that became of an event, the first is its status
_STATUS = {"coalesced": _STARTED, "left_out": "skipped"}


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What an event, or an ended run, came to for one task. `run_id` is the row of the ledger, if there is one."""

    task: str
    event_id: int | None
    upstream_id: int | None
    run_id: int | None
    outcome: str
    reason: str
    source: str | None
    event_type: str | None
    upstream: str | None  # the ended run's task

    @property
    def said(self) -> str:
        """What it was: "event 5 (github/push)", "the end of run 7 of build"."""
        if self.event_id is not None:
            return f"event {self.event_id} ({self.source}/{self.event_type})"
        return f"the end of run {self.upstream_id} of {self.upstream}"


class CauseTable:
    """Starts runs for events and for runs that ended; both within the caller's transaction."""

    def __init__(self, database: Database, tasks: TaskTable, outputs: OutputTable) -> None:
        self._database = database
        self._tasks = tasks
        self._outputs = outputs

    # -- events -------------------------------------------------------------------------------------------
    def listening(self) -> list[Task | Unreadable]:
        """The tasks that events start, the oldest first; paused ones too."""
        return [readable(row) for row in self._database.rows(_SQL["listening"])]

    def unheard(self, limit: int) -> int:
        """No task listens: at most `limit` pending events are unmatched. How many."""
        return self._database.change(_SQL["unheard"], (limit,))

    def match(self, event: Event, verdicts: Sequence[Verdict], now: datetime) -> str:
        """Give a pending event to the tasks it concerns, and settle what became of it: its status from now on."""
        found = {self._hear(event, verdict, now) for verdict in verdicts}
        known = {_STATUS.get(outcome, outcome) for outcome in found}
        status = next((each for each in _STANDING if each in known), "unmatched")
        self._database.change(_SQL["matched"], {"id": event.id, "status": status})
        return status

    def _hear(self, event: Event, verdict: Verdict, now: datetime) -> str:
        at = to_micros(event.received_at)
        cause = {"task_id": verdict.task.id, "event_id": event.id, "upstream_id": None, "at": at}
        if verdict.says != "takes":
            self._first(cause, verdict.says, verdict.reason)
            return verdict.says
        if (waiting := self._waiting(verdict.task, event.received_at)) is not None:
            return self._join(cause, verdict.task, waiting, event.received_at, now)
        return self._start(cause, verdict.task, "event", event.received_at, now)

    def _waiting(self, task: Task, at: datetime) -> Row | None:
        """The run of a burst that has not started: what comes until then is part of it, if its time is within bounds.

        The start of the burst is counted already, so that max_runs has no say in it.
        """
        if not _debounced(task) or left_out(msgspec.structs.replace(task, starts=0), at):
            return None
        return self._database.row(_SQL["waiting"], (task.id,))

    def _join(self, cause: dict[str, Any], task: Task, waiting: Row, at: datetime, now: datetime) -> str:
        if not self._first(cause, "coalesced"):
            return _STARTED
        run_id, first = waiting
        opens = opens_at(task, from_micros(first), at, now)
        late_ok = task.policy.late_ok
        useful_until = None if late_ok is None else to_micros(opens + late_ok)
        row = {"id": run_id, "available_at": to_micros(opens), "useful_until": useful_until}
        self._database.change(_SQL["put_off"], row)
        self._led_to(cause, run_id, "coalesced")
        return "coalesced"

    # -- chains -------------------------------------------------------------------------------------------
    def any_chained(self) -> bool:
        """Whether any task comes after another."""
        return bool(self._database.value(_SQL["any_chained"]))

    def chained(self) -> dict[str, str]:
        """The tasks that come after others, each with that other's name."""
        return {name: after.removeprefix("task:") for name, after in self._database.rows(_SQL["chained"])}

    def followers(self, name: str) -> list[Task | Unreadable]:
        """The tasks that come after the task of that name."""
        return [readable(row) for row in self._database.rows(_SQL["followers"], (f"task:{name}",))]

    def ended(self, run: Run, state: RunState, now: datetime) -> None:
        """A run has ended for good: start what comes after its task."""
        for task in self.followers(run.task):
            if isinstance(task, Unreadable):
                self._tasks.pause(task.task_id, task.reason, now)
            elif isinstance(task.schedule, After) and task.schedule.follows(state):
                cause = {"task_id": task.id, "event_id": None, "upstream_id": run.id, "at": to_micros(now)}
                self._start(cause, task, "chain", now, now)

    # -- what a run is given, and what is shown -----------------------------------------------------------
    def input_of(self, run: Run) -> tuple[Event | None, Upstream | None]:
        """What started a run, as its handler is given it; the payload is its JSON text."""
        if run.origin == "event":
            return self._event_of(run), None
        return None, self._upstream_of(run) if run.origin == "chain" else None

    def _event_of(self, run: Run) -> Event | None:
        row = self._database.row(_SQL["event_of"], {"run_id": run.id})
        if row is None:  # no event of the store: a file in the inbox has its poll started
            return None
        number, source, event_type, payload, at, count = row
        return Event(
            id=number, source=source, event_type=event_type, payload=payload, received_at=from_micros(at), count=count
        )

    def _upstream_of(self, run: Run) -> Upstream | None:
        row = self._database.row(_SQL["upstream_of"], (run.id,))
        if row is None:
            return None
        found, written = decode_run(row), self._outputs.of(row[0])
        return Upstream(
            run_id=found.id,
            task=found.task,
            state=found.state,
            reason=found.reason,
            due_at=found.due_at,
            finished_at=found.finished_at,
            data=found.data,
            output=written[-1].body[-OUTPUT_HANDED_ON:].decode(errors="replace") if written else "",
        )

    def of_run(self, run_id: int) -> list[Cause]:
        """What a run was started by: events, the earliest first, or the end of another run."""
        return [Cause(**_named(row)) for row in self._database.rows(_SQL["of_run"], (run_id,))]

    def of_event(self, event_id: int) -> list[Cause]:
        """What an event came to, task by task."""
        return [Cause(**_named(row)) for row in self._database.rows(_SQL["of_event"], (event_id,))]

    def of_upstream(self, run_id: int) -> list[Cause]:
        """What the end of a run came to, for each task that comes after its own."""
        return [Cause(**_named(row)) for row in self._database.rows(_SQL["of_upstream"], (run_id,))]

    def newest_of(self, task: Task) -> Cause | None:
        """The newest that concerned a task of such a schedule, whatever it came to."""
        statement = "newest_event_of" if isinstance(task.schedule, OnEvent) else "newest_end_of"
        row = self._database.row(_SQL[statement], (task.id,))
        return None if row is None else Cause(**_named(row))

    # -- the start ----------------------------------------------------------------------------------------
    def _start(self, cause: dict[str, Any], task: Task, origin: str, at: datetime, now: datetime) -> str:
        """One row of the ledger, or the reason why there is none."""
        task = self._counted(task)
        try:
            why = left_out(task, at)
            row = begun(task, at, now, self._situation(task))
        except (ValueError, OverflowError) as error:  # one task of which nothing can be planned stops no other
            self._first(cause, "failed", f"nothing can be planned of it: {error!r}")
            return "failed"
        if why:
            self._first(cause, "left_out", why)
            return "left_out"
        if not self._first(cause, "skipped", row.reason):
            return _STARTED  # it came to something before, and never does again
        if row.state is not RunState.PENDING:
            self._led_to(cause, self._insert(task, row, origin, now), "skipped", row.reason)
            return "skipped"
        make_way(self._database, task, now)
        self._led_to(cause, self._insert(task, row, origin, now), _STARTED)
        self._database.change(_SQL["count_start"], (task.id,))
        return _STARTED

    def _counted(self, task: Task) -> Task:
        """The task as it is after what was started in this very transaction."""
        if task.schedule.max_runs is None:
            return task
        return msgspec.structs.replace(task, starts=self._database.value(_SQL["starts"], (task.id,)))

    def _situation(self, task: Task) -> Situation:
        rate = task.schedule.rate if isinstance(task.schedule, OnEvent) else None
        starts: tuple[datetime, ...] = ()
        if rate is not None:
            found = self._database.rows(_SQL["newest_starts"], {"task_id": task.id, "limit": rate.starts})
            starts = tuple(from_micros(at) for (at,) in found)
        return Situation(
            open_run=open_of(self._database, task.id) if task.policy.overlap == "skip" else None, starts=starts
        )

    def _insert(self, task: Task, row: Occurrence, origin: str, now: datetime) -> int:
        """Insert the run under its own instant, or if that is taken, the first one after those that are near it."""
        values = as_row(task, row, origin, now)
        if _debounced(task) and task.policy.late_ok is not None and row.available_at is not None:
            values["useful_until"] = to_micros(row.available_at + task.policy.late_ok)  # being put off is no lateness
        while self._database.change(_INSERT_RUN, values) != 1:
            taken = self._database.value(_SQL["last_near"], {"task_id": task.id, "at": values["due_at"]})
            values["due_at"] = taken + 1
        return self._database.last_id()

    def _first(self, cause: dict[str, Any], outcome: str, reason: str = "") -> bool:
        """Write what it comes to; False, and nothing is written, if that was decided before."""
        return self._database.change(_SQL["note"], cause | {"outcome": outcome, "reason": reason}) == 1

    def _led_to(self, cause: dict[str, Any], run_id: int, outcome: str, reason: str = "") -> None:
        self._database.change(_SQL["led_to"], cause | {"run_id": run_id, "outcome": outcome, "reason": reason})


def _debounced(task: Task) -> bool:
    return isinstance(task.schedule, OnEvent) and bool(task.schedule.debounce)


def _named(row: Row) -> dict[str, Any]:
    return dict(zip(Cause.__struct_fields__, row, strict=True))
