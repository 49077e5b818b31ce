"""When the clock on the wall shows a time, around its changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jarvis.scheduler.localtime import DAY
from jarvis.scheduler.wallclock import WallClock, day_start, instant, next_time, second_of

HOUR = 3600


def wall(text: str) -> int:
    return second_of(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("shown", "first", "last"),
    [
        ("2026-03-08T01:59", "06:59", "06:59"),
        ("2026-03-08T02:00", "07:00", "07:00"),  # New York goes from two to three
        ("2026-03-08T02:30", "07:00", "07:00"),
        ("2026-03-08T03:00", "07:00", "07:00"),
        ("2026-03-08T03:01", "07:01", "07:01"),
    ],
)
def test_what_is_skipped_comes_with_the_end_of_the_gap(shown: str, first: str, last: str) -> None:
    clock = WallClock("America/New_York")
    assert instant(clock.reached(wall(shown))) == datetime.fromisoformat(f"2026-03-08T{first}Z")
    assert instant(clock.left_behind(wall(shown))) == datetime.fromisoformat(f"2026-03-08T{last}Z")


@pytest.mark.parametrize(
    ("shown", "first", "last"),
    [
        ("2026-11-01T00:59", "04:59", "04:59"),
        ("2026-11-01T01:00", "05:00", "05:00"),  # New York goes from two back to one: no less than this
        ("2026-11-01T01:01", "05:01", "06:01"),
        ("2026-11-01T01:59", "05:59", "06:59"),
        ("2026-11-01T02:00", "07:00", "07:00"),
    ],
)
def test_what_is_shown_twice_has_a_first_and_a_last_instant(shown: str, first: str, last: str) -> None:
    clock = WallClock("America/New_York")
    assert instant(clock.reached(wall(shown))) == datetime.fromisoformat(f"2026-11-01T{first}Z")
    assert instant(clock.left_behind(wall(shown))) == datetime.fromisoformat(f"2026-11-01T{last}Z")


def test_the_day_is_that_of_the_calendar_on_the_wall() -> None:
    t = second_of(datetime(2026, 3, 2, 3, tzinfo=UTC))
    assert WallClock("UTC").day_at(t) - WallClock("America/Denver").day_at(t) == 1
    assert WallClock("UTC").day_at(-1) == -1


@pytest.mark.parametrize(
    ("now", "times", "then"),
    [
        ("2026-03-02T07:59:59.999999", [8 * HOUR], "2026-03-02T08:00"),
        ("2026-03-02T08:00", [8 * HOUR], "2026-03-03T08:00"),
        ("2026-03-02T08:00", [8 * HOUR, 18 * HOUR], "2026-03-02T18:00"),
        ("2026-03-02T23:59", [0], "2026-03-03T00:00"),
    ],
)
def test_the_next_time_is_after_now(now: str, times: list[int], then: str) -> None:
    assert next_time(times, "UTC", datetime.fromisoformat(f"{now}Z")) == datetime.fromisoformat(f"{then}Z")


def test_a_day_that_the_calendar_leaves_out_has_no_time() -> None:
    """Apia went from the 29th to the 31st of December 2011."""
    now = datetime(2011, 12, 30, 1, tzinfo=UTC)  # the 29th at three in the afternoon
    assert next_time([8 * HOUR], "Pacific/Apia", now) == datetime(2011, 12, 30, 18, tzinfo=UTC)
    assert day_start("Pacific/Apia", datetime(2011, 12, 30, 12, tzinfo=UTC)) == datetime(2011, 12, 30, 10, tzinfo=UTC)


def test_seconds_and_instants_are_the_same_thing() -> None:
    t = datetime(2026, 3, 2, 9, 0, 1, 5, tzinfo=UTC)
    assert instant(second_of(t)) == t.replace(microsecond=0)
    assert second_of(datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)) == -1
    assert second_of(datetime(1970, 1, 2, tzinfo=UTC)) == DAY
