"""What CronExpression accepts, refuses and does at time changes, one sentence a test."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz as dateutil_tz

from jarvis.scheduler.cron import CronError, CronExpression, NoInstantError
from jarvis.scheduler.cron_fields import Field, Unit
from jarvis.scheduler.suggest import did_you_mean
from jarvis.scheduler.zone import ZoneError, load_zone

NEW_YORK = "America/New_York"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def fires(cron: CronExpression, start: str, count: int) -> list[str]:
    """The next `count` instants as ISO texts."""
    t, found = at(start), []
    for _ in range(count):
        t = cron.next_after(t)
        found.append(t.isoformat())
    return found


def test_the_answer_does_not_depend_on_what_was_asked_before() -> None:
    """Jerusalem 2020-03-27: 02:00 became 03:00, in the very second a survey of the zone by 50 days begins."""
    fresh, asked = (CronExpression("30 2 * * *", ZoneInfo.no_cache("Asia/Jerusalem")) for _ in range(2))
    asked.next_after(at("2020-04-05T00:00+00:00"))
    for t in ("2020-03-26T23:59:59+00:00", "2020-03-27T00:00:00+00:00"):
        assert asked.next_after(at(t)) == fresh.next_after(at(t))
    assert fresh.next_after(at("2020-03-26T23:59:59+00:00")) == at("2020-03-27T03:00+03:00")


# ------------------------------------------------------------------ the language
@pytest.mark.parametrize(
    ("expr", "same"),
    [
        ("@hourly", "0 * * * *"),
        ("@Daily", "0 0 * * *"),
        ("@MIDNIGHT", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        (" \t0  9 * *\t1-5\n", "0 9 * * mon-fri"),
        ("0 9 * * 7", "0 9 * * 0"),
        ("0 9 * * 5-7", "0 9 * * fri,sat,sun"),
        ("0 9 * * 0-7", "0 9 * * *,0"),
        ("0 9 * * 6/1", "0 9 * * 6,7"),
        ("0 9 * * 7/5", "0 9 * * sun"),
        ("0 9 * * 2-7/2", "0 9 * * 2,4,6"),
        ("?/15 ? ? ? ?", "*/15 * * * *"),
        ("5/20 * * * *", "5,25,45 * * * *"),
        ("7-7/2 * * * *", "7 * * * *"),
        ("00 007 * JAN-mar *", "0 7 * 1-3 *"),
        ("0 0 25-L * *", "0 0 25-31 * *"),
        ("0 0 * * 5#L", "0 0 * * FRIL"),
        ("0 0 * * 0L,sun#2", "0 0 * * 7l,7#2"),
        ("0 0 1w,lw * *", "0 0 LW,1W * *"),
        ("0 30 9 * * 1-5", "30 9 * * 1-5"),
    ],
)
def test_two_spellings_of_one_schedule_fire_alike(expr: str, same: str) -> None:
    one, other = CronExpression(expr), CronExpression(same)
    assert one.explain() == other.explain()
    start = at("2026-01-15T10:20:30+00:00")
    found = [list(cron.between(start, start + timedelta(days=400))) for cron in (one, other)]
    assert found[0] == found[1] != []


@pytest.mark.parametrize(
    ("expr", "field", "value"),
    [
        ("60 * * * *", "minute", "60"),
        ("* 24 * * *", "hour", "24"),
        ("* * 0 * *", "day of month", "0"),
        ("* * 32W * *", "day of month", "32"),
        ("* * * 13 *", "month", "13"),
        ("* * * * 8", "day of week", "8"),
        ("60 * * * * *", "second", "60"),
        ("* * L-3 * *", "day of month", "L"),
        ("* * 1-LW * *", "day of month", "LW"),
        ("* * L/2 * *", "day of month", "L"),
        ("* * 5L * *", "day of month", "5L"),
        ("* * * * L", "day of week", "L"),
        ("* * * * L5", "day of week", "L5"),
        ("* * * * 1-5L", "day of week", "1-5"),
        ("* * * * 1#6", "day of week", "6"),
        ("* * * * #3", "day of week", "#3"),
        ("* * * * 1#2#3", "day of week", "2#3"),
        ("*/0 * * * *", "minute", "0"),
        ("1,,2 * * * *", "minute", "1,,2"),
        ("+5 * * * *", "minute", "+5"),
        ("1_0 * * * *", "minute", "1_0"),
        ("1e1 * * * *", "minute", "1E1"),
        ("1.5 * * * *", "minute", "1.5"),
        ("\u0663 * * * *", "minute", "\u0663"),
        ("* * * * \u017fun", "day of week", "\u017fun"),  # upper() makes SUN of it
        ("*\u00a0* * * * *", "minute", "*"),
        ("*\n* * * * *", "minute", "*"),
        ("0-10000000 * * * *", "minute", "10000000"),
        ("*/" + "9" * 900 + "x * * * *", "minute", "9"),
    ],
)
def test_a_refusal_names_the_field_the_value_and_what_is_allowed(expr: str, field: str, value: str) -> None:
    with pytest.raises(CronError, match="allowed: ") as refusal:
        CronExpression(expr)
    assert str(refusal.value).startswith(f"{field} field ")
    assert value in str(refusal.value)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        ("60 * * * *", "allowed: 0-59, *,"),
        ("* 24 * * *", "allowed: 0-23, *,"),
        ("* * 0 * *", "allowed: 1-31, L (last day)"),
        ("* * * 13 *", "allowed: 1-12 or JAN-DEC, *,"),
        ("* * * * 8", "allowed: 0-7 or SUN-SAT"),
        ("* * * * 1#2#3", "1 to 5 or L, not '2#3'"),
    ],
)
def test_a_refusal_says_what_would_be_right(expr: str, words: str) -> None:
    with pytest.raises(CronError) as refusal:
        CronExpression(expr)
    assert words in str(refusal.value)


def test_the_names_of_a_field_count_up_from_its_least_value() -> None:
    term = Unit("term", 1, 3, ("LENT", "EASTER", "AUTUMN"))
    assert term.names == {"LENT": 1, "EASTER": 2, "AUTUMN": 3}
    assert term.allowed.startswith("1-3, *,")
    assert Field(term, "easter-autumn").mask == 0b1100


@pytest.mark.parametrize(
    ("expr", "advice"),
    [
        ("0 22-2 * * *", "write 22-23,0-2"),
        ("0 22-2/2 * * *", "write 22,0,2"),
        ("50-10 * * * *", "write 50-59,0-10"),
        ("0 0 31-1 * *", "write 31,1"),
        ("0 22-3/2 * * *", "write 22,0,2"),
        ("0 0 * 11-2 *", "write 11-12,1-2"),
        ("0 0 * 11-2/2 *", "write 11,1"),
        ("0 0 * nov-feb *", "write nov-dec,jan-feb"),
        ("0 0 * * fri-mon", "write fri-sat,sun-mon"),
        ("0 0 * * 5-1", "write 5-6,0-1"),
        ("0 0 * * sat-sun", "write 6-7"),
        ("0 0 * * 7-2", "write 0-2"),
        ("0 0 * * sat-mon", "write sat,sun-mon"),
    ],
)
def test_a_range_that_wraps_is_refused_with_the_spelling_that_works(expr: str, advice: str) -> None:
    with pytest.raises(CronError, match="runs backwards") as refusal:
        CronExpression(expr)
    assert advice + ";" in str(refusal.value)
    fields = expr.split()
    wrapped = next(index for index, field in enumerate(fields) if "-" in field)
    fields[wrapped] = advice.removeprefix("write ")
    assert CronExpression(" ".join(fields)).next_timestamp(0) > 0


@pytest.mark.parametrize(
    ("expr", "advice"),
    [
        ("@wekly", "Did you mean @weekly?"),
        ("@reboot", "allowed are @hourly"),
        ("@daily *", "allowed are @hourly"),
        ("0 0 * * MONDAY", "Did you mean MON?"),
        ("0 0 * sept *", "Did you mean SEP?"),
        ("* * * *", "has 4 fields: expected 5"),
        ("* * * * * * *", "has 7 fields"),
        ("", "has 0 fields"),
    ],
)
def test_a_slip_is_answered_with_what_was_probably_meant(expr: str, advice: str) -> None:
    with pytest.raises(CronError) as refusal:
        CronExpression(expr)
    assert advice in str(refusal.value)


@pytest.mark.parametrize("expr", [None, 5, b"* * * * *", ["*"] * 5, 1.5, object()])
def test_what_is_not_text_is_refused(expr: object) -> None:
    with pytest.raises(CronError, match="a cron expression is text"):
        CronExpression(expr)  # type: ignore[arg-type]


def test_a_megabyte_is_refused_before_it_is_read() -> None:
    with pytest.raises(CronError, match="the longest has 1000"):
        CronExpression("*," * 500_000)


@pytest.mark.parametrize(
    "expr",
    ["0 0 30 2 *", "0 0 31 4 *", "0 0 31 2,4,6,9,11 *", "* * 31W 2 *", "0 0 30 2 */1", "0 0 */20 * 1#5"],
)
def test_an_expression_that_never_fires_is_refused(expr: str) -> None:
    with pytest.raises(CronError, match=r"never fires.*check day of month"):
        CronExpression(expr)


def test_the_rarest_day_is_found_across_a_century_without_a_leap_year() -> None:
    cron = CronExpression("0 0 */28 2 1#5")  # a 29th of February that is a Monday
    assert fires(cron, "2072-03-01T00:00:00+00:00", 2) == ["2112-02-29T00:00:00+00:00", "2140-02-29T00:00:00+00:00"]


# ------------------------------------------------------------------ day rules
def test_two_restricted_day_fields_are_either_or() -> None:
    cron = CronExpression("0 0 13 * 5")
    assert fires(cron, "2026-11-07T00:00:00+00:00", 3)[0] == "2026-11-13T00:00:00+00:00"
    assert fires(cron, "2026-12-05T00:00:00+00:00", 3)[1] == "2026-12-13T00:00:00+00:00"


@pytest.mark.parametrize("expr", ["0 0 13 * */5", "0 0 13 * *,5", "0 0 */12 * 5"])
def test_a_day_field_that_begins_with_a_star_must_match_as_well(expr: str) -> None:
    start = at("2026-01-01T00:00:00+00:00")
    for t in CronExpression(expr).between(start, start + timedelta(days=400)):
        assert t.day in (1, 13, 25)
        assert expr.startswith("0 0 13 * *,5") or t.isoweekday() in (5, 7)


def test_the_nearest_weekday_stays_within_its_month() -> None:
    assert fires(CronExpression("0 0 1W * *"), "2026-07-15T00:00:00+00:00", 1) == ["2026-08-03T00:00:00+00:00"]
    assert fires(CronExpression("0 0 31W * *"), "2026-05-15T00:00:00+00:00", 2) == [
        "2026-05-29T00:00:00+00:00",
        "2026-07-31T00:00:00+00:00",
    ]


def test_a_search_back_through_a_month_ends_with_its_first_day() -> None:
    sunday = CronExpression("0 0 13 6 0")  # the last day of May 2026 is one, but not in June
    assert sunday.previous_before(at("2026-06-05T00:00Z")) == at("2025-06-29T00:00Z")


# ------------------------------------------------------------------ time changes
def test_fixed_times_in_a_gap_run_once_right_after_it() -> None:
    cron = CronExpression("0,30 2 * * *", NEW_YORK)
    assert fires(cron, "2026-03-07T12:00:00-05:00", 2) == ["2026-03-08T03:00:00-04:00", "2026-03-09T02:00:00-04:00"]


def test_a_fixed_time_at_the_end_of_the_gap_and_one_within_it_are_one_run() -> None:
    cron = CronExpression("0 2,3 * * *", NEW_YORK)
    assert fires(cron, "2026-03-08T00:00:00-05:00", 2) == ["2026-03-08T03:00:00-04:00", "2026-03-09T02:00:00-04:00"]


def test_fixed_times_in_a_gap_can_be_left_out() -> None:
    cron = CronExpression("30 2 * * *", NEW_YORK, dst_gap="skip")
    assert fires(cron, "2026-03-07T12:00:00-05:00", 1) == ["2026-03-09T02:30:00-04:00"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("first", ["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"]),
        ("second", ["2026-11-01T01:30:00-05:00", "2026-11-02T01:30:00-05:00"]),
        ("both", ["2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"]),
    ],
)
def test_fixed_times_run_in_the_pass_of_a_repeated_hour_that_was_chosen(rule: str, expected: list[str]) -> None:
    cron = CronExpression("30 1 * * *", NEW_YORK, dst_repeat=rule)  # type: ignore[arg-type]
    assert fires(cron, "2026-10-31T12:00:00-04:00", 2) == expected


def test_a_search_from_within_the_second_pass_repeats_nothing() -> None:
    cron = CronExpression("30 1 * * *", NEW_YORK)
    assert fires(cron, "2026-11-01T01:10:00-05:00", 1) == ["2026-11-02T01:30:00-05:00"]


@pytest.mark.parametrize("expr", ["*/30 1 * * *", "0,30 */1 * * *", "?/30 1 * * *", "*,30 1 * * *"])
def test_wildcard_schedules_follow_real_time(expr: str) -> None:
    cron = CronExpression(expr, NEW_YORK)
    assert not cron.fixed_time
    assert {"2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"} <= set(
        fires(cron, "2026-11-01T00:59:30-04:00", 120)
    )


def test_a_repeated_hour_is_not_overlooked_when_the_next_day_that_matches_is_far() -> None:
    cron = CronExpression("*/30 1 1 11 *", NEW_YORK)
    assert fires(cron, "2026-11-01T01:45:00-04:00", 3) == [
        "2026-11-01T01:00:00-05:00",
        "2026-11-01T01:30:00-05:00",
        "2027-11-01T01:00:00-04:00",
    ]
    assert cron.previous_before(at("2026-11-01T01:15:00-05:00")).isoformat() == "2026-11-01T01:00:00-05:00"
    assert cron.previous_before(at("2026-11-01T01:00:00-05:00")).isoformat() == "2026-11-01T01:30:00-04:00"
    yearly = CronExpression("45 23 17 2 *", "America/Sao_Paulo", dst_repeat="both")  # 2018-02-18 00:00 to 23:00
    assert yearly.next_after(at("2018-02-17T23:50:00-02:00")).isoformat() == "2018-02-17T23:45:00-03:00"
    assert yearly.previous_before(at("2018-02-17T23:40:00-03:00")).isoformat() == "2018-02-17T23:45:00-02:00"


def test_a_star_in_the_seconds_makes_a_wildcard_schedule_too() -> None:
    assert not CronExpression("*/20 30 2 * * *").fixed_time
    assert CronExpression("20 30 2 * * *").fixed_time


def test_a_fixed_time_with_seconds_in_a_gap_runs_at_the_change_itself() -> None:
    cron = CronExpression("20 30 2 * * *", NEW_YORK)
    assert fires(cron, "2026-03-07T12:00:00-05:00", 1) == ["2026-03-08T03:00:00-04:00"]


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        ("Pacific/Apia", "2011-12-29T12:00:00-10:00", "2011-12-31T03:00:00+14:00"),
        ("Pacific/Kwajalein", "1993-08-20T12:00:00-12:00", "1993-08-22T03:00:00+12:00"),
        ("Antarctica/Casey", "2009-10-17T12:00:00+08:00", "2009-10-18T07:00:00+11:00"),
    ],
)
def test_what_a_change_of_three_hours_and_more_skips_stays_skipped(zone: str, start: str, expected: str) -> None:
    assert fires(CronExpression("0 3,7 * * *", zone), start, 1) == [expected]


def test_a_day_that_is_repeated_is_run_twice() -> None:
    cron = CronExpression("0 12 * * *", "Pacific/Kwajalein")
    found = fires(cron, "1969-09-29T13:00:00+11:00", 3)
    assert found == ["1969-09-30T12:00:00+11:00", "1969-09-30T12:00:00-12:00", "1969-10-01T12:00:00-12:00"]


@pytest.mark.parametrize(("rule", "offset"), [("first", "+11:00"), ("second", "+08:00")])
def test_a_repeat_of_exactly_three_hours_is_still_daylight_saving(rule: str, offset: str) -> None:
    # 2010-03-05, 02:00 back to 23:00 the day before
    cron = CronExpression("0 1 * * *", "Antarctica/Casey", dst_repeat=rule)  # type: ignore[arg-type]
    found = fires(cron, "2010-03-04T12:00:00+11:00", 2)
    assert found == [f"2010-03-05T01:00:00{offset}", "2010-03-06T01:00:00+08:00"]


class OneChange(tzinfo):
    """A zone that is on UTC until 1970 and ahead of it by `later` ever after."""

    def __init__(self, later: timedelta) -> None:
        self.later = later

    def fromutc(self, t: datetime) -> datetime:
        return t + self.later if t.year >= 1970 else t

    def utcoffset(self, t: datetime | None) -> timedelta:
        return self.later if t is not None and t.year >= 1970 else timedelta(0)

    dst = utcoffset

    def tzname(self, _: datetime | None) -> str:
        return "OneChange"


@pytest.mark.parametrize(("skipped", "first"), [(3 * 3600 - 1, 1), (3 * 3600, 22 * 3600)])
def test_a_skip_is_daylight_saving_up_to_the_second_before_three_hours(skipped: int, first: int) -> None:
    cron = CronExpression("0 1 * * *", OneChange(timedelta(seconds=skipped)))
    assert cron.next_timestamp(-3600) == first


def test_the_second_before_a_change_and_the_change_itself_are_found_backward() -> None:
    before, change = at("2026-03-08T01:59:59-05:00"), at("2026-03-08T03:00:00-04:00")
    late = CronExpression("30 2 8 3 *", NEW_YORK)
    assert late.previous_before(change + timedelta(microseconds=1)) == change
    assert late.previous_before(change).year < 2026
    early = CronExpression("59 59 1 8 3 *", NEW_YORK)
    for later in (timedelta(0), timedelta(hours=2), timedelta(days=3), timedelta(days=50)):
        assert early.previous_before(change + later) == before


@pytest.mark.parametrize(
    ("zone", "expr", "start", "expected"),
    [
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00"),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-05T01:50:00+11:00", "2026-04-06T01:45:00+10:30"),
        ("Africa/Cairo", "30 0 * * *", "2026-04-23T12:00:00+02:00", "2026-04-24T01:00:00+03:00"),
        ("Asia/Beirut", "0 0 * * *", "2026-03-28T12:00:00+02:00", "2026-03-29T01:00:00+03:00"),
        ("America/Sao_Paulo", "@daily", "2018-11-03T12:00:00-03:00", "2018-11-04T01:00:00-02:00"),
        ("Africa/Casablanca", "30 2 * * *", "2026-03-21T12:00:00+00:00", "2026-03-22T03:00:00+01:00"),
        ("Europe/Dublin", "30 1 * * *", "2087-03-29T12:00:00+00:00", "2087-03-30T02:00:00+01:00"),
        ("Asia/Kathmandu", "45 5 * * *", "1985-12-31T12:00:00+05:30", "1986-01-01T05:45:00+05:45"),
        ("Europe/Dublin", "30 2 * * *", "1916-05-20T12:00:00-00:25:21", "1916-05-21T03:00:00+00:34:39"),
        ("Europe/Amsterdam", "0 12 * * *", "1930-05-01T00:00:00+00:19:32", None),
        ("Africa/Monrovia", "44 0 * * *", "1972-01-06T12:00:00-00:44:30", "1972-01-07T00:45:00+00:00"),
    ],
)
def test_changes_of_odd_kinds_are_right(zone: str, expr: str, start: str, expected: str | None) -> None:
    found = CronExpression(expr, zone).next_after(at(start))
    assert found.second == 0
    if expected is not None:
        assert found.isoformat() == expected


def test_a_time_that_never_exists_any_more_ends_the_search_in_bounded_time() -> None:
    cron = CronExpression("* 2 8-14 3 */7", NEW_YORK)  # always in the gap since 2007
    assert cron.next_after(at("2000-01-01T00:00:00Z")).year < 2007
    with pytest.raises(NoInstantError):
        cron.next_after(at("2026-01-01T00:00:00Z"))


# ------------------------------------------------------------------ moments
@pytest.mark.parametrize("t", [datetime(2026, 1, 1), date(2026, 1, 1), "2026-01-01", None, 5, timedelta(1)])  # noqa: DTZ001
def test_only_moments_with_a_zone_are_taken(t: object) -> None:
    cron = CronExpression("* * * * *")
    for search in (cron.next_after, cron.previous_before, lambda x: cron.between(x, x)):
        with pytest.raises(CronError, match="expected a datetime with a time zone"):
            search(t)  # type: ignore[arg-type]


def test_the_result_is_in_the_schedules_zone_whatever_zone_was_asked_in() -> None:
    cron = CronExpression("0 9 * * *", NEW_YORK)
    for zone in (UTC, ZoneInfo("Asia/Tokyo"), timezone(timedelta(hours=-3, minutes=-30))):
        found = cron.next_after(at("2026-06-01T00:00:00Z").astimezone(zone))
        assert found.isoformat() == "2026-06-01T09:00:00-04:00"
        assert found.tzinfo is cron.tz


def test_the_second_pass_is_marked_with_fold() -> None:
    cron = CronExpression("30 * * * *", NEW_YORK)
    first = cron.next_after(at("2026-11-01T01:00:00-04:00"))
    second = cron.next_after(first)
    assert (first.fold, second.fold) == (0, 1)
    assert first.replace(fold=1) == second.replace(fold=1)
    assert cron.previous_before(second) == first
    assert cron.previous_before(second).fold == 0


def test_fractions_of_a_second_count() -> None:
    cron = CronExpression("0 * * * *")
    noon, tick = at("2026-01-01T12:00:00Z"), timedelta(microseconds=1)
    assert cron.next_after(noon - tick) == noon
    assert cron.previous_before(noon + tick) == noon
    assert cron.next_after(noon + tick) == noon + timedelta(hours=1)
    assert cron.previous_before(noon - tick) == noon - timedelta(hours=1)
    assert cron.next_timestamp(noon.timestamp() - 0.25) == noon.timestamp()
    assert cron.previous_timestamp(noon.timestamp() + 0.25) == noon.timestamp()


def test_microseconds_count_in_far_years_too() -> None:
    cron = CronExpression("0 0 * * *")
    t = datetime(9998, 6, 1, tzinfo=UTC)
    assert cron.next_after(t - timedelta(microseconds=1)) == t
    assert cron.next_after(t) == t + timedelta(days=1)


def test_between_is_open_at_its_start_and_closed_at_its_end() -> None:
    cron = CronExpression("0 * * * *")
    start = at("2026-01-01T00:00:00Z")
    assert [t.hour for t in cron.between(start, start + timedelta(hours=3))] == [1, 2, 3]
    assert list(cron.between(start, start)) == []
    assert list(cron.between(start + timedelta(days=1), start)) == []
    assert (
        list(CronExpression("0 0 1 1 *").between(datetime(9999, 6, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)))
        == []
    )


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", NEW_YORK])
def test_the_ends_of_the_calendar_are_a_clear_error(zone: str) -> None:
    cron = CronExpression("* * * * *", zone)
    for last in (datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=cron.tz)):
        with pytest.raises(NoInstantError, match="has no instant after 9999-12-31"):
            cron.next_after(last)
        assert cron.previous_before(last).year == 9999
    for first in (datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=cron.tz)):
        with pytest.raises(OverflowError, match="has no instant before 0001-01-01"):
            cron.previous_before(first)
        assert cron.next_after(first).year == 1
    assert cron.next_timestamp(-(10**18)) < cron.previous_timestamp(10**18)
    with pytest.raises(NoInstantError, match="has no instant after 1000000000000000000"):
        cron.next_timestamp(10**18)
    with pytest.raises(NoInstantError, match="has no instant before -1000000000000000000"):
        cron.previous_timestamp(-(10**18))


@pytest.mark.parametrize(
    ("expr", "start", "expected"),
    [
        ("* * * * * *", "0001-01-01T00:00:00+00:00", "0001-01-02T00:00:00+00:00"),
        ("* * * * * *", "0001-01-02T12:00:00+00:00", "0001-01-02T12:00:01+00:00"),
        ("0 0 * * *", "9999-12-29T12:00:00+00:00", "9999-12-30T00:00:00+00:00"),
        ("* * * * * *", "9999-12-30T23:59:58+00:00", "9999-12-30T23:59:59+00:00"),
        ("0 0 1 6 *", "9998-07-01T00:00:00+00:00", "9999-06-01T00:00:00+00:00"),
        ("0 0 30 12 *", "9999-06-01T00:00:00+00:00", "9999-12-30T00:00:00+00:00"),
    ],
)
def test_the_first_and_the_last_day_of_the_calendar_are_found(expr: str, start: str, expected: str) -> None:
    assert fires(CronExpression(expr), start, 1) == [expected]


@pytest.mark.parametrize(
    ("expr", "end", "expected"),
    [
        ("* * * * * *", "9999-12-31T23:00:00+00:00", "9999-12-30T23:59:59+00:00"),
        ("* * * * * *", "9999-12-30T12:00:00+00:00", "9999-12-30T11:59:59+00:00"),
        ("* * * * * *", "0001-01-02T00:00:01+00:00", "0001-01-02T00:00:00+00:00"),
        ("0 0 2 1 *", "0002-01-01T00:00:00+00:00", "0001-01-02T00:00:00+00:00"),
        ("0 0 2 1 *", "0001-07-01T00:00:00+00:00", "0001-01-02T00:00:00+00:00"),
    ],
)
def test_the_last_and_the_first_day_of_the_calendar_are_found_backward(expr: str, end: str, expected: str) -> None:
    assert CronExpression(expr).previous_before(at(end)).isoformat() == expected


# ------------------------------------------------------------------ zones
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("America/Denvr", "Did you mean America/Denver?"),
        ("america/denver", "Did you mean America/Denver?"),
        ("Denver", "Did you mean America/Denver?"),
        ("new york", "Did you mean America/New_York?"),
        ("Europe/Berln", "Did you mean Europe/Berlin?"),
        ("", ""),
        ("../../etc/passwd", ""),
        ("/etc/passwd", ""),
        ("/usr/share/zoneinfo/UTC", ""),
        ("UTC\x00", ""),
        ("America", ""),
        ("right/UTC", ""),
        ("Z" * 1_000_000, ""),
        ("\ud800", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_an_unknown_zone_is_one_clear_error(name: object, advice: str) -> None:
    for attempt in (load_zone, lambda zone: CronExpression("* * * * *", zone)):
        with pytest.raises(ZoneError, match="expected an IANA name such as") as refusal:
            attempt(name)  # type: ignore[arg-type]
        assert advice in str(refusal.value)
        assert len(str(refusal.value)) < 250


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        (UTC, "UTC"),
        (timezone(timedelta(hours=5, minutes=45)), "UTC+05:45"),
        (ZoneInfo("Asia/Tokyo"), "Asia/Tokyo"),
        (dateutil_tz.gettz(NEW_YORK), "tzfile"),
        (dateutil_tz.tzrange("EST", -18000, "EDT", -14400), "tzrange"),
    ],
)
def test_any_tzinfo_will_do(zone: tzinfo, shown: str) -> None:
    cron = CronExpression("30 2 * * *", zone)
    found = cron.next_after(at("2026-06-01T00:00:00Z"))
    assert (found.hour, found.minute, found.tzinfo) == (2, 30, zone)
    assert shown in cron.explain()


def test_did_you_mean_says_nothing_when_nothing_is_near() -> None:
    assert did_you_mean("zzz", ["apple"]) == ""
    assert did_you_mean("APPEL", ["apple"]) == " Did you mean apple?"
    assert did_you_mean("a" * 65, ["a" * 65]) == ""
    assert did_you_mean("a" * 64, ["a" * 65]) == f" Did you mean {'a' * 65}?"


# ------------------------------------------------------------------ a value
def test_a_schedule_is_a_value() -> None:
    cron = CronExpression(" 0 9 * * 1-5 ", "America/Denver", dst_gap="skip", dst_repeat="both")
    assert cron.expr == "0 9 * * 1-5"
    assert repr(cron) == "CronExpression('0 9 * * 1-5', 'America/Denver', dst_gap='skip', dst_repeat='both')"
    assert eval(repr(cron)) == cron  # noqa: S307 - our own text
    assert repr(CronExpression("@daily")) == "CronExpression('@daily', 'UTC')"
    assert pickle.loads(pickle.dumps(cron)) == cron == copy.deepcopy(cron)  # noqa: S301 - our own bytes
    assert hash(CronExpression("@daily")) == hash(CronExpression("0 0 * * *"))
    assert hash(CronExpression("@daily")) != hash(CronExpression("@hourly"))
    assert CronExpression("@daily") == CronExpression("0 0 * * *")
    assert CronExpression("@daily") != CronExpression("@daily", "Asia/Tokyo")
    assert CronExpression("@daily") != CronExpression("@daily", dst_gap="skip")
    assert CronExpression("@daily") != CronExpression("*/60 0 * * *")  # a wildcard schedule
    assert CronExpression("@daily") != "@daily"


def test_a_schedule_never_changes() -> None:
    cron = CronExpression("@daily")
    with pytest.raises(AttributeError, match="never changes"):
        cron.expr = "@hourly"
    with pytest.raises(AttributeError, match="never changes"):
        del cron.tz


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ({"dst_gap": "run"}, "run_after, skip"),
        ({"dst_repeat": "last"}, "first, second, both"),
        ({"dst_gap": None}, "run_after, skip"),
    ],
)
def test_unknown_rules_are_refused_with_those_there_are(rule: dict[str, str], allowed: str) -> None:
    with pytest.raises(CronError, match=f"allowed are {allowed}$"):
        CronExpression("@daily", **rule)  # type: ignore[arg-type]


def test_importing_the_engine_is_cheap() -> None:
    code = "import sys, jarvis.scheduler.cron; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"re", "typing", "dataclasses", "inspect", "difflib", "logging", "asyncio"}.isdisjoint(loaded)
