"""`@handler("name")`: how a Python file says which of its functions are handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from jarvis.scheduler.ports import Handler

H = TypeVar("H", bound=Handler)

_LONGEST_NAME = 120


class Claim(msgspec.Struct, frozen=True):
    """One function under one name, and where it stands."""

    name: str
    function: Handler
    source: str


claims: list[Claim] = []
"""Everything registered in this process, in order. The loader takes it from here."""


def handler(name: str) -> Callable[[H], H]:
    """Register a function as the handler `name`. ValueError for a name that could not be typed or shown."""
    if not isinstance(name, str):
        raise TypeError(f'@handler takes a name: write @handler("..."), got {name!r:.60}')
    if not (0 < len(name) <= _LONGEST_NAME and name.isprintable() and name == name.strip() and name[0] != "-"):
        raise ValueError(
            f"a handler cannot be named {name[:60]!r}: use 1 to {_LONGEST_NAME} printable characters, "
            "no space at either end, no dash in front"
        )

    def register(function: H) -> H:
        claims.append(Claim(name, function, place_of(function)))
        return function

    return register


def place_of(function: object) -> str:
    """The file and line of a function; "" for what has none."""
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else ""
