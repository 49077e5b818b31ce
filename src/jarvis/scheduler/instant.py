"""Instants: aware datetimes in UTC, and the error for what names none. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

MICROSECOND = timedelta(microseconds=1)
"""The grain of every instant: the nearest two can be."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


class ScheduleError(ValueError):
    """A schedule that cannot be meant: the message says what, what we got and what is allowed."""


def as_utc(moment: datetime) -> datetime:
    """The same instant in UTC. A naive datetime is an error: it names no instant."""
    if not isinstance(moment, datetime):
        raise ScheduleError(f"expected a datetime with a time zone, not {moment!r}")
    if moment.utcoffset() is None:
        text = moment.isoformat()
        raise ScheduleError(f"{text} has no time zone: add an offset, such as {text}+00:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ScheduleError(f"{moment.isoformat()} lies outside the years 1 to 9999 in UTC") from None


def parse_instant(text: str, zone: tzinfo) -> datetime:
    """ISO 8601 with an offset. ScheduleError without one, as it names no instant; with the spelling that does."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is not None:
            moment.astimezone(zone)  # OverflowError: beyond the calendar once the offset is counted
            return moment
        spelled = moment.replace(tzinfo=zone).isoformat()
    except (ValueError, OverflowError):
        example = datetime(2026, 3, 2, 9, tzinfo=zone).isoformat()
        raise ScheduleError(f"{text!r} is no instant: write it as ISO 8601 with an offset, such as {example}") from None
    raise ScheduleError(f"{text!r} has no offset, so it names no instant. Did you mean {spelled}?")


def just_before(moment: datetime) -> datetime:
    """The instant one microsecond earlier; the earliest there is stays itself."""
    return moment - MICROSECOND if moment > EARLIEST else moment


def just_after(moment: datetime) -> datetime:
    """The instant one microsecond later; the latest there is stays itself."""
    return moment + MICROSECOND if moment < LATEST else moment


def years_on(moment: datetime, years: int) -> datetime:
    """The instant about so many years later (earlier if negative), held within the calendar."""
    try:
        return moment + timedelta(days=366 * years)
    except OverflowError:
        return LATEST if years > 0 else EARLIEST
