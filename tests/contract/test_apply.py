"""What any store must keep when a file of tasks is applied: all of it or nothing, and only what is that file's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jarvis.errors import StoreError
from jarvis.memory import MemoryStore
from jarvis.scheduler.difference import Changes, Difference
from jarvis.scheduler.model import Deliver, Policy, Task, TaskSpec
from jarvis.scheduler.schedule import Cron, Interval, Schedule

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FILE, OTHER = "/a/jarvis.toml", "/b/other.toml"


def spec(name: str = "t", schedule: Schedule | None = None, **more: object) -> TaskSpec:
    rule = schedule or Interval(10 * SECOND)
    return TaskSpec(name=name, schedule=rule, handler="noop", origin="file", **more)  # type: ignore[arg-type]


def by_hand(name: str = "t", schedule: Schedule | None = None) -> TaskSpec:
    return TaskSpec(name=name, schedule=schedule or Interval(10 * SECOND), handler="noop")


def apply(
    store: MemoryStore, *specs: TaskSpec, at: float = 0, source: str = FILE, gone: tuple[str, ...] = ()
) -> Changes:
    return store.apply_specs(specs, source, START + at * SECOND, gone)


def states(store: MemoryStore) -> list[tuple[str, str]]:
    return [(run.state.value, run.reason) for run in store.runs.newest()]


def everything(store: MemoryStore) -> list[Task]:
    return [task for task in store.tasks.all() if isinstance(task, Task)]


def test_what_is_new_is_added_and_belongs_to_the_file(store: MemoryStore) -> None:
    made = apply(store, spec("a"), spec("b"))
    assert [each.name for each in made.add] == ["a", "b"]
    task = store.tasks.get("a")
    assert (task.source, task.origin, task.next_run_at) == (FILE, "file", START + 10 * SECOND)
    assert store.tasks.sources() == {FILE}
    assert store.tasks.count_of(FILE) == 2


def test_applying_the_same_again_writes_nothing_at_all(tmp_path: Path) -> None:
    store, beside = (MemoryStore(str(tmp_path / "memory.db")) for _ in range(2))
    specs = spec("a"), spec("b", Cron("0 9 * * *", "Asia/Tokyo"), params={"x": {"b": 1, "a": [2.0, None]}})
    apply(store, *specs)
    before = everything(store)
    beside.changed()
    poked: list[int] = []
    store.database.after_commit.append(lambda: poked.append(1))
    again = apply(store, *specs, at=3600)
    assert (again.count, again.unchanged) == (0, 2)
    assert not beside.changed()
    assert not poked
    assert everything(store) == before
    for each in (store, beside):
        each.close()


def test_a_policy_changes_and_no_instant_moves(store: MemoryStore) -> None:
    apply(store, spec())
    before = store.tasks.get("t")
    made = apply(store, spec(policy=Policy(timeout=5 * SECOND), params={"x": 1}), at=25)
    assert made.change[0].differences == (Difference("x", None, 1), Difference("timeout", None, 5 * SECOND))
    after = store.tasks.get("t")
    assert (after.schedule, after.next_run_at, after.starts) == (before.schedule, before.next_run_at, before.starts)
    assert (after.policy.timeout, after.params, after.revision) == (5 * SECOND, {"x": 1}, before.revision + 1)


def test_where_results_go_changes_and_no_instant_moves(store: MemoryStore) -> None:
    apply(store, spec(deliver=(Deliver("me"),)))
    assert apply(store, spec(deliver=(Deliver("me"),)), at=5).count == 0
    before = store.tasks.get("t")
    made = apply(store, spec(deliver=(Deliver("me", "failure"), Deliver("log"))), at=5)
    assert made.change[0].differences == (Difference("deliver", ["me"], ["me:failure", "log"]),)
    after = store.tasks.get("t")
    assert (after.deliver, after.next_run_at) == ((Deliver("me", "failure"), Deliver("log")), before.next_run_at)


def test_what_was_due_before_the_schedule_changed_is_recorded_first(store: MemoryStore) -> None:
    apply(store, spec())
    made = apply(store, spec(schedule=Interval(60 * SECOND)), at=15)
    assert [(each.key, each.old, each.new) for each in made.change[0].differences] == [
        ("every", 10 * SECOND, 60 * SECOND)
    ]
    assert [run.due_at for run in store.runs.newest()] == [START + 10 * SECOND]
    assert store.tasks.get("t").next_run_at == START + 75 * SECOND


def test_what_the_file_names_no_more_is_removed_and_its_runs_stay(store: MemoryStore) -> None:
    apply(store, spec("a"), spec("b"))
    store.start_now("a", START)
    made = apply(store, spec("b"), at=1)
    assert [each.name for each in made.remove] == ["a"]
    assert store.tasks.names() == ["b"]
    assert states(store) == [("cancelled", "cancelled: the task was taken out of its file")]
    assert apply(store).remove[0].name == "b"
    assert store.tasks.names() == []


def test_only_the_tasks_of_that_file_are_ever_removed(store: MemoryStore) -> None:
    store.add_task(by_hand("mine"), START)
    apply(store, spec("theirs"), source=OTHER)
    apply(store, spec("ours"))
    apply(store)
    assert store.tasks.names() == ["mine", "theirs"]


def test_a_task_added_by_hand_is_taken_over_and_keeps_its_instants(store: MemoryStore) -> None:
    before = store.add_task(by_hand(), START - 5 * SECOND)
    made = apply(store, spec(), at=1)
    assert (made.change[0].taken_from, made.change[0].differences) == ("user", ())
    after = store.tasks.get("t")
    assert (after.id, after.schedule, after.next_run_at) == (before.id, before.schedule, before.next_run_at)
    assert (after.source, after.origin) == (FILE, "file")
    store.add_task(by_hand("u"), START)
    assert apply(store, spec(), spec("u", params={"x": 1})).change[0].taken_from == "user"
    assert (store.tasks.get("u").source, store.tasks.get("u").params) == (FILE, {"x": 1})
    assert apply(store, spec(), spec("u", params={"x": 1})).count == 0


def test_a_task_of_another_file_is_not_taken_and_nothing_is_applied(store: MemoryStore) -> None:
    apply(store, spec("t"), source=OTHER)
    before = everything(store)
    made = apply(store, spec("a"), spec("t", params={"x": 1}))
    assert made.taken == {"t": OTHER}
    assert everything(store) == before


def test_a_task_of_a_file_that_is_gone_may_be_taken_over_but_is_never_removed(store: MemoryStore) -> None:
    apply(store, spec("t"), spec("u"), source=OTHER)
    made = apply(store, spec("t"), gone=(OTHER,))
    assert made.change[0].taken_from == OTHER
    assert {task.name: task.source for task in everything(store)} == {"t": FILE, "u": OTHER}


def test_a_paused_task_stays_paused(store: MemoryStore) -> None:
    apply(store, spec())
    store.pause_task("t", START, "paused: holidays")
    assert apply(store, spec(), at=1).count == 0
    apply(store, spec(schedule=Interval(60 * SECOND)), at=2)
    after = store.tasks.get("t")
    assert (after.enabled, after.pause_reason) == (False, "paused: holidays")


@pytest.mark.parametrize("after", [[], [spec("bad", params={"x": 1})]])
def test_a_stored_task_that_cannot_be_read_is_stated_anew_or_removed(store: MemoryStore, after: list[TaskSpec]) -> None:
    apply(store, spec("bad"), spec("good"))
    store.database.change("UPDATE tasks SET schedule = '{torn' WHERE name = 'bad'")
    made = apply(store, *after, spec("good"), at=5)
    assert (len(made.replace), len(made.remove), made.unchanged) == (len(after), 1 - len(after), 1)
    assert [task.name for task in everything(store)] == ["good", *(each.name for each in after)]
    assert apply(store, *after, spec("good"), at=6).count == 0


def test_a_failure_half_way_leaves_everything_as_it_was(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(store, spec("a"), spec("b"))
    before = everything(store)
    adding = store.tasks.add

    def failing(wanted: TaskSpec, *more: object, **named: object) -> Task:
        if wanted.name == "d":
            raise StoreError("the disk is full")
        return adding(wanted, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(store.tasks, "add", failing)
    with pytest.raises(StoreError, match="the disk is full"):
        apply(store, spec("b", params={"x": 1}), spec("c"), spec("d"))
    assert everything(store) == before


def test_comparing_says_the_same_and_writes_nothing(store: MemoryStore) -> None:
    apply(store, spec("a"), spec("b"))
    wanted = [spec("b", params={"x": 1}), spec("c")]
    before = everything(store)
    compared = store.compare_specs(wanted, FILE)
    assert everything(store) == before
    assert store.apply_specs(wanted, FILE, START) == compared


def test_a_task_that_names_no_zone_moves_to_the_zone_it_is_read_in(store: MemoryStore) -> None:
    apply(store, spec(schedule=Cron("0 9 * * *", "Asia/Tokyo"), follows_zone=True))
    made = apply(store, spec(schedule=Cron("0 9 * * *", "UTC"), follows_zone=True), at=1)
    assert made.change[0].differences == (Difference("tz", "Asia/Tokyo", "UTC"),)
    assert store.tasks.get("t").next_run_at == START + timedelta(days=1)
    made = apply(store, spec(schedule=Cron("0 9 * * *", "UTC")), at=2)
    assert [each.key for each in made.change[0].differences] == ["follows the system's time zone"]


def test_numbers_that_python_takes_for_the_same_are_a_difference(store: MemoryStore) -> None:
    apply(store, spec(params={"x": 1, "y": {"a": 1, "b": 2}}))
    assert apply(store, spec(params={"x": 1, "y": {"b": 2, "a": 1}})).count == 0
    assert apply(store, spec(params={"x": True, "y": {"b": 2, "a": 1}})).count == 1
    assert apply(store, spec(params={"y": {"b": 2, "a": 1}})).change[0].differences == (Difference("x", True, None),)
