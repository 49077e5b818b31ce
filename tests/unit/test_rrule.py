"""RFC 5545 recurrence rules as schedules: the RFC's own examples, the changes of the clock, what is refused."""

from __future__ import annotations

import builtins
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr

from jarvis.scheduler.rrule import Rrule, _zoned
from jarvis.scheduler.schedule import ScheduleError, bind, first_run_at

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=NEW_YORK)  # type: ignore[arg-type,misc]


# The start of all examples in RFC 5545, 3.8.5.3.
START = local(1997, 9, 2, 9)


def rule(text: str, start: datetime = START) -> Rrule:
    return Rrule(text, start, "America/New_York")


def walls(schedule: Rrule, number: int, after: datetime | None = None) -> list[str]:
    assert schedule.dtstart is not None
    found: list[str] = []
    at = schedule.next_after(after or schedule.dtstart - timedelta(seconds=1))
    while at is not None and len(found) < number:
        found.append(at.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M"))
        at = schedule.next_after(at)
    return found


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("RRULE:FREQ=DAILY;INTERVAL=10;COUNT=5", "1997-09-02 1997-09-12 1997-09-22 1997-10-02 1997-10-12"),
        ("FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU", "1998-01-04 1998-01-11 1998-01-18"),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "1997-09-02 1997-09-16 1997-09-30 1997-10-14"),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO,WE,FR", "1997-09-03 1997-09-05 1997-09-15 1997-09-17"),
        ("FREQ=MONTHLY;COUNT=10;BYDAY=1FR", "1997-09-05 1997-10-03 1997-11-07 1997-12-05"),
        ("FREQ=MONTHLY;INTERVAL=2;BYDAY=1SU,-1SU", "1997-09-07 1997-09-28 1997-11-02 1997-11-30"),
        ("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28 1997-10-29 1997-11-28 1997-12-29"),
        ("FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200", "2000-01-01 2000-04-09 2000-07-18 2003-01-01"),
        ("FREQ=YEARLY;BYDAY=20MO", "1998-05-18 1999-05-17 2000-05-15"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "1998-05-11 1999-05-17 2000-05-15"),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "1998-02-13 1998-03-13 1998-11-13 1999-08-13"),
        ("FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", "1996-11-05 2000-11-07 2004-11-02"),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-09-04 1997-10-07 1997-11-06"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "1997-09-29 1997-10-30 1997-11-27"),
    ],
)  # fmt: skip
def test_the_examples_of_the_rfc_hold(text: str, dates: str) -> None:
    found = walls(rule(text, local(1996, 11, 5, 9) if "INTERVAL=4" in text else START), len(dates.split()))
    assert found == [f"{date} 09:00" for date in dates.split()]


def test_the_rfcs_working_hours_every_twenty_minutes() -> None:
    schedule = rule("FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16")
    assert walls(schedule, 3) == ["1997-09-02 09:00", "1997-09-02 09:20", "1997-09-02 09:40"]
    assert walls(schedule, 2, local(1997, 9, 2, 16, 30)) == ["1997-09-02 16:40", "1997-09-03 09:00"]
    assert schedule.count(local(1998, 1, 1), local(1998, 1, 11)) == 240


def test_a_time_the_clock_skips_runs_right_after_the_skip() -> None:
    schedule = rule("FREQ=DAILY", local(2026, 3, 1, 2, 30))
    assert walls(schedule, 3, local(2026, 3, 6, 12)) == ["2026-03-07 02:30", "2026-03-08 03:00", "2026-03-09 02:30"]
    after_gap = local(2026, 3, 8, 3)
    assert schedule.previous_before(after_gap + timedelta(minutes=1)) == after_gap
    assert schedule.previous_before(after_gap) == local(2026, 3, 7, 2, 30)
    assert schedule.count(after_gap, after_gap) == 1


