"""Applying any sequence of files leaves exactly the last file's tasks and what others own; twice is as once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from jarvis.memory import MemoryStore
from jarvis.scheduler.difference import LEFT_OPEN, Changes, difference
from jarvis.scheduler.model import Deliver, Policy, Task, TaskSpec
from jarvis.scheduler.schedule import Cron, Interval, Once, Rrule, Schedule

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
FILES = ("/a.toml", "/b.toml")
SECOND = timedelta(seconds=1)

SCHEDULES: st.SearchStrategy[Schedule] = st.one_of(
    st.builds(Cron, st.sampled_from(["0 9 * * *", "*/5 * * * *"]), st.sampled_from(["UTC", "Asia/Tokyo"])),
    st.builds(Interval, st.sampled_from([SECOND * 10, SECOND * 60]), anchor=st.sampled_from([None, START])),
    st.builds(Interval, st.just(SECOND * 60), after_completion=st.booleans(), max_runs=st.sampled_from([None, 2])),
    st.builds(Once, st.sampled_from([START, START + 100 * SECOND])),
    st.just(Rrule("FREQ=DAILY")),
)
SPECS = st.builds(
    TaskSpec,
    name=st.sampled_from("abcd"),
    schedule=SCHEDULES,
    handler=st.sampled_from(["noop", "command"]),
    params=st.sampled_from([{}, {"x": 1}, {"x": 1.0}, {"x": {"y": [True, None]}}]),
    deliver=st.sampled_from([(), (Deliver("me"),), (Deliver("me", "failure"), Deliver("log"))]),
    policy=st.builds(Policy, grace=st.sampled_from([SECOND, 60 * SECOND]), overlap=st.sampled_from(["skip", "queue"])),
    origin=st.just("file"),
    follows_zone=st.booleans(),
)
FILES_OF_TASKS = st.lists(SPECS, max_size=4, unique_by=lambda spec: spec.name)
STEPS = st.lists(st.tuples(st.sampled_from(FILES), FILES_OF_TASKS, st.integers(0, 90)), max_size=5)


def stated(task: Task | TaskSpec) -> dict[str, Any]:
    """What a file can say of a task; where it left something open, that is left out."""
    kept = {name: getattr(task, name) for name in ("name", "handler", "policy", "follows_zone", "deliver")}
    schedule = msgspec.to_builtins(task.schedule)
    for open_end in ("anchor", "dtstart"):
        schedule.pop(open_end, None)
    return {**kept, "schedule": schedule, "params": msgspec.json.encode(task.params, order="deterministic")}


@given(FILES_OF_TASKS, STEPS)
def test_the_store_holds_what_the_files_say_and_what_is_others(
    by_hand: list[TaskSpec], steps: list[tuple[str, list[TaskSpec], int]]
) -> None:
    store, now = MemoryStore(), START
    said: dict[str, dict[str, TaskSpec]] = {file: {} for file in FILES}
    own = {spec.name: spec for spec in by_hand}
    for spec in by_hand:
        store.add_task(msgspec.structs.replace(spec, origin="user"), START)
    for file, wanted, seconds in steps:
        now += seconds * SECOND
        before = store.tasks.all()
        compared = store.compare_specs(wanted, file)
        done = store.apply_specs(wanted, file, now)
        assert done == compared
        others = {name for other in FILES if other != file for name in said[other]}
        if taken := others & {spec.name for spec in wanted}:
            assert set(done.taken) == taken
            assert store.tasks.all() == before
            continue
        assert len(done.add) + len(done.change) + done.unchanged == len(wanted)
        said[file] = {spec.name: spec for spec in wanted}
        own = {name: spec for name, spec in own.items() if name not in said[file]}
        held = {task.name: task for task in store.tasks.all() if isinstance(task, Task)}
        assert {name: task.source for name, task in held.items()} == {
            **dict.fromkeys(own), **{name: each for each in FILES for name in said[each]}
        }  # fmt: skip
        for name, spec in said[file].items():
            assert stated(held[name]) == stated(spec)
        changes = store.database.value("SELECT total_changes()")
        again = store.apply_specs(wanted, file, now + SECOND)
        assert (again.count, again.unchanged) == (0, len(wanted))
        assert store.database.value("SELECT total_changes()") == changes
    store.close()


def parts(changes: Changes) -> set[tuple[str, str, str, str]]:
    """What differs, but for where a rule counts from: a file that leaves that open has nothing to say of it."""
    return {
        (each.spec.name, part.key, repr(part.old), repr(part.new))
        for each in changes.change
        for part in each.differences
        if part.key not in LEFT_OPEN
    }


@given(FILES_OF_TASKS, FILES_OF_TASKS)
def test_there_and_back_again_the_same_names_and_keys_differ(one: list[TaskSpec], two: list[TaskSpec]) -> None:
    first, second = MemoryStore(), MemoryStore()
    first.apply_specs(one, "/a", START)
    second.apply_specs(two, "/a", START)
    there = difference(two, first.tasks.all(), "/a")
    back = difference(one, second.tasks.all(), "/a")
    assert {spec.name for spec in there.add} == {each.name for each in back.remove}
    assert {spec.name for spec in back.add} == {each.name for each in there.remove}
    assert there.unchanged == back.unchanged
    assert parts(there) == {(name, key, new, old) for name, key, old, new in parts(back)}
    for store in (first, second):
        store.close()
