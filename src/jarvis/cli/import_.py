"""`jarvis import`: moving in, from the assistant that was there before."""

from __future__ import annotations

from pathlib import Path

from jarvis.cli.args import add_json, checked, zone_name
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, note, table
from jarvis.cli.status import NO_DAEMON
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.importing.importer import Line, Report
    from jarvis.importing.tasks import Means

HEADS = ("TABLE", "ROW", "NAME", "OUTCOME", "WHY, AND WHAT TO KNOW")
_LONGEST_NAME = 40


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the earlier assistant's memory.db; it is only read")
    parser.add_argument("--dry-run", action="store_true", help="report the same, and store nothing: do this first")
    parser.add_argument(
        "--channel",
        metavar="OLD=NAME",
        action="append",
        default=[],
        help="what went by its channel OLD goes by the channel NAME of jarvis.toml (default: one of the same name)",
    )
    parser.add_argument("--cwd", metavar="DIR", type=Path, help="the folder that its commands ran in")
    zone = checked("--tz", zone_name)
    parser.add_argument("--tz", metavar="Z", type=zone, help="the zone of its times, which have none (JARVIS_TIMEZONE)")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    """Exit code 1 if a row was refused: whoever moves should not go on as if all had come along."""
    from jarvis.importing.importer import REFUSED, import_store
    from jarvis.importing.source import Source

    means = _means(args, session)
    source = Source(args.file)
    try:
        memory = session.store.by(f"import of {args.file.name}"[:400])
        report = import_store(source, memory, means, session.now, dry_run=args.dry_run)
    finally:
        source.close()
    if args.json:
        emit(_as_json(report, args))
    else:
        _show(report, args, session)
    return 1 if report.count(REFUSED) else 0


def _means(args: Namespace, session: Session) -> Means:
    from functools import partial

    from jarvis.app import check_channel, handler_check
    from jarvis.importing.tasks import Means
    from jarvis.tasks.spec import Reading

    config = session.config
    channels = dict(_pair(text) for text in args.channel)
    for name in channels.values():
        check_channel(name, config)
    reading = Reading(
        now=session.now,
        tz=args.tz or config.timezone,
        check_handler=handler_check(config),
        check_channel=partial(check_channel, config=config),
        exact=True,
    )
    if args.cwd is not None and not args.cwd.is_dir():
        raise UsageError(f"--cwd {args.cwd} is no folder")
    return Means(reading=reading, tz=args.tz, channels=channels, known=frozenset(config.channels), cwd=args.cwd)


def _pair(text: str) -> tuple[str, str]:
    old, equals, name = text.partition("=")
    if not (old and equals and name):
        raise UsageError(f"--channel is {text!r}: write OLD=NAME, such as email=me")
    return old, name


def _show(report: Report, args: Namespace, session: Session) -> None:
    from jarvis.importing.importer import IMPORTED

    rows = [
        (line.table, line.row, _short(line.name), line.outcome, "; ".join(filter(None, (line.reason, *line.notes))))
        for line in report.lines
    ]
    table(HEADS, rows, "its tables are empty")
    for name, count in report.other_tables.items():
        print(escaped(f"not looked at: the table {name}, {count} rows"))
    print(_summary(report, args.dry_run))
    if not args.dry_run and report.count(IMPORTED) and not session.store.instances.living(session.now):
        note(NO_DAEMON)


def _summary(report: Report, dry_run: bool) -> str:
    from jarvis.importing.importer import OUTCOMES

    counts = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in OUTCOMES)
    return f"{len(report.lines)} rows: {counts}{'; nothing was stored (--dry-run)' if dry_run else ''}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _as_json(report: Report, args: Namespace) -> dict[str, Any]:
    from jarvis.importing.importer import OUTCOMES

    return {
        "file": str(args.file.absolute()),
        "dry_run": args.dry_run,
        "counts": {outcome.replace(" ", "_"): report.count(outcome) for outcome in OUTCOMES},
        "rows": [_line(line) for line in report.lines],
        "other_tables": report.other_tables,
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "table": line.table,
        "row": line.row,
        "name": line.name,
        "outcome": line.outcome.replace(" ", "_"),
        "reason": line.reason or None,
        "notes": list(line.notes),
    }


IMPORT = Command(
    _run,
    flags=_flags,
    about="Bring over what an earlier assistant stored: facts, decisions, delegations, alert rules, events and "
    "scheduled tasks. Its file is only read, also while that program runs. Every row is imported, there already, or "
    "refused with the reason, and all of it is stored or nothing. Do it first with --dry-run; doing it twice makes "
    "nothing twice. Exit code 1 if a row was refused.",
    examples="""
jarvis import ~/old/memory.db --dry-run
jarvis import ~/old/memory.db
jarvis import memory.db --cwd ~/old --tz America/Denver --json""",
)