def test_east_of_utc_the_changes_of_the_clock_move_no_other_time() -> None:
    skipped = Rrule("FREQ=DAILY", datetime(2026, 3, 1, 1, 30, tzinfo=UTC), "Europe/Berlin")  # 02:30 there
    after_gap = datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert skipped.next_after(after_gap - timedelta(hours=1)) == after_gap
    assert skipped.previous_before(after_gap + timedelta(hours=1)) == after_gap
    shown_twice = Rrule("FREQ=DAILY", datetime(2026, 10, 1, 0, 50, tzinfo=UTC), "Europe/Berlin")  # 02:50 there
    first_pass = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
    assert shown_twice.previous_before(first_pass + timedelta(minutes=30)) == first_pass  # 02:20 again on the wall


def test_times_that_a_skip_brings_together_are_one_instant() -> None:
    schedule = rule("FREQ=MINUTELY;INTERVAL=10", local(2026, 3, 1))
    assert walls(schedule, 3, local(2026, 3, 8, 1, 45)) == ["2026-03-08 01:50", "2026-03-08 03:00", "2026-03-08 03:10"]
    assert schedule.count(local(2026, 3, 8), local(2026, 3, 8, 23, 59)) == 23 * 6
    walked = rule("FREQ=MINUTELY;INTERVAL=10;BYHOUR=2,3", local(2026, 3, 1))
    assert walked.count(local(2026, 3, 8), local(2026, 3, 8, 23, 59)) == 6


def test_a_time_the_clock_shows_twice_runs_in_the_first_pass() -> None:
    schedule = rule("FREQ=DAILY", local(2026, 10, 1, 1, 30))
    first_pass = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert schedule.next_after(local(2026, 11, 1)) == first_pass
    assert schedule.next_after(first_pass) == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
    second_pass = first_pass + timedelta(hours=1)
    assert schedule.next_after(second_pass - timedelta(minutes=1)) == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
    assert schedule.previous_before(second_pass) == first_pass
    assert schedule.previous_before(second_pass - timedelta(minutes=20)) == first_pass  # 01:10 again on the wall


def test_a_day_that_is_left_out_of_the_calendar_is_left_out() -> None:
    apia = Rrule("FREQ=DAILY", datetime(2011, 12, 1, 19, tzinfo=UTC), "Pacific/Apia")  # 09:00 there
    days = [datetime(2011, 12, 29, 19, tzinfo=UTC), datetime(2011, 12, 30, 19, tzinfo=UTC)]
    assert apia.next_after(datetime(2011, 12, 29, tzinfo=UTC)) == days[0]
    assert apia.next_after(days[0]) == days[1]  # the 31st: there was no 30th


def test_until_is_an_instant_and_itself_allowed() -> None:
    schedule = rule("FREQ=DAILY;UNTIL=19970905T130000Z")
    assert walls(schedule, 9) == [f"1997-09-0{day} 09:00" for day in (2, 3, 4, 5)]
    assert schedule.previous_before(local(2026, 1, 1)) == local(1997, 9, 5, 9)
    assert schedule.previous_before(local(1997, 9, 5, 9)) == local(1997, 9, 4, 9)
    assert schedule.count(START, local(2026, 1, 1)) == 4


@pytest.fixture
def machine_in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("machine_in_tokyo")
def test_the_zone_of_the_machine_is_in_no_answer() -> None:
    for found in (rule("FREQ=DAILY").next_after(START), rule("FREQ=DAILY;COUNT=4").previous_before(local(1998, 1, 1))):
        assert found is not None
        assert found.tzinfo is UTC
    with pytest.raises(ScheduleError, match="write UNTIL=20270101T050000Z"):
        rule("FREQ=DAILY;UNTIL=20270101T000000")


def test_the_start_is_found_just_after_it() -> None:
    assert rule("FREQ=DAILY").previous_before(START + timedelta(milliseconds=1)) == START


def test_count_is_counted_from_the_start() -> None:
    schedule = rule("FREQ=DAILY;COUNT=3")
    assert schedule.next_after(local(1997, 9, 4, 9)) is None
    assert schedule.previous_before(local(2026, 1, 1)) == local(1997, 9, 4, 9)
    assert schedule.previous_before(START) is None
    assert schedule.count(START, local(2026, 1, 1)) == 3


