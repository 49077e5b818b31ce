"""The channel `apprise`: the real library, in its process, against a real HTTP server."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from jarvis.delivery import apprise
from jarvis.delivery.apprise import AppriseChannel
from jarvis.errors import SendFailed, SendRefused, SendUnknown
from jarvis.scheduler.ports import Message
from jarvis.settings.channels import AppriseSpec
from tests.contexts import a_message, seconds_from_now, seconds_once
from tests.peers.servers import CLOSED_PORT, Answer, HttpPeer, hang, hang_up, reply, took

pytestmark = pytest.mark.process


def environ() -> Mapping[str, str]:
    return os.environ


def send(url: str, message: Message | None = None) -> None:
    AppriseChannel(AppriseSpec(url), environ).send(message or a_message(remaining=seconds_from_now(60)))


def test_a_message_arrives_once_as_it_is(http_peer: HttpPeer) -> None:
    send(
        f"json://127.0.0.1:{http_peer.port}/topic",
        a_message("grüße", "one\\n {{ two }} :smile:\n", seconds_from_now(60)),
    )
    (request,) = http_peer.got
    got = json.loads(request.body)
    assert (got["title"], got["message"]) == ("grüße", "one\\n {{ two }} :smile:")


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (reply(500), SendFailed, "error=500"),
        (reply(404), SendRefused, "error=404"),
        (hang_up, SendUnknown, "Apprise: "),
        (b"", SendUnknown, "Apprise: "),
    ],
)
def test_what_was_answered_decides(http_peer: HttpPeer, answer: Answer, error: type[Exception], told: str) -> None:
    http_peer.answers = [answer]
    with pytest.raises(error, match=told):
        send(f"json://127.0.0.1:{http_peer.port}/")
    assert len(http_peer.got) == 1


def test_the_receiver_says_how_long_to_wait(http_peer: HttpPeer) -> None:
    http_peer.answers = [reply(429, b"", "Retry-After: 77")]
    with pytest.raises(SendFailed, match="error=429") as caught:
        send(f"json://127.0.0.1:{http_peer.port}/")
    assert caught.value.retry_after == 77.0


def test_a_server_that_is_down_has_got_nothing() -> None:
    with pytest.raises(SendFailed, match="Apprise: "):
        send(f"json://127.0.0.1:{CLOSED_PORT}/")


def test_a_server_that_does_not_answer_is_unknown_by_apprise_own_patience_and_by_ours(http_peer: HttpPeer) -> None:
    http_peer.answers = [hang]
    with pytest.raises(SendUnknown):
        send(f"json://127.0.0.1:{http_peer.port}/?rto=0.5")
    started = time.monotonic()
    with pytest.raises(SendUnknown, match="had begun to send it: it needed more time"):
        send(
            f"json://127.0.0.1:{http_peer.port}/?rto=60",
            a_message(remaining=seconds_once(lambda: len(http_peer.got) == 2)),
        )
    assert took(started) < 60


def test_a_url_that_apprise_does_not_know_is_refused_without_saying_it() -> None:
    with pytest.raises(SendRefused, match="cannot use this url") as caught:
        send("ntfyy://ada:hunter2@host/topic")
    assert "hunter2" not in str(caught.value)


def test_of_several_targets_some_of_which_were_told_nobody_knows(http_peer: HttpPeer) -> None:
    http_peer.answers = [reply(200, b"{}"), reply(500)]
    with pytest.raises(SendUnknown):
        send(f"ntfy://127.0.0.1:{http_peer.port}/one/two")
    assert len(http_peer.got) == 2


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise, "find_spec", lambda _name: None)
    with pytest.raises(SendFailed, match=r"jarvis-daemon\[notify\]"):
        send("json://127.0.0.1/")


def test_the_url_is_in_no_argument_and_no_variable_of_the_process(http_peer: HttpPeer) -> None:
    seen: list[str] = []

    def look(connection: object) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            for part in ("cmdline", "environ"):
                try:
                    text = (process / part).read_bytes().decode(errors="replace")
                except OSError:
                    continue
                seen.append(text)
        http_peer.answers = [reply(200)]
        connection.sendall(reply(200))  # type: ignore[attr-defined]

    http_peer.answers = [look]
    send(f"json://ada:s3cr3t-pw@127.0.0.1:{http_peer.port}/")
    if sys.platform == "linux":
        assert any("jarvis.delivery.apprise_send" in each for each in seen), "it was looked for while it ran"
    assert not any("s3cr3t-pw" in each for each in seen)
    assert http_peer.got[0].headers["authorization"].startswith("Basic ")
