"""What a file in the inbox may hold: `parse(data)` reads one event, or says what is wrong with it. Pure.

Accepted is one JSON object in UTF-8 with `source`, `event_type` (one line of text each) and `payload`
(anything), and if the sender has one an `id` (one line of text, or a whole number): the same id of the same
source is the same event, whatever else the file holds. Other members are ignored. Refused is whatever two
programs could read differently, or not read back: a byte order mark, a name twice in one object, NaN, numbers
beyond a float, halves of surrogate pairs, deep nesting. The payload is kept to the letter.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

DEEPEST = 100
LONGEST_WORD = 200
_MARKS = {b"\xef\xbb\xbf": "UTF-8 with a byte order mark", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}

Container = dict[str, Any] | list[Any]


class Event(msgspec.Struct, frozen=True):
    """One event as it was sent; `payload` is its JSON text."""

    source: str
    event_type: str
    payload: msgspec.Raw
    id: str | int | None = None

    @property
    def key(self) -> str | None:
        """What the sender calls it, as text: 7 and "7" are one."""
        return None if self.id is None else str(self.id)


class Refused(ValueError):
    """What a file holds is no event; the message says why."""


def parse(data: bytes) -> Event:
    """The event in a file's content. Refused if it is none."""
    try:
        _refuse_encoding(data)
        event = msgspec.json.decode(data, type=Event)
        _refuse_depth(msgspec.json.decode(event.payload))  # gone again before the next line takes as much
        json.loads(data, object_pairs_hook=_refuse_twice, parse_int=str, parse_float=str)
    except RecursionError:
        raise Refused(f"nested more than {DEEPEST} deep") from None
    except msgspec.ValidationError as error:
        raise Refused(f"no event: {error}") from None
    except msgspec.DecodeError as error:
        raise Refused(f"no JSON: {error}") from None
    _refuse_word("source", event.source)
    _refuse_word("event_type", event.event_type)
    if event.key is not None:
        _refuse_word("id", event.key)
    return event


def _refuse_encoding(data: bytes) -> None:
    if not data.strip():
        raise Refused("empty")
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            raise Refused(f"{name}: save it as plain UTF-8")
    if b"\0" in data:
        raise Refused("holds NUL bytes: no JSON, or UTF-16 in place of UTF-8")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise Refused(f"no UTF-8 at byte {error.start}: {error.reason}") from None


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Refused(f"the name {twice[:60]!r} twice in one object: which one is meant?")
    return members


def _refuse_depth(payload: object) -> None:
    """Level by level, so that no depth of the payload is a depth of our own stack."""
    level, depth = _containers([payload]), 0
    while level:
        if depth == DEEPEST:
            raise Refused(f"nested more than {DEEPEST} deep")
        level, depth = _containers(inner for outer in level for inner in _members(outer)), depth + 1


def _containers(values: Iterable[object]) -> list[Container]:
    return [value for value in values if isinstance(value, dict | list) and value]


def _members(value: Container) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value


def _refuse_word(name: str, word: str) -> None:
    if not (0 < len(word) <= LONGEST_WORD and word.isprintable() and word == word.strip()):
        raise Refused(
            f"{name} is {word[:60]!r}: use 1 to {LONGEST_WORD} printable characters on one line, no space at either end"
        )
