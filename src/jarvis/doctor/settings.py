"""The settings, the clock and the time zones."""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from jarvis.doctor.case import Case
from jarvis.doctor.finding import Finding, counted, error, note, ok, span
from jarvis.errors import FileError
from jarvis.scheduler.zone import ZoneError, load_zone
from jarvis.systemzone import system_zone

CLOCK_SLACK = timedelta(minutes=1)  # clocks of two machines on one store, and one that was just set


def configuration(case: Case) -> Iterator[Finding]:
    """Environment and jarvis.toml, its tasks included."""
    for problem in case.problems:
        yield error(problem, "mend it: no daemon starts with it (exit code 78). A default stands for it in this report")
    if case.problems:
        return
    file = case.config.file
    if not file.exists():
        yield ok(f"no {file}: settings are those of the environment, and defaults")
        return
    try:
        tasks = case.read_tasks()
    except FileError as refused:
        for problem in refused.problems:
            yield error(problem, f"mend it: until then the tasks of {file} stay as they were")
        return
    yield ok(f"{file}: {counted(tasks, 'task')}, {counted(len(case.config.channels), 'channel')}")


def clock(case: Case) -> Iterator[Finding]:
    """A clock that is behind what was written down by it."""
    newest = case.store().newest() if case.opened() else None
    if newest is not None and newest - case.now > CLOCK_SLACK:
        yield error(
            f"the clock is {span(newest - case.now)} behind what is in the store: it is {case.moment(case.now)}, and "
            f"{case.moment(newest)} is recorded",
            "set the clock, by network time if possible; if it is right now and was wrong before, what is due in "
            "between waits until then",
        )
    else:
        yield ok(case.moment(case.now))


def zone(case: Case) -> Iterator[Finding]:
    """The zone in use, where it comes from, and the data that it needs."""
    try:
        load_zone(case.config.timezone)
    except ZoneError as wrong:
        data = "" if _has_data() else "there is no time zone data: `pip install tzdata` brings it"
        yield error(str(wrong), data or "set JARVIS_TIMEZONE to a zone that there is")
        return
    source = case.config.sources.get("JARVIS_TIMEZONE", "")
    if source == "default" and system_zone(os.environ)[0] == "default":
        yield note(
            "this machine does not say which zone it is in: UTC is used",
            "set JARVIS_TIMEZONE, or the machine's zone (/etc/localtime)",
        )
    else:
        yield ok(f"{case.config.timezone}, from {source}")
    if find_spec("tzdata") is None:
        yield note(
            "the package tzdata is not there: the system's zone data is used, as old as it may be",
            "`pip install tzdata` where Jarvis is installed",
        )


def _has_data() -> bool:
    return find_spec("tzdata") is not None or any(Path(each).is_dir() for each in zoneinfo.TZPATH)
