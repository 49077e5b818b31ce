"""The incidents, on every store: one conditional write decides each step, and the outbox has it in the same moment."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jarvis.errors import JarvisError, NotFound, UsageError
from jarvis.memory import MemoryStore
from jarvis.memory.faults import Refused
from jarvis.memory.incidents import Seen
from jarvis.scheduler.incident import COOL_DOWN, Finding, Incident, IncidentState
from jarvis.scheduler.model import Deliver, Outcome, Result, RunState, TaskSpec
from jarvis.scheduler.schedule import Interval

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def with_rule(store: MemoryStore, *channels: str, own: tuple[str, ...] = (), name: str = "late") -> None:
    """A task that evaluates, its channels, and a rule."""
    deliver = tuple(Deliver(channel, "failure") for channel in channels)
    if "alerts" not in store.tasks.names():
        store.add_task(
            TaskSpec(name="alerts", schedule=Interval(HOUR), handler="alert_eval", deliver=deliver), NOW - DAY
        )
    store.rules.add(name, "overdue_delegation", {}, NOW - DAY, deliver=own)


def found(store: MemoryStore, text: str = "", *, broken: str = "", rule: str = "late") -> list[Finding]:
    return [Finding(rule=store.rules.get(rule), text=text, items=(1,) if text else (), broken=broken)]


def told(
    store: MemoryStore,
    text: str = "",
    *,
    broken: str = "",
    now: datetime = NOW,
    seen: Seen | None = None,
    run: int | None = None,
) -> int:
    """One run finds that; the run."""
    run_id = store.start_now("alerts", now).id if run is None else run
    store.report(found(store, text, broken=broken), seen or store.incidents.seen(), run_id, UTC, now)
    return run_id


def keys(store: MemoryStore) -> list[str]:
    return [each.key for each in reversed(store.deliveries.newest(limit=None))]


def only(store: MemoryStore) -> Incident:
    (one,) = store.incidents.newest()
    return one


def test_an_incident_begins_with_the_letters_that_tell_it(store: MemoryStore) -> None:
    with_rule(store, "me", "log")
    run_id = told(store, "1 is overdue")
    one = only(store)
    assert (one.rule, one.kind, one.alert_type, one.text) == ("late", "alert", "overdue_delegation", "1 is overdue")
    assert (one.state, one.started_at, one.last_told_at, one.told) == (IncidentState.FIRING, NOW, NOW, 1)
    assert (one.items, one.told_by, one.resolved_at) == ((1,), run_id, None)
    assert keys(store) == ["incident:1:start:me", "incident:1:start:log"]
    (letter, _) = store.deliveries.of_news("incident:1:")
    assert (letter.kind, letter.run_id, letter.task, letter.subject) == (
        "alert",
        run_id,
        "alerts",
        "late: 1 is overdue",
    )
    assert store.rules.get("late").last_triggered_at == NOW


def test_a_rules_own_channels_stand_in_place_of_the_tasks(store: MemoryStore) -> None:
    with_rule(store, "me", own=("phone", "log"))
    told(store, "x")
    assert keys(store) == ["incident:1:start:phone", "incident:1:start:log"]


def test_what_goes_on_is_repeated_after_the_cool_down_and_its_words_are_kept_up_to_date(store: MemoryStore) -> None:
    with_rule(store, "me")
    told(store, "1 is overdue")
    told(store, "2 are overdue", now=NOW + COOL_DOWN - HOUR)
    assert (only(store).text, only(store).told) == ("2 are overdue", 1)
    told(store, "3 are overdue", now=NOW + COOL_DOWN)
    told(store, "3 are overdue", now=NOW + COOL_DOWN + HOUR)
    told(store, "3 are overdue", now=NOW + 2 * COOL_DOWN)
    assert keys(store) == ["incident:1:start:me", "incident:1:repeat:2:me", "incident:1:repeat:3:me"]
    assert (only(store).told, only(store).started_at) == (3, NOW)
    assert store.rules.get("late").last_triggered_at == NOW + 2 * COOL_DOWN


def test_a_rules_own_cool_down_counts(store: MemoryStore) -> None:
    with_rule(store, "me")
    store.rules.edit("late", cool_down=HOUR)
    told(store, "x")
    told(store, "x", now=NOW + HOUR)
    assert only(store).told == 2


def test_an_acknowledged_incident_is_told_again_only_when_it_is_over(store: MemoryStore) -> None:
    with_rule(store, "me")
    told(store, "x")
    seen = store.incidents.acknowledge(1, "kim", NOW + HOUR)
    assert (seen.state, seen.acknowledged_by, seen.acknowledged_at) == (IncidentState.ACKNOWLEDGED, "kim", NOW + HOUR)
    told(store, "x", now=NOW + 10 * COOL_DOWN)
    assert only(store).told == 1
    run_id = told(store, now=NOW + 11 * COOL_DOWN)
    one = only(store)
    assert (one.state, one.resolved_at, one.told_by) == (IncidentState.RESOLVED, NOW + 11 * COOL_DOWN, run_id)
    assert keys(store) == ["incident:1:start:me", "incident:1:over:me"]


def test_what_is_over_is_told_once_and_what_begins_again_is_another_incident(store: MemoryStore) -> None:
    with_rule(store, "me")
    for text in ("x", "", "", "y"):
        told(store, text)
    assert keys(store) == ["incident:1:start:me", "incident:1:over:me", "incident:2:start:me"]
    assert [each.state for each in store.incidents.newest()] == ["firing", "resolved"]
    assert store.incidents.newest(state=IncidentState.FIRING, rule="late")[0].id == 2
    assert store.incidents.newest(rule="other") == []


def test_a_run_that_is_carried_out_again_tells_nothing_twice(store: MemoryStore) -> None:
    with_rule(store, "me")
    run_id = told(store, "x")
    told(store, "x", run=run_id, now=NOW + HOUR)
    assert (only(store).told, [each.id for each in store.incidents.told_by(run_id)]) == (1, [1])
    over = told(store, now=NOW + HOUR)
    told(store, now=NOW + 2 * HOUR, run=over)
    assert keys(store) == ["incident:1:start:me", "incident:1:over:me"]


@pytest.mark.parametrize("before", [[], ["x"], ["x", "x"]], ids=["start", "repeat", "over"])
def test_of_two_that_looked_at_the_same_time_the_second_tells_nothing(store: MemoryStore, before: list[str]) -> None:
    with_rule(store, "me")
    for text in before:
        told(store, text)
    now, text = NOW + COOL_DOWN, "" if len(before) == 2 else "x"
    seen = store.incidents.seen()
    told(store, text, now=now, seen=seen)
    after = (store.incidents.newest(), keys(store))
    told(store, text, now=now, seen=seen)
    assert (store.incidents.newest(), keys(store)) == after
    assert len(keys(store)) == min(2, len(before) + 1)


def test_who_was_held_up_does_not_bring_back_what_another_saw_end(store: MemoryStore) -> None:
    with_rule(store, "me")
    early = store.incidents.seen()
    told(store, "x")
    told(store)
    told(store, "x", seen=early)
    assert only(store).state is IncidentState.RESOLVED


def test_an_acknowledgement_between_look_and_word_is_not_passed_over(store: MemoryStore) -> None:
    with_rule(store, "me")
    told(store, "x")
    seen = store.incidents.seen()
    store.incidents.acknowledge(1, "kim", NOW)
    told(store, "x", now=NOW + COOL_DOWN, seen=seen)
    assert (only(store).told, only(store).state) == (1, IncidentState.ACKNOWLEDGED)


def test_of_many_daemons_one_tells(tmp_path: Path) -> None:
    stores = [MemoryStore(str(tmp_path / "memory.db")) for _ in range(4)]
    with_rule(stores[0], "me")
    looked = [(store, store.incidents.seen(), store.start_now("alerts", NOW).id) for store in stores]
    together = threading.Barrier(len(stores))

    def tell(store: MemoryStore, seen: Seen, run_id: int) -> None:
        together.wait(10)
        told(store, "x", seen=seen, run=run_id)

    threads = [threading.Thread(target=tell, args=each) for each in looked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (keys(stores[0]), only(stores[0]).told) == (["incident:1:start:me"], 1)
    for store in stores:
        store.close()


def test_a_broken_rule_is_told_once_and_says_nothing_of_what_it_watches(store: MemoryStore) -> None:
    with_rule(store, "me")
    told(store, "x")
    for hours in range(12):
        told(store, broken="column 3: there is no 'x'", now=NOW + hours * HOUR)
    assert keys(store) == ["incident:1:start:me", "incident:2:start:me"]
    assert [(each.kind, each.state) for each in store.incidents.open()] == [("alert", "firing"), ("broken", "firing")]
    told(store, now=NOW + 13 * HOUR)
    assert keys(store)[2:] == ["incident:1:over:me"]  # that it is mended is seen by whoever mended it
    assert store.incidents.get(2).reason == "it can be evaluated again"
    assert store.rules.get("late").last_triggered_at == NOW + 0 * HOUR


def test_what_is_not_watched_any_more_ends_without_a_word(store: MemoryStore) -> None:
    for name in ("late", "other", "third"):
        with_rule(store, "me", name=name)
        store.report(found(store, "x", rule=name), store.incidents.seen(), 1, UTC, NOW)
    store.rules.disable("late")
    store.rules.delete("other")
    store.report([], store.incidents.seen(), 1, UTC, NOW + HOUR)
    assert [(each.rule, each.state) for each in reversed(store.incidents.newest())] == [
        ("late", "resolved"),
        ("other", "resolved"),
        ("third", "firing"),
    ]
    assert store.incidents.get(1).reason == "its rule is not watched any more"


def test_a_rule_that_was_changed_while_it_was_evaluated_is_left_to_the_next_evaluation(store: MemoryStore) -> None:
    with_rule(store, "me")
    stale = found(store, "x")
    store.rules.edit("late", condition={"days_overdue": 9})
    store.report(stale, store.incidents.seen(), 1, UTC, NOW)
    assert store.incidents.newest() == []
    store.rules.disable("late")
    store.report(found(store, "x"), store.incidents.seen(), 1, UTC, NOW)
    assert store.incidents.newest() == []


def test_what_a_task_without_channels_finds_is_told_by_the_next_one_that_has_some(store: MemoryStore) -> None:
    with_rule(store, "me")
    store.add_task(TaskSpec(name="seed", schedule=Interval(HOUR), handler="alert_eval"), NOW - DAY)
    told(store, "x", run=store.start_now("seed", NOW).id)
    assert (only(store).heard, keys(store)) == (False, [])
    told(store, "x")
    told(store, "x")
    assert (only(store).heard, only(store).told, keys(store)) == (True, 1, ["incident:1:start:me"])


def test_that_something_is_over_is_told_to_nobody_who_did_not_hear_of_it(store: MemoryStore) -> None:
    with_rule(store, "me")
    store.add_task(TaskSpec(name="seed", schedule=Interval(HOUR), handler="alert_eval"), NOW - DAY)
    told(store, "x", run=store.start_now("seed", NOW).id)
    told(store)
    assert (only(store).state, keys(store)) == (IncidentState.RESOLVED, [])


def test_a_handler_that_is_called_by_hand_has_incidents_and_no_letters(store: MemoryStore) -> None:
    store.rules.add("late", "overdue_delegation", {}, NOW, deliver=["me"])
    store.report(found(store, "x"), store.incidents.seen(), 99, UTC, NOW)
    assert (only(store).told, keys(store)) == (1, [])


def test_all_of_a_report_is_written_or_nothing(store: MemoryStore) -> None:
    with_rule(store, "me")
    with_rule(store, "me", name="zz")
    store.database.change("CREATE TRIGGER no BEFORE INSERT ON deliveries WHEN new.key LIKE '%:2:%' BEGIN "
                          "SELECT RAISE (ABORT, 'no'); END")  # fmt: skip
    run_id = store.start_now("alerts", NOW).id
    both = found(store, "x") + found(store, "y", rule="zz")
    with pytest.raises(Refused):
        store.report(both, store.incidents.seen(), run_id, UTC, NOW)
    assert (store.incidents.newest(), keys(store)) == ([], [])
    assert store.rules.get("late").last_triggered_at is None


def test_the_table_itself_keeps_a_resolved_incident_as_it_is_and_never_gives_an_id_twice(store: MemoryStore) -> None:
    with_rule(store)
    told(store, "x")
    told(store)
    with pytest.raises(Refused, match="cannot change its state"):
        store.database.change("UPDATE incidents SET state = 'firing'")
    store.database.change("DELETE FROM incidents")
    told(store, "x")
    assert only(store).id == 2
    with pytest.raises(Refused):
        store.database.change("INSERT INTO incidents (rule, kind, alert_type, state, text, started_at, last_told_at) "
                              "VALUES ('late', 'alert', 'x', 'firing', '', 0, 0)")  # fmt: skip


def test_only_what_fires_can_be_acknowledged(store: MemoryStore) -> None:
    with_rule(store)
    with pytest.raises(NotFound, match="no incident has the id 1"):
        store.incidents.acknowledge(1, "kim", NOW)
    told(store, "x")
    with pytest.raises(UsageError, match="who acknowledges"):
        store.incidents.acknowledge(1, "", NOW)
    store.incidents.acknowledge(1, "kim", NOW)
    with pytest.raises(JarvisError, match="incident 1 is acknowledged already, by kim"):
        store.incidents.acknowledge(1, "ann", NOW)
    told(store)
    with pytest.raises(JarvisError, match="incident 1 is over"):
        store.incidents.acknowledge(1, "ann", NOW)


def test_what_is_over_goes_past_its_retention_and_what_fires_stays(store: MemoryStore) -> None:
    with_rule(store)
    told(store, "x")
    told(store, now=NOW + HOUR)
    told(store, "y", now=NOW + 2 * HOUR)
    store.prune(NOW + HOUR, 100, 100)  # behind the last run: the end of a sweep
    assert [each.id for each in store.incidents.newest()] == [2, 1]
    store.prune(NOW + 3 * DAY, 100, 100)
    assert [(each.id, each.state) for each in store.incidents.newest()] == [(2, "firing")]


# -- a run that tells by itself
def ended(store: MemoryStore, state: RunState, *, quiet: bool) -> None:
    owner = store.instances.register(NOW).id
    run_id = store.start_now("alerts", NOW).id
    (claimed,) = store.runs.claim(owner, 1, NOW)
    assert claimed.run.id == run_id
    store.runs.settle([Outcome(claimed, Result(state=state, quiet=quiet), NOW)])
    store.instances.sign_off(owner, NOW)


def test_a_quiet_success_is_no_news_unless_the_run_before_it_went_badly(store: MemoryStore) -> None:
    deliver = (Deliver("always"), Deliver("well", "success"), Deliver("back", "recovery"))
    store.add_task(TaskSpec(name="alerts", schedule=Interval(HOUR), handler="noop", deliver=deliver), NOW - DAY)
    ended(store, RunState.SUCCEEDED, quiet=True)
    assert store.deliveries.newest() == []
    ended(store, RunState.FAILED, quiet=True)
    assert [each.channel for each in store.deliveries.newest()] == ["always"]
    ended(store, RunState.SUCCEEDED, quiet=True)
    assert [each.channel for each in store.deliveries.newest()] == ["back", "well", "always", "always"]
    ended(store, RunState.SUCCEEDED, quiet=True)
    assert len(store.deliveries.newest()) == 4
    ended(store, RunState.SUCCEEDED, quiet=False)
    assert len(store.deliveries.newest()) == 6
