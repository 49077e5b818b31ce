"""Which instants a schedule asks for, found without the code under test: arithmetic, and cronsim for cron."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

from jarvis.scheduler.schedule import After, Cron, Interval, Once, OnEvent, Schedule

SPAN = timedelta(days=45)


def follows_runs(schedule: Schedule) -> bool:
    """Whether only the ledger can tell the instants."""
    return isinstance(schedule, Interval) and schedule.after_completion


def instants(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    """Every instant with after < t <= until, in order."""
    if isinstance(schedule, OnEvent | After):
        return []
    if isinstance(schedule, Once):
        return [schedule.at]
    if isinstance(schedule, Cron):
        day = after.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        found = [t for t in _cron(schedule.expr, schedule.tz, day, until.date().toordinal()) if after < t <= until]
    else:
        assert isinstance(schedule, Interval)
        assert schedule.anchor is not None
        steps = max(0, int((after - schedule.anchor).total_seconds() // schedule.every.total_seconds()) - 1)
        found, t = [], schedule.anchor + steps * schedule.every
        while t <= until:
            if t > after:
                found.append(t)
            t += schedule.every
    return [t for t in found if schedule.ends_at is None or t <= schedule.ends_at]


@lru_cache(maxsize=256)
def _cron(expr: str, tz: str, day: datetime, last_day: int) -> tuple[datetime, ...]:
    found = []
    for local in CronSim(expr, day.astimezone(ZoneInfo(tz))):
        t = local.astimezone(UTC)
        if t.date().toordinal() > last_day:
            break
        found.append(t)
    return tuple(found)
