"""Alarm: what the daemon's loop waits on. It rings when there is something to do, or when the time is over."""

from __future__ import annotations

import asyncio


class Alarm:
    """One waits, any number ring, all of them on one event loop.

    A timer and a future by hand: waiting is what a resting daemon does, and `asyncio.timeout` around an Event costs
    it a cancelled task each time.
    """

    def __init__(self) -> None:
        self.rung = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Wake whoever waits, now or next."""
        self.rung = True
        self._stop_waiting()

    def silence(self) -> None:
        """What it rang for is seen to."""
        self.rung = False

    async def wait(self, seconds: float, fd: int = -1) -> bool:
        """Until it rings; False if it did not within `seconds`, or before `fd`, if one is given, could be read."""
        if self.rung:
            return True
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._stop_waiting)
        if fd >= 0:
            loop.add_reader(fd, self._stop_waiting)
        try:
            await self._waiter
        finally:
            timer.cancel()
            if fd >= 0:
                loop.remove_reader(fd)
            self._waiter = None
        return self.rung

    def _stop_waiting(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
