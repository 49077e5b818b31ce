"""What applying a file of tasks comes to: who is added, changed, replaced and removed, and in which keys it differs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from jarvis.scheduler.difference import (
    Changes,
    Difference,
    Removal,
    Replacement,
    Restated,
    difference,
    restated,
)
from jarvis.scheduler.model import Deliver, Policy, Task, TaskSpec, Unreadable
from jarvis.scheduler.schedule import After, Cron, Interval, Once, OnEvent, Rate, Rrule, Schedule
from tests.stored import START, a_task

HOUR = timedelta(hours=1)
FILE, OTHER = "/a/jarvis.toml", "/b/other.toml"


def spec(name: str = "t", **more: Any) -> TaskSpec:
    stated: dict[str, Any] = {"schedule": Interval(HOUR), "handler": "noop", "origin": "file"} | more
    return TaskSpec(name=name, **stated)


def task(name: str = "t", **more: Any) -> Task:
    usual: dict[str, Any] = {"schedule": Interval(HOUR, START), "origin": "file", "next_run_at": START, "source": FILE}
    return a_task(name=name, **usual | more)


def test_a_file_adds_changes_replaces_and_removes_its_own_tasks_and_leaves_the_others_alone() -> None:
    stored: list[Task | Unreadable] = [
        task("same"),
        task("same too"),
        task("changed", handler="command"),
        Unreadable(5, "broken", "no such schedule", FILE),
        task("dropped", id=6),
        Unreadable(7, "dropped and broken", "no such schedule", FILE),
        task("of another", source=OTHER),
        task("by hand", source=None, origin="user"),
    ]
    wanted = [spec(name) for name in ("new", "changed", "same", "broken", "same too", "newer")]
    assert difference(wanted, stored, FILE) == Changes(
        add=(wanted[0], wanted[5]),
        change=(Restated(wanted[1], (Difference("handler", "command", "noop"),)),),
        replace=(Replacement(wanted[3], 5),),
        remove=(Removal("dropped", 6), Removal("dropped and broken", 7)),
        unchanged=2,
    )


def test_the_tasks_of_another_file_are_taken_only_once_that_file_is_gone() -> None:
    stored: list[Task | Unreadable] = [task("a", source=OTHER), Unreadable(2, "b", "no such schedule", OTHER)]
    wanted = [spec("a"), spec("b")]
    assert difference(wanted, stored, FILE) == Changes(taken={"a": OTHER, "b": OTHER})
    taken = difference(wanted, stored, FILE, gone=[OTHER])
    assert taken == Changes(change=(Restated(wanted[0], (), OTHER),), replace=(Replacement(wanted[1], 2),))


@pytest.mark.parametrize(
    ("had", "taken_from"),
    [
        ({"source": None, "origin": "user"}, "user"),
        ({"source": None, "origin": "seed"}, "seed"),
        ({"source": OTHER, "origin": "file"}, OTHER),
    ],
)
def test_a_task_that_the_file_takes_over_says_whose_it_was(had: dict[str, Any], taken_from: str) -> None:
    assert restated(task(**had), spec(), FILE) == Restated(spec(), (), taken_from)


def test_a_task_that_the_file_has_already_is_restated_only_where_it_differs() -> None:
    assert restated(task(), spec(), FILE) is None
    other = spec(handler="command")
    assert restated(task(), other, FILE) == Restated(other, (Difference("handler", "noop", "command"),), "")


def differing(stored: Task, wanted: TaskSpec) -> list[tuple[str, object, object]]:
    found = restated(stored, wanted, FILE)
    return [msgspec.structs.astuple(each) for each in found.differences] if found else []


@pytest.mark.parametrize(
    ("old", "new", "differences"),
    [
        (Cron("0 9 * * *"), Cron("5 9 * * *"), [("cron", "0 9 * * *", "5 9 * * *")]),
        (Cron("0 9 * * *"), Cron("0 9 * * *", "Asia/Tokyo"), [("tz", "UTC", "Asia/Tokyo")]),
        (Rrule("FREQ=DAILY"), Rrule("FREQ=WEEKLY"), [("rrule", "FREQ=DAILY", "FREQ=WEEKLY")]),
        (Interval(HOUR, START), Interval(2 * HOUR), [("every", HOUR, 2 * HOUR)]),
        (Interval(HOUR, START), Interval(HOUR, max_runs=3), [("max_runs", None, 3)]),
        (Interval(HOUR, START), Interval(HOUR, START + HOUR), [("anchor", START, START + HOUR)]),
        (
            Cron("0 9 * * *"),
            Cron("5 9 * * *", "Asia/Tokyo"),
            [("cron", "0 9 * * *", "5 9 * * *"), ("tz", "UTC", "Asia/Tokyo")],
        ),
        (
            Cron("0 9 * * *"),
            Interval(HOUR),
            [("schedule", Cron("0 9 * * *").describe(), Interval(HOUR).describe())],
        ),
        (Once(START), Interval(HOUR), [("schedule", Once(START).describe(), Interval(HOUR).describe())]),
    ],
)
def test_another_schedule_is_told_by_its_keys_in_a_file_and_another_kind_as_a_whole(
    old: Schedule, new: Schedule, differences: list[tuple[str, object, object]]
) -> None:
    assert differing(task(schedule=old), spec(schedule=new)) == differences


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (Interval(HOUR, START), Interval(HOUR)),
        (Rrule("FREQ=DAILY", dtstart=START), Rrule("FREQ=DAILY")),
        (Interval(HOUR, START, starts_at=START), Interval(HOUR, starts_at=START)),
    ],
)
def test_where_a_rule_counts_from_need_not_be_in_the_file(old: Schedule, new: Schedule) -> None:
    assert difference([spec(schedule=new)], [task(schedule=old)], FILE) == Changes(unchanged=1)


@pytest.mark.parametrize(
    ("old", "new", "differences"),
    [
        ({"x": {"a": 1, "b": [2]}}, {"x": {"b": [2], "a": 1}}, []),
        ({"x": 1, "y": 2}, {"y": 2, "x": 1}, []),
        ({"x": 1}, {"x": 2}, [("x", 1, 2)]),
        ({"x": 1}, {"x": 1.0}, [("x", 1, 1.0)]),
        ({"x": 1}, {"x": True}, [("x", 1, True)]),
        ({"x": [{"y": 1}]}, {"x": [{"y": True}]}, [("x", [{"y": 1}], [{"y": True}])]),
        ({"x": 1, "gone": 2}, {"new": 3, "x": 1}, [("new", None, 3), ("gone", 2, None)]),
        ({}, {"x": None}, [("x", None, None)]),
        ({"x": None}, {}, [("x", None, None)]),
    ],
)
def test_params_are_the_same_as_they_are_stored_in_whatever_order(
    old: dict[str, Any], new: dict[str, Any], differences: list[tuple[str, object, object]]
) -> None:
    found = differing(task(params=old), spec(params=new))
    assert found == differences
    assert [repr(each) for each in found] == [repr(each) for each in differences], "1 is not true"


def test_what_else_differs_is_told_by_the_key_with_what_it_was_and_what_it_will_be() -> None:
    stored = task(policy=Policy(priority=1), deliver=(Deliver("me"),), follows_zone=True)
    wanted = spec(
        handler="command", policy=Policy(priority=2, retries=3), deliver=(Deliver("me", "failure"), Deliver("log"))
    )
    assert differing(stored, wanted) == [
        ("follows the system's time zone", True, False),
        ("handler", "noop", "command"),
        ("priority", 1, 2),
        ("retries", 0, 3),
        ("deliver", ["me"], ["me:failure", "log"]),
    ]


# -- what no time starts ----------------------------------------------------------------------------------
def keys(stored: Schedule, wanted: Schedule) -> list[Difference]:
    found = restated(task(schedule=stored), spec(schedule=wanted), FILE)
    return [] if found is None else list(found.differences)


def test_patterns_and_rates_are_told_as_they_are_written() -> None:
    plain = OnEvent("a", "b")
    assert keys(plain, OnEvent("a", "c")) == [Difference("on", "a/b", "a/c")]
    assert keys(plain, OnEvent("c", "b")) == [Difference("on", "a/b", "c/b")]
    assert keys(plain, OnEvent("a", "b", rate=Rate(2, HOUR))) == [Difference("rate", None, "2/1h")]
    assert keys(OnEvent("a", "b", rate=Rate(2, HOUR)), plain) == [Difference("rate", "2/1h", None)]
    both = OnEvent("a", "c", debounce=HOUR, filter="x", max_runs=3)
    assert keys(plain, both) == [
        Difference("on", "a/b", "a/c"),
        Difference("debounce", timedelta(0), HOUR),
        Difference("filter", "", "x"),
        Difference("max_runs", None, 3),
    ]
    assert keys(plain, plain) == []


def test_a_link_of_a_chain_is_told_by_the_keys_of_a_file() -> None:
    assert keys(After("a"), After("b", end="failed")) == [
        Difference("after", "a", "b"),
        Difference("if", "succeeded", "failed"),
    ]
    assert keys(Interval(HOUR, START), After("b")) == [Difference("schedule", "every 1h", "after b has succeeded")]


def test_a_chain_is_whole_or_nothing_is_applied() -> None:
    a, b = spec("a"), spec("b", schedule=After("a"))
    assert not difference([b, a], [], FILE).refused
    lonely = difference([b], [], FILE)
    assert lonely.unchained == {"b": "it comes after 'a', and no task has that name."}
    assert lonely.refused
    circle = difference([spec("a", schedule=After("b")), b], [], FILE)
    assert circle.unchained == {"a": "it would start itself without end: a after b after a"}


def test_a_chain_may_hold_on_to_tasks_of_others_and_not_be_left_hanging() -> None:
    by_hand = task("a", source=None, origin="user")
    assert not difference([spec("b", schedule=After("a"))], [by_hand], FILE).refused
    follower = task("b", schedule=After("a"), source=None, origin="user")
    assert difference([], [task("a"), follower], FILE).unchained.keys() == {"b"}
    assert not difference([], [task("a"), task("b", schedule=After("a"))], FILE).refused
    unreadable = Unreadable(5, "a", "no such schedule", FILE)
    assert not difference([spec("b", schedule=After("a")), spec("a")], [unreadable], FILE).refused


def test_names_that_are_taken_refuse_as_well() -> None:
    found = difference([spec("a")], [task("a", source=OTHER)], FILE)
    assert (found.refused, found.unchained) == (True, {})
