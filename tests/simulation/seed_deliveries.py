"""The promises as far as deliveries go: the outbox against what was really sent, and against the ledger.

What a run's end owes to whom is found from the order in which runs were settled, and not by the code under test.
A new invariant is one function in CHECKS (a row that changed) or AT_REST (once, at the end).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from jarvis.errors import NotFound
from jarvis.memory import MemoryStore
from jarvis.memory.instants import from_micros
from jarvis.scheduler.attention import Settings
from jarvis.scheduler.model import LEGAL_DELIVERY, Deliver, DeliveryState, Run, RunState, Task
from tests.simulation.seed_machine import ROUNDING, Machine, Send

_ROWS = """SELECT id, key, run_id, task_id, kind, channel, state, reason, fence, owner, available_at, expires_at,
       digest_id
FROM deliveries ORDER BY id"""
_PAUSED = "SELECT revision, enabled, pause_reason FROM tasks WHERE id = ?"
_BAD = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.UNKNOWN})
GIVEN_UP_AFTER = 40.0  # seconds: the channel's own timeout, and what is allowed beyond
#: What did not arrive and is not tried again by itself.
OVER = (DeliveryState.FAILED, DeliveryState.EXPIRED)
_ASKABLE = frozenset({*OVER, DeliveryState.UNKNOWN})
_PASSED_OVER = frozenset({DeliveryState.GROUPED, DeliveryState.SILENCED})
_FINAL = _ASKABLE | _PASSED_OVER | {DeliveryState.SENT, DeliveryState.CANCELLED, DeliveryState.DIGESTED}
_HOPEFUL = frozenset(DeliveryState) - _ASKABLE - _PASSED_OVER - {DeliveryState.CANCELLED}


class Broken(AssertionError):
    """A promise is broken."""

    story: list[str]


class Letter(msgspec.Struct, frozen=True):
    """A row of the outbox."""

    id: int
    key: str
    run_id: int | None
    task_id: int | None
    kind: str
    channel: str
    state: DeliveryState
    reason: str
    fence: int
    owner: int | None
    available_at: datetime
    expires_at: datetime
    digest_id: int | None

    def open_at(self, now: datetime) -> bool:
        """Whether it is being sent, or waits and should not by then."""
        waits = self.state in (DeliveryState.PENDING, DeliveryState.HELD) and self.available_at <= now
        return waits or self.state is DeliveryState.SENDING


class Ended(msgspec.Struct, frozen=True):
    """A run's last word as a daemon wrote it."""

    run_id: int
    fence: int
    state: RunState
    by_its_owner: bool


class Writes:
    """What one connection writes of the ends of runs: told once it is committed, forgotten if it is not."""

    def __init__(self, committed: Callable[[list[Ended]], None], store: MemoryStore) -> None:
        self._committed = committed
        self._here = store.instances._here
        self._ended: list[Ended] = []

    def saw(self, name: str, bindings: Any) -> None:
        """A statement is about to be carried out."""
        if name in ("begin", "rollback"):
            self._ended = []
        elif name == "runs.settle":
            run_id, owner, fence, state, *_ = bindings
            self._ended.append(Ended(run_id, fence, RunState(state), owner in self._here))

    def commit(self) -> None:
        """What was seen is in the store."""
        ended, self._ended = self._ended, []
        if ended:
            self._committed(ended)


