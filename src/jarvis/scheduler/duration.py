"""Lengths of time as people write them (`90`, `"1h30m"`, `"1.5 hours"`), exact to the microsecond.

Whole numbers only inside: `"0.1s"` is exactly 100 ms. A day is 24 hours and a week 168 hours of real time;
months and years differ in length, so they are not durations and are refused.
"""

from __future__ import annotations

from datetime import timedelta

LONGEST = timedelta(days=3_652_425)
"""10,000 years: beyond it a number is a mistake, not a duration."""
_LONGEST_SECONDS = LONGEST.days * 86_400

ALLOWED = 'a number of seconds, or numbers with units such as "90s", "5m", "1h30m", "1.5h", "2 hours", "500ms"'

_US = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
_SPELLINGS = {
    "ms": "ms millisecond milliseconds",
    "s": "s sec secs second seconds",
    "m": "m min mins minute minutes",
    "h": "h hr hrs hour hours",
    "d": "d day days",
    "w": "w week weeks",
}
UNITS = {word: unit for unit, words in _SPELLINGS.items() for word in words.split()}
"""Every accepted spelling of a unit -> its short form."""

_DIGITS = frozenset("0123456789.")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LONGEST_TEXT = 100


class DurationError(ValueError):
    """A duration that cannot be understood exactly: says what was got and what is allowed."""

    def __init__(self, got: object, problem: str) -> None:
        shown = ascii(got)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        super().__init__(f"duration {shown}: {problem}. Allowed: {ALLOWED}")


def parse_duration(value: str | int | float | timedelta) -> timedelta:
    """The exact length of time `value` says; a bare number is seconds. Zero is a duration, less is not."""
    if isinstance(value, timedelta):
        return _checked(value, value)
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DurationError(value, f"is a {type(value).__name__}")
    return _from_number(value)


def format_duration(length: timedelta) -> str:
    """The canonical exact spelling (`"1m30s"`, `"2d"`, `"500ms"`, `"0s"`); `parse_duration` gives it back.

    A negative length is written with a leading minus, for people only: `parse_duration` refuses it.
    """
    total = (length.days * 86_400 + length.seconds) * 1_000_000 + length.microseconds
    sign, total = ("-", -total) if total < 0 else ("", total)
    if 0 < total < _US["s"]:
        return sign + _decimal(total, _US["ms"]) + "ms"
    parts = []
    for unit in "dhm":
        count, total = divmod(total, _US[unit])
        parts.append(f"{count}{unit}" if count else "")
    parts.append(_decimal(total, _US["s"]) + "s" if total else "")
    return sign + ("".join(parts) or "0s")


def _decimal(amount: int, unit: int) -> str:
    """`amount / unit` as the shortest exact decimal; `unit` is a power of ten."""
    whole, rest = divmod(amount, unit)
    return f"{whole}.{rest:0{len(str(unit)) - 1}d}".rstrip("0").rstrip(".")


def _checked(length: timedelta, got: object) -> timedelta:
    if length < timedelta(0):
        raise DurationError(got, "is negative")
    if length > LONGEST:
        raise DurationError(got, "is longer than 10,000 years")
    return length


def _from_number(seconds: int | float) -> timedelta:
    """A float counts to the nearest microsecond, which is finer than floats of that size are."""
    if seconds < 0:
        raise DurationError(seconds, "is negative")
    if not seconds <= _LONGEST_SECONDS:  # NaN is not, either
        raise DurationError(seconds, "is not a number of seconds up to 10,000 years")
    length = timedelta(seconds=seconds)
    if seconds and not length:
        raise DurationError(seconds, "is finer than a microsecond")
    return length


def _from_text(text: str) -> timedelta:
    if len(text) > _LONGEST_TEXT:
        raise DurationError(text, f"is {len(text):,} characters long")
    parts = _split(text)
    if parts[0][1] == "" and len(parts) == 1:
        return _checked(_length(_amount(parts[0][0], "s", text)), text)
    total, last = 0, _US["w"] + 1
    for number, word in parts:
        unit = _unit(word, text)
        if _US[unit] >= last:
            raise DurationError(text, "name each unit once, the largest first")
        total, last = total + _amount(number, unit, text), _US[unit]
    return _checked(_length(total), text)


def _split(text: str) -> list[tuple[str, str]]:
    """`"1h 30m"` -> `[("1", "h"), ("30", "m")]`; a missing unit is the empty string."""
    parts, at = [], 0
    rest = text.strip(" ")
    while at < len(rest):
        start = at
        number, at = _take(rest, at, _DIGITS)
        word, at = _take(rest, at, _LETTERS)
        if not number:
            raise DurationError(text, f"{rest[start:][:20]!a} is not a number with a unit")
        parts.append((number, word))
    if not parts:
        raise DurationError(text, "is empty")
    return parts


def _take(text: str, at: int, kind: frozenset[str]) -> tuple[str, int]:
    """The run of characters of one kind at `at`, and where the next thing starts after any spaces."""
    end = at
    while end < len(text) and text[end] in kind:
        end += 1
    found = text[at:end]
    while end < len(text) and text[end] == " ":
        end += 1
    return found, end


def _unit(word: str, text: str) -> str:
    if word == "M":
        raise DurationError(text, 'M could be minutes or months: write "m" for minutes')
    if not word:
        raise DurationError(text, "every number needs a unit")
    if word.lower() not in UNITS:
        raise DurationError(text, f"{word!r} is not a unit (ms, s, m, h, d, w)")
    return UNITS[word.lower()]


def _amount(number: str, unit: str, text: str) -> int:
    """Exact microseconds; what would need a finer grain is refused, never rounded."""
    whole, dot, fraction = number.partition(".")
    if not whole or "." in fraction or (dot and not fraction):
        raise DurationError(text, f"{number!r} is not a number")
    grain: int = 10 ** len(fraction)
    scaled, finer = divmod(int(whole + fraction) * _US[unit], grain)
    if finer:
        raise DurationError(text, "is finer than a microsecond")
    return scaled


def _length(microseconds: int) -> timedelta:
    """No float is ever involved; what is too long stops just beyond the limit."""
    days, rest = divmod(microseconds, _US["d"])
    return timedelta(days=min(days, LONGEST.days + 1), microseconds=rest)
