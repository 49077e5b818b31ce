"""Times of the wall as instants, on the two days a year on which that is not plain."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from jarvis.importing.walltime import day, instant

DENVER = ZoneInfo("America/Denver")


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("2026-07-01T09:00:00", datetime(2026, 7, 1, 15, 0, tzinfo=UTC), ""),
        ("2026-12-01 09:00", datetime(2026, 12, 1, 16, 0, tzinfo=UTC), ""),
        ("2026-12-01", datetime(2026, 12, 1, 7, 0, tzinfo=UTC), ""),
        ("2026-12-01T09:00:00.250000", datetime(2026, 12, 1, 16, 0, 0, 250_000, tzinfo=UTC), ""),
        ("2026-12-01T09:00:00Z", datetime(2026, 12, 1, 9, 0, tzinfo=UTC), ""),
        ("2026-12-01T09:00:00+01:00", datetime(2026, 12, 1, 8, 0, tzinfo=UTC), ""),
        ("2026-03-08T02:30:00", datetime(2026, 3, 8, 9, 30, tzinfo=UTC), "taken as 2026-03-08 03:30:00-06:00"),
        ("2026-11-01T01:30:00", datetime(2026, 11, 1, 7, 30, tzinfo=UTC), "as the first, 2026-11-01 01:30:00-06:00"),
    ],
)
def test_a_time_without_a_zone_is_that_of_the_wall(text: str, at: datetime, said: str) -> None:
    told = instant(text, DENVER)
    assert told.at == at
    assert said in told.note
    assert bool(told.note) == bool(said)


@pytest.mark.parametrize("value", ["", "soon", "2026-13-01", None, 1767225600, b"2026-01-01", "25:00"])
def test_what_names_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a time such as"):
        instant(value, DENVER)


def test_a_day_is_that_of_the_calendar_whatever_time_stands_behind_it() -> None:
    assert day("2026-03-01T23:59:59") == day("2026-03-01") == date(2026, 3, 1)
