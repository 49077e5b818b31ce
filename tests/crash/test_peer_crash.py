"""Real daemons and real peers: down, refusing, hanging, killed in between. Told once, or said that nobody knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.crash.daemons import Daemons
from tests.peers.servers import HttpPeer, MailPeer, Peer, hang, hang_up, reply

pytestmark = pytest.mark.process


def channels(home: Path, http_peer: HttpPeer, mail_peer: MailPeer, more: str = "") -> None:
    (home / "jarvis.toml").write_text(f"""
[channels.hook]
type = "webhook"
url = "{http_peer.url}"
fallback = "mail"
{more}

[channels.mail]
type = "smtp"
host = "127.0.0.1"
port = {mail_peer.port}
tls = "none"
from = "jarvis@example.org"
to = "ada@example.org"
""")


def run_once(daemons: Daemons, name: str, *flags: str) -> None:
    daemons.add(name, "--every", "1d", *flags)
    daemons.cli("task", "run", name)


def outbox(daemons: Daemons) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(daemons.cli("delivery", "list", "--json"))
    return sorted(found, key=lambda each: int(each["id"]))


def states(daemons: Daemons) -> list[tuple[str, str]]:
    return daemons.query("SELECT channel, state FROM deliveries ORDER BY id")


def test_what_was_settled_and_not_yet_sent_is_sent_by_the_next_daemon_once(
    daemons: Daemons, home: Path, http_peer: HttpPeer, mail_peer: MailPeer
) -> None:
    channels(home, http_peer, mail_peer)
    http_peer.answers = [hang]
    first = daemons.start()
    run_once(daemons, "one", "--deliver", "hook")
    daemons.until(lambda: len(http_peer.got) == 1)
    for name in ("two", "three"):
        run_once(daemons, name, "--deliver", "hook")
    daemons.until(lambda: states(daemons) == [("hook", "sending"), ("hook", "pending"), ("hook", "pending")])
    daemons.kill(first)
    http_peer.answers = [reply(200)]
    daemons.start()
    daemons.until(lambda: states(daemons) == [("hook", "unknown"), ("hook", "sent"), ("hook", "sent")])
    assert daemons.stop() == [0]
    tasks = [json.loads(each.body)["data"]["task"] for each in http_peer.got]
    assert tasks == ["one", "two", "three"]
    assert len({each.headers["webhook-id"] for each in http_peer.got}) == 3
    assert mail_peer.got == [], "what may have arrived goes no other way, unless that is asked for"


def test_a_daemon_killed_before_a_mail_could_arrive_leaves_it_to_the_next_which_sends_it_once(
    daemons: Daemons, home: Path, http_peer: HttpPeer, mail_peer: MailPeer
) -> None:
    silent = Peer(hang)  # it takes the call, and never greets
    try:
        channels(home, http_peer, mail_peer)
        file = home / "jarvis.toml"
        good = file.read_text()
        file.write_text(good.replace(f"port = {mail_peer.port}", f"port = {silent.port}"))
        first = daemons.start()
        run_once(daemons, "one", "--deliver", "mail")
        daemons.until(lambda: silent.calls == 1)
        assert states(daemons) == [("mail", "sending")]
        daemons.kill(first)
        file.write_text(good)
        daemons.start()
        daemons.until(lambda: states(daemons) == [("mail", "sent")])
        assert daemons.stop() == [0]
        assert [each["Subject"] for each in mail_peer.mails] == ["one succeeded"]
    finally:
        silent.close()


def test_a_daemon_killed_while_a_template_is_filled_in_has_sent_nothing_yet(
    daemons: Daemons, home: Path, http_peer: HttpPeer, mail_peer: MailPeer
) -> None:
    channels(home, http_peer, mail_peer)
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    first = daemons.start()
    run_once(daemons, "loops", "--deliver", "hook", "--template", endless)
    daemons.until(lambda: states(daemons) == [("hook", "sending")])
    daemons.kill(first)
    daemons.start()
    daemons.until(lambda: states(daemons) == [("hook", "sent")], within=60)
    assert daemons.stop() == [0]
    assert len(http_peer.got) == 1


@pytest.mark.slow
def test_a_mail_server_that_was_down_gets_the_mail_after_a_kill_and_a_restart(
    daemons: Daemons, home: Path, http_peer: HttpPeer, mail_peer: MailPeer
) -> None:
    channels(home, http_peer, mail_peer)
    mail_peer.refuse = {"DATA": "451 come back later"}
    first = daemons.start()
    run_once(daemons, "one", "--deliver", "mail")
    daemons.until(lambda: "451" in outbox(daemons)[0]["reason"] if outbox(daemons) else False)
    assert states(daemons) == [("mail", "pending")]
    daemons.kill(first)
    mail_peer.refuse = {}
    daemons.start()
    daemons.until(lambda: states(daemons) == [("mail", "sent")], within=30)
    assert daemons.stop() == [0]
    (mail,) = mail_peer.mails
    assert mail["Subject"] == "one succeeded"


def test_what_a_webhook_refuses_goes_by_mail_and_what_it_may_have_taken_only_if_asked_for(
    daemons: Daemons, home: Path, http_peer: HttpPeer, mail_peer: MailPeer
) -> None:
    channels(home, http_peer, mail_peer)
    http_peer.answers = [reply(404, b"no such hook"), hang_up]
    daemons.start()
    run_once(daemons, "one", "--deliver", "hook")
    daemons.until(lambda: states(daemons) == [("hook", "failed"), ("mail", "sent")])
    run_once(daemons, "two", "--deliver", "hook")
    daemons.until(lambda: states(daemons)[2:] == [("hook", "unknown")])
    channels(home, http_peer, mail_peer, "fallback_on_unknown = true")
    run_once(daemons, "three", "--deliver", "hook")
    daemons.until(lambda: states(daemons)[3:] == [("hook", "unknown"), ("mail", "sent")])
    assert daemons.stop() == [0]
    assert [each["Subject"] for each in mail_peer.mails] == ["one succeeded", "three succeeded"]
    assert "because hook could not be told for sure: answered 404: no such hook" in mail_peer.mails[0].get_content()
    first, second = outbox(daemons)[:2]
    assert (first["fallback"], second["fallback_of"]) == (second["id"], first["id"])


def test_a_template_is_filled_in_by_the_daemon_and_one_that_loops_delays_no_other_channel(
    daemons: Daemons, home: Path, http_peer: HttpPeer, mail_peer: MailPeer
) -> None:
    channels(home, http_peer, mail_peer)
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    daemons.start()
    run_once(daemons, "loops", "--deliver", "mail", "--template", endless)
    run_once(daemons, "quick", "--deliver", "hook", "--template", "Subject: {{ task.name }}!\n\n{{ run.state }}")
    daemons.until(lambda: ("hook", "sent") in states(daemons), within=60)
    daemons.until(lambda: ("mail", "sent") in states(daemons), within=60)
    assert daemons.stop() == [0]
    got = json.loads(http_peer.got[0].body)["data"]
    assert (got["subject"], got["body"]) == ("quick!", "succeeded")
    assert "the template could not be used" in mail_peer.mails[0].get_content()
