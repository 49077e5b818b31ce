"""`why`, sentence by sentence: from facts that are given to what is said of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from jarvis.scheduler.clockwatch import Absence
from jarvis.scheduler.explain import Facts, Why, explain, moments, window
from jarvis.scheduler.instant import LATEST
from jarvis.scheduler.model import Instance, Policy, Run, RunState, Task
from jarvis.scheduler.schedule import Cron, Interval, Once, Rrule, Schedule

DENVER = ZoneInfo("America/Denver")
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
ADDED = datetime(2026, 1, 1, tzinfo=UTC)
DAILY = Cron("0 9 * * *", "America/Denver")


def local(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=DENVER, fold=fold)  # type: ignore[misc, arg-type]


DUE = local(2026, 11, 22, 9)
NOW = DUE + 2 * HOUR
NEXT = local(2026, 11, 23, 9)
DAEMON = Instance(
    id=4, host="nest", pid=1306, process_started_at="1", token="t", version="1",
    started_at=ADDED, heartbeat_at=NOW, lease_until=NOW, stopped_at=None,
)  # fmt: skip


def a_task(schedule: Schedule = DAILY, due: datetime | None = NEXT, **changed: Any) -> Task:
    task = Task(
        id=1, name="backup", schedule=schedule, handler="noop", params={}, policy=Policy(), origin="user",
        created_at=ADDED, revision=1, enabled=True, paused_at=None, pause_reason=None, next_run_at=due,
    )  # fmt: skip
    return msgspec.structs.replace(task, **changed)


def a_row(state: RunState = RunState.SUCCEEDED, due_at: datetime = DUE, **changed: Any) -> Run:
    """One that came about in time and took 1.2 s, as far as it goes."""
    started = None if state in (RunState.PENDING, RunState.MISSED, RunState.SKIPPED) else due_at
    open_ = state in (RunState.PENDING, RunState.RUNNING)
    row = Run(
        id=12, task_id=1, task="backup", due_at=due_at, until=None, count=1, origin="schedule", state=state, reason="",
        attempt=0 if started is None else 1, recorded_at=due_at, available_at=due_at, started_at=started,
        finished_at=None if open_ else due_at + timedelta(seconds=1.2), owner=4 if started else None, fence=1,
    )  # fmt: skip
    return msgspec.structs.replace(row, **changed)


def why(task: Task | None = None, *rows: Run, at: datetime | None = DUE, now: datetime = NOW, **more: Any) -> Why:
    known: dict[str, Any] = {"living": (DAEMON,), "owners": (DAEMON,), "places": 8, "settle": 10 * SECOND} | more
    return explain(Facts(task=task or a_task(), now=now, at=at, rows=rows, **known))


def said(found: Why) -> tuple[str, str]:
    return found.verdict, found.sentence


# -- what ran ---------------------------------------------------------------------------------------------
def test_a_run_in_time() -> None:
    assert said(why(None, a_row())) == (
        "ran",
        "backup, due at 2026-11-22 09:00:00-07:00, ran on time and succeeded in 1.2s",
    )


def test_what_its_handler_said_is_added() -> None:
    assert why(None, a_row(reason="3 alerts")).sentence.endswith("succeeded in 1.2s: 3 alerts")


LATE: dict[str, Any] = {"started_at": DUE + HOUR, "recorded_at": DUE + HOUR, "finished_at": DUE + HOUR + SECOND}
SLEPT = Absence(kind="slept", since=DUE - HOUR, until=DUE + HOUR)


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"reason": "late by 1h: while the machine slept 08:00-10:00"}, "while the machine slept 08:00-10:00"),
        ({"reason": "late by 1h: first seen after their time"}, "as it was first seen at 2026-11-22 10:00:00-07:00"),
        ({"recorded_at": DUE + SECOND}, "as it waited 59m59s for its turn"),
        ({"recorded_at": DUE, "attempt": 2}, "as its attempt 2 began then"),
        (
            {"recorded_at": DUE + 30 * MINUTE, "reason": "late by 30m: while no daemon was running 08:00-09:30"},
            "while no daemon was running 08:00-09:30 and then it waited 30m for its turn",
        ),
    ],
)
def test_a_late_run_with_what_made_it_late(changed: dict[str, Any], cause: str) -> None:
    found = why(None, a_row(**{**LATE, **changed}))
    assert found.verdict == "ran_late"
    assert f"ran 1h late, {cause}," in found.sentence


def test_an_absence_explains_what_the_ledger_does_not() -> None:
    found = why(None, a_row(**LATE, reason="late by 1h: first seen after their time"), absences=(SLEPT,))
    assert "ran 1h late, while the machine slept 2026-11-22 08:00-10:00, and" in found.sentence
    assert any("machine slept" in fact for fact in found.facts)


def test_within_the_grace_and_within_the_jitter_nothing_is_late() -> None:
    assert why(None, a_row(started_at=DUE + 59 * SECOND)).verdict == "ran"
    jittered = a_task(msgspec.structs.replace(DAILY, jitter=10 * MINUTE))
    start = DUE + 7 * MINUTE
    assert why(jittered, a_row(available_at=start, started_at=start)).verdict == "ran"
    assert why(jittered, a_row(available_at=start, started_at=start + 2 * MINUTE)).verdict == "ran_late"


@pytest.mark.parametrize(
    ("state", "changed", "sentence"),
    [
        (RunState.FAILED, {"reason": "exit code 3"}, "failed after 1.2s: exit code 3"),
        (RunState.FAILED, {"attempt": 3}, "failed after 1.2s on attempt 3"),
        (RunState.TIMED_OUT, {"reason": "killed"}, "timed out: it was ended 1.2s after its start: killed"),
        (
            RunState.UNKNOWN,
            {"reason": "a process could not be ended"},
            "started at 2026-11-22 09:00:00-07:00, and what became of it is unknown: a process could not be ended",
        ),
        (
            RunState.CANCELLED,
            {"reason": "cancelled: the task was removed", "started_at": None},
            "was cancelled at 2026-11-22 09:00:01.200-07:00 before it started: the task was removed",
        ),
        (
            RunState.CANCELLED,
            {"reason": "the daemon was stopped"},
            "was cancelled at 2026-11-22 09:00:01.200-07:00 after it had run for 1.2s: the daemon was stopped",
        ),
        (RunState.SKIPPED, {"reason": "skipped: run 11 was not over"}, "was skipped: run 11 was not over"),
        (RunState.MISSED, {"reason": "missed: 1 occurrence while it slept"}, "was missed: while it slept"),
        (RunState.MISSED, {}, "was missed: the ledger gives no reason"),
    ],
)  # fmt: skip
def test_what_did_not_end_well(state: RunState, changed: dict[str, Any], sentence: str) -> None:
    assert said(why(None, a_row(state, **changed))) == (state, f"backup, due at 2026-11-22 09:00:00-07:00, {sentence}")


def test_a_late_failure_says_both() -> None:
    found = why(None, a_row(RunState.FAILED, **LATE, reason="exit code 3 late by 1h: while the machine slept"))
    assert found.sentence.endswith("failed after 1s: exit code 3; it had started 1h late, while the machine slept")


def test_a_skipped_one_names_the_run_that_was_in_the_way_and_what_became_of_it() -> None:
    skipped = a_row(RunState.SKIPPED, reason="skipped: run 11 was not over")
    before = a_row(RunState.FAILED, DUE - 24 * HOUR, id=11)
    assert why(None, before, skipped).sentence.endswith(
        "was skipped: run 11, due at 2026-11-21 09:00:00-07:00, was not over (overlap=skip); it has failed since"
    )
    going_on = a_row(RunState.RUNNING, DUE - 24 * HOUR, id=11)
    assert why(None, going_on, skipped).sentence.endswith("it is still running")


def test_a_start_by_hand_is_called_so() -> None:
    assert why(None, a_row(origin="manual")).sentence.startswith("backup, started by hand at 2026-11-22 09")
    assert " by an event, " in why(None, a_row(origin="event")).sentence


# -- a range ----------------------------------------------------------------------------------------------
HOURLY = Cron("0 * * * *", "America/Denver")
RANGE = a_row(
    RunState.MISSED, DUE, until=DUE + 4 * HOUR, count=5,
    reason="missed: 5 occurrences while the machine slept 09:00-13:30; a newer one had come due",
)  # fmt: skip


def test_one_of_a_range_is_told_with_the_range() -> None:
    found = why(a_task(HOURLY, DUE + 6 * HOUR), RANGE, at=DUE + 2 * HOUR, now=DUE + 5 * HOUR)
    assert said(found) == (
        "missed",
        "backup, due at 2026-11-22 11:00:00-07:00, was missed as one of 5 from 2026-11-22 09:00:00-07:00 to "
        "2026-11-22 13:00:00-07:00: while the machine slept 09:00-13:30; a newer one had come due",
    )
    assert (found.run, found.due_at) == (RANGE, DUE + 2 * HOUR)


def test_what_kept_this_one_from_being_seen_is_told_if_it_is_something_else() -> None:
    stopped = Absence(kind="stopped", since=DUE + 100 * MINUTE, until=DUE + 140 * MINUTE)
    found = why(a_task(HOURLY, DUE + 6 * HOUR), RANGE, at=DUE + 2 * HOUR, absences=(stopped,))
    assert found.sentence.endswith("(this one while no daemon was running 2026-11-22 10:40-11:20)")


def test_a_moment_inside_a_range_that_is_no_occurrence_is_not_scheduled() -> None:
    found = why(a_task(HOURLY, DUE + 6 * HOUR), RANGE, at=DUE + 90 * MINUTE)
    assert (found.verdict, found.run, found.before, found.after) == ("not_scheduled", None, DUE + HOUR, DUE + 2 * HOUR)
    assert "11:00:00-07:00 after (missed: while the machine slept" in found.sentence


# -- what is open -----------------------------------------------------------------------------------------
def test_a_running_one_with_who_holds_it() -> None:
    assert why(None, a_row(RunState.RUNNING)).sentence.endswith(
        "has been running since 2026-11-22 09:00:00-07:00 (2h so far), held by process 1306 on nest"
    )


@pytest.mark.parametrize(("on_interrupt", "then"), [("rerun", "runs it again"), ("fail", "settles it as failed")])
def test_a_running_one_whose_daemon_is_gone(on_interrupt: Any, then: str) -> None:
    found = why(a_task(policy=Policy(on_interrupt=on_interrupt)), a_row(RunState.RUNNING), living=())
    assert f"is gone: the next daemon that looks {then} (on_interrupt={on_interrupt})" in found.sentence
    assert "nothing is known" in why(None, a_row(RunState.RUNNING), owners=()).sentence


@pytest.mark.parametrize(
    ("changed", "more", "waits_for"),
    [
        ({}, {"living": ()}, "no daemon is running"),
        ({}, {}, "the daemon (process 1306) has not claimed it yet"),
        ({}, {"busy": 8}, "no place is free: 8 runs of 8 at most are running"),
        ({"available_at": NOW + MINUTE}, {}, "it may start from 2026-11-22 11:01:00-07:00 on, in 1m"),
        (
            {},
            {"absences": (Absence(kind="slept", since=DUE, until=NOW - 4 * SECOND),)},
            "the machine woke 4s ago, and the daemon lets it settle first",
        ),
        (
            {"reason": "(attempt 1 was cut off: its daemon ended without a word)"},
            {"living": ()},
            "has not started yet (attempt 1 was cut off: its daemon ended without a word): no daemon is running",
        ),
    ],
)
def test_a_pending_one_with_what_it_waits_for(changed: dict[str, Any], more: dict[str, Any], waits_for: str) -> None:
    found = why(None, a_row(RunState.PENDING, **changed), **more)
    assert found.verdict == "pending"
    assert found.sentence.endswith(waits_for)


def test_a_pending_one_waits_for_the_run_before_it_unless_they_may_overlap() -> None:
    rows = (a_row(RunState.RUNNING, DUE - HOUR, id=11), a_row(RunState.PENDING))
    queued = a_task(policy=Policy(overlap="queue"))
    assert "run 11, due at 2026-11-22 08:00:00-07:00, is still running (overlap=queue)" in why(queued, *rows).sentence
    assert "run 11" not in why(a_task(policy=Policy(overlap="allow")), *rows).sentence


def test_a_jittered_one_says_so() -> None:
    task = a_task(msgspec.structs.replace(DAILY, jitter=3 * HOUR))
    found = why(task, a_row(RunState.PENDING, available_at=NOW + MINUTE))
    assert found.sentence.endswith("in 1m, 2h1m after its due time (jitter)")


# -- what is still to come, and what is not ---------------------------------------------------------------
def test_not_yet_due() -> None:
    assert said(why(at=NEXT)) == ("not_yet_due", "backup is due at 2026-11-23 09:00:00-07:00, in 22h")
    later = local(2026, 12, 24, 9)
    assert said(why(at=later)) == ("not_yet_due", "backup is due at 2026-12-24 09:00:00-07:00, in 31d22h")
    assert why(at=later).due_at == later


def test_what_may_still_change_it() -> None:
    bounded = msgspec.structs.replace(DAILY, jitter=5 * MINUTE, max_runs=3)
    assert why(a_task(bounded), at=NEXT, living=()).sentence.endswith(
        ", and starts up to 5m later (jitter), but no daemon is running now"
    )
    later = why(a_task(bounded, starts=1), at=NEXT + 24 * HOUR).sentence
    assert later.endswith("(jitter), unless the 2 runs left of 3 are used up before")


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        ({"living": ()}, "no daemon is running"),
        ({}, "the daemon (process 1306) has not looked yet"),
        ({"absences": (Absence(kind="slept", since=DUE, until=NEXT + SECOND),)}, "the machine woke 2s ago"),
        ({"absences": (Absence(kind="slept", since=DUE, until=NEXT - MINUTE),)}, "has not looked yet"),
    ],
)
def test_due_and_not_recorded(more: dict[str, Any], cause: str) -> None:
    found = why(at=NEXT, now=NEXT + 3 * SECOND, **more)
    assert found.verdict == "due"
    assert "due at 2026-11-23 09:00:00-07:00, 3s ago, is not recorded yet: " in found.sentence
    assert cause in found.sentence


PAUSED = a_task(enabled=False, paused_at=NOW - HOUR, pause_reason="holiday")


def test_a_paused_task() -> None:
    assert said(why(PAUSED, at=NEXT)) == (
        "paused",
        "backup does not run at 2026-11-23 09:00:00-07:00 unless it is resumed before: it has been paused since "
        "2026-11-22 10:00:00-07:00 (holiday)",
    )
    found = why(PAUSED, at=NEXT, now=NEXT + HOUR)
    assert found.verdict == "paused"
    assert "did not run: it has been paused since" in found.sentence
    assert found.sentence.endswith("and what is not recorded yet will be, as missed, when it is resumed")
    early = why(msgspec.structs.replace(PAUSED, next_run_at=DUE), at=DUE)
    assert early.verdict == "paused"
    assert "09:00:00-07:00, was not recorded before the task was paused: it has been" in early.sentence


def test_before_it_was_added_and_after_it_was_removed() -> None:
    assert said(why(at=local(2025, 12, 24, 9))) == (
        "before_created",
        "backup had nothing due at 2025-12-24 09:00:00-07:00: it was added at 2025-12-31 17:00:00-07:00",
    )
    gone: dict[str, Any] = {"task": a_task(due=None, enabled=False), "removed_at": DUE - HOUR}
    assert said(why(**gone)) == (
        "removed",
        "backup did not run at 2026-11-22 09:00:00-07:00: it was removed at 2026-11-22 08:00:00-07:00",
    )
    assert "does not run at 2026-11-23 09" in why(**gone, at=NEXT).sentence
    found = why(**gone, at=DUE - 24 * HOUR)
    assert found.verdict == "unrecorded"
    assert "had not been recorded when the task was removed" in found.sentence


def test_an_instant_at_which_the_task_was_added_was_not_promised() -> None:
    task = a_task(created_at=DUE - 24 * HOUR, due=DUE)
    assert why(task, at=DUE - 24 * HOUR).verdict == "before_created"
    assert why(task, at=DUE - HOUR).before is None


def test_a_first_instant_before_the_task_was_added_is_promised_all_the_same() -> None:
    assert why(a_task(Once(DUE), DUE, created_at=DUE + SECOND), at=DUE).verdict == "due"


def test_a_past_instant_without_a_row_is_no_guess() -> None:
    found = why(at=DUE - 24 * HOUR)
    assert found.verdict == "unrecorded"
    assert "its row was pruned, or the task's schedule or its zone's rules were changed since" in found.sentence


def test_a_row_that_the_schedule_no_longer_asks_for_is_what_happened() -> None:
    found = why(a_task(Cron("0 8 * * *", "America/Denver"), local(2026, 11, 23, 8)), a_row())
    assert found.verdict == "ran"
    assert (
        "(the schedule as it is now, cron 0 8 * * * (America/Denver), does not ask for that instant)" in found.sentence
    )


@pytest.mark.parametrize(
    ("schedule", "cause"),
    [
        (Once(DUE, "America/Denver"), "it was to run once, at 2026-11-22 09:00:00-07:00"),
        (msgspec.structs.replace(DAILY, ends_at=DUE + MINUTE), "its schedule ended at 2026-11-22 09:01:00-07:00"),
        (msgspec.structs.replace(DAILY, max_runs=3), "the 3 runs it may have are used up (max_runs)"),
    ],
)
def test_a_finished_task(schedule: Schedule, cause: str) -> None:
    task = a_task(schedule, None, starts=3)
    found = why(task, a_row(), at=NEXT)
    assert found.verdict == "finished"
    assert f"09:00:00-07:00: {cause}" in found.sentence
    present = why(task, a_row(), at=None)
    assert present.verdict == "finished"
    assert present.sentence.endswith(f"; nothing more is due: {cause}")


def test_not_scheduled_then_and_when_it_is() -> None:
    assert said(why(None, a_row(RunState.FAILED, reason="exit code 3"), at=DUE + HOUR)) == (
        "not_scheduled",
        "backup was not scheduled at 2026-11-22 10:00:00-07:00: its schedule is cron 0 9 * * * (America/Denver); the "
        "nearest are 2026-11-22 09:00:00-07:00 before (failed: exit code 3) and 2026-11-23 09:00:00-07:00 after "
        "(not yet due)",
    )
    first = why(a_task(due=DUE, created_at=DUE - HOUR), at=DUE - MINUTE, now=DUE - HOUR)
    assert (first.before, first.after) == (None, DUE)
    last = why(a_task(Once(DUE), DUE), at=DUE + HOUR, now=DUE - HOUR)
    assert (last.verdict, last.before, last.after) == ("not_scheduled", DUE, None)


def test_a_day_that_the_calendar_leaves_out() -> None:
    task = a_task(msgspec.structs.replace(DAILY, exclude=("sun", "2026-12-24..2026-12-26")), NEXT)
    found = why(task, at=DUE)  # a Sunday
    assert found.verdict == "excluded"
    assert "did not run at 2026-11-22 09:00:00-07:00: its calendar leaves out sun" in found.sentence
    assert (found.before, found.after) == (DUE - 24 * HOUR, NEXT)
    christmas = why(task, at=local(2026, 12, 25, 9)).sentence
    assert "does not run at 2026-12-25 09:00:00-07:00: its calendar leaves out 2026-12-24..2026-12-26" in christmas
    assert why(task, at=DUE + HOUR).verdict == "not_scheduled"


def test_intervals_from_the_end_of_the_last_run_are_known_from_the_ledger_alone() -> None:
    task = a_task(Interval(HOUR, ADDED, "America/Denver", after_completion=True), DUE + 3 * HOUR)
    rows = (a_row(), a_row(due_at=DUE + 90 * MINUTE, id=13))
    found = why(task, *rows, at=DUE + HOUR)
    assert (found.verdict, found.before, found.after) == ("not_scheduled", DUE, DUE + 90 * MINUTE)
    assert why(task, *rows, at=DUE + 90 * MINUTE).verdict == "ran"
    assert why(task, *rows, at=DUE + 3 * HOUR).verdict == "not_yet_due"
    assert said(why(task, *rows, at=DUE + 4 * HOUR)) == (
        "undetermined",
        "backup may or may not be due at 2026-11-22 13:00:00-07:00: each is due 1h after the end of the one before it; "
        "the next is due at 2026-11-22 12:00:00-07:00",
    )


def test_while_such_a_run_goes_on_the_next_is_not_known() -> None:
    task = a_task(Interval(HOUR, ADDED, "America/Denver", after_completion=True), DUE + HOUR)
    row = a_row(RunState.RUNNING)
    found = why(task, row, at=DUE + HOUR)
    assert found.verdict == "undetermined"
    assert found.sentence.endswith(": each is due 1h after the end of the one before it")
    present = why(task, row, at=None)
    assert present.verdict == "running"
    assert present.sentence.endswith("; the next is due 1h after the end of the one before it")


def test_what_came_due_after_the_last_run_allowed_is_finished_and_not_lost() -> None:
    task = a_task(msgspec.structs.replace(DAILY, max_runs=1), None, starts=1)
    row = a_row(due_at=DUE - 48 * HOUR)
    assert why(task, row, at=DUE).verdict == "finished"
    assert why(task, row, at=DUE - 72 * HOUR).verdict == "unrecorded"


# -- the two odd days of the year -------------------------------------------------------------------------
SPRING = datetime.fromisoformat("2026-03-08T02:30:00-07:00")  # as a person writes it: there is no such time
MOVED = local(2026, 3, 8, 3)
NIGHTLY = Cron("30 2 * * *", "America/Denver")


@pytest.mark.parametrize("offset", ["-07:00", "-06:00"])
def test_a_time_that_does_not_exist_ran_right_after_the_gap(offset: str) -> None:
    at = datetime.fromisoformat(f"2026-03-08T02:30:00{offset}")
    task = a_task(NIGHTLY)
    assert MOVED in moments(task, at)
    assert said(why(task, a_row(due_at=MOVED), at=at)) == (
        "dst_gap",
        "backup was due at 2026-03-08 03:00:00-06:00 instead (succeeded): 02:30 does not exist on 2026-03-08, as the "
        "clock went from 02:00 to 03:00",
    )


def test_the_moved_run_says_why_it_is_at_that_hour() -> None:
    found = why(a_task(NIGHTLY), a_row(due_at=MOVED), at=MOVED)
    assert said(found) == (
        "ran",
        "backup, due at 2026-03-08 03:00:00-06:00 (its time, 02:30, does not exist that day), ran on time and "
        "succeeded in 1.2s",
    )
    assert (
        "does not exist"
        not in why(a_task(NIGHTLY), a_row(due_at=local(2026, 3, 9, 2, 30)), at=local(2026, 3, 9, 2, 30)).sentence
    )


@pytest.mark.parametrize(
    ("schedule", "cause"),
    [
        (msgspec.structs.replace(NIGHTLY, dst_gap="skip"), "with dst_gap=skip it is left out"),
        (Cron("*/30 2 * * *", "America/Denver"), "a schedule with a star for the minute or the hour follows real time"),
    ],
)
def test_a_time_that_does_not_exist_and_is_not_made_up_for(schedule: Schedule, cause: str) -> None:
    found = why(a_task(schedule), at=SPRING)
    assert found.verdict == "dst_gap"
    assert f"02:30 does not exist on 2026-03-08, as the clock went from 02:00 to 03:00, and {cause}" in found.sentence


def test_a_day_that_was_left_out_by_a_correction_of_the_clock() -> None:
    task = a_task(Cron("0 9 30 * *", "Pacific/Apia"), created_at=datetime(2011, 1, 1, tzinfo=UTC))
    found = why(task, at=datetime.fromisoformat("2011-12-30T09:00:00-10:00"))
    assert found.verdict == "dst_gap"
    assert (
        "the clock went from 2011-12-30 00:00 to 2011-12-31 00:00, and after a change of three hours" in found.sentence
    )


def test_a_recurrence_is_moved_as_well() -> None:
    start = datetime.fromisoformat("2026-03-01T02:30:00-07:00")
    found = why(a_task(Rrule("FREQ=DAILY", start, "America/Denver")), a_row(due_at=MOVED), at=SPRING)
    assert (found.verdict, found.sentence[:41]) == ("dst_gap", "backup was due at 2026-03-08 03:00:00-06:")


@pytest.mark.parametrize("schedule", [DAILY, Interval(HOUR, ADDED, "America/Denver"), Cron("30 2 * * *", "UTC")])
def test_a_schedule_that_wants_nothing_in_the_gap_is_not_scheduled_then(schedule: Schedule) -> None:
    assert why(a_task(schedule), at=SPRING).verdict in ("not_scheduled", "unrecorded")


def test_an_occurrence_at_that_very_instant_goes_before_the_gap() -> None:
    both = a_task(Cron("30 2,3 * * *", "America/Denver"))
    at = local(2026, 3, 8, 3, 30)  # the same instant as SPRING
    assert said(why(both, a_row(due_at=at), at=SPRING))[0] == "ran"


def test_the_other_pass_of_an_hour_that_comes_twice() -> None:
    first, second = (local(2026, 11, 1, 1, 30, fold=fold).astimezone(UTC) for fold in (0, 1))
    task = a_task(Cron("30 1 * * *", "America/Denver"))
    assert first in moments(task, second)
    assert said(why(task, a_row(due_at=first), at=second)) == (
        "dst_repeat",
        "backup did not run at 2026-11-01 01:30:00-07:00, the second pass of an hour that the clock shows twice: it is "
        "due in the first (dst_repeat=first), at 2026-11-01 01:30:00-06:00 (succeeded)",
    )
    later = a_task(Cron("30 1 * * *", "America/Denver", dst_repeat="second"))
    found = why(later, a_row(due_at=second), at=first)
    assert found.verdict == "dst_repeat"
    assert "the first pass" in found.sentence
    every = a_task(Interval(48 * HOUR, first, "America/Denver"))
    assert why(every, a_row(due_at=first), at=second).verdict == "not_scheduled"


# -- which occurrence a moment names ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("at", "length"),
    [
        (DUE, MINUTE),
        (DUE + 30 * SECOND, SECOND),
        (DUE + timedelta(milliseconds=20), timedelta(milliseconds=1)),
        (DUE + timedelta(microseconds=3), timedelta(microseconds=1)),
        (LATEST.replace(second=0, microsecond=0), MINUTE - timedelta(microseconds=1)),
    ],
)
def test_a_moment_stands_for_as_much_time_as_it_leaves_open(at: datetime, length: timedelta) -> None:
    start, end = window(at)
    assert (start, end - start) == (at, length)


def test_the_one_occurrence_within_the_minute_is_meant() -> None:
    task = a_task(Cron("30 0 9 * * *", "America/Denver"), NEXT + 30 * SECOND)
    row = a_row(due_at=DUE + 30 * SECOND)
    assert why(task, row, at=DUE).run == row
    assert why(task, row, at=DUE + SECOND).verdict == "not_scheduled"
    assert why(task, at=NEXT).due_at == NEXT + 30 * SECOND


def test_of_several_within_the_minute_none_is_meant() -> None:
    task = a_task(Cron("20,40 0 9 * * *", "America/Denver"), NEXT + 20 * SECOND)
    found = why(task, at=NEXT)
    assert (found.verdict, found.after) == ("not_scheduled", NEXT + 20 * SECOND)


def test_a_start_by_hand_is_found_by_the_millisecond_that_is_shown() -> None:
    row = a_row(due_at=DUE + timedelta(seconds=5, microseconds=123_456), origin="manual")
    assert why(None, row, at=DUE + timedelta(seconds=5, milliseconds=123)).run == row


# -- the present ------------------------------------------------------------------------------------------
def test_the_present_is_the_last_occurrence_and_the_next() -> None:
    found = why(None, a_row(), at=None)
    assert said(found) == (
        "ran",
        "backup, due at 2026-11-22 09:00:00-07:00, ran on time and succeeded in 1.2s; next at "
        "2026-11-23 09:00:00-07:00 in America/Denver, in 22h",
    )
    assert (found.at, found.before, found.after) == (None, DUE, NEXT)


@pytest.mark.parametrize(
    ("task", "more", "verdict", "end"),
    [
        (None, {}, "not_yet_due", "has not run yet; next at 2026-11-23 09:00:00-07:00 in America/Denver, in 22h"),
        (None, {"living": ()}, "not_yet_due", "in 22h, but no daemon is running now"),
        (PAUSED, {}, "paused", "has not run yet; it has been paused since 2026-11-22 10:00:00-07:00 (holiday)"),
        (a_task(due=DUE), {}, "due", ", 2h ago, is not recorded yet: the daemon (process 1306) has not looked yet"),
        (a_task(due=None), {"removed_at": DUE}, "removed", "never ran; it was removed at 2026-11-22 09:00:00-07:00"),
    ],
)  # fmt: skip
def test_the_present_of_a_task_that_never_ran(task: Task | None, more: dict[str, Any], verdict: str, end: str) -> None:
    found = why(task, at=None, **more)
    assert found.verdict == verdict
    assert found.sentence.endswith(end)


def test_what_is_open_is_the_present_whatever_comes_next() -> None:
    assert why(a_task(due=None), a_row(RunState.RUNNING), at=None).verdict == "running"
    assert why(PAUSED, a_row(RunState.PENDING, origin="manual"), at=None).verdict == "pending"


# -- what it stands on ------------------------------------------------------------------------------------
def test_the_facts_are_told() -> None:
    facts = why(None, a_row(reason="3 alerts"), absences=(SLEPT,)).facts
    assert [fact.partition(":")[0] for fact in facts] == [
        "task", "schedule", "policy", "ledger", "run 12", "noted", "lives",
    ]  # fmt: skip
    assert "everything due before 2026-11-23 09:00:00-07:00 is recorded" in facts[3]
    assert "started 2026-11-22 09:00:00-07:00" in facts[4]
    assert facts[4].endswith("'3 alerts'")


def test_an_answer_can_be_sent() -> None:
    found = why(None, a_row())
    assert msgspec.json.decode(msgspec.json.encode(found), type=Why) == found


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), LATEST])
@pytest.mark.parametrize(
    "schedule", [DAILY, NIGHTLY, Interval(HOUR, ADDED), Once(DUE), Cron("* * * * *", "Asia/Tokyo")]
)
def test_the_ends_of_the_calendar_have_an_answer(at: datetime, schedule: Schedule) -> None:
    assert why(a_task(schedule), at=at).sentence.startswith("backup")
    assert moments(a_task(schedule), at)