class Deliveries:
    """What was seen so far of the outbox, and the checks."""

    def __init__(self, store: MemoryStore, machine: Machine) -> None:
        self.store = store
        self.machine = machine
        self.rows: dict[int, Letter] = {}
        self.asked: dict[int, list[tuple[int, DeliveryState]]] = {}  # how many sends there were, and what it was
        self.owed: dict[int, frozenset[str]] = {}  # by run that was settled: who is to be told
        self.owed_of_pause: dict[int, frozenset[str]] = {}
        self.judged_by: dict[int, Settings] = {}  # by daemon: what it was told last of quiet hours and the like
        self._raw: list[Any] = []
        self._seen_asked: Counter[int] = Counter()
        self._failures: Counter[int] = Counter()  # by task, in a row
        self._paused: set[tuple[int, int]] = set()

    # -- what happens ----------------------------------------------------------------------------------------
    def asked_again(self, delivery_id: int, before: DeliveryState) -> None:
        """The user wants it sent again."""
        self.asked.setdefault(delivery_id, []).append((len(self.machine.sends), before))

    def starts_afresh(self, task_id: int) -> None:
        """The task was resumed or changed: it counts as well."""
        self._failures[task_id] = 0

    def committed(self, ended: list[Ended]) -> None:
        """Runs have ended, in this order: note whom that is to be told to."""
        pausing: dict[int, list[tuple[Run, Task]]] = {}
        for each in ended:
            run = self.store.runs.get(each.run_id)
            if run.id in self.owed or (run.fence, run.state) != (each.fence, each.state):
                continue  # nothing was written: another had taken over
            task = self._task_of(run, each)
            self._end(run, task)
            if task.policy.pause_after and self._failures[task.id] >= task.policy.pause_after and run.state in _BAD:
                pausing.setdefault(task.id, []).append((run, task))
        for task_id, candidates in pausing.items():
            self._note_pause(task_id, *candidates[0])

    def _task_of(self, run: Run, ended: Ended) -> Task:
        """The task as it was claimed, or, by whoever takes over, as it is."""
        if ended.by_its_owner:
            for effect in reversed(self.machine.effects):
                if (effect.held.run.id, effect.held.run.fence) == (run.id, run.fence):
                    return effect.held.task
        return self.store.tasks.by_id(run.task_id)

    def _end(self, run: Run, task: Task) -> None:
        good, bad, before = run.state is RunState.SUCCEEDED, run.state in _BAD, self._failures[task.id]
        turned = (good and before > 0) or (bad and before == 0)
        self.owed[run.id] = frozenset(each.channel for each in task.deliver if _told(each, good, bad, turned))
        if good or bad:
            self._failures[task.id] = 0 if good else before + 1

    def _note_pause(self, task_id: int, run: Run, task: Task) -> None:
        revision, enabled, reason = self.store.database.row(_PAUSED, (task_id,)) or (0, 1, "")
        if not enabled and (task_id, revision) not in self._paused and (reason or "").startswith("paused after"):
            self._paused.add((task_id, revision))
            self.owed_of_pause[run.id] = frozenset(each.channel for each in task.deliver)

    def on_send(self, send: Send) -> None:
        """A message is handed to its channel, which it may only be while the outbox says so."""
        claimed = send.delivery
        try:
            row = self.store.deliveries.get(claimed.id)
        except NotFound as error:
            raise Broken(f"once: delivery {claimed.id} is sent, and the outbox does not have it") from error
        if (row.state, row.owner, row.fence) != (DeliveryState.SENDING, claimed.owner, claimed.fence):
            raise Broken(f"once: delivery {row.id} is sent with fence {claimed.fence}: it is {row.state} {row.fence}")
        self._nobody_is_woken(send)
        earlier = [
            (number, each)
            for number, each in enumerate(self.machine.sends)
            if each is not send and each.delivery.key == claimed.key
        ]
        for number, each in earlier:
            if each.delivery.fence >= claimed.fence:
                raise Broken(f"once: the fence of delivery {row.id} did not rise: {claimed.fence}")
            given_up = each.told is not None  # by the ledger it is over: the user was told that it may have arrived
            if each.ended is None and not given_up:
                raise Broken(f"once: delivery {row.id} is sent while daemon {each.daemon} is still at it")
            asked = any(at > number and was == "unknown" for at, was in self.asked.get(row.id, ()))
            if (each.arrived or each.ended is None) and not asked:
                raise Broken(f"once: delivery {row.id} had arrived, and is sent again unasked")

    def _nobody_is_woken(self, send: Send) -> None:
        """What is not urgent is not claimed in quiet hours, which are by the clock of UTC in these worlds."""
        claimed = send.delivery
        settings, at = self.judged_by[send.daemon], claimed.started_at
        if claimed.urgent or at is None:
            return
        second = at.hour * 3600 + at.minute * 60 + at.second
        for window in settings.of(claimed.channel).quiet:
            since = at.weekday() in window.days and window.start <= second < window.end
            over = (at.weekday() - 1) % 7 in window.days and second + 86_400 < window.end
            if since or over:
                raise Broken(f"keeps: delivery {claimed.id} is sent at {at}, in quiet hours {window.said()}")

    def ticked(self, owner: int, began: float) -> None:
        """Ends: what was over when that tick began is settled, and what hangs is given up."""
        for send in self.machine.sends:
            over = send.began + GIVEN_UP_AFTER if send.ended is None else send.ended
            row = self.rows.get(send.delivery.id)
            if send.delivery.owner != owner or over + ROUNDING >= began or row is None or row.state != "sending":
                continue
            now = self.store.deliveries.get(row.id)
            if (now.state, now.owner, now.fence) == (DeliveryState.SENDING, owner, send.delivery.fence):
                raise Broken(f"ends: the send of delivery {row.id} is over, and it is not settled")

    # -- after every step ------------------------------------------------------------------------------------
    def check(self) -> list[str]:
        """Read the outbox and hold it against what was seen before. What is new, told."""
        raw = list(self.store.database.rows(_ROWS))
        if raw == self._raw:
            return []
        news, known, self._raw = [], set(self._raw), raw
        now = {row[0]: self.rows[row[0]] if row in known else _letter(row) for row in raw}
        for gone in self.rows.keys() - now.keys():
            raise Broken(f"accounted for: delivery {gone} vanished")
        for row in now.values():
            before = self.rows.get(row.id)
            if row is before:
                continue
            news.append(f"delivery {row.id} of run {row.run_id} to {row.channel} {row.state} {row.reason}")
            asked = len(self.asked.get(row.id, ())) > self._seen_asked[row.id]
            self._seen_asked[row.id] = len(self.asked.get(row.id, ()))
            for hold in CHECKS:
                hold(before, row, asked)
            if row.state in _PASSED_OVER and (before is None or before.state is not row.state):
                self._somebody_knows(row, now)
        self.rows = now
        return news

    def _somebody_knows(self, row: Letter, rows: Mapping[int, Letter]) -> None:
        """What says nothing new is passed over only where the result before it was told, or is on its way."""
        told = before_it(row, rows)
        earlier = None if told is None else self.rows.get(told.id)
        states = {each.state for each in (told, earlier) if each is not None}  # it may have changed since
        if not states & _HOPEFUL:
            raise Broken(f"accounted for: delivery {row.id} is {row.state}, and nobody was told of the like")


