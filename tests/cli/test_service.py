"""`jarvis service ...` with a launchctl and a systemctl on PATH that remember what they were told."""

from __future__ import annotations

import json
import os
import plistlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from tests.cli.conftest import Jarvis
from tests.service.fakes import PID, Fake, on_path

pytestmark = pytest.mark.process

LABEL = "com.chg.jarvis-daemon"
UNIT = "jarvis-daemon.service"
MARK = "a-secret-of-yours"


class Desk:
    """Somebody's own folder, and the service manager that is on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user = folder / "user"
        self.agents = self.user / "Library" / "LaunchAgents"
        self.plist = self.agents / f"{LABEL}.plist"
        self.unit = self.user / ".config" / "systemd" / "user" / UNIT

    @property
    def fake(self) -> Fake:
        return Fake(self.folder)

    def set(self, label: str, **facts: object) -> None:
        fake = self.fake
        fake.state["loaded"].setdefault(label, {}).update(facts)
        fake.save()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jarvis: Jarvis) -> Desk:
    monkeypatch.delenv("SUDO_UID", raising=False)
    made = Desk(tmp_path)
    made.user.mkdir()
    monkeypatch.setenv("HOME", str(made.user))
    return made


@pytest.fixture
def mac(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("PATH", f"{on_path(desk.folder, 'launchctl')}:/usr/bin:/bin")
    return desk


@pytest.fixture
def linux(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("PATH", f"{on_path(desk.folder, 'systemctl', 'loginctl')}:/usr/bin:/bin")
    return desk


def runs_in(said: str) -> list[str]:
    lines = [line.partition("would run: ")[2] for line in said.splitlines()]
    return [line.replace(" --user", "") for line in lines if line]


# -- install, on both -------------------------------------------------------------------------------------
def test_an_install_on_a_mac_writes_the_agent_and_loads_it(mac: Desk, jarvis: Jarvis, home: Path) -> None:
    said = jarvis("service", "install")
    assert said.code == 0, said.err
    assert f"{LABEL} is installed and runs: process {PID} under launchd" in said.out
    uid = os.getuid()
    assert mac.fake.calls == [
        f"launchctl enable gui/{uid}/{LABEL}",
        f"launchctl bootstrap gui/{uid} {mac.plist}",
    ]
    assert mac.plist.stat().st_mode & 0o777 == 0o600
    keys = plistlib.loads(mac.plist.read_bytes())
    assert keys["ProgramArguments"][:5] == [sys.executable, "-P", "-m", "jarvis", "daemon"]
    assert keys["EnvironmentVariables"]["JARVIS_HOME"] == str(home)
    assert keys["EnvironmentVariables"]["JARVIS_TIMEZONE"] == "UTC"  # it came from our environment
    assert (mac.user / "Library" / "Logs" / "jarvis").is_dir()  # launchd makes no folders


def test_an_install_on_linux_writes_the_unit_and_starts_it(linux: Desk, jarvis: Jarvis, home: Path) -> None:
    said = jarvis("service", "install")
    assert said.code == 0, said.err
    assert f"{LABEL} is installed and runs: process {PID} under systemd" in said.out
    assert "loginctl enable-linger" in said.err
    assert linux.fake.calls == [
        "systemctl daemon-reload",
        f"systemctl enable {UNIT}",
        f"systemctl reset-failed {UNIT}",
        f"systemctl start --no-block {UNIT}",
    ]
    assert f"ExecStart={sys.executable} -P -m jarvis daemon\n" in linux.unit.read_text()
    assert f"Environment=JARVIS_HOME={home}\n" in linux.unit.read_text()


@pytest.mark.parametrize("machine", ["mac", "linux"])
def test_a_second_install_finds_nothing_to_do(machine: str, jarvis: Jarvis, request: pytest.FixtureRequest) -> None:
    desk: Desk = request.getfixturevalue(machine)
    jarvis("service", "install")
    calls = desk.fake.calls
    said = jarvis("service", "install")
    assert (said.code, "was already installed, and runs" in said.out) == (0, True)
    assert desk.fake.calls == calls


@pytest.mark.parametrize("machine", ["mac", "linux"])
def test_an_install_ends_the_old_service_before_its_file_is_replaced(
    machine: str, jarvis: Jarvis, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk: Desk = request.getfixturevalue(machine)
    jarvis("service", "install")
    before = len(desk.fake.calls)
    monkeypatch.setenv("DAEMON_LOG_LEVEL", "DEBUG")
    planned = runs_in(jarvis("service", "install", "--dry-run").out)
    assert jarvis("service", "install").code == 0
    assert desk.fake.calls[before:] == planned
    first, *_, last = planned
    assert "bootout" in first or "disable --now" in first
    assert "bootstrap" in last or "start" in last
    file = desk.plist if machine == "mac" else desk.unit
    assert "DEBUG" in file.read_text()


def test_a_mac_that_has_not_let_go_yet_is_tried_again(mac: Desk, jarvis: Jarvis) -> None:
    jarvis("service", "install")
    jarvis("service", "uninstall")
    assert LABEL not in mac.fake.state["loaded"]  # it was waited for until launchd had let go
    assert jarvis("service", "install").code == 0


def test_a_service_that_ended_is_started_by_the_next_install(mac: Desk, jarvis: Jarvis) -> None:
    jarvis("service", "install")
    mac.set(LABEL, pid=None)
    said = jarvis("service", "install")
    assert said.code == 0
    assert mac.fake.calls[-1] == f"launchctl kickstart gui/{os.getuid()}/{LABEL}"


@pytest.mark.parametrize("machine", ["mac", "linux"])
def test_a_dry_run_says_what_an_install_then_does(
    machine: str, jarvis: Jarvis, request: pytest.FixtureRequest, home: Path
) -> None:
    desk: Desk = request.getfixturevalue(machine)
    said = jarvis("service", "install", "--dry-run")
    assert said.code == 0
    planned = runs_in(said.out)
    assert desk.fake.calls == []
    assert not desk.plist.exists()
    assert not desk.unit.exists()
    jarvis("service", "install")
    assert desk.fake.calls == planned
    planned = [line for line in jarvis("service", "uninstall", "--dry-run").out.splitlines() if "would" in line]
    assert any("would remove" in line for line in planned)
    assert desk.plist.exists() or desk.unit.exists()


def test_a_print_writes_the_file_and_nothing_else(desk: Desk, jarvis: Jarvis, home: Path) -> None:
    said = jarvis("service", "install", "--print", "--for", "launchd")
    assert plistlib.loads(said.out.encode())["Label"] == LABEL
    said = jarvis("service", "install", "--print", "--for", "systemd")
    assert said.out.count("Type=notify") == 1
    assert not list(home.iterdir())
    assert not desk.agents.exists()


# -- what is refused, and told ----------------------------------------------------------------------------
def test_without_a_service_manager_it_says_how_to_do_without(
    desk: Desk, jarvis: Jarvis, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk.folder / "empty").mkdir()
    monkeypatch.setenv("PATH", str(desk.folder / "empty"))
    for words in (["install"], ["status"], ["logs"], ["uninstall"], ["restart"], ["stop"], ["migrate"]):
        said = jarvis("service", *words)
        assert (said.code, said.out) == (1, ""), words
        assert "neither launchctl nor systemctl" in said.err
        assert "nohup jarvis daemon" in said.err
    said = jarvis("service", "status", "--for", "launchd")
    assert (said.code, "launchctl is not on this machine" in said.err) == (1, True)


def test_a_systemd_that_does_not_answer_is_told(linux: Desk, jarvis: Jarvis) -> None:
    (linux.folder / "systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus: No medium found' >&2; exit 1\n")
    said = jarvis("service", "status")
    assert said.code == 1
    assert "systemd does not answer for your user: Failed to connect to bus" in said.err


def test_a_daemon_that_refuses_to_start_is_told_by_the_install(linux: Desk, jarvis: Jarvis) -> None:
    fake = linux.fake
    fake.state["refuses"] = True
    fake.save()
    said = jarvis("service", "install")
    assert said.code == 1
    assert f"{UNIT} did not start: exit code 78. `jarvis service logs`" in said.err


def test_a_start_that_systemd_has_not_begun_with_is_waited_for(linux: Desk, jarvis: Jarvis) -> None:
    fake = linux.fake
    fake.state["queues"] = 2
    fake.save()
    said = jarvis("service", "install")
    assert said.code == 0, said.err
    assert f"is installed and runs: process {PID}" in said.out


def test_what_launchd_answers_is_told_with_what_to_do(mac: Desk, jarvis: Jarvis) -> None:
    (mac.folder / "launchctl").write_text(
        '#!/bin/sh\n[ "$1" = bootstrap ] && { echo "Bootstrap failed: 125: Domain does not support specified action"; '
        'exit 125; }\n[ "$1" = print ] && exit 113\nexit 0\n'
    )
    said = jarvis("service", "install")
    assert said.code == 1
    assert "launchd did not take" in said.err
    assert "log in there once" in said.err


def test_a_wrong_configuration_is_refused_before_anything_is_installed(mac: Desk, jarvis: Jarvis, home: Path) -> None:
    (home / "jarvis.toml").write_text('daemon_log_level = "LOUD"\n')
    assert jarvis("service", "install").code == 78
    assert not mac.plist.exists()


@pytest.mark.parametrize("label", ["", "a b", "../x", "-x", "x/y", "x" * 101, "a.", "ü"])
def test_a_label_that_is_no_file_name_is_refused(mac: Desk, jarvis: Jarvis, label: str) -> None:
    said = jarvis("service", "install", f"--label={label}")
    assert (said.code, "--label" in said.err) == (2, True)
    assert not mac.agents.exists()


def test_another_label_is_another_service(mac: Desk, jarvis: Jarvis, monkeypatch: pytest.MonkeyPatch) -> None:
    jarvis("service", "install")
    jarvis("service", "install", "--label", "me.second")
    assert sorted(mac.fake.state["loaded"]) == [LABEL, "me.second"]
    monkeypatch.setenv("JARVIS_SERVICE_LABEL", "me.second")
    assert jarvis("service", "status", "--json").json["label"] == "me.second"
    jarvis("service", "uninstall")
    assert sorted(mac.fake.state["loaded"]) == [LABEL]


def test_a_log_that_macos_keeps_from_agents_is_refused_and_a_home_there_is_told_of(
    mac: Desk, jarvis: Jarvis, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = mac.user / "Documents"
    monkeypatch.setenv("JARVIS_HOME", str(documents / "jarvis"))
    said = jarvis("service", "install", "--print", "--for", "launchd")
    assert (said.code, "Full Disk Access" in said.err) == (0, True)
    monkeypatch.setenv("DAEMON_LOG_FILE", str(documents / "log"))
    said = jarvis("service", "install")
    assert (said.code, "~/Library/Logs/jarvis" in said.err) == (1, True)
    assert not mac.plist.exists()


def test_a_variable_is_given_to_the_service_and_shown_nowhere_else(
    mac: Desk, jarvis: Jarvis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", MARK)
    said = jarvis("service", "install", "--env", "SMTP_PASSWORD")
    assert said.code == 0
    assert plistlib.loads(mac.plist.read_bytes())["EnvironmentVariables"]["SMTP_PASSWORD"] == MARK
    shown = [said, jarvis("service", "status", "--json"), jarvis("service", "install", "--dry-run")]
    assert MARK not in "".join(each.out + each.err for each in shown) + json.dumps(mac.fake.state)
    said = jarvis("service", "install", "--env", "NO_SUCH_THING")
    assert (said.code, "no such variable" in said.err) == (2, True)


def test_under_sudo_it_is_refused(mac: Desk, jarvis: Jarvis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", "501")
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert jarvis("service", "install").code == 2
    assert mac.fake.calls == []


# -- uninstall, restart, stop -----------------------------------------------------------------------------
@pytest.mark.parametrize("machine", ["mac", "linux"])
def test_an_uninstall_takes_the_service_away_and_leaves_the_rest(
    machine: str, jarvis: Jarvis, request: pytest.FixtureRequest, home: Path
) -> None:
    desk: Desk = request.getfixturevalue(machine)
    jarvis("task", "add", "x", "--every", "1h", "--handler", "noop")
    jarvis("service", "install")
    said = jarvis("service", "uninstall")
    assert (said.code, f"{LABEL} is uninstalled" in said.out) == (0, True)
    assert not desk.plist.exists()
    assert not desk.unit.exists()
    assert not [each for each in desk.fake.state["loaded"].values() if each["pid"]]
    assert [task["name"] for task in jarvis("task", "list", "--json").json] == ["x"]
    said = jarvis("service", "uninstall")
    assert (said.code, "is not installed" in said.out) == (0, True)


@pytest.mark.parametrize("machine", ["mac", "linux"])
def test_a_stop_stops_and_a_restart_starts(machine: str, jarvis: Jarvis, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(machine)
    for verb in ("stop", "restart"):
        said = jarvis("service", verb)
        assert (said.code, "is not installed: `jarvis service install`" in said.err) == (1, True)
    jarvis("service", "install")
    assert "is stopped" in jarvis("service", "stop").out
    assert jarvis("service", "status").code == 1
    assert "does not run" in jarvis("service", "stop").out
    assert "was started" in jarvis("service", "restart").out
    assert jarvis("service", "status").code == 0
    assert jarvis("service", "restart").code == 0


# -- status -----------------------------------------------------------------------------------------------
def test_the_status_says_what_is_there_and_what_to_do(mac: Desk, jarvis: Jarvis) -> None:
    said = jarvis("service", "status", "--json")
    assert said.code == 1
    assert said.json["installed"] is said.json["running"] is False
    assert said.json["to_do"][0].startswith("`jarvis service install`")
    jarvis("service", "install")
    found = jarvis("service", "status", "--json").json
    assert (found["installed"], found["running"], found["current"], found["pid"]) == (True, True, True, PID)
    assert (found["on_store"], found["after_logout"]) == (False, False)
    mac.set(LABEL, pid=None, last="last exit code = 78: EX_CONFIG")
    said = jarvis("service", "status")
    assert said.code == 1
    assert "exit code 78: EX_CONFIG" in said.out
    assert "jarvis service logs" in said.out
    mac.plist.write_text(mac.plist.read_text().replace("<integer>330</integer>", "<integer>5</integer>"))
    said = jarvis("service", "status")
    assert "its file is not what this version writes" in said.out


def test_the_status_on_linux_knows_of_lingering_and_how_it_ended(linux: Desk, jarvis: Jarvis) -> None:
    jarvis("service", "install")
    found = jarvis("service", "status", "--json").json
    assert (found["after_logout"], found["at_login"]) == (False, True)
    assert any("loginctl enable-linger" in line for line in found["to_do"])
    fake = linux.fake
    fake.state["lingers"] = True
    fake.save()
    linux.set(UNIT, pid=None, code=1, status=78, active="failed", sub="failed")
    found = jarvis("service", "status", "--json").json
    assert (found["after_logout"], found["last_exit"], found["detail"]) == (True, "exit code 78", "failed")
    linux.set(UNIT, code=2, status=9)
    assert jarvis("service", "status", "--json").json["last_exit"] == "killed by signal 9"


def test_a_daemon_that_is_on_the_store_is_seen_to_be(mac: Desk, jarvis: Jarvis, store: MemoryStore) -> None:
    jarvis("service", "install")
    instance = store.instances.register(SystemClock().now())
    mac.set(LABEL, pid=os.getpid())
    assert jarvis("service", "status", "--json").json["on_store"] is True
    store.instances.sign_off(instance.id, SystemClock().now())


# -- logs -------------------------------------------------------------------------------------------------
def test_the_logs_on_a_mac_are_the_end_of_the_log(mac: Desk, jarvis: Jarvis) -> None:
    assert jarvis("service", "logs").code == 1  # there is none yet
    log = mac.user / "Library" / "Logs" / "jarvis" / "jarvis-daemon.log"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    done = subprocess.run(
        [sys.executable, "-m", "jarvis", "service", "logs", "-n", "2"], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"line 98\nline 99\n")
    assert str(log) in done.stderr.decode()


def test_the_logs_on_linux_are_those_of_the_journal_or_the_log(
    linux: Desk, jarvis: Jarvis, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = linux.folder / "journalctl"
    journal.write_text('#!/bin/sh\necho "$@"\n')
    journal.chmod(0o755)
    words = [sys.executable, "-m", "jarvis", "service", "logs"]
    done = subprocess.run([*words, "-n", "7", "-f"], capture_output=True, text=True, check=True)
    assert f"--unit {UNIT} --lines 7" in done.stdout
    assert "--follow" in done.stdout
    (home / "data").mkdir(exist_ok=True)
    (home / "data" / "jarvis-daemon.log").write_text("one\ntwo\n")
    journal.write_text("#!/bin/sh\necho 'No journal files were found.'; echo '-- No entries --'\n")
    done = subprocess.run([*words, "-n", "1"], capture_output=True, text=True, check=True)
    assert done.stdout == "two\n"
    monkeypatch.setenv("PATH", str(linux.folder))
    journal.unlink()
    done = subprocess.run([*words, "-n", "1"], capture_output=True, text=True, check=True)
    assert done.stdout == "two\n"


# -- migrate ----------------------------------------------------------------------------------------------
def an_old_agent(desk: Desk, label: str = "com.chg.inbox-monitor") -> Path:
    desk.agents.mkdir(parents=True, exist_ok=True)
    file = desk.agents / f"{label}.plist"
    file.write_bytes(plistlib.dumps({"Label": label, "ProgramArguments": ["/bin/true"], "RunAtLoad": True}))
    fake = desk.fake
    fake.launchctl(["bootstrap", "gui/501", str(file)])
    fake.save()
    return file


def test_a_move_and_its_undoing_by_the_command_line(mac: Desk, jarvis: Jarvis, home: Path) -> None:
    said = jarvis("service", "migrate")
    assert (said.code, "nothing to move" in said.out) == (0, True)
    old = an_old_agent(mac)
    said = jarvis("service", "migrate", "--dry-run")
    assert f"would run: launchctl bootout gui/{os.getuid()}/com.chg.inbox-monitor" in said.out
    assert old.exists()
    assert not (home / "data" / "migration").exists()
    assert not (home / "data" / "memory.db").exists()
    said = jarvis("service", "migrate")
    assert said.code == 0, said.err
    assert "jarvis service migrate --undo" in said.out
    assert (not old.exists(), mac.plist.exists()) == (True, True)
    assert [task["name"] for task in jarvis("task", "list", "--json").json] == ["alert_eval", "webhook_poll"]
    said = jarvis("service", "migrate", "--undo")
    assert (said.code, "the old agents are back" in said.out) == (0, True)
    assert (old.exists(), mac.plist.exists()) == (True, False)
    assert sorted(mac.fake.state["loaded"]) == ["com.chg.inbox-monitor"]
    assert jarvis("task", "list", "--json").json == []
    assert "nothing to undo" in jarvis("service", "migrate", "--undo").out
    journal = home / "data" / "migration" / "journal.json"
    journal.write_text(journal.read_text().replace('"undone"', '"undoing"'))
    assert "`jarvis service migrate --undo` goes on" in jarvis("service", "status").out
    journal.write_text("{")
    said = jarvis("service", "status")
    assert "journal.json cannot be read" in said.out


def test_a_move_on_linux_says_what_it_is_for(linux: Desk, jarvis: Jarvis) -> None:
    said = jarvis("service", "migrate")
    assert (said.code, "this is for a Mac" in said.err) == (1, True)


@pytest.mark.slow
@pytest.mark.parametrize("call", [2, 4, 6, 9, 12])
def test_a_move_that_is_killed_ends_when_it_is_run_again(
    mac: Desk, jarvis: Jarvis, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in ("com.chg.scheduler-engine", "com.chg.alert-evaluator", "com.chg.inbox-monitor"):
        an_old_agent(mac, label)
    words = [sys.executable, "-m", "jarvis", "service", "migrate"]
    done = subprocess.run(words, env={**os.environ, "KILL_AT": str(call)}, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    if (mac.user.parent / "home" / "data" / "migration" / "journal.json").exists():
        said = jarvis("service", "status")
        assert "the move from the old agents was interrupted" in said.out
    said = jarvis("service", "migrate")
    assert said.code == 0, said.err
    assert [file.name for file in mac.agents.iterdir()] == [mac.plist.name]
    assert list(mac.fake.state["loaded"]) == [LABEL]
    assert [task["name"] for task in jarvis("task", "list", "--json").json] == ["alert_eval", "webhook_poll"]
