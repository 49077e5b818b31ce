"""What events and the ends of runs come to in the store: once each, in one transaction, and for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from jarvis.errors import UsageError
from jarvis.memory import MemoryStore
from jarvis.scheduler.matching import Matching
from jarvis.scheduler.model import (
    Claimed,
    Event,
    Occurrence,
    Outcome,
    Policy,
    Result,
    Run,
    RunState,
    Task,
    TaskSpec,
    Verdict,
)
from jarvis.scheduler.schedule import After, Cron, Interval, OnEvent, Rate, Schedule
from jarvis.scheduler.starting import begun
from jarvis.testing import FakeClock, engine

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
QUEUE = Policy(overlap="queue")


def add(store: MemoryStore, name: str, schedule: Schedule, policy: Policy = QUEUE) -> Task:
    return store.add_task(TaskSpec(name=name, schedule=schedule, handler="noop", policy=policy), T0)


def emit(store: MemoryStore, event: str = "github/push", payload: Any = None, at: datetime = T0) -> int:
    source, event_type = event.split("/")
    return store.events.emit(source, event_type, payload, at)


def match(store: MemoryStore, at: datetime = T0) -> None:
    """One pass, as the engine makes it."""
    with store.transaction():
        Matching(store).match(at)


def status(store: MemoryStore, event_id: int) -> str:
    return next(each.status for each in store.events.list(limit=None) if each.id == event_id)


def outcomes(store: MemoryStore, event_id: int) -> dict[str, str]:
    return {cause.task: cause.outcome for cause in store.causes.of_event(event_id)}


def runs(store: MemoryStore, task: str) -> list[Run]:
    return store.runs.newest(task=task, limit=None)[::-1]


def settle(store: MemoryStore, result: Result, at: datetime = T0) -> list[Claimed]:
    owner = store.instances.register(at).id
    held = store.runs.claim(owner, 100, at)
    store.runs.settle([Outcome(each, result, at) for each in held])
    return held


# -- events -----------------------------------------------------------------------------------------------
def test_an_event_starts_each_task_whose_patterns_match(store: MemoryStore) -> None:
    add(store, "all", OnEvent("*", "*"))
    add(store, "push", OnEvent("github", "push*"))
    add(store, "mail", OnEvent("mail", "*"))
    event = emit(store)
    match(store)
    assert outcomes(store, event) == {"all": "started", "push": "started"}
    assert status(store, event) == "started"
    (run,) = runs(store, "push")
    assert (run.origin, run.state, run.due_at, run.available_at) == ("event", RunState.PENDING, T0, T0)
    assert [cause.said for cause in store.causes.of_run(run.id)] == [f"event {event} (github/push)"]
    assert store.tasks.get("push").starts == 1
    assert runs(store, "mail") == []


def test_an_event_that_matches_nothing_stays_visible_as_such(store: MemoryStore) -> None:
    alone = emit(store)
    match(store)
    add(store, "mail", OnEvent("mail", "*"))
    beside = emit(store)
    match(store)
    assert [status(store, each) for each in (alone, beside)] == ["unmatched", "unmatched"]
    assert not store.events.any_pending()


def test_an_event_is_matched_once_whoever_looks(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*"))
    event = emit(store)
    match(store)
    match(store)
    again = Event(id=event, source="github", event_type="push", payload=None, received_at=T0)
    with store.transaction():  # even if its status were lost
        store.causes.match(again, [Verdict(store.tasks.get("t"), "takes")], T0)
    assert len(runs(store, "t")) == 1


def test_events_of_one_instant_have_instants_of_their_own(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*"))
    store.start_now("t", T0)
    for _ in range(4):
        emit(store)
    match(store)
    found = sorted(run.due_at for run in runs(store, "t"))
    assert found == [T0 + each * timedelta(microseconds=1) for each in range(5)]


def test_a_batch_at_a_time_and_the_rest_at_once_after_it(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*"))
    with store.transaction():
        for _ in range(501):
            emit(store)
    made = engine(store, clock=FakeClock(T0))
    made.tick(T0)
    assert made.matching.backlog
    assert made.next_wake() == T0
    made.tick(T0)
    assert not made.matching.backlog
    assert not store.events.any_pending()
    assert len(runs(store, "t")) == 501


@pytest.mark.parametrize(("says", "reason"), [("filtered", ""), ("failed", "column 3: no such thing")])
def test_what_a_filter_says_is_kept(store: MemoryStore, says: Any, reason: str) -> None:
    task = add(store, "t", OnEvent("*", "*"))
    event = emit(store)
    with store.transaction():
        found = store.causes.match(store.events.pending(1)[0], [Verdict(task, says, reason)], T0)
    (cause,) = store.causes.of_event(event)
    assert (found, cause.outcome, cause.reason, cause.run_id) == (says, says, reason, None)
    assert status(store, event) == says
    assert store.causes.newest_of(task) == cause


def test_the_best_that_became_of_an_event_is_its_status(store: MemoryStore) -> None:
    one, two = add(store, "one", OnEvent("*", "*")), add(store, "two", OnEvent("*", "*"))
    for says, standing in (("failed", "failed"), ("takes", "started")):
        emit(store)
        with store.transaction():
            event = store.events.pending(1)[0]
            assert store.causes.match(event, [Verdict(one, "filtered"), Verdict(two, says)], T0) == standing  # type: ignore[arg-type]


def test_bounds_leave_events_out(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*", max_runs=2))
    events = [emit(store) for _ in range(3)]
    match(store)
    assert [status(store, each) for each in events] == ["started", "started", "skipped"]
    (cause,) = store.causes.of_event(events[2])
    assert (cause.outcome, cause.reason, cause.run_id) == ("left_out", "its 2 runs are used up (max_runs)", None)


def test_a_paused_task_has_its_events_as_missed_rows(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*"))
    store.pause_task("t", T0)
    event = emit(store)
    match(store)
    assert (runs(store, "t")[0].state, status(store, event)) == (RunState.MISSED, "skipped")
    assert store.tasks.get("t").starts == 0
    store.resume_task("t", T0)
    emit(store)
    match(store)
    assert runs(store, "t")[1].state is RunState.PENDING


def test_a_removed_task_hears_nothing(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*"))
    store.remove_task("t", T0)
    event = emit(store)
    match(store)
    assert status(store, event) == "unmatched"


def test_overlap_skip_leaves_a_skipped_row_that_names_the_run(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*"), Policy(overlap="skip"))
    events = [emit(store) for _ in range(2)]
    match(store)
    first, second = runs(store, "t")
    assert (second.state, second.reason) == (RunState.SKIPPED, f"skipped: run {first.id} was not over")
    assert [status(store, each) for each in events] == ["started", "skipped"]


def test_overlap_cancel_running_ends_what_is_open(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*"), Policy(overlap="cancel_running"))
    for _ in range(2):
        emit(store)
    match(store)
    assert [run.state for run in runs(store, "t")] == [RunState.CANCELLED, RunState.PENDING]


def test_what_exceeds_the_rate_is_skipped_and_visible(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*", rate=Rate(2, MINUTE)))
    for after in (0, 1, 2, 60, 61, 62):
        emit(store, at=T0 + after * SECOND)
        match(store, T0 + after * SECOND)
    states = [run.state for run in runs(store, "t")]
    assert states == [RunState.PENDING, RunState.PENDING, RunState.SKIPPED] * 2
    assert runs(store, "t")[2].reason == "skipped: no more may start within 1m (rate=2/1m)"


# -- debounce ---------------------------------------------------------------------------------------------
def test_a_burst_becomes_one_run_after_its_last_event(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*", debounce=MINUTE))
    events = []
    for after in (0, 30, 80):
        events.append(emit(store, payload=after, at=T0 + after * SECOND))
        match(store, T0 + after * SECOND)
    (run,) = runs(store, "t")
    assert (run.due_at, run.available_at) == (T0, T0 + 140 * SECOND)
    assert [outcomes(store, each)["t"] for each in events] == ["started", "coalesced", "coalesced"]
    assert [cause.event_id for cause in store.causes.of_run(run.id)] == events
    owner = store.instances.register(T0).id
    assert store.runs.claim(owner, 9, T0 + 139 * SECOND) == []
    (held,) = store.runs.claim(owner, 9, T0 + 140 * SECOND)
    assert held.event == Event(
        id=events[2], source="github", event_type="push", payload="80", received_at=T0 + 80 * SECOND, count=3
    )


def test_a_burst_is_not_put_off_for_ever(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*", debounce=MINUTE))
    for after in range(0, 1200, 50):
        emit(store, at=T0 + after * SECOND)
        match(store, T0 + after * SECOND)
        (run,) = runs(store, "t")
        assert run.available_at == T0 + min(after + 60, max(after, 600)) * SECOND  # 10 times a minute, if nobody came


def test_what_comes_after_the_start_is_another_run(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*", debounce=MINUTE))
    emit(store)
    match(store)
    owner = store.instances.register(T0).id
    assert len(store.runs.claim(owner, 9, T0 + MINUTE)) == 1
    emit(store, at=T0 + MINUTE)
    match(store, T0 + MINUTE)
    assert [run.state for run in runs(store, "t")] == [RunState.RUNNING, RunState.PENDING]


def test_late_ok_counts_from_when_a_burst_opens(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*", debounce=MINUTE), Policy(overlap="queue", late_ok=SECOND))
    emit(store)
    match(store)
    emit(store, at=T0 + 30 * SECOND)
    match(store, T0 + 30 * SECOND)
    assert store.runs.expire(T0 + 91 * SECOND) == 0
    assert store.runs.expire(T0 + 91 * SECOND + timedelta(microseconds=1)) == 1


@pytest.mark.parametrize(
    ("bounds", "second"), [({"max_runs": 1}, "coalesced"), ({"ends_at": T0 + SECOND}, "left_out"), ({}, "coalesced")]
)
def test_a_burst_takes_in_what_its_bounds_allow(store: MemoryStore, bounds: Any, second: str) -> None:
    add(store, "t", OnEvent("*", "*", debounce=MINUTE, **bounds), Policy(overlap="queue", late_ok=timedelta(0)))
    found = []
    for after in (0, 30):
        found.append(emit(store, at=T0 + after * SECOND))
        match(store, T0 + after * SECOND)
    assert [outcomes(store, each)["t"] for each in found] == ["started", second]


def test_late_ok_counts_from_the_event_where_nothing_is_put_off(store: MemoryStore) -> None:
    add(store, "t", OnEvent("*", "*"), Policy(overlap="queue", late_ok=MINUTE))
    emit(store)
    match(store, T0 + 30 * SECOND)
    assert store.runs.expire(T0 + MINUTE) == 0
    assert store.runs.expire(T0 + MINUTE + timedelta(microseconds=1)) == 1


# -- what is not there costs nothing, what is damaged stops nothing ------------------------------------------
def test_a_task_that_cannot_be_read_is_paused_and_the_others_start(store: MemoryStore) -> None:
    bad = add(store, "bad", OnEvent("*", "*"))
    add(store, "good", OnEvent("*", "*"))
    store.database.change("UPDATE tasks SET schedule = '{}' WHERE id = ?", (bad.id,))
    event = emit(store)
    match(store)
    assert outcomes(store, event) == {"good": "started"}
    assert store.database.value("SELECT enabled FROM tasks WHERE id = ?", (bad.id,)) == 0


def test_a_task_that_was_changed_hears_by_its_new_patterns(store: MemoryStore) -> None:
    task = add(store, "t", OnEvent("github", "*"))
    spec = TaskSpec(name="t", schedule=OnEvent("mail", "*"), handler="noop", policy=QUEUE)
    assert store.change_task("t", spec, T0).schedule == OnEvent("mail", "*")
    emit(store)
    match(store)
    assert runs(store, "t") == []
    timed = msgspec.structs.replace(spec, schedule=Cron("0 * * * *"))
    assert store.change_task("t", timed, T0).next_run_at == T0 + 60 * MINUTE
    emit(store, "mail/x")
    match(store)
    assert runs(store, "t") == []
    assert store.change_task("t", spec, T0).next_run_at is None
    assert store.tasks.get("t").id == task.id


# -- chains -----------------------------------------------------------------------------------------------
def test_a_run_that_ended_starts_what_comes_after_it(store: MemoryStore) -> None:
    add(store, "build", Interval(60 * MINUTE))
    for name, end in (("well", "succeeded"), ("badly", "failed"), ("either", "always")):
        add(store, name, After("build", end=end))  # type: ignore[arg-type]
    first = store.start_now("build", T0)
    settle(store, Result(reason="fine", data={"n": 1}, output=b"x" * 70_000 + b"end", output_total=70_003))
    assert [len(runs(store, name)) for name in ("well", "badly", "either")] == [1, 0, 1]
    (run,) = runs(store, "well")
    assert (run.origin, run.state, run.due_at) == ("chain", RunState.PENDING, T0)
    held = {each.task.name: each for each in store.runs.claim(store.instances.register(T0).id, 9, T0)}
    upstream = held["well"].upstream
    assert upstream is not None
    assert (upstream.run_id, upstream.task, upstream.state, upstream.reason) == (first.id, "build", "succeeded", "fine")
    assert (upstream.data, upstream.finished_at) == ({"n": 1}, T0)
    assert (len(upstream.output), upstream.output[-4:]) == (65_536, "xend")
    led_to = {cause.task: cause.run_id for cause in store.causes.of_upstream(first.id)}
    assert led_to == {"well": run.id, "either": runs(store, "either")[0].id}


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.TIMED_OUT, RunState.UNKNOWN])
def test_what_ends_badly_starts_what_is_for_that(store: MemoryStore, state: RunState) -> None:
    add(store, "build", Interval(60 * MINUTE))
    add(store, "well", After("build"))
    add(store, "badly", After("build", end="failed"))
    store.start_now("build", T0)
    settle(store, Result(state=state, reason="no"))
    assert [len(runs(store, name)) for name in ("well", "badly")] == [0, 1]


def test_only_the_last_attempt_counts(store: MemoryStore) -> None:
    add(store, "build", Interval(60 * MINUTE), Policy(retries=1, retry_delay=SECOND))
    add(store, "badly", After("build", end="failed"))
    store.start_now("build", T0)
    settle(store, Result(state=RunState.FAILED, reason="no"))
    assert runs(store, "badly") == []
    settle(store, Result(state=RunState.FAILED, reason="no"), T0 + MINUTE)
    assert len(runs(store, "badly")) == 1


def test_what_never_ran_starts_nothing(store: MemoryStore) -> None:
    add(store, "build", Interval(60 * MINUTE))
    add(store, "either", After("build", end="always"))
    cancelled = store.start_now("build", T0)
    store.runs.cancel(cancelled.id, "cancelled", T0)
    store.start_now("build", T0)
    settle(store, Result(state=RunState.CANCELLED, reason="cancelled"))
    assert runs(store, "either") == []


def test_a_run_that_was_cut_off_for_good_starts_what_is_for_that(store: MemoryStore) -> None:
    add(store, "build", Interval(60 * MINUTE), Policy(on_interrupt="fail"))
    add(store, "badly", After("build", end="failed"))
    store.start_now("build", T0)
    dead = store.instances.register(T0)
    store.runs.claim(dead.id, 1, T0)
    store.runs.recover(dead, T0)
    assert len(runs(store, "badly")) == 1


def test_a_chain_goes_on_link_by_link_in_one_evaluation(store: MemoryStore) -> None:
    add(store, "a", OnEvent("*", "*"))
    add(store, "b", After("a"))
    add(store, "c", After("b"))
    emit(store)
    results = engine(store, clock=FakeClock(T0)).evaluate_due_tasks()
    assert [result.task for result in results] == ["a", "b", "c"]


def test_policies_hold_for_chains_too(store: MemoryStore) -> None:
    add(store, "a", Interval(60 * MINUTE), Policy(overlap="allow"))
    add(store, "skips", After("a"), Policy(overlap="skip"))
    add(store, "twice", After("a", max_runs=2))
    for _ in range(3):
        store.start_now("a", T0)
    settle(store, Result())
    assert [run.state for run in runs(store, "skips")] == [RunState.PENDING, RunState.SKIPPED, RunState.SKIPPED]
    assert len(runs(store, "twice")) == 2
    last = store.runs.newest(task="a", limit=None)[0]
    assert {each.outcome for each in store.causes.of_upstream(last.id)} == {"skipped", "left_out"}


# -- which chains may be stored ---------------------------------------------------------------------------
def test_a_task_comes_after_one_that_is_there(store: MemoryStore) -> None:
    with pytest.raises(UsageError, match=r"b cannot come after 'a': it comes after 'a', and no task has that name"):
        add(store, "b", After("a"))
    assert store.tasks.names() == []


def test_a_circle_is_refused_when_it_is_stored(store: MemoryStore) -> None:
    add(store, "a", Interval(MINUTE))
    add(store, "b", After("a"))
    add(store, "c", After("b"))
    spec = TaskSpec(name="a", schedule=After("c"), handler="noop")
    with pytest.raises(UsageError, match=r"a cannot come after 'c': it would start itself without end: a after c"):
        store.change_task("a", spec, T0)
    with pytest.raises(UsageError, match="d after d"):
        add(store, "d", After("d"))
    assert store.tasks.get("a").schedule == Interval(MINUTE, anchor=T0)


def test_a_task_that_others_come_after_is_not_removed(store: MemoryStore) -> None:
    add(store, "a", Interval(MINUTE))
    add(store, "b", After("a"))
    with pytest.raises(UsageError, match=r"a cannot be removed: b comes after it"):
        store.remove_task("a", T0)
    store.remove_task("b", T0)
    store.remove_task("a", T0)


def test_a_file_is_applied_in_whatever_order_it_states_a_chain(store: MemoryStore) -> None:
    chain = [
        TaskSpec(name="c", schedule=After("b"), handler="noop", origin="file"),
        TaskSpec(name="b", schedule=After("a"), handler="noop", origin="file"),
        TaskSpec(name="a", schedule=Interval(MINUTE), handler="noop", origin="file"),
    ]
    assert len(store.apply_specs(chain, "/f.toml", T0).add) == 3
    assert store.apply_specs(chain, "/f.toml", T0).count == 0
    turned = [  # a -> b -> c becomes c -> b -> a
        TaskSpec(name="a", schedule=After("b"), handler="noop", origin="file"),
        TaskSpec(name="b", schedule=After("c"), handler="noop", origin="file"),
        TaskSpec(name="c", schedule=Interval(MINUTE), handler="noop", origin="file"),
    ]
    assert len(store.apply_specs(turned, "/f.toml", T0).change) == 3
    assert store.causes.chained() == {"a": "b", "b": "c"}
    assert len(store.apply_specs([], "/f.toml", T0).remove) == 3


def test_a_file_that_would_break_a_chain_is_refused_whole(store: MemoryStore) -> None:
    mine = TaskSpec(name="a", schedule=Interval(MINUTE), handler="noop", origin="file")
    store.apply_specs([mine], "/f.toml", T0)
    add(store, "b", After("a"))
    found = store.apply_specs([], "/f.toml", T0)
    assert found.unchained == {"b": "it comes after 'a', and no task has that name."}
    circle = [msgspec.structs.replace(mine, schedule=After("b"))]
    assert "a after b after a" in store.apply_specs(circle, "/f.toml", T0).unchained["a"]
    assert store.compare_specs(circle, "/f.toml").refused
    assert store.tasks.names() == ["a", "b"]


def test_a_task_of_which_nothing_can_be_planned_stops_no_other(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = add(store, "bad", OnEvent("*", "*"))
    add(store, "good", OnEvent("*", "*"))

    def broken(task: Task, *given: Any) -> Any:
        if task.id == bad.id:
            raise OverflowError("date value out of range")
        return begun(task, *given)

    monkeypatch.setattr("jarvis.memory.causes.begun", broken)
    event = emit(store)
    match(store)
    assert outcomes(store, event) == {"bad": "failed", "good": "started"}
    assert "date value out of range" in store.causes.of_event(event)[0].reason


@pytest.mark.parametrize(("schedule", "earlier"), [(Interval(60 * MINUTE), 0), (OnEvent("*", "*"), 1)])
def test_near_a_moment_lies_what_the_schedule_asked_for(store: MemoryStore, schedule: Schedule, earlier: int) -> None:
    task = add(store, "t", schedule)
    rows = [("schedule", T0), ("event", T0 + SECOND), ("manual", T0 + 2 * SECOND), ("manual", T0 + 3 * SECOND)]
    for origin, due_at in rows:
        assert store.runs._insert(task, Occurrence(due_at=due_at, state=RunState.MISSED), origin, T0)
    found = [run.due_at for run in store.runs.around(task.id, T0 + MINUTE)]
    assert sorted(found) == [rows[earlier][1], T0 + 3 * SECOND]


def test_the_same_said_twice_has_happened_twice(store: MemoryStore) -> None:
    assert emit(store, payload={"n": 1}) != emit(store, payload={"n": 1})
    assert len(store.events.list()) == 2
