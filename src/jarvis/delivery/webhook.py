"""The channel `webhook`: each message is a POST of JSON, signed after Standard Webhooks if there is a secret.

What the receiver answers decides. 2xx: sent. 408, 425, 429, 5xx: not sent, again later, no sooner than Retry-After
says. Any other: it will never take it. No answer, or one that is cut off, once the request is out: nobody knows.
"""

from __future__ import annotations

import hmac
import http.client
import io
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

import msgspec

from jarvis import __version__
from jarvis.delivery.cutoff import Cutoff
from jarvis.errors import SendFailed, SendRefused, SendUnknown
from jarvis.scheduler.ports import Message
from jarvis.settings.channels import WebhookSpec

_LARGEST = 64 * 1024  # bytes of a reply that are read; the rest does not matter
_TOLD = 200  # characters of it that become the reason
_MOST_REDIRECTS = 3
_AGAIN = frozenset({408, 425, 429})
_SAFE = "".join(map(chr, range(0x21, 0x7F)))


class Reply(NamedTuple):
    """What came back. `whole`: it was not cut off."""

    status: int
    text: str
    retry_after: str
    location: str
    whole: bool


class WebhookChannel:
    """One POST for each message."""

    begins = True  # by itself: as long as there is no connection nothing can arrive

    def __init__(self, spec: WebhookSpec, now: Callable[[], datetime], scrub: Callable[[str], str] = str) -> None:
        """`now` stamps the signature: a receiver refuses one that is too old. `scrub` takes out of a reply what may
        not be shown."""
        self._scrub = scrub
        self._spec = spec
        self._now = now
        self._begun = False

    @property
    def timeout(self) -> float:
        """Seconds for the whole of it."""
        return self._spec.timeout

    def send(self, message: Message, /) -> None:
        """Post it, and believe the answer."""
        url, body = self._spec.url, payload(message)
        for _ in range(_MOST_REDIRECTS + 1):
            reply = self._post(urlsplit(url), body, message)
            if reply.status not in (307, 308):
                return self._judge(reply)
            url = _followed(url, reply.location)
        raise SendRefused("it is redirected again and again")

    def _post(self, url: SplitResult, body: bytes, message: Message) -> Reply:
        connection = _connection(url, message.remaining())
        connection.response_class = Response
        with Cutoff(message.remaining, lambda: connection.sock) as cutoff:
            try:
                self._ask(connection, url, body, message, cutoff)
                return _read(connection.getresponse())
            except (OSError, http.client.HTTPException) as error:
                why = f"took it and gave no answer ({cutoff.why(error)}), so it may have arrived"
                raise SendUnknown(f"{url.hostname} {why}") from error
            finally:
                connection.close()

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        url: SplitResult,
        body: bytes,
        message: Message,
        cutoff: Cutoff,
    ) -> None:
        """The request, out to its last byte. SendFailed if it is not."""
        target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        try:
            connection.connect()
            if not self._begun:
                message.begin()
                self._begun = True
            connection.request("POST", target, body, self._headers(url, body, message))
        except (OSError, http.client.HTTPException) as error:
            raise SendFailed(f"{url.hostname} could not be reached: {cutoff.why(error)}") from error

    def _headers(self, url: SplitResult, body: bytes, message: Message) -> dict[str, str]:
        stamp, identity = str(int(self._now().timestamp())), quote(message.key, safe=_SAFE)
        found = {
            "Content-Type": "application/json",
            "User-Agent": f"jarvis/{__version__}",
            "Connection": "close",
            "webhook-id": identity,
            "webhook-timestamp": stamp,
        }
        if self._spec.secret:
            found["webhook-signature"] = signature(self._spec.secret, identity, stamp, body)
        if url.username is not None:
            user = f"{unquote(url.username)}:{unquote(url.password or '')}"
            found["Authorization"] = f"Basic {b64encode(user.encode()).decode()}"
        return found | dict(self._spec.headers)

    def _judge(self, reply: Reply) -> None:
        text = "".join(each if each.isprintable() else " " for each in " ".join(self._scrub(reply.text).split()))
        said = f"answered {reply.status}" + (f": {text[:_TOLD]}" if text else "")
        if 200 <= reply.status < 300:
            if reply.whole:
                return
            raise SendUnknown(f"the answer {reply.status} was cut off, so it may have arrived")
        if reply.status in _AGAIN or reply.status >= 500:
            raise SendFailed(said, _seconds(reply.retry_after, self._now()))
        if 300 <= reply.status < 400:
            raise SendRefused(f"answered {reply.status}, it is somewhere else: use the address that it leads to")
        raise SendRefused(said)


def payload(message: Message) -> bytes:
    """The message as JSON, in the form that Standard Webhooks asks for."""
    data = {
        "key": message.key,
        "channel": message.channel,
        "task": message.task,
        "run": message.run_id,
        "state": message.state,
        "due_at": message.due_at,
        "subject": _clean(message.subject),
        "body": _clean(message.body),
    }
    return msgspec.json.encode({"type": f"jarvis.{message.kind}", "timestamp": message.created_at, "data": data})


def _clean(text: str) -> str:
    """Without halves of characters, which no encoding has."""
    return text.encode(errors="replace").decode()


class Whole(io.BufferedReader):
    """Reads lines that have an end: http.client takes a head that was cut off for a whole one."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line, or as much of it as was asked for."""
        line = super().readline(size)
        if not line.endswith(b"\n") and len(line) != size:
            raise ConnectionResetError("its answer was cut off")
        return line


class Response(http.client.HTTPResponse):
    """A response of which no line may be cut off."""

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp = Whole(self.fp.detach())


def signature(key: bytes, identity: str, stamp: str, body: bytes) -> str:
    """What Standard Webhooks has in the header webhook-signature."""
    return f"v1,{b64encode(hmac.digest(key, f'{identity}.{stamp}.'.encode() + body, 'sha256')).decode()}"


def _connection(url: SplitResult, seconds: float) -> http.client.HTTPConnection:
    if seconds <= 0:
        raise SendFailed("there was no time left to send it")
    if url.scheme == "http":
        return http.client.HTTPConnection(url.hostname or "", url.port, timeout=seconds)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(url.hostname or "", url.port, timeout=seconds, context=context)


def _read(response: http.client.HTTPResponse) -> Reply:
    """The reply, as far as it matters. OSError or HTTPException where not even its head came whole."""
    try:
        data = response.read(_LARGEST + 1)
        whole = len(data) > _LARGEST or not response.length
    except (OSError, http.client.HTTPException):
        data, whole = b"", False
    head = response.headers
    return Reply(
        response.status, data.decode(errors="replace"), head.get("Retry-After", ""), head.get("Location", ""), whole
    )


def _followed(url: str, location: str) -> str:
    """Where the same host wants it sent. No other host is given what was meant for this one."""
    here = urlsplit(url)
    try:
        there = urlsplit(urljoin(url, location))
        same = (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
    except ValueError:
        there, same = here, False
    if not location or not same:
        raise SendRefused("it is redirected to another host, which is not followed: use the address that it leads to")
    return there._replace(netloc=here.netloc).geturl()


def _seconds(retry_after: str, now: datetime) -> float | None:
    """How long the receiver asks us to wait: seconds, or an instant of HTTP. None if it says nothing of use."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):  # no such date, or one without a zone
        return None
