"""Commands that misbehave under a real daemon: ended in time and before the run is, and no burden to the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest

from jarvis.handlers.processes import CONFIRM
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import Policy, Run, RunState, TaskSpec
from jarvis.scheduler.schedule import Interval, Once
from tests.contexts import lives

pytestmark = pytest.mark.process

Eventually = Callable[..., None]
MB = 1024 * 1024

# Says in a file of its own, over and over, that it lives: the last word is from before its end.
BEATING = """
import datetime, os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def beat():
    file = open(os.path.join(sys.argv[1], str(os.getpid())), "w")
    while True:
        file.write(datetime.datetime.now(datetime.timezone.utc).isoformat() + "\\n")
        file.flush()
        time.sleep(0.01)
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        beat()
beat()
"""


@pytest.fixture
def store(home: Path) -> Iterator[MemoryStore]:
    made = MemoryStore(str(home / "data" / "memory.db"))
    yield made
    made.close()


@pytest.fixture
def daemon(store: MemoryStore, eventually: Eventually) -> Iterator[subprocess.Popen[bytes]]:
    made = subprocess.Popen([sys.executable, "-m", "jarvis", "daemon"], stderr=subprocess.DEVNULL)
    eventually(lambda: store.instances.living(SystemClock().now()))
    yield made
    made.send_signal(signal.SIGTERM)
    assert made.wait(30) == 0


def add(
    store: MemoryStore, name: str, *command: str, every: float = 0, policy: Policy | None = None, **params: object
) -> None:
    now = SystemClock().now()
    schedule = Interval(timedelta(seconds=every)) if every else Once(now)
    wanted = {"command": list(command)} | params
    spec = TaskSpec(name=name, schedule=schedule, handler="command", params=wanted, policy=policy or Policy())
    store.add_task(spec, now)


def runs(store: MemoryStore, name: str) -> list[Run]:
    return store.runs.newest(task=name, limit=None)


@pytest.mark.usefixtures("daemon")
def test_what_ignores_sigterm_in_sessions_of_its_own_is_gone_before_its_attempt_has_ended_and_the_next_one_starts(
    store: MemoryStore, tmp_path: Path, eventually: Eventually
) -> None:
    timeout, grace = timedelta(seconds=3), timedelta(seconds=0.5)
    beats = tmp_path / "beats"
    beats.mkdir()
    policy = Policy(timeout=timeout, retries=1, retry_delay=timedelta(0))
    add(store, "stubborn", sys.executable, "-c", BEATING, str(beats), policy=policy, kill_grace="500ms")
    eventually(lambda: [run.state.final for run in runs(store, "stubborn")] == [True], within=60)
    (run,) = runs(store, "stubborn")
    (first,) = store.runs.attempts(run.id)
    assert (run.state, run.attempt, first.state) == (RunState.TIMED_OUT, 2, "timed_out")
    assert "ended by SIGKILL" in run.reason
    assert run.started_at
    assert run.finished_at
    assert first.started_at
    assert first.finished_at <= run.started_at
    files = list(beats.iterdir())
    assert not any(lives(int(file.name)) for file in files)
    spans = sorted((said(file)[0], said(file)[-1]) for file in files)
    for started_at, finished_at, of_it in (
        (first.started_at, first.finished_at, spans[:3]),
        (run.started_at, run.finished_at, spans[3:]),
    ):
        assert len(of_it) == 3
        last = max(end for _, end in of_it)
        assert started_at < min(begin for begin, _ in of_it)
        assert started_at + timeout < last < finished_at, "they lived past the deadline, and not past the attempt"
        assert finished_at - started_at < timeout + grace + timedelta(seconds=CONFIRM)


def said(file: Path) -> list[datetime]:
    """Its signs of life, but the last, which may be torn."""
    return [datetime.fromisoformat(line) for line in file.read_text().splitlines()[:-1]]


def test_a_gigabyte_of_output_burdens_neither_the_daemon_nor_the_disk_nor_the_others(
    store: MemoryStore, daemon: subprocess.Popen[bytes], eventually: Eventually
) -> None:
    add(store, "beside", "true", every=0.5, policy=Policy(overlap="queue"))
    eventually(lambda: RunState.SUCCEEDED in [run.state for run in runs(store, "beside")])
    process = psutil.Process(daemon.pid)
    before = process.memory_info().rss
    most_memory = most_disk = 0
    add(store, "loud", "head", "-c", str(1024 * MB), "/dev/zero", policy=Policy(timeout=timedelta(minutes=5)))

    def ended() -> bool:
        nonlocal most_memory, most_disk
        most_memory = max(most_memory, process.memory_info().rss)
        most_disk = max(most_disk, on_disk(Path(f"{store.path}-output")))
        return bool(runs(store, "loud")) and runs(store, "loud")[0].state.final

    eventually(ended, within=120)
    (loud,) = runs(store, "loud")
    (written,) = store.outputs.of(loud.id)
    assert (loud.state, written.total) == (RunState.SUCCEEDED, 1024 * MB)
    assert len(written.body) < MB + 100
    assert most_memory - before < 16 * MB
    assert most_disk <= 2 * MB
    assert loud.started_at
    assert loud.finished_at
    starts = [run.started_at for run in runs(store, "beside") if run.started_at]
    during = [at for at in starts if loud.started_at < at < loud.finished_at]
    owed = (loud.finished_at - loud.started_at) / timedelta(seconds=0.5)
    assert len(during) >= owed / 2, f"of {owed:.1f} runs of another task {len(during)} started meanwhile"


def on_disk(folder: Path) -> int:
    total = 0
    for entry in os.scandir(folder) if folder.exists() else ():
        try:
            total += entry.stat().st_size
        except FileNotFoundError:  # removed since it was listed
            continue
    return total
