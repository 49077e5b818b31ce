"""A home with a chat.db beside it, an osascript that records, and the daemon over both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jarvis import app
from jarvis.cli.imessage_house import CommandLineHouse
from jarvis.cli.session import Session
from jarvis.config import load_config
from jarvis.imessage.daemon import IMessageDaemon
from jarvis.imessage.state import StateStore
from jarvis.imessaging import imessage_daemon, imessage_state
from jarvis.memory import MemoryStore
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Interval
from jarvis.testing import FakeClock
from tests.imessage.world import ADA, BOB, Osascript, Phone, texts


class World:
    """One Mac: its messages, its Jarvis, and a clock that stands."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.phone = Phone(folder / "chat.db")
        self.osascript = Osascript(folder)
        for name, value in {
            "PATH": f"{self.osascript.folder}{os.pathsep}{os.environ['PATH']}",
            "JARVIS_TIMEZONE": "UTC",
            "IMESSAGE_CHAT_DB": str(folder / "chat.db"),
            "IMESSAGE_ALLOWED_SENDERS": f"{ADA}, {BOB}",
            "IMESSAGE_RATE_PER_MINUTE": "100",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("jarvis.imessaging.SystemClock", lambda *_: self.clock)
        monkeypatch.setattr("jarvis.scheduler.clock.SystemClock.now", lambda _: self.clock.now())
        self.state: StateStore = None  # type: ignore[assignment]  # `restart` makes it
        self.daemon: IMessageDaemon = None  # type: ignore[assignment]
        self.restart()

    def restart(self) -> None:
        """As after a crash: the daemon and its store anew."""
        if self.daemon is not None:
            self.state.close()
        config = load_config()
        self.state = imessage_state(config)
        self.daemon = imessage_daemon(config, CommandLineHouse(lambda: Session(None)), self.state)
        self.daemon.recover()

    def tick(self, seconds: float = 5) -> None:
        self.clock.advance(seconds)
        self.daemon.tick()

    def ask(self, text: str | None, **more: Any) -> str:
        """Send a command, and give the last answer to it."""
        self.write(text, **more)
        before = len(self.osascript.said)
        self.tick()
        return "\n".join(texts(self.osascript.said[before:]))

    def write(self, text: str | None, **more: Any) -> str:
        return self.phone.write(text, **{"at": self.clock.now(), **more})

    def store(self) -> MemoryStore:
        return app.store(load_config())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.state._database.rows(sql)

    def add_task(self, name: str) -> None:
        store = self.store()
        spec = TaskSpec(name=name, schedule=Interval(timedelta(hours=1)), handler="noop")
        store.add_task(spec, self.clock.now())
        store.close()

    def close(self) -> None:
        self.state.close()
        self.phone.close()


@pytest.fixture
def world(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path, monkeypatch)
    yield made
    made.close()
