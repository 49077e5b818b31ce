"""What was received lately, and how often: so that a redelivery is one event, and a flood is told to wait."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

WINDOW = 86400.0  # seconds that an event is remembered
MOST = 100_000  # events remembered


class Replays:
    """Events that were taken in within the window. In memory: after a restart the store alone knows them."""

    def __init__(self, window: float = WINDOW, most: int = MOST) -> None:
        self._window = window
        self._most = most
        self._seen: OrderedDict[Hashable, float] = OrderedDict()
        self._mutex = threading.Lock()

    def known(self, key: Hashable, now: float) -> bool:
        """Whether it was kept within the window; `now` by a monotonic clock."""
        with self._mutex:
            at = self._seen.get(key)
            return at is not None and now - at < self._window

    def keep(self, key: Hashable, now: float) -> None:
        """Remember it, and forget what is too old or too much."""
        with self._mutex:
            self._seen[key] = now
            self._seen.move_to_end(key)
            while len(self._seen) > self._most or now - next(iter(self._seen.values())) >= self._window:
                self._seen.popitem(last=False)


class Rate:
    """So many a minute, of which a minute's worth may come at once."""

    def __init__(self, per_minute: int) -> None:
        self._per_second = per_minute / 60
        self._most = float(per_minute)
        self._left = self._most
        self._at = float("-inf")
        self._mutex = threading.Lock()

    def take(self, now: float) -> float:
        """0 if another one may come; else the seconds until one may."""
        with self._mutex:
            if self._at > float("-inf"):
                self._left = min(self._most, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return (1 - self._left) / self._per_second
            self._left -= 1
            return 0.0
