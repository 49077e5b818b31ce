"""What a `[channels.NAME]` table of jarvis.toml states, checked; every problem of every table at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jarvis.scheduler.suggest import did_you_mean

TIMEOUT = 30.0  # seconds that one send may take
LONGEST = 3600.0
FORMATS = ("json", "text")


class FileSpec(NamedTuple):
    """Each message is appended to a file."""

    path: Path
    format: str = "json"


class CommandSpec(NamedTuple):
    """Each message is the standard input of a command, which sends it."""

    command: tuple[str, ...]
    timeout: float = TIMEOUT


ChannelSpec = FileSpec | CommandSpec
ReadPath = Callable[[object], Path]


class _Bad(ValueError):
    """A value that is not allowed; the text says what is."""


def read_channels(
    tables: Mapping[str, Mapping[str, Any]], read_path: ReadPath
) -> tuple[dict[str, ChannelSpec], list[str]]:
    """The channels by their names, and what is wrong: one line for each key. `read_path` makes a path absolute."""
    channels: dict[str, ChannelSpec] = {}
    problems: list[str] = []
    for name, table in tables.items():
        found, wrong = _channel(name, table, read_path)
        problems += wrong
        if found is not None and not wrong:
            channels[name] = found
    return channels, problems


def _channel(name: str, table: Mapping[str, Any], read_path: ReadPath) -> tuple[ChannelSpec | None, list[str]]:
    problems = (
        [] if _is_name(name) else [f"jarvis.toml key channels.{name!r}: allowed: a name of letters, digits, - and _"]
    )
    kind = table.get("type")
    if kind not in _TYPES:
        got = "nothing" if kind is None else _shown(kind)
        hint = did_you_mean(kind, _TYPES) if isinstance(kind, str) else ""
        allowed = f"{', '.join(_TYPES)}.{hint}"
        return None, [*problems, f"jarvis.toml key channels.{name}.type: got {got}; allowed: {allowed}"]
    spec, readers = _TYPES[kind](read_path)
    values: dict[str, Any] = {}
    for key, wrong in _read(table, readers, values):
        problems.append(f"jarvis.toml key channels.{name}.{key}: {wrong}")
    return (None if problems else spec(**values)), problems


def _read(
    table: Mapping[str, Any], readers: Mapping[str, _Reader], values: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    """Fill `values`; the keys that are wrong, and why."""
    for key in table:
        if key not in readers and key != "type":
            yield str(key), f"not a key of this type; allowed: {', '.join(readers)}.{did_you_mean(str(key), readers)}"
    for key, reader in readers.items():
        try:
            if key in table:
                values[key] = reader.read(table[key])
            elif reader.needed:
                yield key, f"missing; allowed: {reader.allowed}"
        except (ValueError, OSError, RuntimeError) as error:  # these two: no current folder, no user's home
            hint = f" ({error})" if str(error) and not isinstance(error, _Bad) else ""
            yield key, f"got {_shown(table[key])}{hint}; allowed: {reader.allowed}"


class _Reader(NamedTuple):
    read: Callable[[object], Any]
    allowed: str
    needed: bool = False


def _file(read_path: ReadPath) -> tuple[type[FileSpec], dict[str, _Reader]]:
    path = _Reader(read_path, "a file's path", needed=True)
    return FileSpec, {"path": path, "format": _Reader(_format, " or ".join(FORMATS))}


def _command(_read_path: ReadPath) -> tuple[type[CommandSpec], dict[str, _Reader]]:
    command = _Reader(_arguments, 'a list of arguments, such as ["mail", "-s", "Jarvis", "me"]', needed=True)
    return CommandSpec, {"command": command, "timeout": _Reader(_seconds, f"seconds above 0 and up to {LONGEST:g}")}


_TYPES: dict[str, Callable[[ReadPath], tuple[Callable[..., ChannelSpec], dict[str, _Reader]]]] = {
    "command": _command,
    "file": _file,
}


def _format(value: object) -> str:
    if value not in FORMATS:
        raise _Bad
    return str(value)


def _arguments(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not value[0]:
        raise _Bad
    if not all(isinstance(each, str) and "\0" not in each for each in value):
        raise _Bad
    return tuple(value)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST:
        raise _Bad
    return float(value)


def _is_name(name: str) -> bool:
    return bool(name) and name.isascii() and name.replace("-", "").replace("_", "").isalnum()


def _shown(value: object) -> str:
    """Short, and of a list only that it is one: an argument may be a password."""
    text = f"a list of {len(value)}" if isinstance(value, list) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
