"""Bounds: what every schedule may say besides its rule: from when, until when, how often, but not on. Pure.

A bounded schedule is its rule with instants left out; no bound ever adds or moves an instant. `max_runs` and
`jitter` leave the instants alone: the planner counts, and a jittered occurrence keeps its due_at.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property

import msgspec
from msgspec.structs import force_setattr

from jarvis.scheduler import exclusion
from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.exclusion import OpenTime, canonical, open_time
from jarvis.scheduler.instant import (
    EPOCH,
    MICROSECOND,
    ScheduleError,
    as_utc,
    just_after,
    just_before,
    years_on,
)
from jarvis.scheduler.zone import load_zone

NO_JITTER = timedelta(0)
LONGEST_JITTER = timedelta(days=1)
# The rarest instants a calendar has (29 February on a given weekday) come 40 years apart at most. Where nothing
# but excluded instants was met for longer, nothing else will come.
_SEARCHED_YEARS = 100


class Bounds(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """The bounds all schedules share; a kind of schedule adds its rule as `_after`, `_before` and `_count`.

    starts_at  no instant before it; UTC, itself allowed
    ends_at    no instant after it; UTC, itself allowed
    max_runs   how many runs the planner may start in all; 1 or more
    jitter     each run starts less than this after its due_at, see `jittered`
    exclude    dates, date ranges and weekdays in the schedule's zone, see `exclusion`
    """

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_runs: int | None = None
    jitter: timedelta = NO_JITTER
    exclude: tuple[str, ...] = ()

    tz = "UTC"  # each kind of schedule has it as a field

    def __post_init__(self) -> None:
        """Check the bounds; a schedule without them pays next to nothing."""
        if not self._plain or self.max_runs is not None or self.jitter != NO_JITTER:
            _keep_instants_in_utc(self)
            _check_numbers(self)
            _keep_exclusions(self)

    @property
    def _plain(self) -> bool:
        """Whether the rule alone says which instants there are."""
        return self.starts_at is None and self.ends_at is None and self.exclude == ()

    def _after(self, t: datetime) -> datetime | None:
        """The rule's first instant strictly after t."""
        raise NotImplementedError

    def _before(self, t: datetime) -> datetime | None:
        """The rule's last instant strictly before t."""
        raise NotImplementedError

    def _count(self, first: datetime, last: datetime) -> int:
        """How many of the rule's instants lie in first..last, both ends included."""
        raise NotImplementedError

    def next_after(self, t: datetime) -> datetime | None:
        """The first instant strictly after t; None if there is none."""
        if t.tzinfo is not UTC:  # elsewhere arithmetic on datetimes follows the wall clock, not real time
            t = as_utc(t)
        if self._plain:
            return self._after(t)
        if self.starts_at is not None and t < self.starts_at:
            t = just_before(self.starts_at)
        found = self._open_after(t) if self.exclude else self._after(t)
        return None if found is None or (self.ends_at is not None and found > self.ends_at) else found

    def previous_before(self, t: datetime) -> datetime | None:
        """The last instant strictly before t; None if there is none."""
        if t.tzinfo is not UTC:  # elsewhere arithmetic on datetimes follows the wall clock, not real time
            t = as_utc(t)
        if self._plain:
            return self._before(t)
        if self.ends_at is not None and t > self.ends_at:
            t = just_after(self.ends_at)
        found = self._open_before(t) if self.exclude else self._before(t)
        return None if found is None or (self.starts_at is not None and found < self.starts_at) else found

    def count(self, first: datetime, last: datetime) -> int:
        """How many instants lie in first..last, both ends included."""
        first, last = as_utc(first), as_utc(last)
        if self._plain:
            return self._count(first, last)
        first = first if self.starts_at is None else max(first, self.starts_at)
        last = last if self.ends_at is None else min(last, self.ends_at)
        if first > last:
            return 0
        if not self.exclude:
            return self._count(first, last)
        return sum(self._count(start, end) for start, end in self._open.spans(first, last))

    @cached_property
    def _open(self) -> OpenTime:
        return open_time(self.exclude, self.tz)

    def _open_after(self, t: datetime) -> datetime | None:
        """The rule's first instant after t that is not excluded: from one excluded stretch to the next."""
        limit = self._horizon(t, _SEARCHED_YEARS)
        found = self._after(t)
        while found is not None and found <= limit:
            opens = self._open.opens(found)
            if opens is None or opens == found:
                return opens
            found = self._after(just_before(opens))
        return None

    def _open_before(self, t: datetime) -> datetime | None:
        limit = self._horizon(t, -_SEARCHED_YEARS)
        found = self._before(t)
        while found is not None and found >= limit:
            closed_since = self._open.closed_since(found)
            if closed_since is None:
                return found
            found = self._before(closed_since)
        return None

    def _horizon(self, t: datetime, years: int) -> datetime:
        """How far a search from t goes: so many years past t and past every listed date."""
        listed = self._open.listed
        if listed is not None:
            t = max(t, listed[1]) if years > 0 else min(t, listed[0])
        return years_on(t, years)

    def describe_bounds(self) -> str:
        """The bounds as a person reads them, to follow the rule: " from 2026-03-01, not on sat, sun"."""
        start = "" if self.starts_at is None else f" from {self._shown(self.starts_at)}"
        said = [
            self.ends_at is not None and f"until {self._local(self.ends_at)}",
            self.max_runs is not None and f"at most {self.max_runs} run{'s' if self.max_runs > 1 else ''}",
            self.jitter != NO_JITTER and f"up to {format_duration(self.jitter)} later",
            self.exclude != () and f"not on {exclusion.describe(self.exclude)}",
        ]
        return start + "".join(f", {part}" for part in said if part)

    def _local(self, t: datetime) -> str:
        return t.astimezone(load_zone(self.tz)).isoformat()

    def _shown(self, t: datetime) -> str:
        """A local midnight as its date alone."""
        day, _, time = self._local(t).partition("T")
        return day if time.startswith("00:00:00") and "." not in time else f"{day}T{time}"


