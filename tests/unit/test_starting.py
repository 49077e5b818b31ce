"""What comes of something other than time that starts a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jarvis.scheduler.model import Occurrence, Policy, RunState, Task
from jarvis.scheduler.schedule import After, Cron, OnEvent, Rate, Schedule, jittered
from jarvis.scheduler.starting import Situation, begun, left_out, opens_at
from tests.stored import a_task

T = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
FREE = Situation()


def task(schedule: Schedule | None = None, *, enabled: bool = True, starts: int = 0, **policy: Any) -> Task:
    stated = Policy(overlap="queue") if not policy else Policy(**policy)
    return a_task(schedule or OnEvent("a", "b"), id=7, policy=stated, enabled=enabled, starts=starts)


def pending(at: datetime, opens: datetime, reason: str = "") -> Occurrence:
    return Occurrence(due_at=at, state=RunState.PENDING, reason=reason, available_at=opens)


@pytest.mark.parametrize("schedule", [OnEvent("a", "b"), After("x")])
def test_it_starts_at_once(schedule: Schedule) -> None:
    assert begun(task(schedule), T, T, FREE) == pending(T, T)
    assert begun(task(schedule), T, T + SECOND, FREE) == pending(T, T + SECOND)


def test_it_starts_at_once_also_where_the_clock_was_set_back() -> None:
    assert begun(task(), T, T - MINUTE, FREE) == pending(T, T - MINUTE)


def test_what_is_seen_late_says_so_and_runs() -> None:
    late = "late by 2m: nobody looked at it in time"
    assert begun(task(), T, T + 2 * MINUTE, FREE) == pending(T, T + 2 * MINUTE, late)
    assert begun(task(), T, T + MINUTE, FREE).reason == ""


def test_while_it_is_paused_it_is_missed() -> None:
    row = begun(task(enabled=False), T, T, FREE)
    assert row == Occurrence(due_at=T, state=RunState.MISSED, reason="missed: 1 occurrence while the task was paused")


def test_later_than_late_ok_it_is_missed() -> None:
    limited = task(late_ok=MINUTE)
    assert begun(limited, T, T + MINUTE, FREE).state is RunState.PENDING
    row = begun(limited, T, T + MINUTE + SECOND, FREE)
    said = "missed: 1 occurrence nobody looked at it in time; late_ok=1m"
    assert (row.state, row.reason) == (RunState.MISSED, said)


def test_later_than_grace_it_is_missed_where_nothing_is_caught_up() -> None:
    strict = task(catch_up="skip", grace=MINUTE)
    assert begun(strict, T, T + MINUTE, FREE).state is RunState.PENDING
    row = begun(strict, T, T + MINUTE + SECOND, FREE)
    said = "missed: 1 occurrence nobody looked at it in time; catch_up=skip"
    assert (row.state, row.reason) == (RunState.MISSED, said)
    for how in ("last", "all"):
        assert begun(task(catch_up=how, grace=MINUTE), T, T + 9 * MINUTE, FREE).state is RunState.PENDING


def test_a_run_in_the_way_is_told() -> None:
    row = begun(task(overlap="skip"), T, T, Situation(open_run=12))
    assert row == Occurrence(due_at=T, state=RunState.SKIPPED, reason="skipped: run 12 was not over")
    assert begun(task(overlap="skip"), T, T, FREE).state is RunState.PENDING
    for how in ("queue", "allow", "cancel_running"):
        assert begun(task(overlap=how), T, T, Situation(open_run=12)).state is RunState.PENDING


def test_a_rate_that_is_spent_is_told() -> None:
    limited = task(OnEvent("a", "b", rate=Rate(2, MINUTE)))
    spent = Situation(starts=(T - SECOND, T - 2 * SECOND))
    row = begun(limited, T, T, spent)
    said = "skipped: no more may start within 1m (rate=2/1m)"
    assert row == Occurrence(due_at=T, state=RunState.SKIPPED, reason=said)
    assert begun(limited, T, T, Situation(starts=(T - SECOND,))).state is RunState.PENDING
    assert begun(task(), T, T, spent).state is RunState.PENDING


def test_debounce_puts_it_off() -> None:
    debounced = task(OnEvent("a", "b", debounce=MINUTE))
    assert begun(debounced, T, T + SECOND, FREE) == pending(T, T + MINUTE)
    assert begun(debounced, T, T + 9 * MINUTE, FREE).available_at == T + 9 * MINUTE


def test_a_burst_is_put_off_by_each_of_its_events() -> None:
    debounced = task(OnEvent("a", "b", debounce=MINUTE))
    assert opens_at(debounced, T, T + 30 * SECOND, T + 31 * SECOND) == T + 90 * SECOND
    assert opens_at(debounced, T, T + 30 * MINUTE, T + 30 * MINUTE) == T + 30 * MINUTE
    assert opens_at(debounced, T, T, T - MINUTE) == T  # the clock was set back: counted from what it shows
    assert opens_at(debounced, T - MINUTE, T, T - MINUTE) == T


def test_jitter_puts_it_off_too() -> None:
    schedule = OnEvent("a", "b", jitter=MINUTE)
    row = begun(task(schedule), T, T, FREE)
    assert row.available_at == jittered(schedule, T, 7) != T
    chained = After("a", jitter=MINUTE)
    assert begun(task(chained), T, T, FREE).available_at == jittered(chained, T, 7)


def test_bounds_leave_out() -> None:
    schedule = OnEvent("a", "b", max_runs=1)
    assert left_out(task(schedule), T) == ""
    assert left_out(task(schedule, starts=1), T) == "the one run it may have is used up (max_runs)"
    assert left_out(task(Cron("* * * * *")), T) == "the task has another schedule now"
