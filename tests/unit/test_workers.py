"""Threads that carry runs: each takes a place, except those that are over at once, which share one turn."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.executor import RunExecutor
from jarvis.scheduler.model import RunState, TaskSpec
from jarvis.scheduler.planner import BATCH
from jarvis.scheduler.ports import Context
from jarvis.scheduler.schedule import Once
from jarvis.scheduler.workers import Workers

LIMIT = 2


class Bench:
    """An engine with two places, a handler `held` that waits for a test, and a brief one that says where it ran."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.carried: list[str] = []
        self.store = MemoryStore(":memory:")
        executor = RunExecutor(
            {"held": self._held, "brief": self._brief, "failing": self._failing},
            clock=SystemClock(),
            timeout=timedelta(minutes=1),
        )
        self.workers = Workers(executor, LIMIT, brief=("brief", "failing"))
        self.engine = SchedulerEngine(self.store, self.workers)

    def _held(self, _context: Context) -> None:
        self.go_on.wait(60)

    def _brief(self, _context: Context) -> None:
        self.carried.append(threading.current_thread().name)

    def _failing(self, _context: Context) -> None:
        raise RuntimeError("no")

    def add(self, handler: str, count: int = 1) -> None:
        now = SystemClock().now()
        before = len(self.store.tasks.names())
        for number in range(before, before + count):
            self.store.add_task(TaskSpec(name=f"t{number}", schedule=Once(now), handler=handler), now)

    def states(self) -> set[str]:
        return {run.state.value for run in self.store.runs.newest(limit=None)}


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.go_on.set()
    while made.workers.busy:
        made.workers.wait()
        made.engine.settle_finished()
    made.engine.close()
    made.store.close()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_signal_that_meets_another_thread_is_heard_while_runs_are_waited_for(bench: Bench) -> None:
    def meet() -> None:
        while not bench.workers._some_finished._waiters:  # type: ignore[attr-defined]
            waiting.wait(0.01)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    waiting, other = threading.Event(), threading.Thread(target=meet)
    before = signal.signal(signal.SIGUSR1, lambda _number, _frame: bench.go_on.set())
    try:
        bench.add("held")
        bench.engine.tick(SystemClock().now())
        other.start()
        assert bench.workers.wait()
    finally:
        other.join()
        signal.signal(signal.SIGUSR1, before)


def test_brief_runs_start_together_and_share_one_thread(bench: Bench) -> None:
    bench.add("brief", 20)
    assert [result.state for result in bench.engine.evaluate_due_tasks()] == [RunState.SUCCEEDED] * 20
    assert len(bench.carried) == 20
    assert len(set(bench.carried)) == 1


def test_brief_runs_start_though_every_place_is_taken_and_take_none(bench: Bench) -> None:
    bench.add("held", LIMIT + 1)
    bench.engine.tick(SystemClock().now())
    assert bench.workers.free == 0
    bench.add("brief", 3)
    bench.engine.tick(SystemClock().now())
    bench.workers.wait()
    assert len(bench.engine.settle_finished()) == 3
    assert (bench.workers.free, bench.workers.busy) == (0, LIMIT)


def test_one_that_fails_ends_none_of_those_beside_it(bench: Bench) -> None:
    bench.add("failing")
    bench.add("brief", 2)
    ended = {result.task: result.state for result in bench.engine.evaluate_due_tasks()}
    assert ended == {"t0": RunState.FAILED, "t1": RunState.SUCCEEDED, "t2": RunState.SUCCEEDED}


def test_more_than_one_batch_of_them_is_done_in_one_evaluation(bench: Bench) -> None:
    bench.add("brief", BATCH + 1)
    assert len(bench.engine.evaluate_due_tasks()) == BATCH + 1
    assert bench.states() == {"succeeded"}


def test_after_all_were_told_to_stop_none_starts_any_more(bench: Bench) -> None:
    bench.workers.cancel_all()
    bench.add("brief", 2)
    assert bench.engine.evaluate_due_tasks() == []
    assert bench.states() == {"pending"}
    assert bench.carried == []


def test_a_place_is_free_again_when_its_run_has_ended_not_only_when_it_is_settled(bench: Bench) -> None:
    bench.add("held", LIMIT)
    bench.engine.tick(SystemClock().now())
    bench.go_on.set()
    while len(bench.workers.finished()) < LIMIT:
        bench.workers.wait()
    assert (bench.workers.free, bench.workers.busy) == (LIMIT, LIMIT)


def test_runs_that_end_are_told_once_until_somebody_asks_for_them(bench: Bench) -> None:
    told = list[int]()
    bench.workers.on_finish = lambda: told.append(len(told))
    bench.go_on.set()
    for _ in range(2):
        bench.add("held", LIMIT)
        bench.engine.tick(SystemClock().now())
        while bench.workers.free < LIMIT:
            bench.workers.wait()
        bench.workers.wait()  # until the last one has said that it ended
        assert len(bench.engine.settle_finished()) == LIMIT
    bench.workers.close()
    assert told == [0, 1]
