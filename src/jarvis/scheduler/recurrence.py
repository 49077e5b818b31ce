"""Recurrences: the wall times of an RFC 5545 rule, evaluated by python-dateutil (the extra `dates`). Pure.

dateutil always begins at DTSTART and searches to the year 9999 for a rule that yields nothing. So it is given
a start near the wall times wanted, in step with the rule, and moved by whole 400-year cycles of the calendar
(in which dates and weekdays repeat exactly) to where the year 9999 is 100 to 500 years off.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import MAXYEAR, datetime, timedelta
from typing import Any

from jarvis.scheduler.instant import ScheduleError
from jarvis.scheduler.rrule_text import (
    DAILY,
    HOURLY,
    MINUTELY,
    MONTHLY,
    SECONDLY,
    WEEKLY,
    YEARLY,
    RuleText,
)

WALL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - walls are what a clock shows, in no zone
UNITS = {
    DAILY: timedelta(days=1),
    HOURLY: timedelta(hours=1),
    MINUTELY: timedelta(minutes=1),
    SECONDLY: timedelta(seconds=1),
}


class Recurrence:
    """The wall times of a rule that begins at a wall time (naive: in no zone), from any point on."""

    __slots__ = ("_options", "_start", "rule")

    def __init__(self, rule: RuleText, start: datetime) -> None:
        self.rule = rule
        self._start = start
        self._options = _explicit(rule, start)

    def walls(self, since: datetime) -> Iterator[datetime]:
        """The wall times from `since` on, in order, without regard to COUNT and UNTIL.

        Ends after a hundred years without any.
        """
        since = max(since, self._start)
        while True:
            begin = self._in_step(since)
            cycles = 400 * ((9899 - begin.year) // 400)
            found = False
            for moved in self._library_rule(begin.replace(year=begin.year + cycles)):
                if moved.year - cycles > MAXYEAR:
                    return
                wall = moved.replace(year=moved.year - cycles)
                if wall >= since:
                    found = True
                    yield wall
            if not found or cycles <= 0:
                return
            since = datetime(MAXYEAR + 1 - cycles, 1, 1)  # noqa: DTZ001 - a wall

    def _library_rule(self, begin: datetime) -> Iterator[datetime]:
        rrule = _library()
        try:
            yield from rrule(self.rule.freq, dtstart=begin, **self._options)
        except ValueError as error:  # "Invalid combination of interval and byhour resulting in empty rule"
            self.rule.refuse(f"never happens ({error})")

    def _in_step(self, wall: datetime) -> datetime:
        """The beginning of the rule's period that holds `wall`, which is not before the start."""
        start, step, freq = self._start, self.rule.interval, self.rule.freq
        if freq <= MONTHLY:
            length = 12 * step if freq == YEARLY else step
            months = start.year * 12 + (start.month - 1 if freq == MONTHLY else 0)
            months += (wall.year * 12 + wall.month - 1 - months) // length * length
            return datetime(months // 12, months % 12 + 1, 1)  # noqa: DTZ001 - a wall
        if freq == WEEKLY:
            start = _floor(start, UNITS[DAILY]) - timedelta(days=(start.weekday() - self.rule.wkst) % 7)
            length_of_step = timedelta(weeks=step)
        else:
            start, length_of_step = _floor(start, UNITS[freq]), step * UNITS[freq]
        return start + (wall - start) // length_of_step * length_of_step


def _floor(wall: datetime, unit: timedelta) -> datetime:
    return wall - (wall - WALL_EPOCH) % unit


def _library() -> Any:
    """dateutil's rrule, imported when first needed: it is an extra, and costs 20 ms."""
    try:
        from dateutil.rrule import rrule  # noqa: PLC0415
    except ImportError:
        raise ScheduleError(
            "an rrule needs python-dateutil, which is not installed: pip install 'jarvis-daemon[dates]'"
        ) from None
    return rrule


def _explicit(rule: RuleText, start: datetime) -> dict[str, Any]:
    """The rule for dateutil with all that it would take from its start, since it will get another one.

    RFC 5545: what the rule leaves open is as in DTSTART. dateutil alone would take every day of a BYWEEKNO.
    """
    by = dict(rule.by)
    byday = _numbered(rule)
    if not byday and not {"BYMONTHDAY", "BYYEARDAY"} & set(by):
        if rule.freq == WEEKLY or "BYWEEKNO" in by:
            byday = ((start.weekday(), 0),)
        elif rule.freq <= MONTHLY:
            by["BYMONTHDAY"] = (start.day,)
            if rule.freq == YEARLY:
                by.setdefault("BYMONTH", (start.month,))
    for unit, name, value in (
        (HOURLY, "BYHOUR", start.hour),
        (MINUTELY, "BYMINUTE", start.minute),
        (SECONDLY, "BYSECOND", start.second),
    ):
        if rule.freq < unit:
            by.setdefault(name, (value,))
    options: dict[str, Any] = {name.lower(): values for name, values in by.items()}
    if byday:
        options["byweekday"] = _library_weekdays(byday)
    return options | {"interval": rule.interval, "wkst": rule.wkst}


def _numbered(rule: RuleText) -> tuple[tuple[int, int], ...]:
    """BYDAY with numbers on all weekdays or none: of a mixture dateutil takes the days that satisfy both."""
    if len({bool(nth) for _, nth in rule.byday}) < 2:
        return rule.byday
    # No more than there can be: dateutil stumbles over a 53rd in a month (IndexError).
    most = 5 if rule.freq == MONTHLY or "BYMONTH" in rule.by else 53
    plain = [(day, nth) for day, number in rule.byday if not number for nth in range(1, most + 1)]
    return tuple(sorted({*plain, *(pair for pair in rule.byday if pair[1])}))


def _library_weekdays(byday: tuple[tuple[int, int], ...]) -> list[Any]:
    _library()
    from dateutil.rrule import weekday  # noqa: PLC0415

    return [weekday(day, nth) if nth else weekday(day) for day, nth in byday]
