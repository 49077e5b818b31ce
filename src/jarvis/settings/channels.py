"""What a `[channels.NAME]` table of jarvis.toml states, checked; every problem of every table at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jarvis.scheduler.care import USUAL_CARE, Care
from jarvis.scheduler.suggest import did_you_mean, shortened
from jarvis.settings import secretref
from jarvis.settings.channel_values import (
    ADDRESS,
    LONGEST,
    Address,
    Reader,
    address,
    addresses,
    any_url,
    arguments,
    choice,
    flag,
    headers,
    host,
    is_loopback,
    lifetime,
    line,
    plain,
    seconds,
    signing_key,
    variables,
    web_url,
    whole,
)

TIMEOUT = 30.0  # seconds that one send may take
PORTS = {"starttls": 587, "tls": 465, "none": 25}


# -- what each type states --------------------------------------------------------------------------------
class FileSpec(NamedTuple):
    """Each message is appended to a file."""

    path: Path
    format: str = "json"


class CommandSpec(NamedTuple):
    """Each message is the standard input of a command, which sends it."""

    command: tuple[str, ...]
    timeout: float = TIMEOUT
    env: tuple[tuple[str, str], ...] = ()


class AppriseSpec(NamedTuple):
    """A service that Apprise knows by its URL."""

    url: str
    timeout: float = TIMEOUT


class SmtpSpec(NamedTuple):
    """E-mail, handed to a server. `port` 0: the usual one."""

    host: str
    sender: Address
    to: tuple[Address, ...]
    port: int = 0
    tls: str = "starttls"
    user: str = ""
    password: str = ""
    timeout: float = TIMEOUT


class WebhookSpec(NamedTuple):
    """JSON posted to a URL; signed if there is a secret."""

    url: str
    secret: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    timeout: float = TIMEOUT


class IMessageSpec(NamedTuple):
    """The program Messages of macOS: to somebody, or into a chat."""

    to: str = ""
    chat: str = ""
    service: str = "iMessage"
    timeout: float = TIMEOUT


class DesktopSpec(NamedTuple):
    """What the desktop shows in a corner."""

    timeout: float = TIMEOUT


Means = FileSpec | CommandSpec | AppriseSpec | SmtpSpec | WebhookSpec | IMessageSpec | DesktopSpec
ReadPath = Callable[[object], Path]


class ChannelSpec(NamedTuple):
    """A channel: its means, and what is done with what it cannot deliver.

    Where the table names secrets, `means` has the references still in it: `filled` looks them up.
    """

    type: str
    means: Means
    care: Care = USUAL_CARE
    table: Mapping[str, Any] = {}  # as it was given, where it names secrets; else empty

    @property
    def target(self) -> str:
        """Where it leads, without what may be a secret."""
        return _target(self.means)


# -- reading ----------------------------------------------------------------------------------------------
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
    return channels, problems + list(_wrong_fallbacks(channels, tables))


def filled(spec: ChannelSpec, secrets: secretref.Secrets) -> Means:
    """The means with every secret looked up. SecretError, or ValueError where a secret is not what it has to be."""
    if not spec.table:
        return spec.means
    kind = _TYPES[spec.type](Path)  # type: ignore[arg-type]  # a path names no secret: none is read here
    table = {key: _resolved(value, secrets) if not kind[key].open else value for key, value in spec.table.items()}
    values: dict[str, Any] = {}
    for key, wrong in _read(table, kind, values, secret=True):
        raise ValueError(f"the secret in {key} is none that it can use: {wrong}")
    return _SPECS[spec.type](**values)


def _channel(name: str, table: Mapping[str, Any], read_path: ReadPath) -> tuple[ChannelSpec | None, list[str]]:
    problems = (
        [] if _is_name(name) else [f"jarvis.toml key channels.{name!r}: allowed: a name of letters, digits, - and _"]
    )
    kind = table.get("type", "apprise" if "url" in table else None)
    if not isinstance(kind, str) or kind not in _TYPES:
        got = "nothing" if kind is None else _shown(kind)
        hint = did_you_mean(kind, _TYPES) if isinstance(kind, str) else ""
        allowed = f"{', '.join(_TYPES)}; or a url that Apprise knows.{hint}"
        return None, [*problems, f"jarvis.toml key channels.{name}.type: got {got}; allowed: {allowed}"]
    own, readers = {key: value for key, value in table.items() if key != "type"}, _TYPES[kind](read_path)
    care: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for key, wrong in (*_read(own, readers, values, also=_CARE), *_read_care(own, care)):
        problems.append(f"jarvis.toml key channels.{name}.{key}: {wrong}")
    if problems:
        return None, problems
    means = _SPECS[kind](**values)
    problems += [f"jarvis.toml key channels.{name}.{key}: {wrong}" for key, wrong in _at_odds(means)]
    named = {key: own[key] for key in readers if key in own and _names_secret(readers[key], own[key])}
    kept = {key: own[key] for key in readers if key in own} if named else {}
    return (None if problems else ChannelSpec(kind, means, Care(**care), kept)), problems


def _read(
    table: Mapping[str, Any],
    readers: Mapping[str, Reader],
    values: dict[str, Any],
    *,
    also: Mapping[str, Reader] = {},
    secret: bool = False,
) -> Iterator[tuple[str, str]]:
    """Fill `values`; the keys that are wrong, and why. `secret`: secrets stand in the table, to be checked as well."""
    known = (*readers, *also)
    for key in table:
        if key not in known:
            yield str(key), f"not a key of this type; allowed: {', '.join(known)}.{did_you_mean(str(key), known)}"
    for key, reader in readers.items():
        if key not in table:
            if reader.needed:
                yield key, f"missing; allowed: {reader.allowed}"
            continue
        try:
            named = not secret and _names_secret(reader, table[key])
            values[reader.field or key] = _unread(table[key]) if named else reader.read(table[key])
        except (ValueError, OSError, RuntimeError) as error:  # these two: no current folder, no user's home
            hint = f" ({error})" if str(error) else ""
            got = "a value not shown here" if reader.hidden or secret else _shown(table[key])
            yield key, f"got {got}{hint}; allowed: {reader.allowed}"


def _read_care(table: Mapping[str, Any], care: dict[str, Any]) -> Iterator[tuple[str, str]]:
    return _read({key: table[key] for key in _CARE if key in table}, _CARE, care)


def _names_secret(reader: Reader, value: object) -> bool:
    """Whether something in it is to be looked up. ValueError for a reference that is none."""
    return not reader.open and any("${" in secretref.check(text) for text in _texts(value))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(each)


def _resolved(value: Any, secrets: secretref.Secrets) -> Any:
    """A value with every reference in it looked up."""
    if isinstance(value, str):
        return secrets.resolve(value)
    if isinstance(value, Mapping):
        return {key: _resolved(each, secrets) for key, each in value.items()}
    return [_resolved(each, secrets) for each in value] if isinstance(value, list) else value


def _unread(value: Any) -> Any:
    """A value that cannot be judged yet, in the form that a spec may hold."""
    if isinstance(value, Mapping):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value


def _wrong_fallbacks(channels: Mapping[str, ChannelSpec], tables: Mapping[str, object]) -> Iterator[str]:
    """Fallbacks that lead nowhere or in a circle."""
    for name, spec in channels.items():
        way, now = [name], spec.care.fallback
        if now and now not in tables:
            hint = did_you_mean(now, tables)
            yield f"jarvis.toml key channels.{name}.fallback: got {now!r}; allowed: the name of another channel.{hint}"
        while now in channels and now not in way:
            way.append(now)
            now = channels[now].care.fallback
        if now == name:
            yield f"jarvis.toml key channels.{name}.fallback: goes in a circle: {' -> '.join([*way, now])}"


def _at_odds(means: Means) -> Iterator[tuple[str, str]]:
    """Keys that are right each by itself, and not together."""
    if isinstance(means, IMessageSpec) and bool(means.to) == bool(means.chat):
        yield "to", "give one of to (somebody) and chat (a chat's identifier)"
    if isinstance(means, SmtpSpec):
        if bool(means.user) != bool(means.password):
            yield "user", "give both user and password, or none of them"
        if means.tls == "none" and means.password and not is_loopback(means.host):
            yield "tls", "without TLS the password could be read on its way: use starttls or tls"


# -- showing ----------------------------------------------------------------------------------------------
def _target(means: Means) -> str:
    if isinstance(means, FileSpec):
        return str(means.path)
    if isinstance(means, CommandSpec):
        return means.command[0]  # what follows may be a password
    if isinstance(means, AppriseSpec):
        return means.url if means.url.startswith("${") else f"{means.url.partition('://')[0]}://***"
    if isinstance(means, SmtpSpec):
        to: Any = means.to  # a text where it names a secret: it was not read yet
        return f"{to if isinstance(to, str) else ', '.join(map(_mailbox, to))} by {means.host}"
    if isinstance(means, WebhookSpec):
        parts = urlsplit(means.url)
        return f"{parts.scheme}://{parts.hostname}/***" if parts.hostname and "${" not in parts.netloc else "***"
    return (means.to or means.chat) if isinstance(means, IMessageSpec) else ""


def _mailbox(each: Address | str) -> str:
    return each if isinstance(each, str) else each.address


def _is_name(name: str) -> bool:
    return bool(name) and name.isascii() and name.replace("-", "").replace("_", "").isalnum()


def _shown(value: object) -> str:
    """Short, and of a list or a table only that it is one: a part of it may be a password."""
    if isinstance(value, list | Mapping):
        return f"a {'list' if isinstance(value, list) else 'table'} of {len(value)}"
    return shortened(repr(value))


# -- the table of types -----------------------------------------------------------------------------------
_TIMEOUT = Reader(seconds, f"seconds above 0 and up to {LONGEST:g}")

_CARE: dict[str, Reader] = {
    "fallback": Reader(line, "the name of another channel", open=True),
    "fallback_on_unknown": Reader(flag, "true or false"),
    "retries": Reader(whole(0, 1000), "a whole number from 0 to 1000"),
    "expires": Reader(lifetime, 'a duration from "1s" to "31d"', open=True),
}

_SPECS: dict[str, Callable[..., Means]] = {
    "apprise": AppriseSpec,
    "command": CommandSpec,
    "desktop": DesktopSpec,
    "file": FileSpec,
    "imessage": IMessageSpec,
    "smtp": SmtpSpec,
    "webhook": WebhookSpec,
}


def _apprise(_read_path: ReadPath) -> dict[str, Reader]:
    url = Reader(any_url, "a URL that Apprise knows, such as ntfy://ntfy.sh/TOPIC", needed=True, hidden=True)
    return {"url": url, "timeout": _TIMEOUT}


def _command(_read_path: ReadPath) -> dict[str, Reader]:
    command = Reader(arguments, 'a list of arguments, such as ["mail", "-s", "Jarvis", "me"]', needed=True, open=True)
    return {
        "command": command,
        "timeout": _TIMEOUT,
        "env": Reader(variables, "a table of names and texts", hidden=True),
    }


def _desktop(_read_path: ReadPath) -> dict[str, Reader]:
    return {"timeout": _TIMEOUT}


def _file(read_path: ReadPath) -> dict[str, Reader]:
    return {"path": Reader(read_path, "a file's path", needed=True, open=True), "format": choice("json", "text")}


def _imessage(_read_path: ReadPath) -> dict[str, Reader]:
    return {
        "to": Reader(plain, "a telephone number or an address that iMessage knows"),
        "chat": Reader(plain, "a chat's identifier, such as iMessage;+;chat123"),
        "service": choice("iMessage", "SMS"),
        "timeout": _TIMEOUT,
    }


def _smtp(_read_path: ReadPath) -> dict[str, Reader]:
    return {
        "host": Reader(host, "the mail server's name", needed=True),
        "from": Reader(address, ADDRESS, needed=True, field="sender"),
        "to": Reader(addresses, f"{ADDRESS}, or a list of them", needed=True),
        "port": Reader(whole(1, 65535), "a whole number from 1 to 65535"),
        "tls": choice("starttls", "tls", "none"),
        "user": Reader(line, "a text"),
        "password": Reader(line, "a text, such as ${keyring:mail/me}", hidden=True),
        "timeout": _TIMEOUT,
    }


def _webhook(_read_path: ReadPath) -> dict[str, Reader]:
    return {
        "url": Reader(web_url, "a URL with https:// (or http://)", needed=True, hidden=True),
        "secret": Reader(signing_key, "16 bytes or more in base64, such as ${keyring:hook/me}", hidden=True),
        "headers": Reader(headers, "a table of names and texts", hidden=True),
        "timeout": _TIMEOUT,
    }


_TYPES: dict[str, Callable[[ReadPath], dict[str, Reader]]] = {
    "apprise": _apprise,
    "command": _command,
    "desktop": _desktop,
    "file": _file,
    "imessage": _imessage,
    "smtp": _smtp,
    "webhook": _webhook,
}

__all__ = [
    "AppriseSpec", "ChannelSpec", "CommandSpec", "DesktopSpec", "FileSpec", "IMessageSpec", "Means", "SmtpSpec",
    "WebhookSpec", "filled", "read_channels",
]  # fmt: skip
