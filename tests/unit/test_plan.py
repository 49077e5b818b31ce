"""What plan() makes of the instants that have come due: each is accounted for, under every policy."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from jarvis.scheduler.misfire import lateness_in
from jarvis.scheduler.model import Plan, Policy, RunState, Task
from jarvis.scheduler.plan import SPREAD_OVER, SPREAD_STEP, WHILE_PAUSED, passed_over, plan, spread
from jarvis.scheduler.schedule import Cron, Interval, Once, Schedule
from tests.stored import START, a_task

SECOND = timedelta(seconds=1)
AFTER_COMPLETION = Interval(10 * SECOND, START, after_completion=True)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def task(
    schedule: Schedule | None = None, *, next_run_at: datetime | None = START, starts: int = 0, **policy: object
) -> Task:
    stated: dict[str, Any] = {"policy": Policy(**policy), "next_run_at": next_run_at, "starts": starts}  # type: ignore[arg-type]
    return a_task(schedule or Interval(10 * SECOND, START), **stated)


def rows(made: Plan) -> list[tuple[str, float, int]]:
    return [(row.state.value, (row.due_at - START).total_seconds(), row.count) for row in made.record]


def test_nothing_is_recorded_before_the_time_has_come() -> None:
    made = plan(task(), at(-0.001))
    assert made == Plan((), START)


def test_an_occurrence_seen_at_its_very_instant_runs() -> None:
    made = plan(task(), START)
    assert rows(made) == [("pending", 0, 1)]
    assert made.next_run_at == at(10)


def test_the_next_instant_seen_at_its_very_moment_is_recorded_too() -> None:
    made = plan(task(), at(10))
    assert rows(made) == [("missed", 0, 1), ("pending", 10, 1)]
    assert made.next_run_at == at(20)


def test_an_occurrence_seen_within_grace_runs_without_a_word_about_lateness() -> None:
    made = plan(task(catch_up="skip"), at(9))
    assert rows(made) == [("pending", 0, 1)]
    assert made.record[0].reason == ""


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        ("skip", [("missed", 0, 4)]),
        ("last", [("missed", 0, 3), ("pending", 30, 1)]),
        ("all", [("pending", 0, 1), ("pending", 10, 1), ("pending", 20, 1), ("pending", 30, 1)]),
    ],
)
def test_after_a_gap_each_catch_up_policy_does_what_it_says(catch_up: str, expected: list[object]) -> None:
    made = plan(task(catch_up=catch_up, grace=SECOND), at(35))
    assert rows(made) == expected
    assert made.next_run_at == at(40)


@pytest.mark.parametrize("catch_up", ["skip", "last"])
def test_the_newest_of_a_backlog_runs_when_it_is_still_on_time(catch_up: str) -> None:
    assert rows(plan(task(catch_up=catch_up), at(35))) == [("missed", 0, 3), ("pending", 30, 1)]


def test_catch_up_all_is_capped_and_the_rest_is_one_missed_row_that_says_so() -> None:
    made = plan(task(catch_up="all", catch_up_max=2, grace=SECOND), at(995))
    assert rows(made) == [("missed", 0, 98), ("pending", 980, 1), ("pending", 990, 1)]
    assert "at most the newest 2" in made.record[0].reason
    assert made.record[0].until == at(970)


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        ("skip", [("missed", 0, 4)]),
        ("last", [("missed", 0, 3), ("pending", 30, 1)]),
        ("all", [("missed", 0, 2), ("pending", 20, 1), ("pending", 30, 1)]),
    ],
)
def test_what_is_later_than_late_ok_is_missed_under_every_policy(catch_up: str, expected: list[object]) -> None:
    assert rows(plan(task(catch_up=catch_up, grace=SECOND, late_ok=15 * SECOND), at(35))) == expected
    made = plan(task(catch_up=catch_up, grace=SECOND, late_ok=2 * SECOND), at(35))
    assert rows(made) == [("missed", 0, 4)]
    assert made.record[0].reason.endswith("late_ok=2s")


def test_a_late_run_says_how_late_and_why() -> None:
    made = plan(task(grace=SECOND), at(5), why_late="while no daemon was running")
    assert made.record[0].reason == "late by 5s: while no daemon was running"


def test_missed_rows_say_how_many_and_why() -> None:
    made = plan(task(catch_up="skip", grace=SECOND), at(35), why_late="while the machine slept")
    assert made.record[0].reason == "missed: 4 occurrences while the machine slept; catch_up=skip"


def test_a_single_missed_occurrence_is_no_range() -> None:
    row = plan(task(catch_up="skip", grace=SECOND), at(5)).record[0]
    assert (row.count, row.until, row.state) == (1, None, RunState.MISSED)
    assert "1 occurrence " in row.reason


def test_overlap_skip_skips_what_comes_due_while_a_run_is_open() -> None:
    made = plan(task(), START, open_run=7)
    assert rows(made) == [("skipped", 0, 1)]
    assert made.record[0].reason == "skipped: run 7 was not over"


@pytest.mark.parametrize("overlap", ["queue", "allow"])
def test_overlap_queue_and_allow_skip_nothing(overlap: str) -> None:
    assert rows(plan(task(overlap=overlap), START, open_run=7)) == [("pending", 0, 1)]


def test_what_catch_up_all_brings_back_is_not_in_its_own_way() -> None:
    made = plan(task(catch_up="all"), at(25), open_run=7)
    assert [state for state, _, _ in rows(made)] == ["pending"] * 3


def test_what_was_missed_stays_missed_beside_an_open_run() -> None:
    assert rows(plan(task(), at(25), open_run=7)) == [("missed", 0, 2), ("skipped", 20, 1)]


def test_a_once_task_that_has_run_has_no_next() -> None:
    made = plan(task(Once(START)), at(5))
    assert rows(made) == [("pending", 0, 1)]
    assert made.next_run_at is None


def test_a_recorded_next_run_that_the_schedule_no_longer_yields_is_still_accounted_for() -> None:
    odd = at(3)  # a zone rule changed since it was computed
    assert rows(plan(task(Cron("0 12 * * *"), next_run_at=odd), at(4))) == [("pending", 3, 1)]


def test_a_step_back_of_the_clock_records_nothing_twice() -> None:
    first = plan(task(), at(5))
    assert plan(task(next_run_at=first.next_run_at), at(-3600)).record == ()


def test_what_passed_while_paused_is_one_missed_row() -> None:
    made = passed_over(task(), at(3605), WHILE_PAUSED)
    assert rows(made) == [("missed", 0, 361)]
    assert made.record[0].reason == "missed: 361 occurrences while the task was paused"
    assert made.next_run_at == at(3610)


def test_a_pause_during_which_nothing_came_due_leaves_no_row() -> None:
    assert passed_over(task(next_run_at=at(10)), at(5), WHILE_PAUSED) == Plan((), at(10))


def test_what_comes_due_in_the_very_instant_a_pause_ends_passed_while_it_was_paused() -> None:
    made = passed_over(task(next_run_at=at(10)), at(10), WHILE_PAUSED)
    assert rows(made) == [("missed", 10, 1)]
    assert made.next_run_at == at(20)
    assert passed_over(task(), at(3600), WHILE_PAUSED).record[0].until == at(3600)


def test_what_waits_for_the_end_of_a_run_is_missed_once_by_a_pause_and_counts_from_its_end() -> None:
    made = passed_over(task(AFTER_COMPLETION), at(3605), WHILE_PAUSED)
    assert rows(made) == [("missed", 0, 1)]
    assert made.record[0].reason == "missed: 1 occurrence while the task was paused"
    assert made.next_run_at == at(3615)


# ---------------------------------------------------------------------------- counted from the end of a run


def test_what_counts_from_the_end_of_a_run_comes_due_one_at_a_time() -> None:
    made = plan(task(AFTER_COMPLETION, grace=SECOND), at(35), why_late="while the machine slept")
    assert rows(made) == [("pending", 0, 1)]
    assert made.record[0].reason == "late by 35s: while the machine slept"
    assert made.next_run_at == at(45)


def test_what_counts_from_the_end_of_a_run_follows_its_policy_and_its_bounds() -> None:
    assert rows(plan(task(AFTER_COMPLETION, grace=SECOND, catch_up="skip"), at(35))) == [("missed", 0, 1)]
    twice = Interval(10 * SECOND, START, after_completion=True, max_runs=2, jitter=SECOND)
    made = plan(task(twice, starts=1), at(5))
    assert made.next_run_at is None
    assert made.record[0].available_at is not None


def test_no_occurrence_is_asked_for_while_the_run_that_it_counts_from_is_open() -> None:
    assert plan(task(AFTER_COMPLETION), at(5), open_run=7) == Plan((), at(15))


# ---------------------------------------------------------------------------- max_runs, jitter, a free start


@pytest.mark.parametrize(
    ("starts", "ran", "left"), [(0, 3, True), (1, 3, True), (2, 3, False), (3, 2, False), (5, 0, False)]
)
def test_max_runs_counts_the_runs_before_and_ends_the_schedule_with_the_last(starts: int, ran: int, left: bool) -> None:
    five = Interval(10 * SECOND, START, max_runs=5)
    made = plan(task(five, starts=starts, catch_up="all"), at(25))
    assert rows(made) == [("pending", 10 * n, 1) for n in range(ran)]
    assert made.next_run_at == (at(30) if left else None)


def test_what_was_missed_is_no_run_that_max_runs_counts() -> None:
    made = plan(task(Interval(10 * SECOND, START, max_runs=1), grace=SECOND), at(35))
    assert rows(made) == [("missed", 0, 3), ("pending", 30, 1)]
    assert made.next_run_at is None
    missed = plan(task(Interval(10 * SECOND, START, max_runs=1), grace=SECOND, catch_up="skip"), at(35))
    assert (rows(missed), missed.next_run_at) == ([("missed", 0, 4)], at(40))


def test_jitter_delays_the_start_of_what_runs_and_nothing_else() -> None:
    made = plan(task(Interval(10 * SECOND, START, jitter=5 * SECOND)), at(35))
    missed, pending = made.record
    assert missed.available_at is None
    assert pending.available_at is not None
    assert at(30) <= pending.available_at <= at(35)
    assert all(row.available_at is None for row in plan(task(), at(35)).record)


def test_a_single_run_with_nothing_before_it_may_start_at_once() -> None:
    assert plan(task(), START).start is not None
    assert plan(task(), at(35)).start is not None, "what was missed stands in nobody's way"
    assert plan(task(catch_up="all"), at(35)).start is None, "several must take turns"
    assert plan(task(overlap="allow"), START, open_run=7).start is None
    assert plan(task(Interval(10 * SECOND, START, jitter=5 * SECOND)), START).start is None
    assert plan(task(grace=SECOND, catch_up="skip"), at(35)).start is None


def test_catch_up_all_skips_a_single_occurrence_like_the_others_do() -> None:
    assert rows(plan(task(catch_up="all"), at(5), open_run=7)) == [("skipped", 0, 1)]
    assert rows(plan(task(catch_up="all"), at(15), open_run=7)) == [("pending", 0, 1), ("pending", 10, 1)]
    assert rows(plan(task(), at(15), open_run=7)) == [("missed", 0, 1), ("skipped", 10, 1)]


# ---------------------------------------------------------------------------- after waking


def starts_of(planned: list[tuple[Task, Plan]], now: datetime) -> list[float | None]:
    return [
        None if row.available_at is None else (row.available_at - now).total_seconds()
        for _, made in spread(planned, now)
        for row in made.record
    ]


def planned(now: datetime, **policy: object) -> tuple[Task, Plan]:
    one = task(**policy)  # type: ignore[arg-type]
    return one, plan(one, now)


def test_late_runs_start_one_after_another_and_each_keeps_its_plan() -> None:
    now = at(35)
    late = planned(now, grace=SECOND)
    assert starts_of([late, late, late], now) == [None, 0, None, 0.2, None, 0.4]
    ((spread_task, made),) = spread([late], now)
    assert (spread_task, made.next_run_at, rows(made)) == (late[0], late[1].next_run_at, rows(late[1]))
    assert made.record[1].reason == late[1].record[1].reason


def test_what_is_on_time_is_not_held_back_by_what_is_late() -> None:
    now = at(35)
    assert starts_of([planned(now, grace=SECOND), planned(now, grace=5 * SECOND)], now) == [None, 0, None, None]


def test_many_late_runs_are_all_started_within_a_minute() -> None:
    now = at(35)
    starts = starts_of([planned(now, grace=SECOND)] * 1_000, now)
    assert [start for start in starts if start is not None] == [pytest.approx(n * 0.06) for n in range(1_000)]
    assert SPREAD_OVER / 1_000 < SPREAD_STEP


# ---------------------------------------------------------------------------- what is said of lateness


def test_at_its_very_limit_a_run_is_still_on_time_and_still_of_use() -> None:
    on_time = plan(task(grace=5 * SECOND), at(5)).record[0]
    assert (on_time.state, on_time.reason) == (RunState.PENDING, "")
    of_use = plan(task(grace=SECOND, late_ok=5 * SECOND), at(5)).record[0]
    assert of_use.state is RunState.PENDING
    skipped = plan(task(grace=SECOND, catch_up="skip", late_ok=5 * SECOND), at(5)).record[0]
    assert skipped.reason.endswith("catch_up=skip"), "late_ok would have let it run"


def test_two_missed_occurrences_are_a_range_and_are_called_two() -> None:
    row = plan(task(catch_up="skip", grace=SECOND), at(15)).record[0]
    assert (row.count, row.until) == (2, at(10))
    assert "2 occurrences " in row.reason


def test_what_a_newer_one_took_the_place_of_is_not_blamed_on_late_ok() -> None:
    made = plan(task(grace=SECOND, late_ok=3600 * SECOND), at(35))
    assert made.record[0].reason.endswith("a newer one had come due")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("late by 5s: while the machine slept", "late by 5s: while the machine slept"),
        ("tried again; late by 1h5m: first seen after their time", "late by 1h5m: first seen after their time"),
        ("exit code 3", ""),
        ("", ""),
    ],
)
def test_the_lateness_in_a_reason_is_found_again(reason: str, said: str) -> None:
    assert lateness_in(reason) == said
