"""Tasks as code: from a file of `[tasks.NAME]` tables to the tasks in the store, all of them or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jarvis.errors import FileError
from jarvis.memory import MemoryStore
from jarvis.scheduler.changes import Changes
from jarvis.scheduler.model import TaskSpec
from jarvis.taskfile import Problem, TaskFile
from jarvis.taskspec import SpecError

ReadTable = Callable[[str, dict[str, Any]], TaskSpec]


def read_specs(file: TaskFile, read: ReadTable) -> list[TaskSpec]:
    """What the tables of a file say, each read by `read`. FileError with all that is wrong with all of them."""
    specs: list[TaskSpec] = []
    problems: list[Problem] = []
    for name, table in file.tables.items():
        try:
            specs.append(read(name, table))
        except SpecError as error:
            problems += [Problem(message, name, key) for key, message in error.problems]
    if problems:
        raise file.error(problems)
    return specs


def compare(memory: MemoryStore, file: TaskFile, specs: list[TaskSpec]) -> Changes:
    """What applying would do. FileError where a name is another file's."""
    return _allowed(file, memory.compare_specs(specs, file.source, gone(memory)))


def apply(memory: MemoryStore, file: TaskFile, specs: list[TaskSpec]) -> Changes:
    """Make the file's tasks those of `specs`; what was done. FileError, and nothing done, where a name is another's."""
    from jarvis.scheduler.clock import SystemClock  # noqa: PLC0415

    return _allowed(file, memory.apply_specs(specs, file.source, SystemClock().now(), gone(memory)))


def gone(memory: MemoryStore) -> set[str]:
    """Files that tasks came from and that exist no more: moved or renamed, so that others may take those over."""
    return {source for source in memory.tasks.sources() if not Path(source).exists()}


def _allowed(file: TaskFile, changes: Changes) -> Changes:
    if changes.taken:
        raise file.error(
            Problem(f"a task of that name comes from {other}: rename one of them, or take it out there first", name)
            for name, other in changes.taken.items()
        )
    return changes


__all__ = ["FileError", "ReadTable", "apply", "compare", "gone", "read_specs"]
