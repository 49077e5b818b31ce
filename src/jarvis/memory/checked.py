"""What the assistant's tables take: refused where it is stored, in words that say what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from jarvis.errors import UsageError
from jarvis.scheduler.suggest import did_you_mean, shortened

LONGEST_LINE = 500
LONGEST_TEXT = 100_000
LARGEST_VALUE = 1 << 20  # bytes, as JSON


def line(what: str, value: object, *, empty: bool = False) -> str:
    """One line of text: printable, no blank at either end."""
    fits = isinstance(value, str) and len(value) <= LONGEST_LINE and value.isprintable() and value == value.strip()
    if not fits or not (value or empty):
        raise UsageError(
            f"{what} cannot be {_shown(value)}: use {0 if empty else 1} to {LONGEST_LINE} printable characters "
            "on one line, no space at either end"
        )
    return str(value)


def text(what: str, value: object) -> str:
    """Text of several lines; may be empty."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\0" in value or not _encodes(value):
        raise UsageError(f"{what} cannot be {_shown(value)}: use text of at most {LONGEST_TEXT} characters")
    return value


def one_of(what: str, value: object, allowed: Sequence[str]) -> str:
    """One of a few words."""
    if value not in allowed:
        near = did_you_mean(value, allowed) if isinstance(value, str) else ""
        raise UsageError(f"{what} cannot be {_shown(value)}: use one of {', '.join(allowed)}.{near}")
    return str(value)


def day(what: str, value: object) -> str | None:
    """A date, or its ISO text, as ISO text; None stays None. A datetime names an instant, not a date."""
    try:
        if value is None:
            return None
        if isinstance(value, str):
            return date.fromisoformat(value).isoformat()
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
    except ValueError:
        pass
    raise UsageError(f"{what} cannot be {_shown(value)}: use a date of the calendar as YYYY-MM-DD")


def json_text(what: str, value: Any) -> str:
    """A JSON value as text. It must read back equal: NaN, tuples, sets, instants and number keys would not.

    The error does not show the value, which may be a secret and would come into logs and reasons with it.
    """
    try:
        kept = msgspec.json.encode(value)
        same = bool(msgspec.json.decode(kept) == value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        same, kept = False, b""
    if not same or len(kept) > LARGEST_VALUE:
        got = f"{len(kept)} bytes as JSON" if same else f"of Python's type {type(value).__name__}"
        raise UsageError(
            f"{what} cannot be kept as it is, {got}: use a JSON value (null, true, a finite number, text, a list, "
            f"an object with text keys) of at most {LARGEST_VALUE} bytes"
        )
    return kept.decode()


def _encodes(value: str) -> bool:
    try:
        return bool(value.encode()) or not value
    except UnicodeEncodeError:  # half of a surrogate pair: no text, and SQLite keeps none
        return False


def _shown(value: object) -> str:
    try:
        return shortened(repr(value), 80)
    except RecursionError:
        return "something that contains itself"
