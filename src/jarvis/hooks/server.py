"""HTTP around the receiver: who may connect, how much is read, and for how long. Every answer is one JSON object.

Each connection carries one request, which must be there within REQUEST_WITHIN seconds as a whole, so that a sender
who dribbles holds a thread no longer than that; and no more than MOST_AT_ONCE are served at a time.
"""

from __future__ import annotations

import io
import ipaddress
import json
import logging
import selectors
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from jarvis.hooks.receiver import Answer, Receiver

_LOG = logging.getLogger("jarvis.hooks")
REQUEST_WITHIN = 10.0  # seconds, from connecting to the last byte of the body
MOST_AT_ONCE = 32
LINGER, LINGER_BYTES = 1.0, 1 << 20  # what is read and thrown away of a body that was refused, so that it is heard
_PREFIX = "/hooks/"


class _Deadlined(io.RawIOBase):
    """The reading half of a socket, which ends in TimeoutError at one moment, however the bytes come."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self._connection = connection
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request did not come in time")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class HookServer(ThreadingHTTPServer):
    """Serves one receiver at one address."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, receiver: Receiver, host: str, port: int, *, within: float = REQUEST_WITHIN) -> None:
        self.receiver = receiver
        self.within = within
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """As the base class, without asking a name server for our name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def serve_until(self, stop: int) -> None:
        """Until the descriptor `stop` can be read; asleep in the kernel meanwhile. What is under way then goes on,
        and `server_close` waits for it."""
        self.timeout = 0
        self.socket.setblocking(False)  # a sender may be gone again before it is accepted
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(stop, selectors.EVENT_READ)
            while all(key.fd != stop for key, _ in selector.select()):
                self.handle_request()

    @property
    def url(self) -> str:
        """Where it can be reached, with the slash that a source's name follows."""
        host = f"[{self.server_name}]" if ":" in self.server_name else self.server_name
        return f"http://{host}:{self.server_port}{_PREFIX}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, if there is a place."""
        if not self._places.acquire(blocking=False):
            _turn_away(request)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say it in the log; the others go on."""
        del request
        _LOG.warning("a request of %s was not served", client_address[0], exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: HookServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "jarvis", ""

    def setup(self) -> None:
        """Read with a deadline, in place of a time for each read."""
        super().setup()
        self._until = time.monotonic() + self.server.within
        self.rfile = io.BufferedReader(_Deadlined(self.connection, self._until))
        self._unread = False

    def do_POST(self) -> None:
        """An event."""
        self._answer(self._received())

    def _other(self) -> None:
        self._unread = True
        self._answer(Answer(405, {"error": "events are sent by POST"}))

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _other

    def _received(self) -> Answer:
        self._unread = True
        name = self._source_name()
        if name not in self.server.receiver.senders:
            return Answer(404, {"error": "there is no such source"})
        length = self._length(self.server.receiver.senders[name].source.max_size)
        if isinstance(length, Answer):
            return length
        try:
            body = self.rfile.read(length)
        except TimeoutError:
            return Answer(408, {"error": f"the body did not come within {self.server.within:g} s"})
        self._unread = False
        if len(body) < length:
            return Answer(400, {"error": "the body is shorter than its Content-Length"})
        headers = {key.lower(): value.strip() for key, value in self.headers.items()}
        return self.server.receiver.receive(name, headers, body, near=_is_near(self.client_address[0]))

    def _source_name(self) -> str:
        return self.path.partition("?")[0].removeprefix(_PREFIX.rstrip("/")).removeprefix("/")

    def _length(self, most: int) -> int | Answer:
        """How long the body is, which must be said, and once."""
        given = self.headers.get_all("Content-Length") or []
        if self.headers.get("Transfer-Encoding"):
            return Answer(411, {"error": "send the body as a whole, with its Content-Length"})
        if self.headers.get("Content-Encoding", "identity").lower() != "identity":
            return Answer(415, {"error": "send the body uncompressed"})
        if not given:
            return Answer(411, {"error": "Content-Length is missing"})
        if len(given) > 1 or not (given[0].isascii() and given[0].isdecimal()) or len(given[0]) > 15:
            return Answer(400, {"error": "Content-Length is no number"})
        if int(given[0]) > most:
            return Answer(413, {"error": f"a body has {most} bytes at most"})
        return int(given[0])

    def handle_expect_100(self) -> bool:
        """Only who will be heard is asked to go on."""
        sender = self.server.receiver.senders.get(self._source_name())
        if sender is not None and isinstance(self._length(sender.source.max_size), Answer):
            return True  # without "continue": do_POST answers at once
        return super().handle_expect_100()

    def _answer(self, answer: Answer) -> None:
        self.close_connection = True
        data = json.dumps(answer.body).encode() + b"\n"
        self.connection.settimeout(max(1.0, self._until - time.monotonic()))
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        if answer.status == 405:
            self.send_header("Allow", "POST")
        if answer.retry_after is not None:
            self.send_header("Retry-After", str(answer.retry_after))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        if self._unread:
            _linger(self.connection)
        self._log_answer(answer)

    def _log_answer(self, answer: Answer) -> None:
        level = logging.INFO if answer.status < 400 else logging.WARNING
        said = answer.body.get("error") or ("a duplicate" if answer.body.get("duplicate") else "accepted")
        path = self.path.partition("?")[0]  # what follows may be a password
        _LOG.log(level, "%s %s %.200s: %d %s", self.client_address[0], self.command, path, answer.status, said)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses (no HTTP, too long a line, too many headers) in our form."""
        del explain
        self.command = getattr(self, "command", None) or "-"
        self.path = getattr(self, "path", "-")
        self.request_version = "HTTP/1.1"
        self._unread = True
        self._answer(Answer(int(code), {"error": message or HTTPStatus(code).phrase}))

    def log_message(self, format: str, *args: Any) -> None:
        """The base class's own lines: one that a request timed out is all that is left of them."""

    def log_error(self, format: str, *args: Any) -> None:
        """The same, at a level at which nobody is disturbed."""
        _LOG.debug(format, *args)


def _is_near(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _linger(connection: socket.socket) -> None:
    """Read on for a moment: closing with unread bytes would reset the connection before the answer is read."""
    try:
        connection.shutdown(socket.SHUT_WR)
        until, left = time.monotonic() + LINGER, LINGER_BYTES
        while left > 0 and (wait := until - time.monotonic()) > 0:
            connection.settimeout(wait)
            data = connection.recv(65536)
            if not data:
                break
            left -= len(data)
    except OSError:
        pass


def _turn_away(connection: socket.socket) -> None:
    body = b'{"error": "too many requests at once"}\n'
    head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Length: {len(body)}\r\nRetry-After: 1\r\nConnection: close"
    try:
        connection.settimeout(0.1)
        connection.sendall(f"{head}\r\n\r\n".encode() + body)
    except OSError:
        pass
