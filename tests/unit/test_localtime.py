"""The wall clock of a zone as spans of constant offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz as dateutil_tz

from jarvis.scheduler.localtime import DAY, MARGIN, LocalTime, local_time

HOUR = 3600
NEW_YORK = ZoneInfo("America/New_York")


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


SPRING, AUTUMN = instant("2026-03-08T07:00Z"), instant("2026-11-01T06:00Z")


@pytest.mark.parametrize(
    ("zone", "change", "before", "after"),
    [
        (NEW_YORK, SPRING, -5 * HOUR, -4 * HOUR),
        (NEW_YORK, AUTUMN, -4 * HOUR, -5 * HOUR),
        (ZoneInfo("Pacific/Apia"), instant("2011-12-30T10:00Z"), -10 * HOUR, 14 * HOUR),
        (ZoneInfo("Australia/Lord_Howe"), instant("2026-04-04T15:00Z"), 11 * HOUR, 10 * HOUR + 1800),
        (ZoneInfo("Asia/Jerusalem"), instant("2020-03-27T00:00Z"), 2 * HOUR, 3 * HOUR),
    ],
)
def test_a_change_is_found_to_the_second_from_either_side(zone: tzinfo, change: int, before: int, after: int) -> None:
    local = LocalTime(zone)
    old, new = local.span_at(change - 1), local.span_at(change)
    assert (old[1], old[3], old[4]) == (change, before, after)
    assert (new[0], new[2], new[3]) == (change, before, after)


@pytest.mark.parametrize(
    "name", ["Africa/Casablanca", "America/Denver", "Europe/Dublin", "Pacific/Norfolk", "Asia/Tehran"]
)
def test_the_second_before_a_change_still_has_the_old_offset(name: str) -> None:
    zone = ZoneInfo(name)
    local, at, found = LocalTime(zone), instant("1990-01-01T00:00Z"), 0
    while at < instant("2035-01-01T00:00Z"):
        _, end, _, offset, after = local.span_at(at)
        if offset != after:
            found += 1
            last, first = (datetime.fromtimestamp(second, zone).utcoffset() for second in (end - 1, end))
            assert (last, first) == (timedelta(seconds=offset), timedelta(seconds=after))
        at = end
    assert found > 1


@pytest.mark.parametrize("change", range(1_000_000, 1_000_016))
def test_a_change_may_fall_on_any_second(change: int) -> None:
    class Changing(ZoneInfo):
        def fromutc(self, moment: datetime) -> datetime:
            return moment + timedelta(hours=moment.replace(tzinfo=UTC).timestamp() >= change)

    local = LocalTime(Changing("UTC"))
    assert local.span_at(change - 1)[1:] == (change, 0, 0, HOUR)
    assert local.span_at(change)[0] == change


def test_every_second_of_years_lies_in_the_span_that_is_told_for_it() -> None:
    local = LocalTime(NEW_YORK)
    for at in range(instant("2025-01-01T00:00Z"), instant("2028-01-01T00:00Z"), 17 * HOUR + 1):
        start, end, before, offset, after = local.span_at(at)
        assert start <= at < end
        assert offset == NEW_YORK.utcoffset(datetime.fromtimestamp(at, NEW_YORK)).total_seconds()  # type: ignore[union-attr]
        assert start <= at - MARGIN or start in (SPRING, AUTUMN) or before != offset, "cut short too near"
        assert end >= at + MARGIN or after != offset, "cut short too near"


def test_what_was_found_once_is_told_again_without_asking_the_zone() -> None:
    asked: list[datetime] = []

    class Asked(ZoneInfo):
        def fromutc(self, moment: datetime) -> datetime:
            asked.append(moment)
            return super().fromutc(moment)

    local = LocalTime(Asked("Asia/Tokyo"))
    there, elsewhere = local.span_at(0), local.span_at(1_000 * DAY)
    asked.clear()
    assert (local.span_at(0), local.span_at(1_000 * DAY)) == (there, elsewhere)
    assert local.span_at(49 * DAY) == there
    assert not asked


@pytest.mark.parametrize("ahead", [0, HOUR, 10 * DAY])
def test_what_was_asked_before_does_not_cut_off_a_change_that_is_near(ahead: int) -> None:
    """Time is surveyed in stretches of 50 days and a margin of two; this change is where such a margin begins."""
    change = instant("2020-03-27T00:00Z")
    local = LocalTime(ZoneInfo("Asia/Jerusalem"))
    local.span_at(change + MARGIN + ahead)
    assert local.span_at(change)[2:4] == (2 * HOUR, 3 * HOUR)
    assert local.span_at(change + MARGIN - 1)[2:4] == (2 * HOUR, 3 * HOUR)


def test_however_many_years_are_asked_for_the_answers_stay_right() -> None:
    local = LocalTime(NEW_YORK)
    for _ in range(2):
        for number in range(600):
            local.span_at(number * 50 * DAY)
            assert len(local._chunks) <= 512
        assert local.span_at(SPRING)[0] == SPRING


def test_a_fixed_offset_is_one_span_for_ever() -> None:
    start, end, before, offset, after = LocalTime(timezone(timedelta(hours=-7, seconds=1))).span_at(0)
    assert (before, offset, after) == (1 - 7 * HOUR,) * 3
    assert start < -(10**12)
    assert end > 10**12


@pytest.mark.parametrize("at", [-62_135_596_800, 253_402_300_799, -(10**11), 10**12])
def test_the_ends_of_the_calendar_and_what_lies_beyond_have_the_offset_next_to_them(at: int) -> None:
    start, end, _, offset, _ = LocalTime(ZoneInfo("Asia/Tokyo")).span_at(at)
    assert start <= at < end
    assert offset in (9 * HOUR, 33_539)


def test_the_schedules_of_a_zone_share_what_was_found() -> None:
    assert local_time(NEW_YORK) is local_time(NEW_YORK)
    assert local_time(NEW_YORK).zone is NEW_YORK
    assert local_time(UTC) is not local_time(NEW_YORK)


def test_a_zone_that_cannot_be_hashed_is_not_shared() -> None:
    zone = dateutil_tz.tzrange("EST", -5 * HOUR, "EDT")
    assert local_time(zone) is not local_time(zone)
    assert local_time(zone).zone is zone
