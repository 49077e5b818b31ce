"""The wall-clock times a cron expression names, with no zone: found by arithmetic on bit masks.

Walls are whole seconds since 1970-01-01 00:00 as the wall clock shows it (see localtime).
"""

from __future__ import annotations

from datetime import date

from jarvis.scheduler.cron_fields import LAST_DAY, LAST_OF_MONTH, LAST_WORKDAY, NEAREST_WORKDAY, NTH_OF_MONTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jarvis.scheduler.cron_fields import Field

_DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
# One day is left at either end of the calendar, so that every wall is an instant in every zone.
_FIRST_ORDINAL = date.min.toordinal() + 1
_LAST_ORDINAL = date.max.toordinal() - 1
_EVERY_DAY, _EVERY_MONTH, _EVERY_WEEKDAY = (2 << 31) - 2, (2 << 12) - 2, (2 << 6) - 1
_MONTH_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class WallPattern:
    """Every wall time that six parsed fields match, searchable both ways. From 0001-01-02 to 9999-12-30."""

    __slots__ = (
        "_both",
        "_days",
        "_every_day",
        "_first_time",
        "_last_time",
        "_layouts",
        "_minutes",
        "_months",
        "_seconds",
        "_weekdays",
    )

    def __init__(self, fields: tuple[Field, ...]) -> None:
        second, minute, hour, day, month, weekday = fields
        self._seconds = second.mask
        # One bit for each minute of the day.
        self._minutes = sum(minute.mask << 60 * at for at in range(24) if hour.mask >> at & 1)
        self._months = month.mask
        self._days = day.mask
        self._weekdays = weekday.mask
        # Debian's rule: both day fields must match if either begins with a star, else one is enough.
        self._both = day.starred or weekday.starred
        # The matching days of a month by its length and first weekday, filled when first needed.
        self._layouts: dict[tuple[int, int], int] = {}
        # What most searches ask for, kept ready.
        full = (day.mask & _EVERY_DAY == _EVERY_DAY, weekday.mask & _EVERY_WEEKDAY == _EVERY_WEEKDAY)
        self._every_day = month.mask == _EVERY_MONTH and (all(full) if self._both else any(full))
        self._first_time = _lowest(self._minutes) * 60 + _lowest(self._seconds)
        self._last_time = _highest(self._minutes) * 60 + _highest(self._seconds)

    def at_or_after(self, wall: int) -> int | None:
        """Return the first matching wall time that is not before `wall`; None past year 9999."""
        day, second = divmod(wall, _DAY)
        ordinal = day + _EPOCH
        if ordinal < _FIRST_ORDINAL:
            ordinal, second = _FIRST_ORDINAL, 0
        found = self._day_at_or_after(ordinal)
        if found == ordinal:
            time = self._time_at_or_after(second)
            if time is not None:
                return (found - _EPOCH) * _DAY + time
            found = self._day_at_or_after(ordinal + 1)
        return None if found is None else (found - _EPOCH) * _DAY + self._first_time

    def at_or_before(self, wall: int) -> int | None:
        """Return the last matching wall time that is not after `wall`; None before year 1."""
        day, second = divmod(wall, _DAY)
        ordinal = day + _EPOCH
        if ordinal > _LAST_ORDINAL:
            ordinal, second = _LAST_ORDINAL, _DAY - 1
        found = self._day_at_or_before(ordinal)
        if found == ordinal:
            time = self._time_at_or_before(second)
            if time is not None:
                return (found - _EPOCH) * _DAY + time
            found = self._day_at_or_before(ordinal - 1)
        return None if found is None else (found - _EPOCH) * _DAY + self._last_time

    def is_empty(self) -> bool:
        """Tell whether no day of any year matches.

        Exact: every month begins on every weekday in some year, February with 28 and with 29 days.
        """
        lengths = {length for month, length in enumerate(_MONTH_LENGTHS) if self._months >> month & 1}
        if 28 in lengths:
            lengths.add(29)
        return not any(self._layout(length, first) for length in lengths for first in range(7))

    def _time_at_or_after(self, second: int) -> int | None:
        """Return the first matching second of the day from `second` on."""
        if second <= self._first_time:
            return self._first_time
        if second > self._last_time:
            return None
        minute, past = divmod(second, 60)
        seconds = self._seconds >> past
        if seconds and self._minutes >> minute & 1:
            return second + _lowest(seconds)
        minute += 1
        return (minute + _lowest(self._minutes >> minute)) * 60 + self._first_time % 60

    def _time_at_or_before(self, second: int) -> int | None:
        """Return the last matching second of the day up to `second`."""
        if second >= self._last_time:
            return self._last_time
        if second < self._first_time:
            return None
        minute, past = divmod(second, 60)
        seconds = self._seconds & (2 << past) - 1
        if seconds and self._minutes >> minute & 1:
            return minute * 60 + _highest(seconds)
        return _highest(self._minutes & (1 << minute) - 1) * 60 + self._last_time % 60

    def _day_at_or_after(self, ordinal: int) -> int | None:
        """Return the first matching day (proleptic ordinal) from `ordinal` on."""
        if ordinal > _LAST_ORDINAL:
            return None
        if self._every_day:
            return ordinal
        start = date.fromordinal(ordinal)
        year, month, day = start.year, start.month, start.day
        first = ordinal - day + 1
        while True:
            if self._months >> month & 1:
                days = self._layout(month_length(year, month), (first + 6) % 7) >> day
                if days:
                    found = first + day - 1 + _lowest(days)
                    return found if found <= _LAST_ORDINAL else None
            later = self._months >> month + 1
            if later:
                month += 1 + _lowest(later)
            else:
                year, month = year + 1, _lowest(self._months)
            if year > 9999:
                return None
            first, day = date(year, month, 1).toordinal(), 1

    def _day_at_or_before(self, ordinal: int) -> int | None:
        """Return the last matching day (proleptic ordinal) up to `ordinal`."""
        if ordinal < _FIRST_ORDINAL:
            return None
        if self._every_day:
            return ordinal
        start = date.fromordinal(ordinal)
        year, month, day = start.year, start.month, start.day
        first = ordinal - day + 1
        while True:
            if self._months >> month & 1:
                days = self._layout(month_length(year, month), (first + 6) % 7) & (2 << day) - 1
                if days:
                    found = first + days.bit_length() - 2
                    return found if found >= _FIRST_ORDINAL else None
            earlier = self._months & (1 << month) - 1
            month = (earlier or self._months).bit_length() - 1
            year = year if earlier else year - 1
            if year < 1:
                return None
            first, day = date(year, month, 1).toordinal(), 31

    def _layout(self, length: int, first_weekday: int) -> int:
        """Return the matching days (bits 1-31) of a month of that length and first weekday (0 is Monday)."""
        days = self._layouts.get((length, first_weekday))
        if days is None:
            days = _days_of_month(self._days, length, first_weekday)
            weekdays = _days_of_week(self._weekdays, length, first_weekday)
            days = days & weekdays if self._both else days | weekdays
            self._layouts[length, first_weekday] = days
        return days


