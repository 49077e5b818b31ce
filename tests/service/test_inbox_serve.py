"""`jarvis inbox serve` as a real process: what it answers over a socket, what it bears, how it ends."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jarvis.app import hook_server
from jarvis.config import load_config
from jarvis.hooks.server import HookServer
from tests.house.tree import ROOT

pytestmark = pytest.mark.process

TOML = """
[inbox.sources.bell]
signature = "none"
max_size = "1KB"

[inbox.sources.github]
signature = "github"
secret = "${env:HOOK_SECRET}"
"""
SECRET = "hunter2-hunter2"


# -- in this process: the protocol
@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HookServer]:
    (home / "jarvis.toml").write_text(TOML)
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    made = hook_server(load_config(), "127.0.0.1", 0)
    read, write = os.pipe()
    thread = threading.Thread(target=made.serve_until, args=(read,))
    thread.start()
    yield made
    os.write(write, b"!")
    thread.join(10)
    made.server_close()
    os.close(read)
    os.close(write)


def asked(server: HookServer, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    given = {"Content-Type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
    try:
        connection.request(method, path, body, given)
        response = connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None, response.headers
    finally:
        connection.close()


def raw(server: HookServer, *parts: bytes, then: Callable[[], object] = lambda: None) -> bytes:
    """What is answered to these bytes, byte for byte."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
        then()
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return answer


def test_an_event_is_taken_by_either_path(server: HookServer, home: Path) -> None:
    for path in ("/hooks/bell", "/bell", "/bell?x=1"):
        status, said, headers = asked(server, "POST", path, b'{"type": "ring"}')
        assert (status, said["accepted"], headers["Connection"]) == (202, True, "close")
    assert len(list((home / "data" / "webhook-inbox").glob("*.json"))) == 3


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(server: HookServer, method: str) -> None:
    status, said, headers = asked(server, method, "/hooks/bell")
    assert (status, headers["Allow"]) == (405, "POST")
    assert said is None if method == "HEAD" else said == {"error": "events are sent by POST"}


@pytest.mark.parametrize("path", ["/", "/hooks/", "/hooks/other", "/hooks/bell/x", "/BELL", "/%62ell", "/../bell"])
def test_other_paths_are_nobody(server: HookServer, path: str) -> None:
    assert asked(server, "POST", path, b"{}")[:2] == (404, {"error": "there is no such source"})


def test_a_body_that_is_too_big_is_refused_and_the_answer_is_heard(server: HookServer) -> None:
    assert asked(server, "POST", "/bell", b'"' + b"x" * 1024)[0] == 413
    assert asked(server, "POST", "/bell", b'"' + b"x" * 900_000 + b'"')[:2] == (
        413,
        {"error": "a body has 1024 bytes at most"},
    )
    assert asked(server, "POST", "/bell", b'"' + b"x" * 1022 + b'"')[0] == 202


HEAD = b"POST /bell HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + b"\r\n", 411),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411),
        (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", 411),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: +2\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: 2_0\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: 99999999999\r\n\r\n{}", 413),
        (HEAD + b"Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}", 415),
        (HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (HEAD + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"POST /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"nonsense\r\n\r\n", 400),
        (b"BREW /bell HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
        (b"POST /bell HTTP/9.9\r\n\r\n", 505),
        (HEAD + b"Content-Length: 2000\r\nExpect: 100-continue\r\n\r\n", 413),
        (HEAD + b"Content-Length: 2\r\n\r\n{}POST /bell HTTP/1.1\r\n\r\n", 202),
    ],
)  # fmt: skip
def test_odd_requests_are_answered_with_one_object(server: HookServer, request_: bytes, status: int) -> None:
    answer = raw(server, request_)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(answer.partition(b"\r\n\r\n")[2]).keys() <= {"error", "accepted", "id"}


def test_who_expects_to_be_asked_is_asked_to_go_on(server: HookServer) -> None:
    answer = raw(server, HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n", b"{}")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 ")


def test_a_sender_who_dribbles_is_given_up_and_holds_up_nobody(server: HookServer) -> None:
    server.within = 3.0
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as slow:
        slow.sendall(HEAD + b"Content-Length: 10\r\n\r\n{")
        assert asked(server, "POST", "/bell", b"{}")[0] == 202
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as silent:
            silent.sendall(b"POST /be")
            assert slow.recv(65536).startswith(b"HTTP/1.1 408 ")
            assert silent.recv(65536) == b""


def test_more_at_once_than_there_are_places_are_turned_away(server: HookServer) -> None:
    server.within = 10.0
    held = [socket.create_connection(("127.0.0.1", server.server_port), timeout=10) for _ in range(32)]
    try:
        answer = raw(server)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1" in answer
    finally:
        for each in held:
            each.close()


def test_nothing_that_was_sent_is_in_the_log(
    server: HookServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., None],
) -> None:
    monkeypatch.setattr(logging.getLogger("jarvis"), "propagate", True)
    with caplog.at_level("DEBUG", "jarvis"):
        asked(server, "POST", "/github", b'{"password": "swordfish"}', X_Hub_Signature_256="sha256=cafecafe")
        eventually(lambda: "/github: 401 the signature does not match" in caplog.text)
    for secret in ("swordfish", "cafecafe", SECRET):
        assert secret not in caplog.text


