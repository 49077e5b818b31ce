"""A thread for each channel that is sending, so that one that hangs delays no other, and no run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from jarvis.scheduler.carrier import MARGIN, Carrier, Deadline
from jarvis.scheduler.model import Delivery, Sent
from jarvis.scheduler.ports import HEARD_WITHIN

CLOSE_PATIENCE = 3.0  # seconds in which sends that were told to stop are waited for


class Senders:
    """One send at a time through each channel, in a thread that lives as long as the send."""

    @property
    def careful(self) -> bool:
        """Whether the store is told of each when it may arrive."""
        return self._carrier.careful

    def __init__(self, carrier: Carrier) -> None:
        self.on_finish: Callable[[], None] = lambda: None  # called from a sending thread; must not block
        self._carrier = carrier
        self._open: dict[int, _Send] = {}  # by the delivery's id, until acknowledged
        self._given_up: list[_Send] = []  # settled as unknown, but their channels have not come back
        self._some_finished = threading.Condition()

    @property
    def engaged(self) -> frozenset[str]:
        """Channels that are sending, or hang in a send that was given up."""
        self._given_up = [send for send in self._given_up if not send.returned]
        return frozenset(send.delivery.channel for send in (*self._open.values(), *self._given_up))

    @property
    def busy(self) -> int:
        """How many sends are started and not yet acknowledged as settled."""
        return len(self._open)

    def start(self, claimed: Sequence[Delivery]) -> None:
        """Begin these sends; returns at once."""
        for delivery in claimed:
            send = _Send(delivery, self._carrier.deadline(), self._serve)
            self._open[delivery.id] = send
            send.thread.start()

    def finished(self) -> list[Sent]:
        """What sends came to that are not yet acknowledged, those past their deadline included."""
        with self._some_finished:
            for send in self._open.values():
                if send.sent is None and send.overdue_in() <= 0:
                    send.sent = self._carrier.give_up(send.delivery)
            return [send.sent for send in self._open.values() if send.sent is not None]

    def acknowledge(self, sent: Sequence[Sent]) -> None:
        """These are settled and may be forgotten."""
        for each in sent:
            send = self._open.pop(each.delivery.id)
            if not send.returned:
                self._given_up.append(send)

    def wait(self) -> None:
        """Block until something is finished; at once if nothing is being sent."""
        with self._some_finished:
            while left := self.overdue_in():
                if self._some_finished.wait_for(self._any_finished, min(left, HEARD_WITHIN)):
                    return

    def overdue_in(self) -> float | None:
        """Seconds until the first send is to be given up; None if nothing is being sent."""
        return min((max(0.0, send.overdue_in()) for send in self._open.values() if send.sent is None), default=None)

    def close(self) -> None:
        """Tell what is being sent to stop, and wait a moment for it."""
        for send in self._open.values():
            send.deadline.stop()
        for send in self._open.values():
            send.thread.join(CLOSE_PATIENCE)

    def _any_finished(self) -> bool:
        return any(send.sent is not None for send in self._open.values())

    def _serve(self, send: _Send) -> None:
        sent = self._carrier.carry(send.delivery, send.deadline)
        with self._some_finished:
            send.returned = True
            if send.sent is None:  # else it was given up, and that is what the store says
                send.sent = sent
            self._some_finished.notify_all()
        self.on_finish()


class _Send:
    """One send: its thread, its deadline, and what it came to."""

    def __init__(self, delivery: Delivery, deadline: Deadline, serve: Callable[[_Send], None]) -> None:
        self.delivery = delivery
        self.deadline = deadline
        self.sent: Sent | None = None
        self.returned = False  # the channel has come back, in time or not
        name = f"jarvis-send-{delivery.channel}"
        self.thread = threading.Thread(target=serve, args=(self,), name=name, daemon=True)

    def overdue_in(self) -> float:
        """Seconds until nobody waits for it any more."""
        return self.deadline.left() + MARGIN
