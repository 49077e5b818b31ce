"""Cron expressions: which instants a line of Debian cron, in a time zone, asks for.

Time changes are handled as crontab(8) and Debian's cron.c do. A schedule whose second, minute or hour field
begins with a star (or `?`) is a wildcard schedule and follows real time: it runs whenever the wall clock
matches, not in skipped hours, in both passes of repeated ones. Every other schedule is a fixed-time schedule:
what the clock skips runs once right after the skip, and what the clock repeats runs in the first pass only.
Changes of three hours and more are corrections of the clock, not daylight saving: the new time counts at once
for every schedule, so a skipped day is skipped (Apia, 2011-12-30) and a repeated one is run twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from math import ceil, floor

from jarvis.scheduler.cron_fields import CronError, parse_expression, shown
from jarvis.scheduler.cron_pattern import WallPattern
from jarvis.scheduler.cron_text import describe
from jarvis.scheduler.localtime import DAY, MARGIN, local_time
from jarvis.scheduler.zone import load_zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal, NoReturn

    from jarvis.scheduler.cron_fields import Field
    from jarvis.scheduler.localtime import LocalTime, Span

__all__ = ["CronError", "CronExpression", "NoInstantError"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Debian's cron.c counts the minute after the change in: to it a skip of 180 minutes is a correction of the
# clock already, a repeat of 180 minutes not yet (Antarctica/Casey has had both).
_LONGEST_SKIP = 3 * 3600 - 1
_LONGEST_REPEAT = 3 * 3600
# From 2100 on zones follow a yearly rule (no file lists changes after 2086), and the calendar repeats every 400
# years: what does not come within that time never comes, as 02:30 on a day that always skips it.
_YEARLY_RULES_ONLY = 4_102_444_800
_CALENDAR_CYCLE = 146_097 * DAY


class NoInstantError(CronError, OverflowError):
    """There is no further instant: the years 1 to 9999 end, or the clock skips all that are left.

    It is an OverflowError too, as when datetime arithmetic leaves those years.
    """


class CronExpression:
    """An immutable schedule: a cron expression and the zone whose wall clock it is read on.

    `dst_gap` says what becomes of fixed times that the clock skips: "run_after" the gap, once (Debian), or
    "skip". `dst_repeat` says in which pass of a repeated hour fixed times run: "first" (Debian), "second" or
    "both". Raises CronError for an expression that is not understood or can never fire, ZoneError for an
    unknown zone.

    Moments go in as aware datetimes in any zone (anything else is a CronError) and come out in the schedule's
    zone, on whole seconds, with fold=1 in the second pass of a repeated hour.
    """

    __slots__ = (
        "_fields",
        "_local",
        "_pattern",
        "_whole_minutes",
        "dst_gap",
        "dst_repeat",
        "expr",
        "fixed_time",
        "tz",
    )

    expr: str
    """The expression as it was given, without blanks around it."""
    tz: tzinfo
    dst_gap: Literal["run_after", "skip"]
    dst_repeat: Literal["first", "second", "both"]
    fixed_time: bool
    """Whether neither the second, the minute nor the hour field begins with a star (see the module)."""
    _fields: tuple[Field, ...]
    _pattern: WallPattern
    _local: LocalTime
    _whole_minutes: bool

    def __init__(
        self,
        expr: str,
        tz: str | tzinfo = "UTC",
        *,
        dst_gap: Literal["run_after", "skip"] = "run_after",
        dst_repeat: Literal["first", "second", "both"] = "first",
    ) -> None:
        fields = parse_expression(expr)
        zone = tz if isinstance(tz, tzinfo) else load_zone(tz)
        pattern = WallPattern(fields)
        if pattern.is_empty():
            _refuse_never(expr)
        keep = super().__setattr__
        keep("expr", expr.strip())
        keep("tz", zone)
        keep("dst_gap", _one_of("dst_gap", dst_gap, ("run_after", "skip")))
        keep("dst_repeat", _one_of("dst_repeat", dst_repeat, ("first", "second", "both")))
        keep("fixed_time", not any(field.starred for field in fields[:3]))
        keep("_fields", fields)
        keep("_pattern", pattern)
        keep("_whole_minutes", fields[0].mask == 1)
        keep("_local", local_time(zone))

    def next_after(self, t: datetime) -> datetime:
        """Return the first instant strictly after `t`. Raises NoInstantError if year 9999 ends before it."""
        since = _since_epoch(t)
        found = self._first_from(since.days * DAY + since.seconds + 1)
        if found is None:
            raise self._exhausted("after", t)
        return datetime.fromtimestamp(found, self.tz)

    def previous_before(self, t: datetime) -> datetime:
        """Return the last instant strictly before `t`, one that next_after gives too.

        Raises NoInstantError if there is none since year 1.
        """
        since = _since_epoch(t)
        found = self._last_until(since.days * DAY + since.seconds - (since.microseconds == 0))
        if found is None:
            raise self._exhausted("before", t)
        return datetime.fromtimestamp(found, self.tz)

    def between(self, a: datetime, b: datetime) -> Iterator[datetime]:
        """Yield every instant x with a < x <= b, in order; none if b is not after a."""
        after, until = _since_epoch(a), _since_epoch(b)
        return self._walk(after.days * DAY + after.seconds, until.days * DAY + until.seconds)

    def next_timestamp(self, after: float) -> int:
        """Return next_after as seconds since 1970 UTC, from the same: the fastest way."""
        found = self._first_from(floor(after) + 1)
        if found is None:
            raise self._exhausted("after", after)
        return found

    def previous_timestamp(self, before: float) -> int:
        """Return previous_before as seconds since 1970 UTC, from the same."""
        found = self._last_until(ceil(before) - 1)
        if found is None:
            raise self._exhausted("before", before)
        return found

    def explain(self) -> str:
        """Return the schedule in plain English, such as "at 09:00, Monday to Friday, in America/Denver"."""
        return f"{describe(self._fields)}, in {self.tz}"

    def _walk(self, after: int, until: int) -> Iterator[datetime]:
        found = self._first_from(after + 1)
        while found is not None and found <= until:
            yield datetime.fromtimestamp(found, self.tz)
            found = self._first_from(found + 1)

    def _first_from(self, instant: int) -> int | None:
        """Return the first instant that is not before `instant`, walking the spans of constant offset."""
        horizon = max(instant, _YEARLY_RULES_ONLY) + _CALENDAR_CYCLE + MARGIN
        searched, wall = 0, -1  # the first match at or after the wall `searched`, once there is one
        while True:
            span = self._local.span_at(instant)
            start, end, _, offset, _ = span
            if instant - start < 60:
                skipped = self._run_after_gap(span)
                if skipped is not None and skipped >= instant:
                    return skipped
            low, high = self._window(span)
            low = max(low, instant + offset)
            if not searched <= low <= wall:
                match = self._pattern.at_or_after(low)
                if match is None:
                    return None
                searched, wall = low, match
            if wall < high:
                return wall - offset
            # Nothing in low..wall matches: go near wall at once, unless the clock may yet go back below low.
            # (As an instant, a wall is less than a day from itself, whatever the offset will be there.)
            instant = end if high - low < MARGIN else max(end, wall - MARGIN)
            if instant > horizon:
                return None

    def _last_until(self, instant: int) -> int | None:
        """Return the last instant that is not after `instant`: _first_from in a mirror."""
        while True:
            span = self._local.span_at(instant)
            start, _, _, offset, _ = span
            low, high = self._window(span)
            high = min(high, instant + 1 + offset)
            wall = self._pattern.at_or_before(high - 1)
            if wall is not None and wall >= low:
                return wall - offset
            skipped = self._run_after_gap(span)
            if wall is None or (skipped is not None and skipped <= instant):
                return skipped
            instant = start - 1 if high - low < MARGIN else min(start - 1, wall + MARGIN)

    def _window(self, span: Span) -> tuple[int, int]:
        """Return the walls low <= wall < high at which the schedule runs within a span where they match."""
        start, end, before, offset, after = span
        low, high = start + offset, end + offset
        if self.fixed_time:
            if self.dst_repeat == "first" and before - offset <= _LONGEST_REPEAT:
                low = start + max(before, offset)
            if self.dst_repeat == "second" and offset - after <= _LONGEST_REPEAT:
                high = end + min(offset, after)
        return low, high

    def _run_after_gap(self, span: Span) -> int | None:
        """Return when fixed times skipped at the start of a span run; None if there are none.

        That is the change itself, or the next whole minute by the new time where a zone with odd seconds
        changed within a minute (local mean times of the past) and the schedule knows no seconds.
        """
        start, _, before, offset, _ = span
        if not (self.fixed_time and self.dst_gap == "run_after" and before < offset <= before + _LONGEST_SKIP):
            return None
        wall = self._pattern.at_or_after(start + before)
        if wall is None or wall >= start + offset:
            return None
        return start + -(start + offset) % 60 if self._whole_minutes else start

    def _exhausted(self, side: str, point: object) -> NoInstantError:
        return NoInstantError(f"cron expression {shown(self.expr)} has no instant {side} {point}")

    def _key(self) -> tuple[object, ...]:
        masks = tuple((field.mask, field.starred) for field in self._fields)
        return (masks, str(self.tz), self.dst_gap, self.dst_repeat)

    def __eq__(self, other: object) -> bool:
        """Schedules are equal if they ask for the same instants by the same rules: `@daily`, `0 0 * * *`."""
        return self._key() == other._key() if isinstance(other, CronExpression) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        rules = "" if self.dst_gap == "run_after" else f", dst_gap={self.dst_gap!r}"
        rules += "" if self.dst_repeat == "first" else f", dst_repeat={self.dst_repeat!r}"
        return f"CronExpression({self.expr!r}, {str(self.tz)!r}{rules})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a CronExpression never changes: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a CronExpression never changes: {name} cannot be deleted")

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self.expr, self.tz, self.dst_gap, self.dst_repeat)


def _restore(
    expr: str,
    tz: tzinfo,
    dst_gap: Literal["run_after", "skip"],
    dst_repeat: Literal["first", "second", "both"],
) -> CronExpression:
    return CronExpression(expr, tz, dst_gap=dst_gap, dst_repeat=dst_repeat)


def _since_epoch(t: datetime) -> timedelta:
    """Return the real time between 1970 UTC and `t`; refuse what names no instant."""
    try:
        return t - _EPOCH  # not t.timestamp(): a float has no microseconds left in far years
    except TypeError:
        raise CronError(f"expected a datetime with a time zone, not {t!r}") from None


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise CronError(f"{name} {value!r} is unknown: allowed are {', '.join(allowed)}")
    return value


def _refuse_never(expr: str) -> NoReturn:
    raise CronError(
        f"cron expression {shown(expr)} never fires: no month it names has such a day;"
        " check day of month, month and day of week against each other"
    )
