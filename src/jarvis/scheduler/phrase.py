"""What people type about time -> one exact schedule, or a refusal with suggestions that do work.

Nothing is guessed: a phrase with two readings is refused with both of them. Every accepted phrase is echoed
in exact words (`Phrase.text`). The whole grammar is in docs/phrases.md, which a test compares with this code.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from jarvis.scheduler.cron_fields import parse_expression
from jarvis.scheduler.cron_text import describe
from jarvis.scheduler.duration import DurationError, format_duration, parse_duration
from jarvis.scheduler.phrase_clock import take_apart
from jarvis.scheduler.phrase_once import Asked, once
from jarvis.scheduler.phrase_refusals import EXAMPLES, refusal
from jarvis.scheduler.phrase_repeat import repeat
from jarvis.scheduler.phrase_words import MONTHS, WEEKDAYS, PhraseError, bare, match, said, shown
from jarvis.scheduler.zone import load_zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Literal
    from zoneinfo import ZoneInfo

__all__ = ["PAST", "Phrase", "PhraseError", "parse_at", "parse_every", "parse_when"]

PAST = timedelta(seconds=60)
"""How long ago an instant given exactly may lie: the default grace, within which it is still on time."""

_MOST_SUGGESTIONS = 4
_USUAL = "at 9:00"


class Phrase(NamedTuple):
    """An exact schedule as plain values; of `cron`, `every` and `at` the one that `kind` names is set."""

    kind: Literal["cron", "interval", "once"]
    cron: str | None
    """Five fields, read on the clock of `tz`."""
    every: timedelta | None
    """Real time."""
    at: datetime | None
    """Aware, with the offset that `tz` has then, so that it compares exactly (also in a repeated hour)."""
    tz: str
    text: str
    """The schedule in exact words, to be echoed."""


def parse_when(text: str, now: datetime, tz: ZoneInfo | str) -> Phrase:
    """Read any phrase, one that repeats or one that names an instant."""
    return _parse(_when, text, _asked(now, tz, PAST))


def parse_every(text: str | float | timedelta, tz: ZoneInfo | str) -> Phrase:
    """Read a phrase that repeats, with or without its "every": "15 minutes", "weekday at 9", 90 (seconds)."""
    spoken = text if isinstance(text, str) else _seconds(text)
    return _parse(_every, spoken, _asked(_NO_NOW, tz, PAST))


def parse_at(text: str, now: datetime, tz: ZoneInfo | str, *, past: timedelta = PAST) -> datetime:
    """Read a phrase that names one instant, or ISO 8601 with an offset; the answer is as in `Phrase.at`.

    Words name an instant after `now`. An exact instant may lie up to `past` before it: a script that says
    "now" in ISO is not to be refused for being a millisecond late, and a file of tasks keeps its instants
    for ever (it is read with past=timedelta.max).
    """
    at = _parse(_at, text, _asked(now, tz, past)).at
    assert at is not None  # noqa: S101  # _at answers with nothing else
    return at


# ------------------------------------------------------------------------------------------ the three readers

# Phrases that repeat do not depend on the present.
_NO_NOW = datetime(2000, 1, 1, tzinfo=UTC)


def _when(text: str, asked: Asked) -> Phrase:
    plain = said(text)
    words = bare(plain)
    return _repeating(words, asked) or _instant(words, asked) or _refuse(plain, words)


def _every(text: str, asked: Asked) -> Phrase:
    plain = said(text)
    words = bare(plain)
    # "monday at 9" is an instant for --at, but here it is what comes after "every".
    with_every = words if words.startswith("every ") else bare(f"every {_with_unit(plain)}")
    phrase = _repeating(with_every, asked) or _repeating(words, asked)
    if phrase:
        return phrase
    if match("(?:in|today|tomorrow|now|this|next)(?: .*)?|.* from now", words):
        raise PhraseError("it names one instant: give it to --at", [f"every day {_time_in(words)}"])
    return _refuse(plain, with_every)


def _with_unit(plain: str) -> str:
    """A bare number after --every is seconds."""
    return f"{plain}s" if match(r"\d+(?:\.\d+)?", plain) else plain


def _seconds(length: float | timedelta) -> str:
    try:
        return format_duration(parse_duration(length))
    except DurationError as error:
        raise PhraseError(str(error)) from None


def _at(text: str, asked: Asked) -> Phrase:
    plain = said(text)
    words = bare(plain)
    phrase = _instant(words, asked)
    if phrase:
        return phrase
    if _repeating(words, asked):
        raise PhraseError("it repeats: give it to --when or --every", [f"tomorrow {_time_in(words)}"])
    return _refuse(plain, words)


# ------------------------------------------------------------------------------------------ results


def _repeating(words: str, asked: Asked) -> Phrase | None:
    found = repeat(words)
    tz = asked.zone.key
    if isinstance(found, timedelta):
        text = f"every {format_duration(found)}, counted from the task's creation"
        return Phrase("interval", None, found, None, tz, text)
    if found:
        text = f"cron {found} in {tz} ({describe(parse_expression(found))})"
        return Phrase("cron", found, None, None, tz, text)
    return None


def _instant(words: str, asked: Asked) -> Phrase | None:
    found = once(words, asked)
    if found is None:
        return None
    at = found.astimezone(timezone(found.astimezone(asked.zone).utcoffset() or timedelta(0)))
    # Not strftime's names: those follow the locale.
    weekday, month = WEEKDAYS[at.isoweekday() % 7].title(), MONTHS[at.month - 1].title()
    day = f"{weekday} {at.day} {month} {at.year} at {at:%H:%M}"
    tz = asked.zone.key
    return Phrase("once", None, None, at, tz, f"once at {at.isoformat()} in {tz} ({day})")


def _asked(now: datetime, tz: ZoneInfo | str, past: timedelta) -> Asked:
    if now.tzinfo is None:
        raise ValueError(f"now ({now.isoformat()}) is naive: it names no instant; give it a time zone")
    return Asked(now.astimezone(UTC), load_zone(tz) if isinstance(tz, str) else tz, past)


# ------------------------------------------------------------------------------------------ refusals


def _refuse(plain: str, words: str) -> Phrase:
    raise refusal(plain, words, take_apart(words).days)


def _time_in(words: str) -> str:
    times = take_apart(words).times or _USUAL
    return times if times.startswith("at ") else f"at {times}"


def _parse(read: Callable[[str, Asked], Phrase], text: str, asked: Asked) -> Phrase:
    """Read the text; a refusal leaves with only those suggestions that the same reader accepts."""
    try:
        return _read(read, text, asked)
    except PhraseError as error:
        refused = error
    # An exact spelling of what was said first; if there is none, phrases that show what can be said.
    working = _working(read, _options(refused, text), asked) or _working(read, EXAMPLES, asked)
    raise PhraseError(f"{shown(text)}: {refused.problem}", working[:_MOST_SUGGESTIONS])


def _read(read: Callable[[str, Asked], Phrase], text: str, asked: Asked) -> Phrase:
    try:
        return read(text, asked)
    except OverflowError:
        raise PhraseError("it is outside the calendar (years 1 to 9999)") from None


def _working(read: Callable[[str, Asked], Phrase], options: Iterable[str], asked: Asked) -> list[str]:
    return [option for option in dict.fromkeys(options) if _works(read, option, asked)]


def _works(read: Callable[[str, Asked], Phrase], option: str, asked: Asked) -> bool:
    try:
        _read(read, option, asked)
    except PhraseError:
        return False
    return True


def _options(error: PhraseError, text: str) -> list[str]:
    """The suggestions in full: what the phrase said in place of a slip, and its own time for {at}."""
    try:
        plain = said(text)
        at = _time_in(bare(plain))
    except PhraseError:
        plain, at = str(text).lower(), _USUAL
    filled = [each.replace("{at}", at) for each in error.suggestions]
    return [" ".join(option.split()) for option in [*_swapped(plain, error), *filled]]


def _swapped(plain: str, error: PhraseError) -> Iterable[str]:
    """The phrase with what to say instead in the place of the slip, or after it where something is missing."""
    if error.swap is None:
        return []
    old, new = error.swap
    return [plain.replace(old, each, 1) if old else f"{plain} {each}" for each in new]
