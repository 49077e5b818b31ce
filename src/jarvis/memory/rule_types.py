"""The types of alert rules and what their conditions hold: the one table that checking, help and docs go by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from jarvis.errors import UsageError
from jarvis.memory.checked import line, one_of
from jarvis.scheduler.duration import DurationError, format_duration, parse_duration
from jarvis.scheduler.size import format_size, parse_size

_A_CENTURY = 36_500  # days: further away nobody waits, and no date overflows
NAMES = ("decisions", "delegations", "events", "facts", "now", "tasks", "today", "updated")
"""What an expression may speak of (docs/alerts.md says what each of them is)."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a condition. `default` None: it must be given."""

    kind: str  # of KINDS
    default: int | str | None
    says: str
    most: int = _A_CENTURY


class RuleType(msgspec.Struct, frozen=True):
    """One type of rule: when it alerts, and its keys."""

    says: str
    keys: dict[str, Key]


TYPES = {
    "overdue_delegation": RuleType(
        "an active delegation's due date has passed",
        {"days_overdue": Key(kind="days", default=1, says="by at least so many days")},
    ),
    "pending_decision": RuleType(
        "a decision has not been carried out",
        {"days_stale": Key(kind="number", default=7, says="so many days after it was made")},
    ),
    "stale_decision": RuleType(
        "a decision to be carried out has not moved",
        {"days_stale": Key(kind="number", default=7, says="for so many days since its follow-up date, or last change")},
    ),
    "upcoming_deadline": RuleType(
        "an active delegation is due soon",
        {"within_days": Key(kind="days", default=3, says="within so many days")},
    ),
    "stale_backup": RuleType(
        "the fact work/backup_last_success is old, missing or unreadable",
        {"max_age_hours": Key(kind="number", default=48, most=_A_CENTURY * 24, says="more hours than this")},
    ),
    "task_stale": RuleType(
        "a task has not succeeded for too long (a dead man's switch)",
        {
            "task": Key(kind="task", default=None, says="which task"),
            "within": Key(kind="duration", default="1d", says="how long, counted from its creation if it never has"),
        },
    ),
    "task_failing": RuleType(
        "a task has failed several times in a row",
        {
            "task": Key(kind="task or *", default="*", says="which task; * is every one"),
            "failures": Key(kind="count", default=3, says="so many runs in a row"),
        },
    ),
    "delivery_stuck": RuleType(
        "a delivery of the last week has not arrived for sure",
        {
            "longer_than": Key(kind="duration", default="1h", says="pending, failed, expired or unknown for so long"),
            "channel": Key(kind="line", default="*", says="to which channel; * is every one"),
        },
    ),
    "disk_low": RuleType(
        "a disk is nearly full",
        {
            "below": Key(kind="space", default="1GiB", says="free space, as a size or a part of the disk: 500MB, 10%"),
            "path": Key(kind="path", default="", says="a folder on that disk; none is that of the store"),
        },
    ),
    "expression": RuleType(
        "an expression holds (docs/alerts.md)",
        {
            "expression": Key(kind="expression", default=None, says=f"over {', '.join(NAMES)}"),
            "text": Key(kind="line", default="", says="what the alert says; none is the expression, or its own text"),
        },
    ),
}


def checked_condition(alert_type: str, condition: object) -> dict[str, int | float | str]:
    """The condition as it is stored: every key, its default where it was left out.

    UsageError if it has another key, lacks one, or holds what that key cannot be.
    """
    keys = TYPES[one_of("a rule's type", alert_type, tuple(TYPES))].keys
    if not isinstance(condition, Mapping):
        raise UsageError(
            f'the condition of {alert_type} is {condition!r}: use an object, such as {{"{next(iter(keys))}": ...}}'
        )
    for key in condition:
        one_of(f"a key in the condition of {alert_type}", key, tuple(keys))
    return {name: _checked(alert_type, name, key, condition.get(name, key.default)) for name, key in keys.items()}


def typed(alert_type: str, name: str, text: str) -> object:
    """What was typed for a key: a number where the key holds one, else the text as it is."""
    key = TYPES[alert_type].keys.get(name)
    if key is None or key.kind not in ("days", "number", "count"):
        return text
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return text


def _checked(alert_type: str, name: str, key: Key, value: object) -> int | float | str:
    if value is None and key.default is None:
        raise UsageError(f"a rule of type {alert_type} needs {name}: {key.says}")
    return KINDS[key.kind](name, key, value)


def _number(name: str, key: Key, value: object) -> int | float:
    # NaN is in no range, True is no number; a whole number may be written as 2.0.
    least, whole = (1 if key.kind == "count" else 0), key.kind != "number"
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else -1
    if least <= number <= key.most and not (whole and number % 1):
        return int(number) if whole else number
    raise UsageError(
        f"{name} is {value!r}: use a {'whole ' if whole else ''}number from {least} to {key.most}, "
        f"such as {key.default}"
    )


def _duration(name: str, _key: Key, value: object) -> str:
    try:
        length = parse_duration(value)  # type: ignore[arg-type]  # it refuses what it cannot read
    except DurationError as error:
        raise UsageError(f"{name}: {error}") from None
    return format_duration(length)


def _space(name: str, _key: Key, value: object) -> str:
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.endswith("%"):
        return f"{_percent(name, text):g}%"
    try:
        size = parse_size(text)
    except ValueError:
        raise UsageError(f"{name} is {value!r}: use a size such as 500MB or 1GiB, or a part such as 10%") from None
    exact = format_size(size).replace(" ", "")
    return exact if parse_size(exact) == size else str(size)


def _percent(name: str, text: str) -> float:
    number = text.removesuffix("%").strip()
    if number.isascii() and number.replace(".", "", 1).isdecimal() and 0 < float(number) < 100:
        return float(number)
    raise UsageError(f"{name} is {text!r}: a part of the disk is more than 0% and less than 100%")


def _line(name: str, _key: Key, value: object) -> str:
    return line(f"{name} in a condition", value, empty=True)


def _task(name: str, key: Key, value: object) -> str:
    if value == "*" and key.kind == "task":
        raise UsageError(f"{name} is '*': use the name of one task")
    return line(f"{name} in a condition", value)


def _path(name: str, _key: Key, value: object) -> str:
    path = line(f"{name} in a condition", value, empty=True)
    if path and not Path(path).is_absolute():
        raise UsageError(f"{name} is {path!r}: use the whole path of a folder, such as /home")
    return path


def _expression(name: str, _key: Key, value: object) -> str:
    if not isinstance(value, str):
        raise UsageError(f'{name} is {value!r}: use a text, such as "age(updated.work.x) > hours(2)"')
    from jarvis.expressions.language import ExpressionError, check  # noqa: PLC0415 - few rules have one

    try:
        check(value, NAMES)
    except ExpressionError as error:
        raise ExpressionError(error.problem, error.column, what=name) from None
    return value


KINDS: dict[str, Callable[[str, Key, object], int | float | str]] = {
    "days": _number,
    "number": _number,
    "count": _number,
    "duration": _duration,
    "space": _space,
    "line": _line,
    "task": _task,
    "task or *": _task,
    "path": _path,
    "expression": _expression,
}
