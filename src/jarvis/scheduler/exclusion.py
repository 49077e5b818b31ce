"""Exclusions: the dates, date ranges and weekdays a schedule leaves out. Pure.

An instant is excluded when its local date in the schedule's zone is. Days are counted from 1970-01-01 as the
calendar on the wall shows them; a long exclusion is jumped over, never walked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache

from jarvis.scheduler.instant import EARLIEST, EPOCH, LATEST, MICROSECOND, ScheduleError
from jarvis.scheduler.localtime import DAY, MARGIN, LocalTime, local_time
from jarvis.scheduler.suggest import did_you_mean
from jarvis.scheduler.zone import load_zone

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_ENTRIES = 5_000  # ten years of single days are 3,653
ALLOWED = 'a date "2026-12-25", a range "2026-12-24..2027-01-02" or a weekday "sat" or "saturday"'

_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPELLINGS = {name: short for short, long in zip(WEEKDAYS, _NAMES, strict=True) for name in (short, long)}
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal() - _EPOCH_DAY
_SECOND = timedelta(seconds=1)

Range = tuple[int, int]
"""(first, last): days since 1970-01-01, both ends excluded from the schedule."""


@lru_cache(maxsize=1024)
def canonical(entries: tuple[str, ...]) -> tuple[str, ...]:
    """The entries as they are kept: weekdays as "sat", Monday first, then dates and ranges in order, each once.

    Raises ScheduleError for an entry that is none of these, and when the seven weekdays leave nothing over.
    """
    if len(entries) > MOST_ENTRIES:
        raise ScheduleError(f"{len(entries):,} excluded dates are too many: the most is {MOST_ENTRIES:,}")
    kept = set(map(_canonical_entry, entries))
    weekdays = tuple(day for day in WEEKDAYS if day in kept)
    if len(weekdays) == len(WEEKDAYS):
        raise ScheduleError("all seven weekdays are excluded: nothing would ever run")
    return weekdays + tuple(sorted(kept.difference(weekdays)))


def _canonical_entry(entry: str) -> str:
    if not isinstance(entry, str):
        raise ScheduleError(f"cannot exclude {entry!r}: expected {ALLOWED}")
    text = entry.strip()
    if text.lower() in _SPELLINGS:
        return _SPELLINGS[text.lower()]
    first, dots, last = text.partition("..")
    begin = _date(first, entry)
    end = _date(last, entry) if dots else begin
    if end < begin:
        raise ScheduleError(f"cannot exclude {entry!r}: the range runs backwards, write {end}..{begin}")
    return f"{begin}..{end}" if end > begin else f"{begin}"


def _date(text: str, entry: str) -> date:
    stripped = text.strip()
    try:
        read = date.fromisoformat(stripped)
        if str(read) == stripped:  # it reads 20261225 and 2026-W52-5 as well
            return read
    except ValueError:
        pass  # no such date: the one message below
    hint = did_you_mean(stripped, _SPELLINGS) if stripped.isalpha() else ""
    raise ScheduleError(f"cannot exclude {entry[:60]!r}: expected {ALLOWED}.{hint}")


class ExcludedDays:
    """Canonical entries as days: which day is excluded, and the nearest one that is or is not."""

    __slots__ = ("_firsts", "_mask", "_ranges")

    def __init__(self, entries: Iterable[str]) -> None:
        listed = list(entries)
        self._mask = sum(1 << WEEKDAYS.index(entry) for entry in listed if entry in WEEKDAYS)
        self._ranges = _merged(sorted(_range(entry) for entry in listed if entry not in WEEKDAYS))
        self._firsts = [first for first, _ in self._ranges]

    @property
    def listed(self) -> Range | None:
        """The first and last day of all dates and ranges; None if only weekdays are excluded."""
        return (self._ranges[0][0], self._ranges[-1][1]) if self._ranges else None

    def first_open(self, day: int) -> int | None:
        """The first day from `day` on that is not excluded; None past year 9999."""
        while day <= _LAST_DAY:
            last = self._end_of_range(day)
            if last is not None:
                day = last + 1
            elif self._weekday_excluded(day):
                day += 1
            else:
                return day
        return None

    def last_open(self, day: int) -> int:
        """The last day up to `day` that is not excluded; before year 1 nothing is."""
        while True:
            index = bisect_right(self._firsts, day) - 1
            if index >= 0 and day <= self._ranges[index][1]:
                day = self._ranges[index][0] - 1
            elif self._weekday_excluded(day):
                day -= 1
            else:
                return day

    def first_closed(self, day: int) -> int | None:
        """The first day from `day` on that is excluded; None if there is none."""
        if self._end_of_range(day) is not None:
            return day
        index = bisect_right(self._firsts, day)
        listed = self._firsts[index] if index < len(self._firsts) else None
        weekdays = (day + ahead for ahead in range(7) if self._weekday_excluded(day + ahead))
        found = [each for each in (listed, next(weekdays, None)) if each is not None]
        return min(found, default=None)

    def _end_of_range(self, day: int) -> int | None:
        index = bisect_right(self._firsts, day) - 1
        return self._ranges[index][1] if index >= 0 and day <= self._ranges[index][1] else None

    def _weekday_excluded(self, day: int) -> int:
        return self._mask >> (day + 3) % 7 & 1  # 1970-01-01 was a Thursday


def _range(entry: str) -> Range:
    first, _, last = entry.partition("..")
    return _day_number(first), _day_number(last or first)


def _day_number(text: str) -> int:
    return date.fromisoformat(text).toordinal() - _EPOCH_DAY


def _merged(ranges: list[Range]) -> list[Range]:
    """Sorted ranges with those that touch or overlap made one."""
    kept: list[Range] = []
    for first, last in ranges:
        if kept and first <= kept[-1][1] + 1:
            kept[-1] = (kept[-1][0], max(kept[-1][1], last))
        else:
            kept.append((first, last))
    return kept


class OpenTime:
    """The instants of a zone whose local date is not excluded.

    Exact where a clock set back around midnight shows a date twice: both its pieces count as that date.
    """

    __slots__ = ("_days", "_local")

    def __init__(self, days: ExcludedDays, local: LocalTime) -> None:
        self._days = days
        self._local = local

    @property
    def listed(self) -> tuple[datetime, datetime] | None:
        """Roughly when the listed dates begin and end (to the day, whatever the zone); None if there are none."""
        days = self._days.listed
        return None if days is None else (_instant(days[0] * DAY), _instant(days[1] * DAY))

    def opens(self, t: datetime) -> datetime | None:
        """`t` itself if it is open, else the first open instant after it; None past the calendar."""
        return self._first_at(t, self._days.first_open)

    def closes(self, t: datetime) -> datetime | None:
        """`t` itself if it is excluded, else the first excluded instant after it; None if there is none."""
        return self._first_at(t, self._days.first_closed)

    def closed_since(self, t: datetime) -> datetime | None:
        """The beginning of the excluded stretch that `t` lies in; None if `t` is open."""
        second = (t - EPOCH) // _SECOND
        beginning = self._stretch_start(second)
        return None if beginning > second else _instant(beginning)

    def spans(self, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The open stretches within first..last as (first, last) pairs, both ends included."""
        start = self.opens(first)
        while start is not None and start <= last:
            end = self.closes(start)
            if end is None or end > last:
                yield start, last
                return
            yield start, end - MICROSECOND
            start = self.opens(end)

    def _first_at(self, t: datetime, next_day: Callable[[int], int | None]) -> datetime | None:
        """The first instant from `t` on whose local date next_day() accepts (returns unchanged)."""
        started = second = (t - EPOCH) // _SECOND
        while True:
            _, end, _, offset, _ = self._local.span_at(second)
            day = (second + offset) // DAY
            wanted = next_day(day)
            if wanted == day:
                return t if second == started else _instant(second)
            if wanted is None or wanted > _LAST_DAY:
                return None
            found = wanted * DAY - offset
            if found < end:
                return _instant(found)
            # Go near it at once, unless the clock may yet go back to an earlier date.
            second = end if end - second < MARGIN else max(end, found - MARGIN)

    def _stretch_start(self, second: int) -> int:
        """The first second of the excluded stretch up to `second`; second + 1 if it is open itself."""
        while True:
            start, _, _, offset, _ = self._local.span_at(second)
            day = (second + offset) // DAY
            open_day = self._days.last_open(day)
            if open_day == day:
                return second + 1
            begins = (open_day + 1) * DAY - offset
            if begins > start:
                return begins
            second = start - 1 if second - start < MARGIN else min(start - 1, begins + MARGIN)


