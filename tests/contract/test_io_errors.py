"""Every single write, sync, truncation and read of a whole story fails once, in every way a disk has.

The story is a daemon's: tasks are added, planned, claimed, run, settled, handed back, and taken over from an
owner that died. It is told on a file system of our own (an apsw VFS) whose N-th operation fails: that one alone,
or that one and all after it until the process ends. Then the power comes back, a healthy daemon goes on, and
the promises must hold. Nothing here says that a kernel lies about what it wrote: that no test can know.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from jarvis.errors import StoreBusy, StoreError
from jarvis.memory import MemoryStore
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.model import Policy, TaskSpec
from jarvis.scheduler.ports import Context
from jarvis.scheduler.schedule import Interval, Once
from jarvis.testing import FakeClock, InlineExecutor

EVERY = timedelta(minutes=1)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
TURNS = 4  # of a minute each, of the daemon that fails

# operation, and how SQLite says that it failed
WAYS: dict[str, tuple[str, type[apsw.Error]]] = {
    "full": ("write", apsw.FullError),
    "write": ("write", apsw.IOError),
    "sync": ("sync", apsw.IOError),
    "truncate": ("truncate", apsw.IOError),
    "read": ("read", apsw.IOError),
}


class Disk:
    """Counts operations, and fails those it is told to."""

    def __init__(self) -> None:
        self.heal()

    def heal(self) -> None:
        """Fail no more, and count from nothing."""
        self.count = 0
        self.fail("", 0, apsw.IOError, lasting=False)

    def fail(self, operation: str, at: int, error: type[apsw.Error], *, lasting: bool) -> None:
        """Let the operation fail at its `at`-th use (0: never), `lasting` from there on."""
        self._operation, self._at, self._error, self._lasting = operation, at, error, lasting

    def used(self, operation: str) -> None:
        """One use of an operation: raises if it is to fail."""
        if operation != self._operation:
            return
        self.count += 1
        if self._at and (self.count == self._at or (self._lasting and self.count > self._at)):
            raise self._error("made to fail")


DISK = Disk()


class File(apsw.VFSFile):
    """A file of the real file system whose operations go past the disk first."""

    def __init__(self, name: Any, flags: list[int]) -> None:
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        try:
            DISK.used("write")
        except apsw.Error:
            super().xWrite(data[: len(data) // 2], offset)  # torn: a half of it got through
            raise
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        DISK.used("sync")
        super().xSync(flags)

    def xTruncate(self, size: int) -> None:
        DISK.used("truncate")
        super().xTruncate(size)

    def xRead(self, amount: int, offset: int) -> bytes:
        DISK.used("read")
        return super().xRead(amount, offset)


class FileSystem(apsw.VFS):
    """The default of this process while a test holds it."""

    def __init__(self) -> None:
        super().__init__("jarvis-test", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> File:
        return File(name, flags)


@pytest.fixture
def file_system() -> Iterator[FileSystem]:
    made = FileSystem()
    DISK.heal()
    yield made
    DISK.heal()
    made.unregister()


class Story:
    """One store's life: what was promised to the user, what was started, and what it was told by whom."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.clock = FakeClock(START)
        self.added: set[str] = set()
        self.effects: list[tuple[str, int]] = []  # occurrence, attempt
        self.settled: dict[int, str] = {}  # run -> state, as soon as a tick said so
        self.refused: list[StoreError] = []

    def tell(self) -> None:
        """All of it, going on after each failure as the daemon does; then its process dies."""
        store = self._opened() or self._opened()
        if store is None:
            return
        engine = self._engine(store)
        for turn in range(TURNS):
            self._tried(lambda turn=turn: self._add(store, turn))  # type: ignore[misc]
            self._tried(lambda: self._tick(engine))
            self._tried(lambda: self._forget(store))
            self._tried(lambda: engine.recover(self.clock.now()))
            self.clock.advance(EVERY)
        self._die(engine, store)

    def end_well(self) -> MemoryStore:
        """The next daemon, on a disk that works; the store it leaves."""
        store = MemoryStore(self.path)
        engine = self._engine(store)
        for _ in range(2):
            engine.recover(self.clock.now())
            while self._tick(engine) or engine.executor.busy:
                pass
            self.clock.advance(EVERY)
        engine.close()
        return store

    def _opened(self) -> MemoryStore | None:
        try:
            return MemoryStore(self.path)
        except StoreError as error:
            self.refused.append(error)
            return None

    def _forget(self, store: MemoryStore) -> None:
        """Fold the WAL into the file, and have every page read again: what a large store does all day."""
        store.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        store.database.rows("PRAGMA shrink_memory")

    def _engine(self, store: MemoryStore) -> SchedulerEngine:
        handlers = {"noop": self._effect, "failing": self._failing}
        return SchedulerEngine(store, InlineExecutor(handlers, self.clock, limit=3), self.clock)

    def _effect(self, context: Context) -> None:
        self.effects.append((context.occurrence_id, context.attempt))

    def _failing(self, context: Context) -> None:
        self._effect(context)
        raise RuntimeError("as it should")

    def _add(self, store: MemoryStore, turn: int) -> None:
        handler = "failing" if turn == 1 else "noop"
        schedule = Interval(EVERY) if turn < 3 else Once(self.clock.now())
        policy = Policy(catch_up="all", overlap="queue")
        store.add_task(TaskSpec(name=f"t{turn}", schedule=schedule, handler=handler, policy=policy), self.clock.now())
        self.added.add(f"t{turn}")

    def _tick(self, engine: SchedulerEngine) -> int:
        results = engine.tick(self.clock.now())
        for result in results:
            assert result.run_id not in self.settled, "settled twice"
            self.settled[result.run_id] = result.state
        return len(results)

    def _tried(self, call: Callable[[], object]) -> None:
        try:
            call()
        except StoreError as error:
            self.refused.append(error)

    def _die(self, engine: SchedulerEngine, store: MemoryStore) -> None:
        """As by SIGKILL: no goodbye, no checkpoint, and whatever was not synced may be there or not."""
        if engine.entered is not None:
            store.instances.abandon(engine.entered.id)
        store.database.let_go()


