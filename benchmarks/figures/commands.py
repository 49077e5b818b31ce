"""Commands, one after the other for some seconds: what the deadline, the output and the ledger add to a bare start."""

from __future__ import annotations

from functools import partial

from benchmarks.harness import OURS, Figure, Target, Values, measured_in_process

MANY, FEW = 2_000, 100
SPAWN = "posix_spawn"


def jarvis(quick: bool) -> Values:
    """A daemon as it is by default: eight at once, ledger and all."""
    return measured_in_process("benchmarks.peers.jarvis_commands", FEW if quick else MANY)


def bare(who: str, quick: bool) -> Values:
    """Starts alone."""
    return measured_in_process("benchmarks.peers.spawns", who, FEW if quick else MANY)


FIGURES = [
    Figure(
        "commands",
        {OURS: jarvis, SPAWN: partial(bare, "posix_spawn"), "create_subprocess_exec": partial(bare, "asyncio")},
        [Target("/bin/true, sustained", "per_second", "runs/s", peer=SPAWN, at_least=0.8)],
    )
]
