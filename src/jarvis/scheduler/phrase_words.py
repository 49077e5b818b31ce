"""The vocabulary of phrases: names of days, months, numbers and units, and the one way text is made plain.

Everything else about phrases is tables of patterns over these words. `<name>` in a pattern stands for one of the
words, or the pattern, that _KINDS or _FRAGMENTS have for it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache

from jarvis.scheduler.duration import UNITS, DurationError, parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 200
"""Characters in a phrase. The longest sensible one has half of this; longer text is refused unread."""
_MOST_SHOWN = 60

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days every January, every February (29 only in some years) and so on is sure to have."""

DOW = {name: number for number, name in enumerate(WEEKDAYS)} | {
    short: number
    for number, shorts in enumerate(("sun", "mon", "tue tues", "wed weds", "thu thur thurs", "fri", "sat"))
    for short in shorts.split()
}
"""Weekday as written -> cron's number, 0 = Sunday."""
DOWS = DOW | {f"{name}s": number for name, number in DOW.items() if name in WEEKDAYS}
"""The same with plurals, which mean every such day."""
MONTH = {name: number for number, name in enumerate(MONTHS, 1)} | {
    name[:3]: number for number, name in enumerate(MONTHS, 1)
}
MONTH["sept"] = 9


def ordinal(day: int) -> str:
    """1 -> "1st"."""
    return f"{day}{'th' if day // 10 == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


_COUNTED = ("first", "second", "third", "fourth", "fifth")
NTH = {word: n for n, word in enumerate(_COUNTED, 1)} | {ordinal(n): n for n in range(1, 6)} | {"last": 0}
"""Which of its kind in the month; 0 is the last."""
ORDINAL = {ordinal(day): day for day in range(1, 32)} | {word: n for word, n in NTH.items() if n}
"""Day of the month as written."""
NUMBER = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40,
    "forty-five": 45, "fifty": 50, "sixty": 60, "ninety": 90,
}  # fmt: skip


_KINDS: dict[str, Iterable[str]] = {
    "dow": DOW,
    "dows": DOWS,
    "plural": DOWS.keys() - DOW.keys(),
    "month": MONTH,
    "nth": NTH,
    "ord": ORDINAL,
    "number": NUMBER,
    "unit": UNITS,
    "clockunit": [word for word, unit in UNITS.items() if unit in "mh"],
}
"""<name> in a pattern -> the words any of which may stand there."""
_FRAGMENTS = {
    "sep": "(?:, and |, | and )",
    "months": "<month>(?:<sep><month>)*",
    "day": r"(?:<ord>|\d{1,2})",
    "amount": r"(?:\d+(?:\.\d+)? ?|<number> )<unit>(?![a-z])",
    "time": r"(?:(?:12 )?noon|(?:12 )?midnight|\d{1,2}(?::\d{2}){0,2}(?: ?(?:am|pm))?)",
    # A bare number is a time only after "at"; these are times by themselves.
    "clock": (
        r"(?:(?:12 )?noon|(?:12 )?midnight|\d{1,2}(?::\d{2}){1,2}(?: ?(?:am|pm))?|\d{1,2} ?(?:am|pm)"
        r"|\d{1,2}(?= (?:in|at) <part>))"
    ),
    "times": "(?:at <time>|<clock>)(?:<sep>(?:at )?<time>)*",
    "part": "(?:morning|afternoon|evening|night)",
}
"""<name> in a pattern -> the pattern it stands for."""

_OTHERS = """
    every each day daily weekday weekdays weekends hourly week weekly month monthly year yearly annually
    today tomorrow tonight after now this next in at on the of and from through between until clock
    am pm noon midnight morning afternoon evening night half
"""
WORDS = frozenset([*DOWS, *MONTH, *NTH, *UNITS, *NUMBER, *_OTHERS.split()])
"""Every word there is, for finding the slip in a phrase that is not understood."""


