"""No-op tasks, many due at once: what planning, claiming, running and settling cost."""

from __future__ import annotations

from benchmarks.harness import OURS, Figure, Target, Values, measured_in_process

MANY, FEW = 10_000, 500


def jarvis(quick: bool) -> Values:
    """Durable, with a ledger."""
    return measured_in_process("benchmarks.peers.jarvis_noop", FEW if quick else MANY)


FIGURES = [
    Figure(
        "noop",
        {OURS: jarvis},
        [Target("10,000 due at once", "per_second", "runs/s", at_least=1)],
        rounds=5,
    )
]
