"""MemoryStore: everything durable, table by table, over one database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, tzinfo

import msgspec

from jarvis.errors import NotFound, UsageError
from jarvis.memory.absences import AbsenceTable
from jarvis.memory.assistant import AssistantTables
from jarvis.memory.causes import CauseTable
from jarvis.memory.deliveries import DeliveryTable
from jarvis.memory.events import EventTable
from jarvis.memory.health import HealthTable
from jarvis.memory.incidents import IncidentTable, Seen, Teller
from jarvis.memory.instances import InstanceTable
from jarvis.memory.migrate import migrate
from jarvis.memory.outputs import OutputTable
from jarvis.memory.retention import prune
from jarvis.memory.runs import RunTable
from jarvis.memory.sqlite import Database
from jarvis.memory.tasks import TaskTable
from jarvis.scheduler.after import After, broken_chain
from jarvis.scheduler.change import change, kept
from jarvis.scheduler.delivery import everywhere
from jarvis.scheduler.difference import Changes, Restated, difference
from jarvis.scheduler.incident import Finding
from jarvis.scheduler.model import Run, Task, TaskSpec
from jarvis.scheduler.plan import BEFORE_REMOVAL, WHILE_PAUSED, passed_over, plan

_SQLITE = "sqlite:///"


class MemoryStore(AssistantTables):
    """One store: `MemoryStore("path/memory.db")`, or `MemoryStore()` in memory for tests and embedding.

    The tables are attributes (`store.tasks`, `store.runs`, `store.facts`, ...). What touches several of
    them in one transaction is a method here.
    """

    def __init__(self, path: str = ":memory:") -> None:
        super().__init__(Database(path.removeprefix(_SQLITE)))
        try:
            migrate(self.database)
        except BaseException:
            self.database.let_go()
            raise
        self.tasks = TaskTable(self.database)
        self.outputs = OutputTable(self.database)
        self.deliveries = DeliveryTable(self.database)
        self.causes = CauseTable(self.database, self.tasks, self.outputs)
        self.runs = RunTable(self.database, self.tasks, self.outputs, self.deliveries, self.causes)
        self.instances = InstanceTable(self.database)
        self.absences = AbsenceTable(self.database)
        self.events = EventTable(self.database)
        self.incidents = IncidentTable(self.database, self.deliveries)
        self.health = HealthTable(self.database)

    @property
    def path(self) -> str:
        """Where the store is, `:memory:` if nowhere."""
        return self.database.path

    def transaction(self) -> AbstractContextManager[object]:
        """One durable commit around what is done inside; all of it or nothing."""
        return self.database.transaction()

    def prune(self, before: datetime, after: int, limit: int) -> tuple[int, int | None]:
        """Take away what ended `before`, of at most `limit` rows of the ledger with ids above `after`.

        How many of the ledger went, and the last id seen: None once all that are old enough were seen.
        """
        return prune(self.database, before, after, limit)

    def changed(self) -> bool:
        """Whether another process wrote since this was last asked."""
        return self.database.changed()

    def hurry(self) -> None:
        """From now on wait for other processes for a moment only."""
        self.database.hurry()

    def first_start(self) -> bool:
        """True the first time this is asked of a store, ever."""
        return self.database.change("INSERT INTO meta (key, value) VALUES ('seeded', '1') ON CONFLICT DO NOTHING") == 1

    def add_task(self, spec: TaskSpec, now: datetime, *, first: datetime | None = None) -> Task:
        """Store a task and wake the daemons."""
        with self.database.transaction():
            self.database.announce()
            task = self.tasks.add(spec, now, first=first)
            self._hold_chain(task)
            return task

    def change_task(self, name: str, spec: TaskSpec, now: datetime) -> Task:
        """Make a stored task what `spec` says. It keeps its identity, its ledger, and whether it is paused.

        With another schedule, what came due under the old one is recorded first, as it would have been by then,
        and the new one counts from `now`. With the same schedule no instant moves, whatever else changes; an
        interval or a recurrence that does not say from when it counts goes on counting from where it did.
        """
        if spec.name != name:
            raise UsageError(f"a task keeps its name: {name!r} cannot become {spec.name!r}, add it anew")
        with self.database.transaction():
            task = self._change(name, spec, now)
            self._hold_chain(task)
            return task

    def _change(self, name: str, spec: TaskSpec, now: datetime) -> Task:
        with self.database.transaction():
            task = self.tasks.get(name)
            if not kept(task, spec.schedule):
                task = self._recorded(task, now)
            changed = change(task, spec.schedule, now, self.runs.open_until(task.id))
            if _stated(task) != _stated(msgspec.structs.replace(spec, schedule=changed.schedule)):
                self.tasks.change(task, spec, changed)
                self.database.announce()
            return self.tasks.get(name)

    def _recorded(self, task: Task, now: datetime) -> Task:
        """The task once everything that has come due is in the ledger."""
        made = plan(task, now, self.runs.open_of(task.id)) if task.enabled else passed_over(task, now, WHILE_PAUSED)
        if made.record or made.next_run_at != task.next_run_at:
            self.runs.record([(task, made)], now)
        return self.tasks.get(task.name)

    def pause_task(self, name: str, now: datetime, reason: str = "paused by the user") -> bool:
        """Start no more runs of a task; those that have not started are cancelled. False if it was paused."""
        with self.database.transaction():
            task_id = self.tasks.id_of(name)
            self.runs.cancel_pending(task_id, f"cancelled: the task was {reason}", now)
            return self.tasks.pause(task_id, reason, now)

    def resume_task(self, name: str, now: datetime) -> Task:
        """Let a task run again from `now` on: what passed meanwhile is one missed row, not a flood."""
        with self.database.transaction():
            task = self.tasks.get(name)
            if not task.enabled:
                self.runs.record([(task, passed_over(task, now, WHILE_PAUSED))], now)
                self.tasks.resume(task.id)
            self.database.announce()
            return self.tasks.get(name)

    def rezone(self, zone: str, now: datetime) -> Sequence[Task]:
        """Move the tasks that follow the system's time zone to `zone`; those that moved, as they were.

        What came due in the old zone is recorded first. From then on the instants are those of the new one.
        """
        with self.database.transaction():
            following = self.tasks.elsewhere(zone)
            for task in following:
                self.tasks.move(self._recorded(task, now), zone, max(now, self.runs.open_until(task.id) or now))
            return following

    def remove_task(self, name: str, now: datetime) -> int:
        """Take a task away; its runs stay in the ledger. How many that had not started were cancelled."""
        with self.database.transaction():
            if followers := [task.name for task in self.causes.followers(name)]:
                comes, them = ("comes", "it") if len(followers) == 1 else ("come", "them")
                raise UsageError(
                    f"{name} cannot be removed: {', '.join(followers)} {comes} after it. Remove {them} first, or give "
                    f"{them} another schedule (jarvis task edit {followers[0]} ...)"
                )
            return self._remove(self.tasks.id_of(name), now, "cancelled: the task was removed")

    def _hold_chain(self, task: Task) -> None:
        """Refuse a chain that leads nowhere, or back to where it began; within the transaction that would store it."""
        if not isinstance(task.schedule, After):
            return
        if broken := broken_chain(self.causes.chained(), self.tasks.names()):
            raise UsageError(f"{task.name} cannot come after {task.schedule.task!r}: {broken[1]}")

    def compare_specs(self, specs: Sequence[TaskSpec], source: str, gone: Collection[str] = ()) -> Changes:
        """What `apply_specs` would do. Nothing is written."""
        return difference(specs, self.tasks.all(), source, gone)

    def apply_specs(self, specs: Sequence[TaskSpec], source: str, now: datetime, gone: Collection[str] = ()) -> Changes:
        """Make the tasks of the file `source` those that are wanted, all of them or nothing; what was done.

        Nothing was if names are `taken` by another file, unless that is one of the `gone`. What stays as it is
        keeps its next_run_at, its anchor and its count of starts; where nothing differs, nothing is written.
        """
        found = self.compare_specs(specs, source, gone)
        if found.refused or not found.count:
            return found
        with self.database.transaction():
            found = self.compare_specs(specs, source, gone)  # now that nobody else can write
            if found.count and not found.refused:
                self._carry_out(found, source, now)
        return found

    def _carry_out(self, changes: Changes, source: str, now: datetime) -> None:
        self.database.announce()
        for removal in changes.remove:
            self._remove(removal.task_id, now, "cancelled: the task was taken out of its file")
        for replacement in changes.replace:
            self._remove(replacement.task_id, now, "cancelled: the task could not be read")
        for spec in (*changes.add, *(each.spec for each in changes.replace)):
            self.tasks.add(spec, now, source=source)
        for restated in changes.change:
            self._restate(restated, source, now)

    def _restate(self, restated: Restated, source: str, now: datetime) -> None:
        if restated.differences:
            self._change(restated.spec.name, restated.spec, now)
        if restated.taken_from:
            self.tasks.take_over(self.tasks.id_of(restated.spec.name), source)

    def _remove(self, task_id: int, now: datetime, reason: str) -> int:
        task = self.tasks.find(task_id)
        if isinstance(task, Task):  # of one that cannot be read nobody knows what it owes
            why = BEFORE_REMOVAL if task.enabled else WHILE_PAUSED
            self.runs.record([(task, passed_over(task, now, why))], now)
        self.tasks.remove(task_id, now)
        self.deliveries.cancel_of(task_id, "cancelled: its task was removed", now)
        return self.runs.cancel_pending(task_id, reason, now)

    def start_now(self, name: str, now: datetime) -> Run:
        """A run of a task at once, beside its schedule, which it does not move."""
        return self.runs.add_start(self.tasks.get(name), now)

    def start_poll(self, now: datetime, reason: str) -> bool:
        """Have the inbox taken in at once, beside its schedule: one run, unless one waits to start anyway.

        False if no task does that, or the one that does is paused.
        """
        with self.database.transaction():
            tasks = self.tasks.of_the_inbox(now)
            if tasks and not any(tasks.values()):
                self.runs.add_start(self.tasks.get(next(iter(tasks))), now, reason, origin="event")
            return bool(tasks)

    def report(self, findings: Sequence[Finding], seen: Seen, run_id: int, zone: tzinfo, now: datetime) -> None:
        """Write down what a run found of the rules, and put what is to be told of it into the outbox, all at once."""
        with self.database.transaction():
            run = self._run(run_id)
            task = self.tasks.find(run.task_id) if run else None
            deliver = task.deliver if isinstance(task, Task) else ()
            teller = Teller(run=run, run_id=run_id, channels=everywhere(deliver), zone=zone, now=now)
            self.incidents.report(self.rules.list(), findings, seen, teller)

    def _run(self, run_id: int) -> Run | None:
        try:
            return self.runs.get(run_id)
        except NotFound:  # a handler that is called by hand: there is nothing that a delivery could name
            return None

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def _stated(task: Task | TaskSpec) -> tuple[object, ...]:
    """What the author of a task states."""
    return task.schedule, task.handler, task.params, task.policy, task.origin, task.follows_zone, task.deliver
