"""Properties of schedules with bounds and exclusions, against a plain walk of the bare rule.

The oracle shares no code with the bounds: it walks the rule without them, instant by instant, and asks zoneinfo
for the local date of each. Zones and years are chosen for their changes: skipped and repeated midnights, half an
hour (Lord Howe), a skipped day (Apia 2011), changes just before and after midnight (Pyongyang, St. John's).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jarvis.scheduler.cron import CronExpression
from jarvis.scheduler.cron_count import count_instants
from jarvis.scheduler.exclusion import WEEKDAYS, canonical, open_time
from jarvis.scheduler.schedule import MICROSECOND, Cron, Interval, Rrule, Schedule, jittered

DAY = timedelta(days=1)
SPAN = 40 * DAY
MOST = 6_000
# Each with the day of a change of its clock, around which everything is tried.
CHANGES = [
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Beirut", date(2026, 3, 29)),
    ("Asia/Pyongyang", date(2018, 5, 4)),
    ("America/St_Johns", date(2006, 10, 29)),
    ("Africa/Cairo", date(2026, 10, 30)),
    ("America/Havana", date(2026, 11, 1)),
    ("Antarctica/Casey", date(2018, 3, 11)),
    ("UTC", date(2026, 3, 8)),
]
EXPRESSIONS = [
    "* * * * *", "*/15 * * * *", "30 2 * * *", "0 2,3 * * *", "0 0 * * *", "30 1,2 * * *", "59 23 * * *", "0 9 * * 1-5",
    "15 */5 * * *", "0 12 1,15 * *", "*/20 0-3 * * *", "30 0,23 * * 6,0", "5 0 * * * *", "*/30 59 23 * * *",
]  # fmt: skip
RULES = [
    "FREQ=DAILY", "FREQ=DAILY;BYHOUR=0,2,23;BYMINUTE=0,30", "FREQ=HOURLY", "FREQ=HOURLY;INTERVAL=5", "FREQ=WEEKLY",
    "FREQ=MINUTELY;INTERVAL=13", "FREQ=MINUTELY;INTERVAL=7;BYHOUR=1,2,3", "FREQ=MONTHLY;BYDAY=1SU,-1SA",
    "FREQ=DAILY;COUNT=25", "FREQ=MINUTELY;INTERVAL=30;COUNT=99", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SA,SU",
]  # fmt: skip


def bare(draw: st.DrawFn, tz: str, around: datetime) -> Schedule:
    kind = draw(st.sampled_from(["cron", "interval", "rrule"]))
    if kind == "cron":
        policies = draw(st.sampled_from([{}, {"dst_gap": "skip"}, {"dst_repeat": "both"}, {"dst_repeat": "second"}]))
        return Cron(draw(st.sampled_from(EXPRESSIONS)), tz, **policies)  # type: ignore[arg-type]
    start = around + timedelta(minutes=draw(st.integers(-30_000, 30_000)))
    if kind == "interval":
        return Interval(
            timedelta(seconds=draw(st.integers(400, 200_000)), microseconds=draw(st.integers(0, 9))), start, tz
        )
    return Rrule(draw(st.sampled_from(RULES)), start, tz)


def entries(draw: st.DrawFn, around: date) -> tuple[str, ...]:
    weekdays = draw(st.lists(st.sampled_from(WEEKDAYS), max_size=3, unique=True))
    ranges = []
    for first, length in draw(st.lists(st.tuples(st.integers(-15, 15), st.integers(0, 9)), max_size=3)):
        begin = around + first * DAY
        ranges.append(f"{begin}..{begin + length * DAY}" if length else f"{begin}")
    return (*weekdays, *ranges)


@st.composite
def bounded(draw: st.DrawFn) -> tuple[Schedule, Schedule, datetime]:
    """(the schedule with its bounds, its bare rule, an instant near a change of its zone's clock)"""
    tz, day = draw(st.sampled_from(CHANGES))
    around = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rule = bare(draw, tz, around)
    moments = st.integers(-20 * 86_400, 20 * 86_400).map(lambda seconds: around + timedelta(seconds=seconds))
    starts_at, ends_at = draw(st.none() | moments), draw(st.none() | moments)
    assume(starts_at is None or ends_at is None or starts_at < ends_at)
    try:
        schedule = msgspec.structs.replace(rule, starts_at=starts_at, ends_at=ends_at, exclude=entries(draw, day))
    except ValueError as error:
        assume("nothing would ever run" not in str(error))
        raise
    return schedule, rule, around


def allowed(schedule: Schedule, at: datetime) -> bool:
    """Whether the bounds allow an instant, straight from their definition."""
    local = at.astimezone(ZoneInfo(schedule.tz)).date()
    for entry in schedule.exclude:
        first, _, last = entry.partition("..")
        if entry == WEEKDAYS[local.weekday()] or (entry not in WEEKDAYS and first <= str(local) <= (last or first)):
            return False
    return (schedule.starts_at is None or at >= schedule.starts_at) and (
        schedule.ends_at is None or at <= schedule.ends_at
    )


def walked(schedule: Schedule, first: datetime, last: datetime) -> list[datetime]:
    """Every instant in first..last, one next_after at a time."""
    found: list[datetime] = []
    at = schedule.next_after(first - MICROSECOND)
    while at is not None and at <= last and len(found) < MOST:
        found.append(at)
        at = schedule.next_after(at)
    assume(len(found) < MOST)
    return found


@settings(max_examples=150)
@given(bounded(), st.data())
def test_a_bounded_schedule_is_its_rule_with_instants_left_out(
    made: tuple[Schedule, Schedule, datetime], data: st.DataObject
) -> None:
    schedule, rule, around = made
    first = around + timedelta(seconds=data.draw(st.integers(-20 * 86_400, 0)))
    last = first + timedelta(seconds=data.draw(st.integers(0, 6 * 86_400)))
    expected = [at for at in walked(rule, first, last) if allowed(schedule, at)]
    found = walked(schedule, first, last)
    assert found == expected
    assert all(one < other for one, other in pairwise(found))
    assert schedule.count(first, last) == len(found)
    assert all(at.tzinfo is UTC for at in found)


@settings(max_examples=200)
@given(bounded(), st.data())
def test_next_and_previous_are_each_others_inverse(
    made: tuple[Schedule, Schedule, datetime], data: st.DataObject
) -> None:
    schedule, _, around = made
    t = around + timedelta(seconds=data.draw(st.integers(-20 * 86_400, 20 * 86_400)))
    following, before = schedule.next_after(t), schedule.previous_before(t)
    if following is not None:
        assert following > t
        assert schedule.previous_before(following + MICROSECOND) == following
        earlier = schedule.previous_before(following)
        assert earlier is None or earlier <= t
    if before is not None:
        assert before < t
        assert schedule.next_after(before - MICROSECOND) == before
        later = schedule.next_after(before)
        assert later is None or later >= t
    if following is not None and before is not None:
        assert schedule.count(before, following) == 2 + (schedule.count(t, t) if following != t else 0)


@settings(max_examples=200)
@given(bounded(), st.data())
def test_the_next_instant_does_not_depend_on_where_the_search_starts(
    made: tuple[Schedule, Schedule, datetime], data: st.DataObject
) -> None:
    schedule, _, around = made
    t = around + timedelta(seconds=data.draw(st.integers(-20 * 86_400, 20 * 86_400)))
    following = schedule.next_after(t)
    if following is None:
        return
    share = data.draw(st.integers(0, 1_000_000))
    between = t + (following - t) * share // 1_000_001
    assert schedule.next_after(between) == following
    elsewhere = between.astimezone(ZoneInfo("America/Denver"))
    assert schedule.next_after(elsewhere) == following


@settings(max_examples=100)
@given(bounded())
def test_a_schedule_survives_the_store(made: tuple[Schedule, Schedule, datetime]) -> None:
    schedule, _, around = made
    back: Schedule = msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule)
    assert (back, hash(back), back.describe()) == (schedule, hash(schedule), schedule.describe())
    assert back.next_after(around) == schedule.next_after(around)


