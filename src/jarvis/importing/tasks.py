"""The earlier assistant's scheduled tasks as ours."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from jarvis.errors import UsageError
from jarvis.importing.crontranslation import translate
from jarvis.importing.fields import Fields, Refusal, shown
from jarvis.importing.memories import AlreadyThere
from jarvis.importing.walltime import instant
from jarvis.memory.store import MemoryStore
from jarvis.scheduler.model import Task, TaskSpec
from jarvis.tasks.spec import Reading, SpecError, read_spec, to_table

HANDLERS = {
    "alert_eval": "alert_eval",
    "webhook_poll": "webhook_poll",
    "custom": "command",
    "command": "command",
    "shell": "command",
    "noop": "noop",
}
"""The earlier assistant's handler types as ours. Any other name is one of the user's own handlers, or refused."""

_SHELL = frozenset(";|&`$(){}!<>\n")
_PATTERNS = frozenset("*?[~")
_COUNTED_FROM = ("anchor", "dtstart")  # says where a schedule counts from, not what it is


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a row of tasks is read with.

    reading   how tables that state tasks are read; its `tz` is the zone of the earlier assistant's wall
    tz        that zone, if it was named for this import: the tasks stay in it then
    channels  its delivery channels' names -> ours
    known     the channels there are here
    cwd       the folder that its commands ran in
    """

    reading: Reading
    tz: str | None
    channels: Mapping[str, str]
    known: frozenset[str]
    cwd: Path | None


def task(fields: Fields, memory: MemoryStore, now: datetime, means: Means) -> None:
    """Store the task that a row states, due first when it was due next there; or raise Refusal."""
    name = fields.line("name")
    table, cautious = _handled(fields, means)
    table |= _scheduled(fields, means, now) | _delivered(fields, means)
    if means.tz:
        table["tz"] = means.tz
    enabled = fields.on("enabled")
    fields.ignore("last_run_at", "next_run_at", "last_result")
    fields.left_behind()
    try:
        spec, _ = read_spec(name, table, means.reading)
    except SpecError as error:
        raise Refusal("; ".join(text for _, text in error.problems)) from error
    _refuse_other_task(memory, spec)
    memory.add_task(spec, now)
    if not enabled:
        memory.pause_task(name, now, "disabled where it was imported from")
    elif cautious:
        memory.pause_task(name, now, "imported with a command that needs a shell: look at it first")


# -- when -------------------------------------------------------------------------------------------------
def _scheduled(fields: Fields, means: Means, now: datetime) -> dict[str, Any]:
    kind, config = fields.line("schedule_type"), fields.table("schedule_config")
    readers = {"interval": _interval, "cron": _cron, "once": _once}
    if kind not in readers:
        raise Refusal(f"schedule_type is {shown(kind)}: there are {', '.join(readers)}")
    return readers[kind](fields, config, ZoneInfo(means.reading.tz), now)


def _interval(fields: Fields, config: dict[str, Any], _zone: ZoneInfo, _now: datetime) -> dict[str, Any]:
    """Hours and minutes are added up. It goes on counting from the instant it was due next."""
    _only(config, "minutes", "hours")
    every = timedelta(minutes=_amount(config, "minutes"), hours=_amount(config, "hours"))
    if every <= timedelta():
        raise Refusal(f"schedule_config is {shown(config)}: minutes or hours above 0 are needed")
    table: dict[str, Any] = {"every": every.total_seconds()}
    if anchor := _anchor(fields):
        table["anchor"] = anchor.replace(microsecond=0).isoformat()
    return table


def _anchor(fields: Fields) -> datetime | None:
    try:
        return fields.instant("next_run_at")
    except Refusal as error:
        fields.notes.append(f"{error}; it counts from now")
        return None


def _cron(_fields: Fields, config: dict[str, Any], _zone: ZoneInfo, _now: datetime) -> dict[str, Any]:
    _only(config, "expression")
    expression = config.get("expression")
    if not isinstance(expression, str) or not expression.strip():
        raise Refusal(f"schedule_config is {shown(config)}: an expression is needed")
    try:
        found = translate(expression)
    except ValueError as error:
        raise Refusal(f"cron: {error}") from error
    if found.expression != " ".join(expression.split()) or found.exclude:
        without = f" without {', '.join(found.exclude)}" if found.exclude else ""
        _fields.notes.append(f"its cron {expression!r} is {found.expression!r}{without} here")
    return {"cron": found.expression} | ({"exclude": list(found.exclude)} if found.exclude else {})


