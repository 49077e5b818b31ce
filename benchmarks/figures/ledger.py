"""From ten thousand rows in the ledger to ten million: does anything that is done every day take longer?"""

from __future__ import annotations

from functools import partial

from benchmarks.harness import Figure, Target, Values, measured_in_process

SIZES = (10_000, 1_000_000, 10_000_000)
FIRST, LAST = f"{SIZES[0]:,} rows", f"{SIZES[-1]:,} rows"


def measured(rows: int, quick: bool) -> Values:
    """A hundredth of the larger ones where it is to be quick."""
    if quick:
        return measured_in_process("benchmarks.peers.jarvis_ledger", max(SIZES[0], rows // 100), 20)
    return measured_in_process("benchmarks.peers.jarvis_ledger", rows, 200)


def target(title: str, key: str) -> Target:
    """The last within twice the first."""
    return Target(title, key, "ms", peer=FIRST, at_most=2, ours=LAST)


FIGURES = [
    Figure(
        "ledger",
        {f"{size:,} rows": partial(measured, size) for size in SIZES},
        [
            target("claim 50", "claim_ms"),
            target("settle 50", "settle_ms"),
            target("runs list", "list_ms"),
            target("runs list --task", "list_one_ms"),
            target("prune 500", "prune_ms"),
            target("the counts of status, an hour", "counts_ms"),
            target("why --at", "why_ms"),
        ],
    )
]
