"""The five promises as checks of the ledger against what was really done. A new invariant is one function
in CHECKS (after every step) or AT_REST (once, at the end)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import msgspec

from jarvis.cli.why import gather
from jarvis.memory import MemoryStore
from jarvis.memory.instants import maybe_instant
from jarvis.scheduler.explain import explain
from jarvis.scheduler.model import LEGAL, Run, RunState, Task
from jarvis.scheduler.schedule import Interval, Schedule
from tests.simulation.oracle import follows_runs, instants
from tests.simulation.seed_causes import AT_REST as CAUSES_AT_REST
from tests.simulation.seed_causes import Causes
from tests.simulation.seed_deliveries import AT_REST as DELIVERIES_AT_REST
from tests.simulation.seed_deliveries import Broken, Deliveries
from tests.simulation.seed_machine import ROUNDING, Effect, Machine

_TASKS = "SELECT id, removed_at FROM tasks ORDER BY id"
_SAID = {
    RunState.SUCCEEDED: "succeeded",
    RunState.FAILED: "failed",
    RunState.TIMED_OUT: "timed out",
    RunState.MISSED: "missed",
    RunState.SKIPPED: "skipped",
    RunState.CANCELLED: "cancelled",
    RunState.UNKNOWN: "unknown",
    RunState.PENDING: "has not started yet",
    RunState.RUNNING: "running",
}


class Era(msgspec.Struct):
    """A task's time under one schedule; `first` is the first instant it was due, where that was changed."""

    schedule: Schedule
    after: datetime  # the schedule counts strictly from here, at the earliest
    first: datetime | None
    until: datetime | None = None  # when it was changed, at the earliest; what was due by then must be recorded
    last_row: int = 0  # the newest row there was when the change was seen


class Promises:
    """What was seen so far, and the checks."""

    def __init__(self, store: MemoryStore, machine: Machine) -> None:
        self.store = store
        self.machine = machine
        self.news: list[str] = []
        self.rows: dict[int, Run] = {}
        self.eras: dict[int, list[Era]] = {}
        self.tasks: dict[int, Task] = {}
        self.removed: dict[int, datetime] = {}
        self.deliveries = Deliveries(store, machine)
        self.causes = Causes(store)
        self._least_now = machine.clock.now()

    # -- after every step ------------------------------------------------------------------------------------
    def check(self) -> None:
        """Read the ledger and hold it against what was seen before."""
        now = {run.id: run for run in self.store.runs.newest(limit=None)}
        for run_id in sorted({*self.rows, *now}):
            before, run = self.rows.get(run_id), now.get(run_id)
            if run is None:
                raise Broken(f"accounted for: run {run_id} vanished")
            if run != before:
                self.news.append(f"run {run.id} {run.task} {run.due_at:%m-%d %H:%M:%S} {run.state} {run.reason}")
                for hold in CHECKS:
                    hold(before, run)
        self.rows = now
        self.news += self.causes.check(now)
        self.news += self.deliveries.check()
        self._follow_tasks()
        self._least_now = self.machine.clock.now()

    def _follow_tasks(self) -> None:
        """Notice new tasks, changed schedules and removals."""
        for task_id, removed in self.store.database.rows(_TASKS):
            task, before = self.store.tasks.by_id(task_id), self.tasks.get(task_id)
            eras = self.eras.setdefault(task_id, [])
            if before is None:
                eras.append(Era(task.schedule, task.created_at, None))
            elif before.schedule != task.schedule:
                least = min(self._least_now, self.machine.clock.now())
                eras[-1].until, eras[-1].last_row = least, max(self.rows, default=0)
                eras.append(Era(task.schedule, least, task.next_run_at))
            if removed is not None:
                self.removed.setdefault(task_id, min(self._least_now, self.machine.clock.now()))
            self.tasks[task_id] = task

    def on_effect(self, effect: Effect) -> None:
        """Once: the work of a run begins, which it may only while the ledger says so."""
        run = effect.held.run
        for other in self.machine.live():
            if other is not effect and other.occurrence == effect.occurrence:
                raise Broken(f"once: run {run.id} began while daemon {other.daemon} was still at it")
        now = self.store.runs.get(run.id)
        if (now.state, now.owner, now.fence) != (RunState.RUNNING, run.owner, run.fence):
            raise Broken(f"once: run {run.id} began with fence {run.fence}, and the ledger has {now.state} {now.fence}")
        earlier = [each.held.run for each in self.machine.effects if each is not effect and each.held.run.id == run.id]
        if any(each.fence >= run.fence for each in earlier):
            raise Broken(f"once: the fence of run {run.id} did not rise: {run.fence}")
        on_record = {attempt.attempt for attempt in self.store.runs.attempts(run.id)}
        if not {each.attempt for each in earlier} <= on_record:
            raise Broken(f"once: run {run.id} began again, and nothing on record says why")
        self.causes.on_effect(effect)

    def ticked(self, owner: int, began: float) -> None:
        """Ends: a daemon has ticked; what it holds is within its deadline, of waking time, and what was over when
        that tick began is settled."""
        now = self.machine.clock.monotonic()
        for effect in self.machine.effects:
            run = effect.held.run
            if run.owner == owner and effect.ended is None and now > effect.limit + ROUNDING:
                raise Broken(f"ends: run {run.id} works {now - effect.limit:g} s past its deadline")
            late = effect.ended is not None and effect.ended < began
            if run.owner == owner and late and not effect.orphan:
                row = self.store.runs.get(run.id)
                if row.state is RunState.RUNNING and row.fence == run.fence:
                    raise Broken(f"ends: the work of run {run.id} is over, and it is not settled")

    # -- at the end ------------------------------------------------------------------------------------------
    def planned_to(self, now: datetime) -> None:
        """Every task that may run has been planned to this moment."""
        due = self.store.tasks.next_due_at()
        if due is not None and due <= now - timedelta(minutes=11):
            raise Broken(f"accounted for: a task is due at {due}, and at {now} nothing of it is recorded")

    def at_rest(self, chance: Random) -> None:
        """Everything that takes a look at the whole."""
        for hold in AT_REST:
            hold(self, chance)
        for hold_delivered in DELIVERIES_AT_REST:
            hold_delivered(self.deliveries, self.rows)
        for hold_caused in CAUSES_AT_REST:
            hold_caused(self.causes, self.rows)


