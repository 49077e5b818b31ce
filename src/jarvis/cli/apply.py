"""`jarvis apply`: the tasks that a file states become the tasks in the store."""

from __future__ import annotations

import sys
from pathlib import Path

from jarvis.cli.args import add_json
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, json_text, note
from jarvis.cli.records import plain
from jarvis.cli.status import NO_DAEMON
from jarvis.errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator
    from datetime import tzinfo
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.scheduler.difference import Changes, Difference, Restated

LINES_SHOWN = 60  # on a terminal; elsewhere all
_LONGEST = 60  # characters of a value
_DONE = ("added", "changed", "removed")
_TO_DO = ("to add", "to change", "to remove")
_BEFORE = {"user": "was added by hand", "seed": "was there from the first start"}


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", nargs="?", type=Path, help="a TOML file with [tasks.NAME] tables (jarvis.toml)"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    """Nothing is opened, let alone stored, before all of the file makes sense."""
    from jarvis import app
    from jarvis.tasks.applying import apply, compare, read_specs
    from jarvis.tasks.file import read_file, source_of

    own = session.config.file
    path = own if args.file is None else args.file
    if args.file is None and not path.exists():
        raise FileError(f"there is no {path}: write [tasks.NAME] tables into it, or name another file")
    file = read_file(path, settings_too=source_of(path) == source_of(own))
    specs = read_specs(file, app.file_reading(session.config, path, session.now))
    memory = session.store
    changes = compare(memory, file, specs) if args.dry_run else apply(memory, file, specs, session.now)
    if args.json:
        return emit(_as_json(changes, file.source, args.dry_run, session.zone))
    _show(changes, file.source, args.dry_run, session.zone)
    if changes.count and not args.dry_run and not session.store.instances.living(session.now):
        note(NO_DAEMON)
    return 0


def _show(changes: Changes, source: str, dry_run: bool, zone: tzinfo) -> None:
    lines = list(_lines(changes, source, zone))
    most = LINES_SHOWN if sys.stdout is not None and sys.stdout.isatty() else len(lines)
    for line in lines[:most]:
        print(escaped(line))
    if len(lines) > most:
        print(f"... and {len(lines) - most} more: in a pipe or a file, all are shown")
    print(escaped(_summary(changes, source, dry_run)))


def _lines(changes: Changes, source: str, zone: tzinfo) -> Iterator[str]:
    for spec in changes.add:
        yield f"+ add {spec.name}  {spec.schedule.describe()}"
    for change in changes.change:
        yield f"~ change {change.spec.name}: {'; '.join(_parts(change, source, zone))}"
    for replacement in changes.replace:
        yield f"~ change {replacement.spec.name}: what is stored of it cannot be read, so it begins anew"
    for removal in changes.remove:
        yield f"- remove {removal.name}"


def _parts(change: Restated, source: str, zone: tzinfo) -> Iterator[str]:
    if change.taken_from:
        before = _BEFORE.get(change.taken_from, f"came from {change.taken_from}, which is gone")
        yield f"{before}; now from {source}"
    for each in change.differences:
        yield f"{each.key} {_value(each.old, zone)} -> {_value(each.new, zone)}"


def _value(value: object, zone: tzinfo) -> str:
    """A value as short as it can be read."""
    if value is None:
        return "none"
    shown = _builtin(value, zone)
    text = shown if isinstance(shown, str) else json_text(shown)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _summary(changes: Changes, source: str, dry_run: bool) -> str:
    if not changes.count:
        return f"nothing to do: {_tasks(changes.unchanged)} as {source} says"
    counts = (len(changes.add), len(changes.change) + len(changes.replace), len(changes.remove))
    words = [f"{count} {word}" for count, word in zip(counts, _TO_DO if dry_run else _DONE, strict=True)]
    return f"{', '.join(words)}, {changes.unchanged} unchanged{'; nothing was done (--dry-run)' if dry_run else ''}"


def _tasks(count: int) -> str:
    return "1 task is" if count == 1 else f"{count} tasks are"


def _as_json(changes: Changes, source: str, dry_run: bool, zone: tzinfo) -> dict[str, Any]:
    return {
        "file": source,
        "dry_run": dry_run,
        "add": [{"name": spec.name, "schedule": spec.schedule.describe()} for spec in changes.add],
        "change": [
            *({"name": each.spec.name, "taken_from": each.taken_from or None, "keys": _keys(each.differences, zone)}
              for each in changes.change),
            *({"name": each.spec.name, "taken_from": None, "keys": None} for each in changes.replace),
        ],
        "remove": [{"name": removal.name} for removal in changes.remove],
        "unchanged": changes.unchanged,
    }  # fmt: skip


def _keys(differences: tuple[Difference, ...], zone: tzinfo) -> dict[str, dict[str, object]]:
    return {each.key: {"old": _builtin(each.old, zone), "new": _builtin(each.new, zone)} for each in differences}


def _builtin(value: object, zone: tzinfo) -> object:
    """A value as JSON takes it, however deep dates lie in it."""
    from msgspec import to_builtins

    return to_builtins(plain(value, zone))


APPLY = Command(
    _run,
    flags=_flags,
    about="Make the tasks of a file those in the store: add what is new, change what differs, remove what it no "
    "longer names. Only tasks that came from that file are removed. All of it is done, or nothing.",
    examples="""
jarvis apply --dry-run
jarvis apply
jarvis apply ~/tasks/backup.toml --json""",
)
