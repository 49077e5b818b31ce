"""What is kept of each attempt's output, and that nothing of a run stays on the disk beside the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jarvis.memory import MemoryStore
from jarvis.memory.live import SEGMENT
from jarvis.memory.outputs import ATTEMPTS_KEPT, Written
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.executor import RunExecutor
from jarvis.scheduler.model import Claimed, Instance, Outcome, Result, Run, RunState, TaskSpec
from jarvis.scheduler.output import OUTPUT_CAP
from jarvis.scheduler.ports import Context
from jarvis.scheduler.schedule import Once
from jarvis.scheduler.workers import Workers
from jarvis.testing import FakeClock

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    made = MemoryStore(str(tmp_path / "memory.db"))
    made.add_task(TaskSpec(name="t", schedule=Once(START + timedelta(days=9)), handler="talk"), START)
    made.start_now("t", START)
    yield made
    made.close()


def claimed(store: MemoryStore) -> tuple[Claimed, Instance]:
    owner = store.instances.register(START)
    (held,) = store.runs.claim(owner.id, 1, START)
    return held, owner


def written(store: MemoryStore, run: Run, body: bytes) -> None:
    """As the run's own daemon writes it, which then is no more."""
    live = store.outputs.begin(run)
    assert live
    live.write(body)


def folder(store: MemoryStore) -> list[str]:
    return sorted(path.name for path in Path(f"{store.path}-output").iterdir())


def test_the_output_of_a_cut_off_attempt_is_kept_beside_that_of_the_next(store: MemoryStore) -> None:
    held, dead = claimed(store)
    written(store, held.run, b"half\xff")
    store.runs.recover(dead, START)
    assert store.outputs.of(held.run.id) == [Written(1, b"half\xff", 5, cut_off=True)]
    again, _ = claimed(store)
    written(store, again.run, b"whole")
    store.runs.settle([Outcome(again, Result(output=b"whole", output_total=5), START)])
    assert store.outputs.of(held.run.id) == [Written(1, b"half\xff", 5, cut_off=True), Written(2, b"whole", 5)]


def test_of_a_cut_off_attempt_that_wrote_much_the_ends_are_kept_and_all_is_counted(store: MemoryStore) -> None:
    held, dead = claimed(store)
    written(store, held.run, b"first" + bytes(5 * SEGMENT) + b"last")
    store.runs.recover(dead, START)
    (kept,) = store.outputs.of(held.run.id)
    assert (kept.total, kept.cut_off) == (5 * SEGMENT + 9, True)
    assert kept.body.startswith(b"first\0")
    assert kept.body.endswith(b"\0last")
    assert len(kept.body) < OUTPUT_CAP + 50


def test_a_cut_off_attempt_that_wrote_nothing_has_no_output(store: MemoryStore) -> None:
    held, dead = claimed(store)
    store.runs.recover(dead, START)
    assert store.outputs.of(held.run.id) == []


def test_of_many_attempts_the_newest_are_kept(store: MemoryStore) -> None:
    held, _ = claimed(store)
    for attempt in range(1, ATTEMPTS_KEPT + 4):
        run = Run(**{name: getattr(held.run, name) for name in Run.__struct_fields__} | {"attempt": attempt})
        store.outputs.keep(run, b"x", 1)
    assert [each.attempt for each in store.outputs.of(held.run.id)] == [4, 5, 6, 7, 8]


def test_a_sweep_takes_what_does_not_run_and_lets_be_what_does(store: MemoryStore) -> None:
    held, _ = claimed(store)
    written(store, held.run, b"x")
    assert (store.outputs.sweep(), len(folder(store))) == (0, 1)
    store.runs.settle([Outcome(held, Result(), START)])
    assert (store.outputs.sweep(), folder(store)) == (1, [])
    assert store.outputs.sweep() == 0


def made_engine(store: MemoryStore, seen: list[bytes]) -> SchedulerEngine:
    def talk(context: Context) -> None:
        context.output.write(b"said\xff")
        seen.extend(piece for _, piece in store.outputs.live.read((context.run_id, context.attempt)))

    clock = FakeClock(START)
    executor = RunExecutor({"talk": talk}, clock=clock, timeout=timedelta(minutes=1), live=store.outputs.begin)
    return SchedulerEngine(store, Workers(executor, 1), clock)


def test_what_a_handler_writes_is_shown_then_kept_and_the_file_goes(store: MemoryStore) -> None:
    seen: list[bytes] = []
    engine = made_engine(store, seen)
    (result,) = engine.evaluate_due_tasks(START)
    assert (result.state, seen) == (RunState.SUCCEEDED, [b"said\xff"])
    assert store.outputs.of(result.run_id) == [Written(1, b"said\xff", 5)]
    assert folder(store) == []
    engine.close()


def test_a_new_daemon_takes_away_what_one_left_that_died_before_it_tidied_up(store: MemoryStore) -> None:
    held, dead = claimed(store)
    written(store, held.run, b"x")
    store.runs.settle([Outcome(held, Result(), START)])
    store.instances.sign_off(dead.id, START)
    engine = made_engine(store, [])
    engine.open(START)
    assert folder(store) == []
    engine.close()


def test_output_that_could_not_be_shown_is_said_once_in_the_record_and_kept(store: MemoryStore) -> None:
    Path(f"{store.path}-output").write_text("in the way")
    engine = made_engine(store, [])
    (result,) = engine.evaluate_due_tasks(START)
    assert result.state is RunState.SUCCEEDED
    assert result.reason == "its output could not be followed to the end while it ran (File exists)"
    assert store.outputs.of(result.run_id) == [Written(1, b"said\xff", 5)]
    engine.close()
