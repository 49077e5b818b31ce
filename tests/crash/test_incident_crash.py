"""Real daemons killed between what a rule found and the end of its run: it is told once, and so is that it is over."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.crash.daemons import Daemons

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
