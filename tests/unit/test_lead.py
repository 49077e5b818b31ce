"""A daemon claims a run shortly before it is due, so that no commit makes it late; and never begins it early."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.engine import LEAD, SchedulerEngine
from jarvis.scheduler.executor import RunExecutor
from jarvis.scheduler.model import Claimed, Policy, RunState, TaskSpec
from jarvis.scheduler.ports import Context
from jarvis.scheduler.schedule import Cron, Interval
from jarvis.testing import FakeClock, InlineExecutor

SECOND = timedelta(seconds=1)
MOMENT = timedelta(milliseconds=1)


class Bench:
    """An engine with a lead; `began` is when the clock said that each run's work begins."""

    def __init__(self, limit: int = 8) -> None:
        self.clock = FakeClock()
        self.start = self.clock.now()
        self.store = MemoryStore()
        self.began: list[datetime] = []
        self.executor = Held(self, limit)
        self.engine = SchedulerEngine(self.store, self.executor, self.clock, lead=LEAD)

    def work(self, context: Context) -> None:
        self.began.append(context.now)

    def add(self, name: str = "t", every: timedelta = 10 * SECOND, **policy: object) -> None:
        spec = TaskSpec(name=name, schedule=Interval(every), handler="work", policy=Policy(**policy))  # type: ignore[arg-type]
        self.store.add_task(spec, self.start)

    def at(self, moment: datetime) -> None:
        """A tick at that moment."""
        self.clock.advance((moment - self.clock.now()).total_seconds())
        self.engine.tick(moment)

    def states(self) -> list[tuple[str, str]]:
        return [(run.task, run.state.value) for run in self.store.runs.newest()]


class Held(InlineExecutor):
    """Keeps what was claimed until `carry`, as threads that wait for the moment do."""

    def __init__(self, bench: Bench, limit: int) -> None:
        super().__init__({}, bench.clock, limit=limit)
        self._executor = RunExecutor(
            {"work": bench.work}, clock=bench.clock, timeout=timedelta(minutes=1), pause=bench.clock.advance
        )
        self.waiting: list[Claimed] = []

    @property
    def free(self) -> int:
        return super().free - len(self.waiting)

    @property
    def busy(self) -> int:
        return super().busy + len(self.waiting)

    def holds(self, run_id: int) -> bool:
        return super().holds(run_id) or any(held.run.id == run_id for held in self.waiting)

    def start(self, claimed: object, owner_mark: str) -> None:
        self.waiting += claimed  # type: ignore[arg-type]

    def carry(self) -> None:
        held, self.waiting = self.waiting, []
        super().start(held, "")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_run_is_claimed_ahead_begins_when_it_is_due_and_says_so_in_the_ledger(bench: Bench) -> None:
    bench.add()
    due = bench.start + 10 * SECOND
    assert bench.engine.next_wake() == due - LEAD
    bench.at(due - LEAD)
    (run,) = bench.store.runs.newest()
    assert (run.state, run.due_at, run.recorded_at, run.started_at) == (RunState.RUNNING, due, due - LEAD, due)
    bench.executor.carry()
    assert bench.began == [due]
    bench.engine.tick(bench.clock.now())
    (run,) = bench.store.runs.newest()
    assert (run.state, run.started_at, run.reason) == (RunState.SUCCEEDED, due, "")
    assert bench.store.tasks.get("t").next_run_at == due + 10 * SECOND


def test_work_that_began_late_says_when_it_really_did(bench: Bench) -> None:
    bench.add()
    bench.at(bench.start + 10 * SECOND)
    bench.clock.advance(3)
    bench.executor.carry()
    bench.engine.tick(bench.clock.now())
    assert bench.store.runs.newest()[0].started_at == bench.start + 13 * SECOND


def test_nothing_is_claimed_before_its_lead(bench: Bench) -> None:
    bench.add()
    bench.at(bench.start + 10 * SECOND - LEAD - MOMENT)
    assert bench.states() == []


def test_the_run_before_may_still_end_in_time_so_its_overlap_is_judged_at_the_moment_itself(bench: Bench) -> None:
    bench.add(overlap="skip")
    due = bench.start + 10 * SECOND
    bench.at(due)
    bench.at(due + 10 * SECOND - LEAD)
    assert bench.states() == [("t", "running")]
    assert bench.engine.next_wake() == due + 10 * SECOND  # and not at once, again and again
    bench.executor.carry()
    bench.at(due + 10 * SECOND)
    assert bench.states() == [("t", "running"), ("t", "succeeded")]


def test_what_has_no_place_yet_is_recorded_at_its_moment() -> None:
    bench = Bench(limit=1)
    bench.add("busy", every=5 * SECOND)
    bench.add("waits", every=8 * SECOND)
    bench.at(bench.start + 5 * SECOND)
    bench.at(bench.start + 8 * SECOND - LEAD)
    assert bench.states() == [("busy", "running")]
    bench.at(bench.start + 8 * SECOND)
    assert bench.states() == [("waits", "pending"), ("busy", "running")]


def test_an_evaluation_of_a_moment_takes_nothing_ahead(bench: Bench) -> None:
    bench.add()
    bench.clock.advance((10 * SECOND - MOMENT).total_seconds())
    assert bench.engine.evaluate_due_tasks() == []


def test_a_clock_that_is_set_back_holds_a_claimed_run_no_longer(bench: Bench) -> None:
    bench.add()
    bench.at(bench.start + 10 * SECOND - LEAD)
    bench.clock.step(bench.start - timedelta(hours=1))
    bench.executor.carry()
    assert bench.began == [bench.start - timedelta(hours=1)]


def test_a_schedule_changed_in_between_does_not_ask_for_the_same_instant_again(bench: Bench) -> None:
    bench.add()
    bench.at(bench.start + 10 * SECOND - LEAD)
    wanted = TaskSpec(name="t", schedule=Interval(5 * SECOND, anchor=bench.start), handler="work")
    task = bench.store.change_task("t", wanted, bench.clock.now())
    assert task.next_run_at == bench.start + 15 * SECOND


def test_nor_does_the_same_schedule_in_another_zone(bench: Bench) -> None:
    at_noon = TaskSpec(name="t", schedule=Cron("*/5 * * * *", "UTC"), handler="work", follows_zone=True)
    bench.store.add_task(at_noon, bench.start)
    due = bench.store.tasks.get("t").next_run_at
    assert due is not None
    bench.at(due - LEAD)
    bench.engine.rezone("Asia/Tokyo", bench.clock.now())
    assert bench.store.tasks.get("t").next_run_at == due + timedelta(minutes=5)
