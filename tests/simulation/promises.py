"""The promises, as checks that know nothing of how they are kept: the ledger against what the schedules asked for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import apsw

from jarvis.cli.why import gather
from jarvis.memory import MemoryStore
from jarvis.memory.instants import from_micros, to_micros
from jarvis.scheduler.explain import explain
from jarvis.scheduler.model import Claimed
from jarvis.scheduler.schedule import MICROSECOND, Interval, Once, Schedule
from tests.simulation.machine import World

FINAL = ("succeeded", "failed", "timed_out", "missed", "skipped", "cancelled", "unknown")
_ROWS = "SELECT id, state, fence, reason, finished_at, attempt, owner FROM runs"
_TASKS = "SELECT id, schedule, next_run_at, removed_at, created_at FROM tasks"
_LEDGER = "SELECT task_id, due_at, until, count, state FROM runs WHERE origin = 'schedule' ORDER BY due_at"


@dataclass
class Era:
    """While a task had one schedule: it owes what lies after `since` and before `before`, or up to `through`."""

    schedule: Schedule
    text: str
    since: datetime
    before: datetime | None = None  # next_run_at when the era ended: all before it was recorded already
    through: datetime | None = None  # when it ended: what was due by then is recorded by whoever ends it


class Promises:
    """Looks at the store from the outside, after every step."""

    def __init__(self, store: MemoryStore, world: World) -> None:
        self._store = store
        self._world = world
        self._final: dict[int, tuple[object, ...]] = {}
        self._fences: dict[int, int] = {}
        self._eras: dict[int, list[Era]] = {}
        self._next: dict[int, int | None] = {}
        self._removed: set[int] = set()
        self._reader = apsw.Connection(store.path, flags=apsw.SQLITE_OPEN_READONLY)

    def open_runs(self) -> list[int]:
        return [
            found for (found,) in self._rows("SELECT id FROM runs WHERE state IN ('pending', 'running') ORDER BY id")
        ]

    # -- when work begins -------------------------------------------------------------------------------------
    def starts(self, held: Claimed) -> None:
        """Before any work of a run begins: it is ours by the committed ledger, and nothing else is at it."""
        ((state, fence),) = self._rows("SELECT state, fence FROM runs WHERE id = ?", (held.run.id,))
        if (state, fence) == ("running", held.run.fence):
            same = [each for each in self._world.going_on() if each.run_id == held.run.id]
            assert not same, f"run {held.run.id} starts while attempt {same[0].attempt} of it goes on"
            if held.task.policy.overlap != "allow":
                self._alone(held)
        else:
            assert fence > held.run.fence, f"run {held.run.id} starts though it is {state} with fence {fence}"
        done = [each.fence for each in self._world.effects if each.run_id == held.run.id]
        assert held.run.fence not in done, f"run {held.run.id} starts twice on one claim"

    def _alone(self, held: Claimed) -> None:
        beside = [each for each in self._world.going_on() if each.task_id == held.task.id and each.alone]
        assert not beside, f"run {held.run.id} starts beside run {beside[0].run_id} of the same task"

    # -- after every step -------------------------------------------------------------------------------------
    def hold(self) -> None:
        """What can be said at any moment: a settled run stays as it is, and fences only rise."""
        for run_id, state, fence, *rest in self._rows(_ROWS):
            assert fence >= self._fences.get(run_id, 0), f"the fence of run {run_id} went back"
            self._fences[run_id] = fence
            if state in FINAL:
                kept = self._final.setdefault(run_id, (state, fence, *rest))
                assert kept == (state, fence, *rest), f"run {run_id} was {kept}, and then {(state, fence, *rest)}"
            else:
                assert run_id not in self._final, f"run {run_id} was {self._final[run_id]}, and is {state} again"
        self._note_eras()

    def _note_eras(self) -> None:
        """A schedule that is another one than before, or gone, ends what its task owed by it."""
        now = self._world.clock.now()
        for task_id, text, due, removed_at, created_at in self._rows(_TASKS):
            eras = self._eras.setdefault(task_id, [])
            if not eras:
                eras.append(Era(self._store.tasks.by_id(task_id).schedule, text, from_micros(created_at)))
            elif text != eras[-1].text:
                self._end(eras[-1], self._next[task_id], now)
                eras.append(Era(self._store.tasks.by_id(task_id).schedule, text, now))
            elif removed_at is not None and task_id not in self._removed:
                self._end(eras[-1], self._next[task_id], now)
            if removed_at is not None:
                self._removed.add(task_id)
            self._next[task_id] = due

    def _end(self, era: Era, due: int | None, now: datetime) -> None:
        era.before = None if due is None else from_micros(due)
        era.through = now if due is not None else None

    # -- at the end -------------------------------------------------------------------------------------------
    def hold_at_rest(self, now: datetime, chance: random.Random) -> None:
        """What must be true once nothing is open any more."""
        self._whole()
        self._every_instant_once(now)
        self._every_row_has_its_reason()
        self._effects_match()
        self._every_moment_is_explained(now, chance)

    def _whole(self) -> None:
        assert self._rows("PRAGMA integrity_check") == [("ok",)]

    def _every_instant_once(self, now: datetime) -> None:
        """Promise 1: the ledger has each instant that was asked for, once, and no other."""
        rows: dict[int, list[tuple[int, int | None, int]]] = {}
        for task_id, due_at, until, count, _state in self._rows(_LEDGER):
            rows.setdefault(task_id, []).append((due_at, until, count))
        for task_id, eras in self._eras.items():
            if any(isinstance(era.schedule, Interval) and era.schedule.after_completion for era in eras):
                continue  # what it asks for depends on when its runs ended
            told = Counter(instant for row in rows.get(task_id, []) for instant in self._covered(row, eras))
            twice = [instant for instant, times in told.items() if times > 1]
            assert not twice, f"task {task_id}: told twice: {sorted(twice)[:3]}"
            self._compare(task_id, eras, told, now)

    def _compare(self, task_id: int, eras: list[Era], told: Counter[datetime], now: datetime) -> None:
        owed: set[datetime] = set()
        due = self._next[task_id]
        for era in eras:
            before, through = era.before, era.through
            if era is eras[-1] and task_id not in self._removed:
                before, through = (None if due is None else from_micros(due)), None
            owed |= set(self._owed(era, before, through))
        lost, invented = owed - set(told), set(told) - owed
        assert not lost, f"task {task_id}: {len(lost)} instants are lost, such as {min(lost)}"
        assert not invented, f"task {task_id}: {len(invented)} rows nobody asked for, such as {min(invented)}"

    def _owed(self, era: Era, before: datetime | None, through: datetime | None) -> Iterable[datetime]:
        """The instants of an era that must be in the ledger. An ended schedule (no next) owes all it has."""
        first = era.since if not isinstance(era.schedule, Once) else era.schedule.at - MICROSECOND
        at = era.schedule.next_after(first)
        while at is not None and ((before is None or at < before) or (through is not None and at <= through)):
            yield at
            at = era.schedule.next_after(at)

    def _covered(self, row: tuple[int, int | None, int], eras: list[Era]) -> list[datetime]:
        """The instants one row stands for, by the schedule that was there."""
        due_at, until, count = row
        first = from_micros(due_at)
        if until is None:
            return [first]
        for era in eras:
            found = between(era.schedule, first, from_micros(until), count + 1)
            if len(found) == count and found[0] == first and to_micros(found[-1]) == until:
                return found
        raise AssertionError(f"no schedule has {count} instants from {first} to {from_micros(until)}")

    def _every_row_has_its_reason(self) -> None:
        bare = self._rows("SELECT id, state FROM runs WHERE state NOT IN ('succeeded') AND reason = ''")
        assert not bare, f"rows without a reason: {bare}"

    def _effects_match(self) -> None:
        """Promise 2: as much was done as the ledger says, and only where it says so more than once."""
        done = Counter(effect.run_id for effect in self._world.effects)
        kept: dict[int, int] = dict(self._rows("SELECT run_id, COUNT(*) FROM attempts GROUP BY run_id"))
        for run_id, state, attempt in self._rows("SELECT id, state, attempt FROM runs"):
            assert done[run_id] <= attempt, f"run {run_id} was done {done[run_id]} times in {attempt} attempts"
            if state in ("succeeded", "timed_out", "unknown"):
                assert done[run_id], f"run {run_id} {state}, and nothing was done"
            # The last attempt is told by the run itself, unless it came to nothing and no other followed.
            told = {attempt - 1, attempt} if state in ("cancelled", "skipped") else {max(attempt - 1, 0)}
            assert kept.get(run_id, 0) in told, (
                f"run {run_id} is {state}, attempt {attempt}: {kept.get(run_id, 0)} kept"
            )

    def _every_moment_is_explained(self, now: datetime, chance: random.Random) -> None:
        """Promise 5, for some rows and some moments: a sentence, and the state that the ledger has."""
        rows = self._rows("SELECT r.task_id, r.due_at, r.state FROM runs r JOIN tasks t ON t.id = r.task_id"
                          " WHERE t.removed_at IS NULL")  # fmt: skip
        for task_id, due_at, state in chance.sample(rows, min(3, len(rows))):
            told = self._explained(task_id, from_micros(due_at), now)
            assert told, (task_id, due_at, state)
        for task_id in self._eras:
            self._explained(task_id, now + timedelta(seconds=chance.randint(-10_000, 10_000)), now)

    def _explained(self, task_id: int, at: datetime, now: datetime) -> str:
        task = self._store.tasks.by_id(task_id)
        return explain(gather(self._store, task, now, at=at, removed_at=None, places=4)).sentence

    def _rows(self, sql: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        return list(self._reader.execute(sql, bindings))


def between(schedule: Schedule, first: datetime, last: datetime, most: int) -> list[datetime]:
    """The schedule's instants in first..last, walked one by one, `most` at most."""
    found: list[datetime] = []
    at = schedule.next_after(first - MICROSECOND)
    while at is not None and at <= last and len(found) < most:
        found.append(at)
        at = schedule.next_after(at)
    return found
