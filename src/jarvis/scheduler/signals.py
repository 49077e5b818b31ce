"""What signals ask of a daemon: SIGTERM and SIGINT to stop, more urgently each time, SIGHUP to reload."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable

from jarvis.scheduler.ports import Clock

_LOG = logging.getLogger("jarvis.daemon")

# A terminal or `make` passes one stop on to the whole group and then to each child: that is one, not two.
ONE_SIGNAL = 0.1  # seconds


class Signals:
    """Counts the stops. The first calls `stop`, the second `cancel` and `stop`, the third leaves at once."""

    def __init__(
        self, clock: Clock, stop: Callable[[], None], cancel: Callable[[], None], reload: Callable[[], None]
    ) -> None:
        self.stops = 0
        self._clock = clock
        self._stop = stop
        self._cancel = cancel
        self._reload = reload
        self._stopped_at = float("-inf")  # monotonic

    def listen(self) -> None:
        """Hear them on this event loop from now on."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ValueError, RuntimeError):  # not in the main thread: whoever embeds us decides
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._on_stop, number)
            loop.add_signal_handler(signal.SIGHUP, self._on_reload)

    def _on_stop(self, number: int) -> None:
        before, self._stopped_at = self._stopped_at, self._clock.monotonic()
        if self._stopped_at - before < ONE_SIGNAL:
            return
        self.stops += 1
        name = signal.Signals(number).name
        if self.stops > 2:
            _LOG.warning("%s for the third time: leaving at once", name)
            os._exit(128 + number)
        if self.stops == 2:
            _LOG.warning("%s again: ending the runs that still work", name)
            self._cancel()
        else:
            _LOG.info("%s: stopping", name)
        self._stop()

    def _on_reload(self) -> None:
        _LOG.info("SIGHUP: reloading")
        try:
            self._reload()
        except Exception as error:  # noqa: BLE001 - a bad edit of the configuration must not end a daemon that works
            _LOG.error("not reloaded: %s", error)
