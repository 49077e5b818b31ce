"""Times of day in phrases: "at 9", "9am and 5pm", "noon", "8 in the evening".

A bare hour is on the 24-hour clock: 9 is 09:00 and 5 is 05:00. Only a part of the day ("in the evening",
"tonight") moves a bare hour, and only where exactly one reading lies in it.
"""

from __future__ import annotations

from datetime import time
from typing import NamedTuple

from jarvis.scheduler.phrase_words import PhraseError, find, match

USUAL = {
    "": ("9:00", "18:00"),
    "morning": ("8:00", "9:00"),
    "afternoon": ("14:00", "16:00"),
    "evening": ("18:00", "20:00"),
    "night": ("20:00", "22:00"),
}
"""Times of day to suggest when none was said."""
PARTS = {"": (0, 23), "morning": (0, 11), "afternoon": (12, 17), "evening": (17, 23), "night": (18, 23)}
"""Part of the day, or none -> its first and last hour. Which day's night the small hours are is unclear: no one's."""


class Clock(NamedTuple):
    """A time of day; `midnight` when it was said by that word, which for one day is at either end of it."""

    time: time
    midnight: bool = False

    @property
    def minutes(self) -> int:
        """Minutes since 00:00."""
        return self.time.hour * 60 + self.time.minute

    def __str__(self) -> str:
        """As on a 24-hour clock, with seconds only where there are any."""
        return f"{self.time:%H:%M:%S}" if self.time.second else f"{self.time:%H:%M}"


class Spoken(NamedTuple):
    """A phrase taken apart: words about days, times of day, and the part of the day they are in."""

    days: str
    times: str
    part: str

    def clocks(self) -> list[Clock]:
        """The times of day in the order they were said; none if no time was said."""
        return [read_clock(text, self.part) for text in find("<time>", self.times)]

    def lacks_time(self, *instead: str) -> PhraseError:
        """The refusal of a phrase that says no time of day."""
        usual = [f"at {clock}" for clock in USUAL[self.part]]
        return PhraseError("it does not say at what time", instead, swap=("", usual))


_ORDERS = (
    r"(?:(?P<days>.*?),? )??(?P<times><times>)(?: (?:in|at) (?P<part><part>))?",
    r"(?P<times><times>)(?: (?:in|at) (?P<part><part>))?,? (?P<days>.+)",
    r"(?P<days>.*)(?P<times>)(?P<part>)",
)


def take_apart(words: str) -> Spoken:
    """Split times of day, said first or last, from the words about days."""
    found = next(found for order in _ORDERS if (found := match(order, words)))
    days, times, part = found["days"] or "", found["times"], found["part"] or ""
    inner = match(r"(?P<days>.+?) (?P<part><part>)s?", days)
    if inner and part and inner["part"] != part:
        raise PhraseError(f"{inner['part']} and {part} are two different parts of the day")
    return Spoken(inner["days"], times, inner["part"]) if inner else Spoken(days, times, part)


def read_clock(text: str, part: str) -> Clock:
    """The exact time of day that `text` says, in a part of the day if one was said."""
    if text.endswith("midnight"):
        return Clock(time(0), midnight=True)
    if text.endswith("noon"):
        return Clock(time(_in_part(text, (12,), part)))
    found = match(r"(?P<h>\d+)(?::(?P<m>\d+))?(?::(?P<s>\d+))?(?: ?(?P<half>am|pm))?", text)
    assert found is not None  # noqa: S101  # <time> found it
    hour, minute, second = int(found["h"]), int(found["m"] or 0), int(found["s"] or 0)
    if found["half"]:
        hour = _of_half(text, hour, found["half"])
    if hour > 23 or minute > 59 or second > 59:
        raise PhraseError(f'"{text}" is not a time of day: hours go from 0 to 23, minutes to 59')
    loose = not found["half"] and not found["h"].startswith("0")
    return Clock(time(_in_part(text, (hour, hour + 12) if loose else (hour,), part), minute, second))


def _of_half(text: str, hour: int, half: str) -> int:
    """The hour on the 24-hour clock; 12am is 0 and 12pm is 12."""
    if not 1 <= hour <= 12:
        instead = text.replace(half, "").strip()
        problem = f'"{text}" is not a time of day: am and pm go with hours 1 to 12'
        raise PhraseError(problem, swap=(text, [instead if ":" in instead else f"{instead}:00"]))
    return hour % 12 + (12 if half == "pm" else 0)


def _in_part(text: str, hours: tuple[int, ...], part: str) -> int:
    """The first of these readings of the hour that lies in the part of the day."""
    first, last = PARTS[part]
    for hour in hours:
        if first <= hour <= last:
            return hour
    problem = f'"{text}" is not in the {part}, which is from {first:02}:00 to {last:02}:59 here'
    raise PhraseError(problem, [f"tomorrow at {hours[0]}:00", f"every day at {hours[0]}:00"])
