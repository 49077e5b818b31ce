"""Calendars: the dates that an .ics file (RFC 5545) takes out of a schedule, for its `exclude`.

Whole days count: all-day events, and those from midnight to midnight. A meeting at ten does not take its day
out. What is cancelled does not count; what is marked as free time does, as holidays often are. The file is
read once, when a task is made: later changes of it are not noticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import islice, takewhile
from pathlib import Path
from stat import S_ISREG
from typing import Any

from jarvis.errors import UsageError
from jarvis.scheduler.exclusion import MOST_ENTRIES, date_ranges
from jarvis.scheduler.instant import ScheduleError
from jarvis.scheduler.recurrence import Recurrence
from jarvis.scheduler.rrule_text import DAILY, canonical_rule, parse_rule

MOST_BYTES = 5 * 1024 * 1024
MOST_EVENTS = 10_000
MOST_DAYS = 100_000  # that all events together may take; ten years have 3,653
YEARS = 10

_DAY = timedelta(days=1)
_READ = {"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"}
_BEGIN, _BEGIN_EVENT = b"BEGIN:VCALENDAR", b"BEGIN:VEVENT"

Event = Mapping[str, Any]
"""One VEVENT: its properties by name, as icalendar reads them."""

Days = tuple[date, int]
"""A first day, and how many days it is with those that follow."""


def excluded_by(path: Path, first: date, years: int = YEARS) -> tuple[str, ...]:
    """The days that the calendar in `path` takes out from `first` on, as dates and ranges in order.

    Raises UsageError for a file that cannot be read, is no calendar, or holds nothing that lasts whole days.
    """
    events = _events(path, _read(path))
    last = first + years * 366 * _DAY
    try:
        taken = set(_limited(path, _days(events, first, last)))
    except ValueError as error:  # a ScheduleError, or a date that is none
        raise UsageError(f"{path}: {error}") from error
    if not taken:
        raise UsageError(f"{path}: no event in it takes out a whole day from {first} on: nothing to exclude")
    ranges = date_ranges(taken)
    if len(ranges) > MOST_ENTRIES:
        raise UsageError(f"{path}: {len(ranges):,} excluded dates are too many: the most is {MOST_ENTRIES:,}")
    return ranges


def _read(path: Path) -> bytes:
    try:
        facts = path.stat()
        if not S_ISREG(facts.st_mode):
            raise UsageError(f"{path} is not a file: expected an .ics calendar")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UsageError(f"cannot read the calendar {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path} is larger than {MOST_BYTES // 1024 // 1024} MiB: too large for a calendar")
    if not data.strip():
        raise UsageError(f"{path} is empty: expected an .ics calendar")
    return data


def _events(path: Path, data: bytes) -> list[Event]:
    """The events of the file, those that are cancelled left out."""
    upper = data.upper()
    if not upper.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_BEGIN):
        raise UsageError(f"{path} is not an .ics calendar: it does not begin with {_BEGIN.decode()}")
    if upper.count(_BEGIN_EVENT) > MOST_EVENTS:
        raise UsageError(f"{path} holds more than {MOST_EVENTS:,} events: too many")
    calendars = _parsed(path, data)
    found = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    if not found:
        raise UsageError(f"{path} holds no events: nothing to exclude")
    return [event for event in found if str(event.get("STATUS", "")).upper() != "CANCELLED"]


def _parsed(path: Path, data: bytes) -> list[Any]:
    try:
        from icalendar import Calendar  # noqa: PLC0415 - an extra, and costs 150 ms
    except ImportError:
        raise UsageError(
            f"{path}: reading a calendar needs icalendar, which is not installed: pip install 'jarvis-daemon[dates]'"
        ) from None
    try:
        return list(Calendar.from_ical(data, multiple=True))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:  # whatever a broken file makes of it
        raise UsageError(f"{path} is not a readable .ics calendar: {error}") from error


def _limited(path: Path, days: Iterable[date]) -> Iterator[date]:
    for number, day in enumerate(days):
        if number >= MOST_DAYS:
            raise UsageError(f"{path}: its events take out more than {MOST_DAYS:,} days: too many")
        yield day


def _days(events: list[Event], first: date, last: date) -> Iterator[date]:
    """Every day that an event takes within first..last."""
    replaced = _replaced(events)
    for event in events:
        _refuse_broken(event)
        whole = _whole_days(event)
        if whole is None:
            continue
        begin, length = whole
        left_out = _listed(event, "EXDATE")
        if "RECURRENCE-ID" not in event:
            left_out |= replaced.get(str(event.get("UID")), set())
        for start in _starts(event, begin, first - min(length * _DAY, first - date.min), last):
            if start not in left_out:
                yield from (day for day in _run(start, length) if first <= day <= last)


def _replaced(events: list[Event]) -> dict[str, set[date]]:
    """By UID, the dates for which another event with the same UID stands (RFC 5545, RECURRENCE-ID)."""
    replaced: dict[str, set[date]] = {}
    for event in events:
        moment = _moment(event, "RECURRENCE-ID")
        if moment is not None:
            replaced.setdefault(str(event.get("UID")), set()).add(_date(moment))
    return replaced


def _refuse_broken(event: Event) -> None:
    """icalendar goes on where a property cannot be read; a date left out in silence would be a run too many."""
    for name, problem in getattr(event, "errors", []):
        if name in _READ:
            raise ScheduleError(f"the event {_name(event)} has no readable {name}: {problem}")
    if _moment(event, "DTSTART") is None:
        raise ScheduleError(f"the event {_name(event)} has no DTSTART")


def _run(start: date, length: int) -> Iterator[date]:
    return (start + ahead * _DAY for ahead in range(min(length, (date.max - start).days + 1)))


def _whole_days(event: Event) -> Days | None:
    """The first day of an event and for how many days it lasts; None if it does not last whole days."""
    begin, end = event["DTSTART"].dt, _moment(event, "DTEND")
    if end is None and "DURATION" in event:
        end = begin + event["DURATION"].dt
    if not isinstance(begin, datetime):
        return begin, max(1, (_date(end) - begin).days if end is not None else 1)
    if end is None or not begin.time() == _time(end) == time.min:
        return None
    days = (_date(end) - begin.date()).days
    return (begin.date(), days) if days >= 1 else None


def _moment(event: Event, name: str) -> date | None:
    value = getattr(event.get(name), "dt", None)
    return value if isinstance(value, date) else None


def _date(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _time(moment: date) -> time:
    return moment.time() if isinstance(moment, datetime) else time.min


def _name(event: Event) -> str:
    return repr(str(event.get("SUMMARY") or event.get("UID") or "without a name")[:60])


def _listed(event: Event, name: str) -> set[date]:
    """The dates in an EXDATE or RDATE, which may be given several times."""
    given = event.get(name, [])
    lists = given if isinstance(given, list) else [given]
    moments = [each.dt for one in lists for each in getattr(one, "dts", [])]
    return {_date(each[0] if isinstance(each, tuple) else each) for each in moments}  # a tuple is a PERIOD


def _starts(event: Event, begin: date, first: date, last: date) -> Iterator[date]:
    """Each first day of the event's occurrences within first..last: its own, by RDATE and by RRULE."""
    yield from (day for day in {begin, *_listed(event, "RDATE")} if first <= day <= last)
    given = event.get("RRULE", [])
    for each in given if isinstance(given, list) else [given]:
        yield from _repeated(event, each.to_ical().decode(), begin, first, last)


def _repeated(event: Event, text: str, begin: date, first: date, last: date) -> Iterator[date]:
    rule = parse_rule(canonical_rule(text))
    if rule.freq > DAILY:
        rule.refuse(f"the event {_name(event)} lasts whole days, it cannot repeat more often than daily")
    recurrence = Recurrence(rule, datetime.combine(begin, time.min))
    until = last if rule.until is None else min(last, _until(rule.until, event["DTSTART"].dt))
    if rule.count is None:
        walls = recurrence.walls(datetime.combine(first, time.min))
    else:
        walls = islice(recurrence.walls(datetime.combine(begin, time.min)), rule.count)
    days = takewhile(lambda day: day <= until, (wall.date() for wall in walls))
    return (day for day in days if day >= first)


def _until(text: str, begin: date) -> date:
    """The date that UNTIL names, on the wall clock of the event."""
    until = datetime.fromisoformat(text)
    zone = begin.tzinfo if isinstance(begin, datetime) else None
    return (until if zone is None or until.tzinfo is None else until.astimezone(zone)).date()
