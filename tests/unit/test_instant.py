"""Instants: what names one, what is refused and with which advice, and the ends of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from jarvis.scheduler.instant import (
    EARLIEST,
    LATEST,
    MICROSECOND,
    ScheduleError,
    as_utc,
    just_after,
    just_before,
    parse_instant,
    years_on,
)

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DENVER = ZoneInfo("America/Denver")
WEST, EAST = timezone(timedelta(hours=-7)), timezone(timedelta(hours=7))


def test_the_same_instant_in_utc() -> None:
    moment = as_utc(START.astimezone(DENVER))
    assert moment == START
    assert moment.tzinfo is UTC


def test_a_naive_moment_is_refused_with_the_spelling_that_names_an_instant() -> None:
    with pytest.raises(ScheduleError, match=r"2026-03-02T09:00:00 has no time zone.*2026-03-02T09:00:00\+00:00"):
        as_utc(datetime(2026, 3, 2, 9))  # noqa: DTZ001 - what is to be refused
    with pytest.raises(ScheduleError, match="not '2026-03-02'"):
        as_utc("2026-03-02")  # type: ignore[arg-type]


def test_what_lies_outside_the_calendar_in_utc_is_refused_by_its_name() -> None:
    with pytest.raises(ScheduleError, match=r"9999-12-31T23:59:59-07:00 lies outside the years"):
        as_utc(datetime(9999, 12, 31, 23, 59, 59, tzinfo=WEST))


@pytest.mark.parametrize("text", ["2026-03-02T09:00:00Z", " 2026-03-02T09:00:00Z ", "2026-03-02T02:00:00-07:00"])
def test_an_instant_is_read_with_its_offset(text: str) -> None:
    assert parse_instant(text, DENVER) == START


def test_an_instant_without_an_offset_is_refused_with_the_one_it_has_in_the_zone() -> None:
    with pytest.raises(ScheduleError, match=r"'2026-03-02T09:00' has no offset.*mean 2026-03-02T09:00:00-07:00\?"):
        parse_instant("2026-03-02T09:00", DENVER)


@pytest.mark.parametrize(
    "text", ["soon", "", "0001-01-01T00:00:00+07:00", "0001-01-01T00:00:00+00:00", "9999-12-31T23:00:00-14:00"]
)
def test_what_is_no_instant_is_refused_with_an_example_in_the_zone(text: str) -> None:
    with pytest.raises(
        ScheduleError, match=rf"^{text!r} is no instant.*such as 2026-03-02T09:00:00-07:00$".replace("+", r"\+")
    ):
        parse_instant(text, DENVER)


def test_the_ends_of_the_calendar_have_nothing_beyond_them() -> None:
    assert (just_before(EARLIEST), just_after(LATEST)) == (EARLIEST, LATEST)
    assert (just_before(START), just_after(START)) == (START - MICROSECOND, START + MICROSECOND)


def test_years_on_are_held_within_the_calendar() -> None:
    assert years_on(START, 2) == START + timedelta(days=732)
    assert years_on(START, -1) == START - timedelta(days=366)
    assert (years_on(LATEST, 1), years_on(EARLIEST, -1)) == (LATEST, EARLIEST)
