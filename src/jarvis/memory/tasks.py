"""The `tasks` table: stored intentions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import compress
from math import inf

import msgspec

from jarvis.errors import NotFound, StoreError, UsageError
from jarvis.memory.faults import Refused
from jarvis.memory.instants import from_micros, maybe_instant, maybe_micros, to_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.scheduler.change import Change
from jarvis.scheduler.model import Deliver, Due, Plan, Policy, RunState, Task, TaskSpec, Unreadable
from jarvis.scheduler.schedule import After, Interval, Once, OnEvent, Schedule, bind, first_run_at
from jarvis.scheduler.suggest import did_you_mean

_SQL = load("tasks")
_schedule: msgspec.json.Decoder[Schedule] = msgspec.json.Decoder(Schedule)
_policy = msgspec.json.Decoder(Policy)
_deliver = msgspec.json.Decoder(tuple[Deliver, ...])


class TaskSummary(msgspec.Struct, frozen=True):
    """A task with how its last started run went."""

    task: Task
    last_run_at: datetime | None
    last_state: RunState | None


class TaskTable:
    """Add, read and change tasks; each change is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_the_inbox(self, now: datetime) -> dict[str, bool]:
        """The tasks that take in the inbox, unless paused, by name: whether a run of each waits to start now."""
        return {name: bool(waits) for name, waits in self._database.rows(_SQL["of_the_inbox"], {"now": to_micros(now)})}

    def add(self, spec: TaskSpec, now: datetime, *, first: datetime | None = None, source: str | None = None) -> Task:
        """Store a new task, due first at `first` (default: as its schedule says). A taken name is refused.

        `source` is the file it comes from.
        """
        schedule = bind(spec.schedule, now)
        row = {
            "name": spec.name,
            "schedule": _json(schedule),
            "handler": spec.handler,
            "params": _json(spec.params),
            "policy": _json(spec.policy),
            "origin": spec.origin,
            "source": source,
            "follows_zone": spec.follows_zone,
            "deliver": _json(spec.deliver),
            "created_at": to_micros(now),
            "next_run_at": maybe_micros(first or first_run_at(schedule, now)),
            "started_by": _started_by(schedule),
        }
        try:
            self._database.change(_SQL["insert"], row)
        except Refused as error:
            raise UsageError(
                f"a task named {spec.name!r} exists already: choose another name, or remove it first "
                f"(jarvis task remove {spec.name})"
            ) from error
        return self.get(spec.name)

    def get(self, name: str) -> Task:
        """The task of that name. NotFound, with the nearest name there is, if there is none."""
        return decode(self._row(name))

    def id_of(self, name: str) -> int:
        """The id of the task of that name, which need not be readable."""
        return int(self._row(name)[0])

    def ids_of(self, name: str) -> Sequence[int]:
        """The ids of all tasks that bear or bore that name."""
        return [task_id for (task_id,) in self._database.rows(_SQL["ids_of"], {"name": name})]

    def source_of(self, name: str) -> str | None:
        """The file that the task of that name comes from; the task need not be readable."""
        found: str | None = self._row(name)[16]
        return found

    def by_id(self, task_id: int) -> Task:
        """The task with that id, removed or not."""
        return decode(self._database.rows(_SQL["by_id"], (task_id,))[0])

    def find(self, task_id: int) -> Task | Unreadable:
        """The same, where what is stored of it may be damaged."""
        return readable(self._database.rows(_SQL["by_id"], (task_id,))[0])

    def names(self) -> list[str]:
        """The names of all tasks, sorted."""
        return [name for (name,) in self._database.rows(_SQL["names"])]

    def all(self) -> list[Task | Unreadable]:
        """All tasks, the oldest first."""
        return [readable(row) for row in self._database.rows(_SQL["all"])]

    def sources(self) -> set[str]:
        """The files that tasks come from."""
        return {source for (source,) in self._database.rows(_SQL["sources"])}

    def count_of(self, source: str) -> int:
        """How many tasks come from that file."""
        return int(self._database.value(_SQL["count_of"], (source,)))

    def take_over(self, task_id: int, source: str) -> bool:
        """From now on the task comes from the file `source`."""
        return self._database.change(_SQL["take_over"], {"id": task_id, "source": source}) == 1

    def list(self) -> list[TaskSummary | Unreadable]:
        """All tasks by name, each with its last started run."""
        return [_summary(row) for row in self._database.rows(_SQL["list"])]

    def due(self, now: datetime, limit: int) -> Sequence[Due | Unreadable]:
        """Enabled tasks with next_run_at <= now, the longest due first."""
        rows = self._database.rows(_SQL["due"], {"now": to_micros(now), "limit": limit})
        return [_due(row) for row in rows]

    def next_due_at(self) -> datetime | None:
        """The earliest next_run_at of an enabled task."""
        return maybe_instant(self._database.value(_SQL["next_due_at"]))

    def advance(self, planned: Sequence[tuple[Task, Plan]]) -> Sequence[tuple[Task, Plan]]:
        """Move next_run_at forward. Those where it was: no task that was changed or planned by another meanwhile."""
        moved = self._database.change_each(_SQL["advance"], [_advance(task, plan) for task, plan in planned])
        return list(compress(planned, moved))

    def completed(self, task: Task, finished_at: datetime) -> None:
        """A run of a task whose interval counts from the end of the last run has ended."""
        if _after_completion(task.schedule) is None:
            return
        # It may have been changed while the run went on, and then this end says nothing of what comes next.
        stored = self.find(task.id)
        schedule = _after_completion(stored.schedule) if isinstance(stored, Task) else None
        if schedule is not None:
            following = schedule.next_after_completion(finished_at)
            self._database.change(_SQL["completed"], {"id": task.id, "next": maybe_micros(following)})

    def change(self, task: Task, spec: TaskSpec, change: Change) -> bool:
        """Write what `spec` says over the task; False if it was changed by another meanwhile."""
        row = {
            "id": task.id,
            "revision": task.revision,
            "schedule": _json(change.schedule),
            "handler": spec.handler,
            "params": _json(spec.params),
            "policy": _json(spec.policy),
            "origin": spec.origin,
            "follows_zone": spec.follows_zone,
            "deliver": _json(spec.deliver),
            "next": maybe_micros(change.next_run_at),
            "starts": change.starts,
            "started_by": _started_by(change.schedule),
        }
        return self._database.change(_SQL["change"], row) == 1

    def failing(self, task_ids: Sequence[int]) -> set[int]:
        """Those of the tasks whose last run failed."""
        return {found for (found,) in self._database.rows(_SQL["failing"], (_json(task_ids),))}

    def ended(self, task_id: int, *, well: bool) -> tuple[int, bool]:
        """A run of the task has ended: how many in a row failed with this one, and whether the one before went
        the other way."""
        if well:
            return 0, self._database.change(_SQL["went_well"], (task_id,)) == 1
        self._database.change(_SQL["went_wrong"], (task_id,))
        failures = int(self._database.value(_SQL["failures"], (task_id,)))
        return failures, failures == 1

    def elsewhere(self, zone: str) -> Sequence[Task]:
        """The tasks that follow the system's time zone and are not in `zone` yet."""
        rows = self._database.rows(_SQL["following_zone"])
        found = [each for each in map(readable, rows) if isinstance(each, Task)]
        return [task for task in found if task.schedule.tz != zone]

    def move(self, task: Task, zone: str, now: datetime) -> bool:
        """Let a task be in `zone` from `now` on; what came due until then must be recorded already."""
        schedule = msgspec.structs.replace(task.schedule, tz=zone)
        counted = isinstance(schedule, Interval) and schedule.after_completion  # from the end of a run, in no zone
        # One that had come to its end may have instants left in the new zone: not after its one, or its last run.
        over = task.next_run_at is None and (isinstance(schedule, Once) or task.starts >= (schedule.max_runs or inf))
        due = task.next_run_at if counted or over else schedule.next_after(now)
        row = {"id": task.id, "revision": task.revision, "schedule": _json(schedule), "next": maybe_micros(due)}
        return self._database.change(_SQL["rezone"], row) == 1

    def pause(self, task_id: int, reason: str, now: datetime) -> bool:
        """Stop starting runs of a task; False if it was paused already."""
        row = {"id": task_id, "reason": reason, "now": to_micros(now)}
        return self._database.change(_SQL["pause"], row) == 1

    def resume(self, task_id: int) -> bool:
        """Let a paused task run again; False if it was not paused."""
        return self._database.change(_SQL["resume"], {"id": task_id}) == 1

    def remove(self, task_id: int, now: datetime) -> bool:
        """Take the task away; its runs stay in the ledger."""
        return self._database.change(_SQL["remove"], {"id": task_id, "now": to_micros(now)}) == 1

    def _row(self, name: str) -> Row:
        row = self._database.row(_SQL["get"], (name,))
        if row is None:
            raise NotFound(f"no task is named {name!r}.{did_you_mean(name, self.names())}")
        return row


