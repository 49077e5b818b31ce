"""How alerts are worded: what every type of rule says in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo

import msgspec

from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.suggest import shortened

_NAMED_AT_MOST = 5  # of the things an alert is about; the others are counted

Found = tuple[str, tuple[int, ...]] | None
"""What a rule says, and the ids of what it is about; None while it does not hold."""


class Now(msgspec.Struct, frozen=True):
    """The moment of an evaluation, and the zone of the user."""

    instant: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        """The day it is where the user is."""
        return self.instant.astimezone(self.zone).date()


def sentence(items: Sequence[str], ids: Sequence[int], one: str, many: str) -> Found:
    """ "2 delegations are overdue: A; B." with at most a few of them named; None for none."""
    if not items:
        return None
    named = list(items[:_NAMED_AT_MOST])
    if len(items) > len(named):
        named.append(f"and {len(items) - len(named)} more")
    return f"{len(items)} {one if len(items) == 1 else many}: {'; '.join(named)}.", tuple(ids)


def day_of(moment: datetime, now: Now) -> date:
    """The day of a moment where the user is."""
    return moment.astimezone(now.zone).date()


def when(day: date | None, today: date) -> str:
    """A date, and how far from today it is."""
    if day is None:
        return "never"
    away = (day - today).days
    near = {0: "today", 1: "tomorrow", -1: "yesterday"}.get(away)
    return f"{day}, {near or (f'in {away} days' if away > 0 else f'{-away} days ago')}"


def count(number: float, unit: str) -> str:
    """ "1 day", "2 days"."""
    return f"{number:g} {unit}" if number == 1 else f"{number:g} {unit}s"


def shown(value: object) -> str:
    """A stored value, cut."""
    return shortened(repr(value))


def ago(moment: datetime, now: Now) -> str:
    """How long ago, in at most two units, and when: "2d3h ago (2026-11-20 06:00:00+01:00)"."""
    past = max(timedelta(0), now.instant - moment)
    grain = timedelta(hours=1) if past >= timedelta(days=1) else timedelta(minutes=1)
    length = past - past % grain if past >= timedelta(minutes=1) else past - past % timedelta(seconds=1)
    return f"{format_duration(length)} ago ({moment.astimezone(now.zone).isoformat(' ', 'seconds')})"
