"""One reading of what states a task: flags of `jarvis task add`, or a `[tasks.NAME]` table of TOML. And back.

The keys are the flags' names (`starts_at` or `starts-at`); docs/tasks.md has them all. Every problem of a table
is told at once, each with its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from math import isfinite
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from jarvis.scheduler.duration import format_duration, parse_duration
from jarvis.scheduler.model import Policy, Task, TaskSpec
from jarvis.scheduler.schedule import After, Bounds, Cron, Interval, Once, OnEvent, Schedule, Untimed
from jarvis.scheduler.size import parse_memory_limit
from jarvis.scheduler.zone import load_zone
from jarvis.tasks.deliver import deliver_table, read_deliveries
from jarvis.tasks.schedule import KEYS as SCHEDULE_KEYS
from jarvis.tasks.schedule import read_schedule
from jarvis.tasks.table import Given, Reading, SpecError, choice, flag, shown, text, whole
from jarvis.tasks.toml import toml_table

__all__ = ["KEYS", "POLICY_KEYS", "Reading", "SpecError", "read_spec", "to_table", "to_toml"]

POLICY_KEYS = Policy.__struct_fields__
WHAT = ("handler", "params", "command", "cwd", "env", "stdin")
WHERE = ("deliver", "template", "template_file")
KEYS = (*SCHEDULE_KEYS, *WHAT, *POLICY_KEYS, *WHERE)
"""Every key that a task's table may have."""

_ONLY_COMMAND = ("cwd", "env", "stdin")  # what only the handler `command` has a use for
_TYPES = {each.name: each.type for each in msgspec.structs.fields(Policy)}
# What the type of a policy's field does not say: the range of a number, and what a length of 0 would do.
_RANGES = {"priority": (-1_000_000, 1_000_000), "catch_up_max": (1, 10_000), "retry_on": (-255, 255)}
_ANY_COUNT = (0, 1_000_000)
_NEVER_ZERO = {"timeout": "a deadline of 0 would end every run at once"}


def read_spec(name: str, table: Mapping[str, Any], reading: Reading) -> tuple[TaskSpec, list[str]]:
    """The task that `table` states, and what is to be said back: first its exact schedule, then notes.

    Raises SpecError with all that is wrong with it.
    """
    given = Given(table, KEYS, reading)
    policy = _policy(given)
    found = read_schedule(given, policy.grace)
    handler, params = _handler(given)
    deliver = read_deliveries(given)
    given.done()
    assert found is not None  # noqa: S101 - otherwise `given` had a problem
    schedule, said = found
    spec = given.attempt("", lambda: _spec(name, schedule, handler, params, policy, given))
    given.done()
    assert spec is not None  # noqa: S101 - likewise
    return msgspec.structs.replace(spec, deliver=deliver), said


def _spec(
    name: str, schedule: Schedule, handler: str, params: dict[str, Any], policy: Policy, given: Given
) -> TaskSpec:
    return TaskSpec(
        name=name,
        schedule=schedule,
        handler=handler,
        params=params,
        policy=policy,
        origin=given.reading.origin,
        follows_zone="tz" not in given,
    )


# -- how --------------------------------------------------------------------------------------------------
def _policy(given: Given) -> Policy:
    """The policy: what no key says stays as it is by default."""
    values = {key: given.read(key, partial(_policy_value, key)) for key in POLICY_KEYS}
    kept = _usual(given) | {key: value for key, value in values.items() if value is not None}
    return given.attempt("", lambda: Policy(**kept)) or Policy()


def _usual(given: Given) -> dict[str, Any]:
    """What a policy is by default where that is not Policy's own: of what happens by itself, nothing is passed over."""
    return {"overlap": "queue"} if "on" in given or "after" in given else {}


def _policy_value(key: str, value: object) -> Any:
    """A value as the type of its field has it."""
    if key == "memory_limit":
        return parse_memory_limit(value)
    found = _as_type(key, value, _kinds(_TYPES[key]))
    if key in _NEVER_ZERO and not found:
        raise ValueError(_NEVER_ZERO[key])
    return found


def _as_type(key: str, value: object, kinds: tuple[Any, ...]) -> Any:
    listed = next((get_args(kind)[0] for kind in kinds if get_origin(kind) is tuple), None)
    if listed is not None:
        return tuple(_as_type(key, item, _kinds(listed)) for item in _items(value))
    words = tuple(word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind))
    if words and (value in words or not {timedelta, int} & set(kinds)):
        return choice(value, words)
    if timedelta in kinds:
        return parse_duration(value)  # type: ignore[arg-type]  # whatever else it is, it refuses
    if int in kinds:
        return _number(key, value, words)
    return flag(value) if bool in kinds else text(value)


def _number(key: str, value: object, words: tuple[str, ...]) -> int:
    try:
        return whole(value, *_RANGES.get(key, _ANY_COUNT))
    except ValueError as error:
        raise ValueError(f"{error}{''.join(f', or {word}' for word in words)}") from None


def _items(value: object) -> list[object]:
    """What is listed, in a list or in a text between commas; one value is a list of itself."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return list(value) if isinstance(value, list | tuple) else [value]


def _kinds(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


# -- what -------------------------------------------------------------------------------------------------
def _handler(given: Given) -> tuple[str, dict[str, Any]]:
    """The handler's name and its parameters, which it can use."""
    before = len(given.problems)
    name = given.read("handler", text) or "command"
    params = given.read("params", _plain) or {}
    if name == "command":
        params |= _command_params(given)
    else:
        _refuse_command(name, given)
    if "handler" not in given and "command" not in given:
        given.refuse("", f"say what to do: {given.reading.spelled('command')}, or {given.reading.spelled('handler')}")
    if len(given.problems) == before:
        key = "handler" if "handler" in given else "command"
        given.attempt(key, lambda: given.reading.check_handler(name, params))
    return name, params


