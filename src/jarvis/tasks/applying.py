"""Tasks as code: from the tables of a file to the tasks in the store, all of them or nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from jarvis.scheduler.difference import Changes
from jarvis.scheduler.model import TaskSpec
from jarvis.tasks.file import Problem, TaskFile
from jarvis.tasks.spec import Reading, SpecError, read_spec


class Tasks(Protocol):
    """What is asked of the `tasks` table."""

    def sources(self) -> set[str]:
        """The files that tasks come from."""


class Memory(Protocol):
    """What is asked of the store."""

    @property
    def tasks(self) -> Tasks: ...

    def compare_specs(self, specs: Sequence[TaskSpec], source: str, gone: Collection[str] = ()) -> Changes:
        """What applying would do."""

    def apply_specs(self, specs: Sequence[TaskSpec], source: str, now: datetime, gone: Collection[str] = ()) -> Changes:
        """Do it, and say what was done."""


def read_specs(file: TaskFile, reading: Reading) -> list[TaskSpec]:
    """What the tables of a file state. FileError with all that is wrong with all of them."""
    specs: list[TaskSpec] = []
    problems: list[Problem] = []
    for name, table in file.tables.items():
        try:
            specs.append(read_spec(name, table, reading)[0])
        except SpecError as error:
            problems += [Problem(message, name, key) for key, message in error.problems]
    if problems:
        raise file.error(problems)
    return specs


def compare(memory: Memory, file: TaskFile, specs: Sequence[TaskSpec]) -> Changes:
    """What applying would do. FileError where a name is another file's."""
    return _allowed(file, memory.compare_specs(specs, file.source, _gone(memory)))


def apply(memory: Memory, file: TaskFile, specs: Sequence[TaskSpec], now: datetime) -> Changes:
    """Make the file's tasks those of `specs`; what was done. FileError, and nothing done, where a name is another's."""
    return _allowed(file, memory.apply_specs(specs, file.source, now, _gone(memory)))


def _gone(memory: Memory) -> set[str]:
    """Files that tasks came from and that exist no more: moved or renamed, so that others may take those over."""
    return {source for source in memory.tasks.sources() if not Path(source).exists()}


def _allowed(file: TaskFile, changes: Changes) -> Changes:
    if changes.refused:
        taken = [
            Problem(f"a task of that name comes from {other}: rename one of them, or take it out of there first", name)
            for name, other in changes.taken.items()
        ]
        raise file.error([*taken, *(Problem(why, name, "after") for name, why in changes.unchained.items())])
    return changes
