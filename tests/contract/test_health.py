"""How things stand, as rules ask: on every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from jarvis.memory import MemoryStore
from jarvis.scheduler.model import Deliver, Outcome, Result, RunState, TaskSpec
from jarvis.scheduler.schedule import Interval

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def add(store: MemoryStore, name: str, *channels: str) -> None:
    deliver = tuple(map(Deliver, channels))
    store.add_task(TaskSpec(name=name, schedule=Interval(HOUR), handler="noop", deliver=deliver), NOW)


def run(store: MemoryStore, name: str, now: datetime, state: RunState, reason: str = "") -> None:
    owner = store.instances.register(now).id
    store.start_now(name, now)
    (claimed,) = store.runs.claim(owner, 1, now)
    store.runs.settle([Outcome(claimed, Result(state=state, reason=reason), now + timedelta(seconds=3))])
    store.instances.sign_off(owner, now)


def test_a_task_is_told_with_its_last_run_and_its_last_success(store: MemoryStore) -> None:
    add(store, "a")
    add(store, "b")
    (fresh, _) = store.health.tasks()
    assert (fresh.name, fresh.created_at, fresh.failures, fresh.last_state) == ("a", NOW, 0, None)
    assert (fresh.last_run_at, fresh.last_success_at, fresh.next_run_at) == (None, None, NOW + HOUR)
    run(store, "a", NOW + HOUR, RunState.SUCCEEDED)
    run(store, "a", NOW + 2 * HOUR, RunState.FAILED, "no disk")
    run(store, "a", NOW + 3 * HOUR, RunState.TIMED_OUT, "too slow")
    (told,) = store.health.tasks("a")
    assert (told.failures, told.last_state, told.last_reason) == (2, "timed_out", "too slow")
    assert told.last_run_at == NOW + 3 * HOUR
    assert told.last_success_at == NOW + HOUR + timedelta(seconds=3)
    assert [each.name for each in store.health.tasks(failures=2)] == ["a"]
    assert store.health.tasks(failures=3) == store.health.tasks("c") == []


def test_a_paused_task_says_why_and_a_removed_one_is_gone(store: MemoryStore) -> None:
    add(store, "a")
    store.pause_task("a", NOW)
    (told,) = store.health.tasks()
    assert (told.enabled, told.pause_reason, told.next_run_at) == (False, "paused by the user", None)
    store.remove_task("a", NOW)
    assert store.health.tasks() == []


def test_what_has_not_arrived_is_counted_by_channel_and_state(store: MemoryStore) -> None:
    add(store, "a", "me", "log")
    for hours in range(4):
        run(store, "a", NOW + hours * HOUR, RunState.SUCCEEDED)
    store.database.change("UPDATE deliveries SET state = 'sent' WHERE channel = 'log' AND id % 4 = 0")
    store.database.change("UPDATE deliveries SET state = 'failed' WHERE channel = 'me' AND id = 1")
    made = [each.created_at for each in reversed(store.deliveries.newest())]
    unsent = store.health.unsent(NOW, NOW + 10 * HOUR)
    assert [(each.channel, each.state, each.count) for each in unsent] == [
        ("log", "pending", 2),
        ("me", "failed", 1),
        ("me", "pending", 3),
    ]
    assert [each.oldest for each in unsent] == [made[1], made[0], made[2]]
    assert [each.channel for each in store.health.unsent(NOW, NOW + 10 * HOUR, "log")] == ["log"]
    assert store.health.unsent(NOW, made[0] - timedelta(microseconds=1)) == []
    assert store.health.unsent(made[-1] + timedelta(microseconds=1), NOW + 10 * HOUR) == []


def test_looking_for_what_has_not_arrived_reads_an_index_and_not_the_outbox(store: MemoryStore) -> None:
    from jarvis.memory.health import _SQL

    plan = store.database.rows(f"EXPLAIN QUERY PLAN {_SQL['unsent']}", {"since": 0, "until": 1, "channel": None})
    assert any("deliveries_unsent" in row[3] for row in plan), plan


def test_facts_are_told_by_category_and_key_and_a_spoilt_one_is_null(store: MemoryStore) -> None:
    store.facts.put("work", "queue", {"n": 3}, NOW)
    store.facts.put("home", "rooms", ["kitchen"], NOW + HOUR)
    store.facts.put("home", "x", 1, NOW)
    store.database.change("UPDATE facts SET value = '{' WHERE key = 'x'")
    values, updated = store.health.facts()
    assert msgspec.json.decode(msgspec.json.encode(values)) == {
        "work": {"queue": {"n": 3}},
        "home": {"rooms": ["kitchen"], "x": None},
    }
    assert updated["home"]["rooms"] == NOW + HOUR


def test_the_newest_events_are_told_and_a_large_payload_is_null(store: MemoryStore) -> None:
    for number, payload in enumerate([{"n": 1}, {"n": "x" * 20_000}]):
        store.events.add(
            source="github",
            event_type="push",
            payload=payload,
            file_name=f"{number}.json",
            file_mtime=number + 1,
            digest=str(number),
            now=NOW,
        )
    newest, first = msgspec.json.decode(msgspec.json.encode(store.health.events()))
    assert (newest["payload"], first["payload"]) == (None, {"n": 1})
    assert (first["source"], first["event_type"], first["received_at"]) == ("github", "push", "2026-11-22T10:00:00Z")
