"""Foreign handlers under real daemons: one that hangs delays nobody, and none outlives the daemon that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import Policy, Run, RunState, TaskSpec
from jarvis.scheduler.schedule import Interval, Once
from tests.contexts import lives

pytestmark = pytest.mark.process

MINE = """
import ctypes, os, signal, time
from pathlib import Path
from jarvis import handler

@handler("hang")
def hang(context):
    Path(context.params["mark"]).write_text(str(os.getpid()))
    while not Path(context.params["go on"]).exists(): pass

@handler("deaf")
def deaf(context):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(context.params["mark"]).write_text(str(os.getpid()))
    # Holds the interpreter: not even the thread that hears of the daemon's end goes on.
    ctypes.PyDLL(None).sleep(1000)

@handler("segfault")
def segfault(context): ctypes.string_at(0)

@handler("floods")
def floods(context):
    block = b"x" * (1 << 20)
    for _ in range(256): os.write(1, block)
"""


class Home:
    """A home with handler files, its store, and daemons on it."""

    def __init__(self, home: Path, until: Callable[..., None]) -> None:
        self.until = until
        self.store = MemoryStore(str(home / "data" / "memory.db"))
        self._daemons: list[subprocess.Popen[bytes]] = []
        (home / "handlers").mkdir()
        (home / "handlers" / "mine.py").write_text(MINE)

    def start(self) -> subprocess.Popen[bytes]:
        made = subprocess.Popen(
            [sys.executable, "-m", "jarvis", "daemon"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._daemons.append(made)
        return made

    def add(
        self, name: str, handler: str, params: dict[str, str] | None = None, every: timedelta | None = None
    ) -> None:
        now = SystemClock().now()
        schedule = Interval(every) if every else Once(now)
        policy = Policy(timeout=timedelta(minutes=5))
        spec = TaskSpec(name=name, schedule=schedule, handler=handler, params=params or {}, policy=policy)
        self.store.add_task(spec, now)

    def states(self, name: str) -> list[RunState]:
        return [run.state for run in self.runs(name)]

    def runs(self, name: str) -> list[Run]:
        return self.store.runs.newest(task=name, limit=None)

    def close(self) -> None:
        for daemon in self._daemons:
            daemon.kill()
            daemon.wait()
        self.store.close()


@pytest.fixture
def at_home(home: Path, eventually: Callable[..., None]) -> Iterator[Home]:
    made = Home(home, eventually)
    yield made
    made.close()


def test_while_one_hangs_and_others_crash_and_flood_everybody_else_runs_on(at_home: Home, tmp_path: Path) -> None:
    mark, go_on = tmp_path / "mark", tmp_path / "go"
    daemon = at_home.start()
    at_home.add("stuck", "hang", {"mark": str(mark), "go on": str(go_on)})
    at_home.until(mark.exists)
    at_home.add("crashing", "segfault", every=timedelta(milliseconds=300))
    at_home.add("flooding", "floods", every=timedelta(milliseconds=300))
    at_home.add("fine", "noop", every=timedelta(milliseconds=100))
    at_home.until(lambda: at_home.states("fine").count(RunState.SUCCEEDED) >= 20, within=30)
    at_home.until(lambda: at_home.states("flooding").count(RunState.SUCCEEDED) >= 2, within=30)
    at_home.until(lambda: at_home.states("crashing").count(RunState.FAILED) >= 2, within=30)
    assert at_home.states("stuck") == [RunState.RUNNING]
    assert psutil.Process(daemon.pid).memory_info().rss < 200 << 20
    go_on.touch()
    at_home.until(lambda: at_home.states("stuck") == [RunState.SUCCEEDED])
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(30) == 0


def test_a_killed_daemon_takes_its_worker_processes_along(at_home: Home, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    at_home.add("stuck", "hang", {"mark": str(mark), "go on": str(tmp_path / "never")})
    daemon = at_home.start()
    at_home.until(lambda: mark.exists() and mark.read_text())
    daemon.kill()
    at_home.until(lambda: not lives(int(mark.read_text())))


def test_one_that_does_not_notice_is_ended_by_the_next_daemon(at_home: Home, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    at_home.add("deaf", "deaf", {"mark": str(mark)})
    daemon = at_home.start()
    at_home.until(lambda: mark.exists() and mark.read_text())
    first = int(mark.read_text())
    daemon.kill()
    daemon.wait()
    assert lives(first)
    at_home.start()
    at_home.until(lambda: mark.read_text() not in ("", str(first)), within=30)
    assert not lives(first)
    os.kill(int(mark.read_text()), signal.SIGKILL)
    at_home.until(lambda: at_home.states("deaf") == [RunState.FAILED])
    assert at_home.runs("deaf")[0].attempt == 2
