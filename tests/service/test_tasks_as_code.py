"""A real daemon and its jarvis.toml: an edit, a bad edit, its repair, a signal, and the file's end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock

pytestmark = pytest.mark.process

Eventually = Callable[..., None]
WITHIN = 30.0  # seconds: a look every 5 s, and twice that for a file that was just written
SEEDED = ["alert_eval", "webhook_poll"]


class Daemon:
    """One, as a service manager starts it, logging to a file."""

    def __init__(self, home: Path, name: str = "log") -> None:
        self._log = home / name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jarvis", "daemon"],
            env={**os.environ, "JARVIS_HOME": str(home), "DAEMON_LOG_FILE": str(self._log)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def has_said(self, words: str) -> Callable[[], bool]:
        return lambda: words in self.log

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self, within: float = WITHIN) -> int:
        return self._process.wait(within)

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def store(home: Path) -> Iterator[MemoryStore]:
    made = MemoryStore(str(home / "data" / "memory.db"))
    yield made
    made.close()


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Daemon]]:
    made: list[Daemon] = []

    def starting(name: str = "log") -> Daemon:
        made.append(Daemon(home, name))
        return made[-1]

    yield starting
    for daemon in made:
        daemon.end()


def table(name: str, **keys: str) -> str:
    return f'[tasks.{name}]\nevery = "1h"\nhandler = "noop"\n' + "".join(
        f"{key} = {value}\n" for key, value in keys.items()
    )


@pytest.mark.slow
def test_a_daemon_keeps_to_its_file(
    home: Path, store: MemoryStore, start: Callable[..., Daemon], eventually: Eventually
) -> None:
    file = home / "jarvis.toml"
    file.write_text(table("a"))
    daemon = start()
    eventually(lambda: store.tasks.names() == ["a", *SEEDED], within=WITHIN)

    file.write_text(table("a") + table("b"))
    eventually(lambda: "b" in store.tasks.names(), within=WITHIN)

    file.write_text(table("a", grace='"soon"') + "[tasks.b]\nevery")
    daemon.send(signal.SIGHUP)
    eventually(daemon.has_said(f"{file}, "), within=WITHIN)
    assert set(store.tasks.names()) == {"a", "b", *SEEDED}

    file.write_text(table("a", grace='"soon"'))
    daemon.send(signal.SIGHUP)
    eventually(daemon.has_said(f"{file}, line 4: [tasks.a] grace: "), within=WITHIN)
    assert set(store.tasks.names()) == {"a", "b", *SEEDED}

    file.write_text(table("a", grace='"5m"'))
    daemon.send(signal.SIGHUP)
    eventually(daemon.has_said("changed a: grace"), within=WITHIN)
    assert store.tasks.names() == ["a", *SEEDED]

    file.unlink()
    eventually(daemon.has_said("is gone or empty; its tasks stay (1)"), within=WITHIN)
    file.write_text("# no tables any more\n")
    daemon.send(signal.SIGHUP)
    eventually(lambda: store.tasks.names() == SEEDED, within=WITHIN)
    daemon.send(signal.SIGTERM)
    assert daemon.ended() == 0
    assert daemon.log.count("is gone") == 1


def test_a_bad_file_at_the_start_ends_it_before_anything_is_done(
    home: Path, store: MemoryStore, start: Callable[..., Daemon]
) -> None:
    (home / "jarvis.toml").write_text(table("a") + table("b", grace='"soon"'))
    assert start().ended() == 78
    assert store.tasks.names() == []


def test_of_two_daemons_on_one_file_both_apply_it_and_one_writes(
    home: Path, store: MemoryStore, start: Callable[..., Daemon], eventually: Eventually
) -> None:
    file = home / "jarvis.toml"
    file.write_text(table("a"))
    pair = [start("log1"), start("log2")]
    eventually(lambda: len(store.instances.living(SystemClock().now())) == 2, within=WITHIN)
    file.write_text(table("a", grace='"5m"'))
    for daemon in pair:
        daemon.send(signal.SIGHUP)
    eventually(lambda: store.tasks.get("a").revision == 2, within=WITHIN)
    for daemon in pair:
        daemon.send(signal.SIGTERM)
    assert [daemon.ended() for daemon in pair] == [0, 0]
    assert sum("changed a: grace" in daemon.log for daemon in pair) == 1
    assert store.tasks.get("a").revision == 2
