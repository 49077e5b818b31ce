"""Phrases that people do say and that have no one exact meaning, with what to say instead."""

from __future__ import annotations

import re

from jarvis.scheduler.phrase_words import WORDS, PhraseError, match

_QUARTERS = "every year on the 1st of january, april, july and october {at}"
_ALTERNATE = "(?:other|second|2nd|alternate|two|2)"

_NO_ONE_MEANING: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        r"(?:every )?(?:once|twice|thrice|\w+ times|\d+ ?x)"
        r" (?:(?:an?|per|every) \w+|daily|weekly|monthly)(?: .*)?",
        "does not say at what times",
        ("every day at 9:00 and 21:00", "every 12 hours", "every monday and thursday at 9:00"),
    ),
    (
        rf"every {_ALTERNATE} days?",
        "names no fixed days of the calendar",
        ("every 48 hours", "every monday, wednesday and friday {at}"),
    ),
    (
        rf"(?:every )?(?:fortnight|fortnightly|biweekly|bi-weekly|{_ALTERNATE} (?:weeks?|<dows>))(?: .*)?",
        "does not say in which week it begins",
        ("every 14 days", "first and third monday of the month {at}", "every monday {at}"),
    ),
    (
        r"every <amount>",
        "counts real time from the task's creation, so it cannot also be at a time of day",
        ("every day {at}", "every monday {at}", "every 48 hours"),
    ),
    (
        r"every (?P<nth><nth>) (?P<dow><dow>)",
        "does not say of what",
        ("{nth} {dow} of the month {at}", "every {dow} {at}"),
    ),
    (
        r"(?:at )?(?:end|start|beginning|eom|eod|cob)(?: (?:every )?(?:a )?(?:day|month|business|week))*",
        "does not say an exact time",
        ("last day of the month {at}", "tomorrow at 17:00", "every weekday at 17:00"),
    ),
    (
        r"(?:every )?(?:\w+ )?(?:months?|quarters?|years?)|monthly|quarterly|yearly|bimonthly|semi-?annually",
        "does not say on which day",
        ("1st of every month {at}", "last day of the month {at}", _QUARTERS),
    ),
    ("every week|weekly", "does not say on which day", ("every monday {at}", "every 7 days")),
    (
        "every weekend",
        "could be once each weekend or on both its days",
        ("weekends {at}", "every saturday {at}", "every sunday {at}"),
    ),
    (
        r"(?:every |last |first )?(?:work(?:ing)?|business) ?days?(?: .*)?|workdays",
        "depends on holidays, which a phrase cannot know (exclude them with --exclude)",
        ("every weekday {at}", "last weekday of the month {at}"),
    ),
    (
        r"next (?:week|month|year|day)",
        "does not say which day",
        ("tomorrow {at}", "day after tomorrow {at}", "in 7 days"),
    ),
    (
        r"every \d+(?:\.\d+)?|in \d+(?:\.\d+)?|\d+(?:\.\d+)?",
        "does not say of what",
        ("every 5 minutes", "in 5 minutes", "tomorrow at 5:00", "every day at 5:00"),
    ),
    (
        r"(?P<length><amount>(?:(?:<sep>| )?<amount>)*)",
        "could be once or again and again",
        ("in {length}", "every {length}"),
    ),
    (
        r"<dow>(?:<sep><dow>)+",
        "could be once or every week",
        ("every {said}",),
    ),
    (
        r"(?:<nth>|<nth> weekday|<nth> day|<nth> <dow>) <months>",
        "could be once or every year",
        ("every year on {said}",),
    ),
    (
        r"(?P<rest>.+?) (?:in )?(?:utc|gmt|[a-z]+/[a-z_/]+|[ecmp][sd]t|ce[s]?t|bst)",
        "names a time zone: give that to --tz",
        ("{rest}",),
    ),
    (
        r"(?P<rest>(?:today|tomorrow|daily|every|<dows>|weekdays|weekends)\b.*(?<!\bat)) (?P<hour>\d{1,2})",
        'needs "at" before a bare hour',
        ("{rest} at {hour}:00",),
    ),
    (
        r"[\d*/,-]+ [\d*/,-]+(?: [\da-z*,/?#-]+){3,4}|@\w+",
        "is a cron expression: give it to --cron",
        ("every day {at}",),
    ),
)

EXAMPLES = ("every weekday at 9:00", "every 15 minutes", "in 20 minutes", "tomorrow at 17:00")


def refusal(plain: str, words: str, days: str) -> PhraseError:
    """Why a phrase has no one meaning, from what was said, its bare words and its words about days."""
    for text in (words, days):
        for pattern, problem, instead in _NO_ONE_MEANING:
            if found := match(pattern, text):
                named = [_filled(suggestion, {"said": plain} | found.groupdict()) for suggestion in instead]
                return PhraseError(f"it {problem}", named)
    return PhraseError("it is not understood", [_respelled(plain), _colons(_respelled(plain)), *EXAMPLES])


def _filled(suggestion: str, pieces: dict[str, str]) -> str:
    for name, text in pieces.items():
        suggestion = suggestion.replace(f"{{{name}}}", text)
    return suggestion


def _respelled(plain: str) -> str:
    """The phrase with each unknown word as the nearest known one."""
    return re.sub(r"[a-z-]{3,}", lambda word: _nearest(word[0]), plain)


def _nearest(word: str) -> str:
    # Imported here: only a slip of the keyboard needs it.
    from difflib import get_close_matches  # noqa: PLC0415

    if word in WORDS:
        return word
    return next(iter(get_close_matches(word, WORDS, n=1, cutoff=0.7)), word)


def _colons(plain: str) -> str:
    """The phrase with 9.30 and 9h30 as 9:30."""
    return re.sub(r"\b(\d{1,2})[.h](\d\d)\b", r"\1:\2", plain)
