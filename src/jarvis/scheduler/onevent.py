"""OnEvent: the schedule of a task that events start. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from jarvis.scheduler.duration import format_duration, parse_duration
from jarvis.scheduler.instant import LATEST, ScheduleError
from jarvis.scheduler.untimed import Untimed
from jarvis.scheduler.zone import load_zone

LONGEST_PATTERN = 200
LONGEST_FILTER = 10_000
LONGEST_DEBOUNCE = timedelta(days=1)
PUT_OFF = 10  # a burst may put its run off for so many times the debounce, counted from its first event
MOST_STARTS = 1_000
NO_DEBOUNCE = timedelta(0)
FILTER_NAMES = ("source", "type", "payload", "received_at")
"""What a filter may refer to."""


class Rate(msgspec.Struct, frozen=True):
    """At most `starts` starts within any time of length `per`."""

    starts: int
    per: timedelta

    def __post_init__(self) -> None:
        """Refuse what allows nothing, or cannot be counted."""
        if not 1 <= self.starts <= MOST_STARTS:
            raise ScheduleError(f"a rate has from 1 to {MOST_STARTS} starts, not {self.starts}")
        if self.per <= timedelta(0):
            raise ScheduleError("a rate counts starts within a length of time that is more than none")

    def describe(self) -> str:
        """As it is written: 5/1m."""
        return f"{self.starts}/{format_duration(self.per)}"

    def spent(self, starts: list[datetime], at: datetime) -> bool:
        """Whether a start at `at` would be one too many after the newest `starts`, in any order."""
        return sum(at - start < self.per for start in starts) >= self.starts


def parse_rate(text: str) -> Rate:
    """`5/1m` as a Rate: so many starts, a slash, a duration."""
    starts, slash, per = text.partition("/")
    if not (slash and starts.strip().isascii() and starts.strip().isdecimal() and len(starts) < 10):
        raise ScheduleError(
            f"a rate cannot be {text[:60]!r}: write a number of starts and a length of time, as in 5/1m"
        )
    return Rate(int(starts), parse_duration(per.strip()))


class OnEvent(Untimed, frozen=True, tag="event", omit_defaults=True):
    """A run for each event whose source and type match two glob patterns (`*`, `?`, `[abc]`; case counts).

    debounce  events that come within this of one another are one run, this long after the last of them; it is put
              off for PUT_OFF times this at the most
    rate      how many starts there may be within which time; what comes beyond that is skipped
    filter    an expression over source, type and payload that says whether the event counts; "" lets all pass
    """

    source: str
    event_type: str
    debounce: timedelta = NO_DEBOUNCE
    rate: Rate | None = None
    filter: str = ""
    tz: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse patterns that match nothing, and lengths that are none."""
        _check_pattern("source", self.source)
        _check_pattern("event_type", self.event_type)
        if "/" in self.source:
            raise ScheduleError(f"source cannot be {self.source!r}: a slash ends the source, so it cannot hold one")
        if not NO_DEBOUNCE <= self.debounce <= LONGEST_DEBOUNCE:
            got, longest = format_duration(self.debounce), format_duration(LONGEST_DEBOUNCE)
            raise ScheduleError(f"a debounce of {got} is not allowed: it lasts from 0s to {longest}")
        if len(self.filter) > LONGEST_FILTER:
            raise ScheduleError(f"a filter is a text of at most {LONGEST_FILTER} characters")
        load_zone(self.tz)
        super().__post_init__()

    @property
    def pattern(self) -> str:
        """As it is written: github/push*."""
        return f"{self.source}/{self.event_type}"

    def matches(self, source: str, event_type: str) -> bool:
        """Whether an event of that source and type is meant."""
        # Imported here: it brings regular expressions, which nothing else of a schedule needs.
        from fnmatch import fnmatchcase  # noqa: PLC0415

        return fnmatchcase(source, self.source) and fnmatchcase(event_type, self.event_type)

    def opens(self, first: datetime, last: datetime) -> datetime:
        """From when on the run of a burst may start that began at `first` and of which `last` is the newest event."""
        try:
            return min(last + self.debounce, first + PUT_OFF * self.debounce)
        except OverflowError:
            return LATEST

    def describe(self) -> str:
        """The schedule as a person reads it."""
        said = [
            self.debounce and f"debounce={format_duration(self.debounce)}",
            self.rate and f"rate={self.rate.describe()}",
            self.filter and f"filter={self.filter!r}",
        ]
        how = ", ".join(part for part in said if part)
        return f"on {self.pattern}{f' ({how})' if how else ''}{self.describe_bounds()}"


def parse_pattern(text: str) -> tuple[str, str]:
    """`github/push*` as the patterns of a source and a type."""
    source, slash, event_type = text.partition("/")
    if not slash or not source or not event_type:
        shown = f"{source or '*'}/{event_type or '*'}"
        raise ScheduleError(f"{text[:60]!r} is not SOURCE/TYPE, as in github/push*: did you mean {shown[:60]!r}?")
    return source, event_type


def _check_pattern(name: str, pattern: str) -> None:
    if not 0 < len(pattern) <= LONGEST_PATTERN or not pattern.isprintable() or pattern != pattern.strip():
        raise ScheduleError(
            f"{name} cannot be {pattern[:60]!r}: use 1 to {LONGEST_PATTERN} printable characters, no space around them"
        )
    opened = pattern.find("[")
    while opened >= 0:
        # As fnmatch reads it: a bracket right after the opening one, or after its "!", stands for itself.
        closed = pattern.find("]", opened + (3 if pattern.startswith("[!", opened) else 2))
        if closed < 0:
            raise ScheduleError(
                f"{name} {pattern!r} opens a bracket that it does not close: write [abc], or [[] for itself"
            )
        opened = pattern.find("[", closed)
