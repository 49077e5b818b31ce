"""Outbox: the passes over deliveries. The engine calls them within its own transactions.

A delivery is claimed in the store before its send begins, and settled after it. So a crash in between leaves
a row that says that it may have arrived; nothing is ever sent again on a guess.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from jarvis.scheduler.attention import Settings
from jarvis.scheduler.model import Delivery, DeliveryState, Sent
from jarvis.scheduler.ports import Clock, Sender, Store

_LOG = logging.getLogger("jarvis.delivery")
_CUT_OFF = "Jarvis stopped while it was being sent, so it may have arrived"
_LEVELS = {DeliveryState.SENT: logging.INFO, DeliveryState.PENDING: logging.WARNING}


class Outbox:
    """Sends what waits in a store, through a sender; with none, what waits is left to another owner."""

    def __init__(
        self, store: Store, sender: Sender | None, clock: Clock, attention: Callable[[], Settings] = Settings
    ) -> None:
        """`attention` gives the settings as they are at that moment; it is asked while something waits."""
        self._store = store
        self._sender = sender
        self._clock = clock
        self._attention = attention
        self._asked: Settings | None = None  # the settings by which the last claim judged
        self._judged: Settings | None = None  # the same, once that was committed

    @property
    def busy(self) -> int:
        """How many sends have begun and are not settled."""
        return self._sender.busy if self._sender is not None else 0

    def notify(self, call: Callable[[], None]) -> None:
        """Have `call` called whenever a send ends, from any thread."""
        if self._sender is not None:
            self._sender.on_finish = call

    def finished(self) -> list[Sent]:
        """What sends came to that are not settled. Asking again gives the same ones."""
        return self._sender.finished() if self._sender is not None else []

    def settle(self, sent: Sequence[Sent]) -> list[Delivery | None]:
        """Write what sends came to; `acknowledge` follows once that is committed."""
        return self._store.deliveries.settle(sent) if sent else []

    def acknowledge(self, sent: Sequence[Sent], written: Sequence[Delivery | None]) -> None:
        """The sends are settled: forget them, and say what became of them."""
        if self._sender is not None and sent:
            self._sender.acknowledge(sent)
        for each, delivery in zip(sent, written, strict=True):
            _tell(each.delivery, delivery)

    def claim(self, owner: int, now: datetime) -> list[Delivery]:
        """Take the next delivery of each channel that is free, to be started once that is committed."""
        if self._sender is None or not self._store.deliveries.any_pending():
            return []
        self._asked = settings = self._attention()
        deliveries = self._store.deliveries
        deliveries.look_again(settings, now, anew=settings != self._judged)
        if expired := deliveries.expire(now):
            _LOG.warning("%d deliveries could not be sent in their time and have expired", expired)
        sender = self._sender
        return deliveries.claim(owner, sender.engaged, now, settings, careful=sender.careful)

    def release_unstarted(self, owner: int) -> None:
        """What was claimed in a turn that broke off before its sends began waits again."""
        if self._sender is not None:
            self._store.deliveries.release(owner, self._sender.engaged)

    def start(self, claimed: Sequence[Delivery]) -> None:
        """Begin to send what was claimed, which is committed; returns at once."""
        self._judged = self._asked
        if self._sender is not None and claimed:
            self._sender.start(claimed)

    def settle_finished(self) -> None:
        """The same as settle and acknowledge, in a transaction of its own."""
        sent = self.finished()
        self.acknowledge(sent, self.settle(sent))

    def wait(self) -> None:
        """Block until a send has ended; at once if there is none."""
        if self._sender is not None:
            self._sender.wait()

    def next_at(self) -> datetime | None:
        """When there is next something to do: a delivery to send, or one to be given up."""
        if self._sender is None:
            return None
        overdue = self._sender.overdue_in()
        given_up = None if overdue is None else self._clock.now() + timedelta(seconds=overdue)
        moments = (given_up, self._store.deliveries.next_available_at(self._sender.engaged))
        return min((moment for moment in moments if moment is not None), default=None)

    def stop(self) -> None:
        """Tell what is being sent to stop, and wait a moment for it."""
        if self._sender is not None:
            self._sender.close()

    def leave(self, owner: int) -> None:
        """Settle what has stopped. What is still being sent is unknown; what waits stays for the next owner."""
        self.settle_finished()
        # Asked also where nothing is busy: an interrupt may have come between claim and start.
        self._store.deliveries.lose(owner, _CUT_OFF, self._clock.now())


def _tell(claimed: Delivery, written: Delivery | None) -> None:
    if written is None:
        _LOG.warning("delivery %s was no longer ours: what became of it was not written", claimed.id)
        return
    level = _LEVELS.get(written.state, logging.ERROR)
    why = f": {written.reason}" if written.reason else ""
    _LOG.log(level, "delivery %s to %s: %s%s", written.id, written.channel, written.state, why)
