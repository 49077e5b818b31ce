"""What any store must keep when a stored task is changed: its ledger, its identity, every instant accounted for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from jarvis.errors import NotFound, UsageError
from jarvis.memory import MemoryStore
from jarvis.scheduler.model import Outcome, Policy, Result, RunState, TaskSpec
from jarvis.scheduler.plan import plan
from jarvis.scheduler.schedule import Cron, Interval, Once, Rrule, Schedule

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def spec(schedule: Schedule, **policy: object) -> TaskSpec:
    return TaskSpec(name="t", schedule=schedule, handler="noop", policy=Policy(**policy))  # type: ignore[arg-type]


def ledger(store: MemoryStore) -> list[tuple[datetime, RunState, int]]:
    return [(run.due_at, run.state, run.count) for run in reversed(store.runs.newest(task="t", limit=None))]


def test_what_came_due_is_recorded_under_the_old_schedule_first(store: MemoryStore) -> None:
    before = store.add_task(spec(Interval(HOUR)), START)
    now = START + 3 * HOUR + MINUTE
    task = store.change_task("t", spec(Interval(10 * MINUTE)), now)
    assert ledger(store) == [
        (START + HOUR, RunState.MISSED, 2),
        (START + 3 * HOUR, RunState.PENDING, 1),
    ]
    assert task.next_run_at == now + 10 * MINUTE
    assert (task.id, task.created_at, task.revision) == (before.id, before.created_at, before.revision + 1)


@pytest.mark.parametrize("late", [30 * MINUTE, 3 * HOUR])
def test_what_else_changes_moves_no_instant(late: timedelta, store: MemoryStore) -> None:
    before = store.add_task(spec(Interval(HOUR)), START)
    wanted = msgspec.structs.replace(spec(Interval(HOUR), catch_up="skip"), params={"a": 1})
    task = store.change_task("t", wanted, START + late)
    assert (task.policy.catch_up, task.params) == ("skip", {"a": 1})
    assert (task.next_run_at, task.schedule) == (before.next_run_at, before.schedule)
    assert ledger(store) == []


@pytest.mark.parametrize("schedule", [Interval(HOUR), Rrule("FREQ=HOURLY"), Cron("0 * * * *")])
def test_the_same_task_again_changes_nothing(schedule: Schedule, store: MemoryStore) -> None:
    before = store.add_task(spec(schedule), START)
    assert store.change_task("t", spec(schedule), START + 3 * HOUR) == before


@pytest.mark.parametrize("schedule", [Interval(7 * MINUTE), Rrule("FREQ=MINUTELY;INTERVAL=7")])
def test_new_bounds_leave_a_rule_where_it_counts_from(schedule: Schedule, store: MemoryStore) -> None:
    store.add_task(spec(schedule), START)
    bounded = msgspec.structs.replace(schedule, ends_at=START + 24 * HOUR)
    task = store.change_task("t", spec(bounded), START + 3 * MINUTE)
    assert task.next_run_at == START + 7 * MINUTE


def test_an_interval_whose_start_is_taken_away_counts_from_now(store: MemoryStore) -> None:
    tomorrow = START + 24 * HOUR
    store.add_task(spec(Interval(HOUR, tomorrow, starts_at=tomorrow)), START)
    assert store.change_task("t", spec(Interval(HOUR)), START + MINUTE).next_run_at == START + MINUTE + HOUR


def test_a_paused_task_stays_paused_and_what_passed_is_one_missed_row(store: MemoryStore) -> None:
    store.add_task(spec(Interval(HOUR)), START)
    store.pause_task("t", START + MINUTE, "paused by the user")
    task = store.change_task("t", spec(Cron("30 * * * *")), START + 5 * HOUR)
    assert (task.enabled, task.pause_reason) == (False, "paused by the user")
    assert task.next_run_at == START + 5 * HOUR + 30 * MINUTE
    assert ledger(store) == [(START + HOUR, RunState.MISSED, 5)]


def start(store: MemoryStore, now: datetime) -> Outcome:
    """A run of the task, begun at `now`, and how it is to end."""
    owner = store.instances.register(now)
    task = store.tasks.get("t")
    store.runs.record([(task, plan(task, now))], now)
    (claimed,) = store.runs.claim(owner.id, 10, now)
    return Outcome(claimed, Result(), now + MINUTE)


def test_the_runs_of_a_changed_rule_are_counted_anew_and_those_of_changed_bounds_are_not(store: MemoryStore) -> None:
    store.add_task(spec(Interval(HOUR, max_runs=1)), START)
    now = START + HOUR
    store.runs.settle([start(store, now)])
    assert store.tasks.get("t").next_run_at is None
    assert store.change_task("t", spec(Interval(HOUR, max_runs=1, jitter=MINUTE)), now).next_run_at is None
    more = store.change_task("t", spec(Interval(HOUR, max_runs=2)), now)
    assert (more.starts, more.next_run_at) == (1, START + 2 * HOUR)
    other = store.change_task("t", spec(Interval(2 * HOUR, max_runs=1)), now)
    assert (other.starts, other.next_run_at) == (0, now + 2 * HOUR)


def test_a_run_that_ends_after_the_change_does_not_move_the_new_schedule(store: MemoryStore) -> None:
    store.add_task(spec(Interval(HOUR, after_completion=True)), START)
    outcome = start(store, START + HOUR)
    task = store.change_task("t", spec(Cron("*/5 * * * *")), START + HOUR)
    assert task.next_run_at == START + HOUR + 5 * MINUTE
    assert all(store.runs.settle([outcome]))
    assert store.tasks.get("t").next_run_at == START + HOUR + 5 * MINUTE


def test_an_open_run_goes_on_and_stands_in_the_way_as_before(store: MemoryStore) -> None:
    store.add_task(spec(Interval(HOUR)), START)
    outcome = start(store, START + HOUR)
    store.change_task("t", spec(Interval(10 * MINUTE)), START + 2 * HOUR)
    assert ledger(store)[1] == (START + 2 * HOUR, RunState.SKIPPED, 1)
    assert all(store.runs.settle([outcome]))


def test_one_instant_that_has_run_does_not_run_again_and_another_one_does(store: MemoryStore) -> None:
    store.add_task(spec(Once(START + HOUR)), START)
    store.runs.settle([start(store, START + HOUR)])
    same = spec(Once(START + HOUR, jitter=MINUTE))
    assert store.change_task("t", same, START + 2 * HOUR).next_run_at is None
    assert store.change_task("t", spec(Once(START + 3 * HOUR)), START + 2 * HOUR).next_run_at == START + 3 * HOUR
    assert len(ledger(store)) == 1


def test_there_is_no_task_to_change_and_no_other_name_to_give(store: MemoryStore) -> None:
    with pytest.raises(NotFound):
        store.change_task("t", spec(Interval(HOUR)), START)
    store.add_task(spec(Interval(HOUR)), START)
    with pytest.raises(UsageError, match="keeps its name"):
        store.change_task("t", msgspec.structs.replace(spec(Interval(HOUR)), name="u"), START)
