"""`jarvis inbox list`, `show` and `retry`: what came in, what failed, what waits or was left alone."""

from __future__ import annotations

from jarvis.cli.args import add_json, add_limit, one_of
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, iso, listing, note, table
from jarvis.cli.records import of_event, of_row
from jarvis.cli.status import NO_DAEMON
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from datetime import tzinfo
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.handlers.inbox_view import Item
    from jarvis.memory.events import WebhookEvent

HEADS = ("ID", "STATE", "SOURCE", "TYPE", "AT", "FILE", "REASON")
STATES = ("waiting", "left", "failed", "stored")
_NOTHING_STARTED = {"pending": "waits to be given to the tasks it concerns", "unmatched": "no task listens for it"}
_MOST = 2**63 - 1
_TURN_WITHIN = 10.0  # seconds that a retry waits for a poll to end
_STEP = 0.1


def _list_flags(parser: ArgumentParser) -> None:
    states = one_of("--state", STATES)
    parser.add_argument("--state", metavar="STATE", type=states, help=", ".join(STATES))
    parser.add_argument("--source", metavar="NAME", help="events of this source only")
    add_limit(parser, "how many of each")
    add_json(parser)


def _list(args: Namespace, session: Session) -> int:
    if args.source and args.state not in {None, "stored"}:
        raise UsageError(f"--source is of events that were stored, not of those that are {args.state}")
    found = _files(args, session) + _events(args, session)
    if args.json:
        return emit(found)
    table(HEADS, (_row(each) for each in found), "nothing came in")
    return 0


def _files(args: Namespace, session: Session) -> list[dict[str, Any]]:
    """What is not in the store, or not yet."""
    from jarvis.handlers.inbox_view import failed, waiting
    from jarvis.handlers.webhook_poll import Limits

    if args.source or args.state == "stored":
        return []
    inbox, most = session.config.inbox_dir, args.limit or _MOST
    items = [] if args.state == "failed" else waiting(inbox, min(most, 10**6), Limits().size)
    items += failed(inbox)[:most] if args.state in {None, "failed"} else []
    return [_of_item(item, session.zone) for item in items if args.state in {None, item.state}]


def _events(args: Namespace, session: Session) -> list[dict[str, Any]]:
    if args.state not in {None, "stored"}:
        return []
    found = session.store.events.list(args.limit or None, source=args.source)
    return [_told(event, session) for event in found]


def _told(event: WebhookEvent, session: Session) -> dict[str, Any]:
    """An event, and what it came to, task by task."""
    causes = session.store.causes.of_event(event.id)
    said = [
        f"started run {each.run_id} of {each.task}"
        if each.run_id is not None
        else f"{each.outcome.replace('_', ' ')} for {each.task}{f': {each.reason}' if each.reason else ''}"
        for each in causes
    ]
    came_to = [of_row(each, session.zone) for each in causes]
    reason = "; ".join(said) or _NOTHING_STARTED.get(event.status, "")
    return of_event(event, session.zone) | {"reason": reason, "came_to": came_to}


def _of_item(item: Item, zone: tzinfo) -> dict[str, Any]:
    from jarvis.handlers.inbox_files import shown

    return {
        "id": None,
        "state": item.state,
        "source": None,
        "event_type": None,
        "event_id": None,
        "at": iso(item.at, zone),
        "file": shown(item.name),
        "reason": item.reason,
        "status": None,
        "came_to": [],
    }


def _row(each: dict[str, Any]) -> Sequence[object]:
    at = each["at"]
    return (
        each["id"],
        each["state"],
        each["source"],
        each["event_type"],
        at and at[:19].replace("T", " ") + at[-6:],
        each["file"],
        each["reason"],
    )


def _show_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "what", metavar="ID|FILE", help="an event's id, or a file's name, as `jarvis inbox list` shows it"
    )
    add_json(parser)


def _show(args: Namespace, session: Session) -> int:
    found = _event(int(args.what), session) if args.what.isdecimal() else _file(args.what, session)
    if args.json:
        return emit(found)
    from json import dumps

    found["came_to"] = [_came_to(each) for each in found["came_to"]]
    if "payload" in found:
        found["payload"] = dumps(found["payload"], indent=2).splitlines()
    else:
        found["content"] = found["content"].splitlines()
    listing((name.replace("_", " "), None if value == "" else value) for name, value in found.items())
    return 0


def _event(event_id: int, session: Session) -> dict[str, Any]:
    event = session.store.events.get(min(event_id, _MOST))
    return _told(event, session) | {"digest": event.digest, "payload": event.payload}


def _came_to(cause: dict[str, Any]) -> str:
    """What the event came to for one task."""
    run = f" as run {cause['run_id']}" if cause["run_id"] is not None else ""
    why = f": {cause['reason']}" if cause["reason"] else ""
    return f"{cause['task']}: {cause['outcome'].replace('_', ' ')}{run}{why}"


def _file(name: str, session: Session) -> dict[str, Any]:
    from jarvis.handlers.inbox_view import find, head
    from jarvis.handlers.webhook_poll import Limits

    item = find(session.config.inbox_dir, name, Limits().size)
    return _of_item(item, session.zone) | {"path": str(item.path), "content": head(item.path)}


def _retry_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="names of failed files, as `jarvis inbox list` shows them"
    )
    parser.add_argument("--all", action="store_true", help="every failed file")
    add_json(parser)


def _retry(args: Namespace, session: Session) -> int:
    from time import monotonic, sleep

    from jarvis.handlers.inbox_files import shown
    from jarvis.handlers.inbox_view import retry

    if bool(args.files) == args.all:
        raise UsageError("name the failed files that are to be tried again, or give --all")
    until = monotonic() + _TURN_WITHIN

    def wait() -> bool:
        sleep(_STEP)
        return monotonic() < until

    moved = []
    for name, now in retry(session.config.inbox_dir, args.files, wait):
        moved.append({"file": shown(name), "now": shown(now)})
        if not args.json:
            print(f"{escaped(shown(name))} is in the inbox again{'' if now == name else f' as {escaped(shown(now))}'}")
    if args.json:
        return emit(moved)
    if not moved:
        print("no file has failed")
    elif not session.store.instances.living(session.now):
        note(f"{NO_DAEMON}, or take them in now with `jarvis task run webhook_poll` and `jarvis tick`")
    return 0


LIST = Command(
    _list,
    flags=_list_flags,
    about=(
        "Show the inbox: what waits for the next poll, what is left alone and why, what failed and why, "
        "and then the events that were stored, newest first."
    ),
    examples="""
jarvis inbox list
jarvis inbox list --state failed
jarvis inbox list --source github --limit 10 --json""",
)
SHOW = Command(
    _show,
    flags=_show_flags,
    about="Show everything about one event, with its payload; or about one file, with what it holds.",
    examples="jarvis inbox show 3\njarvis inbox show torn.json",
)
RETRY = Command(
    _retry,
    flags=_retry_flags,
    about="Put files that failed back into the inbox, for instance once they were corrected. Their reasons go.",
    examples="jarvis inbox retry torn.json\njarvis inbox retry --all",
)