# -- after every step: one row that changed -------------------------------------------------------------------
def settled_stays(before: Run | None, run: Run) -> None:
    if before is not None and before.state.final:
        raise Broken(f"once: run {run.id} was settled as {before.state} and changed to {run.state}")


def steps_are_legal(before: Run | None, run: Run) -> None:
    """Between two looks a row may take several steps; what is reachable is legal."""
    if before is None or run.fence > before.fence:
        return
    handed_back = LEGAL[RunState.PENDING] if before.state is RunState.RUNNING else frozenset()
    if run.state not in LEGAL[before.state] | handed_back | {before.state}:
        raise Broken(f"once: run {run.id} went from {before.state} to {run.state}")


def fences_rise(before: Run | None, run: Run) -> None:
    if before is not None and run.fence < before.fence:
        raise Broken(f"once: the fence of run {run.id} fell from {before.fence} to {run.fence}")


def every_end_has_its_reason(_before: Run | None, run: Run) -> None:
    if run.state.final and run.state is not RunState.SUCCEEDED and not run.reason:
        raise Broken(f"accounted for: run {run.id} is {run.state} without a reason")
    if run.state.final and run.finished_at is None:
        raise Broken(f"accounted for: run {run.id} is {run.state} and has no end")


CHECKS: tuple[Callable[[Run | None, Run], None], ...] = (
    settled_stays,
    steps_are_legal,
    fences_rise,
    every_end_has_its_reason,
)


# -- at the end -----------------------------------------------------------------------------------------------
def the_file_is_whole(seen: Promises, _chance: Random) -> None:
    found = seen.store.database.value("PRAGMA integrity_check")
    if found != "ok":
        raise Broken(f"keeps: {found}")


def every_instant_has_one_row(seen: Promises, _chance: Random) -> None:
    for task_id, eras in seen.eras.items():
        rows = sorted(
            (r for r in seen.rows.values() if r.task_id == task_id and r.origin == "schedule"), key=lambda r: r.id
        )
        done: set[datetime] = set()  # where the clock was set back, an era may begin before what is recorded already
        for number, era in enumerate(eras):
            mine = _of_era(rows, era, eras[number + 1] if era is not eras[-1] else None)
            rows = [row for row in rows if row not in mine]
            following = seen.tasks[task_id].next_run_at if era is eras[-1] else None
            kept = eras[number + 1].first if era is not eras[-1] else None  # what was promised while it was paused
            if follows_runs(era.schedule):
                _one_after_another(mine, era.schedule)
            else:
                horizon = max([seen.machine.clock.now(), *(row.until or row.due_at for row in mine)])
                asked = [t for t in _asked(era, horizon, following) if t not in done]
                _contiguous(mine, era, following, asked, seen.tasks[task_id], seen.removed.get(task_id), kept)
            done |= {row.due_at for row in mine}


def _of_era(rows: list[Run], era: Era, following: Era | None) -> list[Run]:
    """The rows recorded under that schedule, the oldest first."""
    if following is None:
        return rows
    return [row for row in rows if row.id <= era.last_row]


