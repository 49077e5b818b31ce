"""When a task runs: the keys of its table that say so, as one schedule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, get_args

import msgspec

from jarvis.scheduler.after import End
from jarvis.scheduler.duration import DurationError, parse_duration
from jarvis.scheduler.instant import MICROSECOND, ScheduleError, as_utc, parse_instant
from jarvis.scheduler.onevent import FILTER_NAMES, parse_pattern, parse_rate
from jarvis.scheduler.schedule import (
    After,
    Bounds,
    Cron,
    DstGap,
    DstRepeat,
    Interval,
    Once,
    OnEvent,
    Rrule,
    Schedule,
    Untimed,
    bind,
)
from jarvis.scheduler.zone import load_zone
from jarvis.tasks.calendars import excluded_by
from jarvis.tasks.table import Given, choice, flag, shown, text, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jarvis.scheduler.phrase import Phrase

RULES = ("cron", "every", "at", "when", "rrule", "on", "after")
BOUNDS = ("starts_at", "ends_at", "max_runs", "jitter", "exclude")
# What only one kind of schedule has.
_OWN: dict[str, tuple[type[Bounds], str]] = {
    "anchor": (Interval, "an interval (every)"),
    "after_completion": (Interval, "an interval (every)"),
    "dst_gap": (Cron, "a cron expression"),
    "dst_repeat": (Cron, "a cron expression"),
    "dtstart": (Rrule, "an rrule"),
    "debounce": (OnEvent, "events (on)"),
    "rate": (OnEvent, "events (on)"),
    "filter": (OnEvent, "events (on)"),
    "if": (After, "another task (after)"),
}
_FIELDS = {"if": "end"}  # a key -> the field of the schedule, where that has another name
KEYS = (*RULES, "tz", *BOUNDS, *_OWN)

_MOST_RUNS = 10**9
_FOR_EVER = timedelta.max
_ICS = ".ics"

Told = tuple[Schedule, str]
"""A rule, and how it is told where words were given; "" where it tells itself."""


def read_schedule(given: Given, grace: timedelta) -> tuple[Schedule, list[str]] | None:
    """The schedule, and what is to be said back of it. None if there is none; `given` then has the problems.

    `grace` is how long ago an instant may lie that is typed, not kept.
    """
    before = len(given.problems)
    tz = given.read("tz", lambda value: load_zone(value).key) or given.reading.tz
    told = _rule(given, tz, grace)
    bounds = {key: _bound(given, key, tz) for key in BOUNDS if key in given}
    own = {key: _own(given, key, tz, told[0]) for key in _OWN if key in given and told is not None}
    if told is None or len(given.problems) > before:
        return None
    schedule = _whole(given, told[0], own, bounds)
    if schedule is None or _never(given, schedule):
        return None
    return schedule, [described(schedule, told[1]), *_notes(given, schedule)]


# -- the rule ---------------------------------------------------------------------------------------------
def _rule(given: Given, tz: str, grace: timedelta) -> Told | None:
    spelled = given.reading.spelled
    found = [key for key in RULES if key in given]
    if len(found) != 1:
        got = " and ".join(map(spelled, found)) or "none"
        given.refuse("", f"say when with exactly one of {', '.join(map(spelled, RULES))}: got {got}")
        return None
    (key,) = found
    readers: dict[str, Callable[[Any], Told]] = {
        "cron": lambda value: (Cron(text(value), tz), ""),
        "every": lambda value: _every(value, tz),
        "at": lambda value: (Once(_at(value, tz, grace, given), tz), ""),
        "when": lambda value: _when(text(value), tz, given),
        "rrule": lambda value: (Rrule(text(value), tz=tz), ""),
        "on": lambda value: (OnEvent(*parse_pattern(text(value)), tz=tz), ""),
        "after": lambda value: (After(text(value), tz=tz), ""),
    }
    return given.read(key, readers[key])


def _every(value: object, tz: str) -> Told:
    try:
        length = parse_duration(value)  # type: ignore[arg-type]  # whatever else it is, it refuses
    except DurationError:
        if not isinstance(value, str):
            raise
        from jarvis.scheduler.phrase import parse_every  # noqa: PLC0415 - loaded with the first phrase

        return _of_phrase(parse_every(value, tz))  # whose refusal suggests, of durations too
    return Interval(length, tz=tz), ""


def _at(value: object, tz: str, grace: timedelta, given: Given) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        spelled = datetime(value.year, value.month, value.day, 9, tzinfo=load_zone(tz)).isoformat()
        raise ScheduleError(f"{value} is a day, not an instant: write one with an offset, such as {spelled}")
    if given.reading.exact or not isinstance(value, str):
        return _exactly(value, tz)
    from jarvis.scheduler.phrase import parse_at  # noqa: PLC0415 - loaded with the first phrase

    return parse_at(value, given.reading.now, tz, past=grace)


def _exactly(value: object, tz: str) -> datetime:
    if isinstance(value, datetime):
        return parse_instant(value.isoformat(), load_zone(tz))
    return parse_instant(text(value), load_zone(tz))


def _when(words: str, tz: str, given: Given) -> Told:
    from jarvis.scheduler.phrase import PhraseError, parse_when  # noqa: PLC0415 - loaded with the first phrase

    phrase = parse_when(words, given.reading.now, tz)
    if phrase.at is not None and given.reading.exact:
        raise PhraseError(
            f"{shown(words)} names another instant each time it is read: write at = {phrase.at.isoformat()!r}"
        )
    return _of_phrase(phrase)


def _of_phrase(phrase: Phrase) -> Told:
    if phrase.cron is not None:
        return Cron(phrase.cron, phrase.tz), phrase.text
    if phrase.every is not None:
        return Interval(phrase.every, tz=phrase.tz), ""
    assert phrase.at is not None  # noqa: S101 - the one of the three that is left
    return Once(phrase.at, phrase.tz), phrase.text


# -- what only one kind has -------------------------------------------------------------------------------
def _own(given: Given, key: str, tz: str, rule: Schedule) -> Any:
    kind, with_what = _OWN[key]
    if not isinstance(rule, kind):
        given.refuse(key, f"goes only with {with_what}")
        return None
    readers: dict[str, Callable[[Any], Any]] = {
        "anchor": lambda value: as_utc(_moment(given, value, tz)),
        "dtstart": lambda value: as_utc(_moment(given, value, tz)),
        "after_completion": flag,
        "dst_gap": lambda value: choice(value, get_args(DstGap)),
        "dst_repeat": lambda value: choice(value, get_args(DstRepeat)),
        "debounce": parse_duration,
        "rate": lambda value: parse_rate(text(value)),
        "filter": _filter,
        "if": lambda value: choice(value, get_args(End)),
    }
    return given.read(key, readers[key])


def _filter(value: object) -> str:
    """An expression, refused where it is typed and not by the first event."""
    from jarvis.expressions.language import check  # noqa: PLC0415 - few tasks have one

    check(text(value), FILTER_NAMES)
    return text(value)


# -- bounds -----------------------------------------------------------------------------------------------
def _bound(given: Given, key: str, tz: str) -> Any:
    readers: dict[str, Callable[[Any], Any]] = {
        "starts_at": lambda value: as_utc(_moment(given, value, tz)),
        "ends_at": lambda value: as_utc(_moment(given, value, tz, end=True)),
        "max_runs": lambda value: whole(value, 1, _MOST_RUNS),
        "jitter": parse_duration,
        "exclude": lambda value: _excluded(given, value, tz),
    }

    def read(value: Any) -> Any:
        """Alone already it must make sense: then the problem is this key's."""
        found = readers[key](value)
        return getattr(Bounds(**{key: found}), key)

    return given.read(key, read)


