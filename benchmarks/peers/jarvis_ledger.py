"""What the ledger's work takes with N rows in it: `python -m benchmarks.peers.jarvis_ledger N REPETITIONS`.

Prints medians in milliseconds: to claim a batch of runs and to settle it (each a synced commit), to answer the query of
`jarvis runs list`, the same for one task, the counts that `jarvis status` shows (of an hour, so that there are as many
rows of it in each ledger), to answer `jarvis why` for a moment somewhere in the ledger, and to prune its oldest rows.
The verbs' own start is left out: it is the same whatever the size, and would hide growth. What was added is taken out
again, and what was pruned is put back.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from statistics import median

from benchmarks import stores
from jarvis.cli.why import gather
from jarvis.memory import MemoryStore
from jarvis.memory.instants import from_micros
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.explain import explain
from jarvis.scheduler.model import Outcome, Result

BATCH = 50
PRUNED = 500
LONGEST = 2.0  # seconds spent on one question


def main(rows: int, repetitions: int) -> None:
    """All of it on the kept store."""
    memory = MemoryStore(str(stores.with_ledger(rows)))
    newest = int(memory.database.value("SELECT MAX(id) FROM runs"))
    try:
        found = reading(memory, rows, repetitions) | claim_and_settle(memory, repetitions)
        found["prune_ms"] = median(pruned(memory) for _ in range(max(3, repetitions // 10))) * 1000
    finally:
        memory.database.change("DELETE FROM runs WHERE id > ?", (newest,))
        memory.close()
    print(json.dumps(found))


def claim_and_settle(memory: MemoryStore, repetitions: int) -> dict[str, float]:
    """Start by hand one run of each of many tasks; claim them all at once; settle them all at once."""
    owner, taken = memory.instances.register(SystemClock().now()), {"claim_ms": list[float](), "settle_ms": []}
    names = random.Random(1).sample(memory.tasks.names(), BATCH)
    for _ in range(repetitions):
        now = SystemClock().now()
        with memory.transaction():
            for name in names:
                memory.start_now(name, now)
        started = time.perf_counter()
        claimed = memory.runs.claim(owner.id, BATCH, now)
        taken["claim_ms"].append(time.perf_counter() - started)
        assert len(claimed) == BATCH
        outcomes = [Outcome(each, Result(), now) for each in claimed]
        started = time.perf_counter()
        memory.runs.settle(outcomes)
        taken["settle_ms"].append(time.perf_counter() - started)
    memory.instances.sign_off(owner.id, SystemClock().now())
    return {name: median(values) * 1000 for name, values in taken.items()}


class PutBack(Exception):
    """Undoes the transaction it is raised in."""


def pruned(memory: MemoryStore) -> float:
    """Seconds that a step of a sweep takes; its commit, which is not synced, is left out."""
    model = int(memory.database.value("SELECT MIN(id) FROM runs"))  # made last, and copied
    before = "SELECT recorded_at FROM runs WHERE id = ?"
    until = from_micros(memory.database.value(before, (model + PRUNED + 1,)))
    took = 0.0
    with suppress(PutBack), memory.transaction():
        started = time.perf_counter()
        gone, _ = memory.prune(until, model, PRUNED)
        took = time.perf_counter() - started
        assert gone > PRUNED / 2, gone
        raise PutBack
    return took


def reading(memory: MemoryStore, rows: int, repetitions: int) -> dict[str, float]:
    """The questions people ask, each at another place every time."""
    chance, names, now = random.Random(2), memory.tasks.names(), SystemClock().now()
    newest = memory.runs.newest(task=names[0], limit=1)[0].due_at  # the store may have been built long ago
    minutes = rows // stores.LEDGER_TASKS

    def why() -> None:
        task, at = memory.tasks.get(chance.choice(names)), newest - timedelta(minutes=1 + chance.randrange(minutes))
        found = explain(gather(memory, task, now, at=at, removed_at=None, places=8))
        assert found.run is not None, found.sentence

    def list_one() -> None:
        assert len(memory.runs.newest(task=chance.choice(names))) == 50

    def list_all() -> None:
        assert len(memory.runs.newest()) == 50

    def counts() -> None:
        assert sum(memory.runs.counts(newest - timedelta(hours=1)).values()) > 0

    asked = {"list_ms": list_all, "list_one_ms": list_one, "why_ms": why, "counts_ms": counts}
    return {name: middle(ask, repetitions) for name, ask in asked.items()}


def middle(call: Callable[[], None], repetitions: int) -> float:
    """The median in milliseconds; fewer repetitions, but three, of what is slow."""
    until, taken = time.perf_counter() + LONGEST, list[float]()
    while len(taken) < repetitions and (len(taken) < 3 or time.perf_counter() < until):
        taken.append(timed(call))
    return median(taken) * 1000


def timed(call: Callable[[], None]) -> float:
    """Seconds it takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
