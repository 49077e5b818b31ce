"""The assistant's memory: what it takes, what it refuses and in which words, and what two daemons may do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from jarvis.errors import NotFound, UsageError
from jarvis.memory.faults import Refused
from jarvis.memory.store import MemoryStore

NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(microseconds=1)
HOURS = timedelta(hours=1)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    store = MemoryStore()
    yield store
    store.close()


# -- facts
@pytest.mark.parametrize(
    "value", [None, True, 0, 1.5, 2**64, "", "zoë\n\0", [], [1, [2]], {"a": {"b": None}}, "2026-11-22T10:00:00Z"]
)
def test_a_fact_comes_back_as_it_was_put(store: MemoryStore, value: Any) -> None:
    store.facts.put("work", "key", value, now=NOW)
    fact = store.facts.get("work", "key")
    assert fact is not None
    assert (fact.value, type(fact.value)) == (value, type(value))
    assert (fact.source, fact.updated_at) == ("user", NOW)


def test_a_fact_put_again_replaces_the_one_before(store: MemoryStore) -> None:
    store.facts.put("work", "k", 1, NOW)
    assert store.facts.put("work", "k", 2, LATER, source="backup").updated_at == LATER
    assert [(fact.value, fact.source) for fact in store.facts.list()] == [(2, "backup")]


def test_facts_are_listed_by_category_and_key(store: MemoryStore) -> None:
    for category, key in [("b", "x"), ("a", "z"), ("a", "y")]:
        store.facts.put(category, key, 0, now=NOW)
    assert [(fact.category, fact.key) for fact in store.facts.list()] == [("a", "y"), ("a", "z"), ("b", "x")]
    assert [fact.key for fact in store.facts.list("b")] == ["x"]


def test_a_deleted_fact_is_not_known_and_deleted_once(store: MemoryStore) -> None:
    store.facts.put("a", "b", 0, now=NOW)
    assert [store.facts.delete("a", "b"), store.facts.delete("a", "b")] == [True, False]
    assert store.facts.get("a", "b") is None


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    "value",
    [math.nan, [math.inf], (1, 2), {1: 2}, {1, 2}, b"x", NOW, object(), "\ud800", "x" * (1 << 20), ENDLESS],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_would_not_read_back_equal_is_refused(store: MemoryStore, value: Any) -> None:
    with pytest.raises(UsageError, match=r"a fact's value cannot be .*: use a JSON value"):
        store.facts.put("work", "key", value, now=NOW)
    assert store.facts.list() == []


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"token": "hunter2", "x": math.nan}, "of Python's type dict"),
        (("hunter2",), "of Python's type tuple"),
        ("hunter2" * 200_000, "1400002 bytes as JSON"),
    ],
)
def test_a_refused_value_is_described_and_not_shown(store: MemoryStore, value: Any, says: str) -> None:
    with pytest.raises(UsageError, match=f"{says}: use a JSON value.* of at most 1048576 bytes") as error:
        store.facts.put("work", "key", value, now=NOW)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "\0", "\ud800", "x" * 501, 7, None])
def test_a_fact_needs_a_category_and_a_key_that_can_be_printed(store: MemoryStore, name: Any) -> None:
    with pytest.raises(UsageError, match="category cannot be"):
        store.facts.put(name, "key", 1, now=NOW)
    with pytest.raises(UsageError, match="key cannot be"):
        store.facts.put("work", name, 1, now=NOW)


def test_a_naive_now_is_refused(store: MemoryStore) -> None:
    with pytest.raises(TypeError):
        store.facts.put("work", "key", 1, now=NOW.replace(tzinfo=None))


# -- delegations and decisions
def test_a_delegation_is_stored_active_with_its_date(store: MemoryStore) -> None:
    made = store.delegations.add("Budget", "Ann", due_date=date(2026, 11, 30), priority="high", notes="a\nb", now=NOW)
    assert store.delegations.list() == [made]
    assert (made.status, made.due_date, made.priority, made.notes) == ("active", date(2026, 11, 30), "high", "a\nb")
    assert (made.created_at, made.updated_at) == (NOW, NOW)


def test_delegations_are_listed_by_due_date_and_status(store: MemoryStore) -> None:
    for task, due in [("never", None), ("late", "2026-12-01"), ("early", "2026-01-01")]:
        store.delegations.add(task, "Ann", due_date=due, now=NOW)
    assert [each.task for each in store.delegations.list()] == ["early", "late", "never"]
    store.delegations.set_status(2, "completed", LATER)
    assert [each.task for each in store.delegations.list("active")] == ["early", "never"]
    assert [each.task for each in store.delegations.list("completed")] == ["late"]


def test_a_decision_is_stored_as_not_carried_out(store: MemoryStore) -> None:
    made = store.decisions.add("Move", description="x", owner="Bob", follow_up_date="2026-12-01", now=NOW)
    assert store.decisions.list("pending_execution") == [made]
    assert (made.title, made.description, made.owner, made.follow_up_date) == ("Move", "x", "Bob", date(2026, 12, 1))


def test_the_same_status_again_is_no_change(store: MemoryStore) -> None:
    store.decisions.add("Move", now=NOW)
    assert store.decisions.set_status(1, "pending_execution", LATER).updated_at == NOW
    assert store.decisions.set_status(1, "deferred", LATER).updated_at == LATER
    store.delegations.add("Budget", "Ann", now=NOW)
    assert store.delegations.set_status(1, "active", LATER).updated_at == NOW
    assert store.delegations.set_status(1, "cancelled", LATER).updated_at == LATER


@pytest.mark.parametrize("bad", ["2026-02-30", "0000-01-01", "tomorrow", "", "2026-11-22T10:00", NOW, 20261122, True])
def test_a_date_that_is_none_is_refused_with_what_is_allowed(store: MemoryStore, bad: Any) -> None:
    with pytest.raises(
        UsageError, match=r"a delegation's due date cannot be .*: use a date of the calendar as YYYY-MM"
    ):
        store.delegations.add("Budget", "Ann", due_date=bad, now=NOW)
    with pytest.raises(UsageError, match=r"a decision's follow-up date cannot be .*: use a date of the calendar"):
        store.decisions.add("Move", follow_up_date=bad, now=NOW)
    assert (store.delegations.list(), store.decisions.list()) == ([], [])


def test_a_wrong_word_is_refused_with_the_nearest_right_one(store: MemoryStore) -> None:
    store.delegations.add("Budget", "Ann", now=NOW)
    with pytest.raises(UsageError, match=r"'hihg'.*low, medium, high, critical\. Did you mean high\?"):
        store.delegations.add("Budget", "Ann", priority="hihg", now=NOW)
    with pytest.raises(UsageError, match=r"Did you mean completed\?"):
        store.delegations.set_status(1, "complete", NOW)
    with pytest.raises(UsageError, match=r"Did you mean pending_execution\?"):
        store.decisions.list("pending_excution")


def test_what_is_not_there_is_not_found(store: MemoryStore) -> None:
    with pytest.raises(NotFound, match="no delegation has the id 7"):
        store.delegations.set_status(7, "completed", NOW)
    with pytest.raises(NotFound, match="no decision has the id 7"):
        store.decisions.set_status(7, "completed", NOW)


@pytest.mark.parametrize("bad", ["2026-02-30", "soon", "0000-01-01", "2026-1-1", ""])
def test_the_tables_themselves_keep_out_what_is_no_date(store: MemoryStore, bad: str) -> None:
    store.delegations.add("Budget", "Ann", now=NOW)
    store.decisions.add("Move", now=NOW)
    with pytest.raises(Refused):
        store.database.change("UPDATE delegations SET due_date = ?", (bad,))
    with pytest.raises(Refused):
        store.database.change("UPDATE decisions SET follow_up_date = ?", (bad,))


# -- rules
@pytest.mark.parametrize(
    ("alert_type", "condition"),
    [
        ("overdue_delegation", {"days_overdue": 1}),
        ("pending_decision", {"days_stale": 7}),
        ("stale_decision", {"days_stale": 7}),
        ("upcoming_deadline", {"within_days": 3}),
        ("stale_backup", {"max_age_hours": 48}),
    ],
)
def test_each_rule_type_takes_its_condition_and_has_a_default(
    store: MemoryStore, alert_type: str, condition: dict[str, Any]
) -> None:
    assert store.rules.add("given", alert_type, condition, NOW).condition == condition
    assert store.rules.add("left out", alert_type, {}, NOW).condition == condition
    assert [(rule.name, rule.enabled, rule.problem) for rule in store.rules.list()] == [
        ("given", True, ""),
        ("left out", True, ""),
    ]


@pytest.mark.parametrize(
    ("alert_type", "condition", "says"),
    [
        ("overdue_delegatoin", {}, r"'overdue_delegatoin'.*Did you mean overdue_delegation\?"),
        ("of_tomorrow", {}, "use one of overdue_delegation, pending_decision"),
        ("stale_backup", {"max_age_hour": 1}, r"'max_age_hour'.*Did you mean max_age_hours\?"),
        ("stale_backup", {"days_stale": 1}, "use one of max_age_hours"),
        ("stale_backup", {"max_age_hours": -1}, "max_age_hours is -1: use a number from 0 to"),
        ("stale_backup", {"max_age_hours": math.nan}, "max_age_hours is nan"),
        ("stale_backup", {"max_age_hours": math.inf}, "max_age_hours is inf"),
        ("stale_backup", {"max_age_hours": True}, "max_age_hours is True"),
        ("stale_backup", {"max_age_hours": "48"}, "max_age_hours is '48'"),
        ("stale_backup", {"max_age_hours": None}, "max_age_hours is None"),
        ("pending_decision", {"days_stale": 10**9}, "from 0 to 36500"),
        ("overdue_delegation", {"days_overdue": 1.5}, "days_overdue is 1.5: use a whole number"),
        ("overdue_delegation", [], r"the condition of overdue_delegation is \[\]: use an object"),
        ("overdue_delegation", None, "use an object"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(store: MemoryStore, alert_type: str, condition: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        store.rules.add("r", alert_type, condition, NOW)
    assert store.rules.list() == []


def test_a_taken_rule_name_is_refused(store: MemoryStore) -> None:
    store.rules.add("r", "stale_backup", {}, NOW)
    with pytest.raises(UsageError, match="a rule named 'r' exists already"):
        store.rules.add("r", "stale_backup", {}, NOW)


def test_a_rule_is_disabled_and_enabled_once(store: MemoryStore) -> None:
    store.rules.add("backup", "stale_backup", {}, NOW)
    assert [store.rules.disable("backup"), store.rules.disable("backup")] == [True, False]
    assert not store.rules.get("backup").enabled
    assert [store.rules.enable("backup"), store.rules.enable("backup")] == [True, False]
    with pytest.raises(NotFound, match=r"'backups'\. Did you mean backup\?"):
        store.rules.enable("backups")
    assert [store.rules.delete("backup"), store.rules.delete("backup")] == [True, False]


@pytest.mark.parametrize("text", ["{", "[]", '{"max_age_hours": "x"}', "\ud800".encode("utf-8", "replace").decode()])
def test_a_rule_that_cannot_be_read_is_listed_with_its_problem(store: MemoryStore, text: str) -> None:
    for name in "abc":
        store.rules.add(name, "stale_backup", {}, NOW)
    store.database.change("UPDATE alert_rules SET condition = ? WHERE name = 'b'", (text,))
    assert [bool(rule.problem) for rule in store.rules.list()] == [False, True, False]


def test_a_rule_of_a_type_unknown_here_is_listed_with_its_problem(store: MemoryStore) -> None:
    store.rules.add("a", "stale_backup", {}, NOW)
    store.database.change("UPDATE alert_rules SET alert_type = 'of_tomorrow'")
    assert "'of_tomorrow'" in store.rules.list()[0].problem


# -- events
def add(store: MemoryStore, **changes: Any) -> bool:
    given = {"source": "github", "event_type": "push", "payload": {"n": 1}, "file_name": "a.json", "file_mtime": 1}
    return store.events.add(**{**given, "digest": "d", "now": NOW, **changes})


def test_the_same_content_is_taken_in_once_whatever_the_file_is_called(store: MemoryStore) -> None:
    assert [add(store), add(store, source="other", now=LATER)] == [True, False]
    assert [add(store, file_name="b.json"), add(store, file_mtime=2), add(store, digest="e")] == [False, False, True]
    assert [(event.digest, event.file_name) for event in store.events.list()] == [("e", "a.json"), ("d", "a.json")]


def test_the_same_id_of_the_same_source_is_one_event(store: MemoryStore) -> None:
    assert [add(store, event_id="7"), add(store, event_id="7", digest="e", file_name="b.json")] == [True, False]
    assert [add(store, event_id="8", digest="f"), add(store, event_id="7", source="s", digest="g")] == [True, True]
    assert [add(store, digest="h"), add(store, digest="i")] == [True, True]
    twins = [store.events.twin("x", "github", "7"), store.events.twin("d", "x", None), store.events.twin("g", "x", "7")]
    assert [twin and (twin.id, twin.event_id) for twin in twins] == [(1, "7"), (1, "7"), (3, "7")]
    assert store.events.twin("x", "github", None) is None


def test_an_event_is_found_by_its_number_and_events_by_their_source(store: MemoryStore) -> None:
    add(store)
    add(store, digest="e", source="stripe")
    assert (store.events.get(2).source, [event.id for event in store.events.list(source="github")]) == ("stripe", [1])
    with pytest.raises(NotFound, match="no event has the id 3"):
        store.events.get(3)


def test_events_are_listed_newest_first_up_to_a_limit(store: MemoryStore) -> None:
    for number in range(5):
        add(store, payload=number, file_name=f"{number}.json", digest=str(number))
    assert [event.payload for event in store.events.list(2)] == [4, 3]
    assert len(store.events.list(None)) == 5


def test_a_raw_payload_is_kept_to_the_letter(store: MemoryStore) -> None:
    text = b'{"n": 123456789012345678901234567890, "x": 1.0}'
    add(store, payload=msgspec.Raw(text))
    assert store.database.value("SELECT payload FROM webhook_events") == text.decode()
    assert store.events.list()[0].payload == {"n": 123456789012345678901234567890, "x": 1.0}


@pytest.mark.parametrize("mtime", [2**63, -(2**63) - 1, 0, -1])
def test_any_time_of_change_can_be_kept(store: MemoryStore, mtime: int) -> None:
    assert [add(store, file_mtime=mtime), add(store, file_mtime=mtime)] == [True, False]
