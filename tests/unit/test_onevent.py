"""OnEvent: which events it means, and what it refuses to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from jarvis.scheduler.duration import DurationError
from jarvis.scheduler.instant import LATEST, ScheduleError
from jarvis.scheduler.onevent import (
    LONGEST_DEBOUNCE,
    LONGEST_FILTER,
    LONGEST_PATTERN,
    MOST_STARTS,
    PUT_OFF,
    OnEvent,
    Rate,
    parse_pattern,
    parse_rate,
)
from jarvis.scheduler.schedule import Schedule
from jarvis.scheduler.zone import ZoneError

T = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("pattern", "event", "matches"),
    [
        ("github/push", "github/push", True),
        ("github/push", "github/Push", False),
        ("github/push", "GitHub/push", False),
        ("github/push*", "github/push.main", True),
        ("github/push*", "github/pull", False),
        ("git*/push", "gitlab/push", True),
        ("git*/push", "hg/push", False),
        ("*/*", "anything/at all", True),
        ("a?c/[xy]", "abc/y", True),
        ("a?c/[xy]", "abc/z", False),
        ("github/a/b", "github/a/b", True),
    ],
)
def test_an_event_is_meant_if_both_patterns_match(pattern: str, event: str, matches: bool) -> None:
    source, event_type = event.split("/", 1)
    assert OnEvent(*parse_pattern(pattern)).matches(source, event_type) is matches


def test_both_patterns_have_to_match() -> None:
    assert not OnEvent("a", "b").matches("a", "c")
    assert not OnEvent("a", "b").matches("c", "b")


@pytest.mark.parametrize(
    ("text", "suggested"), [("github", "github/*"), ("github/", "github/*"), ("/push", "*/push"), ("", "*/*")]
)
def test_half_a_pattern_is_refused_with_the_whole_one(text: str, suggested: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse_pattern(text)
    assert str(error.value) == f"{text!r} is not SOURCE/TYPE, as in github/push*: did you mean {suggested!r}?"


def test_a_pattern_is_told_at_a_length_that_can_be_read() -> None:
    with pytest.raises(ScheduleError) as error:
        parse_pattern("x" * 300)
    assert str(error.value).count("x") == 120


@pytest.mark.parametrize("bad", ["", " a", "a ", "a\nb", "x" * (LONGEST_PATTERN + 1)])
def test_a_pattern_that_no_event_can_match_is_refused(bad: str) -> None:
    for name, schedule in (("source", (bad, "x")), ("event_type", ("x", bad))):
        with pytest.raises(ScheduleError) as error:
            OnEvent(*schedule)
        said = f"{name} cannot be {bad[:60]!r}: use 1 to 200 printable characters, no space around them"
        assert str(error.value) == said


def test_the_longest_pattern_is_allowed() -> None:
    assert OnEvent("x" * LONGEST_PATTERN, "y" * LONGEST_PATTERN).matches("x" * LONGEST_PATTERN, "y" * LONGEST_PATTERN)


@pytest.mark.parametrize("bad", ["[", "a[", "a[]", "[]", "x[abc", "[a][", "[a][b][c", "[!]", "a[!]"])
def test_a_bracket_that_is_not_closed_is_refused(bad: str) -> None:
    with pytest.raises(ScheduleError) as error:
        OnEvent("x", bad)
    said = f"event_type {bad!r} opens a bracket that it does not close: write [abc], or [[] for itself"
    assert str(error.value) == said


def test_a_bracket_may_hold_itself() -> None:
    assert OnEvent("x", "[[]a]").matches("x", "[a]")
    assert OnEvent("x", "[]]").matches("x", "]")
    assert OnEvent("x", "[!]]").matches("x", "a")
    assert OnEvent("x", "[[]").matches("x", "[")
    assert OnEvent("x", "a[[]b[c]").matches("x", "a[bc")


def test_a_source_holds_no_slash() -> None:
    with pytest.raises(ScheduleError) as error:
        OnEvent("a/b", "c")
    assert str(error.value) == "source cannot be 'a/b': a slash ends the source, so it cannot hold one"


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ZoneError):
        OnEvent("a", "b", tz="Mars/Olympus")


# -- debounce ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("debounce", [timedelta(0), timedelta(microseconds=1), LONGEST_DEBOUNCE])
def test_a_debounce_may_last_up_to_a_day(debounce: timedelta) -> None:
    assert OnEvent("a", "b", debounce=debounce).debounce == debounce


@pytest.mark.parametrize(("debounce", "told"), [(-SECOND, "-1s"), (LONGEST_DEBOUNCE + SECOND, "1d1s")])
def test_any_other_debounce_is_refused(debounce: timedelta, told: str) -> None:
    with pytest.raises(ScheduleError) as error:
        OnEvent("a", "b", debounce=debounce)
    assert str(error.value) == f"a debounce of {told} is not allowed: it lasts from 0s to 1d"


def test_a_burst_opens_after_its_last_event_but_is_not_put_off_for_ever() -> None:
    schedule = OnEvent("a", "b", debounce=MINUTE)
    assert schedule.opens(T, T) == T + MINUTE
    assert schedule.opens(T, T + 5 * MINUTE) == T + 6 * MINUTE
    assert schedule.opens(T, T + 9 * MINUTE) == T + PUT_OFF * MINUTE
    assert schedule.opens(T, T + 30 * MINUTE) == T + PUT_OFF * MINUTE
    assert OnEvent("a", "b").opens(T, T + MINUTE) == T
    assert PUT_OFF == 10


def test_the_calendar_ends() -> None:
    assert OnEvent("a", "b", debounce=MINUTE).opens(LATEST, LATEST) == LATEST


# -- rate -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("text", "rate"), [("5/1m", Rate(5, MINUTE)), (" 1 / 90 ", Rate(1, 90 * SECOND))])
def test_a_rate_is_a_number_and_a_length(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["5", "/1m", "", "x/1m", "-1/1m", "1.5/1m", "²/1m", "5555555555/1m"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse_rate(text)
    told = f"a rate cannot be {text!r}: write a number of starts and a length of time, as in 5/1m"
    assert str(error.value) == told


def test_a_rate_is_told_at_a_length_that_can_be_read() -> None:
    with pytest.raises(ScheduleError) as error:
        parse_rate("x" * 100)
    assert str(error.value).count("x") == 60


def test_the_length_of_a_rate_is_a_duration() -> None:
    with pytest.raises(DurationError):
        parse_rate("5/soon")
    with pytest.raises(DurationError):
        parse_rate("5/1/1m")


@pytest.mark.parametrize("starts", [0, -1, MOST_STARTS + 1])
def test_a_rate_of_none_or_too_many_is_refused(starts: int) -> None:
    with pytest.raises(ScheduleError) as error:
        Rate(starts, MINUTE)
    assert str(error.value) == f"a rate has from 1 to 1000 starts, not {starts}"


def test_a_rate_of_one_or_a_thousand_is_allowed() -> None:
    assert (Rate(1, MINUTE).describe(), Rate(MOST_STARTS, MINUTE).describe()) == ("1/1m", "1000/1m")


@pytest.mark.parametrize("per", [timedelta(0), -SECOND])
def test_a_rate_within_no_time_is_refused(per: timedelta) -> None:
    with pytest.raises(ScheduleError) as error:
        Rate(1, per)
    assert str(error.value) == "a rate counts starts within a length of time that is more than none"


def test_a_rate_is_spent_while_its_starts_are_younger_than_its_length() -> None:
    rate = Rate(2, MINUTE)
    assert not rate.spent([], T)
    assert not rate.spent([T], T)
    assert rate.spent([T, T - 59 * SECOND], T)
    assert not rate.spent([T, T - MINUTE], T)
    assert rate.spent([T + MINUTE, T + SECOND], T)  # the clock was set back: what came after still counts


# -- told -------------------------------------------------------------------------------------------------
def test_it_is_told_with_what_limits_it() -> None:
    assert OnEvent("github", "push*").describe() == "on github/push*"
    assert OnEvent("a", "b", debounce=30 * SECOND).describe() == "on a/b (debounce=30s)"
    told = OnEvent("a", "b", debounce=SECOND, rate=Rate(5, MINUTE), filter="payload > 1", max_runs=3).describe()
    assert told == "on a/b (debounce=1s, rate=5/1m, filter='payload > 1'), at most 3 runs"


def test_the_longest_filter_is_allowed_and_a_longer_one_refused() -> None:
    OnEvent("a", "b", filter="x" * LONGEST_FILTER)
    with pytest.raises(ScheduleError) as error:
        OnEvent("a", "b", filter="x" * (LONGEST_FILTER + 1))
    assert str(error.value) == "a filter is a text of at most 10000 characters"


def test_it_is_stored_and_read_back() -> None:
    schedule = OnEvent(
        "github", "push*", debounce=SECOND, rate=Rate(2, MINUTE), filter="payload", tz="Europe/Berlin", ends_at=T
    )
    assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule
    assert msgspec.json.encode(OnEvent("a", "b")) == b'{"type":"event","source":"a","event_type":"b"}'


# -- bounds -----------------------------------------------------------------------------------------------
def test_it_yields_no_instants() -> None:
    schedule = OnEvent("a", "b", starts_at=T, ends_at=T + MINUTE, exclude=("sat",))
    for each in (schedule, OnEvent("a", "b")):
        assert each.next_after(T) is None
        assert each.previous_before(T + MINUTE) is None
        assert each.count(T - MINUTE, T + MINUTE) == 0


def test_its_bounds_say_which_events_count() -> None:
    schedule = OnEvent("a", "b", starts_at=T, ends_at=T + MINUTE)
    assert schedule.left_out(T, 0) == ""
    assert schedule.left_out(T + MINUTE, 100) == ""
    early, late = T - SECOND, T + MINUTE + SECOND
    assert schedule.left_out(early, 0) == "it came before 2026-03-02T09:00:00+00:00 (starts_at)"
    assert schedule.left_out(late, 0) == "it came after 2026-03-02T09:01:00+00:00 (ends_at)"
    assert OnEvent("a", "b").left_out(T, 10**9) == ""


def test_its_calendar_says_which_days_count() -> None:
    schedule = OnEvent("a", "b", exclude=("mon",), tz="Pacific/Auckland")
    assert schedule.left_out(T, 0) == "its calendar leaves out that day (exclude)"  # Monday there, at 22:00
    assert schedule.left_out(datetime(2026, 3, 2, 12, tzinfo=UTC), 0) == ""  # Tuesday there


def test_it_starts_at_most_so_many_runs() -> None:
    assert OnEvent("a", "b", max_runs=2).left_out(T, 1) == ""
    assert OnEvent("a", "b", max_runs=2).left_out(T, 2) == "its 2 runs are used up (max_runs)"
    assert OnEvent("a", "b", max_runs=1).left_out(T, 1) == "the one run it may have is used up (max_runs)"
    assert OnEvent("a", "b", max_runs=2).left_out(T, 3) == "its 2 runs are used up (max_runs)"


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(ScheduleError):
        OnEvent("a", "b").left_out(datetime(2026, 3, 2), 0)  # noqa: DTZ001 - the point
