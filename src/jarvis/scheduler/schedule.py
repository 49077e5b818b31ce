"""Schedules: pure rules that yield instants. `Cron | Interval | Once | Rrule`, and `OnEvent | After`, which yield none.

A schedule is a frozen value; it reads no clock. Every instant that goes in is aware, every instant
that comes out is aware and in UTC (`CronExpression` below it answers in the schedule's own zone).
What all kinds share (starts_at, ends_at, max_runs, jitter, exclude) is in `Bounds`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Literal

import msgspec

from jarvis.scheduler.after import After
from jarvis.scheduler.bounds import Bounds, jittered, keep_utc
from jarvis.scheduler.cron import CronExpression
from jarvis.scheduler.cron_count import count_instants
from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.instant import MICROSECOND, ScheduleError, as_utc
from jarvis.scheduler.onevent import OnEvent, Rate
from jarvis.scheduler.rrule import Rrule
from jarvis.scheduler.untimed import Untimed
from jarvis.scheduler.zone import load_zone

__all__ = [
    "MICROSECOND",
    "SHORTEST_INTERVAL",
    "After",
    "Bounds",
    "Cron",
    "DstGap",
    "DstRepeat",
    "Interval",
    "OnEvent",
    "Once",
    "Rate",
    "Rrule",
    "Schedule",
    "ScheduleError",
    "Untimed",
    "as_utc",
    "bind",
    "first_run_at",
    "jittered",
]

SHORTEST_INTERVAL = timedelta(milliseconds=100)

DstGap = Literal["run_after", "skip"]
DstRepeat = Literal["first", "second", "both"]


@lru_cache(maxsize=4096)
def _compiled(expr: str, tz: str, dst_gap: DstGap, dst_repeat: DstRepeat) -> CronExpression:
    return CronExpression(expr, tz, dst_gap=dst_gap, dst_repeat=dst_repeat)


class Cron(Bounds, frozen=True, tag="cron", omit_defaults=True):
    """The instants of a cron expression in an IANA zone.

    `dst_gap` and `dst_repeat` say what becomes of fixed times that the clock skips or shows twice; the
    defaults are Debian cron's (see CronExpression).
    """

    expr: str
    tz: str = "UTC"
    dst_gap: DstGap = "run_after"
    dst_repeat: DstRepeat = "first"

    def __post_init__(self) -> None:
        """Compile the expression: it raises CronError or ZoneError where the task is made, not at 3 a.m."""
        _compiled(self.expr, self.tz, self.dst_gap, self.dst_repeat)
        super().__post_init__()

    @cached_property
    def expression(self) -> CronExpression:
        """The compiled expression, shared by all schedules of the same text."""
        return _compiled(self.expr, self.tz, self.dst_gap, self.dst_repeat)

    def _after(self, t: datetime) -> datetime | None:
        try:
            return self.expression.next_after(t).astimezone(UTC)
        except OverflowError:
            return None

    def _before(self, t: datetime) -> datetime | None:
        try:
            return self.expression.previous_before(t).astimezone(UTC)
        except OverflowError:
            return None

    def _count(self, first: datetime, last: datetime) -> int:
        return count_instants(self.expression, first, last)

    def describe(self) -> str:
        """The schedule as a person reads it."""
        gap = "" if self.dst_gap == "run_after" else f", dst_gap={self.dst_gap}"
        repeat = "" if self.dst_repeat == "first" else f", dst_repeat={self.dst_repeat}"
        return f"cron {self.expr} ({self.tz}{gap}{repeat}){self.describe_bounds()}"


class Interval(Bounds, frozen=True, tag="interval", omit_defaults=True):
    """anchor + n * every, in real (UTC) time: it never drifts. The anchor defaults to the task's creation.

    With `after_completion` the planner takes each instant but the first from `next_after_completion`; the
    other methods go on to answer for the anchored instants.
    """

    every: timedelta
    anchor: datetime | None = None
    tz: str = "UTC"
    after_completion: bool = False

    def __post_init__(self) -> None:
        """Refuse lengths that are none, or too short to keep."""
        if not isinstance(self.every, timedelta):
            raise ScheduleError(f"an interval is a timedelta, not {self.every!r}")
        if self.every < SHORTEST_INTERVAL:
            got, least = format_duration(self.every), format_duration(SHORTEST_INTERVAL)
            raise ScheduleError(f"an interval of {got} is too short: the shortest is {least}")
        keep_utc(self, "anchor")
        load_zone(self.tz)
        super().__post_init__()
        if self.jitter >= self.every:
            got, every = format_duration(self.jitter), format_duration(self.every)
            raise ScheduleError(f"a jitter of {got} is not shorter than the interval of {every}")

    def _start(self) -> datetime:
        if self.anchor is None:
            raise ScheduleError("this interval has no anchor yet: the store gives it one when the task is added")
        return self.anchor

    def _after(self, t: datetime) -> datetime | None:
        """The anchor itself is the first instant of all."""
        start = self._start()
        steps = max(0, (t - start) // self.every + 1)
        try:
            return start + steps * self.every
        except OverflowError:
            return None

    def _before(self, t: datetime) -> datetime | None:
        start = self._start()
        steps = (t - start - MICROSECOND) // self.every
        return start + steps * self.every if steps >= 0 else None

    def _count(self, first: datetime, last: datetime) -> int:
        start = self._start()
        through = (last - start) // self.every + 1
        before = (first - start - MICROSECOND) // self.every + 1
        return max(0, max(0, through) - max(0, before))

    def next_after_completion(self, finished_at: datetime) -> datetime | None:
        """`every` after the end of a run; what the bounds exclude waits for the first instant they allow.

        None if that comes after ends_at.
        """
        try:
            free = as_utc(finished_at) + self.every
        except OverflowError:
            return None
        free = free if self.starts_at is None else max(free, self.starts_at)
        found = self._open.opens(free) if self.exclude else free
        return None if found is None or (self.ends_at is not None and found > self.ends_at) else found

    def describe(self) -> str:
        """The schedule as a person reads it."""
        after = " after the end of the last run" if self.after_completion else ""
        return f"every {format_duration(self.every)}{after}{self.describe_bounds()}"


class Once(Bounds, frozen=True, tag="once", omit_defaults=True):
    """One instant, which its bounds must allow."""

    at: datetime
    tz: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse an instant outside its own bounds: it would never come."""
        keep_utc(self, "at")
        load_zone(self.tz)
        super().__post_init__()
        if self.count(self.at, self.at) == 0:
            raise ScheduleError(f"its own bounds leave nothing of this schedule: {self.describe()}")

    def _after(self, t: datetime) -> datetime | None:
        return self.at if self.at > t else None

    def _before(self, t: datetime) -> datetime | None:
        return self.at if self.at < t else None

    def _count(self, first: datetime, last: datetime) -> int:
        return int(first <= self.at <= last)

    def describe(self) -> str:
        """The schedule as a person reads it."""
        return f"once at {self.at.astimezone(load_zone(self.tz)).isoformat()}{self.describe_bounds()}"


Schedule = Cron | Interval | Once | Rrule | OnEvent | After


def bind(schedule: Schedule, created_at: datetime) -> Schedule:
    """The schedule with what it takes from its task's creation: an anchor, or the start of a recurrence.

    It is cut to the whole second, so that instants read well and still come within one interval.
    """
    if isinstance(schedule, Interval) and schedule.anchor is None:
        return msgspec.structs.replace(schedule, anchor=created_at.replace(microsecond=0))
    if isinstance(schedule, Rrule) and schedule.dtstart is None:
        return msgspec.structs.replace(schedule, dtstart=created_at.replace(microsecond=0))
    return schedule


def first_run_at(schedule: Schedule, created_at: datetime) -> datetime | None:
    """The first instant a new task is due: after its creation, or the very instant a `Once` names."""
    if isinstance(schedule, Once):
        return schedule.at
    return schedule.next_after(created_at)
