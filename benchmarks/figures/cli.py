"""What the verbs that people and scripts call all day cost, against the bare start of Python."""

from __future__ import annotations

from functools import partial

from benchmarks.harness import Figure, Target, Values, measured_in_process

BARE = "python -c pass"
VERBS = {"jarvis --version": 3, "jarvis status": 5, "jarvis task list": 6}  # and how many times bare Python it may cost


def measured(verb: str, quick: bool) -> Values:
    """One verb, or bare Python."""
    words = () if verb == BARE else verb.split()[1:]
    return measured_in_process("benchmarks.peers.verbs", 3 if quick else 21, *words)


FIGURES = [
    Figure(
        "cli",
        {verb: partial(measured, verb) for verb in (BARE, *VERBS)},
        [Target(verb, "cpu_ms", "ms CPU", peer=BARE, at_most=most, ours=verb) for verb, most in VERBS.items()],
    )
]
