"""The earlier assistant's times: those of the wall, without a zone. Pure.

Once a year such a time means two instants, and once none; what was made of it is told then.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import NamedTuple

from jarvis.scheduler.suggest import shortened


class Told(NamedTuple):
    """An instant (UTC), and what is to be said of it, "" if nothing."""

    at: datetime
    note: str = ""


def instant(value: object, zone: tzinfo) -> Told:
    """The instant a text names, in the wall time of `zone` unless it has an offset. ValueError if it names none."""
    moment = _parsed(value)
    if moment.tzinfo is not None:
        return Told(moment.astimezone(UTC))
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    at = first.astimezone(UTC)
    if first.utcoffset() == second.utcoffset():
        return Told(at)
    taken = at.astimezone(zone)
    if taken.replace(tzinfo=None) != moment:
        return Told(at, f"{moment} did not exist, as the clock was set forward: taken as {taken.isoformat(' ')}")
    return Told(at, f"{moment} came twice, as the clock was set back: taken as the first, {taken.isoformat(' ')}")


def day(value: object) -> date:
    """The day of the calendar that a text names, whatever time stands behind it. ValueError if it names none."""
    return _parsed(value).date()


def _parsed(value: object) -> datetime:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError:
            pass
    raise ValueError(f"is {shortened(repr(value))}: not a time such as 2026-03-01 09:30:00")
