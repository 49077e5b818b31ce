"""Properties of quiet hours, digest times and days, against a walk through every minute.

The oracle asks zoneinfo what the clock on the wall shows at each minute, and shares no code with what it judges.
Zones and dates are chosen for their changes: forward and back by an hour and by half of one, around midnight, a
skipped day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis.scheduler.exclusion import WEEKDAYS
from jarvis.scheduler.quiet import QuietError, QuietHours, Window, read_window, refuse_endless
from jarvis.scheduler.wallclock import day_start, next_time

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
CHANGES = [
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Asia/Beirut", date(2026, 3, 29)),  # from midnight to one
    ("America/Havana", date(2026, 11, 1)),  # from one back to midnight
    ("Africa/Cairo", date(2026, 10, 30)),  # from midnight back to eleven of the day before
    ("America/Toronto", date(1919, 3, 31)),  # from half past eleven to half past midnight
    ("Pacific/Apia", date(2011, 12, 30)),  # a day that was not
    ("UTC", date(2026, 3, 8)),
]
change = st.sampled_from(CHANGES)


@cache
def walls(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """Every minute of the days around, as an instant and as the wall shows it."""
    first = datetime.combine(day, time(), UTC) - 4 * DAY
    return [(t, t.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for t in (first + n * MINUTE for n in range(12_960))]


def stretches(zone: str, day: date, windows: list[Window]) -> list[tuple[datetime, datetime]]:
    """When it is quiet: from the first minute that shows the start on, to the last that shows less than the end."""
    found = []
    for ahead in range(-4, 6):
        begin = datetime.combine(day + ahead * DAY, time())
        for window in windows:
            if begin.weekday() not in window.days:
                continue
            start, end = begin + timedelta(seconds=window.start), begin + timedelta(seconds=window.end)
            late = [t for t, wall in walls(zone, day) if wall >= start]
            early = [t for t, wall in walls(zone, day) if wall < end]
            if late and early:
                found.append((late[0], early[-1] + MINUTE))
    return found


@st.composite
def window(draw: st.DrawFn) -> Window:
    days = draw(st.lists(st.sampled_from(WEEKDAYS), max_size=5, unique=True))
    start = draw(st.integers(0, 1439)) if draw(st.booleans()) else draw(st.sampled_from([0, 60, 90, 120, 150, 1410]))
    length = (
        draw(st.sampled_from([1, 15, 30, 60, 90, 540, 1440])) if draw(st.booleans()) else draw(st.integers(1, 1440))
    )
    end = (start + length) % 1440
    if end == start:
        start, end = 0, 1440
    text = f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    return read_window(f"{','.join(days)} {text}")


@settings(max_examples=60)
@given(change, st.lists(window(), min_size=1, max_size=3), st.lists(st.integers(1441, 8_000), max_size=100))
def test_it_is_quiet_when_the_wall_says_so_minute_by_minute(
    where: tuple[str, date], windows: list[Window], at: list[int]
) -> None:
    try:
        refuse_endless(tuple(windows))
    except QuietError:
        return
    zone, day = where
    minutes = [t for t, _ in walls(zone, day)]
    quiet = set()
    found = stretches(zone, day, windows)
    for start, end in found:
        quiet |= {start + n * MINUTE for n in range(max(0, (end - start) // MINUTE))}
    edges = {minutes.index(t) + near for pair in found for t in pair if t in walls_of(zone, day) for near in (-1, 0, 1)}
    hours = QuietHours(tuple(windows), zone)
    for number in {*at, *(edge for edge in edges if 1441 < edge < 8_000)}:
        t = minutes[number]
        until = next((later for later in minutes[number:] if later not in quiet), None) if t in quiet else None
        if until is None and t in quiet:
            continue  # it lasts longer than what was walked through
        assert hours.until(t) == until, (zone, [each.said() for each in windows], t)
        assert hours.until(t + timedelta(seconds=59)) == until


@cache
def walls_of(zone: str, day: date) -> frozenset[datetime]:
    return frozenset(t for t, _ in walls(zone, day))


@settings(max_examples=60)
@given(change, st.lists(st.integers(0, 1439), min_size=1, max_size=4), st.lists(st.integers(1441, 8_000), max_size=40))
def test_the_next_time_is_the_first_minute_that_shows_it_or_what_follows_a_gap(
    where: tuple[str, date], times: list[int], at: list[int]
) -> None:
    zone, day = where
    shown = []
    for ahead in range(-4, 6):
        calendar = day + ahead * DAY
        for minute in times:
            wanted = datetime.combine(calendar, time(minute // 60, minute % 60))
            first = next((each for each in walls(zone, day) if each[1] >= wanted), None)
            if first is not None and first[1].date() == calendar:
                shown.append(first[0])
    for number in at:
        t = walls(zone, day)[number][0]
        assert next_time([60 * each for each in times], zone, t) == min(each for each in shown if each > t)


@settings(max_examples=60)
@given(change, st.lists(st.integers(1441, 8_000), max_size=40))
def test_a_day_begins_with_the_first_minute_of_its_date(where: tuple[str, date], at: list[int]) -> None:
    zone, day = where
    for number in at:
        t, wall = walls(zone, day)[number]
        first = next(each for each, shown in walls(zone, day) if shown.date() >= wall.date())
        assert day_start(zone, t) == first


@given(window())
def test_a_window_reads_back(each: Window) -> None:
    assert read_window(each.said()) == each


@given(st.lists(window(), min_size=1, max_size=6))
def test_windows_are_refused_if_they_leave_no_minute_of_a_week(windows: list[Window]) -> None:
    week = {
        (day * 1440 + minute) % 10_080
        for each in windows
        for day in each.days
        for minute in range(each.start // 60, each.end // 60)
    }
    if len(week) == 10_080:
        with pytest.raises(QuietError, match="no time"):
            refuse_endless(tuple(windows))
    else:
        refuse_endless(tuple(windows))
