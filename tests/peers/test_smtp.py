"""The channel `smtp`, and real mail servers: one that takes it, refuses, hangs, or hangs up in the middle."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import AuthResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis.delivery.smtp import SmtpChannel, mail
from jarvis.errors import SendFailed, SendRefused, SendUnknown
from jarvis.scheduler.ports import Message
from jarvis.settings.channel_values import Address
from jarvis.settings.channels import SmtpSpec
from tests.contexts import a_message, seconds_from_now, seconds_once
from tests.peers.servers import CLOSED_PORT, Authority, MailPeer, Peer, hang, hang_up, talks, took

ADA, BOB = Address("Ada Lovelace, née Byron", "ada@example.org"), Address("", "bob@example.org")
JARVIS = Address("Jarvis", "jarvis@example.org")


def a_spec(port: int, **keys: Any) -> SmtpSpec:
    return SmtpSpec("127.0.0.1", JARVIS, (ADA,), port, tls="none")._replace(**keys)


def send(port: int, message: Message | None = None, **keys: Any) -> None:
    SmtpChannel(a_spec(port, **keys)).send(message or a_message())


def test_a_mail_arrives_once_with_its_key_for_message_id(mail_peer: MailPeer) -> None:
    send(mail_peer.port, a_message("grüße aus 東京", "all is well\n.\n..dots\nnaïve\n"), to=(ADA, BOB))
    (envelope,), (got,) = mail_peer.got, mail_peer.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("jarvis@example.org", ["ada@example.org", "bob@example.org"])
    assert got["Message-ID"] == "<1%3A2026-03-02T09%3A00%3A00+00%3A00%3Aresult%3Ame.1772442000000000@example.org>"
    assert got["X-Jarvis-Key"] == "1:2026-03-02T09:00:00+00:00:result:me"
    assert got["Subject"] == "grüße aus 東京"
    assert got["From"].addresses[0].display_name == "Jarvis"
    assert [each.display_name for each in got["To"].addresses] == ["Ada Lovelace, née Byron", ""]
    assert got["Date"].datetime.isoformat() == "2026-03-02T09:00:00+00:00"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got.get_content().replace("\r\n", "\n") == "all is well\n.\n..dots\nnaïve\n"


def test_every_attempt_at_a_delivery_has_the_same_message_id_and_another_delivery_has_another() -> None:
    spec = a_spec(25)
    first, again = (mail(a_message(), spec)["Message-ID"] for _ in range(2))
    assert first == again
    assert mail(a_message(key="2:2026-03-02T09:00:00+00:00:result:me"), spec)["Message-ID"] != first


TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS)
def test_no_text_breaks_out_of_its_place(mail_peer: MailPeer, subject: str, body: str) -> None:
    mail_peer.got.clear()
    send(mail_peer.port, a_message(subject, body))
    (got,) = mail_peer.mails
    names = ["From", "To", "Subject", "Date", "Message-ID", "X-Jarvis-Key", "Auto-Submitted"]
    assert [
        name for name in got if not name.startswith(("Content-", "MIME-", "X-Peer", "X-MailFrom", "X-RcptTo"))
    ] == names
    assert "\n" not in got["Subject"]


@pytest.mark.parametrize(
    "subject", ["a\r\nBcc: eve@example.org", "a\nX: 1\n\nbody", "a\u2028b\x85c\x0bd\x00e", "\ud800"]
)
def test_a_subject_is_one_line_whatever_it_holds(mail_peer: MailPeer, subject: str) -> None:
    send(mail_peer.port, a_message(subject))
    (got,) = mail_peer.mails
    assert got["Bcc"] is None
    assert got["X"] is None
    assert got["Subject"].splitlines() == [got["Subject"]]
    assert mail_peer.got[0].rcpt_tos == ["ada@example.org"]


@pytest.mark.parametrize("stage", ["MAIL", "ada@example.org", "DATA"])
def test_a_4xx_has_failed_and_a_5xx_is_refused_at_every_stage(mail_peer: MailPeer, stage: str) -> None:
    mail_peer.refuse = {stage: "451 not now"}
    with pytest.raises(SendFailed, match="451 not now"):
        send(mail_peer.port)
    mail_peer.refuse = {stage: "554 never"}
    with pytest.raises(SendRefused, match="554 never"):
        send(mail_peer.port)
    assert mail_peer.got == []


def test_one_recipient_that_is_refused_keeps_it_from_all(mail_peer: MailPeer) -> None:
    mail_peer.refuse = {"bob@example.org": "550 no such person"}
    with pytest.raises(SendRefused, match=r"for bob@example\.org, so nobody was told: 550 no such person"):
        send(mail_peer.port, to=(ADA, BOB))
    mail_peer.refuse = {"bob@example.org": "450 later"}
    with pytest.raises(SendFailed, match=r"for bob@example\.org, so nobody was told: 450 later"):
        send(mail_peer.port, to=(ADA, BOB))
    assert mail_peer.got == []


def test_a_server_that_is_down_or_busy_has_got_nothing() -> None:
    with pytest.raises(SendFailed, match=r"127\.0\.0\.1: Connection refused"):
        send(CLOSED_PORT)
    for greeting, error in ((b"421 too busy\r\n", SendFailed), (b"554 go away\r\n", SendRefused)):
        peer = Peer(lambda connection, greeting=greeting: connection.sendall(greeting))  # type: ignore[misc]
        try:
            with pytest.raises(error, match=r"too busy|go away"):
                send(peer.port)
        finally:
            peer.close()


@pytest.mark.parametrize("script", [hang, hang_up, lambda each: each.sendall(b"\x00\xff garbage\r\n")])
def test_a_server_that_hangs_or_hangs_up_before_the_mail_has_got_nothing(
    script: Callable[[socket.socket], None],
) -> None:
    peer = Peer(script)
    started = time.monotonic()
    try:
        with pytest.raises(SendFailed):
            send(peer.port, a_message(remaining=seconds_from_now(0.5)))
    finally:
        peer.close()
    assert took(started) < 60


def half_a_reply(connection: socket.socket) -> None:
    connection.sendall(b"25")


@pytest.mark.parametrize("then", [hang, hang_up, half_a_reply, lambda each: each.sendall(b"gurgle\r\n")])
def test_silence_after_the_whole_mail_is_unknown(then: Callable[[socket.socket], None]) -> None:
    whole = threading.Event()

    def told(connection: socket.socket) -> None:
        whole.set()
        then(connection)

    peer = Peer(talks(after_data=told))
    started = time.monotonic()
    try:
        with pytest.raises(SendUnknown, match="took the mail and did not say"):
            send(peer.port, a_message(remaining=seconds_once(whole.is_set, 0.5)))
    finally:
        peer.close()
    assert took(started) < 60


def test_a_yes_counts_also_where_the_goodbye_is_not_answered() -> None:
    def yes_and_no_more(connection: socket.socket) -> None:
        connection.sendall(b"250 taken\r\n")
        hang(connection)

    peer = Peer(talks(after_data=yes_and_no_more))
    try:
        send(peer.port)
    finally:
        peer.close()


def test_starttls_and_a_password_that_no_other_server_is_given(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bytes] = []

    def check(_server: object, _session: object, _envelope: object, mechanism: str, data: Any) -> AuthResult:
        given.append(data.password)
        return AuthResult(success=data.password == b"hunter2", handled=False)

    peer = MailPeer().open(tls_context=authority.server, require_starttls=True, authenticator=check, auth_required=True)
    keys: dict[str, Any] = {"host": "localhost", "tls": "starttls", "user": "ada", "password": "hunter2"}
    try:
        with pytest.raises(SendFailed, match="certificate is not to be trusted"):
            send(peer.port, **keys)
        assert given == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        send(peer.port, **keys)
        assert len(peer.got) == 1
        with pytest.raises(SendRefused, match="535"):
            send(peer.port, **keys | {"password": "wrong"})
        with pytest.raises(SendRefused, match="530"):
            send(peer.port, tls="none")
        assert len(peer.got) == 1
    finally:
        peer.close()


def test_a_server_without_starttls_is_not_given_the_mail(mail_peer: MailPeer) -> None:
    with pytest.raises(SendRefused, match="STARTTLS"):
        send(mail_peer.port, tls="starttls")
    assert mail_peer.got == []


def test_tls_from_the_first_byte(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    said = talks(after_data=lambda connection: connection.sendall(b"250 taken\r\n"))
    peer = Peer(said, authority.server)
    try:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        send(peer.port, host="localhost", tls="tls")
    finally:
        peer.close()
    with pytest.raises(SendFailed, match="no time left"):
        send(1, a_message(remaining=lambda: -1.0))


def test_it_may_arrive_once_everybody_has_agreed_to_it_and_not_before(mail_peer: MailPeer) -> None:
    class TooLate(Exception):
        pass

    begun: list[int] = []

    def begin() -> None:
        begun.append(len(mail_peer.got))
        raise TooLate

    message = msgspec.structs.replace(a_message(), begin=begin)
    mail_peer.refuse = {"ada@example.org": "450 later"}
    with pytest.raises(SendFailed, match="450 later"):
        send(mail_peer.port, message)
    assert begun == []
    mail_peer.refuse = {}
    with pytest.raises(TooLate):
        send(mail_peer.port, message)
    assert (begun, mail_peer.got) == ([0], [])
