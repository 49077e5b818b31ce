"""When the clock on a zone's wall shows a time, also where that clock is set forward or back. Pure.

Instants and walls are whole seconds as in `localtime`; a day is a number of days since 1970-01-01 as the wall's
calendar shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from jarvis.scheduler.instant import EPOCH
from jarvis.scheduler.localtime import DAY, MARGIN, Span, local_time
from jarvis.scheduler.zone import load_zone

_SECOND = timedelta(seconds=1)


class WallClock:
    """The clock on the wall in one zone."""

    __slots__ = ("_local",)

    def __init__(self, tz: str) -> None:
        self._local = local_time(load_zone(tz))

    def day_at(self, second: int) -> int:
        """The day that the calendar shows then."""
        return (second + self._local.span_at(second)[3]) // DAY

    def reached(self, wall: int) -> int:
        """The first instant at which the clock shows `wall` or more: right after a gap that it lies in, and the
        first of two where it is shown twice."""
        return next(
            at for start, end, _, offset, _ in self._spans_near(wall) if (at := max(start, wall - offset)) < end
        )

    def left_behind(self, wall: int) -> int:
        """The instant from which on the clock never shows less than `wall` again: the last of two where it is shown
        twice."""
        ends = [(start, min(end, wall - offset)) for start, end, _, offset, _ in self._spans_near(wall)]
        return max(end for start, end in ends if end > start)

    def _spans_near(self, wall: int) -> Iterator[Span]:
        second = wall - MARGIN
        while second <= wall + MARGIN:
            span = self._local.span_at(second)
            yield span
            second = span[1]


def next_time(times: Iterable[int], tz: str, now: datetime) -> datetime:
    """The first instant after `now` at which the clock shows one of the times (seconds of the day)."""
    clock, at = WallClock(tz), second_of(now)
    today = clock.day_at(at)
    found = ((day, clock.reached(day * DAY + each)) for day in range(today - 1, today + 4) for each in times)
    # The calendar may leave out a day (Apia in 2011), and then it has no such time.
    return instant(min(second for day, second in found if second > at and clock.day_at(second) == day))


def day_start(tz: str, now: datetime) -> datetime:
    """The first instant of the day that the calendar shows at `now`."""
    clock = WallClock(tz)
    return instant(clock.reached(clock.day_at(second_of(now)) * DAY))


def second_of(t: datetime) -> int:
    """The whole second that an instant lies in."""
    return (t - EPOCH) // _SECOND


def instant(second: int) -> datetime:
    """A whole second as an instant, in UTC."""
    return EPOCH + second * _SECOND