def _moment(given: Given, value: object, tz: str, *, end: bool = False) -> datetime:
    """An instant, or a day, which is meant from its first instant on and to its last."""
    day = _day(value)
    if day is not None:
        following = day + timedelta(days=1) if end else day
        first = datetime(following.year, following.month, following.day, tzinfo=load_zone(tz))
        return as_utc(first) - MICROSECOND if end else first
    if isinstance(value, str) and not given.reading.exact:
        from jarvis.scheduler.phrase import parse_at  # noqa: PLC0415 - loaded with the first phrase

        return parse_at(value, given.reading.now, tz, past=_FOR_EVER)
    return _exactly(value, tz)


def _day(value: object) -> date | None:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            return None
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def _excluded(given: Given, value: object, tz: str) -> tuple[str, ...]:
    return tuple(entry for each in _listed(value) for entry in _entries(given, each, tz))


def _listed(value: object) -> list[object]:
    """What is listed, whether in a list, in a text between commas, or both."""
    if not isinstance(value, str | list | tuple):
        raise ScheduleError(f"got {shown(value)}, use a list such as ['sat', 'sun', '2026-12-25', 'holidays.ics']")
    parts = [value] if isinstance(value, str) else value
    return [entry for part in parts for entry in (part.split(",") if isinstance(part, str) else [part])]


