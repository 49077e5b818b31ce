"""Secrets planted in every place that takes one, and peers that say them back: looked for wherever Jarvis writes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.crash.daemons import Daemons
from tests.peers.servers import HttpPeer, Peer, Request, reply

pytestmark = pytest.mark.process

SECRETS = {
    "HOOK_TOKEN": "hook-t0ken-9f3a",
    "HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "MAIL_PASSWORD": "mail-p@ss w0rd",
    "TOPIC": "s3cret-topic-77",
}
PLAIN = {"literal": "literal-t0ken-1234", "file": "file-s3cret-5678"}
QUOTED = [quote(SECRETS["MAIL_PASSWORD"]), SECRETS["HOOK_SECRET"].removeprefix("whsec_")]
ALL = [*SECRETS.values(), *PLAIN.values(), *QUOTED]
FAILED = "SELECT COUNT(*) FROM deliveries WHERE state = 'failed'"


def leaks(text: str) -> list[str]:
    return [secret for secret in ALL if secret in text]


def children(of: int) -> Iterator[tuple[str, str]]:
    """What the list of processes says of each child of a process, and of theirs."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == of:
                told = [(folder / part).read_bytes().decode(errors="replace") for part in ("cmdline", "environ")]
                yield told[0], "\n".join(told)
                yield from children(int(folder.name))
        except OSError:
            continue


def mail_echo() -> Peer:
    """A mail server that says back what it is told to know somebody by, and refuses it."""

    def script(connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        for line in connection.makefile("rb"):
            if line.upper().startswith(b"EHLO"):
                connection.sendall(b"250-here\r\n250 AUTH PLAIN\r\n")
            elif line.upper().startswith(b"AUTH PLAIN "):
                known = b64decode(line.split()[2]).replace(b"\0", b" ")
                connection.sendall(b"535 I do not know " + known + b"\r\n")
            else:
                connection.sendall(b"250 yes\r\n")

    return Peer(script)


def test_no_secret_is_in_the_store_the_log_any_output_any_error_or_any_list_of_processes(
    daemons: Daemons, home: Path, http_peer: HttpPeer
) -> None:
    mail = mail_echo()
    (home / "token").write_text(f"{PLAIN['file']}\n")
    (home / "token").chmod(0o600)
    (home / "jarvis.toml").write_text(f"""
[channels.hook]
type = "webhook"
url = "http://127.0.0.1:{http_peer.port}/${{env:HOOK_TOKEN}}/{PLAIN["literal"]}"
secret = "${{env:HOOK_SECRET}}"
headers = {{ Authorization = "Bearer ${{file:token}}" }}

[channels.mail]
type = "smtp"
host = "127.0.0.1"
port = {mail.port}
tls = "none"
from = "jarvis@example.org"
to = "ada@example.org"
user = "ada"
password = "${{env:MAIL_PASSWORD}}"

[channels.topic]
url = "json://ada:{PLAIN["literal"]}@127.0.0.1:{http_peer.port}/${{env:TOPIC}}"
timeout = 60

[channels.talks]
type = "command"
command = ["sh", "-c", "echo $PW; exit 1"]
env = {{ PW = "${{env:MAIL_PASSWORD}}" }}
retries = 0
""")
    names = ("hook", "mail", "topic", "talks")
    processes: list[tuple[str, str]] = []
    try:
        daemon = daemons.start(env={**SECRETS, "DAEMON_LOG_LEVEL": "DEBUG"})

        def say_back(request: Request) -> bytes:
            """Refuse it, and say back all that was said."""
            processes.extend(children(daemon.pid))
            return reply(400, f"{request.line} {request.headers['authorization']}".encode())

        http_peer.look = say_back
        daemons.add("t", "--every", "1d", *(word for name in names for word in ("--deliver", name)))
        daemons.cli("task", "run", "t")
        daemons.until(lambda: daemons.query(FAILED) == [(len(names),)], within=60)
        said = [daemons.cli(*words) for words in WORDS]
        said += [all_that_a_test_says(home, name) for name in names]
        daemons.kill(daemon)
    finally:
        mail.close()
    reasons = {each["channel"]: each["reason"] for each in json.loads(said[0])}
    assert reasons["hook"] == "answered 400: POST /***/*** HTTP/1.1 ***"
    assert "535 I do not know ada ***" in reasons["mail"]
    assert "exit code 1: ***" in reasons["talks"]
    assert [leaks(text) for text in said] == [[]] * len(said)
    written = [path for path in home.rglob("*") if path.is_file() and path.name not in ("token", "jarvis.toml")]
    assert {"memory.db", "memory.db-wal", "daemon-0.log"} <= {path.name for path in written}
    assert {path.name: leaks(path.read_bytes().decode("latin-1")) for path in written} == {
        path.name: [] for path in written
    }
    if sys.platform == "linux":
        assert any("jarvis.delivery.apprise_send" in line for line, _ in processes), "it was looked for while it ran"
        # `sh` was given one, on request; and between fork and exec a child is its parent still.
        ours = [told for line, told in processes if not line.startswith("sh\0") and "jarvis\0daemon" not in line]
        assert [leaks(told) for told in ours] == [[]] * len(ours)


WORDS = (
    ("delivery", "list", "--json"),
    ("delivery", "list"),
    ("delivery", "channels", "--json"),
    ("delivery", "channels"),
    ("runs", "show", "1", "--json"),
    ("why", "t", "--json"),
    ("task", "show", "t", "--json"),
    ("status", "--json"),
    *(("delivery", "show", str(number), "--json") for number in range(1, 5)),
)


def all_that_a_test_says(home: Path, name: str) -> str:
    """All that `delivery test` says, which has failed."""
    found = ""
    for flags in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "jarvis", "delivery", "test", name, *flags],
            env={**os.environ, "JARVIS_HOME": str(home), **SECRETS},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        found += done.stdout + done.stderr
    assert "***" in found or "error=" in found
    return found
