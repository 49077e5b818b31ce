"""Ten thousand files dropped into the inbox at once, and what they do to tasks that are each due every 100 ms."""

from __future__ import annotations

from benchmarks.harness import OURS, Figure, Target, Values, measured_in_process

MANY, FEW = 10_000, 300
QUIET = "jarvis, nothing in the inbox"

_told: dict[str, float] = {}


def dropped(quick: bool) -> Values:
    """One run of the daemon, which tells of both."""
    _told.clear()
    _told.update(measured_in_process("benchmarks.peers.jarvis_inbox", *((FEW, 2) if quick else (MANY, 20))))
    return {key: value for key, value in _told.items() if not key.startswith("quiet_")}


def quiet(_quick: bool) -> Values:
    """The same daemon, before."""
    return {key.removeprefix("quiet_"): value for key, value in _told.items() if key.startswith("quiet_")}


FIGURES = [
    Figure(
        "inbox",
        {OURS: dropped, QUIET: quiet},
        [
            Target("10,000 files taken in", "files_a_second", "files/s"),
            Target("tasks due each 100 ms meanwhile, p99", "p99_ms", "ms", peer=QUIET, more_at_most=50),
            Target("tasks due each 100 ms meanwhile, p50", "p50_ms", "ms"),
        ],
    )
]
