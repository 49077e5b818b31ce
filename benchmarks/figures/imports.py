"""`import jarvis` brings in nothing that is not Python's own or Jarvis's."""

from __future__ import annotations

from benchmarks.harness import OURS, Figure, Target, Values, measured_in_process


def jarvis(_quick: bool) -> Values:
    """There is nothing to make quicker."""
    return measured_in_process("benchmarks.peers.jarvis_imports")


FIGURES = [
    Figure(
        "imports",
        {OURS: jarvis},
        [Target("third-party modules that `import jarvis` loads", "third_party", "modules", at_most=0)],
        rounds=1,
    )
]