def _command_params(given: Given) -> dict[str, Any]:
    """Parameters of `command` that have keys of their own."""
    found = {
        "command": given.read("command", _unchanged),
        "cwd": given.read("cwd", lambda value: _folder(given.reading.folder, text(value))),
        "env": given.read("env", _plain),
        "stdin": given.read("stdin", text),
    }
    return {key: value for key, value in found.items() if value is not None}


def _refuse_command(name: str, given: Given) -> None:
    if "command" in given:
        given.refuse("handler", f"{name} and a command are two things to do: use one of them")
        return
    for key in _ONLY_COMMAND:
        if key in given:
            given.refuse(key, "only with a command")


def _folder(start: Path, folder: str) -> str:
    """A folder that means the same wherever the daemon is; "~" is that of whoever it runs for."""
    return folder if folder == "~" or folder.startswith("~/") else str(start.absolute() / folder)


def _unchanged(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _plain(value: object) -> dict[str, Any]:
    """A table as the store keeps it: dates as text, and nothing that JSON would change in silence."""
    if not isinstance(value, Mapping):
        raise ValueError(f"got {shown(value)}, use a table of names and values")
    _refuse_infinite(value)
    stored: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return stored


def _refuse_infinite(value: object) -> None:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{value} cannot be stored")
    for each in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        _refuse_infinite(each)


# -- and back ---------------------------------------------------------------------------------------------
def to_table(task: Task | TaskSpec) -> dict[str, Any]:
    """The table that states this task: reading it gives the same one again. What is as by default is left out."""
    deliver = {"deliver": [deliver_table(each) for each in task.deliver]} if task.deliver else {}
    return _schedule_table(task) | _what_table(task) | _policy_table(task) | deliver


def to_toml(task: Task | TaskSpec) -> str:
    """The same as the text of a TOML file. UsageError where TOML cannot say it: a null among the params."""
    return toml_table(("tasks", task.name), to_table(task))


def _schedule_table(task: Task | TaskSpec) -> dict[str, Any]:
    schedule = task.schedule
    table = _rule_table(schedule)
    if not task.follows_zone:
        table["tz"] = schedule.tz
    bounds = {key: getattr(schedule, key) for key in Bounds.__struct_fields__}
    said = {key: value for key, value in bounds.items() if value not in (None, timedelta(0), ())}
    return table | {key: _said(value, schedule.tz) for key, value in said.items()}


def _untimed_table(schedule: OnEvent | After) -> dict[str, Any]:
    if isinstance(schedule, After):
        return {"after": schedule.task} | ({} if schedule.end == "succeeded" else {"if": schedule.end})
    own = {
        "debounce": format_duration(schedule.debounce) if schedule.debounce else None,
        "rate": schedule.rate and schedule.rate.describe(),
        "filter": schedule.filter or None,
    }
    return {"on": schedule.pattern} | {key: value for key, value in own.items() if value is not None}


def _rule_table(schedule: Schedule) -> dict[str, Any]:
    """The rule and what only its kind has."""
    if isinstance(schedule, OnEvent | After):
        return _untimed_table(schedule)
    if isinstance(schedule, Once):
        return {"at": _said(schedule.at, schedule.tz)}
    if isinstance(schedule, Cron):
        table: dict[str, Any] = {"cron": schedule.expr}
        own: dict[str, Any] = {"dst_gap": schedule.dst_gap, "dst_repeat": schedule.dst_repeat}
        usual = {"dst_gap": "run_after", "dst_repeat": "first"}
        return table | {key: value for key, value in own.items() if value != usual[key]}
    if isinstance(schedule, Interval):
        table, own = {"every": schedule.every}, {"anchor": schedule.anchor}
        own["after_completion"] = schedule.after_completion or None
    else:
        table, own = {"rrule": schedule.rule}, {"dtstart": schedule.dtstart}
    said = {key: value for key, value in own.items() if value is not None and value != schedule.starts_at}
    return {key: _said(value, schedule.tz) for key, value in (table | said).items()}


def _what_table(task: Task | TaskSpec) -> dict[str, Any]:
    """A command as its keys; anything else as a handler and its params."""
    if task.handler == "command" and set(task.params) <= {"command", *_ONLY_COMMAND} and "command" in task.params:
        return dict(task.params)
    return {"handler": task.handler} | ({"params": task.params} if task.params else {})


def _policy_table(task: Task | TaskSpec) -> dict[str, Any]:
    policy, usual = task.policy, Policy(overlap="queue" if isinstance(task.schedule, Untimed) else "skip")
    said = {key: getattr(policy, key) for key in POLICY_KEYS if getattr(policy, key) != getattr(usual, key)}
    return {key: _said(value, "UTC") for key, value in said.items() if value is not None}


def _said(value: Any, tz: str) -> Any:
    """A value as its key takes it."""
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, datetime):
        return _local(value, tz)
    return list(value) if isinstance(value, tuple | frozenset) else value


def _local(moment: datetime, tz: str) -> str:
    try:
        return moment.astimezone(load_zone(tz)).isoformat()
    except OverflowError:  # at an end of the calendar
        return moment.isoformat()
