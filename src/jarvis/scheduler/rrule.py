"""Recurrence rules of RFC 5545 as schedules, evaluated by python-dateutil (the extra `dates`). Pure.

A rule is read on the wall clock of its zone. A time that the clock skips runs right after the skip, as cron's
fixed times do (the RFC would drop it, 3.3.10); a time that the clock shows twice runs in the first pass (3.3.5).
Rules that follow real time through the change are intervals, not recurrences.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import islice, takewhile

from msgspec.structs import force_setattr

from jarvis.scheduler.bounds import Bounds, keep_utc
from jarvis.scheduler.instant import EPOCH, LATEST, ScheduleError, just_after, just_before
from jarvis.scheduler.localtime import LocalTime, Span, local_time
from jarvis.scheduler.recurrence import UNITS, WALL_EPOCH, Recurrence
from jarvis.scheduler.rrule_text import HOURLY, MONTHLY, WEEKLY, YEARLY, RuleText, canonical_rule, parse_rule
from jarvis.scheduler.zone import load_zone

_SECOND = timedelta(seconds=1)
_PERIODS = {YEARLY: timedelta(days=366), MONTHLY: timedelta(days=31), WEEKLY: timedelta(days=7), **UNITS}
# As in CronExpression: a longer skip is a correction of the clock, and what it skips is gone (Apia 2011-12-30).
_LONGEST_SKIP = 3 * 3600 - 1
# The ends of the calendar, in seconds of the wall clock since 1970.
_FIRST_WALL, _LAST_WALL = -719_162 * 86_400, 2_932_897 * 86_400 - 1


class ZonedRecurrence:
    """The instants of a recurrence on the wall clock of a zone, with its COUNT and UNTIL."""

    def __init__(self, rule: RuleText, dtstart: datetime, tz: str) -> None:
        self._zone = load_zone(tz)
        self._local: LocalTime = local_time(self._zone)
        self._until = None if rule.until is None else _until(rule, rule.until, tz)
        try:
            self._start = dtstart.astimezone(self._zone).replace(tzinfo=None)
            self._recurrence = Recurrence(rule, self._start)
            first = next(self._instants(self._recurrence.walls(self._start)), None)
        except OverflowError:
            rule.refuse(f"its first period from {dtstart.isoformat()} on reaches beyond the years 1 to 9999")
        if first is None:
            rule.refuse("never happens")
        if self._until is not None and first > self._until:
            rule.refuse(f"ends (UNTIL={rule.until}) before its first instant, {first.isoformat()}")

    def after(self, t: datetime) -> Iterator[datetime]:
        """The instants strictly after t, in order, each once."""
        if self._recurrence.rule.count is not None:
            yield from islice(self._counted, bisect_right(self._counted, t), None)
            return
        # The wall clock at t: no earlier wall can belong to a later instant.
        wall = t.astimezone(self._zone).replace(tzinfo=None)
        for instant in self._instants(self._recurrence.walls(wall)):
            if self._until is not None and instant > self._until:
                return
            if instant > t:
                yield instant

    def count(self, first: datetime, last: datetime) -> int:
        """How many instants lie in first..last, both ends included.

        Arithmetic for steps of hours, minutes or seconds alone; all others are walked, at 5 microseconds each.
        """
        rule = self._recurrence.rule
        if rule.freq < HOURLY or rule.count is not None or rule.by or rule.byday:
            return sum(1 for _ in takewhile(lambda instant: instant <= last, self.after(just_before(first))))
        last = last if self._until is None else min(last, self._until)
        instant, until = -((EPOCH - first) // _SECOND), (last - EPOCH) // _SECOND
        total = 0
        while instant <= until:
            span = self._local.span_at(instant)
            end = min(span[1], until + 1)
            total += self._steps_in_span(span, instant, end)
            instant = end
        return total

    def _steps_in_span(self, span: Span, first: int, end: int) -> int:
        """How many instants of a rule of bare steps lie in first <= i < end, within one span."""
        start, _, before, offset, _ = span
        found = self._steps(max(first + offset, start + before if before > offset else _FIRST_WALL), end + offset)
        skipped = 0 < offset - before <= _LONGEST_SKIP and self._steps(start + before, start + offset)
        # What was skipped runs at the change, as one instant with what is due there anyway.
        return found + (first == start and bool(skipped) and not self._steps(start + offset, start + offset + 1))

    def _steps(self, low: int, high: int) -> int:
        """How many walls (in seconds since 1970) of a rule of bare steps lie in low <= wall < high."""
        begin = (self._start - WALL_EPOCH) // _SECOND
        step = self._recurrence.rule.interval * (UNITS[self._recurrence.rule.freq] // _SECOND)

        def earlier(wall: int) -> int:
            return max(0, -((begin - wall) // step))

        return max(0, earlier(high) - earlier(low))

    def before(self, t: datetime) -> datetime | None:
        """The last instant strictly before t."""
        if self._recurrence.rule.count is not None:
            index = bisect_left(self._counted, t)
            return self._counted[index - 1] if index else None
        if self._until is not None and t > self._until:
            t = just_after(self._until)
        highest = self._highest_wall(t)
        back = 2 * self._recurrence.rule.interval * _PERIODS[self._recurrence.rule.freq]
        while highest >= self._start:
            begin = highest - min(back, highest - self._start)
            found = self._last_within(begin, highest, t)
            if found is not None or begin == self._start:
                return found
            back *= 4
        return None

    def _last_within(self, begin: datetime, highest: datetime, t: datetime) -> datetime | None:
        """The last instant before t whose wall is in begin..highest."""
        walls = takewhile(lambda wall: wall <= highest, self._recurrence.walls(begin))
        earlier = takewhile(lambda instant: instant < t, self._instants(walls))
        return next(iter(deque(earlier, maxlen=1)), None)

    @cached_property
    def _counted(self) -> list[datetime]:
        walls = islice(self._recurrence.walls(self._start), self._recurrence.rule.count)
        return list(self._instants(walls))

    def _instants(self, walls: Iterator[datetime]) -> Iterator[datetime]:
        """Walls as instants: they stay in order, and those that a skip brings together become one."""
        last = None
        for wall in walls:
            instant = self._instant(wall)
            if instant is not None and instant != last:
                yield instant
                last = instant

    def _instant(self, wall: datetime) -> datetime | None:
        try:
            instant = wall.replace(tzinfo=self._zone).astimezone(UTC)
        except OverflowError:
            return None
        if instant.astimezone(self._zone).replace(tzinfo=None) == wall:
            return instant
        start, _, before, offset, _ = self._local.span_at((instant - EPOCH) // _SECOND)
        return None if offset - before > _LONGEST_SKIP else EPOCH + timedelta(seconds=start)

    def _highest_wall(self, t: datetime) -> datetime:
        """The highest wall that the clock has shown up to t; it was set back just before, perhaps."""
        second = (t - EPOCH) // _SECOND
        start, _, before, offset, _ = self._local.span_at(second)
        highest = max(second + offset, start + before if before > offset else _FIRST_WALL)
        return WALL_EPOCH + timedelta(seconds=min(max(highest, _FIRST_WALL), _LAST_WALL))


def _until(rule: RuleText, text: str, tz: str) -> datetime:
    """UNTIL as an instant. RFC 5545: with a DTSTART that has a zone it is given in UTC."""
    try:
        read = datetime.fromisoformat(text) if len(text) in _UNTIL_LENGTHS else None
    except ValueError:
        read = None
    if read is None:
        rule.refuse(f"UNTIL={text[:20]} is not an instant in UTC such as 20261231T235959Z")
    if read.tzinfo is None:
        end = read if "T" in text else read.replace(hour=23, minute=59, second=59)
        try:
            utc = end.replace(tzinfo=load_zone(tz)).astimezone(UTC)
        except OverflowError:  # 99991231, for ever, west of UTC
            utc = LATEST
        rule.refuse(f"UNTIL={text} must be in UTC where there is a zone (RFC 5545): write UNTIL={utc:%Y%m%dT%H%M%SZ}")
    return read


_UNTIL_LENGTHS = frozenset(map(len, ("20261231", "20261231T235959", "20261231T235959Z")))


@lru_cache(maxsize=1024)
def _zoned(rule: str, dtstart: datetime, tz: str) -> ZonedRecurrence:
    return ZonedRecurrence(parsed(rule), dtstart, tz)


parsed = lru_cache(maxsize=1024)(parse_rule)


class Rrule(Bounds, frozen=True, tag="rrule", omit_defaults=True):
    """The instants of an RFC 5545 RRULE that begins at `dtstart`, on the wall clock of a zone.

    dtstart defaults to the task's creation; it lends the rule what it leaves open, and is an instant of the
    schedule only if the rule says so. With COUNT, instants are counted from it.
    """

    rule: str
    dtstart: datetime | None = None
    tz: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse, where the task is made, a rule that is not understood or never happens."""
        force_setattr(self, "rule", canonical_rule(self.rule))
        keep_utc(self, "dtstart")
        load_zone(self.tz)
        super().__post_init__()
        parsed(self.rule)
        if self.dtstart is not None:
            if self.dtstart.microsecond:
                raise ScheduleError(f"dtstart {self.dtstart.isoformat()} is not on a whole second")
            _zoned(self.rule, self.dtstart, self.tz)

    @cached_property
    def _recurrence(self) -> ZonedRecurrence:
        if self.dtstart is None:
            raise ScheduleError("this rrule has no dtstart yet: the store gives it one when the task is added")
        return _zoned(self.rule, self.dtstart, self.tz)

    def _after(self, t: datetime) -> datetime | None:
        try:
            return next(self._recurrence.after(t), None)
        except OverflowError:  # the zone's wall clock at t would be past year 9999
            return None

    def _before(self, t: datetime) -> datetime | None:
        return self._recurrence.before(t)

    def _count(self, first: datetime, last: datetime) -> int:
        return self._recurrence.count(first, last)

    def describe(self) -> str:
        """The schedule as a person reads it."""
        return f"rrule {self.rule} ({self.tz}){self.describe_bounds()}"
