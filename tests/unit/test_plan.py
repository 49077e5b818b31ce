"""What plan() makes of the instants that have come due: each is accounted for, under every policy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jarvis.scheduler.model import Plan, Policy, RunState, Task
from jarvis.scheduler.plan import WHILE_PAUSED, passed_over, plan
from jarvis.scheduler.schedule import Cron, Interval, Once, Schedule

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def task(schedule: Schedule | None = None, *, next_run_at: datetime | None = START, **policy: object) -> Task:
    return Task(
        id=1,
        name="t",
        schedule=schedule or Interval(10 * SECOND, START),
        handler="noop",
        params={},
        policy=Policy(**policy),  # type: ignore[arg-type]
        origin="user",
        created_at=START,
        revision=1,
        enabled=True,
        paused_at=None,
        pause_reason=None,
        next_run_at=next_run_at,
    )


def rows(made: Plan) -> list[tuple[str, float, int]]:
    return [(row.state.value, (row.due_at - START).total_seconds(), row.count) for row in made.record]


def test_nothing_is_recorded_before_the_time_has_come() -> None:
    made = plan(task(), at(-0.001))
    assert made == Plan((), START)


def test_an_occurrence_seen_at_its_very_instant_runs() -> None:
    made = plan(task(), START)
    assert rows(made) == [("pending", 0, 1)]
    assert made.next_run_at == at(10)


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
