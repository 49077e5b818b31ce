"""`jarvis delivery`, and where the other verbs speak of deliveries."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jarvis.memory import MemoryStore
from tests.cli.conftest import Jarvis

TOML = """
[channels.me]
type = "file"
path = "$JARVIS_HOME/me.jsonl"

[channels.broken]
type = "command"
command = ["sh", "-c", "echo no route; exit 1"]
"""


@pytest.fixture
def channels(home: Path) -> Path:
    (home / "jarvis.toml").write_text(TOML)
    return home / "jarvis.toml"


@pytest.fixture
def ran(jarvis: Jarvis, channels: Path) -> Callable[..., None]:
    """Let a task with these channels run once."""

    def run(*deliver: str, command: str = "echo hi") -> None:
        flags = [word for each in deliver for word in ("--deliver", each)]
        jarvis("task", "add", "t", "--every", "1d", *flags, "--", "sh", "-c", command)
        jarvis("task", "run", "t")
        assert jarvis("tick").code == 0

    return run


def test_a_result_goes_where_the_task_says_and_the_outbox_shows_it(
    jarvis: Jarvis, ran: Callable[..., None], home: Path
) -> None:
    ran("me", "broken:failure")
    (line,) = (home / "me.jsonl").read_text().splitlines()
    assert json.loads(line)["subject"] == "t succeeded"
    (row,) = jarvis("delivery", "list", "--json").json
    assert (row["id"], row["run"], row["task"], row["channel"], row["state"]) == (1, 1, "t", "me", "sent")
    assert jarvis("delivery", "list", "--channel", "broken").out == "no deliveries\n"
    assert jarvis("delivery", "list", "--state", "sent").out.splitlines()[1].split()[:6] == [
        "1", "1", "t", "me", "result", "sent",
    ]  # fmt: skip
    shown = jarvis("delivery", "show", 1).out
    assert "body          hi\n" in shown
    assert json.loads(line)["key"] in shown
    (delivered,) = jarvis("runs", "show", 1, "--json").json["deliveries"]
    assert delivered == row
    assert "deliveries    1: result to me sent\n" in jarvis("runs", "show", 1).out
    told = jarvis("task", "show", "t", "--json").json["deliver"]
    assert [(each["channel"], each["on"]) for each in told] == [("me", "always"), ("broken", "failure")]
    assert "broken:failure" in jarvis("task", "show", "t").out
    assert jarvis("status", "--json").json["unsent"] == {}


def test_what_waits_is_told_by_why_and_status(jarvis: Jarvis, ran: Callable[..., None]) -> None:
    ran("broken", "me")
    said = jarvis("why", "t").out.splitlines()[0]
    assert "(delivery 1 to broken waits: attempt 1 failed: 'sh': exit code 1: no route)" in said
    assert jarvis("status", "--json").json["unsent"] == {"pending": 1}
    assert "not sent   1 pending: `jarvis delivery list` says why" in jarvis("status").out


def test_a_channel_that_was_taken_away_is_said_and_can_be_retried_once_it_is_back(
    jarvis: Jarvis, ran: Callable[..., None], channels: Path, home: Path, store: MemoryStore
) -> None:
    ran()
    jarvis("task", "remove", "t")
    jarvis("task", "add", "t", "--every", "1d", "--deliver", "me", "--", "echo", "hi")
    channels.write_text("")
    jarvis("task", "run", "t")
    jarvis("tick")
    assert "failed: jarvis.toml has no channel named 'me' any more (it has none))" in jarvis("why", "t").out
    assert jarvis("status", "--json").json["unsent"] == {"failed": 1}
    channels.write_text(TOML)
    retried = jarvis("delivery", "retry", 1)
    assert retried.out == "delivery 1 to me will be sent again: t succeeded\n"
    assert "no daemon is running" in retried.err
    jarvis("tick")
    assert len((home / "me.jsonl").read_text().splitlines()) == 1
    again = jarvis("delivery", "retry", 1)
    assert (again.code, again.err) == (1, "jarvis: error: delivery 1 has been sent: there is nothing to try again\n")


def test_a_channel_there_is_not_is_refused_before_anything_is_stored(jarvis: Jarvis, channels: Path) -> None:
    said = jarvis("task", "add", "t", "--every", "1d", "--deliver", "brokn", "--", "true")
    assert said.code == 2
    assert f"no channel is named 'brokn': {channels} has broken, me. Did you mean broken?" in said.err
    said = jarvis("task", "add", "t", "--every", "1d", "--deliver", "me:fail", "--", "true")
    assert (said.code, "after the colon use one of always, failure, success" in said.err) == (2, True)
    assert jarvis("task", "list", "--json").json == []


def test_a_channel_can_be_tested_without_a_task(jarvis: Jarvis, channels: Path, home: Path) -> None:
    assert jarvis("delivery", "test", "me", "--text", "do you read me?").out == "sent by me\n"
    sent = json.loads((home / "me.jsonl").read_text())
    assert (sent["kind"], sent["body"], sent["run"]) == ("test", "do you read me?\n", None)
    said = jarvis("delivery", "test", "broken")
    assert (said.code, said.err) == (1, "jarvis: error: 'sh': exit code 1: no route\n")
    said = jarvis("delivery", "test", "broken", "--json")
    assert (said.code, said.json["sent"], said.json["error"]) == (1, False, "'sh': exit code 1: no route")
    assert jarvis("delivery", "test", "nobody").code == 2


def test_a_bad_channel_stops_every_verb_with_all_that_is_wrong(jarvis: Jarvis, channels: Path) -> None:
    channels.write_text('[channels.a]\ntype = "fax"\n[channels.b]\ntype = "file"\n')
    said = jarvis("task", "list")
    assert said.code == 78
    assert len(said.err.splitlines()) == 2


def test_where_results_go_can_be_edited_and_taken_back(jarvis: Jarvis, channels: Path) -> None:
    jarvis("task", "add", "t", "--every", "1d", "--deliver", "me", "--", "true")
    said = jarvis("task", "edit", "t", "--deliver", "me:failure", "--deliver", "broken").out
    assert "deliver: ['me'] -> ['me:failure', 'broken']" in said
    assert 'deliver = ["me:failure", "broken"]' in jarvis("task", "show", "t", "--toml").out
    jarvis("task", "edit", "t", "--unset", "deliver")
    assert jarvis("task", "show", "t", "--json").json["deliver"] == []
