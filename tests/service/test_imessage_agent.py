"""The agent of the iMessage daemon, read by the parser that launchd's own tools agree with."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any

import pytest

from jarvis.settings.channels import IMessageSpec

TEMPLATE = Path(__file__).resolve().parents[2] / "scripts" / "com.chg.imessage-daemon.plist"


@pytest.fixture
def agent() -> dict[str, Any]:
    text = TEMPLATE.read_text(encoding="utf-8")
    filled = text.replace("__HOME__", "/Users/you").replace("__BIN__", "/Users/you/jarvis/bin")
    keys: dict[str, Any] = plistlib.loads(filled.encode())
    return keys


def test_it_starts_the_imessage_daemon_by_its_absolute_path(agent: dict[str, Any]) -> None:
    assert agent["Label"] == "com.chg.imessage-daemon" == TEMPLATE.stem
    assert agent["ProgramArguments"] == ["/Users/you/jarvis/bin/python", "-P", "-m", "jarvis", "imessage"]
    assert agent["WorkingDirectory"] == "/Users/you"


def test_it_is_kept_alive_without_a_busy_loop(agent: dict[str, Any]) -> None:
    assert agent["KeepAlive"] is True
    assert agent["RunAtLoad"] is True
    assert agent["ThrottleInterval"] >= 10


def test_it_has_time_to_end_what_it_is_sending(agent: dict[str, Any]) -> None:
    assert agent["ExitTimeOut"] > IMessageSpec().timeout


def test_it_runs_where_messages_can_be_told_to_send(agent: dict[str, Any]) -> None:
    assert agent["LimitLoadToSessionType"] == "Aqua"
    assert "/usr/bin" in agent["EnvironmentVariables"]["PATH"].split(":"), "osascript is there"


def test_its_log_is_the_file_that_launchd_opens_so_that_it_is_rotated(agent: dict[str, Any]) -> None:
    log = agent["EnvironmentVariables"]["IMESSAGE_LOG_FILE"]
    assert (
        agent["StandardErrorPath"] == agent["StandardOutPath"] == log == "/Users/you/Library/Logs/imessage-daemon.log"
    )


def test_what_it_writes_is_for_its_owner_alone(agent: dict[str, Any]) -> None:
    assert agent["Umask"] == 0o077
    assert "__" not in str(agent), "a placeholder is left"