def test_what_the_rule_leaves_open_is_as_in_its_start() -> None:
    """dateutil takes all seven days of a BYWEEKNO."""
    assert walls(rule("FREQ=YEARLY;BYWEEKNO=20"), 2) == ["1998-05-12 09:00", "1999-05-18 09:00"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("FREQ=YEARLY;BYMONTH=1", "1998-01-02 09:00:00"),
        ("FREQ=HOURLY;BYMINUTE=30", "1997-09-02 09:30:00"),
        ("FREQ=MINUTELY;BYSECOND=30", "1997-09-02 09:00:30"),
    ],
)
def test_what_the_rule_says_is_not_taken_from_its_start(text: str, first: str) -> None:
    assert rule(text).next_after(START - timedelta(seconds=1)) == datetime.fromisoformat(first).replace(tzinfo=NEW_YORK)


@pytest.mark.parametrize("wkst", ["MO", "SU"])
def test_a_position_is_counted_from_the_beginning_of_the_week_though_the_rule_starts_amid_it(wkst: str) -> None:
    """The start is a Tuesday: the Monday of its week is the first, and over."""
    schedule = rule(f"FREQ=WEEKLY;BYDAY=MO,WE;BYSETPOS=1;WKST={wkst}")
    for asked in (START, START + timedelta(hours=10)):
        assert walls(schedule, 2, asked) == ["1997-09-08 09:00", "1997-09-15 09:00"]


def test_numbered_and_plain_weekdays_may_be_mixed() -> None:
    """dateutil takes the days that are both, which are none."""
    assert walls(rule("FREQ=MONTHLY;BYDAY=MO,1WE"), 3) == [f"1997-09-0{day} 09:00" for day in (3, 8)] + [
        "1997-09-15 09:00"
    ]
    all_year = rule("FREQ=YEARLY;BYDAY=MO,1WE")
    assert all_year.count(local(2001, 1, 1), local(2001, 12, 31, 12)) == 53 + 1  # from Monday to Monday
    december = rule("FREQ=YEARLY;BYMONTH=12;BYDAY=MO,1WE")
    assert december.count(local(1998, 1, 1), local(1998, 12, 31, 12)) == 4 + 1


def test_a_rule_may_begin_with_the_calendar_and_go_on_to_its_end() -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    for text, second in (("FREQ=YEARLY", (2, 1, 1)), ("FREQ=MONTHLY", (1, 2, 1)), ("FREQ=WEEKLY", (1, 1, 8))):
        schedule = Rrule(text, first)
        assert schedule.next_after(first) == datetime(*second, tzinfo=UTC)
        assert schedule.previous_before(datetime(*second, tzinfo=UTC)) == first
    last = datetime(9999, 1, 1, tzinfo=UTC)
    yearly = Rrule("FREQ=YEARLY", datetime(2026, 1, 1, tzinfo=UTC))
    assert yearly.count(first, last) == 9999 - 2026 + 1
    assert yearly.next_after(last - DAY) == last
    assert yearly.next_after(last) is None


@pytest.mark.parametrize(("text", "tz"), [("FREQ=WEEKLY;WKST=SU", "UTC"), ("FREQ=DAILY", "America/New_York")])
def test_a_rule_that_would_begin_before_the_calendar_is_refused(text: str, tz: str) -> None:
    with pytest.raises(ScheduleError, match="beyond the years 1 to 9999"):
        Rrule(text, datetime(1, 1, 1, tzinfo=UTC), tz)


def test_a_rule_that_waits_for_centuries_is_refused_as_one_that_never_happens() -> None:
    """Of the fiftieth years from 2050 on, the first leap year is 2400."""
    with pytest.raises(ScheduleError, match="never happens"):
        Rrule("FREQ=YEARLY;INTERVAL=50;BYMONTH=2;BYMONTHDAY=29", datetime(2050, 1, 1, tzinfo=UTC))


def test_the_longest_step_is_found_from_far_behind_it() -> None:
    fifty_years = timedelta(seconds=1_576_800_000)
    schedule = rule("FREQ=SECONDLY;INTERVAL=1576800000")
    assert schedule.previous_before(START + 2 * fifty_years - DAY) == START + fifty_years


def test_far_years_cost_no_more_than_near_ones() -> None:
    schedule = rule("FREQ=SECONDLY;INTERVAL=7")
    begin = process_time()
    found = schedule.next_after(local(2500, 7, 1))
    assert found is not None
    assert (found - START.astimezone(UTC)) % timedelta(seconds=7) == timedelta(0)
    assert schedule.previous_before(found) == found - timedelta(seconds=7)
    assert process_time() - begin < 0.5


