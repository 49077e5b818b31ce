"""The earlier assistant's cron expressions as ours: the same instants, or a refusal. Pure.

Its fields are those of cron, with three differences. Its weekdays count from 0 = Monday to 6 = Sunday. Where both a
day of the month and a weekday are named, both must hold, not one of them. And a step after one number (`5/15`) has no
effect. It knows no names, no 7, and no range that ends below its start: such a task never ran there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("weekday", 0, 6))
_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Translated(NamedTuple):
    """A standard expression, and the weekdays to leave out of it (`exclude`)."""

    expression: str
    exclude: tuple[str, ...] = ()


def translate(expression: str) -> Translated:
    """The same schedule in standard cron. ValueError says what in it the earlier assistant would not have run."""
    parts = expression.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"{expression!r} has {len(parts)} fields: the earlier assistant's cron has 5")
    minute, hour, days, month, weekdays = (_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True))
    texts = [_text(*each) for each in zip(parts[:4], (minute, hour, days, month), strict=True)]
    if len(days) == 31 or len(weekdays) == 7:
        # One of the two says nothing, and must be a star: as a list it would make cron's OR of the other.
        texts[2] = "*" if len(days) == 31 else texts[2]
        return Translated(" ".join([*texts, _standard(weekdays)]))
    left_out = tuple(name for number, name in enumerate(_NAMES) if number not in weekdays)
    return Translated(" ".join([*texts, "*"]), left_out)


def _values(text: str, name: str, low: int, high: int) -> frozenset[int]:
    """The numbers that a field names."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        base, slash, step = part.partition("/")
        found.update(_range(base, _number(step, name, text) if slash else 1, name, text, low, high))
    if not found:
        raise ValueError(f"the {name} {text!r} names nothing")
    return frozenset(found)


def _range(base: str, step: int, name: str, text: str, low: int, high: int) -> range:
    if step < 1:
        raise ValueError(f"the {name} {text!r} has a step of 0")
    if base == "*":
        return range(low, high + 1, step)
    first, dash, last = base.partition("-")
    begin = _number(first, name, text)
    end = _number(last, name, text) if dash else begin
    if begin < low or end > high:
        zero = ", 0 = Monday" if name == "weekday" else ""
        raise ValueError(f"the {name} {text!r} is not in {low}-{high}{zero}: the earlier assistant never ran it")
    if begin > end:
        raise ValueError(
            f"the {name} {text!r} runs backwards, so the earlier assistant never ran it: "
            f"write {begin}-{high},{low}-{end} there if that is meant"
        )
    return range(begin, end + 1, step)


def _number(text: str, name: str, field: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 5):
        raise ValueError(f"the {name} {field!r} is no number, list, range or step of numbers")
    return int(text)


def _text(part: str, values: frozenset[int]) -> str:
    """A star stays one, with its step: cron lets it follow real time when clocks change, and a list does not."""
    if part == "*":
        return part
    if part.startswith("*/") and "," not in part:
        return f"*/{int(part[2:])}"
    return _listed(values)


def _listed(values: Iterable[int]) -> str:
    return ",".join(map(str, sorted(values)))


def _standard(weekdays: frozenset[int]) -> str:
    """0 = Monday as 1 = Monday, and its 6 as cron's 0."""
    return "*" if len(weekdays) == 7 else _listed((day + 1) % 7 for day in weekdays)
