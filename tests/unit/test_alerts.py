"""Alert rules: what each type means to the microsecond, and that a person is told once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import msgspec
import pytest

from jarvis.errors import StoreBusy, StoreError
from jarvis.handlers.alert_eval import _seconds, alert_eval, held
from jarvis.handlers.alerts import _TYPES, Alert, Snapshot, evaluate
from jarvis.handlers.noop import noop
from jarvis.memory.alert_rules import AlertRule
from jarvis.memory.decisions import Decision
from jarvis.memory.delegations import Delegation
from jarvis.memory.facts import Fact
from jarvis.memory.rule_types import TYPES
from jarvis.memory.store import MemoryStore
from jarvis.scheduler.incident import COOL_DOWN
from jarvis.scheduler.model import Result, RunState, TaskSpec
from jarvis.scheduler.ports import Context
from jarvis.scheduler.schedule import Interval

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
DAY, HOUR, TINY = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)


def rule(alert_type: str, number: float) -> AlertRule:
    key = next(iter(TYPES[alert_type].keys)) if alert_type in TYPES else "x"
    return AlertRule(
        id=1,
        name="r",
        alert_type=alert_type,
        condition={key: number},
        enabled=True,
        created_at=NOW,
        last_triggered_at=None,
    )


def delegation(due: date | None, number: int = 1, task: str = "Budget") -> Delegation:
    return Delegation(
        id=number,
        task=task,
        delegated_to="Ann",
        due_date=due,
        priority="medium",
        status="active",
        notes="",
        created_at=NOW,
        updated_at=NOW,
    )


def decision(created: datetime, updated: datetime | None = None, follow_up: date | None = None) -> Decision:
    return Decision(
        id=3,
        title="Move",
        description="",
        owner="",
        status="pending_execution",
        follow_up_date=follow_up,
        created_at=created,
        updated_at=updated or created,
    )


def backup(value: Any) -> Snapshot:
    fact = Fact(category="work", key="backup_last_success", value=value, source="x", updated_at=NOW)
    return Snapshot(last_backup=fact)


def said(alert: Alert | None) -> str:
    assert alert is not None
    return alert.text


def test_the_store_and_the_evaluation_know_the_same_types() -> None:
    assert set(_TYPES) == set(TYPES)


@pytest.mark.parametrize(
    ("due", "days", "holds"),
    [
        (TODAY, 0, True),
        (TODAY + DAY, 0, False),
        (TODAY, 1, False),
        (TODAY - DAY, 1, True),
        (TODAY - DAY, 2, False),
        (TODAY - 2 * DAY, 2, True),
        (None, 0, False),
        (date.min, 36_500, True),
        (date.max, 0, False),
    ],
)
def test_a_delegation_is_overdue_whole_days_after_its_date(due: date | None, days: int, holds: bool) -> None:
    snapshot = Snapshot(active_delegations=[delegation(due)])
    assert (evaluate(rule("overdue_delegation", days), snapshot, NOW, UTC) is not None) is holds


@pytest.mark.parametrize(
    ("due", "days", "holds"),
    [
        (TODAY - DAY, 3, False),
        (TODAY, 0, True),
        (TODAY, 3, True),
        (TODAY + 3 * DAY, 3, True),
        (TODAY + 4 * DAY, 3, False),
        (None, 3, False),
        (date.max, 3, False),
    ],
)
def test_a_deadline_comes_up_from_some_days_ahead_through_its_day(due: date, days: int, holds: bool) -> None:
    snapshot = Snapshot(active_delegations=[delegation(due)])
    assert (evaluate(rule("upcoming_deadline", days), snapshot, NOW, UTC) is not None) is holds


@pytest.mark.parametrize(
    ("zone", "hour", "today"),
    [("UTC", 10, TODAY), ("Pacific/Kiritimati", 10, TODAY + DAY), ("Pacific/Niue", 5, TODAY - DAY)],
)
def test_today_is_the_day_where_the_user_is(zone: str, hour: int, today: date) -> None:
    snapshot = Snapshot(active_delegations=[delegation(today - DAY)])
    now = NOW.replace(hour=hour)
    assert evaluate(rule("overdue_delegation", 1), snapshot, now, ZoneInfo(zone))
    assert not evaluate(rule("overdue_delegation", 2), snapshot, now, ZoneInfo(zone))


@pytest.mark.parametrize(("age", "holds"), [(7 * DAY - TINY, False), (7 * DAY, True), (-DAY, False)])
def test_a_decision_waits_from_when_it_was_made(age: timedelta, holds: bool) -> None:
    snapshot = Snapshot(pending_decisions=[decision(NOW - age, updated=NOW)])
    assert (evaluate(rule("pending_decision", 7), snapshot, NOW, UTC) is not None) is holds


@pytest.mark.parametrize(
    ("changed", "follow_up", "holds"),
    [
        (7 * DAY - TINY, None, False),
        (7 * DAY, None, True),
        (30 * DAY, TODAY + DAY, False),
        (30 * DAY, TODAY - 6 * DAY, False),
        (30 * DAY, TODAY - 7 * DAY, True),
        (0 * DAY, TODAY - 7 * DAY, True),
        (0 * DAY, date.min, True),
        (0 * DAY, date.max, False),
    ],
)
def test_a_decision_is_stale_from_its_follow_up_else_its_last_change(
    changed: timedelta, follow_up: date | None, holds: bool
) -> None:
    snapshot = Snapshot(pending_decisions=[decision(NOW - 90 * DAY, NOW - changed, follow_up)])
    assert (evaluate(rule("stale_decision", 7), snapshot, NOW, UTC) is not None) is holds


def forms(at: datetime) -> list[Any]:
    seconds = int(at.timestamp())
    in_india = at.astimezone(ZoneInfo("Asia/Kolkata")).isoformat()
    return [at.isoformat(), in_india, float(seconds), seconds, f" {seconds} "]


@pytest.mark.parametrize("value", [*forms(NOW - 48 * HOUR), *forms(NOW), *forms(NOW + HOUR), "2026-11-22T09:00:00Z"])
def test_a_backup_in_time_is_no_alert(value: Any) -> None:
    assert evaluate(rule("stale_backup", 48), backup(value), NOW, UTC) is None


@pytest.mark.parametrize("value", [*forms(NOW - 53 * HOUR), "2026-11-20T05:00:00Z"])
def test_an_old_backup_is_an_alert(value: Any) -> None:
    text = said(evaluate(rule("stale_backup", 48), backup(value), NOW, ZoneInfo("Europe/Berlin")))
    assert text == "The last backup was 53 hours ago (2026-11-20T06:00:00+01:00); at most 48 hours are allowed."


def test_the_age_of_a_backup_is_exact() -> None:
    assert evaluate(rule("stale_backup", 48), backup((NOW - 48 * HOUR - TINY).isoformat()), NOW, UTC)
    assert evaluate(rule("stale_backup", 0.5), backup((NOW - HOUR / 2).isoformat()), NOW, UTC) is None


def test_no_backup_at_all_is_an_alert() -> None:
    text = said(evaluate(rule("stale_backup", 48), Snapshot(), NOW, UTC))
    assert text == "No backup is known of: the fact work/backup_last_success has never been set."


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, [], {"at": 1}, 1e300, -1e300, "9" * 400),
        *("", "yesterday", "2026-11-22", "2026-11-22T09:00:00", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_backup_time_that_cannot_be_read_is_an_alert_that_says_so(value: Any) -> None:
    text = said(evaluate(rule("stale_backup", 48), backup(value), NOW, UTC))
    assert text.startswith("When the last backup was cannot be told: the fact work/backup_last_success holds ")
    assert len(text) < 300


def test_a_backup_from_the_future_is_an_alert() -> None:
    text = said(evaluate(rule("stale_backup", 48), backup((NOW + HOUR + TINY).isoformat()), NOW, UTC))
    assert text.endswith("holds 2026-11-22T11:00:00+00:00, which has not come yet.")


def test_alerts_are_sentences_that_name_what_they_are_about() -> None:
    two = Snapshot(active_delegations=[delegation(TODAY - 2 * DAY), delegation(TODAY - DAY, 2, "Report")])
    assert said(evaluate(rule("overdue_delegation", 1), two, NOW, UTC)) == (
        "2 delegations are overdue: Budget (Ann, due 2026-11-20, 2 days ago); Report (Ann, due 2026-11-21, yesterday)."
    )
    one = Snapshot(active_delegations=[delegation(TODAY + DAY)], pending_decisions=[decision(NOW - 8 * DAY)])
    assert said(evaluate(rule("upcoming_deadline", 3), one, NOW, UTC)) == (
        "1 delegation is due within 3 days: Budget (Ann, due 2026-11-23, tomorrow)."
    )
    assert said(evaluate(rule("pending_decision", 7), one, NOW, UTC)) == (
        "1 decision has waited to be carried out for 7 days or more: Move (since 2026-11-14, 8 days ago)."
    )
    assert said(evaluate(rule("stale_decision", 7), one, NOW, UTC)) == (
        "1 decision has not moved for 7 days or more: Move (last changed 2026-11-14, 8 days ago)."
    )


def test_of_many_things_a_few_are_named_and_all_are_counted() -> None:
    many = Snapshot(active_delegations=[delegation(TODAY - DAY, number) for number in range(100)])
    alert = evaluate(rule("overdue_delegation", 1), many, NOW, UTC)
    assert said(alert).startswith("100 delegations are overdue: ")
    assert said(alert).endswith("; and 95 more.")
    assert alert is not None
    assert alert.items == tuple(range(100))


def test_an_unknown_type_is_an_error_of_its_rule() -> None:
    with pytest.raises(LookupError, match="no alert type is named 'x'"):
        evaluate(rule("x", 1), Snapshot(), NOW, UTC)


# -- the handler over a real store
@pytest.fixture
def store() -> Iterator[MemoryStore]:
    store = MemoryStore()
    yield store
    store.close()


def context_of(store: MemoryStore, now: datetime = NOW, occurrence: str = "") -> Context:
    """Of a run that no row stands for, as when a handler is called by hand; another occurrence is another run."""
    of = occurrence or now.isoformat()
    return Context(
        task="alert_eval",
        params={},
        due_at=now,
        now=now,
        run_id=crc32(of.encode()),
        occurrence_id=of,
        attempt=1,
        remaining=lambda: 60.0,
        cancelled=lambda: False,
        logger=logging.getLogger("test"),
        memory=store,
    )


def carried_out(store: MemoryStore, now: datetime = NOW, occurrence: str = "") -> Result:
    return alert_eval(UTC)(context_of(store, now, occurrence))


def with_overdue(store: MemoryStore) -> None:
    store.delegations.add("Budget", "Ann", due_date="2026-11-20", now=NOW - DAY)
    store.rules.add("late", "overdue_delegation", {"days_overdue": 1}, NOW - DAY)


def test_without_rules_nothing_is_said(store: MemoryStore) -> None:
    result = carried_out(store)
    assert (result.state, result.reason) == (RunState.SUCCEEDED, "no new alerts")
    assert result.data == {"alerts": [], "over": [], "cooling": [], "broken": []}


def test_an_overdue_delegation_is_reported_once_in_the_cool_down(store: MemoryStore) -> None:
    with_overdue(store)
    first = carried_out(store)
    assert first.reason == "1 alert: 1 delegation is overdue: Budget (Ann, due 2026-11-20, 2 days ago)."
    assert [(alert["rule"], list(alert["items"])) for alert in first.data["alerts"]] == [("late", [1])]
    second = carried_out(store, NOW + COOL_DOWN - TINY)
    assert second.reason == "no new alerts; 1 told before: late"
    assert (second.data["alerts"], [alert["rule"] for alert in second.data["cooling"]]) == ([], ["late"])
    assert carried_out(store, NOW + COOL_DOWN).data["alerts"]


def test_a_settled_delegation_and_a_disabled_rule_are_quiet(store: MemoryStore) -> None:
    with_overdue(store)
    store.rules.disable("late")
    assert carried_out(store).reason == "no new alerts"
    store.rules.enable("late")
    store.delegations.set_status(1, "completed", NOW)
    assert carried_out(store).reason == "no new alerts"


def test_a_run_cut_off_before_its_settle_reports_again_when_it_is_rerun(store: MemoryStore) -> None:
    with_overdue(store)
    assert carried_out(store, occurrence="7:x").data["alerts"]
    assert carried_out(store, NOW + HOUR, occurrence="7:x").data["alerts"]
    assert not carried_out(store, NOW + 2 * HOUR, occurrence="7:y").data["alerts"]


def test_one_broken_rule_never_stops_the_others(store: MemoryStore) -> None:
    for name in ("a", "b", "c", "d"):
        store.rules.add(name, "stale_backup", {}, NOW)
    store.database.change("UPDATE alert_rules SET alert_type = 'of_tomorrow' WHERE name = 'a'")
    store.database.change("UPDATE alert_rules SET condition = '{' WHERE name = 'b'")
    store.database.change("""UPDATE alert_rules SET condition = '{"max_age_hours":-1}' WHERE name = 'c'""")
    result = carried_out(store)
    assert result.state is RunState.SUCCEEDED
    assert [alert["rule"] for alert in result.data["alerts"]] == ["d"]
    assert [broken["rule"] for broken in result.data["broken"]] == ["a", "b", "c"]
    assert "3 broken rules: a: a rule's type cannot be 'of_tomorrow'" in result.reason


def test_a_rule_that_raises_is_reported_as_broken(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: object) -> None:
        raise ZeroDivisionError("surprise")

    store.rules.add("late", "overdue_delegation", {}, NOW)
    store.rules.add("backup", "stale_backup", {}, NOW)
    monkeypatch.setitem(_TYPES, "overdue_delegation", raises)
    result = carried_out(store)
    assert result.data["broken"] == [{"rule": "late", "reason": "ZeroDivisionError: surprise"}]
    assert [alert["rule"] for alert in result.data["alerts"]] == ["backup"]


def test_two_daemons_never_both_report(tmp_path: Path) -> None:
    one, other = (MemoryStore(str(tmp_path / "memory.db")) for _ in range(2))
    with_overdue(one)
    reports = [carried_out(one, NOW + TINY, "1:a"), carried_out(other, NOW, "2:b")]
    one.close()
    other.close()
    assert [len(report.data["alerts"]) for report in reports] == [1, 0]


def test_when_the_store_fails_half_way_nothing_is_marked(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with_overdue(store)
    store.rules.add("zz", "stale_backup", {}, NOW)
    real = store.database.change

    def breaks(sql: str, bindings: Any = ()) -> int:
        if "INTO incidents" in sql and bindings["rule"] == "zz":
            raise StoreError("no disk")
        return real(sql, bindings)

    monkeypatch.setattr(store.database, "change", breaks)
    with pytest.raises(StoreError, match="no disk"):
        carried_out(store)
    monkeypatch.undo()
    assert store.incidents.newest() == []
    assert store.rules.get("late").last_triggered_at is None
    assert len(carried_out(store).data["alerts"]) == 2


# -- expressions, in their own process
def with_expression(store: MemoryStore, name: str, text: str, said: str = "") -> None:
    store.rules.add(name, "expression", {"expression": text, "text": said}, NOW - DAY)


@pytest.mark.process
def test_expressions_see_facts_delegations_decisions_events_and_tasks(store: MemoryStore) -> None:
    store.facts.put("work", "queue", {"length": 120}, NOW - 3 * HOUR)
    store.delegations.add("Budget", "Ann", due_date="2026-11-20", now=NOW - DAY)
    store.decisions.add("Move", owner="Bob", now=NOW - DAY)
    store.events.add(
        source="github", event_type="push", payload={"n": 3}, file_name="a", file_mtime=1, digest="d", now=NOW - HOUR
    )
    store.add_task(TaskSpec(name="back-up", schedule=Interval(HOUR), handler="noop"), NOW - 2 * DAY)
    for number, text in enumerate(
        (
            "facts.work.queue.length > 100 and age(updated.work.queue) == hours(3)",
            "any(d.delegated_to == 'Ann' and d.due_date < today for d in delegations)",
            "count(d.status == 'pending_execution' for d in decisions) == 1",
            "events[0].payload.n == 3 and age(events[0].received_at) <= hours(1)",
            "tasks['back-up'].last_success_at == null and age(tasks['back-up'].created_at) >= days(2)",
        )
    ):
        with_expression(store, f"r{number}", text)
    result = carried_out(store)
    assert (result.data["broken"], [each["rule"] for each in result.data["alerts"]]) == (
        [],
        ["r0", "r1", "r2", "r3", "r4"],
    )


@pytest.mark.process
def test_what_an_expression_alert_says_is_its_text_or_what_it_comes_to(store: MemoryStore) -> None:
    with_expression(store, "a", "1 < 2")
    with_expression(store, "b", "1 < 2", "the queue is long")
    with_expression(store, "c", "'too many' if 1 < 2 else ''")
    with_expression(store, "d", "'' if 1 < 2 else 'too many'")
    assert [alert["text"] for alert in carried_out(store).data["alerts"]] == [
        "It holds: 1 < 2",
        "the queue is long",
        "too many",
    ]


@pytest.mark.process
def test_an_expression_that_goes_on_or_fails_is_broken_at_its_place_and_the_others_are_told(store: MemoryStore) -> None:
    for key in range(300):
        store.facts.put("many", f"k{key}", key, NOW)
    with_expression(store, "a", "sum(sum(sum(1 for x in facts.many) for y in facts.many) for z in facts.many) > 1")
    with_expression(store, "b", "1 < 2 and facts.wrok.x > 1")
    with_overdue(store)
    context = context_of(store)
    result = alert_eval(UTC)(msgspec.structs.replace(context, remaining=lambda: 2.0))
    assert [alert["rule"] for alert in result.data["alerts"]] == ["late"]
    assert [each["reason"] for each in result.data["broken"]] == [
        "column 1: it took longer than 0.5 s and was ended",
        "column 17: there is no 'wrok' in this object.",
    ]
    assert [(each.rule, each.kind) for each in store.incidents.open()] == [
        ("a", "broken"),
        ("b", "broken"),
        ("late", "alert"),
    ]


@pytest.mark.parametrize(
    ("count", "remaining", "seconds"), [(1, 300, 2), (75, 300, 2), (300, 300, 0.5), (9, 0.1, 0.05)]
)
def test_expressions_together_take_half_of_the_time_of_the_run(count: int, remaining: float, seconds: float) -> None:
    many = [rule("expression", 1) for _ in range(count)]
    assert _seconds([*many, rule("stale_backup", 1)], remaining) == seconds
    assert _seconds([], remaining) == min(2.0, remaining / 2)


@pytest.mark.process
def test_while_an_expression_is_evaluated_the_store_is_free_for_others(tmp_path: Path) -> None:
    store, other = (MemoryStore(str(tmp_path / "memory.db")) for _ in range(2))
    for key in range(300):
        store.facts.put("many", f"k{key}", key, NOW)
    with_expression(store, "a", "sum(sum(sum(1 for x in facts.many) for y in facts.many) for z in facts.many) > 1")
    thread = threading.Thread(target=carried_out, args=(store,))
    thread.start()
    wrote = 0
    while thread.is_alive():
        other.facts.put("x", "y", wrote, NOW)
        wrote += 1
    thread.join(30)
    assert wrote > 2  # the first may have waited, had the store been taken
    store.close()
    other.close()


def test_a_fact_that_is_spoilt_is_the_matter_of_the_rule_that_reads_it(store: MemoryStore) -> None:
    with_overdue(store)
    store.rules.add("backup", "stale_backup", {}, NOW)
    store.facts.put("work", "backup_last_success", 1, NOW)
    store.database.change("UPDATE facts SET value = '{'")
    alerts = {alert["rule"]: alert["text"] for alert in carried_out(store).data["alerts"]}
    assert alerts.keys() == {"late", "backup"}
    assert alerts["backup"].startswith("When the last backup was cannot be told")


def test_a_store_that_is_busy_is_no_fault_of_a_rule(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise StoreBusy("locked", "the store is locked")

    with_overdue(store)
    monkeypatch.setitem(_TYPES, "overdue_delegation", busy)
    with pytest.raises(StoreBusy):
        carried_out(store)
    assert store.incidents.newest() == []


def test_what_is_over_is_told_in_the_result(store: MemoryStore) -> None:
    with_overdue(store)
    carried_out(store)
    store.delegations.set_status(1, "completed", NOW)
    result = carried_out(store, NOW + HOUR)
    assert result.reason == "no new alerts; 1 over: late"
    assert [(each["rule"], each["state"]) for each in result.data["over"]] == [("late", "resolved")]
    assert carried_out(store, NOW + 2 * HOUR).reason == "no new alerts"


def test_a_rule_is_tried_without_a_trace(store: MemoryStore) -> None:
    with_overdue(store)
    before = list(store.database.rows("SELECT * FROM alert_rules"))
    found = held(store, store.rules.get("late"), NOW, UTC)
    assert found.text.startswith("1 delegation is overdue")
    assert store.incidents.newest() == []
    assert list(store.database.rows("SELECT * FROM alert_rules")) == before


def test_how_the_tasks_do_is_what_rules_about_them_read(store: MemoryStore) -> None:
    store.add_task(TaskSpec(name="backup", schedule=Interval(HOUR), handler="noop"), NOW - 2 * DAY)
    store.rules.add("dead", "task_stale", {"task": "backup"}, NOW - DAY)
    store.rules.add("none", "task_failing", {}, NOW - DAY)
    store.rules.add("sent", "delivery_stuck", {}, NOW - DAY)
    store.rules.add("disk", "disk_low", {}, NOW - DAY)
    result = carried_out(store)
    assert [each["rule"] for each in result.data["alerts"]] == ["dead"]
    assert result.data["broken"] == [{"rule": "disk", "reason": "the store is in memory and on no disk: name a path"}]
    store.remove_task("backup", NOW)
    assert {"rule": "dead", "reason": "no task is named 'backup' any more"} in carried_out(store, NOW + HOUR).data[
        "broken"
    ]


def test_noop_does_nothing(store: MemoryStore) -> None:
    noop(context_of(store))
