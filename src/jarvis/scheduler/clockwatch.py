"""What two readings of the machine's clocks say about the time between them. Pure.

Three clocks are compared: the wall clock, which people and NTP set; the monotonic clock, which stands
still while the machine sleeps; and the boot clock, which does not (Linux CLOCK_BOOTTIME, macOS
CLOCK_MONOTONIC; absent elsewhere). Sleep is boot time that was not waking time; a step is wall time that
no clock can account for; a daemon that was held up (SIGSTOP, a starved machine) saw more waking time pass
than it meant to wait.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

import msgspec

TOLERANCE = timedelta(seconds=1)  # less than this is NTP's slewing and the clocks' own difference
HELD_UP = timedelta(seconds=8)  # beyond what the daemon meant to wait, until it says that it was held up

SAYINGS = {
    "slept": "while the machine slept",
    "held_up": "while the daemon was held up",
    "no_store": "while the store could not be used",
    "stopped": "while no daemon was running",
    "restored": "in a time of which the restored backup knows nothing",
    "stepped_forward": "because the clock was set forward",
    "stepped_back": "because the clock was set back",
    "zone_changed": "because the system's time zone changed",
}


class Reading(msgspec.Struct, frozen=True):
    """All clocks, read together. `boot` is None where there is no such clock."""

    wall: datetime
    monotonic: float
    boot: float | None
    zone: str


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of wall time in which no occurrence could be seen when it was due, or a step of the clock."""

    kind: str
    since: datetime
    until: datetime
    detail: str = ""

    def explains(self, due_at: datetime) -> bool:
        """Whether an occurrence of that instant could not be seen in time because of this."""
        return self.since - TOLERANCE <= due_at <= self.until

    def said(self, zone: tzinfo) -> str:
        """As part of a sentence, in the local time of `zone`: "while the machine slept 01:10-06:30"."""
        since, until = self.since.astimezone(zone), self.until.astimezone(zone)
        form = "%H:%M:%S" if self.until - self.since < timedelta(minutes=2) else "%H:%M"
        day = "" if since.date() == until.date() else f"{until:%Y-%m-%d} "
        detail = f" ({self.detail})" if self.detail else ""
        if since == until:
            return f"{SAYINGS[self.kind]}{detail} at {since:%Y-%m-%d} {since.strftime(form)}"
        return f"{SAYINGS[self.kind]}{detail} {since:%Y-%m-%d} {since.strftime(form)}-{day}{until.strftime(form)}"


def compare(before: Reading, after: Reading, meant: float) -> list[Absence]:
    """What happened between two readings `meant` seconds apart at most; nothing unusual gives an empty list."""
    awake = timedelta(seconds=after.monotonic - before.monotonic)
    wall = after.wall - before.wall
    slept = _slept(before, after, awake, wall)
    found = []
    if slept > TOLERANCE:
        found.append(Absence(kind="slept", since=after.wall - slept, until=after.wall))
    if awake.total_seconds() - meant > HELD_UP.total_seconds():
        found.append(Absence(kind="held_up", since=before.wall, until=after.wall))
    found += _step(after, wall - awake - slept)
    if before.zone != after.zone:
        detail = f"{before.zone} to {after.zone}"
        found.append(Absence(kind="zone_changed", since=after.wall, until=after.wall, detail=detail))
    return found


def _slept(before: Reading, after: Reading, awake: timedelta, wall: timedelta) -> timedelta:
    if before.boot is not None and after.boot is not None:
        return max(timedelta(0), timedelta(seconds=after.boot - before.boot) - awake)
    # Without a boot clock a sleep and a step forward look alike; sleep is what happens to machines daily.
    return max(timedelta(0), wall - awake)


def _step(after: Reading, step: timedelta) -> list[Absence]:
    if abs(step) <= TOLERANCE:
        return []
    detail = f"{step.total_seconds():+.0f} s"
    if step > timedelta(0):
        return [Absence(kind="stepped_forward", since=after.wall - step, until=after.wall, detail=detail)]
    return [Absence(kind="stepped_back", since=after.wall, until=after.wall - step, detail=detail)]
