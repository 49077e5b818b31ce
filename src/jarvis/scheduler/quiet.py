"""Quiet hours: from which time to which, on which weekdays, nothing is to be told. Pure.

A window is one stretch of real time. It begins when the clock on the wall first shows its start or more, and ends once
that clock will not show less than its end again: where an hour is repeated nobody is woken between the two, and where
one is skipped the window is what is left of it. It belongs to the day that it begins on.
"""

from __future__ import annotations

from typing import NamedTuple

from jarvis.scheduler.exclusion import WEEKDAYS
from jarvis.scheduler.localtime import DAY
from jarvis.scheduler.suggest import did_you_mean
from jarvis.scheduler.wallclock import WallClock, instant, second_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

ALLOWED = 'such as "22:00-07:00" or "sat,sun 00:00-10:00"'
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS = {name: day for names in (WEEKDAYS, _NAMES) for day, name in enumerate(names)}
_EVERY_DAY = tuple(range(7))
_WEEK = 7 * DAY
_THURSDAY = 3  # 1970-01-01 was one


class QuietError(ValueError):
    """Quiet hours that cannot be understood, or that would leave no time to tell anything."""


class Window(NamedTuple):
    """From `start` on these weekdays (0 is Monday) to `end`: seconds of the day, above a day where it is the next."""

    days: tuple[int, ...]
    start: int
    end: int

    def said(self) -> str:
        """The text that `read_window` reads."""
        days = "" if self.days == _EVERY_DAY else ",".join(WEEKDAYS[day] for day in self.days) + " "
        return f"{days}{said_time(self.start)}-{said_time(self.end if self.end <= DAY else self.end - DAY)}"


def read_window(text: str) -> Window:
    """`[DAYS ]HH:MM-HH:MM`. QuietError for anything else."""
    *days, times = text.lower().split() or [""]
    start_text, dash, end_text = times.partition("-")
    if len(days) > 1 or not dash:
        raise QuietError(f"expected {ALLOWED}")
    start, end = read_time(start_text), DAY if end_text == "24:00" else read_time(end_text)
    if start == end:
        raise QuietError("it ends when it begins: for the whole day write 00:00-24:00")
    return Window(_days(days[0]) if days else _EVERY_DAY, start, end if end > start else end + DAY)


def read_time(text: str) -> int:
    """`HH:MM` as seconds of the day. QuietError for anything else."""
    hours, _, minutes = text.partition(":")
    if len(text) == 5 and text.isascii() and hours.isdigit() and minutes.isdigit():  # noqa: SIM102
        if int(hours) < 24 and int(minutes) < 60:
            return int(hours) * 3600 + int(minutes) * 60
    raise QuietError(f"{text[:20]!r} is not a time of day from 00:00 to 23:59")


def said_time(second: int) -> str:
    """Seconds of the day as `read_time` reads them; `24:00` for the end of it."""
    return f"{second // 3600:02}:{second % 3600 // 60:02}"


def refuse_endless(windows: tuple[Window, ...]) -> None:
    """QuietError if together they leave no minute of the week."""
    reached = 0
    spans = sorted((day * DAY + each.start, day * DAY + each.end) for each in windows for day in each.days)
    # What begins on Sunday reaches into Monday: the week is gone through twice, and the second one is whole.
    for start, end in [*spans, *((start + _WEEK, end + _WEEK) for start, end in spans)]:
        if start > max(reached, _WEEK):
            return
        reached = max(reached, end)
    if reached >= 2 * _WEEK:
        raise QuietError("together they leave no time in which anything could be told")


class QuietHours:
    """Windows in the zone called `tz`."""

    __slots__ = ("_clock", "_windows")

    def __init__(self, windows: tuple[Window, ...], tz: str) -> None:
        self._windows = windows
        self._clock = WallClock(tz)

    def until(self, now: datetime) -> datetime | None:
        """When the quiet that there is at `now` ends; None if there is none. Windows that meet are one."""
        end, further = None, self._end_at(second_of(now)) if self._windows else None
        while further is not None:
            end, further = further, self._end_at(further)
        return None if end is None else instant(end)

    def _end_at(self, second: int) -> int | None:
        """The latest end of the windows that hold `second`."""
        today = self._clock.day_at(second)
        # The day after as well: a clock set back at midnight has shown it before.
        found = (
            self._clock.left_behind(day * DAY + each.end)
            for day in range(today - 2, today + 2)
            for each in self._windows
            if (day + _THURSDAY) % 7 in each.days and self._clock.reached(day * DAY + each.start) <= second
        )
        return max((end for end in found if end > second), default=None)


def _days(text: str) -> tuple[int, ...]:
    return tuple(sorted({day for part in text.split(",") for day in _range(part)}))


def _range(part: str) -> range:
    first, dash, last = part.partition("-")
    begin, end = _weekday(first), _weekday(last) if dash else _weekday(first)
    if end < begin:
        raise QuietError(
            f"{part!r} runs backwards: write {WEEKDAYS[begin]}-sun,mon-{WEEKDAYS[end]}"
            if end and begin < 6
            else f"{part!r} runs backwards: name the days, as in sat,sun,mon"
        )
    return range(begin, end + 1)


def _weekday(name: str) -> int:
    if name not in _NUMBERS:
        raise QuietError(f"{name[:20]!r} is not a weekday such as mon or sat.{did_you_mean(name, _NUMBERS)}")
    return _NUMBERS[name]
