"""The table that states a task, as it is read: its keys each once, and all of its problems at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from jarvis.errors import UsageError
from jarvis.scheduler.suggest import did_you_mean, shortened

T = TypeVar("T")

# Keys that DESIGN names and this version does not have: refused as that, never taken for a slip.
_LATER = frozenset({"max_concurrency"})


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a table is read against.

    now            the present, from which words such as "in 20 minutes" count
    tz             the zone of a schedule that names none
    check_handler  raises UsageError for a handler there is not, or params it cannot use
    check_channel  raises UsageError for a channel there is not
    check_template raises UsageError for a text that could not be filled in
    origin         where the task comes from
    folder         what relative paths start from (default: the current folder)
    exact          the table is kept and read again (a file, a stored task): it has to mean the same every time.
                   So words may say what repeats, but not one instant, and an instant or an end may have passed.
    spelled        how a key is written where the problem is read: "ends_at", or "--ends-at"
    """

    now: datetime
    tz: str
    check_handler: Callable[[str, Mapping[str, Any]], None]
    check_channel: Callable[[str], None]
    check_template: Callable[[str], None] = lambda _text: None
    origin: Literal["user", "seed", "file"] = "user"
    folder: Path = Path()
    exact: bool = False
    spelled: Callable[[str], str] = str


class SpecError(UsageError):
    """A table that states no task; `problems` has every (key, message), the key "" for the table as a whole."""

    def __init__(self, problems: tuple[tuple[str, str], ...], spelled: Callable[[str], str] = str) -> None:
        """Take all problems at once."""
        self.problems = problems
        super().__init__("\n".join(f"{spelled(key)}: {text}" if key else text for key, text in problems))


class Given:
    """A table's values by key, as far as they are known keys, and the problems met in reading them."""

    def __init__(self, table: Mapping[str, Any], known: tuple[str, ...], reading: Reading) -> None:
        self.reading = reading
        self.problems: list[tuple[str, str]] = []
        self._values: dict[str, Any] = {}
        for given, value in table.items():
            key = str(given).replace("-", "_")
            if key in self._values:
                self.refuse(key, "is given twice")
            elif key in known:
                self._values |= {} if value is None else {key: value}
            else:
                self._refuse_unknown(str(given), key, known)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def refuse(self, key: str, message: str) -> None:
        """Keep a problem and go on, so that all are told at once."""
        self.problems.append((key, message))

    def read(self, key: str, read: Callable[[Any], T]) -> T | None:
        """The value of a key as `read` understands it; None if it is not given or refused."""
        return self.attempt(key, lambda: read(self._values[key])) if key in self._values else None

    def attempt(self, key: str, make: Callable[[], T]) -> T | None:
        """What `make` makes; what it refuses is a problem of that key."""
        try:
            return make()
        except (ValueError, OverflowError, UsageError) as error:
            self.refuse(key, str(error))
            return None

    def done(self) -> None:
        """Raise SpecError if there was any problem."""
        if self.problems:
            raise SpecError(tuple(self.problems), self.reading.spelled)

    def _refuse_unknown(self, given: str, key: str, known: tuple[str, ...]) -> None:
        if key in _LATER:
            self.refuse(given, "is not in this version of jarvis")
        else:
            self.refuse(given, f"there is no such key.{did_you_mean(key, known)}")


def text(value: object) -> str:
    """A text, and nothing that only looks like one."""
    if not isinstance(value, str):
        raise ValueError(f"got {shown(value)}, use a text")
    return value


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"got {shown(value)}, use true or false")
    return value


def choice(value: object, choices: tuple[str, ...]) -> str:
    """One of a few words, with the nearest one suggested."""
    if value not in choices:
        raise ValueError(f"got {shown(value)}, use one of {', '.join(choices)}.{did_you_mean(str(value), choices)}")
    return str(value)


def whole(value: object, least: int, most: int) -> int:
    """A whole number in a range, as a number or in digits."""
    digits = str(value).removeprefix("-")
    number = isinstance(value, int | str) and not isinstance(value, bool)
    if number and digits.isascii() and digits.isdecimal() and len(digits) < 20 and least <= int(str(value)) <= most:
        return int(str(value))
    raise ValueError(f"got {shown(value)}, use a whole number from {least} to {most}")


def shown(value: object) -> str:
    """A value as it was given, cut to a length that can be read."""
    return shortened(repr(value) if isinstance(value, str | int | float) else f"{type(value).__name__} {value}")
