"""What tasks, runs and the assistant's rows look like as JSON. The keys are promised: they stay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from jarvis.cli.output import iso
from jarvis.scheduler.duration import format_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo
    from typing import Any

    from jarvis.memory.events import WebhookEvent
    from jarvis.scheduler.model import Delivery, Run, RunState, Task


def of_task(task: Task, last_run_at: datetime | None, last_state: RunState | None, zone: tzinfo) -> dict[str, Any]:
    """A task as `task list` shows it."""
    return {
        "name": task.name,
        "schedule": task.schedule.describe(),
        "handler": task.handler,
        "enabled": task.enabled,
        "next_run_at": iso(next_run_at(task), zone),
        "last_run_at": iso(last_run_at, zone),
        "last_state": last_state,
        "problem": None,
        "source": task.source,
    }


def next_run_at(task: Task) -> datetime | None:
    """When the task will be due; None while it is paused and once its schedule has ended."""
    return task.next_run_at if task.enabled else None


def of_policy(task: Task) -> dict[str, Any]:
    """A task's policy, every part spelled out."""
    return of_row(task.policy, UTC)


def of_run(run: Run, zone: tzinfo) -> dict[str, Any]:
    """A run as `runs list` shows it."""
    return {
        "id": run.id,
        "task": run.task,
        "due_at": iso(run.due_at, zone),
        "until": iso(run.until, zone),
        "count": run.count,
        "origin": run.origin,
        "state": run.state,
        "reason": run.reason,
        "attempt": run.attempt,
        "started_at": iso(run.started_at, zone),
        "finished_at": iso(run.finished_at, zone),
    }


def of_delivery(delivery: Delivery, zone: tzinfo) -> dict[str, Any]:
    """A delivery as `delivery list` shows it."""
    return {
        "id": delivery.id,
        "run": delivery.run_id,
        "task": delivery.task or None,
        "channel": delivery.channel,
        "kind": delivery.kind,
        "subject": delivery.subject,
        "state": delivery.state,
        "reason": delivery.reason,
        "attempt": delivery.attempt,
        "created_at": iso(delivery.created_at, zone),
        "available_at": iso(delivery.available_at, zone),
        "expires_at": iso(delivery.expires_at, zone),
        "finished_at": iso(delivery.finished_at, zone),
        "fallback_of": delivery.fallback_of,
        "fallback": delivery.fallback,
        "urgent": delivery.urgent,
        "digest": delivery.digest_id,
    }


def of_event(event: WebhookEvent, zone: tzinfo) -> dict[str, Any]:
    """An event as `inbox list` shows it; files that are none have the same keys."""
    return {
        "id": event.id,
        "state": "stored",
        "source": event.source,
        "event_type": event.event_type,
        "event_id": event.event_id,
        "at": iso(event.received_at, zone),
        "file": event.file_name or None,  # none where it was said by somebody
        "reason": "",
        "status": event.status,
    }


def of_row(row: Any, zone: tzinfo) -> dict[str, Any]:
    """A stored value under its own names."""
    return {name: plain(getattr(row, name), zone) for name in row.__struct_fields__}


def plain(value: object, zone: tzinfo) -> object:
    """A value as JSON takes it."""
    if isinstance(value, datetime):
        return iso(value, zone)
    if isinstance(value, date):
        return value.isoformat()
    return format_duration(value) if isinstance(value, timedelta) else value
