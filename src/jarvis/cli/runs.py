"""`jarvis runs`: the ledger."""

from __future__ import annotations

from jarvis.cli.args import add_id, add_json, add_limit, an_instant, checked, length, one_of, task_name
from jarvis.cli.command import Command
from jarvis.cli.output import emit, instant, iso, listing, table
from jarvis.cli.records import of_delivery, of_row, of_run
from jarvis.errors import JarvisError, UsageError
from jarvis.scheduler.model import RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from jarvis.cli.session import Session
    from jarvis.memory import MemoryStore
    from jarvis.memory.causes import Cause
    from jarvis.scheduler.model import Attempt, Delivery, Run

HEADS = ("ID", "TASK", "DUE AT", "STATE", "STARTED", "TOOK", "REASON")


# -- list -------------------------------------------------------------------------------------------------
def _list_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--task", metavar="NAME", type=task_name, help="runs of this task only")
    parser.add_argument("--state", metavar="STATE", type=one_of("--state", list(RunState)), help="in this state only")
    parser.add_argument("--since", metavar="D|T", help="due in the last D (2h, 7d), or at T or later")
    add_limit(parser)
    add_json(parser)


def _list(args: Namespace, session: Session) -> int:
    found = session.store.runs.newest(
        task=args.task,
        state=RunState(args.state) if args.state else None,
        since=_since(args.since, session) if args.since else None,
        limit=args.limit or None,
    )
    if args.task is not None and not found:
        _must_exist(args.task, session.store)
    if args.json:
        return emit([of_run(run, session.zone) for run in found])
    table(HEADS, (_row(run, session.zone) for run in found), "no runs")
    return 0


def _since(text: str, session: Session) -> datetime:
    """An instant; of a duration the one that long ago."""
    if any(mark in text for mark in "-:T"):
        return an_instant("--since", text, session.zone)
    try:
        return session.now - checked("--since", length)(text)
    except OverflowError:
        raise UsageError(f"--since: {text!r} ago is before the calendar begins") from None


def _must_exist(name: str, store: MemoryStore) -> None:
    """Raise NotFound, with the nearest name, unless there is or was such a task."""
    if not store.runs.newest(task=name, limit=1):  # a removed one has its runs still
        store.tasks.id_of(name)


def _row(run: Run, zone: tzinfo) -> Sequence[object]:
    due = instant(run.due_at, zone)
    if run.count > 1:
        due += f" to {instant(run.until, zone)} ({run.count} times)"
    return run.id, run.task, due, run.state, instant(run.started_at, zone), _took(run), run.reason


def _took(run: Run) -> str | None:
    if run.started_at is None or run.finished_at is None:
        return None
    return f"{(run.finished_at - run.started_at).total_seconds():.2f} s"


# -- show and cancel --------------------------------------------------------------------------------------
def _id_flag(parser: ArgumentParser) -> None:
    add_id(parser, "runs list")


def _show_flags(parser: ArgumentParser) -> None:
    _id_flag(parser)
    add_json(parser)


def _show(args: Namespace, session: Session) -> int:
    run, zone = session.store.runs.get(args.id), session.zone
    written = [each.total for each in session.store.outputs.of(run.id)]
    found = of_run(run, zone) | {
        "recorded_at": iso(run.recorded_at, zone),
        "available_at": iso(run.available_at, zone),
        "owner": run.owner,
        "data": run.data,
        "output_bytes": written[-1] if written else 0,
    }
    causes, led_to = session.store.causes.of_run(run.id), session.store.causes.of_upstream(run.id)
    earlier, deliveries = session.store.runs.attempts(run.id), session.store.deliveries.of_run(run.id)
    if args.json:
        lists = {
            "attempts": [of_row(each, zone) for each in earlier],
            "deliveries": [of_delivery(each, zone) for each in deliveries],
            "started_by": [of_row(each, zone) for each in causes],
            "started": [of_row(each, zone) for each in led_to],
        }
        return emit(found | lists)
    lines = [(name.replace("_", " "), _shown(value)) for name, value in found.items()]
    if earlier:
        lines.append(("before it", [_attempt_line(each, zone) for each in earlier]))
    if causes:
        lines.append(("started by", [each.said for each in causes]))
    if led_to:
        lines.append(("its end", [_led_to_line(each) for each in led_to]))
    if deliveries:
        lines.append(("deliveries", [_delivery_line(each) for each in deliveries]))
    listing(lines)
    return 0


def _attempt_line(each: Attempt, zone: tzinfo) -> str:
    """An attempt that was not the last."""
    why = f": {each.reason}" if each.reason else ""
    return f"{each.attempt}: {instant(each.started_at, zone)} {each.state.replace('_', ' ')}{why}"


def _led_to_line(each: Cause) -> str:
    """What the end of the run came to for one task."""
    if each.outcome == "started":
        return f"started run {each.run_id} of {each.task}"
    return f"started nothing of {each.task}: {each.reason}"


def _delivery_line(each: Delivery) -> str:
    why = f": {each.reason}" if each.reason else ""
    return f"{each.id}: {each.kind} to {each.channel} {each.state}{why}"


def _shown(value: object) -> object:
    """Nothing as nothing, and a handler's data by its parts."""
    if isinstance(value, dict):
        return [f"{name} = {part!r}" for name, part in value.items()]
    return None if value == "" else value


def _cancel_flags(parser: ArgumentParser) -> None:
    _id_flag(parser)
    parser.add_argument("--reason", metavar="TEXT", help="why, to be kept with the run")


def _cancel(args: Namespace, session: Session) -> int:
    why = f"cancelled by the user: {args.reason}" if args.reason else "cancelled by the user"
    state = session.store.runs.cancel(args.id, why, session.now)
    if state.final:
        raise JarvisError(f"run {args.id} has ended already: it is {state}")
    print(f"run {args.id} {'is cancelled' if state is RunState.PENDING else 'runs, and is asked to stop'}")
    return 0


LIST = Command(
    _list,
    flags=_list_flags,
    about="Show the ledger, newest first: one row for each occurrence, or for a range of missed ones.",
    examples="""
jarvis runs list
jarvis runs list --task hello --state failed
jarvis runs list --since 2h --limit 0 --json
jarvis runs list --since 2026-03-02T09:00:00-07:00""",
)
SHOW = Command(
    _show,
    flags=_show_flags,
    about="Show everything about one run.",
    examples="jarvis runs show 12\njarvis runs show 12 --json",
)
CANCEL = Command(
    _cancel,
    flags=_cancel_flags,
    about="End one run: at once if it has not started, else its daemon is asked to end it.",
    examples='jarvis runs cancel 12\njarvis runs cancel 12 --reason "wrong server"',
)
