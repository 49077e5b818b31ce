"""What a change of the zone's clock does to a moment: times that do not exist, hours that come twice. Pure.

Only schedules that are read on a wall clock know of this; intervals and single instants do not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from jarvis.scheduler.bounds import NO_JITTER
from jarvis.scheduler.instant import EPOCH, just_before
from jarvis.scheduler.localtime import local_time
from jarvis.scheduler.model import Task
from jarvis.scheduler.rrule import Rrule
from jarvis.scheduler.schedule import Cron, Schedule
from jarvis.scheduler.zone import load_zone

_SECOND = timedelta(seconds=1)
_CORRECTION = timedelta(hours=3)  # as in CronExpression: from here on a skip is no daylight saving


class Gap(msgspec.Struct, frozen=True):
    """A stretch of wall time that the clock skipped, around a time that was written."""

    begins: datetime  # on the wall, without a zone
    ends: datetime
    moved_to: datetime | None  # when what the schedule wants in it is due instead, if it wants something in it
    why_not: str  # why that is never

    @property
    def said(self) -> str:
        """How the clock went."""
        form = "%H:%M" if self.begins.date() == self.ends.date() else "%Y-%m-%d %H:%M"
        return f"the clock went from {self.begins.strftime(form)} to {self.ends.strftime(form)}"


def in_gap(task: Task, written: datetime) -> Gap | None:
    """The gap that a moment was written in, if the schedule wants that time.

    A time that does not exist can be written with the offset from before the change or from after it.
    """
    wall = written.replace(tzinfo=None)
    plain = _on_an_even_clock(task.schedule)
    if plain is None or not _asks(plain, wall.replace(tzinfo=UTC)):
        return None
    try:
        instant = wall.replace(tzinfo=load_zone(task.schedule.tz)).astimezone(UTC)
    except OverflowError:
        return None
    gap = _gap_before(task.schedule, instant)
    if gap is None or not gap.begins <= wall < gap.ends:
        return None
    if gap.moved_to is None and not gap.why_not:
        return None  # its UNTIL is over by then
    offsets = (instant - wall.replace(tzinfo=UTC), instant - wall.replace(tzinfo=UTC) - (gap.ends - gap.begins))
    return gap if -(written.utcoffset() or timedelta(0)) in offsets else None


def skipped_wall(task: Task, due_at: datetime) -> datetime | None:
    """The wall time that an occurrence was moved from, because the clock skipped it; None if it was not."""
    plain = _on_an_even_clock(task.schedule)
    gap = _gap_before(task.schedule, due_at) if plain is not None else None
    if plain is None or gap is None or gap.moved_to != due_at or _asks(plain, gap.ends.replace(tzinfo=UTC)):
        return None
    wanted = plain.next_after(just_before(gap.begins.replace(tzinfo=UTC)))
    return wanted.replace(tzinfo=None) if wanted is not None and wanted.replace(tzinfo=None) < gap.ends else None


def other_pass(task: Task, t: datetime) -> datetime | None:
    """The same time in the other pass of an hour that the clock shows twice, if the rule leaves out t itself."""
    if _on_an_even_clock(task.schedule) is None or _asks(_bare(task.schedule), t):
        return None
    try:
        local = t.astimezone(load_zone(task.schedule.tz))
        other = local.replace(fold=1 - local.fold)
        return None if other.utcoffset() == local.utcoffset() else other.astimezone(UTC)
    except OverflowError:
        return None


def _gap_before(schedule: Schedule, t: datetime) -> Gap | None:
    """The gap at the beginning of the stretch of constant offset that t lies in."""
    start, _, before, offset, _ = local_time(load_zone(schedule.tz)).span_at((t - EPOCH) // _SECOND)
    if offset <= before:
        return None
    change, begins = EPOCH + start * _SECOND, EPOCH + (start + before) * _SECOND
    skipped = (offset - before) * _SECOND
    why_not = _why_not_moved(schedule, skipped)
    # Mostly the change itself; a cron schedule runs at the next whole minute where a zone has odd seconds.
    moved_to = None if why_not else _bare(schedule).next_after(just_before(change))
    return Gap(begins.replace(tzinfo=None), (begins + skipped).replace(tzinfo=None), moved_to, why_not)


def _why_not_moved(schedule: Schedule, skipped: timedelta) -> str:
    if isinstance(schedule, Cron) and not schedule.expression.fixed_time:
        return "a schedule with a star for the minute or the hour follows real time"
    if skipped >= _CORRECTION:
        return "after a change of three hours or more nothing is made up for"
    if isinstance(schedule, Cron) and schedule.dst_gap == "skip":
        return "with dst_gap=skip it is left out"
    return ""


def _on_an_even_clock(schedule: Schedule) -> Schedule | None:
    """The rule on a wall clock that is never changed, to ask which wall times it wants; None if it wants none."""
    if isinstance(schedule, Cron):
        return Cron(schedule.expr)
    if isinstance(schedule, Rrule) and schedule.dtstart is not None:
        wall = schedule.dtstart.astimezone(load_zone(schedule.tz)).replace(tzinfo=UTC)
        # Its UNTIL is a true instant: read on this clock it would end the rule hours too early or too late.
        rule = ";".join(part for part in schedule.rule.split(";") if not part.startswith("UNTIL="))
        return msgspec.structs.replace(_bare(schedule), rule=rule, tz="UTC", dtstart=wall)
    return None


def _bare(schedule: Schedule) -> Schedule:
    """The rule without its bounds."""
    return msgspec.structs.replace(schedule, starts_at=None, ends_at=None, max_runs=None, jitter=NO_JITTER, exclude=())


def _asks(schedule: Schedule, t: datetime) -> bool:
    return schedule.next_after(just_before(t)) == t