@settings(max_examples=150)
@given(
    st.sampled_from([*EXPRESSIONS, "0 0 L * *", "0 0 LW * 5#2", "30 2 29 2 *", "0 3 */5 2-4 1"]),
    st.sampled_from(CHANGES),
    st.sampled_from(["run_after", "skip"]),
    st.sampled_from(["first", "second", "both"]),
    st.integers(-30 * 86_400_000_000, 2 * 86_400_000_000),
    st.integers(0, 3 * 86_400_000_000),
)
def test_counting_by_arithmetic_agrees_with_walking(
    expr: str, change: tuple[str, date], gap: str, repeat: str, begin: int, length: int
) -> None:
    tz, day = change
    expression = CronExpression(expr, tz, dst_gap=gap, dst_repeat=repeat)  # type: ignore[arg-type]
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(microseconds=begin)
    for last in (first + timedelta(microseconds=length), first + timedelta(microseconds=length) * 10):
        walk = sum(1 for _ in expression.between(first - MICROSECOND, last))
        assert count_instants(expression, first, last) == walk


@pytest.mark.parametrize("expr", ["0 0 29 2 *", "0 2,3 * * *", "0 9 13 * 5", "30 2 * * *", "0 12 LW 3 *", "0 0 31 * *"])
@pytest.mark.parametrize("tz", ["America/New_York", "UTC"])
def test_decades_are_counted_like_they_are_walked(expr: str, tz: str) -> None:
    expression = CronExpression(expr, tz)
    first, last = datetime(1995, 5, 17, 3, tzinfo=UTC), datetime(2031, 8, 2, 1, tzinfo=UTC)
    assert count_instants(expression, first, last) == sum(1 for _ in expression.between(first - MICROSECOND, last))


