"""Dates, ranges and weekdays a schedule leaves out: how they are written, and which instants they are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from jarvis.scheduler.exclusion import ExcludedDays, OpenTime, canonical, date_ranges, describe, open_time
from jarvis.scheduler.instant import MICROSECOND, ScheduleError
from jarvis.scheduler.localtime import DAY


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def calendar(tz: str, *entries: str) -> OpenTime:
    return open_time(canonical(entries), tz)


def test_entries_are_kept_in_one_spelling_and_order() -> None:
    given = ("Sunday", "2026-12-25", "SAT", "sat", " 2026-12-24..2027-01-02 ", "2026-12-25..2026-12-25")
    assert canonical(given) == ("sat", "sun", "2026-12-24..2027-01-02", "2026-12-25")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("saterday", "Did you mean saturday?"),
        ("2026-02-30", "expected a date"),
        ("20261225", "expected a date"),
        ("2026-W52-5", "expected a date"),
        ("2027-01-02..2026-12-24", "runs backwards, write 2026-12-24..2027-01-02"),
        ("2026-12-24..", "expected a date"),
        ("", "expected a date"),
        ("holidays.ics", r"expected a date .* or a weekday .*saturday.\.$"),
    ],
)
def test_what_is_no_date_range_or_weekday_is_refused(entry: str, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        canonical((entry,))


def test_an_entry_that_is_no_text_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(ScheduleError, match="cannot exclude 7: expected a date"):
        canonical((7,))


def test_excluding_all_seven_weekdays_is_refused() -> None:
    with pytest.raises(ScheduleError, match="nothing would ever run"):
        canonical(("mon", "tue", "wed", "thu", "fri", "sat", "sunday"))


def test_too_many_entries_are_refused() -> None:
    with pytest.raises(ScheduleError, match="too many"):
        canonical(tuple(str(number) for number in range(5_001)))


def test_days_are_found_open_and_closed_on_both_sides() -> None:
    days = ExcludedDays(("sat", "sun", "2026-12-25..2026-12-31"))
    christmas = date(2026, 12, 25).toordinal() - date(1970, 1, 1).toordinal()  # a Friday
    assert days.first_open(christmas) == christmas + 7  # new year's day, a Friday
    assert days.last_open(christmas + 6) == christmas - 1
    assert days.first_closed(christmas - 4) == christmas
    assert days.first_closed(christmas + 7) == christmas + 8
    assert days.listed == (christmas, christmas + 6)


def test_an_excluded_date_is_the_local_one() -> None:
    closed = calendar("America/Denver", "2026-12-25")
    assert closed.opens(utc("2026-12-25T06:59:59Z")) == utc("2026-12-25T06:59:59Z")
    assert closed.opens(utc("2026-12-25T07:00:00Z")) == utc("2026-12-26T07:00:00Z")
    assert closed.closed_since(utc("2026-12-26T06:59:59.999999Z")) == utc("2026-12-25T07:00:00Z")
    assert closed.closed_since(utc("2026-12-26T07:00:00Z")) is None
    assert closed.closes(utc("2026-03-01T00:00:00Z")) == utc("2026-12-25T07:00:00Z")
    assert closed.closes(utc("2027-03-01T00:00:00Z")) is None


def test_the_day_after_opens_at_its_first_instant_where_midnight_is_skipped() -> None:
    """Beirut 2026-03-29: 00:00 is skipped, the day begins at 01:00 (22:00 UTC of the day before)."""
    closed = calendar("Asia/Beirut", "2026-03-28")
    assert closed.opens(utc("2026-03-28T12:00:00Z")) == utc("2026-03-28T22:00:00Z")


def test_a_date_shown_twice_is_excluded_twice() -> None:
    """St. John's 2006-10-29: at 00:01 the clock went back to 23:01 of the 28th, for another 59 minutes."""
    closed = calendar("America/St_Johns", "2006-10-28")
    change = utc("2006-10-29T02:31:00Z")
    minute_between = change - timedelta(minutes=1)
    assert closed.opens(utc("2006-10-28T12:00:00Z")) == minute_between
    assert closed.opens(minute_between + timedelta(seconds=59)) == minute_between + timedelta(seconds=59)
    assert closed.opens(change) == utc("2006-10-29T03:30:00Z")
    assert closed.closed_since(utc("2006-10-29T03:00:00Z")) == change
    assert closed.closed_since(minute_between - MICROSECOND) == utc("2006-10-28T02:30:00Z")


