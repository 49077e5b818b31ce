"""Daemons killed with SIGKILL while events come in: each event starts each of its tasks once, each end what follows it.

`CRASH_ROUNDS=100 SEED=7` makes more kills, or the same ones again.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest

from tests.crash.daemons import Daemons, let_pass, say, seeded
from tests.house.tree import ROOT

pytestmark = [pytest.mark.process, pytest.mark.slow]

ROUNDS = int(os.environ.get("CRASH_ROUNDS") or 25)
EVENTS = 12 * ROUNDS
# A process of its own that raises events, now and then several at once, at moments the seed decides.
EMIT = """
import random, sys, time
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
chance, clock = random.Random(int(sys.argv[2])), SystemClock()
store, left = MemoryStore(sys.argv[1]), int(sys.argv[3])
while left:
    with store.transaction():
        for _ in range(min(left, chance.choice([1, 1, 2, 5]))):
            store.events.emit("test", "tick", {"n": left}, clock.now())
            left -= 1
    time.sleep(chance.uniform(0, 0.15))
"""
_CAUSES = """
SELECT t.name, c.event_id, c.upstream_id, c.run_id, c.outcome FROM causes c JOIN tasks t ON t.id = c.task_id
"""


def kill_in_turn(daemons: Daemons, chance: random.Random, emitting: subprocess.Popen[bytes]) -> None:
    pair = [daemons.start(), daemons.start()]
    for _ in range(ROUNDS):
        let_pass(daemons.until, chance.uniform(0.02, 0.5))
        at = chance.randrange(2)
        daemons.kill(pair[at])
        pair[at] = daemons.start(entered=False)
    assert emitting.wait(60) == 0


def test_each_event_starts_its_tasks_once_whoever_is_killed(
    daemons: Daemons, record_property: Callable[[str, object], None]
) -> None:
    chance = seeded()
    daemons.add("every", "--on", "test/*", command=daemons.mark())
    daemons.add("even", "--on", "*/tick", "--filter", "payload.n % 2 == 0")
    daemons.add("burst", "--on", "test/tick", "--debounce", "300ms")
    daemons.add("then", "--after", "every", "--if", "always")
    arguments = [str(daemons.home / "data" / "memory.db"), str(chance.randrange(10**6)), str(EVENTS)]
    with subprocess.Popen([sys.executable, "-c", EMIT, *arguments], cwd=ROOT) as emitting:
        kill_in_turn(daemons, chance, emitting)
    daemons.all_entered()
    daemons.until(lambda: not daemons.query("SELECT 1 FROM webhook_events WHERE status = 'pending'"), within=60)
    daemons.until(lambda: not {"pending", "running"} & set(daemons.states()), within=120)
    assert daemons.stop() == [0, 0]

    events = [event for (event,) in daemons.query("SELECT id FROM webhook_events ORDER BY id")]
    causes = daemons.query(_CAUSES)
    found = {
        name: Counter((event, outcome) for task, event, _, _, outcome in causes if task == name)
        for name in ("every", "even", "burst")
    }
    assert len(events) == EVENTS
    assert found["every"] == {(event, "started"): 1 for event in events}
    assert Counter(outcome for _, outcome in found["even"]) == {"started": EVENTS // 2, "filtered": EVENTS // 2}
    assert sorted(event for event, _ in found["burst"]) == events
    assert {outcome for _, outcome in found["burst"]} == {"started", "coalesced"}

    every = [row.id for row in daemons.rows("every")]
    assert sorted(run for task, _, _, run, _ in causes if task == "every") == sorted(every)
    assert len(daemons.rows("even")) == EVENTS // 2
    bursts = [run for task, _, _, run, outcome in causes if task == "burst" and outcome == "started"]
    assert sorted(bursts) == sorted(row.id for row in daemons.rows("burst"))
    assert set(daemons.states()) == {"succeeded"}
    assert sorted(upstream for task, _, upstream, _, _ in causes if task == "then") == sorted(every)
    assert len(daemons.rows("then")) == len(every)

    cut_off = sum(row.attempt > 1 for row in daemons.rows("every"))
    effects = Counter(effect.due_at for effect in daemons.effects())
    repeated = {row.due_at for row in daemons.rows("every") if effects[row.due_at] > 1}
    assert all(row.attempt > 1 for row in daemons.rows("every") if row.due_at in repeated)
    assert daemons.integrity() == "ok"
    say(line := f"{ROUNDS} kills, {EVENTS} events: each matched once, {cut_off} runs cut off, {len(bursts)} bursts")
    record_property("summary", line)