# -- as a process of its own
class Serve:
    """The verb, as a user starts it."""

    def __init__(self, home: Path, *flags: str, secret: str | None = SECRET) -> None:
        env = {**os.environ, **({"HOOK_SECRET": secret} if secret else {})}
        command = [sys.executable, "-m", "jarvis", "inbox", "serve", *flags]
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.said = ""
        self.port = 0
        for line in self.process.stderr:
            self.said += line
            if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)/hooks/ for bell, github", line):
                self.port = int(found[1])
                break

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        _, rest = self.process.communicate(timeout=60)
        self.said += rest
        return self.process.returncode

    def post(self, number: int) -> bool:
        """Send a signed event; whether it was accepted."""
        body = json.dumps({"n": number}).encode()
        signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {
                "X-GitHub-Event": "push",
                "X-GitHub-Delivery": str(number),
                "X-Hub-Signature-256": f"sha256={signed}",
            }
            connection.request("POST", "/hooks/github", body, headers)
            return connection.getresponse().status in {200, 202}
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def test_it_stops_when_told_to_after_what_is_being_received(home: Path) -> None:
    (home / "jarvis.toml").write_text(TOML)
    serve = Serve(home, "--listen", "127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", serve.port), timeout=10) as open_:
        open_.sendall(HEAD + b"Content-Length: 2\r\n\r\n{")
        assert serve.post(1)
        serve.process.send_signal(signal.SIGTERM)
        open_.sendall(b"}")
        assert open_.recv(65536).startswith(b"HTTP/1.1 202 ")
    assert serve.ended() == 0
    assert "SIGTERM: stopping" in serve.said
    assert serve.said.rstrip().endswith("stopped")
    assert SECRET not in serve.said


def send(serve: Serve, first: int, accepted: set[int]) -> None:
    accepted.update(number for number in range(first, first + 60) if serve.post(number))


@pytest.mark.slow
def test_what_was_accepted_is_there_however_often_it_is_killed(home: Path, eventually: Callable[..., None]) -> None:
    (home / "jarvis.toml").write_text(TOML)
    accepted: set[int] = set()
    for turn in range(8):
        serve = Serve(home, "--listen", "127.0.0.1:0")
        starts = range(turn * 1000, turn * 1000 + 300, 100)
        threads = [threading.Thread(target=send, args=(serve, first, accepted)) for first in starts]
        for thread in threads:
            thread.start()
        enough = len(accepted) + 3 * turn
        eventually(lambda enough=enough: len(accepted) >= enough)
        serve.end(signal.SIGKILL)
        for thread in threads:
            thread.join(30)
    found = [json.loads(path.read_bytes())["payload"]["n"] for path in (home / "data" / "webhook-inbox").glob("*.json")]
    assert len(accepted) > 20
    assert accepted <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("toml", "flags", "secret", "code", "said"),
    [
        ("", [], SECRET, 78, "names no source"),
        (TOML, [], None, 78, "inbox.sources.github.secret: the secret ${env:HOOK_SECRET} is not set"),
        (TOML, ["--listen", "0.0.0.0:0"], SECRET, 2, "can be reached by other machines"),
        (TOML.partition("[inbox.sources.github]")[0], ["--listen", "0.0.0.0:0", "--public"], SECRET, 78, "is signed"),
        (TOML, ["--listen", "example.org:80"], SECRET, 2, "use an address and a port"),
        (TOML, ["--listen", "127.0.0.1:99999"], SECRET, 2, "use an address and a port"),
        (TOML, ["--listen", "192.0.2.1:0", "--public"], SECRET, 1, "cannot listen on 192.0.2.1:0"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_said_at_the_start(
    home: Path, toml: str, flags: list[str], secret: str | None, code: int, said: str
) -> None:
    (home / "jarvis.toml").write_text(toml)
    serve = Serve(home, *flags, secret=secret)
    assert (serve.process.wait(60), said in serve.said) == (code, True), serve.said
    serve.process.communicate()
