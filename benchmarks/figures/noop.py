"""No-op tasks, many due at once: what planning, claiming, running and settling cost, beside the peers."""

from __future__ import annotations

from functools import partial

from benchmarks.harness import OURS, Figure, Measure, Target, Values, measured_in_process
from benchmarks.peers.apart import apscheduler4

WAL, SQLITE, MEMORY = "APScheduler 3 SQLite WAL", "APScheduler 3 SQLite", "APScheduler 3 memory"


def _peer(module: str, *args: str, many: int, few: int, at_once: tuple[int, ...] = ()) -> Measure:
    """The program with that many jobs. Slow peers have fewer, so that a round is no longer than half a minute."""

    def measure(quick: bool) -> Values:
        return measured_in_process(f"benchmarks.peers.{module}", *args, few if quick else many, *at_once)

    return measure


FIGURES = [
    Figure(
        "noop",
        {
            OURS: _peer("jarvis_noop", many=10_000, few=500),
            MEMORY: _peer("apscheduler3", "memory", many=10_000, few=500, at_once=(0, 0)),
            WAL: _peer("apscheduler3", "wal", many=10_000, few=200, at_once=(0, 0)),
            SQLITE: _peer("apscheduler3", "sqlite", many=500, few=20, at_once=(0, 0)),
            "APScheduler 4 memory": partial(apscheduler4, "memory", 1_000, 100),
            "APScheduler 4 SQLite WAL": partial(apscheduler4, "wal", 300, 20),
            "Huey": _peer("huey_queue", "default", many=1_000, few=50),
            "Huey without sync": _peer("huey_queue", "none", many=10_000, few=500),
            "Celery beat": _peer("celery_beat", many=1_000, few=100),
            "DBOS SQLite": _peer("dbos_queue", many=500, few=20),
            "Procrastinate": _peer("procrastinate_queue", many=1_000, few=100),
        },
        [
            Target("10,000 due at once", "per_second", "runs/s", peer=WAL, at_least=10),
            Target("10,000 due at once", "per_second", "runs/s", peer=SQLITE, at_least=40),
            Target("10,000 due at once", "per_second", "runs/s", peer=MEMORY, at_least=1.5),
        ],
    )
]
