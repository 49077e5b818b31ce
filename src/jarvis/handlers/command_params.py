"""What the params of a command may be, said before anything is started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from jarvis.errors import UsageError
from jarvis.scheduler.duration import parse_duration
from jarvis.scheduler.suggest import did_you_mean, shortened

OURS = (
    "JARVIS_TASK",
    "JARVIS_RUN_ID",
    "JARVIS_OCCURRENCE",
    "JARVIS_DUE_AT",
    "JARVIS_ATTEMPT",
    "JARVIS_OWNER",
)
"""What Jarvis itself puts into the environment of a command."""


LONGEST_KILL_GRACE = timedelta(hours=1)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The params of a command, checked."""

    command: tuple[str, ...]
    cwd: str | None = None
    env: dict[str, str] = {}
    stdin: str | None = None
    kill_grace: timedelta | None = None  # None: as the handler has it


def check_params(params: Mapping[str, Any]) -> None:
    """Raise UsageError if these cannot be the params of a command."""
    read_params(params)


def read_params(params: Mapping[str, Any]) -> Wanted:
    """The params, checked; UsageError says what, what we got and what is allowed."""
    for name in params:
        if name not in Wanted.__struct_fields__:
            allowed = ", ".join(Wanted.__struct_fields__)
            hint = did_you_mean(str(name), Wanted.__struct_fields__)
            raise UsageError(f"command has no param {name!r}: allowed are {allowed}.{hint}")
    return Wanted(
        command=_read_command(params.get("command")),
        cwd=_read_cwd(params.get("cwd")),
        env=_read_env(params.get("env")),
        stdin=_read_stdin(params.get("stdin")),
        kill_grace=_read_kill_grace(params.get("kill_grace")),
    )


def _read_command(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        raise UsageError(
            f"command is the text {_shown(value)}: it must be a list of arguments, such as "
            '["echo", "hi"]; for a shell write ["sh", "-c", "..."]'
        )
    if not isinstance(value, list | tuple) or not value:
        raise UsageError(f'command is {_shown(value)}: it must be a list of arguments, such as ["echo", "hi"]')
    for number, argument in enumerate(value):
        _check_text(f"command[{number}]", argument)
    if not value[0]:
        raise UsageError("command[0] is empty: it must name the program")
    return tuple(value)


def _read_cwd(value: object) -> str | None:
    if value is None:
        return None
    text = _check_text("cwd", value)
    if text != "~" and not text.startswith(("/", "~/")):
        raise UsageError(f"cwd is {_shown(text)}: it must be an absolute folder, or begin with ~/")
    return text


def _read_env(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError(f'env is a {type(value).__name__}: it must be a table of texts, such as {{"LANG": "C"}}')
    return {_read_name(name): _check_text(f"env {name}", text, secret=True) for name, text in value.items()}


def _read_name(name: object) -> str:
    text = _check_text("a name in env", name)
    if not text or "=" in text:
        raise UsageError(f"env has the name {_shown(text)}: it must not be empty or hold '='")
    if text in OURS:
        raise UsageError(f"env has the name {text}: Jarvis sets it, choose another")
    return text


def _read_stdin(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise UsageError(f"stdin is a {type(value).__name__}: it must be a text")
    return value


def _read_kill_grace(value: object) -> timedelta | None:
    if value is None:
        return None
    try:
        grace = parse_duration(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        grace = None
    if grace is None or not timedelta() <= grace <= LONGEST_KILL_GRACE:
        raise UsageError(f"kill_grace is {_shown(value)}: it must be a duration from 0 to 1h, such as 10s")
    return grace


def _check_text(what: str, value: object, *, secret: bool = False) -> str:
    """A text that the system takes as an argument: no NUL, and only characters that have bytes."""
    if not isinstance(value, str):
        raise UsageError(f"{what} is {_kind(value) if secret else _shown(value)}: it must be a text")
    try:
        if b"\0" in os.fsencode(value):
            raise UsageError(f"{what} holds a NUL character, which no argument, name or value can")
    except UnicodeEncodeError:
        raise UsageError(f"{what} holds a character that has no bytes (half of a surrogate pair)") from None
    return value


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"


def _shown(value: object) -> str:
    return "missing" if value is None else shortened(repr(value))
