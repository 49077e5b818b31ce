"""What keeps deliveries back: each is judged when it has its turn. All of it within the transaction that claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from jarvis.memory.instants import from_micros, maybe_micros, to_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.scheduler.attention import Attention, Settings
from jarvis.scheduler.digest import MOST_TOLD, Back, Member, digest_letter
from jarvis.scheduler.judgement import Asked, Before, decide
from jarvis.scheduler.model import DeliveryState

_SQL = load("holding")


class Holding:
    """Judge, hold, look again, and gather into digests."""

    def __init__(self, database: Database, lifetime: Callable[[str], timedelta]) -> None:
        """`lifetime`: how long a delivery to a channel is worth something."""
        self._database = database
        self._lifetime = lifetime

    def look(self, settings: Settings, now: datetime, *, anew: bool) -> None:
        """Make the digests that are due, and let what was held until now wait for its turn again.

        `anew`: the settings are others than those by which it was held, so all is to be judged by them.
        """
        row = {"now": to_micros(now), "anew": anew}
        if not self._database.value(_SQL["anything"], row):
            return
        for channel, count, first, bad in self._database.rows(_SQL["digests_due"], {"now": row["now"]}):
            self._gather(channel, first, Back(bad=bad, more=max(0, count - MOST_TOLD)), settings.of(channel), now)
        self._database.change(_SQL["lift"], row)

    def judge(self, channel: str, row: Row, attention: Attention, now: datetime) -> bool:
        """Whether a delivery that has its turn (as `next_of` reads it) is sent now. If not, that is written."""
        asked = Asked(
            id=row[0], kind=row[1], urgent=bool(row[3]), low=bool(row[4]), same=row[5], mark=row[6],
            created_at=from_micros(row[7]),
        )  # fmt: skip
        verdict = decide(asked, attention, _Past(self, self._database, channel, row[2]), now)
        if verdict.state is DeliveryState.PENDING:
            return True
        values: dict[str, Any] = {"id": asked.id, "reason": verdict.reason, "now": to_micros(now)}
        if verdict.until is None:
            self._database.change(_SQL["pass_over"], values | {"state": verdict.state})
        else:
            self._database.change(_SQL["hold"], values | {"hold": verdict.hold, "until": maybe_micros(verdict.until)})
        return False

    def send_now(self, delivery_id: int, now: datetime) -> bool:
        """Hold it no more, whatever the hour; False if it is not held."""
        row = {
            "id": delivery_id,
            "now": to_micros(now),
            "reason": "(it was held, and is sent as somebody asked for it)",
        }
        return self._database.change(_SQL["send_now"], row) == 1

    def counts(self, channel: str) -> dict[str, int]:
        """How many are held for a channel, by what for."""
        return dict(self._database.rows(_SQL["counts"], (channel,)))

    def told_since(self, channel: str, since: datetime) -> int:
        """How many deliveries that a cap counts a channel was given since then."""
        return int(self._database.value(_SQL["told_since"], {"channel": channel, "since": to_micros(since)}))

    def _gather(self, channel: str, first: int, back: Back, attention: Attention, now: datetime) -> None:
        """One digest of all that waits for it. What was passed over is counted in it, and in no other."""
        at = to_micros(now)
        rows = self._database.rows(_SQL["waiting_members"], {"channel": channel, "now": at, "limit": MOST_TOLD})
        members = [_member(row) for row in rows]
        untold: dict[str, int] = dict(self._database.rows(_SQL["untold"], (channel,)))
        back = msgspec.structs.replace(back, **untold)
        letter = digest_letter(members, back, attention.tz, channel)
        row: Mapping[str, Any] = {
            "key": f"digest:{first}:{channel}",
            "channel": channel,
            "subject": letter.subject,
            "body": letter.body,
            "now": at,
            "expires_at": to_micros(now + self._lifetime(channel)),
        }
        self._database.change(_SQL["insert_digest"], row)
        digest = self._database.last_id()
        self._database.change(_SQL["join_digest"], {"digest": digest, "channel": channel, "now": at})
        if untold:
            self._database.change(_SQL["count_in_digest"], {"digest": digest, "channel": channel})


class _Past:
    """What was told of one task through one channel."""

    def __init__(self, holding: Holding, database: Database, channel: str, task_id: int | None) -> None:
        self._holding = holding
        self._database = database
        self._channel = channel
        self._task_id = task_id

    def before(self, asked: Asked) -> Before | None:
        """The last result before it that was not passed over."""
        key = {"task_id": self._task_id, "channel": self._channel, "id": asked.id}
        row = self._database.row(_SQL["before"], key)
        if row is None:
            return None
        return Before(
            id=row[0], run_id=row[1], state=DeliveryState(row[2]), mark=row[3], created_at=from_micros(row[4])
        )

    def told_since(self, since: datetime) -> int:
        """How many deliveries that a cap counts the channel was given since then."""
        return self._holding.told_since(self._channel, since)


def _member(row: Row) -> Member:
    return Member(id=row[0], run_id=row[1], subject=row[2], body=row[3], hold=row[4], created_at=from_micros(row[5]))
