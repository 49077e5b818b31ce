"""A phrase that is refused says what is wrong with it, and what to say instead keeps the rest of the phrase."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from jarvis.scheduler.phrase import PhraseError, parse_at, parse_every, parse_when
from jarvis.scheduler.phrase_words import ordinal

DENVER = ZoneInfo("America/Denver")
WEDNESDAY = datetime(2026, 11, 18, 9, 0, tzinfo=DENVER)


def refused(text: str, now: datetime = WEDNESDAY) -> PhraseError:
    with pytest.raises(PhraseError) as caught:
        parse_when(text, now, DENVER)
    return caught.value


# What was typed, words that say what is wrong, and all that is suggested; [] where only examples can be shown.
# More of them, with all their words, are in docs/phrases.md, which test_phrase.py reads.
REFUSALS: list[tuple[str, str, list[str]]] = [
    # No time of day.
    ("monday", "at what time", ["monday at 9:00", "monday at 18:00", "every monday at 9:00"]),
    ("mondays", "at what time", ["mondays at 9:00", "mondays at 18:00"]),
    ("friday night", "at what time", ["friday night at 20:00", "friday night at 22:00", "every friday at 9:00"]),
    ("tomorrow morning", "at what time", ["tomorrow morning at 8:00", "tomorrow morning at 9:00"]),
    ("2026-12-24", "at what time", ["2026-12-24T09:00:00-07:00"]),
    # No time of day that there is.
    ("tomorrow at 24:00", "not a time of day", []),
    ("tomorrow at 9:60", "not a time of day", []),
    ("tomorrow at 9:00:60", "not a time of day", []),
    ("tomorrow at 0am", "1 to 12", ["tomorrow at 0:00"]),
    ("tomorrow at 13:15pm", "1 to 12", ["tomorrow at 13:15"]),
    ("tomorrow morning at noon", "not in the morning", ["tomorrow at 12:00", "every day at 12:00"]),
    # More than one instant, or none.
    ("tomorrow at 9 and 17", "more than one instant", ["tomorrow at 09:00", "tomorrow at 17:00"]),
    ("in 0 minutes", "that is now", ["now"]),
    ("in 500000 weeks", "outside the calendar", []),
    ("in 1000000 weeks", "longer than 10,000 years", []),
    ("today at 8", "already past", ["tomorrow at 08:00"]),
    ("this monday at 9", "already past", ["monday at 9", "tomorrow at 09:00"]),
    ("1 may 2026 at 8", "already past", ["1 may at 8", "tomorrow at 08:00"]),
    ("wednesday 18 nov at 8", "already past", ["18 november at 8", "tomorrow at 08:00"]),
    ("next friday", "the coming one", ["2026-11-20T09:00:00-07:00", "2026-11-27T09:00:00-07:00"]),
    (
        "the 18th at 9:30",
        "once or every month",
        ["2026-11-18T09:30:00-07:00", "2026-12-18T09:30:00-07:00", "18th of every month at 9:30"],
    ),
    ("the 18th at 8", "once or every month", ["2026-12-18T08:00:00-07:00", "18th of every month at 8"]),
    ("24 december at midnight", "start or at the end", ["2026-12-24T00:00:00-07:00", "2026-12-25T00:00:00-07:00"]),
    ("1 may at midnight", "start or at the end", ["2027-05-01T00:00:00-06:00", "2027-05-02T00:00:00-06:00"]),
    # Dates that there are not, or not so.
    ("31 april at 9", "there is no day 31 in April;", ["30 april at 9"]),
    ("30 feb 2027 at noon", "there is no day 30 in February 2027;", ["28 february at noon"]),
    ("friday 24 dec at 18:00", "2026-12-24 is a Thursday", ["thursday 24 dec at 18:00"]),
    ("monday 27 dec at 9", "2026-12-27 is a Sunday", ["sunday 27 dec at 9"]),
    ("2026-02-30 18:00", "no such date", []),
    ("5pm 2026-12-24", "needs an offset", ["2026-12-24T17:00:00-07:00"]),
    (
        "1/2/2027 18:00",
        "either way round",
        [
            "2027-01-02T18:00:00-07:00",
            "2027-02-01T18:00:00-07:00",
            "2 january 2027 at 18:00",
            "1 february 2027 at 18:00",
        ],
    ),
    ("2/2 at 9", "either way round", ["2027-02-02T09:00:00-07:00", "2 february at 9"]),
    # ISO 8601.
    ("2026-12-24T24:00Z", "not a time of day", []),
    ("2026-12-24T18:00+24:00", "offsets from UTC go to 23:59", []),
    ("2026-12-24T18:00+00:60", "offsets from UTC go to 23:59", []),
    ("2026-11-17T18:00Z", "already past", ["2026-11-19T11:00:00-07:00"]),
    # What repeats, and cannot.
    ("every 99ms", "shortest interval is 100ms", ["every 100ms", "every second"]),
    ("every night at midnight", "either end of the day", ["every day at 0:00"]),
    ("every day at 9:00:30 and 17:00:15", "no seconds", ["every day at 09:00 and 17:00"]),
    (
        "1st and 29th of every month at 9",
        "not every month has a 29th",
        [
            "last day of the month at 9",
            "28th of every month at 9",
            "every year on the 29th of january and march and april and may and june and july and august and september"
            " and october and november and december at 9",
        ],
    ),
    (
        "first and fifth friday of the month at 9",
        "a fifth one",
        ["last friday of the month at 9", "fourth friday of the month at 9"],
    ),
    (
        "every year on the fifth monday of may at 9",
        "not every may has a fifth one",
        ["every year on the last day of may at 9"],
    ),
    (
        "every year on the 31st of april and may at 9",
        "not every april and may has a day 31",
        ["every year on the last day of april and may at 9"],
    ),
    # Steps on the clock.
    ("every hour at :60", '":60" is not a minute', ["every hour at :15", "every 2 hours at :30"]),
    ("every 15 minutes at :10", "only with hours", ["every hour at :15", "every 2 hours at :30"]),
    ("every 7 minutes on the clock", "the hour:", ["every 5 minutes on the clock", "every 6 minutes on the clock"]),
    ("every 5 hours at :15", "the day:", ["every 4 hours at :15", "every 6 hours at :15"]),
    ("every 15 minutes from 9 through 17", "no one schedule", ["every 15 minutes from 9 through 16:45"]),
    ("every 40 minutes from 9 through 17", "no one schedule", ["every 40 minutes from 9 through 09:40"]),
    ("every 2 hours from 9 through 16", "do not meet", ["every 2 hours from 9 through 15:00"]),
    ("every hour from at 9 through at 16:30", "do not meet", ["every hour from 9 through 16:00"]),
    ("every 7 minutes from 9 through 9:01", "do not meet", []),
    ("every 15 minutes from 22 through 2", "does not cross midnight", ["every 15 minutes from 22 through 23:45"]),
    ("every hour from 22 to 2", "does not cross midnight", ["every hour from 22 through 23:00"]),
    ("every hour between 9 and 9", "does not cross midnight", ["every hour from 9 through 23:00"]),
    ("every 0 minutes from 9 through 17", "steps of nothing", []),
    # Once or again and again.
    ("monday and thursday at 9", "once or every week", ["every monday and thursday at 9"]),
    ("first monday of may at 9", "once or every year", ["every year on first monday of may at 9"]),
    # Text.
    ("in 5M", "M could be minutes or months", ["in 5 minutes"]),
    ("Every 20 M on weekdays", "M could be minutes or months", ["every 20 minutes on weekdays"]),
    ("tomorrow at n\u00f6\u00f6n", "plain letters, digits and punctuation", []),
    ("the", "nothing about time", []),
]


@pytest.mark.parametrize(("text", "problem", "suggestions"), REFUSALS)
def test_a_refusal_says_what_is_wrong_and_what_to_say_instead(text: str, problem: str, suggestions: list[str]) -> None:
    error = refused(text)
    assert problem in str(error)
    assert error.suggestions
    if suggestions:
        assert error.suggestions == suggestions


def test_suggestions_are_offered_as_one_or_the_other() -> None:
    assert str(refused("tomorrow at 9 and 17")).endswith('say "tomorrow at 09:00" or "tomorrow at 17:00"')


# ---------------------------------------------------------------------------- slips of the keyboard


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("every mondya at 9", "every monday at 9"),
        ("tomorow at 17:00", "tomorrow at 17:00"),
        ("tomorrow at 9.30", "tomorrow at 9:30"),
        ("tomorrow at 9h30", "tomorrow at 9:30"),
        ("thrusday at 9.30", "thursday at 9:30"),
        ("evry 1.30 hours", "every 1.30 hours"),
    ],
)
def test_a_slip_of_the_keyboard_is_put_right_in_the_first_suggestion(text: str, meant: str) -> None:
    error = refused(text)
    assert "not understood" in str(error)
    assert error.suggestions[0] == meant


def test_a_word_that_is_no_slip_is_not_taken_for_one() -> None:
    assert "every day at 9" not in refused("every payday at 9").suggestions


# ---------------------------------------------------------------------------- the day of the month


def test_a_day_that_not_every_month_has_is_looked_for_in_those_that_have_it() -> None:
    first_of_february = datetime(2027, 2, 1, 9, 0, tzinfo=DENVER)
    suggestions = refused("the 31st at 9", first_of_february).suggestions
    assert suggestions == ["2027-03-31T09:00:00-06:00", "2027-05-31T09:00:00-06:00"]


def test_days_of_the_month_are_written_as_they_are_said() -> None:
    said = "1st 2nd 3rd 4th 9th 10th 11th 12th 13th 19th 20th 21st 22nd 23rd 24th 30th 31st"
    assert said.split() == [ordinal(int(day[:-2])) for day in said.split()]


# ---------------------------------------------------------------------------- --every and --at


def test_a_length_that_no_task_can_repeat_after_is_refused_in_words() -> None:
    with pytest.raises(PhraseError, match="negative"):
        parse_every(timedelta(seconds=-1), "UTC")


@pytest.mark.parametrize("text", ["other day at 9", "every other day at 9"])
def test_every_says_the_same_with_and_without_the_word_every(text: str) -> None:
    with pytest.raises(PhraseError, match="no fixed days") as caught:
        parse_every(text, "UTC")
    assert caught.value.suggestions == ["every 48 hours", "every monday, wednesday and friday at 9"]


def test_at_suggests_no_phrase_that_repeats() -> None:
    with pytest.raises(PhraseError, match="at what time") as caught:
        parse_at("monday", WEDNESDAY, DENVER)
    assert caught.value.suggestions == ["monday at 9:00", "monday at 18:00"]


# ---------------------------------------------------------------------------- text


def test_a_phrase_has_at_most_200_characters() -> None:
    assert parse_when("every day at 9".ljust(200), WEDNESDAY, DENVER).cron == "0 9 * * *"
    assert "too long" in str(refused("every day at 9".ljust(201)))


def test_a_long_text_is_shown_by_its_beginning() -> None:
    assert str(refused("x" * 60)).startswith(f'"{"x" * 60}": ')
    assert str(refused("x" * 61)).startswith(f'"{"x" * 60}...": ')


def test_what_is_not_text_is_refused_by_its_kind() -> None:
    with pytest.raises(PhraseError, match='"5": a phrase is text, not int'):
        parse_at(5, WEDNESDAY, DENVER)  # type: ignore[arg-type]
