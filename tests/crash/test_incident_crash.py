"""Real daemons killed between what a rule found and the end of its run: it is told once, and so is that it is over."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.crash.daemons import Daemons, say, seeded

pytestmark = pytest.mark.process

# A daemon whose alert_eval dies, the first time: before what was found is written, or after.
DYING = """
import os, signal, sys
from pathlib import Path
from jarvis.memory.store import MemoryStore

report, mark, point = MemoryStore.report, Path(sys.argv[1]), sys.argv[2]

def die(self, *args):
    first = not mark.exists()
    mark.touch()
    if first and point == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    report(self, *args)
    if first and point == "after":
        os.kill(os.getpid(), signal.SIGKILL)

MemoryStore.report = die
sys.argv = ["jarvis", "daemon"]
from jarvis.cli import main
sys.exit(main(["daemon"]))
"""


def told(home: Path) -> list[tuple[str, str]]:
    file = home / "told.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(said["key"], said["subject"].partition(":")[0]) for said in map(json.loads, lines)]


def evaluated(daemons: Daemons) -> list[str]:
    return [row.state for row in daemons.rows("alert_eval")]


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_daemon_killed_between_what_was_found_and_the_end_of_the_run_loses_and_doubles_nothing(
    daemons: Daemons, home: Path, point: str
) -> None:
    (home / "jarvis.toml").write_text('[channels.me]\ntype = "file"\npath = "told.jsonl"\n')
    daemons.cli("delegation", "add", "Figures", "--to", "Kim", "--due", "2020-01-01")
    daemons.cli("rule", "add", "late", "--type", "overdue_delegation")
    # Of the name that a first start would give to a task of its own.
    daemons.cli("task", "add", "alert_eval", "--every", "1d", "--handler", "alert_eval", "--deliver", "me")
    for round_, step in enumerate(("start", "over")):
        daemons.cli("task", "run", "alert_eval")
        dying = daemons.start([sys.executable, "-c", DYING, str(home / f"died-{step}"), point], entered=False)
        assert dying.wait(60) == -9
        daemons.kill(dying)
        assert evaluated(daemons).count("running") == 1
        healthy = daemons.start()
        daemons.until(lambda n=round_ + 1: evaluated(daemons).count("succeeded") == n, within=60)
        daemons.until(lambda n=round_ + 1: len(told(home)) == n, within=60)
        assert daemons.stop() == [0]
        assert healthy.returncode == 0
        if step == "start":
            daemons.cli("delegation", "done", "1")
    assert told(home) == [("incident:1:start:me", "late"), ("incident:1:over:me", "over")]
    (run, _) = json.loads(daemons.cli("runs", "list", "--task", "alert_eval", "--json"))
    assert "1 over: late" in run["reason"]  # the run that was carried out again says what it told before it was cut off
    assert [state for (state,) in daemons.query("SELECT state FROM deliveries")] == ["sent", "sent"]


@pytest.mark.slow
def test_of_two_daemons_that_are_killed_again_and_again_each_step_is_told_once(daemons: Daemons, home: Path) -> None:
    chance = seeded()
    (home / "jarvis.toml").write_text('[channels.me]\ntype = "file"\npath = "told.jsonl"\n')
    daemons.cli("rule", "add", "late", "--type", "overdue_delegation", "--deliver", "me", "--cool-down", "0s")
    for name in ("alert_eval", "other"):
        daemons.cli("task", "add", name, "--every", "200ms", "--handler", "alert_eval")
    running = [daemons.start() for _ in range(2)]
    for round_ in range(1, 7):
        before = steps(daemons)
        daemons.cli("delegation", "add", "Figures", "--to", "Kim", "--due", "2020-01-01")
        daemons.kill(running.pop(chance.randrange(2)))
        running.append(daemons.start())
        daemons.until(lambda n=before: steps(daemons) > n, within=60)
        daemons.cli("delegation", "done", str(round_))
        daemons.until(lambda: not open_ones(daemons), within=60)
    daemons.cli("task", "pause", "alert_eval")
    daemons.cli("task", "pause", "other")
    daemons.until(
        lambda: not daemons.query("SELECT 1 FROM deliveries WHERE state IN ('pending', 'sending')"), within=60
    )
    assert daemons.stop() == [0, 0]
    told_keys = [key for key, _ in told(home)]
    assert len(told_keys) == len(set(told_keys)), "something was told twice"
    incidents = daemons.query("SELECT id, told, state FROM incidents ORDER BY id")
    assert {state for _, _, state in incidents} == {"resolved"}
    expected = {
        key
        for number, times, _ in incidents
        for key in (
            f"incident:{number}:start:me",
            *(f"incident:{number}:repeat:{time}:me" for time in range(2, times + 1)),
            f"incident:{number}:over:me",
        )
    }
    assert {key for (key,) in daemons.query("SELECT key FROM deliveries")} == expected
    unknown = {key for (key,) in daemons.query("SELECT key FROM deliveries WHERE state = 'unknown'")}
    assert expected - unknown <= set(told_keys) <= expected
    say(f"{len(incidents)} incidents, {len(expected)} steps told, {len(unknown)} of them unknown")


def steps(daemons: Daemons) -> int:
    ((count,),) = daemons.query("SELECT COUNT(*) FROM deliveries WHERE kind = 'alert'")
    return int(count)


def open_ones(daemons: Daemons) -> list[tuple[int]]:
    found: list[tuple[int]] = daemons.query("SELECT id FROM incidents WHERE state <> 'resolved'")
    return found
