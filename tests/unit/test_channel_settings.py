"""Tables of channels: what each type takes, what is refused, and that no message about one shows a secret."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jarvis.scheduler.care import USUAL_CARE, Care
from jarvis.settings.channel_values import Address
from jarvis.settings.channels import (
    AppriseSpec,
    ChannelSpec,
    CommandSpec,
    DesktopSpec,
    IMessageSpec,
    SmtpSpec,
    WebhookSpec,
    filled,
    read_channels,
)
from jarvis.settings.secretref import SecretError, Secrets

KEY = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MAIL = 'type = "smtp"\nhost = "mail.example.org"\nfrom = "jarvis@example.org"\nto = "ada@example.org"\n'
LOG = '[log]\ntype = "file"\npath = "x"\n'


def read(text: str) -> tuple[dict[str, ChannelSpec], list[str]]:
    return read_channels(tomllib.loads(text), lambda raw: Path(str(raw)))


def one(text: str) -> ChannelSpec:
    found, problems = read(f"[me]\n{text}")
    assert problems == []
    return found["me"]


def problem(text: str) -> str:
    found, problems = read(f"[me]\n{text}")
    (told,) = problems
    assert "me" not in found or "fallback" in told
    return told


# -- types ------------------------------------------------------------------------------------------------
def test_a_url_alone_is_for_apprise() -> None:
    assert one('url = "ntfy://ntfy.sh/topic"') == ChannelSpec("apprise", AppriseSpec("ntfy://ntfy.sh/topic"))
    assert one('type = "apprise"\nurl = "tgram://t/1"\ntimeout = 9').means == AppriseSpec("tgram://t/1", 9.0)


def test_mail_takes_one_recipient_or_several_and_knows_the_usual_ports() -> None:
    means = one(MAIL).means
    assert means == SmtpSpec("mail.example.org", Address("", "jarvis@example.org"), (Address("", "ada@example.org"),))
    text = MAIL.replace('"ada@example.org"', '["Ada Lovelace <ada@example.org>", "bob@example.org"]')
    means = one(f'{text}port = 2525\ntls = "tls"\nuser = "u"\npassword = "p"').means
    assert isinstance(means, SmtpSpec)
    assert means.to == (Address("Ada Lovelace", "ada@example.org"), Address("", "bob@example.org"))
    assert (means.port, means.tls, means.user, means.password) == (2525, "tls", "u", "p")


def test_a_webhook_takes_its_secret_with_and_without_the_mark() -> None:
    for secret in (KEY, f"whsec_{KEY}"):
        means = one(f'type = "webhook"\nurl = "https://x.example/h"\nsecret = "{secret}"').means
        assert isinstance(means, WebhookSpec)
        assert len(means.secret) == 24


def test_the_others() -> None:
    assert one('type = "imessage"\nto = "+15550100"').means == IMessageSpec("+15550100")
    assert one('type = "imessage"\nchat = "iMessage;+;c"\nservice = "SMS"').means == IMessageSpec(
        "", "iMessage;+;c", "SMS"
    )
    assert one('type = "desktop"').means == DesktopSpec()
    command = one('type = "command"\ncommand = ["sh", "-c", "echo ${HOME} ${file:-x}"]\nenv = {A = "1"}').means
    assert command == CommandSpec(("sh", "-c", "echo ${HOME} ${file:-x}"), 30.0, (("A", "1"),))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('url = "ntfy"', "channels.me.url: got a value not shown here (it does not begin with a scheme"),
        ("url = 3", "channels.me.url: got a value not shown here; allowed: a URL that Apprise knows"),
        ('type = "webhook"\nurl = "ftp://x/"', "channels.me.url: got a value not shown here; allowed: a URL with https://"),
        ('type = "webhook"\nurl = "https://x/#y"', "what follows # is never sent"),
        ('type = "webhook"\nurl = "https://x:99999/"', "it is no URL"),
        ('type = "webhook"\nurl = "https://x/"\nsecret = "%%%"', "me.secret: got a value not shown here (it is not"),
        ('type = "webhook"\nurl = "https://x/"\nsecret = "aGk="', "it is shorter than 16 bytes"),
        ('type = "webhook"\nurl = "https://x/"\nheaders = {Host = "y"}', "Host is set by Jarvis"),
        ('type = "webhook"\nurl = "https://x/"\nheaders = {A = "b\\r\\nC: d"}', "me.headers: got a value not shown"),
        ('type = "webhook"\nurl = "https://x/"\nheaders = {"A B" = "c"}', "channels.me.headers"),
        (MAIL.replace("ada@", "ada lovelace@"), "me.to: got 'ada lovelace@example.org'; allowed: an"),
        (MAIL.replace("ada@example.org", "ada@example.org>\\nRCPT TO:<eve@example.org"), "channels.me.to"),
        (MAIL.replace('"ada@example.org"', "[]"), "channels.me.to: got a list of 0"),
        (MAIL.replace("mail.example.org", "-oX"), "channels.me.host"),
        (MAIL.replace("jarvis@", "grüße@"), "channels.me.from"),
        (f"{MAIL}port = 0", "channels.me.port: got 0; allowed: a whole number from 1 to 65535"),
        (f"{MAIL}tls = 'ssl'", "channels.me.tls: got 'ssl'; allowed: starttls or tls or none"),
        (f"{MAIL}user = 'ada'", "channels.me.user: give both user and password"),
        (f"{MAIL}tls = 'none'\nuser = 'ada'\npassword = 'x'", "without TLS the password could be read"),
        ('type = "imessage"', "channels.me.to: give one of to (somebody) and chat"),
        ('type = "imessage"\nto = "x"\nchat = "y"', "channels.me.to: give one of to"),
        ('type = "imessage"\nto = "-x"', "a leading dash would read as an option"),
        ('type = "desktop"\nto = "x"', "channels.me.to: not a key of this type; allowed: timeout, fallback"),
        ('type = "desktop"\nretries = -1', "channels.me.retries: got -1; allowed: a whole number from 0 to 1000"),
        ('type = "desktop"\nretries = true', "channels.me.retries: got True"),
        ('type = "desktop"\nexpires = "1y"', "channels.me.expires: got '1y'"),
        ('type = "desktop"\nexpires = 0', "channels.me.expires: got 0"),
        ('type = "desktop"\nfallback_on_unknown = 1', "channels.me.fallback_on_unknown: got 1; allowed: true or false"),
        ('type = "desktop"\nfallback = "lgo"\n' + LOG, "channels.me.fallback: got 'lgo'; allowed: the name of another"),
        ('type = "command"\ncommand = ["mail", "${env:TOKEN}"]', "everybody on this machine can see the arguments"),
        ('type = "command"\ncommand = ["x"]\nenv = {"A=B" = "c"}', "channels.me.env: got a value not shown here"),
        ('url = "${env:X"', "me.url: got a value not shown here (a reference such as ${env:NAME} is"),
        (f'{MAIL}user = "${{enw:X}}"\npassword = "x"', "channels.me.user: got '${enw:X}' (${enw:X} names no secret"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_key(text: str, told: str) -> None:
    assert told in problem(text)


def test_no_problem_shows_what_may_be_a_secret() -> None:
    _, problems = read("""
