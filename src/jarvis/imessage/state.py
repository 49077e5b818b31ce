"""StateStore: what the iMessage daemon knows, in a file of its own; intake and commands here, the outbox beside.

Each step is one transaction, and what makes a message once is its guid: a daemon that is killed anywhere finds on
its next start what it had taken in, what it was at, and what it may have sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from jarvis.errors import StoreUnusable
from jarvis.imessage.gate import Judged, Rules
from jarvis.imessage.instants import from_micros, to_micros
from jarvis.imessage.outbound import Outbound
from jarvis.imessage.ports import Database, Recipient

_SCHEMA = 1
_MINUTE = timedelta(minutes=1)
_STEP = timedelta(milliseconds=10)  # between the moments of two commands, which are identities too
ATTEMPTS = 3  # of one command, by daemons that were killed or could not use the store
MISSES = 3  # wrong codes until a code is void
_MESSAGES = "messages"
_RATE = "too many commands in a minute"

_INSERT_EVENT = """
INSERT INTO message_events (guid, message_rowid, sender, chat, sent_at, received_at, verdict, reason)
VALUES (:guid, :rowid, :sender, :chat, :sent_at, :now, :verdict, :reason) ON CONFLICT (guid) DO NOTHING
"""
_INSERT_COMMAND = """
INSERT INTO processing_jobs (event_id, text, state, queued_at)
SELECT id, ?, 'queued', ? FROM message_events WHERE guid = ?
"""
_SET_WATERMARK = """
INSERT INTO watermarks (name, value, updated_at) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
"""
_ACCEPTED = "SELECT COUNT(*) FROM message_events WHERE sender = ? AND received_at > ? AND verdict = 'accepted'"
_REFUSED = "SELECT COUNT(*) FROM message_events WHERE sender = ? AND received_at > ? AND reason = ?"
_NEXT = """
SELECT j.id, e.guid, e.sender, e.chat, e.sent_at, j.queued_at, j.text, j.attempts + 1
FROM processing_jobs j JOIN message_events e ON e.id = j.event_id WHERE j.state = 'queued' ORDER BY j.id LIMIT 1
"""
_CLAIM = """
UPDATE processing_jobs SET state = 'running', attempts = attempts + 1, started_at = ? WHERE id = ? AND state = 'queued'
"""
_SETTLE = """
UPDATE processing_jobs SET state = ?, reason = ?, finished_at = ?, code = ?, code_until = ?
WHERE id = ? AND state = 'running'
"""
_AGAIN = "UPDATE processing_jobs SET state = 'queued' WHERE state = 'running'"
_RELEASE = "UPDATE processing_jobs SET state = 'queued', attempts = attempts - 1 WHERE state = 'running'"
_CODE = """
SELECT j.id, j.text FROM processing_jobs j JOIN message_events e ON e.id = j.event_id
WHERE e.sender = :sender AND e.chat = :chat AND j.code = :code
  AND (j.code_used_by = :by OR (j.code_used_by IS NULL AND j.code_until >= :now AND j.code_misses < :misses))
ORDER BY j.id DESC LIMIT 1
"""
_USE_CODE = "UPDATE processing_jobs SET code_used_by = ?1 WHERE id = ?2 AND (code_used_by IS NULL OR code_used_by = ?1)"
_MISS = """
UPDATE processing_jobs SET code_misses = code_misses + 1
WHERE code IS NOT NULL AND code_used_by IS NULL AND code_until >= ?2
  AND event_id IN (SELECT id FROM message_events WHERE sender = ?1)
"""
_PRUNE = """
DELETE FROM message_events WHERE received_at < ?1
  AND id NOT IN (SELECT event_id FROM processing_jobs WHERE state IN ('queued', 'running'))
