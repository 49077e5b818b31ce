"""One thing that was found: how bad it is, what it is, what to do about it. And how findings speak of amounts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from jarvis.scheduler.duration import format_duration

OK, NOTE, WARNING, ERROR = "ok", "note", "warning", "error"
WRONG = (WARNING, ERROR)  # what asks something of the user
_NAMED = 5


class Finding(NamedTuple):
    """`ok` is well, a `note` is good to know; a `warning` wants something done, with an `error` something fails now."""

    severity: str
    found: str
    todo: str = ""
    name: str = ""  # of the check


def ok(found: str) -> Finding:
    """It is well."""
    return Finding(OK, found)


def note(found: str, todo: str = "") -> Finding:
    """Good to know."""
    return Finding(NOTE, found, todo)


def warning(found: str, todo: str) -> Finding:
    """It wants something done."""
    return Finding(WARNING, found, todo)


def error(found: str, todo: str) -> Finding:
    """Something fails now."""
    return Finding(ERROR, found, todo)


def named(names: Iterable[str]) -> str:
    """Some of them by name, the others counted."""
    first = list(names)
    more = len(first) - _NAMED
    return ", ".join(first) if more <= 0 else f"{', '.join(first[:_NAMED])} and {more} more"


def counted(number: int, thing: str) -> str:
    """So many of them, in words."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def span(length: timedelta) -> str:
    """A length of time as a person says it: the longer, the rounder."""
    seconds = int(length.total_seconds())
    round_to = 86_400 if seconds >= 2 * 86_400 else 60 if seconds >= 3600 else 1
    return format_duration(timedelta(seconds=seconds // round_to * round_to))


def short(text: str, most: int = 160) -> str:
    """The text on one line, and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 3]}..."
