"""Instants as the two databases keep them: microseconds since 1970, and Apple's nanoseconds since 2001."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jarvis.scheduler.instant import EPOCH, MICROSECOND

_APPLE = datetime(2001, 1, 1, tzinfo=UTC)
_SECONDS_UP_TO = 100_000_000_000  # before macOS 10.13 `date` was in seconds: as nanoseconds this is 100 s into 2001


def to_micros(moment: datetime) -> int:
    """An aware datetime as microseconds."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Microseconds as an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=micros)


def from_apple(date: int) -> datetime:
    """A `date` of chat.db as an aware datetime in UTC; the beginning of 2001 for what lies outside the calendar."""
    micros = date * 1_000_000 if abs(date) < _SECONDS_UP_TO else date // 1000
    try:
        return _APPLE + timedelta(microseconds=micros)
    except OverflowError:
        return _APPLE


def to_apple(moment: datetime) -> int:
    """An aware datetime as nanoseconds since 2001."""
    return (moment - _APPLE) // MICROSECOND * 1000
