"""Many tasks that have missed a thousand occurrences each, beside as many that are simply due."""

from __future__ import annotations

from benchmarks.harness import OURS, Figure, Measure, Target, measured_in_process

MANY, FEW, MISSED = 10_000, 500, 1_000
DUE = "jarvis, none missed"


def _evaluated(occurrences: int) -> Measure:
    return lambda quick: measured_in_process("benchmarks.peers.jarvis_catchup", FEW if quick else MANY, occurrences)


FIGURES = [
    Figure(
        "catchup",
        {OURS: _evaluated(MISSED), DUE: _evaluated(1)},
        [Target("10,000 tasks, 1,000 missed each, catch_up=last", "seconds", "s", peer=DUE, at_most=3)],
    )
]
