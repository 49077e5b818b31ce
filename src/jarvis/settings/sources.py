"""What an `[inbox.sources.NAME]` table of jarvis.toml states, checked; every problem of every table at once.

A source is somebody who sends events to `jarvis inbox serve`: how they sign, and where the event's type and id stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from jarvis.scheduler.duration import parse_duration
from jarvis.scheduler.size import parse_size
from jarvis.scheduler.suggest import did_you_mean
from jarvis.settings.secretref import check, references

SIGNATURES = ("standard-webhooks", "github", "stripe", "none")
LARGEST = (1 << 20) - (8 << 10)  # bytes: with what is written around it, a body is no bigger than a file may be
LONGEST_WINDOW = 86400.0  # seconds
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_FIELD = re.compile(r"[^.\s]{1,100}(\.[^.\s]{1,100}){0,9}")


class Source(NamedTuple):
    """Who sends, and how. The secrets are references, looked up when the receiver starts."""

    signature: str
    secrets: tuple[str, ...] = ()  # several while one replaces another: any of them will do
    event_type: str = ""  # of every event, or of those that name none
    type_header: str = ""
    type_field: str = ""  # of the body: `type`, or `data.kind`
    id_header: str = ""
    id_field: str = ""
    max_size: int = LARGEST  # bytes of a body
    tolerance: float = 300.0  # seconds that a signature's time may be off
    per_minute: int = 600  # events; more is refused for a while

    @property
    def signed(self) -> bool:
        """Whether a sender proves who they are."""
        return self.signature != "none"


#: Where each kind of sender puts type and id, unless the table says otherwise.
_PLACES: dict[str, dict[str, str]] = {
    "standard-webhooks": {"type_field": "type"},
    "github": {"type_header": "X-GitHub-Event"},
    "stripe": {"type_field": "type", "id_field": "id"},
    "none": {"type_field": "type", "event_type": "event", "id_header": "Idempotency-Key"},
}


class _Bad(ValueError):
    """A value that is not allowed; the text, if any, may be shown."""


def read_sources(tables: Mapping[str, Any]) -> tuple[dict[str, Source], list[str]]:
    """The sources by their names, and what is wrong: one line for each key. Never shows a secret's value."""
    sources: dict[str, Source] = {}
    problems: list[str] = []
    for name, table in tables.items():
        key = f"jarvis.toml key inbox.sources.{name}"
        if not _NAME.fullmatch(name):
            problems.append(f"{key}: allowed: a name of letters, digits, - and _, up to 64")
        elif not isinstance(table, dict):
            problems.append(f"{key}: allowed: a table [inbox.sources.NAME]")
        else:
            values: dict[str, Any] = {}
            wrong = [f"{key}.{part}: {why}" for part, why in _read(table, values)]
            problems += wrong
            if not wrong:
                sources[name] = Source(**{**_PLACES[values["signature"]], **values})
    return sources, problems


def _read(table: Mapping[str, Any], values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Fill `values`; the keys that are wrong, and why."""
    for key in table:
        if key not in _READERS:
            yield str(key), f"not a key of a source; allowed: {', '.join(_READERS)}.{did_you_mean(str(key), _READERS)}"
    for key, (field, read, allowed) in _READERS.items():
        if key in table:
            try:
                values[field] = read(table[key])
            except ValueError as error:
                hint = f" ({error})" if str(error) and isinstance(error, _Bad) else ""
                yield key, f"not allowed{hint}; allowed: {allowed}"
    if "signature" not in table:
        yield "signature", f"missing; allowed: {', '.join(SIGNATURES)}"
    elif values.get("signature", "none") != "none" and "secret" not in table:
        yield "secret", f"missing; allowed: {_REFERENCES}"
    elif values.get("signature") == "none" and "secret" in table:
        yield "secret", 'nothing is signed with it: signature is "none"'


def _signature(value: object) -> str:
    if value not in SIGNATURES:
        raise _Bad(f"got {value!r}.{did_you_mean(value, SIGNATURES)}" if isinstance(value, str) else "")
    return str(value)


def _secrets(value: object) -> tuple[str, ...]:
    given: list[object] = value if isinstance(value, list) else [value]
    texts = [each for each in given if isinstance(each, str)]
    if not texts or len(texts) < len(given):
        raise _Bad
    for each in texts:
        try:
            check(each)
        except ValueError as error:
            raise _Bad(str(error)) from error
        if not references(each):
            raise _Bad("a secret itself does not belong in this file")
    return tuple(texts)


def _matching(pattern: re.Pattern[str]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise _Bad
        return value

    return read


def _word(value: object) -> str:
    if not (isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable() and value == value.strip()):
        raise _Bad
    return value


def _size(value: object) -> int:
    size = parse_size(value)
    if size > LARGEST:
        raise _Bad(f"{size} bytes are more than a file of the inbox can take")
    return size


def _window(value: object) -> float:
    if not isinstance(value, str | int | float):
        raise _Bad
    seconds = parse_duration(value).total_seconds()
    if not 0 < seconds <= LONGEST_WINDOW:
        raise _Bad
    return seconds


def _rate(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 1_000_000:
        raise _Bad
    return value


_REFERENCES = '"${env:NAME}", "${keyring:SERVICE/NAME}" or "${file:PATH}", or a list of them while one replaces another'
_READERS: dict[str, tuple[str, Callable[[object], Any], str]] = {
    "signature": ("signature", _signature, ", ".join(SIGNATURES)),
    "secret": ("secrets", _secrets, _REFERENCES),
    "event_type": ("event_type", _word, "1 to 200 printable characters"),
    "type_header": ("type_header", _matching(_HEADER), "a header's name"),
    "type_field": ("type_field", _matching(_FIELD), 'a member of the body, such as "type" or "data.kind"'),
    "id_header": ("id_header", _matching(_HEADER), "a header's name"),
    "id_field": ("id_field", _matching(_FIELD), 'a member of the body, such as "id" or "data.id"'),
    "max_size": ("max_size", _size, f'an amount such as "256KB", up to {LARGEST} bytes'),
    "tolerance": ("tolerance", _window, 'a duration above 0 and up to a day, such as "5m"'),
    "per_minute": ("per_minute", _rate, "a whole number from 1 to 1000000"),
}