[a]
url = "hunter2"
[b]
type = "webhook"
url = "hunter2"
secret = "hunter2"
headers = {"A B" = "hunter2"}
[c]
type = "smtp"
password = ["hunter2"]
[d]
type = "command"
command = ["", "hunter2"]
env = {A = ["hunter2"]}
""")
    assert len(problems) == 10
    assert "hunter2" not in "".join(problems)


# -- what is done with what does not arrive -----------------------------------------------------------------
def test_every_type_takes_its_limits_and_its_fallback() -> None:
    text = 'type = "desktop"\nfallback = "log"\nfallback_on_unknown = true\nretries = 3\nexpires = "2h"\n'
    assert one(text + LOG).care == Care(3, timedelta(hours=2), "log", True)
    assert one('type = "desktop"').care == USUAL_CARE


def test_fallbacks_that_go_in_a_circle_are_refused_each_with_the_way() -> None:
    def table(name: str, fallback: str) -> str:
        return f'[{name}]\ntype = "desktop"\nfallback = "{fallback}"\n'

    _, problems = read(table("a", "b") + table("b", "c") + table("c", "b") + table("d", "d"))
    assert problems == [
        "jarvis.toml key channels.b.fallback: goes in a circle: b -> c -> b",
        "jarvis.toml key channels.c.fallback: goes in a circle: c -> b -> c",
        "jarvis.toml key channels.d.fallback: goes in a circle: d -> d",
    ]


# -- secrets ----------------------------------------------------------------------------------------------
def fill(text: str, **environ: str) -> Any:
    return filled(one(text), Secrets(lambda: environ))


def test_secrets_are_looked_up_when_a_channel_is_used_and_judged_then() -> None:
    text = 'type = "webhook"\nurl = "https://${env:HOST}/x"\nsecret = "${env:KEY}"\nheaders = {A = "Bearer ${env:T}"}'
    means = fill(text, HOST="h.example", KEY=KEY, T="t0ken")
    assert means == WebhookSpec("https://h.example/x", means.secret, (("A", "Bearer t0ken"),))
    assert len(means.secret) == 24
    with pytest.raises(SecretError, match=r"\$\{env:HOST\} is not set"):
        fill(text, KEY=KEY, T="t0ken")
    with pytest.raises(
        ValueError, match=r"the secret in secret is none that it can use: got a value not shown here"
    ) as caught:
        fill(text, HOST="h.example", KEY="hunter2!", T="t0ken")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match="the secret in headers"):
        fill(text, HOST="h.example", KEY=KEY, T="a\r\nX-Evil: 1")


def test_lists_and_tables_may_name_secrets_too() -> None:
    means = fill(MAIL.replace('"ada@example.org"', '["${env:A}", "bob@example.org"]'), A="Ada <ada@example.org>")
    assert means.to == (Address("Ada", "ada@example.org"), Address("", "bob@example.org"))
    assert fill('type = "command"\ncommand = ["x"]\nenv = {A = "${env:B}", C = "$${x}"}', B="b").env == (
        ("A", "b"),
        ("C", "${x}"),
    )


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ('url = "tgram://hunter2/1"', "tgram://***"),
        ('url = "${keyring:ntfy/me}"', "${keyring:ntfy/me}"),
        ('type = "webhook"\nurl = "https://ada:hunter2@h.example:8/hunter2?x"', "https://h.example/***"),
        ('type = "webhook"\nurl = "https://${env:HOST}/x"', "***"),
        (MAIL, "ada@example.org by mail.example.org"),
        (MAIL.replace('"ada@', '"${env:A}@'), "${env:A}@example.org by mail.example.org"),
        ('type = "command"\ncommand = ["curl", "hunter2"]', "curl"),
        ('type = "imessage"\nto = "+15550100"', "+15550100"),
        ('type = "desktop"', ""),
    ],
)
def test_where_a_channel_leads_is_shown_without_secrets(text: str, target: str) -> None:
    assert one(text).target == target