@pytest.mark.parametrize(
    ("text", "start", "first", "last"),
    [
        ("FREQ=HOURLY;INTERVAL=5", (2026, 3, 1, 2, 30), (2026, 3, 8), (2026, 3, 9)),
        ("FREQ=HOURLY;INTERVAL=24", (2026, 3, 1, 2, 30), (2026, 3, 8), (2026, 3, 9)),
        ("FREQ=MINUTELY;INTERVAL=45", (2026, 3, 1, 2, 15), (2026, 3, 7), (2026, 3, 10)),
        ("FREQ=MINUTELY;INTERVAL=7", (2026, 10, 1, 1, 30), (2026, 10, 31), (2026, 11, 2)),
        ("FREQ=HOURLY;INTERVAL=24", (2026, 3, 1, 2, 30), (2026, 2, 1), (2026, 3, 1, 2, 30)),
        ("FREQ=HOURLY;INTERVAL=24", (2026, 3, 1, 2, 30), (2026, 2, 1), (2026, 2, 2)),
        ("FREQ=HOURLY", (2026, 3, 1, 2, 30), (2026, 3, 8), (2026, 3, 9)),
        ("FREQ=HOURLY", (2026, 3, 1, 0, 0, 1), (2026, 3, 8), (2026, 3, 9)),
        ("FREQ=HOURLY", (2026, 3, 1, 2, 30), (2026, 3, 5, 2, 30), (2026, 3, 5, 2, 30)),
        ("FREQ=HOURLY", (2026, 3, 1, 2, 30), (2026, 3, 5, 2, 30, 1), (2026, 3, 5, 3, 29, 59)),
    ],
)
def test_bare_steps_are_counted_as_they_are_walked_where_the_clock_changes(
    text: str, start: tuple[int, ...], first: tuple[int, ...], last: tuple[int, ...]
) -> None:
    schedule = rule(text, local(*start))
    walked, at = 0, schedule.next_after(local(*first) - timedelta(microseconds=1))
    while at is not None and at <= local(*last):
        walked, at = walked + 1, schedule.next_after(at)
    assert schedule.count(local(*first), local(*last)) == walked


def test_bare_steps_have_nothing_in_the_second_pass_of_the_clock() -> None:
    schedule = rule("FREQ=MINUTELY;INTERVAL=7", local(2026, 10, 1, 1, 30))
    second_pass = datetime(2026, 11, 1, 6, tzinfo=UTC)
    assert schedule.count(second_pass, second_pass + timedelta(minutes=50)) == 0
    assert schedule.count(second_pass + timedelta(minutes=20), second_pass + timedelta(minutes=70)) == 1


@pytest.mark.parametrize(
    ("text", "years", "instants"),
    [("FREQ=MINUTELY", 1, (365 * 24 - 1) * 60 + 1), ("FREQ=HOURLY", 60, (60 * 365 + 15) * 24 - 60 + 1)],
)
def test_long_counts_of_bare_steps_are_arithmetic(text: str, years: int, instants: int) -> None:
    """As many as there are on the clock's face, but for the hour that it skips each spring."""
    schedule = rule(text, local(2026, 3, 1))
    begin = process_time()
    assert schedule.count(local(2026, 3, 1), local(2026 + years, 3, 1)) == instants
    assert process_time() - begin < 0.5


