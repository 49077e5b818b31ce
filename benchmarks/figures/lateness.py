"""How late no-op tasks run: one a second, a thousand in one instant, and after long waits.

Of the peers and of Jarvis alike the moment is taken at which the work itself is done: peers' functions note it, and
Jarvis writes it as `finished_at`. "jarvis, started" shows how late the same work began (`started_at`).
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.harness import OURS, Figure, Measure, Target, Values, measured_in_process

MEMORY, WAL, PLAIN, STARTED = "APScheduler 3 memory", "APScheduler 3 SQLite WAL", "plain asyncio", "jarvis, started"
KEYS = ("p50_ms", "p99_ms", "max_ms")

Size = tuple[int, float, float]  # how many, seconds until the first is due, seconds from each to the next


def _ours(sizes: Mapping[bool, Size], *, plain: bool = True) -> Mapping[str, Measure]:
    """What one run of the daemon tells: contenders of which the first makes the run. `plain`: asyncio, beside it."""
    told: dict[str, float] = {}

    def daemon(quick: bool) -> Values:
        told.clear()
        told.update(measured_in_process("benchmarks.peers.jarvis_lateness", *sizes[quick]))
        return {key: told[key] for key in KEYS}

    def beside(prefix: str) -> Measure:
        return lambda _quick: {key: told[f"{prefix}_{key}"] for key in KEYS}

    return {OURS: daemon, STARTED: beside("started"), **({PLAIN: beside("asyncio")} if plain else {})}


def _apscheduler3(store: str, sizes: Mapping[bool, Size]) -> Measure:
    return lambda quick: measured_in_process("benchmarks.peers.apscheduler3", store, *sizes[quick])


EACH_SECOND: Mapping[bool, Size] = {False: (30, 3, 1), True: (3, 2, 1)}
AT_ONCE: Mapping[bool, Size] = {False: (1_000, 5, 0), True: (100, 2, 0)}
EACH_MINUTE: Mapping[bool, Size] = {False: (3, 60, 60), True: (1, 5, 5)}


def _shown(title: str, unit: str = "ms") -> list[Target]:
    """The half and the worst, which have no target."""
    return [Target(f"{title}, p50", "p50_ms", unit), Target(f"{title}, max", "max_ms", unit)]


FIGURES = [
    Figure(
        "lateness-second",
        {
            **_ours(EACH_SECOND),
            MEMORY: _apscheduler3("memory", EACH_SECOND),
        },
        [Target("one due a second, p99", "p99_ms", "ms", peer=MEMORY, at_most=1.5), *_shown("one due a second")],
    ),
    Figure(
        "lateness-at-once",
        {
            **_ours(AT_ONCE, plain=False),
            MEMORY: _apscheduler3("memory", AT_ONCE),
            WAL: _apscheduler3("wal", AT_ONCE),
        },
        [Target("1,000 due at once, p99", "p99_ms", "ms", peer=WAL, at_most=0.25), *_shown("1,000 due at once")],
    ),
    Figure(
        "lateness-minute",
        _ours(EACH_MINUTE),
        [Target("one due a minute, p99", "p99_ms", "ms", at_most=3), *_shown("one due a minute")],
        rounds=1,
    ),
]
