"""The outbox of the iMessage daemon: what is to be said, to whom, and what became of it.

A message is `sending` in the store before it is given away, and settled after. What was being sent when a daemon was
killed is `unknown`: it may have arrived, and nothing is ever sent again on a guess.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from jarvis.imessage.instants import from_micros, to_micros
from jarvis.imessage.ports import Database, Recipient
from jarvis.scheduler.backoff import wait

Ended = Literal["sent", "failed", "refused", "unknown"]
CUT_OFF = "the daemon ended while it was being sent, so it may have arrived"
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=10)
_CLOCKS = timedelta(seconds=2)  # Messages may round the moment at which it took a message

_INSERT = """
INSERT INTO outbound_messages (key, recipient, chat, body, state, created_at, available_at, expires_at)
VALUES (:key, :to, :chat, :body, 'pending', :now, :now, :expires_at) ON CONFLICT (key) DO NOTHING
"""
_NEXT = """
SELECT id, key, recipient, chat, body, attempts + 1, created_at, expires_at FROM outbound_messages
WHERE state = 'pending' AND available_at <= ? ORDER BY available_at, id LIMIT 1
"""
_CLAIM = """
UPDATE outbound_messages SET state = 'sending', attempts = attempts + 1, started_at = ?
WHERE id = ? AND state = 'pending'
"""
_SETTLE = """
UPDATE outbound_messages SET state = ?, reason = ?, finished_at = ?, available_at = ? WHERE id = ? AND state = 'sending'
"""
_LOSE = "UPDATE outbound_messages SET state = 'unknown', reason = ?, finished_at = ? WHERE state = 'sending'"
_SEEN = """
UPDATE outbound_messages SET state = 'sent', reason = 'seen among the messages of this Mac', finished_at = :now
WHERE id = (
    SELECT id FROM outbound_messages
    WHERE state = 'unknown' AND body = :body AND started_at <= :sent_at
      AND CASE chat WHEN '' THEN recipient = :to ELSE chat = :chat END
    ORDER BY id LIMIT 1
)
"""
_PRUNE = "DELETE FROM outbound_messages WHERE created_at < ? AND state NOT IN ('pending', 'sending')"


class Letter(NamedTuple):
    """A message that this daemon sends now."""

    id: int
    key: str
    recipient: Recipient
    body: str
    attempt: int
    created_at: datetime
    expires_at: datetime


class Outbound:
    """The table outbound_messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, key: str, recipient: Recipient, body: str, now: datetime, lifetime: timedelta) -> bool:
        """Put a message into the outbox; False if one of that key is or was there."""
        row = {"key": key, "to": recipient.to, "chat": recipient.chat, "body": body, "now": to_micros(now)}
        return bool(self._database.change(_INSERT, row | {"expires_at": to_micros(now + lifetime)}))

    def claim(self, now: datetime) -> Letter | None:
        """pending -> sending: the next that may be sent, if there is one."""
        row = self._database.row(_NEXT, (to_micros(now),))
        if row is None or not self._database.change(_CLAIM, (to_micros(now), row[0])):
            return None
        number, key, to, chat, body, attempt, created, expires = row
        return Letter(number, key, Recipient(to, chat), body, attempt, from_micros(created), from_micros(expires))

    def settle(self, letter: Letter, how: Ended, reason: str, now: datetime) -> str:
        """What became of it: sent, unknown, failed, or pending where another attempt follows. That state."""
        state, again = self._after(letter, how, now)
        self._database.change(_SETTLE, (state, reason[:500], to_micros(now), to_micros(again), letter.id))
        return state

    @staticmethod
    def _after(letter: Letter, how: Ended, now: datetime) -> tuple[str, datetime]:
        if how != "failed":
            return ("failed" if how == "refused" else how), now
        again = now + wait(letter.attempt - 1, _FIRST_PAUSE, _LONGEST_PAUSE, letter.key)
        return ("pending", again) if again < letter.expires_at else ("failed", now)

    def lose(self, now: datetime) -> int:
        """What a daemon that is gone was sending is unknown. Rows changed."""
        return self._database.change(_LOSE, (CUT_OFF, to_micros(now)))

    def seen(self, recipient: Recipient, body: str, sent_at: datetime, now: datetime) -> bool:
        """Messages shows what may have been sent: it was. False if nothing of the kind is unknown."""
        row = {"to": recipient.to, "chat": recipient.chat, "body": body, "sent_at": to_micros(sent_at + _CLOCKS)}
        return bool(self._database.change(_SEEN, row | {"now": to_micros(now)}))

    def any_unknown(self) -> bool:
        """Whether there is something that may have been sent."""
        return bool(self._database.value("SELECT EXISTS (SELECT 1 FROM outbound_messages WHERE state = 'unknown')"))

    def prune(self, before: datetime) -> int:
        """Forget what was added before that and is over. How many it were."""
        return self._database.change(_PRUNE, (to_micros(before),))
