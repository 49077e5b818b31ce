"""Peers that need an environment of their own."""

from __future__ import annotations

from benchmarks.harness import ROOT, NotHere, Values, measured_in_process

APSCHEDULER4 = ROOT / "build" / "bench-apscheduler4" / "bin" / "python"


def apscheduler4(store: str, many: int, few: int, quick: bool) -> Values:
    """APScheduler 4, which is called as 3 is: many jobs that are due at once, or few."""
    if not APSCHEDULER4.exists():
        raise NotHere("build/bench-apscheduler4 is not there (make bench makes it)")
    return measured_in_process(
        "benchmarks.peers.apscheduler4", store, few if quick else many, 0, 0, python=APSCHEDULER4
    )
