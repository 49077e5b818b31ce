"""Recurrence rules as text (RFC 5545, 3.3.10), checked part by part. Pure.

Stricter than the library that evaluates them: what the RFC does not allow, what contradicts itself and what
could never happen is refused here, with the part named, since there it would be ignored or searched for until
the year 9999.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NoReturn

import msgspec

from jarvis.scheduler.instant import ScheduleError
from jarvis.scheduler.suggest import did_you_mean

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
"""In the order of dateutil's constants 0 to 6."""
YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY, MINUTELY, SECONDLY = range(7)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MOST_COUNTED = 10_000

_LONGEST_TEXT = 1_000  # characters; spelling out every value of every part takes about as many
# The most a step may be: fifty years, so that a search of some hundred years sees several of them.
_LONGEST_STEP = {YEARLY: 50, MONTHLY: 600, WEEKLY: 2_600, DAILY: 18_250}
_LONGEST_SHORT_STEP = {HOURLY: 438_000, MINUTELY: 26_280_000, SECONDLY: 1_576_800_000}
# name -> (least, greatest, whether negative numbers count from the end)
_NUMBERS = {
    "BYSECOND": (0, 59, False),
    "BYMINUTE": (0, 59, False),
    "BYHOUR": (0, 23, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYMONTH": (1, 12, False),
    "BYSETPOS": (1, 366, True),
}
_NAMES = ("FREQ", "UNTIL", "COUNT", "INTERVAL", "BYDAY", "WKST", *_NUMBERS)
# The lengths of the months, in a common year and in a leap year.
_YEARS = ((31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31))


class RuleText(msgspec.Struct, frozen=True):
    """A rule taken apart. `by` holds the numbers of each BY part; `byday` pairs of (weekday 0-6, nth or 0)."""

    text: str
    freq: int
    interval: int
    count: int | None
    until: str | None
    wkst: int
    by: Mapping[str, tuple[int, ...]]
    byday: tuple[tuple[int, int], ...]

    def refuse(self, problem: str) -> NoReturn:
        """Raise ScheduleError for this rule."""
        _refuse(self.text, problem)


def canonical_rule(text: object) -> str:
    """The rule without its "RRULE:" in front, in capitals, without blanks around it."""
    if not isinstance(text, str):
        raise ScheduleError(f"an rrule is text such as 'FREQ=WEEKLY;BYDAY=MO', not {text!r}")
    if len(text) > _LONGEST_TEXT:
        raise ScheduleError(f"an rrule of {len(text):,} characters: the longest has {_LONGEST_TEXT:,}")
    rule = text.strip().upper().removeprefix("RRULE:")
    if "DTSTART" in rule:
        _refuse(text, "DTSTART is given beside the rule, not in it")
    return rule


def parse_rule(text: str) -> RuleText:
    """Take a canonical rule apart. Raises ScheduleError for what RFC 5545 does not allow."""
    parts = _split(text)
    freq = _frequency(text, parts)
    step = _whole(text, "INTERVAL", parts.get("INTERVAL", "1"), (_LONGEST_STEP | _LONGEST_SHORT_STEP)[freq])
    count = _whole(text, "COUNT", parts["COUNT"], MOST_COUNTED) if "COUNT" in parts else None
    if count is not None and "UNTIL" in parts:
        _refuse(text, "COUNT and UNTIL exclude each other")
    by = {name: _numbers(text, name, parts[name]) for name in _NUMBERS if name in parts}
    byday = _weekdays(text, parts["BYDAY"]) if "BYDAY" in parts else ()
    wkst = _weekday(text, "WKST", parts.get("WKST", "MO"))
    rule = RuleText(text, freq, step, count, parts.get("UNTIL"), wkst, by, byday)
    _check_together(rule)
    return rule


def _refuse(text: str, problem: str) -> NoReturn:
    shown = text if len(text) <= 80 else text[:77] + "..."
    raise ScheduleError(f"rrule {shown!r}: {problem}")


def _split(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.removesuffix(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value:
            _refuse(text, f"{part!r} is not NAME=VALUE")
        if name not in _NAMES:
            _refuse(text, f"{name} is not a part of an RRULE.{did_you_mean(name, _NAMES)}")
        if name in parts:
            _refuse(text, f"{name} is given twice")
        parts[name] = value
    return parts


def _frequency(text: str, parts: Mapping[str, str]) -> int:
    if "FREQ" not in parts:
        _refuse(text, f"FREQ is missing: one of {', '.join(FREQUENCIES)}")
    given = parts["FREQ"]
    if given not in FREQUENCIES:
        _refuse(text, f"FREQ={given} is not one of {', '.join(FREQUENCIES)}.{did_you_mean(given, FREQUENCIES)}")
    return FREQUENCIES.index(given)


def _whole(text: str, name: str, value: str, most: int) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= most):
        _refuse(text, f"{name}={value[:20]} is not a whole number from 1 to {most}")
    return int(value)


def _numbers(text: str, name: str, value: str) -> tuple[int, ...]:
    least, greatest, negative = _NUMBERS[name]
    found = []
    for item in value.split(","):
        digits = item[1:] if item[:1] in ("+", "-") and negative else item
        if not (digits.isascii() and digits.isdigit() and least <= int(digits) <= greatest):
            also = f" or -{greatest} to -{least}" if negative else ""
            _refuse(text, f"{name}: {item[:20]!r} is not a number from {least} to {greatest}{also}")
        found.append(int(item))
    return tuple(sorted(set(found)))


def _weekdays(text: str, value: str) -> tuple[tuple[int, int], ...]:
    return tuple(sorted({_nth_weekday(text, item) for item in value.split(",")}))


def _nth_weekday(text: str, item: str) -> tuple[int, int]:
    weekday, nth = _weekday(text, "BYDAY", item[-2:]), item[:-2]
    digits = nth[1:] if nth[:1] in ("+", "-") else nth
    if nth and not (digits.isascii() and digits.isdigit() and 1 <= int(digits) <= 53):
        _refuse(text, f"BYDAY: {item[:20]!r} is not a weekday such as MO, 2MO (the second) or -1FR (the last)")
    return weekday, int(nth or 0)


def _weekday(text: str, name: str, value: str) -> int:
    if value not in WEEKDAYS:
        _refuse(text, f"{name}: {value[:20]!r} is not one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(value)


def _check_together(rule: RuleText) -> None:
    """Refuse parts that RFC 5545 (the table of 3.3.10) does not allow together, or that never meet."""
    numbered = [nth for _, nth in rule.byday if nth]
    if numbered and (rule.freq > MONTHLY or "BYWEEKNO" in rule.by):
        rule.refuse("numbered weekdays in BYDAY go with FREQ=MONTHLY, or YEARLY without BYWEEKNO")
    in_month = rule.freq == MONTHLY or "BYMONTH" in rule.by
    if in_month and any(abs(nth) > 5 for nth in numbered):
        rule.refuse("BYDAY: no month has more than five of a weekday")
    for name, allowed in _GOES_WITH.items():
        if name in rule.by and rule.freq not in allowed:
            rule.refuse(f"{name} goes with {' or '.join('FREQ=' + FREQUENCIES[freq] for freq in allowed)} only")
    _check_positions(rule)
    if rule.freq == SECONDLY and {"BYHOUR", "BYMINUTE"} & set(rule.by):
        rule.refuse("write FREQ=MINUTELY or HOURLY with BYSECOND instead of SECONDLY with BYHOUR or BYMINUTE")
    if not _has_a_day(rule.by):
        rule.refuse("never happens: no month it names has such a day")


def _check_positions(rule: RuleText) -> None:
    """Refuse a BYSETPOS that has nothing to pick from: the search would look into each minute of centuries for it."""
    positions = rule.by.get("BYSETPOS")
    if positions is None:
        return
    if len(rule.by) == 1 and not rule.byday:
        rule.refuse("BYSETPOS picks from what another BY part yields, and there is none")
    if rule.freq >= DAILY:
        within = ("BYHOUR", "BYMINUTE", "BYSECOND")[rule.freq - DAILY :]
        most = prod(len(rule.by[name]) for name in within if name in rule.by)
        if all(abs(position) > most for position in positions):
            rule.refuse(f"never happens: BYSETPOS picks from {most} at a time")


_GOES_WITH = {
    "BYWEEKNO": (YEARLY,),
    "BYYEARDAY": (YEARLY, HOURLY, MINUTELY, SECONDLY),
    "BYMONTHDAY": (YEARLY, MONTHLY, DAILY, HOURLY, MINUTELY, SECONDLY),
}


def _has_a_day(by: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether any day of a leap or a common year satisfies BYMONTH, BYMONTHDAY and BYYEARDAY together."""
    return any(
        _day_matches(by, lengths, month, day)
        for lengths in _YEARS
        for month in range(12)
        for day in range(1, lengths[month] + 1)
    )


def _day_matches(by: Mapping[str, tuple[int, ...]], lengths: tuple[int, ...], month: int, day: int) -> bool:
    yearday = sum(lengths[:month]) + day
    return all(
        name not in by or not options.isdisjoint(by[name])
        for name, options in (
            ("BYMONTH", {month + 1}),
            ("BYMONTHDAY", {day, day - lengths[month] - 1}),
            ("BYYEARDAY", {yearday, yearday - sum(lengths) - 1}),
        )
    )
