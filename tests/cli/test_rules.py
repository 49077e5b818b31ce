"""`jarvis rule` and `jarvis incident`: what is watched, what was found, and who has seen it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jarvis.memory import MemoryStore
from tests.cli.conftest import Jarvis


@pytest.fixture(autouse=True)
def _channels(home: Path) -> None:
    """Two channels that are files."""
    tables = (f'[channels.{name}]\ntype = "file"\npath = "{name}.jsonl"\n' for name in ("me", "log"))
    (home / "jarvis.toml").write_text("\n".join(tables))


def with_late(jarvis: Jarvis, *flags: str) -> None:
    jarvis("task", "add", "alerts", "--every", "1h", "--handler", "alert_eval", "--deliver", "me:failure")
    jarvis("delegation", "add", "Send the figures", "--to", "Kim", "--due", "2020-01-01")
    assert jarvis("rule", "add", "late", "--type", "overdue_delegation", *flags).code == 0


def evaluate(jarvis: Jarvis) -> str:
    jarvis("task", "run", "alerts")
    (run,) = jarvis("tick", "--json").json
    return str(run["reason"])


def subjects(home: Path, channel: str) -> list[str]:
    import json

    file = home / f"{channel}.jsonl"
    return [json.loads(line)["subject"] for line in file.read_text().splitlines()] if file.exists() else []


def test_a_rule_is_added_by_its_keys_or_as_json_and_echoed_as_it_is_stored(jarvis: Jarvis) -> None:
    jarvis("task", "add", "backup", "--every", "1h", "--handler", "noop")
    said = jarvis("rule", "add", "dead", "--type", "task_stale", "--set", "task=backup", "--set", "within=26 hours")
    assert said.out == 'added rule dead: task_stale {"task": "backup", "within": "1d2h"}, again after 4h\n'
    assert said.err == (
        "jarvis: note: no enabled task evaluates rules: jarvis task add alert_eval --every 2h --handler alert_eval\n"
    )
    made = jarvis(
        *("rule", "add", "disk", "--type", "disk_low", "--condition", '{"below": "5%"}', "--set", "path=/home"),
        *("--deliver", "me", "--deliver", "log", "--cool-down", "30m", "--json"),
    ).json
    assert made["condition"] == {"below": "5%", "path": "/home"}
    assert (made["deliver"], made["cool_down"], made["enabled"]) == (["me", "log"], "30m", True)
    assert jarvis("rule", "show", "disk", "--json").json == made | {"incidents": []}
    assert "\n  below    5%\n" in jarvis("rule", "show", "disk").out
    jarvis("task", "add", "alerts", "--every", "1h", "--handler", "alert_eval")
    assert "nobody is told" in jarvis("rule", "add", "late", "--type", "overdue_delegation").err
    assert jarvis("rule", "edit", "late", "--deliver", "me").err == ""


def test_a_rule_is_edited_by_what_is_given(jarvis: Jarvis) -> None:
    jarvis("rule", "add", "disk", "--type", "disk_low", "--deliver", "me")
    said = jarvis("rule", "edit", "disk", "--set", "below=5%", "--cool-down", "1h").out
    assert said == 'changed rule disk: disk_low {"below": "5%", "path": ""}, told to me, again after 1h\n'
    assert jarvis("rule", "edit", "disk", "--no-deliver", "--json").json["deliver"] == []
    assert jarvis("rule", "edit", "disk").code == 2
    assert jarvis("rule", "edit", "disk", "--no-deliver", "--deliver", "me").code == 2
    assert jarvis("rule", "delete", "disk").out == "rule disk is deleted; `jarvis memory undo` brings it back\n"
    assert jarvis("rule", "delete", "disk").code == 1


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["--type", "task_stale"], 2, "a rule of type task_stale needs task"),
        (["--type", "task_stale", "--set", "task=bakup"], 2, "Did you mean backup?"),
        (["--type", "task_stale", "--set", "tsk=backup"], 2, "Did you mean task?"),
        (["--type", "task_stale", "--set", "task"], 2, "use KEY=VALUE. task_stale takes task, within"),
        (["--type", "task_failing", "--set", "failures=0"], 2, "use a whole number from 1"),
        (["--type", "disk_low", "--deliver", "mi"], 2, "no channel is named 'mi'"),
        (["--type", "disk_low", "--cool-down", "soon"], 2, "--cool-down: duration 'soon'"),
        (["--type", "disk_low", "--condition", "[1]", "--set", "below=1%"], 2, "--condition: [1] is no object"),
        (["--type", "expression", "--set", "expression=1 + fact.x > 2"], 2, "expression, column 5: no name 'fact'"),
        (["--type", "expression", "--set", "expression=9**9**9**9"], 2, "expression, column 2: there is no power"),
        (["--type", "expression", "--set", f"expression={'(' * 10_000}"], 2, "at most 2000 are allowed"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_and_not_stored(
    jarvis: Jarvis, words: list[str], code: int, hint: str
) -> None:
    jarvis("task", "add", "backup", "--every", "1h", "--handler", "noop")
    said = jarvis("rule", "add", "r", *words)
    assert (said.code, hint in said.err) == (code, True), said.err
    assert jarvis("rule", "list", "--json").json == []


def test_an_alert_is_told_when_it_begins_and_when_it_is_over_and_seen_in_between(jarvis: Jarvis, home: Path) -> None:
    with_late(jarvis)
    text = "1 delegation is overdue: Send the figures"
    assert text in jarvis("rule", "test", "late").out
    assert jarvis("incident", "list").out.strip() == "no incidents"
    assert text in evaluate(jarvis)
    assert "1 told before: late" in evaluate(jarvis)
    (said,) = subjects(home, "me")
    assert said.startswith(f"late: {text}")
    assert "1 firing (late): `jarvis incident list` says more" in jarvis("status").out
    (one,) = jarvis("status", "--json").json["incidents"]
    assert (one["rule"], one["state"], one["id"]) == ("late", "firing", 1)
    assert "incident 1 firing since " in jarvis("rule", "test", "late").out
    done = jarvis("incident", "ack", "1")
    assert done.out == "incident 1 is acknowledged: late is told again when it is over\n"
    assert "is acknowledged already" in jarvis("incident", "ack", "1").err
    assert "1 acknowledged (late)" in jarvis("status").out
    jarvis("delegation", "done", "1")
    assert "1 over: late" in evaluate(jarvis)
    assert subjects(home, "me")[1:] == ["over: late"]
    assert "alerts" not in [line.split(" ")[0] for line in jarvis("status").out.splitlines()]
    shown = jarvis("incident", "show", "1")
    assert "state            resolved" in shown.out
    assert "sent to me: over: late" in shown.out
    assert [each["subject"] for each in jarvis("incident", "show", "1", "--json").json["deliveries"]] == [
        *subjects(home, "me")
    ]
    assert jarvis("incident", "list", "--state", "resolved", "--rule", "late", "--json").json[0]["told"] == 1


def test_a_rules_own_channels_are_told(jarvis: Jarvis, home: Path) -> None:
    with_late(jarvis, "--deliver", "log")
    evaluate(jarvis)
    assert (len(subjects(home, "log")), subjects(home, "me")) == (1, [])


@pytest.mark.process
def test_a_rule_that_became_broken_is_told_once_with_the_place(jarvis: Jarvis, home: Path, store: MemoryStore) -> None:
    with_late(jarvis)
    jarvis("fact", "set", "work", "queue", "120")
    jarvis("fact", "set", "work", "place", "here")
    text = "1 < 2 and facts.work.queue > 100"
    assert jarvis("rule", "add", "queue", "--type", "expression", "--set", f"expression={text}").code == 0
    assert "queue alerts: It holds" in jarvis("rule", "test", "queue").out
    store.facts.delete("work", "queue")
    tried = jarvis("rule", "test", "queue")
    fault = "column 22: there is no 'queue' in this object."
    assert (tried.code, tried.out) == (1, f"rule queue is broken: {fault}\n")
    evaluate(jarvis)
    evaluate(jarvis)
    assert [each for each in subjects(home, "me") if "broken" in each] == [f"rule queue is broken: {fault}"]
    assert jarvis("rule", "test", "queue", "--json").json["broken"] == fault


def test_help_names_every_type_with_its_keys(jarvis: Jarvis) -> None:
    from jarvis.memory.rule_types import TYPES

    words = jarvis("rule", "add", "--help").out.split()
    for name, kind in TYPES.items():
        assert {f"{name}:", *kind.keys} <= {word.strip("();.,").removesuffix(",") for word in words} | set(words)
