"""Real daemons in quiet hours, and killed while they make a digest: each result is in one digest, and told once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from jarvis.scheduler.clock import SystemClock
from tests.crash.daemons import Daemons

pytestmark = pytest.mark.process

CHANNEL = '[channels.me]\ntype = "file"\npath = "sent.jsonl"\n[attention]\nzone = "UTC"\n'
ROWS = "SELECT id, kind, state, run_id, digest_id, key, body FROM deliveries ORDER BY id"
DUE = """
import sys
from jarvis.memory import MemoryStore
store = MemoryStore(sys.argv[1])
store.database.change("UPDATE deliveries SET available_at = 1 WHERE state = 'held'")
store.close()
"""
Found = tuple[int, str, str, int | None, int | None, str, str]


def around(minutes: int) -> str:
    """Quiet hours that have begun and last for so long."""
    now = SystemClock().now()
    return f"{now - timedelta(minutes=5):%H:%M}-{now + timedelta(minutes=minutes):%H:%M}"


def configure(home: Path, attention: str) -> None:
    (home / "jarvis.toml").write_text(CHANNEL + attention)


def sent(home: Path) -> list[dict[str, str]]:
    path = home / "sent.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def rows(daemons: Daemons) -> list[Found]:
    found: list[Found] = daemons.query(ROWS)
    return found


def run(daemons: Daemons, name: str, deliver: str) -> None:
    daemons.add(name, "--every", "1d", "--deliver", deliver)
    daemons.cli("task", "run", name)


def test_a_daemon_holds_in_quiet_hours_and_sends_when_the_file_says_that_they_are_over(
    daemons: Daemons, home: Path
) -> None:
    configure(home, f'quiet = ["{around(300)}"]\n')
    daemons.start()
    run(daemons, "t", "me")
    run(daemons, "u", "me:urgent")
    daemons.until(lambda: [each[2] for each in rows(daemons)] == ["held", "sent"])
    assert [line["task"] for line in sent(home)] == ["u"]
    assert "is held: quiet hours until" in daemons.cli("why", "t")
    configure(home, "quiet = []\n")
    daemons.until(lambda: [each[2] for each in rows(daemons)] == ["sent", "sent"], within=30)
    assert [line["task"] for line in sent(home)] == ["u", "t"]
    assert daemons.stop() == [0]


def test_what_was_held_when_its_daemon_was_killed_is_held_by_the_next(daemons: Daemons, home: Path) -> None:
    configure(home, f'quiet = ["{around(300)}"]\n')
    first = daemons.start()
    run(daemons, "t", "me")
    daemons.until(lambda: [each[2] for each in rows(daemons)] == ["held"])
    daemons.kill(first)
    daemons.start()
    run(daemons, "u", "me:urgent")
    daemons.until(lambda: [each[2] for each in rows(daemons)] == ["held", "sent"])
    daemons.cli("delivery", "release", "1")
    daemons.until(lambda: [each[2] for each in rows(daemons)] == ["sent", "sent"])
    assert daemons.stop() == [0]


def test_daemons_killed_at_every_stage_of_a_digest_tell_each_result_in_one_and_send_it_once(
    daemons: Daemons, home: Path
) -> None:
    far = around(720).partition("-")[2]
    configure(home, f'digest = ["{far}"]\n')
    for n in range(5):
        run(daemons, f"t{n}", "me:digest")
    daemons.cli("tick")
    stages: list[Callable[[list[Found]], object]] = [
        lambda _found: True,
        lambda found: any(each[1] == "digest" for each in found),
        lambda found: any(each[1] == "digest" and each[2] == "sending" for each in found),
        lambda found: any(each[1] == "digest" and each[2] == "sent" for each in found),
    ]
    for number, reached in enumerate(stages * 2):
        for n in range(5):
            daemons.cli("task", "run", f"t{n}")
        daemons.cli("tick")
        known = len(rows(daemons))
        subprocess.run([sys.executable, "-c", DUE, str(home / "data" / "memory.db")], check=True)
        daemon = daemons.start()
        tolerant = _unless_passed(reached, known)
        daemons.until(lambda tolerant=tolerant: tolerant(rows(daemons)), every=0.001)
        daemons.kill(daemon)
        assert daemons.integrity() == "ok", number
    daemons.start()
    daemons.until(lambda: not {"held", "pending", "sending"} & {each[2] for each in rows(daemons)})
    assert daemons.stop() == [0]
    _each_is_told_once(rows(daemons), sent(home))


def _unless_passed(reached: Callable[[list[Found]], object], known: int) -> Callable[[list[Found]], object]:
    """The stage, looked for among the rows of this round; or that it went by unseen."""
    return lambda found: reached(found[known:]) or any(each[2] in ("sent", "unknown") for each in found[known:])


def _each_is_told_once(found: list[Found], lines: list[dict[str, str]]) -> None:
    digests = {each[0]: each for each in found if each[1] == "digest"}
    members = [each for each in found if each[1] == "result"]
    assert {each[2] for each in members} == {"digested"}
    assert {each[2] for each in digests.values()} <= {"sent", "unknown"}
    assert {each[4] for each in members} == digests.keys(), "each digest tells something, each result is in one"
    for each in members:
        assert f"run {each[3]}: jarvis runs show {each[3]}\n" in digests[each[4] or 0][6]
    keys = [line["key"] for line in lines]
    assert len(keys) == len(set(keys)), "something was sent twice"
    assert {each[5] for each in digests.values() if each[2] == "sent"} <= set(keys)