def _once(fields: Fields, config: dict[str, Any], zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    _only(config, "run_at")
    try:
        told = instant(config.get("run_at"), zone)
    except (ValueError, OverflowError) as error:
        raise Refusal(f"run_at {error}") from error
    if told.note:
        fields.notes.append(f"run_at: {told.note}")
    if told.at <= now:
        ran = fields.get("last_run_at")
        did = f"it ran there, last at {ran}" if ran else "it never ran there: start it by hand if it is still wanted"
        raise Refusal(f"its one instant {told.at.astimezone(zone).isoformat(' ')} has passed; {did}")
    return {"at": told.at.isoformat()}


def _only(config: dict[str, Any], *known: str) -> None:
    """A key that is not understood might change when the task is due."""
    if unknown := [key for key in config if key not in known]:
        raise Refusal(
            f"schedule_config has {', '.join(map(shown, unknown))}: only {' and '.join(known)} are understood"
        )


def _amount(config: dict[str, Any], key: str) -> float:
    value = config.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10_000_000:
        raise Refusal(f"schedule_config has {key} {shown(value)}: a number is needed")
    return value


# -- what -------------------------------------------------------------------------------------------------
def _handled(fields: Fields, means: Means) -> tuple[dict[str, Any], bool]:
    """The handler and its params; and whether a person should look at it before it runs."""
    kind = fields.line("handler_type")
    handler = HANDLERS.get(kind, kind)
    config = fields.table("handler_config")
    if handler != "command":
        _refuse_unknown(handler, kind, config, means)
        if config and handler in HANDLERS.values():
            fields.notes.append(_unused(config))
        own = {} if handler in HANDLERS.values() else {"params": config}
        return {"handler": handler} | own, False
    command, cautious = _command(fields, config.pop("command", None))
    table: dict[str, Any] = {"command": command}
    if means.cwd:
        table["cwd"] = str(means.cwd.absolute())
    elif not cautious and any("/" in each and not each.startswith(("/", "-")) for each in command):
        fields.notes.append("it names a relative path: see --cwd, which says what folder it starts from")
    if timeout := config.pop("timeout", None):
        table["timeout"] = timeout
    if config:
        fields.notes.append(_unused(config))
    return table, cautious


def _unused(config: dict[str, Any]) -> str:
    """Names alone: a value may be a password."""
    return f"left behind of handler_config: {', '.join(map(shown, config))}"


def _refuse_unknown(handler: str, kind: str, config: dict[str, Any], means: Means) -> None:
    try:
        means.reading.check_handler(handler, config)
    except UsageError as error:
        raise Refusal(f"handler_type is {shown(kind)}, which Jarvis does not have: {error}") from error


def _command(fields: Fields, command: object) -> tuple[list[str], bool]:
    """A list of arguments: never a text that some shell makes something of, unless the list says so itself."""
    if isinstance(command, list) and command and all(isinstance(each, str) for each in command):
        return command, False
    if not isinstance(command, str) or not command.strip():
        raise Refusal(f"handler_config has the command {shown(command)}: a command line is needed")
    if _SHELL.intersection(command.strip()):
        fields.notes.append(
            "its command needs a shell, so it is [sh, -c, ...] here; it is paused until you have looked at it: "
            "`jarvis task show`, `jarvis task resume`"
        )
        return ["sh", "-c", command.strip()], True
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise Refusal(f"handler_config has a command that cannot be split into arguments: {error}") from error
    if found != command.split():
        fields.notes.append(f"its command is {shown(found)} here")
    if _PATTERNS.intersection(command):
        fields.notes.append("no shell replaces *, ?, [ or ~ in its command: they are given as they stand")
    return found, False


# -- where to ---------------------------------------------------------------------------------------------
def _delivered(fields: Fields, means: Means) -> dict[str, Any]:
    kind, config = fields.line("delivery_channel", ""), fields.get("delivery_config")
    if kind in ("", "none"):
        return {}
    name = means.channels.get(kind, kind)
    if name not in means.known:
        fields.notes.append(
            f"its results went by {kind}: no channel is named {name!r} in jarvis.toml, so they are delivered nowhere; "
            f"see --channel, and `jarvis task edit --deliver`"
        )
        return {}
    if config and config != "{}":
        fields.notes.append(f"delivery_config is left behind: the channel {name} says where to")
    return {"deliver": [name]}


# -- and whether ------------------------------------------------------------------------------------------
def _refuse_other_task(memory: MemoryStore, spec: TaskSpec) -> None:
    if spec.name not in memory.tasks.names():
        return
    there = memory.tasks.find(memory.tasks.id_of(spec.name))
    if isinstance(there, Task) and _stated(there) == _stated(spec):
        raise AlreadyThere("a task of that name does the same")
    raise Refusal("a task of that name is here, and does something else: rename one of the two")


def _stated(task: Task | TaskSpec) -> dict[str, Any]:
    return {key: value for key, value in to_table(task).items() if key not in _COUNTED_FROM}
