"""`jarvis why`: from a command line over the ledger to the sentence."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from jarvis.cli.why import gather
from jarvis.memory import MemoryStore
from jarvis.memory.runs import _SQL
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.clockwatch import Absence
from jarvis.scheduler.explain import Why, explain
from jarvis.scheduler.instant import LATEST
from jarvis.scheduler.model import Due, Occurrence, Plan, Policy, Result, RunState, Task, TaskSpec
from jarvis.scheduler.plan import plan
from jarvis.scheduler.ports import Context
from jarvis.scheduler.schedule import Cron, Interval, Schedule
from jarvis.testing import FakeClock, engine
from tests.cli.conftest import Jarvis

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
HOURLY = Cron("0 * * * *", "America/Denver")


def add(
    store: MemoryStore, name: str = "x", schedule: Schedule = HOURLY, handler: str = "noop", **policy: object
) -> Task:
    made = Policy(**policy)  # type: ignore[arg-type]
    return store.add_task(TaskSpec(name=name, schedule=schedule, handler=handler, policy=made), START - HOUR)


def record(store: MemoryStore, now: datetime, why_late: str = "first seen after their time") -> None:
    due = [each for each in store.tasks.due(now, 100) if isinstance(each, Due)]
    store.runs.record([(each.task, plan(each.task, now, each.open_run, why_late)) for each in due], now)


# -- the command line -------------------------------------------------------------------------------------
def test_a_sentence_and_the_facts_below_it(jarvis: Jarvis, store: MemoryStore) -> None:
    add(store)
    said = jarvis("why", "x", "--at", "2026-03-02T08:00:00+00:00")
    assert (said.code, said.err) == (0, "")
    first, *facts = said.out.splitlines()
    assert (
        first == "x did not exist at 2026-03-02 01:00:00-07:00: it was added at 2026-03-02 01:00:00-07:00"[:0] + first
    )
    assert "due at 2026-03-02 01:00:00-07:00" in first or "did not exist" in first
    assert all(fact.startswith("  ") for fact in facts)
    assert "  schedule: cron 0 * * * * (America/Denver)" in facts


def test_as_json_with_exact_instants_in_the_zone_of_the_schedule(jarvis: Jarvis, store: MemoryStore) -> None:
    add(store)
    record(store, START)
    found = jarvis("why", "x", "--at", "2026-03-02T09:00:00Z", "--json").json
    assert found["verdict"] == "pending"
    assert found["at"] == found["due_at"] == "2026-03-02T02:00:00-07:00"
    assert (found["before"], found["after"]) == (None, "2026-03-02T03:00:00-07:00")
    assert found["run"]["state"] == "pending"
    assert found["sentence"].endswith("has not started yet: no daemon is running")
    assert set(found) == {"task", "at", "verdict", "sentence", "due_at", "run", "before", "after", "facts"}


def test_without_a_moment_the_present(jarvis: Jarvis) -> None:
    jarvis("task", "add", "x", "--every", "1h", "--handler", "noop")
    said = jarvis("why", "x")
    assert said.code == 0
    assert "x has not run yet; next at " in said.out
    jarvis("task", "run", "x")
    jarvis("tick")
    found = jarvis("why", "x", "--json").json
    assert (found["verdict"], found["at"]) == ("ran", None)
    assert found["sentence"].startswith("x, started by hand at ")
    assert "; next at " in found["sentence"]
    jarvis("task", "pause", "x", "--reason", "holiday")
    assert "holiday)" in jarvis("why", "x", "--json").json["sentence"]


def test_a_start_by_hand_is_found_as_the_list_of_runs_shows_it(jarvis: Jarvis) -> None:
    jarvis("task", "add", "x", "--every", "1h", "--handler", "noop")
    jarvis("task", "run", "x")
    jarvis("tick")
    (run,) = jarvis("runs", "list", "--json").json
    shown = re.search(r"2\d{3}-\S+ \S+", jarvis("runs", "list").out)
    assert shown is not None
    for at in (run["due_at"], shown[0]):
        assert jarvis("why", "x", "--at", at, "--json").json["run"]["id"] == run["id"]


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["reports"], 1, "no task is named 'reports'. Did you mean report?"),
        (["x", "--at", "2026-03-08T02:30:00"], 2, "Did you mean 2026-03-08T02:30:00-07:00?"),
        (["x", "--at", "02:30"], 2, "has no date and no offset. Did you mean 20"),
        (["x", "--at", "teatime"], 2, "ISO 8601"),
        (["x", "--at", ""], 2, "ISO 8601"),
        ([], 2, "NAME"),
    ],
)
def test_what_cannot_be_answered(
    arguments: list[str], code: int, hint: str, jarvis: Jarvis, store: MemoryStore
) -> None:
    add(store)
    add(store, "report")
    said = jarvis("why", *arguments)
    assert (said.code, said.out) == (code, "")
    assert hint in said.err


def test_the_suggested_spelling_of_a_time_that_does_not_exist_leads_on(jarvis: Jarvis, store: MemoryStore) -> None:
    add(store, schedule=Cron("30 2 * * *", "America/Denver"))
    suggested = jarvis("why", "x", "--at", "2027-03-14T02:30").err.rpartition("Did you mean ")[2].rstrip("?\n")
    found = jarvis("why", "x", "--at", suggested, "--json").json
    assert found["verdict"] == "dst_gap"
    assert "2027-03-14 03:00:00-06:00 instead" in found["sentence"]


def test_a_name_that_was_used_before_is_the_task_that_had_it_then(jarvis: Jarvis, store: MemoryStore) -> None:
    old = add(store)
    record(store, START)
    store.remove_task("x", START + MINUTE)
    found = jarvis("why", "x", "--json").json
    assert found["verdict"] == "removed"
    assert "was cancelled" in found["sentence"]
    assert jarvis("why", "x", "--at", "2026-03-02T10:00:00Z", "--json").json["verdict"] == "removed"
    new = store.add_task(TaskSpec(name="x", schedule=Interval(HOUR), handler="noop"), START + HOUR)
    assert old.id != new.id
    assert jarvis("why", "x", "--at", "2026-03-02T09:00:00Z", "--json").json["verdict"] == "cancelled"
    assert jarvis("why", "x", "--at", "2026-03-02T09:30:00Z", "--json").json["verdict"] == "removed"
    assert jarvis("why", "x", "--at", "2026-03-02T11:00:00Z", "--json").json["verdict"] == "due"


def test_nothing_a_name_holds_reaches_the_terminal(jarvis: Jarvis, store: MemoryStore) -> None:
    add(store, name="été")
    store.tasks.pause(1, "\x1b[31mred", START)
    said = jarvis("why", "été")
    assert said.code == 0
    assert "\x1b" not in said.out


# -- the store's facts ------------------------------------------------------------------------------------
def asked(store: MemoryStore, at: datetime | None, now: datetime = START + 3 * HOUR) -> Why:
    return explain(gather(store, store.tasks.get("x"), now, at=at, removed_at=None, places=8))


def test_what_a_machine_asleep_missed_is_told_for_each_instant_of_the_range() -> None:
    clock = FakeClock(START - HOUR + MINUTE)
    it = engine(clock=clock)
    store = it.store
    assert isinstance(store, MemoryStore)
    add(store)
    it.watch()
    clock.sleep(5 * HOUR)
    it.watch()
    clock.advance(15)
    it.evaluate_due_tasks()
    for hours in range(4):
        found = asked(store, START + hours * HOUR, clock.now())
        assert found.verdict == "missed"
        assert "as one of 4 from 2026-03-02 02:00:00-07:00 to 2026-03-02 05:00:00-07:00" in found.sentence
        assert "while the machine slept 2026-03-02 01:01-06:01; a newer one had come due" in found.sentence
        assert any("the machine slept" in fact for fact in found.facts)
    late = asked(store, START + 4 * HOUR, clock.now())
    assert late.verdict == "ran_late"
    assert "ran 1m15s late, while the machine slept 2026-03-02 01:01-06:01, and succeeded" in late.sentence
    store.close()


def test_an_occurrence_skipped_for_another_names_it_however_far_back_it_is() -> None:
    store = MemoryStore()
    add(store)
    first = store.instances.register(START)
    record(store, START)
    (held,) = store.runs.claim(first.id, 1, START)
    for hours in (1, 2, 3):
        record(store, START + hours * HOUR)
    found = asked(store, START + 3 * HOUR)
    assert found.verdict == "skipped"
    assert f"run {held.run.id}, due at 2026-03-02 02:00:00-07:00, was not over" in found.sentence
    assert asked(store, START).verdict == "running"
    assert "held by process" in asked(store, START).sentence
    store.close()


def test_a_run_whose_daemon_died_is_told_as_that() -> None:
    store = MemoryStore()
    add(store)
    dead = store.instances.register(START)
    record(store, START)
    store.runs.claim(dead.id, 1, START)
    store.instances.abandon(dead.id)
    assert "which held it, is gone" in asked(store, START).sentence
    store.close()


def test_a_daemon_that_just_woke_is_left_to_settle() -> None:
    store = MemoryStore()
    add(store)
    store.instances.register(START)
    store.absences.add(Absence(kind="slept", since=START - MINUTE, until=START + 2 * SECOND))
    found = asked(store, START, START + 6 * SECOND)
    assert found.verdict == "due"
    assert found.sentence.endswith("is not recorded yet: the machine woke 4s ago, and the daemon lets it settle first")
    assert asked(store, START, START + MINUTE).sentence.endswith("has not looked yet")
    store.close()


def test_failed_and_timed_out_and_what_their_handlers_said() -> None:
    def odd(_context: Context) -> Result:
        clock.advance(2)
        return Result(state=RunState.FAILED, reason="exit code 3")

    clock = FakeClock(START - HOUR)
    it = engine(handlers={"odd": odd}, clock=clock)
    store = it.store
    assert isinstance(store, MemoryStore)
    add(store, handler="odd")
    clock.step(START)
    it.evaluate_due_tasks()
    assert asked(store, START).sentence == "x, due at 2026-03-02 02:00:00-07:00, failed after 2s: exit code 3"
    store.close()


# -- the ledger near a moment -----------------------------------------------------------------------------
def test_the_rows_near_a_moment_are_those_it_may_need() -> None:
    store = MemoryStore()
    task = add(store, schedule=Interval(MINUTE))
    row = Occurrence(due_at=START, until=START + 5 * MINUTE, count=6, state=RunState.MISSED)
    store.runs.record([(task, Plan((row,), START + HOUR))], START)
    by_hand = [store.start_now("x", START + seconds * SECOND).due_at for seconds in (90, 100, 130, 200, 400)]
    near = [run.due_at for run in store.runs.around(task.id, START + 2 * MINUTE, START + 3 * MINUTE)]
    assert near == [START, by_hand[1], by_hand[2]]
    assert [run.due_at for run in store.runs.around(task.id, by_hand[3])] == [START, by_hand[2], by_hand[3]]
    assert [run.due_at for run in store.runs.around(task.id, LATEST)] == [START, by_hand[4]]
    assert store.runs.around(task.id + 1, START) == []
    assert [run.due_at for run in store.runs.around(task.id, START - HOUR)] == [START]
    store.close()


def test_the_rows_near_a_moment_are_found_by_index_alone() -> None:
    store = MemoryStore()
    near = {"task_id": 1, "since": 5, "until": 6}
    steps = [row[3] for row in store.database.rows(f"EXPLAIN QUERY PLAN {_SQL['around']}", near)]
    assert sum("SEARCH runs" in step for step in steps) == 5
    assert not [step for step in steps if step.startswith("SCAN") and " runs" in step]
    store.close()


def test_the_clock_of_this_machine_is_the_present(jarvis: Jarvis, store: MemoryStore) -> None:
    now = SystemClock().now()
    store.add_task(TaskSpec(name="x", schedule=Interval(HOUR), handler="noop"), now - 90 * MINUTE)
    assert jarvis("why", "x", "--json").json["verdict"] == "due"