def jittered(schedule: Bounds, due_at: datetime, seed: str | int) -> datetime:
    """When the occurrence that is due at `due_at` is to start: 0 to less than `jitter` later.

    The same for the same seed and due_at, on every machine and for ever: a hash decides, to the microsecond.
    It may pass `ends_at` or the end of the day; which occurrence it is stays decided by due_at.
    """
    # Imported here: only jittered tasks need it, and it brings OpenSSL.
    from hashlib import blake2b  # noqa: PLC0415

    if schedule.jitter == NO_JITTER:
        return due_at
    due_at = as_utc(due_at)
    instant = (due_at - EPOCH) // MICROSECOND
    digest = blake2b(f"{seed}\0{instant}".encode(), digest_size=8).digest()
    width = schedule.jitter // MICROSECOND
    return due_at + timedelta(microseconds=int.from_bytes(digest) * width >> 64)


def keep_utc(schedule: Bounds, field: str) -> None:
    """Keep the datetime in that field, if there is one, in UTC."""
    value = getattr(schedule, field)
    if value is not None and not (isinstance(value, datetime) and value.tzinfo is UTC):
        force_setattr(schedule, field, as_utc(value))


def _keep_instants_in_utc(bounds: Bounds) -> None:
    keep_utc(bounds, "starts_at")
    keep_utc(bounds, "ends_at")
    start, end = bounds.starts_at, bounds.ends_at
    if start is not None and end is not None and end <= start:
        ends, starts = bounds._local(end), bounds._local(start)
        raise ScheduleError(f"ends_at {ends} is not after starts_at {starts}: nothing would run")


def _check_numbers(bounds: Bounds) -> None:
    runs, jitter = bounds.max_runs, bounds.jitter
    if runs is not None and not _is_count(runs):
        raise ScheduleError(f"max_runs {runs!r} is not a whole number from 1 up")
    if not isinstance(jitter, timedelta):
        raise ScheduleError(f"jitter is a timedelta, not {jitter!r}")
    if not NO_JITTER <= jitter <= LONGEST_JITTER:
        longest = format_duration(LONGEST_JITTER)
        raise ScheduleError(f"a jitter of {format_duration(jitter)} is not allowed: it lasts from 0s to {longest}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _keep_exclusions(bounds: Bounds) -> None:
    if isinstance(bounds.exclude, str):
        raise ScheduleError(f"exclude is a list of entries, not the text {bounds.exclude!r}")
    force_setattr(bounds, "exclude", canonical(tuple(bounds.exclude)))
    if bounds.exclude and bounds.starts_at is not None and bounds.ends_at is not None:
        opens = bounds._open.opens(bounds.starts_at)
        if opens is None or opens > bounds.ends_at:
            raise ScheduleError("everything between starts_at and ends_at is excluded: nothing would ever run")
