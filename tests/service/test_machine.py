"""What is done to the machine: files whole or not at all, programs asked or told to be missing."""

from __future__ import annotations

import os
import plistlib
from pathlib import Path

import pytest

from jarvis.config import load_config
from jarvis.errors import JarvisError, UsageError
from jarvis.installing import is_protected, service_of
from jarvis.service.install import uninstall
from jarvis.service.launchd import Agent
from jarvis.service.machine import Answer, Machine, NoManager, Rehearsal
from jarvis.service.systemd import Systemd
from tests.service.fakes import Fake
from tests.service.machine import FakeMachine


def test_a_file_is_written_for_its_owner_alone_over_what_was_left(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.plist"
    Machine(print).write(file, b"one")
    (file.parent / ".b.plist.new").write_text("left by one that was interrupted")
    (file.parent / ".b.plist.new").chmod(0o666)
    Machine(print).write(file, b"two")
    assert file.read_bytes() == b"two"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in file.parent.iterdir()] == ["b.plist"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x"
    Machine(print).write(file, b"one")
    monkeypatch.setattr(os, "fsync", lambda _fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        Machine(print).write(file, b"two")
    assert file.read_bytes() == b"one"


def test_a_program_is_asked_without_a_shell_and_both_its_streams_are_heard() -> None:
    answer = Machine(print).ask("sh", "-c", 'echo "$1"; echo no >&2; exit 3', "sh", "$HOME; *")
    assert answer == Answer(3, "$HOME; *\nno\n")
    assert answer.last == "no"


@pytest.mark.parametrize(("machine", "code"), [(Machine, None), (Rehearsal, 1)])
def test_a_program_that_is_not_there(machine: type[Machine], code: int | None) -> None:
    if code is None:
        with pytest.raises(NoManager, match="no-such-program is not on this machine"):
            machine(print).ask("no-such-program")
    else:
        assert machine(print).ask("no-such-program").code == code


def test_a_rehearsal_changes_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    machine, file, mark = Rehearsal(said.append), tmp_path / "x", tmp_path / "mark"
    mark.touch()
    machine.write(file, b"one")
    machine.link(file, "mark")
    machine.remove(mark)
    machine.remove(file)
    machine.do("touch", str(file))
    machine.folder(tmp_path / "folder")
    assert machine.wait(lambda: False, 60)
    assert [each.name for each in tmp_path.iterdir()] == ["mark"]
    assert len(said) == 4


def test_what_is_waited_for_and_never_comes_is_told() -> None:
    assert not Machine(print).wait(lambda: False, 0.0)


LEAVING = """gui/501/x = {
\tstate = running

\tendpoints = {
\t\tpid = 7
\t}
\tpid = 412
\tlast exit code = 9
\tlast terminating signal = Killed: 9
}
"""


def test_what_launchd_prints_is_read_one_tab_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(print)
    monkeypatch.setattr(machine, "ask", lambda *_words: Answer(0, LEAVING))
    state = Agent("x", machine).state()
    assert (state.pid, state.last_exit, state.detail) == (412, "ended by Killed: 9", "running")


def an_agent(tmp_path: Path, busy: int) -> tuple[Fake, Agent, Path]:
    fake, file = Fake(tmp_path), tmp_path / "x.plist"
    fake.state["busy"] = busy
    file.write_bytes(plistlib.dumps({"Label": "x", "RunAtLoad": True}))
    file.chmod(0o600)
    return fake, Agent("x", FakeMachine(fake)), file


def test_a_launchd_that_is_not_ready_yet_is_tried_again(tmp_path: Path) -> None:
    fake, agent, file = an_agent(tmp_path, busy=3)
    agent.bootstrap(file)
    assert agent.state().running
    assert len([call for call in fake.calls if "bootstrap" in call]) == 4


def test_a_launchd_that_never_is_ready_is_told_of(tmp_path: Path) -> None:
    _, agent, file = an_agent(tmp_path, busy=99)
    with pytest.raises(JarvisError, match=r"Input/output error \(launchctl bootstrap: 5\)"):
        agent.bootstrap(file)


def test_a_process_that_does_not_end_is_asked_twice_and_never_killed(tmp_path: Path) -> None:
    fake, agent, file = an_agent(tmp_path, busy=0)
    agent.bootstrap(file)
    fake.state["stubborn"] = True
    with pytest.raises(JarvisError, match="does not end"):
        agent.end()
    assert [call for call in fake.calls if "kill" in call] == [f"launchctl kill SIGTERM {agent.target}"] * 2


def test_a_setting_of_the_environment_goes_into_the_service_and_one_of_the_file_does_not(home: Path) -> None:
    (home / "jarvis.toml").write_text('daemon_log_level = "DEBUG"\n')
    environ = {"JARVIS_HOME": str(home), "WEBHOOK_INBOX_DIR": "inbox", "HOME": "/home/you"}
    service = service_of(load_config(environ), "x", environ=environ)
    assert service.environment == {"JARVIS_HOME": str(home), "WEBHOOK_INBOX_DIR": str(Path.cwd() / "inbox")}
    assert str(service.user_home) == "/home/you"


def test_the_log_that_was_chosen_is_the_one_that_launchd_opens(home: Path) -> None:
    environ = {"JARVIS_HOME": str(home), "HOME": "/home/you"}
    assert service_of(load_config(environ), "x", environ=environ).log is None
    (home / "jarvis.toml").write_text('daemon_log_file = "own.log"\n')
    assert service_of(load_config(environ), "x", environ=environ).mac_log == home / "own.log"


def test_a_url_that_may_hold_a_password_is_not_written_into_a_file(home: Path) -> None:
    environ = {"JARVIS_HOME": str(home), "JARVIS_DATABASE_URL": "sqlite:////x/memory.db"}
    config = load_config(environ)
    assert "JARVIS_DATABASE_URL" in service_of(config, "x", environ=environ).environment
    hidden = environ | {"JARVIS_DATABASE_URL": "postgresql://me:secret@host/jarvis"}
    with pytest.raises(UsageError, match="may hold a password") as refused:
        service_of(config._replace(database_url=hidden["JARVIS_DATABASE_URL"]), "x", environ=hidden)
    assert "secret" not in str(refused.value)


def test_a_path_that_no_service_file_can_hold_is_refused(tmp_path: Path) -> None:
    environ = {"JARVIS_HOME": str(tmp_path / "a\nb")}
    with pytest.raises(UsageError, match="cannot hold"):
        service_of(load_config(environ), "x", environ=environ)


@pytest.mark.parametrize(
    ("path", "protected"),
    [
        ("/home/you/Documents/jarvis", True),
        ("/home/you/Desktop", True),
        ("/Volumes/Disk/jarvis", True),
        ("/home/you/Library/Logs/jarvis/x.log", False),
        ("/home/you/DocumentsOfMine", False),
        ("/opt/jarvis", False),
    ],
)
def test_the_folders_that_macos_keeps_from_agents(path: str, protected: bool) -> None:
    assert is_protected(Path(path), Path("/home/you")) is protected


def test_an_uninstall_of_what_is_not_there_asks_and_does_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(print)
    monkeypatch.setattr(machine, "ask", lambda *_words: Answer(0, "ActiveState=inactive\nMainPID=0\n"))
    monkeypatch.setattr(machine, "do", lambda *_words: pytest.fail("nothing is there to be changed"))
    service = service_of(load_config(), "x")
    assert not uninstall(Systemd(service, machine, home / "units"), machine)
