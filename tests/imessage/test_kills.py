"""`jarvis imessage` is killed for real, at each of its steps and again and again: every message has its effect once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jarvis import app
from jarvis.config import load_config
from jarvis.imessaging import imessage_state
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Interval
from tests.house.tree import ROOT
from tests.imessage.world import ADA, Osascript, Phone

pytestmark = [pytest.mark.process, pytest.mark.slow]

KILLS = 50
COMMIT = "jarvis.memory.sqlite.Database._keep"

#: Where to kill: the function, before or after which of its calls.
POINTS = [
    f"{function} {when} {nth}"
    for function, calls in {
        "jarvis.imessage.state.StateStore.take": [1],
        "jarvis.imessage.state.StateStore.claim": [1, 3],
        "jarvis.imessage.state.StateStore.confirmed": [1, 2],
        "jarvis.cli.imessage_house.CommandLineHouse.run": [1],
        "jarvis.cli.imessage_house.CommandLineHouse.pause": [1],
        "jarvis.cli.imessage_house.CommandLineHouse.remind": [1, 2],
        "jarvis.imessage.state.StateStore.settle": [1, 2, 4],
        "jarvis.imessage.outbound.Outbound.claim": [1, 3],
        "jarvis.delivery.imessage.IMessageChannel.send": [1, 3],
        "jarvis.imessage.outbound.Outbound.settle": [1, 3],
        COMMIT: [1, 2, 3, 4, 5, 6, 8, 10],
    }.items()
    for nth in calls
    for when in ("before", "after")
]


class Mac:
    """A home whose daemon is killed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.phone = Phone(folder / "chat.db")
        self.osascript = Osascript(folder)
        monkeypatch.setenv("PATH", f"{self.osascript.folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("JARVIS_TIMEZONE", "UTC")
        monkeypatch.setenv("IMESSAGE_CHAT_DB", str(folder / "chat.db"))
        monkeypatch.setenv("IMESSAGE_ALLOWED_SENDERS", ADA)
        monkeypatch.setenv("IMESSAGE_RATE_PER_MINUTE", "1000")
        self.store: MemoryStore = app.store(load_config())
        for name in ("hello", "bye"):
            spec = TaskSpec(name=name, schedule=Interval(timedelta(hours=1)), handler="noop")
            self.store.add_task(spec, SystemClock().now())

    def killed_at(self, point: str) -> bool:
        """One pass in a process that is killed at the point; False if it never got there."""
        command = [sys.executable, "-m", "tests.imessage.child", *point.split()]
        child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert child.returncode in {0, -signal.SIGKILL}, child.stderr
        return child.returncode != 0

    def finish(self) -> None:
        assert not self.killed_at("os.getpgid before 1000000")

    def codes(self) -> list[str]:
        return [code for (code,) in self.rows("SELECT code FROM processing_jobs WHERE code IS NOT NULL ORDER BY id")]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        state = imessage_state(load_config())
        try:
            return state._database.rows(sql)
        finally:
            state.close()

    def reminders(self) -> list[str]:
        return [name for name in self.store.tasks.names() if name.startswith("reminder-")]

    def close(self) -> None:
        self.store.close()
        self.phone.close()


@pytest.fixture
def mac(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mac:
    return Mac(tmp_path, monkeypatch)


def said_once(mac: Mac) -> None:
    """No answer was given to Messages twice, and one that was not given at all says that it may have been."""
    calls = Counter(text for _, text in mac.osascript.said)
    for body, state, attempts in mac.rows("SELECT body, state, attempts FROM outbound_messages"):
        assert attempts == 1
        assert state in {"sent", "unknown"}, body
        assert calls.pop(body, 0) == 1 or state == "unknown", body
    assert not calls


@pytest.mark.parametrize("point", POINTS)
def test_a_pass_killed_at_this_point_is_finished_by_the_next(mac: Mac, point: str) -> None:
    mac.phone.write("jarvis: run hello")
    mac.phone.write("jarvis: pause bye")
    mac.finish()
    for code in mac.codes():
        mac.phone.write(f"jarvis: yes {code}")
    mac.phone.write("jarvis: remind me in 2 hours to a")
    mac.phone.write("jarvis: remind me in 3 hours to b")
    assert mac.killed_at(point)
    mac.finish()
    assert mac.rows("SELECT state FROM processing_jobs") == [("succeeded",)] * 6
    assert [(run.task, run.origin) for run in mac.store.runs.newest()] == [("hello", "manual")]
    assert not mac.store.tasks.get("bye").enabled
    assert len(mac.reminders()) == 2
    said_once(mac)
    mac.close()


def test_the_same_guid_never_has_its_effect_twice_across_fifty_kills(mac: Mac) -> None:
    chance = random.Random(7)
    mac.finish()
    killed = written = 0
    while killed < KILLS:
        written += 1
        mac.phone.write(f"jarvis: remind me in {written + 60} minutes to number {written}")
        point = f"{COMMIT} {chance.choice(('before', 'after'))} {chance.randint(1, 9)}"
        killed += mac.killed_at(point)
    mac.finish()
    wanted = {f"number {number}" for number in range(1, written + 1)}
    texts = Counter(mac.store.tasks.get(name).params["text"] for name in mac.reminders())
    states = mac.rows("SELECT text, state, attempts FROM processing_jobs")
    assert len(states) == written
    assert max(texts.values()) == 1
    cut_off = {str(text).partition(" to ")[2] for text, state, _ in states if state == "failed"}
    assert wanted - texts.keys() <= cut_off, "only what was cut off three times may be missing, and it says so"
    assert len(cut_off) <= written // 10
    said_once(mac)
    mac.close()
