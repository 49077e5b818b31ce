"""The channel `webhook`, and a real server that answers, refuses, hangs, or hangs up in the middle."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import pytest
from standardwebhooks import Webhook

from jarvis.delivery.webhook import WebhookChannel
from jarvis.errors import SendFailed, SendRefused, SendUnknown
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.ports import Message
from jarvis.settings.channel_values import signing_key
from jarvis.settings.channels import WebhookSpec
from tests.contexts import MADE_AT, a_message, seconds_once
from tests.peers.servers import (
    CLOSED_PORT,
    Answer,
    Authority,
    HttpPeer,
    hang,
    hang_up,
    reply,
    took,
    trickle,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def send(
    url: str, message: Message | None = None, now: Callable[[], datetime] = lambda: MADE_AT, **keys: object
) -> None:
    WebhookChannel(WebhookSpec(url, **keys), now).send(message or a_message())  # type: ignore[arg-type]


def test_a_message_is_posted_once_as_json_with_its_key(http_peer: HttpPeer) -> None:
    send(http_peer.url)
    (request,) = http_peer.got
    assert request.line == "POST /hook HTTP/1.1"
    assert request.headers["webhook-id"] == "1:2026-03-02T09:00:00+00:00:result:me"
    assert "webhook-signature" not in request.headers
    assert json.loads(request.body) == {
        "type": "jarvis.result",
        "timestamp": "2026-03-02T09:00:00Z",
        "data": {
            "key": "1:2026-03-02T09:00:00+00:00:result:me",
            "channel": "me",
            "task": "backup",
            "run": 7,
            "state": "succeeded",
            "due_at": "2026-03-02T09:00:00Z",
            "subject": "backup succeeded",
            "body": "all is well\n",
        },
    }


def test_the_signature_is_what_the_library_of_standard_webhooks_accepts(http_peer: HttpPeer) -> None:
    send(http_peer.url, a_message("grüße \ud800"), SystemClock().now, secret=signing_key(SECRET))
    (request,) = http_peer.got
    assert Webhook(SECRET).verify(request.body, request.headers)["data"]["subject"] == "grüße ?"
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(request.body.replace(b"gr", b"kr"), request.headers)


def test_a_key_of_any_characters_is_a_header_of_ascii(http_peer: HttpPeer) -> None:
    send(http_peer.url, a_message(key="alert:grüße\r\nX-Evil: 1"))
    assert http_peer.got[0].headers["webhook-id"] == "alert:gr%C3%BC%C3%9Fe%0D%0AX-Evil:%201"
    assert "x-evil" not in http_peer.got[0].headers


def test_headers_of_ones_own_and_a_name_in_the_url_are_sent(http_peer: HttpPeer) -> None:
    url = f"http://ada:p%40ss@127.0.0.1:{http_peer.port}/a?b=c"
    send(url, headers=(("X-Token", "t0ken"),))
    (request,) = http_peer.got
    assert request.line == "POST /a?b=c HTTP/1.1"
    assert (request.headers["x-token"], request.headers["authorization"]) == ("t0ken", "Basic YWRhOnBAc3M=")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_what_was_accepted_is_sent(http_peer: HttpPeer, status: int) -> None:
    http_peer.answers = [reply(status)]
    send(http_peer.url)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_go_better_later_has_failed(http_peer: HttpPeer, status: int) -> None:
    http_peer.answers = [reply(status, b"not now,\n\x1b[31m try later")]
    with pytest.raises(SendFailed, match=rf"answered {status}: not now, +\[31m try later") as caught:
        send(http_peer.url)
    assert caught.value.retry_after is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_what_will_never_be_taken_is_refused(http_peer: HttpPeer, status: int) -> None:
    http_peer.answers = [reply(status, b"no")]
    with pytest.raises(SendRefused, match=f"answered {status}: no"):
        send(http_peer.url)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Mon, 02 Mar 2026 09:02:00 GMT", 120.0),
        ("Mon, 02 Mar 2026 08:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("NaN", None),
        ("9" * 400, 999_999_999.0),
    ],
)
def test_the_receiver_says_how_long_to_wait(http_peer: HttpPeer, said: str, seconds: float | None) -> None:
    http_peer.answers = [reply(429, b"", f"Retry-After: {said}")]
    with pytest.raises(SendFailed) as caught:
        send(http_peer.url)
    assert caught.value.retry_after == seconds


def test_who_cannot_be_reached_has_got_nothing() -> None:
    with pytest.raises(SendFailed, match=r"127\.0\.0\.1 could not be reached: Connection refused"):
        send(f"http://127.0.0.1:{CLOSED_PORT}/hook")
    with pytest.raises(SendFailed, match="could not be reached"):
        send("http://no-such-host.invalid/hook")


@pytest.mark.parametrize("answer", [hang_up, b"", b"HTTP/1.1 20", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-"])
def test_silence_once_the_request_is_out_is_unknown(http_peer: HttpPeer, answer: Answer) -> None:
    http_peer.answers = [answer]
    with pytest.raises(SendUnknown, match="may have arrived"):
        send(http_peer.url)
    assert len(http_peer.got) == 1


def test_a_yes_that_is_cut_off_is_unknown_and_a_no_is_a_no(http_peer: HttpPeer) -> None:
    http_peer.answers = [reply(200, b"x" * 100, cut=50)]
    with pytest.raises(SendUnknown, match="answer 200 was cut off"):
        send(http_peer.url)
    http_peer.answers = [reply(503, b"x" * 100, cut=50)]
    with pytest.raises(SendFailed, match="answered 503"):
        send(http_peer.url)
    http_peer.answers = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"]
    with pytest.raises(SendUnknown, match="answer 200 was cut off"):
        send(http_peer.url)


@pytest.mark.parametrize("answer", [hang, trickle])
def test_a_server_that_never_ends_its_answer_is_left_at_the_deadline(http_peer: HttpPeer, answer: Answer) -> None:
    http_peer.answers = [answer]
    started = time.monotonic()
    with pytest.raises(SendUnknown, match="its time was up"):
        send(http_peer.url, a_message(remaining=seconds_once(lambda: http_peer.got, 0.2)))
    assert took(started) < 60


def test_without_time_left_nothing_is_begun(http_peer: HttpPeer) -> None:
    with pytest.raises(SendFailed, match="no time left"):
        send(http_peer.url, a_message(remaining=lambda: -1.0))
    assert http_peer.got == []


def test_of_an_endless_reply_only_the_beginning_is_read(http_peer: HttpPeer) -> None:
    http_peer.answers = [reply(200, b"x" * 10_000_000, cut=9_000_000)]
    send(http_peer.url)
    http_peer.answers = [reply(404, b"x" * 10_000_000)]
    with pytest.raises(SendRefused) as caught:
        send(http_peer.url)
    assert len(str(caught.value)) < 300


def test_the_same_host_may_send_it_on_and_no_other(http_peer: HttpPeer) -> None:
    http_peer.answers = [reply(307, b"", "Location: /new?x=1"), reply(200)]
    send(http_peer.url)
    assert [each.line for each in http_peer.got] == ["POST /hook HTTP/1.1", "POST /new?x=1 HTTP/1.1"]
    assert http_peer.got[1].body == http_peer.got[0].body
    other = HttpPeer().open()
    try:
        for there in (
            f"http://127.0.0.1:{other.port}/",
            f"http://localhost:{http_peer.port}/",
            "https://127.0.0.1/",
            "",
            "http://[",
        ):
            http_peer.answers = [reply(308, b"", f"Location: {there}")]
            with pytest.raises(SendRefused, match="another host"):
                send(http_peer.url)
        assert other.got == []
    finally:
        other.close()


def test_a_circle_and_another_kind_of_redirection_are_refused(http_peer: HttpPeer) -> None:
    http_peer.answers = [reply(307, b"", "Location: /hook")]
    with pytest.raises(SendRefused, match="again and again"):
        send(http_peer.url)
    assert len(http_peer.got) == 4
    http_peer.answers = [reply(302, b"", "Location: /hook")]
    with pytest.raises(SendRefused, match="answered 302, it is somewhere else"):
        send(http_peer.url)


def test_https_needs_a_certificate_that_somebody_vouches_for(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = HttpPeer().open(authority.server)
    try:
        url = f"https://localhost:{peer.port}/hook"
        with pytest.raises(SendFailed, match="certificate is not to be trusted"):
            send(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        send(url)
        with pytest.raises(SendFailed, match=r"not valid for '127\.0\.0\.1'"):
            send(f"https://127.0.0.1:{peer.port}/hook")
        assert len(peer.got) == 1
    finally:
        peer.close()


def test_the_stamp_of_the_signature_is_that_of_the_attempt(http_peer: HttpPeer) -> None:
    send(http_peer.url, now=lambda: MADE_AT + timedelta(hours=2), secret=signing_key(SECRET))
    assert int(http_peer.got[0].headers["webhook-timestamp"]) == int(MADE_AT.timestamp()) + 7200


class TooLate(Exception):
    """Somebody else's by now."""


def test_it_may_arrive_from_the_moment_that_there_is_a_connection_and_not_before(http_peer: HttpPeer) -> None:
    begun: list[int] = []

    def begin() -> None:
        begun.append(len(http_peer.got))
        raise TooLate

    message = msgspec.structs.replace(a_message(), begin=begin)
    with pytest.raises(SendFailed):
        send(f"http://127.0.0.1:{CLOSED_PORT}/hook", message)
    assert begun == []
    with pytest.raises(TooLate):
        send(http_peer.url, message)
    assert (begun, http_peer.got) == ([0], [])


def test_it_begins_once_also_where_it_is_sent_on(http_peer: HttpPeer) -> None:
    begun: list[int] = []
    http_peer.answers = [reply(307, b"", "Location: /new"), reply(200)]
    send(http_peer.url, msgspec.structs.replace(a_message(), begin=lambda: begun.append(len(http_peer.got))))
    assert begun == [0]
