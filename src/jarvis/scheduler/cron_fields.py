"""The fields of a cron expression: which values each may hold, and their text turned into bit masks.

The language is Debian cron's (crontab(5); its parser, entry.c) with `L`, `W`, `#`, `?` and a seconds field in
front added. What Debian leaves undefined or silently misreads is refused.
"""

from __future__ import annotations

from jarvis.scheduler.suggest import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

LONGEST_EXPRESSION = 1_000  # characters, as in crontab(5); spelling out every value of every field takes 500

ALIASES = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
}

# Bits of a day-of-month mask beyond 1-31.
LAST_DAY = 32  # L
LAST_WORKDAY = 33  # LW
NEAREST_WORKDAY = 34  # nW is bit 34 + n
# Bits of a day-of-week mask beyond 0-6 (7 is folded into 0): weekday w is bit w of one of these rows of 7.
LAST_OF_MONTH = 8  # wL, w#L
NTH_OF_MONTH = 8  # w#n is bit 8 + 7 * n + w, n from 1 to 5


class CronError(ValueError):
    """A cron expression that cannot be used; the message names the field, the value and what is allowed."""


class Unit:
    """What one field counts: its name, the least and greatest value, and the names values may go by."""

    __slots__ = ("allowed", "high", "low", "name", "names")

    def __init__(self, name: str, low: int, high: int, names: tuple[str, ...] = (), also: str = "") -> None:
        self.name = name
        self.low = low
        self.high = high
        self.names = {word: low + index for index, word in enumerate(names)}
        self.allowed = f"{low}-{high}{also}, *, lists (a,b), ranges (a-b) and steps (*/n, a-b/n)"


_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
SECOND = Unit("second", 0, 59)
MINUTE = Unit("minute", 0, 59)
HOUR = Unit("hour", 0, 23)
DAY = Unit("day of month", 1, 31, also=", L (last day), 15W (weekday nearest the 15th), LW (last weekday)")
MONTH = Unit("month", 1, 12, _MONTH_NAMES, " or JAN-DEC")
WEEKDAY = Unit(
    "day of week",
    0,
    7,
    ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
    " or SUN-SAT (0 and 7 are Sunday), 5L (last Friday), 1#2 (second Monday)",
)
UNITS = (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY)


class Field:
    """One parsed field: its unit, the bit mask of its values, and whether its text begins with a star."""

    __slots__ = ("mask", "starred", "unit")

    def __init__(self, unit: Unit, text: str) -> None:
        """Parse `text`; raises CronError."""
        upper = text.upper() if text.isascii() else _refuse(unit, text, "only plain ASCII is understood")
        self.unit = unit
        self.starred = upper[0] in "*?"
        self.mask = 0
        for part in upper.split(","):
            self.mask |= _parse_part(unit, part, text)


def parse_expression(expr: object) -> tuple[Field, ...]:
    """Return the six fields (second, minute, hour, day of month, month, day of week) of `expr`.

    Five-field expressions and aliases get the seconds field "0". Raises CronError for anything that is not
    a cron expression, naming the field, the value and what is allowed.
    """
    if not isinstance(expr, str):
        raise CronError(f"a cron expression is text such as '0 9 * * 1-5', not {type(expr).__name__}")
    if len(expr) > LONGEST_EXPRESSION:
        raise CronError(f"cron expression of {len(expr)} characters: the longest has {LONGEST_EXPRESSION}")
    text = expr.strip(" \t\r\n")
    words = _expand_alias(text).replace("\t", " ").split(" ")
    texts = [word for word in words if word]
    if len(texts) not in (5, 6):
        raise CronError(
            f"cron expression {shown(expr)} has {len(texts)} fields: expected 5"
            " (minute hour day-of-month month day-of-week) or 6 (second first)"
        )
    return tuple(map(Field, UNITS, ["0", *texts][-6:]))


def shown(text: str) -> str:
    """Return `text` quoted for a message, cut to a readable length."""
    return repr(text) if len(text) <= 60 else repr(text[:60]) + "..."


def _expand_alias(text: str) -> str:
    if not text.startswith("@"):
        return text
    # Only ASCII may change case: U+017F (long s) and others would turn into letters that were never typed.
    expansion = ALIASES.get(text.upper()) if text.isascii() else None
    if expansion is None:
        known = [alias.lower() for alias in ALIASES]
        raise CronError(f"unknown alias {shown(text)}: allowed are {', '.join(known)}.{did_you_mean(text, known)}")
    return expansion


