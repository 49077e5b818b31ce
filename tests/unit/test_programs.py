"""The channels `imessage` and `desktop`: what reaches a fake program on PATH, and what its end means."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from jarvis.delivery.desktop import DesktopChannel
from jarvis.delivery.imessage import IMessageChannel
from jarvis.errors import SendFailed, SendRefused, SendUnknown
from jarvis.settings.channels import DesktopSpec, IMessageSpec
from tests.contexts import a_message, seconds_from_now, seconds_once

pytestmark = pytest.mark.process

ATTACK = 'say "hi" & quit\\" \'; do shell script "rm -rf /" -- $(id) `id`\n-e evil\nü'

Fake = Callable[..., Callable[[], Mapping[str, str]]]


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """A program that writes its arguments and its environment down, and ends as it is told to."""

    def make(name: str, then: str = "") -> Callable[[], Mapping[str, str]]:
        keep = (
            f"import json, os, sys; json.dump([sys.argv[1:], dict(os.environ)], open({str(tmp_path / 'got')!r}, 'w'))"
        )
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\n{sys.executable} -c "{keep}" "$@"\n{then}\n')
        program.chmod(0o700)
        return lambda: {"PATH": f"{program.parent}:{os.environ['PATH']}", "TOKEN": "s3cret", "HOME": str(tmp_path)}

    return make


def got(tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    arguments, environ = json.loads((tmp_path / "got").read_text())
    return arguments, environ


# -- imessage ---------------------------------------------------------------------------------------------
def test_what_is_said_is_an_argument_and_never_a_part_of_the_script(fake: Fake, tmp_path: Path) -> None:
    environ = fake("osascript")
    IMessageChannel(IMessageSpec(to="+15550100"), environ).send(a_message("-subject", ATTACK))
    (flag, script, first, to, text), inherited = got(tmp_path)
    assert (flag, first, to) == ("-e", "jarvis", "+15550100")
    assert text == f"-subject\n\n{ATTACK}"
    assert "participant (item 2 of argv) of theAccount" in script
    assert "service type is iMessage" in script
    assert "rm -rf" not in script
    assert "TOKEN" not in inherited
    IMessageChannel(IMessageSpec(to="+15550199"), environ).send(a_message("other", "other"))
    assert got(tmp_path)[0][1] == script


def test_a_chat_is_told_by_its_identifier_and_sms_by_its_service(fake: Fake, tmp_path: Path) -> None:
    environ = fake("osascript")
    IMessageChannel(IMessageSpec(chat="iMessage;+;chat1"), environ).send(a_message())
    (_, script, _, chat, _), _ = got(tmp_path)
    assert chat == "iMessage;+;chat1"
    assert "to chat id (item 2 of argv)" in script
    IMessageChannel(IMessageSpec(to="+15550100", service="SMS"), environ).send(a_message())
    assert "service type is SMS" in got(tmp_path)[0][1]


def test_texts_that_no_argument_can_hold_are_made_so_that_one_can(fake: Fake, tmp_path: Path) -> None:
    environ = fake("osascript")
    IMessageChannel(IMessageSpec(to="x"), environ).send(a_message("a\0b", "\ud800" + "ü" * 200_000))
    text = got(tmp_path)[0][4]
    assert text.startswith("ab\n\n?üüü")
    assert text.endswith("ü\n...")
    assert len(text) < 20_010


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        ("execution error: Messages got an error: Can't get participant. (-1728)", SendFailed, "-1728"),
        ("execution error: Not authorized to send Apple events to Messages. (-1743)", SendFailed, "Automation"),
        ("execution error: Messages got an error: AppleEvent timed out. (-1712)", SendUnknown, "may have been sent"),
    ],
)
def test_what_messages_says_when_it_fails(fake: Fake, said: str, error: type[Exception], told: str) -> None:
    environ = fake("osascript", f'echo "{said}" >&2; exit 1')
    with pytest.raises(error, match=told):
        IMessageChannel(IMessageSpec(to="x"), environ).send(a_message())


def test_messages_that_hangs_may_have_sent_it(fake: Fake, tmp_path: Path) -> None:
    environ = fake("osascript", "exec sleep 60")
    over = seconds_once((tmp_path / "got").exists)
    with pytest.raises(SendUnknown, match="may have sent before"):
        IMessageChannel(IMessageSpec(to="x"), environ).send(a_message(remaining=over))


def test_off_macos_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(SendRefused, match="osascript is a part of macOS, and this machine runs another system"):
        IMessageChannel(IMessageSpec(to="x"), lambda: {"PATH": str(tmp_path)}).send(a_message())
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SendRefused, match="osascript is not on PATH"):
        IMessageChannel(IMessageSpec(to="x"), lambda: {"PATH": str(tmp_path)}).send(a_message())


# -- desktop ----------------------------------------------------------------------------------------------
def test_on_linux_notify_send_shows_it_as_it_is(fake: Fake, tmp_path: Path) -> None:
    DesktopChannel(DesktopSpec(), fake("notify-send"), "linux").send(a_message("-x", "<b>1 & 2</b>\n"))
    arguments, inherited = got(tmp_path)
    assert arguments == ["--app-name=Jarvis", "--", "-x", "&lt;b&gt;1 &amp; 2&lt;/b&gt;"]
    assert "TOKEN" not in inherited


def test_on_macos_osascript_does(fake: Fake, tmp_path: Path) -> None:
    DesktopChannel(DesktopSpec(), fake("osascript"), "darwin").send(a_message('a "title"', ATTACK))
    (_, script, first, title, body), _ = got(tmp_path)
    assert (first, title, body) == ("jarvis", 'a "title"', ATTACK)
    assert script.splitlines()[1].strip() == "display notification (item 3 of argv) with title (item 2 of argv)"


def test_without_a_desktop_it_has_failed_and_without_the_program_it_is_refused(fake: Fake, tmp_path: Path) -> None:
    environ = fake("notify-send", "echo 'Cannot autolaunch D-Bus without X11' >&2; exit 1")
    with pytest.raises(SendFailed, match="exit code 1: Cannot autolaunch D-Bus"):
        DesktopChannel(DesktopSpec(), environ, "linux").send(a_message(remaining=seconds_from_now(10)))
    with pytest.raises(SendRefused, match="no notify-send on PATH"):
        DesktopChannel(DesktopSpec(), lambda: {"PATH": str(tmp_path)}, "linux").send(a_message())
