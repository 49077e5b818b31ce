"""The days and schedules that are compared. Imports nothing of Jarvis and of no peer: both sides read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
#: Everyone is set going twelve hours before the day begins and watched until an hour after it has ended.
LEAD, TRAIL = timedelta(hours=12), timedelta(hours=1)


@dataclass(frozen=True)
class Case:
    """One local day on which the clock changes, and the schedules that are tried on it."""

    zone: str
    season: str
    day: date
    change: str
    schedules: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return f"{self.zone} {self.season}"

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def start(self) -> datetime:
        """The instant at which the local day begins."""
        return self._midnight(self.day)

    @property
    def end(self) -> datetime:
        return self._midnight(self.day + timedelta(days=1))

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.tz).astimezone(UTC)

    def minutes(self) -> Iterator[datetime]:
        """Every real minute of the day, in UTC."""
        moment = self.start
        while moment < self.end:
            yield moment
            moment += MINUTE


def _schedules(minute: int, hour: int) -> tuple[tuple[str, str], ...]:
    return (
        ("fixed time", f"{minute} {hour} * * *"),
        ("hourly", "0 * * * *"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every 15 minutes of one hour", f"*/15 {hour} * * *"),
        ("every two hours", "0 */2 * * *"),
    )


CASES = (
    Case("America/New_York", "spring", date(2026, 3, 8), "02:00 becomes 03:00", _schedules(30, 2)),
    Case("America/New_York", "autumn", date(2026, 11, 1), "02:00 becomes 01:00", _schedules(30, 1)),
    Case("Europe/Berlin", "spring", date(2026, 3, 29), "02:00 becomes 03:00", _schedules(30, 2)),
    Case("Europe/Berlin", "autumn", date(2026, 10, 25), "03:00 becomes 02:00", _schedules(30, 2)),
    Case("Australia/Lord_Howe", "spring", date(2026, 10, 4), "02:00 becomes 02:30", _schedules(15, 2)),
    Case("Australia/Lord_Howe", "autumn", date(2026, 4, 5), "02:00 becomes 01:30", _schedules(45, 1)),
    Case("Asia/Beirut", "spring", date(2026, 3, 29), "00:00 becomes 01:00", _schedules(30, 0)),
    Case("Asia/Beirut", "autumn", date(2026, 10, 24), "24:00 becomes 23:00", _schedules(30, 23)),
)


def asked_for(expr: str, case: Case) -> list[datetime]:
    """What Debian cron's rule asks for on that day, by walking its real minutes one by one.

    Slow and simple on purpose, and written without CronExpression: it judges Jarvis as well as the peers.
    A fixed time runs in the first minute of the day at which the wall clock shows it or has gone past it;
    a wildcard schedule runs in every real minute whose wall clock matches.
    """
    minute, hour, *_ = expr.split()
    if minute.startswith("*") or hour.startswith("*"):
        return [at for at in case.minutes() if _matches(minute, hour, at.astimezone(case.tz))]
    wanted = int(hour) * 60 + int(minute)
    walls = ((at, at.astimezone(case.tz)) for at in case.minutes())
    return [next(at for at, wall in walls if wall.hour * 60 + wall.minute >= wanted)]


def _matches(minute: str, hour: str, wall: datetime) -> bool:
    return _in_field(minute, wall.minute) and _in_field(hour, wall.hour)


def _in_field(field: str, value: int) -> bool:
    if field == "*":
        return True
    return value % int(field[2:]) == 0 if field.startswith("*/") else value == int(field)
