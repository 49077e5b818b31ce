"""`jarvis imessage` as a process: when it refuses to start, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Eventually
from tests.imessage.world import ADA, Osascript, Phone

pytestmark = pytest.mark.process


@pytest.fixture
def mac(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Phone]:
    phone = Phone(tmp_path / "chat.db")
    osascript = Osascript(tmp_path)
    monkeypatch.setenv("PATH", f"{osascript.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JARVIS_TIMEZONE", "UTC")
    monkeypatch.setenv("IMESSAGE_CHAT_DB", str(phone.path))
    monkeypatch.setenv("IMESSAGE_ALLOWED_SENDERS", ADA)
    monkeypatch.setenv("IMESSAGE_POLL_SECONDS", "0.2")
    yield phone
    phone.close()


def started(*flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "jarvis", "imessage", *flags]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def answers(phone: Phone) -> list[str]:
    record = phone.path.parent / "osascript.jsonl"
    return record.read_text().splitlines() if record.exists() else []


def test_it_answers_within_its_poll_and_stops_when_told(mac: Phone, eventually: Eventually) -> None:
    process = started()
    mac.write("jarvis: help")
    eventually(lambda: len(answers(mac)) == 1, within=60)
    mac.write("jarvis: status")
    eventually(lambda: len(answers(mac)) == 2, within=60)
    process.send_signal(signal.SIGTERM)
    code, said = ended(process)
    assert code == 0, said
    assert "stopped" in said


def test_a_stop_lets_what_is_being_sent_arrive(mac: Phone, eventually: Eventually, home: Path) -> None:
    folder = mac.path.parent
    program = folder / "bin" / "osascript"
    program.write_text(
        f"#!/bin/sh\ntouch {folder}/begun\nwhile [ ! -e {folder}/go ]; do sleep 0.05; done\ntouch {folder}/sent\n"
    )
    process = started()
    mac.write("jarvis: help")
    eventually((folder / "begun").exists, within=60)
    process.send_signal(signal.SIGTERM)
    (folder / "go").touch()
    code, said = ended(process)
    assert code == 0, said
    assert (folder / "sent").exists()
    assert "answer 1 to +15551234567: sent" in said


def test_a_second_one_for_the_same_home_is_refused(mac: Phone, eventually: Eventually, home: Path) -> None:
    first = started()
    eventually((home / "data" / "imessage-worker.db").exists, within=60)
    code, said = ended(started("--once"))
    first.terminate()
    ended(first)
    assert code == 1
    assert said == f"jarvis: error: another `jarvis imessage` works for this home: process {first.pid}\n"
    assert ended(started("--once"))[0] == 0, "and once the first has ended, it is not"


def test_what_it_writes_is_for_its_owner_alone(mac: Phone, home: Path) -> None:
    assert ended(started("--once"))[0] == 0
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home / "data").iterdir() if path.is_file()}
    assert {"imessage-worker.db", "imessage-daemon.log", "imessage-worker.pid"} <= modes.keys()
    assert {mode for name, mode in modes.items() if name.startswith("imessage")} == {0o600}


# -- when it does not start -------------------------------------------------------------------------------------------
def test_without_an_allow_list_it_does_not_start(mac: Phone, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.delenv("IMESSAGE_ALLOWED_SENDERS")
    code, said = ended(started())
    assert code == 78
    assert said.startswith("jarvis: error: IMESSAGE_ALLOWED_SENDERS names nobody")
    assert not (home / "data").exists()


@pytest.mark.parametrize("senders", ["5551234567", "ada", "+15551234567, x"])
def test_a_sender_that_is_none_is_named_before_it_starts(
    mac: Phone, monkeypatch: pytest.MonkeyPatch, senders: str
) -> None:
    monkeypatch.setenv("IMESSAGE_ALLOWED_SENDERS", senders)
    code, said = ended(started())
    assert code == 78
    assert f"environment variable IMESSAGE_ALLOWED_SENDERS: got '{senders}'" in said
    assert "needs its + and country" in said


@pytest.mark.skipif(sys.platform == "darwin", reason="there it has messages")
def test_off_macos_it_says_so(mac: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMESSAGE_CHAT_DB")
    for unset in ("", "IMESSAGE_ALLOWED_SENDERS"):
        if unset:
            monkeypatch.delenv(unset)
        code, said = ended(started())
        assert code == 1
        assert said.startswith(f"jarvis: error: iMessage is a part of macOS, and this machine runs {sys.platform}")


def test_messages_that_cannot_be_read_are_told_with_what_to_do(mac: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (mac.path.parent / "none.db", mac.path.parent):
        monkeypatch.setenv("IMESSAGE_CHAT_DB", str(path))
        code, said = ended(started())
        assert code == 78
        assert f"the messages in {path} cannot be read" in said
        assert "Full Disk Access" in said


def test_what_is_no_chat_db_is_refused(mac: Phone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("hello")
    monkeypatch.setenv("IMESSAGE_CHAT_DB", str(tmp_path / "other"))
    code, said = ended(started())
    assert code == 78
    assert "cannot be read" in said


def test_json_is_only_for_the_check(mac: Phone) -> None:
    code, said = ended(started("--json"))
    assert (code, "--json goes with --check" in said) == (2, True)


def test_a_store_in_memory_is_refused(mac: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JARVIS_DATABASE_URL", "sqlite://")
    code, said = ended(started())
    assert code == 78
    assert "JARVIS_DATABASE_URL is a store in memory" in said


def test_a_look_at_what_it_would_do_changes_nothing(mac: Phone, home: Path) -> None:
    mac.write("jarvis: help")
    process = subprocess.run(
        [sys.executable, "-m", "jarvis", "imessage", "--check", "--json"], capture_output=True, text=True, check=True
    )
    found = json.loads(process.stdout)
    assert found["last_message"] == 1
    assert found["last_read"] is None
    assert found["senders"] == [ADA]
    assert answers(mac) == []
