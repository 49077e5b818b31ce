"""Phrases that repeat: "every weekday at 9", "last friday of the month at 17:00", "every 15 minutes".

A number makes an interval ("every 2 hours": real time from the task's creation); without a number, or with
days, hours or "on the clock", the phrase names places on the clock and becomes a cron expression.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from jarvis.scheduler.duration import UNITS
from jarvis.scheduler.phrase_clock import Spoken, read_clock, take_apart
from jarvis.scheduler.phrase_words import (
    DOWS,
    MONTH,
    MONTH_DAYS,
    MONTHS,
    NTH,
    NUMBER,
    ORDINAL,
    PhraseError,
    find,
    length,
    match,
    ordinal,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Sequence

SHORTEST = timedelta(milliseconds=100)
DAY_MINUTES = 24 * 60
_STEPS = {"m": (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30), "h": (1, 2, 3, 4, 6, 8, 12)}
"""How many minutes divide an hour and how many hours divide a day: what a step on the clock can be."""


class Days(NamedTuple):
    """The day fields of a cron expression."""

    dom: str = "*"
    month: str = "*"
    dow: str = "*"


def repeat(words: str) -> str | timedelta | None:
    """The cron expression or the interval that bare words mean; None if they name nothing that repeats."""
    every = length(words.removeprefix("every ")) if words.startswith("every ") else None
    if every is not None:
        return _interval(every)
    for pattern, read in _STEP_PHRASES:
        if (found := match(pattern, words)) and (cron := read(found)) is not None:
            return cron
    return _at_times(take_apart(words))


def _interval(every: timedelta) -> timedelta:
    if every < SHORTEST:
        raise PhraseError("the shortest interval is 100ms", ["every 100ms", "every second"])
    return every


# -------------------------------------------------------------------------- times on days


def _at_times(spoken: Spoken) -> str | None:
    days = _days(spoken.days)
    if days is None:
        return None
    if not spoken.times:
        raise spoken.lacks_time()
    if spoken.part and "midnight" in spoken.times:
        raise PhraseError("midnight at night could be at either end of the day", ["every day at 0:00"])
    clocks = spoken.clocks()
    if any(clock.time.second for clock in clocks):
        exact = " and ".join(f"{clock.time:%H:%M}" for clock in clocks)
        raise PhraseError("a repeating time of day has no seconds", swap=(spoken.times, [f"at {exact}"]))
    product = _product([clock.minutes for clock in clocks])
    if product is None:
        each = [f"at {clock.time:%H:%M}" for clock in clocks]
        raise PhraseError(
            "these times do not fit one schedule (same minute in every hour): make a task of each",
            swap=(spoken.times, each),
        )
    minutes, hours = product
    return _cron(_listed(minutes), _listed(hours), days)


def _cron(minute: str, hour: str, days: Days) -> str:
    return f"{minute} {hour} {days.dom} {days.month} {days.dow}"


def _product(times: Sequence[int]) -> tuple[list[int], list[int]] | None:
    """Minutes and hours whose every combination is in `times` (minutes since 00:00), and nothing else is."""
    minutes, hours = sorted({t % 60 for t in times}), sorted({t // 60 for t in times})
    return (minutes, hours) if len(minutes) * len(hours) == len(set(times)) else None


def _listed(values: Sequence[int]) -> str:
    """Values as a cron list, three and more in a row as a range: 1-5, "0,6"."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


def _stepped(values: Sequence[int], size: int) -> str:
    """Values as a cron step where they are one: it follows the real clock through a time change."""
    if len(values) == size:
        return "*"
    step = size // len(values)
    return f"*/{step}" if step < size and list(values) == list(range(0, size, step)) else _listed(values)


# -------------------------------------------------------------------------- days


def _days(words: str) -> Days | None:
    """The days that bare words name, None if they name none that repeat."""
    for pattern, read in _DAY_PHRASES:
        if (found := match(pattern, words)) and (days := read(found)) is not None:
            return days
    return None


def _weekdays(found: re.Match[str]) -> Days:
    return _dow({DOWS[day] for day in find("<dows>", found["x"])})


def _weekday_range(found: re.Match[str]) -> Days | None:
    first, last = DOWS[found["first"]], DOWS[found["last"]]
    return _dow({(first + step) % 7 for step in range((last - first) % 7 + 1)}) if first != last else None


