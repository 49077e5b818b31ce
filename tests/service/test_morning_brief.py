"""examples/morning-brief, as its README says to use it: applied, run on a working day, and silent on a holiday."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.house.tree import ROOT
from tests.peers.servers import MailPeer

pytestmark = pytest.mark.process

EXAMPLE = ROOT / "examples" / "morning-brief"
BERLIN = ZoneInfo("Europe/Berlin")
SERVER = """host = "127.0.0.1"
port = {port}
tls = "none"
"""
Call = Callable[..., str]


@pytest.fixture
def jarvis(home: Path, mail_peer: MailPeer) -> Call:
    """The example in a home of its own, its mail server that of the test."""
    shutil.copytree(EXAMPLE, home, dirs_exist_ok=True)
    file = home / "jarvis.toml"
    kept = [line for line in file.read_text().splitlines() if not line.startswith(("user =", "password ="))]
    text = "\n".join(kept) + "\n"
    assert 'host = "smtp.example.org"\n' in text
    file.write_text(text.replace('host = "smtp.example.org"\n', SERVER.format(port=mail_peer.port)))

    def call(*words: str) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environ = {**os.environ, "PATH": path, "JARVIS_HOME": str(home), "TZ": "Europe/Berlin"}
        done = subprocess.run(
            [sys.executable, "-m", "jarvis", *words], env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def instants(jarvis: Call, count: int) -> list[datetime]:
    coming = json.loads(jarvis("next", "morning-brief", "-n", str(count), "--json"))
    return [datetime.fromisoformat(each) for each in coming]


def test_a_brief_comes_on_a_working_day_once_and_none_on_a_holiday(
    jarvis: Call, home: Path, mail_peer: MailPeer
) -> None:
    jarvis("apply")
    coming = instants(jarvis, 300)
    assert {each.astimezone(BERLIN).strftime("%H:%M") for each in coming} == {"07:30"}
    first, second, *_ = coming
    (home / "agenda.txt").write_text(f"{first.date()} 10:00 dentist\n{first.date()} call Bob\n2020-01-01 long ago\n")
    jarvis("delegation", "add", "the quarterly figures", "--to", "Bob", "--due", first.date().isoformat())
    jarvis("tick", "--now", first.isoformat())
    jarvis("tick", "--now", (first + timedelta(minutes=1)).isoformat())
    (mail,) = mail_peer.mails
    assert mail["Subject"] == f"{first.astimezone(BERLIN):%A %d %B}: your brief"
    assert mail["To"] == "you@example.org"
    body = mail.get_content().replace("\r\n", "\n")
    assert body.startswith("Today\n  - 10:00 dentist\n  - call Bob\n\nPromised to you\n  - Bob: the quarterly figures")
    assert "long ago" not in body
    jarvis("tick", "--now", second.isoformat())
    assert len(mail_peer.mails) == 2
    holiday = next_holiday(after=second.date())
    assert holiday not in {each.date() for each in coming}
    at = datetime.combine(holiday, time(7, 30), BERLIN)
    jarvis("tick", "--now", (at + timedelta(minutes=1)).isoformat())
    assert len(mail_peer.mails) == 2, "what was missed before is too late, and today is none"
    told = jarvis("why", "morning-brief", "--at", at.isoformat())
    assert "its calendar leaves out" in told


def next_holiday(after: date) -> date:
    """The next New Year's Day, Labour Day or Christmas Day that is no weekend."""
    days = [date(after.year + years, *day) for years in range(9) for day in ((1, 1), (5, 1), (12, 25))]
    return min(each for each in days if each > after and each.weekday() < 5)


def test_a_brief_that_cannot_be_gathered_says_so_in_plain_words(jarvis: Call, home: Path, mail_peer: MailPeer) -> None:
    (home / "gather.py").write_text("raise SystemExit('no network')")
    file = home / "jarvis.toml"
    file.write_text(file.read_text().replace("retries = 2", "retries = 0"))
    jarvis("apply")
    jarvis("tick", "--now", instants(jarvis, 1)[0].isoformat())
    (mail,) = mail_peer.mails
    assert mail["Subject"] == "morning-brief failed: exit code 1"
    assert "no network" in mail.get_content()


def test_a_brief_that_the_mail_server_refuses_is_kept_in_the_file(
    jarvis: Call, home: Path, mail_peer: MailPeer
) -> None:
    mail_peer.refuse = {"you@example.org": "550 no such person"}
    jarvis("apply")
    jarvis("tick", "--now", instants(jarvis, 1)[0].isoformat())
    assert mail_peer.mails == []
    assert ": your brief\n" in (home / "briefs.txt").read_text()
    first, second = json.loads(jarvis("delivery", "list", "--json"))[::-1]
    assert (first["state"], first["channel"], second["state"], second["channel"]) == ("failed", "mail", "sent", "kept")
    assert first["fallback"] == second["id"]
