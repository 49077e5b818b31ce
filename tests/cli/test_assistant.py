"""`jarvis delegation`, `decision`, `fact` and `rule`: the assistant's memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Jarvis


def test_a_delegation_is_added_listed_and_done(jarvis: Jarvis) -> None:
    flags = ["--to", "Kim", "--due", "2026-03-06", "--priority", "high", "--notes", "two\nlines"]
    added = jarvis("delegation", "add", "Send the figures", *flags, "--json").json
    assert (added["id"], added["due_date"], added["status"]) == (1, "2026-03-06", "active")
    assert jarvis("delegation", "add", "Call", "--to", "Lee").out == "added delegation 2: Call, by Lee\n"
    lines = jarvis("delegation", "list").out.splitlines()
    assert len(lines) == 3
    assert "two\\nlines" in lines[1]
    assert jarvis("delegation", "done", "1").out == "delegation 1 is completed: Send the figures\n"
    assert [row["id"] for row in jarvis("delegation", "list", "--status", "active", "--json").json] == [2]


def test_a_decision_is_added_listed_and_done(jarvis: Jarvis) -> None:
    flags = ["--owner", "Kim", "--follow-up", "2026-03-06", "--description", "because"]
    added = jarvis("decision", "add", "Move", *flags, "--json").json
    assert (added["follow_up_date"], added["status"]) == ("2026-03-06", "pending_execution")
    assert "2026-03-06" in jarvis("decision", "list").out
    assert jarvis("decision", "done", "1", "--json").json["status"] == "completed"
    assert jarvis("decision", "list", "--status", "pending_execution", "--json").json == []


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("Denver", "Denver", "Denver"),
        ("3", 3, "3"),
        ('"3"', "3", "3"),
        ("[1, {}]", [1, {}], "[1, {}]"),
        ("null", None, "null"),
        ("{torn", "{torn", "{torn"),
        ("\x1b[2J", "\x1b[2J", "\\x1b[2J"),
        ('["\\u001b[2J"]', ["\x1b[2J"], '["\\u001b[2J"]'),
    ],
)
def test_a_fact_is_json_or_text_and_reads_back_equal(text: str, value: Any, shown: str, jarvis: Jarvis) -> None:
    assert jarvis("fact", "set", "home", "x", text).code == 0
    assert jarvis("fact", "get", "home", "x", "--json").json["value"] == value
    assert jarvis("fact", "get", "home", "x").out == f"{shown}\n"
    assert [row["value"] for row in jarvis("fact", "list", "home", "--json").json] == [value]
    assert jarvis("fact", "list", "work", "--json").json == []
    assert len(jarvis("fact", "list").out.splitlines()) == 2


def test_a_fact_that_is_not_known_is_told(jarvis: Jarvis) -> None:
    said = jarvis("fact", "get", "home", "x")
    assert (said.code, said.out) == (1, "")
    assert "nothing is known of home/x" in said.err


def test_a_rule_is_added_listed_and_switched(jarvis: Jarvis) -> None:
    added = jarvis(
        "rule", "add", "late", "--type", "overdue_delegation", "--condition", '{"days_overdue": 2}', "--json"
    )
    assert (added.json["condition"], added.json["enabled"]) == ({"days_overdue": 2}, True)
    assert jarvis("rule", "add", "backup", "--type", "stale_backup").out.startswith("added rule backup: stale_backup {")
    assert jarvis("rule", "disable", "late").out == "rule late is disabled\n"
    assert jarvis("rule", "disable", "late").out == "rule late was already disabled\n"
    assert [row["enabled"] for row in jarvis("rule", "list", "--json").json] == [True, False]
    assert jarvis("rule", "enable", "late").out == "rule late is enabled\n"
    assert "yes" in jarvis("rule", "list").out


def test_rules_and_delegations_are_what_alert_eval_reports(jarvis: Jarvis) -> None:
    jarvis("delegation", "add", "Send the figures", "--to", "Kim", "--due", "2020-01-01")
    jarvis("rule", "add", "late", "--type", "overdue_delegation")
    jarvis("task", "add", "alerts", "--every", "1h", "--handler", "alert_eval")
    jarvis("task", "run", "alerts")
    (run,) = jarvis("tick", "--json").json
    assert (run["state"], "Send the figures" in run["reason"]) == ("succeeded", True)


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["delegation", "add", "x"], 2, "--to"),
        (["delegation", "add", "x", "--to", "Kim", "--due", "friday"], 2, "YYYY-MM-DD"),
        (["delegation", "add", "x", "--to", "Kim", "--due", "2026-02-30"], 2, "YYYY-MM-DD"),
        (["delegation", "add", "x", "--to", "Kim", "--priority", "hihg"], 2, "Did you mean high?"),
        (["delegation", "add", "", "--to", "Kim"], 2, "a delegation's task"),
        (["delegation", "list", "--status", "done"], 2, "--status"),
        (["delegation", "done", "7"], 1, "no delegation has the id 7"),
        (["delegation", "done", "x"], 2, "use a whole number"),
        (["decision", "add", "x", "--follow-up", "soon"], 2, "YYYY-MM-DD"),
        (["decision", "done", "7"], 1, "no decision has the id 7"),
        (["fact", "set", "", "k", "v"], 2, "category"),
        (["fact", "set", "c", "a\nb", "v"], 2, "a fact's key"),
        (["rule", "add", "x", "--type", "overdue_delegaton"], 2, "Did you mean overdue_delegation?"),
        (["rule", "add", "x", "--type", "stale_backup", "--condition", "{torn"], 2, "--condition: "),
        (["rule", "add", "x", "--type", "stale_backup", "--condition", "[]"], 2, "condition"),
        (["rule", "add", "x", "--type", "stale_backup", "--condition", '{"max_age": 1}'], 2, "max_age_hours"),
        (["rule", "enable", "x"], 1, "no rule is named 'x'"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], code: int, hint: str, jarvis: Jarvis) -> None:
    said = jarvis(*words)
    assert (said.code, said.out) == (code, "")
    assert hint in said.err
    assert "Traceback" not in said.err
