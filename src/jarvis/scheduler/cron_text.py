"""Parsed cron fields in plain English."""

from __future__ import annotations

from jarvis.scheduler.cron_fields import LAST_DAY, LAST_OF_MONTH, LAST_WORKDAY, NEAREST_WORKDAY, NTH_OF_MONTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis.scheduler.cron_fields import Field

_MONTHS = (
    "",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_NTH = ("first", "second", "third", "fourth", "fifth", "last")
_MOST_TIMES = 8  # more times of day than this are described instead of listed


def describe(fields: tuple[Field, ...]) -> str:
    """Return when six parsed fields fire, without the zone: "at 09:00, Monday to Friday"."""
    second, minute, hour, day, month, weekday = fields
    seconds, minutes, hours = _values(second), _values(minute), _values(hour)
    days = _days(day, weekday, _values(month))
    if len(seconds) * len(minutes) * len(hours) > _MOST_TIMES:
        return _repeating(seconds, minutes, hours) + days
    every_day = " every day" if not days or days.startswith(" in ") else ""
    return _times(seconds, minutes, hours) + every_day + days


def _values(field: Field) -> list[int]:
    """Return the plain values of a field; what else its mask holds (L, W, #) lies beyond them."""
    return _positions(field.mask & (2 << field.unit.high) - 1)


def _positions(bits: int) -> list[int]:
    return [at for at in range(bits.bit_length()) if bits >> at & 1]


def _times(seconds: list[int], minutes: list[int], hours: list[int]) -> str:
    """Return "at 09:00 and 17:30", with seconds where there are any."""
    with_seconds = seconds != [0]
    times = [
        f"{hour:02}:{minute:02}" + (f":{second:02}" if with_seconds else "")
        for hour in hours
        for minute in minutes
        for second in seconds
    ]
    return f"at {_joined(times)}"


def _repeating(seconds: list[int], minutes: list[int], hours: list[int]) -> str:
    """Return "every 15 minutes from 09:00 to 17:59" and the like."""
    if seconds != [0]:
        return _by_second(seconds, minutes, hours)
    if minutes == [0] and _step(hours, 24) is not None:
        return _every(hours, 24, "hour")
    if minutes == [0] and _is_run(hours):
        return f"every hour from {hours[0]:02}:00 to {hours[-1]:02}:00"
    if _step(minutes, 60) is not None:
        return _every(minutes, 60, "minute") + _during(hours)
    return f"at {_numbered('minute', minutes)} of {_of_hours(hours)}"


def _by_second(seconds: list[int], minutes: list[int], hours: list[int]) -> str:
    regular = _step(seconds, 60) is not None
    text = _every(seconds, 60, "second") if regular else f"at {_numbered('second', seconds)}"
    if len(minutes) == 60:
        return text + ("" if regular else " of every minute") + _during(hours)
    return f"{text} {'in' if regular else 'of'} {_numbered('minute', minutes)} of {_of_hours(hours)}"


def _step(values: list[int], modulus: int) -> int | None:
    """Return n if the values are every n-th from 0 around the whole clock (n divides it), else None."""
    step = modulus // len(values)
    regular = len(values) > 1 and modulus % step == 0 and values == list(range(0, modulus, step))
    return step if regular else None


def _every(values: list[int], modulus: int, noun: str) -> str:
    step = _step(values, modulus)
    return f"every {noun}" if step == 1 else f"every {step} {noun}s"


def _during(hours: list[int]) -> str:
    """Return the hours as a limit on something that repeats within them; nothing if it repeats all day."""
    if len(hours) == 24:
        return ""
    if _is_run(hours):
        return f" from {hours[0]:02}:00 to {hours[-1]:02}:59"
    return f" during {_of_hours(hours)}"


def _of_hours(hours: list[int]) -> str:
    step = _step(hours, 24)
    if step is not None:
        return "every hour" if step == 1 else f"every {_ordinal(step)} hour from 00:00"
    if len(hours) > 2 and _is_run(hours):
        return f"every hour from {hours[0]:02}:00 to {hours[-1]:02}:59"
    return _numbered("hour", hours)


def _is_run(values: list[int]) -> bool:
    return values[-1] - values[0] == len(values) - 1


def _numbered(noun: str, values: list[int]) -> str:
    """Return "minute 5", "minutes 0 and 30" or "every 2nd minute from 4 to 58"."""
    if _is_stepped(values):
        return f"every {_ordinal(values[1] - values[0])} {noun} from {values[0]} to {values[-1]}"
    return f"{noun}{'s' if len(values) > 1 else ''} {_runs(values, str)}"


def _is_stepped(values: list[int]) -> bool:
    """Tell whether the values are many and evenly spaced, so that the rule says more than the list."""
    if len(values) < 5 or _is_run(values):
        return False
    return values == list(range(values[0], values[-1] + 1, values[1] - values[0]))


def _days(day: Field, weekday: Field, months: list[int]) -> str:
    """Return the days and months, "" for every day of the year."""
    any_day, any_weekday = len(_values(day)) == 31, len(_values(weekday)) == 7
    both = day.starred or weekday.starred
    month = "" if len(months) == 12 else _runs(months, _MONTHS.__getitem__)
    in_month = f" in {month}" if month else ""
    if (any_day and any_weekday) or (not both and (any_day or any_weekday)):
        return in_month
    if any_weekday:
        return f" on {_day_text(day)} of {month or 'the month'}"
    if any_day and not _values(weekday):
        return f", {_weekday_text(weekday, month or 'the month')}"
    by_weekday = _weekday_text(weekday, "the month")
    if any_day:
        return f", {by_weekday}{in_month}"
    joint = "if it is" if both else "or on"
    return f" on {_day_text(day)} of the month {joint} {by_weekday}" + (f",{in_month}" if month else "")


def _day_text(day: Field) -> str:
    """Return "the 1st and 15th", "the weekday nearest the 15th", "the last day" or several of them."""
    values = _values(day)
    texts = [f"the {_runs(values, _ordinal)}"] if values else []
    if _is_stepped(values):
        first, last = _ordinal(values[0]), _ordinal(values[-1])
        texts = [f"every {_ordinal(values[1] - values[0])} day from the {first} to the {last}"]
    texts += [f"the weekday nearest the {_ordinal(number)}" for number in _positions(day.mask >> NEAREST_WORKDAY)]
    if day.mask >> LAST_WORKDAY & 1:
        texts.append("the last weekday")
    if day.mask >> LAST_DAY & 1:
        texts.append("the last day")
    return _joined(texts)


def _weekday_text(weekday: Field, month: str) -> str:
    """Return "Monday to Friday", "the second Monday of the month" or several of them."""
    values = _values(weekday)
    if 6 in values:  # as people say it: "Sunday to Thursday", but "Saturday and Sunday"
        values = sorted(value or 7 for value in values)
    texts = [_runs(values, lambda value: _WEEKDAYS[value % 7])] if values else []
    for nth, word in enumerate(_NTH, start=1):
        base = NTH_OF_MONTH + 7 * nth if word != "last" else LAST_OF_MONTH
        named = [name for number, name in enumerate(_WEEKDAYS) if weekday.mask >> base + number & 1]
        texts += [f"the {word} {name} of {month}" for name in named]
    return _joined(texts)


def _runs(values: list[int], name: Callable[[int], str]) -> str:
    """Return the values by name, three and more in a row as "a to b"."""
    texts: list[str] = []
    run: list[int] = []
    for value in values:
        if run and value != run[-1] + 1:
            texts += _run_texts(run, name)
            run = []
        run.append(value)
    return _joined(texts + _run_texts(run, name))


def _run_texts(run: list[int], name: Callable[[int], str]) -> list[str]:
    return [f"{name(run[0])} to {name(run[-1])}"] if len(run) > 2 else [name(value) for value in run]


def _joined(texts: list[str]) -> str:
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else texts[0]


def _ordinal(number: int) -> str:
    """Return "1st", "2nd", "13th" and so on, below 100: no field counts further."""
    ending = "th" if number // 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