def decode(row: Row) -> Task:
    """A row of the table as a Task. StoreError if what is stored cannot be read back."""
    try:
        return Task(  # with more than 15 keywords a call first makes a dict of them
            row[0],
            row[1],
            _schedule_of(row[2]),
            row[3],
            msgspec.json.decode(row[4]),
            _policy_of(row[5]),
            origin=row[6],
            created_at=from_micros(row[7]),
            revision=row[8],
            enabled=bool(row[9]),
            paused_at=maybe_instant(row[10]),
            pause_reason=row[11],
            next_run_at=maybe_instant(row[12]),
            starts=row[13],
            follows_zone=bool(row[14]),
            failures=row[15],
            source=row[16],
            deliver=_deliver.decode(row[17]) if row[17] != "[]" else (),
        )
    except (ValueError, OverflowError) as error:  # msgspec's errors are ValueErrors
        raise StoreError(f"task {row[1]!r} cannot be read: {error}. Remove it and add it again") from error


# Many tasks share their schedule and policy, and a task is read at every turn: decode each text once.
@lru_cache(maxsize=4096)
def _schedule_of(text: str) -> Schedule:
    return _schedule.decode(text)


@lru_cache(maxsize=1024)
def _policy_of(text: str) -> Policy:
    return _policy.decode(text)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def readable(row: Row) -> Task | Unreadable:
    """A row of the table as a Task, or what is wrong with it."""
    try:
        return decode(row)
    except StoreError as error:
        return Unreadable(row[0], row[1], str(error), row[16])


def _advance(task: Task, plan: Plan) -> tuple[int | None, ...]:
    starts = sum(row.state is RunState.PENDING for row in plan.record) if plan.start is None else 1
    return maybe_micros(plan.next_run_at), starts, task.id, maybe_micros(task.next_run_at), task.revision


def _after_completion(schedule: Schedule) -> Interval | None:
    return schedule if isinstance(schedule, Interval) and schedule.after_completion else None


def _started_by(schedule: Schedule) -> str | None:
    """What starts a task where that is not time, as the column has it."""
    if isinstance(schedule, OnEvent):
        return "event"
    return f"task:{schedule.task}" if isinstance(schedule, After) else None


def _due(row: Row) -> Due | Unreadable:
    try:
        return Due(decode(row), row[18])
    except StoreError as error:
        return Unreadable(row[0], row[1], str(error), row[16])


def _summary(row: Row) -> TaskSummary | Unreadable:
    try:
        return TaskSummary(decode(row), maybe_instant(row[18]), RunState(row[19]) if row[19] else None)
    except StoreError as error:
        return Unreadable(row[0], row[1], str(error), row[16])
