"""`jarvis doctor`: what it shows and ends with, in homes that are well, damaged, empty, and wrongly configured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jarvis.cli.verbs import LATER
from jarvis.doctor.examination import CHECKS
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from tests.cli.conftest import Jarvis, Said
from tests.service.fakes import PID, Fake, on_path

pytestmark = pytest.mark.process

SECRET = "hunter2-hunter2"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "doctor.md"


@pytest.fixture(autouse=True)
def _alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No service manager of the person who runs the tests, nor what is in their own folder."""
    home.chmod(0o700)
    monkeypatch.setenv("HOME", str(home.parent))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("SUDO_UID", raising=False)


@pytest.fixture
def second(store: MemoryStore, living: None) -> Iterator[None]:
    """Another daemon beside the one that lives."""
    instance = store.instances.register(SystemClock().now())
    yield
    store.instances.sign_off(instance.id, SystemClock().now())


def findings(said: Said) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in said.json:
        assert set(each) == {"name", "severity", "found", "todo"}
        found.setdefault(each["name"], []).append(each)
    return found


def wrong(said: Said) -> list[str]:
    return [each["name"] for each in said.json if each["severity"] in ("warning", "error")]


def test_a_healthy_home_is_well(jarvis: Jarvis, living: None) -> None:
    said = jarvis("doctor")
    assert said.code == 0, said.out
    assert said.out.endswith("\nall is well\n")
    assert said.err == ""
    as_json = jarvis("doctor", "--json")
    assert (as_json.code, wrong(as_json)) == (0, [])
    assert set(findings(as_json)) == set(CHECKS) - {"imessage"}


def test_an_empty_home_is_told_what_it_lacks_and_stays_empty(jarvis: Jarvis, home: Path) -> None:
    said = jarvis("doctor", "--json")
    assert (said.code, wrong(said)) == (1, ["daemon"])
    assert list(home.iterdir()) == []
    shown = jarvis("doctor").out
    assert "-> `jarvis service install` keeps one running" in shown
    assert shown.endswith("\n1 warning\n")


def test_a_home_that_is_not_there_is_not_made(jarvis: Jarvis, tmp_path: Path) -> None:
    assert jarvis("--home", tmp_path / "other", "doctor").code == 1
    assert not (tmp_path / "other").exists()


def test_a_damaged_store_is_told_beside_all_the_rest_and_left_alone(jarvis: Jarvis, home: Path) -> None:
    jarvis("task", "add", "t", "--every", "1h", "--handler", "noop")
    jarvis("backup")
    path = home / "data" / "memory.db"
    garbage = b"garbage" * 1000
    path.write_bytes(garbage)
    said = jarvis("doctor", "--json")
    found = findings(said)
    assert said.code == 1
    assert found["store"][0]["severity"] == "error"
    assert "`jarvis restore` puts jarvis-" in found["store"][0]["todo"]
    assert {"configuration", "home", "disk", "log", "service", "inbox", "backups"} <= set(found)
    assert path.read_bytes() == garbage


def test_two_daemons_are_told(jarvis: Jarvis, second: None) -> None:
    said = jarvis("doctor", "--json")
    assert (said.code, wrong(said)) == (1, ["daemon"])
    assert "2 processes of this machine" in str(findings(said)["daemon"])


def test_a_mac_with_the_service_and_an_old_agent_beside_it(
    jarvis: Jarvis, living: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{on_path(tmp_path, 'launchctl')}:/usr/bin:/bin")
    assert jarvis("service", "install").code == 0
    fake = Fake(tmp_path)
    fake.state["loaded"]["com.chg.inbox-monitor"] = {"pid": None, "last": "last exit code = 0", "plist": "gone"}
    fake.save()
    said = jarvis("doctor", "--json")
    found = findings(said)
    assert (said.code, wrong(said)) == (1, ["service", "old agents"])
    assert f"runs as process {PID}, which has not entered the store" in found["service"][0]["found"]
    assert "com.chg.inbox-monitor" in found["old agents"][0]["found"]
    assert Fake(tmp_path).calls == fake.calls


def test_wrong_settings_are_told_beside_all_the_rest(jarvis: Jarvis, home: Path, living: None) -> None:
    (home / "jarvis.toml").write_text("jarvis_max_workers = 0\n[channels.x]\ntype = 'carrier-pigeon'\n")
    said = jarvis("doctor", "--json")
    found = findings(said)
    assert said.code == 1
    assert [each["severity"] for each in found["configuration"]] == ["error", "error"]
    assert {"store", "tasks", "daemon", "backups"} <= set(found)
    (home / "jarvis.toml").write_text("[tasks.t]\nevery = 'never'\nhandler = 'noop'\n")
    assert "[tasks.t] every" in findings(jarvis("doctor", "--json"))["configuration"][0]["found"]


def test_a_home_that_cannot_be_found_is_all_that_is_told(jarvis: Jarvis) -> None:
    said = jarvis("--home", "~nobody/x", "doctor", "--json")
    assert (said.code, wrong(said)) == (1, ["configuration"])


def test_a_channel_is_tried_for_real_and_its_secret_never_shown(
    jarvis: Jarvis, home: Path, living: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "jarvis.toml").write_text(
        "[channels.me]\ntype = 'file'\npath = '$JARVIS_HOME/me.jsonl'\n"
        "[channels.sh]\ntype = 'command'\ncommand = ['/bin/sh', '-c', 'echo $KEY >&2; exit 1']\n"
        "env = {KEY = '${env:SOME_SECRET}'}\n"
    )
    monkeypatch.delenv("SOME_SECRET", raising=False)
    lacking = jarvis("doctor", "--json")
    assert (lacking.code, wrong(lacking)) == (1, ["channels"])
    assert "${env:SOME_SECRET} is not set" in lacking.out
    monkeypatch.setenv("SOME_SECRET", SECRET)
    assert jarvis("doctor").code == 0
    assert not (home / "me.jsonl").exists()
    said = jarvis("doctor", "--send", "--json")
    me, sh = findings(said)["channels"]
    assert (me["severity"], sh["severity"]) == ("ok", "error")
    assert json.loads((home / "me.jsonl").read_text())["subject"] == "Jarvis: a test of me"
    assert SECRET not in said.out + said.err + jarvis("doctor", "--send").out


def test_every_check_is_on_its_page() -> None:
    page = DOCS.read_text(encoding="utf-8")
    assert [name for name in CHECKS if f"| {name} |" not in page] == []
    assert "doctor" not in LATER
