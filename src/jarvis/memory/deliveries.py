"""The `deliveries` table: the outbox. Rows are added by the transaction that settles their run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import msgspec

from jarvis.errors import JarvisError, NotFound
from jarvis.memory.fallbacks import fall_back
from jarvis.memory.forms import FormTable
from jarvis.memory.holding import Holding
from jarvis.memory.instants import from_micros, maybe_instant, maybe_micros, to_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.scheduler.attention import Settings
from jarvis.scheduler.care import USUAL_CARE, Care
from jarvis.scheduler.delivery import (
    Letter,
    after,
    everywhere,
    goes_on,
    paused_letter,
    result_letter,
    template_facts,
    templates,
    too_late,
    wanted,
)
from jarvis.scheduler.judgement import Wish, mark, same_of
from jarvis.scheduler.model import Delivery, DeliveryState, Result, Run, RunState, Sent, Task

_SQL = load("deliveries")
_NOT_BEGUN = "(Jarvis stopped before it had begun to send it)"
_OVER = {
    DeliveryState.SENT: "has been sent",
    DeliveryState.CANCELLED: "was cancelled",
    DeliveryState.PENDING: "waits to be sent by itself",
    DeliveryState.SENDING: "is being sent",
    DeliveryState.HELD: "is held, and can be sent now with `jarvis delivery release`",
    DeliveryState.DIGESTED: "is told by a digest",
    DeliveryState.GROUPED: "said nothing new",
    DeliveryState.SILENCED: "said nothing new",
}
MOST_JUDGED = 500  # of one channel in one transaction: long enough to share its sync, short to hold
_UNHELD = Settings()


class DeliveryTable:
    """Add, claim, settle; and read the outbox. Each change is one conditional write."""

    def __init__(self, database: Database) -> None:
        # What is done with what each channel cannot deliver.
        self.care: Callable[[str], Care] = lambda _channel: USUAL_CARE
        self._database = database
        self.holding = Holding(database, lambda channel: self.care(channel).expires)
        self._forms = FormTable(database)

    def add_result(self, task: Task, run: Run, result: Result, reason: str, *, turned: bool, now: datetime) -> int:
        """What became of a run, for each channel that wants to know. Rows written."""
        wishes = wanted(task.deliver, result.state, turned=turned)
        if not wishes or (result.quiet and not turned):
            return 0
        sames = {each.repeats for each in task.deliver} - {"told"}
        marked = mark(result, content="silent" in sames) if sames else ""
        wishes = tuple(
            msgspec.structs.replace(wish, same=same_of(wish.same, result.state, turned=turned)) for wish in wishes
        )
        letter = result_letter(task, run, result, reason, turned=turned)
        added = self._add(run, "result", wishes, letter, now, marked=marked)
        if own := templates(task.deliver, result.state, turned=turned):
            previous = self._forms.previous(task.id, run.due_at)
            facts = template_facts(task, run, result, reason, finished_at=now, previous=previous)
            self._forms.add(own, added, facts)
        return len(added)

    def add_paused(self, task: Task, run: Run, reason: str, now: datetime) -> int:
        """That a task was paused with this run, for each of its channels. Rows written."""
        return len(self._add(run, "paused", everywhere(task.deliver), paused_letter(task, run, reason), now))

    def add_letter(
        self, *, run: Run, kind: str, channels: Sequence[Wish], letter: Letter, key: str, now: datetime
    ) -> int:
        """A letter of any kind, told by a run, for each channel. `key` is the same for the same news, for ever:

        what is in the outbox already is not put there again. Rows written.
        """
        return len(self._add(run, kind, channels, letter, now, key=key))

    def any_pending(self) -> bool:
        """Whether anything waits to be sent or is held, for whatever reason."""
        return bool(self._database.value(_SQL["any_pending"]))

    def expire(self, now: datetime) -> int:
        """What could not be sent in its time will not be any more. Rows changed."""
        with self._database.transaction():
            channels = [channel for (channel,) in self._database.rows(_SQL["channels_expiring"], (to_micros(now),))]
            return sum(self._expire(channel, now) for channel in channels)

    def look_again(self, settings: Settings, now: datetime, *, anew: bool = False) -> None:
        """Make the digests that are due, and let what was held until now wait for its turn. `anew`: all that is
        held, as it was so by other settings."""
        with self._database.transaction():
            self.holding.look(settings, now, anew=anew)

    def claim(
        self,
        owner: int,
        engaged: Collection[str],
        now: datetime,
        settings: Settings = _UNHELD,
        *,
        careful: bool = False,
    ) -> list[Delivery]:
        """pending -> sending: the next of each channel that is not engaged, now owned and fenced.

        What has its turn and is not to be told now, by the settings of its channel, is held, or passed over.
        `careful`: the owner says of each with `begin` when it may arrive. Otherwise it may from now on.
        """
        with self._database.transaction():
            waiting = [channel for (channel,) in self._database.rows(_SQL["channels_waiting"], (to_micros(now),))]
            free = (channel for channel in waiting if channel not in engaged)
            claimed = (self._claim(channel, owner, settings, now, careful) for channel in free)
            return [delivery for delivery in claimed if delivery is not None]

    def begin(self, delivery: Delivery) -> bool:
        """From now on it may arrive. False if it is not its owner's any more: then it must not be sent."""
        row = {"id": delivery.id, "owner": delivery.owner, "fence": delivery.fence}
        return self._database.change(_SQL["begin"], row) == 1

    def release(self, owner: int, engaged: Collection[str]) -> int:
        """Hand back uncounted what an owner claimed for channels that are not engaged, so never began. Rows changed."""
        return self._database.change(_SQL["release"], {"owner": owner, "engaged": _names(engaged)})

    def settle(self, sent: Sequence[Sent]) -> list[Delivery | None]:
        """End each attempt, all in one transaction; None where the fence no longer matched."""
        with self._database.transaction():
            return [self._settle(each) for each in sent]

    def lose(self, owner: int, reason: str, now: datetime) -> int:
        """What an owner was sending when it ended is unknown, if it had begun; if not, it waits again. Rows changed."""
        with self._database.transaction():
            back = self._database.change(_SQL["put_back"], {"owner": owner, "reason": _NOT_BEGUN})
            row = {"owner": owner, "reason": reason, "now": to_micros(now)}
            lost = self._database.rows(_SQL["lose"], row)
            for delivery_id, channel in lost:
                self._fall_back(delivery_id, channel, DeliveryState.UNKNOWN, now)
            return back + len(lost)

    def cancel_of(self, task_id: int, reason: str, now: datetime) -> int:
        """What waits of a task's will not be sent. Rows changed."""
        return self._database.change(_SQL["cancel_of"], {"task_id": task_id, "reason": reason, "now": to_micros(now)})

    def again(self, delivery_id: int, now: datetime) -> Delivery:
        """A person asks for another attempt at what was given up or may have arrived, with a lifetime of its own."""
        with self._database.transaction():
            before = self.get(delivery_id)
            row = {
                "id": delivery_id,
                "reason": f"(asked for again; it was {before.state}: {before.reason})",
                "now": to_micros(now),
                "expires_at": to_micros(now + self.care(before.channel).expires),
            }
            if self._database.change(_SQL["again"], row) != 1:
                raise JarvisError(f"delivery {delivery_id} {_OVER[before.state]}: there is nothing to try again")
            self._database.announce()
            return self.get(delivery_id)

    def send_now(self, delivery_id: int, now: datetime) -> Delivery:
        """A person wants what is held to be sent in spite of that."""
        with self._database.transaction():
            before = self.get(delivery_id)
            if not self.holding.send_now(delivery_id, now):
                raise JarvisError(f"delivery {delivery_id} is not held: it is {before.state}")
            self._database.announce()
            return self.get(delivery_id)

    def members(self, digest_id: int) -> list[Delivery]:
        """What a digest tells."""
        return [_decode(row) for row in self._database.rows(_SQL["members"], (digest_id,))]

    def next_available_at(self, engaged: Collection[str]) -> datetime | None:
        """When the next may be sent by a channel that is not engaged, or what is held is to be looked at."""
        return maybe_instant(self._database.value(_SQL["next_available_at"], (_names(engaged),)))

    def get(self, delivery_id: int) -> Delivery:
        """One delivery."""
        row = self._database.row(_SQL["get"], (delivery_id,))
        if row is None:
            raise NotFound(f"no delivery has the id {delivery_id}: see `jarvis delivery list`")
        return _decode(row)

    def of_run(self, run_id: int) -> list[Delivery]:
        """A run's deliveries."""
        return [_decode(row) for row in self._database.rows(_SQL["of_run"], (run_id,))]

    def of_news(self, prefix: str) -> list[Delivery]:
        """The deliveries whose key begins so, as `add_letter` was given it."""
        bounds = {"first": prefix, "end": f"{prefix}\U0010ffff"}
        return [_decode(row) for row in self._database.rows(_SQL["of_news"], bounds)]

    def newest(
        self,
        *,
        task: str | None = None,
        channel: str | None = None,
        state: DeliveryState | None = None,
        limit: int | None = 50,
    ) -> list[Delivery]:
        """The outbox, newest first; `limit=None` for all of it."""
        row = {"task": task, "channel": channel, "state": state, "limit": -1 if limit is None else limit}
        return [_decode(found) for found in self._database.rows(_SQL["newest"], row)]

    def _add(
        self,
        run: Run,
        kind: str,
        wishes: Sequence[Wish],
        letter: Letter,
        now: datetime,
        *,
        marked: str = "",
        key: str = "",
    ) -> list[tuple[str, int]]:
        """A row for each channel; (channel, id) of those that were not there already."""
        row = {
            "run_id": run.id,
            "task_id": run.task_id,
            "kind": kind,
            "subject": letter.subject,
            "body": letter.body,
            "now": to_micros(now),
            "mark": marked,
        }
        news = key or f"{run.task_id}:{run.due_at.isoformat()}:{kind}"
        added = []
        for wish in wishes:
            expires_at = to_micros(now + self.care(wish.channel).expires)
            own = {**_wished(wish), "key": f"{news}:{wish.channel}", "expires_at": expires_at}
            if self._database.change(_SQL["insert"], row | own) == 1:
                added.append((wish.channel, self._database.last_id()))
        return added

    def _expire(self, channel: str, now: datetime) -> int:
        row = {"channel": channel, "now": to_micros(now), "why": too_late(self.care(channel))}
        expired = self._database.rows(_SQL["expire"], row)
        for (delivery_id,) in expired:
            self._fall_back(delivery_id, channel, DeliveryState.EXPIRED, now)
        return len(expired)

    def _fall_back(self, delivery_id: int, channel: str, state: DeliveryState, now: datetime) -> None:
        """Have the channel's fallback told, if it has one for that."""
        care = self.care(channel)
        if goes_on(state, care):
            fall_back(self._database, delivery_id, care.fallback, now, self.care(care.fallback).expires)

    def _claim(self, channel: str, owner: int, settings: Settings, now: datetime, careful: bool) -> Delivery | None:
        attention = settings.of(channel)
        for _ in range(MOST_JUDGED):
            row = self._database.row(_SQL["next_of"], {"channel": channel, "now": to_micros(now)})
            if row is None:
                return None
            if self.holding.judge(channel, row, attention, now):
                return self._take(row[0], owner, now, careful)
        return None

    def _take(self, delivery_id: int, owner: int, now: datetime, careful: bool) -> Delivery | None:
        row = {"id": delivery_id, "owner": owner, "now": to_micros(now), "begun": not careful}
        if self._database.change(_SQL["claim"], row) != 1:
            return None
        return msgspec.structs.replace(self.get(delivery_id), form=self._forms.of(delivery_id))

    def _settle(self, sent: Sent) -> Delivery | None:
        delivery, then = sent.delivery, after(sent, self.care(sent.delivery.channel))
        row = {
            "id": delivery.id,
            "owner": delivery.owner,
            "fence": delivery.fence,
            "state": then.state,
            "reason": then.reason,
            "finished_at": to_micros(sent.finished_at),
            "failed": sent.how == "failed",
            "available_at": maybe_micros(then.available_at),
        }
        if self._database.change(_SQL["settle"], row) != 1:
            return None
        self._fall_back(delivery.id, delivery.channel, then.state, sent.finished_at)
        return self.get(delivery.id)


def _wished(wish: Wish) -> dict[str, object]:
    return {"channel": wish.channel, "urgent": wish.urgent, "low": wish.low, "same": wish.same}


def _names(channels: Collection[str]) -> str:
    """A few names as SQLite takes them: a JSON list."""
    return msgspec.json.encode(sorted(channels)).decode()


def _decode(row: Row) -> Delivery:
    return Delivery(
        id=row[0],
        key=row[1],
        run_id=row[2],
        task_id=row[3],
        task=row[4],
        channel=row[5],
        kind=row[6],
        subject=row[7],
        body=row[8],
        state=DeliveryState(row[9]),
        reason=row[10],
        attempt=row[11],
        failures=row[12],
        created_at=from_micros(row[13]),
        available_at=from_micros(row[14]),
        expires_at=from_micros(row[15]),
        started_at=maybe_instant(row[16]),
        finished_at=maybe_instant(row[17]),
        owner=row[18],
        fence=row[19],
        run_state=None if row[20] is None else RunState(row[20]),
        due_at=maybe_instant(row[21]),
        fallback_of=row[22],
        fallback=row[23],
        urgent=bool(row[24]),
        digest_id=row[25],
        digest_state=None if row[26] is None else DeliveryState(row[26]),
    )
