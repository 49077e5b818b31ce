"""After: which ends of a run start one, and which chains may be stored."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from jarvis.scheduler.after import After, broken_chain
from jarvis.scheduler.instant import ScheduleError
from jarvis.scheduler.model import RunState
from jarvis.scheduler.schedule import Schedule
from jarvis.scheduler.zone import ZoneError

BADLY = {RunState.FAILED, RunState.TIMED_OUT, RunState.UNKNOWN}
STARTS = {"succeeded": {RunState.SUCCEEDED}, "failed": BADLY, "always": {RunState.SUCCEEDED} | BADLY}


@pytest.mark.parametrize("end", list(STARTS))
@pytest.mark.parametrize("state", list(RunState))
def test_each_end_starts_what_it_is_to_start(end: str, state: RunState) -> None:
    assert After("a", end=end).follows(state) is (state in STARTS[end])  # type: ignore[arg-type]


def test_it_follows_success_unless_it_is_told_otherwise() -> None:
    assert After("a") == After("a", end="succeeded")


def test_it_is_told_as_what_has_to_happen() -> None:
    assert After("build").describe() == "after build has succeeded"
    assert After("build", end="failed").describe() == "after build has failed"
    assert After("build", end="always", max_runs=1).describe() == "after build has ended, at most 1 run"


@pytest.mark.parametrize("name", ["", "a\nb"])
def test_a_name_that_no_task_has_is_refused(name: str) -> None:
    with pytest.raises(ScheduleError) as error:
        After(name)
    assert str(error.value) == f"after is {name!r}: name the task whose runs start this one"


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ZoneError):
        After("a", tz="Mars/Olympus")


def test_bad_bounds_are_refused() -> None:
    with pytest.raises(ScheduleError):
        After("a", max_runs=0)


def test_it_yields_no_instants_and_is_read_back() -> None:
    schedule = After("a", end="always", ends_at=datetime(2026, 3, 2, tzinfo=UTC))
    assert schedule.next_after(datetime(2026, 3, 1, tzinfo=UTC)) is None
    assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule
    assert msgspec.json.encode(After("a")) == b'{"type":"after","task":"a"}'


# -- chains -----------------------------------------------------------------------------------------------
def test_chains_and_forks_are_whole() -> None:
    assert broken_chain({}, ["a"]) is None
    assert broken_chain({"b": "a", "c": "b", "d": "b"}, ["a", "b", "c", "d"]) is None


def test_a_task_that_is_not_there_breaks_a_chain() -> None:
    found = broken_chain({"b": "a", "deploy": "bild"}, ["a", "b", "build", "deploy"])
    assert found == ("deploy", "it comes after 'bild', and no task has that name. Did you mean build?")


def test_a_circle_is_told_with_all_of_its_tasks() -> None:
    alone = broken_chain({"a": "a"}, ["a"])
    assert alone == ("a", "it would start itself without end: a after a")
    three = broken_chain({"a": "b", "b": "c", "c": "a", "d": "a"}, ["a", "b", "c", "d"])
    assert three == ("a", "it would start itself without end: a after b after c after a")


def test_what_leads_into_a_circle_is_not_blamed_for_it() -> None:
    assert broken_chain({"a": "c", "b": "c", "c": "b"}, ["a", "b", "c"]) == (
        "b",
        "it would start itself without end: b after c after b",
    )
