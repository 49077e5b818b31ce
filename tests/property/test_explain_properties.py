"""`why` against ledgers that the real engine wrote: whatever happened, it says what the ledger says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jarvis.cli.why import gather
from jarvis.memory import MemoryStore
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.explain import Why, explain
from jarvis.scheduler.model import Policy, Result, Run, RunState, Task, TaskSpec
from jarvis.scheduler.ports import Context
from jarvis.scheduler.schedule import Cron, Interval, Once, Rrule, Schedule
from jarvis.testing import FakeClock, engine

ZONE = "America/New_York"
#: The two odd days of the year there, and one without any change.
STARTS = st.sampled_from([datetime(2026, 3, 7, 22, tzinfo=UTC), datetime(2026, 10, 31, 22, tzinfo=UTC),
                          datetime(2026, 6, 5, 20, tzinfo=UTC)])  # fmt: skip
EXPRESSIONS = st.sampled_from(
    ["*/15 * * * *", "30 * * * *", "30 1 * * *", "30 2 * * *", "0 9,17 * * *", "5 1,2,3 * * *"]
)
BOUNDS: dict[str, st.SearchStrategy[Any]] = {
    "ends_at": st.none() | STARTS.map(lambda start: start + timedelta(hours=20)),
    "exclude": st.sampled_from([(), ("sun",), ("2026-03-08", "2026-11-01..2026-11-02")]),
    "max_runs": st.none() | st.integers(1, 5),
    "jitter": st.sampled_from([timedelta(0), timedelta(minutes=6)]),
    "tz": st.just(ZONE),
}
SCHEDULES: st.SearchStrategy[Schedule] = st.one_of(
    st.builds(Cron, EXPRESSIONS, dst_gap=st.sampled_from(["run_after", "skip"]),
              dst_repeat=st.sampled_from(["first", "second", "both"]), **BOUNDS),
    st.builds(Interval, st.integers(7, 400).map(lambda minutes: timedelta(minutes=minutes)), **BOUNDS),
    st.builds(Rrule, st.sampled_from(["FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "FREQ=HOURLY;INTERVAL=3"]), **BOUNDS),
    st.builds(Once, STARTS.map(lambda start: start + timedelta(hours=7)), st.just(ZONE)),
)  # fmt: skip
#: Moments of the two odd days as a person writes them, times that do not exist among them; and any at all.
OFFSETS = st.integers(4, 5).map(lambda hours: timezone(timedelta(hours=-hours)))
WRITTEN = st.builds(
    lambda start, minutes, offset: (start + timedelta(minutes=minutes)).replace(tzinfo=offset),
    STARTS,
    st.integers(0, 1800),
    OFFSETS,
)
MOMENTS = st.none() | WRITTEN | st.datetimes(timezones=st.just(UTC))
POLICIES = st.builds(
    Policy,
    catch_up=st.sampled_from(["skip", "last", "all"]),
    catch_up_max=st.integers(1, 4),
    overlap=st.sampled_from(["skip", "queue", "allow", "cancel_running"]),
    late_ok=st.none() | st.integers(1, 60).map(lambda minutes: timedelta(minutes=minutes)),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pass", "pass", "tick", "plan", "sleep", "stop", "pause", "resume", "start", "step"]),
        st.integers(0, 700),
    ),
    max_size=14,
)

#: What `why` may answer for a row in a state.
VERDICTS = {state: {state.value} for state in RunState} | {RunState.SUCCEEDED: {"ran", "ran_late"}}


class World:
    """One task on one machine, to which things happen."""

    def __init__(self, schedule: Schedule, policy: Policy, start: datetime) -> None:
        self.clock = FakeClock(start)
        self.store = MemoryStore()
        self.runs = 0
        self.engine = self._engine()
        self.store.add_task(TaskSpec(name="t", schedule=schedule, handler="odd", policy=policy), start)

    @property
    def task(self) -> Task:
        return self.store.tasks.get("t")

    def live(self, steps: list[tuple[str, int]]) -> None:
        for kind, minutes in steps:
            getattr(self, f"_{kind}")(timedelta(minutes=minutes))

    def why(self, at: datetime | None = None) -> Why:
        facts = gather(self.store, self.task, self.clock.now(), at=at, removed_at=None, places=8)
        return explain(facts)

    def row_of(self, t: datetime) -> Run | None:
        """The one row that accounts for an instant of the schedule, found by looking at all of them."""
        rows = [row for row in self.store.runs.newest(limit=None) if row.due_at == t]
        ranges = (row for row in self.store.runs.newest(limit=None) if row.until and row.due_at <= t <= row.until)
        return rows[0] if rows else next(ranges, None)

    def asked(self) -> list[datetime]:
        """Every instant asked for from the task's creation to a while from now."""
        found, at = [], self.task.schedule.next_after(self.task.created_at)
        while at is not None and at < self.clock.now() + timedelta(days=1):
            found.append(at)
            at = self.task.schedule.next_after(at)
        return found

    def _engine(self) -> SchedulerEngine:
        return engine(self.store, {"odd": self._odd}, self.clock)

    def _odd(self, _context: Context) -> Result:
        """Runs end well, badly, or nobody knows how; some take their time."""
        if self.runs % 3 == 2:
            self.clock.advance(400)
        self.runs += 1
        states = (
            RunState.CANCELLED,
            RunState.SUCCEEDED,
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.UNKNOWN,
            RunState.TIMED_OUT,
        )
        return Result(state=states[self.runs % 6], reason="" if self.runs % 2 else "so it said")

    def _pass(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.engine.evaluate_due_tasks()

    def _tick(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.engine.watch()
        self.engine.tick(self.clock.now())  # what it starts is settled by the next one

    def _plan(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.engine.plan_due(self.clock.now())

    def _sleep(self, by: timedelta) -> None:
        self.engine.watch()
        self.clock.sleep(by)
        self.engine.watch()

    def _stop(self, by: timedelta) -> None:
        self.engine.settle_finished()
        self.engine.close()
        self.clock.advance(by)
        self.engine = self._engine()
        self.engine.open(self.clock.now())

    def _pause(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.store.pause_task("t", self.clock.now())

    def _resume(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.store.resume_task("t", self.clock.now())

    def _start(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.store.start_now("t", self.clock.now())

    def _step(self, by: timedelta) -> None:
        """Somebody sets the clock back, a little."""
        self.clock.step(max(self.clock.now() - by / 10, self.task.created_at))


def between(instants: list[datetime]) -> Iterator[tuple[datetime, datetime, datetime]]:
    """Moments strictly between two instants, with both; odd to the microsecond, so that they stand for themselves."""
    for before, after in pairwise(instants):
        at = before + (after - before) / 3
        yield at.replace(microsecond=123_457), before, after


@given(SCHEDULES, POLICIES, STARTS, STEPS)
def test_what_is_said_of_an_occurrence_is_what_its_row_says(
    schedule: Schedule, policy: Policy, start: datetime, steps: list[tuple[str, int]]
) -> None:
    world = World(schedule, policy, start)
    world.live(steps)
    for at in world.asked():
        found, row, task = world.why(at), world.row_of(at), world.task
        assert found.due_at == at
        assert found.sentence.startswith("t")
        if row is not None:
            assert found.run == row
            assert found.verdict in VERDICTS[row.state]
        elif task.next_run_at is None:
            assert task.schedule.max_runs is not None
            assert found.verdict == "finished"
        elif not task.enabled:
            assert found.verdict == "paused"
        else:
            assert at >= task.next_run_at
            assert found.verdict == ("not_yet_due" if at > world.clock.now() else "due")
    world.store.close()


@given(SCHEDULES, POLICIES, STARTS, STEPS)
def test_between_two_occurrences_nothing_is_scheduled_and_both_are_named(
    schedule: Schedule, policy: Policy, start: datetime, steps: list[tuple[str, int]]
) -> None:
    world = World(schedule, policy, start)
    world.live(steps)
    rows = world.store.runs.newest(limit=None)
    manual = {row.due_at for row in rows if row.origin != "schedule"}
    last = max((row.until or row.due_at for row in rows if row.origin == "schedule"), default=start)
    for at, before, after in between(world.asked()):
        found, ended = world.why(at), world.task.next_run_at is None and at > last
        if at not in manual:
            assert found.verdict == ("finished" if ended else "not_scheduled")
            assert (found.due_at, found.run) == (None, None)
            assert (found.before, found.after) == ((last, None) if ended else (before, after))
    world.store.close()


@given(SCHEDULES, POLICIES, STARTS, STEPS)
def test_every_row_of_the_ledger_can_be_asked_for(
    schedule: Schedule, policy: Policy, start: datetime, steps: list[tuple[str, int]]
) -> None:
    world = World(schedule, policy, start)
    world.live(steps)
    for row in world.store.runs.newest(limit=None):
        found = world.why(row.due_at)
        assert found.run == row
        assert found.verdict in VERDICTS[row.state]
    world.store.close()


@given(SCHEDULES, POLICIES, STARTS, STEPS, MOMENTS)
def test_the_present_and_any_moment_have_an_answer(
    schedule: Schedule, policy: Policy, start: datetime, steps: list[tuple[str, int]], at: datetime | None
) -> None:
    world = World(schedule, policy, start)
    for step in steps:
        world.live([step])
        found = world.why(at)
        assert found.sentence.startswith("t")
        assert found.facts
        assert found.verdict.replace("_", "").isalpha()
    world.store.close()
