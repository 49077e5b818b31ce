"""A task as the store holds it: what a test is about, it says; the rest is as it is for most."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from jarvis.scheduler.model import Policy, Task
from jarvis.scheduler.schedule import Schedule

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def a_task(schedule: Schedule, **stated: Any) -> Task:
    """One that was added at START."""
    usual = Task(
        id=1, name="t", schedule=schedule, handler="noop", params={}, policy=Policy(), origin="user",
        created_at=START, revision=1, enabled=True, paused_at=None, pause_reason=None, next_run_at=None,
    )  # fmt: skip
    return msgspec.structs.replace(usual, **stated)
