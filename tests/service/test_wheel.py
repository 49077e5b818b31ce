"""The built wheel in an empty environment, with no checkout anywhere near: what it carries, and that it works."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jarvis import __version__
from tests.conftest import Eventually
from tests.house.tree import ROOT, SRC

pytestmark = [pytest.mark.process, pytest.mark.slow]

SCRIPTS = sorted(path.name for path in (ROOT / "scripts").iterdir())
PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def done(*words: object, **env: str) -> str:
    """What a command printed. It sees no variable by which Python or pip could find the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    ran = subprocess.run([*map(str, words)], env=kept | env, cwd="/", capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools would take up what an earlier build has left in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    made = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in ("src", "docs", "scripts"):
        shutil.copytree(ROOT / folder, copy / folder, symlinks=True, ignore=made)
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    done(*pip, "wheel", "--no-deps", "--wheel-dir", copy / "dist", copy)
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds the wheel, and what it depends on."""
    folder = tmp_path_factory.mktemp("elsewhere") / "env"
    venv.create(folder, with_pip=True)
    pip = (folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    done(*pip, "install", "--constraint", ROOT / "constraints.txt", wheel)
    return folder / "bin"


@contextmanager
def daemon(programs: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([programs / "jarvis", "daemon"], cwd="/", stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_it_carries_every_file_of_the_package_once_and_nothing_else(wheel: Path) -> None:
    carried = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    own = [path for path in SRC.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = {f"jarvis/{path.relative_to(SRC).as_posix()}" for path in own}
    wanted |= {f"jarvis/scripts/{name}" for name in SCRIPTS} | {f"jarvis/docs/{name}" for name in PAGES}
    assert sorted(carried) == sorted(wanted)


def test_the_command_line_is_that_of_the_environment(programs: Path, home: Path) -> None:
    assert done(programs / "jarvis", "--version") == f"jarvis {__version__}\n"
    where = done(programs / "python", "-c", "import jarvis, sys; print(jarvis.__file__); print(sys.path)")
    assert str(ROOT) not in where
    assert where.startswith(str(programs.parent))


def test_the_service_is_described_for_both_managers(programs: Path, home: Path) -> None:
    shown = done(programs / "jarvis", "service", "install", "--print", "--for", "launchd")
    assert plistlib.loads(shown.encode())["ProgramArguments"][0] == str(programs / "python")
    shown = done(programs / "jarvis", "service", "install", "--print", "--for", "systemd")
    assert f"ExecStart={programs / 'python'} -P -m jarvis daemon" in shown.splitlines()


def test_a_daemon_runs_a_task_and_ends_when_it_is_told_to(programs: Path, home: Path, eventually: Eventually) -> None:
    def states() -> list[str]:
        return [
            each["state"] for each in json.loads(done(programs / "jarvis", "runs", "list", "--task", "x", "--json"))
        ]

    with daemon(programs) as process:
        eventually(lambda: json.loads(done(programs / "jarvis", "status", "--json"))["daemons"], within=60, every=0.2)
        done(programs / "jarvis", "task", "add", "x", "--every", "1s", "--", "true")
        eventually(lambda: "succeeded" in states(), within=60, every=0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_the_doctor_finds_nothing_wrong_with_it(programs: Path, home: Path, eventually: Eventually) -> None:
    jarvis, alone = programs / "jarvis", {"PATH": str(programs)}  # no service manager to have an opinion on
    with daemon(programs):
        eventually(lambda: json.loads(done(jarvis, "status", "--json"))["daemons"], within=60, every=0.2)
        assert done(jarvis, "doctor", **alone).endswith("all is well\n")
        found = {each["name"]: each["severity"] for each in json.loads(done(jarvis, "doctor", "--json", **alone))}
    assert (found["store"], found["daemon"]) == ("ok", "ok")


def test_the_scripts_are_there_and_find_their_own_program(programs: Path, home: Path) -> None:
    paths = [Path(line) for line in done(programs / "jarvis", "service", "files").splitlines()]
    assert [path.name for path in paths] == SCRIPTS
    assert all(path.is_relative_to(programs.parent) for path in paths)
    assert [path.read_bytes() for path in paths] == [(ROOT / "scripts" / name).read_bytes() for name in SCRIPTS]
    done(programs / "jarvis", "fact", "set", "a", "b", "c")
    script = done(programs / "jarvis", "service", "files", "jarvis-backup.sh").strip()
    done("/bin/sh", script, PATH="/usr/bin:/bin", HOME=str(home))
    assert len(list((home / "backups").glob("*.db.gz"))) == 1


def test_the_pages_are_there(programs: Path, home: Path) -> None:
    assert done(programs / "jarvis", "help", "phrases") == (ROOT / "docs" / "phrases.md").read_text(encoding="utf-8")
