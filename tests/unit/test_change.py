"""What another schedule makes of a stored task: what counts on, what counts anew, and what comes next."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from jarvis.scheduler.change import Change, change, kept
from jarvis.scheduler.model import Task
from jarvis.scheduler.schedule import After, Cron, Interval, Once, OnEvent, Rrule, Schedule
from tests.stored import START, a_task

HOUR = timedelta(hours=1)
NOW = START + 150 * timedelta(minutes=1)


def task(schedule: Schedule, *, next_run_at: datetime | None = START + 3 * HOUR, starts: int = 2) -> Task:
    return a_task(schedule, next_run_at=next_run_at, starts=starts)


@pytest.mark.parametrize(
    "schedule",
    [
        Interval(HOUR, START),
        Interval(HOUR, START, after_completion=True),
        Cron("0 * * * *", "Asia/Tokyo"),
        Once(START + 3 * HOUR),
        Rrule("FREQ=HOURLY", dtstart=START),
    ],
)
def test_the_schedule_it_has_moves_nothing(schedule: Schedule) -> None:
    stored = task(schedule)
    assert kept(stored, schedule)
    assert change(stored, schedule, NOW) == Change(schedule, START + 3 * HOUR, 2)


@pytest.mark.parametrize(
    ("stored", "stated"),
    [
        (Interval(HOUR, START), Interval(HOUR)),
        (Rrule("FREQ=HOURLY", dtstart=START), Rrule("FREQ=HOURLY")),
    ],
)
def test_where_a_rule_counts_from_need_not_be_said_again(stored: Schedule, stated: Schedule) -> None:
    assert kept(task(stored), stated)
    assert change(task(stored), stated, NOW) == Change(stored, START + 3 * HOUR, 2)


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        (Interval(HOUR, START), Interval(2 * HOUR, START)),
        (Interval(HOUR, START), Interval(HOUR, START, after_completion=True)),
        (Interval(HOUR, START), Interval(HOUR, START + timedelta(minutes=1))),
        (Cron("0 * * * *"), Cron("5 * * * *")),
        (Cron("0 * * * *"), Cron("0 * * * *", "Asia/Kolkata")),
        (Once(START + HOUR), Once(START + 2 * HOUR)),
        (Rrule("FREQ=HOURLY", dtstart=START), Rrule("FREQ=DAILY", dtstart=START)),
        (Interval(HOUR, START), Cron("0 * * * *")),
    ],
)
def test_anything_else_is_another_schedule(stored: Schedule, wanted: Schedule) -> None:
    assert not kept(task(stored), wanted)


@pytest.mark.parametrize(
    ("wanted", "following"),
    [
        (Interval(2 * HOUR), NOW + 2 * HOUR),
        (Interval(HOUR, after_completion=True), NOW + HOUR),
        (Cron("5 * * * *"), START + timedelta(hours=3, minutes=5)),
        (Once(START + 5 * HOUR), START + 5 * HOUR),
        (Rrule("FREQ=DAILY"), NOW + 24 * HOUR),
    ],
)
def test_another_rule_counts_from_now_and_its_runs_from_none(wanted: Schedule, following: datetime) -> None:
    made = change(task(Interval(HOUR, START)), wanted, NOW)
    assert (made.next_run_at, made.starts) == (following, 0)


def test_new_bounds_leave_the_rule_its_anchor_and_its_count() -> None:
    made = change(task(Interval(HOUR, START)), Interval(HOUR, ends_at=START + 9 * HOUR), NOW)
    assert made == Change(Interval(HOUR, START, ends_at=START + 9 * HOUR), START + 3 * HOUR, 2)


def test_an_anchor_that_is_stated_anew_is_the_anchor() -> None:
    other = START + timedelta(minutes=1)
    assert change(task(Interval(HOUR, START)), Interval(HOUR, other), NOW).next_run_at == other + 3 * HOUR


def test_an_anchor_that_was_no_more_than_the_start_goes_with_it() -> None:
    stored = task(Interval(HOUR, START + 24 * HOUR, starts_at=START + 24 * HOUR))
    assert change(stored, Interval(HOUR), NOW).next_run_at == NOW + HOUR


@pytest.mark.parametrize(("most", "following"), [(1, None), (2, None), (3, START + 3 * HOUR)])
def test_a_rule_that_has_run_as_often_as_it_may_has_no_next(most: int, following: datetime | None) -> None:
    made = change(task(Interval(HOUR, START)), Interval(HOUR, max_runs=most), NOW)
    assert (made.next_run_at, made.starts) == (following, 2)


@pytest.mark.parametrize("left", [None, START + 3 * HOUR])
def test_the_one_instant_of_a_task_is_not_recorded_again_because_its_bounds_changed(left: datetime | None) -> None:
    once = Once(START + 3 * HOUR)
    bounded = msgspec.structs.replace(once, jitter=timedelta(minutes=1))
    assert change(task(once, next_run_at=left), bounded, NOW).next_run_at == left


def test_another_instant_is_due_even_where_it_has_passed() -> None:
    assert change(task(Once(START + 3 * HOUR)), Once(START), NOW).next_run_at == START


@pytest.mark.parametrize(
    ("stored", "wanted", "starts"),
    [
        (OnEvent("a", "b"), OnEvent("a", "b", debounce=HOUR), 2),
        (OnEvent("a", "b"), OnEvent("a", "b", max_runs=9), 2),
        (OnEvent("a", "b"), OnEvent("a", "c"), 0),
        (OnEvent("a", "b"), OnEvent("b", "b"), 0),
        (After("a"), After("a", end="failed"), 2),
        (After("a"), After("b"), 0),
        (After("a"), OnEvent("a", "b"), 0),
        (Interval(HOUR, START), After("a"), 0),
    ],
)
def test_what_no_time_starts_has_no_next_instant_and_counts_on_by_what_does(
    stored: Schedule, wanted: Schedule, starts: int
) -> None:
    assert not kept(task(stored), wanted)
    assert change(task(stored), wanted, NOW) == Change(wanted, None, starts)


def test_an_event_task_that_becomes_timed_is_due_from_now_on() -> None:
    before = task(OnEvent("a", "b"), next_run_at=None)
    assert change(before, Cron("0 * * * *"), NOW) == Change(Cron("0 * * * *"), START + 3 * HOUR, 0)
    once = Once(START + 9 * HOUR)
    assert change(before, once, NOW) == Change(once, once.at, 0)