def _told(deliver: Deliver, good: bool, bad: bool, turned: bool) -> bool:
    if deliver.on in ("always", "success"):
        return deliver.on == "always" or good
    if deliver.on == "failure":  # and when they are over, for who is not told of each
        return bad or (good and turned and deliver.same in (None, "grouped"))
    return turned and (good or (bad and deliver.on == "change"))


def before_it(row: Letter, rows: Mapping[int, Letter]) -> Letter | None:
    """The last result of the same task to the same channel that was not passed over."""
    alike = (row.task_id, row.channel, "result")
    found = [
        each
        for each in rows.values()
        if each.id < row.id and (each.task_id, each.channel, each.kind) == alike and each.state not in _PASSED_OVER
    ]
    return max(found, key=lambda each: each.id, default=None)


def _letter(row: Any) -> Letter:
    return Letter(
        id=row[0],
        key=row[1],
        run_id=row[2],
        task_id=row[3],
        kind=row[4],
        channel=row[5],
        state=DeliveryState(row[6]),
        reason=row[7],
        fence=row[8],
        owner=row[9],
        available_at=from_micros(row[10]),
        expires_at=from_micros(row[11]),
        digest_id=row[12],
    )


# -- after every step: one row that changed -------------------------------------------------------------------
def settled_stays(before: Letter | None, row: Letter, asked: bool) -> None:
    if before is None or before.state not in _FINAL or before.state == row.state:
        return
    if not (asked and before.state in _ASKABLE):
        raise Broken(f"once: delivery {row.id} was {before.state} and is {row.state}")


def steps_are_legal(before: Letter | None, row: Letter, _asked: bool) -> None:
    """Between two looks a row may take several steps; without a rise of the fence, only these."""
    if before is None or row.fence > before.fence or before.state == row.state:
        return
    between = LEGAL_DELIVERY[DeliveryState.PENDING] | LEGAL_DELIVERY[DeliveryState.HELD]
    if row.state not in LEGAL_DELIVERY[before.state] | between:
        raise Broken(f"once: delivery {row.id} went from {before.state} to {row.state}")


