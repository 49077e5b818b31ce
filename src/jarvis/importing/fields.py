"""One row of the earlier assistant as it is read: each column asked for by name, and what nobody asked for told."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import msgspec

from jarvis.importing import walltime
from jarvis.importing.source import SourceRow

_BOOKKEEPING = frozenset({"id", "created_at", "updated_at"})
_LONGEST_SHOWN = 60


class Refusal(ValueError):
    """Why a row cannot be brought over; says what to do where something can be done."""


class Fields:
    """The columns of one row. `notes` gathers what was understood in a way that its author should know of."""

    def __init__(self, row: SourceRow, zone: tzinfo) -> None:
        if row.problem:
            raise Refusal(row.problem)
        self.row = row
        self.notes: list[str] = []
        self._zone = zone
        self._read: set[str] = set(_BOOKKEEPING)

    def get(self, name: str) -> Any:
        """The value of a column as it stands; None also where this version of the table has no such column."""
        self._read.add(name)
        return self.row.values.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; `default` for NULL, or a Refusal where there is none. A number is taken as its digits."""
        value = self.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, int | float):
            return str(value)
        if not isinstance(value, str) or "\0" in value:
            raise Refusal(f"{name} is {shown(value)}: a text is needed")
        return value

    def line(self, name: str, default: str | None = None) -> str:
        """A text on one line, no blank at either end; it is told if that changed it."""
        found = self.text(name, default)
        line = " ".join(found.split())
        if line != found:
            self.notes.append(f"{name} was put on one line, without blanks at its ends")
        if not line and default is None:
            raise Refusal(f"{name} is {shown(found)}: a text is needed")
        return line

    def word(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """One of a few words."""
        found = self.line(name, default) or default
        if found not in allowed:
            raise Refusal(f"{name} is {shown(found)}: Jarvis has {', '.join(allowed)}")
        return found

    def on(self, name: str) -> bool:
        """Yes unless it says no; NULL and a column that is missing say yes."""
        value = self.get(name)
        if value is None or value in (0, 1):
            return bool(value != 0)
        raise Refusal(f"{name} is {shown(value)}: 0 or 1 is needed")

    def day(self, name: str) -> str | None:
        """A day of the calendar as ISO text; None for NULL and an empty text."""
        value = self.get(name)
        if value in (None, ""):
            return None
        try:
            return walltime.day(value).isoformat()
        except ValueError as error:
            raise Refusal(f"{name} {error}") from error

    def instant(self, name: str) -> datetime | None:
        """An instant, None for NULL and an empty text; what is to be said of it is noted."""
        value = self.get(name)
        if value in (None, ""):
            return None
        try:
            told = walltime.instant(value, self._zone)
        except (ValueError, OverflowError) as error:
            raise Refusal(f"{name} {error}") from error
        if told.note:
            self.notes.append(f"{name}: {told.note}")
        return told.at

    def since(self, name: str, now: datetime) -> datetime:
        """The same of a time that matters little: where it cannot be read, or lies ahead, it is `now`, and told."""
        try:
            found = self.instant(name)
        except Refusal as error:
            self.notes.append(f"{error}; taken as now")
            return now
        if found is not None and found > now:
            self.notes.append(f"{name} lies in the future; taken as now")
        return min(found or now, now)

    def table(self, name: str) -> dict[str, Any]:
        """A JSON object; empty for NULL and an empty text."""
        value = self.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return {}
        found = self._json(name, value)
        if not isinstance(found, dict):
            raise Refusal(f"{name} is {shown(value)}: a JSON object is needed")
        return found

    def json(self, name: str) -> Any:
        """Any JSON value; None for NULL."""
        value = self.get(name)
        return None if value is None else self._json(name, value)

    def _json(self, name: str, value: object) -> Any:
        if not isinstance(value, str):
            raise Refusal(f"{name} is {shown(value)}: JSON text is needed")
        try:
            return msgspec.json.decode(value)
        except (ValueError, RecursionError) as error:  # the value is not shown: it may hold a password
            raise Refusal(f"{name} is no JSON: {error}") from error

    def left_behind(self, *defaults: tuple[str, object]) -> None:
        """Note the columns that say something and have no place here. `defaults` are values that say nothing.

        A text is named and not shown: it may be a password.
        """
        quiet = {(name, value) for name, value in defaults}
        left = [
            f"{name}={value}" if isinstance(value, int | float) else name
            for name, value in self.row.values.items()
            if name not in self._read and value not in (None, "") and (name, value) not in quiet
        ]
        if left:
            self.notes.append(f"left behind: {', '.join(left)}")

    def ignore(self, *names: str) -> None:
        """These columns are the earlier program's own account of what it did: nobody misses them."""
        self._read.update(names)

    def paragraphs(self, text: str, *names: str) -> str:
        """The text, and below it each of these columns that says something, under its name."""
        said = [(name, self.text(name, "").strip()) for name in names]
        below = [f"{name.replace('_', ' ').capitalize()}: {found}" for name, found in said if found]
        return "\n\n".join([text, *below] if text.strip() else below)


def shown(value: object) -> str:
    """A value as it can be told in a line."""
    text = "NULL" if value is None else f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
