"""`jarvis tick`: one evaluation, without a daemon."""

from __future__ import annotations

from contextlib import contextmanager

from jarvis.cli.args import add_json, an_instant
from jarvis.cli.command import Command
from jarvis.cli.output import emit, instant, iso, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator
    from datetime import datetime

    from jarvis.cli.session import Session
    from jarvis.scheduler.engine import SchedulerEngine
    from jarvis.scheduler.model import RunResult


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("--now", metavar="T", help="do what is due at this instant, in place of the present")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    now = None if args.now is None else an_instant("--now", args.now, session.zone)
    results = _evaluated(session, now)
    if args.json:
        return emit([_as_json(result, session) for result in results])
    rows = ((each.run_id, each.task, instant(each.due_at, session.zone), each.state, each.reason) for each in results)
    table(("RUN", "TASK", "DUE AT", "STATE", "REASON"), rows, "nothing was due")
    return 0


def _evaluated(session: Session, now: datetime | None) -> list[RunResult]:
    from jarvis import app

    engine = app.engine(session.store, session.config)
    with _interruptible(engine) as interrupted:
        try:
            results = engine.evaluate_due_tasks(now)
        except BaseException:
            _break_off(engine)
            raise
    engine.close()
    if interrupted:
        raise KeyboardInterrupt
    return results


@contextmanager
def _interruptible(engine: SchedulerEngine) -> Iterator[list[int]]:
    """The first SIGINT ends what runs and claims no more, in place of raising between a claim and its start."""
    import signal

    came: list[int] = []

    def stop(number: int, _frame: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)
        engine.executor.cancel_all()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)


def _break_off(engine: SchedulerEngine) -> None:
    """Ask what runs to stop, and settle it.

    If that fails too, this owner does not sign off: its process ends, and the next owner recovers its runs.
    """
    engine.executor.cancel_all()
    while engine.executor.busy:
        engine.executor.wait()
        engine.settle_finished()
    engine.close()


def _as_json(result: RunResult, session: Session) -> dict[str, object]:
    return {
        "id": result.run_id,
        "task": result.task,
        "due_at": iso(result.due_at, session.zone),
        "state": result.state,
        "reason": result.reason,
        "next_run_at": iso(result.next_run_at, session.zone),
    }


TICK = Command(
    _run,
    flags=_flags,
    about=(
        "Do once what is due, and wait until it has ended. A daemon that runs on the same store is no "
        "hindrance: no occurrence is started twice. The exit code is 0 also when a run fails: its state tells."
    ),
    examples="""
jarvis tick
jarvis tick --now 2026-03-02T09:00:00-07:00 --json""",
)
