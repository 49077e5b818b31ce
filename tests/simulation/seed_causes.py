"""What events and the ends of runs came to, held against what they ask for, told without the code under test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import msgspec

from jarvis.memory import MemoryStore
from jarvis.scheduler.eventports import Says
from jarvis.scheduler.model import Event, Run, RunState, Task
from jarvis.scheduler.schedule import After, OnEvent
from tests.simulation.seed_deliveries import Broken
from tests.simulation.seed_machine import Effect

_EVENTS = "SELECT id, source, event_type, payload, status, received_at FROM webhook_events ORDER BY id"
_CAUSES = "SELECT task_id, event_id, upstream_id, run_id, outcome, reason FROM causes ORDER BY rowid"
_REMOVED = "SELECT id FROM tasks WHERE removed_at IS NOT NULL"
_RAN = ("started", "coalesced")
_WELL, _BADLY = ("succeeded",), ("failed", "timed_out", "unknown")
NEAR = timedelta(seconds=1)  # several events of one instant have instants of their own, this near


class Heard(msgspec.Struct, frozen=True):
    """One event as the store has it."""

    id: int
    source: str
    event_type: str
    payload: int | None
    status: str
    received_at: int


class Cause(msgspec.Struct, frozen=True):
    """One row of the table."""

    task_id: int
    event_id: int | None
    upstream_id: int | None
    run_id: int | None
    outcome: str
    reason: str

    @property
    def identity(self) -> tuple[int, int | None, int | None]:
        return self.task_id, self.event_id, self.upstream_id


def judged(payload: int | None, filter_text: str) -> Says:
    """What a filter of the population says."""
    if not filter_text:
        return "takes", ""
    if payload is None:
        return "failed", "nothing (null) is not more than a number"
    return ("takes" if payload > int(filter_text.rsplit(maxsplit=1)[-1]) else "filtered"), ""


class ScriptedSieve:
    """Filters that answer when they are next asked."""

    def __init__(self, at: Callable[[str], None]) -> None:
        self.on_finish: Callable[[], None] = lambda: None
        self._at = at
        self._said: dict[tuple[int, str], Says] = {}
        self._answered = False

    def answered(self) -> bool:
        """Whether it has since this was last asked, so that the daemon is to be woken."""
        self._answered, before = False, self._answered
        return before

    @property
    def room(self) -> int:
        return max(0, 8 - len(self._said))

    def said(self, event_id: int, filter_text: str) -> Says | None:
        return self._said.get((event_id, filter_text))

    def ask(self, event: Event, filter_text: str) -> None:
        self._at("before ask")
        self._said[event.id, filter_text] = judged(msgspec.json.decode(event.payload), filter_text)
        self._answered = True

    def keep(self, event_ids: Iterable[int]) -> None:
        kept = set(event_ids)
        self._said = {question: said for question, said in self._said.items() if question[0] in kept}

    def wait(self) -> None:
        """Answers are there at once."""

    def close(self) -> None:
        self._at("before close")


def _heard(row: tuple[Any, ...]) -> Heard:
    return Heard(row[0], row[1], row[2], msgspec.json.decode(row[3]), row[4], row[5])


class Causes:
    """What was seen so far, and the checks."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.events: dict[int, Heard] = {}
        self.causes: dict[tuple[int, int | None, int | None], Cause] = {}
        self._listening: dict[int, tuple[int, OnEvent | After]] = {}  # task -> revision and schedule at the last look
        self._names: dict[str, int] = {}
        self._rows: dict[int, Run] = {}
        self._changed: set[int] = set()  # tasks whose schedule was another once
        self._given: dict[int, int] = {}  # run -> how many events its newest attempt was given

    def check(self, rows: dict[int, Run]) -> list[str]:
        """Read what is there and hold it against what was seen before; what is new."""
        events = {row[0]: _heard(row) for row in self._all(_EVENTS)}
        causes = {cause.identity: cause for cause in (Cause(*row) for row in self._all(_CAUSES))}
        listening, names = self._tasks()
        self._nothing_changes(events, causes)
        steady = {task_id: now[1] for task_id, now in listening.items() if self._listening.get(task_id) == now}
        self._changed |= {task for task in self._listening if task in listening and task not in steady}
        matched = [each for each in events.values() if each.status != "pending" and self._is_new(each)]
        for event in matched:
            _holds_event(event, steady, causes)
        for run in rows.values():
            before = self._rows.get(run.id)
            if (
                run.state.final
                and (before is None or not before.state.final)
                and self._names.get(run.task) == names.get(run.task) == run.task_id
            ):
                _holds_end(run, steady, causes)
        news = [f"event {each.id} is {each.status}" for each in matched]
        self.events, self.causes, self._rows = events, causes, dict(rows)
        self._listening, self._names = listening, names
        return news

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        return self.store.database.rows(sql)

    def _tasks(self) -> tuple[dict[int, tuple[int, OnEvent | After]], dict[str, int]]:
        found = [task for task in self.store.tasks.all() if isinstance(task, Task)]
        listening = {
            task.id: (task.revision, task.schedule) for task in found if isinstance(task.schedule, OnEvent | After)
        }
        return listening, {task.name: task.id for task in found}

    def _is_new(self, event: Heard) -> bool:
        before = self.events.get(event.id)
        return before is None or before.status == "pending"

    def _nothing_changes(
        self, events: dict[int, Heard], causes: dict[tuple[int, int | None, int | None], Cause]
    ) -> None:
        """What was decided once stays; no event is lost."""
        for event_id, before in self.events.items():
            now = events.get(event_id)
            if now is None or (before.status != "pending" and now != before):
                raise Broken(f"accounted for: event {event_id} was {before.status}, and is {now and now.status}")
        for identity, cause in self.causes.items():
            if causes.get(identity) != cause:
                raise Broken(f"once: {cause} became {causes.get(identity)}")

    def on_effect(self, effect: Effect) -> None:
        """The run is given what started it, and all of it."""
        run = effect.held.run
        mine = [Cause(*row) for row in self._all(_CAUSES) if row[3] == run.id]
        if run.origin == "event":
            ids = sorted(cause.event_id or 0 for cause in mine)
            given = effect.held.event
            if given is None or given.id != ids[-1] or given.count != len(ids):
                raise Broken(f"accounted for: run {run.id} of events {ids} is given {given}")
            self._given[run.id] = given.count
        elif run.origin == "chain":
            upstream = effect.held.upstream
            if upstream is None or [upstream.run_id] != [cause.upstream_id for cause in mine]:
                raise Broken(f"accounted for: run {run.id} of {mine} is given {upstream}")
        elif mine:
            raise Broken(f"accounted for: run {run.id} is of {run.origin}, and has causes {mine}")

    def pending(self) -> bool:
        return any(event.status == "pending" for event in self.events.values())


