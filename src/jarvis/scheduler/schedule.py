"""Schedules: pure rules that yield instants. `Cron | Interval | Once | OnEvent`.

A schedule is a frozen value; it reads no clock. Every instant that goes in is aware, every instant
that comes out is aware and in UTC (`CronExpression` below it answers in the schedule's own zone).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from jarvis.scheduler.cron import CronExpression
from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.zone import load_zone

MICROSECOND = timedelta(microseconds=1)
SHORTEST_INTERVAL = timedelta(milliseconds=100)


class ScheduleError(ValueError):
    """A schedule that cannot be meant: the message says what, what we got and what is allowed."""


def as_utc(moment: datetime) -> datetime:
    """The same instant in UTC. A naive datetime is an error: it names no instant."""
    if moment.tzinfo is None:
        raise ScheduleError(f"{moment.isoformat()} has no time zone: add an offset, such as {moment.isoformat()}+00:00")
    return moment.astimezone(UTC)


@lru_cache(maxsize=4096)
def _compiled(expr: str, tz: str) -> CronExpression:
    return CronExpression(expr, tz)


class Cron(msgspec.Struct, frozen=True, tag="cron", omit_defaults=True):
    """The instants of a cron expression in an IANA zone."""

    expr: str
    tz: str = "UTC"

    def __post_init__(self) -> None:
        _compiled(self.expr, self.tz)  # raises CronError or ZoneError where the task is made, not at 3 a.m.

    @property
    def expression(self) -> CronExpression:
        """The compiled expression, shared by all schedules of the same text."""
        return _compiled(self.expr, self.tz)

    def next_after(self, t: datetime) -> datetime | None:
        """The first instant strictly after t, None past the end of the calendar."""
        try:
            return self.expression.next_after(t).astimezone(UTC)
        except OverflowError:
            return None

    def previous_before(self, t: datetime) -> datetime | None:
        """The last instant strictly before t."""
        try:
            return self.expression.previous_before(t).astimezone(UTC)
        except OverflowError:
            return None

    def count(self, first: datetime, last: datetime) -> int:
        """How many instants lie in first..last, both ends included."""
        return sum(1 for _ in self.expression.between(first - MICROSECOND, last))

    def describe(self) -> str:
        """The schedule as a person reads it."""
        return f"cron {self.expr} ({self.tz})"


class Interval(msgspec.Struct, frozen=True, tag="interval", omit_defaults=True):
    """anchor + n * every, in real (UTC) time: it never drifts. The anchor defaults to the task's creation."""

    every: timedelta
    anchor: datetime | None = None
    tz: str = "UTC"

    def __post_init__(self) -> None:
        if self.every < SHORTEST_INTERVAL:
            got, least = format_duration(self.every), format_duration(SHORTEST_INTERVAL)
            raise ScheduleError(f"an interval of {got} is too short: the shortest is {least}")
        load_zone(self.tz)

    def _start(self) -> datetime:
        if self.anchor is None:
            raise ScheduleError("this interval has no anchor yet: the store gives it one when the task is added")
        return as_utc(self.anchor)

    def next_after(self, t: datetime) -> datetime | None:
        """The first instant strictly after t; the anchor itself is the first instant of all."""
        start = self._start()
        steps = max(0, (t - start) // self.every + 1)
        try:
            return start + steps * self.every
        except OverflowError:
            return None

    def previous_before(self, t: datetime) -> datetime | None:
        """The last instant strictly before t, None before the anchor."""
        start = self._start()
        steps = (t - start - MICROSECOND) // self.every
        return start + steps * self.every if steps >= 0 else None

    def count(self, first: datetime, last: datetime) -> int:
        """How many instants lie in first..last, both ends included."""
        start = self._start()
        through = (last - start) // self.every + 1
        before = (first - start - MICROSECOND) // self.every + 1
        return max(0, through) - max(0, before)

    def describe(self) -> str:
        """The schedule as a person reads it."""
        return f"every {format_duration(self.every)}"


class Once(msgspec.Struct, frozen=True, tag="once", omit_defaults=True):
    """One instant."""

    at: datetime
    tz: str = "UTC"

    def __post_init__(self) -> None:
        as_utc(self.at)
        load_zone(self.tz)

    def next_after(self, t: datetime) -> datetime | None:
        """The instant if it is strictly after t."""
        return as_utc(self.at) if self.at > t else None

    def previous_before(self, t: datetime) -> datetime | None:
        """The instant if it is strictly before t."""
        return as_utc(self.at) if self.at < t else None

    def count(self, first: datetime, last: datetime) -> int:
        """1 if the instant lies in first..last, both ends included."""
        return int(first <= self.at <= last)

    def describe(self) -> str:
        """The schedule as a person reads it."""
        return f"once at {self.at.astimezone(load_zone(self.tz)).isoformat()}"


Schedule = Cron | Interval | Once


def bind(schedule: Schedule, created_at: datetime) -> Schedule:
    """The schedule with what it takes from its task's creation: an interval without anchor gets one.

    The anchor is cut to the whole second, so that instants read well and still come within one interval.
    """
    if isinstance(schedule, Interval) and schedule.anchor is None:
        return msgspec.structs.replace(schedule, anchor=created_at.replace(microsecond=0))
    return schedule


def first_run_at(schedule: Schedule, created_at: datetime) -> datetime | None:
    """The first instant a new task is due: after its creation, or the very instant a `Once` names."""
    if isinstance(schedule, Once):
        return as_utc(schedule.at)
    return schedule.next_after(created_at)