def _dow(days: set[int]) -> Days:
    return Days(dow="*" if len(days) == 7 else _listed(sorted(days)))


def _of_month(found: re.Match[str]) -> Days | None:
    """Days of every month; a day that not every month has is refused, because what then is not said."""
    day = _month_day(found["x"])
    if day is None:
        return None
    late = [n for n in _numbers(day.dom) if n > 28]
    if late:
        names = " and ".join(name for name in MONTHS if MONTH_DAYS[MONTH[name] - 1] >= late[-1])
        nth = ordinal(late[-1])
        options = [
            "last day of the month {at}",
            "28th of every month {at}",
            f"every year on the {nth} of {names} {{at}}",
        ]
        raise PhraseError(f"not every month has a {nth}", options)
    if "#5" in day.dow:
        options = [f"{nth} {found['x'].split()[-1]} of the month {{at}}" for nth in ("last", "fourth")]
        raise PhraseError("not every month has a fifth one", options)
    return day


def _of_year(found: re.Match[str]) -> Days | None:
    """Days of named months, every year."""
    months = sorted({MONTH[name] for name in find("<month>", found["months"])})
    text = found["x"]
    day = Days(dom=str(int(text))) if text.isdigit() else _month_day(text)
    if day is None:
        return None
    numbers, shortest = _numbers(day.dom), min(MONTH_DAYS[month - 1] for month in months)
    if any(not 1 <= n <= shortest for n in numbers) or "#5" in day.dow:
        names = " and ".join(MONTHS[month - 1] for month in months)
        what = "a fifth one" if "#5" in day.dow else f"a day {numbers[-1]}"
        problem = f"not every {names} has {what}"
        raise PhraseError(problem, [f"every year on the last day of {names} {{at}}"])
    return day._replace(month=_listed(months))


def _month_day(text: str) -> Days | None:
    """A day within a month: "1st and 15th", "last day", "first weekday", "first and third monday"."""
    if text in _MONTH_DAY_NAMES:
        return Days(dom=_MONTH_DAY_NAMES[text])
    if match("<ord>(?:<sep><ord>)*", text):
        return Days(dom=",".join(map(str, sorted({ORDINAL[day] for day in find("<ord>", text)}))))
    found = match("(?P<nths><nth>(?:<sep><nth>)*) (?P<dow><dow>)", text)
    if not found:
        return None
    day = DOWS[found["dow"]]
    nths = {NTH[nth] for nth in find("<nth>", found["nths"])}
    return Days(dow=",".join(sorted(f"{day}#{nth}" if nth else f"{day}L" for nth in nths)))  # the last comes last


def _numbers(dom: str) -> list[int]:
    return [int(n) for n in dom.split(",") if n.isdigit()]


_MONTH_DAY_NAMES = {"first day": "1", "last day": "L", "last weekday": "LW", "first weekday": "1W"}
_DAY_PHRASES: tuple[tuple[str, Callable[[re.Match[str]], Days | None]], ...] = (
    ("every day|daily", lambda _: Days()),
    ("(?:every )?weekdays|every weekday", lambda _: Days(dow="1-5")),
    ("(?:every )?weekends", lambda _: Days(dow="0,6")),
    ("(?:every week|weekly|every) (?P<x><dows>(?:<sep>(?:every )?<dows>)*)", _weekdays),
    ("(?P<x>(?:<dows><sep>)*<plural>)", _weekdays),
    ("(?:every (?:week )?|weekly )?(?P<first><dow>) ?(?:to|through|-) ?(?P<last><dow>)", _weekday_range),
    ("(?P<x><ord>(?:<sep><ord>)+)", _of_month),
    ("(?:every month|monthly) (?P<x>.+)", _of_month),
    ("(?:every )?(?P<x>.+?) (?:every |a )?month", _of_month),
    ("(?:every year|yearly) (?P<x>.+?) (?P<months><months>)", _of_year),
    ("(?:every year|yearly) (?P<months><month>) (?P<x><day>)", _of_year),
    ("(?P<x>.+?) (?P<months><months>),? (?:every year|yearly)", _of_year),
    ("(?P<months><month>) (?P<x><day>),? (?:every year|yearly)", _of_year),
    ("every (?P<x><day>) (?P<months><month>)", _of_year),
    ("every (?P<months><month>) (?P<x><day>)", _of_year),
)


# -------------------------------------------------------------------------- steps on the clock


