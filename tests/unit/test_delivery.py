"""The rules of delivery that need no store: who is told what, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
import pytest

from jarvis.errors import UsageError
from jarvis.scheduler.delivery import (
    LIFETIME,
    ONS,
    RETRY_DELAY,
    RETRY_MAX_DELAY,
    After,
    after,
    everywhere,
    paused_letter,
    read_deliver,
    result_letter,
    said,
    wanted,
)
from jarvis.scheduler.judgement import Wish
from jarvis.scheduler.model import Deliver, Delivery, DeliveryState, On, Result, Run, RunState, Sent
from jarvis.scheduler.schedule import Cron
from tests.stored import a_task

DUE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TASK = a_task(Cron("0 2 * * *", "America/Denver"))
RUN = Run(
    id=7, task_id=1, task="t", due_at=DUE, until=None, count=1, origin="schedule", state=RunState.RUNNING, reason="",
    attempt=3, recorded_at=DUE, available_at=DUE, started_at=DUE, finished_at=None, owner=1, fence=1,
)  # fmt: skip
DELIVERY = Delivery(
    id=5, key="k", run_id=7, task_id=1, task="t", channel="me", kind="result", subject="t failed", body="",
    state=DeliveryState.SENDING, reason="", attempt=3, failures=0, created_at=DUE, available_at=DUE,
    expires_at=DUE + LIFETIME, started_at=DUE, finished_at=None, owner=1, fence=1, run_state=RunState.FAILED,
    due_at=DUE,
)  # fmt: skip


@pytest.mark.parametrize("on", ONS)
def test_what_is_said_of_a_deliver_reads_back(on: On) -> None:
    assert read_deliver(said(Deliver("me", on))) == Deliver("me", on)


@pytest.mark.parametrize(
    ("text", "deliver", "back"),
    [
        ("me:failure,urgent", Deliver("me", "failure", urgent=True), "me:failure,urgent"),
        ("me:urgent,failure", Deliver("me", "failure", urgent=True), "me:failure,urgent"),
        ("me:digest", Deliver("me", digest=True), "me:digest"),
        ("me:always,same-silent", Deliver("me", same="silent"), "me:same-silent"),
        ("me:failure,same-told", Deliver("me", "failure", same="told"), "me:failure,same-told"),
        ("me:same-grouped,digest", Deliver("me", digest=True, same="grouped"), "me:digest,same-grouped"),
    ],
)
def test_how_a_channel_is_told_is_words_after_the_colon(text: str, deliver: Deliver, back: str) -> None:
    assert read_deliver(text) == deliver
    assert said(deliver) == back


def test_only_failures_are_grouped_unless_a_deliver_says_otherwise() -> None:
    assert {on: Deliver("me", on).repeats for on in ("always", "failure", "success", "change", "recovery")} == {
        "always": "told", "failure": "grouped", "success": "told", "change": "told", "recovery": "told",
    }  # fmt: skip
    assert Deliver("me", "failure", same="silent").repeats == "silent"


@pytest.mark.parametrize(
    ("entries", "state", "turned", "wish"),
    [
        ("me", RunState.SUCCEEDED, False, Wish("me")),
        ("me:failure", RunState.FAILED, False, Wish("me", same="grouped")),
        ("me:urgent me:digest", RunState.SUCCEEDED, False, Wish("me", urgent=True)),
        ("me:digest me:success", RunState.SUCCEEDED, False, Wish("me")),
        ("me:digest me:success", RunState.FAILED, False, Wish("me", low=True)),
        ("me:failure,urgent me:success,digest", RunState.FAILED, False, Wish("me", urgent=True, same="grouped")),
        ("me:failure,urgent me:success,digest", RunState.SUCCEEDED, False, Wish("me", low=True)),
        ("me:same-silent me:success,same-silent", RunState.SUCCEEDED, False, Wish("me", same="silent")),
        ("me:same-silent me:success", RunState.SUCCEEDED, False, Wish("me")),
    ],
)
def test_of_several_entries_that_ask_for_a_result_the_most_telling_counts(
    entries: str, state: RunState, turned: bool, wish: Wish
) -> None:
    assert wanted(map(read_deliver, entries.split()), state, turned=turned) == (wish,)


def test_that_failures_are_over_is_told_to_who_is_not_told_of_each() -> None:
    def told(text: str, *, turned: bool = True) -> bool:
        return bool(wanted([read_deliver(text)], RunState.SUCCEEDED, turned=turned))

    assert told("me:failure")
    assert told("me:failure,same-grouped")
    assert not told("me:failure", turned=False)
    assert not told("me:failure,same-told")
    assert not told("me:failure,same-silent")


def test_what_goes_to_all_channels_is_urgent_where_an_entry_is_and_waits_for_no_digest() -> None:
    entries = map(read_deliver, ("me:failure,urgent", "me:success,digest", "log:digest,same-silent"))
    assert everywhere(entries) == (Wish("me", urgent=True), Wish("log"))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("me:urgent,digest", "channel 'me': urgent and digest exclude each other"),
        ("me:failure,success", "success and a word before it exclude each other"),
        ("me:same-told,same-silent", "same-silent and a word before it"),
        ("me:failure,", "use one of always, failure, success, change, recovery, urgent, digest, same-told"),
        ("me:same-quiet", "Did you mean same-silent?"),
        ("", "CHANNEL or"),
        (":failure", "CHANNEL or"),
        ("me:", "one of"),
        ("me:failed", "Did you mean"),
        ("me:x", "always, failure"),
    ],
)
def test_what_names_no_channel_or_no_results_is_refused(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        read_deliver(text)


@pytest.mark.parametrize(
    ("state", "turned", "to"),
    [
        (RunState.SUCCEEDED, False, "always success"),
        (RunState.SUCCEEDED, True, "always failure success change recovery"),
        (RunState.FAILED, False, "always failure"),
        (RunState.TIMED_OUT, True, "always failure change"),
        (RunState.UNKNOWN, True, "always failure change"),
        (RunState.CANCELLED, False, "always"),
    ],
)
def test_each_end_of_a_run_goes_to_those_who_asked_for_it(state: RunState, turned: bool, to: str) -> None:
    deliver = [Deliver(on, on) for on in ("always", "failure", "success", "change", "recovery")]
    assert {wish.channel for wish in wanted(deliver, state, turned=turned)} == set(to.split())


def test_a_channel_named_twice_is_told_once() -> None:
    twice = [Deliver("me"), Deliver("me", "failure"), Deliver("log", "recovery")]
    assert [wish.channel for wish in wanted(twice, RunState.FAILED, turned=True)] == ["me"]
    assert [wish.channel for wish in everywhere(twice)] == ["me", "log"]


def test_the_subject_is_one_line_that_a_header_may_hold_and_the_body_has_the_end_of_the_output() -> None:
    result = Result(state=RunState.TIMED_OUT, output=b"x" * 9_000 + b"\xff the end\n", output_total=9_010)
    letter = result_letter(TASK, RUN, result, "a\nb\0c \x1b[31m" + "d" * 300, turned=True)
    assert letter.subject.startswith("t timed out: a b c [31mddd")
    assert (len(letter.subject), letter.subject.isprintable()) == (200, True)
    assert letter.body.endswith(
        "xx\N{REPLACEMENT CHARACTER} the end\n\ndue at 2026-03-02 02:00:00-07:00, attempt 3\njarvis runs show 7\n"
    )
    assert len(letter.body) < 4_500


@pytest.mark.parametrize(
    ("state", "reason", "turned", "subject"),
    [
        (RunState.SUCCEEDED, "", False, "t succeeded"),
        (RunState.SUCCEEDED, "", True, "t succeeded again"),
        (RunState.FAILED, "", True, "t failed"),
        (RunState.FAILED, "exit code 3", False, "t failed: exit code 3"),
    ],
)
def test_the_subject_says_which_task_how_it_ended_and_why(
    state: RunState, reason: str, turned: bool, subject: str
) -> None:
    assert result_letter(TASK, RUN, Result(state=state), reason, turned=turned).subject == subject


def test_the_body_says_why_and_when_it_was_due_to_the_second_and_leaves_no_gap_where_nothing_was_written() -> None:
    run = msgspec.structs.replace(RUN, due_at=DUE + timedelta(microseconds=5))
    body = result_letter(TASK, run, Result(state=RunState.FAILED, output=b" \n"), "exit code 3", turned=False).body
    assert body.startswith("exit code 3\n\ndue at 2026-03-02 02:00:00-07:00, attempt")


@pytest.mark.parametrize(("length", "ends"), [(200, "dd"), (201, "d...")])
def test_only_a_subject_that_is_too_long_is_cut(length: int, ends: str) -> None:
    reason = "d" * (length - len("t failed: "))
    subject = result_letter(TASK, RUN, Result(state=RunState.FAILED), reason, turned=False).subject
    assert (len(subject), subject.endswith(ends)) == (200, True)


def test_a_paused_task_is_told_with_why_it_was_and_how_it_goes_on() -> None:
    letter = paused_letter(TASK, RUN, "paused after 10 failures")
    assert letter.subject == "t was paused after 10 failures"
    for part in ("t was paused after 10 failures", "jarvis task resume t\n", "jarvis runs show 7\n"):
        assert part in letter.body


def sent(how: Literal["sent", "failed", "refused", "unknown"], **more: object) -> After:
    return after(Sent(msgspec.structs.replace(DELIVERY, **more), how, "no route", DUE))


def test_what_was_sent_or_refused_or_may_have_arrived_is_not_sent_again() -> None:
    assert sent("sent") == After(DeliveryState.SENT)
    assert sent("refused") == After(DeliveryState.FAILED, "no route")
    assert sent("unknown") == After(DeliveryState.UNKNOWN, "no route")


@pytest.mark.parametrize(
    ("failures", "least"),
    [(0, RETRY_DELAY), (1, 2 * RETRY_DELAY), (3, 8 * RETRY_DELAY), (30, RETRY_MAX_DELAY)],
)
def test_what_failed_is_sent_again_later_and_later_and_says_why(failures: int, least: timedelta) -> None:
    found = sent("failed", failures=failures)
    assert (found.state, found.reason) == (DeliveryState.PENDING, "attempt 3 failed: no route")
    assert found.available_at is not None
    assert least <= found.available_at - DUE <= least * 1.25


def test_what_failed_together_does_not_come_back_together() -> None:
    others: list[dict[str, object]] = [{"key": "k"}, {"key": "other"}, {"attempt": 4}]
    assert len({sent("failed", **other).available_at for other in others}) == len(others)


def test_what_could_not_be_sent_in_its_time_is_given_up_with_the_last_reason() -> None:
    again_at = sent("failed").available_at
    assert again_at is not None
    over = After(DeliveryState.EXPIRED, "not sent within 1d: attempt 3 failed: no route")
    assert sent("failed", expires_at=again_at) == over
    assert sent("failed", expires_at=again_at + timedelta(microseconds=1)).state is DeliveryState.PENDING
