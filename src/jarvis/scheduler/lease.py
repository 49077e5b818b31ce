"""The lease of an owner: how long it is believed to live where nothing better than a clock can tell."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_LOG = logging.getLogger("jarvis.lease")
RENEW_EVERY = 30.0  # seconds: a third of LEASE, so that two renewals may fail


class LeaseKeeper:
    """Renews a lease while runs are held, from a thread of its own.

    Neither a blocked event loop nor a busy handler keeps it from that. With nothing held it only waits: what
    an idle owner's death leaves behind is nothing.
    """

    def __init__(self, renew: Callable[[], None], every: float = RENEW_EVERY) -> None:
        self._renew = renew
        self._every = every
        self._held = self._closed = self._idle = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def hold(self) -> None:
        """Something runs."""
        with self._changed:
            self._held = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="jarvis-lease", daemon=True)
                self._thread.start()
            elif self._idle:
                self._changed.notify()

    def rest(self) -> None:
        """Nothing runs any more. The thread sees it when it next wakes: quick runs must not wake it each time."""
        self._held = False

    def close(self) -> None:
        """Renew no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        while self._waited():
            try:
                self._renew()
            except Exception:  # noqa: BLE001 - a store that is locked or full for a while: the next time may do
                _LOG.debug("the lease could not be renewed", exc_info=True)

    def _waited(self) -> bool:
        """Wait until it is time to renew; False once closed."""
        with self._changed:
            while not self._closed:
                self._idle = not self._held
                if self._changed.wait(None if self._idle else self._every):
                    continue
                if self._held:
                    return True
        return False
