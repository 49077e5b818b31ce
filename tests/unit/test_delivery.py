"""The rules of delivery that need no store: who is told what, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jarvis.errors import UsageError
from jarvis.scheduler.delivery import ONS, everywhere, read_deliver, result_letter, said, wanted
from jarvis.scheduler.model import Deliver, On, Policy, Result, Run, RunState, Task
from jarvis.scheduler.schedule import Cron

DUE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TASK = Task(
    id=1, name="t", schedule=Cron("0 2 * * *", "America/Denver"), handler="noop", params={}, policy=Policy(),
    origin="user", created_at=DUE, revision=1, enabled=True, paused_at=None, pause_reason=None, next_run_at=None,
)  # fmt: skip
RUN = Run(
    id=7, task_id=1, task="t", due_at=DUE, until=None, count=1, origin="schedule", state=RunState.RUNNING, reason="",
    attempt=3, recorded_at=DUE, available_at=DUE, started_at=DUE, finished_at=None, owner=1, fence=1,
)  # fmt: skip


@pytest.mark.parametrize("on", ONS)
def test_what_is_said_of_a_deliver_reads_back(on: On) -> None:
    assert read_deliver(said(Deliver("me", on))) == Deliver("me", on)


@pytest.mark.parametrize(
    ("text", "hint"), [("", "CHANNEL or"), (":failure", "CHANNEL or"), ("me:", "one of"), ("me:failed", "Did you mean")]
)
def test_what_names_no_channel_or_no_results_is_refused(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        read_deliver(text)


@pytest.mark.parametrize(
    ("state", "turned", "to"),
    [
        (RunState.SUCCEEDED, False, "always success"),
        (RunState.SUCCEEDED, True, "always success change recovery"),
        (RunState.FAILED, False, "always failure"),
        (RunState.TIMED_OUT, True, "always failure change"),
        (RunState.UNKNOWN, True, "always failure change"),
        (RunState.CANCELLED, False, "always"),
    ],
)
def test_each_end_of_a_run_goes_to_those_who_asked_for_it(state: RunState, turned: bool, to: str) -> None:
    deliver = [Deliver(on, on) for on in ("always", "failure", "success", "change", "recovery")]
    assert set(wanted(deliver, state, turned=turned)) == set(to.split())


def test_a_channel_named_twice_is_told_once() -> None:
    twice = [Deliver("me"), Deliver("me", "failure"), Deliver("log", "recovery")]
    assert wanted(twice, RunState.FAILED, turned=True) == ("me",)
    assert everywhere(twice) == ("me", "log")


def test_the_subject_is_one_line_that_a_header_may_hold_and_the_body_has_the_end_of_the_output() -> None:
    result = Result(state=RunState.TIMED_OUT, output=b"x" * 9_000 + b"\xff the end\n", output_total=9_010)
    letter = result_letter(TASK, RUN, result, "a\nb\0c \x1b[31m" + "d" * 300, turned=True)
    assert letter.subject.startswith("t timed out: a b c [31mddd")
    assert (len(letter.subject), letter.subject.isprintable()) == (200, True)
    assert letter.body.endswith(
        "xx\N{REPLACEMENT CHARACTER} the end\n\ndue at 2026-03-02 02:00:00-07:00, attempt 3\njarvis runs show 7\n"
    )
    assert len(letter.body) < 4_500
