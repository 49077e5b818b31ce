"""The engine's passes, one by one, on a clock that is set and with runs carried inline."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.model import Policy, Result, RunState, TaskSpec
from jarvis.scheduler.planner import BATCH
from jarvis.scheduler.ports import Context
from jarvis.scheduler.schedule import Cron, Interval, Once
from jarvis.testing import FakeClock, InlineExecutor, engine

SECOND = timedelta(seconds=1)


def add(it: SchedulerEngine, name: str = "t", handler: str = "noop", every: float = 10, **policy: object) -> None:
    store = it.store
    assert isinstance(store, MemoryStore)
    made = Policy(**policy)  # type: ignore[arg-type]
    store.add_task(TaskSpec(name=name, schedule=Interval(every * SECOND), handler=handler, policy=made), it.clock.now())


def ledger(it: SchedulerEngine) -> list[tuple[str, str]]:
    assert isinstance(it.store, MemoryStore)
    return [(run.task, run.state.value) for run in it.store.runs.newest(limit=None)]


def advance(it: SchedulerEngine, seconds: float) -> None:
    assert isinstance(it.clock, FakeClock)
    it.clock.advance(seconds)


def test_an_evaluation_runs_what_is_due_and_says_how_it_ended() -> None:
    it = engine()
    add(it)
    assert it.evaluate_due_tasks() == []
    advance(it, 10)
    (result,) = it.evaluate_due_tasks()
    assert (result.task, result.state, result.due_at) == ("t", RunState.SUCCEEDED, it.clock.now())
    assert result.next_run_at == it.clock.now() + 10 * SECOND
    assert it.evaluate_due_tasks() == []


def test_an_evaluation_can_be_of_another_moment_than_now() -> None:
    it = engine()
    add(it)
    assert len(it.evaluate_due_tasks(it.clock.now() + 10 * SECOND)) == 1


def test_more_runs_than_the_executor_has_room_for_all_run() -> None:
    it = engine(limit=3)
    for n in range(10):
        add(it, f"t{n}")
    advance(it, 10)
    assert len(it.evaluate_due_tasks()) == 10


def test_more_due_tasks_than_a_batch_are_all_planned() -> None:
    it = engine()
    with it.store.transaction():
        for n in range(BATCH + 5):
            add(it, f"t{n}")
    advance(it, 10)
    assert it.plan_due(it.clock.now()) == BATCH + 5


def test_a_handler_that_raises_fails_its_run_and_no_other() -> None:
    def broken(context: Context) -> None:
        raise RuntimeError("no\nway")

    it = engine(handlers={"broken": broken})
    add(it, "bad", "broken")
    add(it, "good")
    advance(it, 10)
    results = {result.task: result for result in it.evaluate_due_tasks()}
    assert (results["bad"].state, results["bad"].reason) == (RunState.FAILED, "RuntimeError: no way")
    assert results["good"].state is RunState.SUCCEEDED


def test_a_handler_nobody_knows_fails_the_run_with_the_names_there_are() -> None:
    it = engine()
    add(it, handler="nope")
    advance(it, 10)
    (result,) = it.evaluate_due_tasks()
    assert result.state is RunState.FAILED
    assert "'nope'" in result.reason
    assert "noop" in result.reason


@pytest.mark.parametrize(
    ("answer", "reason", "data"),
    [
        (None, "", None),
        ("done", "done", None),
        ({"n": 1}, "", {"n": 1}),
        (Result(reason="r", data=[1]), "r", [1]),
    ],
)
def test_what_a_handler_returns_is_kept(answer: object, reason: str, data: object) -> None:
    it = engine(handlers={"h": lambda context: answer})  # type: ignore[dict-item]
    add(it, handler="h")
    advance(it, 10)
    (result,) = it.evaluate_due_tasks()
    assert isinstance(it.store, MemoryStore)
    run = it.store.runs.get(result.run_id)
    assert (run.state, run.reason, run.data) == (RunState.SUCCEEDED, reason, data)


def test_data_that_cannot_be_stored_fails_the_run_not_the_evaluation() -> None:
    it = engine(handlers={"h": lambda context: {"x": object()}})
    add(it, "bad", "h")
    add(it, "good")
    advance(it, 10)
    states = {result.task: result.state for result in it.evaluate_due_tasks()}
    assert states == {"bad": RunState.FAILED, "good": RunState.SUCCEEDED}


def test_a_handler_is_told_what_it_needs_to_know() -> None:
    seen: list[Context] = []
    it = engine(handlers={"h": seen.append})
    add(it, handler="h", timeout=30 * SECOND)
    advance(it, 10)
    it.evaluate_due_tasks()
    (context,) = seen
    assert (context.task, context.due_at, context.attempt) == ("t", it.clock.now(), 1)
    assert context.remaining() == 30
    assert not context.cancelled()
    assert context.occurrence_id == f"1:{it.clock.now().isoformat()}"
    assert context.memory.path == ":memory:"
    assert context.memory.changes.source == "task t, run 1"


def test_a_failure_after_the_deadline_is_told_as_timed_out() -> None:
    clock = FakeClock()

    def slow(context: Context) -> None:
        clock.advance(31)
        assert context.cancelled()
        raise TimeoutError("gave up")

    it = engine(handlers={"slow": slow}, clock=clock)
    add(it, handler="slow", timeout=30 * SECOND)
    advance(it, 10)
    (result,) = it.evaluate_due_tasks()
    assert result.state is RunState.TIMED_OUT


def test_outcomes_wait_until_the_store_can_take_them(monkeypatch: pytest.MonkeyPatch) -> None:
    it = engine()
    add(it)
    advance(it, 10)
    it.plan_due(it.clock.now())
    it.run_due(it.clock.now())
    with monkeypatch.context() as broken:
        broken.setattr(it.store.runs, "settle", lambda outcomes: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            it.settle_finished()
    assert [result.state for result in it.settle_finished()] == [RunState.SUCCEEDED]


def test_a_task_that_cannot_be_planned_is_paused_with_the_reason_and_the_others_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    it = engine()
    add(it, "bad", every=7)
    add(it, "good")
    advance(it, 10)
    real = Interval.next_after

    def broken(self: Interval, t: object) -> object:
        return t if self.every == 7 * SECOND else real(self, t)  # type: ignore[arg-type]

    monkeypatch.setattr(Interval, "next_after", broken)
    with caplog.at_level(logging.ERROR):
        assert [result.task for result in it.evaluate_due_tasks()] == ["good"]
    assert isinstance(it.store, MemoryStore)
    task = it.store.tasks.get("bad")
    assert not task.enabled
    assert "cannot be planned" in (task.pause_reason or "")
    assert "bad was paused" in caplog.text


def test_runs_of_a_dead_daemon_are_run_again_and_its_processes_ended() -> None:
    dead = engine()
    store = dead.store
    assert isinstance(store, MemoryStore)
    add(dead)
    advance(dead, 10)
    dead.plan_due(dead.clock.now())
    lost = store.runs.claim(dead.instance.id, 10, dead.clock.now())  # claimed, then the daemon dies
    store.instances.abandon(dead.instance.id)
    it = engine(store, clock=dead.clock)
    assert [result.run_id for result in it.evaluate_due_tasks()] == [lost[0].run.id]
    assert isinstance(it.executor, InlineExecutor)
    assert it.executor.leftovers_ended == [dead.instance.token]
    assert store.runs.get(lost[0].run.id).attempt == 2
    assert [instance.id for instance in store.instances.open()] == [it.instance.id]


def test_runs_of_a_daemon_that_lives_are_left_alone() -> None:
    living = engine()
    add(living)
    advance(living, 10)
    living.plan_due(living.clock.now())
    living.store.runs.claim(living.instance.id, 10, living.clock.now())
    it = engine(living.store, clock=living.clock)  # type: ignore[arg-type]
    assert it.evaluate_due_tasks() == []
    assert [other.id for other in it.others()] == [living.instance.id]


def test_what_was_missed_while_no_daemon_ran_says_so() -> None:
    first = engine()
    add(first, catch_up="skip", grace=SECOND)
    first.open(first.clock.now())
    first.close()
    advance(first, 45)
    second = engine(first.store, clock=first.clock)  # type: ignore[arg-type]
    second.evaluate_due_tasks()
    assert isinstance(second.store, MemoryStore)
    (row,) = second.store.runs.newest()
    assert row.reason == (
        "missed: 4 occurrences while no daemon was running 2026-03-02 09:00:00-09:00:45; catch_up=skip"
    )


def test_after_sleep_nothing_starts_until_the_machine_has_settled_and_then_what_was_missed_says_so() -> None:
    it = engine()
    add(it, every=600)
    assert isinstance(it.clock, FakeClock)
    assert isinstance(it.store, MemoryStore)
    it.watch()
    now = it.clock.sleep(timedelta(hours=1, seconds=5))
    assert [absence.kind for absence in it.watch()] == ["slept"]
    it.tick(now)
    assert ledger(it) == []
    assert it.next_wake() == now + 10 * SECOND
    advance(it, 10)
    it.tick(it.clock.now())
    it.settle_finished()
    assert ledger(it) == [("t", "succeeded"), ("t", "missed")]
    missed = it.store.runs.newest(state=RunState.MISSED)[0]
    assert missed.reason == (
        "missed: 5 occurrences while the machine slept 2026-03-02 09:00-10:00; a newer one had come due"
    )
    assert [absence.kind for absence in it.store.absences.between(now, now)] == ["slept"]


def test_a_clock_set_back_while_settling_holds_nothing_for_longer() -> None:
    it = engine()
    assert isinstance(it.clock, FakeClock)
    it.watch()
    now = it.clock.sleep(timedelta(hours=2))
    it.watch()
    it.clock.step(now - timedelta(hours=1))
    add(it)
    advance(it, 10)
    it.tick(it.clock.now())
    assert [result.task for result in it.settle_finished()] == ["t"]


def test_tasks_without_a_zone_of_their_own_follow_the_systems_and_nothing_is_lost_on_the_way() -> None:
    it = engine()
    assert isinstance(it.clock, FakeClock)
    assert isinstance(it.store, MemoryStore)
    for name, follows in (("own", False), ("follows", True)):
        spec = TaskSpec(name=name, schedule=Cron("0 9 * * *", "UTC"), handler="noop", follows_zone=follows)
        it.store.add_task(spec, it.clock.now() - 10 * SECOND)  # due at 09:00, which is now
    it.watch()
    it.clock.zone = "Asia/Tokyo"
    assert [absence.kind for absence in it.watch()] == ["zone_changed"]
    assert sorted(ledger(it)) == [("follows", "pending"), ("own", "pending")]
    moved, stays = it.store.tasks.get("follows"), it.store.tasks.get("own")
    assert (moved.schedule.tz, moved.next_run_at) == ("Asia/Tokyo", datetime(2026, 3, 3, 0, tzinfo=UTC))
    assert (stays.schedule.tz, stays.next_run_at) == ("UTC", datetime(2026, 3, 3, 9, tzinfo=UTC))


def test_tasks_follow_a_zone_that_changed_while_no_daemon_was_there() -> None:
    it = engine()
    assert isinstance(it.clock, FakeClock)
    assert isinstance(it.store, MemoryStore)
    spec = TaskSpec(name="t", schedule=Cron("0 9 * * *", "UTC"), handler="noop", follows_zone=True)
    it.store.add_task(spec, it.clock.now())
    it.clock.zone = "Asia/Tokyo"
    assert it.watch() == []
    assert it.store.tasks.get("t").schedule.tz == "Asia/Tokyo"


def test_an_interval_that_counts_from_the_end_of_a_run_goes_on_counting_in_another_zone() -> None:
    it = engine()
    assert isinstance(it.clock, FakeClock)
    assert isinstance(it.store, MemoryStore)
    schedule = Interval(60 * SECOND, after_completion=True)
    it.store.add_task(TaskSpec(name="t", schedule=schedule, handler="noop", follows_zone=True), it.clock.now())
    advance(it, 65)
    it.evaluate_due_tasks()
    due = it.store.tasks.get("t").next_run_at
    assert due == it.clock.now() + 60 * SECOND
    it.watch()
    it.clock.zone = "Asia/Tokyo"
    advance(it, 10)
    it.watch()
    assert (it.store.tasks.get("t").schedule.tz, it.store.tasks.get("t").next_run_at) == ("Asia/Tokyo", due)


def test_the_next_wake_is_the_first_instant_anything_has_its_turn() -> None:
    it = engine()
    assert it.next_wake() is None
    add(it, "later", every=60)
    add(it, "sooner", every=20)
    assert it.next_wake() == it.clock.now() + 20 * SECOND


def broken_off_between_claim_and_start() -> SchedulerEngine:
    """An engine whose turn failed once its claims were committed and before it started anything."""
    it = engine()
    add(it)
    advance(it, 10)
    assert isinstance(it.store, MemoryStore)
    it.open(it.clock.now())

    def broken() -> None:
        raise OSError("the folder of the daemons is gone")

    it.store.database.after_commit.append(broken)
    it.store.database.announce()
    with pytest.raises(OSError, match="folder"):
        it.tick(it.clock.now())
    it.store.database.after_commit.remove(broken)
    assert ledger(it) == [("t", "running")]
    return it


def test_what_was_claimed_in_a_turn_that_broke_off_before_its_start_is_started_by_the_next_one() -> None:
    it = broken_off_between_claim_and_start()
    it.tick(it.clock.now())
    assert [result.state for result in it.settle_finished()] == [RunState.SUCCEEDED]
    assert isinstance(it.store, MemoryStore)
    (run,) = it.store.runs.newest()
    assert (run.attempt, run.fence) == (1, 2)


def test_an_owner_that_leaves_hands_back_what_it_claimed_and_never_started() -> None:
    it = broken_off_between_claim_and_start()
    it.close()
    assert isinstance(it.store, MemoryStore)
    heir = engine(it.store, clock=it.clock)
    assert [result.state for result in heir.evaluate_due_tasks()] == [RunState.SUCCEEDED]


def test_a_once_task_runs_once() -> None:
    it = engine()
    assert isinstance(it.store, MemoryStore)
    it.store.add_task(TaskSpec(name="once", schedule=Once(it.clock.now()), handler="noop"), it.clock.now())
    it.evaluate_due_tasks()
    advance(it, 3600)
    it.evaluate_due_tasks()
    assert ledger(it) == [("once", "succeeded")]


def test_a_clock_that_steps_back_repeats_nothing() -> None:
    it = engine()
    add(it)
    advance(it, 10)
    it.evaluate_due_tasks()
    assert isinstance(it.clock, FakeClock)
    it.clock.step(it.clock.now() - timedelta(hours=1))
    assert it.evaluate_due_tasks() == []
    it.clock.step(it.clock.now() + timedelta(hours=1, seconds=10))
    assert len(it.evaluate_due_tasks()) == 1


def test_a_tick_starts_nothing_while_draining_but_settles_what_ended() -> None:
    it = engine()
    add(it)
    advance(it, 10)
    it.tick(it.clock.now())
    advance(it, 10)
    (settled,) = it.tick(it.clock.now(), claim=False)
    assert settled.state is RunState.SUCCEEDED
    assert ledger(it) == [("t", "succeeded")]


def test_an_engine_is_undisturbed_while_the_clocks_run_as_they_should_and_nobody_else_is_there() -> None:
    it = engine()
    _ = it.instance
    it.watch()
    for _ in range(2):
        advance(it, 5)
        assert it.undisturbed()
    assert isinstance(it.store, MemoryStore)
    it.store.instances.register(it.clock.now())
    it.recover(it.clock.now())  # as after every change that somebody else made to the store
    assert not it.undisturbed()


def test_what_the_clocks_tell_is_left_to_the_look_that_notes_it() -> None:
    it = engine()
    _ = it.instance
    it.watch()
    assert isinstance(it.clock, FakeClock)
    it.clock.sleep(600 * SECOND)
    assert not it.undisturbed()
    assert [absence.kind for absence in it.watch()] == ["slept"]
    advance(it, 5)
    assert it.undisturbed()


def test_an_engine_that_has_something_running_is_never_undisturbed() -> None:
    it = engine()
    add(it)
    it.watch()
    advance(it, 5)
    it.tick(it.clock.now())
    assert it.undisturbed()
    advance(it, 5)
    it.tick(it.clock.now())
    assert it.executor.busy == 1
    assert not it.undisturbed()


def test_an_evaluation_of_a_far_moment_ends_though_a_task_counts_from_the_end_of_its_run() -> None:
    it = engine()
    assert isinstance(it.store, MemoryStore)
    schedule = Interval(10 * SECOND, after_completion=True)
    it.store.add_task(TaskSpec(name="t", schedule=schedule, handler="noop"), it.clock.now())
    assert len(it.evaluate_due_tasks(it.clock.now() + timedelta(days=365))) == 1