def _lowest(bits: int) -> int:
    """Return the position of the lowest bit that is set."""
    return (bits & -bits).bit_length() - 1


def _highest(bits: int) -> int:
    """Return the position of the highest bit that is set."""
    return bits.bit_length() - 1


def month_length(year: int, month: int) -> int:
    if month == 2 and year % 4 == 0 and (year % 100 or year % 400 == 0):
        return 29
    return _MONTH_LENGTHS[month]


def _days_of_month(mask: int, length: int, first_weekday: int) -> int:
    """Return the days a day-of-month mask names in a month laid out so."""
    days = mask & (2 << length) - 2
    if mask >> LAST_DAY & 1:
        days |= 1 << length
    if mask >> LAST_WORKDAY & 1:
        days |= 1 << _nearest_workday(length, length, first_weekday)
    nearest = mask >> NEAREST_WORKDAY
    for day in range(1, length + 1):
        if nearest >> day & 1:
            days |= 1 << _nearest_workday(day, length, first_weekday)
    return days


def _nearest_workday(day: int, length: int, first_weekday: int) -> int:
    """Return the day from Monday to Friday nearest to `day` within the same month."""
    weekday = (first_weekday + day - 1) % 7
    if weekday == 5:
        return day - 1 if day > 1 else 3
    if weekday == 6:
        return day + 1 if day < length else day - 2
    return day


def _days_of_week(mask: int, length: int, first_weekday: int) -> int:
    """Return the days a day-of-week mask names in a month laid out so."""
    days = 0
    for day in range(1, length + 1):
        weekday = (first_weekday + day) % 7  # 0 is Sunday
        named = mask >> weekday | mask >> NTH_OF_MONTH + 7 * ((day + 6) // 7) + weekday
        if day + 7 > length:
            named |= mask >> LAST_OF_MONTH + weekday
        days |= (named & 1) << day
    return days
