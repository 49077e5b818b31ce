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

from jarvis.errors import UsageError
from jarvis.service import plist
from jarvis.service import unit as units
from jarvis.service.description import Service
from tests.service.templates import files

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
LONGEST_RUN = 300  # SCHEDULER_HANDLER_TIMEOUT_SECONDS by default
PLIST, UNIT = "com.chg.jarvis-daemon.plist", "jarvis-daemon.service"


def filled(name: str, home: str = "/home/you", folder: str = "/home/you/bin") -> str:
    """The template with the paths of an installation."""
    text = (SCRIPTS / name).read_text(encoding="utf-8")
    return text.replace("__HOME__", home).replace("__BIN__", folder)


@pytest.mark.parametrize(("file", "text"), files().items(), ids=lambda each: getattr(each, "name", ""))
def test_the_templates_are_what_an_install_writes(file: Path, text: str) -> None:
    assert file.read_text(encoding="utf-8") == text, "python -m tests.service.templates writes it anew"


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
    assert agent["ProgramArguments"][:5] == ["/home/you/bin/python", "-P", "-m", "jarvis", "daemon"]
    assert agent["WorkingDirectory"] == "/home/you"


def test_the_agent_is_kept_alive_from_login_on_without_a_busy_loop(agent: dict[str, Any]) -> None:
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["ProgramArguments"][5:] == ["--refuse-slowly", "5m"]
    assert agent["RunAtLoad"] is True
    assert agent["ThrottleInterval"] >= 10


def test_the_agent_has_time_for_a_graceful_stop(agent: dict[str, Any]) -> None:
    assert agent["ExitTimeOut"] > LONGEST_RUN


def test_the_agent_is_woken_exactly(agent: dict[str, Any]) -> None:
    assert agent["ProcessType"] == "Interactive"
    assert agent["LegacyTimers"] is True


def test_the_agent_logs_where_launchd_may_always_write(agent: dict[str, Any]) -> None:
    expected = "/home/you/Library/Logs/jarvis/jarvis-daemon.log"
    assert agent["StandardOutPath"] == agent["StandardErrorPath"] == expected
    assert agent["EnvironmentVariables"]["DAEMON_LOG_FILE"] == expected  # or it would grow for ever beside the log


def test_the_agent_finds_homebrew_and_writes_for_its_owner_alone(agent: dict[str, Any]) -> None:
    folders = agent["EnvironmentVariables"]["PATH"].split(":")
    assert {"/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/bin"} <= set(folders)
    assert agent["EnvironmentVariables"]["PYTHONUNBUFFERED"] == "1"
    assert agent["EnvironmentVariables"]["PATH"].endswith(":/home/you/bin")  # `jarvis` itself, and nothing hidden by it
    assert agent["Umask"] == 0o077


def test_the_agent_has_no_key_that_no_test_knows(agent: dict[str, Any]) -> None:
    known = """
        Label ProgramArguments RunAtLoad KeepAlive ThrottleInterval ExitTimeOut ProcessType LegacyTimers
        StandardOutPath StandardErrorPath WorkingDirectory EnvironmentVariables Umask
    """
    assert set(agent) == set(known.split())


@pytest.mark.parametrize("name", [PLIST, UNIT])
def test_nothing_is_left_for_the_service_manager_to_expand(name: str) -> None:
    rules = [
        line for line in filled(name).splitlines() if line.lstrip().startswith(("<string", "ExecStart", "Environment"))
    ]
    assert rules
    assert not [line for line in rules if "~" in line or "$" in line or "__" in line]


def test_the_unit_is_kept_alive_but_not_with_a_wrong_configuration(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert (service["Restart"], service["RestartSec"]) == ("always", "2")
    assert service["RestartPreventExitStatus"] == "78"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


def test_the_unit_waits_for_the_daemon_to_say_that_it_is_ready_and_lives(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert (service["Type"], service["TimeoutStartSec"], service["WatchdogSec"]) == ("notify", "infinity", "5min")


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


def program_in(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / "python"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    return folder


def test_systemd_accepts_the_unit_without_a_word(tmp_path: Path) -> None:
    outcome = verify(write_unit(tmp_path, filled(UNIT, folder=str(program_in(tmp_path)))))
    assert (outcome.returncode, outcome.stdout + outcome.stderr) == (0, "")


def test_systemd_accepts_the_hardening_that_the_documents_offer(tmp_path: Path) -> None:
    page = (SCRIPTS.parent / "docs" / "service.md").read_text(encoding="utf-8")
    rules = page.partition("```ini\n[Service]\n")[2].partition("```")[0]
    assert "NoNewPrivileges=yes" in rules
    text = filled(UNIT, folder=str(program_in(tmp_path))).replace("UMask=0077\n", f"UMask=0077\n{rules}")
    outcome = verify(write_unit(tmp_path, text))
    assert (outcome.returncode, outcome.stdout + outcome.stderr) == (0, "")


@pytest.mark.parametrize(
    ("good", "bad", "complaint"),
    [
        ("KillMode=mixed", "KillMode=gently", "kill mode"),
        ("OOMPolicy=", "OOMPolity=", "OOMPolity"),
        ("__BIN__/python", "/nowhere/python", "not executable"),
    ],
)
def test_systemd_refuses_a_broken_unit(tmp_path: Path, good: str, bad: str, complaint: str) -> None:
    text = (SCRIPTS / UNIT).read_text(encoding="utf-8").replace(good, bad)
    text = text.replace("__BIN__", str(program_in(tmp_path))).replace("__HOME__", "/home/you")
    outcome = verify(write_unit(tmp_path, text))
    assert complaint in outcome.stdout + outcome.stderr


ODD = ["a b", "50%h", "$HOME", 'say "hi"', "it's", "back\\slash", "semi;colon", "<&>", "-", "ünï", "new\u2028line"]

QUOTES = "\"'\\"


@pytest.mark.parametrize("odd", ODD)
def test_systemd_reads_odd_names_as_they_are(odd: str, tmp_path: Path) -> None:
    folder = program_in(tmp_path / "".join(each for each in odd if each not in QUOTES))
    service = Service("me.odd", (f"{folder}/python", odd), tmp_path, tmp_path, {"ODD": odd}, None)
    outcome = verify(write_unit(tmp_path, units.render(service)))
    assert (outcome.returncode, outcome.stdout + outcome.stderr) == (0, "")


@pytest.mark.parametrize("odd", QUOTES)
def test_a_program_that_systemd_would_not_start_is_refused(odd: str) -> None:
    with pytest.raises(UsageError, match="Install Jarvis elsewhere"):
        units.render(Service("me.odd", (f"/a{odd}b/python",), Path("/"), Path("/"), {}, None))


@pytest.mark.parametrize("odd", ODD)
def test_launchd_reads_odd_names_as_they_are(odd: str) -> None:
    service = Service("me.odd", (f"/{odd}/python", odd), Path("/"), Path("/"), {"ODD": odd}, None)
    read = plistlib.loads(plist.render(service).encode())
    assert read == plist.keys(service)
    assert read["ProgramArguments"][:2] == [f"/{odd}/python", odd]
    assert read["EnvironmentVariables"]["ODD"] == odd
