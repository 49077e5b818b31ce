"""The `runs` table: the ledger. Claim and settle are conditional writes whose row count is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from jarvis.memory.causes import CauseTable
from jarvis.memory.deliveries import DeliveryTable
from jarvis.memory.instants import maybe_micros, to_micros
from jarvis.memory.outputs import OutputTable
from jarvis.memory.overlap import make_way, stop
from jarvis.memory.runreads import RunReads
from jarvis.memory.runrows import as_ended, as_row, as_started, decode_run, last_word, started
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.memory.tasks import TaskTable, readable
from jarvis.scheduler.backoff import next_attempt
from jarvis.scheduler.misfire import lateness_in
from jarvis.scheduler.model import (
    Claimed,
    Instance,
    Occurrence,
    Origin,
    Outcome,
    Plan,
    Result,
    Run,
    RunState,
    Settled,
    Task,
    Unreadable,
)
from jarvis.scheduler.schedule import MICROSECOND

_SQL = load("runs")
MOST_ATTEMPTS_CUT_OFF = 5  # a run that takes its daemon down each time must not do so for ever


class RunTable(RunReads):
    """Record, claim, settle, release, recover; and read the ledger."""

    def __init__(
        self,
        database: Database,
        tasks: TaskTable,
        outputs: OutputTable,
        deliveries: DeliveryTable,
        causes: CauseTable,
    ) -> None:
        super().__init__(database, tasks)
        self._outputs = outputs
        self._deliveries = deliveries
        self._causes = causes
        self._chained = False  # whether any task comes after another: asked once for each batch of ends

    def record(self, planned: Sequence[tuple[Task, Plan]], now: datetime) -> int:
        """Insert the planned rows and advance next_run_at in one transaction. Rows written."""
        written = 0
        with self._database.transaction():
            # The advance comes first: if another daemon planned a task, nothing of ours is inserted.
            for task, plan in self._tasks.advance(planned):
                if any(row.state is RunState.PENDING for row in plan.record):
                    make_way(self._database, task, now)
                written += sum(self._insert(task, row, "schedule", now) for row in plan.record)
        return written

    def record_started(self, planned: Sequence[tuple[Task, Plan]], owner: int, now: datetime) -> list[Claimed]:
        """`record` plans that have a `start`, and claim that run in the same write. What is held now.

        A run that is not due yet is held from `now` on and starts when it is.
        """
        with self._database.transaction():
            moved = self._tasks.advance(planned)
            for task, plan in moved:
                for row in plan.record:
                    if row is not plan.start:
                        self._insert(task, row, "schedule", now)
            starts = [(task, plan, plan.start) for task, plan in moved if plan.start is not None]
            at = to_micros(now)
            rows = [as_started(task, start, owner, at) for task, _, start in starts]
            ids = self._database.insert_each(_SQL["insert_started"], rows)
        return [
            _held(run_id, task, plan, start, owner, now)
            for run_id, (task, plan, start) in zip(ids, starts, strict=True)
            if run_id is not None
        ]

    def expire(self, now: datetime) -> int:
        """Runs that waited until they were of no use (late_ok) are skipped. Rows changed."""
        return self._database.change(_SQL["expire"], {"now": to_micros(now)})

    def add_start(self, task: Task, now: datetime, reason: str = "", *, origin: Origin = "manual") -> Run:
        """A start asked for by a person or an event, due now. Its identity is the first microsecond that is free, and
        that no occurrence will need which has come due and is not recorded yet.
        """
        with self._database.transaction():
            at, row = now, Occurrence(due_at=now, state=RunState.PENDING, reason=reason)
            while task.asks_for(at) or not self._insert(task, msgspec.structs.replace(row, due_at=at), origin, now):
                at += MICROSECOND
            self._database.announce()
            return self.get(self._database.last_id())

    def claim(self, owner: int, limit: int, now: datetime) -> list[Claimed]:
        """pending -> running for at most `limit` runs whose turn it is, now owned and fenced."""
        with self._database.transaction():
            rows = self._database.rows(_SQL["claimable"], {"now": to_micros(now), "limit": limit})
            return [held for row in _one_of_each(rows) if (held := self._claim(row, owner, now)) is not None]

    def settle(self, outcomes: Sequence[Outcome]) -> list[Settled | None]:
        """End each attempt, all in one transaction; None where the fence no longer matched."""
        with self._database.transaction():
            self._chained = self._causes.any_chained()
            # Asked once for all: most runs go well, as the one before did, and then nothing is to be noted.
            failing = self._tasks.failing([outcome.claimed.task.id for outcome in outcomes])
            again = [_again(outcome) for outcome in outcomes]
            last = [outcome for outcome, at in zip(outcomes, again, strict=True) if at is None]
            written = iter(
                self._database.change_each(
                    _SQL["settle"], [as_ended(_begun(each), each.result, each.finished_at) for each in last]
                )
            )
            return [
                self._settled(outcome, failing, next(written)) if at is None else self._retry(outcome, at)
                for outcome, at in zip(outcomes, again, strict=True)
            ]

    def release(self, owner: int, unless: Callable[[int], bool], reason: str) -> list[Run]:
        """Hand back uncounted, running -> pending, what `owner` holds unless its id says so. What was handed back."""
        with self._database.transaction():
            held = [decode_run(row) for row in self._database.rows(_SQL["running_of"], (owner,))]
            return [
                run for run in held if not unless(run.id) and self._back(run, _with_lateness(reason, run), uncounted=1)
            ]

    def recover(self, dead: Instance, now: datetime) -> list[Run]:
        """Take what a dead owner left running: pending again, or failed, as each task says."""
        with self._database.transaction():
            left = [decode_run(row) for row in self._database.rows(_SQL["running_of"], (dead.id,))]
            self._chained = self._causes.any_chained()
            for run in left:
                self._recover(run, dead, now)
            return left

    def cancel_pending(self, task_id: int, reason: str, now: datetime) -> int:
        """Runs of a task that have not started will not. Rows changed."""
        row = {"task_id": task_id, "reason": reason, "now": to_micros(now)}
        return self._database.change(_SQL["cancel_pending"], row)

    def cancel(self, run_id: int, reason: str, now: datetime) -> RunState:
        """End a run: at once if it has not started, else by asking its owner to. The state it was in."""
        with self._database.transaction():
            self._database.announce()
            return RunState.PENDING if stop(self._database, run_id, reason, now) else self.get(run_id).state

    def asked_to_stop(self, owner: int) -> dict[int, str]:
        """Runs this owner holds that somebody wants ended, with the reason."""
        return dict(self._database.rows(_SQL["asked_to_stop"], (owner,)))

    def _insert(self, task: Task, row: Occurrence, origin: str, now: datetime) -> int:
        return self._database.change(_SQL["insert"], as_row(task, row, origin, now))

    def _claim(self, row: Row, owner: int, now: datetime) -> Claimed | None:
        task = readable(row[19:])
        if isinstance(task, Unreadable):  # it must not keep the others from their turn
            self._tasks.pause(task.task_id, task.reason, now)
            self.cancel_pending(task.task_id, f"cancelled: {task.reason}", now)
            return None
        if self._database.change(_SQL["claim"], {"id": row[0], "owner": owner, "now": to_micros(now)}) != 1:
            return None
        run = decode_run(row)
        held = msgspec.structs.replace(
            run, state=RunState.RUNNING, owner=owner, fence=run.fence + 1, attempt=run.attempt + 1, started_at=now
        )
        if run.origin in ("schedule", "manual"):
            return Claimed(held, task)
        return Claimed(held, task, *self._causes.input_of(run))

    def _settled(self, outcome: Outcome, failing: set[int], written: int) -> Settled | None:
        """What follows from the run's last word, if that was written."""
        if not written:
            return None
        task, run, result = outcome.claimed.task, _begun(outcome), outcome.result
        self._outputs.keep(run, result.output, result.output_total)
        return self._ended(task, run, result, outcome.finished_at, failing)

    def _ended(self, task: Task, run: Run, result: Result, now: datetime, failing: set[int]) -> Settled:
        """What the end of a run means for its task and for others. `failing` are tasks whose run before failed."""
        reason = last_word(run, result)
        if self._chained:
            self._causes.ended(run, result.state, now)
        if run.origin == "schedule":
            self._tasks.completed(task, now)
        paused, turned = self._take_note(task, result, now, failing)
        if task.deliver:
            self._deliveries.add_result(task, run, result, reason, turned=turned, now=now)
            if paused:
                self._deliveries.add_paused(task, run, paused, now)
        return Settled(result.state, reason, paused)

    def _retry(self, outcome: Outcome, again: datetime) -> Settled | None:
        """Back to pending until the next attempt's time."""
        run, result = _begun(outcome), outcome.result
        what = "failed" if result.state is RunState.FAILED else "timed out"
        why = f"attempt {run.attempt} {what}" + (f": {result.reason}" if result.reason else "")
        reason = _with_lateness(f"({why})", run)
        values = {**_fenced(run), "reason": reason, "available_at": to_micros(again)}
        if self._database.change(_SQL["retry"], values) != 1:
            return None
        self._keep_attempt(run, result.state, result.reason, outcome.finished_at)
        self._outputs.keep(run, result.output, result.output_total)
        return Settled(RunState.PENDING, reason)

    def _take_note(self, task: Task, result: Result, now: datetime, failing: set[int]) -> tuple[str, bool]:
        """Count the failures in a row, and pause a task that only fails.

        Why it was paused, "" if it was not; and whether the run before it went the other way.
        """
        well = result.state is RunState.SUCCEEDED
        if (well and task.id not in failing) or result.state is RunState.CANCELLED:
            return "", False
        failures, turned = self._tasks.ended(task.id, well=well)
        (failing.discard if well else failing.add)(task.id)
        if not task.policy.pause_after or failures < task.policy.pause_after:
            return "", turned
        last = result.reason or result.state.replace("_", " ")
        many = f"{failures} runs in a row that failed" if failures > 1 else "a run that failed"
        why = f"paused after {many} (pause_after={task.policy.pause_after}), the last: {last}"
        if not self._tasks.pause(task.id, why, now):
            return "", turned
        self.cancel_pending(task.id, f"cancelled: the task was {why}", now)
        return why, turned

    def _keep_attempt(self, run: Run, state: str, reason: str, now: datetime) -> None:
        values = {
            "run_id": run.id,
            "attempt": run.attempt,
            "state": state,
            "reason": reason,
            "started_at": maybe_micros(run.started_at),
            "finished_at": to_micros(now),
        }
        self._database.change(_SQL["attempt"], values)

    def _back(self, run: Run, reason: str, *, uncounted: int) -> int:
        values = {**_fenced(run), "reason": reason, "uncounted": uncounted}
        return self._database.change(_SQL["back_to_pending"], values)

    def _recover(self, run: Run, dead: Instance, now: datetime) -> None:
        why = f"its daemon (process {dead.pid}) ended without a word"
        self._outputs.keep_cut_off(run)
        task, cut_off = self._tasks.find(run.task_id), run.attempt - run.failures
        said, late_only = (
            f"attempt {run.attempt} was cut off: {why}",
            msgspec.structs.replace(run, reason=lateness_in(run.reason)),
        )
        if isinstance(task, Unreadable):
            failed = Result(state=RunState.FAILED, reason=f"{said}; {task.reason}")
            if self._database.change(_SQL["settle"], as_ended(late_only, failed, now)) and self._chained:
                self._causes.ended(run, failed.state, now)
            return
        if task.policy.on_interrupt == "rerun" and cut_off < MOST_ATTEMPTS_CUT_OFF:
            if self._back(run, _with_lateness(f"({said})", run), uncounted=0):
                self._keep_attempt(run, "cut_off", why, now)
            return
        said += "" if task.policy.on_interrupt == "fail" else f", {cut_off} times in all"
        failed = Result(state=RunState.FAILED, reason=said)
        if self._database.change(_SQL["settle"], as_ended(late_only, failed, now)):
            self._ended(task, late_only, failed, now, set())


