"""Pruner: takes away what is past its retention, a little at a time, once the clock can be believed."""

from __future__ import annotations

import logging
from datetime import timedelta

from jarvis.scheduler.ports import Clock, Store

_LOG = logging.getLogger("jarvis.engine")
STEADY = 3600.0  # seconds of waking time in which the clock was not set: a wrong one would take everything away
SWEEP_EVERY = 3600.0  # seconds from the end of a sweep to the next
REST = 1.0  # seconds between two steps of one sweep
STEP = 1_000  # rows looked at in one transaction


class Pruner:
    """One step of a sweep whenever it is asked and has its turn; the cost of a step does not grow with the ledger."""

    def __init__(self, store: Store, clock: Clock, retention: timedelta | None) -> None:
        """`retention`: how long what has ended is kept; None for ever."""
        self._store = store
        self._clock = clock
        self._retention = retention
        self._turn = clock.monotonic() + STEADY
        self._after = 0  # what this sweep has looked at
        self._gone = 0  # and taken away

    def hold(self) -> None:
        """The clock was set: nobody knows yet whether it is right now."""
        self._turn = self._clock.monotonic() + STEADY

    def step(self) -> int:
        """Rows of the ledger taken away."""
        mono = self._clock.monotonic()
        if self._retention is None or mono < self._turn:
            return 0
        before = self._clock.now() - self._retention
        gone, upto = self._store.prune(before, self._after, STEP)
        self._gone += gone
        if upto is not None:
            self._after, self._turn = upto, mono + REST
            return gone
        if self._gone:
            _LOG.info("pruned %d rows of the ledger from before %s", self._gone, before.isoformat(timespec="seconds"))
        self._after, self._gone, self._turn = 0, 0, mono + SWEEP_EVERY
        return gone
