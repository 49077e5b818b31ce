"""The service files, read by the parsers of the systems that will read them."""

from __future__ import annotations

import configparser
import os
import plistlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
LONGEST_RUN = 300  # SCHEDULER_HANDLER_TIMEOUT_SECONDS by default
PLIST, UNIT = "com.chg.jarvis-daemon.plist", "jarvis-daemon.service"


def filled(name: str, home: str = "/home/you", jarvis: str = "/home/you/bin/jarvis") -> str:
    """The template as its own comment says to fill it in."""
    text = (SCRIPTS / name).read_text(encoding="utf-8")
    return text.replace("__HOME__", home).replace("__JARVIS__", jarvis)


@pytest.fixture
def agent() -> dict[str, Any]:
    keys: dict[str, Any] = plistlib.loads(filled(PLIST).encode())
    return keys


@pytest.fixture
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(filled(UNIT))
    return parser


def test_the_agent_starts_the_daemon_by_its_absolute_path(agent: dict[str, Any]) -> None:
    assert agent["Label"] == "com.chg.jarvis-daemon"
    assert agent["ProgramArguments"] == ["/home/you/bin/jarvis", "daemon"]
    assert agent["WorkingDirectory"] == "/home/you"


def test_the_agent_is_kept_alive_from_login_on_without_a_busy_loop(agent: dict[str, Any]) -> None:
    assert agent["KeepAlive"] is True
    assert agent["RunAtLoad"] is True
    assert agent["ThrottleInterval"] >= 10


def test_the_agent_has_time_for_a_graceful_stop(agent: dict[str, Any]) -> None:
    assert agent["ExitTimeOut"] > LONGEST_RUN


def test_the_agent_is_woken_exactly(agent: dict[str, Any]) -> None:
    assert agent["ProcessType"] == "Interactive"
    assert agent["LegacyTimers"] is True


def test_the_agent_logs_where_launchd_may_always_write(agent: dict[str, Any]) -> None:
    expected = "/home/you/Library/Logs/jarvis-daemon.log"
    assert agent["StandardOutPath"] == agent["StandardErrorPath"] == expected


def test_the_agent_finds_homebrew_and_writes_for_its_owner_alone(agent: dict[str, Any]) -> None:
    folders = agent["EnvironmentVariables"]["PATH"].split(":")
    assert {"/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/bin"} <= set(folders)
    assert agent["EnvironmentVariables"]["PYTHONUNBUFFERED"] == "1"
    assert agent["Umask"] == 0o077


def test_the_agent_has_no_key_that_no_test_knows(agent: dict[str, Any]) -> None:
    known = """
        Label ProgramArguments RunAtLoad KeepAlive ThrottleInterval ExitTimeOut ProcessType LegacyTimers
        StandardOutPath StandardErrorPath WorkingDirectory EnvironmentVariables Umask
    """
    assert set(agent) == set(known.split())


@pytest.mark.parametrize("name", [PLIST, UNIT])
def test_nothing_is_left_for_the_service_manager_to_expand(name: str) -> None:
    rules = [line for line in filled(name).splitlines() if line.lstrip().startswith(("<string", "ExecStart"))]
    assert rules
    assert not [line for line in rules if "~" in line or "$" in line or "__" in line]


def test_the_unit_is_kept_alive_but_not_with_a_wrong_configuration(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert (service["Restart"], service["RestartSec"]) == ("always", "2")
    assert service["RestartPreventExitStatus"] == "78"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


def test_the_unit_has_time_for_a_graceful_stop_of_the_daemon_alone(unit: configparser.ConfigParser) -> None:
    assert int(unit["Service"]["TimeoutStopSec"]) > LONGEST_RUN
    assert unit["Service"]["KillMode"] == "mixed"


def test_the_unit_does_not_tie_the_hands_of_scheduled_commands(unit: configparser.ConfigParser) -> None:
    implied = {
        "NoNewPrivileges",
        "SystemCallFilter",
        "RestrictAddressFamilies",
        "ProtectSystem",
        "ProtectHome",
    }
    assert not implied & set(unit["Service"])
    assert unit["Service"]["OOMPolicy"] == "continue"
    assert unit["Service"]["UMask"] == "0077"


def verify(unit_file: Path) -> subprocess.CompletedProcess[str]:
    if not shutil.which("systemd-analyze"):
        message = "systemd-analyze is not installed (Debian: the package systemd)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    runtime = unit_file.parent / "runtime"
    runtime.mkdir(mode=0o700)
    return subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(unit_file)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(runtime), "HOME": str(unit_file.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def write_unit(folder: Path, text: str) -> Path:
    path = folder / UNIT
    path.write_text(text, encoding="utf-8")
    return path


def test_systemd_accepts_the_unit_without_a_word(tmp_path: Path) -> None:
    program = tmp_path / "jarvis"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    outcome = verify(write_unit(tmp_path, filled(UNIT, jarvis=str(program))))
    assert (outcome.returncode, outcome.stdout + outcome.stderr) == (0, "")


@pytest.mark.parametrize(
    ("good", "bad", "complaint"),
    [
        ("KillMode=mixed", "KillMode=gently", "kill mode"),
        ("OOMPolicy=", "OOMPolity=", "OOMPolity"),
        ("__JARVIS__", "/nowhere/jarvis", "not executable"),
    ],
)
def test_systemd_refuses_a_broken_unit(tmp_path: Path, good: str, bad: str, complaint: str) -> None:
    text = (SCRIPTS / UNIT).read_text(encoding="utf-8").replace(good, bad).replace("__JARVIS__", "/bin/true")
    outcome = verify(write_unit(tmp_path, text))
    assert complaint in outcome.stdout + outcome.stderr