def _again(outcome: Outcome) -> datetime | None:
    run, task = outcome.claimed.run, outcome.claimed.task
    return next_attempt(task.policy, run, outcome.result, outcome.finished_at)


def _begun(outcome: Outcome) -> Run:
    """The run, with when its work began."""
    run = outcome.claimed.run
    return run if outcome.started_at is None else msgspec.structs.replace(run, started_at=outcome.started_at)


def _held(run_id: int, task: Task, plan: Plan, row: Occurrence, owner: int, now: datetime) -> Claimed:
    """A run of the schedule that was recorded as begun, and its task as it is now."""
    run = started(run_id, task, row, owner, now)
    return Claimed(run, msgspec.structs.replace(task, next_run_at=plan.next_run_at, starts=task.starts + 1))


def _with_lateness(what: str, run: Run) -> str:
    """What became of an attempt, in place of what is said of the one before; why the run was late stays."""
    return " ".join(filter(None, (what, lateness_in(run.reason))))


def _one_of_each(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows to claim: one run of each task, except of those whose runs may overlap."""
    taken: set[int] = set()
    for row in rows:
        task, alone = row[1], row[18]
        if not (alone and task in taken):
            taken.add(task)
            yield row


def _fenced(run: Run) -> dict[str, Any]:
    return {"id": run.id, "owner": run.owner, "fence": run.fence}
