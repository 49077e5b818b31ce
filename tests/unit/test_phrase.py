"""What people type becomes one exact schedule, or is refused with phrases that do work."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from jarvis.scheduler.cron import CronExpression
from jarvis.scheduler.phrase import PAST, Phrase, PhraseError, parse_at, parse_every, parse_when
from jarvis.scheduler.zone import ZoneError

DENVER = ZoneInfo("America/Denver")
WEDNESDAY = datetime(2026, 11, 18, 9, 0, tzinfo=DENVER)
DOCS = Path(__file__).parents[2] / "docs" / "phrases.md"


def when(text: str, now: datetime = WEDNESDAY, tz: str = "America/Denver") -> Phrase:
    return parse_when(text, now, tz)


def refused(text: str, now: datetime = WEDNESDAY) -> PhraseError:
    with pytest.raises(PhraseError) as caught:
        when(text, now)
    return caught.value


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=DENVER)


# ---------------------------------------------------------------------------- the document is the table


def rows(heading: str) -> list[tuple[str, ...]]:
    """The rows of the table under a heading of docs/phrases.md: (phrase, what the other columns say)."""
    section = DOCS.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [(cell[0].strip().strip("`"), *(other.strip() for other in cell[1:])) for cell in cells]


def compact(phrase: Phrase) -> str:
    if phrase.kind == "cron":
        return f"cron `{phrase.cron}`"
    if phrase.kind == "interval":
        return phrase.text.split(",")[0]
    return str(phrase.at and phrase.at.isoformat())


@pytest.mark.parametrize(("text", "schedule"), rows("Repeating") + rows("Once"))
def test_the_document_says_what_each_phrase_means(text: str, schedule: str) -> None:
    assert compact(when(text)) == schedule


@pytest.mark.parametrize(("text", "suggestions", "why"), rows("Refused"))
def test_the_document_says_what_is_refused_what_to_say_and_why(text: str, suggestions: str, why: str) -> None:
    assert refused(text).suggestions == re.findall("`(.*?)`", suggestions)
    assert f": {why}; say " in str(refused(text))


def test_the_document_has_all_three_tables() -> None:
    assert min(len(rows(heading)) for heading in ("Repeating", "Once", "Refused")) >= 20


# ---------------------------------------------------------------------------- the cron expressions

FIRST_INSTANTS = {
    "every weekday at 9": ["2026-11-19 09:00", "2026-11-20 09:00", "2026-11-23 09:00"],
    "every day at 7:30": ["2026-11-19 07:30", "2026-11-20 07:30"],
    "daily at noon": ["2026-11-18 12:00", "2026-11-19 12:00"],
    "every day at midnight": ["2026-11-19 00:00", "2026-11-20 00:00"],
    "hourly": ["2026-11-18 10:00", "2026-11-18 11:00"],
    "every hour at :15": ["2026-11-18 09:15", "2026-11-18 10:15"],
    "every monday and thursday at 8pm": ["2026-11-19 20:00", "2026-11-23 20:00", "2026-11-26 20:00"],
    "sundays at 9": ["2026-11-22 09:00", "2026-11-29 09:00"],
    "sat-mon at 9": ["2026-11-21 09:00", "2026-11-22 09:00", "2026-11-23 09:00", "2026-11-28 09:00"],
    "weekends at 10": ["2026-11-21 10:00", "2026-11-22 10:00", "2026-11-28 10:00"],
    "first monday of the month at 10:00": ["2026-12-07 10:00", "2027-01-04 10:00"],
    "first and third monday of the month at 9": ["2026-12-07 09:00", "2026-12-21 09:00", "2027-01-04 09:00"],
    "last day of the month at noon": ["2026-11-30 12:00", "2026-12-31 12:00", "2027-01-31 12:00", "2027-02-28 12:00"],
    "last friday of the month at 17:00": ["2026-11-27 17:00", "2026-12-25 17:00"],
    "last weekday of the month at 9": ["2026-11-30 09:00", "2026-12-31 09:00", "2027-01-29 09:00"],
    "first weekday of the month at 9": ["2026-12-01 09:00", "2027-01-01 09:00", "2027-02-01 09:00", "2027-03-01 09:00",
                                        "2027-04-01 09:00", "2027-05-03 09:00"],
    "15th of every month at 9": ["2026-12-15 09:00", "2027-01-15 09:00"],
    "on the 1st and 15th at 6:00": ["2026-12-01 06:00", "2026-12-15 06:00"],
    "every year on 24 december at 18:00": ["2026-12-24 18:00", "2027-12-24 18:00"],
    "every year on the last day of february at 9": ["2027-02-28 09:00", "2028-02-29 09:00"],
    "every year on the last friday of november at 9": ["2026-11-27 09:00", "2027-11-26 09:00"],
    "every day at 9 and 17": ["2026-11-18 17:00", "2026-11-19 09:00"],
    "every 15 minutes from 9:00 through 16:45 on weekdays": ["2026-11-18 09:15", "2026-11-18 09:30"],
    "every hour from 9 through 11 on weekdays": ["2026-11-18 10:00", "2026-11-18 11:00", "2026-11-19 09:00"],
    "every 2 hours at :30": ["2026-11-18 10:30", "2026-11-18 12:30"],
}  # fmt: skip


@pytest.mark.parametrize("text", FIRST_INSTANTS)
def test_the_cron_expression_fires_when_the_phrase_says(text: str) -> None:
    phrase = when(text)
    assert phrase.cron is not None
    expression, instant = CronExpression(phrase.cron, phrase.tz), WEDNESDAY
    for expected in FIRST_INSTANTS[text]:
        instant = expression.next_after(instant)
        assert instant == local(expected)


def test_every_cron_expression_in_the_document_is_accepted_by_cron() -> None:
    for text, *_ in rows("Repeating"):
        phrase = when(text)
        if phrase.cron:
            CronExpression(phrase.cron, phrase.tz)


def test_the_echo_names_the_expression_the_zone_and_the_words() -> None:
    assert when("every weekday at 9").text == ("cron 0 9 * * 1-5 in America/Denver (at 09:00, Monday to Friday)")


@pytest.mark.parametrize(
    ("text", "cron"),
    [
        # Three and more in a row are a range, and all are no list at all.
        ("every monday and tuesday at 9", "0 9 * * 1,2"),
        ("every monday, tuesday and wednesday at 9", "0 9 * * 1-3"),
        ("every monday through sunday at 9", "0 9 * * *"),
        ("last and first monday of the month at 9", "0 9 * * 1#1,1L"),
        # The ends of what there is.
        ("every day at 23:59", "59 23 * * *"),
        ("every hour at :59", "59 * * * *"),
        ("every minute from 9 through 9:59", "* 9 * * *"),
        # Each thing in every spelling.
        ("every day at 1am", "0 1 * * *"),
        ("Every day at 9 P.M.", "0 21 * * *"),
        ("every day at 9 a. m.", "0 9 * * *"),
        ("every monday,thursday at 9", "0 9 * * 1,4"),
        (", every monday ,thursday at 9,", "0 9 * * 1,4"),
    ],
)
def test_a_phrase_has_one_exact_expression(text: str, cron: str) -> None:
    assert when(text).cron == cron


def test_a_span_of_the_day_has_exactly_its_steps() -> None:
    phrase = when("every 15 minutes from 9:00 through 16:45 on weekdays")
    expression = CronExpression(phrase.cron or "", phrase.tz)
    day = list(expression.between(local("2026-11-19 00:00"), local("2026-11-20 00:00")))
    assert len(day) == 32
    assert (day[0], day[-1]) == (local("2026-11-19 09:00"), local("2026-11-19 16:45"))


# ---------------------------------------------------------------------------- intervals


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("every 40 minutes", timedelta(minutes=40)),
        ("every 7 days", timedelta(days=7)),
        ("every 90 seconds", timedelta(seconds=90)),
        ("every 1h30m", timedelta(minutes=90)),
        ("every hour and 30 minutes", None),
        ("every one hour and 30 minutes", timedelta(minutes=90)),
        ("every half hour", timedelta(minutes=30)),
        ("every 0.5s", timedelta(milliseconds=500)),
        ("every 100ms", timedelta(milliseconds=100)),
    ],
)
def test_a_number_makes_an_interval(text: str, every: timedelta | None) -> None:
    if every is None:
        refused(text)
    else:
        assert when(text)[:3] == ("interval", None, every)


@pytest.mark.parametrize(
    ("value", "every"),
    [
        ("2s", timedelta(seconds=2)),
        ("200ms", timedelta(milliseconds=200)),
        ("5m", timedelta(minutes=5)),
        ("2 hours", timedelta(hours=2)),
        ("90", timedelta(seconds=90)),
        ("1.5", timedelta(seconds=1.5)),
        (90, timedelta(seconds=90)),
        (0.5, timedelta(milliseconds=500)),
        (timedelta(hours=1), timedelta(hours=1)),
        ("every 15 minutes", timedelta(minutes=15)),
        ("an hour and 30 minutes", timedelta(minutes=90)),
    ],
)
def test_every_takes_a_length_of_time(value: str | float | timedelta, every: timedelta) -> None:
    assert parse_every(value, "UTC")[:3] == ("interval", None, every)


@pytest.mark.parametrize(
    ("text", "cron"),
    [
        ("weekday at 9", "0 9 * * 1-5"),
        ("day at 7:30", "30 7 * * *"),
        ("monday at 9", "0 9 * * 1"),
        ("mondays at 9", "0 9 * * 1"),
        ("every monday at 9", "0 9 * * 1"),
        ("first monday of the month at 9", "0 9 * * 1#1"),
        ("15th of the month at 6", "0 6 15 * *"),
        ("hour", "0 * * * *"),
        ("weekdays at 9", "0 9 * * 1-5"),
    ],
)
def test_every_takes_what_comes_after_the_word_every(text: str, cron: str) -> None:
    assert parse_every(text, "UTC").cron == cron


NOT_REPEATING = (
    "monday",
    "other day at 9",
    "tomorrow at 9",
    "in 5 minutes",
    "0",
    "10ms",
    "-5m",
    "nan",
    "1e3",
    "5M",
    "",
)


@pytest.mark.parametrize("text", [*NOT_REPEATING, True, -1, float("nan"), timedelta(seconds=-1)])
def test_every_refuses_what_does_not_repeat_exactly(text: str | float | timedelta) -> None:
    with pytest.raises(PhraseError) as caught:
        parse_every(text, "UTC")
    for suggestion in caught.value.suggestions:
        parse_every(suggestion, "UTC")


def test_every_says_that_an_instant_belongs_to_at() -> None:
    with pytest.raises(PhraseError, match="give it to --at") as caught:
        parse_every("tomorrow at 9", "UTC")
    assert caught.value.suggestions == ["every day at 9"]


# ---------------------------------------------------------------------------- one instant


@pytest.mark.parametrize(
    ("now", "text", "at"),
    [
        ("2026-11-20 08:00", "friday 9:30", None),  # a Friday, and it is still ahead
        ("2026-11-20 10:00", "friday 9:30", "2026-11-27 09:30"),
        ("2026-11-20 09:30", "friday 9:30", "2026-11-27 09:30"),  # strictly after now
        ("2026-11-20 08:00", "this friday 9:30", "2026-11-20 09:30"),
        ("2026-11-22 08:00", "this monday 9:30", None),  # Sunday: this week's Monday is over
        ("2026-11-22 08:00", "monday 9:30", "2026-11-23 09:30"),
        ("2026-11-18 08:00", "this sunday 9:30", "2026-11-22 09:30"),
        ("2026-11-18 08:00", "wednesday 18 nov 9:30", "2026-11-18 09:30"),
        ("2026-11-18 08:00", "sunday 27 dec 9:30", "2026-12-27 09:30"),
        ("2026-12-31 23:00", "tomorrow at 9", "2027-01-01 09:00"),
        ("2026-12-24 18:00", "24 dec 18:00", "2027-12-24 18:00"),
        ("2026-11-18 09:00", "29 february at 9", "2028-02-29 09:00"),
        ("2026-11-18 09:00", "at 9", "2026-11-19 09:00"),
        ("2026-11-18 09:00", "at 9:01", "2026-11-18 09:01"),
        ("2026-11-18 23:59", "midnight", "2026-11-19 00:00"),
        ("2026-11-18 12:00", "noon", "2026-11-19 12:00"),
    ],
)
def test_the_next_such_instant_is_strictly_after_now(now: str, text: str, at: str | None) -> None:
    if at is None:
        refused(text, local(now))
    else:
        assert when(text, local(now)).at == local(at)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-24T18:00:00-07:00", "2026-12-24T18:00:00-07:00"),
        ("2026-12-24T18:00Z", "2026-12-24T11:00:00-07:00"),
        ("2026-12-24 18:00 UTC", "2026-12-24T11:00:00-07:00"),
        ("2026-12-24t18:00:00.25+0100", "2026-12-24T10:00:00.250000-07:00"),
        ("2026-12-24 18:00 +01", "2026-12-24T10:00:00-07:00"),
        ("2026-12-24 18:00 +05:30", "2026-12-24T05:30:00-07:00"),
        ("2026-12-24 18:00 +23:59", "2026-12-23T11:01:00-07:00"),
    ],
)
def test_iso_with_an_offset_is_that_instant_told_in_the_zone(text: str, at: str) -> None:
    assert parse_at(text, WEDNESDAY, DENVER).isoformat() == at


def test_iso_without_an_offset_is_refused_with_the_exact_spelling() -> None:
    error = refused("2026-07-24 18:00")
    assert "without an offset" in str(error)
    later = refused("2027-07-24 18:00")
    assert later.suggestions == ["2027-07-24T18:00:00-06:00"]


def test_a_script_that_says_now_in_iso_is_not_refused_for_being_late() -> None:
    # `--at $(date -Is)` is read a little after it was written; see the acceptance test 03-keeps.
    late = WEDNESDAY.astimezone(UTC) - PAST
    assert parse_at(late.isoformat(), WEDNESDAY, "UTC") == late
    earlier = late - timedelta(microseconds=1)
    with pytest.raises(PhraseError, match="already past") as caught:
        parse_at(earlier.isoformat(), WEDNESDAY, "UTC")
    assert caught.value.suggestions
    assert parse_at(earlier.isoformat(), WEDNESDAY, "UTC", past=timedelta.max) == earlier


def test_at_refuses_what_repeats() -> None:
    with pytest.raises(PhraseError, match="it repeats: give it to --when or --every") as caught:
        parse_at("every day at 9", WEDNESDAY, DENVER)
    assert caught.value.suggestions == ["tomorrow at 9"]


def test_a_skipped_hour_is_refused_with_both_instants() -> None:
    error = refused("14 march 2027 at 2:30")
    assert "never shows 02:30" in str(error)
    assert error.suggestions == ["2027-03-14T01:30:00-07:00", "2027-03-14T03:30:00-06:00"]


def test_a_repeated_hour_is_refused_with_both_instants() -> None:
    error = refused("7 november 2027 at 1:30")
    assert "twice shows 01:30" in str(error)
    assert error.suggestions == ["2027-11-07T01:30:00-06:00", "2027-11-07T01:30:00-07:00"]


def test_a_skipped_day_is_refused() -> None:
    with pytest.raises(PhraseError, match="never shows 09:00") as caught:
        parse_at("30 december at 9", datetime(2011, 12, 28, tzinfo=UTC), "Pacific/Apia")
    assert caught.value.suggestions == ["2011-12-29T09:00:00-10:00", "2011-12-31T09:00:00+14:00"]


def test_days_from_now_are_refused_where_the_calendar_and_real_time_part() -> None:
    before = local("2027-03-13 12:00")
    assert refused("in 1 day", before).suggestions == ["2027-03-14T13:00:00-06:00", "2027-03-14T12:00:00-06:00"]
    assert when("in 24 hours", before).at == local("2027-03-14 13:00")
    assert when("in 1 day", local("2027-03-10 12:00")).at == local("2027-03-11 12:00")


def test_an_instant_in_a_repeated_hour_compares_exactly() -> None:
    at = parse_at("2027-11-07T01:30:00-07:00", WEDNESDAY, DENVER)
    assert at == datetime(2027, 11, 7, 8, 30, tzinfo=UTC)
    assert at.isoformat() == "2027-11-07T01:30:00-07:00"


def test_now_in_the_second_pass_of_a_repeated_hour_counts_as_later() -> None:
    second_pass = datetime(2027, 11, 7, 1, 45, tzinfo=DENVER, fold=1)
    assert when("in 10 minutes", second_pass).at == datetime(2027, 11, 7, 8, 55, tzinfo=UTC)
    assert refused("today at 1:50", second_pass).suggestions == ["2027-11-07T01:50:00-07:00"]


def test_the_echo_of_an_instant_names_it_exactly_and_in_words() -> None:
    text = when("24 december at 18:00").text
    assert text == "once at 2026-12-24T18:00:00-07:00 in America/Denver (Thursday 24 December 2026 at 18:00)"


# ---------------------------------------------------------------------------- readings that must not slip


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("tonight at 8", "2026-11-18 20:00"),
        ("tonight at 8:30", "2026-11-18 20:30"),
        ("tonight at 20:00", "2026-11-18 20:00"),
        ("8pm tonight", "2026-11-18 20:00"),
        ("tomorrow at 5", "2026-11-19 05:00"),
        ("tomorrow at 12am", "2026-11-19 00:00"),
        ("tomorrow at 12pm", "2026-11-19 12:00"),
        ("tomorrow at 12", "2026-11-19 12:00"),
        ("this afternoon at 3", "2026-11-18 15:00"),
        ("tomorrow morning at 11", "2026-11-19 11:00"),
        ("9 in the evening tomorrow", "2026-11-19 21:00"),
        ("friday night at 10", "2026-11-20 22:00"),
        ("tomorrow at 23:59:59", "2026-11-19 23:59:59"),
    ],
)
def test_bare_hours_are_on_the_24_hour_clock_but_for_a_part_of_the_day(text: str, at: str) -> None:
    assert when(text).at == local(at)


NO_ONE_MEANING = """
    tonight at 2 | tonight at 08:00 | tonight at 8am | tonight at midnight | today at midnight |
    friday at midnight | tomorrow morning at noon | tomorrow morning at 12 | tomorrow evening at 2 |
    tomorrow evening at 9 in the morning | tomorrow at 13pm | tomorrow at 0am | tomorrow at 24:00 |
    tomorrow at 9:60 | tomorrow at 9:5 | tomorrow at 25 | tomorrow 5 | tomorrow at 9 and 17 | tomorrow |
    today at 8 | next friday at 9 | next week | in 5 | in 5 months | 12/24 18:00 | 1/2/2027 18:00 |
    24.12.2026 18:00 | 31 april at 9 | 29 feb 2027 at 9 | friday 24 dec at 18:00 | the 15th at 9 |
    2026-12-24 | 2026-12-24 at 18:00 | 2026-12-24T25:00Z | 2026-13-01T10:00Z | 0000-01-01T00:00Z |
    0001-01-01T00:00+14:00 | 9999-12-31T23:59-14:00 | 2026-12-24T18:00:60Z | 2026-12-24T18:00+24:00 |
    in 9999 years | in 500000 weeks | in 0 minutes | in -5 minutes | 20m | an hour |
    monday and thursday at 9 | twice a day | 3 times a week | every other day at 9 | every 2 days at 9 |
    every second monday at 9 | biweekly | every day | every week | every month at 9 | every year |
    quarterly at 9 | every 2 months at 9 | every weekend at 9 | every workday at 9 |
    31st of every month at 9 | every year on 29 february at 9 | fifth monday of the month at 9 |
    every year on 31 april at 9 | every day at 9 and 17:30 | every day at 9:00:30 |
    every 40 minutes on weekdays | every 15 minutes between 9 and 17 | every 15 minutes from 9 through 17 |
    every 15 minutes from 22 through 2 | every 90 minutes on the clock | every 15 minutes at :10 |
    every hour at :60 | every 0 minutes | every 50ms | every night at midnight | friday to friday at 9 |
    every day except sunday at 9 | not every day at 9 | every day at 9 utc | 0 9 * * 1-5 | @daily |
    FREQ=DAILY | every | at | and | the | ? | every am | last monday at 9 | 1th of every month at 9 |
    every 5M | every weekday at 9 and | every , at 9
