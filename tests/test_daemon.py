"""The daemon's life: ticks, wakes, signals, drain. Real time and real threads, but tests wait on events."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jarvis.lookout import KernelLookout
from jarvis.memory import MemoryStore
from jarvis.scheduler import daemon, signals
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.daemon import JarvisDaemon
from jarvis.scheduler.engine import LOOK_EVERY, SchedulerEngine
from jarvis.scheduler.executor import RunExecutor
from jarvis.scheduler.lookout import Lookout
from jarvis.scheduler.model import Policy, RunState, TaskSpec
from jarvis.scheduler.ports import Context, Handler
from jarvis.scheduler.schedule import Interval, Once, Schedule
from jarvis.scheduler.workers import Workers

WITHIN = 30.0  # seconds: no test waits that long unless it fails


class Bench:
    """A daemon on a store of its own, with handlers that tests hold in their hands."""

    def __init__(self, path: Path, tick_interval: float = 60) -> None:
        self.store = MemoryStore(str(path / "memory.db"))
        self.started = threading.Event()
        self.go_on = threading.Event()
        self.ran: list[Context] = []
        handlers: dict[str, Handler] = {"quick": self._quick, "held": self._held}
        executor = RunExecutor(handlers, clock=SystemClock(), timeout=timedelta(seconds=WITHIN))
        self.engine = SchedulerEngine(self.store, Workers(executor, 4))
        self.daemon = JarvisDaemon(tick_interval, engine=self.engine)

    def _quick(self, context: Context) -> None:
        self.ran.append(context)
        self.started.set()

    def _held(self, context: Context) -> str:
        self.started.set()
        while not (self.go_on.wait(0.01) or context.cancelled()):
            pass
        if context.cancelled():
            raise RuntimeError("told to stop")
        return "went on"

    def add(self, name: str, handler: str, schedule: Schedule | None = None) -> None:
        now = SystemClock().now()
        self.store.add_task(TaskSpec(name=name, schedule=schedule or Once(now), handler=handler), now)

    def states(self, name: str) -> list[str]:
        return [run.state.value for run in self.store.runs.newest(task=name)]

    async def until(self, event: threading.Event) -> None:
        assert await asyncio.to_thread(event.wait, WITHIN)

    async def fact(self, true: Callable[[], object]) -> None:
        """Until something holds that has no event of its own; `play` bounds the wait."""
        while not true():
            await self.pause(0.01)

    async def pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), seconds)

    def play(self, script: Callable[[], object]) -> None:
        """Run the daemon beside `script` (a coroutine function), which must end it."""

        async def both() -> None:
            running = asyncio.create_task(self.daemon.run())
            try:
                async with asyncio.timeout(WITHIN):
                    await script()  # type: ignore[misc]
            finally:
                self.daemon.shutdown()
                self.go_on.set()
                await running

        asyncio.run(both())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_due_task_runs_and_is_settled_before_the_daemon_ends(bench: Bench) -> None:
    bench.add("t", "quick")

    async def script() -> None:
        await bench.until(bench.started)

    bench.play(script)
    assert bench.states("t") == ["succeeded"]


def test_a_tick_returns_what_ended(bench: Bench) -> None:
    bench.add("t", "quick")

    async def script() -> None:
        first = await bench.daemon._tick()
        await bench.until(bench.started)
        assert bench.engine.executor.wait(WITHIN)
        second = await bench.daemon._tick()
        assert [(result.task, result.state) for result in (*first, *second)] == [("t", RunState.SUCCEEDED)]
        await bench.daemon._stop()

    asyncio.run(script())


def test_a_tick_that_fails_is_logged_once_and_the_next_one_works(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench.add("t", "quick")
    real = bench.engine.tick
    failures = iter([OSError("disk full"), OSError("disk full")])

    def flaky(*args: object, **kwargs: object) -> object:
        error = next(failures, None)
        if error is not None:
            raise error
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.engine, "tick", flaky)

    async def script() -> None:
        await bench.until(bench.started)

    with caplog.at_level(logging.INFO):
        bench.play(script)
    assert bench.states("t") == ["succeeded"]
    assert caplog.text.count("the tick failed") == 1
    assert "the tick works again" in caplog.text


def test_a_task_added_by_another_process_starts_without_waiting_for_a_tick(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "LOOK_EVERY", 3600.0)
    other = MemoryStore(bench.store.path)  # its own connection, as another process has

    async def script() -> None:
        now = SystemClock().now()
        await asyncio.to_thread(other.add_task, TaskSpec(name="t", schedule=Once(now), handler="quick"), now)
        await bench.until(bench.started)

    bench.play(script)
    other.close()


def test_the_daemon_wakes_for_the_next_instant_not_for_its_interval(bench: Bench) -> None:
    bench.add("t", "quick", Interval(timedelta(milliseconds=200)))

    async def script() -> None:
        for _ in range(3):
            bench.started.clear()
            await bench.until(bench.started)

    bench.play(script)
    due = [context.due_at for context in bench.ran]
    # On a machine that stands still for a moment two come due at once, and the second is left out.
    assert {(later - sooner) % timedelta(milliseconds=200) for sooner, later in itertools.pairwise(due)} == {
        timedelta(0)
    }


def test_a_run_that_takes_long_does_not_delay_the_others(bench: Bench) -> None:
    bench.add("long", "held")

    async def script() -> None:
        await bench.until(bench.started)
        bench.started.clear()
        bench.add("short", "quick")
        await bench.until(bench.started)
        assert bench.states("long") == ["running"]

    bench.play(script)
    assert bench.states("long") == ["succeeded"]


def test_shutdown_lets_the_running_run_end_and_starts_no_other(bench: Bench) -> None:
    bench.add("long", "held")

    async def script() -> None:
        await bench.until(bench.started)
        bench.daemon.shutdown()
        bench.daemon.shutdown()
        bench.add("late", "quick")
        bench.go_on.set()

    bench.play(script)
    assert bench.states("long") == ["succeeded"]
    assert bench.states("late") == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_gracefully(bench: Bench, number: signal.Signals) -> None:
    bench.add("long", "held")

    async def script() -> None:
        await bench.until(bench.started)
        os.kill(os.getpid(), number)
        await bench.fact(lambda: bench.daemon._shutdown)
        bench.go_on.set()

    bench.play(script)
    assert bench.states("long") == ["succeeded"]


def test_a_second_signal_cancels_the_running_work(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "ONE_SIGNAL", 3600.0)
    bench.add("long", "held")

    async def script() -> None:
        await bench.until(bench.started)
        os.kill(os.getpid(), signal.SIGTERM)
        await bench.fact(lambda: bench.daemon._shutdown)
        first = bench.daemon._signals._stopped_at
        os.kill(os.getpid(), signal.SIGTERM)  # the same stop, passed on by somebody
        await bench.fact(lambda: bench.daemon._signals._stopped_at > first)
        assert bench.states("long") == ["running"]
        monkeypatch.setattr(signals, "ONE_SIGNAL", 0.0)
        os.kill(os.getpid(), signal.SIGINT)
        await bench.fact(lambda: not bench.engine.executor.busy)

    bench.play(script)
    assert bench.states("long") == ["cancelled"]


def test_a_run_somebody_cancels_stops_and_says_why(bench: Bench) -> None:
    bench.add("long", "held")

    async def script() -> None:
        await bench.until(bench.started)
        (run,) = bench.store.runs.newest(task="long")
        state = await asyncio.to_thread(bench.store.runs.cancel, run.id, "no longer wanted", SystemClock().now())
        assert state is RunState.RUNNING
        await bench.fact(lambda: bench.states("long") == ["cancelled"])

    bench.play(script)
    assert bench.store.runs.newest(task="long")[0].reason == "no longer wanted"


def test_overlap_cancel_running_ends_the_old_run_for_the_new_one(bench: Bench) -> None:
    now = SystemClock().now()
    spec = TaskSpec(
        name="t",
        schedule=Interval(timedelta(milliseconds=300)),
        handler="held",
        policy=Policy(overlap="cancel_running"),
    )

    async def script() -> None:
        await asyncio.to_thread(bench.store.add_task, spec, now)
        await bench.fact(lambda: bench.states("t").count("cancelled") >= 2)

    bench.play(script)
    assert all("overlap=cancel_running" in run.reason for run in bench.store.runs.newest(state=RunState.CANCELLED))


def test_shutdown_sets_a_flag_and_can_be_called_before_the_daemon_runs(bench: Bench) -> None:
    assert bench.daemon._shutdown is False
    bench.daemon.shutdown()
    assert bench.daemon._shutdown is True
    asyncio.run(bench.daemon.run())


def test_sighup_reloads_and_a_bad_reload_is_survived(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    reloaded = threading.Event()

    def reload() -> None:
        reloaded.set()
        raise ValueError("no such zone")

    bench.daemon = JarvisDaemon(60, engine=bench.engine, reload=reload)

    async def script() -> None:
        bench.add("t", "quick")
        await bench.until(bench.started)
        os.kill(os.getpid(), signal.SIGHUP)
        await bench.until(reloaded)

    with caplog.at_level(logging.INFO):
        bench.play(script)
    assert "not reloaded: no such zone" in caplog.text


def test_what_lies_outside_is_looked_at_at_the_start_and_after_a_reload_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "LOOK_EVERY", 3600.0)
    looks = [threading.Event(), threading.Event()]
    left = iter(looks)
    bench.daemon = JarvisDaemon(60, engine=bench.engine, on_look=lambda: next(left).set())

    async def script() -> None:
        await bench.until(looks[0])
        bench.add("t", "quick")
        await bench.until(bench.started)  # a tick alone is no look: a third one would fail
        os.kill(os.getpid(), signal.SIGHUP)
        await bench.until(looks[1])

    bench.play(script)
    assert bench.states("t") == ["succeeded"]


def test_the_daemon_is_entered_in_the_store_while_it_lives_and_signed_off_after(bench: Bench) -> None:
    async def script() -> None:
        bench.add("t", "quick")
        await bench.until(bench.started)
        (instance,) = bench.store.instances.living(SystemClock().now())
        assert instance.pid == os.getpid()

    bench.play(script)
    assert bench.store.instances.open() == []


def test_a_second_daemon_says_so_and_shares_the_work(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    other = Bench(Path(bench.store.path).parent)
    for n in range(20):
        bench.add(f"t{n}", "quick")

    async def script() -> None:
        await bench.until(bench.started)
        second = asyncio.create_task(other.daemon.run())
        await bench.fact(lambda: all(bench.states(f"t{n}") == ["succeeded"] for n in range(20)))
        other.daemon.shutdown()
        await second

    with caplog.at_level(logging.INFO):
        bench.play(script)
    assert "another daemon is on this store" in caplog.text
    assert sorted(context.task for context in (*bench.ran, *other.ran)) == sorted(f"t{n}" for n in range(20))


def test_starting_and_stopping_again_and_again_leaves_nothing_behind(tmp_path: Path) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        bench = Bench(tmp_path)
        bench.daemon.shutdown()
        asyncio.run(bench.daemon.run())
        bench.store.close()
    assert len(list(Path("/dev/fd").iterdir())) <= before
    assert list((tmp_path / "memory.db-daemons").iterdir()) == []


class Told(Lookout):
    """A lookout whose word is a byte in a pipe."""

    def __init__(self, sees: bool = True) -> None:
        self.fd, self._end = os.pipe()
        os.set_blocking(self.fd, False)
        self._sees = sees

    def sees_all(self) -> bool:
        return self._sees

    def drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 4096)

    def tell(self) -> None:
        os.write(self._end, b"!")

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._end)


@pytest.fixture(params=[True, False])
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    made = Told(request.param)
    yield made
    made.close()


def test_a_daemon_that_is_told_of_everything_rests_until_then_and_else_looks_every_few_seconds(
    bench: Bench, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    real = bench.daemon._alarm.wait

    async def wait(seconds: float, fd: int = -1) -> bool:
        pauses.append(seconds)
        return await real(seconds, fd)

    async def script() -> None:
        await bench.fact(lambda: pauses)
        before = len(pauses)
        told.tell()
        if told.sees_all():
            await bench.fact(lambda: len(pauses) > before)

    monkeypatch.setattr(bench.daemon._alarm, "wait", wait)
    bench.daemon._lookout = told
    bench.play(script)
    assert all(5 < pause <= 60 for pause in pauses[:2]) if told.sees_all() else max(pauses[:2]) <= 5


def test_a_daemon_that_is_told_something_looks_around_at_once(bench: Bench) -> None:
    told, lying, looked = Told(), threading.Event(), threading.Event()
    bench.daemon = JarvisDaemon(60, engine=bench.engine, on_look=looked.set, outside=lying.is_set, lookout=told)

    async def script() -> None:
        await bench.until(looked)
        await bench.fact(lambda: bench.daemon._rest > LOOK_EVERY)  # it is calm
        looked.clear()
        bench.daemon._looked_at = float("-inf")
        lying.set()
        told.tell()
        await bench.until(looked)

    bench.play(script)
    told.close()


@pytest.mark.skipif(sys.platform != "linux", reason="inotify(7) is Linux's")
def test_what_a_stranger_writes_into_the_store_is_seen_without_a_look(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add("t", "quick", Interval(timedelta(days=1)))
    lookout = KernelLookout([Path(bench.store.path), Path(f"{bench.store.path}-wal")])
    bench.daemon = JarvisDaemon(3600, engine=bench.engine, lookout=lookout)
    monkeypatch.setattr(daemon, "LOOK_EVERY", 3600.0)

    async def script() -> None:
        await bench.fact(lambda: bench.daemon._alarm._waiter)
        with contextlib.closing(sqlite3.connect(bench.store.path)) as stranger, stranger:
            stranger.execute("UPDATE tasks SET next_run_at = 1")
        await bench.until(bench.started)

    bench.play(script)
    lookout.close()


def test_a_daemon_with_nothing_to_do_looks_without_waking_another_thread(bench: Bench) -> None:
    async def script() -> None:
        await bench.daemon._tick()
        bench.daemon._evaluated_at, bench.daemon._next = SystemClock().monotonic(), None
        bench.engine.store.changed()
        looked = threading.Event()

        def look() -> bool:
            looked.set()
            return False

        bench.daemon._look = look  # type: ignore[method-assign]
        watching = asyncio.create_task(bench.daemon._sleep())
        await bench.pause(0.05)
        assert not looked.is_set()
        other = MemoryStore(bench.store.path)
        other.add_task(
            TaskSpec(name="new", schedule=Interval(timedelta(hours=1)), handler="quick"), SystemClock().now()
        )
        lookout.tell()
        await asyncio.wait_for(watching, WITHIN)
        assert looked.is_set()  # it may have been another daemon, which may die and leave something behind
        other.close()
        await bench.daemon._stop()

    lookout = bench.daemon._lookout = Told()
    asyncio.run(script())
    lookout.close()
