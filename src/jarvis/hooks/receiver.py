"""One request to one answer: who sent it, is it an event, was it here before, is there room; then it is in the inbox.

An event is answered with success only once its file is durably there, and only if the poll will take it in: what a
poll would refuse is refused here. Nothing of a request but its path is logged.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import math
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import msgspec

from jarvis.hooks.drop import Room, drop
from jarvis.hooks.replays import Rate, Replays
from jarvis.hooks.signatures import BadSignature, Headers, verify
from jarvis.scheduler.ports import Clock
from jarvis.settings.sources import Source

_LOG = logging.getLogger("jarvis.hooks")
MOST_WAITING = 20_000  # files in the inbox; more are not taken on
_FORWARDED = {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "cf-connecting-ip", "via"}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


class Answer(NamedTuple):
    """What the sender is told."""

    status: int
    body: dict[str, Any]
    retry_after: int | None = None  # seconds


class Sender(NamedTuple):
    """A source with the keys its secrets stand for."""

    source: Source
    keys: tuple[bytes, ...]
    rate: Rate


class _Refusal(Exception):
    def __init__(self, status: int, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = None if retry_after is None else max(1, math.ceil(retry_after))


class Receiver:
    """Takes requests for its senders; called by many threads at once.

    `check` raises ValueError for the content of a file that the poll would refuse.
    """

    def __init__(
        self, inbox: Path, senders: Mapping[str, Sender], clock: Clock, check: Callable[[bytes], object]
    ) -> None:
        self.senders = senders
        self._inbox = inbox
        self._clock = clock
        self._check = check
        self._replays = Replays()
        self._room = Room(inbox, MOST_WAITING)

    def receive(self, name: str, headers: Headers, body: bytes, *, near: bool) -> Answer:
        """Take one request in. `near`: it comes from this machine, which is all that proves an unsigned one."""
        try:
            return self._receive(name, self.senders[name], headers, body, near)
        except _Refusal as refusal:
            return Answer(refusal.status, {"error": str(refusal)}, refusal.retry_after)
        except OSError as error:
            _LOG.error("an event of %s could not be written: %s", name, error)
            text = "no space is left for it" if error.errno in _NO_SPACE else "it could not be written"
            return Answer(503, {"error": text}, 60)

    def _receive(self, name: str, sender: Sender, headers: Headers, body: bytes, near: bool) -> Answer:
        identity = self._verified(sender, headers, body, near)
        content, identity, given = self._event(name, sender.source, headers, body, identity)
        keys = _keys(name, sender.source, identity, body)
        if any(self._replays.known(key, monotonic()) for key in keys):
            return Answer(200, {"accepted": True, "id": identity, "duplicate": True})
        if wait := sender.rate.take(monotonic()):
            raise _Refusal(429, f"more than {sender.source.per_minute} events a minute", wait)
        if self._room.full():
            raise _Refusal(503, "the inbox is full: its files are not being taken in", 60)
        drop(self._inbox, self._file_name(name), content)
        for key in keys if given else ():
            self._replays.keep(key, monotonic())
        return Answer(202, {"accepted": True, "id": identity})

    def _verified(self, sender: Sender, headers: Headers, body: bytes, near: bool) -> str | None:
        source = sender.source
        if not source.signed:
            _check_local(headers, near)
            return None
        try:
            now = self._clock.now().timestamp()
            return verify(source.signature, sender.keys, headers, body, now=now, tolerance=source.tolerance)
        except BadSignature as error:
            raise _Refusal(401, str(error)) from error

    def _event(
        self, name: str, source: Source, headers: Headers, body: bytes, identity: str | None
    ) -> tuple[bytes, str, bool]:
        """The content of its file, its id, and whether the sender gave that."""
        members = _members(body)
        given = identity or _word(source.id_header, source.id_field, headers, members) or _delivery(source, headers)
        event_type = _word(source.type_header, source.type_field, headers, members) or source.event_type
        if not event_type:
            where = f"header {source.type_header}" if source.type_header else f"member {source.type_field} of the body"
            raise _Refusal(400, f"no event type: the {where} is missing or no text")
        identity = given or f"received-{secrets.token_hex(16)}"
        content = msgspec.json.encode(
            {"source": name, "event_type": event_type, "id": identity, "payload": msgspec.Raw(body)}
        )
        try:
            self._check(content)
        except ValueError as error:
            raise _Refusal(400, str(error)) from error
        return content, identity, bool(given)

    def _file_name(self, name: str) -> str:
        """In the order of arrival, which is the order of names."""
        now: datetime = self._clock.now()
        return f"{now:%Y%m%dT%H%M%S.%f}Z-{name}-{secrets.token_hex(6)}.json"


def _check_local(headers: Headers, near: bool) -> None:
    """An unsigned request is believed from this machine, and not from a web page that is open on it."""
    if not near or not _is_local(headers.get("host", "")) or not _FORWARDED.isdisjoint(headers):
        raise _Refusal(403, "an unsigned source is open to this machine alone, and not through a proxy")
    if "origin" in headers or "sec-fetch-site" in headers:
        raise _Refusal(403, "an unsigned source is not open to web pages")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _Refusal(400, "Content-Type must be application/json")


def _is_local(host: str) -> bool:
    """Whether the sender meant this machine, and not a name in the web that leads here."""
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _members(body: bytes) -> object:
    """The body as a document of its own: it will stand inside another one, and must not be able to end it."""
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise _Refusal(400, "the body is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Refusal(400, f"the body is no JSON: {error}") from error


def _word(header: str, field: str, headers: Headers, members: object) -> str:
    """What stands in the header, or in the member of the body; "" if neither has text."""
    if header and (value := headers.get(header.lower(), "")):
        return value
    found = members
    for part in field.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, str) else str(found) if type(found) is int else ""


def _delivery(source: Source, headers: Headers) -> str:
    return headers.get("x-github-delivery", "") if source.signature == "github" else ""


def _keys(name: str, source: Source, identity: str, body: bytes) -> list[tuple[str, str, object]]:
    """What makes two requests one event. GitHub proves the body alone: the same again under another id is a replay."""
    keys: list[tuple[str, str, object]] = [(name, "id", identity)]
    return [*keys, (name, "body", sha256(body).digest())] if source.signature == "github" else keys