@settings(max_examples=300)
@given(
    st.integers(1, 86_400_000_000),
    st.integers(0, 4_000_000_000_000_000),
    st.text(max_size=9) | st.integers(),
    st.data(),
)
def test_jitter_is_stable_and_within_its_range(width: int, since: int, seed: str | int, data: st.DataObject) -> None:
    schedule = Cron("0 9 * * *", jitter=timedelta(microseconds=width))
    due_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=since)
    started = jittered(schedule, due_at, seed)
    assert due_at <= started < due_at + schedule.jitter
    assert jittered(schedule, due_at, seed) == started
    wider = msgspec.structs.replace(schedule, exclude=("sat",), max_runs=data.draw(st.integers(1, 9)))
    assert jittered(wider, due_at, seed) == started


@settings(max_examples=200)
@given(st.data())
def test_open_time_is_what_its_definition_says(data: st.DataObject) -> None:
    tz, day = data.draw(st.sampled_from(CHANGES))
    closed = canonical(data.draw(st.composite(lambda draw: entries(draw, day))()))
    opened = open_time(closed, tz)
    around = datetime(day.year, day.month, day.day, tzinfo=UTC)
    t = around + timedelta(seconds=data.draw(st.integers(-3 * 86_400, 3 * 86_400)))
    asked = Cron("* * * * *", tz, exclude=closed)
    assert (opened.opens(t) == t) == allowed(asked, t)
    found, since = opened.opens(t), opened.closed_since(t)
    assert found is not None
    assert allowed(asked, found)
    assert (since is None) == allowed(asked, t)
    if since is not None:
        assert allowed(asked, since - MICROSECOND)
        for share in range(8):
            assert not allowed(asked, since + (t - since) * share / 7)
            assert not allowed(asked, t + (found - MICROSECOND - t) * share / 7)
