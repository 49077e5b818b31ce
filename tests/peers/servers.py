"""Real peers to deliver to: an HTTP server and two mail servers on loopback, each with a mind of its own."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

PATIENCE = 10.0
CLOSED_PORT = 1  # nobody listens there, and no system gives it to whoever asks for any


# -- a conversation over TCP, as a script has it ------------------------------------------------------------
class Peer:
    """Listens on loopback; `script(connection, text as it comes)` is had with each caller, in a thread."""

    def __init__(self, script: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.calls = 0
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self._script(connection)
        with suppress(OSError):
            connection.close()

    def close(self) -> None:
        self._over.set()
        for each in (self._socket, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(PATIENCE)


@dataclass
class Request:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


def read_request(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        if not (more := connection.recv(65536)):
            return None
        body += more
    return Request(line, headers, body)


def reply(status: int, text: bytes = b"", *headers: str, cut: int = 0) -> bytes:
    """A reply of HTTP, the last `cut` bytes of its body missing."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(text)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + text[: len(text) - cut]


Answer = bytes | Callable[[socket.socket], None]


@dataclass
class HttpPeer:
    """Answers each request with the next of `answers` (the last one again and again): bytes, or what to do.

    `look` is called with each request before that, and may give the answer itself.
    """

    answers: list[Answer] = field(default_factory=lambda: [reply(200, b"ok")])
    got: list[Request] = field(default_factory=list)
    look: Callable[[Request], bytes | None] = lambda _request: None
    peer: Peer | None = None

    def open(self, context: ssl.SSLContext | None = None) -> HttpPeer:
        self.peer = Peer(self._converse, context)
        return self

    def _converse(self, connection: socket.socket) -> None:
        request = read_request(connection)
        if request is None:
            return
        self.got.append(request)
        if (own := self.look(request)) is not None:
            connection.sendall(own)
            return
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer(connection)
        else:
            connection.sendall(answer)

    @property
    def port(self) -> int:
        assert self.peer is not None
        return self.peer.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def close(self) -> None:
        if self.peer is not None:
            self.peer.close()


def hang(connection: socket.socket) -> None:
    """Say nothing until the caller has gone."""
    while connection.recv(65536):
        pass


def trickle(connection: socket.socket) -> None:
    """A byte now and then, without end: no timeout between two bytes ends that."""
    gone = threading.Event()
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        connection.sendall(b"x")
        gone.wait(0.05)


def hang_up(connection: socket.socket) -> None:
    """Close at once."""
    connection.close()


# -- certificates -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Authority:
    """Who vouches for the servers of a test, and where a client finds that it does."""

    server: ssl.SSLContext
    file: Path


# -- mail -------------------------------------------------------------------------------------------------
class Server(Controller):
    """Listens on a socket that is bound already: a port that is only found free may be somebody else's by then."""

    def __init__(self, handler: Any, **options: Any) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        super().__init__(handler, "127.0.0.1", self._socket.getsockname()[1], ready_timeout=60.0, **options)

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._socket, ssl=self.ssl_context)


@dataclass
class MailPeer:
    """A real mail server; `refuse` has what it answers to a command or an address in place of yes."""

    refuse: dict[str, str] = field(default_factory=dict)
    got: list[Envelope] = field(default_factory=list)
    controller: Server | None = None

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" in self.refuse:
            return self.refuse["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        self.got.append(envelope)
        return "250 taken"

    def open(self, **options: Any) -> MailPeer:
        self.controller = Server(self, **options)
        self.controller.start()
        return self

    @property
    def port(self) -> int:
        assert self.controller is not None
        return int(self.controller.port)

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(bytes(each.content), policy=policy.default) for each in self.got]  # type: ignore[arg-type]

    def close(self) -> None:
        if self.controller is not None:
            self.controller.stop(no_assert=True)


def talks(*lines: str, after_data: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """A mail server that says yes to everything, and at the end of the mail does something else."""

    def script(connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        file = connection.makefile("rb")
        for line in file:
            if line.upper().startswith(b"DATA"):
                connection.sendall(b"354 go on\r\n")
                for part in file:
                    if part == b".\r\n":
                        after_data(connection)
                        return
            connection.sendall(b"250 yes\r\n")

    return script


def took(started: float) -> float:
    return time.monotonic() - started