def _instant(second: int) -> datetime:
    """Seconds since 1970 UTC as an instant, held within the calendar."""
    try:
        return EPOCH + timedelta(seconds=second)
    except OverflowError:
        return LATEST if second > 0 else EARLIEST


@lru_cache(maxsize=1024)
def open_time(entries: tuple[str, ...], tz: str) -> OpenTime:
    """The open time of canonical entries in the zone called `tz`, shared by all schedules that say the same."""
    return OpenTime(ExcludedDays(entries), local_time(load_zone(tz)))


def date_ranges(days: Iterable[date]) -> tuple[str, ...]:
    """Single days as canonical entries, those in a row as one range."""
    numbers = [day.toordinal() - _EPOCH_DAY for day in sorted(set(days))]
    ranges = _merged([(number, number) for number in numbers])
    return tuple(_entry(first, last) for first, last in ranges)


def _entry(first: int, last: int) -> str:
    begin, end = (date.fromordinal(day + _EPOCH_DAY) for day in (first, last))
    return f"{begin}..{end}" if end > begin else f"{begin}"


def describe(entries: tuple[str, ...], shown: int = 4) -> str:
    """Canonical entries for people: "sat, sun, 2026-12-25 and 130 more"."""
    more = len(entries) - shown
    listed = entries if more <= 1 else entries[:shown]
    return ", ".join(listed) + (f" and {more} more" if more > 1 else "")
