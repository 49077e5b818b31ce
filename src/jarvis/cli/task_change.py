"""`jarvis task pause`, `resume` and `remove`."""

from __future__ import annotations

from pathlib import Path

from jarvis.cli.command import Command
from jarvis.cli.output import escaped, instant
from jarvis.cli.task import add_name
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from datetime import tzinfo

    from jarvis.cli.session import Session
    from jarvis.scheduler.model import Task

BY_USER = "paused by the user"


def _pause_flags(parser: ArgumentParser) -> None:
    add_name(parser)
    parser.add_argument("--reason", metavar="TEXT", help="why, to be shown wherever the task is")


def _pause(args: Namespace, session: Session) -> int:
    reason = f"{BY_USER}: {args.reason}" if args.reason else BY_USER
    changed = session.store.pause_task(args.name, session.now, reason)
    print(f"{escaped(args.name)} {'is' if changed else 'was already'} paused")
    return 0


def _resume(args: Namespace, session: Session) -> int:
    task = session.store.resume_task(args.name, session.now)
    print(f"{escaped(task.name)} is enabled: {escaped(_due(task, session.zone))}")
    return 0


def _due(task: Task, zone: tzinfo) -> str:
    from jarvis.cli.coming import waits_for
    from jarvis.scheduler.schedule import Untimed

    if task.next_run_at:
        return f"due next at {instant(task.next_run_at, zone)}"
    return f"due {waits_for(task)}" if isinstance(task.schedule, Untimed) else "its schedule has ended"


def _remove(args: Namespace, session: Session) -> int:
    refuse_of_file(args.name, session)
    cancelled = session.store.remove_task(args.name, session.now)
    more = f"; runs that had not started were cancelled: {cancelled}" if cancelled else ""
    print(f"{escaped(args.name)} is removed, its runs stay in the ledger{more}")
    return 0


def refuse_of_file(name: str, session: Session) -> None:
    """Refuse for a task that a file states: the file would undo it. One whose file is gone is anybody's."""
    from shlex import quote

    from jarvis.tasks.toml import toml_key

    source = session.store.tasks.source_of(name)
    if source and Path(source).exists():
        raise UsageError(
            f"{name} is stated in {source}, which would undo this: edit [tasks.{toml_key(name)}] there, "
            f"then `jarvis apply {quote(source)}`"
        )


PAUSE = Command(
    _pause,
    flags=_pause_flags,
    about="Start no more runs of a task. What is running ends by itself; what has not started is cancelled.",
    examples="""
jarvis task pause hello
jarvis task pause hello --reason "the server moves on Monday" """,
)
RESUME = Command(
    _resume,
    flags=add_name,
    about="Let a paused task run again, from now on: what passed meanwhile becomes one missed row of the ledger.",
    examples="jarvis task resume hello",
)
REMOVE = Command(
    _remove,
    flags=add_name,
    about="Take a task away. Its runs stay in the ledger, and its name is free again. A task that a file states is "
    "taken away there: see `jarvis apply`.",
    examples="jarvis task remove hello",
)
