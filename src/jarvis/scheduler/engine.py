"""SchedulerEngine: the passes over one store. No loop, no sleep, no signals.

Every pass can be called alone, takes the one `now` of its evaluation and returns what it did. The engine
is driven from one thread at a time; only the executor's runs go on beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from jarvis.scheduler.attention import Settings
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.clockwatch import Absence
from jarvis.scheduler.eventports import Sieve
from jarvis.scheduler.matching import Matching
from jarvis.scheduler.model import (
    Claimed,
    Delivery,
    Instance,
    Outcome,
    Run,
    RunResult,
    Settled,
)
from jarvis.scheduler.outbox import Outbox
from jarvis.scheduler.planner import BATCH, Planner, startable
from jarvis.scheduler.ports import Clock, Executor, Sender, Store
from jarvis.scheduler.pruner import Pruner
from jarvis.scheduler.vigil import Vigil

_LOG = logging.getLogger("jarvis.engine")
LOOK_EVERY = 5.0  # seconds: the longest until an unannounced change, a dead daemon or a clock step is seen
# A daemon records and claims a run this long before it is due, and its thread waits for the moment: a commit
# takes milliseconds, and they must not make it late.
LEAD = timedelta(milliseconds=25)
WAKE_SETTLE = timedelta(seconds=10)  # after waking, until network and disks are back
NOT_STARTED = "(it was claimed, and the turn failed before its start)"
_CUT_OFF = "its daemon (process {}) ended while it was being sent, so it may have arrived"


class SchedulerEngine:
    """Finds what is due in a store and carries it out through an executor."""

    def __init__(  # noqa: PLR0913 - its parts and its figures, each by its name
        self,
        store: Store,
        executor: Executor,
        clock: Clock | None = None,
        *,
        sender: Sender | None = None,
        sieve: Sieve | None = None,
        attention: Callable[[], Settings] = Settings,
        wake_settle: timedelta = WAKE_SETTLE,
        lead: timedelta = timedelta(0),
        retention: timedelta | None = None,
    ) -> None:
        """Without a `sender` deliveries are written and left to an owner that has one; a `sieve` judges events.

        `attention` gives at each claim of deliveries when their channels may be told.
        `lead`: how long before it is due `tick` claims a run that nothing stands in the way of. The executor
        lets no work begin before its `started_at`. `retention`: how long the ledger is kept, None for ever.
        """
        self.store = store
        self.executor = executor
        self.clock = clock or SystemClock()
        self.outbox = Outbox(store, sender, self.clock, attention)
        self.matching = Matching(store, sieve)
        self._lead = lead
        self._instance: Instance | None = None
        self._vigil = Vigil(store, self.clock, wake_settle)
        self._planner = Planner(store, self._vigil)
        self._pruner = Pruner(store, self.clock, retention)
        self._alone = False  # in the store, as far as was seen when it was last looked through for others
        self._sure = True  # that what was claimed was started: false while a turn is broken off between the two
        executor.renew = self._renew

    @property
    def instance(self) -> Instance:
        """This engine as an owner in the store, entered when first asked for."""
        return self._instance or self.open(self.clock.now())

    @property
    def entered(self) -> Instance | None:
        """The same, None before and after."""
        return self._instance

    def notify(self, call: Callable[[], None]) -> None:
        """Have `call` called, from any thread, whenever something ends that goes on beside the passes."""
        self.executor.on_finish = call
        self.outbox.notify(call)
        self.matching.notify(call)

    def open(self, now: datetime) -> Instance:
        """Enter the store as an owner, and take over what dead owners left."""
        self._instance = self._instance or self.store.instances.register(now)
        self._note_stop(now)
        self.recover(now)
        self.store.outputs.sweep()  # also what a daemon left that died between a settle and its tidying up
        return self._instance

    def close(self) -> None:
        """Tell what is being sent to stop, and leave the store; if runs are not settled, as a crash does."""
        self.executor.close()
        self.outbox.stop()
        self.matching.close()
        owner, self._instance = self._instance, None
        if owner is None:
            return
        if self.executor.busy:
            self.store.instances.abandon(owner.id)
            return
        try:
            self._release_unstarted(owner)
            self.outbox.leave(owner.id)
            self.store.instances.sign_off(owner.id, self.clock.now())
        except Exception:
            self.store.instances.abandon(owner.id)
            raise

    def evaluate_due_tasks(self, now: datetime | None = None) -> list[RunResult]:
        """Plan and run everything due at `now` (default: the clock's), wait for it, and say how each run ended.

        Then send, by the clock, what waits to be sent; a delivery that fails is left for its next attempt.
        """
        at = now or self.clock.now()
        results: list[RunResult] = []
        self.recover(at)
        self._release_unstarted(self.instance)
        self.store.runs.expire(at)
        # All is planned before anything is settled: what counts from the end of a run may come due again before `at`.
        while _come(self.store.tasks.next_due_at(), at):
            self._sure = False
            with self.store.transaction():
                claimed = self._plan_and_claim(self.instance, at, at)
            self._start(claimed)
            self._sure = True
        for _ in ("what came due and what arrived", "what these runs took in"):
            self.matching.match_all(at)
            while self.run_due(self.clock.now() if now is None else at) or self.executor.busy:
                self.executor.wait()
                results += self.settle_finished()
        sent_at = self.clock.now()
        while self.deliver_due(sent_at) or self.outbox.busy:
            self.outbox.wait()
            self.outbox.settle_finished()
        return results

    def tick(self, now: datetime, *, claim: bool = True) -> list[RunResult]:
        """One turn of the daemon in one transaction: settle what ended, plan what is due, claim what has room.

        Runs and sends are started once that is committed, and not waited for. `claim=False` while draining.
        A backlog longer than one batch is left for the next turn, so that nobody else waits for the store.
        """
        claim = claim and not self._vigil.settling(now)
        owner = self.instance
        self._release_unstarted(owner)
        outcomes = self.executor.finished()
        if self.executor.busy > len(outcomes):
            self.stop_asked()
        sent = self.outbox.finished()
        self._sure = False
        with self.store.transaction():
            written = self.store.runs.settle(outcomes) if outcomes else []
            arrived = self.outbox.settle(sent)
            claimed = self._plan_and_claim(owner, now, now + self._lead) if claim else []
            letters = self.outbox.claim(owner.id, now) if claim else []
        self.executor.acknowledge(len(outcomes))
        self.outbox.acknowledge(sent, arrived)
        self._start(claimed)
        self.outbox.start(letters)
        self._sure = True
        return _told(outcomes, written)

    def plan_due(self, now: datetime) -> int:
        """Record every occurrence up to `now` and move each next_run_at past it. Ledger rows written."""
        written = 0
        self.store.runs.expire(now)
        while (planned := self._planner.batch(now, now)) is not None:
            written += self.store.runs.record(planned, now)
        return written

    def run_due(self, now: datetime) -> list[Claimed]:
        """Claim as many runs as the executor has room for, and start them."""
        self._release_unstarted(self.instance)
        self._sure = False
        claimed = self._start(self._claim(self.instance, now))
        self._sure = True
        return claimed

    def deliver_due(self, now: datetime) -> list[Delivery]:
        """Claim the next delivery of each channel that is free, and begin to send it. Those that are begun."""
        self._release_unstarted(self.instance)
        self._sure = False
        with self.store.transaction():
            claimed = self.outbox.claim(self.instance.id, now)
        self.outbox.start(claimed)
        self._sure = True
        return claimed

    def settle_finished(self) -> list[RunResult]:
        """Write the outcomes of runs that ended, in one transaction; they are kept until it is committed."""
        outcomes = self.executor.finished()
        written = self.store.runs.settle(outcomes) if outcomes else []
        self.executor.acknowledge(len(outcomes))
        return _told(outcomes, written)

    def stop_asked(self) -> int:
        """Tell runs that somebody wants ended to stop. How many there are."""
        asked = self.store.runs.asked_to_stop(self.instance.id)
        for run_id, reason in asked.items():
            self.executor.cancel(run_id, reason)
        return len(asked)

    def recover(self, now: datetime) -> list[Run]:
        """Take over what daemons that died left running, and end the processes they left behind."""
        owner, recovered = self.instance, list[Run]()
        found = self.store.instances.open()
        self._alone = [instance.id for instance in found] == [owner.id]
        for instance in found:
            if instance.id == owner.id or self.store.instances.alive(instance, now):
                continue
            self.executor.end_leftovers(instance.token)
            with self.store.transaction():
                recovered += self.store.runs.recover(instance, now)
                self.store.deliveries.lose(instance.id, _CUT_OFF.format(instance.pid), now)
                self.store.instances.bury(instance)
        if recovered:
            self.store.outputs.sweep()
        for run in recovered:
            _LOG.warning("run %s of %s was cut off when its daemon died", run.id, run.task)
        return recovered

    def prune(self) -> int:
        """One step in taking away what is past its retention, if it is time for one. Rows of the ledger that went."""
        return self._pruner.step()

    def others(self) -> list[Instance]:
        """The other owners that live on this store."""
        table, now = self.store.instances, self.clock.now()
        return [found for found in table.open() if found.id != self.instance.id and table.alive(found, now)]

    def next_wake(self, now: datetime | None = None) -> datetime | None:
        """When something next has its turn after a tick at `now` (default: the clock's).

        None when nothing waits, or only for a free place.
        """
        if self._vigil.settled_at is not None:
            return self._vigil.settled_at
        if self.matching.backlog:
            return now or self.clock.now()
        due_at = self.store.tasks.next_due_at()
        if due_at is not None and due_at - self._lead > (now or self.clock.now()):  # else it is not to be claimed ahead
            due_at -= self._lead
        moments = [due_at, self.outbox.next_at()]
        if self.executor.free:
            moments.append(self.store.runs.next_available_at())
        return min((moment for moment in moments if moment is not None), default=None)

    def heartbeat(self, now: datetime) -> None:
        """Say that this owner lives, and renew its lease."""
        self.store.instances.heartbeat(self.instance.id, now)

    def watch(self, meant: float = LOOK_EVERY) -> list[Absence]:
        """Read the clocks and note what they say of the time since they were last read, `meant` seconds ago."""
        reading, found = self._vigil.look(meant)
        if any(absence.kind.startswith("stepped") for absence in found):
            self._pruner.hold()
        if self._vigil.zone_changed:
            self.rezone(reading.zone, reading.wall)
            self._vigil.zone_changed = False
        return found

    def undisturbed(self, meant: float = LOOK_EVERY) -> bool:
        """Whether `watch` and `recover` would find nothing, unless somebody wrote to the store since `recover`.

        A few reads in microseconds: so who only waits need not leave its thread for it.
        """
        return self._alone and not self.executor.busy and not self.outbox.busy and self._vigil.undisturbed(meant)

    def rezone(self, zone: str, now: datetime) -> int:
        """The system is in another time zone: what came due in the old one is recorded, then tasks follow."""
        if not self.store.tasks.elsewhere(zone):
            return 0
        self.plan_due(now)
        moved = self.store.rezone(zone, now)
        _LOG.info("the time zone is %s now: %d tasks follow it", zone, len(moved))
        return len(moved)

    def note(self, absences: Sequence[Absence]) -> None:
        """Keep what the clocks told: it explains what is late now, and answers `why` later."""
        self._vigil.note(absences)

    def expect(self, absence: Absence) -> None:
        """What is planned late from now on may be so because of this, which is not to be kept yet."""
        self._vigil.expect(absence)

    def _renew(self) -> None:
        if (owner := self._instance) is not None:
            self.store.instances.heartbeat(owner.id, self.clock.now())

    def _release_unstarted(self, owner: Instance) -> None:
        """A turn that failed after its claims were committed started nothing of them: they go back uncounted."""
        if self._sure:
            return
        for run in self.store.runs.release(owner.id, self.executor.holds, NOT_STARTED):
            _LOG.warning("run %s of %s was claimed and could not be started: it waits again", run.id, run.task)
        self.outbox.release_unstarted(owner.id)
        self._sure = True

    def _note_stop(self, now: datetime) -> None:
        """If nobody else is here, nobody was since the last daemon was seen."""
        seen = self.store.instances.last_seen(but=self.instance.id)
        if seen is not None and seen < now and not self.others():
            self.note([Absence(kind="stopped", since=seen, until=now)])

    def _plan_and_claim(self, owner: Instance, now: datetime, until: datetime) -> list[Claimed]:
        """With room for all that is due and nothing waiting before it, runs are claimed as they are recorded.

        Those due after `now`, up to `until`, are recorded so or not at all: at their moment there may be room.
        """
        self.matching.match(now)
        runs, waiting = self.store.runs, self.store.runs.any_pending()
        if waiting:
            runs.expire(now)  # before the overlap is looked at: what will not run is in nobody's way
        planned = self._planner.batch(now, until) or []
        at_once, taken = startable(planned, self.executor, waiting=waiting)
        others = [entry for entry in planned if entry[0].id not in at_once and _come(entry[0].next_run_at, now)]
        held = runs.record_started([each for each in planned if each[0].id in at_once], owner.id, now)
        if others:
            runs.record(others, now)
        return held + self._claim(owner, now, taken) if waiting or others else held

    def _claim(self, owner: Instance, now: datetime, taken: int = 0) -> list[Claimed]:
        room = min(self.executor.free - taken, BATCH)
        return self.store.runs.claim(owner.id, room, now) if room > 0 else []

    def _start(self, claimed: list[Claimed]) -> list[Claimed]:
        if claimed:
            self.executor.start(claimed, self.instance.token)
        return claimed


def _come(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _told(outcomes: list[Outcome], written: list[Settled | None]) -> list[RunResult]:
    """What became of the runs, and a warning for each that another owner had taken over meanwhile."""
    results = []
    for outcome, settled in zip(outcomes, written, strict=True):
        run = outcome.claimed.run
        if settled is None:
            _LOG.warning("run %s of %s is not held any more: nothing was written of its end", run.id, run.task)
            continue
        if settled.pause_reason:
            _LOG.error("task %s was paused: %s", run.task, settled.pause_reason)
        results.append(_run_result(outcome.claimed, settled))
    return results


def _run_result(claimed: Claimed, settled: Settled) -> RunResult:
    run, task = claimed.run, claimed.task
    return RunResult(
        run_id=run.id,
        task=task.name,
        due_at=run.due_at,
        state=settled.state,
        reason=settled.reason,
        next_run_at=task.next_run_at,
    )