def _holds_event(
    event: Heard, steady: dict[int, OnEvent | After], causes: dict[tuple[int, int | None, int | None], Cause]
) -> None:
    """Each task that listens all the while has its cause, of the right kind, and no other task has one."""
    mine = {cause.task_id: cause for cause in causes.values() if cause.event_id == event.id}
    for task_id, schedule in steady.items():
        cause = mine.get(task_id)
        wanted = isinstance(schedule, OnEvent) and _matches(event, schedule)
        if wanted is not (cause is not None):
            raise Broken(
                f"accounted for: event {event.id}, {event.status}, came to {cause} for task {task_id}, {schedule}"
            )
        if cause is not None and isinstance(schedule, OnEvent):
            said = judged(event.payload, schedule.filter)[0]
            if (cause.outcome in ("filtered", "failed")) is (said == "takes") or said not in ("takes", cause.outcome):
                raise Broken(f"accounted for: the filter says {said} of event {event.id}, and it is {cause.outcome}")
            if cause.outcome == "coalesced" and not schedule.debounce:
                raise Broken(f"accounted for: event {event.id} became part of another run of task {task_id}")
    outcomes = {cause.outcome for cause in mine.values()}
    standing = {
        "started": outcomes & {*_RAN},
        "failed": outcomes & {"failed"},
        "skipped": outcomes & {"skipped", "left_out"},
    }
    status = next((name for name, found in standing.items() if found), "filtered" if outcomes else "unmatched")
    if status != event.status:
        raise Broken(f"accounted for: event {event.id} is {event.status}, and came to {sorted(outcomes)}")


def _matches(event: Heard, schedule: OnEvent) -> bool:
    pairs = ((event.source, schedule.source), (event.event_type, schedule.event_type))
    return all(re.fullmatch(pattern.replace("*", ".*"), value) for value, pattern in pairs)


