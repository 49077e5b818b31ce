"""Schedules and their bounds: what is an instant of them, what is refused, how they read and are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from jarvis.scheduler.cron import CronError
from jarvis.scheduler.schedule import (
    MICROSECOND,
    Cron,
    Interval,
    Once,
    Rrule,
    Schedule,
    ScheduleError,
    bind,
    first_run_at,
    jittered,
)
from jarvis.scheduler.zone import ZoneError

START = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
NAIVE = datetime(2026, 3, 2, 9)  # noqa: DTZ001 - what is to be refused
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
DENVER = timezone(-7 * HOUR)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def walk(schedule: Schedule, after: datetime, number: int) -> list[str]:
    found: list[str] = []
    at = schedule.next_after(after)
    while at is not None and len(found) < number:
        found.append(at.strftime("%m-%d %H:%M"))
        at = schedule.next_after(at)
    return found


# ------------------------------------------------------------------ bounds
def test_no_instant_comes_before_starts_at_which_is_one_itself() -> None:
    schedule = Interval(HOUR, START, starts_at=START + 5 * HOUR)
    assert schedule.next_after(START) == START + 5 * HOUR
    assert schedule.previous_before(START + 5 * HOUR) is None
    assert schedule.previous_before(START + 6 * HOUR) == START + 5 * HOUR
    assert schedule.count(START, START + 6 * HOUR) == 2


def test_no_instant_comes_after_ends_at_which_is_one_itself() -> None:
    schedule = Cron("0 * * * *", ends_at=START + 2 * HOUR)
    assert schedule.next_after(START + HOUR) == START + 2 * HOUR
    assert schedule.next_after(START + 2 * HOUR) is None
    assert schedule.previous_before(START + 50 * DAY) == START + 2 * HOUR
    assert schedule.previous_before(START + 2 * HOUR) == START + HOUR
    assert schedule.count(START, START + 50 * DAY) == 3


def test_bounds_are_kept_in_utc() -> None:
    schedule = Interval(HOUR, START.astimezone(DENVER), starts_at=START.astimezone(DENVER))
    assert schedule.starts_at is not None
    assert schedule.anchor is not None
    assert (schedule.starts_at.tzinfo, schedule.anchor.tzinfo) == (UTC, UTC)
    assert schedule == Interval(HOUR, START, starts_at=START)


def test_excluded_days_are_those_of_the_schedules_zone() -> None:
    schedule = Cron("30 23 * * *", "America/Denver", exclude=("Saturday", "sunday"))
    friday = utc("2026-03-06T00:00:00-07:00")
    assert walk(schedule, friday, 2) == ["03-07 06:30", "03-10 05:30"]  # Friday, then Monday in summer time
    assert schedule.count(START, START + 28 * DAY) == 20


def test_a_long_exclusion_is_jumped_over() -> None:
    schedule = Interval(timedelta(milliseconds=100), START, exclude=("2026-03-05..2026-03-14",))
    eve, morning = utc("2026-03-04T23:59:59.900Z"), utc("2026-03-15T00:00:00Z")
    begin = process_time()
    for _ in range(1_000):
        assert schedule.next_after(eve) == morning
        assert schedule.previous_before(morning) == eve
    assert schedule.count(eve, morning) == 2
    assert process_time() - begin < 1.0  # 36 microseconds here for the pair; a walk would take 17 million steps


def test_a_schedule_whose_every_instant_is_excluded_ends_the_search() -> None:
    never = Cron("0 9 * * sat", exclude=("sat",))
    begin = process_time()
    assert never.next_after(START) is None
    assert never.previous_before(START) is None
    assert never.count(START, START + 365 * DAY) == 0
    assert process_time() - begin < 2.0


def test_the_rarest_instants_are_found_past_decades_of_excluded_ones() -> None:
    """29 February 2032 is the next that is a Sunday."""
    schedule = Cron("0 9 29 2 mon", exclude=("mon", "tue", "wed", "thu", "fri", "sat"))
    assert schedule.next_after(START) == utc("2032-02-29T09:00Z")
    assert schedule.previous_before(START) == utc("2004-02-29T09:00Z")


def test_centuries_of_excluded_dates_are_passed_both_ways() -> None:
    schedule = Cron("0 9 * * *", exclude=("2027-01-01..2399-12-31",))
    assert schedule.next_after(utc("2026-12-31T09:00Z")) == utc("2400-01-01T09:00Z")
    assert schedule.previous_before(utc("2400-01-01T09:00Z")) == utc("2026-12-31T09:00Z")


def test_bounds_that_leave_a_single_instant_are_enough() -> None:
    schedule = Cron("0 0 * * *", starts_at=START, ends_at=utc("2026-03-10T00:00Z"), exclude=("2026-03-02..2026-03-09",))
    assert schedule.next_after(START) == schedule.ends_at
    assert schedule.count(START, START + 50 * DAY) == 1


def test_bounds_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ScheduleError, match="everything between starts_at and ends_at is excluded"):
        Interval(HOUR, START, starts_at=START, ends_at=START + DAY, exclude=("2026-03-01..2026-03-09",))


def test_max_runs_is_carried_and_changes_no_instant() -> None:
    assert Interval(HOUR, START, max_runs=1).count(START, START + 9 * HOUR) == 10


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"ends_at": START - SECOND, "starts_at": START}, "is not after starts_at"),
        ({"ends_at": START, "starts_at": START}, "is not after starts_at"),
        ({"starts_at": NAIVE}, "has no time zone: add an offset"),
        ({"ends_at": NAIVE}, "has no time zone"),
        ({"starts_at": "2026-03-01"}, "expected a datetime with a time zone"),
        ({"max_runs": 0}, "max_runs 0 is not a whole number from 1 up"),
        ({"max_runs": True}, "max_runs True"),
        ({"max_runs": 1.5}, "max_runs 1.5"),
        ({"jitter": -SECOND}, "a jitter of -1s is not allowed"),
        ({"jitter": DAY + SECOND}, "from 0s to 1d"),
        ({"jitter": 30}, "jitter is a timedelta"),
        ({"exclude": "sat"}, "exclude is a list of entries"),
        ({"exclude": (6,)}, "cannot exclude 6"),
        ({"exclude": ("someday",)}, "cannot exclude 'someday'"),
        ({"exclude": ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}, "nothing would ever run"),
    ],
)
def test_bounds_that_cannot_be_meant_are_refused(bounds: dict[str, Any], said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        Cron("0 9 * * *", **bounds)


@pytest.mark.parametrize(
    "schedule", [Interval(HOUR, START), Cron("0 * * * *"), Once(START), Rrule("FREQ=DAILY", START)]
)
def test_a_naive_moment_is_refused_everywhere(schedule: Schedule) -> None:
    for ask in (schedule.next_after, schedule.previous_before, lambda t: schedule.count(START, t)):
        with pytest.raises(ScheduleError, match="has no time zone"):
            ask(NAIVE)


@pytest.mark.parametrize("make", [Interval, Once, Rrule, Cron])
def test_an_unknown_zone_is_refused_with_the_nearest_there_is(make: Any) -> None:
    rule = {Interval: HOUR, Once: START, Rrule: "FREQ=DAILY", Cron: "0 9 * * *"}[make]
    with pytest.raises(ZoneError, match=r"Did you mean America/Denver\?"):
        make(rule, tz="America/Denvr")


@pytest.mark.parametrize("end", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
def test_the_ends_of_the_calendar_are_no_error(end: datetime) -> None:
    for schedule in (
        Interval(HOUR, START, exclude=("sat",)),
        Cron("0 9 * * *", "Asia/Tokyo", exclude=("sat",)),
        Rrule("FREQ=DAILY", START, "Asia/Tokyo"),
        Interval(HOUR, START, ends_at=datetime.max.replace(tzinfo=UTC)),
    ):
        schedule.next_after(end)
        schedule.previous_before(end)


def test_moments_in_other_zones_mean_the_same_instants() -> None:
    """Arithmetic on a datetime in a zone would follow the wall clock: a microsecond before 03:00 is skipped."""
    after_gap = datetime(2026, 3, 8, 3, tzinfo=ZoneInfo("America/Denver"))
    for schedule in (Cron("30 2 * * *", "America/Denver"), Interval(HOUR, START), Once(utc("2026-03-08T09:00Z"))):
        assert schedule.count(after_gap, after_gap) == 1
        assert schedule.previous_before(after_gap) == schedule.previous_before(after_gap.astimezone(UTC))


# ------------------------------------------------------------------ cron
@pytest.mark.parametrize(
    "schedule",
    [Cron("0 * * * *", "Asia/Tokyo"), Interval(HOUR, START.astimezone(DENVER)), Once(START.astimezone(DENVER))],
)
def test_every_instant_that_comes_out_is_in_utc(schedule: Schedule) -> None:
    following, previous = schedule.next_after(START - DAY), schedule.previous_before(START + DAY)
    assert following is not None
    assert previous is not None
    assert (following.tzinfo, previous.tzinfo) == (UTC, UTC)
    assert previous.tzinfo is UTC, "another zone of no offset would be converted again at every step"


def test_the_policies_for_skipped_and_repeated_hours_are_passed_on() -> None:
    day = utc("2026-03-08T00:00:00-07:00")
    assert walk(Cron("30 2 * * *", "America/Denver"), day, 1) == ["03-08 09:00"]
    assert walk(Cron("30 2 * * *", "America/Denver", dst_gap="skip"), day, 1) == ["03-09 08:30"]
    autumn = utc("2026-11-01T00:00:00-06:00")
    both = Cron("30 1 * * *", "America/Denver", dst_repeat="both")
    assert walk(both, autumn, 2) == ["11-01 07:30", "11-01 08:30"]
    assert both.count(autumn, autumn + DAY) == 2


@pytest.mark.parametrize("policy", [{"dst_gap": "never"}, {"dst_repeat": "third"}])
def test_an_unknown_policy_is_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(CronError, match="is unknown: allowed are"):
        Cron("30 2 * * *", **policy)


def test_a_million_minutes_are_counted_without_visiting_them() -> None:
    schedule = Cron("* * * * *", "America/New_York")
    begin = process_time()
    assert schedule.count(START, START + timedelta(minutes=999_999)) == 1_000_000
    assert process_time() - begin < 0.5


# ------------------------------------------------------------------ intervals
@pytest.mark.parametrize(
    ("every", "said"),
    [
        (timedelta(0), "too short"),
        (-HOUR, "an interval of -1h is too short"),
        (timedelta(milliseconds=99), "the shortest is 100ms"),
        (True, "is a timedelta, not True"),
        (float("nan"), "is a timedelta, not nan"),
        (60, "is a timedelta, not 60"),
    ],
)
def test_lengths_that_are_no_interval_are_refused(every: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        Interval(every)


def test_the_jitter_of_an_interval_stays_within_it() -> None:
    assert Interval(HOUR, jitter=HOUR - MICROSECOND).jitter < HOUR
    with pytest.raises(ScheduleError, match="a jitter of 1h is not shorter than the interval of 1h"):
        Interval(HOUR, jitter=HOUR)


def test_intervals_of_a_tenth_of_a_second_never_drift() -> None:
    schedule = Interval(timedelta(milliseconds=100), START)
    assert schedule.next_after(START + 10_000 * DAY) == START + 10_000 * DAY + timedelta(milliseconds=100)


def test_an_interval_without_anchor_says_so_until_it_is_bound() -> None:
    with pytest.raises(ScheduleError, match="has no anchor yet"):
        Interval(HOUR).next_after(START)
    bound = bind(Interval(HOUR), START + timedelta(milliseconds=7))
    assert bound == Interval(HOUR, START)
    assert first_run_at(bound, START) == START + HOUR


def test_after_completion_counts_from_the_end_of_the_run_within_the_bounds() -> None:
    end = START + 7 * SECOND
    schedule = Interval(HOUR, START, after_completion=True, ends_at=START + 30 * DAY, exclude=("tue",))
    assert schedule.next_after_completion(end) == end + HOUR
    assert schedule.next_after_completion(utc("2026-03-02T23:30Z")) == utc("2026-03-04T00:00Z")
    assert schedule.next_after_completion(START + 30 * DAY) is None
    later = Interval(HOUR, START, after_completion=True, starts_at=START + DAY)
    assert later.next_after_completion(end) == START + DAY
    with pytest.raises(ScheduleError, match="has no time zone"):
        schedule.next_after_completion(NAIVE)


# ------------------------------------------------------------------ once
def test_once_outside_its_own_bounds_is_refused() -> None:
    assert Once(START, starts_at=START, ends_at=START + HOUR).next_after(START - SECOND) == START
    for bounds in ({"starts_at": START + SECOND}, {"ends_at": START - SECOND}, {"exclude": ("mon",)}):
        with pytest.raises(ScheduleError, match="its own bounds leave nothing"):
            Once(START, **bounds)
    with pytest.raises(ScheduleError, match="has no time zone"):
        Once(NAIVE)


def test_once_comes_neither_after_nor_before_itself() -> None:
    once = Once(START)
    assert (once.next_after(START), once.previous_before(START)) == (None, None)
    assert (once.next_after(START - MICROSECOND), once.previous_before(START + MICROSECOND)) == (START, START)


def test_after_completion_may_fall_on_the_very_end() -> None:
    schedule = Interval(HOUR, START, after_completion=True, ends_at=START + DAY)
    assert schedule.next_after_completion(START + DAY - HOUR) == START + DAY
    assert schedule.next_after_completion(START + DAY - HOUR + MICROSECOND) is None


def test_a_recurrence_without_a_start_takes_the_second_its_task_was_made_and_one_with_a_start_keeps_it() -> None:
    made = START + timedelta(microseconds=5)
    assert bind(Rrule("FREQ=DAILY"), made) == Rrule("FREQ=DAILY", START)
    assert bind(Rrule("FREQ=DAILY", START - DAY), made) == Rrule("FREQ=DAILY", START - DAY)


# ------------------------------------------------------------------ jitter
def test_without_jitter_an_occurrence_starts_when_it_is_due() -> None:
    assert jittered(Cron("0 9 * * *"), START, "t") is START


def test_jitter_is_spread_and_decided_by_seed_and_instant_alone() -> None:
    schedule = Cron("0 9 * * *", jitter=timedelta(minutes=10))
    offsets = [jittered(schedule, START + day * DAY, "backup") - START - day * DAY for day in range(1_000)]
    assert offsets[0] == timedelta(seconds=15, microseconds=620_155)  # for ever
    assert max(offsets) < timedelta(minutes=10)
    thirds = [offset.seconds // 200 for offset in offsets]
    assert all(280 < thirds.count(third) < 390 for third in range(3))
    assert jittered(schedule, START.astimezone(DENVER), "backup") == jittered(schedule, START, "backup")
    assert jittered(schedule, START, "other") != jittered(schedule, START, "backup")
    assert jittered(schedule, START, 7) == jittered(schedule, START, "7")


# ------------------------------------------------------------------ as people and the store read them
@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (Interval(2 * HOUR, START), "every 2h"),
        (
            Interval(2 * HOUR, START, starts_at=utc("2026-03-01T00:00Z"), exclude=("sun", "sat")),
            "every 2h from 2026-03-01, not on sat, sun",
        ),
        (
            Interval(2 * HOUR, START, starts_at=utc("2026-03-01T00:00:00.5Z"), max_runs=2),
            "every 2h from 2026-03-01T00:00:00.500000+00:00, at most 2 runs",
        ),
        (
            Interval(HOUR, START, after_completion=True, max_runs=1),
            "every 1h after the end of the last run, at most 1 run",
        ),
        (
            Cron("0 9 * * *", "America/Denver", starts_at=START, ends_at=START + DAY, max_runs=5, jitter=30 * SECOND),
            "cron 0 9 * * * (America/Denver) from 2026-03-02T02:00:00-07:00, until 2026-03-03T02:00:00-07:00, "
            "at most 5 runs, up to 30s later",
        ),
        (Cron("0 9 * * *", dst_gap="skip", dst_repeat="both"), "cron 0 9 * * * (UTC, dst_gap=skip, dst_repeat=both)"),
        (Once(START, "Asia/Tokyo"), "once at 2026-03-02T18:00:00+09:00"),
        (Rrule("rrule:freq=daily", START), "rrule FREQ=DAILY (UTC)"),
    ],
)
def test_a_schedule_reads_as_a_person_would_say_it(schedule: Schedule, text: str) -> None:
    assert schedule.describe() == text


@pytest.mark.parametrize(
    "schedule",
    [
        Cron("0 9 * * *", "America/Denver", "skip", "both", exclude=("sat", "2026-12-24..2027-01-02")),
        Interval(timedelta(milliseconds=100), START, after_completion=True, jitter=timedelta(microseconds=1)),
        Once(START, max_runs=3),
        Rrule("FREQ=DAILY;COUNT=3", START, "America/Denver", starts_at=START, ends_at=START + DAY),
    ],
)
def test_a_schedule_comes_back_from_the_store_as_it_was(schedule: Schedule) -> None:
    decoded: Schedule = msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule)
    assert decoded == schedule
    assert hash(decoded) == hash(schedule)
    assert decoded.next_after(START - DAY) == schedule.next_after(START - DAY)


@pytest.mark.parametrize(
    ("row", "schedule"),
    [
        (b'{"type":"cron","expr":"0 9 * * *"}', Cron("0 9 * * *")),
        (b'{"type":"interval","every":"PT10S","anchor":"2026-03-02T09:00:00Z"}', Interval(10 * SECOND, START)),
        (b'{"type":"once","at":"2026-03-02T09:00:00Z","tz":"Asia/Tokyo"}', Once(START, "Asia/Tokyo")),
    ],
)
def test_rows_written_before_there_were_bounds_are_read_and_written_the_same(row: bytes, schedule: Schedule) -> None:
    assert msgspec.json.decode(row, type=Schedule) == schedule
    assert msgspec.json.encode(schedule) == row