def operations(path: Path, operation: str) -> int:
    """How often the whole story, undisturbed, uses an operation."""
    story = Story(path)
    DISK.fail(operation, 0, apsw.IOError, lasting=False)
    story.tell()
    count = DISK.count
    DISK.heal()
    assert story.refused == []
    assert_promises(story)
    return count


def assert_promises(story: Story) -> None:
    store = story.end_well()
    assert store.database.value("PRAGMA integrity_check") == "ok"
    assert story.added <= set(store.tasks.names()), "a task that was accepted is gone"
    for task in store.tasks.names():
        runs = store.runs.newest(task=task, limit=None)
        due = sorted(run.due_at for run in runs)
        assert len(due) == len(set(due)), "an occurrence has two rows"
        assert all(run.state.final for run in runs), [run.state for run in runs]
        assert all(later - sooner == EVERY for sooner, later in itertools.pairwise(due)), "one was lost"
        assert runs, f"{task} never came due"
    told = {run.id: run.state for run in store.runs.newest(limit=None)}
    assert {run: told[run] for run in story.settled} == story.settled, "what was settled has changed"
    assert len(story.effects) == len(set(story.effects)), "one attempt was started twice"
    store.close()


@pytest.mark.slow
@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize(
    ("way", "lasting"),
    [(way, lasting) for way in WAYS for lasting in (False, True) if (way, lasting) != ("write", True)],
)
def test_wherever_the_disk_fails_nothing_is_lost_and_nothing_done_twice(
    way: str, lasting: bool, tmp_path: Path
) -> None:
    operation, error = WAYS[way]
    total = operations(tmp_path / "whole.db", operation)
    assert total > 0
    failures = 0
    for at in range(1, total + 1):
        story = Story(tmp_path / f"{at}.db")
        DISK.fail(operation, at, error, lasting=lasting)
        story.tell()
        DISK.heal()
        failures += bool(story.refused)
        assert all(isinstance(said, StoreBusy) for said in story.refused), story.refused
        assert_promises(story)
    assert failures, "nothing that failed was ever noticed"
