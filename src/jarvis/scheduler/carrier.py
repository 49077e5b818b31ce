"""One claimed delivery through its channel: what that is given, how long it may take, what came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from jarvis.errors import SendFailed, SendRefused, SendUnknown
from jarvis.scheduler.delivery import Letter
from jarvis.scheduler.model import Delivery, Sent
from jarvis.scheduler.ports import Channel, Clock, Message

_LOG = logging.getLogger("jarvis.delivery")
UNTIL_KNOWN = 30.0  # seconds to find the channel in, before its own timeout is known
MARGIN = 10.0  # seconds past its deadline in which a send must have ended by itself


class Deadline:
    """How long one send may take, in waking time: moved once its channel is known, and up when it must stop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopped = False
        self._at = clock.monotonic() + UNTIL_KNOWN

    def allow(self, seconds: float) -> None:
        """So many seconds from now on."""
        self._at = self._clock.monotonic() + seconds

    def stop(self) -> None:
        """No more time at all."""
        self._stopped = True

    def remaining(self) -> float:
        """Seconds left, negative once it must have ended."""
        return -1.0 if self._stopped else self.left()

    def left(self) -> float:
        """The same, whether or not it was told to stop."""
        return self._at - self._clock.monotonic()


class Carrier:
    """Sends, one call at a time; safe to call from several threads."""

    def __init__(
        self,
        channel: Callable[[str], Channel],
        clock: Clock,
        compose: Callable[[Delivery, Callable[[], float]], Letter] | None = None,
        begin: Callable[[Delivery], bool] | None = None,
    ) -> None:
        """`channel` finds one by its name, or raises SendFailed or SendRefused.

        `compose` fills in the text of a delivery that has a form, in the seconds that are left. It does not raise.
        `begin` tells the store that a delivery may arrive from now on; False: it must not be sent any more.
        """
        self.careful = begin is not None
        self._begin = begin
        self._channel = channel
        self._clock = clock
        self._compose = compose

    def carry(self, delivery: Delivery, deadline: Deadline) -> Sent:
        """The whole way of one attempt. Never raises: whatever the channel does becomes a Sent."""
        try:
            channel = self._channel(delivery.channel)
            letter = self._letter(delivery, deadline)
            deadline.allow(channel.timeout)
            told = message(delivery, deadline, letter, lambda: self._begun(delivery))
            if not getattr(channel, "begins", False):
                told.begin()
            channel.send(told)
        except SendRefused as error:
            return Sent(delivery, "refused", _said(error), self._clock.now())
        except SendUnknown as error:
            return Sent(delivery, "unknown", _said(error), self._clock.now())
        except Exception as error:  # noqa: BLE001 - a channel may raise anything: that is what failed means
            _LOG.debug("channel raised", exc_info=True, extra={"channel": delivery.channel})
            return Sent(delivery, "failed", _said(error), self._clock.now(), _asked_for(error))
        return Sent(delivery, "sent", "", self._clock.now())

    def _begun(self, delivery: Delivery) -> None:
        if self._begin is not None and not self._begin(delivery):
            raise SendFailed("it is not this daemon's to send any more")

    def _letter(self, delivery: Delivery, deadline: Deadline) -> Letter:
        if delivery.form is None or self._compose is None:
            return Letter(delivery.subject, delivery.body)
        letter = self._compose(delivery, deadline.remaining)
        if deadline.remaining() < 0:
            raise SendFailed("Jarvis stopped before it began to send it")
        return letter

    def give_up(self, delivery: Delivery) -> Sent:
        """What is to be said of a send that did not end in its time."""
        return Sent(
            delivery, "unknown", "the channel did not answer in time, so it may have arrived", self._clock.now()
        )

    def deadline(self) -> Deadline:
        """For a send that begins now."""
        return Deadline(self._clock)


def message(delivery: Delivery, deadline: Deadline, letter: Letter, begin: Callable[[], None]) -> Message:
    """A delivery as its channel sees it."""
    return Message(
        key=delivery.key,
        channel=delivery.channel,
        kind=delivery.kind,
        subject=letter.subject,
        body=letter.body,
        created_at=delivery.created_at,
        remaining=deadline.remaining,
        task=delivery.task,
        run_id=delivery.run_id,
        state=delivery.run_state or "",
        due_at=delivery.due_at,
        attempt=delivery.attempt,
        begin=begin,
    )


def _asked_for(error: BaseException) -> timedelta | None:
    """How long the receiver wants us to wait."""
    seconds = error.retry_after if isinstance(error, SendFailed) else None
    return None if seconds is None else timedelta(seconds=min(max(0.0, seconds), 86_400.0))


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
