"""`jarvis fact search|history|delete`, `delegation|decision show|edit|cancel|delete`, `memory history|undo`."""

from __future__ import annotations

import os
import pwd

import pytest

from jarvis.cli import author
from jarvis.memory import MemoryStore
from tests.cli.conftest import Jarvis

ME = pwd.getpwuid(os.getuid()).pw_name


# -- facts
def test_facts_are_found_by_their_words(jarvis: Jarvis) -> None:
    jarvis("fact", "set", "home", "rooms", '["kitchen", "study"]')
    jarvis("fact", "set", "home", "city", "Denver\nColorado")
    lines = jarvis("fact", "search", "kitch").out.splitlines()
    assert lines[1].split() == ["home", "rooms", "[kitchen]", "study"]
    (found,) = jarvis("fact", "search", "COLORADO", "home", "--json").json
    assert (found["key"], found["value"], found["snippet"]) == ("city", "Denver\nColorado", "Denver [Colorado]")
    assert len(jarvis("fact", "search", "home", "--limit", 1, "--json").json) == 1


@pytest.mark.parametrize("words", ['"', "AND", "a OR b", "*", "🎉", "", " ", "key:x", "\udcff", "NEAR(a b)", "-" * 9])
def test_a_search_takes_whatever_is_typed(words: str, jarvis: Jarvis) -> None:
    jarvis("fact", "set", "home", "city", "Denver")
    said = jarvis("fact", "search", "--", words) if words.startswith("-") else jarvis("fact", "search", words)
    assert (said.code, said.out, said.err) == (0, "no fact has these words\n", "")
    assert jarvis("fact", "search", "--json", "--", words).json == []


def test_a_deleted_fact_is_gone_and_comes_back(jarvis: Jarvis) -> None:
    jarvis("fact", "set", "home", "city", "Denver")
    before = jarvis("fact", "get", "home", "city", "--json").json
    assert jarvis("fact", "delete", "home", "city").out == (
        "home/city is deleted; `jarvis memory undo` brings it back\n"
    )
    assert jarvis("fact", "get", "home", "city").code == 1
    assert jarvis("memory", "undo").out == "change 3: fact home/city added: Denver (undoes 2)\n"
    assert jarvis("fact", "get", "home", "city", "--json").json == before
    assert jarvis("fact", "search", "denver", "--json").json[0]["key"] == "city"


def test_the_history_of_a_fact_names_who_when_and_what(jarvis: Jarvis, monkeypatch: pytest.MonkeyPatch) -> None:
    jarvis("fact", "set", "home", "city", "Denver")
    monkeypatch.setenv("JARVIS_TASK", "morning")
    monkeypatch.setenv("JARVIS_RUN_ID", "12")
    jarvis("fact", "set", "home", "city", '{"a": "' + "x" * 100 + '"}')
    last, first = jarvis("fact", "history", "home", "city", "--json").json
    assert (first["before"], first["after"]["value"], first["source"]) == (None, "Denver", ME)
    assert (last["before"], last["source"], last["undoes"]) == (first["after"], "task morning, run 12", None)
    assert last["changed_at"] == last["after"]["updated_at"]
    lines = jarvis("fact", "history", "home", "city").out.splitlines()
    assert 'Denver -> {"a": "xxx' in lines[1]
    assert len(lines[1]) < 200
    assert lines[2].endswith("added: Denver")
    assert "nothing was ever known of home/x" in jarvis("fact", "history", "home", "x").out
    assert len(jarvis("fact", "history", "home", "city", "--limit", 1, "--json").json) == 1
    assert len(jarvis("fact", "history", "home", "city", "--limit", 0, "--json").json) == 2


@pytest.mark.parametrize(("task", "run_id"), [("", "1"), ("x" * 401, "1"), ("a\nb", "1"), ("x", ""), ("x", "y")])
def test_an_environment_that_names_no_run_is_not_believed(
    task: str, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JARVIS_TASK", task)
    monkeypatch.setenv("JARVIS_RUN_ID", run_id)
    assert author.author() == ME


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_123)
    assert author.author() == "user 4000000123"


# -- delegations and decisions
def test_a_delegation_is_edited_shown_cancelled_and_deleted(jarvis: Jarvis) -> None:
    jarvis("delegation", "add", "Send the figures", "--to", "Kim", "--due", "2026-03-06")
    said = jarvis("delegation", "edit", 1, "--due", "2026-03-13", "--priority", "high", "--notes", "a\nb")
    assert said.out == "delegation 1 is active: Send the figures, by Kim, due 2026-03-13\n"
    edited = jarvis("delegation", "edit", 1, "--due", "none", "--to", "Lee", "--task", "Send", "--json").json
    assert (edited["due_date"], edited["delegated_to"], edited["task"]) == (None, "Lee", "Send")
    shown = jarvis("delegation", "show", 1).out
    assert "due date      -\n" in shown
    assert "notes         a\n              b\n" in shown
    assert "due_date 2026-03-06 -> 2026-03-13, priority medium -> high" in shown
    assert jarvis("delegation", "cancel", 1).out == "delegation 1 is cancelled: Send\n"
    assert jarvis("delegation", "edit", 1, "--status", "active", "--json").json["status"] == "active"
    whole = jarvis("delegation", "show", 1, "--json").json
    assert (whole["task"], len(whole["history"])) == ("Send", 5)
    assert "delegation 1 is deleted: Send" in jarvis("delegation", "delete", 1).out
    assert jarvis("delegation", "show", 1).code == 1
    assert jarvis("memory", "undo", "--of", "delegation").code == 0
    again = jarvis("delegation", "show", 1, "--json").json
    assert {**again, "history": 0} == {**whole, "history": 0}
    assert len(again["history"]) == 7


