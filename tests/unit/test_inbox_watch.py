"""The watch on the inbox: when a poll is asked for and when not, and what happens where the watch goes blind."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jarvis.errors import StoreBusy
from jarvis.handlers import inbox_watch
from jarvis.handlers.inbox_watch import InboxWatch, watched
from jarvis.memory import MemoryStore
from jarvis.scheduler.model import RunState, TaskSpec
from jarvis.scheduler.schedule import Interval

WITHIN = 10.0
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class Starts:
    """Counts the polls asked for, and lets a test wait for one."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None
        self.asked = threading.Semaphore(0)

    def __call__(self) -> bool:
        try:
            if self.error is not None:
                raise self.error
            self.count += 1
            return True
        finally:
            self.asked.release()

    def one(self) -> bool:
        """Wait for the next one."""
        return self.asked.acquire(timeout=WITHIN)


class ByHand:
    """A watch that a test makes tell, or go blind."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.changed = changed
        self.blind = False
        self.closed = False

    def alive(self) -> bool:
        return not self.blind

    def close(self) -> None:
        self.closed = True


class Setup:
    def __init__(self, inbox: Path, **options: Any) -> None:
        inbox.mkdir()
        self.inbox = inbox
        self.starts = Starts()
        self.watches: list[ByHand] = []
        self.watch = InboxWatch(inbox, self.starts, **{"watch": self.open, **options})

    def open(self, _folder: Path, changed: Callable[[], None]) -> ByHand:
        self.watches.append(ByHand(changed))
        return self.watches[-1]

    def drop(self, name: str, text: str = "{}") -> None:
        """There as a whole or not at all: else the watch may see it empty first, and then changed."""
        written = self.inbox.with_name("written")
        written.write_text(text)
        written.rename(self.inbox / name)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_watch, "PAUSE", 0.02)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Setup]:
    found = Setup(tmp_path / "inbox")
    yield found
    found.watch.close()


def settled(made: Setup, eventually: Callable[..., None]) -> None:
    """Look until there is nothing more to see."""

    def quiet() -> bool:
        made.watch.look()
        return not made.watch.anything()

    eventually(quiet)


def look(made: Setup, eventually: Callable[..., None]) -> None:
    """Look once there is something to see: what the last look came to is noted after its poll was asked for."""
    eventually(made.watch.anything)
    made.watch.look()


def test_an_empty_inbox_asks_for_nothing_and_costs_one_stat(made: Setup, eventually: Callable[..., None]) -> None:
    settled(made, eventually)
    assert (made.starts.count, len(made.watches)) == (0, 1)
    assert not made.watch.anything()


def test_a_file_asks_for_one_poll_and_a_change_for_another(made: Setup) -> None:
    made.watch.look()
    made.drop("a.json")
    made.watch.look()
    assert made.starts.one()
    for told in ("b.json", "a.json"):
        made.drop(told, "changed")
        made.watches[0].changed()
        assert made.starts.one()
    assert made.starts.count == 3


def test_files_that_stay_as_they_are_ask_for_no_second_poll(made: Setup, eventually: Callable[..., None]) -> None:
    for name in ("a.json", "b.json", ".c.json", "d.tmp"):
        made.drop(name)
    made.watch.look()
    assert made.starts.one()
    for _ in range(5):
        made.watches[0].changed()
        made.watch.look()
    assert made.watch.anything()  # they wait: the next look is worth its while
    for name in ("a.json", "b.json"):
        (made.inbox / name).unlink()
    settled(made, eventually)
    assert made.starts.count == 1


def test_a_store_that_is_busy_is_asked_again(made: Setup, eventually: Callable[..., None]) -> None:
    made.starts.error = StoreBusy("full", "no")
    made.drop("a.json")
    look(made, eventually)
    assert made.starts.one()
    made.starts.error = RuntimeError("what nobody thought of")
    look(made, eventually)
    assert made.starts.one()
    made.starts.error = None
    look(made, eventually)
    assert made.starts.one()
    assert made.starts.count == 1


def test_a_folder_made_again_is_watched_again(made: Setup, eventually: Callable[..., None]) -> None:
    settled(made, eventually)
    shutil.rmtree(made.inbox)
    assert made.watch.anything()
    settled(made, eventually)
    assert made.watches[0].closed
    made.inbox.mkdir()
    made.drop("a.json")
    made.watch.look()
    assert made.starts.one()
    assert [each.closed for each in made.watches] == [True, False]


def test_a_watch_that_goes_blind_is_made_anew(made: Setup, eventually: Callable[..., None]) -> None:
    settled(made, eventually)
    made.watches[0].blind = True
    assert made.watch.anything()
    settled(made, eventually)
    assert [each.closed for each in made.watches] == [True, False]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("watchdog"), "with pip install 'jarvis-daemon[watch]' it is watched"),
        (OSError(28, "no more watches"), "as it cannot be watched: [Errno 28] no more watches"),
    ],
)
def test_without_a_watch_the_looks_find_the_files_and_it_is_said_once(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    eventually: Callable[..., None],
    error: Exception,
    said: str,
) -> None:
    def none(_folder: Path, _changed: Callable[[], None]) -> ByHand:
        raise error

    made = Setup(tmp_path / "inbox", watch=none)
    with caplog.at_level("INFO", "jarvis.inbox"):
        caplog.handler.setLevel("INFO")
        inbox_watch._LOG.addHandler(caplog.handler)
        for name in ("a.json", "b.json", "c.json"):
            made.drop(name)
            look(made, eventually)
            assert made.starts.one()
        inbox_watch._LOG.removeHandler(caplog.handler)
    made.watch.close()
    (line,) = {record.message for record in caplog.records}
    assert line.startswith("the inbox is looked at every few seconds")
    assert line.endswith(said)


def test_after_it_is_closed_nothing_is_looked_at(made: Setup) -> None:
    made.watch.look()
    made.watch.close()
    made.drop("a.json")
    made.watch.look()
    assert made.starts.count == 0
    assert all(each.closed for each in made.watches)


# -- the library
def test_watchdog_tells_of_what_is_dropped_and_not_of_what_is_read_or_taken_away(tmp_path: Path) -> None:
    told = threading.Semaphore(0)
    watching = watched(tmp_path, told.release)
    try:
        (tmp_path / ".x.tmp").write_text("{}")
        (tmp_path / ".x.tmp").rename(tmp_path / "x.json")
        assert told.acquire(timeout=WITHIN)
        while told.acquire(timeout=1.0):
            pass
        (tmp_path / "x.json").read_text()
        (tmp_path / "processed").mkdir()
        (tmp_path / "x.json").rename(tmp_path / "processed" / "x.json")
        (tmp_path / "y.part").write_text("{}")
        assert not told.acquire(timeout=0.7)
        (tmp_path / "y.json").write_text("{}")
        assert told.acquire(timeout=WITHIN)
        assert watching.alive()
    finally:
        watching.close()


def test_watchdog_is_known_to_be_blind_once_its_folder_is_gone(tmp_path: Path, eventually: Callable[..., None]) -> None:
    (tmp_path / "inbox").mkdir()
    watching = watched(tmp_path / "inbox", lambda: None)
    try:
        assert watching.alive()
        (tmp_path / "inbox").rmdir()
        eventually(lambda: not watching.alive())
    finally:
        watching.close()


# -- what it asks the store for
def test_a_poll_is_started_once_beside_its_schedule_and_not_for_a_paused_task() -> None:
    store = MemoryStore()
    assert not store.start_poll(NOW, "(why)")
    for name in ("poll", "poll too"):
        store.add_task(TaskSpec(name=name, schedule=Interval(timedelta(minutes=5)), handler="webhook_poll"), NOW)
    due = store.tasks.get("poll").next_run_at
    assert [store.start_poll(NOW, "(why)") for _ in range(3)] == [True] * 3
    (run,) = store.runs.newest()
    assert (run.task, run.origin, run.state, run.reason) == ("poll", "event", RunState.PENDING, "(why)")
    assert store.tasks.get("poll").next_run_at == due
    store.runs.cancel(run.id, "x", NOW)
    store.pause_task("poll", NOW)
    assert store.start_poll(NOW, "(why)")
    assert store.runs.newest()[0].task == "poll too"
    store.pause_task("poll too", NOW)
    assert not store.start_poll(NOW, "(why)")
    plan = store.database.rows("EXPLAIN QUERY PLAN " + _of_the_inbox(), {"now": 0})
    assert all("USING INDEX" in str(row[3]) or "SUBQUERY" in str(row[3]) or "COVERING" in str(row[3]) for row in plan)
    store.close()


def _of_the_inbox() -> str:
    from jarvis.memory.statements import load

    return load("tasks")["of_the_inbox"]
