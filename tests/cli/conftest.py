"""`jarvis("task", "list")`: one command line in this process, in a home of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jarvis import app
from jarvis.cli import main
from jarvis.config import load_config
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock


@dataclass(frozen=True)
class Said:
    """What one command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Jarvis = Callable[..., Said]


@pytest.fixture
def jarvis(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Jarvis:
    """Carry out a command line in an empty home, in UTC."""
    monkeypatch.setenv("JARVIS_TIMEZONE", "UTC")
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(each) for each in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def store(jarvis: Jarvis) -> Iterator[MemoryStore]:
    """The store of that home, opened beside the command line."""
    opened = app.store(load_config())
    yield opened
    opened.close()


@pytest.fixture
def living(store: MemoryStore) -> Iterator[None]:
    """A daemon that lives and does nothing: this process, entered as one."""
    instance = store.instances.register(SystemClock().now())
    yield
    store.instances.sign_off(instance.id, SystemClock().now())
