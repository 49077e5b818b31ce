"""What a failure leads to in any store: another attempt, the task's count of failures, its pause."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from jarvis.memory import MemoryStore
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.model import Policy, Result, RunState, TaskSpec
from jarvis.scheduler.ports import Context, Handler
from jarvis.scheduler.schedule import Interval
from jarvis.testing import FakeClock, engine

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class Scripted:
    """A handler that ends each attempt as it is told to, and remembers when it was called."""

    def __init__(self, clock: FakeClock, *ends: Result) -> None:
        self.clock = clock
        self.ends = list(ends)
        self.calls: list[tuple[str, int]] = []

    def __call__(self, context: Context) -> Result:
        self.calls.append((context.occurrence_id, context.attempt))
        return self.ends.pop(0) if self.ends else Result()


def failed(code: int = 1) -> Result:
    return Result(
        state=RunState.FAILED, reason=f"exit code {code}", data={"exit_code": code}, output=b"no", output_total=2
    )


def a_world(
    store: MemoryStore, *ends: Result, every: timedelta = MINUTE, **policy: object
) -> tuple[SchedulerEngine, FakeClock, Scripted]:
    clock = FakeClock()
    script = Scripted(clock, *ends)
    handlers: Mapping[str, Handler] = {"scripted": script}
    made = engine(store, handlers, clock)
    store.add_task(
        TaskSpec(name="t", schedule=Interval(every), handler="scripted", policy=Policy(**policy)),  # type: ignore[arg-type]
        clock.now(),
    )
    return made, clock, script


def evaluate(made: SchedulerEngine, clock: FakeClock, by: timedelta) -> list[RunState]:
    clock.advance(by)
    return [result.state for result in made.evaluate_due_tasks()]


def test_a_failed_attempt_waits_for_its_delay_and_is_the_same_occurrence(store: MemoryStore) -> None:
    made, clock, script = a_world(store, failed(), retries=1, every=timedelta(hours=1), retry_delay=10 * SECOND)
    assert evaluate(made, clock, timedelta(hours=1)) == [RunState.PENDING]
    (run,) = store.runs.newest()
    assert (run.state, run.attempt, run.failures, run.reason) == (
        RunState.PENDING,
        1,
        1,
        "(attempt 1 failed: exit code 1)",
    )
    assert 10 * SECOND <= run.available_at - clock.now() <= 12.5 * SECOND
    assert evaluate(made, clock, 9 * SECOND) == []
    assert evaluate(made, clock, 4 * SECOND) == [RunState.SUCCEEDED]
    assert [attempt for _, attempt in script.calls] == [1, 2]
    assert len({occurrence for occurrence, _ in script.calls}) == 1
    (run,) = store.runs.newest()
    assert (run.state, run.attempt, run.reason) == (RunState.SUCCEEDED, 2, "(attempt 1 failed: exit code 1)")


def test_every_attempt_is_kept_with_its_reason(store: MemoryStore) -> None:
    made, clock, _ = a_world(store, failed(1), failed(2), failed(3), retries=2, every=timedelta(hours=1))
    evaluate(made, clock, timedelta(hours=1))
    evaluate(made, clock, MINUTE)
    assert evaluate(made, clock, MINUTE) == [RunState.FAILED]
    (run,) = store.runs.newest()
    assert run.reason == "exit code 3 (attempt 2 failed: exit code 2)"
    kept = store.runs.attempts(run.id)
    assert [(each.attempt, each.state, each.reason) for each in kept] == [
        (1, "failed", "exit code 1"),
        (2, "failed", "exit code 2"),
    ]
    assert kept[0].started_at == kept[0].finished_at
    assert run.started_at is not None
    assert kept[1].finished_at < run.started_at


def test_an_attempt_that_was_cut_off_spends_no_retry(store: MemoryStore) -> None:
    made, clock, _ = a_world(store, retries=1, every=timedelta(hours=1))
    clock.advance(timedelta(hours=1))
    made.plan_due(clock.now())
    dead = store.instances.register(clock.now())
    store.runs.claim(dead.id, 1, clock.now())
    store.instances.abandon(dead.id)
    made.recover(clock.now())
    (run,) = store.runs.newest()
    assert (run.state, run.attempt, run.failures) == (RunState.PENDING, 1, 0)
    assert [each.state for each in store.runs.attempts(run.id)] == ["cut_off"]


def test_while_it_waits_for_its_next_attempt_a_run_is_not_over(store: MemoryStore) -> None:
    made, clock, _ = a_world(store, failed(), retries=1, retry_delay=10 * MINUTE)
    evaluate(made, clock, MINUTE)
    evaluate(made, clock, MINUTE)
    newest, first = store.runs.newest()
    assert (newest.state, newest.reason) == (RunState.SKIPPED, f"skipped: run {first.id} was not over")


def test_why_a_run_was_late_is_still_said_after_its_retries(store: MemoryStore) -> None:
    made, clock, _ = a_world(store, failed(1), failed(2), retries=2, every=timedelta(days=1), grace=MINUTE)
    evaluate(made, clock, timedelta(days=1, minutes=5))
    evaluate(made, clock, MINUTE)
    assert evaluate(made, clock, MINUTE) == [RunState.SUCCEEDED]
    reason = store.runs.newest()[0].reason
    assert reason.startswith("(attempt 2 failed: exit code 2) late by 5m: ")
    assert "attempt 1" not in reason


def test_a_run_that_waits_for_its_retry_can_be_cancelled(store: MemoryStore) -> None:
    made, clock, script = a_world(store, failed(), retries=1, every=timedelta(hours=1))
    evaluate(made, clock, timedelta(hours=1))
    store.runs.cancel(store.runs.newest()[0].id, "cancelled by the user", clock.now())
    assert evaluate(made, clock, MINUTE) == []
    assert len(script.calls) == 1


def test_a_task_that_only_fails_is_paused_with_the_reason(store: MemoryStore) -> None:
    made, clock, script = a_world(store, *[failed(4)] * 9, pause_after=3)
    for _ in range(5):
        evaluate(made, clock, MINUTE)
    task = store.tasks.get("t")
    assert not task.enabled
    assert task.pause_reason == "paused after 3 runs in a row that failed (pause_after=3), the last: exit code 4"
    assert len(script.calls) == 3


def test_one_success_begins_the_count_anew(store: MemoryStore) -> None:
    made, clock, _ = a_world(store, failed(), failed(), Result(), failed(), failed(), pause_after=3)
    for _ in range(5):
        evaluate(made, clock, MINUTE)
    task = store.tasks.get("t")
    assert (task.enabled, task.failures) == (True, 2)


def test_zero_never_pauses(store: MemoryStore) -> None:
    made, clock, _ = a_world(store, *[failed()] * 20, pause_after=0)
    for _ in range(20):
        evaluate(made, clock, MINUTE)
    assert store.tasks.get("t").enabled


def test_a_resumed_task_has_its_failures_forgiven(store: MemoryStore) -> None:
    made, clock, _ = a_world(store, *[failed()] * 3, pause_after=2)
    for _ in range(3):
        evaluate(made, clock, MINUTE)
    store.resume_task("t", clock.now())
    assert (store.tasks.get("t").enabled, store.tasks.get("t").failures) == (True, 0)
    evaluate(made, clock, MINUTE)
    assert store.tasks.get("t").enabled


def test_a_changed_task_has_its_failures_forgiven(store: MemoryStore) -> None:
    made, clock, _ = a_world(store, *[failed()] * 3, pause_after=3)
    evaluate(made, clock, MINUTE)
    evaluate(made, clock, MINUTE)
    task = store.tasks.get("t")
    assert task.failures == 2
    mended = TaskSpec(name="t", schedule=task.schedule, handler="scripted", params={"mended": True}, policy=task.policy)
    store.change_task("t", mended, clock.now())
    evaluate(made, clock, MINUTE)
    assert (store.tasks.get("t").enabled, store.tasks.get("t").failures) == (True, 1)


def test_what_still_waited_of_a_paused_task_is_cancelled_with_the_reason(store: MemoryStore) -> None:
    made, clock, _ = a_world(store, *[failed()] * 3, pause_after=1, overlap="queue", catch_up="all")
    evaluate(made, clock, 3 * MINUTE)
    states = {run.state for run in store.runs.newest()}
    assert states == {RunState.FAILED, RunState.CANCELLED}
    cancelled = [run.reason for run in store.runs.newest() if run.state is RunState.CANCELLED]
    assert all("paused after a run that failed (pause_after=1)" in reason for reason in cancelled)
