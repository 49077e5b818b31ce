"""From the raw value of a channel's key to one that is checked. A ValueError with a text says what is wrong with it."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jarvis.scheduler.duration import parse_duration
from jarvis.scheduler.suggest import did_you_mean

LONGEST = 3600.0
ADDRESS = "an address such as me@example.org or Ada <ada@example.org>"

# ASCII alone: other addresses need a server that knows SMTPUTF8, and would fail in the middle of the night.
_ADDRESS = re.compile(r"(?:(?P<name>[^<>\"@,;\x00-\x1f\x7f]*)<)?(?P<address>[!-~]+)(?(name)>)", re.ASCII)
_BARE = re.compile(r"[^\s<>@\",;:\\()\[\]]+@[^\s<>@\",;:\\()\[\]]+")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[?[0-9a-fA-F:]+\]?")
# What only a reference to a secret looks like; `${HOME}` and `${file:-x}` are for the shell that an argument may hold.
_VISIBLE = re.compile(r"\$\{(?:env:[A-Za-z_]\w*|keyring:[^{}]+/[^{}]+|file:[~./][^{}]*)\}")


class Address(NamedTuple):
    """Somebody's e-mail address, with a name if there is one."""

    name: str
    address: str


class Reader(NamedTuple):
    """How a key's value is read, and what is allowed, in words."""

    read: Callable[[Any], Any]
    allowed: str
    needed: bool = False
    open: bool = False  # references to secrets are not looked up in it
    hidden: bool = False  # it may hold a secret itself: never shown
    field: str = ""  # of the spec, where it is not called as the key


def choice(*words: str) -> Reader:
    """One of a few words."""

    def read(value: object) -> str:
        if value not in words:
            raise ValueError(did_you_mean(value, words).strip() if isinstance(value, str) else "")
        return str(value)

    return Reader(read, " or ".join(words))


def arguments(value: object) -> tuple[str, ...]:
    """A command: no part of it may name a secret, as everybody on the machine can see arguments."""
    if not isinstance(value, list) or not value or not value[0]:
        raise ValueError
    if not all(isinstance(each, str) and "\0" not in each for each in value):
        raise ValueError
    if any(_VISIBLE.search(each) for each in value):
        raise ValueError("everybody on this machine can see the arguments of a command: give it the secret in env")
    return tuple(value)


def variables(value: object) -> tuple[tuple[str, str], ...]:
    """A command's own variables."""
    if not isinstance(value, Mapping):
        raise ValueError
    for name, text in value.items():
        if not name or "=" in name or "\0" in name or not isinstance(text, str) or "\0" in text:
            raise ValueError
    return tuple(value.items())


def seconds(value: object) -> float:
    """Above 0 and up to an hour."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST:
        raise ValueError
    return float(value)


def whole(least: int, most: int) -> Callable[[object], int]:
    """A whole number in a range."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError
        return value

    return read


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError
    return value


def lifetime(value: object) -> timedelta:
    """From a second to a month."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError
    found = parse_duration(value)
    if not timedelta(seconds=1) <= found <= timedelta(days=31):
        raise ValueError
    return found


def line(value: object) -> str:
    """A text on one line."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError
    return value


def plain(value: object) -> str:
    """One line that no program can take for an option."""
    text = line(value)
    if text.startswith("-"):
        raise ValueError("a leading dash would read as an option")
    return text


def host(value: object) -> str:
    """The name or number of a machine."""
    text = line(value)
    if not _HOST.fullmatch(text) or text.startswith("-"):
        raise ValueError
    return text


def any_url(value: object) -> str:
    """A URL of any scheme: Apprise knows more of them than anybody can list."""
    text = line(value)
    if not _SCHEME.match(text):
        raise ValueError("it does not begin with a scheme such as ntfy://")
    return text


def web_url(value: object) -> str:
    """A URL that HTTP can post to."""
    text = line(value)
    try:
        parts = urlsplit(text)
        _ = parts.port  # only now does it say that it is none
    except ValueError:
        raise ValueError("it is no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isascii() or " " in text:
        raise ValueError
    if parts.fragment:
        raise ValueError("what follows # is never sent")
    return text


def headers(value: object) -> tuple[tuple[str, str], ...]:
    """HTTP headers, each on one line."""
    if not isinstance(value, Mapping):
        raise ValueError
    for name, text in value.items():
        if not _HEADER.fullmatch(name) or not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise ValueError
        if name.lower() in ("content-length", "host", "transfer-encoding", "connection") or name.lower().startswith(
            "webhook-"
        ):
            raise ValueError(f"{name} is set by Jarvis")
    return tuple(value.items())


def signing_key(value: object) -> bytes:
    """The secret of Standard Webhooks: base64, with whsec_ before it or not."""
    try:
        key = binascii.a2b_base64(line(value).removeprefix("whsec_"), strict_mode=True)
    except binascii.Error:
        raise ValueError("it is not base64") from None
    if len(key) < 16:
        raise ValueError("it is shorter than 16 bytes")
    return key


def address(value: object) -> Address:
    """An e-mail address."""
    match = _ADDRESS.fullmatch(line(value).strip())
    if match is None or not _BARE.fullmatch(match["address"]):
        raise ValueError
    return Address((match["name"] or "").strip(), match["address"])


def addresses(value: object) -> tuple[Address, ...]:
    """One address, or a list of them."""
    found = tuple(address(each) for each in (value if isinstance(value, list) else [value]))
    if not found:
        raise ValueError
    return found


def is_loopback(name: str) -> bool:
    """Whether a host is this machine, for sure."""
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name.lower() == "localhost"