def _entries(given: Given, value: object, tz: str) -> tuple[str, ...]:
    if isinstance(value, date) and not isinstance(value, datetime):
        return (value.isoformat(),)
    entry = text(value).strip()
    if not _is_calendar(entry):
        return (entry,)
    # From the first day of the year, so that a file of tasks means the same tomorrow as today.
    first = given.reading.now.astimezone(load_zone(tz)).date().replace(month=1, day=1)
    return excluded_by(given.reading.folder / Path(entry).expanduser(), first)


def _is_calendar(entry: str) -> bool:
    return entry.lower().endswith(_ICS) or "/" in entry


# -- all of it --------------------------------------------------------------------------------------------
def _whole(given: Given, rule: Schedule, own: dict[str, Any], bounds: dict[str, Any]) -> Schedule | None:
    """The rule with one part after the other put on, so that what does not go together has its key."""
    parts = own | _start_of_counting(rule, own, bounds) | bounds
    made: Schedule | None = rule
    for key, value in parts.items():
        if made is not None:
            made = given.attempt(key, partial(_with, made, key, value))
    return made


def _with(schedule: Schedule, key: str, value: Any) -> Schedule:
    return msgspec.structs.replace(schedule, **{_FIELDS.get(key, key): value})


def _start_of_counting(rule: Schedule, own: dict[str, Any], bounds: dict[str, Any]) -> dict[str, Any]:
    """An interval or a recurrence that starts at a moment counts from there, unless it is told otherwise."""
    starts_at = bounds.get("starts_at")
    if starts_at is None:
        return {}
    if isinstance(rule, Interval) and "anchor" not in own:
        return {"anchor": starts_at}
    if isinstance(rule, Rrule) and "dtstart" not in own and not starts_at.microsecond:
        return {"dtstart": starts_at}
    return {}


def _never(given: Given, schedule: Schedule) -> bool:
    """Whether nothing of it will come, which is then a problem. What is kept may have had its time."""
    key = next((key for key in ("ends_at", "exclude", *RULES) if key in given), "")
    now, exact = given.reading.now, given.reading.exact
    if isinstance(schedule, Once | Untimed) or (exact and schedule.ends_at is not None and schedule.ends_at <= now):
        return False
    if exact and isinstance(schedule, Rrule) and "UNTIL=" in schedule.rule and schedule.dtstart is None:
        return False
    bound = given.attempt(key, lambda: bind(schedule, now))
    if bound is None:
        return True
    if bound.next_after(now) is not None or (exact and bound.previous_before(now) is not None):
        return False
    present = now.astimezone(load_zone(schedule.tz)).isoformat(timespec="seconds")
    given.refuse(key, f"nothing of this schedule comes after {present}: {bound.describe()}")
    return True


# -- said back --------------------------------------------------------------------------------------------
def described(schedule: Schedule, phrase: str = "") -> str:
    """The exact schedule in words: those of a phrase, if it was one that gave it."""
    if phrase:
        return f"{phrase}{schedule.describe_bounds()}"
    if isinstance(schedule, Cron):
        return f"{schedule.describe()}: {schedule.expression.explain()}"
    if isinstance(schedule, Interval) and not schedule.after_completion:
        anchor = schedule.anchor and schedule.anchor.astimezone(load_zone(schedule.tz)).isoformat()
        return f"{schedule.describe()}, counted from {anchor or 'now'}"
    if isinstance(schedule, Rrule) and schedule.dtstart is None:
        return f"{schedule.describe()}, beginning now"
    return schedule.describe()


def _notes(given: Given, schedule: Schedule) -> list[str]:
    """What is not to be seen in the schedule itself."""
    if "exclude" not in given:
        return []
    files = [each.strip() for each in _listed(given["exclude"]) if isinstance(each, str) and _is_calendar(each.strip())]
    return (
        [f"{len(schedule.exclude)} days and ranges are left out, as {', '.join(files)} has them now"] if files else []
    )
