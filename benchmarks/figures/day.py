"""The day that Jarvis was made for: 288 polls, 12 looks at the alerts, 288 evaluations, as a daemon and as cold starts.

Both write the ledger. `jarvis tick` stands for the three agents that were started cold 588 times a day.
"""

from __future__ import annotations

from functools import partial

from benchmarks.harness import OURS, Figure, Target, Values, measured_in_process

COLD = "cold starts"
SECONDS = {"cpu": 60, "syncs": 40}


def daemon(what: str, quick: bool) -> Values:
    """A minute at rest holds one evaluation and twelve looks around; none of them syncs."""
    return measured_in_process("benchmarks.peers.jarvis_day", what, 1 if quick else SECONDS[what])


def cold(what: str, quick: bool) -> Values:
    """A few dozen of each."""
    return measured_in_process("benchmarks.peers.cold_day", what, 1 if quick else 24)


def contenders(what: str) -> dict[str, partial[Values]]:
    """Both ways to do the day."""
    return {OURS: partial(daemon, what), COLD: partial(cold, what)}


FIGURES = [
    Figure(
        "day",
        contenders("cpu"),
        [Target("CPU a day", "cpu_seconds_a_day", "CPU-s", peer=COLD, at_most=1 / 25)],
        rounds=1,
    ),
    Figure(
        "syncs",
        contenders("syncs"),
        [Target("syncs a day", "syncs_a_day", "syncs", peer=COLD, at_most=1 / 2)],
        rounds=1,
    ),
]