def test_a_decision_is_edited_shown_cancelled_and_deleted(jarvis: Jarvis) -> None:
    jarvis("decision", "add", "Move", "--follow-up", "2026-03-06")
    assert jarvis("decision", "edit", 1, "--status", "deferred").out == "decision 1 is deferred: Move\n"
    flags = ["--follow-up", "none", "--title", "Stay", "--owner", "Kim", "--description", "x"]
    edited = jarvis("decision", "edit", 1, *flags, "--json").json
    assert [edited[name] for name in ("follow_up_date", "title", "owner", "description")] == [None, "Stay", "Kim", "x"]
    assert "follow_up_date 2026-03-06 -> null" in jarvis("decision", "show", 1).out
    assert jarvis("decision", "cancel", 1, "--json").json["status"] == "cancelled"
    assert len(jarvis("decision", "show", 1, "--json").json["history"]) == 4
    assert "decision 1 is deleted: Stay" in jarvis("decision", "delete", 1).out
    assert jarvis("decision", "list", "--json").json == []
    assert jarvis("memory", "undo").out == "change 6: decision 1 added: Stay (undoes 5)\n"


# -- all of it
def test_the_history_of_all_is_newest_first(jarvis: Jarvis) -> None:
    assert jarvis("memory", "history").out == "nothing was changed\n"
    jarvis("fact", "set", "home", "city", "Denver")
    jarvis("fact", "set", "home", "city", "Denver")
    jarvis("rule", "add", "backup", "--type", "stale_backup")
    jarvis("rule", "disable", "backup")
    jarvis("decision", "add", "a \x1b[2J title".replace("\x1b", ""))
    names = [row["name"] for row in jarvis("memory", "history", "--json").json]
    assert names == ["decision 1", "rule backup", "rule backup", "fact home/city", "fact home/city"]
    text = jarvis("memory", "history").out
    assert "enabled true -> false" in text
    assert "said again: Denver" in text
    assert 'added: stale_backup {"max_age_hours": 48}' in text
    assert len(jarvis("memory", "history", "--of", "rule", "--limit", 1, "--json").json) == 1


def test_undoing_twice_is_as_never(jarvis: Jarvis) -> None:
    jarvis("rule", "add", "backup", "--type", "stale_backup")
    jarvis("rule", "disable", "backup")
    assert jarvis("memory", "undo", "--json").json["undoes"] == 2
    assert jarvis("rule", "list", "--json").json[0]["enabled"] is True
    assert jarvis("memory", "undo").out == "change 4: rule backup enabled true -> false (undoes 3)\n"
    assert jarvis("rule", "list", "--json").json[0]["enabled"] is False


def test_what_a_run_changed_since_is_not_undone_under_it(jarvis: Jarvis, store: MemoryStore) -> None:
    jarvis("fact", "set", "work", "k", 1)
    store.by("task backup, run 7").facts.put("work", "k", 2)
    said = jarvis("memory", "undo")
    assert (said.code, said.out) == (1, "")
    assert "change 2, by task backup, run 7, stands on it. Undo that first: `jarvis memory undo 2`" in said.err
    assert jarvis("memory", "undo", 2).code == jarvis("memory", "undo", 1).code == 0
    assert jarvis("fact", "get", "work", "k").code == 1


def test_a_change_by_hand_has_no_author(jarvis: Jarvis, store: MemoryStore) -> None:
    store.database.change("INSERT INTO facts (category, key, value, updated_at) VALUES ('a', 'b', '1', 0)")
    assert jarvis("memory", "history", "--json").json[0]["source"] == ""
    assert "  -    fact a/b  added: 1" in jarvis("memory", "history").out


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["memory", "undo"], 1, "there is nothing to undo"),
        (["memory", "undo", "7"], 1, "no change has the number 7"),
        (["memory", "undo", "x"], 2, "use a whole number"),
        (["memory", "undo", "--of", "facts"], 2, "Did you mean fact?"),
        (["memory", "history", "--of", "task"], 2, "--of"),
        (["memory", "history", "--limit", "-1"], 2, "--limit"),
        (["fact", "search"], 2, "WORDS"),
        (["fact", "search", *("word " * 51).split()], 2, "at most 50 words"),
        (["fact", "delete", "home", "x"], 1, "nothing is known of home/x"),
        (["delegation", "show", "7"], 1, "no delegation has the id 7"),
        (["delegation", "edit", "7", "--task", "x"], 1, "no delegation has the id 7"),
        (["delegation", "edit", "7"], 2, "nothing to change was given"),
        (["delegation", "edit", "7", "--due", "friday"], 2, "YYYY-MM-DD"),
        (["delegation", "edit", "7", "--status", "complete"], 2, "Did you mean completed?"),
        (["delegation", "cancel", "7"], 1, "no delegation has the id 7"),
        (["delegation", "delete", "7"], 1, "no delegation has the id 7"),
        (["decision", "show", "7"], 1, "no decision has the id 7"),
        (["decision", "edit", "7"], 2, "nothing to change was given"),
        (["decision", "edit", "7", "--title", ""], 2, "a decision's title"),
        (["decision", "cancel", "7"], 1, "no decision has the id 7"),
        (["decision", "delete", "7"], 1, "no decision has the id 7"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], code: int, hint: str, jarvis: Jarvis) -> None:
    said = jarvis(*words)
    assert (said.code, said.out) == (code, "")
    assert hint in said.err
    assert "Traceback" not in said.err
