"""What the nouns refuse and answer by themselves: names of tasks, ends of runs, occurrences asked for."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from jarvis.scheduler.model import LEGAL, Result, RunState, Task, TaskSpec
from jarvis.scheduler.schedule import Interval
from tests.stored import START, a_task

SECOND = timedelta(seconds=1)
EVERY_TEN = Interval(10 * SECOND, START)
ENDS = ["succeeded", "failed", "timed_out", "cancelled", "unknown"]


def spec(name: str) -> TaskSpec:
    return TaskSpec(name=name, schedule=EVERY_TEN, handler="noop")


def task(next_run_at: datetime | None) -> Task:
    return a_task(EVERY_TEN, next_run_at=next_run_at)


@pytest.mark.parametrize("name", ["t", "water the plants", "Müll, gelb", "half-hourly", "a" * 120])
def test_a_task_is_called_by_any_printable_text(name: str) -> None:
    assert spec(name).name == name


@pytest.mark.parametrize("name", ["", " t", "t ", "t\n", "two\nlines", "\x1b[31mred", "a" * 121])
def test_a_name_that_cannot_be_read_in_a_list_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(ValueError, match="use 1 to 120 printable characters, no space at either end") as refused:
        spec(name)
    assert f"cannot be named {name[:60]!r}: " in str(refused.value)


@pytest.mark.parametrize("name", ["-", "-v", "--all"])
def test_a_name_that_reads_as_an_option_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"cannot be named '{name}': a leading dash would read as an option"):
        spec(name)


@pytest.mark.parametrize("state", ENDS)
def test_a_handler_may_end_a_run_in_each_of_its_ends(state: str) -> None:
    made = Result(state=RunState(state))
    assert made.state.final


@pytest.mark.parametrize("state", sorted(set(RunState) - set(ENDS)))
def test_a_handler_can_end_no_run_as_what_only_the_scheduler_says(state: RunState) -> None:
    with pytest.raises(ValueError, match="cannot end a run as") as refused:
        Result(state=state)
    assert f"{state!r}: use one of {', '.join(sorted(ENDS))}" in str(refused.value)


def test_only_what_is_pending_or_running_may_become_something_else() -> None:
    assert [state.value for state in RunState if not state.final] == ["pending", "running"]
    assert {after.value for after in LEGAL[RunState.RUNNING]} == {*ENDS, "pending"}


@pytest.mark.parametrize(
    ("next_run_at", "at", "asked"),
    [
        (10, 10, True),
        (10, 40, True),
        (10, 45, False),  # between two
        (10, 0, False),  # recorded before
        (10, 5, False),
        (3, 3, True),  # the schedule would no longer yield it, but it is still to be recorded
        (3, 4, False),
        (None, 10, False),
    ],
)
def test_an_occurrence_is_asked_for_from_the_next_run_on(next_run_at: int | None, at: int, asked: bool) -> None:
    first = None if next_run_at is None else START + next_run_at * SECOND
    assert task(first).asks_for(START + at * SECOND) is asked


def test_a_moment_beside_an_occurrence_is_not_the_occurrence() -> None:
    one = task(START)
    assert one.asks_for(START + 10 * SECOND)
    assert not one.asks_for(START + 10 * SECOND - timedelta(microseconds=1))
    assert not one.asks_for(START + 10 * SECOND + timedelta(microseconds=1))
