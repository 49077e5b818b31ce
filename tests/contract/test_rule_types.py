"""What the condition of each type of rule may hold, as it is stored; and that what it names is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jarvis.errors import NotFound, UsageError
from jarvis.expressions.language import ExpressionError
from jarvis.handlers import alert_expression
from jarvis.handlers.alert_words import Now
from jarvis.memory import MemoryStore
from jarvis.memory.rule_types import KINDS, NAMES, TYPES, typed
from jarvis.scheduler.incident import COOL_DOWN
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Interval

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _tasks(store: MemoryStore) -> None:
    for name in ("backup", "report"):
        store.add_task(TaskSpec(name=name, schedule=Interval(HOUR), handler="noop"), NOW)


@pytest.mark.parametrize(
    ("alert_type", "condition", "stored"),
    [
        ("task_stale", {"task": "backup"}, {"task": "backup", "within": "1d"}),
        ("task_stale", {"task": "backup", "within": "26 hours"}, {"task": "backup", "within": "1d2h"}),
        ("task_stale", {"task": "backup", "within": 90}, {"task": "backup", "within": "1m30s"}),
        ("task_failing", {}, {"task": "*", "failures": 3}),
        ("task_failing", {"task": "report", "failures": 1.0}, {"task": "report", "failures": 1}),
        ("delivery_stuck", {}, {"longer_than": "1h", "channel": "*"}),
        ("disk_low", {}, {"below": "1GiB", "path": ""}),
        ("disk_low", {"below": " 2.50 %", "path": "/home"}, {"below": "2.5%", "path": "/home"}),
        ("disk_low", {"below": "1536 MB"}, {"below": "1.5GiB", "path": ""}),
        ("disk_low", {"below": 1_000_001}, {"below": "1000001", "path": ""}),
        ("expression", {"expression": "1 < 2"}, {"expression": "1 < 2", "text": ""}),
    ],
)
def test_a_condition_is_stored_in_one_form(
    store: MemoryStore, alert_type: str, condition: dict[str, Any], stored: dict[str, Any]
) -> None:
    rule = store.rules.add("r", alert_type, condition, NOW)
    assert (rule.condition, rule.problem) == (stored, "")
    assert store.rules.get("r") == rule
    assert store.rules.edit("r", condition=stored) == rule  # what is stored is understood as it was


@pytest.mark.parametrize(
    ("alert_type", "condition", "says"),
    [
        ("task_stale", {}, "a rule of type task_stale needs task: which task"),
        ("task_stale", {"task": "bakup"}, r"no task is named 'bakup': .* Did you mean backup\?"),
        ("task_stale", {"task": ""}, "task in a condition"),
        ("task_stale", {"task": 3}, "task in a condition"),
        ("task_stale", {"task": "*"}, "one task"),
        ("task_stale", {"task": "backup", "within": "1 fortnight"}, "within: duration '1 fortnight'"),
        ("task_stale", {"task": "backup", "within": "-1h"}, "within: duration"),
        ("task_stale", {"task": "backup", "within": None}, "within: duration None"),
        ("task_stale", {"task": "backup", "for": "1h"}, r"'for': use one of task, within"),
        ("task_failing", {"failures": 0}, "failures is 0: use a whole number from 1"),
        ("task_failing", {"failures": 2.5}, "failures is 2.5: use a whole number"),
        ("task_failing", {"failures": True}, "failures is True"),
        ("task_failing", {"task": "nobody"}, "no task is named 'nobody'"),
        ("delivery_stuck", {"longer_than": "soon"}, "longer_than: duration 'soon'"),
        ("delivery_stuck", {"channel": "a\nb"}, "channel in a condition"),
        ("disk_low", {"below": "0%"}, "more than 0% and less than 100%"),
        ("disk_low", {"below": "100%"}, "more than 0% and less than 100%"),
        ("disk_low", {"below": "1.2.3%"}, "more than 0% and less than 100%"),
        ("disk_low", {"below": "much"}, "below is 'much': use a size such as 500MB"),
        ("disk_low", {"below": 0}, "below is 0: use a size"),
        ("disk_low", {"path": "home"}, "use the whole path"),
        ("expression", {}, "a rule of type expression needs expression"),
        ("expression", {"expression": 3}, "expression is 3: use a text"),
        ("expression", {"expression": "1 <"}, "expression, column 3: this cannot be read"),
        ("expression", {"expression": "2 ** 3"}, "expression, column 3: there is no power"),
        ("expression", {"expression": "fact.x > 1"}, r"expression, column 1: no name 'fact' .* Did you mean facts\?"),
        ("expression", {"expression": "1", "text": "a\nb"}, "text in a condition"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(
    store: MemoryStore, alert_type: str, condition: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        store.rules.add("r", alert_type, condition, NOW)
    assert store.rules.list() == []


def test_the_place_of_a_fault_in_an_expression_is_told_apart(store: MemoryStore) -> None:
    with pytest.raises(ExpressionError) as caught:
        store.rules.add("r", "expression", {"expression": "1 < 2 and fact.x"}, NOW)
    assert caught.value.column == 11


def test_a_stored_expression_whose_names_are_gone_makes_its_rule_broken_at_its_place(store: MemoryStore) -> None:
    store.rules.add("r", "expression", {"expression": "1 < 2"}, NOW)
    store.database.change("""UPDATE alert_rules SET condition = '{"expression": "1 < weather.x"}'""")
    assert store.rules.get("r").problem.startswith("expression, column 5: no name 'weather' is known here")


def test_the_names_of_expressions_are_those_that_are_given_values(store: MemoryStore) -> None:
    given = alert_expression.values(store.health, store.delegations, store.decisions, Now(NOW, UTC))
    assert tuple(sorted(given)) == NAMES


def test_every_key_is_of_a_kind_that_is_checked_and_says_what_it_is() -> None:
    for kind in TYPES.values():
        assert kind.says
        assert all(key.kind in KINDS and key.says for key in kind.keys.values())
    assert {key.kind for kind in TYPES.values() for key in kind.keys.values()} == KINDS.keys()


@pytest.mark.parametrize(
    ("alert_type", "key", "text", "value"),
    [
        ("task_failing", "failures", "3", 3),
        ("stale_backup", "max_age_hours", "0.5", 0.5),
        ("stale_backup", "max_age_hours", "many", "many"),
        ("task_stale", "task", "3", "3"),
        ("task_stale", "within", "90", "90"),
        ("expression", "expression", "true", "true"),
        ("expression", "nonsense", "3", "3"),
    ],
)
def test_what_is_typed_for_a_key_is_a_number_where_the_key_holds_one(
    alert_type: str, key: str, text: str, value: object
) -> None:
    assert typed(alert_type, key, text) == value


# -- what a rule states beside its condition
def test_an_edit_changes_what_is_given_and_nothing_else(store: MemoryStore) -> None:
    store.rules.add("r", "task_stale", {"task": "backup"}, NOW)
    assert (store.rules.get("r").deliver, store.rules.get("r").cool_down) == ((), COOL_DOWN)
    store.rules.edit("r", condition={"within": "2h"}, deliver=["me", "log", "me"])
    store.rules.edit("r", cool_down=timedelta(0))
    rule = store.rules.get("r")
    assert (rule.condition, rule.deliver, rule.cool_down) == (
        {"task": "backup", "within": "2h"},
        ("me", "log"),
        timedelta(0),
    )
    store.rules.edit("r", deliver=[])
    assert store.rules.get("r").deliver == ()
    with pytest.raises(UsageError, match="no task is named"):
        store.rules.edit("r", condition={"task": "gone"})
    with pytest.raises(NotFound, match="no rule is named 'x'"):
        store.rules.edit("x", cool_down=HOUR)


@pytest.mark.parametrize("cool_down", [timedelta(microseconds=-1), timedelta(days=366)])
def test_a_cool_down_that_cannot_be_meant_is_refused(store: MemoryStore, cool_down: timedelta) -> None:
    with pytest.raises(UsageError, match=r"a cool-down of .* cannot be: use 0s to 365d"):
        store.rules.add("r", "stale_backup", {}, NOW, cool_down=cool_down)


def test_a_channel_without_a_name_is_refused_and_spoilt_ones_are_none(store: MemoryStore) -> None:
    with pytest.raises(UsageError, match="a channel's name"):
        store.rules.add("r", "stale_backup", {}, NOW, deliver=[""])
    store.rules.add("r", "stale_backup", {}, NOW, deliver=["me"])
    store.database.change("UPDATE alert_rules SET deliver = '{'")
    assert (store.rules.get("r").deliver, store.rules.get("r").problem) == ((), "")
