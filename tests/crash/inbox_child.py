"""One poll in a process of its own, killed at a point: `python -m tests.crash.inbox_child HOME [FUNCTION WHEN NTH]`."""

from __future__ import annotations

import inspect
import logging
import os
import pkgutil
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jarvis.handlers.webhook_poll import webhook_poll
from jarvis.memory.store import MemoryStore
from jarvis.scheduler.model import Result
from jarvis.scheduler.ports import Context


def poll(home: Path, store: MemoryStore) -> Result:
    now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    context = Context(
        task="webhook_poll",
        params={},
        due_at=now,
        now=now,
        run_id=1,
        occurrence_id="1:x",
        attempt=1,
        remaining=lambda: 60.0,
        cancelled=lambda: False,
        logger=logging.getLogger("test"),
        memory=store,
    )
    return webhook_poll(home / "inbox", wait=lambda seconds: None)(context)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(function: str, when: str, nth: int) -> None:
    """From now on, the nth call of a function is this process's last."""
    owner, _, name = function.rpartition(".")
    real = pkgutil.resolve_name(function)
    calls = 0

    def last(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != nth:
            return real(*args, **more)
        if when == "before":
            die()
        answer = real(*args, **more)
        if inspect.isgenerator(answer):
            return to_its_end(answer)
        return die()

    setattr(pkgutil.resolve_name(owner), name, last)


def to_its_end(steps: Iterator[Any]) -> Iterator[Any]:
    yield from steps
    die()


if __name__ == "__main__":
    store = MemoryStore(f"{sys.argv[1]}/memory.db")
    if sys.argv[2:]:
        die_at(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    poll(Path(sys.argv[1]), store)
