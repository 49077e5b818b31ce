"""`why` at moments that nothing is due at, or exactly at an edge: what is said of them, and which tense."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from jarvis.scheduler.explain import moments
from jarvis.scheduler.model import Task
from jarvis.scheduler.schedule import Cron, Once, Rrule
from tests.unit.test_explain import (
    DAILY,
    DUE,
    HOUR,
    MINUTE,
    MOVED,
    NEXT,
    NIGHTLY,
    NOW,
    PAUSED,
    SECOND,
    SPRING,
    a_row,
    a_task,
    local,
    why,
)


# -- the clock's changes ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("expression", "written", "verdict"),
    [
        ("0 2 * * *", "2026-03-08T02:00:00-06:00", "dst_gap"),
        ("0 3 * * *", "2026-03-08T03:00:00-05:00", "not_scheduled"),
    ],
)
def test_the_gap_begins_with_the_first_time_that_is_skipped_and_ends_before_the_next(
    expression: str, written: str, verdict: str
) -> None:
    task = a_task(Cron(expression, "America/Denver"))
    assert why(task, a_row(due_at=MOVED), at=datetime.fromisoformat(written)).verdict == verdict


def test_a_change_of_exactly_three_hours_is_a_correction() -> None:
    task = a_task(Cron("30 3 18 * *", "Antarctica/Casey"), created_at=datetime(2009, 1, 1, tzinfo=UTC))
    found = why(task, at=datetime.fromisoformat("2009-10-18T03:30:00+08:00"))
    assert found.verdict == "dst_gap"
    assert "after a change of three hours or more" in found.sentence


def test_a_skipped_time_may_be_written_with_no_offset_from_utc() -> None:
    task = a_task(Cron("30 1 * * *", "Europe/London"))
    row = a_row(due_at=datetime(2026, 3, 29, 1, tzinfo=UTC))
    assert why(task, row, at=datetime.fromisoformat("2026-03-29T01:30:00+00:00")).verdict == "dst_gap"


def test_the_hour_that_a_recurrence_states_is_one_on_the_wall() -> None:
    start = datetime.fromisoformat("2026-03-01T00:00:00-07:00")
    rule = Rrule("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", start, "America/Denver")
    assert why(a_task(rule), a_row(due_at=MOVED), at=SPRING).verdict == "dst_gap"


def test_a_bound_between_the_two_passes_is_not_taken_for_the_rule() -> None:
    first, second = (local(2026, 11, 1, 1, 30, fold=fold).astimezone(UTC) for fold in (0, 1))
    both = Cron("30 1 * * *", "America/Denver", dst_repeat="both")
    ended = msgspec.structs.replace(both, ends_at=first + MINUTE)
    assert why(a_task(ended, None), a_row(due_at=first), at=second).verdict == "finished"
    begun = msgspec.structs.replace(both, starts_at=first + MINUTE)
    assert why(a_task(begun), a_row(due_at=second), at=first).verdict == "not_scheduled"


def test_a_skipped_time_runs_after_the_gap_until_the_recurrence_is_over() -> None:
    start = datetime.fromisoformat("2026-03-01T02:30:00+01:00")
    ends = {"20260329T005959Z": "finished", "20260329T010000Z": "dst_gap", "20260330T000000Z": "dst_gap"}
    for until, verdict in ends.items():
        task = a_task(Rrule(f"FREQ=DAILY;UNTIL={until}", start, "Europe/Berlin"), None)
        rows = [a_row(due_at=datetime(2026, 3, 29, 1, tzinfo=UTC))] if verdict == "dst_gap" else []
        assert why(task, *rows, at=datetime.fromisoformat("2026-03-29T02:30:00+01:00")).verdict == verdict


def test_a_recurrence_of_one_instant_has_an_answer_wherever_its_zone_is() -> None:
    start = datetime.fromisoformat("2026-03-01T02:30:00+01:00")
    task = a_task(Rrule("FREQ=DAILY;UNTIL=20260301T013000Z", start, "Europe/Berlin"), None)
    assert why(task, at=SPRING).verdict == "finished"


def test_a_moment_in_a_short_gap_needs_the_row_after_the_gap_though_another_is_nearer() -> None:
    task = a_task(Cron("20,35 2 * * *", "Australia/Lord_Howe"))  # half an hour is skipped there
    at = datetime.fromisoformat("2026-10-04T02:20:00+10:30")
    assert datetime.fromisoformat("2026-10-04T02:30:00+11:00") in moments(task, at)


BOUNDS: list[dict[str, Any]] = [
    {"starts_at": local(2026, 3, 9, 0)},
    {"ends_at": local(2026, 3, 7, 0)},
    {"exclude": ("sun",)},
]


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_bound_that_leaves_out_the_day_of_the_gap_goes_before_it(bound: dict[str, Any]) -> None:
    task = a_task(msgspec.structs.replace(NIGHTLY, **bound))
    assert why(task, at=SPRING).verdict != "dst_gap"


def test_a_time_in_the_gap_that_is_still_to_come_is_told_in_the_present() -> None:
    task, moved = a_task(NIGHTLY, MOVED), MOVED.astimezone(UTC)
    before, then = (why(task, at=SPRING, now=now).sentence for now in (moved - HOUR, moved))
    assert " is due at 2026-03-08 03:00:00-06:00 instead (not yet due)" in before
    assert " was due at 2026-03-08 03:00:00-06:00 instead (not recorded yet)" in then


def test_a_repeat_that_is_still_to_come_names_the_rule_of_its_schedule() -> None:
    first, second = (local(2026, 11, 1, 1, 30, fold=fold).astimezone(UTC) for fold in (0, 1))
    task = a_task(Cron("30 1 * * *", "America/Denver", dst_repeat="second"), second)
    found = why(task, at=first, now=first - HOUR).sentence
    assert "does not run" in found
    assert "it is due in the second (dst_repeat=second)" in found
    assert found.endswith("(not yet due)")
    start = datetime.fromisoformat("2026-10-01T01:30:00-06:00")
    rule = a_task(Rrule("FREQ=DAILY", start, "America/Denver"), first)
    assert "(dst_repeat=first)" in why(rule, at=second, now=first - HOUR).sentence


# -- moments ----------------------------------------------------------------------------------------------
def test_the_answer_has_the_moment_that_was_asked_about() -> None:
    assert why(at=DUE).at == DUE


def test_a_start_by_hand_within_the_minute_of_an_occurrence_leaves_the_occurrence_meant() -> None:
    by_hand = a_row(due_at=NEXT + 5 * SECOND, origin="manual")
    assert why(None, by_hand, at=NEXT).due_at == NEXT


def test_a_row_at_the_end_of_the_minute_is_not_in_it() -> None:
    row = a_row(due_at=DUE + 11 * MINUTE, origin="manual")
    assert why(None, row, at=DUE + 10 * MINUTE).run is None


def test_a_start_by_hand_is_not_measured_against_the_schedule() -> None:
    by_hand = a_row(due_at=DUE + HOUR, origin="manual")
    assert why(None, by_hand, at=DUE + HOUR).sentence.endswith("ran and succeeded in 1.2s")


def test_at_the_instant_of_its_removal_it_is_removed() -> None:
    assert why(a_task(due=None, enabled=False), removed_at=DUE).verdict == "removed"


def test_at_the_instant_of_its_removal_nothing_is_the_nearest() -> None:
    removed: dict[str, Any] = {"task": a_task(due=None, enabled=False), "removed_at": DUE}
    assert why(**removed, at=DUE - HOUR).after is None
    assert why(**removed, at=DUE + HOUR).before == DUE - 24 * HOUR


def test_what_lies_before_the_task_is_never_the_nearest() -> None:
    added = a_task(due=None, enabled=False, created_at=DUE + MINUTE)
    assert why(added, at=NEXT + HOUR).before is None
    assert why(added, at=NEXT + HOUR, removed_at=DUE + HOUR).before is None


def test_what_is_past_of_an_ended_task_is_unrecorded_up_to_this_very_instant() -> None:
    ended = a_task(due=None)
    assert why(ended, at=DUE, now=DUE).verdict == "unrecorded"
    assert why(ended, at=DUE, now=DUE - SECOND).verdict == "finished"


def test_an_occurrence_is_not_the_nearest_to_itself() -> None:
    for due, at in ((NEXT, NEXT), (NEXT, DUE)):
        found = why(a_task(due=due), a_row(), at=at)
        assert (found.before, found.after) == (at - 24 * HOUR, at + 24 * HOUR)


def test_an_unrecorded_one_is_told_with_its_schedule() -> None:
    assert "due at 2026-11-21 09:00:00-07:00 by its schedule (cron" in why(at=DUE - 24 * HOUR).sentence


@pytest.mark.parametrize(
    ("task", "verdict", "words"),
    [
        (a_task(due=DUE), "due", "0s ago, is not recorded"),
        (a_task(due=DUE, enabled=False, paused_at=DUE), "paused", "09:00:00-07:00, did not run"),
    ],
)
def test_what_is_due_at_this_very_instant_is_no_longer_to_come(task: Task, verdict: str, words: str) -> None:
    found = why(task, at=DUE, now=DUE)
    assert found.verdict == verdict
    assert words in found.sentence


def test_this_very_instant_is_told_in_the_past_and_a_later_one_in_the_present() -> None:
    assert " was not scheduled" in why(at=NOW).sentence
    assert " is not scheduled" in why(at=NOW + MINUTE).sentence


def test_after_the_end_the_last_one_is_told_with_what_became_of_it() -> None:
    task = a_task(msgspec.structs.replace(DAILY, ends_at=DUE + MINUTE), None)
    assert why(task, a_row(), at=DUE + HOUR).sentence.endswith("; the last was 2026-11-22 09:00:00-07:00 (succeeded)")
    assert why(a_task(DAILY, None, created_at=DUE + MINUTE), at=NOW).sentence.endswith("no more instants")


@pytest.mark.parametrize(
    ("task", "at", "end"),
    [
        (
            a_task(due=DUE, created_at=DUE - HOUR),
            DUE - MINUTE,
            "; the nearest is 2026-11-22 09:00:00-07:00 after (not recorded yet)",
        ),
        (a_task(), DUE - HOUR, "09:00:00-07:00 after (no row in the ledger)"),
        (PAUSED, DUE + HOUR, "2026-11-23 09:00:00-07:00 after (paused)"),
        (
            a_task(Once(DUE, "America/Denver"), DUE),
            DUE + HOUR,
            "; the nearest is 2026-11-22 09:00:00-07:00 before (not recorded yet)",
        ),
        (a_task(msgspec.structs.replace(DAILY, exclude=("sun",)), None), DUE, "its calendar leaves out sun"),
    ],
)
def test_the_nearest_with_what_became_of_them(task: Task, at: datetime, end: str) -> None:
    assert why(task, at=at).sentence.endswith(end)


# -- the present ------------------------------------------------------------------------------------------
def test_the_present_has_the_row_it_tells_of() -> None:
    row = a_row()
    found = why(None, row, at=None)
    assert (found.due_at, found.run) == (DUE, row)
    assert any(fact.startswith("run 12: ") for fact in found.facts)
