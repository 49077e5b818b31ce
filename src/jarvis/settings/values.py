"""From the raw value of a setting to one that is checked: a ValueError refuses, a Refused may be shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

from jarvis.scheduler.suggest import did_you_mean
from jarvis.scheduler.zone import ZoneError, load_zone

LARGEST_FILE = 16 * 2**20  # bytes that are read of a TOML file: ten thousand tasks take one or two million

Environ = Mapping[str, str]


class Refused(ValueError):
    """A value that is not allowed, with a hint that may be shown (it never repeats the value)."""


class Place(NamedTuple):
    """What a path may start from."""

    environ: Environ
    home: Path | None
    folder: Path | None  # of relative paths; None is the current folder


Parser = Callable[[object, Place], object]


def parse_toml(data: bytes) -> dict[str, Any]:
    """Parse a TOML file, or refuse it with "line L, column C: reason"."""
    import tomllib  # noqa: PLC0415 (costs milliseconds; many homes have no file)

    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = data[: error.start].split(b"\n")
        raise Refused(f"line {len(before)}, column {len(before[-1]) + 1}: not UTF-8 text") from error
    except ValueError as error:
        reason, _, place = str(error).removesuffix(")").rpartition(" (at ")
        raise Refused(f"{place}: {reason}" if reason else place) from error


def read_text(raw: object) -> str:
    """Accept text (and a Path from a flag) that any file name or log may hold: not empty, UTF-8, no NUL."""
    text = str(raw) if isinstance(raw, Path) else raw
    if not isinstance(text, str) or not text.strip() or b"\0" in text.encode():
        raise Refused
    return text


def read_number(kind: type[int] | type[float], above: int, most: int) -> Parser:
    """Accept a number in plain ASCII; Python alone would take True, 1_000 and other scripts' digits."""

    def parse(raw: object, _place: Place) -> float:
        text = str(raw) if type(raw) in (int, float) else read_text(raw)
        number = kind(text)
        if "_" in text or not text.isascii() or not above < number <= most:
            raise Refused
        return number

    return parse


def read_days(raw: object, place: Place) -> timedelta | None:
    """Accept a number of days, or `forever`, which is None."""
    if raw == "forever":
        return None
    return timedelta(days=cast("float", read_number(float, 0, 36_500)(raw, place)))


def read_choice(*choices: str) -> Parser:
    """Accept one of a few words in any case; returns it as spelled here."""

    def parse(raw: object, _place: Place) -> str:
        by_lower = {choice.lower(): choice for choice in choices}
        word = read_text(raw).strip().lower()
        if word not in by_lower:
            raise Refused(did_you_mean(word, choices).strip())
        return by_lower[word]

    return parse


def read_path(raw: object, place: Place) -> Path:
    """Make a path absolute; ~ and $JARVIS_HOME are understood at its start."""
    path = Path(read_text(raw))
    first, *rest = path.parts or (".",)
    if first == "~":
        return Path(place.environ.get("HOME") or Path.home(), *rest)
    if first == "$JARVIS_HOME" and place.home:
        return Path(place.home, *rest)
    if first.startswith(("~", "$")):
        raise Refused("only ~ and, but for JARVIS_HOME itself, $JARVIS_HOME are replaced")
    return path if path.is_absolute() else (place.folder or Path.cwd()) / path


def read_log_file(raw: object, place: Place) -> Path | None:
    """Accept a path, or - for stderr alone."""
    return None if raw == "-" else read_path(raw, place)


def read_database_url(raw: object, place: Place) -> str:
    """Accept the URL of a SQLite file or of a store in memory."""
    scheme, found, path = read_text(raw).partition("://")
    if scheme.partition("+")[0] in ("postgresql", "postgres"):
        raise Refused("PostgreSQL support is not in this version of Jarvis")
    if scheme != "sqlite" or not found or "?" in path:
        raise Refused
    if path in ("", "/:memory:"):
        return "sqlite://"
    if not path.startswith(("//", "/~/", "/$JARVIS_HOME/")):  # three slashes alone: tools disagree about them
        raise Refused("an absolute path makes four slashes: sqlite:////folder/memory.db")
    return f"sqlite:///{read_path(path[1:], place)}"


def read_label(raw: object, _place: Place) -> str:
    """Accept a name that is also a file's, and a word for every program that is given it."""
    label = read_text(raw)
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", label):
        raise Refused
    return label


def read_zone_name(raw: object, _place: Place) -> str:
    """Accept a name of the time zone database."""
    try:
        return load_zone(read_text(raw)).key
    except ZoneError as error:
        nearest = str(error).partition("Did you mean ")
        raise Refused("".join(nearest[1:])) from error


NOBODY = "nobody"


def read_addresses(raw: object, _place: Place) -> tuple[str, ...]:
    """Accept telephone numbers with + and mail addresses, between commas or in a list; `nobody` is none."""
    return _several(raw, _address, "a telephone number needs its + and country, as in +15551234567")


def _address(text: str) -> str | None:
    from jarvis.addresses import normalised  # noqa: PLC0415 (most homes name none)

    return normalised(text)


def read_chats(raw: object, _place: Place) -> tuple[str, ...]:
    """Accept identifiers of chats, as they are; `nobody` is none."""
    return _several(raw, lambda text: text if text.isprintable() else None, "")


def _several(raw: object, read: Callable[[str], str | None], hint: str) -> tuple[str, ...]:
    if raw == NOBODY:
        return ()
    texts = raw if isinstance(raw, list | tuple) else read_text(raw).split(",")
    found = [read(read_text(text).strip()) for text in texts]
    if None in found or not found:
        raise Refused(hint)
    return tuple(dict.fromkeys(each for each in found if each is not None))


def read_prefix(raw: object, _place: Place) -> str:
    """Accept the short text that commands begin with, on one line."""
    text = read_text(raw).strip()
    if len(text) > 40 or not text.isprintable():
        raise Refused
    return text
