"""The pass over events, with filters that answer when the test says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.eventports import Says
from jarvis.scheduler.matching import Matching
from jarvis.scheduler.model import Event, Policy, TaskSpec
from jarvis.scheduler.schedule import OnEvent

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
TAKES: Says = ("takes", "")


class Sieve:
    """Keeps what it is asked."""

    def __init__(self, room: int = 99) -> None:
        self.on_finish: Callable[[], None] = lambda: None
        self.asked: list[tuple[int, str, str]] = []
        self.answers: dict[tuple[int, str], Says] = {}
        self.kept: list[Collection[int]] = []
        self.closed = False
        self._room = room

    @property
    def room(self) -> int:
        return self._room - len(self.asked)

    def said(self, event_id: int, filter_text: str) -> Says | None:
        return self.answers.get((event_id, filter_text))

    def ask(self, event: Event, filter_text: str) -> None:
        self.asked.append((event.id, filter_text, event.payload))

    def keep(self, event_ids: Collection[int]) -> None:
        self.kept.append(list(event_ids))

    def wait(self) -> None:
        for event_id, filter_text, _ in self.asked:
            self.answers[event_id, filter_text] = TAKES

    def close(self) -> None:
        self.closed = True


def store_with(*filters: str) -> MemoryStore:
    store = MemoryStore()
    for number, text in enumerate(filters):
        schedule = OnEvent("*", "push", filter=text)
        store.add_task(
            TaskSpec(name=f"t{number}", schedule=schedule, handler="noop", policy=Policy(overlap="queue")), T0
        )
    return store


def emit(store: MemoryStore, event_type: str = "push", payload: object = None) -> int:
    return store.events.emit("github", event_type, payload, T0)


def matched(store: MemoryStore, matching: Matching) -> int:
    with store.transaction():
        return matching.match(T0)


def statuses(store: MemoryStore) -> list[str]:
    return [event.status for event in store.events.list(limit=None)][::-1]


def test_an_event_waits_until_its_filter_has_answered() -> None:
    store, sieve = store_with("a"), Sieve()
    matching = Matching(store, sieve)
    event = emit(store, payload={"n": 1})
    assert matched(store, matching) == 0
    assert sieve.asked == [(event, "a", '{"n":1}')]
    assert statuses(store) == ["pending"]
    sieve.answers[event, "a"] = TAKES
    assert matched(store, matching) == 1
    assert statuses(store) == ["started"]


def test_those_behind_it_wait_too_and_their_filters_are_asked_ahead() -> None:
    store, sieve = store_with("a", "b"), Sieve()
    matching = Matching(store, sieve)
    first, other, second = emit(store), emit(store, "pull"), emit(store)
    assert matched(store, matching) == 0
    assert [asked[:2] for asked in sieve.asked] == [(first, "a"), (first, "b"), (second, "a"), (second, "b")]
    sieve.answers |= {(first, "a"): TAKES, (second, "a"): TAKES, (second, "b"): TAKES}
    assert matched(store, matching) == 0
    assert statuses(store) == ["pending"] * 3
    sieve.answers[first, "b"] = ("filtered", "")
    assert matched(store, matching) == 3
    assert statuses(store) == ["started", "unmatched", "started"]
    assert {cause.task: cause.outcome for cause in store.causes.of_event(first)} == {"t0": "started", "t1": "filtered"}
    assert store.causes.of_event(other) == []


def test_no_more_is_asked_than_there_is_room_for() -> None:
    store, sieve = store_with("a"), Sieve(room=2)
    for _ in range(5):
        emit(store)
    matched(store, Matching(store, sieve))
    assert len(sieve.asked) == 2


def test_what_was_decided_is_forgotten() -> None:
    store, sieve = store_with("a"), Sieve()
    matching = Matching(store, sieve)
    first = emit(store)
    matched(store, matching)
    sieve.answers[first, "a"] = TAKES
    matched(store, matching)
    second = emit(store)
    matched(store, matching)
    assert sieve.kept == [[first], [first], [second]]


def test_a_filter_that_failed_is_told_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    store, sieve = store_with("a", ""), Sieve()
    event = emit(store)
    sieve.answers[event, "a"] = ("failed", "column 9: no")
    with caplog.at_level(logging.ERROR):
        assert matched(store, Matching(store, sieve)) == 1
    assert f"event {event}: the filter of t0 failed: column 9: no" in caplog.text
    found = {cause.task: (cause.outcome, cause.reason) for cause in store.causes.of_event(event)}
    assert found == {"t0": ("failed", "column 9: no"), "t1": ("started", "")}


def test_without_a_sieve_a_filter_fails_and_says_so() -> None:
    store = store_with("a")
    event = emit(store)
    matched(store, Matching(store))
    assert [cause.reason for cause in store.causes.of_event(event)] == ["filters cannot be evaluated here"]


def test_everything_is_matched_where_one_can_wait_for_filters() -> None:
    store, sieve = store_with("a"), Sieve()
    for _ in range(3):
        emit(store)
    Matching(store, sieve).match_all(T0)
    assert statuses(store) == ["started"] * 3


def test_a_store_without_events_is_asked_one_thing() -> None:
    store = store_with("")
    asked: list[str] = []

    def trace(_cursor: object, sql: str, _bindings: object) -> bool:
        asked.append(sql)
        return True

    store.database._connection.exec_trace = trace
    with store.transaction():
        asked.clear()
        assert Matching(store).match(T0) == 0
        assert len(asked) == 1
        assert "EXISTS" in asked[0]


def test_it_closes_its_sieve_and_has_itself_called() -> None:
    sieve, calls = Sieve(), list[int]()
    matching = Matching(MemoryStore(), sieve)
    matching.notify(lambda: calls.append(1))
    sieve.on_finish()
    matching.close()
    assert (calls, sieve.closed) == ([1], True)
    Matching(MemoryStore()).close()


def test_what_arrived_late_is_matched_by_what_is_there_now() -> None:
    store = store_with("")
    emit(store)
    later = T0 + timedelta(hours=2)
    with store.transaction():
        Matching(store).match(later)
    (run,) = store.runs.newest()
    assert (run.due_at, run.available_at, run.reason) == (T0, later, "late by 2h: nobody looked at it in time")
