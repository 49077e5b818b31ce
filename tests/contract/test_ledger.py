"""What any store must keep: claim, settle, release and recover as conditional writes that are believed."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from jarvis.errors import NotFound, UsageError
from jarvis.memory import MemoryStore, runs, statements
from jarvis.memory.faults import Refused
from jarvis.memory.instants import to_micros
from jarvis.memory.outputs import Written
from jarvis.scheduler.model import (
    Claimed,
    Due,
    Outcome,
    Plan,
    Policy,
    Result,
    Run,
    RunState,
    Task,
    TaskSpec,
    Unreadable,
)
from jarvis.scheduler.plan import plan
from jarvis.scheduler.schedule import Interval, Once

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def spec(name: str = "t", every: float = 10, **policy: object) -> TaskSpec:
    return TaskSpec(
        name=name,
        schedule=Interval(every * SECOND),
        handler="noop",
        policy=Policy(**policy),  # type: ignore[arg-type]
    )


def record(store: MemoryStore, now: datetime) -> int:
    due = [found for found in store.tasks.due(now, 100) if isinstance(found, Due)]
    return store.runs.record([(found.task, plan(found.task, now, found.open_run)) for found in due], now)


def claimed(store: MemoryStore, now: datetime = START + 10 * SECOND, limit: int = 10) -> list[Claimed]:
    owner = store.instances.register(now)
    record(store, now)
    return store.runs.claim(owner.id, limit, now)


def written(store: MemoryStore, *outcomes: Outcome) -> list[bool]:
    return [settled is not None for settled in store.runs.settle(outcomes)]


def test_the_runs_of_a_name_are_those_of_every_task_that_bore_it_newest_first(store: MemoryStore) -> None:
    for turn in range(2):
        store.add_task(spec(), START + turn * 60 * SECOND)
        for step in (10, 20):
            record(store, START + (turn * 60 + step) * SECOND)
        store.remove_task("t", START + (turn * 60 + 21) * SECOND)
    found = [run.due_at - START for run in store.runs.newest(task="t", limit=3)]
    assert found == [80 * SECOND, 70 * SECOND, 20 * SECOND]
    assert len(store.runs.newest(task="t", limit=None)) == 4
    assert store.runs.newest(task="another") == []


@pytest.mark.parametrize(
    ("table", "verbs"),
    [
        ("runs", ("insert", "insert_started", "claim", "settle", "retry", "back_to_pending")),
        ("deliveries", ("insert", "claim", "settle")),
        ("tasks", ("advance",)),
    ],
)
def test_no_table_is_built_to_write_one_row(store: MemoryStore, table: str, verbs: tuple[str, ...]) -> None:
    for sql in map(statements.load(table).__getitem__, verbs):
        named, placed = dict.fromkeys(re.findall(r":(\w+)", sql)), [None] * len(set(re.findall(r"\?\d", sql)))
        steps = [row[1] for row in store.database.rows(f"EXPLAIN {sql}", named or placed)]
        assert "Insert" in steps
        assert "OpenEphemeral" not in steps, sql


def test_what_one_task_ran_is_found_without_walking_the_ledger(store: MemoryStore) -> None:
    asked = {"task_id": 1, "state": None, "since": None, "limit": 50}
    steps = [row[3] for row in store.database.rows(f"EXPLAIN QUERY PLAN {runs._SQL['newest_of']}", asked)]
    assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step], steps


def test_what_was_due_of_a_removed_task_and_not_yet_seen_is_missed_with_the_reason(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    store.remove_task("t", START + 35 * SECOND)
    (run,) = store.runs.newest()
    assert (run.state, run.due_at, run.count) == (RunState.MISSED, START + 10 * SECOND, 3)
    assert run.reason == "missed: 3 occurrences that had not been seen when the task was removed"


def test_a_start_by_hand_leaves_the_instants_of_the_schedule_to_it(store: MemoryStore) -> None:
    task = store.add_task(spec(), START)
    due = START + 10 * SECOND
    by_hand = store.start_now("t", due)
    assert by_hand.due_at == due + timedelta(microseconds=1)
    assert record(store, due) == 1
    assert [(run.origin, run.due_at) for run in store.runs.newest()] == [("schedule", due), ("manual", by_hand.due_at)]
    assert task.next_run_at == due


def states(store: MemoryStore) -> list[str]:
    return [run.state.value for run in store.runs.newest()]


def test_an_interval_without_anchor_is_anchored_at_its_creation_to_the_second(store: MemoryStore) -> None:
    task = store.add_task(spec(), START + timedelta(milliseconds=400))
    assert task.schedule == Interval(10 * SECOND, START)
    assert task.next_run_at == START + 10 * SECOND


def test_a_taken_name_is_refused_and_free_again_once_removed(store: MemoryStore) -> None:
    first = store.add_task(spec(), START)
    with pytest.raises(UsageError, match="exists already"):
        store.add_task(spec(), START)
    store.remove_task("t", START)
    assert store.add_task(spec(), START).id != first.id


def test_an_unknown_name_gets_the_nearest_one_there_is(store: MemoryStore) -> None:
    store.add_task(spec("backup"), START)
    with pytest.raises(NotFound, match="backup"):
        store.tasks.get("bakcup")


def test_recording_moves_next_run_at_in_the_same_transaction(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    assert record(store, START + 10 * SECOND) == 1
    assert store.tasks.get("t").next_run_at == START + 20 * SECOND
    assert states(store) == ["pending"]


def clear_plans(store: MemoryStore, now: datetime) -> list[tuple[Task, Plan]]:
    due = [found for found in store.tasks.due(now, 100) if isinstance(found, Due)]
    return [(found.task, plan(found.task, now, found.open_run)) for found in due]


def test_recording_and_claiming_in_one_write_leaves_what_the_two_would(store: MemoryStore) -> None:
    now = START + 30 * SECOND
    store.add_task(spec("two"), START)
    store.add_task(spec("one"), START)
    owner = store.instances.register(now)
    both = clear_plans(store, now)
    assert all(made.start for _, made in both)
    (at_once,) = store.runs.record_started([entry for entry in both if entry[0].name == "one"], owner.id, now)
    store.runs.record([entry for entry in both if entry[0].name == "two"], now)
    (in_turn,) = store.runs.claim(owner.id, 10, now)

    def told(held: Claimed) -> tuple[Run, Task]:
        same = {"id": 0, "task_id": 0, "task": ""}
        return msgspec.structs.replace(held.run, **same), msgspec.structs.replace(held.task, id=0, name="")

    assert told(at_once) == told(in_turn)
    assert store.runs.get(at_once.run.id) == at_once.run
    assert sorted(states(store)) == ["missed", "missed", "running", "running"]
    assert written(store, Outcome(at_once, Result(), now)) == [True]


def test_two_daemons_that_record_and_claim_the_same_occurrence_start_it_once(store: MemoryStore) -> None:
    now = START + 10 * SECOND
    store.add_task(spec(), START)
    both = clear_plans(store, now)
    one, other = store.instances.register(now), store.instances.register(now)
    assert len(store.runs.record_started(both, one.id, now)) == 1
    assert store.runs.record_started(both, other.id, now) == []
    assert states(store) == ["running"]


def test_of_many_recorded_together_those_are_held_that_no_other_daemon_planned(store: MemoryStore) -> None:
    now = START + 10 * SECOND
    for name in ("first", "second", "third"):
        store.add_task(spec(name), START)
    all_three = clear_plans(store, now)
    one, other = store.instances.register(now), store.instances.register(now)
    (theirs,) = store.runs.record_started([entry for entry in all_three if entry[0].name == "second"], other.id, now)
    ours = store.runs.record_started(all_three, one.id, now)
    assert {held.task.name for held in ours} == {"first", "third"}
    assert [store.runs.get(held.run.id) for held in (theirs, *ours)] == [held.run for held in (theirs, *ours)]


def test_an_occurrence_that_is_in_the_ledger_already_is_not_held_and_disturbs_no_other(store: MemoryStore) -> None:
    now = START + 10 * SECOND
    for name in ("first", "second", "third"):
        store.add_task(spec(name), START)
    owner = store.instances.register(now)
    planned = clear_plans(store, now)
    store.runs.add_start(store.tasks.get("second"), now + SECOND)
    store.database.change("UPDATE runs SET due_at = ?, state = 'skipped'", (to_micros(now),))
    held = store.runs.record_started(planned, owner.id, now)
    assert {each.task.name for each in held} == {"first", "third"}
    assert [store.runs.get(each.run.id) for each in held] == [each.run for each in held]


def test_of_many_settled_together_each_is_written_by_its_own_fence(store: MemoryStore) -> None:
    now = START + 10 * SECOND
    for name in ("lost", "kept", "tried again", "kept too"):
        store.add_task(spec(name, retries=1 if name == "tried again" else 0), START)
    held = {each.task.name: each for each in claimed(store, now)}
    store.database.change("UPDATE runs SET fence = fence + 1 WHERE id = ?", (held["lost"].run.id,))
    failed = Result(state=RunState.FAILED, reason="no")
    ended = [
        Outcome(each, failed if name == "tried again" else Result(reason=f"{name} ended"), now)
        for name, each in held.items()
    ]
    told = dict(zip(held, store.runs.settle(ended), strict=True))
    assert {name: settled and settled.state for name, settled in told.items()} == {
        "lost": None,
        "kept": RunState.SUCCEEDED,
        "tried again": RunState.PENDING,
        "kept too": RunState.SUCCEEDED,
    }
    rows = {name: store.runs.get(each.run.id) for name, each in held.items()}
    assert {name: (run.state, run.reason) for name, run in rows.items()} == {
        "lost": (RunState.RUNNING, ""),
        "kept": (RunState.SUCCEEDED, "kept ended"),
        "tried again": (RunState.PENDING, "(attempt 1 failed: no)"),
        "kept too": (RunState.SUCCEEDED, "kept too ended"),
    }


def test_a_plan_has_a_start_only_where_nothing_but_a_place_is_missing(store: MemoryStore) -> None:
    store.add_task(spec("backlog", catch_up="all"), START)
    store.add_task(TaskSpec(name="jitter", schedule=Interval(10 * SECOND, jitter=5 * SECOND), handler="noop"), START)
    store.add_task(spec("busy", overlap="queue"), START)
    store.start_now("busy", START)
    assert {task.name: made.start for task, made in clear_plans(store, START + 30 * SECOND)} == {
        "backlog": None,
        "jitter": None,
        "busy": None,
    }


def test_two_daemons_that_plan_the_same_task_record_it_once(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    now = START + 10 * SECOND
    seen = [found for found in store.tasks.due(now, 10) if isinstance(found, Due)]
    planned = [(found.task, plan(found.task, now)) for found in seen]
    assert store.runs.record(planned, now) == 1
    assert store.runs.record(planned, now) == 0
    assert len(states(store)) == 1


def test_a_task_changed_between_reading_and_recording_is_left_for_the_next_turn(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    now = START + 10 * SECOND
    seen = [found for found in store.tasks.due(now, 10) if isinstance(found, Due)]
    store.pause_task("t", now)
    assert store.runs.record([(found.task, plan(found.task, now)) for found in seen], now) == 0
    assert states(store) == []


def test_an_occurrence_already_in_the_ledger_is_never_recorded_again(store: MemoryStore) -> None:
    task = store.add_task(spec(), START)
    record(store, START + 10 * SECOND)
    store.database.change("UPDATE tasks SET next_run_at = next_run_at - 10000000 WHERE id = ?", (task.id,))
    assert record(store, START + 10 * SECOND) == 0
    assert len(states(store)) == 1


def test_a_run_is_claimed_by_one_owner_only(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    now = START + 10 * SECOND
    record(store, now)
    one, other = store.instances.register(now), store.instances.register(now)
    assert len(store.runs.claim(one.id, 10, now)) == 1
    assert store.runs.claim(other.id, 10, now) == []


def test_runs_of_one_task_are_claimed_one_at_a_time(store: MemoryStore) -> None:
    store.add_task(spec(catch_up="all", overlap="queue"), START)
    held = claimed(store, START + 30 * SECOND)
    assert [found.run.due_at for found in held] == [START + 10 * SECOND]
    assert store.runs.claim(held[0].run.owner or 0, 10, START + 30 * SECOND) == []
    assert store.runs.next_available_at() is None


def test_runs_that_may_overlap_are_claimed_together(store: MemoryStore) -> None:
    store.add_task(spec(catch_up="all", overlap="allow"), START)
    assert len(claimed(store, START + 30 * SECOND)) == 3


def test_the_higher_priority_is_claimed_first(store: MemoryStore) -> None:
    store.add_task(spec("low"), START)
    store.add_task(spec("high", priority=5), START)
    assert [found.run.task for found in claimed(store, limit=1)] == ["high"]


def test_settling_keeps_state_reason_data_and_output(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    (held,) = claimed(store)
    result = Result(state=RunState.FAILED, reason="exit code 3", data={"n": 1}, output=b"\xff!", output_total=900)
    assert written(store, Outcome(held, result, START + 11 * SECOND)) == [True]
    run = store.runs.get(held.run.id)
    assert (run.state, run.reason, run.data) == (RunState.FAILED, "exit code 3", {"n": 1})
    assert run.finished_at == START + 11 * SECOND
    assert store.outputs.of(run.id) == [Written(1, b"\xff!", 900)]


def test_a_settled_run_is_not_settled_again(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    (held,) = claimed(store)
    outcome = Outcome(held, Result(), START)
    assert written(store, outcome, outcome) == [True, False]


def test_the_first_owner_of_a_run_that_was_taken_over_cannot_write_its_outcome(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    now = START + 10 * SECOND
    (held,) = claimed(store, now)
    dead = store.instances.get(held.run.owner or 0)
    store.runs.recover(dead, now)
    (again,) = store.runs.claim(store.instances.register(now).id, 10, now)
    assert again.run.fence > held.run.fence
    assert written(store, Outcome(held, Result(state=RunState.FAILED), now)) == [False]
    assert written(store, Outcome(again, Result(), now)) == [True]
    assert states(store) == ["succeeded"]


def test_the_database_itself_refuses_to_change_a_settled_run(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    (held,) = claimed(store)
    store.runs.settle([Outcome(held, Result(), START)])
    with pytest.raises(Refused, match="settled"):
        store.database.change("UPDATE runs SET state = 'pending' WHERE id = ?", (held.run.id,))


def test_a_release_hands_the_run_back_without_spending_the_attempt(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    (held,) = claimed(store)
    owner = held.run.owner or 0
    assert store.runs.release(owner, lambda run_id: run_id == held.run.id, "stopping") == []
    assert [run.id for run in store.runs.release(owner, lambda _: False, "stopping")] == [held.run.id]
    run = store.runs.get(held.run.id)
    assert (run.state, run.attempt, run.owner) == (RunState.PENDING, 0, None)
    assert written(store, Outcome(held, Result(), START)) == [False]


def test_a_cut_off_run_is_run_again_as_the_same_occurrence(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    (held,) = claimed(store)
    (run,) = store.runs.recover(store.instances.get(held.run.owner or 0), START)
    after = store.runs.get(run.id)
    assert (after.id, after.due_at, after.state, after.attempt) == (
        held.run.id,
        held.run.due_at,
        RunState.PENDING,
        1,
    )
    assert "cut off" in after.reason


def test_a_cut_off_run_fails_where_the_task_says_so(store: MemoryStore) -> None:
    store.add_task(spec(on_interrupt="fail"), START)
    (held,) = claimed(store)
    store.runs.recover(store.instances.get(held.run.owner or 0), START)
    assert states(store) == ["failed"]


def test_a_run_that_takes_its_daemon_down_each_time_fails_in_the_end(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    now = START + 10 * SECOND
    record(store, now)
    for _ in range(5):
        owner = store.instances.register(now)
        assert len(store.runs.claim(owner.id, 10, now)) == 1
        store.runs.recover(owner, now)
    assert states(store) == ["failed"]
    assert "5 times in all" in store.runs.newest()[0].reason


def test_a_run_that_could_not_start_while_it_was_of_use_is_skipped(store: MemoryStore) -> None:
    store.add_task(spec(late_ok=30 * SECOND), START)
    record(store, START + 10 * SECOND)
    assert store.runs.expire(START + 40 * SECOND) == 0
    assert store.runs.expire(START + 40.1 * SECOND) == 1
    assert states(store) == ["skipped"]
    assert "late_ok" in store.runs.newest()[0].reason


def test_cancelling_a_run_that_has_not_started_ends_it_and_a_settled_one_is_left(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    record(store, START + 10 * SECOND)
    (run,) = store.runs.newest()
    assert store.runs.cancel(run.id, "no longer wanted", START) is RunState.PENDING
    assert store.runs.cancel(run.id, "again", START) is RunState.CANCELLED
    assert store.runs.get(run.id).reason == "no longer wanted"


def test_pausing_cancels_what_has_not_started_and_resuming_leaves_one_missed_row(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    record(store, START + 10 * SECOND)
    assert store.pause_task("t", START + 12 * SECOND)
    assert states(store) == ["cancelled"]
    assert store.tasks.due(START + 3600 * SECOND, 10) == []
    task = store.resume_task("t", START + 3605 * SECOND)
    assert task.enabled
    assert task.next_run_at == START + 3610 * SECOND
    missed = store.runs.newest()[0]
    assert (missed.state, missed.count, missed.until) == (RunState.MISSED, 359, START + 3600 * SECOND)


def test_resuming_a_task_that_runs_changes_nothing(store: MemoryStore) -> None:
    before = store.add_task(spec(), START)
    assert store.resume_task("t", START + 3605 * SECOND) == before


def test_removing_a_task_keeps_its_ledger(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    record(store, START + 10 * SECOND)
    assert store.remove_task("t", START + 11 * SECOND) == 1
    assert store.tasks.names() == []
    assert [(run.task, run.state) for run in store.runs.newest()] == [("t", RunState.CANCELLED)]
    assert store.tasks.due(START + 3600 * SECOND, 10) == []


def test_two_manual_starts_in_the_same_instant_are_two_runs(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    one, other = store.start_now("t", START), store.start_now("t", START)
    assert one.due_at == START
    assert other.due_at == START + timedelta(microseconds=1)
    assert {one.origin, other.origin} == {"manual"}


def test_a_task_that_cannot_be_read_back_is_named_and_does_not_hide_the_others(store: MemoryStore) -> None:
    broken = store.add_task(spec("broken"), START)
    store.add_task(spec("fine"), START)
    store.database.change('UPDATE tasks SET schedule = \'{"type":"cron","expr":"61 * * * *"}\' WHERE id = 1')
    due = store.tasks.due(START + 10 * SECOND, 10)
    assert [type(found) for found in due] == [Unreadable, Due] or [type(found) for found in due] == [
        Due,
        Unreadable,
    ]
    (unreadable,) = (found for found in due if isinstance(found, Unreadable))
    assert (unreadable.task_id, unreadable.name) == (broken.id, "broken")
    assert "61" in unreadable.reason
    assert len(store.tasks.list()) == 2
    store.remove_task("broken", START)


def test_newest_filters_by_task_state_and_time(store: MemoryStore) -> None:
    store.add_task(spec("a"), START)
    store.add_task(spec("b", 20), START)
    for held in claimed(store, START + 20 * SECOND):
        store.runs.settle([Outcome(held, Result(), START)])

    def names(runs: list[Run]) -> list[str]:
        return sorted(f"{run.task} {run.state}" for run in runs)

    assert names(store.runs.newest()) == ["a missed", "a succeeded", "b succeeded"]
    assert names(store.runs.newest(task="a", state=RunState.MISSED)) == ["a missed"]
    assert names(store.runs.newest(since=START + 15 * SECOND)) == ["a succeeded", "b succeeded"]
    assert len(store.runs.newest(limit=1)) == 1


def test_a_last_started_run_is_told_with_its_task(store: MemoryStore) -> None:
    store.add_task(spec(), START)
    (held,) = claimed(store)
    store.runs.settle([Outcome(held, Result(), START + 11 * SECOND)])
    (summary,) = store.tasks.list()
    assert not isinstance(summary, Unreadable)
    assert (summary.last_run_at, summary.last_state) == (START + 10 * SECOND, RunState.SUCCEEDED)


def test_next_due_at_leaves_out_paused_and_finished_tasks(store: MemoryStore) -> None:
    store.add_task(spec("paused", 5), START)
    store.add_task(TaskSpec(name="once", schedule=Once(START + 60 * SECOND), handler="noop"), START)
    store.pause_task("paused", START)
    assert store.tasks.next_due_at() == START + 60 * SECOND
    record(store, START + 60 * SECOND)
    assert store.tasks.next_due_at() is None


def test_many_claimers_at_once_never_share_a_run(tmp_path: Path) -> None:
    path = str(tmp_path / "memory.db")
    first = MemoryStore(path)
    for n in range(200):
        first.add_task(spec(f"t{n}"), START)
    now = START + 10 * SECOND
    assert sum(record(first, now) for _ in range(2)) == 200
    won: list[int] = []

    def claim_all() -> None:
        mine = MemoryStore(path)
        owner = mine.instances.register(now)
        while held := mine.runs.claim(owner.id, 7, now):
            won.extend(found.run.id for found in held)
            assert all(mine.runs.settle([Outcome(found, Result(), now) for found in held]))
        mine.instances.sign_off(owner.id, now)
        mine.close()

    threads = [threading.Thread(target=claim_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first.close()
    assert len(won) == len(set(won)) == 200


def test_a_task_value_survives_the_store(store: MemoryStore) -> None:
    given = TaskSpec(
        name="t",
        schedule=Interval(timedelta(milliseconds=1500), START, tz="Asia/Kolkata"),
        handler="command",
        params={"command": ["echo", "hi"], "env": {"A": "é"}},
        policy=Policy(grace=timedelta(0), catch_up="all", timeout=90 * SECOND, on_interrupt="fail", priority=-3),
    )
    task: Task = store.add_task(given, START)
    assert (task.schedule, task.params, task.policy) == (given.schedule, given.params, given.policy)


# -- a task that cannot be read back ------------------------------------------------------------------------
def damaged(store: MemoryStore, name: str) -> None:
    store.database.change("UPDATE tasks SET schedule = '{' WHERE name = ?", (name,))


def test_a_waiting_run_of_a_task_that_cannot_be_read_keeps_no_other_from_its_turn(store: MemoryStore) -> None:
    now = START + 10 * SECOND
    store.add_task(spec("bad"), START)
    store.add_task(spec("good"), START)
    owner = store.instances.register(now)
    record(store, now)
    damaged(store, "bad")
    assert [held.task.name for held in store.runs.claim(owner.id, 10, now)] == ["good"]
    (bad,) = store.runs.newest(task="bad")
    assert bad.state is RunState.CANCELLED
    assert bad.reason.startswith("cancelled: task 'bad' cannot be read: ")
    assert store.tasks.due(now + SECOND * 60, 10) != []
    assert all(isinstance(found, Due) for found in store.tasks.due(now + SECOND * 60, 10)), "it is paused"


def test_a_cut_off_run_of_a_task_that_cannot_be_read_fails_and_the_others_are_recovered(store: MemoryStore) -> None:
    now = START + 10 * SECOND
    store.add_task(spec("bad"), START)
    store.add_task(spec("good"), START)
    held = claimed(store, now)
    damaged(store, "bad")
    store.runs.recover(store.instances.get(held[0].run.owner or 0), now)
    (bad,), (good,) = store.runs.newest(task="bad"), store.runs.newest(task="good")
    assert (bad.state, good.state) == (RunState.FAILED, RunState.PENDING)
    assert "cut off" in bad.reason
    assert "cannot be read" in bad.reason


def test_a_run_is_settled_though_its_task_can_no_longer_be_read(store: MemoryStore) -> None:
    store.add_task(TaskSpec(name="t", schedule=Interval(10 * SECOND, after_completion=True), handler="noop"), START)
    (held,) = claimed(store)
    damaged(store, "t")
    assert written(store, Outcome(held, Result(), START + 11 * SECOND)) == [True]
    assert states(store) == ["succeeded"]


def test_two_runs_of_one_task_that_are_settled_together_count_in_their_order(store: MemoryStore) -> None:
    """The failures in a row are those before each of them, also where the one before is of the same turn."""
    policy = Policy(overlap="allow", pause_after=9)
    store.add_task(TaskSpec(name="t", schedule=Interval(SECOND), handler="noop", policy=policy), START)
    owner = store.instances.register(START)
    for _ in range(3):
        store.start_now("t", START)
    held = store.runs.claim(owner.id, 3, START)
    bad, good = Result(state=RunState.FAILED), Result()
    store.runs.settle([Outcome(held[0], bad, START), Outcome(held[1], bad, START), Outcome(held[2], good, START)])
    assert store.tasks.get("t").failures == 0
