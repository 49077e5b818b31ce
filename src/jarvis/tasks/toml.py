"""TOML as text: the few lines that writing a task's table needs. tomllib reads back exactly what was written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from jarvis.errors import UsageError

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def toml_table(path: tuple[str, ...], table: Mapping[str, Any]) -> str:
    """A table under its header, its values one a line, tables within it inline.

    UsageError for what TOML cannot say: null, above all.
    """
    header = f"[{'.'.join(map(toml_key, path))}]"
    return "\n".join([header, *(f"{toml_key(key)} = {_value((key,), value)}" for key, value in table.items())]) + "\n"


def toml_key(key: str) -> str:
    """A key as it is written in TOML."""
    return key if key and _BARE.issuperset(key) else _text(key)


def _value(path: tuple[str, ...], value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value((*path, str(index)), each) for index, each in enumerate(value))}]"
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{toml_key(key)} = {_value((*path, key), each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    said = "null" if value is None else f"a {type(value).__name__}"
    raise UsageError(f"{'.'.join(path)} is {said}, which TOML cannot say")


def _text(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return f"\\u{ord(character):04x}" if character < " " or character == "\x7f" else character
