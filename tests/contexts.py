"""What a handler is given and a channel, under a deadline that a test holds in its hand; who lives."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jarvis.handlers import processtable
from jarvis.scheduler.output import Output
from jarvis.scheduler.ports import Context, Message

MADE_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def lives(pid: int) -> bool:
    """Whether a process of that number goes on; one that only waits to be waited for does not."""
    now = processtable.table().get(pid)
    return now is not None and not now.dead


def seconds_from_now(seconds: float) -> Callable[[], float]:
    until = time.monotonic() + seconds
    return lambda: until - time.monotonic()


def seconds_once(fact: Callable[[], object], seconds: float = 0.0) -> Callable[[], float]:
    """A deadline `seconds` after `fact` was first seen true; a minute is left until then."""
    until: list[float] = []

    def remaining() -> float:
        if not until and fact():
            until.append(time.monotonic() + seconds)
        return until[0] - time.monotonic() if until else 60.0

    return remaining


def a_context(
    *command: str,
    remaining: Callable[[], float] | None = None,
    stopping: Callable[[], bool] = lambda: False,
    owner_mark: str | None = None,
    run_id: int = 7,
    output: Output | None = None,
    **params: Any,
) -> Context:
    left = remaining or seconds_from_now(60)
    return Context(
        task="a task",
        params={"command": list(command)} | params,
        due_at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        now=datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC),
        run_id=run_id,
        occurrence_id="3:2026-03-04T05:06:07+00:00",
        attempt=2,
        remaining=left,
        cancelled=lambda: stopping() or left() <= 0,
        logger=logging.getLogger("test"),
        memory=None,
        output=output or Output(),
        owner_mark=f"test:{os.urandom(8).hex()}" if owner_mark is None else owner_mark,
    )


def a_message(
    subject: str = "backup succeeded",
    body: str = "all is well\n",
    remaining: Callable[[], float] | None = None,
    key: str = "1:2026-03-02T09:00:00+00:00:result:me",
) -> Message:
    return Message(
        key=key,
        channel="me",
        kind="result",
        subject=subject,
        body=body,
        created_at=MADE_AT,
        remaining=remaining or seconds_from_now(60),
        task="backup",
        run_id=7,
        state="succeeded",
        due_at=MADE_AT,
        attempt=2,
    )
