"""A poll is killed at each of its steps, for real; the next one finishes: every file once, nothing lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jarvis.memory.store import MemoryStore
from tests.crash.inbox_child import poll
from tests.house.tree import ROOT

pytestmark = [pytest.mark.process, pytest.mark.slow]

#: Where to kill: the function, before or after which of its calls.
POINTS = [
    f"{function} {when} {nth}"
    for function, calls in {
        "jarvis.handlers.inbox_files._read": [2],
        "jarvis.memory.events.EventTable.add": [1, 3],
        "jarvis.memory.sqlite.Database._keep": [1],
        "jarvis.handlers.webhook_poll.to_processed": [2],
        "jarvis.handlers.webhook_poll.to_failed": [1],
        "jarvis.handlers.inbox_moves._write": [1],
        "os.fdopen": [1],  # between making the reason's file and writing into it
        "pathlib.Path.rename": [1, 3, 4, 5],
    }.items()
    for nth in calls
    for when in ("before", "after")
]

GOOD = {f"{letter}.json": json.dumps({"source": "s", "event_type": "t", "payload": letter}) for letter in "ace"}
TORN = {"b.json": '{"source": ', "d.json": ""}


def drop_files(home: Path) -> None:
    (home / "inbox").mkdir()
    for name, content in (GOOD | TORN).items():
        (home / "inbox" / name).write_text(content)


def killed_poll(home: Path, point: str) -> bool:
    """Poll in a process that is killed at the point; False if the poll never got there."""
    command = [sys.executable, "-m", "tests.crash.inbox_child", str(home), *point.split()]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode in {0, -signal.SIGKILL}, child.stderr
    return child.returncode != 0


def assert_every_file_once(home: Path, store: MemoryStore) -> None:
    inbox = home / "inbox"
    assert sorted(event.payload for event in store.events.list()) == ["a", "c", "e"]
    assert {path.name for path in inbox.iterdir()} == {"processed", "failed"}
    assert {path.name: path.read_text() for path in (inbox / "processed").iterdir()} == GOOD
    failed = {path.name: path.read_text() for path in (inbox / "failed").iterdir()}
    assert failed.keys() == {"b.json", "b.json.reason.json", "d.json", "d.json.reason.json"}
    assert {name: failed[name] for name in TORN} == TORN
    for name in TORN:
        assert json.loads(failed[f"{name}.reason.json"])["file"] == name
    assert store.database.value("PRAGMA integrity_check") == "ok"


@pytest.mark.parametrize("point", POINTS)
def test_a_poll_killed_at_this_point_is_finished_by_the_next(tmp_path: Path, point: str) -> None:
    drop_files(tmp_path)
    assert killed_poll(tmp_path, point)
    store = MemoryStore(str(tmp_path / "memory.db"))
    poll(tmp_path, store)
    assert_every_file_once(tmp_path, store)
    store.close()


def test_a_poll_killed_again_and_again_comes_to_the_same_end(tmp_path: Path) -> None:
    drop_files(tmp_path)
    assert sum(killed_poll(tmp_path, point) for point in POINTS) >= 10
    store = MemoryStore(str(tmp_path / "memory.db"))
    poll(tmp_path, store)
    assert_every_file_once(tmp_path, store)
    store.close()
