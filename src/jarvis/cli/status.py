"""`jarvis status`: one look at everything."""

from __future__ import annotations

from datetime import timedelta

from jarvis import __version__
from jarvis.cli import glance
from jarvis.cli.args import add_json
from jarvis.cli.command import Command
from jarvis.cli.output import emit, instant, listing
from jarvis.cli.records import plain
from jarvis.memory.probe import trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import tzinfo
    from typing import Any

    from jarvis.cli.session import Session

DAY = timedelta(days=1)
NO_DAEMON = "no daemon is running: start one with `jarvis daemon`"


def _run(args: Namespace, session: Session) -> int:
    found = look(session)
    if args.json:
        return emit(_for_json(found, session.zone))
    listing(lines(found, session.zone))
    return 0


def look(session: Session) -> dict[str, Any]:
    """Everything, under the names it has as JSON."""
    database, config = session.database, session.config
    due = glance.next_due(database)
    return {
        "version": __version__,
        "home": str(config.home),
        "store": database.path,
        "trouble": trouble(database),
        "schema": database.value("PRAGMA user_version"),
        "sqlite": database.value("SELECT sqlite_version()"),
        "timezone": config.timezone,
        "daemons": glance.daemons(database, session.now),
        "tasks": glance.task_counts(database),
        "next": {"task": due[0], "due_at": due[1]} if due else None,
        "runs_24h": glance.settled_runs(database, session.now - DAY),
        "open_runs": glance.open_runs(database),
        "incidents": glance.incidents(database),
        "unsent": glance.unsent(database, session.now - DAY),
        "inbox": glance.inbox(config.inbox_dir),
    }


def _for_json(value: object, zone: tzinfo) -> object:
    if isinstance(value, dict):
        return {name: _for_json(part, zone) for name, part in value.items()}
    return [_for_json(part, zone) for part in value] if isinstance(value, list) else plain(value, zone)


def lines(found: dict[str, Any], zone: tzinfo) -> list[tuple[str, object]]:
    """The same for a person, line by line."""
    due, tasks, unsent = found["next"], found["tasks"], _counted(found["unsent"])
    daemons = [f"process {each['pid']}, since {instant(each['since'], zone)}" for each in found["daemons"]]
    return [
        ("home", found["home"]),
        ("store", f"{found['store']} (schema {found['schema']}, SQLite {found['sqlite']})"),
        *([("trouble", found["trouble"])] if found["trouble"] else []),
        ("daemons", daemons or [NO_DAEMON]),
        ("tasks", f"{tasks['enabled']} enabled, {tasks['paused']} paused"),
        ("due next", f"{due['task']} at {instant(due['due_at'], zone)}" if due else "nothing"),
        ("open runs", _counted(found["open_runs"])),
        ("last 24 h", _counted(found["runs_24h"]) or "no runs"),
        *([("alerts", _alerts(found["incidents"]))] if found["incidents"] else []),
        ("not sent", f"{unsent}: `jarvis delivery list` says why" if unsent else "nothing"),
        ("inbox", _inbox(found["inbox"])),
        ("zone", found["timezone"]),
        ("version", found["version"]),
    ]


def _inbox(found: dict[str, Any]) -> str:
    how = "watched" if found["watched"] else "looked at every 5 s (pip install 'jarvis-daemon[watch]': at once)"
    files = _counted({state: found[state] for state in ("waiting", "failed") if found[state]})
    return f"{files}: `jarvis inbox list` says why; {how}" if files else f"nothing waits; {how}"


def _alerts(incidents: list[dict[str, Any]]) -> str:
    """ "1 firing: late, 1 acknowledged: disk: `jarvis incident list` says more"."""
    states = dict.fromkeys(each["state"] for each in incidents)
    named = {state: [each["rule"] for each in incidents if each["state"] == state] for state in states}
    counted = ", ".join(f"{len(rules)} {state} ({', '.join(rules)})" for state, rules in named.items())
    return f"{counted}: `jarvis incident list` says more"


def _counted(runs: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in runs.items())


STATUS = Command(
    _run,
    flags=add_json,
    about="Show the daemons that live, how many tasks there are, what is due next and how the last day's runs went.",
    examples="""
jarvis status
jarvis status --json""",
)
