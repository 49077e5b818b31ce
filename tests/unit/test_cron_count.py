"""Counting without visiting, where the properties seldom come: at changes to the second, at the calendar's ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jarvis.scheduler.cron import CronExpression
from jarvis.scheduler.cron_count import count_instants

NEW_YORK = "America/New_York"


def count(expr: str, tz: str, first: str, last: str) -> int:
    return count_instants(CronExpression(expr, tz), datetime.fromisoformat(first), datetime.fromisoformat(last))


def test_what_a_gap_skipped_counts_from_the_second_on_that_it_runs_in() -> None:
    # 1972-01-07: 00:00:00 at -00:44:30 became 00:44:30, within a minute; what was skipped runs at 00:45:00.
    whole = ("44 0 * * *", "Africa/Monrovia", "1972-01-06T12:00:00-00:44:30")
    assert count(*whole, "1972-01-07T00:44:59+00:00") == 0
    assert count(*whole, "1972-01-07T00:45:00+00:00") == 1


@pytest.mark.parametrize(
    ("expr", "expected"),
    [("0 0 2 * * *", 1), ("0 0 2,3 * * *", 1), ("1 0 2,3 * * *", 2), ("0-2 0 2,3 * * *", 3)],
)
def test_what_a_gap_skipped_is_one_with_what_is_due_in_that_second_alone(expr: str, expected: int) -> None:
    assert count(expr, NEW_YORK, "2026-03-08T00:00:00-05:00", "2026-03-08T12:00:00-04:00") == expected


@pytest.mark.parametrize(("rule", "expected"), [("first", 0), ("second", 1)])
def test_within_the_second_pass_only_what_runs_in_it_counts(rule: str, expected: int) -> None:
    cron = CronExpression("30 1 * * *", NEW_YORK, dst_repeat=rule)  # type: ignore[arg-type]
    first = datetime.fromisoformat("2026-11-01T01:10:00-05:00")
    assert count_instants(cron, first, first + timedelta(minutes=40)) == expected


@pytest.mark.parametrize(
    ("expr", "first", "last", "expected"),
    [
        ("0 12 * * *", "9999-12-25", "9999-12-31", 6),  # the last day that is scheduled on is the 30th
        ("0 12 28-31 * *", "9999-12-01", "9999-12-31", 3),
        ("0 12 30 12 *", "9999-11-15", "9999-12-31", 1),
        ("0 12 * * *", "0001-01-01", "0001-01-03", 2),  # the first one is the 2nd
        ("0 12 1-3 1 *", "0001-01-01", "0001-01-31", 2),
    ],
)
def test_the_ends_of_the_calendar_are_counted(expr: str, first: str, last: str, expected: int) -> None:
    cron = CronExpression(expr)
    since = datetime.fromisoformat(first).replace(tzinfo=UTC)
    until = datetime.fromisoformat(last).replace(hour=23, tzinfo=UTC)
    assert count_instants(cron, since, until) == expected
    assert sum(1 for _ in cron.between(since, until)) == expected