def fences_rise(before: Letter | None, row: Letter, _asked: bool) -> None:
    if before is not None and row.fence < before.fence:
        raise Broken(f"once: the fence of delivery {row.id} fell from {before.fence} to {row.fence}")


def every_end_has_its_reason(_before: Letter | None, row: Letter, _asked: bool) -> None:
    if row.state in _FINAL and row.state is not DeliveryState.SENT and not row.reason:
        raise Broken(f"explains: delivery {row.id} is {row.state} without a reason")


CHECKS: tuple[Callable[[Letter | None, Letter, bool], None], ...] = (
    settled_stays,
    steps_are_legal,
    fences_rise,
    every_end_has_its_reason,
)


# -- at the end -----------------------------------------------------------------------------------------------
def everybody_is_told_once(seen: Deliveries, runs: Mapping[int, Run]) -> None:
    written = Counter((row.run_id, row.kind, row.channel) for row in seen.rows.values() if row.run_id is not None)
    owed = {(run, "result", channel) for run, channels in seen.owed.items() for channel in channels}
    owed |= {(run, "paused", channel) for run, channels in seen.owed_of_pause.items() for channel in channels}
    for run_id, kind, channel in sorted(owed ^ set(written)):
        what = "has no delivery" if (run_id, kind, channel) in owed else "has a delivery that nobody asked for"
        raise Broken(f"accounted for: run {run_id}, {runs[run_id].state}, {what}: {kind} to {channel}")
    if twice := [each for each, many in written.items() if many > 1]:
        raise Broken(f"accounted for: run {twice[0][0]} has two deliveries: {twice[0][1]} to {twice[0][2]}")


def nothing_is_on_its_way(seen: Deliveries, _runs: Mapping[int, Run]) -> None:
    for row in seen.rows.values():
        if row.state is DeliveryState.SENDING:
            raise Broken(f"ends: delivery {row.id} is still being sent, and nobody sends it")


def what_is_said_of_a_send_is_true(seen: Deliveries, _runs: Mapping[int, Run]) -> None:
    """`sent` has arrived. What has arrived is `sent`, or may have: unless somebody asked for it again."""
    arrived = {send.delivery.id for send in seen.machine.sends if send.arrived}
    for row in seen.rows.values():
        if row.state is DeliveryState.SENT and row.id not in arrived:
            raise Broken(f"accounted for: delivery {row.id} is sent, and never arrived")
        may_have = row.state in (DeliveryState.SENT, DeliveryState.UNKNOWN) or row.id in seen.asked
        if row.id in arrived and not may_have:
            raise Broken(f"accounted for: delivery {row.id} has arrived, and is {row.state}")


def each_result_is_in_one_digest_that_names_its_run(seen: Deliveries, _runs: Mapping[int, Run]) -> None:
    digests = {row.id: seen.store.deliveries.get(row.id) for row in seen.rows.values() if row.kind == "digest"}
    members = [row for row in seen.rows.values() if row.state is DeliveryState.DIGESTED]
    for row in members:
        digest = digests.get(row.digest_id or 0)
        if digest is None or digest.channel != row.channel:
            raise Broken(f"accounted for: delivery {row.id} is in digest {row.digest_id}, which is none of its channel")
        if (
            f"run {row.run_id}: jarvis runs show {row.run_id}\n" not in digest.body
            and "more results" not in digest.body
        ):
            raise Broken(f"explains: digest {digest.id} does not name run {row.run_id}")
    for digest_id in digests.keys() - {row.digest_id for row in members}:
        raise Broken(f"once: digest {digest_id} tells nothing")


def only_the_same_failure_is_grouped(seen: Deliveries, runs: Mapping[int, Run]) -> None:
    for row in seen.rows.values():
        first = before_it(row, seen.rows)
        if row.state is not DeliveryState.GROUPED or first is None or row.run_id is None or first.run_id is None:
            continue
        one, other = runs[first.run_id], runs[row.run_id]
        if one.state not in _BAD or one.state != other.state:
            raise Broken(f"accounted for: run {other.id}, {other.state}, is grouped with {one.id}, {one.state}")


AT_REST: tuple[Callable[[Deliveries, Mapping[int, Run]], None], ...] = (
    everybody_is_told_once,
    nothing_is_on_its_way,
    what_is_said_of_a_send_is_true,
    each_result_is_in_one_digest_that_names_its_run,
    only_the_same_failure_is_grouped,
)
