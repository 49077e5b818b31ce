"""A hundred tasks, none due: what being there costs."""

from __future__ import annotations

from benchmarks.harness import OURS, Figure, Target, Values, measured_in_process


def jarvis(quick: bool) -> Values:
    """A whole minute: one evaluation and twelve looks around. Where it is to be quick, one look."""
    return measured_in_process("benchmarks.peers.jarvis_idle", 6 if quick else 60)


def asyncio(quick: bool) -> Values:
    """An event loop of Python that wakes as often and does nothing at all."""
    return measured_in_process("benchmarks.peers.asyncio_idle", 6 if quick else 60)


FIGURES = [
    Figure(
        "idle",
        {OURS: jarvis, "asyncio, a wake-up every 5 s": asyncio},
        [
            Target("CPU a minute", "cpu_ms_a_minute", "ms", at_most=4),
            Target("wake-ups of its own a minute", "wakeups_a_minute", "wake-ups", at_most=12),
            Target("resident memory", "resident_mib", "MiB", at_most=34),
            Target("private dirty memory", "private_dirty_mib", "MiB", at_most=22),
        ],
    )
]
