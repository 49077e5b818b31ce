"""Quiet hours: what is understood, what is refused with which words, and how they lie around changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jarvis.scheduler.quiet import QuietError, QuietHours, Window, read_time, read_window, refuse_endless, said_time

HOUR = 3600
WEEK = tuple(range(7))


@pytest.mark.parametrize(
    ("text", "window", "said"),
    [
        ("22:00-07:00", Window(WEEK, 22 * HOUR, 31 * HOUR), "22:00-07:00"),
        ("00:00-24:00", Window(WEEK, 0, 24 * HOUR), "00:00-24:00"),
        ("22:00-00:00", Window(WEEK, 22 * HOUR, 24 * HOUR), "22:00-24:00"),
        ("sat,sun 00:00-10:00", Window((5, 6), 0, 10 * HOUR), "sat,sun 00:00-10:00"),
        ("  SUN,Saturday,sun   00:30-10:05 ", Window((5, 6), 1800, 10 * HOUR + 300), "sat,sun 00:30-10:05"),
        ("mon-wed,fri 12:00-13:00", Window((0, 1, 2, 4), 12 * HOUR, 13 * HOUR), "mon,tue,wed,fri 12:00-13:00"),
        ("mon-sun 12:00-13:00", Window(WEEK, 12 * HOUR, 13 * HOUR), "12:00-13:00"),
        ("sun-sun 23:59-00:01", Window((6,), 86_340, 86_460), "sun 23:59-00:01"),
    ],
)
def test_a_window_is_understood_and_said_back(text: str, window: Window, said: str) -> None:
    assert read_window(text) == window
    assert window.said() == said
    assert read_window(said) == window


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "expected such as"),
        ("22:00", "expected such as"),
        ("sat sun 22:00-07:00", "expected such as"),
        ("22:00-25:00", "'25:00' is not a time of day from 00:00 to 23:59"),
        ("24:00-07:00", "'24:00' is not"),
        ("22:60-07:00", "'22:60' is not"),
        ("7:00-08:00", "'7:00' is not"),
        ("٢٢:00-08:00", "is not a time"),
        ("2²:00-08:00", "is not a time"),
        ("22-00-08:00", "'22' is not"),
        ("08:00-08:00", "for the whole day write 00:00-24:00"),
        ("satur 08:00-09:00", "'satur' is not a weekday such as mon or sat. Did you mean saturday?"),
        ("sat,,sun 08:00-09:00", "'' is not a weekday"),
        ("mon- 08:00-09:00", "'' is not a weekday"),
        ("fri-mon 08:00-09:00", "'fri-mon' runs backwards: name the days, as in sat,sun,mon"),
        ("fri-tue 08:00-09:00", "'fri-tue' runs backwards: write fri-sun,mon-tue"),
        ("sun-tue 08:00-09:00", "'sun-tue' runs backwards: name the days"),
    ],
)
def test_what_is_no_window_is_refused_with_why(text: str, hint: str) -> None:
    with pytest.raises(QuietError) as refused:
        read_window(text)
    assert hint in str(refused.value)


def test_a_time_of_day_is_read_and_said() -> None:
    assert [read_time(text) for text in ("00:00", "08:05", "23:59")] == [0, 29_100, 86_340]
    assert [said_time(second) for second in (0, 29_100, 86_340, 86_400)] == ["00:00", "08:05", "23:59", "24:00"]


@pytest.mark.parametrize(
    "windows",
    [
        ["00:00-24:00"],
        ["22:00-10:00", "10:00-22:00"],
        ["mon-sat 00:00-24:00", "sun 00:00-12:00", "sun 11:00-00:00"],
        ["mon-sun 12:00-11:00", "11:00-12:00"],
    ],
)
def test_windows_that_leave_no_time_are_refused(windows: list[str]) -> None:
    with pytest.raises(QuietError, match="together they leave no time in which anything could be told"):
        refuse_endless(tuple(map(read_window, windows)))


@pytest.mark.parametrize(
    "windows",
    [
        [],
        ["22:00-07:00"],
        ["00:01-24:00"],
        ["mon-sat 00:00-24:00", "sun 00:00-23:59"],
        ["mon 00:01-24:00", "tue-sun 00:00-24:00"],
    ],
)
def test_windows_that_leave_a_minute_are_not(windows: list[str]) -> None:
    refuse_endless(tuple(map(read_window, windows)))


def until(zone: str, at: str, *windows: str) -> str | None:
    end = QuietHours(tuple(map(read_window, windows)), zone).until(datetime.fromisoformat(at))
    return None if end is None else end.isoformat()[:16]


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    assert until("UTC", "2026-03-06T21:59:59Z", "fri 22:00-07:00") is None  # a Friday
    assert until("UTC", "2026-03-06T22:00:00Z", "fri 22:00-07:00") == "2026-03-07T07:00"
    assert until("UTC", "2026-03-07T06:59:59.999999Z", "fri 22:00-07:00") == "2026-03-07T07:00"
    assert until("UTC", "2026-03-07T07:00:00Z", "fri 22:00-07:00") is None
    assert until("UTC", "2026-03-07T22:00:00Z", "fri 22:00-07:00") is None
    assert until("UTC", "2026-03-07T22:00:00Z") is None


def test_windows_that_meet_or_overlap_are_one() -> None:
    assert until("UTC", "2026-03-06T23:00Z", "22:00-07:00", "sat,sun 00:00-10:00") == "2026-03-07T10:00"
    assert until("UTC", "2026-03-05T23:00Z", "22:00-07:00", "sat,sun 00:00-10:00") == "2026-03-06T07:00"
    assert until("UTC", "2026-03-06T09:00Z", "09:00-10:00", "10:00-11:00", "08:00-10:30") == "2026-03-06T11:00"


def test_the_zone_is_that_of_the_person() -> None:
    assert until("America/Denver", "2026-03-02T05:00Z", "22:00-07:00") == "2026-03-02T14:00"
    assert until("America/Denver", "2026-03-02T04:59Z", "22:00-07:00") is None


def test_a_night_on_which_the_clock_goes_forward_is_an_hour_shorter() -> None:
    """New York, 8 March 2026: from two to three."""
    start = datetime(2026, 3, 8, 3, tzinfo=UTC)  # ten in the evening
    assert until("America/New_York", start.isoformat(), "22:00-07:00") == "2026-03-08T11:00"
    assert datetime(2026, 3, 8, 11, tzinfo=UTC) - start == timedelta(hours=8)
    assert until("America/New_York", "2026-03-08T06:59Z", "22:00-02:30") == "2026-03-08T07:00"
    assert until("America/New_York", "2026-03-08T07:00Z", "22:00-02:30") is None
    assert until("America/New_York", "2026-03-08T07:00Z", "02:30-04:00") == "2026-03-08T08:00"
    assert until("America/New_York", "2026-03-08T06:59Z", "02:30-04:00") is None
    assert until("America/New_York", "2026-03-08T07:00Z", "02:10-02:50") is None


def test_a_night_on_which_the_clock_goes_back_is_an_hour_longer_and_has_no_hole() -> None:
    """New York, 1 November 2026: from two back to one."""
    assert until("America/New_York", "2026-11-01T02:00Z", "22:00-07:00") == "2026-11-01T12:00"
    ends_within = [until("America/New_York", f"2026-11-01T{at}Z", "22:00-01:30") for at in ("05:29", "05:45", "06:29")]
    assert ends_within == ["2026-11-01T06:30"] * 3
    assert until("America/New_York", "2026-11-01T06:30Z", "22:00-01:30") is None
    begins_within = [
        until("America/New_York", f"2026-11-01T{at}Z", "01:30-07:00") for at in ("05:30", "06:10", "06:30")
    ]
    assert begins_within == ["2026-11-01T12:00"] * 3
    assert until("America/New_York", "2026-11-01T05:29Z", "01:30-07:00") is None