"""


class Request(NamedTuple):
    """A command that this daemon carries out now. `asked_at` is its identity wherever it has an effect."""

    id: int
    guid: str
    sender: str
    chat: str
    sent_at: datetime
    asked_at: datetime
    text: str
    attempt: int

    @property
    def recipient(self) -> Recipient:
        """Where its answer goes."""
        return Recipient(self.sender, self.chat)


class Answer(NamedTuple):
    """What came of a command, and what is said of it. A `code` asks for a word of confirmation first."""

    text: str
    failed: bool = False
    code: str | None = None
    code_until: datetime | None = None


class StateStore:
    """Over a database that this is the only owner of."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.outbound = Outbound(database)
        _prepare(database)

    @property
    def path(self) -> str:
        """Where it is."""
        return self._database.path

    # -- intake ---------------------------------------------------------------------------------------------
    def watermark(self) -> int | None:
        """The last ROWID that was looked at; None before the first look."""
        found = self._database.value("SELECT value FROM watermarks WHERE name = ?", (_MESSAGES,))
        return None if found is None else int(found)

    def set_watermark(self, rowid: int, now: datetime) -> None:
        """Look at what comes after that row from now on."""
        self._database.change(_SET_WATERMARK, (_MESSAGES, rowid, to_micros(now)))

    def take(self, judged: Iterable[Judged], upto: int, rules: Rules, now: datetime) -> list[Judged]:
        """Keep what messages came to and move the watermark, at once. Those that were new, as they were kept."""
        with self._database.transaction():
            kept = [found for each in judged if (found := self._keep(each, rules, now)) is not None]
            self.set_watermark(upto, now)
        return kept

    def _keep(self, judged: Judged, rules: Rules, now: datetime) -> Judged | None:
        judged, told = self._rated(judged, rules, now)
        row = {
            "guid": judged.message.guid,
            "rowid": judged.message.rowid,
            "sender": judged.sender,
            "chat": judged.recipient.chat,
            "sent_at": to_micros(judged.message.sent_at),
            "now": to_micros(now),
            "verdict": "ignored" if judged.refused else "accepted",
            "reason": judged.refused,
        }
        if not self._database.change(_INSERT_EVENT, row):
            return None
        if not judged.refused:
            at = to_micros(self._free_moment(now))
            self._database.change(_INSERT_COMMAND, (judged.command, at, judged.message.guid))
        elif told:
            self.outbound.add(f"refused:{judged.message.guid}", judged.recipient, told, now, rules.max_age)
        return judged

    def _rated(self, judged: Judged, rules: Rules, now: datetime) -> tuple[Judged, str]:
        """The same, refused if its sender has sent too many; and what its sender is told of that, once a minute."""
        if judged.refused and not judged.late:
            return judged, ""
        since = to_micros(now - _MINUTE)
        if self._database.value(_ACCEPTED, (judged.sender, since)) >= rules.rate:
            judged = judged._replace(refused=_RATE)
        if not judged.refused or self._database.value(_REFUSED, (judged.sender, since, judged.refused)):
            return judged, ""
        if judged.refused == _RATE:
            return judged, f"Too many at once: I carry out {rules.rate} in a minute. Send it again later."
        return judged, "It came too late, so I have not done it. Send it again."

    def _free_moment(self, now: datetime) -> datetime:
        last = self._database.value("SELECT MAX(queued_at) FROM processing_jobs")
        return now if last is None else max(now, from_micros(last) + _STEP)

    # -- commands -------------------------------------------------------------------------------------------
    def recover(self, now: datetime) -> tuple[int, int]:
        """After a daemon ended without a word: what it was at waits again, what it was sending is unknown. Counts."""
        with self._database.transaction():
            return self._database.change(_AGAIN), self.outbound.lose(now)

    def claim(self, now: datetime) -> Request | None:
        """queued -> running: the next command, if there is one."""
        row = self._database.row(_NEXT)  # most often there is none, and nothing is to be written to find that out
        if row is None or not self._database.change(_CLAIM, (to_micros(now), row[0])):
            return None
        number, guid, sender, chat, sent_at, queued_at, text, attempt = row
        return Request(number, guid, sender, chat, from_micros(sent_at), from_micros(queued_at), text, attempt)

    def settle(self, request: Request, answer: Answer, now: datetime, lifetime: timedelta) -> bool:
        """running -> succeeded or failed, with the answer in the outbox, at once. False if it was not running."""
        state, reason = ("failed", answer.text[:500]) if answer.failed else ("succeeded", "")
        until = None if answer.code_until is None else to_micros(answer.code_until)
        row = (state, reason, to_micros(now), answer.code, until, request.id)
        with self._database.transaction():
            if not self._database.change(_SETTLE, row):
                return False
            self.outbound.add(f"answer:{request.guid}", request.recipient, answer.text, now, lifetime)
            return True

    def release(self) -> None:
        """running -> queued, uncounted: what could not be carried out now waits for the next time."""
        self._database.change(_RELEASE)

    def confirmed(self, request: Request, code: str, now: datetime) -> str | None:
        """The command that a code confirms, for this sender and place, once; None if it confirms nothing.

        The same request may ask again: a daemon that was killed after the code was used goes on from there.
        """
        row: dict[str, Any] = {"sender": request.sender, "chat": request.chat, "code": code, "by": request.id}
        with self._database.transaction():
            found = self._database.row(_CODE, row | {"now": to_micros(now), "misses": MISSES})
            if found is not None and self._database.change(_USE_CODE, (request.id, found[0])):
                return str(found[1])
            self._database.change(_MISS, (request.sender, to_micros(now)))
            return None

    # -- the rest -------------------------------------------------------------------------------------------
    def prune(self, before: datetime) -> int:
        """Forget what is older than that and over. How many messages and answers it were."""
        with self._database.transaction():
            return self._database.change(_PRUNE, (to_micros(before),)) + self.outbound.prune(before)

    def counts(self) -> dict[str, dict[str, int]]:
        """How many messages, commands and answers there are, by their state."""
        return {
            "messages": self._counted("SELECT verdict, COUNT(*) FROM message_events GROUP BY verdict"),
            "commands": self._counted("SELECT state, COUNT(*) FROM processing_jobs GROUP BY state"),
            "answers": self._counted("SELECT state, COUNT(*) FROM outbound_messages GROUP BY state"),
        }

    def _counted(self, sql: str) -> dict[str, int]:
        return {str(state): int(count) for state, count in sorted(self._database.rows(sql))}

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def _prepare(database: Database) -> None:
    """Make the tables if there are none. A newer schema is refused, untouched."""
    version = database.value("PRAGMA user_version")
    if version == _SCHEMA:
        return
    if version > _SCHEMA:
        database.close()
        raise StoreUnusable(
            f"{database.path} has schema {version}, newer than the {_SCHEMA} that this jarvis knows: upgrade jarvis"
        )
    with database.transaction() as connection:
        if not database.value("PRAGMA user_version"):  # another process may have been first
            connection.execute((Path(__file__).parent / "schema.sql").read_text(encoding="utf-8"))