def test_a_rule_takes_its_start_from_the_creation_of_its_task() -> None:
    loose = Rrule("FREQ=DAILY", tz="America/New_York")
    with pytest.raises(ScheduleError, match="has no dtstart yet"):
        loose.next_after(START)
    bound = bind(loose, START + timedelta(milliseconds=500))
    assert bound == rule("FREQ=DAILY")
    assert first_run_at(bound, START) == local(1997, 9, 3, 9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not NAME=VALUE"),
        ("every day", "is not NAME=VALUE"),
        ("INTERVAL=2", "FREQ is missing: one of YEARLY, MONTHLY"),
        ("FREQ=FORTNIGHTLY", "FREQ=FORTNIGHTLY is not one of YEARLY, MONTHLY"),
        ("FREQ=DALY", "Did you mean DAILY?"),
        ("FREQ=DAILY;BYHOURS=3", "BYHOURS is not a part of an RRULE. Did you mean BYHOUR?"),
        ("FREQ=DAILY;BYEASTER=0", "BYEASTER is not a part"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ is given twice"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 is not a whole number from 1"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL=-1 is not"),
        ("FREQ=DAILY;INTERVAL=NAN", "INTERVAL=NAN is not"),
        ("FREQ=YEARLY;INTERVAL=1000", "from 1 to 50"),
        ("FREQ=DAILY;COUNT=0", "COUNT=0 is not"),
        ("FREQ=DAILY;COUNT=1000000", "from 1 to 10000"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101T000000Z", "exclude each other"),
        ("FREQ=DAILY;UNTIL=20270101T000000", "must be in UTC .* write UNTIL=20270101T050000Z"),
        ("FREQ=DAILY;UNTIL=20270101", "write UNTIL=20270102T045959Z"),
        ("FREQ=DAILY;UNTIL=99991231", "write UNTIL=99991231T235959Z"),
        ("FREQ=DAILY;UNTIL=SOON", "UNTIL=SOON is not an instant in UTC"),
        ("FREQ=DAILY;UNTIL=20271301T000000Z", "is not an instant"),
        ("FREQ=DAILY;UNTIL=19960101T000000Z", "ends .* before its first instant"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR: '24' is not a number from 0 to 23$"),
        ("FREQ=DAILY;BYSECOND=60", "from 0 to 59"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "from 1 to 31 or -31 to -1"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,,2", "BYMONTHDAY: ''"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY goes with"),
        ("FREQ=MONTHLY;BYWEEKNO=1", "BYWEEKNO goes with FREQ=YEARLY only"),
        ("FREQ=DAILY;BYYEARDAY=1", "BYYEARDAY goes with"),
        ("FREQ=WEEKLY;BYDAY=1MO", "numbered weekdays"),
        ("FREQ=WEEKLY;BYDAY=XX", "'XX' is not one of MO"),
        ("FREQ=MONTHLY;BYDAY=6MO", "more than five"),
        ("FREQ=MONTHLY;BYDAY=0MO", "is not a weekday such as"),
        ("FREQ=WEEKLY;WKST=1", "WKST: '1'"),
        ("FREQ=DAILY;BYSETPOS=1", "there is none"),
        ("FREQ=SECONDLY;BYHOUR=3", "write FREQ=MINUTELY or HOURLY with BYSECOND"),
        ("DTSTART:19970902T090000\nRRULE:FREQ=DAILY", "DTSTART is given beside the rule"),
        ("FREQ=DAILY;" * 100, "the longest has 1,000"),
    ],
)
def test_a_rule_that_is_not_understood_is_refused_with_the_part_named(text: str, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        rule(text)


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;BYMONTH=4;BYMONTHDAY=31",
        "FREQ=MINUTELY;BYMONTH=1;BYYEARDAY=366",
        "FREQ=YEARLY;BYMONTH=1;BYYEARDAY=100",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=5",
        "FREQ=HOURLY;INTERVAL=168;BYDAY=MO",
        "FREQ=MINUTELY;INTERVAL=1440;BYHOUR=5",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTH=2",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
    ],
)
def test_a_rule_that_never_happens_is_refused_soon(text: str) -> None:
    begin = process_time()
    with pytest.raises(ScheduleError, match="never happens"):
        rule(text)
    assert process_time() - begin < 2.0  # dateutil alone searches to the year 9999: hours, for some of these


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FREQ=DAILY;COUNT", "'COUNT' is not NAME=VALUE"),
        ("FREQ=DAILY;COUNT=", "'COUNT=' is not NAME=VALUE"),
        ("FREQ=DAILY;COUNT=1=2", "COUNT=1=2 is not a whole number"),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", "numbered weekdays"),
        ("FREQ=YEARLY;BYMONTH=1;BYDAY=6MO", "more than five"),
        ("FREQ=YEARLY;BYDAY=54MO", "'54MO' is not a weekday such as"),
        ("FREQ=MONTHLY;BYDAY=1XX", "BYDAY: 'XX' is not one of MO, TU, WE"),
        ("FREQ=SECONDLY;BYMINUTE=3", "write FREQ=MINUTELY or HOURLY with BYSECOND"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "FREQ=YEARLY or FREQ=MONTHLY or FREQ=DAILY"),
        ("FREQ=DAILY;COUNT=00000000000100000000", "COUNT=00000000000100000000 is not"),
        ("FREQ=DAILY;BYMONTH=0000013", "BYMONTH: '0000013' is not"),
        ("FREQ=MONTHLY;BYDAY=00010MO", "more than five"),
        ("FREQ=YEARLY;BYDAY=00099MO", "'00099MO' is not a weekday"),
    ],
)
def test_parts_that_cannot_be_meant_are_refused_with_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        rule(text)


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("FREQ=DAILY;COUNT=10000;", "1997-09-02 1997-09-03"),
        ("FREQ=MONTHLY;BYMONTHDAY=+5", "1997-09-05 1997-10-05"),
        ("FREQ=MONTHLY;BYDAY=+1FR", "1997-09-05 1997-10-03"),
        ("FREQ=MONTHLY;BYDAY=5TU", "1997-09-30 1997-12-30"),
        ("FREQ=YEARLY;BYDAY=53WE", "1997-12-31 2003-12-31"),
        ("FREQ=YEARLY;BYMONTH=2;BYYEARDAY=60", "2000-02-29 2004-02-29"),
        ("FREQ=YEARLY;BYMONTH=3;BYYEARDAY=60", "1998-03-01 1999-03-01"),
        ("FREQ=YEARLY;BYMONTH=12;BYYEARDAY=-1", "1997-12-31 1998-12-31"),
        ("FREQ=YEARLY;BYMONTH=1;BYYEARDAY=-365", "1998-01-01 1999-01-01"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-29", "2000-02-01 2004-02-01"),
        ("FREQ=MONTHLY;BYMONTH=12;BYMONTHDAY=31", "1997-12-31 1998-12-31"),
        ("FREQ=DAILY;BYDAY=MO;BYSETPOS=-1,2", "1997-09-08 1997-09-15"),
        ("FREQ=DAILY;BYHOUR=8,9;BYMINUTE=0;BYSECOND=0;BYSETPOS=2", "1997-09-02 1997-09-03"),
        ("FREQ=HOURLY;BYHOUR=9;BYMINUTE=0;BYSECOND=0,1;BYSETPOS=-2", "1997-09-02 1997-09-03"),
        ("FREQ=MINUTELY;BYHOUR=9;BYMINUTE=0;BYSECOND=0,1;BYSETPOS=1,2,3", "1997-09-02 1997-09-02"),
        ("FREQ=SECONDLY;INTERVAL=86400;BYSECOND=0,1;BYSETPOS=1", "1997-09-02 1997-09-03"),
    ],
)
def test_parts_at_the_edge_of_what_is_allowed_happen_on_their_days(text: str, dates: str) -> None:
    assert walls(rule(text), 2) == [f"{date} 09:00" for date in dates.split()]


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=4,6;BYMONTHDAY=31",
        "FREQ=DAILY;BYMONTH=4;BYMONTHDAY=-31",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=-30,30",
        "FREQ=HOURLY;BYMONTH=1;BYYEARDAY=32,-334",
        "FREQ=HOURLY;BYMONTH=12;BYYEARDAY=330",
        "FREQ=HOURLY;BYMONTHDAY=30;BYYEARDAY=60",
        "FREQ=HOURLY;BYMONTH=3;BYMONTHDAY=3;BYYEARDAY=61",
    ],
)
def test_a_rule_whose_months_have_no_such_day_is_refused_for_it(text: str) -> None:
    with pytest.raises(ScheduleError, match="no month it names has such a day"):
        rule(text)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("FREQ=DAILY;BYDAY=MO;BYSETPOS=2", 1),
        ("FREQ=DAILY;BYHOUR=8,9;BYMINUTE=0,20,40;BYSECOND=0,1;BYSETPOS=13,-13", 12),
        ("FREQ=HOURLY;BYHOUR=8,9;BYMINUTE=0;BYSETPOS=2", 1),
        ("FREQ=MINUTELY;BYHOUR=8,9;BYMINUTE=0,1;BYSETPOS=-2", 1),
        ("FREQ=SECONDLY;BYSECOND=1,2,3;BYSETPOS=2", 1),
    ],
)
def test_a_position_beyond_what_its_period_holds_is_refused_unsearched(text: str, most: int) -> None:
    """dateutil would look into each second until the year 9999."""
    with pytest.raises(ScheduleError, match=f"never happens: BYSETPOS picks from {most} at a time"):
        rule(text)


