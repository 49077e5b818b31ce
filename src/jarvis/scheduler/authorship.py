"""Who a change of the assistant's memory is by, when a run makes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def author_of(task: str, run_id: int | str) -> str:
    """A run as the history names it."""
    return f"task {task}, run {run_id}"


class RunMemory:
    """The store as one run has it: opened when something of it is first asked for, its changes signed by the run."""

    __slots__ = ("_open", "_run_id", "_signed", "_task")

    def __init__(self, open_store: Callable[[], Any], task: str, run_id: int) -> None:
        """One for each run, so it costs next to nothing until it is used."""
        self._open = open_store
        self._task = task
        self._run_id = run_id
        self._signed: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._signed is None:
            self._signed = self._open().by(author_of(self._task, self._run_id))
        return getattr(self._signed, name)
