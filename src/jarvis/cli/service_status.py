"""`jarvis service status` and `logs`: how the service is, and what it says."""

from __future__ import annotations

from pathlib import Path

from jarvis.cli.args import add_json, whole
from jarvis.cli.command import Command
from jarvis.cli.output import emit, listing, note, write_bytes
from jarvis.cli.service import add_flags, chosen
from jarvis.errors import JarvisError, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.service.manager import Manager, State

_MOST_LINES = 1_000_000


# -- status -----------------------------------------------------------------------------------------------
def _status_flags(parser: ArgumentParser) -> None:
    add_flags(parser)
    add_json(parser)


def _status(args: Namespace, session: Session) -> int:
    from jarvis.service.machine import Machine

    manager = chosen(args, session, Machine(print))
    found = _found(manager, session)
    if args.json:
        emit(found)
    else:
        listing(_lines(found))
    return 0 if found["running"] else 1


def _found(manager: Manager, session: Session) -> dict[str, Any]:
    """Everything, under the names it has as JSON."""
    from jarvis.service.install import installed_text

    state, text = manager.state(), installed_text(manager.file)
    survives, advice = manager.after_logout()
    found = {
        "manager": manager.name,
        "label": manager.service.label,
        "file": str(manager.file),
        "installed": manager.file.exists(),
        "current": text is not None and manager.is_current(text),
        **{name: getattr(state, name) for name in ("loaded", "running", "pid", "detail", "last_exit", "at_login")},
        "on_store": _is_on_store(state, session),
        "after_logout": survives,
        "log": str(log_of(manager, session) or "stderr alone"),
    }
    return found | {"to_do": [*_to_do(found, session), *([advice] if advice and not survives else [])]}


def _is_on_store(state: State, session: Session) -> bool | None:
    """Whether that process has entered the store of this home; None if it does not run."""
    from jarvis.cli import glance

    path = session.config.database_path
    if not state.running or path is None:
        return None
    try:
        return path.is_file() and state.pid in [each["pid"] for each in glance.daemons(session.database, session.now)]
    except JarvisError:
        return False  # a store that we cannot use is one that it refuses


def _to_do(found: dict[str, Any], session: Session) -> list[str]:
    """What the user should do, the most urgent first."""
    said = []
    if migration := _migration(session):
        said.append(migration)
    if not found["installed"]:
        said.append("`jarvis service install` installs and starts it")
    elif not found["running"] and found["last_exit"] == "exit code 0":
        said.append("it was stopped: `jarvis service restart` starts it")
    elif not found["running"]:
        said.append("`jarvis service logs` shows why it ended; `jarvis service restart` starts it")
    elif found["on_store"] is False:
        said.append("it has not entered the store of this home: `jarvis service logs` says why")
    if found["installed"] and not found["current"]:
        said.append("its file is not what this version writes: `jarvis service install` brings it up to date")
    if found["installed"] and not found["at_login"]:
        said.append("it does not start by itself: `jarvis service install` sees to that")
    return said


def _migration(session: Session) -> str:
    """What is to be said of a move from the old agents that has not ended."""
    file = session.config.data_dir / "migration" / "journal.json"
    if not file.exists():
        return ""
    from jarvis.service.migrate import unfinished

    return unfinished(file)


def _lines(found: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("service", f"{found['label']} under {found['manager']}"),
        ("file", found["file"] + ("" if found["installed"] else " (not there)")),
        ("state", _stands(found)),
        ("last exit", found["last_exit"] or None),
        ("at login", "starts by itself" if found["at_login"] else "does not start"),
        ("after logout", {True: "goes on", False: "ends"}.get(found["after_logout"], "not known")),
        ("log", found["log"]),
        ("to do", found["to_do"] or ["nothing"]),
    ]


def _stands(found: dict[str, Any]) -> str:
    word = "running" if found["running"] else "not running" if found["installed"] else "not installed"
    detail = f" ({found['detail']})" if found["detail"] else ""
    return f"{word}{detail}" + (f", process {found['pid']}" if found["running"] else "")


# -- logs -------------------------------------------------------------------------------------------------
def _logs_flags(parser: ArgumentParser) -> None:
    add_flags(parser)
    lines = whole("--lines", 0, _MOST_LINES)
    parser.add_argument("-n", "--lines", metavar="N", type=lines, default=50, help="how many of the last lines (50)")
    parser.add_argument("-f", "--follow", action="store_true", help="wait for more, until Ctrl-C")


def _logs(args: Namespace, session: Session) -> int:
    from jarvis.service.machine import Machine

    machine = Machine(print)
    manager = chosen(args, session, machine)
    file, words = log_of(manager, session), manager.history(args.lines, args.follow)
    if words:
        if file is not None:
            note(f"from the journal; the daemon's own log is {file}")
        return machine.show(words)
    if file is None:
        raise NotFound("the daemon logs to stderr alone (DAEMON_LOG_FILE), and no journal has it")
    return _show(file, args)


def _show(file: Path, args: Namespace) -> int:
    from jarvis.service.tail import follow, last_lines

    note(f"from {file}")
    if not args.follow:
        try:
            write_bytes(last_lines(file, args.lines))
        except FileNotFoundError as error:
            raise NotFound(f"there is no log {file}: the service has not run yet") from error
        return 0
    for piece in follow(file, args.lines):
        write_bytes(piece)
    return 0


def log_of(manager: Manager, session: Session) -> Path | None:
    """The file that the service logs to; None where it logs to stderr alone."""
    return manager.service.mac_log if manager.name == "launchd" else session.config.log_file


STATUS = Command(
    _status,
    flags=_status_flags,
    about="Show whether the service is installed and runs, how it ended last, and what to do. Exit code 1: no.",
    examples="jarvis service status\njarvis service status --json",
)
LOGS = Command(
    _logs,
    flags=_logs_flags,
    about="Show the end of what the service has said: from its log, or from the journal where systemd keeps one.",
    examples="jarvis service logs\njarvis service logs -n 200\njarvis service logs -f",
)
