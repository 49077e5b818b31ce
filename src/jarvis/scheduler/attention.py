"""When a channel may be told of something, and how often. Pure, and light: every command line reads it."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from jarvis.scheduler.quiet import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_EIGHT = 8 * 3600
_NOBODY: Mapping[str, Attention] = {}


class Attention(NamedTuple):
    """What its user wants of one channel."""

    tz: str = "UTC"
    quiet: tuple[Window, ...] = ()
    digest: tuple[int, ...] = (_EIGHT,)  # seconds of the day
    cap: int | None = None  # a day
    remind: timedelta | None = timedelta(days=1)  # of a failure that goes on; None: never


class Settings(NamedTuple):
    """What `[attention]` says: of every channel, and of those that have their own."""

    usual: Attention = Attention()
    channels: Mapping[str, Attention] = _NOBODY

    def of(self, channel: str) -> Attention:
        """What counts for one channel."""
        return self.channels.get(channel, self.usual)
