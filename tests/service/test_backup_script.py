"""The daily backup: the script, the agent and the timer that start it, read by what will read them, and run."""

from __future__ import annotations

import configparser
import os
import plistlib
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
SCRIPT = SCRIPTS / "jarvis-backup.sh"
PROGRAMS = Path(sys.executable).parent  # of the environment that the tests run in

pytestmark = pytest.mark.process

SHELLS = [shell for shell in ("dash", "bash", "ksh", "busybox") if shutil.which(shell)]


def filled(name: str, script: str, jarvis: str) -> str:
    """The template as its own comment says to fill it in."""
    text = (SCRIPTS / name).read_text(encoding="utf-8")
    return text.replace("__HOME__", "/home/you").replace("__JARVIS__", jarvis).replace("__SCRIPT__", script)


def run(*arguments: object, shell: str = "sh", **env: str) -> subprocess.CompletedProcess[str]:
    words = [shell, "sh"] if shell == "busybox" else [shell]
    return subprocess.run(
        [*words, str(SCRIPT), *map(str, arguments)],
        env={**os.environ, "JARVIS": str(PROGRAMS / "jarvis"), "JARVIS_TIMEZONE": "UTC", **env},
        capture_output=True,
        text=True,
        check=False,
    )


def jarvis(*arguments: object) -> str:
    done = subprocess.run([PROGRAMS / "jarvis", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def stored(home: Path) -> Path:
    jarvis("fact", "set", "a", "b", "first")
    return home


def archives(folder: Path) -> list[Path]:
    return sorted(folder.glob("jarvis-*.db.gz"))


def test_shellcheck_has_nothing_to_say() -> None:
    done = subprocess.run(
        [PROGRAMS / "shellcheck", "--shell=sh", "--enable=avoid-nullary-conditions,check-set-e-suppressed", SCRIPT],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_it_backs_up_to_any_folder_and_restores(stored: Path, tmp_path: Path, shell: str) -> None:
    folder = tmp_path / "a folder with 'quotes' and blanks"
    done = run("--to", folder, shell=shell)
    assert done.returncode == 0, done.stderr
    (archive,) = archives(folder)
    assert str(archive) in done.stdout
    jarvis("fact", "set", "a", "b", "second")
    done = run(f"--restore={folder}", "--dry-run", shell=shell)
    assert (done.returncode, jarvis("fact", "get", "a", "b")) == (0, "second"), done.stderr
    assert run("--restore", archive, shell=shell).returncode == 0
    assert jarvis("fact", "get", "a", "b") == "first"


def test_without_a_folder_it_is_that_of_the_home_and_fourteen_are_kept(stored: Path) -> None:
    for _ in range(15):
        assert run().returncode == 0
    assert len(archives(stored / "backups")) == 14
    assert run("--restore").returncode == 0


def test_success_is_noted_for_the_alert(stored: Path) -> None:
    jarvis("rule", "add", "backup", "--type", "stale_backup", "--condition", '{"max_age_hours": 1}')
    jarvis("task", "add", "alerts", "--every", "1h", "--handler", "alert_eval")
    jarvis("task", "run", "alerts")
    assert "No backup is known of" in jarvis("tick")
    assert run().returncode == 0
    noted = datetime.fromisoformat(jarvis("fact", "get", "work", "backup_last_success"))
    assert noted.astimezone(UTC).strftime("jarvis-%Y%m%dT%H%M%SZ.db.gz") == archives(stored / "backups")[0].name
    jarvis("task", "run", "alerts")
    assert "no new alerts" in jarvis("tick")


def test_a_failed_one_is_not_noted_and_not_silent(stored: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("--to", tmp_path / "file")
    assert (done.returncode, bool(done.stderr)) == (1, True)
    assert jarvis("fact", "list", "--json").count("backup_last_success") == 0


def test_a_dry_run_does_nothing(stored: Path) -> None:
    done = run("--dry-run")
    assert (done.returncode, "nothing was done" in done.stdout) == (0, True)
    assert not (stored / "backups").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bogus"], "--bogus is not an argument of this script"),
        (["--to"], "--to needs a value"),
        (["--restore", "--keep", "3"], "--keep goes with a backup"),
        (["--keep", "none"], "--keep"),
    ],
)
def test_what_makes_no_sense_is_refused(stored: Path, arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not (stored / "backups").exists()


def test_the_program_is_found_on_the_path_or_its_lack_is_told(stored: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copy(SCRIPT, tmp_path))
    found = {**os.environ, "PATH": f"{PROGRAMS}:/usr/bin:/bin", "HOME": str(tmp_path)}
    found.pop("JARVIS", None)
    assert subprocess.run(["sh", alone], env=found, capture_output=True, check=False).returncode == 0
    lacking = {**found, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["sh", alone], env=lacking, capture_output=True, text=True, check=False)
    assert (done.returncode, "there is no jarvis program" in done.stderr) == (78, True)


# -- what starts it ---------------------------------------------------------------------------------------
def test_the_agent_starts_it_every_day_at_eight() -> None:
    agent = plistlib.loads(filled("com.chg.jarvis-backup.plist", "/x/jarvis-backup.sh", "/x/jarvis").encode())
    assert agent["Label"] == "com.chg.jarvis-backup"
    assert agent["ProgramArguments"] == ["/bin/sh", "/x/jarvis-backup.sh"]
    assert agent["StartCalendarInterval"] == {"Hour": 8, "Minute": 0}
    assert agent["RunAtLoad"] is False
    assert "KeepAlive" not in agent
    assert agent["EnvironmentVariables"] == {"JARVIS": "/x/jarvis"}
    assert agent["StandardOutPath"] == agent["StandardErrorPath"] == "/home/you/Library/Logs/jarvis-backup.log"
    assert agent["Umask"] == 0o077


def test_the_timer_starts_it_every_day_at_eight() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(SCRIPTS / "jarvis-backup.timer")
    assert dict(parser["Timer"]) == {"OnCalendar": "*-*-* 08:00:00", "Persistent": "true", "AccuracySec": "1min"}
    done = subprocess.run(
        ["systemd-analyze", "calendar", "*-*-* 08:00:00"], capture_output=True, text=True, check=False
    )
    assert "08:00:00" in done.stdout


def test_systemd_accepts_the_units_without_a_word(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        message = "systemd-analyze is not installed (Debian: the package systemd)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    (tmp_path / "runtime").mkdir(mode=0o700)
    for name in ("jarvis-backup.service", "jarvis-backup.timer"):
        (tmp_path / name).write_text(filled(name, str(SCRIPT), "/bin/true"), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", tmp_path / "jarvis-backup.timer",
         tmp_path / "jarvis-backup.service"],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path / "runtime"), "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
