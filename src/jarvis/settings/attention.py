"""What the `[attention]` table of jarvis.toml states, checked; every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from jarvis.scheduler.attention import Attention, Settings
from jarvis.scheduler.duration import parse_duration
from jarvis.scheduler.quiet import QuietError, Window, read_time, read_window, refuse_endless
from jarvis.scheduler.suggest import did_you_mean, shortened
from jarvis.scheduler.zone import ZoneError, load_zone

MOST_WINDOWS = 50
MOST_TIMES = 24
MOST_A_DAY = 10_000
LEAST_REMIND = timedelta(minutes=1)


class _Bad(ValueError):
    """A value of the wrong kind: what is allowed says it all."""


class _Reader(NamedTuple):
    field: str
    read: Callable[[object], Any]
    allowed: str


def read_attention(table: Mapping[str, Any], tz: str, channels: Collection[str]) -> tuple[Settings, list[str]]:
    """The settings, and what is wrong: one line for each key. `tz` is the zone of what names none."""
    problems: list[str] = []
    own = table.get("channels", {})
    usual = _section({key: table[key] for key in table if key != "channels"}, "attention", Attention(tz=tz), problems)
    if not isinstance(own, Mapping):
        problems.append("jarvis.toml key attention.channels: allowed: tables [attention.channels.NAME]")
        own = {}
    found = {}
    for name, section in own.items():
        key = f"attention.channels.{name}"
        if name not in channels:
            known = ", ".join(sorted(channels)) or "none"
            problems.append(
                f"jarvis.toml key {key}: no such channel; there are: {known}.{did_you_mean(name, channels)}"
            )
        elif not isinstance(section, Mapping):
            problems.append(f"jarvis.toml key {key}: allowed: a table [{key}]")
        else:
            found[name] = _section(section, key, usual, problems)
    return Settings(usual, found), problems


def _section(table: Mapping[str, Any], key: str, usual: Attention, problems: list[str]) -> Attention:
    """What one table says; what it does not say is as usual."""
    values: dict[str, Any] = {}
    problems += [f"jarvis.toml key {key}.{name}: {wrong}" for name, wrong in _read(table, values)]
    return usual._replace(**values)


def _read(table: Mapping[str, Any], values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Fill `values`; the keys that are wrong, and why."""
    for name, raw in table.items():
        if name not in _READERS:
            yield name, f"not a key of attention; allowed: {', '.join(_READERS)}.{did_you_mean(name, _READERS)}"
            continue
        reader = _READERS[name]
        try:
            values[reader.field] = reader.read(raw)
        except ValueError as error:
            hint = "" if isinstance(error, _Bad) else f" ({error})"
            yield name, f"got {shortened(repr(raw))}{hint}; allowed: {reader.allowed}"


def _quiet(raw: object) -> tuple[Window, ...]:
    windows = tuple(map(read_window, _texts(raw, MOST_WINDOWS)))
    refuse_endless(windows)
    return windows


def _times(raw: object) -> tuple[int, ...]:
    times = _texts(raw, MOST_TIMES)
    if not times:
        raise QuietError("without a time what waits for a digest would wait for ever")
    return tuple(sorted({read_time(each.strip()) for each in times}))


def _texts(raw: object, most: int) -> list[str]:
    if not isinstance(raw, list) or len(raw) > most or not all(isinstance(each, str) for each in raw):
        raise _Bad
    return raw


def _zone(raw: object) -> str:
    try:
        return load_zone(raw).key  # type: ignore[arg-type]  # it refuses what is no text
    except ZoneError as error:
        nearest = str(error).partition("Did you mean ")
        raise (QuietError("".join(nearest[1:])) if nearest[1] else _Bad()) from error


def _cap(raw: object) -> int | None:
    if raw == "none":
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 < raw <= MOST_A_DAY:
        raise _Bad
    return raw


def _remind(raw: object) -> timedelta | None:
    if raw == "never":
        return None
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise _Bad
    length = parse_duration(raw)
    if length < LEAST_REMIND:
        raise QuietError("for each failure write same-told where the task says deliver")
    return length


_READERS = {
    "quiet": _Reader(
        "quiet", _quiet, f'a list of up to {MOST_WINDOWS} windows such as ["22:00-07:00", "sat,sun 00:00-10:00"]'
    ),
    "zone": _Reader("tz", _zone, "an IANA time zone name, such as America/Denver"),
    "digest": _Reader("digest", _times, f'a list of 1 to {MOST_TIMES} times such as ["08:00", "18:00"]'),
    "cap": _Reader("cap", _cap, f'a whole number from 1 to {MOST_A_DAY}, or "none"'),
    "remind": _Reader("remind", _remind, 'a duration of at least a minute such as "1d", or "never"'),
}