def _holds_end(
    run: Run, steady: dict[int, OnEvent | After], causes: dict[tuple[int, int | None, int | None], Cause]
) -> None:
    """A run has ended: each task that comes after its own has its cause, if it ended so, and no other has one."""
    mine = {cause.task_id for cause in causes.values() if cause.upstream_id == run.id}
    for task_id, schedule in steady.items():
        follows = isinstance(schedule, After) and schedule.task == run.task
        ends = {"succeeded": _WELL, "failed": _BADLY, "always": _WELL + _BADLY}
        wanted = follows and isinstance(schedule, After) and run.state in ends[schedule.end]
        if wanted is not (task_id in mine):
            raise Broken(
                f"accounted for: run {run.id} of {run.task} is {run.state}, for task {task_id}, {schedule}: {mine}"
            )


# -- at the end -----------------------------------------------------------------------------------------------
def no_event_is_left(seen: Causes, _rows: dict[int, Run]) -> None:
    left = [event.id for event in seen.events.values() if event.status == "pending"]
    if left:
        raise Broken(f"accounted for: with healthy daemons events {left} are still pending")


def every_started_run_has_its_cause(seen: Causes, rows: dict[int, Run]) -> None:
    by_run: dict[int, list[Cause]] = {}
    for cause in seen.causes.values():
        if cause.run_id is not None:
            by_run.setdefault(cause.run_id, []).append(cause)
    for run in rows.values():
        mine = by_run.get(run.id, [])
        first = [cause for cause in mine if cause.outcome != "coalesced"]
        if run.origin in ("event", "chain") and len(first) != 1:
            raise Broken(f"once: run {run.id} of {run.origin} has the causes {mine}")
        if (run.origin == "chain") is not any(cause.upstream_id for cause in mine):
            raise Broken(f"once: run {run.id} of {run.origin} has the causes {mine}")
        for cause in mine:
            ran = run.state not in (RunState.MISSED, RunState.SKIPPED) or bool(run.attempt) or "late_ok" in run.reason
            if cause.task_id != run.task_id or (cause.outcome == "skipped" and run.attempt):
                raise Broken(f"accounted for: {cause} led to run {run.id}, {run.state}, ran={ran}")


def instants_are_those_of_the_causes(seen: Causes, rows: dict[int, Run]) -> None:
    for cause in seen.causes.values():
        if cause.run_id is None or cause.outcome == "coalesced":
            continue
        due_at = rows[cause.run_id].due_at
        at = seen.store.events.list(limit=None) if cause.event_id else []
        happened = next((event.received_at for event in at if event.id == cause.event_id), None)
        if cause.upstream_id is not None:
            happened = rows[cause.upstream_id].finished_at
        if happened is None or not happened <= due_at < happened + NEAR:
            raise Broken(f"accounted for: run {cause.run_id} is of {due_at}, and its cause of {happened}")


def nothing_joins_what_has_begun(seen: Causes, _rows: dict[int, Run]) -> None:
    for run_id, given in seen._given.items():
        mine = [cause for cause in seen.causes.values() if cause.run_id == run_id]
        if len(mine) != given:
            raise Broken(f"accounted for: run {run_id} was given {given} events, and {len(mine)} are said to be in it")


def rates_are_kept(seen: Causes, _rows: dict[int, Run]) -> None:
    for task_id, (_, schedule) in seen._listening.items():
        if not isinstance(schedule, OnEvent) or schedule.rate is None or task_id in seen._changed:
            continue
        mine = [cause for cause in seen.causes.values() if cause.task_id == task_id and cause.outcome == "started"]
        starts = sorted(seen.events[cause.event_id or 0].received_at for cause in mine)
        per = schedule.rate.per / timedelta(microseconds=1)
        for first, one_too_many in zip(starts, starts[schedule.rate.starts :], strict=False):
            if one_too_many - first < per:
                raise Broken(f"accounted for: task {task_id} started more than {schedule.rate.describe()}: {starts}")


def nothing_starts_itself(seen: Causes, _rows: dict[int, Run]) -> None:
    after = {
        name: task.schedule.task
        for name in seen._names
        for task in [seen.store.tasks.get(name)]
        if isinstance(task.schedule, After)
    }
    for name in after:
        path = [name]
        while path[-1] in after:
            path.append(after[path[-1]])
            if len(path) > len(after) + 1:
                raise Broken(f"accounted for: a circle: {path}")
        if path[-1] not in seen._names:
            raise Broken(f"accounted for: {name} comes after {path[-1]}, which is not there")


AT_REST: tuple[Callable[[Causes, dict[int, Run]], None], ...] = (
    no_event_is_left,
    every_started_run_has_its_cause,
    instants_are_those_of_the_causes,
    nothing_joins_what_has_begun,
    rates_are_kept,
    nothing_starts_itself,
)