def _refuse(unit: Unit, text: str, reason: str, hint: str = "") -> NoReturn:
    raise CronError(f"{unit.name} field {shown(text)}: {reason}; allowed: {unit.allowed}.{hint}")


def _parse_part(unit: Unit, part: str, text: str) -> int:
    """Return the mask of one element of a list, in upper case; `text` is the whole field, for messages."""
    if not part:
        _refuse(unit, text, "an element of the list is empty")
    if unit is DAY and part[-1] in "LW" and "-" not in part:
        return _special_day(part, text)
    if unit is WEEKDAY and ("#" in part or part[-1] == "L"):
        return _special_weekday(part, text)
    base, slash, step_text = part.partition("/")
    step = _parse_step(unit, step_text, text) if slash else 1
    first, last = _parse_range(unit, base, slash, text)
    if last < first:
        spelling = _unwrapped(unit, base, first, last, step)
        _refuse(unit, text, f"the range {base} runs backwards, write {spelling}")
    mask = sum(1 << value for value in range(first, last + 1, step))
    return (mask | mask >> 7) & 0x7F if unit is WEEKDAY else mask


def _parse_range(unit: Unit, base: str, slash: str, text: str) -> tuple[int, int]:
    """Return the ends of `*`, `a`, `a-b`; `a` before a slash means a to the greatest value, as in Debian."""
    if base in ("*", "?"):
        return unit.low, unit.high
    first_text, dash, last_text = base.partition("-")
    first = _parse_value(unit, first_text, text)
    if not dash:
        return first, unit.high if slash else first
    if unit is DAY and last_text == "L":
        return first, unit.high  # days beyond the month's last one never come
    return first, _parse_value(unit, last_text, text)


def _parse_value(unit: Unit, value: str, text: str) -> int:
    if value in unit.names:
        return unit.names[value]
    if not value:
        _refuse(unit, text, "a value is missing")
    if not value.isdigit():
        kind = "number or name" if unit.names else "number"
        _refuse(unit, text, f"{shown(value)} is not a {kind}", did_you_mean(value, unit.names))
    number = int(value)
    if not unit.low <= number <= unit.high:
        _refuse(unit, text, f"{shown(value)} is out of range")
    return number


def _parse_step(unit: Unit, step: str, text: str) -> int:
    if not step.isdigit() or int(step) == 0:
        _refuse(unit, text, f"the step {shown(step)} is not a whole number from 1 up")
    return int(step)


def _special_day(part: str, text: str) -> int:
    """Return the mask of `L`, `LW` or `15W` in a day-of-month field."""
    if part == "L":
        return 1 << LAST_DAY
    if part == "LW":
        return 1 << LAST_WORKDAY
    if part[-1] == "L":
        _refuse(DAY, text, f"{part} is not understood")
    return 1 << NEAREST_WORKDAY + _parse_value(DAY, part[:-1], text)


def _special_weekday(part: str, text: str) -> int:
    """Return the mask of `5L`, `5#L` or `1#2` in a day-of-week field."""
    if "#" not in part:
        return 1 << LAST_OF_MONTH + _parse_value(WEEKDAY, part[:-1], text) % 7
    day, _, nth = part.partition("#")
    weekday = _parse_value(WEEKDAY, day, text) % 7
    if nth == "L":
        return 1 << LAST_OF_MONTH + weekday
    if nth not in ("1", "2", "3", "4", "5"):
        _refuse(WEEKDAY, text, f"what follows # must be 1 to 5 or L, not {shown(nth)}")
    return 1 << NTH_OF_MONTH + 7 * int(nth) + weekday


def _unwrapped(unit: Unit, base: str, first: int, last: int, step: int) -> str:
    """Return the accepted spelling of the range first-last that wraps around the end of the unit."""
    top = 6 if unit is WEEKDAY else unit.high
    values = [*range(first, top + 1), *range(unit.low, last + 1)][::step]
    if step > 1:
        return ",".join(map(str, values))
    if first > top:  # 7-2: Sunday is 0 at the beginning of a range
        return _run(0, last)
    if unit is WEEKDAY and last == 0:
        return f"{first}-7"
    left, _, right = base.partition("-")
    if right.isdigit():
        return f"{_run(first, top)},{_run(unit.low, last)}"
    words = list(unit.names)
    low, high = words[0], words[-1]
    return f"{_run(left, high)},{_run(low, right)}".lower()


def _run(first: object, last: object) -> str:
    return str(first) if first == last else f"{first}-{last}"
