"""The rules of what is done with what a channel cannot deliver, and of texts of a task's own."""

from __future__ import annotations

from datetime import timedelta
from zlib import crc32

import msgspec
import pytest

from jarvis.scheduler.care import USUAL_CARE, Care
from jarvis.scheduler.delivery import (
    LIFETIME,
    RETRY_MAX_DELAY,
    TEMPLATE_OUTPUT,
    After,
    after,
    goes_on,
    template_facts,
    templates,
    told,
    too_late,
)
from jarvis.scheduler.model import Deliver, DeliveryState, Result, RunState, Sent
from tests.unit.test_delivery import DELIVERY, DUE, RUN, TASK

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def failed(failures: int = 0, retry_after: timedelta | None = None) -> Sent:
    return Sent(msgspec.structs.replace(DELIVERY, failures=failures), "failed", "no route", DUE, retry_after)


# -- what follows an attempt --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("retries", "failures", "goes_on_"), [(None, 99, True), (0, 0, False), (1, 0, True), (1, 1, False), (2, 1, True)]
)
def test_so_many_attempts_follow_the_first_that_failed(retries: int | None, failures: int, goes_on_: bool) -> None:
    then = after(failed(failures), Care(retries=retries))
    assert (then.state is DeliveryState.PENDING) is goes_on_
    if not goes_on_:
        reason = f"given up (retries={retries}): attempt 3 failed: no route"
        assert then == After(DeliveryState.FAILED, reason)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        (None, 10 * SECOND, 12.5 * SECOND),
        (SECOND, 10 * SECOND, 12.5 * SECOND),
        (90 * SECOND, 90 * SECOND, 90 * SECOND),
        (RETRY_MAX_DELAY, RETRY_MAX_DELAY, RETRY_MAX_DELAY),
        (7 * RETRY_MAX_DELAY, RETRY_MAX_DELAY, RETRY_MAX_DELAY),
    ],
)
def test_a_receiver_may_ask_for_more_patience_and_not_for_less(
    asked: timedelta | None, least: timedelta, most: timedelta
) -> None:
    then = after(failed(retry_after=asked))
    assert then.available_at is not None
    assert least <= then.available_at - DUE <= most


def test_what_will_be_too_late_is_given_up_in_the_words_of_its_channel() -> None:
    sent = Sent(msgspec.structs.replace(DELIVERY, expires_at=DUE + MINUTE), "failed", "busy", DUE, MINUTE)
    then = after(sent, Care(expires=MINUTE))
    assert then == After(DeliveryState.EXPIRED, "not sent within 1m: attempt 3 failed: busy")
    assert after(msgspec.structs.replace(sent, retry_after=MINUTE - SECOND)).state is DeliveryState.PENDING
    assert too_late(USUAL_CARE) == "not sent within 1d"
    assert timedelta(days=1) == LIFETIME


GIVEN_UP = {DeliveryState.FAILED, DeliveryState.EXPIRED}


@pytest.mark.parametrize("state", list(DeliveryState))
def test_the_fallback_is_told_of_what_was_given_up_and_if_asked_of_what_may_have_arrived(state: DeliveryState) -> None:
    assert not goes_on(state, USUAL_CARE)
    assert not goes_on(state, Care(fallback_on_unknown=True))
    assert goes_on(state, Care(fallback="mail")) is (state in GIVEN_UP)
    either = GIVEN_UP | {DeliveryState.UNKNOWN}
    assert goes_on(state, Care(fallback="mail", fallback_on_unknown=True)) is (state in either)


# -- texts of a task's own ----------------------------------------------------------------------------------
def test_a_template_is_told_from_another_by_a_number_and_its_lines() -> None:
    assert told(Deliver("me", "failure")) == "me:failure"
    assert told(Deliver("me", template="x")) == f"me (template {crc32(b'x'):08x}, 1 line)"
    two = "ä\ny"
    assert told(Deliver("me", "success", two)) == f"me:success (template {crc32(two.encode()):08x}, 2 lines)"


def test_of_several_entries_for_a_channel_the_first_that_fits_says_it() -> None:
    entries = [
        Deliver("me", "failure", "bad"),
        Deliver("me", "always", "all"),
        Deliver("log", "success"),
        Deliver("log", "always", "later"),
        Deliver("x", "recovery", "again"),
    ]
    assert templates(entries, RunState.FAILED, turned=False) == {"me": "bad", "log": "later"}
    assert templates(entries, RunState.SUCCEEDED, turned=False) == {"me": "all"}
    assert templates(entries, RunState.SUCCEEDED, turned=True) == {"me": "all", "x": "again"}


def test_a_template_may_speak_of_what_the_run_was_when_it_ended() -> None:
    result = Result(state=RunState.TIMED_OUT, output=b"hi\xff\n", output_total=4, data={"a": 1})
    run = msgspec.structs.replace(RUN, started_at=None)
    facts = template_facts(TASK, run, result, "too slow", finished_at=DUE + MINUTE, previous={"id": 6})
    assert facts == {
        "task": {"name": "t", "handler": "noop", "schedule": "cron 0 2 * * * (America/Denver)", "tz": "America/Denver"},
        "run": {
            "id": 7,
            "state": "timed_out",
            "reason": "too slow",
            "due_at": "2026-03-02T02:00:00-07:00",
            "started_at": None,
            "finished_at": "2026-03-02T02:01:00-07:00",
            "attempt": 3,
            "origin": "schedule",
        },
        "output": "hi\ufffd\n",
        "output_cut": False,
        "data": {"a": 1},
        "previous": {"id": 6},
    }


@pytest.mark.parametrize(
    ("kept", "total", "cut"), [(65_536, 65_536, False), (65_537, 65_537, True), (2, 2, False), (2, 3, True)]
)
def test_of_a_long_output_it_gets_the_end_and_is_told_so(kept: int, total: int, cut: bool) -> None:
    result = Result(output=b"x" * (kept - 1) + b"y", output_total=total)
    facts = template_facts(TASK, RUN, result, "", finished_at=DUE, previous=None)
    assert facts["run"]["started_at"] == "2026-03-02T02:00:00-07:00"
    assert facts["output_cut"] is cut
    assert facts["output"].endswith("y")
    assert len(facts["output"]) == min(kept, TEMPLATE_OUTPUT) == min(kept, 65_536)
