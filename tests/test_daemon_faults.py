"""The daemon on a store that fails: what it waits for, what it refuses, how it leaves. In one process, on events."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from jarvis.errors import StoreBusy, StoreError, StoreUnusable
from jarvis.memory import MemoryStore
from jarvis.scheduler import daemon as daemons
from jarvis.scheduler import signals
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.clockwatch import Absence
from tests.test_daemon import Bench

FULL = StoreBusy("full", "the disk is full")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


class Broken:
    """Lets a call of the engine or the store fail until it is mended; counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, error: Exception) -> None:
        self.error: Exception | None = error
        self.calls = 0
        real = getattr(owner, name)

        def call(*args: object, **kwargs: object) -> object:
            self.calls += 1
            if self.error is not None:
                raise self.error
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)


def test_a_store_that_fails_at_the_start_is_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench.add("t", "quick")
    broken = Broken(monkeypatch, bench.store.instances, "register", FULL)

    async def script() -> None:
        await bench.fact(lambda: broken.calls == 2)
        broken.error = None
        await bench.until(bench.started)

    with caplog.at_level(logging.INFO):
        bench.play(script)
    assert bench.states("t") == ["succeeded"]
    assert caplog.text.count("Tasks wait, nothing is lost") == 1
    assert bench.store.instances.open() == []


def test_a_stop_before_the_store_could_be_entered_is_graceful(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Broken(monkeypatch, bench.store.instances, "register", FULL)

    async def script() -> None:
        await bench.fact(lambda: broken.calls)

    bench.play(script)


def test_a_failing_store_is_not_tried_without_a_pause_however_long_it_fails(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.daemon = daemons.JarvisDaemon(0.01, engine=bench.engine)  # every tick is overdue
    broken = Broken(monkeypatch, bench.engine, "tick", FULL)

    async def script() -> None:
        await bench.fact(lambda: broken.calls == 2)
        bench.daemon.wake()
        await bench.pause(0.2)
        assert broken.calls == 2
        broken.error = None

    bench.play(script)


def test_a_store_that_must_not_be_touched_ends_the_work_and_the_daemon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench.add("long", "held")
    broken = Broken(monkeypatch, bench.engine, "tick", StoreUnusable("the store is damaged"))
    broken.error, error = None, broken.error

    async def script() -> None:
        await bench.until(bench.started)
        broken.error = error
        bench.daemon.wake()
        await bench.fact(lambda: bench.daemon._shutdown)

    with pytest.raises(StoreUnusable, match="is damaged"):
        bench.play(script)
    assert bench.states("long") == ["running"], "nothing more was written"
    assert "stopping: the store is damaged" in caplog.text
    assert recovered(bench) == ["pending"]


def test_a_stop_whose_runs_cannot_be_settled_leaves_them_to_the_next_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "SETTLE_WITHIN", 0.2)
    bench.add("long", "held")
    broken = Broken(monkeypatch, bench.store.runs, "settle", FULL)

    async def script() -> None:
        await bench.until(bench.started)
        bench.go_on.set()
        await bench.fact(lambda: broken.calls)

    with pytest.raises(StoreError, match="stopped with 1 runs unsettled"):
        bench.play(script)
    assert bench.states("long") == ["running"]
    assert recovered(bench) == ["pending"]


def test_a_stop_waits_for_a_store_that_comes_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add("long", "held")
    broken = Broken(monkeypatch, bench.store.runs, "settle", FULL)

    async def script() -> None:
        await bench.until(bench.started)
        bench.daemon.shutdown()
        bench.go_on.set()
        await bench.fact(lambda: broken.calls == 2)
        broken.error = None

    bench.play(script)
    assert bench.states("long") == ["succeeded"]


def test_a_second_signal_bounds_how_long_the_store_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "LEAVE_AFTER", 0.2)
    monkeypatch.setattr(signals, "ONE_SIGNAL", 0.0)
    bench.add("long", "held")
    Broken(monkeypatch, bench.store.runs, "settle", FULL)

    async def script() -> None:
        await bench.until(bench.started)
        os.kill(os.getpid(), signal.SIGTERM)
        await bench.fact(lambda: bench.daemon._shutdown)
        os.kill(os.getpid(), signal.SIGTERM)
        await bench.fact(lambda: bench.daemon._loop is None)

    with pytest.raises(StoreError, match="unsettled"):
        bench.play(script)
    assert bench.engine.executor.busy == len(bench.engine.executor.finished()) == 1, "the work has ended"


def test_an_owner_that_cannot_sign_off_is_seen_to_be_dead(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    Broken(monkeypatch, bench.store.instances, "sign_off", FULL)
    bench.daemon.shutdown()
    asyncio.run(bench.daemon.run())
    assert len(bench.store.instances.open()) == 1
    assert bench.store.instances.living(SystemClock().now()) == []


def test_what_the_clocks_told_is_kept_when_it_could_not_be_written_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, now = Broken(monkeypatch, bench.store.absences, "add", FULL), SystemClock().now()
    with pytest.raises(StoreBusy):
        bench.engine.note([Absence(kind="slept", since=now, until=now)])
    broken.error = None
    bench.engine.note([])
    bench.engine.note([])
    assert bench.store.database.rows("SELECT kind FROM absences") == [("slept",)]


def recovered(bench: Bench) -> list[str]:
    """The state of the run once another owner has come."""
    store = MemoryStore(bench.store.path)
    other = Bench(Path(bench.store.path).parent)
    other.engine.open(SystemClock().now())
    states = other.states("long")
    other.engine.close()
    other.store.close()
    store.close()
    return states
