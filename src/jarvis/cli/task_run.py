"""`jarvis task run`: a start asked for by a person."""

from __future__ import annotations

import sys
from time import sleep

from jarvis.cli.args import add_json
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, note
from jarvis.cli.records import of_run
from jarvis.cli.runs_logs import write_output
from jarvis.cli.status import NO_DAEMON
from jarvis.cli.task import add_name
from jarvis.errors import JarvisError
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session
    from jarvis.memory import MemoryStore
    from jarvis.scheduler.model import Run

LOOK_EVERY = 0.1  # seconds between two looks at the run
DAEMON_EVERY = 20  # looks between two at whether a daemon still lives


def _flags(parser: ArgumentParser) -> None:
    add_name(parser)
    parser.add_argument("--wait", action="store_true", help="wait until it ends, and print what it wrote")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    store = session.store
    task = store.tasks.get(args.name)
    alone = not store.instances.living(session.now)
    if args.wait and alone:
        raise JarvisError(f"{NO_DAEMON}, as there is nobody to wait for")
    run = store.start_now(task.name, session.now)
    if not args.wait:
        return _queued(args, session, run, alone)
    return _ended(args, session, _wait(store, run.id))


def _queued(args: Namespace, session: Session, run: Run, alone: bool) -> int:
    if args.json:
        emit(of_run(run, session.zone))
    else:
        print(f"run {run.id} of {escaped(run.task)} is queued: `jarvis runs show {run.id}` tells how it goes")
    if alone:
        note(f"{NO_DAEMON}, or carry it out now with `jarvis tick`")
    return 0


def _wait(store: MemoryStore, run_id: int) -> Run:
    """The run once it has ended. It goes on if the waiting is broken off."""
    looks = 0
    while not (run := store.runs.get(run_id)).state.final:
        looks += 1
        if looks % DAEMON_EVERY == 0 and not store.instances.living(SystemClock().now()):
            raise JarvisError(f"run {run_id} is {run.state} and the daemon is gone: it goes on when one is started")
        sleep(LOOK_EVERY)
    return run


def _ended(args: Namespace, session: Session, run: Run) -> int:
    if args.json:
        emit(of_run(run, session.zone))
    else:
        write_output(session.store, run.id)
        sys.stdout.flush()
        note(f"run {run.id} of {run.task}: {run.state}{': ' + run.reason if run.reason else ''}")
    return 0 if run.state is RunState.SUCCEEDED else 1


RUN = Command(
    _run,
    flags=_flags,
    about=(
        "Run a task at once, beside its schedule, which stays as it is. A task that is paused runs too. "
        "With --wait the exit code is 1 unless the run succeeds."
    ),
    examples="""
jarvis task run hello
jarvis task run hello --wait""",
)
