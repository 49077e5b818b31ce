"""From the start of a daemon to its first evaluation done, with ten stored tasks and with a million."""

from __future__ import annotations

from functools import partial

from benchmarks.harness import Figure, Target, Values, measured_in_process

FEW, MANY = "10 tasks", "1,000,000 tasks"


def measured(count: int, quick: bool) -> Values:
    """A tenth of the tasks where it is to be quick."""
    return measured_in_process("benchmarks.peers.jarvis_start", count if not quick else max(10, count // 10))


FIGURES = [
    Figure(
        "start",
        {FEW: partial(measured, 10), MANY: partial(measured, 1_000_000)},
        [Target("until the first evaluation is done", "seconds", "s", peer=FEW, at_most=2, ours=MANY)],
        rounds=7,
    )
]