def _one_after_another(rows: list[Run], schedule: Schedule) -> None:
    assert isinstance(schedule, Interval)
    for earlier, later in pairwise(rows):
        if later.due_at < earlier.due_at + schedule.every - timedelta(microseconds=1):
            raise Broken(f"accounted for: run {later.id} is due less than {schedule.every} after run {earlier.id}")


def _contiguous(
    rows: list[Run],
    era: Era,
    following: datetime | None,
    asked: list[datetime],
    task: Task,
    removed: datetime | None,
    kept: datetime | None,
) -> None:
    """The rows are a run of the instants without a gap, from the first instant on, each in one row."""
    expected = 0
    for row in rows:
        start, last = _index(asked, row.due_at, row), _index(asked, row.until or row.due_at, row)
        if start != expected:
            gap = asked[expected] if start > expected else row.due_at
            raise Broken(
                f"accounted for: {task.name} {gap} is {'lost before' if start > expected else 'twice, in'} run {row.id}"
            )
        if row.count != last - start + 1:
            raise Broken(f"accounted for: run {row.id} counts {row.count} instants, not {last - start + 1}")
        expected = last + 1
    used_up = era.schedule.max_runs is not None  # how many runs there were before is not told here
    if following is not None and (expected >= len(asked) or asked[expected] != following):
        raise Broken(
            f"accounted for: {task.name} is next due at {following}, but {asked[expected : expected + 1]} comes first"
        )
    until = era.until or removed
    if asked[expected : expected + 1] == [kept]:
        return
    if following is None and not used_up and until is not None and expected < bisect_right(asked, until):
        raise Broken(f"accounted for: {task.name} {asked[expected]} came due before {until} and has no row")


def _asked(era: Era, horizon: datetime, following: datetime | None) -> list[datetime]:
    """What the schedule asks for from the first instant on."""
    until = horizon if following is None else max(horizon, following)
    asked = instants(era.schedule, era.after if era.first is None else era.first - timedelta(microseconds=1), until)
    if era.first is not None and era.first not in asked:
        asked.insert(0, era.first)  # promised under the schedule before, and kept
    return asked


def _index(asked: list[datetime], t: datetime, row: Run) -> int:
    found = bisect_left(asked, t)
    if found == len(asked) or asked[found] != t:
        raise Broken(f"accounted for: run {row.id} of {row.task} is of {t}, for which nobody asked")
    return found


def work_left_its_row(seen: Promises, _chance: Random) -> None:
    """What was worked at is in the ledger, and what the ledger says was worked at."""
    began = {effect.held.run.id for effect in seen.machine.effects}
    for run in seen.rows.values():
        if run.state is RunState.SUCCEEDED and run.id not in began:
            raise Broken(f"once: run {run.id} is settled as succeeded, and nobody worked at it")
        how = [
            each.how for each in seen.machine.effects if each.held.run.id == run.id and each.held.run.fence == run.fence
        ]
        if run.state is RunState.SUCCEEDED and how != ["succeeds"]:
            raise Broken(f"accounted for: run {run.id} is settled as succeeded, and its work {how}")


def tasks_follow_the_zone(seen: Promises, _chance: Random) -> None:
    zone = seen.machine.clock.zone
    for task in seen.tasks.values():
        if task.follows_zone and task.id not in seen.removed and task.schedule.tz != zone:
            raise Broken(f"keeps: {task.name} is in {task.schedule.tz}, and the machine in {zone}")


def why_answers(seen: Promises, chance: Random) -> None:
    store, now = seen.store, seen.machine.clock.now()
    rows = sorted(seen.rows.values(), key=lambda row: row.id)
    for row in chance.sample(rows, min(4, len(rows))):
        task, removed = store.tasks.by_id(row.task_id), seen.store.database.value(_REMOVED, (row.task_id,))
        answer = explain(gather(store, task, now, at=row.due_at, removed_at=maybe_instant(removed), places=8))
        if answer.run is None or answer.run.id != row.id or _SAID[row.state] not in answer.sentence:
            raise Broken(f"explains: of run {row.id}, {row.state}, it says: {answer.sentence}")
    for task in seen.tasks.values():
        removed = maybe_instant(seen.store.database.value(_REMOVED, (task.id,)))
        for at in (None, now + timedelta(seconds=chance.randint(-4000, 4000)), task.next_run_at):
            if not explain(gather(store, task, now, at=at, removed_at=removed, places=8)).sentence.startswith(
                task.name
            ):
                raise Broken(f"explains: nothing of {task.name} at {at}")


_REMOVED = "SELECT removed_at FROM tasks WHERE id = ?"


AT_REST: tuple[Callable[[Promises, Random], None], ...] = (
    the_file_is_whole,
    every_instant_has_one_row,
    work_left_its_row,
    tasks_follow_the_zone,
    why_answers,
)