def _step(found: re.Match[str]) -> str | None:
    """Steps through the whole of some days: "every 15 minutes on weekdays", "every hour at :15"."""
    days = _days_of_step(found["days"])
    if days is None:
        return None
    unit = UNITS[found["unit"]]
    count, past = _count(found["n"]), int(found["past"] or 0)
    if past and (past > 59 or unit == "m"):
        problem = f'":{past:02}" is not a minute of the hour: 0 to 59, and only with hours'
        raise PhraseError(problem, ["every hour at :15", "every 2 hours at :30"])
    if count not in _STEPS[unit]:
        near = sorted(_STEPS[unit], key=lambda step: abs(step - count))[:2]
        whole = "hour" if unit == "m" else "day"
        problem = f"{found['n']} {found['unit']} do not divide the {whole}: they have no fixed place on the clock"
        raise PhraseError(problem, swap=(found["n"], [str(step) for step in sorted(near)]))
    minutes, hours = _product(range(past, DAY_MINUTES, count * (60 if unit == "h" else 1))) or ([], [])
    return _cron(_stepped(minutes, 60), _stepped(hours, 24), days)


def _count(text: str | None) -> int:
    return int(NUMBER.get(text, text)) if text else 1


def _days_of_step(words: str | None) -> Days | None:
    return Days() if words is None or words == "clock" else _days(words)


def _window(found: re.Match[str]) -> str | None:
    """Steps between two times of day, "from 9:00 through 16:45", both of which are instants."""
    days = _days_of_step(found["days"])
    if days is None:
        return None
    times = _times_between(found)
    if read_clock(found["b"], "").minutes not in times:
        raise PhraseError("the steps do not meet the last time", swap=(found["span"], _spans(found["a"], times)))
    product = _product(times)
    if product is None:
        problem = "these steps are no one schedule: they would need the same minutes in every hour"
        raise PhraseError(problem, swap=(found["span"], _spans(found["a"], times)))
    minutes, hours = product
    return _cron(_stepped(minutes, 60), _listed(hours), days)


def _times_between(found: re.Match[str]) -> range:
    """Every step from the first time up to the last, in minutes since 00:00."""
    first, last = read_clock(found["a"], "").minutes, read_clock(found["b"], "").minutes
    step = _count(found["n"]) * (60 if UNITS[found["unit"]] == "h" else 1)
    if not step:
        raise PhraseError("steps of nothing never meet the last time")
    if last <= first:
        problem = "a span of the day runs from an earlier to a later time and does not cross midnight"
        raise PhraseError(problem, swap=(found["span"], _spans(found["a"], range(first, DAY_MINUTES, step))))
    return range(first, last + 1, step)


def _spans(start: str, times: range) -> list[str]:
    """The span from the start to the latest end with which the steps are one schedule, if there is one."""
    fits = (end for end in range(len(times), 1, -1) if _product(times[:end]))
    return [f"from {start} through {_shown(times[end - 1])}" for end in fits][:1]


def _shown(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _between(found: re.Match[str]) -> str:
    """Refuse: "between 9 and 17" does not say whether 17:00 itself is meant: both readings are offered."""
    times = _times_between(found)
    ends = [times[-1], read_clock(found["b"], "").minutes - times.step]  # with the last time itself, and without
    start = _shown(times[0])
    options = [f"from {start} through {_shown(end)}" for end in ends] + _spans(start, times)
    problem = f'"{found["span"]}" does not say whether {found["b"]} itself is one of the times'
    raise PhraseError(problem, swap=(found["span"], options))


_EVERY = r"every (?:(?P<n>\d+|<number>(?= )) ?)?(?P<unit><clockunit>)"
_TO = " ?(?:and|to|until|till|-) ?"
_STEP_PHRASES: tuple[tuple[str, Callable[[re.Match[str]], str | None]], ...] = (
    (_EVERY + r"(?: at (?::|minute )(?P<past>\d{1,2}))?(?:,? (?P<days>.+))?", _step),
    (
        _EVERY + r" (?P<span>from (?:at )?(?P<a><time>) through (?:at )?(?P<b><time>))(?:,? (?P<days>.+))?",
        _window,
    ),
    (
        _EVERY + r" (?P<span>(?:between|from) (?P<a><time>)" + _TO + r"(?P<b><time>))(?:,? (?P<days>.+))?",
        _between,
    ),
)
