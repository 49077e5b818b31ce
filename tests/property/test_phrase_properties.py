"""Whatever is typed: one exact schedule, the same every time, or a refusal whose suggestions work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from jarvis.scheduler.cron import CronExpression
from jarvis.scheduler.phrase import PAST, Phrase, PhraseError, parse_at, parse_every, parse_when
from jarvis.scheduler.phrase_words import MONTHS, WEEKDAYS, WORDS

ZONES = (
    "UTC",
    "America/Denver",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Pacific/Apia",
    "Asia/Kolkata",
)

nows = st.integers(946_684_800, 4_102_444_800).map(lambda second: datetime.fromtimestamp(second, UTC))  # 2000 to 2100
zones = st.sampled_from(ZONES)

# ---------------------------------------------------------------------------- a grammar of its own

hours, minutes = st.integers(0, 23), st.integers(0, 59)
clocks = st.one_of(
    hours.map(lambda h: f"at {h}"),
    st.builds("{}:{:02}".format, hours, minutes),
    st.builds("at {}:{:02}".format, hours, minutes),
    st.builds("{}{}".format, st.integers(1, 12), st.sampled_from(["am", " am", "pm", " p.m."])),
    st.sampled_from(["noon", "at noon"]),
)
weekdays = st.sampled_from(WEEKDAYS)
days_of_month = st.integers(4, 20).map(lambda day: f"{day}th")
repeating_days = st.one_of(
    st.sampled_from(["every day", "daily", "each day", "every weekday", "weekdays", "weekends"]),
    weekdays.map(lambda day: f"{day}s"),
    st.lists(weekdays, min_size=1, max_size=7).map(lambda days: "every " + " and ".join(days)),
    st.lists(weekdays, min_size=1, max_size=3).map(lambda days: "every " + ", ".join(days)),
    st.builds("{} {} of the month".format, st.sampled_from(["first", "2nd", "third", "last"]), weekdays),
    st.builds("{} of every month".format, days_of_month),
    st.builds("every year on {} {}".format, days_of_month, st.sampled_from(MONTHS)),
    st.sampled_from(["last day of the month", "last weekday of the month", "first day of every month"]),
)
once_days = st.one_of(
    st.sampled_from(["today", "tomorrow", "day after tomorrow", "the day after tomorrow", "tonight", "this evening"]),
    weekdays,
    weekdays.map(lambda day: f"this {day}"),
    weekdays.map(lambda day: f"next {day}"),
    st.builds("{} {}".format, st.integers(1, 31), st.sampled_from(MONTHS)),
    st.builds("{} {}".format, st.sampled_from(MONTHS), st.integers(1, 31)),
    st.builds("{}/{}".format, st.integers(1, 31), st.integers(1, 31)),
)
lengths = st.builds(
    "{}{}".format, st.integers(1, 500), st.sampled_from([" seconds", " minutes", "m", "h", " days", "d", "w"])
)
steps = st.builds(
    "every {} {}{}".format,
    st.integers(0, 70),
    st.sampled_from(["minutes", "hours"]),
    st.sampled_from([" on weekdays", " on the clock", " from 9:00 through 16:45", " between 9 and 17 on weekends"]),
)
repeating = st.one_of(
    st.builds("{} {}".format, repeating_days, clocks), st.builds("{} {}".format, clocks, repeating_days)
)
phrases = st.one_of(
    repeating,
    st.builds("{} {}".format, once_days, clocks),
    clocks,
    repeating_days,
    once_days,
    lengths.map(lambda length: f"every {length}"),
    lengths.map(lambda length: f"in {length}"),
    lengths,
    steps,
)
# Words of the vocabulary in any order: the garbage that comes nearest to sense.
salad = st.lists(st.sampled_from([*sorted(WORDS), "at 9", "9:30", "1st", "31st", "5", ",", "-", "/"]), max_size=9).map(
    " ".join
)


def outcome(text: str, now: datetime, zone: str) -> Phrase | tuple[str, list[str]]:
    try:
        return parse_when(text, now, zone)
    except PhraseError as error:
        return str(error), error.suggestions


# ---------------------------------------------------------------------------- the properties


@given(repeating, nows, zones)
def test_every_phrase_of_days_and_a_time_is_understood(text: str, now: datetime, zone: str) -> None:
    phrase = parse_when(text, now, zone)
    assert phrase.kind == "cron"
    assert CronExpression(phrase.cron or "", zone).next_after(now) > now


@given(phrases, nows, zones, st.randoms(use_true_random=False), st.sampled_from([" ", "  ", "   "]))
def test_case_and_blanks_never_matter(text: str, now: datetime, zone: str, random: object, blank: str) -> None:
    # A capital M alone is the one letter whose case matters: months or minutes.
    flipped = "".join(c if c == "m" else getattr(random, "choice")([c, c.upper()]) for c in text)  # noqa: B009
    changed = outcome(f"{blank}{flipped}".replace(" ", blank), now, zone)
    plain = outcome(text, now, zone)
    if isinstance(plain, Phrase):
        assert changed == plain
    else:
        assert changed[1] == plain[1]


@given(phrases, nows, zones)
def test_the_same_text_at_the_same_time_is_the_same_schedule(text: str, now: datetime, zone: str) -> None:
    assert outcome(text, now, zone) == outcome(text, now, zone)


@given(st.one_of(st.text(), salad, phrases, st.text(st.characters(max_codepoint=127))), nows, zones)
@example("", datetime(2026, 1, 1, tzinfo=UTC), "UTC")
def test_any_text_is_read_or_refused_and_every_suggestion_works(text: str, now: datetime, zone: str) -> None:
    for read in (
        lambda phrase: parse_when(phrase, now, zone),
        lambda phrase: parse_at(phrase, now, zone),
        lambda phrase: parse_every(phrase, zone),
    ):
        for suggestion in suggestions(read, text):
            assert read(suggestion)


def suggestions(read: Callable[[str], object], text: str) -> list[str]:
    """What to say instead of the text, which is nothing only if it is understood."""
    try:
        read(text)
    except PhraseError as error:
        return error.suggestions or ["there should be one"]
    return []


@given(st.one_of(phrases, salad), nows, zones)
def test_words_name_an_instant_after_now(text: str, now: datetime, zone: str) -> None:
    phrase = outcome(text, now, zone)
    if isinstance(phrase, Phrase) and phrase.at is not None:
        assert phrase.at > now or text.split() == ["now"]


@given(st.one_of(phrases, salad), nows, zones)
def test_an_instant_is_told_by_the_clock_of_the_zone(text: str, now: datetime, zone: str) -> None:
    phrase = outcome(text, now, zone)
    if isinstance(phrase, Phrase) and phrase.at is not None:
        assert phrase.at.utcoffset() == phrase.at.astimezone(ZoneInfo(zone)).utcoffset()
        assert parse_at(phrase.at.isoformat(), now, zone) == phrase.at


@given(phrases, nows, zones)
def test_the_three_readers_agree(text: str, now: datetime, zone: str) -> None:
    phrase = outcome(text, now, zone)
    if isinstance(phrase, Phrase) and phrase.kind == "once":
        assert parse_at(text, now, zone) == phrase.at
    elif isinstance(phrase, Phrase):
        assert parse_every(text, zone) == phrase


@given(st.lists(weekdays, min_size=1, max_size=7), st.lists(hours, min_size=1, max_size=5, unique=True), minutes, nows)
def test_days_and_times_are_exactly_those_said(days: list[str], at: list[int], minute: int, now: datetime) -> None:
    times = " and ".join(f"{hour}:{minute:02}" for hour in at)
    phrase = parse_when(f"every {' and '.join(days)} at {times}", now, "UTC")
    fired = CronExpression(phrase.cron or "", "UTC").between(now, now + timedelta(days=7))
    said = {(WEEKDAYS.index(day), hour, minute) for day in days for hour in at}
    assert {(each.isoweekday() % 7, each.hour, each.minute) for each in fired} == said


@given(nows, st.timedeltas(min_value=-PAST, max_value=timedelta(days=10_000)), zones, zones)
def test_iso_with_any_offset_is_exactly_that_instant(now: datetime, ahead: timedelta, zone: str, told_in: str) -> None:
    instant = now + ahead
    assert parse_at(instant.astimezone(ZoneInfo(told_in)).isoformat(), now, zone) == instant