def test_the_longest_rule_is_understood_and_only_a_longer_one_is_too_long() -> None:
    assert Rrule("FREQ=DAILY".ljust(1_000), START).rule == "FREQ=DAILY"
    with pytest.raises(ScheduleError, match="of 1,001 characters"):
        Rrule("FREQ=DAILY".ljust(1_001), START)


def test_a_refusal_shows_the_rule_up_to_eighty_characters_of_it() -> None:
    fits = "FREQ=DAILY;BYHOUR=".ljust(80, "9")
    for text, shown in ((fits, fits), (fits + "9", fits[:77] + "...")):
        with pytest.raises(ScheduleError) as refused:
            rule(text)
        assert str(refused.value).startswith(f"rrule '{shown}': ")


@pytest.mark.parametrize("value", [None, 7, b"FREQ=DAILY"])
def test_a_rule_is_text(value: Any) -> None:
    with pytest.raises(ScheduleError, match="an rrule is text such as"):
        Rrule(value, START)


def test_a_start_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ScheduleError, match="has no time zone"):
        rule("FREQ=DAILY", datetime(2026, 3, 1))  # noqa: DTZ001 - what is to be refused
    with pytest.raises(ScheduleError, match="is not on a whole second"):
        rule("FREQ=DAILY", START + timedelta(milliseconds=1))


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("dateutil"):
            raise ImportError(name)
        return real(name, *rest, **more)

    _zoned.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ScheduleError, match=r"pip install 'jarvis-daemon\[dates\]'"):
        rule("FREQ=DAILY")


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=2,9;BYMONTHDAY=-1", "FREQ=YEARLY;BYDAY=-1SU;INTERVAL=2", "FREQ=MONTHLY",
        "FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=31", "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1,1", "FREQ=WEEKLY;INTERVAL=3",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", "FREQ=DAILY;INTERVAL=13", "FREQ=DAILY;BYMONTH=2;BYHOUR=1,13",
        "FREQ=HOURLY;INTERVAL=25;BYDAY=SA", "FREQ=HOURLY;INTERVAL=5;BYHOUR=0,7,12",
        "FREQ=MINUTELY;INTERVAL=97;BYHOUR=4",
        "FREQ=MINUTELY;INTERVAL=7;BYMINUTE=0,30;BYMONTHDAY=1", "FREQ=SECONDLY;INTERVAL=86399;BYDAY=MO",
        "FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=MO,SU", "FREQ=YEARLY;BYYEARDAY=-1,366",
    ],
)  # fmt: skip
@pytest.mark.parametrize("start", ["1997-09-02T09:17:05Z", "1998-12-31T21:47:53Z"])
def test_a_search_from_anywhere_agrees_with_dateutil_from_the_start(text: str, start: str) -> None:
    """In UTC, where walls are instants. The search jumps; dateutil walks every instant from DTSTART."""
    check_against_dateutil(text, datetime.fromisoformat(start).astimezone(UTC))


def check_against_dateutil(text: str, start: datetime) -> None:
    schedule = Rrule(text, start)
    oracle = rrulestr(text, dtstart=start.replace(tzinfo=None))
    expected = [wall.replace(tzinfo=UTC) for wall, _ in zip(oracle, range(400), strict=False)]
    for before, after in zip(expected[::7], expected[1::7], strict=False):
        assert schedule.next_after(before) == after
        assert schedule.next_after(after - timedelta(microseconds=1)) == after
        assert schedule.next_after(before + (after - before) / 2) == after
        assert schedule.previous_before(after) == before
    assert schedule.count(expected[10], expected[-1]) == len(expected) - 10