def test_a_long_exclusion_is_left_where_the_clock_goes_back_before_it_or_beyond_it() -> None:
    """St. John's as above: the minute of the 29th lies between two pieces of the 28th."""
    change = utc("2006-10-29T02:31:00Z")
    from_the_29th, until_the_28th = (
        calendar("America/St_Johns", entry) for entry in ("2006-10-29..2006-11-20", "2006-10-10..2006-10-28")
    )
    assert from_the_29th.opens(change - timedelta(seconds=30)) == change
    assert until_the_28th.closed_since(change + timedelta(minutes=30)) == change


def test_a_day_goes_on_where_its_midnight_is_set_back() -> None:
    """Sao Paulo 2018-02-18: at 00:00 the clock went back to 23:00 of the 17th, which became an hour longer."""
    closed = calendar("America/Sao_Paulo", "2018-02-17")
    assert closed.opens(utc("2018-02-17T12:00:00Z")) == utc("2018-02-18T03:00:00Z")


@pytest.mark.parametrize("tz", ["UTC", "Europe/London"])
def test_an_excluded_stretch_begins_at_the_same_instant_wherever_in_it_is_asked(tz: str) -> None:
    for begins in (date(2026, 1, 1) + timedelta(days=days) for days in range(60)):
        closed = calendar(tz, f"{begins}..{begins + timedelta(days=20)}")
        midnight = utc(f"{begins}T00:00:00Z")
        assert {closed.closed_since(midnight + timedelta(days=days)) for days in (1, 5, 16)} == {midnight}


def test_a_day_that_never_was_cannot_matter() -> None:
    """Apia had no 2011-12-30."""
    closed = calendar("Pacific/Apia", "2011-12-30")
    moment = utc("2011-12-30T10:00:00Z")
    assert closed.opens(moment - MICROSECOND) == moment - MICROSECOND
    assert closed.opens(moment) == moment


@pytest.mark.parametrize("tz", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_nothing_opens_past_the_end_of_the_calendar(tz: str) -> None:
    closed = calendar(tz, "2026-01-01..9999-12-31")
    assert closed.opens(utc("2026-06-01T00:00:00Z")) is None
    assert closed.closed_since(utc("2026-06-01T00:00:00Z")) is not None
    always = calendar(tz, "0001-01-01..2026-12-31")
    assert always.opens(utc("2026-06-01T00:00:00Z")) is not None
    assert always.closed_since(utc("2026-06-01T00:00:00Z")) is not None


def test_open_stretches_leave_out_exactly_the_excluded_days() -> None:
    first, last = utc("2026-03-02T00:00:00Z"), utc("2026-03-16T00:00:00Z") - MICROSECOND
    spans = list(calendar("UTC", "sat", "sun", "2026-03-10").spans(first, last))
    assert [(start.day, end.day) for start, end in spans] == [(2, 6), (9, 9), (11, 13)]
    assert sum((end - start + MICROSECOND for start, end in spans), timedelta()) == timedelta(seconds=9 * DAY)


def test_an_open_stretch_may_be_a_single_instant() -> None:
    closed, midnight = calendar("UTC", "2026-03-10"), utc("2026-03-11T00:00:00Z")
    assert list(closed.spans(utc("2026-03-10T12:00:00Z"), midnight)) == [(midnight, midnight)]
    evening = utc("2026-03-09T23:00:00Z")
    until_midnight = [(evening, utc("2026-03-10T00:00:00Z") - MICROSECOND)]
    assert list(closed.spans(evening, utc("2026-03-10T00:00:00Z"))) == until_midnight


def test_the_first_second_of_an_excluded_day_is_its_beginning() -> None:
    midnight = utc("2026-03-10T00:00:00Z")
    assert calendar("UTC", "2026-03-10").closed_since(midnight) == midnight


def test_the_last_day_of_the_calendar_may_be_the_one_that_is_open_or_excluded() -> None:
    assert calendar("UTC", "2026-01-01..9999-12-30").opens(utc("2026-06-01T00:00:00Z")) == utc("9999-12-31T00:00:00Z")
    assert calendar("UTC", "9999-12-31").closes(utc("2026-06-01T00:00:00Z")) == utc("9999-12-31T00:00:00Z")


def test_days_in_a_row_become_one_range() -> None:
    days = [date(2026, 12, 26), date(2026, 12, 25), date(2027, 1, 1)]
    assert date_ranges(days) == ("2026-12-25..2026-12-26", "2027-01-01")


def test_a_long_list_is_shortened_for_people() -> None:
    assert describe(("sat", "sun")) == "sat, sun"
    assert describe(tuple("abcde")) == "a, b, c, d, e"
    assert describe(tuple("abcdef")) == "a, b, c, d and 2 more"
    assert describe(tuple("abcdefgh")) == "a, b, c, d and 4 more"
