"""The real daemon under what gives it the signals of systemd and of launchd, from the files that Jarvis writes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jarvis.config import load_config
from jarvis.installing import service_of
from jarvis.service import plist, unit
from jarvis.service.description import Service
from tests.service.supervisor import LaunchdLike, Supervisor, SystemdLike

pytestmark = [pytest.mark.process, pytest.mark.slow]

Eventually = Callable[..., None]
WITHIN = 60.0
# What the interpreter of the tests needs of the environment; a service manager passes on nothing else.
EXTRA = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
BAD = 'daemon_log_level = "LOUD"\n'


@pytest.fixture
def service(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return service_of(load_config(), "me.test")


@pytest.fixture
def systemd(service: Service, tmp_path: Path) -> Iterator[SystemdLike]:
    with contextlib.closing(SystemdLike(unit.render(service), tmp_path, EXTRA)) as made:
        yield made


@pytest.fixture
def launchd(service: Service) -> Iterator[LaunchdLike]:
    with contextlib.closing(LaunchdLike(plist.render(service), EXTRA)) as made:
        yield made


def output(supervisor: Supervisor) -> str:
    file = supervisor._output
    return file.read_text() if file.exists() else ""


def test_systemd_hears_that_it_is_ready_and_that_it_stops(systemd: SystemdLike, eventually: Eventually) -> None:
    systemd.start()
    eventually(lambda: "READY=1" in systemd.heard(), within=WITHIN)
    assert "WATCHDOG=1" not in systemd.heard()  # it was not asked for
    assert systemd.stop(within=WITHIN) == 0
    assert systemd.heard() == ["READY=1", "STOPPING=1"]
    assert len(systemd.starts) == 1


def test_systemd_starts_it_again_after_a_kill_and_it_is_ready_again(
    systemd: SystemdLike, eventually: Eventually
) -> None:
    systemd.start()
    eventually(lambda: "READY=1" in systemd.heard(), within=WITHIN)
    systemd.kill()
    eventually(lambda: systemd.heard() == ["READY=1", "READY=1"], within=WITHIN)
    assert len(systemd.starts) == 2
    assert systemd.codes == [-signal.SIGKILL]
    assert systemd.stop(within=WITHIN) == 0


def test_systemd_does_not_start_a_wrong_configuration_again(
    systemd: SystemdLike, home: Path, eventually: Eventually
) -> None:
    (home / "jarvis.toml").write_text(BAD)
    systemd.start()
    eventually(lambda: systemd.given_up, within=WITHIN)
    assert systemd.codes == [78]
    assert systemd.heard() == []
    assert "daemon_log_level" in output(systemd)


def test_what_systemd_gave_the_daemon_does_not_reach_its_commands(
    systemd: SystemdLike, home: Path, eventually: Eventually
) -> None:
    (home / "jarvis.toml").write_text(
        '[tasks.told]\nevery = "1s"\ncommand = ["sh", "-c", "env > \\"$JARVIS_HOME/env.new\\"; '
        'mv \\"$JARVIS_HOME/env.new\\" \\"$JARVIS_HOME/env\\""]\n'
    )
    systemd.start()
    eventually((home / "env").exists, within=WITHIN)
    assert systemd.stop(within=WITHIN) == 0
    lines = (home / "env").read_text()
    assert "JARVIS_TASK=told" in lines
    assert "NOTIFY_SOCKET" not in lines


def test_systemd_sees_a_sign_of_life_where_it_asks_for_one(
    service: Service, tmp_path: Path, eventually: Eventually
) -> None:
    asked = {**EXTRA, "WATCHDOG_USEC": "200000"}
    with contextlib.closing(SystemdLike(unit.render(service), tmp_path, asked)) as systemd:
        systemd.start()
        eventually(lambda: systemd.heard().count("WATCHDOG=1") >= 3, within=WITHIN)
        assert systemd.heard()[0] == "READY=1"
        assert systemd.stop(within=WITHIN) == 0


def test_launchd_starts_it_again_after_a_kill_and_a_stop_stays_a_stop(
    launchd: LaunchdLike, home: Path, eventually: Eventually
) -> None:
    started = "store " + str(home / "data" / "memory.db")
    launchd.start()
    eventually(lambda: started in output(launchd), within=WITHIN)
    launchd.kill()
    eventually(lambda: output(launchd).count(started) == 2, within=WITHIN)
    launchd.kill(signal.SIGTERM)
    eventually(lambda: launchd.given_up, within=WITHIN)
    assert launchd.codes == [-signal.SIGKILL, 0]


def test_each_line_of_the_log_is_in_launchds_file_once(
    launchd: LaunchdLike, service: Service, eventually: Eventually
) -> None:
    launchd.start()
    eventually(lambda: "first start" in output(launchd), within=WITHIN)
    assert launchd.stop(within=WITHIN) == 0
    assert service.mac_log.read_text().count("first start") == 1


def test_under_launchd_a_wrong_configuration_is_told_once_and_waits(
    launchd: LaunchdLike, home: Path, eventually: Eventually
) -> None:
    (home / "jarvis.toml").write_text(BAD)
    launchd.start()
    eventually(lambda: "ends with 78 in 300 s" in output(launchd), within=WITHIN)
    assert output(launchd).count("daemon_log_level") == 1
    process = Path(f"/proc/{launchd.starts[-1]}")
    if process.exists():  # nothing of the daemon is held: not the pipe by which others see that it lives
        eventually(lambda: b"jarvis.service.refused" in (process / "cmdline").read_bytes(), within=WITHIN)
        eventually(lambda: {each.name for each in (process / "fd").iterdir()} == {"0", "1", "2"}, within=WITHIN)
    launchd.kill(signal.SIGTERM)  # also in the middle of becoming what waits
    eventually(lambda: launchd.given_up, within=WITHIN)
    assert launchd.codes == [0]  # it was told to stop, and stays stopped


def test_under_launchd_a_configuration_that_was_mended_is_taken_at_the_next_start(
    service: Service, home: Path, eventually: Eventually
) -> None:
    (home / "jarvis.toml").write_text(BAD)
    text = plist.render(service).replace("<string>5m</string>", "<string>1s</string>")
    with contextlib.closing(LaunchdLike(text, EXTRA)) as launchd:
        launchd.start()
        eventually(lambda: launchd.codes[:1] == [78], within=WITHIN)
        (home / "jarvis.toml").unlink()
        eventually(lambda: "first start" in output(launchd), within=WITHIN)
        assert launchd.stop(within=WITHIN) == 0
        assert set(launchd.codes[:-1]) == {78}


EARLY_STOP = """
import os, signal
from jarvis import startup
announce = startup._announce
def stopped_here(*args):
    announce(*args)
    os.kill(os.getpid(), signal.SIGTERM)
startup._announce = stopped_here
raise SystemExit(startup.run_daemon())
"""


def test_a_stop_between_the_store_and_the_first_tick_is_a_stop(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EARLY_STOP], capture_output=True, text=True, timeout=WITHIN, check=False
    )
    assert (done.returncode, done.stderr.count("stopped")) == (0, 1), done.stderr
