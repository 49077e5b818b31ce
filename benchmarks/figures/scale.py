"""From a thousand stored tasks to a million, ten due every second: does a wake-up cost more, or the memory grow?"""

from __future__ import annotations

from functools import partial

from benchmarks.harness import Figure, Target, Values, measured_in_process

SIZES = (1_000, 100_000, 1_000_000)
FIRST, LAST = f"{SIZES[0]:,} tasks", f"{SIZES[-1]:,} tasks"


def measured(count: int, quick: bool) -> Values:
    """A tenth of the tasks where it is to be quick."""
    module = "benchmarks.peers.jarvis_scale"
    return measured_in_process(module, count // 10, 1) if quick else measured_in_process(module, count, 10)


CONTENDERS = {f"{size:,} tasks": partial(measured, size) for size in SIZES}

FIGURES = [
    Figure(
        "scale",
        CONTENDERS,
        [
            Target("CPU of a wake-up with 10 due", "cpu_ms_per_wake", "ms", peer=FIRST, at_most=2, ours=LAST),
            Target("resident memory", "resident_mib", "MiB", peer=FIRST, more_at_most=20, ours=LAST),
        ],
    )
]
