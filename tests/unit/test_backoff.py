"""When a failed attempt is worth another, and when that starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.scheduler.backoff import SPREAD, delay, next_attempt, worth_another
from jarvis.scheduler.model import Policy, Result, Run, RunState

MICROSECOND = timedelta(microseconds=1)
DUE = datetime(2026, 3, 2, 9, tzinfo=UTC)
FAILED = Result(state=RunState.FAILED, reason="exit code 75", data={"exit_code": 75})
TIMED_OUT = Result(state=RunState.TIMED_OUT)


def a_run(failures: int = 0, task_id: int = 1) -> Run:
    return Run(
        id=7, task_id=task_id, task="t", due_at=DUE, until=None, count=1, origin="schedule", state=RunState.RUNNING,
        reason="", attempt=failures + 1, recorded_at=DUE, available_at=DUE, started_at=DUE, finished_at=None,
        owner=1, fence=1, failures=failures,
    )  # fmt: skip


def test_nothing_is_tried_again_by_default() -> None:
    assert next_attempt(Policy(), a_run(), FAILED, DUE) is None


def test_as_many_attempts_follow_as_there_are_retries() -> None:
    policy = Policy(retries=2)
    assert [next_attempt(policy, a_run(failed), FAILED, DUE) is not None for failed in range(4)] == [
        True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.CANCELLED, RunState.UNKNOWN])
def test_what_did_not_fail_or_may_have_happened_is_not_tried_again(state: RunState) -> None:
    assert next_attempt(Policy(retries=9), a_run(), Result(state=state), DUE) is None


def test_retry_on_names_the_exit_codes_that_are_worth_it() -> None:
    assert worth_another(Policy(retry_on=(75,)), FAILED)
    assert not worth_another(Policy(retry_on=(1, 2)), FAILED)
    assert not worth_another(Policy(retry_on=(75,)), TIMED_OUT)
    assert worth_another(Policy(retry_on=(1, "timed_out")), TIMED_OUT)
    assert not worth_another(Policy(retry_on=(1,)), Result(state=RunState.FAILED, reason="it raised"))


def test_what_would_start_too_late_to_be_of_use_is_not_tried_again() -> None:
    policy = Policy(retries=1, late_ok=timedelta(seconds=30), retry_delay=timedelta(seconds=20))
    assert next_attempt(policy, a_run(), FAILED, DUE) is not None
    assert next_attempt(policy, a_run(), FAILED, DUE + timedelta(seconds=11)) is None


def test_what_would_start_in_the_last_instant_it_is_of_use_is_tried_again() -> None:
    at_once = Policy(retries=1, late_ok=timedelta(seconds=30), retry_delay=timedelta(0))
    assert next_attempt(at_once, a_run(), FAILED, DUE + timedelta(seconds=30)) == DUE + timedelta(seconds=30)
    assert next_attempt(at_once, a_run(), FAILED, DUE + timedelta(seconds=30) + MICROSECOND) is None


def test_the_longest_wait_is_reached_in_doublings_and_not_before() -> None:
    policy = Policy(retry_delay=timedelta(seconds=10), retry_max_delay=timedelta(seconds=45))
    waits = [delay(policy, a_run(failures)) for failures in range(4)]
    for wait, meant in zip(waits, (10, 20, 40, 45), strict=True):
        assert timedelta(seconds=meant) <= wait <= timedelta(seconds=meant) * (1 + SPREAD)

    hardly_limited = msgspec.structs.replace(policy, retry_max_delay=timedelta(seconds=49))
    unlimited = msgspec.structs.replace(policy, retry_max_delay=timedelta(days=1))
    assert delay(hardly_limited, a_run(2)) == delay(unlimited, a_run(2)), "40 s is below the limit"


def test_the_waits_of_many_tasks_are_spread_over_the_whole_quarter() -> None:
    waits = sorted(delay(Policy(retry_delay=timedelta(seconds=100)), a_run(0, task_id)) for task_id in range(200))
    assert waits[0] < timedelta(seconds=102)
    assert waits[-1] > timedelta(seconds=123)


@given(
    failures=st.integers(0, 10_000),
    first=st.timedeltas(timedelta(0), timedelta(days=30)),
    most=st.timedeltas(timedelta(0), timedelta(days=30)),
    task_id=st.integers(1, 10**9),
)
def test_the_wait_doubles_up_to_its_limit_and_is_lengthened_by_a_quarter_at_most(
    failures: int, first: timedelta, most: timedelta, task_id: int
) -> None:
    policy = Policy(retry_delay=first, retry_max_delay=most)
    micros = min(first // MICROSECOND * 2 ** min(failures, 100), most // MICROSECOND)
    meant = micros * MICROSECOND
    assert meant <= delay(policy, a_run(failures, task_id)) <= meant * (1 + SPREAD)


def test_the_wait_is_the_same_for_the_same_occurrence_and_differs_between_tasks() -> None:
    waits = {delay(Policy(), a_run(0, task_id)) for task_id in range(50)}
    assert len(waits) == 50
    assert delay(Policy(), a_run()) == delay(Policy(), msgspec.structs.replace(a_run(), id=99, owner=5))