"""


@pytest.mark.parametrize("text", ["", " ", *(text.strip() for text in NO_ONE_MEANING.split("|"))])
def test_what_has_no_one_meaning_is_refused_with_phrases_that_work(text: str) -> None:
    error = refused(text)
    assert 1 <= len(error.suggestions) <= 4
    for suggestion in error.suggestions:
        assert when(suggestion)
        assert f'"{suggestion}"' in str(error)
    assert str(error).startswith(f'"{text}"')


@pytest.mark.parametrize(
    "text",
    [
        "every day at 9" * 100_000,
        "9" * 1_000_000,
        "at 9 and " * 20 + "at 9",
        "a " * 99 + "a",
        "1h" * 100,
        "mon, " * 39 + "mon",
        "every \u0665 minutes",
        "every day at 9\x00",
        "every\nday at 9",
        "every day at\u00a09",
        "\ud800",
    ],
)
def test_hostile_text_is_refused_quickly_and_shortly(text: str) -> None:
    assert len(str(refused(text))) < 1000


def test_what_is_not_text_is_refused_in_words() -> None:
    with pytest.raises(PhraseError, match="a phrase is text"):
        when(None)  # type: ignore[arg-type]


def test_a_naive_now_is_an_error() -> None:
    with pytest.raises(ValueError, match="naive"):
        when("tomorrow at 9", WEDNESDAY.replace(tzinfo=None))


def test_an_unknown_zone_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ZoneError, match="Did you mean America/Denver"):
        when("tomorrow at 9", tz="America/Denvr")


def test_the_zone_may_be_given_by_name_or_as_itself() -> None:
    assert parse_when("tomorrow at 9", WEDNESDAY, DENVER) == when("tomorrow at 9")
