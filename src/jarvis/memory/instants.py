"""Instants as the store keeps them: whole microseconds since 1970-01-01T00:00:00Z."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(moment: datetime) -> int:
    """An aware datetime as microseconds. A naive one is a TypeError: it names no instant."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds  # in half the time of `//`


# The same few instants come back in every row of a tick, and building one costs more than finding it.
@lru_cache(maxsize=4096)
def from_micros(micros: int) -> datetime:
    """Microseconds as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def maybe_micros(moment: datetime | None) -> int | None:
    """The same for a moment that may not be."""
    return None if moment is None else to_micros(moment)


def maybe_instant(micros: int | None) -> datetime | None:
    """The same for a column that may be NULL."""
    return None if micros is None else from_micros(micros)
