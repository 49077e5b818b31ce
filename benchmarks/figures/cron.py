"""The next instant of a cron expression with a zone: twelve kinds, against cronsim."""

from __future__ import annotations

from functools import partial

from benchmarks.harness import OURS, Figure, Target, Values, measured_in_process

PEER = "cronsim"


def measured(who: str, quick: bool) -> Values:
    """Each for the same time."""
    return measured_in_process("benchmarks.peers.cron_next", who, 0.6 if quick else 5)


FIGURES = [
    Figure(
        "cron",
        {OURS: partial(measured, "jarvis"), PEER: partial(measured, "cronsim")},
        [
            Target("geometric mean of 12 expressions", "per_second", "instants/CPU-s", peer=PEER, at_least=5),
            Target("worst of them", "worst_per_second", "instants/CPU-s", peer=PEER, at_least=8),
        ],
    )
]
