"""`jarvis doctor`: everything looked over, and what to do about what is wrong."""

from __future__ import annotations

from contextlib import closing
from functools import cached_property

from jarvis.cli.args import add_json
from jarvis.cli.command import Command
from jarvis.cli.output import emit, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from jarvis.cli.session import Session
    from jarvis.config import Config
    from jarvis.doctor.case import Case
    from jarvis.doctor.finding import Finding
    from jarvis.memory.checkup import Checkup
    from jarvis.service.machine import Machine
    from jarvis.service.manager import Manager

HEADS = ("SEVERITY", "CHECK", "FOUND")
ANSWER_WITHIN = 20.0  # seconds for each question to a service manager


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("--send", action="store_true", help="really send a test by every channel")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    from jarvis.doctor.finding import WRONG

    found = _examined(args, session)
    if args.json:
        emit([{name: getattr(each, name) for name in ("name", "severity", "found", "todo")} for each in found])
    else:
        _show(found)
    return 1 if any(each.severity in WRONG for each in found) else 0


def _examined(args: Namespace, session: Session) -> list[Finding]:
    from jarvis.config import look_at_config
    from jarvis.doctor.examination import examine
    from jarvis.doctor.finding import error

    config, problems = look_at_config(flags={"home": args.home})
    if config is None:
        todo = "mend it: without a home there is nothing else to look at"
        return [error(problem, todo)._replace(name="configuration") for problem in problems]
    with closing(_Store(config)) as store:
        return list(examine(_case(args, config, problems, session.now, store)))


class _Store:
    """The store, opened to be read when a check first asks for it: what is wrong with that is the check's to tell."""

    def __init__(self, config: Config) -> None:
        self._path = config.database_path

    @cached_property
    def checkup(self) -> Checkup | None:
        """None if there is none."""
        from jarvis.memory.checkup import Checkup
        from jarvis.memory.reader import Reader

        there = self._path is not None and self._path.is_file()
        return Checkup(Reader(str(self._path))) if there else None

    def close(self) -> None:
        """Close it, if it was opened."""
        if found := self.__dict__.get("checkup"):
            found.reader.close()


def _case(args: Namespace, config: Config, problems: Sequence[str], now: datetime, store: _Store) -> Case:
    from jarvis.doctor.case import Case

    return Case(
        config=config,
        problems=problems,
        now=now,
        zone=_zone(config),
        opened=lambda: store.checkup,
        manager=lambda: _manager(config),
        is_loaded=_is_loaded,
        channel=lambda name: _channel(name, config),
        send=(lambda name: _send(name, config, now)) if args.send else None,
        read_tasks=lambda: _read_tasks(config, now),
    )


def _zone(config: Config) -> tzinfo:
    from datetime import UTC

    from jarvis.scheduler.zone import ZoneError

    try:
        return config.zone
    except ZoneError:  # without any zone data; a check says so
        return UTC


def _manager(config: Config) -> Manager:
    from jarvis import installing

    service = installing.service_of(config, config.service_label)
    return installing.manager(installing.manager_name(None), service, _machine())


def _is_loaded(label: str) -> bool:
    from shutil import which

    from jarvis.service.launchd import Agent

    return which("launchctl") is not None and Agent(label, _machine()).state().loaded


def _machine() -> Machine:
    """This machine, of which nothing is changed here."""
    from jarvis.service.machine import Machine

    return Machine(lambda _line: None, ANSWER_WITHIN)


def _channel(name: str, config: Config) -> object:
    from jarvis import app

    app.check_channel(name, config)
    return app.channel(name, config)


def _send(name: str, config: Config, now: datetime) -> None:
    from jarvis.cli.delivery_test import TEXT, send_test

    send_test(name, TEXT, config, now)


def _read_tasks(config: Config, now: datetime) -> int:
    from jarvis import app
    from jarvis.tasks.applying import read_specs
    from jarvis.tasks.file import read_file

    file = read_file(config.file, settings_too=True)
    return len(read_specs(file, app.file_reading(config, config.file, now, app.unhurried_check(config))))


def _show(found: Sequence[Finding]) -> None:
    rows: list[Sequence[object]] = []
    for each in found:
        rows.append((each.severity, each.name, each.found))
        rows += [("", "", f"-> {each.todo}")] if each.todo else []
    table(HEADS, rows, "")
    print(f"\n{_summary(found)}")


def _summary(found: Sequence[Finding]) -> str:
    from jarvis.doctor.finding import WRONG, counted

    numbers = {severity: sum(each.severity == severity for each in found) for severity in reversed(WRONG)}
    said = ", ".join(counted(number, severity) for severity, number in numbers.items() if number)
    return said or "all is well"


DOCTOR = Command(
    _run,
    flags=_flags,
    about="Look over the configuration, the store, the disk, the clock, the daemon and its service, what comes in and "
    "goes out, and the tasks; and say of each thing that is wrong what to do about it. The exit code is 1 if there is "
    "a warning or an error. Nothing is changed, and no secret is shown.",
    examples="jarvis doctor\njarvis doctor --json\njarvis doctor --send",
)