class PhraseError(ValueError):
    """A phrase that has no one exact meaning: says what is wrong and holds `suggestions` that do parse."""

    def __init__(
        self,
        problem: str,
        suggestions: Iterable[str] = (),
        swap: tuple[str, Iterable[str]] | None = None,
    ) -> None:
        """`swap` is (a piece of the phrase, what to say instead), for suggestions that keep the rest of it.

        `{at}` in a suggestion stands for the time the phrase said, or a usual one.
        """
        self.problem = problem
        self.suggestions = list(suggestions)
        self.swap = swap
        offered = " or ".join(f'"{suggestion}"' for suggestion in self.suggestions)
        super().__init__(f"{problem}; say {offered}" if offered else problem)


def shown(text: object) -> str:
    """The text in quotes, safe and short enough for a message."""
    safe = ascii(text[:LONGEST])[1:-1] if isinstance(text, str) else ascii(text)
    return f'"{safe}"' if len(safe) <= _MOST_SHOWN else f'"{safe[:_MOST_SHOWN]}..."'


def said(text: str) -> str:
    """The phrase in lower case with single blanks; refuses what nobody would type, before looking closer."""
    if not isinstance(text, str):
        raise PhraseError(f"a phrase is text, not {type(text).__name__}")
    if len(text) > LONGEST:
        raise PhraseError(f"it is too long for a phrase ({len(text):,} characters, at most {LONGEST})")
    if not (text.isascii() and text.isprintable()):
        raise PhraseError("it has characters other than plain letters, digits and punctuation")
    short = re.search(r"\d ?M\b", text)
    if short:
        problem = 'M could be minutes or months; "m" is minutes'
        raise PhraseError(problem, swap=(short[0].lower(), [f"{short[0][0]} minutes"]))
    plain = re.sub(r" *, *", ", ", re.sub(r"\b([ap])\. ?m\.?(?![a-z])", r"\1m", text.lower()))
    return " ".join(plain.split())


def bare(plain: str) -> str:
    """What was said without the words that carry no meaning, each thing in one spelling."""
    words = re.sub(r"\b(?:the|of|on|o'clock)(?: |$)", "", plain)
    for pattern, instead in _SAME:
        words = re.sub(pattern, instead, words)
    words = " ".join(words.split()).strip(", ")
    if not words:
        raise PhraseError("it says nothing about time")
    return words


_SAME = (
    (r"\beach\b", "every"),
    (r"\bhourly\b", "every hour"),
    (r"\bhalf (?:an )?hour\b", "30 minutes"),
    (r"^every second$", "every 1 second"),
    (r"\bannually\b", "yearly"),
    (r"\btonight\b", "today night"),
    (r"\bthis (?=morning|afternoon|evening)", "today "),
    (r"\bevery (?=morning|afternoon|evening|night|noon|midnight)", "every day "),
)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(_written_out(pattern))


def _written_out(pattern: str) -> str:
    """The pattern with what each <name> stands for."""
    return re.sub(
        r"(?<!\?P)<(\w+)>",
        lambda name: _any(_KINDS[name[1]]) if name[1] in _KINDS else _written_out(_FRAGMENTS[name[1]]),
        pattern,
    )


def _any(words: Iterable[str]) -> str:
    """A pattern of any of these words, each before those it begins with so that none hides another."""
    return "(?:" + "|".join(sorted(words, reverse=True)) + ")"


def match(pattern: str, words: str) -> re.Match[str] | None:
    """The whole of `words` read by a pattern of this vocabulary."""
    return _compiled(pattern).fullmatch(words)


def find(pattern: str, words: str) -> list[str]:
    """Every piece of `words` that the pattern finds, in order."""
    return _compiled(pattern).findall(words)


def length(words: str) -> timedelta | None:
    """The exact length of time in "an hour and 30 minutes" or "1h30m"; None if it is not one at all."""
    if not match(r"<amount>(?:(?:<sep>| )?<amount>)*", words):
        return None
    pieces = (piece for amount in find("<amount>", words) for piece in amount.split())
    try:
        return parse_duration(" ".join(str(NUMBER.get(piece, piece)) for piece in pieces))
    except DurationError as error:
        raise PhraseError(str(error)) from None
