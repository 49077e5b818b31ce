"""The worlds can fail: each of these breaks one thing, and a few seeds find it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest

from jarvis.memory import causes, deliveries, holding, runs, tasks
from jarvis.memory.causes import CauseTable
from jarvis.memory.deliveries import DeliveryTable
from jarvis.memory.instances import InstanceTable
from jarvis.memory.runs import RunTable
from jarvis.scheduler import executor, judgement, misfire, planner, quiet
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.model import DeliveryState, RunState
from jarvis.scheduler.onevent import Rate
from jarvis.scheduler.outbox import Outbox
from jarvis.scheduler.plan import BEFORE_REMOVAL, passed_over, plan
from tests.simulation.seed_causes import ScriptedSieve
from tests.simulation.seed_deliveries import Broken
from tests.simulation.seed_machine import Machine
from tests.simulation.seed_world import live_through

WITHIN = 150

Patch = pytest.MonkeyPatch


def replaced(patch: Patch, table: dict[str, str], verb: str, old: str, new: str) -> None:
    assert old in table[verb]
    patch.setitem(table, verb, table[verb].replace(old, new))


def recover_the_living(patch: Patch) -> None:
    patch.setattr(InstanceTable, "alive", lambda _table, _instance, _now: False)


def record_apart_from_the_advance(patch: Patch) -> None:
    patch.setattr(RunTable, "record", _record_in_two)


def _record_in_two(table: RunTable, planned: Any, now: datetime) -> int:
    database, written = table._database, 0
    for entry in planned:
        for task, made in table._tasks.advance([entry]):
            if database._depth == 1:  # cut the tick's transaction in two
                database._connection.execute("COMMIT")
                database._connection.execute("BEGIN IMMEDIATE")
            written += sum(table._insert(task, row, "schedule", now) for row in made.record)
    return written


def forget_an_instant(patch: Patch) -> None:
    real = misfire.newest
    patch.setattr(misfire, "newest", lambda *given: real(*given)[:-1])


def count_one_too_many(patch: Patch) -> None:
    real = misfire.missed

    def wrong(*given: Any) -> Any:
        row = real(*given)
        return type(row)(due_at=row.due_at, state=row.state, reason=row.reason, until=row.until, count=row.count + 1)

    patch.setattr(misfire, "missed", wrong)


def claim_what_runs(patch: Patch) -> None:
    replaced(patch, runs._SQL, "claimable", "r.state = 'pending'", "r.state IN ('pending', 'running')")
    replaced(patch, runs._SQL, "claim", "state = 'pending'", "state IN ('pending', 'running')")


def keep_the_fence(patch: Patch) -> None:
    replaced(patch, runs._SQL, "claim", "fence = fence + 1", "fence = fence")


def advance_without_asking(patch: Patch) -> None:
    replaced(patch, tasks._SQL, "advance", "AND next_run_at = ?4 AND revision = ?5", "AND ?4 AND ?5")
    replaced(patch, runs._SQL, "insert", "ON CONFLICT (task_id, due_at) DO NOTHING", "ON CONFLICT DO NOTHING")


def forget_outcomes_before_the_commit(patch: Patch) -> None:
    real = RunTable.settle

    def settle(table: RunTable, outcomes: Any) -> Any:
        outcomes_of(table).acknowledge(len(outcomes))
        return real(table, outcomes)

    executors: dict[int, Any] = {}
    made = SchedulerEngine.__init__

    def remember(self: SchedulerEngine, store: Any, work: Any, *rest: Any, **more: Any) -> None:
        executors[id(store.runs)] = work
        made(self, store, work, *rest, **more)

    def outcomes_of(table: RunTable) -> Any:
        return executors[id(table)]

    patch.setattr(SchedulerEngine, "__init__", remember)
    patch.setattr(RunTable, "settle", settle)


def start_before_the_commit(patch: Patch) -> None:
    real = SchedulerEngine._claim

    def claim_and_start(self: SchedulerEngine, *given: Any) -> Any:
        self._start(real(self, *given))
        return []

    patch.setattr(SchedulerEngine, "_claim", claim_and_start)


def leave_processes_behind(patch: Patch) -> None:
    patch.setattr(Machine, "end_marked", lambda _machine, _mark: 0)


def cut_off_without_a_word(patch: Patch) -> None:
    patch.setattr(RunTable, "_keep_attempt", lambda *_given: None)


def never_recover(patch: Patch) -> None:
    patch.setattr(SchedulerEngine, "recover", lambda _engine, _now: [])


def miss_a_change_of_the_zone(patch: Patch) -> None:
    patch.setattr(SchedulerEngine, "rezone", lambda _engine, _zone, _now: 0)


def remove_without_a_trace(patch: Patch) -> None:
    real = passed_over

    def untold(task: Any, now: datetime, why: str) -> Any:
        made = real(task, now, why)
        return msgspec.structs.replace(made, record=()) if why == BEFORE_REMOVAL else made

    patch.setattr("jarvis.memory.store.passed_over", untold)


def give_no_reason(patch: Patch) -> None:
    patch.setattr(executor, "said", lambda _error: "")


def plan_late(patch: Patch) -> None:
    real = plan

    def late(task: Any, now: datetime, *rest: Any) -> Any:
        made = real(task, now, *rest)
        if made.next_run_at is None:
            return made
        return type(made)(made.record, task.schedule.next_after(made.next_run_at), made.start)

    patch.setattr(planner, "plan", late)


def say_another_state(patch: Patch) -> None:
    patch.setattr("jarvis.scheduler.explain.of_row", lambda *_given: ("ran", "ran"))


def end_without_a_delivery(patch: Patch) -> None:
    patch.setattr(DeliveryTable, "add_result", lambda *_given, **_named: 0)


def pause_without_a_delivery(patch: Patch) -> None:
    patch.setattr(DeliveryTable, "add_paused", lambda *_given: 0)


def tell_of_every_run_as_of_a_change(patch: Patch) -> None:
    real = DeliveryTable.add_result

    def turned(table: DeliveryTable, *given: Any, **named: Any) -> int:
        return real(table, *given, **{**named, "turned": True})

    patch.setattr(DeliveryTable, "add_result", turned)


def send_again_after_a_crash(patch: Patch) -> None:
    replaced(patch, deliveries._SQL, "lose", "state = 'unknown'", "state = 'pending'")


def keep_the_fence_of_a_delivery(patch: Patch) -> None:
    replaced(patch, deliveries._SQL, "claim", "fence = fence + 1", "fence = fence")


def send_before_the_commit(patch: Patch) -> None:
    real = Outbox.claim

    def claim_and_send(self: Outbox, *given: Any) -> Any:
        self.start(real(self, *given))
        return []

    patch.setattr(Outbox, "claim", claim_and_send)


def settle_an_event_before_its_runs(patch: Patch) -> None:
    real = CauseTable._hear

    def apart(table: CauseTable, event: Any, *rest: Any) -> Any:
        database = table._database
        database.change(causes._SQL["matched"], {"id": event.id, "status": "started"})
        if database._depth == 1:  # cut the tick's transaction in two
            database._connection.execute("COMMIT")
            database._connection.execute("BEGIN IMMEDIATE")
        return real(table, event, *rest)

    patch.setattr(CauseTable, "_hear", apart)


def leave_an_event_pending(patch: Patch) -> None:
    replaced(patch, causes._SQL, "matched", "WHERE id = :id", "WHERE id = -:id")


def start_nothing_after_a_run(patch: Patch) -> None:
    patch.setattr(CauseTable, "any_chained", lambda _table: False)


def follow_whatever_became_of_a_run(patch: Patch) -> None:
    real = CauseTable.ended
    patch.setattr(CauseTable, "ended", lambda table, run, _state, now: real(table, run, RunState.SUCCEEDED, now))


def join_a_run_that_has_begun(patch: Patch) -> None:
    replaced(patch, causes._SQL, "waiting", "AND state = 'pending' AND attempt = 0", "")


def keep_to_no_rate(patch: Patch) -> None:
    patch.setattr(Rate, "spent", lambda *_given: False)


def let_every_filter_pass(patch: Patch) -> None:
    patch.setattr(ScriptedSieve, "said", lambda *_given: ("takes", ""))


def give_the_first_event(patch: Patch) -> None:
    replaced(patch, causes._SQL, "event_of", "MAX(event_id)", "MIN(event_id)")


def wake_people(patch: Patch) -> None:
    patch.setattr(quiet.QuietHours, "until", lambda _hours, _now: None)


def believe_that_what_failed_was_told(patch: Patch) -> None:
    patch.setattr(judgement, "_TOLD", frozenset(DeliveryState))


def lose_members_of_a_digest(patch: Patch) -> None:
    replaced(patch, holding._SQL, "join_digest", "digest_id = :digest", "digest_id = NULL")


def all_of(seeds: int) -> None:
    for seed in range(seeds):
        live_through(seed)


SABOTAGES: tuple[tuple[Callable[[Patch], None], str], ...] = (
    (recover_the_living, "once|ends"),
    (record_apart_from_the_advance, "accounted for|keeps"),
    (forget_an_instant, "accounted for"),
    (count_one_too_many, "accounted for"),
    (claim_what_runs, "once"),
    (keep_the_fence, "once"),
    (forget_outcomes_before_the_commit, "ends|once"),
    (start_before_the_commit, "once"),
    (leave_processes_behind, "once"),
    (cut_off_without_a_word, "once"),
    (never_recover, "ends"),
    (miss_a_change_of_the_zone, "keeps"),
    (remove_without_a_trace, "accounted for"),
    (give_no_reason, "accounted for"),
    (plan_late, "accounted for"),
    (say_another_state, "explains"),
    (end_without_a_delivery, "accounted for"),
    (pause_without_a_delivery, "accounted for"),
    (tell_of_every_run_as_of_a_change, "accounted for"),
    (send_again_after_a_crash, "once|accounted for"),
    (keep_the_fence_of_a_delivery, "once"),
    (send_before_the_commit, "once"),
    (settle_an_event_before_its_runs, "accounted for"),
    (leave_an_event_pending, "accounted for"),
    (start_nothing_after_a_run, "accounted for"),
    (follow_whatever_became_of_a_run, "accounted for"),
    (join_a_run_that_has_begun, "accounted for|once"),
    (keep_to_no_rate, "accounted for"),
    (let_every_filter_pass, "accounted for"),
    (give_the_first_event, "accounted for"),
    (wake_people, "keeps"),
    (believe_that_what_failed_was_told, "accounted for"),
    (lose_members_of_a_digest, "accounted for"),
)


@pytest.mark.parametrize(("sabotage", "promise"), SABOTAGES, ids=lambda given: getattr(given, "__name__", ""))
def test_a_known_sabotage_is_found_within_a_few_seeds(
    sabotage: Callable[[Patch], None], promise: str, monkeypatch: Patch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(Broken, match=f"^({promise}):"):
        all_of(WITHIN)
