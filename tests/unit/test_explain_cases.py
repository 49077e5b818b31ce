"""`why`, the rarer cases: what is not known is said to be so, and each limit lies where it should."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from jarvis.scheduler.clockwatch import Absence
from jarvis.scheduler.model import Delivery, DeliveryState, RunState, Task
from jarvis.scheduler.schedule import After, Interval, OnEvent
from tests.unit.test_explain import (
    ADDED,
    DAEMON,
    DAILY,
    DUE,
    HOUR,
    HOURLY,
    LATE,
    MINUTE,
    NEXT,
    NOW,
    RANGE,
    SECOND,
    a_row,
    a_task,
    why,
)

JITTERED = msgspec.structs.replace(DAILY, jitter=3 * HOUR)


# -- what is still to come --------------------------------------------------------------------------------
def test_a_pause_of_which_nothing_is_known() -> None:
    assert why(a_task(enabled=False), at=None).sentence.endswith("paused for an unknown time (no reason is known)")


def test_one_run_is_told_in_the_singular() -> None:
    limited = a_task(msgspec.structs.replace(DAILY, max_runs=3), starts=2)
    assert why(limited, at=NEXT + 24 * HOUR).sentence.endswith(", unless the 1 run left of 3 is used up before")
    ended = a_task(msgspec.structs.replace(DAILY, max_runs=1), None, starts=1)
    assert why(ended, at=None).sentence.endswith("the 1 run it may have is used up (max_runs)")


def test_what_comes_due_at_this_instant_is_due() -> None:
    assert why(a_task(due=NOW), at=None).verdict == "due"


def test_the_last_run_is_the_present_while_an_earlier_one_holds_up_the_next() -> None:
    task = a_task(Interval(HOUR, ADDED, "America/Denver", after_completion=True), DUE + HOUR)
    rows = (a_row(RunState.RUNNING, id=11), a_row(due_at=DUE + HOUR, origin="manual"))
    assert why(task, *rows, at=None).verdict == "ran"


# -- rows -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "reason", "short"),
    [
        (RunState.SUCCEEDED, "3 alerts", "(succeeded)"),
        (RunState.TIMED_OUT, "", "(timed out)"),
        (RunState.TIMED_OUT, "killed", "(timed out: killed)"),
    ],
)
def test_another_run_is_told_in_a_few_words(state: RunState, reason: str, short: str) -> None:
    assert f" before {short} and " in why(None, a_row(state, reason=reason), at=DUE + HOUR).sentence


@pytest.mark.parametrize(
    ("state", "changed", "end"),
    [
        (RunState.SUCCEEDED, {"origin": "manual"}, ", ran and succeeded in 1.2s"),
        (RunState.UNKNOWN, {"started_at": None}, ", was started, and what became of it is unknown"),
        (RunState.CANCELLED, {"started_at": None, "finished_at": None}, ", was cancelled before it started"),
        (RunState.FAILED, {"attempt": 2}, ", failed after 1.2s on attempt 2"),
        (RunState.FAILED, {"started_at": None, "reason": "no handler"}, ", failed: no handler"),
        (RunState.FAILED, {"finished_at": DUE - SECOND, "reason": "exit code 3"}, ", failed: exit code 3"),
        (RunState.FAILED, {"finished_at": DUE}, ", failed after 0s"),
        (RunState.FAILED, {"finished_at": DUE + timedelta(seconds=65.7)}, ", failed after 1m5s"),
        (RunState.SKIPPED, {}, ", was skipped: the ledger gives no reason"),
        (RunState.RUNNING, {"started_at": None}, "running since an unknown moment, held by process 1306 on nest"),
        (RunState.PENDING, {}, ", has not started yet: the daemon (process 1306) has not claimed it yet"),
        (RunState.PENDING, {"available_at": NOW}, "has not claimed it yet"),
    ],
)
def test_what_is_known_of_a_run_and_no_more(state: RunState, changed: dict[str, Any], end: str) -> None:
    changed = {"owner": 4} | changed
    assert why(None, a_row(state, **changed)).sentence.endswith(end)


def test_exactly_the_grace_is_not_late_nor_long() -> None:
    assert why(None, a_row(started_at=DUE + MINUTE)).verdict == "ran"
    slept = "late by 59m: while the machine slept 08:00-09:59"
    seen = why(None, a_row(**LATE | {"recorded_at": DUE + 59 * MINUTE, "reason": slept})).sentence
    assert "1h late, while the machine slept 08:00-09:59, and" in seen
    assert "1h late, as it waited 59m for" in why(None, a_row(**LATE | {"recorded_at": DUE + MINUTE})).sentence


@pytest.mark.parametrize(("count", "among", "this"), [(1, "", " (while"), (2, " as one of 2", " (this one while")])
def test_a_missed_one_is_told_with_its_range_if_there_are_others_in_it(count: int, among: str, this: str) -> None:
    stopped = Absence(kind="stopped", since=DUE - HOUR, until=DUE + HOUR)
    row = a_row(RunState.MISSED, until=DUE + HOUR, count=count, reason="missed: too late")
    found = why(a_task(HOURLY), row, absences=(stopped,)).sentence
    assert f"was missed{among}{':' if not among else ' from'}" in found
    assert f": too late{this} no daemon was running" in found


def test_one_that_was_skipped_for_a_known_run_has_the_same_verdict() -> None:
    before = a_row(RunState.FAILED, DUE - 24 * HOUR, id=11)
    assert why(None, before, a_row(RunState.SKIPPED, reason="skipped: run 11 was not over")).verdict == "skipped"


@pytest.mark.parametrize(
    ("attempt", "available_at", "jittered"),
    [(0, DUE + 3 * HOUR, True), (0, DUE + 4 * HOUR, False), (1, NOW + MINUTE, False)],
)
def test_only_the_first_attempt_within_the_jitter_waits_for_it(attempt: int, available_at: Any, jittered: bool) -> None:
    row = a_row(RunState.PENDING, attempt=attempt, available_at=available_at)
    assert ("(jitter)" in why(a_task(JITTERED), row).sentence) is jittered


def test_after_the_clock_was_set_back_no_jitter_is_told_where_there_was_none() -> None:
    found = why(a_task(JITTERED), a_row(RunState.PENDING), now=DUE - MINUTE)
    assert found.sentence.endswith("it may start from 2026-11-22 09:00:00-07:00 on, in 1m")


# -- facts ------------------------------------------------------------------------------------------------
def test_the_last_of_a_range_belongs_to_it() -> None:
    assert why(a_task(HOURLY, DUE + 6 * HOUR), RANGE, at=DUE + 4 * HOUR).run == RANGE
    other = a_task(DAILY, NEXT)  # edited since: the range's own last instant stays recorded
    assert why(other, RANGE, at=DUE + 4 * HOUR).run == RANGE


def a_delivery(number: int, state: DeliveryState, **changed: Any) -> Delivery:
    made = Delivery(
        id=number, key=str(number), run_id=12, task_id=1, task="backup", channel="mail", kind="result", subject="",
        body="", state=state, reason="", attempt=1, failures=0, created_at=DUE, available_at=DUE, expires_at=NEXT,
        started_at=None, finished_at=None, owner=None, fence=0, run_state=RunState.SUCCEEDED, due_at=DUE,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changed)


def test_the_deliveries_of_this_run_that_may_not_have_arrived_are_told() -> None:
    deliveries = (
        a_delivery(1, DeliveryState.FAILED, reason="refused"),
        a_delivery(2, DeliveryState.UNKNOWN),
        a_delivery(3, DeliveryState.SENT),
        a_delivery(4, DeliveryState.PENDING, run_id=13),
    )
    assert why(None, a_row(), deliveries=deliveries).sentence.endswith(
        "in 1.2s (delivery 1 to mail failed: refused; delivery 2 to mail may have arrived or not)"
    )


@pytest.mark.parametrize(
    ("state", "more", "said"),
    [
        (DeliveryState.HELD, {"reason": "quiet hours until 7"}, "is held: quiet hours until 7"),
        (DeliveryState.SENDING, {}, "is being sent"),
        (DeliveryState.EXPIRED, {"reason": "old"}, "has expired: old"),
        (DeliveryState.GROUPED, {"reason": "the same failure as run 9"}, "was not sent: the same failure as run 9"),
        (
            DeliveryState.SILENCED,
            {"reason": "the same as run 9", "digest_id": 7, "digest_state": DeliveryState.SENT},
            "was not sent: the same as run 9; counted in digest delivery 7, which was sent",
        ),
        (
            DeliveryState.DIGESTED,
            {"reason": "in digest delivery 7", "digest_id": 7, "digest_state": DeliveryState.UNKNOWN},
            "is told in digest delivery 7, which may have arrived or not",
        ),
        (DeliveryState.DIGESTED, {"reason": "in digest delivery 7", "digest_id": 7}, "is told: in digest delivery 7"),
        (
            DeliveryState.DIGESTED,
            {"digest_id": 7, "digest_state": DeliveryState.CANCELLED},
            "is told in digest delivery 7, which was cancelled",
        ),
    ],
)
def test_what_was_kept_back_is_told_with_why(state: DeliveryState, more: dict[str, Any], said: str) -> None:
    told = why(None, a_row(), deliveries=(a_delivery(1, state, **more),)).sentence
    assert told.endswith(f" (delivery 1 to mail {said})")


@pytest.mark.parametrize(("woke", "settling"), [(NOW, True), (NOW - 10 * SECOND, False)])
def test_the_machine_settles_from_waking_on_for_as_long_as_it_may(woke: Any, settling: bool) -> None:
    slept = Absence(kind="slept", since=DUE, until=woke)
    found = why(None, a_row(RunState.PENDING), absences=(slept,))
    assert ("lets it settle" in found.sentence) is settling


def test_several_daemons_are_all_named() -> None:
    both = (DAEMON, msgspec.structs.replace(DAEMON, id=5, pid=1307))
    assert why(None, a_row(RunState.PENDING), living=both).sentence.endswith(
        "the daemons (process 1306, 1307) have not claimed it yet"
    )
    assert why(a_task(due=DUE), living=both).sentence.endswith("the daemons (process 1306, 1307) have not looked yet")


@pytest.mark.parametrize(
    ("task", "more", "fact"),
    [
        (a_task(due=None), {}, "ledger: nothing more is to be recorded"),
        (None, {"living": ()}, "lives: no daemon"),
        (
            None,
            {},
            "run 12: missed, due 2026-11-22 09:00:00-07:00, until 2026-11-22 10:00:00-07:00, recorded "
            "2026-11-22 09:00:00-07:00, may start 2026-11-22 09:00:00-07:00, finished 2026-11-22 09:00:01.200-07:00",
        ),
    ],
)
def test_a_fact_as_it_is_shown(task: Task | None, more: dict[str, Any], fact: str) -> None:
    assert fact in why(task, a_row(RunState.MISSED, until=DUE + HOUR), **more).facts


# -- what no time starts ----------------------------------------------------------------------------------
TZ = "America/Denver"
ON = OnEvent("github", "push*", tz=TZ)
AFTER = After("build", tz=TZ)


@pytest.mark.parametrize(
    ("schedule", "waits"),
    [
        (ON, "it waits for an event github/push*"),
        (AFTER, "it waits until a run of build has succeeded"),
        (After("build", end="always", tz=TZ), "it waits until a run of build has ended"),
    ],
)
def test_a_task_that_no_time_starts_waits(schedule: OnEvent | After, waits: str) -> None:
    task = a_task(schedule, None)
    found = why(task, at=None)
    assert (found.verdict, found.after) == ("waiting", None)
    assert found.sentence.endswith(f" has not run yet; {waits}")
    assert "ledger: what starts it is recorded as it happens" in found.facts
    assert why(task, at=None, living=()).sentence.endswith(f"{waits}, but no daemon is running now")
    passed = why(task, at=None, passed_by="event 5 came to nothing: its filter said no").sentence
    assert passed.endswith(f"{waits}; event 5 came to nothing: its filter said no")
    assert why(task, at=NOW + HOUR).sentence.endswith(f"may or may not be due at {NEXT_HOUR}: {waits}")
    assert why(task, at=NOW + HOUR).verdict == "undetermined"


@pytest.mark.parametrize(
    ("schedule", "nothing"), [(ON, "no event"), (AFTER, "no end of a run of build")], ids=["event", "end"]
)
@pytest.mark.parametrize("at", [NOW - HOUR, NOW], ids=["then", "now"])
def test_at_a_moment_at_which_nothing_started_it_that_is_said(
    schedule: OnEvent | After, nothing: str, at: datetime
) -> None:
    found = why(a_task(schedule, None), at=at)
    assert found.verdict == "not_scheduled"
    moment = at.astimezone(ZoneInfo(TZ)).isoformat(" ", "seconds")
    assert found.sentence == f"backup did not run at {moment}: {nothing} started it then"


def test_a_task_that_waits_again_is_told_by_what_its_last_run_came_to() -> None:
    assert (
        why(a_task(ON, None), a_row(RunState.FAILED), at=None).verdict == why(a_task(), a_row(RunState.FAILED)).verdict
    )


NEXT_HOUR = (NOW + HOUR).astimezone(ZoneInfo(TZ)).isoformat(" ", "seconds")


def test_what_it_may_not_any_more_is_over() -> None:
    used = a_task(msgspec.structs.replace(ON, max_runs=2), None, starts=2)
    assert why(used, at=None).verdict == "finished"
    assert why(used, at=None).sentence.endswith("the 2 runs it may have are used up (max_runs)")
    ended = a_task(msgspec.structs.replace(ON, ends_at=NOW - SECOND), None)
    assert "its schedule ended at" in why(ended, at=None).sentence
    still = a_task(msgspec.structs.replace(ON, ends_at=NOW), None)
    assert why(still, at=None).verdict == "waiting"
    assert why(a_task(ON, None, enabled=False), at=None).verdict == "paused"


@pytest.mark.parametrize(
    ("origin", "started_by", "said"),
    [
        ("event", {10: "event 5 (github/push)"}, " by event 5 (github/push), "),
        ("event", {}, " by an event, "),
        ("chain", {10: "the end of run 7 of build"}, " by the end of run 7 of build, "),
        ("chain", {}, " by the end of another run, "),
    ],
)
def test_a_run_is_told_with_what_started_it(origin: str, started_by: dict[int, str], said: str) -> None:
    row = a_row(id=10, origin=origin)
    found = why(a_task(ON, None), row, at=row.due_at, started_by=started_by)
    assert said in found.sentence
    assert found.run == row
    assert ("started by: " in " ".join(found.facts)) is bool(started_by)
    present = why(a_task(ON, None), row, at=None, started_by=started_by)
    assert present.sentence.endswith("; it waits for an event github/push*")
    assert present.verdict == "ran"


def test_between_its_runs_nothing_started_it() -> None:
    rows = (a_row(id=10, origin="event"), a_row(id=11, origin="chain", due_at=DUE + 2 * HOUR))
    found = why(a_task(ON, None), *rows, at=DUE + HOUR)
    assert found.verdict == "not_scheduled"
    assert (found.before, found.after) == (DUE, DUE + 2 * HOUR)
    assert "no event started it then; the nearest are" in found.sentence
    assert "no end of a run of build started it then" in why(a_task(AFTER, None), at=DUE + HOUR).sentence
    by_hand = why(a_task(ON, None), a_row(id=10, origin="manual"), at=DUE + HOUR)
    assert (by_hand.before, by_hand.due_at) == (None, None)


def test_a_burst_that_may_grow_says_so() -> None:
    row = a_row(RunState.PENDING, origin="event", available_at=NOW + MINUTE)
    burst = a_task(msgspec.structs.replace(ON, debounce=MINUTE), None)
    assert ", as more events may come (debounce)" in why(burst, row).sentence
    assert "debounce" not in why(burst, msgspec.structs.replace(row, attempt=1)).sentence.split("schedule")[0]
    assert "more events" not in why(a_task(ON, None), row).sentence
