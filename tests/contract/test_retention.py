"""What is past its retention goes, a little at a time; what a person may still ask for stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.clockwatch import Absence
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.model import Deliver, Policy, Result, RunState, TaskSpec
from jarvis.scheduler.ports import Context
from jarvis.scheduler.pruner import REST, STEADY, STEP, SWEEP_EVERY
from jarvis.scheduler.schedule import Interval, Once, OnEvent
from jarvis.testing import FakeClock, InlineExecutor

DAY = timedelta(days=1)
KEPT = 10 * DAY


class World:
    """A store, a clock, and an engine that keeps ten days."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.clock = FakeClock()
        self.start = self.clock.now()
        executor = InlineExecutor({"work": self.work}, self.clock, memory=store)
        self.engine = SchedulerEngine(store, executor, self.clock, retention=KEPT)

    def work(self, context: Context) -> Result:
        context.output.write(b"written")
        return Result(state=RunState.FAILED if context.attempt == 1 else RunState.SUCCEEDED)

    def add(self, name: str, every: timedelta = DAY) -> None:
        policy = Policy(retries=1, retry_delay=timedelta(seconds=1))
        spec = TaskSpec(name=name, schedule=Interval(every), handler="work", policy=policy, deliver=(Deliver("me"),))
        self.store.add_task(spec, self.clock.now())

    def live(self, days: int) -> None:
        """Day after day, what is due runs, fails once and is tried again."""
        for _ in range(days):
            for seconds in (DAY.total_seconds() - 10, 5, 5):
                self.engine.evaluate_due_tasks()
                self.clock.advance(seconds)
        self.engine.evaluate_due_tasks()
        self.clock.advance(5)
        self.engine.evaluate_due_tasks()

    def steady(self) -> None:
        """The clock goes on for as long as it takes to be believed."""
        self.clock.advance(STEADY)

    def dues(self, name: str) -> list[int]:
        """The days since the start on which the rows of a task were due, newest first."""
        return [(run.due_at - self.start).days for run in self.store.runs.newest(task=name, limit=None)]

    def left(self, table: str) -> int:
        return int(self.store.database.value(f"SELECT COUNT(*) FROM {table}"))  # noqa: S608 - a name from below


@pytest.fixture
def world(store: MemoryStore) -> World:
    return World(store)


def sweep(world: World) -> int:
    """Steps until one finds nothing more to do."""
    gone = 0
    while world.engine._pruner._turn <= world.clock.monotonic():
        gone += world.engine.prune()
        world.clock.advance(REST)
    return gone


def test_what_is_past_its_retention_goes_with_all_that_hangs_on_it(world: World) -> None:
    world.add("daily")
    world.live(30)
    assert world.dues("daily") == list(range(30, 0, -1))
    assert (world.left("attempts"), world.left("outputs"), world.left("deliveries")) == (30, 60, 30)
    world.steady()
    assert sweep(world) == 20
    assert world.dues("daily") == list(range(30, 20, -1))
    assert (world.left("attempts"), world.left("outputs"), world.left("deliveries")) == (10, 20, 10)


def test_the_newest_row_of_each_task_stays_however_old_it_is(world: World) -> None:
    world.add("daily")
    world.store.add_task(TaskSpec(name="once", schedule=Once(world.start + DAY), handler="work"), world.start)
    world.live(30)
    world.steady()
    sweep(world)
    assert world.dues("once") == [1]
    assert world.store.tasks.get("once").next_run_at is None


def test_what_has_not_ended_stays(world: World) -> None:
    world.add("daily")
    for _ in range(2):
        world.clock.advance(DAY.total_seconds())
        world.engine.plan_due(world.clock.now())
    held = world.store.runs.claim(world.engine.instance.id, 1, world.clock.now())
    world.clock.advance(30 * DAY.total_seconds())
    world.engine.plan_due(world.clock.now())
    sweep(world)
    assert world.store.runs.get(held[0].run.id).state is RunState.RUNNING


def test_a_recent_row_ends_a_sweep_and_a_step_looks_at_no_more_than_its_share(world: World) -> None:
    world.add("often", timedelta(minutes=20))
    for _ in range(30 * 72):
        world.clock.advance(1200)
        world.engine.plan_due(world.clock.now())
        world.store.runs.cancel_pending(1, "cancelled", world.clock.now())
    world.steady()
    assert world.engine.prune() == STEP
    assert world.engine.prune() == 0  # it rests between two steps
    world.clock.advance(REST)
    assert world.engine.prune() == 20 * 72 - STEP + 3  # an hour has passed
    world.clock.advance(SWEEP_EVERY - 1)
    assert world.engine.prune() == 0
    world.clock.advance(1)
    assert world.engine.prune() == 3


def test_nothing_goes_until_the_clock_has_been_steady_for_an_hour(world: World) -> None:
    world.add("daily")
    world.live(12)
    world.engine.watch()
    world.clock.step(world.clock.now() + 400 * DAY)
    assert [found.kind for found in world.engine.watch()] == ["stepped_forward"]
    world.clock.advance(STEADY - 1)
    assert world.engine.prune() == 0
    world.clock.step(world.clock.now() - 400 * DAY)  # put right
    world.engine.watch()
    world.steady()
    assert sweep(world) == 2


def test_for_ever_means_for_ever(store: MemoryStore) -> None:
    world = World(store)
    world.engine = SchedulerEngine(store, world.engine.executor, world.clock)
    world.add("daily")
    world.live(12)
    world.clock.advance(9_000 * DAY.total_seconds())
    assert world.engine.prune() == 0


def test_absences_go_as_well(world: World) -> None:
    for days in (1, 15):
        at = world.start + days * DAY
        world.store.absences.add(Absence(kind="slept", since=at, until=at))
    world.clock.advance(20 * DAY.total_seconds())
    sweep(world)
    assert [
        (found.since - world.start).days for found in world.store.absences.between(world.start, world.clock.now())
    ] == [15]


@pytest.mark.parametrize("pruned", [0, 7])
def test_the_last_days_counts_are_found_wherever_the_ledger_begins_and_has_gaps(
    store: MemoryStore, pruned: int
) -> None:
    world = World(store)
    assert store.runs.counts(world.start) == {}
    world.add("daily")
    world.live(12)
    store.database.change("DELETE FROM runs WHERE id <= ? OR id % 3 = 0", (pruned,))
    recorded = [run.recorded_at for run in store.runs.newest(limit=None)]
    for day in range(14):
        since = world.start + day * DAY
        expected = sum(at >= since for at in recorded)
        assert sum(store.runs.counts(since).values()) == expected, day


def test_events_go_as_well_but_not_the_one_that_a_kept_run_began_with(world: World) -> None:
    spec = TaskSpec(name="listens", schedule=OnEvent("door", "bell"), handler="work")
    world.store.add_task(spec, world.start)
    for _ in range(3):
        for event_type in ("bell", "knock"):
            world.store.events.emit("door", event_type, None, world.clock.now())
        world.clock.advance(60)
        world.engine.evaluate_due_tasks()
        world.clock.advance(60)
        world.engine.evaluate_due_tasks()
    world.clock.advance(20 * DAY.total_seconds())
    world.store.events.emit("door", "knock", None, world.clock.now())
    world.engine.evaluate_due_tasks()
    sweep(world)
    assert [(event.event_type, event.status) for event in world.store.events.list()] == [
        ("knock", "unmatched"),
        ("bell", "started"),
    ]
    assert len(world.store.runs.newest()) == 1
