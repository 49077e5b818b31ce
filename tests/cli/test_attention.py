"""Quiet hours, digests and what is passed over, as the command line tells them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from tests.cli.conftest import Jarvis

CHANNELS = """
[channels.me]
type = "file"
path = "$JARVIS_HOME/me.jsonl"

[channels.log]
type = "file"
path = "$JARVIS_HOME/log.jsonl"
"""


def window(ahead: int, length: int) -> str:
    """Quiet hours that begin so many minutes from now."""
    start = SystemClock().now() + timedelta(minutes=ahead)
    return f"{start:%H:%M}-{start + timedelta(minutes=length):%H:%M}"


@pytest.fixture
def attention(home: Path) -> Callable[[str], None]:
    """Write [attention]."""

    def write(text: str) -> None:
        (home / "jarvis.toml").write_text(f'{CHANNELS}\n[attention]\nzone = "UTC"\n{text}\n')

    return write


@pytest.fixture
def run(jarvis: Jarvis) -> Callable[..., None]:
    """Let a task end as it is told to, with these channels."""

    def go(name: str, *deliver: str, command: str = "echo hi") -> None:
        if name not in {each["name"] for each in jarvis("task", "list", "--json").json}:
            flags = [word for each in deliver for word in ("--deliver", each)]
            jarvis("task", "add", name, "--every", "1d", *flags, "--", "sh", "-c", command)
        jarvis("task", "run", name)
        assert jarvis("tick").code == 0

    return go


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_what_is_held_is_told_by_why_status_and_the_outbox_and_can_be_released(
    jarvis: Jarvis, attention: Callable[[str], None], run: Callable[..., None], home: Path
) -> None:
    attention(f'quiet = ["{window(-5, 600)}"]')
    run("t", "me", "log:urgent")
    assert ([*lines(home / "me.jsonl")], len(lines(home / "log.jsonl"))) == ([], 1)
    assert "(delivery 1 to me is held: quiet hours until " in jarvis("why", "t").out
    assert jarvis("status", "--json").json["unsent"] == {"held": 1}
    (held,) = jarvis("delivery", "list", "--state", "held", "--json").json
    assert (held["id"], held["channel"], held["urgent"]) == (1, "me", False)
    assert datetime.fromisoformat(held["available_at"]) > SystemClock().now()
    again = jarvis("delivery", "retry", 1)
    assert (again.code, "is held, and can be sent now with `jarvis delivery release`" in again.err) == (1, True)
    released = jarvis("delivery", "release", 1)
    assert released.out == "delivery 1 to me is held no more: t succeeded\n"
    assert "no daemon is running" in released.err
    jarvis("tick")
    assert [line["subject"] for line in lines(home / "me.jsonl")] == ["t succeeded"]
    twice = jarvis("delivery", "release", 1)
    assert (twice.code, twice.err) == (1, "jarvis: error: delivery 1 is not held: it is sent\n")
    assert jarvis("delivery", "release", 99).code != 0


def test_a_digest_is_one_delivery_that_names_its_runs(
    jarvis: Jarvis, attention: Callable[[str], None], run: Callable[..., None], home: Path
) -> None:
    far = f"{SystemClock().now() + timedelta(hours=12):%H:%M}"
    attention(f'digest = ["{far}"]')
    for n in range(1, 6):
        run(f"t{n}", "me:digest")
    assert lines(home / "me.jsonl") == []
    (shown,) = jarvis("attention", "show", "me", "--json").json
    assert (shown["for_digest"], shown["held"], shown["digest"]) == (5, 0, [far])
    store = jarvis("delivery", "list", "--json").json
    assert {each["state"] for each in store} == {"held"}
    due = datetime.fromisoformat(shown["next_digest_at"])
    assert due.strftime("%H:%M") == far
    _let_it_be_due(home)
    jarvis("tick")
    (line,) = lines(home / "me.jsonl")
    assert (line["kind"], line["subject"], line["run"], line["task"]) == ("digest", "Digest: 5 results", None, "")
    for n in range(1, 6):
        assert f"{n}. t{n} succeeded\n   hi\n" in str(line["body"])
        assert f"run {n}: jarvis runs show {n}\n" in str(line["body"])
    listed = jarvis("delivery", "list").out.splitlines()
    assert listed[1].split()[:6] == ["6", "-", "-", "me", "digest", "sent"]
    assert "(delivery 1 to me is told in digest delivery 6, which was sent)" in jarvis("why", "t1").out
    assert "members       1, 2, 3, 4, 5\n" in jarvis("delivery", "show", 6).out
    assert jarvis("delivery", "show", 6, "--json").json["members"] == [1, 2, 3, 4, 5]
    assert jarvis("delivery", "show", 1, "--json").json["digest"] == 6
    assert jarvis("status", "--json").json["unsent"] == {}


def _let_it_be_due(home: Path) -> None:
    store = MemoryStore(str(home / "data" / "memory.db"))
    store.database.change("UPDATE deliveries SET available_at = 1 WHERE state = 'held'")
    store.close()


def test_why_says_with_which_run_a_failure_is_grouped_and_what_was_the_same(
    jarvis: Jarvis, attention: Callable[[str], None], run: Callable[..., None], home: Path
) -> None:
    attention("")
    for _ in range(2):
        run("t", "me:failure", command="exit 3")
        run("u", "me:same-silent")
    told = [line["subject"] for line in lines(home / "me.jsonl")]
    assert told == ["t failed: exit code 3", "u succeeded"]
    grouped = "(delivery 3 to me was not sent: the same failure as run 1, of which delivery 1 tells)"
    assert grouped in jarvis("why", "t").out
    assert "(delivery 4 to me was not sent: the same as run 2)" in jarvis("why", "u").out
    assert jarvis("status", "--json").json["unsent"] == {}


def test_what_each_channel_may_be_told_is_shown(jarvis: Jarvis, attention: Callable[[str], None]) -> None:
    attention('quiet = ["22:00-07:00"]\ncap = 3\n[attention.channels.log]\nquiet = []\nremind = "never"')
    head, log, me = jarvis("attention", "show", "--at", "2026-03-02T23:00Z").out.splitlines()
    assert head.split()[:2] == ["CHANNEL", "NOW"]
    assert "may be told" in log
    assert "quiet until 2026-03-03 07:00:00+00:00" in me
    assert "0 of 3" in me
    (shown,) = jarvis("attention", "show", "log", "--json").json
    assert (shown["quiet"], shown["quiet_until"], shown["remind"], shown["cap"]) == ([], None, None, 3)
    wrong = jarvis("attention", "show", "lgo")
    assert (wrong.code, "Did you mean log?" in wrong.err) == (2, True)


def test_without_channels_it_says_so(jarvis: Jarvis) -> None:
    assert jarvis("attention", "show").out == "no channels: jarvis.toml has no table [channels.NAME]\n"


def test_how_a_channel_is_told_is_stored_edited_and_written_back(
    jarvis: Jarvis, attention: Callable[[str], None]
) -> None:
    attention("")
    jarvis(
        "task", "add", "t", "--every", "1d", "--deliver", "me:failure,urgent", "--deliver", "log:digest", "--", "true"
    )
    assert 'deliver = ["me:failure,urgent", "log:digest"]' in jarvis("task", "show", "t", "--toml").out
    said = jarvis("task", "edit", "t", "--deliver", "me:same-silent").out
    assert "deliver: ['me:failure,urgent', 'log:digest'] -> ['me:same-silent']" in said
    refused = jarvis("task", "edit", "t", "--deliver", "me:urgent,digest")
    assert (refused.code, "urgent and digest exclude each other" in refused.err) == (2, True)
    refused = jarvis("task", "edit", "t", "--deliver", "me:failure,always")
    assert (refused.code, "always and a word before it exclude each other" in refused.err) == (2, True)


def test_a_bad_table_stops_every_verb_with_all_that_is_wrong(jarvis: Jarvis, attention: Callable[[str], None]) -> None:
    attention('quiet = ["22-7"]\ncap = -1\n[attention.channels.you]\n')
    said = jarvis("task", "list")
    assert (said.code, len(said.err.splitlines())) == (78, 3)
