"""Tasks that events and the ends of other runs start, as the command line states and shows them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from jarvis.memory import MemoryStore
from tests.cli.conftest import Jarvis


def add(jarvis: Jarvis, name: str, *flags: str) -> None:
    said = jarvis("task", "add", name, *flags, "--handler", "noop")
    assert said.code == 0, said.err


# -- event emit -------------------------------------------------------------------------------------------
def test_an_event_is_stored_and_told(jarvis: Jarvis, store: MemoryStore) -> None:
    said = jarvis("event", "emit", "github", "push", "--payload", '{"ref": "main", "n": 1.50}')
    assert (said.code, said.out) == (0, "event 1 is stored: github/push\n")
    assert "no daemon is running" in said.err
    (event,) = store.events.list()
    assert (event.source, event.event_type, event.payload, event.status) == (
        "github",
        "push",
        {"ref": "main", "n": 1.5},
        "pending",
    )
    assert jarvis("event", "emit", "a", "b", "--json").json == {"id": 2, "source": "a", "event_type": "b"}
    assert store.events.list()[0].payload is None


@pytest.mark.usefixtures("living")
def test_a_payload_is_read_from_stdin(jarvis: Jarvis, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b' [1, "\xc3\xa4"]\n')))
    said = jarvis("event", "emit", "mail", "arrived", "--payload", "-")
    assert (said.code, said.err) == (0, "")
    assert store.events.list()[0].payload == [1, "ä"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["a", "b", "--payload", "{"], "no JSON"),
        (["a", "b", "--payload", ""], "nothing came"),
        (["a", "b", "--payload", "NaN"], "no JSON"),
        (["a", "b", "--payload", '{"x": 1, "x": 2}'], "twice in one object"),
        (["a", "b", "--payload", "[" * 200 + "]" * 200], "nested more than 100 deep"),
        (["", "b"], "source is ''"),
        (["a", "b\n"], "event_type is 'b\\n'"),
        (["a"], "TYPE"),
    ],
)
def test_what_is_no_event_is_refused_and_nothing_is_stored(
    jarvis: Jarvis, store: MemoryStore, words: list[str], hint: str
) -> None:
    said = jarvis("event", "emit", *words)
    assert said.code == 2
    assert hint in said.err
    assert store.events.list() == []


# -- stating ----------------------------------------------------------------------------------------------
def test_an_event_task_is_echoed_shown_and_waits(jarvis: Jarvis) -> None:
    flags = ("--on", "github/push*", "--debounce", "30s", "--rate", "5/1m", "--filter", 'payload.ref == "main"')
    said = jarvis("task", "add", "deploy", *flags, "--", "true")
    told = "on github/push* (debounce=30s, rate=5/1m, filter='payload.ref == \"main\"')"
    assert said.out == f"added deploy: {told}\nnext: whenever an event github/push* comes\n"
    (listed,) = jarvis("task", "list", "--json").json
    assert (listed["schedule"], listed["next_run_at"]) == (told, None)
    assert told in jarvis("task", "list").out
    assert "whenever an event github/push* comes" in jarvis("task", "show", "deploy").out
    assert jarvis("task", "show", "deploy", "--json").json["next"] == []
    said = jarvis("next", "deploy", "--json")
    assert (said.json, said.code) == ([], 0)
    assert "deploy waits: it is due whenever an event github/push* comes" in said.err
    assert "it waits for an event github/push*" in jarvis("why", "deploy").out


def test_it_is_queued_unless_it_is_told_otherwise(jarvis: Jarvis) -> None:
    add(jarvis, "build", "--on", "a/b")
    add(jarvis, "then", "--after", "build", "--overlap", "skip")
    add(jarvis, "timed", "--every", "1h")
    overlaps = [jarvis("task", "show", each, "--json").json["policy"]["overlap"] for each in ("build", "then", "timed")]
    assert overlaps == ["queue", "skip", "skip"]
    jarvis("task", "edit", "build", "--every", "1h")
    assert jarvis("task", "show", "build", "--json").json["policy"]["overlap"] == "skip"


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        (["--on", "github"], "--on: 'github' is not SOURCE/TYPE, as in github/push*: did you mean 'github/*'?"),
        (["--on", "a/b", "--every", "1h"], "exactly one of"),
        (["--on", "a/b", "--rate", "5"], "--rate: a rate cannot be '5'"),
        (["--on", "a/b", "--debounce", "2d"], "--debounce: a debounce of 2d is not allowed"),
        (["--on", "a/b", "--filter", "payload."], "--filter: column"),
        (["--on", "a/b", "--filter", "nope > 1"], "--filter: column 1"),
        (["--every", "1h", "--filter", "true"], "--filter: goes only with events (on)"),
        (["--every", "1h", "--debounce", "1s"], "--debounce: goes only with events (on)"),
        (["--every", "1h", "--if", "failed"], "--if: goes only with another task (after)"),
        (["--after", "x"], "t cannot come after 'x': it comes after 'x', and no task has that name"),
        (["--after", "t"], "t after t"),
        (["--after", "x", "--if", "maybe"], "--if: got 'maybe', use one of succeeded, failed, always"),
    ],
)
def test_what_makes_no_sense_is_refused(jarvis: Jarvis, store: MemoryStore, flags: list[str], hint: str) -> None:
    said = jarvis("task", "add", "t", *flags, "--handler", "noop")
    assert said.code == 2
    assert hint in said.err
    assert store.tasks.names() == []


def test_a_task_is_stated_as_it_was(jarvis: Jarvis, home: Path) -> None:
    add(jarvis, "build", "--on", "a/b*", "--debounce", "1s", "--rate", "2/1h", "--filter", "payload", "--max-runs", "9")
    add(jarvis, "then", "--after", "build", "--if", "always", "--overlap", "allow")
    table = "".join(jarvis("task", "show", name, "--toml").out for name in ("then", "build"))
    for line in ('on = "a/b*"', 'debounce = "1s"', 'rate = "2/1h"', 'filter = "payload"', 'after = "build"'):
        assert line in table
    assert 'if = "always"' in table
    (home / "jarvis.toml").write_text(table)
    for name in ("then", "build"):
        assert jarvis("task", "remove", name).code == 0
    said = jarvis("apply")
    assert said.code == 0, said.err
    assert "2 added" in said.out
    assert "".join(jarvis("task", "show", name, "--toml").out for name in ("then", "build")) == table
    assert "nothing to do" in jarvis("apply").out


def test_an_edit_tells_what_is_different(jarvis: Jarvis) -> None:
    add(jarvis, "build", "--on", "a/b", "--debounce", "1s")
    add(jarvis, "then", "--after", "build")
    assert "  debounce: 1s -> 2s" in jarvis("task", "edit", "build", "--debounce", "2s").out
    assert "  debounce: 2s -> not set" in jarvis("task", "edit", "build", "--unset", "debounce").out
    assert "  on: a/b -> not set" in jarvis("task", "edit", "build", "--every", "1h").out
    assert "  if: not set -> failed" in jarvis("task", "edit", "then", "--if", "failed").out
    said = jarvis("task", "edit", "build", "--after", "then")
    assert (said.code, "build after then after build" in said.err) == (2, True)


def test_a_file_that_would_break_a_chain_is_refused_with_its_line(jarvis: Jarvis, home: Path) -> None:
    (home / "jarvis.toml").write_text(
        '[tasks.a]\nhandler = "noop"\nafter = "b"\n\n[tasks.b]\nhandler = "noop"\nafter = "a"\n'
    )
    for command in (("apply",), ("apply", "--dry-run")):
        said = jarvis(*command)
        assert said.code == 2
        assert "line 3: [tasks.a] after: it would start itself without end: a after b after a" in said.err
    assert jarvis("task", "list", "--json").json == []


def test_a_plan_tells_a_change_of_patterns(jarvis: Jarvis, home: Path) -> None:
    file = home / "jarvis.toml"
    file.write_text('[tasks.a]\nhandler = "noop"\non = "x/y"\n[tasks.b]\nhandler = "noop"\nafter = "a"\n')
    jarvis("apply")
    file.write_text(
        '[tasks.a]\nhandler = "noop"\non = "x/*"\nrate = "1/1m"\n'
        '[tasks.b]\nhandler = "noop"\nafter = "a"\nif = "always"\n'
    )
    said = jarvis("apply", "--dry-run").out
    assert "~ change a: on x/y -> x/*; rate none -> 1/1m" in said
    assert "~ change b: if succeeded -> always" in said


def test_a_task_that_others_come_after_is_not_removed(jarvis: Jarvis) -> None:
    add(jarvis, "build", "--on", "a/b")
    add(jarvis, "then", "--after", "build")
    said = jarvis("task", "remove", "build")
    assert said.code == 2
    assert "build cannot be removed: then comes after it. Remove it first" in said.err
    assert "followed by  then" in jarvis("task", "show", "build").out
    shown = jarvis("task", "show", "then", "--json").json
    assert (shown["after"], shown["followed_by"]) == ("build", [])


def test_a_paused_task_waits_for_nothing_until_it_is_resumed(jarvis: Jarvis) -> None:
    add(jarvis, "build", "--on", "a/b")
    add(jarvis, "then", "--after", "build", "--if", "failed")
    for name in ("build", "then"):
        jarvis("task", "pause", name)
    assert "paused since" in jarvis("task", "show", "build").out
    assert jarvis("task", "resume", "build").out == "build is enabled: due whenever an event a/b comes\n"
    assert jarvis("task", "resume", "then").out == "then is enabled: due whenever build has failed\n"


# -- what became of it ------------------------------------------------------------------------------------
@pytest.mark.process
def test_a_tick_carries_an_event_through_a_chain(jarvis: Jarvis) -> None:
    for name, flags in {"build": ("--on", "a/*"), "then": ("--after", "build")}.items():
        assert jarvis("task", "add", name, *flags, "--", "cat").code == 0
    jarvis("event", "emit", "a", "b", "--payload", '{"n": 1}')
    ran = jarvis("tick", "--json").json
    assert [(run["task"], run["state"]) for run in ran] == [("build", "succeeded"), ("then", "succeeded")]
    given = json.loads(jarvis("runs", "logs", "1").out)
    assert (given["id"], given["source"], given["event_type"], given["payload"]) == (1, "a", "b", {"n": 1})
    handed_on = json.loads(jarvis("runs", "logs", "2").out)
    assert (handed_on["run_id"], handed_on["task"], handed_on["state"]) == (1, "build", "succeeded")
    assert json.loads(handed_on["output"]) == given
    first, second = (jarvis("runs", "show", run_id, "--json").json for run_id in (1, 2))
    assert [cause["event_id"] for cause in first["started_by"]] == [1]
    assert [(cause["task"], cause["run_id"]) for cause in first["started"]] == [("then", 2)]
    assert [(cause["upstream"], cause["upstream_id"]) for cause in second["started_by"]] == [("build", 1)]
    assert "started by    event 1 (a/b)" in jarvis("runs", "show", "1").out
    assert "its end       started run 2 of then" in jarvis("runs", "show", "1").out
    assert "by event 1 (a/b), ran and succeeded" in jarvis("why", "build").out
    assert "by the end of run 1 of build, ran and succeeded" in jarvis("why", "then").out


def test_an_event_is_shown_with_what_it_came_to(jarvis: Jarvis) -> None:
    add(jarvis, "two", "--on", "a/b", "--max-runs", "1")
    add(jarvis, "one", "--on", "a/*")
    for _ in range(2):
        jarvis("event", "emit", "a", "b")
    jarvis("tick")
    shown = jarvis("inbox", "show", "1", "--json").json
    assert [(each["task"], each["outcome"]) for each in shown["came_to"]] == [("one", "started"), ("two", "started")]
    assert all(each["run_id"] for each in shown["came_to"])
    said = jarvis("inbox", "show", "2").out
    assert "one: started as run " in said
    assert "two: left out: the one run it may have is used up (max_runs)" in said


def test_a_filter_that_says_no_or_fails_is_told(jarvis: Jarvis) -> None:
    add(jarvis, "main", "--on", "a/*", "--filter", "payload.n > 1")
    jarvis("event", "emit", "a", "b", "--payload", '{"n": 1}')
    assert jarvis("tick").code == 0
    assert "event 1 (a/b) came to nothing: its filter said no" in jarvis("why", "main").out
    jarvis("event", "emit", "a", "b", "--payload", "[]")
    assert jarvis("tick").code == 0
    assert "event 2 (a/b) came to nothing: column " in jarvis("why", "main").out
    jarvis("event", "emit", "a", "b", "--payload", '{"n": 2}')
    assert [run["task"] for run in jarvis("tick", "--json").json] == ["main"]


def test_why_says_that_an_end_starts_nothing(jarvis: Jarvis) -> None:
    add(jarvis, "build", "--every", "1h")
    add(jarvis, "oops", "--after", "build", "--if", "failed")
    jarvis("task", "run", "build")
    jarvis("tick")
    said = jarvis("why", "oops").out
    assert "it waits until a run of build has failed" in said
    assert "run 1 of build ended as succeeded, which starts nothing" in said


def test_why_says_what_is_and_will_be_at_other_moments(jarvis: Jarvis) -> None:
    add(jarvis, "build", "--on", "a/b")
    future = jarvis("why", "build", "--at", "2999-01-01T00:00:00Z", "--json").json
    assert future["verdict"] == "undetermined"
    assert "may or may not be due at 2999-01-01 00:00:00+00:00: it waits for an event a/b" in future["sentence"]
    assert jarvis("why", "build", "--at", "2001-01-01T00:00:00Z", "--json").json["verdict"] == "before_created"
    assert jarvis("why", "build", "--json").json["verdict"] == "waiting"


def test_a_burst_that_waits_says_why(jarvis: Jarvis) -> None:
    add(jarvis, "build", "--on", "a/b", "--debounce", "1h")
    for _ in range(3):
        jarvis("event", "emit", "a", "b")
    assert "nothing was due" in jarvis("tick").out
    said = jarvis("why", "build").out
    assert "by event 3 (a/b), the last of 3 events, has not started yet: it may start from" in said
    assert "as more events may come (debounce)" in said
    shown = jarvis("runs", "show", "1", "--json").json
    assert [cause["outcome"] for cause in shown["started_by"]] == ["started", "coalesced", "coalesced"]


# -- simulate ---------------------------------------------------------------------------------------------
def test_a_chain_is_simulated_with_what_starts_it(jarvis: Jarvis) -> None:
    add(jarvis, "hourly", "--every", "1h")
    add(jarvis, "then", "--after", "hourly")
    add(jarvis, "last", "--after", "then", "--max-runs", "2")
    add(jarvis, "event", "--on", "a/b")
    add(jarvis, "never", "--after", "event")
    span = ("--from", "2026-03-01", "--to", "2026-03-02")
    said = jarvis("simulate", *span, "--json")
    counts: dict[str, int] = {}
    for run in said.json:
        counts[run["task"]] = counts.get(run["task"], 0) + 1
    assert counts == {"hourly": 24, "then": 24, "last": 2}
    assert "left out, as paused, over by then, or started by events: event, never" in said.err
    alone = jarvis("simulate", *span, "--task", "last", "--json").json
    assert {run["task"] for run in alone} == {"hourly", "then", "last"}
